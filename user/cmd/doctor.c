// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * doctor.c - what this kernel, these privileges and this target allow, line by line, and what to do
 * about each lack.
 */
#include "cmd.h"
#include "doctor.h"

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
#include "../target.h"

void doctor_say(enum doctor_grade grade, const char *what, const char *format, ...)
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
	doctor_say(GOOD, "kernel", "%s, %u CPUs", f->kernel, f->cpus);
	if (f->btf)
		doctor_say(GOOD, "BTF", "/sys/kernel/btf/vmlinux");
	else
		doctor_say(BAD, "BTF", "not readable: use a kernel with CONFIG_DEBUG_INFO_BTF=y");
	if (f->tracepoints)
		doctor_say(GOOD, "tracepoints", "all that are needed");
	else
		doctor_say(BAD, "tracepoints", "%s is missing: use kernel 6.1 or newer",
			   f->missing[0] ? f->missing : "unknown without BTF, each");
	if (f->iterators && f->task_storage)
		doctor_say(GOOD, "BPF", "iterators, task storage");
	else
		doctor_say(BAD, "BPF", "no %s: use kernel 6.1 or newer",
			   f->iterators ? "task storage" : "iterators");
	if (f->arrival == ARRIVAL_DATA_READY)
		doctor_say(GOOD, "arrival stamps", "sk_data_ready: TCP and unix sockets");
	else if (f->arrival == ARRIVAL_READABLE)
		doctor_say(GOOD, "arrival stamps",
			   "fentry on sock_def_readable: TCP and unix sockets");
	else if (f->arrival == ARRIVAL_TCP_PROBE)
		doctor_say(NOTE, "arrival stamps",
			   "tcp_probe: TCP only; unix sockets have no queue time");
	else
		doctor_say(NOTE, "arrival stamps", "none: queue and total stay unknown");
	if (f->lockdown[0])
		doctor_say(strcmp(f->lockdown, "confidentiality") ? GOOD : BAD, "lockdown", "%s%s",
			   f->lockdown,
			   strcmp(f->lockdown, "confidentiality")
				   ? ""
				   : ": it forbids BPF to read memory");
}

static void doctor_capability(const char *name, bool have, bool needed, const char *what_for)
{
	if (have)
		doctor_say(GOOD, name, "%s", what_for);
	else
		doctor_say(needed ? BAD : NOTE, name, "missing: %s; run as root or grant it",
			   what_for);
}

static void doctor_privileges(const struct features *f)
{
	bool admin = f->cap_sys_admin;

	doctor_capability("CAP_BPF", f->cap_bpf || admin, true, "load programs");
	doctor_capability("CAP_PERFMON", f->cap_perfmon || admin, true,
			  "attach them to tracepoints");
	doctor_capability("CAP_SYS_PTRACE", f->cap_sys_ptrace, false,
			  "see the sockets of other users' processes; read interpreters");
	doctor_capability("CAP_DAC_READ_SEARCH", f->cap_dac, false,
			  "read other users' /proc entries");
	if (f->unprivileged_pids)
		doctor_say(NOTE, "pid namespace",
			   "not the host's: pids differ from the kernel's; run with the host's "
			   "(--pid=host)");
}

/* It stays attached, to nothing, until all is said. */
static int doctor_load(const struct options *o, struct capture **capture)
{
	struct capture_options c = CAPTURE_DEFAULTS;
	char error[512];
	int err;

	c.insight = true;
	c.ring_kib = o->ring_kib ? o->ring_kib : c.ring_kib;
	err = capture_open(capture, &c, error, sizeof(error));
	if (!err)
		doctor_say(GOOD, "trial load", "%u programs loaded, attached and detached",
			   capture_programs(*capture));
	else
		doctor_say(BAD, "trial load", "%s", error);
	if (err) {
		capture_close(*capture);
		*capture = NULL;
	}
	return exit_of(err);
}

static void doctor_server(const struct server *s, struct capture *capture)
{
	const char *where =
		s->addresses[0] ? s->addresses : "listens on nothing: is this the server?";

	if (s->denied && !s->addresses[0])
		where = "its sockets cannot be seen: CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH are "
			"missing";
	doctor_say(s->addresses[0] ? GOOD : BAD, "target", "pid %u, %s, %s", s->pid, s->name,
		   where);
	doctor_insight(s->pid, capture);
}

/* --unit, --cgroup; why none is there is said on stderr. */
static int doctor_group(const struct options *o, struct capture *capture)
{
	struct target t;
	int code = target_find(&t, o, -1, NULL, NULL);

	if (code)
		doctor_say(BAD, "target", "no process of %s", o->unit ? o->unit : o->cgroup);
	else if (!t.server.pid)
		doctor_say(BAD, "target", "%s: none of its processes is a server", t.name);
	else
		doctor_server(&t.server, capture);
	target_free(&t);
	return code;
}

static int doctor_target(const struct options *o, struct capture *capture)
{
	struct servers *found = calloc(1, sizeof(*found));
	uint32_t n = 0;

	if (!found)
		return EXIT_RUNTIME;
	for (uint32_t i = 0; i < o->n_pids; i++) {
		if (discover_describe(o->pids[i], &found->list[0]))
			doctor_say(BAD, "target", "no process with pid %u", o->pids[i]);
		else
			doctor_server(&found->list[0], capture), n++;
	}
	for (uint32_t i = 0; i < o->n_ports; i++) {
		if (discover_port(o->ports[i], found) || !found->n)
			doctor_say(BAD, "target",
				   found->denied ? "who listens on port %u cannot be seen"
						 : "nothing listens on port %u",
				   o->ports[i]);
		for (uint32_t k = 0; k < found->n; k++, n++)
			doctor_server(&found->list[k], capture);
	}
	if (!o->n_pids && !o->n_ports) {
		if (discover_servers(found) || !found->n)
			doctor_say(NOTE, "target", "no Python web server listens here");
		for (uint32_t k = 0; k < found->n; k++)
			doctor_server(&found->list[k], capture);
		n = 1;
	}
	free(found);
	return n ? EXIT_DONE : EXIT_TARGET;
}

int cmd_doctor(const struct options *o)
{
	struct capture *capture = NULL;
	struct features f;
	char why[512];
	int code, target;

	features_probe(&f);
	doctor_kernel(&f);
	doctor_privileges(&f);
	code = exit_of(features_check(&f, why, sizeof(why)));
	if (!code)
		code = doctor_load(o, &capture);
	target = o->unit || o->cgroup ? doctor_group(o, capture) : doctor_target(o, capture);
	capture_close(capture);
	return code ? code : target;
}
