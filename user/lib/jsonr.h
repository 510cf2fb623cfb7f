/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * jsonr.h - reads JSON (RFC 8259), the other side of jsonw.h. A text is checked once, as a whole;
 * after that a value is a place in it, and nothing is copied or allocated. So a number keeps its
 * digits: counts of 64 bits and exact nanoseconds come back as they were written, which no reader
 * that makes doubles of them can do. Members come in their order, those of the same name too: that
 * one is there twice is for the caller to refuse. Pure.
 */
#ifndef RS_JSONR_H
#define RS_JSONR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSONR_DEPTH  256 /* arrays and objects within each other; deeper ones are refused */
#define JSONR_NUMBER 64	 /* bytes of a number; a longer one is refused by those who read it */

enum jsonr_kind { JSONR_NULL, JSONR_BOOL, JSONR_NUM, JSONR_STRING, JSONR_ARRAY, JSONR_OBJECT };

/* A value within a checked text, which must outlive it. Private but for being copied. */
struct jsonr {
	const char *p, *end;
};

struct jsonr_error {
	size_t at;	  /* offset of what is wrong */
	const char *what; /* what was expected there, in plain words */
};

/*
 * The next text of those that stand one after the other in *p..end (bytes, no NUL needed), such as
 * one a line: checks it whole and moves *p behind it. 1, 0 when there is only white space left, or
 * -EINVAL (*e says where and why; *p is as it was).
 */
int jsonr_next_text(const char **p, const char *end, struct jsonr *v, struct jsonr_error *e);

enum jsonr_kind jsonr_kind(struct jsonr v);
const char *jsonr_kind_name(enum jsonr_kind kind); /* "an object", "a number", ... */

/*
 *	struct jsonr_iter it;
 *
 *	jsonr_iter_init(&it, v);
 *	while (jsonr_next(&it))
 *		use(it.name, it.value);
 *
 * over the members of an object or the elements of an array (then name is none); over nothing when
 * it is neither.
 */
struct jsonr_iter {
	struct jsonr name, value;
	const char *p; /* private */
	bool object;
};
void jsonr_iter_init(struct jsonr_iter *it, struct jsonr v);
bool jsonr_next(struct jsonr_iter *it);

/* The first member of this name; false when there is none, or v is no object. */
bool jsonr_member(struct jsonr v, const char *name, struct jsonr *member);

/* Whether v is this string. */
bool jsonr_is(struct jsonr v, const char *s);

/*
 * The bytes of a string, as UTF-8 (half a surrogate pair becomes U+FFFD); it may hold NULs. Writes
 * as many whole characters as fit into size - 1 bytes, and a NUL. Returns the length of the whole,
 * also when it did not fit; 0 when v is no string. out may be NULL with size 0.
 */
size_t jsonr_string(struct jsonr v, char *out, size_t size);

/* As it is written, cut at its end: for messages. */
struct jsonr_text {
	const char *p;
	size_t n;
};
struct jsonr_text jsonr_text(struct jsonr v);

/* Whole numbers, written without fraction and exponent. 0, -EINVAL when it is none, -ERANGE. */
int jsonr_u64(struct jsonr v, uint64_t *out);
int jsonr_i64(struct jsonr v, int64_t *out);
/* A number; -ERANGE when it is beyond a double. */
int jsonr_double(struct jsonr v, double *out);
/* Milliseconds as jsonw_ms() writes them to ns, exactly; what is finer than a ns is rounded. 0,
   -EINVAL when it is no number, -ERANGE when it is negative or from 2^53 ms on. */
int jsonr_ms(struct jsonr v, unsigned __int128 *ns);
bool jsonr_true(struct jsonr v);

#endif
