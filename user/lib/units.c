// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "units.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- writing */

/* Decimals that give three significant digits, also when rounding carries. */
static int decimals3(double v)
{
	return v < 9.995 ? 2 : v < 99.95 ? 1 : 0;
}

static char *put(char *buf, size_t size, const char *text)
{
	snprintf(buf, size, "%s", text);
	return buf;
}

static bool is_measure(double v)
{
	return isfinite(v) && v >= 0;
}

static char *long_duration(char *buf, size_t size, double ns)
{
	/* Beyond 300 000 years it stays there, so that the conversions are defined. */
	uint64_t seconds = (uint64_t)(fmin(ns, 1e22) / 1e9 + 0.5);
	uint64_t minutes = (uint64_t)(fmin(ns, 1e22) / 60e9 + 0.5);

	if (seconds < 3600)
		snprintf(buf, size, "%um%02us", (unsigned)seconds / 60, (unsigned)seconds % 60);
	else
		snprintf(buf, size, "%" PRIu64 "h%02um", minutes / 60, (unsigned)(minutes % 60));
	return buf;
}

char *units_duration(char *buf, size_t size, double ns)
{
	static const char *const names[] = {"us", "ms", "s"};
	double v = ns;

	if (!is_measure(ns))
		return put(buf, size, "-");
	if (ns < 999.5) {
		snprintf(buf, size, "%.0f ns", fabs(ns)); /* no "-0" */
		return buf;
	}
	for (unsigned i = 0; i < 3; i++) {
		v /= 1000;
		if (v < (i == 2 ? 59.95 : 999.5)) {
			snprintf(buf, size, "%.*f %s", decimals3(v), v, names[i]);
			return buf;
		}
	}
	return long_duration(buf, size, ns);
}

/* From 1000 on, with a decimal prefix. */
static char *prefixed(char *buf, size_t size, double v, const char *suffix)
{
	static const char prefixes[] = "kMGTPE";
	unsigned i = 0;

	for (v /= 1000; v >= 999.5 && prefixes[i + 1]; v /= 1000)
		i++;
	snprintf(buf, size, "%.*f%c%s", decimals3(v), v, prefixes[i], suffix);
	return buf;
}

char *units_count(char *buf, size_t size, uint64_t n)
{
	if (n >= 1000)
		return prefixed(buf, size, (double)n, "");
	snprintf(buf, size, "%u", (unsigned)n);
	return buf;
}

char *units_rate(char *buf, size_t size, double per_second)
{
	if (!is_measure(per_second))
		return put(buf, size, "-");
	if (per_second > 0 && per_second < 0.001)
		return put(buf, size, "<0.001/s");
	if (per_second >= 999.5)
		return prefixed(buf, size, fmin(per_second, 1e20), "/s");
	snprintf(buf, size, "%.3g/s", fabs(per_second));
	return buf;
}

/* Decimals of a percentage p, 0 < p < 100, that keep it apart from both ends. */
static int percent_decimals(double p)
{
	double end = p < 50 ? p : 100 - p;

	if (end >= (p < 50 ? 9.95 : 0.95))
		return 0;
	return end >= 0.095 ? 1 : end >= 0.0095 ? 2 : 3;
}

char *units_percent(char *buf, size_t size, double share)
{
	double p = fabs(share) * 100;
	char text[UNITS_MAX];
	size_t len;

	if (!is_measure(share))
		return put(buf, size, "-");
	if (share > 0 && p < 0.001)
		return put(buf, size, "<0.001 %");
	if (share < 1 && p > 99.999)
		return put(buf, size, ">99.999 %");
	if (share <= 0 || share >= 1) {
		snprintf(buf, size, "%.0f %%", fmin(p, 1e20));
		return buf;
	}
	len = (size_t)snprintf(text, sizeof(text), "%.*f", percent_decimals(p), p);
	if (strchr(text, '.')) {
		while (text[len - 1] == '0')
			len--;
		if (text[len - 1] == '.')
			len--;
	}
	snprintf(buf, size, "%.*s %%", (int)len, text);
	return buf;
}

char *units_bytes(char *buf, size_t size, uint64_t n)
{
	static const char *const names[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double v = (double)n / 1024;
	unsigned i = 0;

	if (n < 1024) {
		snprintf(buf, size, "%u B", (unsigned)n);
		return buf;
	}
	for (; v >= 1023.5; v /= 1024)
		i++;
	snprintf(buf, size, "%.*f %s", decimals3(v), v, names[i]);
	return buf;
}

/* --- reading */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Reads digits; stops at the first other character. 0, -EINVAL when there is none, -ERANGE. */
static int read_digits(const char **s, uint64_t *out)
{
	uint64_t v = 0;

	if (!is_digit(**s))
		return -EINVAL;
	for (; is_digit(**s); ++*s)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(**s - '0'), &v))
			return -ERANGE;
	*out = v;
	return 0;
}

int units_parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t v;
	int err;

	if (!*s || s[strspn(s, "0123456789")])
		return -EINVAL;
	err = read_digits(&s, &v);
	if (err)
		return err;
	if (v < min || v > max)
		return -ERANGE;
	*out = v;
	return 0;
}

/* A decimal number at the start of s; strtod() alone would take spaces, "nan", "0x1p3". */
static int read_double(const char *s, const char **end, double *out)
{
	const char *digits = s + (*s == '-' || *s == '+');
	char *stop;

	if (!is_digit(*digits) && !(*digits == '.' && is_digit(digits[1])))
		return -EINVAL;
	if (digits[0] == '0' && (digits[1] | 0x20) == 'x')
		return -EINVAL;
	*out = strtod(s, &stop);
	*end = stop;
	return 0;
}

int units_parse_double(const char *s, double min, double max, double *out)
{
	const char *end;
	double v;

	if (read_double(s, &end, &v) || *end)
		return -EINVAL;
	if (!(v >= min && v <= max))
		return -ERANGE;
	*out = v;
	return 0;
}

int units_parse_share(const char *s, double *share)
{
	const char *end;
	double v;

	if (read_double(s, &end, &v))
		return -EINVAL;
	if (*end) {
		end += strspn(end, " ");
		if (strcmp(end, "%"))
			return -EINVAL;
		v /= 100;
	}
	if (!(v >= 0 && v <= 1))
		return -ERANGE;
	*share = v + 0.0; /* no -0 */
	return 0;
}

/* A decimal number: whole + part / scale. */
struct decimal {
	uint64_t whole, part, scale;
};

static int read_decimal(const char **s, struct decimal *d)
{
	int err;

	*d = (struct decimal){.scale = 1};
	err = read_digits(s, &d->whole);
	if (err && !(err == -EINVAL && **s == '.' && is_digit((*s)[1])))
		return err;
	if (**s != '.')
		return 0;
	++*s;
	if (!is_digit(**s))
		return -EINVAL;
	for (; is_digit(**s); ++*s) {
		if (d->scale == UINT64_C(1000000000000000000))
			continue; /* beyond 18 decimals nothing is left to tell */
		d->part = d->part * 10 + (uint64_t)(**s - '0');
		d->scale *= 10;
	}
	return 0;
}

/* d times unit, to the nearest integer. */
static int scale_decimal(struct decimal d, uint64_t unit, uint64_t *out)
{
	unsigned __int128 v = (unsigned __int128)d.part * unit + d.scale / 2;

	v = v / d.scale + (unsigned __int128)d.whole * unit;
	if (v > UINT64_MAX)
		return -ERANGE;
	*out = (uint64_t)v;
	return 0;
}

struct unit {
	const char *name;
	uint64_t factor;
};

static int read_quantity(const char *s, uint64_t bare, const struct unit *units,
			 int (*compare)(const char *, const char *), uint64_t *out)
{
	struct decimal d;
	int err = read_decimal(&s, &d);

	if (err)
		return err;
	if (!*s)
		return bare ? scale_decimal(d, bare, out) : -EINVAL;
	s += strspn(s, " ");
	for (; units->name; units++)
		if (!compare(s, units->name))
			return scale_decimal(d, units->factor, out);
	return -EINVAL;
}

int units_parse_duration(const char *s, uint64_t bare, uint64_t *ns)
{
	static const struct unit units[] = {
		{"ns", 1},
		{"us", 1000},
		{"ms", 1000000},
		{"s", 1000000000},
		{"m", UINT64_C(60000000000)},
		{"h", UINT64_C(3600000000000)},
		{NULL, 0},
	};

	return read_quantity(s, bare, units, strcmp, ns);
}

int units_parse_size(const char *s, uint64_t bare, uint64_t *bytes)
{
	static const struct unit units[] = {
		{"B", 1},
		{"k", UINT64_C(1) << 10},
		{"KiB", UINT64_C(1) << 10},
		{"M", UINT64_C(1) << 20},
		{"MiB", UINT64_C(1) << 20},
		{"G", UINT64_C(1) << 30},
		{"GiB", UINT64_C(1) << 30},
		{"T", UINT64_C(1) << 40},
		{"TiB", UINT64_C(1) << 40},
		{NULL, 0},
	};

	return read_quantity(s, bare, units, strcasecmp, bytes);
}
