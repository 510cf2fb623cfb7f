// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <wchar.h>

#include "exit.h"

#define BIT(cap) (1ULL << (cap))

/* What is kept of what there is, and what for: to go on reading. CAP_BPF and CAP_PERFMON are for
   loading programs and attaching them, which is over; links of probes on new workers want neither.
 */
static const struct kept {
	int cap;
	const char *name;
} kept[] = {
	/* memory, descriptors and root of other users' processes */
	{CAP_SYS_PTRACE, "CAP_SYS_PTRACE"},
	/* their folders in /proc, and their own */
	{CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH"},
	/* a library that was deleted since (/proc/PID/map_files) */
	{CAP_CHECKPOINT_RESTORE, "CAP_CHECKPOINT_RESTORE"},
};
#define N_KEPT (sizeof(kept) / sizeof(*kept))

static uint64_t all_kept(void)
{
	uint64_t caps = 0;

	for (size_t i = 0; i < N_KEPT; i++)
		caps |= BIT(kept[i].cap);
	return caps;
}

/* --- reading and setting them */

struct caps {
	uint64_t effective, permitted;
};

static int caps_get(struct caps *c)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {};

	if (syscall(SYS_capget, &head, data))
		return -errno;
	c->effective = data[0].effective | (uint64_t)data[1].effective << 32;
	c->permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	return 0;
}

/* Nothing is ever inheritable: nothing is started. */
static int caps_set(const struct caps *c)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {
		{(uint32_t)c->effective, (uint32_t)c->permitted, 0},
		{(uint32_t)(c->effective >> 32), (uint32_t)(c->permitted >> 32), 0},
	};

	return syscall(SYS_capset, &head, data) ? -errno : 0;
}

/* What a program started from here could have at most. Without CAP_SETPCAP it stays; nothing can be
   started, though. */
static int empty_bounding_set(const struct caps *c)
{
	if (!(c->effective & BIT(CAP_SETPCAP)))
		return 0;
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0L, 0L, 0L) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0L, 0L, 0L))
			return -errno;
	return 0;
}

/* --- files that are opened later */

/* The folder of the log, or NULL when it is none that is rotated and opened anew. To be freed. */
static char *log_folder(const struct options *o)
{
	const char *to = o->log.to, *slash = to ? strrchr(to, '/') : NULL;

	if (!to || !strcmp(to, "-") || !strcmp(to, "syslog") || !strcmp(to, "journald"))
		return NULL;
	return slash ? strndup(to, slash == to ? 1 : (size_t)(slash - to)) : strdup(".");
}

/*
 * A log may lie in a folder of another user, where root writes by CAP_DAC_OVERRIDE alone: rotating
 * it and opening it anew needs that then. (A ring's folder is ours.)
 */
static bool log_needs_override(const struct options *o, const struct caps *c)
{
	struct caps without = *c;
	char *folder = log_folder(o);
	bool needs = false;

	without.effective &= ~BIT(CAP_DAC_OVERRIDE);
	if (folder && without.effective != c->effective && !caps_set(&without)) {
		needs = faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) ||
			(faccessat(AT_FDCWD, o->log.to, W_OK, AT_EACCESS) && errno == EACCES);
		caps_set(c);
	}
	free(folder);
	return needs;
}

/* --- all of it */

static void say_kept(const struct caps *c, bool filtered)
{
	fprintf(stderr, "reqscope: privileges kept:");
	for (size_t i = 0; i < N_KEPT; i++)
		if (c->permitted & BIT(kept[i].cap))
			fprintf(stderr, " %s", kept[i].name);
	if (c->permitted & BIT(CAP_SYS_ADMIN))
		fprintf(stderr, " CAP_SYS_ADMIN (this kernel wants it for probes on new workers)");
	if (c->permitted & BIT(CAP_DAC_OVERRIDE))
		fprintf(stderr, " CAP_DAC_OVERRIDE (the log's folder belongs to another user)");
	fprintf(stderr, "%s; no new privileges, no core files, %s\n", c->permitted ? "" : " none",
		filtered ? "only the system calls that are needed"
			 : "every system call (there are no seccomp filters here)");
}

static int drop_capabilities(const struct options *o, bool admin, struct caps *c)
{
	uint64_t keep = all_kept();
	int err = caps_get(c);

	if (err)
		return err;
	if (admin)
		keep |= BIT(CAP_SYS_ADMIN);
	if (log_needs_override(o, c))
		keep |= BIT(CAP_DAC_OVERRIDE);
	err = empty_bounding_set(c);
	if (err)
		return err;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0L, 0L, 0L))
		return -errno;
	c->permitted &= keep;
	c->effective &= keep;
	return caps_set(c);
}

static int failed(const char *what, int err)
{
	fprintf(stderr, "reqscope: cannot give up privileges (%s): %s\n", what, strerror(-err));
	return EXIT_RUNTIME;
}

int privileges_drop(const struct options *o, bool admin)
{
	struct caps c = {};
	wchar_t wide;
	int err = drop_capabilities(o, admin, &c);

	if (err)
		return failed("capabilities", err);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L))
		return failed("no_new_privs", -errno);
	if (prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L))
		return failed("core files", -errno);
	/* the C library loads what an unusual character set needs when it meets the first character
	 */
	if (mbrtowc(&wide, "a", 1, &(mbstate_t){}) != 1)
		return failed("character set", -EILSEQ);
	err = privileges_filter_calls();
	if (err && err != -EOPNOTSUPP)
		return failed("seccomp", err);
	if (o->verbose)
		say_kept(&c, !err);
	return 0;
}
