// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * recfile_write.c - facts to blocks, blocks to compressed bytes.
 *
 * A begin is not written at once: most requests end within the block in which they began, and their
 * end tells both. Only those that are still open when the block is closed have a fact of their own.
 */
#include "recfile_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#define LEVEL 4 /* of zlib: 6 takes a third more time for 1 % less (docs/recording.md) */

struct recfile_writer *recfile_writer_new(int64_t wall_offset)
{
	struct recfile_writer *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->wall_offset = wall_offset;
	w->new_file = true;
	dict_reset(&w->kinds);
	dict_reset(&w->conns);
	dict_reset(&w->paths);
	return w;
}

void recfile_writer_free(struct recfile_writer *w)
{
	if (!w)
		return;
	free(w->text.p);
	free(w->nums.p);
	free(w->out.p);
	free(w->begins);
	free(w->routes);
	hashmap_free(&w->open);
	free(w);
}

void recfile_set_head(struct recfile_writer *w, const struct recfile_head *head)
{
	w->file = *head;
}

void recfile_set_wall(struct recfile_writer *w, int64_t wall_offset)
{
	w->wall_offset = wall_offset;
}

void recfile_new_file(struct recfile_writer *w)
{
	w->new_file = true;
	recfile_repeat(w);
}

void recfile_repeat(struct recfile_writer *w)
{
	for (uint32_t i = 0; i < w->cap_routes; i++)
		w->routes[i].folded = false;
}

size_t recfile_pending(const struct recfile_writer *w)
{
	return w->text.n + w->nums.n;
}

/* --- blocks */

static void reset_block(struct recfile_writer *w)
{
	w->head = (struct recfile_block){.number = w->head.number, .first = UINT64_MAX};
	w->text.n = w->nums.n = 0;
	w->text.failed = w->nums.failed = false;
	w->error = 0;
	w->started = false;
	w->n_begins = w->n_routes = w->n_sites = 0;
	w->last_id = w->last_conn = 0;
	w->last_peer = (struct rs_addr){};
	dict_reset(&w->kinds);
	dict_reset(&w->conns);
	dict_reset(&w->paths);
	w->epoch++;
}

/* Notes the time of a fact; the first begins the block. False: there is no room for more. */
bool recfile_enter(struct recfile_writer *w, uint64_t t)
{
	if (!w->started) {
		reset_block(w);
		w->started = true;
		w->head.wall_offset = w->wall_offset;
		w->head.begun = w->begun;
		w->head.ended = w->ended;
		w->base = t;
		bytes_u64(&w->text, t);
	}
	w->head.first = t < w->head.first ? t : w->head.first;
	w->head.last = t > w->head.last ? t : w->head.last;
	w->clock = t > w->clock ? t : w->clock;
	if (recfile_pending(w) < BLOCK_RAW_MAX - BLOCK_RAW_MAX / 4)
		return true;
	w->error = -EFBIG;
	return false;
}

/* Every fact is about a time between first and last: what is older was told of before. */
static void widen(struct recfile_writer *w, uint64_t t)
{
	w->head.first = t < w->head.first ? t : w->head.first;
}

void write_time(struct recfile_writer *w, uint64_t t)
{
	bytes_delta(&w->nums, w->base, t);
}

/* --- routes */

static int routes_room(struct recfile_writer *w, uint32_t id)
{
	uint32_t cap = w->cap_routes ? w->cap_routes : 64;
	struct told_route *routes;

	if (id < w->cap_routes)
		return 0;
	while (cap <= id)
		cap *= 2;
	routes = realloc(w->routes, cap * sizeof(*routes));
	if (!routes)
		return -ENOMEM;
	memset(routes + w->cap_routes, 0, (cap - w->cap_routes) * sizeof(*routes));
	w->routes = routes;
	w->cap_routes = cap;
	return 0;
}

static void describe_route(struct recfile_writer *w, const struct route *route)
{
	char place[PLACE_MAX + 1] = "";

	if (route->place)
		memcpy(place, route->place, strnlen(route->place, PLACE_MAX));
	bytes_u64(&w->text, 1);
	bytes_string(&w->text, route->method);
	bytes_string(&w->text, route->template);
	bytes_string(&w->text, route->place ? place : NULL);
}

void write_route(struct recfile_writer *w, struct route *route)
{
	struct told_route *e;

	if (!route || routes_room(w, route->id)) {
		w->error = route ? -ENOMEM : w->error;
		bytes_u64(&w->text, 0);
		return;
	}
	e = &w->routes[route->id];
	e->route = route;
	if (e->epoch == w->epoch) {
		bytes_u64(&w->text, e->index + 2);
		return;
	}
	e->epoch = w->epoch;
	e->index = w->n_routes++;
	describe_route(w, route);
}

/* Which of the routes that were spoken of have folded since, and which of those stand again. */
static void write_folds(struct recfile_writer *w)
{
	for (uint32_t i = 0; i < w->cap_routes; i++) {
		struct route *route = w->routes[i].route;

		if (!route || w->routes[i].folded == !!route->folded_into)
			continue;
		w->routes[i].folded = route->folded_into;
		bytes_u64(&w->text, FACT_FOLD);
		write_route(w, route);
		write_route(w, route_final(route));
	}
}

/* --- facts */

static int begins_room(struct recfile_writer *w)
{
	uint32_t cap = w->cap_begins ? 2 * w->cap_begins : 1024;
	struct begun *begins;

	if (w->n_begins < w->cap_begins)
		return 0;
	begins = realloc(w->begins, cap * sizeof(*begins));
	if (!begins)
		return -ENOMEM;
	w->begins = begins;
	w->cap_begins = cap;
	return 0;
}

void recfile_begin(struct recfile_writer *w, const struct request *r)
{
	bool room = recfile_enter(w, r->seen);
	uint32_t at = w->n_begins;

	w->begun++;
	if (!room)
		return;
	if (begins_room(w) || hashmap_put(&w->open, r->id, (void *)(uintptr_t)(at + 1))) {
		w->error = -ENOMEM;
		return;
	}
	w->begins[w->n_begins++] = (struct begun){r->id, r->seen};
}

/* Whether it began in this block, where that is not written yet; then it needs not be. */
static bool take_begin(struct recfile_writer *w, const struct request *r)
{
	uintptr_t at = (uintptr_t)hashmap_remove(&w->open, r->id);

	if (at)
		w->begins[at - 1].id = 0;
	return at;
}

void recfile_end(struct recfile_writer *w, const struct request *r)
{
	bool room = recfile_enter(w, r->ended > r->seen ? r->ended : r->seen);
	bool here = take_begin(w, r);

	w->ended++;
	w->head.requests++;
	if (!room)
		return;
	if (here)
		widen(w, r->seen);
	write_request(w, r, 0, here ? KIND_BEGUN : 0);
}

void recfile_retract(struct recfile_writer *w, const struct request *r)
{
	bool room = recfile_enter(w, w->clock > r->seen ? w->clock : r->seen);
	bool here = take_begin(w, r);

	w->begun--;
	if (here || !room)
		return;
	bytes_u64(&w->text, FACT_RETRACT);
	bytes_u64(&w->text, r->id);
	write_time(w, r->seen);
	write_time(w, w->clock);
}

void recfile_stuck(struct recfile_writer *w, const struct request *r, uint64_t now,
		   const char *where)
{
	char text[STATE_WHERE + 1] = "";

	if (!recfile_enter(w, now))
		return;
	if (where)
		memcpy(text, where, strnlen(where, STATE_WHERE));
	write_request(w, r, *text ? FACT_STUCK_AT : FACT_STUCK, 0);
	write_time(w, now);
	if (*text)
		bytes_string(&w->text, text);
}

void recfile_state(struct recfile_writer *w, const struct summary *s)
{
	if (!recfile_enter(w, s->now))
		return;
	if (!w->head.number && s->stats->from) /* the run's own begin */
		widen(w, s->stats->from);
	write_folds(w);
	w->head.has_state = true;
	write_state(w, s);
}

static void write_begins(struct recfile_writer *w)
{
	uint64_t last = 0;

	for (uint32_t i = 0; i < w->n_begins; i++) {
		const struct begun *b = &w->begins[i];

		if (!b->id)
			continue;
		bytes_u64(&w->text, FACT_BEGIN);
		bytes_delta(&w->text, last, b->id);
		write_time(w, b->seen);
		hashmap_remove(&w->open, b->id);
		last = b->id;
	}
	w->n_begins = 0;
}

/* --- taking */

static void put_le(struct bytes *b, uint64_t v, unsigned n)
{
	uint8_t le[8];

	for (unsigned i = 0; i < n; i++)
		le[i] = (uint8_t)(v >> 8 * i);
	bytes_put(b, le, n);
}

static void put_crc(struct bytes *b, size_t from)
{
	put_le(b, crc32(0, b->p + from, (uInt)(b->n - from)), 4);
}

static void put_file_head(struct bytes *b, const struct recfile_head *h)
{
	bytes_put(b, MAGIC, MAGIC_LEN);
	put_le(b, RECFILE_VERSION, 4);
	put_le(b, 0,
	       4); /* flags: none so far; who sees one that he does not know refuses the file */
	put_le(b, h->created, 8);
	bytes_put(b, h->boot, sizeof(h->boot));
	put_le(b, h->run, 8);
	put_le(b, 0, 4);
	if (!b->failed)
		put_crc(b, b->n - (RECFILE_HEAD_SIZE - 4));
}

static void put_block_head(struct bytes *b, const struct recfile_block *h)
{
	put_le(b, BLOCK_MAGIC, 4);
	put_le(b, h->raw, 4);
	put_le(b, h->packed, 4);
	put_le(b, h->has_state ? BLOCK_STATE : 0, 4);
	put_le(b, h->first, 8);
	put_le(b, h->last, 8);
	put_le(b, h->begun, 8);
	put_le(b, h->ended, 8);
	put_le(b, (uint64_t)h->wall_offset, 8);
	put_le(b, h->number, 4);
	put_le(b, h->requests, 4);
	put_le(b, h->crc, 4);
	if (!b->failed)
		put_crc(b, b->n - (RECFILE_BLOCK_SIZE - 4));
}

/* The payload: the length of text, text, nums; compressed. */
static int pack(struct recfile_writer *w, struct bytes *out)
{
	struct bytes raw = {};
	uLongf size;
	int err = -ENOMEM;

	put_le(&raw, w->text.n, 4);
	bytes_put(&raw, w->text.p, w->text.n);
	bytes_put(&raw, w->nums.p, w->nums.n);
	size = compressBound(raw.n);
	if (raw.failed || !bytes_room(out, size))
		goto out;
	if (compress2(out->p + out->n, &size, raw.p, raw.n, LEVEL) != Z_OK)
		goto out;
	w->head.raw = (uint32_t)raw.n;
	w->head.packed = (uint32_t)size;
	w->head.crc = (uint32_t)crc32(0, out->p + out->n, (uInt)size);
	out->n += size;
	err = 0;
out:
	free(raw.p);
	return err;
}

/* The head goes before the payload that it describes. */
static int build(struct recfile_writer *w)
{
	struct bytes head = {};
	size_t room = RECFILE_BLOCK_SIZE + (w->new_file ? RECFILE_HEAD_SIZE : 0);
	int err = -ENOMEM;

	w->out.n = 0;
	w->out.failed = false;
	if (!bytes_room(&w->out, room))
		return -ENOMEM;
	w->out.n = room;
	err = pack(w, &w->out);
	if (err)
		return err;
	if (w->new_file)
		put_file_head(&head, &w->file);
	put_block_head(&head, &w->head);
	if (!head.failed)
		memcpy(w->out.p, head.p, room);
	err = head.failed ? -ENOMEM : 0;
	free(head.p);
	return err;
}

int recfile_take(struct recfile_writer *w, const void **bytes, size_t *len)
{
	int err;

	*bytes = NULL;
	*len = 0;
	if (!w->started)
		return 0;
	write_folds(w);
	write_begins(w);
	err = w->error;
	if (!err && (w->text.failed || w->nums.failed))
		err = -ENOMEM;
	if (!err)
		err = build(w);
	w->started = false;
	w->head.number++;
	if (err) {
		recfile_repeat(w);
		return err;
	}
	w->new_file = false;
	*bytes = w->out.p;
	*len = w->out.n;
	return 0;
}
