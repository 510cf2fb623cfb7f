/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * calls.bpf.h - the classes of system calls that matter, and where each finds its arguments.
 */
#ifndef RS_CALLS_BPF_H
#define RS_CALLS_BPF_H

#include "call_class.h"

/* regs is the tracepoint's own argument: the verifier knows its type and allows plain loads. */
#if defined(__TARGET_ARCH_x86)
static __always_inline long call_nr(struct pt_regs *regs)
{
	return regs->orig_ax;
}
/* The argument registers are intact at the return of a system call as well. */
#define call_arg0(regs) ((regs)->di)
#define call_arg1(regs) ((regs)->si)
#define call_arg2(regs) ((regs)->dx)
#define call_arg3(regs) ((regs)->r10)
#elif defined(__TARGET_ARCH_arm64)
static __always_inline long call_nr(struct pt_regs *regs)
{
	return regs->syscallno;
}
/* x0 carries the result on return; the first argument is kept apart. */
#define call_arg0(regs) ((regs)->orig_x0)
#define call_arg1(regs) ((regs)->regs[1])
#define call_arg2(regs) ((regs)->regs[2])
#define call_arg3(regs) ((regs)->regs[3])
#else
#error "reqscope knows the system call registers of x86_64 and arm64"
#endif

#define MAX_MESSAGES 64 /* of one recvmmsg or sendmmsg */
#define MSG_PEEK     0x02
#define MSG_TRUNC    0x20
#define MSG_ERRQUEUE 0x2000
#define MSG_DONTWAIT 0x40
#define O_NONBLOCK   04000

static __always_inline bool is_in(u8 class)
{
	return class >= CALL_READ && class <= CALL_RECVMMSG;
}

static __always_inline bool is_out(u8 class)
{
	return class >= CALL_WRITE && class <= CALL_SENDFILE;
}

static __always_inline bool is_wait(u8 class)
{
	return class >= CALL_EPOLL;
}

static __always_inline u32 call_flags(struct pt_regs *regs, u8 class)
{
	switch (class) {
	case CALL_RECV:
	case CALL_SEND:
	case CALL_RECVMMSG:
	case CALL_SENDMMSG:
		return call_arg3(regs);
	case CALL_RECVMSG:
	case CALL_SENDMSG:
		return call_arg2(regs);
	}
	return 0;
}

/* Bytes of n messages that were moved. A global function: the verifier checks it once by itself. */
__attribute__((noinline)) int messages_bytes(u64 msg, u32 n)
{
	u32 sum = 0;

	for (u32 i = 0; i < MAX_MESSAGES && i < n; i++) {
		struct mmsghdr *m = (struct mmsghdr *)msg + i;
		u32 len = 0;

		bpf_probe_read_user(&len, sizeof(len), &m->msg_len);
		sum += len;
	}
	return sum;
}

/* Bytes moved by a call that returned `ret` > 0. The mmsg calls return messages, not bytes. */
static __always_inline u32 call_bytes(struct pt_regs *regs, u8 class, long ret)
{
	if (class == CALL_RECVMMSG || class == CALL_SENDMMSG)
		return messages_bytes(call_arg1(regs), ret);
	return ret;
}

/* Says where the bytes of a segment lie; arg, next: the call's second and third arguments. */
static __always_inline void call_buffers(u64 arg, u64 next, u32 class, struct copy *c)
{
	c->iov = c->count = 0;
	c->base = arg;
	if (class == CALL_READV || class == CALL_WRITEV) {
		c->iov = arg;
		c->count = next;
	} else if (class == CALL_RECVMSG || class == CALL_SENDMSG || class == CALL_RECVMMSG ||
		   class == CALL_SENDMMSG) {
		struct user_msghdr m = {};

		bpf_probe_read_user(&m, sizeof(m), (void *)arg);
		c->iov = m.msg_iov;
		c->count = m.msg_iovlen;
	}
}

#endif
