// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * privileges_calls.c - the system calls that are expected once everything is attached, as a seccomp
 * filter (seccomp(2)): a list of what is allowed, everything else is refused with EPERM.
 *
 * It is wider than what the program itself calls, since the C library may do the same with other
 * calls tomorrow; what it leaves out are the means of an attacker: starting programs, other
 * processes, the network, becoming another user, new BPF programs, memory that can be executed.
 * Landlock would bound which files can be written, but who is in a Landlock domain may not read the
 * memory of anybody outside of it, whatever the capabilities (hook_ptrace_access_check() in
 * security/landlock/).
 */
#include "privileges.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What a sanitizer does at the end, stopping and tracing its own threads, is what is refused here.
 */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#endif

#if defined(SANITIZED)
#define THIS_ARCH 0 /* no filter */
#elif defined(__x86_64__)
#define THIS_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCH AUDIT_ARCH_AARCH64
#else
#define THIS_ARCH 0
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LOW 0
#else
#define LOW 4
#endif

/* Known to those who wrote this; calls that came later are refused as a kernel without them does,
   so that the C library takes the older way. The numbers are the same on all architectures. */
#define LATEST SYS_futex_waitv

/* Allowed whatever their arguments; by name, as numbers differ. The older ones are not there on
   younger architectures. */
/* clang-format off */
static const int allowed[] = {
	/* what happens most, first */
	SYS_read, SYS_ppoll, SYS_clock_gettime, SYS_process_vm_readv, SYS_openat, SYS_close, SYS_write,
	SYS_readlinkat, SYS_fstat, SYS_getdents64, SYS_lseek, SYS_newfstatat,
#ifdef SYS_open
	SYS_poll, SYS_readlink, SYS_open, SYS_stat, SYS_lstat, SYS_access, SYS_epoll_wait, SYS_select,
	SYS_rename, SYS_unlink, SYS_dup2, SYS_time, SYS_getpgrp, SYS_getdents, SYS_getrlimit,
#endif
	/* files */
	SYS_pread64, SYS_pwrite64, SYS_readv, SYS_writev, SYS_preadv, SYS_pwritev, SYS_openat2, SYS_statx,
	SYS_faccessat, SYS_faccessat2, SYS_fcntl, SYS_flock, SYS_ftruncate, SYS_fallocate, SYS_fsync,
	SYS_fdatasync, SYS_fchmod, SYS_renameat, SYS_renameat2, SYS_unlinkat, SYS_statfs, SYS_fstatfs,
	SYS_getcwd, SYS_dup, SYS_dup3, SYS_close_range, SYS_umask, SYS_fadvise64,
	/* memory */
	SYS_brk, SYS_munmap, SYS_mremap, SYS_madvise, SYS_memfd_create, SYS_mincore,
	/* waiting, time, signals to ourselves */
	SYS_epoll_pwait, SYS_epoll_ctl, SYS_epoll_create1, SYS_pselect6, SYS_nanosleep,
	SYS_clock_nanosleep, SYS_clock_getres, SYS_gettimeofday, SYS_rt_sigaction, SYS_rt_sigprocmask,
	SYS_rt_sigreturn, SYS_rt_sigpending, SYS_rt_sigtimedwait, SYS_rt_sigsuspend, SYS_sigaltstack,
	SYS_restart_syscall, SYS_signalfd4, SYS_futex, SYS_sched_yield,
	/* who and where we are */
	SYS_getpid, SYS_gettid, SYS_getppid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid,
	SYS_getpgid, SYS_getsid, SYS_uname, SYS_sysinfo, SYS_getrusage, SYS_times,
	SYS_sched_getaffinity, SYS_getcpu, SYS_getrandom, SYS_capget, SYS_getgroups, SYS_getresuid,
	SYS_getresgid,
	/* the log of a daemon; probes on a new worker's interpreter */
	SYS_connect, SYS_sendto, SYS_sendmsg, SYS_getsockopt, SYS_perf_event_open,
	/* the end */
	SYS_exit, SYS_exit_group, SYS_set_robust_list, SYS_rseq, SYS_membarrier,
};
/* clang-format on */

/* Of bpf(): working with what is there. Nothing new is loaded, pinned or taken from others. */
static const uint32_t bpf_commands[] = {
	BPF_MAP_LOOKUP_ELEM,  BPF_MAP_UPDATE_ELEM,
	BPF_MAP_DELETE_ELEM,  BPF_MAP_GET_NEXT_KEY,
	BPF_MAP_LOOKUP_BATCH, BPF_MAP_UPDATE_BATCH,
	BPF_MAP_DELETE_BATCH, BPF_MAP_LOOKUP_AND_DELETE_ELEM,
	BPF_LINK_CREATE,      BPF_LINK_DETACH,
	BPF_ITER_CREATE,      BPF_OBJ_GET_INFO_BY_FD,
};

/* Of ioctl(), which terminals and probes need: not what types into a terminal in somebody's place.
 */
static const uint32_t refused_ioctls[] = {TIOCSTI, TIOCLINUX, TIOCSETD, TIOCSCTTY, TIOCCONS};

#define N(a)	 (sizeof(a) / sizeof(*(a)))
#define MAX_CODE 512

struct code {
	struct sock_filter list[MAX_CODE];
	unsigned short n;
};

static void emit(struct code *c, uint16_t what, uint32_t k, uint8_t yes, uint8_t no)
{
	if (c->n < MAX_CODE)
		c->list[c->n] = (struct sock_filter){what, yes, no, k};
	c->n++;
}

static void load(struct code *c, size_t offset)
{
	emit(c, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void load_arg(struct code *c, unsigned arg)
{
	load(c, offsetof(struct seccomp_data, args) + 8 * arg + LOW);
}

static void answer(struct code *c, uint32_t what)
{
	emit(c, BPF_RET | BPF_K, what, 0, 0);
}

static void refuse(struct code *c)
{
	answer(c, SECCOMP_RET_ERRNO | EPERM);
}

/* Skips the next instruction unless the value equals k. */
static void unless_equal(struct code *c, uint32_t k)
{
	emit(c, BPF_JMP | BPF_JEQ | BPF_K, k, 0, 1);
}

/* A block for one call; what is in it ends with an answer, as the call's number is no longer
 * loaded. */
static unsigned short begin_call(struct code *c, int nr)
{
	emit(c, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, 0);
	return c->n;
}

static void end_call(struct code *c, unsigned short begun)
{
	if (begun && begun <= MAX_CODE)
		c->list[begun - 1].jf = (uint8_t)(c->n - begun);
}

/* --- calls that depend on an argument (its lower half: the kernel takes an int there) */

static void only_values(struct code *c, int nr, unsigned arg, const uint32_t *values, size_t n)
{
	unsigned short begun = begin_call(c, nr);

	load_arg(c, arg);
	for (size_t i = 0; i < n; i++) {
		unless_equal(c, values[i]);
		answer(c, SECCOMP_RET_ALLOW);
	}
	refuse(c);
	end_call(c, begun);
}

static void not_values(struct code *c, int nr, unsigned arg, const uint32_t *values, size_t n)
{
	unsigned short begun = begin_call(c, nr);

	load_arg(c, arg);
	for (size_t i = 0; i < n; i++) {
		unless_equal(c, values[i]);
		refuse(c);
	}
	answer(c, SECCOMP_RET_ALLOW);
	end_call(c, begun);
}

static void without_bits(struct code *c, int nr, unsigned arg, uint32_t bits)
{
	unsigned short begun = begin_call(c, nr);

	load_arg(c, arg);
	emit(c, BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1);
	refuse(c);
	answer(c, SECCOMP_RET_ALLOW);
	end_call(c, begun);
}

/* Limits may be read: the new ones are a NULL pointer, both halves of it. */
static void limits_read_only(struct code *c)
{
	unsigned short begun = begin_call(c, SYS_prlimit64);

	for (unsigned half = 0; half < 2; half++) {
		load(c, offsetof(struct seccomp_data, args) + 8 * 2 + 4 * half);
		emit(c, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
		refuse(c);
	}
	answer(c, SECCOMP_RET_ALLOW);
	end_call(c, begun);
}

static void depending_calls(struct code *c)
{
	const uint32_t self = (uint32_t)getpid(), local = AF_UNIX;

	only_values(c, SYS_bpf, 0, bpf_commands, N(bpf_commands));
	without_bits(c, SYS_mmap, 2, PROT_EXEC);
	without_bits(c, SYS_mprotect, 2, PROT_EXEC);
	not_values(c, SYS_ioctl, 1, refused_ioctls, N(refused_ioctls));
	only_values(c, SYS_socket, 0, &local, 1);
	only_values(c, SYS_kill, 0, &self, 1);
	only_values(c, SYS_tgkill, 0, &self, 1);
	limits_read_only(c);
}

/* --- all of it */

static void build(struct code *c, uint32_t arch)
{
	load(c, offsetof(struct seccomp_data, arch));
	emit(c, BPF_JMP | BPF_JEQ | BPF_K, arch, 1, 0);
	refuse(c);
	load(c, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < N(allowed); i++) {
		unless_equal(c, (uint32_t)allowed[i]);
		answer(c, SECCOMP_RET_ALLOW);
	}
	depending_calls(c);
	emit(c, BPF_JMP | BPF_JGT | BPF_K, LATEST, 0, 1);
	answer(c, SECCOMP_RET_ERRNO | ENOSYS);
	refuse(c);
}

int privileges_filter_calls(void)
{
	const uint32_t action = SECCOMP_RET_ERRNO;
	struct sock_fprog program;
	struct code *c;
	int err = 0;

	if (!THIS_ARCH || syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0L, &action))
		return -EOPNOTSUPP;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	build(c, THIS_ARCH);
	program = (struct sock_fprog){c->n, c->list};
	if (c->n > MAX_CODE)
		err = -E2BIG;
	else if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0L, &program))
		err = -errno;
	free(c);
	return err;
}
