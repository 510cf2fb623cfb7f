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

/* What the kernel's BTF is searched for. A raw tracepoint with types is there when its typedef is. */
enum wanted {
	W_REQUIRED, /* tracepoints without which nothing works: the first ones */
	W_DATA_READY = 8,
	W_TCP_PROBE,
	W_READABLE,
	W_ITER_FILE,
	W_ITER_MAP,
	W_STORAGE,
	W_UPROBE,
	W_CAST,
	N_WANTED
};
static const struct {
	uint32_t kind;
	const char *name;
} wanted[N_WANTED] = {
	{BTF_KIND_TYPEDEF, "btf_trace_sys_enter"},
	{BTF_KIND_TYPEDEF, "btf_trace_sys_exit"},
	{BTF_KIND_TYPEDEF, "btf_trace_inet_sock_set_state"},
	{BTF_KIND_TYPEDEF, "btf_trace_tcp_destroy_sock"},
	{BTF_KIND_TYPEDEF, "btf_trace_tcp_receive_reset"},
	{BTF_KIND_TYPEDEF, "btf_trace_sched_process_fork"},
	{BTF_KIND_TYPEDEF, "btf_trace_sched_process_exec"},
	{BTF_KIND_TYPEDEF, "btf_trace_sched_process_exit"},
	[W_DATA_READY] = {BTF_KIND_TYPEDEF, "btf_trace_sk_data_ready"},
	[W_TCP_PROBE] = {BTF_KIND_TYPEDEF, "btf_trace_tcp_probe"},
	[W_READABLE] = {BTF_KIND_FUNC, "sock_def_readable"},
	[W_ITER_FILE] = {BTF_KIND_STRUCT, "bpf_iter__task_file"},
	[W_ITER_MAP] = {BTF_KIND_STRUCT, "bpf_iter__bpf_map_elem"},
	[W_STORAGE] = {BTF_KIND_STRUCT, "bpf_local_storage"},
	[W_UPROBE] = {BTF_KIND_STRUCT, "bpf_uprobe_multi_link"},
	[W_CAST] = {BTF_KIND_FUNC, "bpf_rdonly_cast"},
};

/* One pass over some 100,000 types; btf__find_by_name_kind() would make one for each name. */
static void search_btf(const struct btf *btf, bool found[N_WANTED])
{
	for (uint32_t id = 1; id < btf__type_cnt(btf); id++) {
		const struct btf_type *type = btf__type_by_id(btf, id);
		uint32_t kind = btf_kind(type);
		const char *name;

		if (kind != BTF_KIND_TYPEDEF && kind != BTF_KIND_FUNC && kind != BTF_KIND_STRUCT)
			continue;
		name = btf__name_by_offset(btf, type->name_off);
		if (name[0] != 'b' && name[0] != 's')
			continue;
		for (int w = 0; w < N_WANTED; w++)
			if (kind == wanted[w].kind && !strcmp(name, wanted[w].name))
				found[w] = true;
	}
}

/* With kernel.ftrace_enabled=0 fentry programs are attached without an error, and never run (seen on
   6.1). Unknown: as usual. */
static bool ftrace_enabled(void)
{
	FILE *file = fopen("/proc/sys/kernel/ftrace_enabled", "re");
	int c = file ? fgetc(file) : '1';

	if (file)
		fclose(file);
	return c != '0';
}

/* fentry needs a kernel whose functions can be patched; a lockdown may refuse it all the same, which
   only loading tells (attach.c). */
static enum arrival_hook choose_arrival(const bool found[N_WANTED])
{
	if (found[W_DATA_READY])
		return ARRIVAL_DATA_READY;
	if (found[W_READABLE] && ftrace_enabled())
		return ARRIVAL_READABLE;
	return found[W_TCP_PROBE] ? ARRIVAL_TCP_PROBE : ARRIVAL_NONE;
}

static void probe_btf(struct features *f)
{
	struct btf *btf = btf__load_vmlinux_btf();
	bool found[N_WANTED] = {};

	f->arrival = ARRIVAL_NONE;
	if (libbpf_get_error(btf))
		return;
	f->btf = true;
	search_btf(btf, found);
	f->tracepoints = true;
	for (int w = W_REQUIRED; w < W_DATA_READY && f->tracepoints; w++) {
		f->tracepoints = found[w];
		if (!found[w])
			snprintf(f->missing, sizeof(f->missing), "%s",
				 wanted[w].name + strlen("btf_trace_"));
	}
	f->arrival = choose_arrival(found);
	f->task_storage = found[W_STORAGE];
	f->uprobe_links = found[W_UPROBE];
	f->casts = found[W_CAST];
	f->iterators = found[W_ITER_FILE] && found[W_ITER_MAP];
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

bool features_see_processes(void)
{
	struct features f = {};

	probe_capabilities(&f);
	return f.cap_sys_ptrace && f.cap_dac;
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

int features_privileges(char *why, size_t size)
{
	struct features f = {};

	probe_capabilities(&f);
	return check_privileges(&f, why, size);
}

static int check_kernel(const struct features *f, char *why, size_t size)
{
	if (!f->btf)
		snprintf(why, size,
			 "kernel %s has no readable BTF (/sys/kernel/btf/vmlinux): a kernel built with "
			 "CONFIG_DEBUG_INFO_BTF is needed, as all distributions ship since 2021",
			 f->kernel);
	else if (!f->tracepoints)
		snprintf(why, size, "kernel %s lacks the tracepoint %s: 6.1 or newer is needed",
			 f->kernel, f->missing);
	else if (!f->iterators || !f->task_storage)
		snprintf(why, size, "kernel %s lacks BPF %s: 6.1 or newer is needed", f->kernel,
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
