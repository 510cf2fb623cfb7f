// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * interp.c - telling the programs of the interpreters of processes, and the table of event loops.
 */
#include "capture_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../../bpf/interp.h"

#define LOOPS_BYTES (RS_MAX_LOOPS * sizeof(struct rs_loop))

/* --- interpreters */

/* Changes the entry of a process, which is made if there is none yet. What the programs count in it
   meanwhile may be lost. */
static int interp_change(struct capture *c, uint32_t pid,
			 void (*change)(struct interp *, const void *), const void *with)
{
	struct interp i = {};

	if (!c->loops)
		return -ENOTSUP;
	bpf_map__lookup_elem(c->bpf->maps.interps, &pid, sizeof(pid), &i, sizeof(i), 0);
	change(&i, with);
	return bpf_map__update_elem(c->bpf->maps.interps, &pid, sizeof(pid), &i, sizeof(i),
				    BPF_ANY);
}

static void change_at(struct interp *i, const void *at)
{
	*i = (struct interp){.at = *(const struct rs_interp *)at};
}

int capture_interp(struct capture *c, uint32_t pid, const struct rs_interp *interp)
{
#ifdef __x86_64__
	capture_probes_forget(c, pid); /* they would go on in the same file after an exec */
	return interp_change(c, pid, change_at, interp);
#else
	/* the thread pointer, by which a thread's state is found, is not in the task elsewhere */
	(void)c;
	(void)pid;
	(void)interp;
	(void)change_at;
	return -ENOTSUP;
#endif
}

static void change_gc(struct interp *i, const void *since)
{
	i->gc_since = *(const uint64_t *)since;
}

int capture_interp_gc(struct capture *c, uint32_t pid)
{
	struct timespec now;
	uint64_t since;

	clock_gettime(CLOCK_MONOTONIC, &now);
	since = now.tv_sec * 1000000000ULL + now.tv_nsec;
	return interp_change(c, pid, change_gc, &since);
}

/* Its threads gave their places back when they ended; unless an event of that was missed. */
static void free_loops(struct capture *c, uint32_t pid)
{
	const struct rs_loop none = {};

	for (uint32_t i = 0; i < RS_MAX_LOOPS; i++)
		if (c->loops[i].tgid == pid)
			bpf_map__update_elem(c->bpf->maps.loops, &i, sizeof(i), &none, sizeof(none),
					     BPF_ANY);
}

void capture_interp_forget(struct capture *c, uint32_t pid)
{
	if (!c->loops)
		return;
	capture_probes_forget(c, pid);
	bpf_map__delete_elem(c->bpf->maps.interps, &pid, sizeof(pid), 0);
	free_loops(c, pid);
}

/* --- event loops */

void capture_note_thread(struct capture *c, uint32_t pid)
{
	const struct bpf_map *threads = c->bpf->maps.threads;
	size_t size = bpf_map__value_size(threads);
	int fd = c->bpf->rodata->insight ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	void *nothing = fd >= 0 ? calloc(1, size) : NULL;

	if (nothing)
		bpf_map__update_elem(threads, &fd, sizeof(fd), nothing, size, BPF_NOEXIST);
	free(nothing);
	if (fd >= 0)
		close(fd);
}

int capture_loops_open(struct capture *c)
{
	void *p =
		mmap(NULL, LOOPS_BYTES, PROT_READ, MAP_SHARED, bpf_map__fd(c->bpf->maps.loops), 0);

	if (p == MAP_FAILED)
		return -errno;
	c->loops = p;
	return 0;
}

void capture_loops_close(struct capture *c)
{
	if (c->loops)
		munmap((void *)c->loops, LOOPS_BYTES);
	c->loops = NULL;
}

const volatile struct rs_loop *capture_loops(const struct capture *c)
{
	return c->loops;
}
