/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * kread.bpf.h - reading the kernel's objects behind pointers of which the verifier knows no type.
 *
 * Since 6.2 (kernel commit a35b9af4ec2c) a program can say what a pointer points to, and then loads
 * from it directly: a field that cannot be read is 0, as it is after the helper call that does the same
 * and costs some 30 ns more. Where the kernel lacks the function for it, libbpf 1.1 loads no object that
 * names it, unless it may list the types of modules (CAP_SYS_ADMIN). So there are two objects, of which
 * the loader takes one (user/capture/object.c): reqscope.bpf.c, and reqscope_plain.bpf.c without it.
 */
#ifndef RS_KREAD_BPF_H
#define RS_KREAD_BPF_H

#ifndef RS_NO_CASTS
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym;

#define CAST(p) ((typeof(*(p)) *)bpf_rdonly_cast(p, bpf_core_type_id_kernel(typeof(*(p)))))
/* p->field; p is a pointer to one of the types in vmlinux.h, not to a flavour of one. */
#define KREAD(p, field) (CAST(p)->field)
/* What an array of pointers holds: a hlist_node is one pointer, and a type. */
static __always_inline void *kread_pointer(const void *at)
{
	return CAST((const struct hlist_node *)at)->next;
}
#else
#define KREAD(p, field) BPF_CORE_READ(p, field)
static __always_inline void *kread_pointer(const void *at)
{
	void *p = NULL;

	bpf_probe_read_kernel(&p, sizeof(p), at);
	return p;
}
#endif

#endif
