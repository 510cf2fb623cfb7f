// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_privileges.c - what a process that has given up its privileges can no longer do, and what it
 * still can. Each case is a process of its own, as there is no way back.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../user/privileges.h"

#define NOBODY 65534
#define N(a)   (sizeof(a) / sizeof(*(a)))

/* What waitpid() says of a process that gave up its privileges and then called `body`. */
static int outcome(const struct options *o, int (*body)(void *ctx), void *ctx)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(privileges_drop(o, false) ? 99 : body(ctx));
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* The body's value must be 0; else it is the line that failed. */
static void succeeds(const struct options *o, int (*body)(void *ctx), void *ctx)
{
	int status = outcome(o, body, ctx);

	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail_msg("it ended with status %#x", (unsigned)status);
}

#define must(what)                                                                    \
	do {                                                                          \
		if (!(what)) {                                                        \
			fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #what, \
				strerror(errno));                                     \
			return 1;                                                     \
		}                                                                     \
	} while (0)

/* --- refused */

static const struct call {
	const char *name;
	long nr, a, b, c;
} refused[] = {
	/* all of these would be harmless, or fail with another error, if they got through */
	{"execve", SYS_execve, 0, 0, 0},
	{"execveat", SYS_execveat, -1, 0, 0},
#ifdef SYS_fork
	{"fork", SYS_fork, 0, 0, 0},
	{"vfork", SYS_vfork, 0, 0, 0},
#endif
	{"clone", SYS_clone, -1, 0, 0},
	{"clone3", SYS_clone3, 0, 0, 0},
	{"ptrace", SYS_ptrace, -1, 0, 0},
	{"process_vm_writev", SYS_process_vm_writev, 0, 0, 0},
	{"pidfd_open", SYS_pidfd_open, 0, 0, 0},
	{"pidfd_getfd", SYS_pidfd_getfd, -1, 0, 0},
	{"kill everybody", SYS_kill, -1, 0, 0},
	{"kill init", SYS_kill, 1, 0, 0},
	{"tgkill", SYS_tgkill, 1, 1, 0},
	{"tkill", SYS_tkill, 1, 0, 0},
	{"rt_sigqueueinfo", SYS_rt_sigqueueinfo, 1, 0, 0},
	{"prctl", SYS_prctl, PR_SET_DUMPABLE, 1, 0},
	{"setuid", SYS_setuid, 0, 0, 0},
	{"setresuid", SYS_setresuid, -1, -1, -1},
	{"setgroups", SYS_setgroups, 0, 0, 0},
	{"capset", SYS_capset, 0, 0, 0},
	{"mount", SYS_mount, 0, 0, 0},
	{"umount2", SYS_umount2, 0, 0, 0},
	{"pivot_root", SYS_pivot_root, 0, 0, 0},
	{"chroot", SYS_chroot, 0, 0, 0},
	{"unshare", SYS_unshare, 0, 0, 0},
	{"setns", SYS_setns, -1, 0, 0},
	{"init_module", SYS_init_module, 0, 0, 0},
	{"finit_module", SYS_finit_module, -1, 0, 0},
	{"delete_module", SYS_delete_module, 0, 0, 0},
	{"kexec_load", SYS_kexec_load, 0, 0, 0},
	{"reboot", SYS_reboot, 0, 0, 0},
	{"chmod", SYS_fchmodat, -1, 0, 0},
	{"chown", SYS_fchownat, -1, 0, 0},
	{"link", SYS_linkat, -1, 0, -1},
	{"symlink", SYS_symlinkat, 0, -1, 0},
	{"mknod", SYS_mknodat, -1, 0, 0},
	{"bind", SYS_bind, -1, 0, 0},
	{"listen", SYS_listen, -1, 0, 0},
	{"accept4", SYS_accept4, -1, 0, 0},
	{"socket inet", SYS_socket, AF_INET, SOCK_STREAM, 0},
	{"socket inet6", SYS_socket, AF_INET6, SOCK_DGRAM, 0},
	{"socket netlink", SYS_socket, AF_NETLINK, SOCK_RAW, 0},
	{"socket packet", SYS_socket, AF_PACKET, SOCK_RAW, 0},
	{"io_uring_setup", SYS_io_uring_setup, 0, 0, 0},
	{"userfaultfd", SYS_userfaultfd, 0, 0, 0},
	{"keyctl", SYS_keyctl, -1, 0, 0},
	{"seccomp", SYS_seccomp, -1, 0, 0},
	{"personality", SYS_personality, 0xffffffff, 0, 0},
	{"open_by_handle_at", SYS_open_by_handle_at, -1, 0, 0},
	{"bpf map create", SYS_bpf, BPF_MAP_CREATE, 0, 0},
	{"bpf prog load", SYS_bpf, BPF_PROG_LOAD, 0, 0},
	{"bpf btf load", SYS_bpf, BPF_BTF_LOAD, 0, 0},
	{"bpf obj pin", SYS_bpf, BPF_OBJ_PIN, 0, 0},
	{"bpf obj get", SYS_bpf, BPF_OBJ_GET, 0, 0},
	{"bpf others' programs", SYS_bpf, BPF_PROG_GET_FD_BY_ID, 0, 0},
	{"bpf others' maps", SYS_bpf, BPF_MAP_GET_FD_BY_ID, 0, 0},
	{"type into a terminal", SYS_ioctl, -1, TIOCSTI, 0},
	{"executable memory", SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC},
	{"memory made executable", SYS_mprotect, 0, 0, PROT_EXEC},
};

static int try_refused(void *ctx)
{
	int bad = 0;

	(void)ctx;
	for (size_t i = 0; i < N(refused); i++) {
		const struct call *c = &refused[i];
		long ret;

		errno = 0;
		ret = syscall(c->nr, c->a, c->b, c->c, -1L, -1L, -1L);
		if (ret == -1 && errno == EPERM)
			continue;
		fprintf(stderr, "%s: %ld, %s\n", c->name, ret, strerror(errno));
		bad = 1;
	}
	return bad;
}

static void what_is_not_needed_is_refused(void **state)
{
	struct options o = {};

	(void)state;
	succeeds(&o, try_refused, NULL);
}

/* The C library takes the older way when it hears that. */
static int try_unknown(void *ctx)
{
	(void)ctx;
	must(syscall(4000L, 0L, 0L, 0L) == -1 && errno == ENOSYS);
	return 0;
}

static void what_came_later_is_not_there(void **state)
{
	struct options o = {};

	(void)state;
	succeeds(&o, try_unknown, NULL);
}

/* Limits may be asked for, not changed. */
static int try_limits(void *ctx)
{
	struct rlimit l;

	(void)ctx;
	must(!getrlimit(RLIMIT_NOFILE, &l));
	must(setrlimit(RLIMIT_NOFILE, &l) == -1 && errno == EPERM);
	return 0;
}

static void limits_stay(void **state)
{
	struct options o = {};

	(void)state;
	succeeds(&o, try_limits, NULL);
}

/* --- still possible */

static int try_ordinary(void *ctx)
{
	char *text = NULL, big[1 << 16];
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	struct timespec t;

	(void)ctx;
	must(f && fprintf(f, "%f", 0.1) > 0 && !fclose(f) && size);
	free(text);
	text = malloc(64 << 20);
	must(text);
	memset(text, 1, 64 << 20);
	free(text);
	f = fopen("/proc/self/status", "re");
	must(f && fread(big, 1, sizeof(big), f) > 0 && !fclose(f));
	must(!clock_gettime(CLOCK_MONOTONIC, &t));
	must(sysconf(_SC_NPROCESSORS_ONLN) > 0);
	must(!kill(getpid(), 0) && !raise(SIGCONT));
	must(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) >= 0);
	must(memfd_create("x", MFD_CLOEXEC) >= 0);
	return 0;
}

static void what_is_ordinary_goes_on(void **state)
{
	struct options o = {};

	(void)state;
	succeeds(&o, try_ordinary, NULL);
}

static int end_badly(void *ctx)
{
	(void)ctx;
	abort();
}

/* It would hold what the target was sent. */
static void a_crash_leaves_no_core(void **state)
{
	const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	struct options o = {};
	int status;

	(void)state;
	setrlimit(RLIMIT_CORE, &unlimited);
	status = outcome(&o, end_badly, NULL);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_false(WCOREDUMP(status));
}

/* --- another user's process and files */

static char secret[] = "what another user's process holds";

static pid_t start_other(void)
{
	int ready[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		secret[0] = 'W';
		if (setgid(NOBODY) || setuid(NOBODY) || write(ready[1], "", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static int read_other(void *ctx)
{
	pid_t pid = *(pid_t *)ctx;
	char buf[sizeof(secret)] = "", name[64], link[256];
	struct iovec local = {buf, sizeof(buf)}, remote = {secret, sizeof(secret)};

	must(process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)sizeof(secret));
	must(!strncmp(buf, "What", 4));
	snprintf(name, sizeof(name), "/proc/%d/fd/0", pid);
	must(readlink(name, link, sizeof(link)) > 0);
	snprintf(name, sizeof(name), "/proc/%d/environ", pid);
	must(open(name, O_RDONLY | O_CLOEXEC) >= 0);
	snprintf(name, sizeof(name), "/proc/%d/root", pid);
	must(open(name, O_PATH | O_CLOEXEC) >= 0);
	return 0;
}

static void memory_of_others_is_still_read(void **state)
{
	struct options o = {};
	pid_t pid;

	(void)state;
	if (geteuid())
		skip();
	pid = start_other();
	succeeds(&o, read_other, &pid);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

struct folder {
	char path[64], file[96], other[96];
};

static void make_folder(struct folder *f)
{
	int fd;

	snprintf(f->path, sizeof(f->path), "/tmp/reqscope-privileges.XXXXXX");
	assert_non_null(mkdtemp(f->path));
	snprintf(f->file, sizeof(f->file), "%s/log", f->path);
	snprintf(f->other, sizeof(f->other), "%s/new", f->path);
	fd = open(f->file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(chown(f->file, NOBODY, NOBODY), 0);
	assert_int_equal(chown(f->path, NOBODY, NOBODY), 0);
}

static void remove_folder(const struct folder *f)
{
	unlink(f->file);
	unlink(f->other);
	rmdir(f->path);
}

static int cannot_write(void *ctx)
{
	const struct folder *f = ctx;

	must(open(f->file, O_RDONLY | O_CLOEXEC) >= 0);
	must(open(f->file, O_WRONLY | O_CLOEXEC) == -1 && errno == EACCES);
	must(open(f->other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) == -1 && errno == EACCES);
	must(unlink(f->file) == -1 && errno == EACCES);
	return 0;
}

static int can_rotate(void *ctx)
{
	const struct folder *f = ctx;

	must(!rename(f->file, f->other));
	must(open(f->file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) >= 0);
	return 0;
}

/* Root without its capabilities writes where anybody may and what is its own, no more. But a log
   that was asked for in another user's folder is rotated there. */
static void files_of_others_are_no_longer_written(void **state)
{
	struct options o = {};
	struct folder f;

	(void)state;
	if (geteuid())
		skip();
	make_folder(&f);
	succeeds(&o, cannot_write, &f);
	o.log.to = "/tmp/elsewhere.log";
	succeeds(&o, cannot_write, &f);
	o.log.to = f.file;
	succeeds(&o, can_rotate, &f);
	remove_folder(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_needed_is_refused),
		cmocka_unit_test(what_came_later_is_not_there),
		cmocka_unit_test(limits_stay),
		cmocka_unit_test(what_is_ordinary_goes_on),
		cmocka_unit_test(a_crash_leaves_no_core),
		cmocka_unit_test(memory_of_others_is_still_read),
		cmocka_unit_test(files_of_others_are_no_longer_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
