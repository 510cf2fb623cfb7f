// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * reader.c - draining the ring, and the kernel side's counters.
 */
#include "capture_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNED(n) (((n) + 7) & ~(size_t)7)

static void keep_record(struct kept *k, const void *record, size_t size)
{
	uint64_t head = size;
	size_t need = k->size + sizeof(head) + ALIGNED(size);

	if (need > k->room) {
		size_t room = need + need / 2 + 65536;
		char *bytes = realloc(k->bytes, room);

		if (!bytes)
			return;
		k->bytes = bytes;
		k->room = room;
	}
	memcpy(k->bytes + k->size, &head, sizeof(head));
	memcpy(k->bytes + k->size + sizeof(head), record, size);
	k->size = need;
}

static int take_record(void *ctx, void *record, size_t size)
{
	struct capture *c = ctx;

	if (c->take)
		c->take(c->take_ctx, record, size);
	else
		keep_record(&c->kept, record, size);
	return 0;
}

int capture_ring_open(struct capture *c)
{
	c->ring = ring_buffer__new(bpf_map__fd(c->bpf->maps.ring), take_record, c, NULL);
	return c->ring ? 0 : -errno;
}

void capture_ring_close(struct capture *c)
{
	ring_buffer__free(c->ring);
	free(c->kept.bytes);
}

int capture_fd(const struct capture *c)
{
	return ring_buffer__epoll_fd(c->ring);
}

/* Returns how many. */
static int take_kept(struct capture *c)
{
	struct kept kept = c->kept;
	int n = 0;

	c->kept = (struct kept){};
	for (size_t at = 0; at < kept.size; n++) {
		uint64_t size;

		memcpy(&size, kept.bytes + at, sizeof(size));
		c->take(c->take_ctx, kept.bytes + at + sizeof(size), size);
		at += sizeof(size) + ALIGNED(size);
	}
	free(kept.bytes);
	return n;
}

int capture_drain(struct capture *c, capture_record take, void *ctx)
{
	int kept, n;

	c->take = take;
	c->take_ctx = ctx;
	kept = take_kept(c);
	n = ring_buffer__consume(c->ring);
	c->take = NULL;
	return n < 0 ? n : kept + n;
}

void capture_relieve(struct capture *c)
{
	if (!c->take && c->kept.size < CAPTURE_KEPT) /* who takes records may be busy, too */
		ring_buffer__consume(c->ring);
}

static uint64_t counter_sum(struct capture *c, uint32_t which)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t sum = 0, *values = cpus > 0 ? calloc(cpus, sizeof(*values)) : NULL;

	if (values && !bpf_map__lookup_elem(c->bpf->maps.counters, &which, sizeof(which), values,
					    cpus * sizeof(*values), 0))
		for (int i = 0; i < cpus; i++)
			sum += values[i];
	free(values);
	return sum;
}

/* A tracing program that is entered while it runs on the same CPU is skipped by the kernel. */
static uint64_t missed_runs(struct capture *c)
{
	struct bpf_program *p;
	uint64_t sum = 0;

	bpf_object__for_each_program(p, c->bpf->obj) {
		struct bpf_prog_info info = {};
		uint32_t size = sizeof(info);

		if (bpf_program__fd(p) >= 0 &&
		    !bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &size))
			sum += info.recursion_misses;
	}
	return sum;
}

void capture_counts(struct capture *c, struct capture_counts *counts)
{
	counts->dropped = counter_sum(c, RS_CNT_DROPPED);
	counts->events = counter_sum(c, RS_CNT_EVENTS);
	counts->evicted = counter_sum(c, RS_CNT_EVICTED);
	counts->cut = counter_sum(c, RS_CNT_CUT);
	counts->faults = counter_sum(c, RS_CNT_FAULTS);
	counts->no_state = counter_sum(c, RS_CNT_NO_STATE);
	counts->no_fd = counter_sum(c, RS_CNT_NO_FD);
	counts->missed = missed_runs(c);
}
