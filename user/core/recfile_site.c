// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * recfile_site.c - places in the application, and what is told of event loops: each writer has its
 * reader below it.
 */
#include "recfile_priv.h"

/* --- sites, numbered as routes are: 0 none, 1 a new one, from 2 on those that were told */

static void put_text(struct recfile_writer *w, const char *s, size_t max)
{
	size_t n = s ? strnlen(s, max) : 0;

	bytes_u64(&w->text, n + 1);
	bytes_put(&w->text, s, n);
}

static void describe(struct recfile_writer *w, const struct site *site)
{
	bytes_u64(&w->text, 1);
	put_text(w, site->type, SITE_TYPE_MAX);
	put_text(w, site->where, SITE_TEXT_MAX);
	put_text(w, site->detail, SITE_TEXT_MAX);
}

void write_site(struct recfile_writer *w, const struct site *site)
{
	struct told_site *told = site && site->id < SITES_MAX ? &w->sites[site->id] : NULL;

	if (!told) {
		bytes_u64(&w->text, 0);
		return;
	}
	if (told->epoch == w->epoch) {
		bytes_u64(&w->text, told->index + 2);
		return;
	}
	told->epoch = w->epoch;
	told->index = w->n_sites++;
	describe(w, site);
}

static const struct site *read_new_site(struct recfile_reader *r)
{
	char type[SITE_TYPE_MAX + 1], where[SITE_TEXT_MAX + 1], detail[SITE_TEXT_MAX + 1];

	cursor_string(&r->text, type, SITE_TYPE_MAX);
	cursor_string(&r->text, where, SITE_TEXT_MAX);
	cursor_string(&r->text, detail, SITE_TEXT_MAX);
	if (r->text.bad || r->n_sites == SITES_MAX) {
		r->text.bad = true;
		return NULL;
	}
	return r->site[r->n_sites++] = sites_get(r->sites, type, where, detail);
}

const struct site *read_site(struct recfile_reader *r)
{
	uint64_t index = cursor_upto(&r->text, (uint64_t)r->n_sites + 1);

	if (index == 1)
		return read_new_site(r);
	return index ? r->site[index - 2] : NULL;
}

/* --- stalls */

void recfile_stall(struct recfile_writer *w, const struct stall *stall)
{
	if (!recfile_enter(w, stall->end))
		return;
	bytes_u64(&w->text, FACT_STALL);
	write_site(w, stall->site);
	write_route(w, stall->route ? route_final((struct route *)stall->route) : NULL);
	bytes_u64(&w->text, stall->pid);
	write_time(w, stall->end);
	bytes_u64(&w->nums, stall->end > stall->start ? stall->end - stall->start : 0);
}

void read_stall_fact(struct recfile_reader *r)
{
	struct stall stall = {.site = read_site(r)};
	uint64_t ns;

	stall.route = read_route(r);
	stall.pid = (uint32_t)cursor_upto(&r->text, UINT32_MAX);
	stall.end = read_time(r);
	ns = cursor_u64(&r->nums);
	r->nums.bad |= ns > stall.end;
	stall.start = stall.end - ns;
	if (read_within(r, stall.end) && stall.site && r->sink->stall)
		r->sink->stall(r->sink->ctx, &stall);
}

/* --- exceptions of no request */

void recfile_background(struct recfile_writer *w, const struct site *site, uint64_t now)
{
	if (!recfile_enter(w, now))
		return;
	bytes_u64(&w->text, FACT_BACKGROUND);
	write_site(w, site);
	write_time(w, now);
}

void read_background_fact(struct recfile_reader *r)
{
	const struct site *site = read_site(r);
	uint64_t now = read_time(r);

	if (read_within(r, now) && site && r->sink->background)
		r->sink->background(r->sink->ctx, site, now);
}

/* --- the time of event loops */

void recfile_loop(struct recfile_writer *w, const struct loop_time *delta, uint64_t now)
{
	if (!recfile_enter(w, now))
		return;
	bytes_u64(&w->text, FACT_LOOP);
	bytes_u64(&w->text, delta->gc_known | delta->gil_known << 1);
	write_time(w, now);
	bytes_u64(&w->nums, delta->watched);
	bytes_u64(&w->nums, delta->busy);
	bytes_u64(&w->nums, delta->gil);
	bytes_u64(&w->nums, delta->gil_waits);
	bytes_u64(&w->nums, delta->gc);
	bytes_u64(&w->nums, delta->gc_runs);
}

void read_loop_fact(struct recfile_reader *r)
{
	uint64_t known = cursor_upto(&r->text, 3);
	struct loop_time t = {.gc_known = known & 1, .gil_known = known >> 1};
	uint64_t *const numbers[] = {&t.watched, &t.busy, &t.gil, &t.gil_waits, &t.gc, &t.gc_runs};
	uint64_t now = read_time(r);

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		*numbers[i] = cursor_upto(&r->nums, COUNT_MAX * 1024);
	if (read_within(r, now) && r->sink->loop)
		r->sink->loop(r->sink->ctx, &t, now);
}
