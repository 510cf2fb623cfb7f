/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * route_fold.c - which segment of a path is a value and becomes {id}.
 *
 * A segment is a name (a literal of the API) or a value (data of one request). It is judged by
 * itself, with integers only, so that the same path gives the same template in every build and run.
 * Where both readings are plausible it stays a name ("h264", "user-42"): the tree folds a level
 * that explodes anyway, while a name that became {id} is lost to the reader.
 */
#include "route_priv.h"

#include "../lib/escape.h"

enum {
	C_DIGIT = 0x01,
	C_UPPER = 0x02,
	C_LOWER = 0x04,
	C_HEX = 0x08,
	C_VOWEL = 0x10,
	C_SPLIT = 0x20, /* ends a part of a segment */
	C_VALUE = 0x40, /* no name has it: controls, escapes, what separates values, braces */
	C_WIDE = 0x80,	/* not ASCII */
	C_LETTER = C_UPPER | C_LOWER,
};

static const uint8_t classes[256] = {
	[0x00 ... 0x20] = C_VALUE,
	['!'] = C_SPLIT,
	['"'] = C_VALUE,
	['#'] = C_VALUE,
	['$'] = C_SPLIT,
	['%' ... '&'] = C_VALUE,
	['\''] = C_SPLIT,
	['(' ... ','] = C_VALUE,
	['-' ... '.'] = C_SPLIT,
	['/'] = C_VALUE,
	['0' ... '9'] = C_DIGIT | C_HEX,
	[':'] = C_SPLIT,
	[';' ... '?'] = C_VALUE,
	['@'] = C_SPLIT,
	['A'] = C_UPPER | C_HEX | C_VOWEL,
	['B' ... 'D'] = C_UPPER | C_HEX,
	['E'] = C_UPPER | C_HEX | C_VOWEL,
	['F'] = C_UPPER | C_HEX,
	['G' ... 'H'] = C_UPPER,
	['I'] = C_UPPER | C_VOWEL,
	['J' ... 'N'] = C_UPPER,
	['O'] = C_UPPER | C_VOWEL,
	['P' ... 'T'] = C_UPPER,
	['U'] = C_UPPER | C_VOWEL,
	['V' ... 'X'] = C_UPPER,
	['Y'] = C_UPPER | C_VOWEL,
	['Z'] = C_UPPER,
	['[' ... '^'] = C_VALUE,
	['_'] = C_SPLIT,
	['`'] = C_VALUE,
	['a'] = C_LOWER | C_HEX | C_VOWEL,
	['b' ... 'd'] = C_LOWER | C_HEX,
	['e'] = C_LOWER | C_HEX | C_VOWEL,
	['f'] = C_LOWER | C_HEX,
	['g' ... 'h'] = C_LOWER,
	['i'] = C_LOWER | C_VOWEL,
	['j' ... 'n'] = C_LOWER,
	['o'] = C_LOWER | C_VOWEL,
	['p' ... 't'] = C_LOWER,
	['u'] = C_LOWER | C_VOWEL,
	['v' ... 'x'] = C_LOWER,
	['y'] = C_LOWER | C_VOWEL,
	['z'] = C_LOWER,
	['{' ... '}'] = C_VALUE,
	['~'] = C_SPLIT,
	[0x7f] = C_VALUE,
	/* Counted as vowels, so that no rule about consonants applies to other scripts. */
	[0x80 ... 0xff] = C_LOWER | C_VOWEL | C_WIDE,
};

static inline uint8_t class_of(char c)
{
	return classes[(uint8_t)c];
}

/* What is counted over a part (between - _ . and the like), or over a whole segment. */
struct tally {
	unsigned n, digits, upper, lower, hex, vowels;
	unsigned turns;	     /* from letters to digits or back */
	unsigned number;     /* the longest run of digits */
	unsigned consonants; /* the longest run of them */
	unsigned number_now, consonants_now;
	uint8_t last;
};

static void tally_add(struct tally *t, uint8_t c)
{
	uint8_t kind = c & C_DIGIT ? C_DIGIT : C_LETTER;

	t->n++;
	t->digits += !!(c & C_DIGIT);
	t->upper += !!(c & C_UPPER);
	t->lower += !!(c & C_LOWER);
	t->hex += !!(c & C_HEX);
	t->vowels += !!(c & C_VOWEL);
	t->turns += t->last && t->last != kind;
	t->last = kind;
	t->number_now = c & C_DIGIT ? t->number_now + 1 : 0;
	if (t->number_now > t->number)
		t->number = t->number_now;
	t->consonants_now = c & (C_DIGIT | C_VOWEL) ? 0 : t->consonants_now + 1;
	if (t->consonants_now > t->consonants)
		t->consonants = t->consonants_now;
}

static void tally_merge(struct tally *sum, const struct tally *part)
{
	sum->n += part->n;
	sum->digits += part->digits;
	sum->upper += part->upper;
	sum->lower += part->lower;
	sum->vowels += part->vowels;
	sum->turns += part->turns;
}

static bool mixed_case(const struct tally *t)
{
	return t->upper && t->lower;
}

/* Words have more vowels than a quarter of their letters; random letters have fewer. */
static bool few_vowels(const struct tally *t)
{
	return 4 * t->vowels < t->upper + t->lower;
}

/* Hex of 8 digits and more; without a decimal digit it may be a word ("deadbeef", "effaced"). */
static bool is_hex(const char *s, const struct tally *t)
{
	if (t->hex == t->n)
		return t->n >= 16 || (t->n >= 8 && t->digits);
	return t->n >= 4 && t->hex + 1 == t->n && s[0] == '0' && (s[1] | 0x20) == 'x';
}

static bool is_random(const struct tally *t)
{
	/* Names turn from letters to digits at most three times, and then have few digits: "i18n",
	   "oauth2callback", "v1beta1", "ipv4toipv6". */
	if (t->turns >= 3 && t->n >= 6 && (t->turns >= 4 || mixed_case(t) || t->digits >= 4))
		return true;
	if (t->turns >= 2 && t->n >= 8 && t->digits >= 3 && few_vowels(t))
		return true;
	if (mixed_case(t) && few_vowels(t) && t->n >= (t->digits ? 10 : 16))
		return true;
	return t->n >= 16 && t->consonants >= 7;
}

static bool part_is_value(const char *s, const struct tally *t)
{
	/* "order-1001", "2024-05-01T10:00Z" and "404.html" are values, "x86_64" and "user12" are
	 * not. */
	if (t->number >= 5 || (t->digits == t->n && t->n >= 3))
		return true;
	return is_hex(s, t) || is_random(t);
}

/* Tokens of base64url have dashes and underscores inside; their parts alone may be too short. */
static bool whole_is_value(const struct tally *t)
{
	if (t->digits == t->n && t->n)
		return true; /* numbers, dates, addresses, versions without a v */
	return t->n >= 16 && t->digits && mixed_case(t) && (t->turns >= 3 || few_vowels(t));
}

/* "index-DiwrgTda.js": bundlers (Vite) hash to 8 letters of both cases before the extension. */
static bool is_bundle(const char *s, size_t n)
{
	const char *dot = memrchr(s, '.', n);
	bool upper = false, lower = false;

	if (!dot || dot - s < 10 || s + n - dot > 6 || !(class_of(dot[-9]) & C_SPLIT))
		return false;
	for (const char *p = dot - 8; p < dot; p++) {
		if (!(class_of(*p) & (C_LETTER | C_DIGIT)))
			return false;
		upper |= p > dot - 8 && (class_of(*p) & C_UPPER);
		lower |= class_of(*p) & C_LOWER;
	}
	return upper && lower;
}

size_t route_uuid_length(const char *s, size_t n)
{
	static const uint8_t groups[] = {8, 4, 4, 4, 12};
	size_t at = 0;

	for (unsigned g = 0; g < 5; g++) {
		if (g && at < n && s[at] == '-')
			at++;
		for (unsigned i = 0; i < groups[g]; i++, at++)
			if (at >= n || !(class_of(s[at]) & C_HEX))
				return 0;
	}
	return at;
}

/* All classes that occur; C_VALUE also for an e-mail address (but not "@me") and for no UTF-8. */
static uint8_t scan(const char *s, size_t n)
{
	uint8_t seen = 0;

	for (size_t i = 0; i < n;) {
		uint8_t c = class_of(s[i]);
		size_t step = c & C_WIDE ? utf8_length((const unsigned char *)s + i, n - i) : 1;

		if (!step || c & C_VALUE || (s[i] == '@' && i))
			return C_VALUE;
		if (step > 1 && (uint8_t)s[i] == 0xc2 && (uint8_t)s[i + 1] < 0xa0)
			return C_VALUE; /* C1 controls */
		seen |= c;
		i += step;
	}
	return seen;
}

static bool parts_are_value(const char *s, size_t n)
{
	struct tally whole = {0};

	for (size_t i = 0; i < n;) {
		struct tally part = {0};
		size_t start = i;

		for (; i < n && !(class_of(s[i]) & C_SPLIT); i++)
			tally_add(&part, class_of(s[i]));
		if (part_is_value(s + start, &part))
			return true;
		if (!start && part.n && part.digits == part.n && i < n && s[i] == '.')
			return true; /* "7.json" */
		tally_merge(&whole, &part);
		i++;
	}
	return whole_is_value(&whole) || is_bundle(s, n);
}

bool route_is_value(const char *s, size_t n)
{
	uint8_t seen;

	if (n > ROUTE_SEGMENT_MAX)
		return true;
	seen = scan(s, n);
	if (seen & C_VALUE || seen == (C_DIGIT | C_HEX))
		return true;
	/* The common case: without digits, every rule below wants more bytes. */
	if (!(seen & C_DIGIT) && n < 11)
		return false;
	if (n >= 32 && route_uuid_length(s, n) == n)
		return true;
	return parts_are_value(s, n);
}

unsigned route_split(const char *path, size_t len, struct route_seg segs[ROUTE_SEGMENTS + 1])
{
	const char *end = path + len, *p = path;
	size_t used = 0;
	unsigned n = 0;

	while (p) {
		const char *slash = memchr(p + 1, '/', (size_t)(end - p - 1));
		size_t size = (size_t)((slash ? slash : end) - p - 1);
		bool value = n < ROUTE_SEGMENTS && route_is_value(p + 1, size);

		used += 1 + (value ? 4 : size);
		/* The rest of a long path is one {*}; while there is more, keep the bytes for it.
		 */
		if (n == ROUTE_SEGMENTS || used + (slash ? 4 : 0) > ROUTE_FOLDED_MAX) {
			segs[n++] = (struct route_seg){"{*}", 3, SEG_REST};
			break;
		}
		segs[n++] = value ? (struct route_seg){"{id}", 4, SEG_ID}
				  : (struct route_seg){p + 1, (uint8_t)size, SEG_NAME};
		p = slash;
	}
	return n;
}
