/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * copy.bpf.h - a bounded prefix of each buffer of a segment, and its tail, into a record.
 *
 * The state of the copy lives in the record, and one step is a global function, which the verifier
 * checks once by itself; as a plain loop it explores every combination of the steps' outcomes.
 */
#ifndef RS_COPY_BPF_H
#define RS_COPY_BPF_H

static __always_inline struct record *record_get(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&records, &zero);
}

/* Appends a piece, if there is room (the buffer is larger than the mask by one piece, so the last one
   may reach beyond it): `n` bytes from user address `from`, which stand at `at` in the segment. */
static __always_inline void piece_add(struct record *r, u64 from, u32 at, u32 n)
{
	u32 off = r->copy.fill & RS_RECORD_MASK & ~7U;
	struct rs_piece *piece = (struct rs_piece *)&r->buf[off];

	if (r->copy.fill > RS_RECORD_MASK) /* full: what is missing shows as not copied */
		return;
	if (n > RS_MAX_SNAP)
		n = RS_MAX_SNAP;
	/* keeps clang from using a copy of n whose bound the verifier has not seen */
	asm volatile("" : "+r"(n));
	if (n > RS_MAX_SNAP)
		return;
	if (bpf_probe_read_user(&r->buf[off + sizeof(*piece)], n, (void *)from)) {
		r->ev.h.flags |= RS_F_FAULT;
		count(RS_CNT_FAULTS);
		return;
	}
	piece->at = at;
	piece->len = n;
	r->ev.n_pieces++;
	r->copy.fill = off + sizeof(*piece) + ((n + 7) & ~7U);
}

static __always_inline bool starts_head(u64 base)
{
	char start[8] = {};

	bpf_probe_read_user(start, 7, (void *)base);
	return start[0] == 'H' && start[1] == 'T' && start[2] == 'T' && start[3] == 'P' &&
	       start[4] == '/' && start[5] == '1' && start[6] == '.';
}

/* Looking whether a short buffer starts a head costs more than copying it. */
#define SHORT_BUFFER 256
static __always_inline u32 prefix_length(bool out, u64 base, u32 len)
{
	u32 limit = snap_in;

	if (out)
		limit = len <= SHORT_BUFFER || starts_head(base) ? snap_head : snap_out;
	return len < limit ? len : limit;
}

/* Copies the prefix of buffer i. Returns 0 to go on, 1 when the segment is through. */
__attribute__((noinline)) int copy_step(u32 i)
{
	struct record *r = record_get();
	struct iovec v = {};
	struct copy *c;
	u32 n;

	if (!r)
		return 1;
	c = &r->copy;
	if (!c->iov) {
		v.iov_base = c->base;
		v.iov_len = c->len;
	} else if (i >= c->count ||
		   bpf_probe_read_user(&v, sizeof(v), (void *)(c->iov + i * sizeof(v)))) {
		return 1;
	}
	if (v.iov_len > c->len - c->at)
		v.iov_len = c->len - c->at;
	if (!v.iov_len)
		return 0;
	n = prefix_length(c->out, v.iov_base, v.iov_len);
	if (c->fill > RS_RECORD_MASK - 2 * RS_TAIL) /* room for the tail is left */
		n = 0;
	else
		piece_add(r, v.iov_base, c->at, n);
	if (n > RS_MAX_SNAP) { /* a long head goes in two */
		if (c->fill > RS_RECORD_MASK - 2 * RS_TAIL)
			n = RS_MAX_SNAP;
		else
			piece_add(r, v.iov_base + RS_MAX_SNAP, c->at + RS_MAX_SNAP,
				  n - RS_MAX_SNAP);
	}
	c->at += v.iov_len;
	c->end = v.iov_base + v.iov_len;
	c->rest = v.iov_len - n;
	return c->at >= c->len;
}

/*
 * Copies of a call's segment what is wanted: each buffer's prefix, and the last RS_TAIL bytes if the last
 * buffer was not copied whole. arg, next: the call's second and third arguments. Checked once by itself,
 * too.
 */
__attribute__((noinline)) int segment_copy(u64 arg, u64 next, u32 class)
{
	struct record *r = record_get();
	u32 n;

	if (!r)
		return 0;
	call_buffers(arg, next, class, &r->copy);
	for (u32 i = 0; i < RS_MAX_PIECES - 4; i++)
		if (copy_step(i))
			break;
	if (r->copy.at == r->copy.len && r->copy.rest) {
		n = r->copy.rest < RS_TAIL ? r->copy.rest : RS_TAIL;
		piece_add(r, r->copy.end - n, r->copy.len - n, n);
	}
	return 0;
}

#endif
