// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_verifier.c - every program through this kernel's verifier, with every combination of the
 * switches that the loader sets, and how many instructions that took.
 *
 * Loading is refused from a million instructions on, and a change far away can multiply them: so
 * they are compared with verified.txt, kernel by kernel, as each verifier counts differently.
 * RS_VERIFIED_UPDATE=1 writes this kernel's lines anew (`make verified`).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "../../bpf/events.h"
#include "../../user/capture/features.h"
#include "../../user/capture/object.h"

#define VERIFIED     "tests/bpf/verified.txt"
#define MAX_PROGRAMS 64
#define MAX_SWITCHES 16
#define GROWTH	     15 /* per cent */

/*
 * What the loader may set, by name: the least and the most of it (the options' bounds). A new
 * switch needs a line here, which the test asks for. Thresholds are only compared with, no code or
 * bound depends on them: they go up and down together.
 */
static const struct value {
	const char *name;
	uint64_t least, most;
	bool threshold;
} values[] = {
	{"insight", 0, 1, false},
	{"snap_in", 256, RS_MAX_SNAP, false},
	{"snap_out", 16, RS_MAX_SNAP, false},
	{"snap_head", 0, RS_MAX_HEAD, false},
	{"wake_bytes", 1024, 1 << 28, true},
	{"stall_ns", 1000000, 3600000000000, true},
	/* looked up by a variable: the verifier knows nothing of its contents */
	{"call_class", 0, 0, false},
};

/* Of these the loader takes one (user/capture/attach.c); a kernel need not have the others. */
static const struct hook {
	enum arrival_hook hook;
	const char *program, *tracepoint; /* NULL: fentry */
} hooks[] = {
	{ARRIVAL_DATA_READY, "on_data_ready", "btf_trace_sk_data_ready"},
	{ARRIVAL_READABLE, "on_readable", NULL},
	{ARRIVAL_TCP_PROBE, "on_tcp_probe", "btf_trace_tcp_probe"},
};
#define N_HOOKS (sizeof(hooks) / sizeof(*hooks))

struct count {
	char name[64];
	uint32_t insns,
		before; /* the most of all combinations; in verified.txt, 0 if it is not there */
};

struct verified {
	struct features features;
	char kernel[16]; /* "6.1" */
	const char *file;
	struct count counts[MAX_PROGRAMS];
	unsigned n, loads;
	bool have[N_HOOKS];
	bool known; /* verified.txt has lines of this kernel */
	bool plain; /* the object at hand is not the one that the loader takes here */
};

/* --- switches */

struct places {
	unsigned n, bits; /* bit 0 of a combination: the thresholds */
	struct {
		const struct value *value;
		void *at;
		uint32_t size, bit;
	} list[MAX_SWITCHES];
};

static const struct value *find_value(const char *name)
{
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		if (!strcmp(values[i].name, name))
			return &values[i];
	fail_msg("the loader can set `%s`, which the table in %s does not have: give it a line",
		 name, __FILE__);
	return NULL;
}

/* Where each switch lies in the object's read-only data, as its BTF tells. */
static void find_switches(struct reqscope_bpf *bpf, struct places *p)
{
	const struct btf *btf = bpf_object__btf(bpf->obj);
	int id = btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC);
	const struct btf_type *section = btf__type_by_id(btf, id);
	const struct btf_var_secinfo *var;

	assert_true(id > 0);
	p->bits = 1;
	var = btf_var_secinfos(section);
	for (unsigned i = 0; i < btf_vlen(section); i++, var++) {
		const char *name =
			btf__name_by_offset(btf, btf__type_by_id(btf, var->type)->name_off);
		const struct value *value = find_value(name);

		if (value->least == value->most)
			continue;
		assert_true(p->n < MAX_SWITCHES);
		p->list[p->n].value = value;
		p->list[p->n].at = (char *)bpf->rodata + var->offset;
		p->list[p->n].size = var->size;
		p->list[p->n++].bit = value->threshold ? 0 : p->bits++;
	}
}

static uint64_t value_in(const struct places *p, unsigned i, unsigned combination)
{
	const struct value *value = p->list[i].value;

	return combination >> p->list[i].bit & 1 ? value->most : value->least;
}

static void set_switches(const struct places *p, unsigned combination)
{
	for (unsigned i = 0; i < p->n; i++) {
		uint64_t to = value_in(p, i, combination);

		memcpy(p->list[i].at, &to, p->list[i].size); /* little-endian, both architectures */
	}
}

/* For messages. */
static const char *words(const struct places *p, unsigned combination)
{
	static char text[256];
	int n = 0;

	for (unsigned i = 0; i < p->n; i++)
		n += snprintf(text + n, sizeof(text) - n, " %s=%llu", p->list[i].value->name,
			      (unsigned long long)value_in(p, i, combination));
	return text;
}

/* --- loading */

static struct count *count_of(struct verified *v, const char *name)
{
	for (unsigned i = 0; i < v->n; i++)
		if (!strcmp(v->counts[i].name, name))
			return &v->counts[i];
	assert_true(v->n < MAX_PROGRAMS);
	snprintf(v->counts[v->n].name, sizeof(v->counts->name), "%s", name);
	return &v->counts[v->n++];
}

static void take_counts(struct verified *v, struct reqscope_bpf *bpf)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, bpf->obj)
	{
		struct bpf_prog_info info = {};
		uint32_t size = sizeof(info);
		struct count *c;

		if (bpf_program__fd(p) < 0)
			continue;
		assert_int_equal(bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &size), 0);
		assert_int_not_equal(info.verified_insns, 0);
		c = count_of(v, bpf_program__name(p));
		if (info.verified_insns > c->insns)
			c->insns = info.verified_insns;
	}
}

static char libbpf_said[16384]; /* of the load at hand, the verifier's log among it */
static size_t libbpf_len;

static int listen_to_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	size_t room = sizeof(libbpf_said) - libbpf_len;
	int n;

	if (level == LIBBPF_DEBUG)
		return 0;
	n = vsnprintf(libbpf_said + libbpf_len, room, format, args);
	if (n > 0)
		libbpf_len += (size_t)n < room ? (size_t)n : room - 1;
	return n;
}

/* A kernel whose functions cannot be patched, or a lockdown, refuses fentry as such; the verifier
   says EACCES, EINVAL or E2BIG. */
static bool refused(const struct hook *hook, int err)
{
	return !hook->tracepoint && (err == -EPERM || err == -ENOTSUP || err == -EOPNOTSUPP);
}

/* One combination: everything that is not another hook is loaded. The error of loading. */
static int load(struct verified *v, const struct hook *hook, unsigned *combination, unsigned *n)
{
	struct reqscope_bpf *bpf = object_open(v->features.casts && !v->plain);
	struct places p = {};
	int err;

	assert_non_null(bpf);
	find_switches(bpf, &p);
	set_switches(&p, *combination);
	*n = 1u << p.bits;
	for (size_t i = 0; i < N_HOOKS; i++)
		bpf_program__set_autoload(
			bpf_object__find_program_by_name(bpf->obj, hooks[i].program),
			&hooks[i] == hook);
	libbpf_len = 0;
	err = reqscope_bpf__load(bpf);
	if (err && !refused(hook, err))
		print_error("%s:%s: %s\n%s\n", hook->program, words(&p, *combination),
			    strerror(-err), libbpf_said);
	if (!err && !v->plain)
		take_counts(v, bpf);
	v->loads += !err;
	reqscope_bpf__destroy(bpf);
	return err;
}

static bool kernel_has(const char *typedef_name)
{
	struct btf *btf = btf__load_vmlinux_btf();
	bool has;

	assert_int_equal(libbpf_get_error(btf), 0);
	has = btf__find_by_name_kind(btf, typedef_name, BTF_KIND_TYPEDEF) > 0;
	btf__free(btf);
	return has;
}

/* All combinations with the hook that is used here; the hooks do not read the switches of the
   others, so with them the extremes do. */
static void loads_with(struct verified *v, size_t at)
{
	const struct hook *hook = &hooks[at];
	bool all = v->features.arrival == hook->hook;
	unsigned combination = 0, n;

	if (hook->tracepoint && !kernel_has(hook->tracepoint)) {
		print_message("not on this kernel: %s\n", hook->program);
		return;
	}
	do {
		int err = load(v, hook, &combination, &n);

		if (refused(hook, err)) {
			print_message("refused by this kernel: %s\n", hook->program);
			if (all) /* as attach.c goes on */
				v->features.arrival = ARRIVAL_TCP_PROBE;
			return;
		}
		assert_int_equal(err, 0);
		v->have[at] = true;
		combination += all ? 1 : n - 1;
	} while (combination < n);
}

static void loads_data_ready(void **state)
{
	loads_with(*state, 0);
}

static void loads_readable(void **state)
{
	loads_with(*state, 1);
}

static void loads_tcp_probe(void **state)
{
	loads_with(*state, 2);
}

/* That for older kernels, where it is not the one that is used: newer ones take it, too. */
static void loads_plain_object(void **state)
{
	struct verified *v = *state;
	unsigned combination, n;

	v->plain = true;
	for (size_t i = 0; i < N_HOOKS; i++) {
		if (!v->have[i])
			continue;
		combination = 0;
		assert_int_equal(load(v, &hooks[i], &combination, &n), 0);
		combination = n - 1; /* the extremes; their counts are taken on those kernels */
		assert_int_equal(load(v, &hooks[i], &combination, &n), 0);
	}
	v->plain = false;
}

static void loads_the_one_that_is_used(void **state)
{
	struct verified *v = *state;

	for (size_t i = 0; i < N_HOOKS; i++)
		if (hooks[i].hook == v->features.arrival)
			assert_true(v->have[i]);
	assert_true(v->loads >= 2);
}

/* --- the counts */

struct line {
	char kernel[16], program[64];
	unsigned insns;
};

/* 1: a line, 0: a comment, -1: neither. */
static int parse_line(const char *text, struct line *line)
{
	char rest;

	if (text[0] == '#' || text[0] == '\n')
		return 0;
	return sscanf(text, "%15s %63s %u %c", line->kernel, line->program, &line->insns, &rest) ==
			       3
		       ? 1
		       : -1;
}

static void read_verified(struct verified *v)
{
	FILE *f = fopen(v->file, "re");
	char text[256];
	struct line line;

	if (!f)
		fail_msg("%s: %s; the tests run from the top of the tree", v->file,
			 strerror(errno));
	while (fgets(text, sizeof(text), f)) {
		int kind = parse_line(text, &line);

		if (kind < 0)
			fail_msg("%s: not `kernel program instructions`: %s", v->file, text);
		if (kind && !strcmp(line.kernel, v->kernel)) {
			count_of(v, line.program)->before = line.insns;
			v->known = true;
		}
	}
	fclose(f);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct count *)a)->name, ((const struct count *)b)->name);
}

/* The other kernels' lines stay as they are. */
static void write_verified(const struct verified *v)
{
	static char kept[1 << 16];
	size_t n = 0;
	char text[256];
	struct line line;
	FILE *f = fopen(v->file, "re");

	assert_non_null(f);
	while (fgets(text, sizeof(text), f)) {
		if (parse_line(text, &line) == 1 && !strcmp(line.kernel, v->kernel))
			continue;
		assert_true(n + strlen(text) < sizeof(kept));
		n = stpcpy(kept + n, text) - kept;
	}
	fclose(f);
	f = fopen(v->file, "we");
	assert_non_null(f);
	fwrite(kept, 1, n, f);
	for (unsigned i = 0; i < v->n; i++)
		if (v->counts[i].insns)
			fprintf(f, "%-6s %-20s %7u\n", v->kernel, v->counts[i].name,
				v->counts[i].insns);
	assert_int_equal(fclose(f), 0);
}

/* Whether verified.txt has to be looked at; says how it stands. */
static bool is_off(const struct verified *v, const struct count *c)
{
	uint64_t allowed = (uint64_t)c->before * (100 + GROWTH) / 100;

	printf("  %-20s %8u", c->name, c->insns);
	if (c->before && c->insns)
		printf("  %+5.1f %%", 100.0 * ((double)c->insns - c->before) / c->before);
	printf("%s\n", !v->known	    ? ""
		       : !c->insns	    ? "  in the file, but was not loaded"
		       : !c->before	    ? "  not in the file"
		       : c->insns > allowed ? "  grew by more than 15 %"
					    : "");
	return v->known && (!c->insns || !c->before || c->insns > allowed);
}

static void instructions_do_not_grow(void **state)
{
	struct verified *v = *state;
	unsigned off = 0;

	read_verified(v);
	qsort(v->counts, v->n, sizeof(v->counts[0]), by_name);
	printf("verified instructions, the most of %u loads on %s:\n", v->loads,
	       v->features.kernel);
	for (unsigned i = 0; i < v->n; i++)
		off += is_off(v, &v->counts[i]);
	if (getenv("RS_VERIFIED_UPDATE")) {
		write_verified(v);
		return;
	}
	if (!v->known)
		printf("  %s has no lines of Linux %s: compared with nothing\n", v->file,
		       v->kernel);
	if (off)
		fail_msg("%u programs are not as %s says; if that is meant to be, `make verified` "
			 "writes "
			 "it anew",
			 off, v->file);
}

static int setup(void **state)
{
	static struct verified v;
	struct utsname u;
	unsigned major, minor;

	if (uname(&u) || sscanf(u.release, "%u.%u", &major, &minor) != 2)
		return -1;
	snprintf(v.kernel, sizeof(v.kernel), "%u.%u", major % 1000, minor % 1000);
	v.file = getenv("RS_VERIFIED") ?: VERIFIED;
	libbpf_set_print(listen_to_libbpf);
	features_probe(&v.features);
	*state = &v;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_data_ready),
		cmocka_unit_test(loads_readable),
		cmocka_unit_test(loads_tcp_probe),
		cmocka_unit_test(loads_plain_object),
		cmocka_unit_test(loads_the_one_that_is_used),
		cmocka_unit_test(instructions_do_not_grow),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
