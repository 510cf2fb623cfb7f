/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * term.c - the summary screen: which parts it has and, when lines are scarce, what they give up.
 * The parts themselves are in term_head.c, term_shape.c, term_table.c and term_insight.c.
 */
#include <stddef.h>
#include <string.h>

#include "term_priv.h"

#define REPORT_ROUTES  12
#define REPORT_WORKERS 16
#define REPORT_OPEN    5
#define REPORT_ERRORS  8
#define REPORT_STALLS  5
#define REPORT_WAITS   5
#define SCREEN_ROUTES  40 /* a tall terminal shows more of them */
#define DEPLOY_LINES   8

/* What to give up first: a field of the plan, and down to what. */
static const struct {
	size_t field;
	unsigned floor;
} cuts[] = {
	{offsetof(struct plan, routes), 6},  {offsetof(struct plan, workers), 6},
	{offsetof(struct plan, open), 3},    {offsetof(struct plan, shape), 1},
	{offsetof(struct plan, errors), 3},  {offsetof(struct plan, stalls), 2},
	{offsetof(struct plan, waits), 2},   {offsetof(struct plan, gaps), 0},
	{offsetof(struct plan, routes), 3},  {offsetof(struct plan, workers), 2},
	{offsetof(struct plan, open), 1},    {offsetof(struct plan, waits), 0},
	{offsetof(struct plan, extras), 2},  {offsetof(struct plan, overall), 0},
	{offsetof(struct plan, errors), 1},  {offsetof(struct plan, stalls), 0},
	{offsetof(struct plan, deploy), 2},  {offsetof(struct plan, extras), 0},
	{offsetof(struct plan, workers), 0}, {offsetof(struct plan, shape), 0},
	{offsetof(struct plan, errors), 0},  {offsetof(struct plan, reasons), 2},
	{offsetof(struct plan, routes), 0},  {offsetof(struct plan, open), 0},
	{offsetof(struct plan, deploy), 0},  {offsetof(struct plan, head), 0},
	{offsetof(struct plan, reasons), 1}, {offsetof(struct plan, tracer), 0},
	{offsetof(struct plan, numbers), 0},
};

static unsigned *plan_field(struct plan *p, size_t offset)
{
	return (unsigned *)((char *)p + offset);
}

/* A table of n rows: its heading, the rows, and "and 12 more". */
static unsigned table_height(uint64_t n, unsigned max)
{
	uint64_t rows = max ? term_rows(n, max) : 0;

	return rows ? 1 + (unsigned)rows + (rows < n) : 0;
}

static unsigned height(struct term *t)
{
	const struct plan *p = &t->plan;
	unsigned parts[] = {
		term_verdict(t, true) + p->head,
		p->numbers + p->overall + term_extras(t, true) + p->deploy,
		p->shape,
		term_error_height(t),
		table_height(t->s->stats->n_stalls, p->stalls),
		table_height(t->n_routes, p->routes),
		table_height(t->n_workers, p->workers),
		table_height(term_open_count(t), p->open),
		table_height(t->s->n_waits, p->waits),
		p->tracer,
	};
	unsigned lines = 0, shown = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		lines += parts[i];
		shown += parts[i] > 0;
	}
	return lines + (p->gaps && shown ? shown - 1 : 0);
}

/* A field whose part is not shown anyway must not be counted down in vain: that is harmless, only
   the loop is longer. */
static void plan_fit(struct term *t, unsigned lines)
{
	for (size_t i = 0; i < sizeof(cuts) / sizeof(*cuts); i++) {
		unsigned *field = plan_field(&t->plan, cuts[i].field);

		while (*field > cuts[i].floor) {
			if (height(t) <= lines)
				return;
			*field = cuts[i].field == offsetof(struct plan, shape) ? cuts[i].floor
									       : *field - 1;
		}
	}
}

static void plan_make(struct term *t, const struct term_options *o)
{
	const struct ledger *g = &t->s->stats->ledger;
	int64_t begun = g->carried + g->started;
	bool measured = t->s->stats->latency[LAT_TOTAL].count > 0;
	unsigned deploys = term_deploy_lines(t);

	t->plan = (struct plan){
		.reasons = 2 * VERDICT_MAX_REASONS,
		.head = 1,
		.numbers = begun > 0 ? 3 : 1,
		.overall = t->s->overall ? 1 : 0,
		.extras = 5,
		.deploy = deploys < DEPLOY_LINES ? deploys : DEPLOY_LINES,
		.shape = measured ? SHAPE_LINES : 0,
		.errors = REPORT_ERRORS,
		.stalls = REPORT_STALLS,
		.waits = REPORT_WAITS,
		.routes = o->lines ? SCREEN_ROUTES : REPORT_ROUTES,
		.workers = t->n_workers > 1 ? REPORT_WORKERS : 0,
		.open = t->s->n_open ? REPORT_OPEN : 0,
		.tracer = 1,
		.gaps = 1,
	};
	if (o->lines)
		plan_fit(t, o->lines);
}

static void gap(struct term *t)
{
	if (t->plan.gaps)
		line_end(&t->line);
}

static void write_tables(struct term *t)
{
	if (term_error_height(t)) {
		gap(t);
		term_errors(t);
	}
	if (t->plan.stalls && t->s->stats->n_stalls) {
		gap(t);
		term_stalls(t);
	}
	if (t->plan.routes && t->n_routes) {
		gap(t);
		term_routes(t);
	}
	if (t->plan.workers) {
		gap(t);
		term_workers(t);
	}
	if (t->plan.open && term_open_count(t)) {
		gap(t);
		term_open(t);
	}
	if (t->plan.waits && t->s->n_waits) {
		gap(t);
		term_waits(t);
	}
}

void sink_summary_text(FILE *f, const struct summary *s, const struct term_options *o)
{
	struct term t = {.s = s};

	line_init(&t.line, f, o);
	t.n_workers = summary_workers(s, t.workers, SUMMARY_MAX_WORKERS);
	for (const struct route_stats *r = NULL; (r = summary_next_route(s->stats, r));)
		t.n_routes++;
	plan_make(&t, o);
	term_verdict(&t, false);
	if (t.plan.head)
		term_head(&t);
	if (t.plan.numbers) {
		gap(&t);
		term_numbers(&t);
	}
	if (t.plan.overall)
		term_overall(&t);
	term_extras(&t, false);
	term_deploy(&t);
	if (t.plan.shape) {
		gap(&t);
		term_shape(&t);
	}
	write_tables(&t);
	if (t.plan.tracer) {
		gap(&t);
		term_tracer(&t);
	}
}
