// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "site.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/escape.h"
#include "../lib/hashmap.h"

#define ELLIPSIS    "..."
#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* A site, its texts behind it. */
struct site_box {
	struct site site;      /* first: a struct site is its box */
	struct site_box *same; /* hash */
	char text[];
};

struct sites {
	struct hashmap boxes; /* by hash of the texts */
	struct site_box **list;
	uint32_t n, cap, max;
	uint64_t refused;
};

/* The texts as they are kept. */
struct texts {
	char type[SITE_TYPE_MAX], where[SITE_TEXT_MAX], detail[SITE_TEXT_MAX];
};

struct sites *sites_new_max(uint32_t max)
{
	struct sites *s = calloc(1, sizeof(*s));

	if (s)
		s->max = max;
	return s;
}

struct sites *sites_new(void)
{
	return sites_new_max(SITES_MAX);
}

void sites_free(struct sites *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->n; i++)
		free(s->list[i]);
	free(s->list);
	hashmap_free(&s->boxes);
	free(s);
}

/* Ends a text that is too long: `len` bytes of it are whole characters. */
static void cut(char *out, size_t len, size_t size)
{
	while (len + sizeof(ELLIPSIS) > size || (len && ((unsigned char)out[len] & 0xc0) == 0x80))
		len--;
	memcpy(out + len, ELLIPSIS, sizeof(ELLIPSIS));
}

/* What is not valid UTF-8 is replaced, byte by byte. out is all zero: cut() looks at the byte
 * behind. */
static void keep_text(char *out, size_t size, const char *text)
{
	size_t left = text ? strlen(text) : 0, len = 0;

	while (left) {
		size_t n = utf8_length((const unsigned char *)text, left), add = n ? n : 3;

		if (len + add >= size) {
			cut(out, len, size);
			return;
		}
		memcpy(out + len, n ? text : REPLACEMENT, add);
		len += add;
		text += n ? n : 1;
		left -= n ? n : 1;
	}
}

/* FNV-1a; the NUL sets the texts apart. */
static uint64_t hash_text(uint64_t hash, const char *s)
{
	do
		hash = (hash ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	while (*s++);
	return hash;
}

static bool is_same(const struct site *site, const struct texts *t)
{
	return !strcmp(site->type, t->type) && !strcmp(site->where, t->where) &&
	       !strcmp(site->detail, t->detail);
}

static const char *put_text(char **p, const char *text)
{
	const char *at = *p;

	*p = stpcpy(*p, text) + 1;
	return at;
}

static int list_room(struct sites *s)
{
	uint32_t cap = s->cap ? s->cap * 2 : 8;
	struct site_box **list;

	if (s->n < s->cap)
		return 0;
	list = realloc(s->list, cap * sizeof(struct site_box *));
	if (!list)
		return -1;
	s->list = list;
	s->cap = cap;
	return 0;
}

static struct site_box *box_new(const struct texts *t, uint32_t id)
{
	size_t size = strlen(t->type) + strlen(t->where) + strlen(t->detail) + 3;
	struct site_box *box = malloc(sizeof(*box) + size);
	char *p;

	if (!box)
		return NULL;
	p = box->text;
	box->same = NULL;
	box->site.id = id;
	box->site.type = put_text(&p, t->type);
	box->site.where = put_text(&p, t->where);
	box->site.detail = put_text(&p, t->detail);
	return box;
}

static struct site_box *add(struct sites *s, const struct texts *t, uint64_t hash)
{
	struct site_box *box, *first = hashmap_get(&s->boxes, hash);

	if (s->n >= s->max || list_room(s))
		return NULL;
	box = box_new(t, s->n);
	if (!box)
		return NULL;
	box->same = first;
	if (hashmap_put(&s->boxes, hash, box)) {
		free(box);
		return NULL;
	}
	s->list[s->n++] = box;
	return box;
}

const struct site *sites_get(struct sites *s, const char *type, const char *where,
			     const char *detail)
{
	struct texts t = {{0}, {0}, {0}};
	struct site_box *box;
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	keep_text(t.type, sizeof(t.type), type);
	keep_text(t.where, sizeof(t.where), where);
	keep_text(t.detail, sizeof(t.detail), detail);
	hash = hash_text(hash_text(hash_text(hash, t.type), t.where), t.detail);
	for (box = hashmap_get(&s->boxes, hash); box; box = box->same)
		if (is_same(&box->site, &t))
			return &box->site;
	box = add(s, &t, hash);
	if (!box)
		s->refused++;
	return box ? &box->site : NULL;
}

uint64_t sites_refused(const struct sites *s)
{
	return s->refused;
}

int site_compare(const struct site *a, const struct site *b)
{
	int c = strcmp(a->where, b->where);

	if (!c)
		c = strcmp(a->type, b->type);
	return c ? c : strcmp(a->detail, b->detail);
}
