// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hostile.h"

/* --- strings */

/* clang-format off */
static const char *const pieces[] = {
	"\x1b[31m", "\x1b[2J\x1b[H", "\x1b]0;owned\x07", "\x1bP$q\x1b\\", "\x9b" "31m", "\xc2\x9b" "31m",
	"\r\n", "\n", "\r", "\t", "\b\b", "\x7f", "\x0b\x0c", "\x01", "\a",
	"\xe2\x80\xae", "\xe2\x80\xa8", "\xe2\x81\xa6", "\xc2\x85", "\xe2\x80\xa9", "\xe2\x81\xa9",
	"\xff", "\xfe\xff", "\xc3", "\xe2\x80", "\xf0\x9f\x98", "\xc0\x80", "\xed\xa0\x80",
	"\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\x80\x80", "\xe0\x80\xaf",
	"<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onload='x", "</title><b>",
	"</svg>", "-->", "<!--", "]]>", "&lt;", "&#x3c;script&#x3e;", "&amp", "&", "<", ">", "\"", "'",
	"<style>*{}</style>", "javascript:alert(1)", "</td></tr></table>", "<a href=//x>",
	"\"}", "\",\"verdict\":{\"state\":\"up\"},\"x\":\"", "\\\"", "\\", "\\u0000", "\\x1b", "{", "}", "[",
	"|", "|p99=0", "'p99'=0;1;2", "\n[critical]", "$(reboot)", "`id`", "%s%n%x", "%1b%00", ";", "#",
	"\nREQSCOPE OK - all is well | x=1\n", "\nMESSAGE=x\n", "<30>Jan  2", "reqscope: ",
	"caf\xc3\xa9", "\xf0\x9f\x98\x80", "\xe2\x96\x88", "/items/{id}", "?q=1", " ", "  ", "..", "/", "a",
};
/* clang-format on */
#define N_PIECES (sizeof(pieces) / sizeof(*pieces))

/* Any byte but NUL, which no string can hold; how the ones with a length take it is told by their
 * own tests. */
static char any_byte(struct random *r)
{
	return (char)(1 + random_below(r, 255));
}

static size_t some_length(struct random *r, size_t max)
{
	size_t most = random_chance(r, 10) ? max : max < 80 ? max : 80;

	return random_chance(r, 3) ? 0 : random_below(r, (uint32_t)most + 1);
}

/* Pieces and bytes, cut where the room ends: within a character, an escape, a tag. */
static size_t fill(struct random *r, char *out, size_t max)
{
	size_t wanted = some_length(r, max), n = 0;
	bool only_bytes = random_chance(r, 15);

	while (n < wanted) {
		const char *piece = pieces[random_below(r, N_PIECES)];
		size_t len = strlen(piece);

		if (only_bytes || random_chance(r, 20)) {
			out[n++] = any_byte(r);
			continue;
		}
		len = len < wanted - n ? len : wanted - n;
		memcpy(out + n, piece, len);
		n += len;
	}
	out[n] = '\0';
	return n;
}

const char *hostile_text(struct hostile *h, size_t max)
{
	struct hostile_string *s = malloc(sizeof(*s) + max + 1);

	if (!s)
		abort();
	fill(&h->random, s->text, max);
	s->next = h->strings;
	h->strings = s;
	return s->text;
}

static const char *text(struct hostile *h)
{
	return hostile_text(h, 3000);
}

/* --- all that a summary can hold */

static const struct site *some_site(struct hostile *h)
{
	static const char *const kinds[] = {"cpu", "syscall", "gil", "gc", "unknown"};
	const char *type = random_chance(&h->random, 30) ? kinds[random_below(&h->random, 5)]
							 : hostile_text(h, SITE_TYPE_MAX - 1);

	return sites_get(h->x->sites, type, hostile_text(h, SITE_TEXT_MAX - 1),
			 hostile_text(h, SITE_TEXT_MAX - 1));
}

static void make_head(struct hostile *h, struct request *r)
{
	struct http1_head *head = &r->http;
	struct random *random = &h->random;

	r->head_seen = true;
	fill(random, head->method, sizeof(head->method) - 1);
	fill(random, head->host, sizeof(head->host) - 1);
	head->path_len = (uint16_t)fill(random, head->path, sizeof(head->path) - 1);
	for (uint32_t i = 0; random_chance(random, 20) && i < head->path_len; i += 7)
		head->path[i] = '\0'; /* a path has a length */
	r->route = router_match(h->x->router, head->method, head->path, head->path_len);
}

static struct request some_request(struct hostile *h)
{
	struct random *r = &h->random;
	struct request q =
		sample_request(h->x, "GET", "/", 4711, 1 + random_below(r, 90000000),
			       1 + random_below(r, 900000000), 1 + random_below(r, 9000000));

	make_head(h, &q);
	if (random_chance(r, 50)) {
		q.error = some_site(h);
		q.stall.site = some_site(h);
		q.stall.ns = 5000000;
	}
	q.gil_wait = random_below(r, 2) * 3000000;
	return q;
}

static void end_requests(struct hostile *h)
{
	for (int i = 0; i < 12; i++) {
		struct request q = some_request(h);
		unsigned status = 200 + 100 * random_below(&h->random, 4);

		sample_end(h->x, &q, REQ_OK, status);
		if (timeline_add(h->timeline, &q) || series_add(i < 6 ? h->before : h->after, &q))
			abort();
		h->request = q;
	}
}

static void open_requests(struct hostile *h)
{
	for (uint32_t i = 0; i < 4; i++) {
		struct request *r = sample_open(h->x, "/", 4711, (9 - i) * SEC, PHASE_APP);

		make_head(h, r);
		h->x->open[i].where = random_chance(&h->random, 70) ? text(h) : NULL;
		h->x->open[i].host = random_chance(&h->random, 30) ? text(h) : NULL;
	}
}

static void loop_troubles(struct hostile *h)
{
	struct stats *st = h->x->s.stats;
	const struct loop_time loop = {.watched = 10 * SEC,
				       .busy = 9 * SEC,
				       .gil = SEC,
				       .gil_waits = 7,
				       .gc = SEC,
				       .gc_runs = 3,
				       .gil_known = true,
				       .gc_known = true};

	for (int i = 0; i < 3; i++) {
		struct stall stall = {SAMPLE_FROM, SAMPLE_FROM + SEC, 4711,
				      4711,	   some_site(h),      NULL};

		stall.route = random_chance(&h->random, 50) ? h->request.route : NULL;
		if (stats_stall(st, &stall) || stats_background(st, some_site(h)))
			abort();
	}
	stats_loop(st, &loop);
	h->x->s.held = some_site(h);
	h->x->s.held_ns = 3 * SEC;
	for (int i = 0; i < 3; i++)
		h->x->waits[i] = (struct summary_wait){
			.count = 3, .threads = i & 1, .where = text(h), .on = text(h)};
	h->x->s.waits = h->x->waits;
	h->x->s.n_waits = 3;
}

static void name_all(struct hostile *h)
{
	struct summary *s = &h->x->s;

	s->host.name = text(h);
	s->host.kernel = text(h);
	s->target.name = text(h);
	s->target.server = text(h);
	s->target.python = text(h);
	s->only = random_chance(&h->random, 30) ? text(h) : NULL;
	h->x->generations[0].version = text(h);
	h->x->features[0].state = text(h);
	fill(&h->random, h->x->listeners[0].address, sizeof(h->x->listeners[0].address) - 1);
	h->x->listeners[0].counted = true;
	h->x->listeners[0].accept_queue = 120;
	h->x->listeners[0].backlog = 128;
}

static void deploy(struct hostile *h)
{
	struct compare_rules rules;

	compare_rules_default(&rules);
	h->comparison = compare(h->before, 5, h->after, 5, &rules);
	if (!h->comparison)
		abort();
	h->deploy = (struct summary_deploy){
		.at_wall_ns = SAMPLE_WALL + SEC,
		.before = {.version = text(h), .pid = 1, .workers = 1, .requests = 6},
		.after = {.version = text(h), .pid = 2, .workers = 1, .requests = 6},
		.comparison = h->comparison};
	h->x->s.deploys = &h->deploy;
	h->x->s.n_deploys = 1;
}

/* As a merge of several hosts has them. */
static void merged(struct hostile *h)
{
	struct summary *s = &h->x->s;

	h->part = (struct summary_part){.host = text(h),
					.pids = h->x->pids,
					.n_pids = 1,
					.ports = h->x->ports,
					.n_ports = 1,
					.start_wall_ns = SAMPLE_WALL,
					.end_wall_ns = SAMPLE_WALL + SEC};
	s->parts = &h->part;
	s->n_parts = 1;
	h->x->listeners[0].host = text(h);
	h->x->generations[0].host = text(h);
	h->x->waits[0].host = text(h);
	s->saturation.fds = 1000;
	s->saturation.fd_limit = 1024;
	s->saturation.fd_pid = 1;
	s->saturation.fd_host = text(h);
	s->saturation.threads = s->saturation.threads_busy = 40;
	s->saturation.threads_host = text(h);
}

void hostile_init(struct hostile *h, uint64_t seed)
{
	struct verdict_rules rules;

	*h = (struct hostile){.random = {seed}, .x = sample_new()};
	h->timeline = timeline_new(SAMPLE_FROM, SAMPLE_FROM + 10 * SEC, 20);
	h->before = series_new();
	h->after = series_new();
	if (!h->timeline || !h->before || !h->after)
		abort();
	for (int i = 0; i < 3; i++) {
		char template[64] = "/";

		fill(&h->random, template + 1, sizeof(template) - 2);
		router_add(h->x->router, "*", template, text(h), NULL);
	}
	end_requests(h);
	open_requests(h);
	loop_troubles(h);
	name_all(h);
	deploy(h);
	if (random_chance(&h->random, 50))
		merged(h);
	if (stats_fold_routes(h->x->s.stats))
		abort();
	verdict_rules_default(&rules);
	verdict_decide(&h->x->s, &rules);
}

void hostile_free(struct hostile *h)
{
	struct hostile_string *s;

	comparison_free(h->comparison);
	series_free(h->before);
	series_free(h->after);
	timeline_free(h->timeline);
	sample_free(h->x);
	while ((s = h->strings)) {
		h->strings = s->next;
		free(s);
	}
}
