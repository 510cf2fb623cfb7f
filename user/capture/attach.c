// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * attach.c - loading the programs, attaching them, entering the target.
 */
#include "capture_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "object.h"
#include "proc.h"
#include "uprobe.h"
#include "../../bpf/call_class.h"

/* By name, so that each architecture's own numbers come from its headers. */
static const struct {
	int nr;
	uint8_t class;
} calls[] = {
#ifdef SYS_accept
	{SYS_accept, CALL_ACCEPT},
#endif
	{SYS_accept4, CALL_ACCEPT},	  {SYS_connect, CALL_CONNECT},	 {SYS_listen, CALL_LISTEN},
	{SYS_close, CALL_CLOSE},	  {SYS_shutdown, CALL_SHUTDOWN}, {SYS_read, CALL_READ},
	{SYS_readv, CALL_READV},	  {SYS_recvfrom, CALL_RECV},	 {SYS_recvmsg, CALL_RECVMSG},
	{SYS_recvmmsg, CALL_RECVMMSG},	  {SYS_write, CALL_WRITE},	 {SYS_writev, CALL_WRITEV},
	{SYS_sendto, CALL_SEND},	  {SYS_sendmsg, CALL_SENDMSG},
	{SYS_sendmmsg, CALL_SENDMMSG},	  {SYS_sendfile, CALL_SENDFILE},
};

/* Waits: of use only where the interpreter is looked at. */
static const struct {
	int nr;
	uint8_t class;
} waits[] = {
#ifdef SYS_epoll_wait
	{SYS_epoll_wait, CALL_EPOLL},
#endif
#ifdef SYS_poll
	{SYS_poll, CALL_POLL},
#endif
#ifdef SYS_select
	{SYS_select, CALL_POLL},
#endif
	{SYS_epoll_pwait, CALL_EPOLL}, {SYS_epoll_pwait2, CALL_EPOLL}, {SYS_ppoll, CALL_POLL},
	{SYS_pselect6, CALL_POLL},     {SYS_futex, CALL_FUTEX},
};

static int fail(char *error, size_t size, int err, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
static int fail(char *error, size_t size, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, size, format, args);
	va_end(args);
	return err;
}

/* A ring's size must be a power of two and a multiple of the page size. */
static uint32_t ring_bytes(uint32_t kib)
{
	uint64_t want = (uint64_t)kib * 1024, size = sysconf(_SC_PAGESIZE);

	while (size < want && size < 1u << 30)
		size *= 2;
	return size;
}

static void configure_insight(struct capture *c, const struct capture_options *o)
{
	struct reqscope_bpf *bpf = c->bpf;
	struct bpf_program *const probes[] = {bpf->progs.on_set_add, bpf->progs.on_gc_start,
					      bpf->progs.on_gc_done};

	for (size_t i = 0; o->insight && i < sizeof(waits) / sizeof(*waits); i++)
		bpf->rodata->call_class[waits[i].nr] = waits[i].class;
	bpf->rodata->insight = o->insight;
	bpf->rodata->stall_ns = o->stall_ns;
	for (size_t i = 0; i < sizeof(probes) / sizeof(*probes); i++) {
		bpf_program__set_autoload(probes[i], o->insight);
		bpf_program__set_autoattach(probes[i], false); /* by process (probe.c) */
		if (c->features.uprobe_links)
			uprobe_prepare(probes[i]);
	}
}

static void configure(struct capture *c, const struct capture_options *o)
{
	struct reqscope_bpf *bpf = c->bpf;
	uint32_t ring = ring_bytes(o->ring_kib);

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		bpf->rodata->call_class[calls[i].nr] = calls[i].class;
	bpf->rodata->snap_in = o->snap_in;
	bpf->rodata->snap_out = o->snap_out;
	bpf->rodata->snap_head = o->snap_head;
	bpf->rodata->wake_bytes = ring / 4;
	configure_insight(c, o);
	bpf_map__set_max_entries(bpf->maps.ring, ring);
	bpf_map__set_max_entries(bpf->maps.conns, o->max_conns);
	/* the iterators are run when they are needed (census.c) */
	bpf_program__set_autoattach(bpf->progs.census_listeners, false);
	bpf_program__set_autoattach(bpf->progs.census_sockets, false);
	bpf_program__set_autoattach(bpf->progs.census_conns, false);
	bpf_program__set_autoload(bpf->progs.on_data_ready,
				  c->features.arrival == ARRIVAL_DATA_READY);
	bpf_program__set_autoload(bpf->progs.on_readable, c->features.arrival == ARRIVAL_READABLE);
	bpf_program__set_autoload(bpf->progs.on_tcp_probe, c->features.arrival == ARRIVAL_TCP_PROBE);
}

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

/* What a kernel seemed to have and refused all the same: fentry (lockdown, no ftrace), or casts in a kind
   of program. Returns whether there is something left to do without. */
static bool do_without(struct features *f)
{
	if (f->casts)
		f->casts = false;
	else if (f->arrival == ARRIVAL_READABLE)
		f->arrival = ARRIVAL_TCP_PROBE;
	else
		return false;
	return true;
}

static int load_and_attach(struct capture *c, const struct capture_options *o)
{
	int err;

	for (;;) {
		c->bpf = object_open(c->features.casts);
		if (!c->bpf)
			return -errno;
		configure(c, o);
		err = reqscope_bpf__load(c->bpf);
		if (!err)
			err = capture_enter_target(c, o);
		if (!err)
			err = reqscope_bpf__attach(c->bpf);
		if (!err || err == -ESRCH || !do_without(&c->features))
			return err;
		reqscope_bpf__destroy(c->bpf);
		c->bpf = NULL;
	}
}

static uint32_t *sieve_place(struct capture *c, uint32_t pid)
{
	return &c->bpf->bss->sieve[pid % (sizeof(c->bpf->bss->sieve) / sizeof(uint32_t))];
}

/* As sieve_enter() of the kernel side does it. */
static void sieve_enter(struct capture *c, uint32_t pid)
{
	uint32_t other = 0;

	if (!__atomic_compare_exchange_n(sieve_place(c, pid), &other, pid, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST) &&
	    other != pid)
		__atomic_store_n(sieve_place(c, pid), RS_SIEVE_ASK, __ATOMIC_SEQ_CST);
}

static int enter_process(struct capture *c, uint32_t pid)
{
	uint32_t zero = 0;
	int err;

	capture_note_thread(c, pid);
	err = bpf_map__update_elem(c->bpf->maps.targets, &pid, sizeof(pid), &zero, sizeof(zero),
				   BPF_ANY);
	if (!err)
		sieve_enter(c, pid);
	return err;
}

/* The roots and, until no new one turns up, their descendants: a process forked while we look is
   found by the next round or, once attached, told by sched_process_fork. */
static int enter_tree(struct capture *c, uint32_t root)
{
	struct proc_tree tree = {};
	int err = proc_descendants(root, &tree);

	for (uint32_t i = 0; !err && i < tree.n; i++)
		err = enter_process(c, tree.pids[i]);
	free(tree.pids);
	return err;
}

int capture_enter_target(struct capture *c, const struct capture_options *o)
{
	uint8_t one = 1;
	int err = 0;

	for (uint32_t i = 0; i < o->n_ports && !err; i++)
		err = bpf_map__update_elem(c->bpf->maps.followed_ports, &o->ports[i],
					   sizeof(o->ports[i]), &one, sizeof(one), BPF_ANY);
	for (uint32_t i = 0; i < o->n_pids && !err; i++)
		err = enter_tree(c, o->pids[i]);
	return err;
}

int capture_add_process(struct capture *c, uint32_t pid)
{
	int err = enter_tree(c, pid);

	return err ? err : capture_census_process(c, pid);
}

void capture_forget_process(struct capture *c, uint32_t pid)
{
	capture_interp_forget(c, pid);
	__atomic_store_n(sieve_place(c, pid), RS_SIEVE_ASK, __ATOMIC_SEQ_CST);
	bpf_map__delete_elem(c->bpf->maps.targets, &pid, sizeof(pid), 0);
}

void capture_process_ended(struct capture *c, uint32_t pid)
{
	capture_interp_forget(c, pid);
}

/* The pid may be another process's by now: one of the target's, then it is not marked, or a stranger's. */
static bool forget_ended(struct capture *c, uint32_t pid)
{
	uint32_t exiting = 0;

	if (bpf_map__lookup_elem(c->bpf->maps.targets, &pid, sizeof(pid), &exiting, sizeof(exiting),
				 0) ||
	    !exiting || proc_closes_files(pid))
		return exiting;
	bpf_map__delete_elem(c->bpf->maps.targets, &pid, sizeof(pid), 0);
	return false;
}

uint32_t capture_forget_ended(struct capture *c)
{
	struct bpf_map *map = c->bpf->maps.targets;
	uint32_t key, next, left = 0;
	int err = bpf_map__get_next_key(map, NULL, &key, sizeof(key));

	for (uint32_t n = bpf_map__max_entries(map); !err && n; n--) { /* it may change meanwhile */
		err = bpf_map__get_next_key(map, &key, &next, sizeof(next));
		left += forget_ended(c, key);
		key = next;
	}
	return left;
}

/* Once more with the programs live, for what was forked in between; then what the processes hold:
   listeners of all first, since they tell which connections were accepted. */
static int take_stock(struct capture *c, const struct capture_options *o)
{
	uint32_t key = 0, *at = NULL, pids[1024];
	uint32_t n = 0;
	int err;

	err = capture_enter_target(c, o);
	if (err)
		return err;
	while (n < 1024 && !bpf_map__get_next_key(c->bpf->maps.targets, at, &key, sizeof(key))) {
		pids[n++] = key;
		at = &key;
	}
	for (uint32_t i = 0; i < n && !err; i++)
		err = capture_census_listeners(c, pids[i], NULL, NULL);
	c->bpf->bss->listeners_known = 1;
	for (uint32_t i = 0; i < n && !err; i++)
		err = capture_census_process(c, pids[i]);
	return err;
}

static int explain(struct capture *c, int err, char *error, size_t size)
{
	if (err == -EPERM || err == -EACCES)
		return fail(error, size, -EPERM,
			    "the kernel refused to load the BPF programs (%s): CAP_BPF and CAP_PERFMON are "
			    "needed, and a lockdown above 'integrity' forbids it",
			    strerror(-err));
	if (err == -ENOMEM || err == -E2BIG)
		return fail(error, size, err, "no memory for the BPF maps; try a smaller --ring-kib");
	if (err == -ESRCH)
		return fail(error, size, err, "the target has gone");
	return fail(error, size, err, "cannot load the BPF programs on kernel %s: %s", c->features.kernel,
		    strerror(-err));
}

int capture_open(struct capture **out, const struct capture_options *o, char *error, size_t size)
{
	struct capture *c = calloc(1, sizeof(*c));
	int err;

	*out = c;
	if (!c)
		return fail(error, size, -ENOMEM, "out of memory");
	features_probe(&c->features);
	err = features_check(&c->features, error, size);
	if (err)
		return err;
	if (!getenv("REQSCOPE_LIBBPF"))
		libbpf_set_print(quiet);
	err = load_and_attach(c, o);
	if (!err)
		err = take_stock(c, o);
	if (!err)
		err = capture_ring_open(c);
	if (!err && o->insight)
		err = capture_loops_open(c);
	return err ? explain(c, err, error, size) : 0;
}

void capture_close(struct capture *c)
{
	if (!c)
		return;
	capture_ring_close(c);
	capture_loops_close(c);
	capture_probes_close(c);
	reqscope_bpf__destroy(c->bpf);
	free(c);
}

const char *capture_arrival_hook(const struct capture *c)
{
	return arrival_hook_names[c->features.arrival];
}

unsigned capture_programs(const struct capture *c)
{
	struct bpf_program *p;
	unsigned n = 0;

	bpf_object__for_each_program(p, c->bpf->obj)
		n += bpf_program__fd(p) >= 0;
	return n;
}
