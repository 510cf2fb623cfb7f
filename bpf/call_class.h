/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * call_class.h - what a system call means to us. The loader fills the table `call_class` with these,
 * by the numbers of the architecture it was compiled for.
 */
#ifndef RS_CALL_CLASS_H
#define RS_CALL_CLASS_H

enum call_class {
	CALL_NONE,
	CALL_ACCEPT,
	CALL_CONNECT,
	CALL_LISTEN,
	CALL_CLOSE,
	CALL_SHUTDOWN,
	CALL_READ,
	CALL_READV,
	CALL_RECV,
	CALL_RECVMSG,
	CALL_RECVMMSG,
	CALL_WRITE,
	CALL_WRITEV,
	CALL_SEND,
	CALL_SENDMSG,
	CALL_SENDMMSG,
	CALL_SENDFILE,
	/* only where the interpreter is looked at */
	CALL_EPOLL,
	CALL_POLL,
	CALL_FUTEX,
};

#endif
