// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "target.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exit.h"

#define WAIT_MS 50 /* how often --wait looks */

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

static int find_once(struct target *t, const struct options *o)
{
	int code = 0;

	t->n_roots = 0;
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
	else if (o->n_ports)
		snprintf(t->name, sizeof(t->name), "port %u", o->ports[0]);
	else if (o->n_pids)
		snprintf(t->name, sizeof(t->name), "pid %u", o->pids[0]);
}

static int nothing(const struct options *o, int code)
{
	if (code != EXIT_TARGET || o->n_pids)
		return code;
	if (o->n_ports)
		fprintf(stderr, "reqscope: nothing listens on port %u (--wait waits for it)\n",
			o->ports[0]);
	else
		fprintf(stderr, "reqscope: no Python web server (uvicorn, gunicorn, hypercorn, daphne, "
				"granian) listens on this host; name one with -p PID or --port N\n");
	return code;
}

int target_find(struct target *t, const struct options *o, int signal_fd)
{
	struct pollfd signals = {signal_fd, POLLIN, 0};
	int code;

	*t = (struct target){.followed = o->ports, .n_followed = o->n_ports};
	while ((code = find_once(t, o)) == EXIT_TARGET && o->wait && !o->n_pids)
		if (poll(&signals, 1, WAIT_MS))
			break; /* interrupted */
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

static struct process *find(const struct target *t, uint32_t pid)
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
	struct process *p = find(t, pid);
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

void target_gone(struct target *t, uint32_t pid)
{
	struct process *p = find(t, pid);

	if (p)
		p->alive = p->listens = false;
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
			target_gone(t, t->processes[i].pid);
}
