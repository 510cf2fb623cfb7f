// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "spark.h"

#include <math.h>

uint32_t spark_per(uint32_t columns)
{
	uint32_t span = columns < 40 ? 120 : 300;

	return columns ? (span + columns - 1) / columns : 1;
}

/* NaN: that second tells nothing of it. */
static double value(const struct history_point *p, enum spark_kind kind)
{
	switch (kind) {
	case SPARK_RATE:
		return p->started;
	case SPARK_ERRORS:
		return p->errors;
	case SPARK_OPEN:
		return p->open;
	case SPARK_P99:
		break;
	}
	return p->p99 ? (double)p->p99 : NAN;
}

static bool is_mean(enum spark_kind kind)
{
	return kind == SPARK_RATE || kind == SPARK_ERRORS;
}

struct column {
	double sum, most;
	uint32_t n;
};

static void column_add(struct column *c, double v)
{
	if (isnan(v))
		return;
	c->sum += v;
	if (!c->n++ || v > c->most)
		c->most = v;
}

static double column_value(const struct column *c, enum spark_kind kind)
{
	if (!c->n)
		return NAN;
	return is_mean(kind) ? c->sum / c->n : c->most;
}

static int8_t level(double v, double most)
{
	int l;

	if (isnan(v))
		return SPARK_ABSENT;
	if (!(v > 0))
		return 0;
	l = 1 + (int)(v / most * (SPARK_LEVELS - 1));
	return (int8_t)(l < SPARK_LEVELS ? l : SPARK_LEVELS - 1);
}

static uint64_t slot(const struct history_point *p, uint32_t per)
{
	return p->from / 1000000000u / per;
}

void spark_make(struct spark *s, const struct history *h, enum spark_kind kind, uint32_t columns,
		uint32_t per)
{
	struct column c[SPARK_MAX] = {0};
	const struct history_point *p, *newest = history_get(h, 0);

	*s = (struct spark){.n = columns < SPARK_MAX ? columns : SPARK_MAX, .per = per};
	for (uint32_t i = 0; (p = history_get(h, i)); i++) {
		uint64_t back = slot(newest, per) - slot(p, per);

		if (back >= s->n)
			break;
		column_add(&c[s->n - 1 - back], value(p, kind));
	}
	for (uint32_t i = 0; i < s->n; i++)
		s->most = fmax(s->most, column_value(&c[i], kind));
	for (uint32_t i = 0; i < s->n; i++)
		s->level[i] = level(column_value(&c[i], kind), s->most);
}
