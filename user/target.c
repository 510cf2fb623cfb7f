// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "target.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "exit.h"

#define WAIT_MS	    50	/* how often --wait looks */
#define WAIT_UNIT_MS 200 /* the same for a control group */
#define LOOK_AGAIN  5	/* for a group that has gone, every so many looks */

static void print_server(const struct server *s)
{
	fprintf(stderr, "  -p %-8u %-32s %s\n", s->pid, s->name, s->addresses);
}

static int several(const char *what, const struct servers *found)
{
	fprintf(stderr, "reqscope: %u %s; choose one with -p PID or --port N:\n", found->n, what);
	for (uint32_t i = 0; i < found->n; i++)
		print_server(&found->list[i]);
	return EXIT_USAGE;
}

static void take_server(struct target *t, const struct server *s)
{
	if (!t->n_roots)
		t->server = *s;
	if (t->n_roots < OPTIONS_MAX_PIDS)
		t->roots[t->n_roots++] = s->pid;
}

static int find_pids(struct target *t, const struct options *o)
{
	for (uint32_t i = 0; i < o->n_pids; i++) {
		struct server s;

		if (discover_describe(o->pids[i], &s)) {
			fprintf(stderr, "reqscope: no process with pid %u\n", o->pids[i]);
			return EXIT_TARGET;
		}
		if (!s.kind && !s.addresses[0]) {
			fprintf(stderr,
				"reqscope: pid %u (%s) is no server: neither it nor a descendant listens on a "
				"socket\n",
				o->pids[i], s.name);
			return EXIT_TARGET;
		}
		take_server(t, &s);
	}
	return 0;
}

/* That nothing was found means nothing as long as some processes do not show their sockets. */
static int hidden(void)
{
	fprintf(stderr, "reqscope: cannot see which sockets other users' processes hold: missing privilege "
			"CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH; run it as root, or name the server with "
			"-p PID\n");
	return EXIT_PRIVILEGE;
}

static int find_ports(struct target *t, const struct options *o)
{
	struct servers *found = calloc(1, sizeof(*found));
	bool none = true, denied = false;

	if (!found)
		return EXIT_RUNTIME;
	for (uint32_t i = 0; i < o->n_ports; i++) {
		int err = discover_port(o->ports[i], found);

		denied |= err == -EACCES;
		if (err)
			continue;
		for (uint32_t k = 0; k < found->n; k++)
			take_server(t, &found->list[k]);
		none &= !found->n;
	}
	free(found);
	if (!none || t->n_roots)
		return 0;
	return denied ? hidden() : EXIT_TARGET;
}

static int find_any(struct target *t)
{
	struct servers *found = calloc(1, sizeof(*found));
	int code = 0, err;

	if (!found)
		return EXIT_RUNTIME;
	err = discover_servers(found);
	if (err || !found->n) {
		code = err == -EACCES ? hidden() : EXIT_TARGET;
	} else if (found->n > 1) {
		code = several("Python web servers listen on this host", found);
	} else {
		take_server(t, &found->list[0]);
	}
	free(found);
	return code;
}

/* --- a control group */

static const char *group_name(const struct options *o)
{
	return o->unit ? o->unit : o->cgroup;
}

static int group_error(const struct options *o, int err, const char *others)
{
	const char *kind = o->unit ? "--unit" : "--cgroup", *name = group_name(o);

	if (err == -EINVAL && o->unit)
		fprintf(stderr, "reqscope: --unit wants the name of a unit, such as shop or shop.service, got "
				"\"%.60s\"; for a path use --cgroup\n", name);
	else if (err == -EINVAL)
		fprintf(stderr, "reqscope: --cgroup %.200s is no control group; it wants a path as in "
				"/proc/PID/cgroup\n", name);
	else if (err == -ENOTUNIQ)
		fprintf(stderr, "reqscope: several control groups are called %.100s; choose one with --cgroup "
				"PATH:\n%s", name, others);
	else
		fprintf(stderr, "reqscope: %s %.200s: %s\n", kind, name,
			err == -ENOSYS ? "no control groups are mounted here" : strerror(-err));
	return err == -EINVAL || err == -ENOTUNIQ ? EXIT_USAGE : exit_of(err);
}

static int find_group(struct target *t, char *others, size_t size)
{
	const struct options *o = t->options;

	return o->unit ? cgroup_find_unit(o->unit, t->group, others, size)
		       : cgroup_find_path(o->cgroup, t->group);
}

static bool is_among(const uint32_t *pids, uint32_t n, uint32_t pid)
{
	for (uint32_t i = 0; i < n; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

/* Those whose parent is no member: the others are found as descendants. What is said of the target is of
   the first that is a server. */
static void take_members(struct target *t, const uint32_t *pids, uint32_t n)
{
	bool named = false;

	for (uint32_t i = 0; i < n && t->n_roots < OPTIONS_MAX_PIDS; i++) {
		struct proc_info info;
		struct server s;

		if (pids[i] == (uint32_t)getpid() || proc_read(pids[i], &info) ||
		    is_among(pids, n, info.ppid))
			continue;
		t->roots[t->n_roots++] = pids[i];
		if (named || discover_describe(pids[i], &s) || (!s.kind && !s.addresses[0]))
			continue;
		named = s.kind;
		t->server = s;
	}
}

static uint32_t read_members(const struct target *t, uint32_t pids[TARGET_MAX_PROCESSES], int *err)
{
	uint32_t n = 0;

	*err = cgroup_members(t->group, pids, TARGET_MAX_PROCESSES, &n);
	return n < TARGET_MAX_PROCESSES ? n : TARGET_MAX_PROCESSES;
}

static int find_in_group(struct target *t, const struct options *o)
{
	uint32_t *pids = calloc(TARGET_MAX_PROCESSES, sizeof(*pids));
	char others[1024] = "";
	int err = pids ? find_group(t, others, sizeof(others)) : -ENOMEM;

	if (!err)
		take_members(t, pids, read_members(t, pids, &err));
	free(pids);
	if (err && err != -ENOENT)
		return group_error(o, err, others);
	return t->n_roots ? 0 : EXIT_TARGET;
}

static int find_once(struct target *t, const struct options *o)
{
	int code = 0;

	t->n_roots = 0;
	if (o->unit || o->cgroup)
		return find_in_group(t, o);
	if (!o->n_pids && !o->n_ports)
		return find_any(t);
	if (o->n_pids)
		code = find_pids(t, o);
	if (!code && o->n_ports)
		code = find_ports(t, o);
	return code;
}

static void name_target(struct target *t, const struct options *o)
{
	if (t->n_roots && t->server.name[0])
		snprintf(t->name, sizeof(t->name), "%s", t->server.name);
	else if (o->unit || o->cgroup)
		snprintf(t->name, sizeof(t->name), "%s %.120s", o->unit ? "unit" : "cgroup", group_name(o));
	else if (o->n_ports)
		snprintf(t->name, sizeof(t->name), "port %u", o->ports[0]);
	else if (o->n_pids)
		snprintf(t->name, sizeof(t->name), "pid %u", o->pids[0]);
}

static int nothing(const struct options *o, int code)
{
	const char *hint = o->wait ? "" : " (--wait waits for it)";

	if (code != EXIT_TARGET || o->n_pids)
		return code;
	if (o->n_ports)
		fprintf(stderr, "reqscope: nothing listens on port %u%s\n", o->ports[0], hint);
	else if (o->unit || o->cgroup)
		fprintf(stderr, "reqscope: %s %.200s%s%s\n",
			o->unit ? "no control group of a unit is called" : "there is no process in control group",
			group_name(o), o->unit ? ", or no process is in it" : ", or no such group", hint);
	else
		fprintf(stderr, "reqscope: no Python web server (uvicorn, gunicorn, hypercorn, daphne, "
				"granian) listens on this host; name one with -p PID or --port N\n");
	return code;
}

int target_find(struct target *t, const struct options *o, int signal_fd, bool (*interrupted)(void *ctx),
		void *ctx)
{
	struct pollfd signals = {signal_fd, POLLIN, 0};
	int code;

	*t = (struct target){.options = o};
	while ((code = find_once(t, o)) == EXIT_TARGET && o->wait && !o->n_pids)
		if (poll(&signals, 1, o->unit || o->cgroup ? WAIT_UNIT_MS : WAIT_MS) && interrupted(ctx))
			break;
	name_target(t, o);
	if (code)
		return nothing(o, code);
	for (uint32_t i = 0; i < t->n_roots; i++) {
		struct proc_tree tree;

		if (proc_descendants(t->roots[i], &tree))
			continue;
		for (uint32_t k = 0; k < tree.n; k++)
			target_add(t, tree.pids[k]);
		free(tree.pids);
	}
	return 0;
}

void target_free(struct target *t)
{
	free(t->processes);
	t->processes = NULL;
}

struct process *target_process(const struct target *t, uint32_t pid)
{
	for (uint32_t i = t->n_processes; i-- > 0;)
		if (t->processes[i].pid == pid)
			return &t->processes[i];
	return NULL;
}

/* Room for one more: the oldest that is dead makes place at the bound. */
static struct process *new_process(struct target *t)
{
	if (!t->processes)
		t->processes = calloc(TARGET_MAX_PROCESSES, sizeof(*t->processes));
	if (!t->processes)
		return NULL;
	if (t->n_processes < TARGET_MAX_PROCESSES)
		return &t->processes[t->n_processes++];
	for (uint32_t i = 0; i < t->n_processes; i++) {
		if (t->processes[i].alive)
			continue;
		memmove(&t->processes[i], &t->processes[i + 1],
			(t->n_processes - i - 1) * sizeof(*t->processes));
		return &t->processes[t->n_processes - 1];
	}
	return NULL;
}

struct process *target_add(struct target *t, uint32_t pid)
{
	struct process *p = target_process(t, pid);
	struct proc_info info;

	if (!p || !p->alive)
		p = new_process(t);
	if (!p)
		return NULL;
	*p = (struct process){.pid = pid, .alive = true};
	if (!proc_read(pid, &info)) {
		p->ppid = info.ppid;
		p->since = proc_start_wall(&info);
	}
	return p;
}

static uint64_t wall_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

void target_gone(struct target *t, uint32_t pid, uint64_t until)
{
	struct process *p = target_process(t, pid);

	if (!p || !p->alive)
		return;
	p->alive = p->listens = false;
	p->until = until ? until : wall_now();
}

bool target_alive(const struct target *t)
{
	for (uint32_t i = 0; i < t->n_processes; i++)
		if (t->processes[i].alive)
			return true;
	return false;
}

void target_refresh(struct target *t)
{
	for (uint32_t i = 0; i < t->n_processes; i++)
		if (t->processes[i].alive && !proc_alive(t->processes[i].pid))
			target_gone(t, t->processes[i].pid, 0);
}

bool target_follows(const struct target *t)
{
	return t->options->n_ports || t->options->unit || t->options->cgroup;
}

/* A group of the same name elsewhere is looked for less often: that is a search. */
static void find_again(struct target *t)
{
	char was[CGROUP_PATH_MAX];

	memcpy(was, t->group, sizeof(was));
	if (t->looks++ % LOOK_AGAIN == 0 && find_group(t, NULL, 0))
		memcpy(t->group, was, sizeof(was));
}

void target_look(struct target *t, void (*joined)(void *ctx, uint32_t pid), void *ctx)
{
	uint32_t pids[TARGET_MAX_PROCESSES], n;
	int err;

	if (!t->options->unit && !t->options->cgroup)
		return;
	n = read_members(t, pids, &err);
	if (err) {
		find_again(t);
		return;
	}
	t->looks = 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct process *p = target_process(t, pids[i]);

		if ((!p || !p->alive) && pids[i] != (uint32_t)getpid() && proc_alive(pids[i]))
			joined(ctx, pids[i]);
	}
}

static bool is_followed(const struct target *t, uint16_t port)
{
	for (uint32_t i = 0; i < t->options->n_ports; i++)
		if (t->options->ports[i] == port)
			return true;
	return false;
}

static bool is_part_of_server(const struct target *t, uint32_t pid)
{
	struct proc_listeners l;
	struct proc_info info;
	bool found;

	if (proc_read(pid, &info))
		return false;
	found = discover_kind(info.comm, info.args, info.args_len);
	if (found || proc_listening(pid, &l))
		return found;
	for (uint32_t i = 0; i < l.n; i++)
		found |= is_followed(t, l.list[i].port);
	free(l.list);
	return found;
}

void target_join(struct target *t, uint32_t pid, void (*joined)(void *ctx, uint32_t pid), void *ctx)
{
	uint32_t top = pid;
	struct proc_tree tree;
	struct proc_info info;

	joined(ctx, pid); /* at once: what follows takes a moment */
	while (!proc_read(top, &info) && info.ppid > 1 && is_part_of_server(t, info.ppid))
		top = info.ppid;
	if (proc_descendants(top, &tree))
		return;
	for (uint32_t i = 0; i < tree.n; i++) {
		const struct process *p = target_process(t, tree.pids[i]);

		if (!p || !p->alive)
			joined(ctx, tree.pids[i]);
	}
	free(tree.pids);
}

bool target_serves(const struct target *t, const struct process *p)
{
	if (!p->alive || !p->listens)
		return false;
	for (uint32_t i = 0; i < t->n_processes; i++)
		if (t->processes[i].listens && t->processes[i].ppid == p->pid)
			return false;
	return true;
}
