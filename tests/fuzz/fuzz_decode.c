/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_decode.c - any bytes as a record from the ring: what is taken lies within it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/core/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(x)                                                      \
	do {                                                            \
		if (!(x)) {                                             \
			fprintf(stderr, "line %d: %s\n", __LINE__, #x); \
			abort();                                        \
		}                                                       \
	} while (0)

static volatile uint64_t sum;

/* Reads all of it, so that ASan sees what lies outside. */
static void touch(const void *data, size_t n)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < n; i++)
		sum += p[i];
}

static void touch_head(const struct event *e)
{
	switch (e->h->type) {
	case RS_EV_OPEN:
		touch(e->open, sizeof(*e->open));
		break;
	case RS_EV_IN:
	case RS_EV_OUT:
		touch(e->data, sizeof(*e->data));
		break;
	case RS_EV_EOF:
	case RS_EV_CLOSE:
		touch(e->close, sizeof(*e->close));
		break;
	case RS_EV_PROC:
		touch(e->proc, sizeof(*e->proc));
		break;
	case RS_EV_LISTEN:
		touch(e->listen, sizeof(*e->listen));
		break;
	case RS_EV_STALL:
		touch(e->stall, sizeof(*e->stall));
		REQUIRE(e->stall->start <= e->h->ts);
		break;
	case RS_EV_PAUSE:
		touch(e->pause, sizeof(*e->pause));
		REQUIRE(e->pause->start <= e->h->ts);
		break;
	case RS_EV_LOGGED:
		touch(e->logged, sizeof(*e->logged));
		REQUIRE(e->error == &e->logged->error);
		break;
	default:
		REQUIRE(!"a type that is known");
	}
}

static void check_error(const struct event *e)
{
	if (!e->error)
		return;
	REQUIRE(e->h->type == RS_EV_LOGGED ||
		(e->h->type == RS_EV_OUT && e->h->flags & RS_F_ERROR));
	touch(e->error, sizeof(*e->error));
	REQUIRE(e->error->n_frames <= RS_MAX_FRAMES && e->error->n_frames <= e->error->depth);
	REQUIRE(strlen(e->error->name) < RS_TYPE_NAME);
}

static void check(const struct event *e)
{
	uint64_t at = 0;

	touch_head(e);
	check_error(e);
	REQUIRE(e->n_arrivals <= RS_MAX_ARRIVALS && e->n_pieces <= RS_MAX_PIECES);
	touch(e->arrivals, e->n_arrivals * sizeof(*e->arrivals));
	for (uint32_t i = 0; i < e->n_pieces; i++) {
		REQUIRE(e->pieces[i].at >= at);
		at = (uint64_t)e->pieces[i].at + e->pieces[i].len;
		REQUIRE(at <= e->data->len);
		touch(e->pieces[i].data, e->pieces[i].len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* a copy of exactly this size: malloc() aligns it, and what follows it is poisoned */
	uint8_t *record = malloc(size ? size : 1);
	struct event e;

	REQUIRE(record);
	memcpy(record, data, size);
	if (!event_decode(record, size, &e))
		check(&e);
	free(record);
	return 0;
}
