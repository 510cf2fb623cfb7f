/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/lib/escape.h"
#include "html_page.h"

int page_setup(void **state)
{
	struct page *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->x = sample_new();
	saturation_unknown(&p->x->s.saturation);
	p->random.state = 42;
	*state = p;
	return 0;
}

int page_teardown(void **state)
{
	struct page *p = *state;

	sample_free(p->x);
	timeline_free(p->t);
	free(p->text);
	free(p);
	return 0;
}

static void keep_page(const struct page *p, const char *name)
{
	const char *dir = getenv("RS_HTML_DIR");
	char path[512];
	FILE *f;

	if (!dir)
		return;
	snprintf(path, sizeof(path), "%s/%s.html", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(p->text, 1, p->len, f), p->len);
	assert_int_equal(fclose(f), 0);
}

/* --- what holds for every page */

static size_t tag_name(const char *p, char name[16])
{
	size_t n = strspn(p, "abcdefghijklmnopqrstuvwxyz0123456789!DOCTYPE");

	assert_in_range(n, 1, 15);
	memcpy(name, p, n);
	name[n] = '\0';
	return n;
}

static bool is_void(const char *name)
{
	return !strcmp(name, "meta") || !strcmp(name, "!DOCTYPE");
}

/* The end of a tag that begins at p; quotes within are closed. */
static const char *tag_end(const char *p)
{
	bool quoted = false;

	for (p++; *p && (quoted || *p != '>'); p++) {
		quoted ^= *p == '"';
		assert_true(quoted || *p != '<');
	}
	assert_true(*p == '>' && !quoted);
	return p;
}

/* Tags nest and close; every & begins a reference. */
static void assert_well_formed(const char *text)
{
	static const char *const references[] = {"&amp;", "&lt;",    "&gt;",	"&quot;",
						 "&#39;", "&minus;", "&ldquo;", "&rdquo;"};
	char stack[64][16], name[16];
	size_t depth = 0, i;

	for (const char *p = text; *p; p++) {
		if (*p == '&') {
			for (i = 0; i < 8 && strncmp(p, references[i], strlen(references[i])); i++)
				;
			assert_true(i < 8);
		}
		if (*p != '<')
			continue;
		tag_name(p + 1 + (p[1] == '/'), name);
		if (p[1] == '/') {
			assert_true(depth > 0);
			assert_string_equal(stack[--depth], name);
			p = tag_end(p);
			continue;
		}
		p = tag_end(p);
		if (p[-1] != '/' && !is_void(name)) {
			assert_true(depth < 64);
			memcpy(stack[depth++], name, sizeof(name));
		}
	}
	assert_int_equal(depth, 0);
}

/* Valid UTF-8 without any control but the newline. */
static void assert_clean(const char *text, size_t len)
{
	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_length((const unsigned char *)text + i, len - i);
		assert_true(n > 0);
		assert_true(text[i] == '\n' ||
			    !utf8_is_control((const unsigned char *)text + i, n));
	}
}

/* Nothing is to be loaded from anywhere, nothing runs. */
void page_is_alone(const struct page *p)
{
	static const char *const never[] = {
		"<script", "<img", "<link", "<iframe",	  "<object", "http:", "https:", "url(",
		"@import", "src=", "href=", "javascript", " onload", "nan",   "inf%"};

	for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++)
		if (strstr(p->text, never[i]))
			fail_msg("the page has %s", never[i]);
	assert_non_null(strstr(p->text, "default-src 'none'"));
}

const char *page_render(struct page *p, const char *name)
{
	struct html_report r = {.summary = &p->x->s, .timeline = p->t};
	struct verdict_rules rules;
	FILE *f;

	free(p->text);
	p->text = NULL;
	f = open_memstream(&p->text, &p->len);
	assert_non_null(f);
	verdict_rules_default(&rules);
	verdict_decide(&p->x->s, &rules);
	sink_html(f, &r);
	assert_int_equal(fclose(f), 0);
	keep_page(p, name);
	assert_int_equal(strlen(p->text), p->len);
	assert_true(p->len < HTML_MAX);
	assert_clean(p->text, p->len);
	assert_well_formed(p->text);
	return p->text;
}

void page_has(const struct page *p, const char *what)
{
	if (!strstr(p->text, what))
		fail_msg("the page lacks %s", what);
}

void page_lacks(const struct page *p, const char *what)
{
	if (strstr(p->text, what))
		fail_msg("the page has %s", what);
}

void page_window(struct page *p, uint64_t seconds, uint32_t columns)
{
	p->x->s.seconds = (double)seconds;
	p->x->s.now = SAMPLE_FROM + seconds * SEC;
	p->t = timeline_new(SAMPLE_FROM, p->x->s.now, columns);
	assert_non_null(p->t);
}

void page_move(struct request *r, uint64_t to)
{
	uint64_t by = to - r->arrived; /* wraps, as the sums do */

	r->arrived += by;
	r->seen += by;
	r->read += by;
	r->received += by;
	r->head += by;
	r->done += by;
	r->ended += by;
}

void page_end(struct page *p, struct request *r, uint64_t at, enum request_end how, unsigned status)
{
	page_move(r, at);
	sample_end(p->x, r, how, status);
	assert_int_equal(timeline_add(p->t, r), 0);
}

/* --- traffic */

/* A duration around `middle`, now and then much longer. */
static uint64_t about(struct page *p, uint64_t middle)
{
	double u = (random_below(&p->random, 100000) + 1) / 100001.0;
	double v = (random_below(&p->random, 100000) + 1) / 100001.0;

	return (uint64_t)((double)middle * exp(0.5 * sqrt(-2 * log(u)) * cos(6.2831853 * v)));
}

static const struct kind {
	const char *method, *path;
	unsigned weight, status;
	uint64_t app, send;
} kinds[] = {
	{"GET", "/items/%u", 55, 200, 300000, 20000},
	{"GET", "/search", 20, 200, 15 * MS, 40000},
	{"POST", "/orders", 14, 201, 6 * MS, 30000},
	{"GET", "/export", 3, 200, 400000, 250 * MS},
	{"GET", "/report", 4, 200, 120 * MS, 90000},
	{"DELETE", "/sessions/%u", 4, 204, 900000, 20000},
};

static const struct kind *some_kind(struct page *p)
{
	uint32_t at = random_below(&p->random, 100);
	size_t i = 0;

	while (at >= kinds[i].weight)
		at -= kinds[i++].weight;
	return &kinds[i];
}

/* Between the second and the third quarter the loop is busy; then a deploy mends it. */
static void some_request(struct page *p, uint64_t at, uint64_t length)
{
	const struct kind *k = some_kind(p);
	bool busy = at > length / 2 && at < length * 3 / 4;
	uint64_t queue = about(p, busy ? 30 * MS : 60000), app = about(p, k->app);
	bool fails = k->status == 201 && busy && random_chance(&p->random, 20);
	bool missing = k->weight == 55 && random_chance(&p->random, 9);
	struct request r;
	char path[64];

	snprintf(path, sizeof(path), k->path, random_below(&p->random, 1000));
	r = sample_request(p->x, k->method, path, 4711 + random_below(&p->random, 3), queue, app,
			   about(p, k->send));
	if (random_chance(&p->random, 30))
		r.http.flags |= HTTP1_F_AUTH;
	r.cache = k->weight == 20 ? (uint8_t)(1 + random_below(&p->random, 3)) : HTTP1_CACHE_NONE;
	if (random_chance(&p->random, 1))
		page_end(p, &r, SAMPLE_FROM + at, REQ_CLIENT_CLOSED, 0);
	else
		page_end(p, &r, SAMPLE_FROM + at, REQ_OK, fails ? 500 : missing ? 404 : k->status);
}

void page_traffic(struct page *p, uint64_t seconds, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t at = seconds * SEC / n * i;

		if (random_chance(&p->random, at % (20 * SEC) < 10 * SEC ? 90 : 60))
			some_request(p, at, seconds * SEC);
	}
}
