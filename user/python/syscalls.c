// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* syscalls.c - names of the system calls in which a thread of Python may be met. */
#include "thread.h"

#include <stdio.h>
#include <sys/syscall.h>

#define CALL(name) [SYS_##name] = #name

/* The numbers are this architecture's; those after the first block are not everywhere. */
static const char *const names[] = {
	/* clang-format off */
	CALL(accept), CALL(accept4), CALL(bind), CALL(brk), CALL(clock_nanosleep), CALL(clone),
	CALL(close), CALL(connect), CALL(copy_file_range), CALL(dup), CALL(epoll_ctl),
	CALL(epoll_pwait), CALL(execve), CALL(exit_group), CALL(fallocate), CALL(fchmod),
	CALL(fchown), CALL(fcntl), CALL(fdatasync), CALL(flock), CALL(fstat), CALL(fsync),
	CALL(ftruncate), CALL(futex), CALL(getdents64), CALL(getrandom), CALL(getsockname),
	CALL(getsockopt), CALL(io_getevents), CALL(io_uring_enter), CALL(ioctl), CALL(kill),
	CALL(lseek), CALL(madvise), CALL(mkdirat), CALL(mlock), CALL(mlockall), CALL(mmap),
	CALL(mount), CALL(mprotect), CALL(mq_timedreceive), CALL(mq_timedsend), CALL(mremap),
	CALL(msgrcv), CALL(msgsnd), CALL(msync), CALL(munmap), CALL(nanosleep), CALL(newfstatat),
	CALL(openat), CALL(pipe2), CALL(ppoll), CALL(prctl), CALL(pread64), CALL(preadv),
	CALL(preadv2), CALL(process_vm_readv), CALL(pselect6), CALL(pwrite64), CALL(pwritev),
	CALL(pwritev2), CALL(read), CALL(readahead), CALL(readlinkat), CALL(readv), CALL(recvfrom),
	CALL(recvmmsg), CALL(recvmsg), CALL(renameat), CALL(renameat2), CALL(restart_syscall),
	CALL(rt_sigsuspend), CALL(rt_sigtimedwait), CALL(sched_yield), CALL(semop),
	CALL(semtimedop), CALL(sendfile), CALL(sendmmsg), CALL(sendmsg), CALL(sendto),
	CALL(shutdown), CALL(socket), CALL(socketpair), CALL(splice), CALL(statfs), CALL(statx),
	CALL(sync), CALL(sync_file_range), CALL(syncfs), CALL(tee), CALL(truncate), CALL(umount2),
	CALL(unlinkat), CALL(vmsplice), CALL(wait4), CALL(waitid), CALL(write), CALL(writev),
#ifdef SYS_open
	CALL(epoll_wait), CALL(getdents), CALL(lstat), CALL(mkdir), CALL(open), CALL(pause),
	CALL(pipe), CALL(poll), CALL(readlink), CALL(rename), CALL(rmdir), CALL(select),
	CALL(stat), CALL(symlink), CALL(unlink), CALL(vfork),
#endif
#ifdef SYS_clone3
	CALL(clone3),
#endif
#ifdef SYS_epoll_pwait2
	CALL(epoll_pwait2),
#endif
#ifdef SYS_openat2
	CALL(openat2),
#endif
	/* clang-format on */
};

void thread_syscall_name(long number, char *buf, size_t size)
{
	const long n = sizeof(names) / sizeof(*names);

	if (number < 0)
		*buf = '\0';
	else if (number < n && names[number])
		snprintf(buf, size, "%s", names[number]);
	else
		snprintf(buf, size, "#%ld", number);
}
