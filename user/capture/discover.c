// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "discover.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "features.h"

static const char *const kinds[] = {"uvicorn", "gunicorn", "hypercorn", "daphne", "granian"};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* "uvicorn", "uvicorn3", "gunicorn:" (setproctitle writes "gunicorn: master [app]"). */
static const char *kind_of_word(const char *word)
{
	const char *base = base_name(word);

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		size_t n = strlen(kinds[i]);

		if (!strncmp(base, kinds[i], n) && (!base[n] || base[n] == ':' || base[n] == '3'))
			return kinds[i];
	}
	return NULL;
}

static const char *next_word(const char *word, const char *end)
{
	word += strlen(word) + 1;
	return word < end ? word : NULL;
}

static bool is_python(const char *word)
{
	return !strncmp(base_name(word), "python", 6) || !strncmp(base_name(word), "pypy", 4);
}

/*
 * Either the command itself ("gunicorn: master [app]"), or what an interpreter runs: its script or the
 * module behind -m. Workers forked by multiprocessing carry no such name; they are found as children.
 */
const char *discover_kind(const char *comm, const char *args, size_t args_len)
{
	const char *end = args + args_len, *word = args_len ? args : NULL;
	const char *kind;

	if (!word)
		return kind_of_word(comm);
	kind = kind_of_word(word);
	if (kind || !is_python(word))
		return kind;
	while ((word = next_word(word, end))) {
		if (!strcmp(word, "-m"))
			return (word = next_word(word, end)) ? kind_of_word(word) : NULL;
		if (!strcmp(word, "-c"))
			return NULL;
		if (word[0] != '-') /* -W and -X take a value, but none is called like a server */
			return kind_of_word(word);
	}
	return NULL;
}

/* "shop.web:app", "shop:make()"; not an address, nor what --header and its like are given. */
static bool is_application(const char *before, const char *word)
{
	size_t n = strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.");

	return n && !isdigit((unsigned char)*word) && word[n] == ':' &&
	       (isalpha((unsigned char)word[n + 1]) || word[n + 1] == '_') && !strpbrk(word, "/ \t") &&
	       strcmp(before, "--header");
}

/* The command without the interpreter and the options: "uvicorn app:app". */
static void describe_command(struct server *s, const struct proc_info *info)
{
	const char *end = info->args + info->args_len, *word = info->args_len ? info->args : NULL, *before;
	size_t used;

	if (s->kind && word && !strchr(word, ' ')) {
		while (word && kind_of_word(word) != s->kind)
			word = next_word(word, end);
		used = snprintf(s->name, sizeof(s->name), "%s", s->kind);
		for (before = word; before && (word = next_word(before, end)); before = word)
			if (is_application(before, word)) {
				snprintf(s->name + used, sizeof(s->name) - used, " %s", word);
				break;
			}
	} else {
		snprintf(s->name, sizeof(s->name), "%.95s", word ? base_name(word) : info->comm);
	}
}

/* "python3.11" or ".../libpython3.11.so.1.0" among its mapped files. */
static void find_python(uint32_t pid, char *out, size_t size)
{
	char path[64], line[512];
	unsigned major, minor;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	maps = fopen(path, "re");
	while (maps && !out[0] && fgets(line, sizeof(line), maps)) {
		const char *file = strrchr(line, '/');

		if (file && (sscanf(file, "/python%u.%u", &major, &minor) == 2 ||
			     sscanf(file, "/libpython%u.%u", &major, &minor) == 2))
			snprintf(out, size, "%u.%u", major, minor);
	}
	if (maps)
		fclose(maps);
}

static void add_listeners(struct server *s, const struct proc_listeners *l)
{
	for (uint32_t i = 0; i < l->n; i++) {
		size_t used = strlen(s->addresses);
		bool known = false;

		for (uint32_t k = 0; k < s->n_ports; k++)
			known |= l->list[i].port && s->ports[k] == l->list[i].port;
		if (!known && l->list[i].port && s->n_ports < 8)
			s->ports[s->n_ports++] = l->list[i].port;
		if (!strstr(s->addresses, l->list[i].address))
			snprintf(s->addresses + used, sizeof(s->addresses) - used, "%s%s",
				 used ? "," : "", l->list[i].address);
	}
}

int discover_describe(uint32_t pid, struct server *out)
{
	struct proc_tree tree;
	struct proc_info info;
	int err = proc_read(pid, &info);

	*out = (struct server){.pid = pid};
	if (err)
		return err;
	out->kind = discover_kind(info.comm, info.args, info.args_len);
	describe_command(out, &info);
	find_python(pid, out->python, sizeof(out->python));
	err = proc_descendants(pid, &tree);
	for (uint32_t i = 0; !err && i < tree.n; i++) {
		struct proc_listeners l;

		if (!proc_listening(tree.pids[i], &l))
			add_listeners(out, &l);
		else
			out->denied |= proc_alive(tree.pids[i]);
		free(l.list);
	}
	free(tree.pids);
	return err;
}

/* Climbs as long as the parent satisfies the same condition. */
static uint32_t topmost(uint32_t pid, bool (*is)(uint32_t pid, void *ctx), void *ctx)
{
	struct proc_info info;

	while (!proc_read(pid, &info) && info.ppid > 1 && is(info.ppid, ctx))
		pid = info.ppid;
	return pid;
}

static bool is_server(uint32_t pid, void *ctx)
{
	struct proc_info info;

	(void)ctx;
	return !proc_read(pid, &info) && discover_kind(info.comm, info.args, info.args_len);
}

static bool holds_port(uint32_t pid, void *ctx)
{
	const uint16_t *port = ctx;
	struct proc_listeners l;
	bool found = false;

	if (proc_listening(pid, &l))
		return false;
	for (uint32_t i = 0; i < l.n; i++)
		found |= l.list[i].port == *port;
	free(l.list);
	return found;
}

static bool server_or_holder(uint32_t pid, void *ctx)
{
	return is_server(pid, NULL) || holds_port(pid, ctx);
}

static int add_server(struct servers *out, uint32_t pid)
{
	for (uint32_t i = 0; i < out->n; i++)
		if (out->list[i].pid == pid)
			return 0;
	if (out->n < DISCOVER_MAX && !discover_describe(pid, &out->list[out->n]))
		out->n++;
	return 0;
}

static int visit_server(void *ctx, uint32_t pid)
{
	struct servers *out = ctx;
	uint32_t before = out->n;

	if (pid == (uint32_t)getpid() || !is_server(pid, NULL))
		return 0;
	add_server(out, topmost(pid, is_server, NULL));
	if (out->n > before && !out->list[before].addresses[0]) {
		out->denied |= out->list[before].denied;
		out->n = before; /* it does not listen: a client, a build, a shell's search */
	}
	return 0;
}

/* A process may be guarded by more than privileges (a security module): then it is not them that are
   missing. */
static int nothing_found(const struct servers *out)
{
	return out->denied && !features_see_processes() ? -EACCES : 0;
}

int discover_servers(struct servers *out)
{
	int err;

	out->n = 0;
	out->denied = false;
	err = proc_each(visit_server, out);
	return !err && !out->n ? nothing_found(out) : err;
}

struct port_search {
	struct servers *out;
	uint16_t port;
};

static bool sockets_hidden(uint32_t pid)
{
	struct proc_listeners l;
	int err = proc_listening(pid, &l);

	free(l.list);
	return err == -EACCES || err == -EPERM;
}

static int visit_port(void *ctx, uint32_t pid)
{
	struct port_search *s = ctx;

	if (pid == (uint32_t)getpid())
		return 0;
	if (!holds_port(pid, &s->port)) {
		s->out->denied |= sockets_hidden(pid);
		return 0;
	}
	return add_server(s->out, topmost(pid, server_or_holder, &s->port));
}

int discover_port(uint16_t port, struct servers *out)
{
	struct port_search s = {out, port};
	int err;

	out->n = 0;
	out->denied = false;
	err = proc_each(visit_port, &s);
	return !err && !out->n ? nothing_found(out) : err;
}
