// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "features.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define CAP_DAC_READ_SEARCH 2
#define CAP_SYS_PTRACE	    19
#define CAP_SYS_ADMIN	    21
#define CAP_PERFMON	    38
#define CAP_BPF		    39

const char *const arrival_hook_names[] = {
	[ARRIVAL_DATA_READY] = "sk_data_ready",
	[ARRIVAL_READABLE] = "sock_def_readable",
	[ARRIVAL_TCP_PROBE] = "tcp_probe",
	[ARRIVAL_NONE] = "none",
};

/* A raw tracepoint with types is there when the kernel's BTF has its typedef. */
static bool has_tracepoint(const struct btf *btf, const char *name)
{
	char type[96];

	snprintf(type, sizeof(type), "btf_trace_%s", name);
	return btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF) > 0;
}

static void probe_tracepoints(struct features *f, const struct btf *btf)
{
	static const char *const required[] = {
		"sys_enter",	     "sys_exit",	  "inet_sock_set_state", "tcp_destroy_sock",
		"tcp_receive_reset", "sched_process_fork", "sched_process_exec",	 "sched_process_exit",
	};

	f->tracepoints = true;
	for (size_t i = 0; i < sizeof(required) / sizeof(*required) && f->tracepoints; i++) {
		f->tracepoints = has_tracepoint(btf, required[i]);
		if (!f->tracepoints)
			snprintf(f->missing, sizeof(f->missing), "%s", required[i]);
	}
}

/* fentry needs a function that ftrace can patch; a lockdown or a kernel without it refuses at load. */
static bool fentry_possible(const struct btf *btf)
{
	return btf__find_by_name_kind(btf, "sock_def_readable", BTF_KIND_FUNC) > 0 &&
	       libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_TRACING, NULL) == 1;
}

static void probe_btf(struct features *f)
{
	struct btf *btf = btf__load_vmlinux_btf();

	f->arrival = ARRIVAL_NONE;
	if (libbpf_get_error(btf))
		return;
	f->btf = true;
	probe_tracepoints(f, btf);
	if (has_tracepoint(btf, "sk_data_ready"))
		f->arrival = ARRIVAL_DATA_READY;
	else if (fentry_possible(btf))
		f->arrival = ARRIVAL_READABLE;
	else if (has_tracepoint(btf, "tcp_probe"))
		f->arrival = ARRIVAL_TCP_PROBE;
	f->task_storage = btf__find_by_name_kind(btf, "bpf_local_storage", BTF_KIND_STRUCT) > 0 &&
			  btf__find_by_name_kind(btf, "task_storage_ops", BTF_KIND_VAR) != 0;
	f->iterators = btf__find_by_name_kind(btf, "bpf_iter__task_file", BTF_KIND_STRUCT) > 0 &&
		       btf__find_by_name_kind(btf, "bpf_iter__bpf_map_elem", BTF_KIND_STRUCT) > 0;
	btf__free(btf);
}

static void probe_capabilities(struct features *f)
{
	unsigned long long caps = 0;
	char line[256];
	FILE *status = fopen("/proc/self/status", "re");

	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "CapEff: %llx", &caps) == 1)
			break;
	if (status)
		fclose(status);
	f->cap_bpf = caps >> CAP_BPF & 1;
	f->cap_perfmon = caps >> CAP_PERFMON & 1;
	f->cap_sys_admin = caps >> CAP_SYS_ADMIN & 1;
	f->cap_sys_ptrace = caps >> CAP_SYS_PTRACE & 1;
	f->cap_dac = caps >> CAP_DAC_READ_SEARCH & 1;
}

/* The chosen mode stands in brackets: "none [integrity] confidentiality". */
static void probe_lockdown(struct features *f)
{
	char line[64] = "", *from, *to;
	FILE *file = fopen("/sys/kernel/security/lockdown", "re");

	if (!file)
		return;
	if (fgets(line, sizeof(line), file) && (from = strchr(line, '[')) &&
	    (to = strchr(from, ']'))) {
		*to = 0;
		snprintf(f->lockdown, sizeof(f->lockdown), "%s", from + 1);
	}
	fclose(file);
}

/* The programs see the pids of the initial namespace (PROC_PID_INIT_INO). */
static bool outside_initial_pidns(void)
{
	struct stat st;

	return !stat("/proc/self/ns/pid", &st) && st.st_ino != 0xEFFFFFFC;
}

void features_probe(struct features *f)
{
	struct utsname u;

	*f = (struct features){.cpus = sysconf(_SC_NPROCESSORS_ONLN)};
	if (!uname(&u))
		snprintf(f->kernel, sizeof(f->kernel), "%s", u.release);
	probe_capabilities(f);
	probe_lockdown(f);
	probe_btf(f);
	f->unprivileged_pids = outside_initial_pidns();
}

static int check_privileges(const struct features *f, char *why, size_t size)
{
	const char *missing = NULL;

	if (f->cap_sys_admin)
		return 0;
	if (!f->cap_bpf && !f->cap_perfmon)
		missing = "CAP_BPF and CAP_PERFMON";
	else if (!f->cap_bpf)
		missing = "CAP_BPF";
	else if (!f->cap_perfmon)
		missing = "CAP_PERFMON";
	if (!missing)
		return 0;
	snprintf(why, size,
		 "missing privilege: %s (to read another user's processes also CAP_SYS_PTRACE and "
		 "CAP_DAC_READ_SEARCH); run it as root, e.g. with sudo",
		 missing);
	return -EPERM;
}

static int check_kernel(const struct features *f, char *why, size_t size)
{
	if (!f->btf)
		snprintf(why, size,
			 "kernel %s has no readable BTF (/sys/kernel/btf/vmlinux): a kernel built with "
			 "CONFIG_DEBUG_INFO_BTF is needed, as all distributions ship since 2021",
			 f->kernel);
	else if (!f->tracepoints)
		snprintf(why, size, "kernel %s lacks the tracepoint %s: 5.18 or newer is needed",
			 f->kernel, f->missing);
	else if (!f->iterators || !f->task_storage)
		snprintf(why, size, "kernel %s lacks BPF %s: 5.18 or newer is needed", f->kernel,
			 f->iterators ? "task storage" : "iterators");
	else
		return 0;
	return -EOPNOTSUPP;
}

int features_check(const struct features *f, char *why, size_t size)
{
	int err = check_privileges(f, why, size);

	return err ? err : check_kernel(f, why, size);
}
