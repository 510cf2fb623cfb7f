// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * probe.c - probes in a process's own files: uprobes at instructions that the kernel can stand in
 * for. Any other would be executed out of line, single-stepped, at twenty times the price and more.
 */
#include "capture_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "callsites.h"
#include "stapsdt.h"
#include "uprobe.h"
#include "../../bpf/interp.h"

/* One probe of one process. */
struct probe {
	struct probe *next;
	struct bpf_link *link; /* NULL: it is fd */
	int fd;
	const struct bpf_program *program;
	uint64_t cookie;
	uint32_t pid;
};

#ifdef __x86_64__

#define CODE_BYTES 16

static bool is_push(const uint8_t *p)
{
	if (p[0] == 0x41)
		p++;
	return p[0] >= 0x50 && p[0] <= 0x57;
}

static bool is_nop(const uint8_t *p)
{
	return p[0] == 0x90 || (p[0] == 0x0f && p[1] == 0x1f);
}

/* arch/x86/kernel/uprobes.c: push_setup_xol_ops(), branch_setup_xol_ops() */
static bool is_emulated(const uint8_t *p)
{
	return is_push(p) || is_nop(p) || p[0] == 0xe8 || p[0] == 0xe9 || p[0] == 0xeb;
}

/* endbr64, where functions may begin, changes nothing: the instruction behind it does as well. */
static bool is_endbr(const uint8_t *p)
{
	return p[0] == 0xf3 && p[1] == 0x0f && p[2] == 0x1e && p[3] == 0xfa;
}

/* Where at or after a function's first instruction a probe is cheap. 0 or a negative errno. */
static int probe_place(const char *file, uint64_t *offset, const char **why)
{
	uint8_t code[CODE_BYTES] = {};
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n;

	if (fd < 0) {
		*why = "its file cannot be opened";
		return -errno;
	}
	n = pread(fd, code, sizeof(code), (off_t)*offset);
	close(fd);
	if (n != sizeof(code)) {
		*why = "its code cannot be read";
		return -EINVAL;
	}
	if (is_endbr(code) && is_emulated(code + 4))
		*offset += 4;
	else if (!is_emulated(code)) {
		*why = "its first instruction would have to be single-stepped";
		return -ENOTSUP;
	}
	return 0;
}

#else

static int probe_place(const char *file, uint64_t *offset, const char **why)
{
	(void)file;
	(void)offset;
	*why = "probes are placed on x86_64 only";
	return -ENOTSUP;
}

#endif

static const char *explain(int err)
{
	if (err == -EPERM || err == -EACCES)
		return "CAP_SYS_ADMIN is missing, which kernels before 6.6 want for probes";
	if (err == -ESRCH || err == -ENOENT)
		return "the process has gone";
	if (err == -ENOMEM)
		return "out of memory";
	return "the kernel refused it";
}

struct place {
	uint32_t pid;
	const char *file;
	uint64_t offset, semaphore, cookie;
};

static int attach(struct capture *c, struct probe *p, struct bpf_program *program,
		  const struct place *at)
{
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .ref_ctr_offset = at->semaphore,
		    .bpf_cookie = at->cookie);

	if (c->features.uprobe_links) {
		p->fd = uprobe_link(program, at->pid, at->file, at->offset, at->semaphore,
				    at->cookie);
		return p->fd < 0 ? p->fd : 0;
	}
	p->link = bpf_program__attach_uprobe_opts(program, (pid_t)at->pid, at->file, at->offset,
						  &opts);
	return p->link ? 0 : -errno;
}

static int check_looked_at(const struct capture *c, const char **why)
{
	*why = c->loops ? "" : "the interpreter is not looked at";
	return c->loops ? 0 : -ENOTSUP;
}

static int place(struct capture *c, struct bpf_program *program, struct place at, const char **why)
{
	int err = probe_place(at.file, &at.offset, why);
	struct probe *p;

	if (err)
		return err;
	p = calloc(1, sizeof(*p));
	err = p ? attach(c, p, program, &at) : -ENOMEM;
	if (err) {
		free(p);
		*why = explain(err);
		return err;
	}
	p->next = c->probes;
	p->program = program;
	p->cookie = at.cookie;
	p->pid = at.pid;
	c->probes = p;
	return 0;
}

static void probe_remove(struct probe **at)
{
	struct probe *p = *at;

	*at = p->next;
	if (p->link)
		bpf_link__destroy(p->link);
	else
		close(p->fd);
	free(p);
}

/* program: NULL for all of them */
static void remove_probes(struct capture *c, uint32_t pid, const struct bpf_program *program)
{
	for (struct probe **at = &c->probes; *at;)
		if ((*at)->pid == pid && (!program || (*at)->program == program))
			probe_remove(at);
		else
			at = &(*at)->next;
}

_Static_assert(CALLSITES_MAX <= RS_PLACES, "each place has a number");

int capture_probe_queue(struct capture *c, uint32_t pid, const char *file, const char **why)
{
	struct callsites calls;
	int err = check_looked_at(c, why);

	if (err)
		return err;
	err = callsites_find(file, "PySet_Add", &calls);
	if (err) {
		*why = err == -ENOENT ? "this build of it does not call PySet_Add in a known way"
				      : "its file cannot be read";
		return err;
	}
	for (unsigned i = 0; i < calls.n && !err; i++)
		err = place(c, c->bpf->progs.on_set_add,
			    (struct place){pid, file, calls.offsets[i], 0, i}, why);
	if (err)
		remove_probes(c, pid, c->bpf->progs.on_set_add);
	return err;
}

unsigned capture_trim_queue(struct capture *c, uint32_t pid)
{
	struct interp i = {};
	unsigned n = 0;

	if (!c->loops ||
	    bpf_map__lookup_elem(c->bpf->maps.interps, &pid, sizeof(pid), &i, sizeof(i), 0))
		return 0;
	for (struct probe **at = &c->probes; *at;) {
		const struct probe *p = *at;

		if (p->pid != pid || p->program != c->bpf->progs.on_set_add ||
		    i.writers & 1U << p->cookie || i.misses[p->cookie] < RS_PLACE_MISSES) {
			at = &(*at)->next;
			continue;
		}
		probe_remove(at);
		n++;
	}
	return n;
}

static int place_all(struct capture *c, struct bpf_program *program, uint32_t pid, const char *file,
		     const struct stapsdt *at, const char **why)
{
	int err = 0;

	for (uint32_t i = 0; i < at->n && !err; i++)
		err = place(c, program,
			    (struct place){pid, file, at->places[i].offset, at->places[i].semaphore,
					   at->places[i].argument},
			    why);
	return err;
}

/* The ends first: of what begins, the end is then seen too. */
int capture_probe_gc(struct capture *c, uint32_t pid, const char *file, const char **why)
{
	struct stapsdt start, done;
	int err = check_looked_at(c, why);

	if (err)
		return err;
	err = stapsdt_find(file, "python", "gc__start", &start);
	if (!err)
		err = stapsdt_find(file, "python", "gc__done", &done);
	if (err) {
		*why = err == -ENOENT ? "the build has no probes of its own (USDT)"
				      : "its file cannot be read";
		return err;
	}
	err = place_all(c, c->bpf->progs.on_gc_done, pid, file, &done, why);
	if (!err)
		err = place_all(c, c->bpf->progs.on_gc_start, pid, file, &start, why);
	return err ? err : capture_interp_gc(c, pid);
}

void capture_probes_forget(struct capture *c, uint32_t pid)
{
	remove_probes(c, pid, NULL);
}

void capture_probes_close(struct capture *c)
{
	while (c->probes)
		probe_remove(&c->probes);
}
