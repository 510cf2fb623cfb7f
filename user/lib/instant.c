// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "instant.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "units.h"

#define SECOND UINT64_C(1000000000)
#define DAY    (86400 * SECOND)

/* Exactly n digits. */
static bool digits(const char **s, int n, unsigned *out)
{
	unsigned v = 0;

	for (int i = 0; i < n; i++) {
		if ((*s)[i] < '0' || (*s)[i] > '9')
			return false;
		v = v * 10 + (unsigned)((*s)[i] - '0');
	}
	*s += n;
	*out = v;
	return true;
}

static bool skip(const char **s, char c)
{
	if (**s != c)
		return false;
	++*s;
	return true;
}

/* ".5" and longer; what is finer than a nanosecond is cut. None is 0. */
static bool fraction(const char **s, uint64_t *ns)
{
	uint64_t unit = SECOND / 10;
	const char *start;

	*ns = 0;
	if (!skip(s, '.'))
		return true;
	for (start = *s; **s >= '0' && **s <= '9'; ++*s, unit /= 10)
		*ns += (uint64_t)(**s - '0') * unit;
	return *s > start;
}

/* "03:04", "03:04:05", "03:04:05.5" */
static bool clock_time(const char **s, uint64_t *ns)
{
	unsigned h, m, sec = 0;
	uint64_t part = 0;

	if (!digits(s, 2, &h) || !skip(s, ':') || !digits(s, 2, &m))
		return false;
	if (skip(s, ':') && (!digits(s, 2, &sec) || !fraction(s, &part)))
		return false;
	*ns = (h * 3600u + m * 60u + sec) * SECOND + part;
	return h < 24 && m < 60 && sec <= 60;
}

static unsigned month_days(unsigned y, unsigned m)
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (y % 4 == 0 && y % 100) || y % 400 == 0;

	return days[m - 1] + (m == 2 && leap);
}

/* Since 1970; the year counts from March, so that a leap day is its last. */
static uint64_t days_since_epoch(unsigned y, unsigned m, unsigned d)
{
	y -= m <= 2;
	m = m > 2 ? m - 3 : m + 9;
	return y * 365u + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + d - 1 - 719468;
}

static bool date(const char **s, uint64_t *ns)
{
	unsigned y, m, d;

	if (!digits(s, 4, &y) || !skip(s, '-') || !digits(s, 2, &m) || !skip(s, '-') ||
	    !digits(s, 2, &d))
		return false;
	/* 2554 is the last year that 64 bits of nanoseconds reach into */
	if (y < 1970 || y > 2500 || m < 1 || m > 12 || d < 1 || d > month_days(y, m))
		return false;
	*ns = days_since_epoch(y, m, d) * DAY;
	return true;
}

/* "Z", "+01:00", or nothing; *t becomes UTC. */
static bool offset(const char **s, uint64_t *t)
{
	bool east = **s == '+';
	uint64_t shift;
	unsigned h, m;

	if (skip(s, 'Z') || skip(s, 'z') || !**s)
		return true;
	if (!skip(s, '+') && !skip(s, '-'))
		return false;
	if (!digits(s, 2, &h) || !skip(s, ':') || !digits(s, 2, &m) || h > 23 || m > 59)
		return false;
	shift = (h * 3600u + m * 60u) * SECOND;
	if (east && shift > *t)
		return false;
	*t = east ? *t - shift : *t + shift;
	return true;
}

static bool full(const char *s, uint64_t *out)
{
	uint64_t day, time = 0;

	if (!date(&s, &day))
		return false;
	if (*s) {
		if (!skip(&s, 'T') && !skip(&s, 't') && !skip(&s, ' '))
			return false;
		if (!clock_time(&s, &time))
			return false;
	}
	day += time;
	if (!offset(&s, &day) || *s)
		return false;
	*out = day;
	return true;
}

/* Of the moments with this time of day the one that is meant. */
static uint64_t place(uint64_t time, uint64_t from, uint64_t to)
{
	uint64_t last = to / DAY * DAY + time, before;

	if (last > to && last >= DAY)
		last -= DAY;
	if (last > to || (last >= from && last <= to))
		return last;
	before = from - last; /* no such moment lies in the span */
	return last + DAY - to < before ? last + DAY : last;
}

static bool relative(const char *s, uint64_t from, uint64_t to, uint64_t *out)
{
	uint64_t ns;

	if (units_parse_duration(s + 1, SECOND, &ns))
		return false;
	if (*s == '+')
		*out = ns > UINT64_MAX - from ? UINT64_MAX : from + ns;
	else
		*out = ns > to ? 0 : to - ns;
	return true;
}

int instant_parse(const char *s, uint64_t from, uint64_t to, uint64_t *out)
{
	const char *p = s;
	uint64_t time;

	if (*s == '+' || *s == '-')
		return relative(s, from, to, out) ? 0 : -EINVAL;
	if (clock_time(&p, &time) && (!*p || ((*p == 'Z' || *p == 'z') && !p[1]))) {
		*out = place(time, from, to);
		return 0;
	}
	return full(s, out) ? 0 : -EINVAL;
}
