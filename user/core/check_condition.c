// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * check_condition.c - one condition of a check ("p99 < 300ms"), and what several of them make of
 * each other. A condition that can never hold, can never fail or is never reached is a mistake,
 * which nobody would notice before the night in which it matters.
 */
#include "check_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CONDITION_MAX 128

static bool is_upper(const struct check_condition *c)
{
	return c->op == CHECK_LT || c->op == CHECK_LE;
}

/* "p99 < 300 ms" */
struct words {
	char s[CHECK_VALUE_MAX + 32];
};

static struct words words(const struct check_condition *c)
{
	char limit[CHECK_VALUE_MAX];
	struct words w;

	snprintf(w.s, sizeof(w.s), "%s %s %s", check_metric_name(c->metric), check_op_name(c->op),
		 check_limit(limit, c->metric, c->limit));
	return w;
}

/* --- alone */

static int unknown_metric(const char *name, size_t len, unsigned line, struct check_error *error)
{
	const char *names[CHECK_METRICS], *nearest;

	for (int i = 0; i < CHECK_METRICS; i++)
		names[i] = check_metric_name((enum check_metric)i);
	nearest = check_nearest(name, len, names, CHECK_METRICS);
	if (nearest)
		return check_fail(error, line, "unknown metric \"%s\"; did you mean %s?",
				  check_quote(name, len).s, nearest);
	return check_fail(error, line, "unknown metric \"%s\"; known are %s",
			  check_quote(name, len).s, check_metric_names);
}

/* The operator at the start of text; its length, 0: there is none. */
static size_t parse_op(const char *text, enum check_op *op)
{
	bool more = *text == '>';

	if (*text != '<' && *text != '>')
		return 0;
	if (text[1] == '=') {
		*op = more ? CHECK_GE : CHECK_LE;
		return 2;
	}
	*op = more ? CHECK_GT : CHECK_LT;
	return 1;
}

/* No value below 0, no share above 1. A queue may be fuller than its bound by one. */
static int check_possible(const struct check_condition *c, struct check_error *error)
{
	bool share = check_metric_unit(c->metric) == CHECK_SHARE &&
		     c->metric != CHECK_ACCEPT_QUEUE_SHARE;
	bool least = check_holds(c, 0), most = check_holds(c, share ? 1 : 1e300);

	if (least && most)
		return check_fail(error, c->line, "\"%s\" can never fail: that is always so",
				  words(c).s);
	if (!least && !most)
		return check_fail(error, c->line, "\"%s\" can never hold: there is no such value",
				  words(c).s);
	return 0;
}

static int parse_condition(struct check_condition *c, const char *text, struct check_error *error)
{
	size_t name = strcspn(text, " \t<>="), len;
	const char *p = text + name;

	p += strspn(p, " \t");
	len = parse_op(p, &c->op);
	if (!len || !name)
		return check_fail(
			error, c->line,
			"a condition is \"metric < limit\" such as p99 < 300ms (with < <= > "
			"or >=), got \"%s\"",
			check_quote(text, strlen(text)).s);
	c->metric = check_metric_find(text, name);
	if (c->metric == CHECK_METRICS)
		return unknown_metric(text, name, c->line, error);
	p += len;
	p += strspn(p, " \t");
	if (check_parse_limit(c->metric, p, &c->limit, c->line, error))
		return -EINVAL;
	return check_possible(c, error);
}

static int add(struct check *c, enum check_state level, const char *text, size_t len, unsigned line,
	       struct check_error *error)
{
	struct check_condition *new = &c->conditions[c->n_conditions];
	char one[CONDITION_MAX];
	int err;

	if (c->n_conditions == CHECK_MAX_CONDITIONS)
		return check_fail(error, line, "too many conditions in [%s]: at most %d", c->name,
				  CHECK_MAX_CONDITIONS);
	if (len >= sizeof(one))
		return check_fail(error, line, "a condition is too long: \"%s\"",
				  check_quote(text, len).s);
	memcpy(one, text, len);
	one[len] = '\0';
	*new = (struct check_condition){.level = level, .line = line};
	err = parse_condition(new, one, error);
	c->n_conditions += !err;
	return err;
}

int check_add_conditions(struct check *c, enum check_state level, const char *text, unsigned line,
			 struct check_error *error)
{
	int err = 0;

	do {
		size_t n, len;

		text += strspn(text, " \t");
		len = n = strcspn(text, ",");
		while (n && (text[n - 1] == ' ' || text[n - 1] == '\t'))
			n--;
		err = add(c, level, text, n, line, error);
		text += len + (text[len] == ',');
	} while (!err && text[strspn(text, " \t")]);
	return err;
}

/* --- together */

/* Whether no value keeps both. */
static bool exclude(const struct check_condition *lower, const struct check_condition *upper)
{
	if (lower->limit == upper->limit)
		return lower->op == CHECK_GT || upper->op == CHECK_LT;
	return lower->limit > upper->limit;
}

/* Whether some value breaks `a` and keeps `b`, both being bounds of the same side. */
static bool is_tighter(const struct check_condition *a, const struct check_condition *b)
{
	if (a->limit == b->limit)
		return (a->op == CHECK_LT && b->op == CHECK_LE) ||
		       (a->op == CHECK_GT && b->op == CHECK_GE);
	return is_upper(a) ? a->limit < b->limit : a->limit > b->limit;
}

/* b comes later in the file. */
static int compare(const struct check_condition *a, const struct check_condition *b,
		   struct check_error *error)
{
	const struct check_condition *warning = a->level == CHECK_WARNING ? a : b;
	const struct check_condition *critical = warning == a ? b : a;

	if (is_upper(a) != is_upper(b)) {
		if (!exclude(is_upper(a) ? b : a, is_upper(a) ? a : b))
			return 0;
		return check_fail(error, b->line,
				  "\"%s\" contradicts \"%s\" of line %u: no value keeps both",
				  words(b).s, words(a).s, a->line);
	}
	if (a->level == b->level)
		return check_fail(error, b->line, "\"%s\": line %u has \"%s\" for the same level",
				  words(b).s, a->line, words(a).s);
	if (is_tighter(warning, critical))
		return 0;
	return check_fail(error, warning->line,
			  "the warning \"%s\" can never show: \"%s\" of line %u is critical at "
			  "least as soon; a warning comes first",
			  words(warning).s, words(critical).s, critical->line);
}

int check_compare_conditions(const struct check *c, struct check_error *error)
{
	for (unsigned k = 0; k < c->n_conditions; k++)
		for (unsigned i = 0; i < k; i++)
			if (c->conditions[i].metric == c->conditions[k].metric &&
			    compare(&c->conditions[i], &c->conditions[k], error))
				return -EINVAL;
	return 0;
}
