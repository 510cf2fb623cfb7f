// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * doctor.c - what this kernel, these privileges and this target allow, line by line, and what to do
 * about each lack.
 */
#include "cmd.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../capture/capture.h"
#include "../capture/discover.h"
#include "../capture/features.h"
#include "../exit.h"
#include "../options.h"
#include "../python/process.h"
#include "../target.h"

enum grade { GOOD, NOTE, BAD };

static void say(enum grade grade, const char *what, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void say(enum grade grade, const char *what, const char *format, ...)
{
	static const char *const marks[] = {"ok  ", "note", "LACK"};
	va_list args;

	printf("%s  %-19s ", marks[grade], what);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

static void doctor_kernel(const struct features *f)
{
	say(GOOD, "kernel", "%s, %u CPUs", f->kernel, f->cpus);
	if (f->btf)
		say(GOOD, "BTF", "/sys/kernel/btf/vmlinux");
	else
		say(BAD, "BTF", "not readable: use a kernel with CONFIG_DEBUG_INFO_BTF=y");
	if (f->tracepoints)
		say(GOOD, "tracepoints", "all that are needed");
	else
		say(BAD, "tracepoints", "%s is missing: use kernel 6.1 or newer",
		    f->missing[0] ? f->missing : "unknown without BTF, each");
	if (f->iterators && f->task_storage)
		say(GOOD, "BPF", "iterators, task storage");
	else
		say(BAD, "BPF", "no %s: use kernel 6.1 or newer",
		    f->iterators ? "task storage" : "iterators");
	if (f->arrival == ARRIVAL_DATA_READY)
		say(GOOD, "arrival stamps", "sk_data_ready: TCP and unix sockets");
	else if (f->arrival == ARRIVAL_READABLE)
		say(GOOD, "arrival stamps", "fentry on sock_def_readable: TCP and unix sockets");
	else if (f->arrival == ARRIVAL_TCP_PROBE)
		say(NOTE, "arrival stamps", "tcp_probe: TCP only; unix sockets have no queue time");
	else
		say(NOTE, "arrival stamps", "none: queue and total stay unknown");
	if (f->lockdown[0])
		say(strcmp(f->lockdown, "confidentiality") ? GOOD : BAD, "lockdown", "%s%s", f->lockdown,
		    strcmp(f->lockdown, "confidentiality") ? "" : ": it forbids BPF to read memory");
}

static void doctor_capability(const char *name, bool have, bool needed, const char *what_for)
{
	if (have)
		say(GOOD, name, "%s", what_for);
	else
		say(needed ? BAD : NOTE, name, "missing: %s; run as root or grant it", what_for);
}

static void doctor_privileges(const struct features *f)
{
	bool admin = f->cap_sys_admin;

	doctor_capability("CAP_BPF", f->cap_bpf || admin, true, "load programs");
	doctor_capability("CAP_PERFMON", f->cap_perfmon || admin, true, "attach them to tracepoints");
	doctor_capability("CAP_SYS_PTRACE", f->cap_sys_ptrace, false,
			  "find the sockets of other users' processes");
	doctor_capability("CAP_DAC_READ_SEARCH", f->cap_dac, false, "read other users' /proc entries");
	if (f->unprivileged_pids)
		say(NOTE, "pid namespace",
		    "not the host's: pids differ from the kernel's; run with the host's (--pid=host)");
}

static int doctor_load(const struct options *o)
{
	struct capture_options c = CAPTURE_DEFAULTS;
	struct capture *capture = NULL;
	char error[512];
	int err;

	c.ring_kib = o->ring_kib ? o->ring_kib : c.ring_kib;
	err = capture_open(&capture, &c, error, sizeof(error));
	if (!err)
		say(GOOD, "trial load", "%u programs loaded, attached and detached",
		    capture_programs(capture));
	else
		say(BAD, "trial load", "%s", error);
	capture_close(capture);
	return exit_of(err);
}

/* Whether a process has the application's routes; a supervisor has none, its workers do. */
static bool doctor_routes(uint32_t pid, unsigned *version, char why[PYTHON_WHY_MAX])
{
	struct py_routes routes = {};
	struct python *python;
	int err = python_open(&python, pid, why);

	if (err)
		return false;
	*version = python_version(python);
	err = python_routes(python, &routes, why);
	if (!err) {
		say(GOOD, "interpreter", "CPython %u.%u, its memory is laid out as expected",
		    *version >> 8, *version & 255);
		say(GOOD, "routes", "%u, exact, from %s%s", routes.routes,
		    routes.fastapi ? "fastapi" : "starlette",
		    routes.uncertain ? "; the application decides some in its own way" : "");
	}
	py_routes_free(&routes);
	python_close(python);
	return !err;
}

static void doctor_insight(uint32_t pid)
{
	char why[PYTHON_WHY_MAX] = "", first[PYTHON_WHY_MAX] = "";
	struct proc_tree tree = {};
	unsigned version = 0;

	if (proc_descendants(pid, &tree))
		return;
	for (uint32_t i = 0; i < tree.n; i++) {
		if (doctor_routes(tree.pids[i], &version, why))
			goto out;
		if (!*first)
			snprintf(first, sizeof(first), "%s", why);
	}
	if (version) {
		say(GOOD, "interpreter", "CPython %u.%u, its memory is laid out as expected",
		    version >> 8, version & 255);
		say(NOTE, "routes", "%s: paths are folded", first);
	} else {
		say(NOTE, "interpreter", "not read: %s", first);
	}
out:
	free(tree.pids);
}

static void doctor_server(const struct server *s)
{
	const char *where = s->addresses[0] ? s->addresses : "listens on nothing: is this the server?";

	if (s->denied && !s->addresses[0])
		where = "its sockets cannot be seen: CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH are missing";
	say(s->addresses[0] ? GOOD : BAD, "target", "pid %u, %s, %s", s->pid, s->name, where);
	doctor_insight(s->pid);
}

/* --unit, --cgroup; why none is there is said on stderr. */
static int doctor_group(const struct options *o)
{
	struct target t;
	int code = target_find(&t, o, -1, NULL, NULL);

	if (code)
		say(BAD, "target", "no process of %s", o->unit ? o->unit : o->cgroup);
	else if (!t.server.pid)
		say(BAD, "target", "%s: none of its processes is a server", t.name);
	else
		doctor_server(&t.server);
	target_free(&t);
	return code;
}

static int doctor_target(const struct options *o)
{
	struct servers *found = calloc(1, sizeof(*found));
	uint32_t n = 0;

	if (!found)
		return EXIT_RUNTIME;
	for (uint32_t i = 0; i < o->n_pids; i++) {
		if (discover_describe(o->pids[i], &found->list[0]))
			say(BAD, "target", "no process with pid %u", o->pids[i]);
		else
			doctor_server(&found->list[0]), n++;
	}
	for (uint32_t i = 0; i < o->n_ports; i++) {
		if (discover_port(o->ports[i], found) || !found->n)
			say(BAD, "target", found->denied ? "who listens on port %u cannot be seen" :
							   "nothing listens on port %u",
			    o->ports[i]);
		for (uint32_t k = 0; k < found->n; k++, n++)
			doctor_server(&found->list[k]);
	}
	if (!o->n_pids && !o->n_ports) {
		if (discover_servers(found) || !found->n)
			say(NOTE, "target", "no Python web server listens here");
		for (uint32_t k = 0; k < found->n; k++)
			doctor_server(&found->list[k]);
		n = 1;
	}
	free(found);
	return n ? EXIT_DONE : EXIT_TARGET;
}

int cmd_doctor(const struct options *o)
{
	struct features f;
	char why[512];
	int code, target;

	features_probe(&f);
	doctor_kernel(&f);
	doctor_privileges(&f);
	code = exit_of(features_check(&f, why, sizeof(why)));
	if (!code)
		code = doctor_load(o);
	target = o->unit || o->cgroup ? doctor_group(o) : doctor_target(o);
	return code ? code : target;
}
