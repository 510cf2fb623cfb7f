// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "utc.h"

#define NS_PER_SECOND	1000000000u
#define SECONDS_PER_DAY 86400u

/*
 * The Gregorian date of a day counted from 1970-01-01, after H. Hinnant, "chrono-compatible
 * low-level date algorithms" (civil_from_days): years begin in March, so that the leap day ends
 * them, and come in eras of 400, which all have the same length.
 */
static void set_date(struct utc *t, uint64_t days)
{
	uint64_t since = days + 719468; /* from 0000-03-01 */
	uint64_t era = since / 146097;
	unsigned day = since % 146097; /* of the era */
	unsigned year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	unsigned month;

	day -= 365 * year + year / 4 - year / 100; /* of the year, from March 1 */
	month = (5 * day + 2) / 153;		   /* from March */
	t->year = (unsigned)(era * 400) + year + (month >= 10);
	t->month = month < 10 ? month + 3 : month - 9;
	t->day = day - (153 * month + 2) / 5 + 1;
}

struct utc utc_of(uint64_t wall_ns)
{
	uint64_t seconds = wall_ns / NS_PER_SECOND;
	unsigned of_day = seconds % SECONDS_PER_DAY;
	struct utc t = {
		.hour = of_day / 3600,
		.minute = of_day / 60 % 60,
		.second = of_day % 60,
		.ns = wall_ns % NS_PER_SECOND,
	};

	set_date(&t, seconds / SECONDS_PER_DAY);
	return t;
}
