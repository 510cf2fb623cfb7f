/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sock.bpf.h - reading sockets: from a file descriptor to struct sock, its addresses and positions.
 */
#ifndef RS_SOCK_BPF_H
#define RS_SOCK_BPF_H

#define AF_UNIX     1
#define AF_INET     2
#define AF_INET6    10
#define SOCK_STREAM 1
#define S_IFMT      0170000
#define S_IFSOCK    0140000

/* net/tcp_states.h */
#define TCP_ESTABLISHED 1
#define TCP_SYN_RECV    3
#define TCP_FIN_WAIT1   4
#define TCP_CLOSE       7
#define TCP_CLOSE_WAIT  8
#define TCP_LAST_ACK    9
#define TCP_LISTEN      10
#define TCP_CLOSING     11

static __always_inline u16 sock_family(struct sock *sk)
{
	return KREAD(sk, __sk_common.skc_family);
}

static __always_inline u8 sock_state(struct sock *sk)
{
	return KREAD(sk, __sk_common.skc_state);
}

static __always_inline bool is_inet(u16 family)
{
	return family == AF_INET || family == AF_INET6;
}

/* The file behind a descriptor of the current task, NULL when there is none. */
static __always_inline struct file *fd_file(u32 fd)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fdtable *fdt = task->files->fdt; /* typed pointers: plain loads, no helper calls */

	return fd < fdt->max_fds ? kread_pointer(fdt->fd + fd) : NULL;
}

/*
 * The socket of a file, NULL when it is none. What private_data points to is a struct socket only if
 * its sock points back; that also costs less than asking the inode for S_IFSOCK.
 */
static __always_inline struct sock *file_sock(struct file *file)
{
	struct socket *socket = KREAD(file, private_data);
	struct sock *sk;

	if (!socket)
		return NULL;
	sk = KREAD(socket, sk);
	if (!sk || KREAD(sk, sk_socket) != socket)
		return NULL;
	return sk;
}

static __always_inline struct sock *fd_sock(u32 fd)
{
	struct file *file = fd_file(fd);

	return file ? file_sock(file) : NULL;
}

/* Dearer proof for sockets seen for the first time: a stream socket of a family that is followed. */
static __always_inline bool is_stream(struct file *file, struct sock *sk)
{
	u16 family = sock_family(sk);

	if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return false;
	return (is_inet(family) || family == AF_UNIX) && KREAD(sk, sk_type) == SOCK_STREAM;
}

/* Whether this is the last reference to a file, so that close() ends it. */
static __always_inline bool last_reference(struct file *file)
{
	if (bpf_core_field_exists(((struct file___ref *)0)->f_ref))
		return BPF_CORE_READ((struct file___ref *)file, f_ref.refcnt.counter) == 0;
	return BPF_CORE_READ((struct file___count *)file, f_count.counter) == 1;
}

/* Key in `listeners` of a listener or of a connection that came in through it; 0: none. */
static __always_inline u64 listener_key(struct sock *sk, u16 family)
{
	if (family == AF_UNIX)
		return (u64)KREAD((struct unix_sock *)sk, addr);
	return (u64)BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum) << 32 |
	       KREAD(sk, __sk_common.skc_num);
}

static __always_inline bool from_listener(struct sock *sk, u16 family)
{
	u64 key = listener_key(sk, family);

	return key && bpf_map_lookup_elem(&listeners, &key);
}

static __always_inline void sock_addresses(struct sock *sk, u16 family, struct rs_addr *local,
					   struct rs_addr *peer)
{
	local->family = peer->family = family;
	if (!is_inet(family))
		return;
	local->port = bpf_htons(KREAD(sk, __sk_common.skc_num));
	peer->port = KREAD(sk, __sk_common.skc_dport);
	if (family == AF_INET) {
		BPF_CORE_READ_INTO(&local->ip, sk, __sk_common.skc_rcv_saddr);
		BPF_CORE_READ_INTO(&peer->ip, sk, __sk_common.skc_daddr);
	} else {
		BPF_CORE_READ_INTO(&local->ip, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&peer->ip, sk, __sk_common.skc_v6_daddr);
	}
}

/*
 * The kernel tells TCP's last activity in jiffies. HZ is no part of any interface that a program can
 * read everywhere, but jiffies start at -300 * HZ (INITIAL_JIFFIES) when the monotonic clock starts
 * at 0, which only one of the possible values satisfies.
 */
static __always_inline u32 find_hz(void)
{
	const u32 candidates[] = {100, 250, 300, 1000};
	u64 jiffies = bpf_jiffies64(), ms = bpf_ktime_get_ns() / 1000000;
	s64 best = 1LL << 62;
	u32 hz = 0;

	for (int i = 0; i < 4; i++) {
		s64 start = (1LL << 32) - 300LL * candidates[i];
		s64 off = (s64)jiffies - start - (s64)(ms * candidates[i] / 1000);

		if (off < 0)
			off = -off;
		if (off < best) {
			best = off;
			hz = candidates[i];
		}
	}
	return hz;
}

/* A stamp in the low 32 bits of jiffies as monotonic ns; 0 when it lies before boot. */
static __always_inline u64 jiffies_to_ktime(u32 then)
{
	u32 ago;
	u64 ns, now = bpf_ktime_get_ns();

	if (!kernel_hz)
		kernel_hz = find_hz();
	if (!kernel_hz)
		return 0;
	ago = (u32)bpf_jiffies64() - then;
	ns = (u64)ago * (1000000000ULL / kernel_hz);
	return ns < now ? now - ns : 0;
}

#endif
