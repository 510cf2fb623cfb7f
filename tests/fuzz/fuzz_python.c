/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_python.c - an interpreter whose memory is damaged, and goes on changing while it is read.
 * Input: one byte for the version, then changes of 8 bytes: when (0: before all, else at that
 * reading), how, where (2 bytes, in words), and 4 bytes of a value.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/python/routes.h"
#include "../unit/pyimage.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)           \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

#define CHANGE	    8
#define MAX_CHANGES 64

/* An image of each version, as it was made. */
static struct pristine {
	struct image *image;
	uint8_t *bytes;
} all[16];

static const uint8_t *changes;
static size_t n_changes;

static struct image *restored(unsigned version)
{
	const struct py_offsets *known;
	struct pristine *p;
	unsigned n;

	known = py_offsets_all(&n);
	p = &all[version % n];
	if (!p->image) {
		p->image = image_new(known[version % n].version);
		image_app(p->image);
		p->bytes = malloc(p->image->used);
		MUST(p->bytes);
		memcpy(p->bytes, p->image->bytes, p->image->used);
	}
	memcpy(p->image->bytes, p->bytes, p->image->used);
	p->image->reads = 0;
	return p->image;
}

/* Values that go further than random ones: addresses, small numbers, what lies elsewhere. */
static void change(struct image *im, const uint8_t *c)
{
	uint64_t at = IMAGE_BASE + (c[2] | c[3] << 8) * 8 % (im->used - 8), value;
	uint32_t v;

	memcpy(&v, c + 4, 4);
	switch (c[1] % 6) {
	case 0:
		value = IMAGE_BASE + v % im->used;
		break;
	case 1:
		value = v;
		break;
	case 2:
		value = image_get(im, IMAGE_BASE + (v & ~7U) % (im->used - 8));
		break;
	case 3:
		value = image_get(im, at) ^ 1ULL << v % 64;
		break;
	case 4:
		value = image_get(im, at) + (int32_t)v;
		break;
	default:
		value = (uint64_t)v << 32 | v;
	}
	image_put(im, at, value);
}

static void meddle(struct image *im)
{
	for (size_t i = 0; i < n_changes; i++)
		if (changes[i * CHANGE] && changes[i * CHANGE] == im->reads)
			change(im, changes + i * CHANGE);
}

static void check_entry(const struct py_routes *r, uint32_t i)
{
	const struct route_entry *e = &r->entries[i];

	MUST(e->template && memchr(e->method, '\0', sizeof(e->method)) && *e->method);
	MUST(!e->place || (*e->place && strlen(e->place) < PY_PLACE_MAX));
	MUST(e->scope == ROUTE_NO_SCOPE || e->scope <= i);
}

static void use(const struct py_routes *r)
{
	struct router *router = router_new(100);
	struct route_ask ask = {
		.method = "GET", .path = "/sub/a/b", .path_len = 8, .host = "a.example"};

	MUST(router);
	MUST(r->n_watch <= PY_WATCH_MAX);
	for (uint32_t i = 0; i < r->n; i++)
		check_entry(r, i);
	MUST(!router_replace_app(router, r->entries, r->n, NULL));
	MUST(router_match_ask(router, &ask));
	router_free(router);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[160] = "";
	struct py_routes r;
	struct image *im;
	struct py py;

	if (!size)
		return 0;
	im = restored(data[0]);
	changes = data + 1;
	n_changes = (size - 1) / CHANGE;
	if (n_changes > MAX_CHANGES)
		n_changes = MAX_CHANGES;
	for (size_t i = 0; i < n_changes; i++)
		if (!changes[i * CHANGE])
			change(im, changes + i * CHANGE);
	im->meddle = meddle;
	if (py_open(&py, image_read, im, &im->symbols, why, sizeof(why))) {
		MUST(*why && !py.mem);
		return 0;
	}
	if (!py_routes_read(&py, "/srv/app", &r, why, sizeof(why)))
		use(&r);
	else
		MUST(*why);
	py_routes_free(&r);
	py_close(&py);
	return 0;
}
