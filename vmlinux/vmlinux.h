/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * vmlinux.h - the slice of kernel types that bpf/ reads, trimmed by hand.
 *
 * Only fields that are used stand here; their offsets are relocated at load time against the running
 * kernel's BTF (CO-RE), so order and neighbours do not matter. tools/check-vmlinux.py checks every
 * structure and field against a kernel. Fields that changed between kernels have a flavour (___suffix).
 */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u16 __le16;
typedef __u32 __wsum;
typedef __u16 __sum16;
typedef int pid_t;
typedef _Bool bool;
enum { false = 0, true = 1 };

/* --- constants of the kernel's user API (linux/bpf.h): their values cannot change */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};
enum { BPF_ANY = 0, BPF_NOEXIST = 1 };
enum { BPF_F_NO_PREALLOC = 1, BPF_F_MMAPABLE = 1 << 10 };
enum { BPF_LOCAL_STORAGE_GET_F_CREATE = 1 };
enum { BPF_RB_NO_WAKEUP = 1, BPF_RB_FORCE_WAKEUP = 2 };
enum { BPF_RB_AVAIL_DATA = 0 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;
typedef struct {
	s64 counter;
} atomic64_t;

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r10, r9, r8, ax, dx, si, di, orig_ax;
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
	u64 regs[31];
	u64 orig_x0;
	s32 syscallno;
};
#endif

/* --- tasks and files */
struct hlist_node {
	struct hlist_node *next;
};
struct signal_struct {
	atomic_t live;
};
struct files_struct;
struct bpf_local_storage;
struct sched_entity {
	u64 sum_exec_runtime;
};
#if defined(__TARGET_ARCH_x86)
struct thread_struct {
	unsigned long fsbase;
};
#endif
struct task_struct {
	unsigned int flags;
	pid_t pid, tgid;
	int exit_code;
	u64 start_boottime;
	char comm[16];
	struct task_struct *group_leader;
	struct signal_struct *signal;
	struct files_struct *files;
	struct bpf_local_storage *bpf_storage;
	struct sched_entity se;
#if defined(__TARGET_ARCH_x86)
	struct thread_struct thread;
#endif
};
struct inode {
	u16 i_mode;
};
struct file {
	void *private_data;
	struct inode *f_inode;
	unsigned int f_flags;
};
struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};
struct files_struct {
	struct fdtable *fdt;
};
/* file reference count: f_count until 6.12, f_ref (biased: 0 is one reference) since
   kernel commit 90ee6ed776c0 ("fs: port files to file_ref") */
typedef atomic64_t atomic_long_t;
struct file___count {
	atomic64_t f_count;
};
typedef struct {
	atomic64_t refcnt;
} file_ref_t;
struct file___ref {
	file_ref_t f_ref;
};

/* --- sockets */
struct ns_common {
	unsigned int inum;
};
struct net {
	struct ns_common ns;
};
typedef struct {
	struct net *net;
} possible_net_t;
struct in6_addr {
	union {
		u8 u6_addr8[16];
	} in6_u;
};
struct sock_common {
	__be32 skc_daddr, skc_rcv_saddr;
	__be16 skc_dport;
	u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	atomic64_t skc_cookie;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
};
struct sock;
struct sk_buff {
	struct sock *sk;
	unsigned int len, data_len;
	unsigned char *data;
	char cb[48];
};
struct sk_buff_head {
	struct sk_buff *next, *prev;
	u32 qlen;
};
struct socket;
struct sock {
	struct sock_common __sk_common;
	atomic_t sk_drops;
	struct sk_buff_head sk_receive_queue;
	struct socket *sk_socket;
	u16 sk_type;
	u8 sk_shutdown;
	u32 sk_ack_backlog, sk_max_ack_backlog;
};
struct socket {
	struct sock *sk;
};
struct inet_connection_sock {
	struct {
		u32 lrcvtime;
	} icsk_ack;
};
struct tcp_sock {
	u32 copied_seq, rcv_nxt, write_seq, lsndtime;
	u64 bytes_received, bytes_sent;
};
struct tcp_skb_cb {
	u32 seq, end_seq;
};
/* tcp_flags: 8 bits in older kernels, 16 in newer; the FIN bit is in the
   low byte */
struct tcp_skb_cb___byte {
	u8 tcp_flags;
};
struct tcp_skb_cb___word {
	u16 tcp_flags;
};
struct sockaddr_un {
	char sun_path[108];
};
struct unix_address {
	int len; /* of the whole address, family included */
	struct sockaddr_un name[0];
};
struct unix_sock {
	struct unix_address *addr;
};

/* --- bpf iterators */
struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
};
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	u32 fd;
	struct file *file;
};
struct bpf_map;
struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key;
	void *value;
};
struct linux_binprm;

#pragma clang attribute pop

/* --- user memory layouts (UAPI, 64-bit) */
struct iovec {
	u64 iov_base;
	u64 iov_len;
};
struct user_msghdr {
	u64 msg_name;
	u32 msg_namelen, pad0;
	u64 msg_iov;
	u64 msg_iovlen;
	u64 msg_control;
	u64 msg_controllen;
	u32 msg_flags, pad1;
};
struct mmsghdr {
	struct user_msghdr msg_hdr;
	u32 msg_len, pad;
};

#endif
