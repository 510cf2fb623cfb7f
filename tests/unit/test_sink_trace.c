/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#include "../../user/lib/escape.h"
#include "../../user/sink/sink.h"
#include "sample.h"

static const struct trace_context context = {
	.host = "web1",
	.target = "uvicorn app:app",
	.wall_offset = (int64_t)(SAMPLE_WALL - SAMPLE_FROM),
	.now = SAMPLE_FROM + 10 * SEC,
};
static const struct term_options columns80 = {.columns = 80, .utf8 = true};

static int setup(void **state)
{
	*state = sample_new();
	return 0;
}

static int teardown(void **state)
{
	sample_free(*state);
	return 0;
}

static struct request finished(struct sample *x)
{
	struct request r = sample_request(x, "GET", "/orders/17", 4711, 120000, 12 * MS, 200000);

	r.end = REQ_OK;
	r.status = 200;
	r.status_seen = true;
	return r;
}

static cJSON *parse(const struct request *r)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	cJSON *json;

	sink_trace_json(f, &context, r);
	fclose(f);
	assert_int_equal(strchr(text, '\n') - text, strlen(text) - 1);
	json = cJSON_Parse(text);
	assert_non_null(json);
	free(text);
	return json;
}

static void assert_number(const cJSON *j, const char *name, double expected)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(j, name);

	if (!cJSON_IsNumber(v) || v->valuedouble < expected - 1e-9 ||
	    v->valuedouble > expected + 1e-9)
		fail_msg("%s is not %.9g", name, expected);
}

static void assert_string(const cJSON *j, const char *name, const char *expected)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(j, name);

	if (!cJSON_IsString(v))
		fail_msg("%s is no string", name);
	assert_string_equal(v->valuestring, expected);
}

static void assert_absent(const cJSON *j, const char *name)
{
	if (cJSON_GetObjectItemCaseSensitive(j, name))
		fail_msg("%s is there", name);
}

static void test_json_end(void **state)
{
	struct request r = finished(*state);
	cJSON *j = parse(&r);

	assert_string(j, "schema", "reqscope.trace/1");
	assert_string(j, "event", "end");
	assert_number(j, "id", 1);
	assert_string(j, "ts", "2026-01-02T03:04:06.000000Z");
	assert_string(j, "host", "web1");
	assert_string(j, "target", "uvicorn app:app");
	assert_string(j, "method", "GET");
	assert_string(j, "path", "/orders/17");
	assert_string(j, "route", "/orders/{id}");
	assert_number(j, "status", 200);
	assert_string(j, "end", "ok");
	assert_number(j, "total", 12.32);
	assert_number(j, "ttfb", 12.12);
	assert_number(j, "queue", 0.12);
	assert_number(j, "recv", 0);
	assert_number(j, "app", 12);
	assert_number(j, "send", 0.2);
	assert_number(j, "bytes_in", 80);
	assert_number(j, "bytes_out", 200);
	assert_number(j, "pid", 4711);
	assert_number(j, "conn", 1);
	assert_string(j, "peer", "127.0.0.1:40000");
	assert_string(j, "auth", "no");
	assert_absent(j, "cache");
	assert_absent(j, "trace_id");
	assert_absent(j, "age");
	assert_absent(j, "phase");
	cJSON_Delete(j);
}

static void test_json_extras(void **state)
{
	struct request r = finished(*state);
	cJSON *j;

	r.http.flags = HTTP1_F_AUTH | HTTP1_F_TRACE_ID | HTTP1_F_HEAD_SKIPPED;
	strcpy(r.http.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
	r.cache = HTTP1_CACHE_HIT;
	j = parse(&r);
	assert_string(j, "auth", "yes");
	assert_string(j, "cache", "hit");
	assert_string(j, "trace_id", "4bf92f3577b34da6a3ce929d0e0e4736");
	cJSON_Delete(j);
	r.http.flags = HTTP1_F_HEAD_SKIPPED; /* it may have been among what was skipped */
	j = parse(&r);
	assert_absent(j, "auth");
	cJSON_Delete(j);
}

static void test_json_open(void **state)
{
	struct request *r = sample_open(*state, NULL, 0, 12 * SEC, PHASE_QUEUE);
	cJSON *j = parse(r);

	assert_string(j, "event", "open");
	assert_string(j, "phase", "queue");
	assert_number(j, "age", 12000);
	assert_absent(j, "end");
	assert_absent(j, "method");
	assert_absent(j, "path");
	assert_absent(j, "route");
	assert_absent(j, "status");
	assert_absent(j, "total");
	assert_absent(j, "queue");
	assert_absent(j, "pid");
	assert_absent(j, "peer");
	assert_absent(j, "auth");
	cJSON_Delete(j);
}

/* What has no stamp has no member. */
static void test_json_absent_phases(void **state)
{
	struct request r = finished(*state);
	cJSON *j;

	r.arrived = 0;
	r.seen = SAMPLE_FROM + 2 * SEC;
	j = parse(&r);
	assert_string(j, "ts", "2026-01-02T03:04:07.000000Z");
	assert_absent(j, "queue");
	assert_absent(j, "total");
	assert_absent(j, "ttfb");
	assert_number(j, "app", 12);
	cJSON_Delete(j);
}

static void assert_peer(struct request *r, const char *expected)
{
	cJSON *j = parse(r);

	assert_string(j, "peer", expected);
	cJSON_Delete(j);
}

static void test_json_peers(void **state)
{
	struct request r = finished(*state);

	r.peer.family = AF_INET6;
	assert_int_equal(inet_pton(AF_INET6, "2001:db8::7", r.peer.ip), 1);
	assert_peer(&r, "[2001:db8::7]:40000");
	assert_int_equal(inet_pton(AF_INET6, "::ffff:10.0.0.9", r.peer.ip), 1);
	assert_peer(&r, "10.0.0.9:40000");
	r.peer.family = AF_UNIX;
	assert_peer(&r, "unix");
}

/* --- text */

static char *text_of(const struct request *r, const struct term_options *o)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	sink_trace_text(f, &context, r, o);
	fclose(f);
	return text;
}

static void assert_text(const struct request *r, const char *expected)
{
	char *text = text_of(r, &columns80);

	assert_string_equal(text, expected);
	free(text);
}

static void test_text_ok(void **state)
{
	struct request r = finished(*state);

	assert_text(&r, "03:04:06.000   200  12.3 ms   120 us  12.0 ms  GET  /orders/17\n");
}

static void test_text_header_fits(void **state)
{
	struct request r = finished(*state);

	for (unsigned columns = 60; columns < 200; columns += 10) {
		struct term_options o = {.columns = columns};
		char *text = text_of(&r, &o), *header = NULL;
		size_t size;
		FILE *f = open_memstream(&header, &size);

		sink_trace_text_header(f, &o);
		fclose(f);
		assert_int_equal(strstr(header, "request") - header, strstr(text, "GET ") - text);
		assert_int_equal(strstr(header, "code") + 4 - header,
				 strstr(text, "200") + 3 - text);
		free(header);
		free(text);
	}
}

static void test_text_ends(void **state)
{
	struct sample *x = *state;
	struct request r = sample_request(x, "GET", "/o", 4711, 120000, 12 * MS, 200000);

	r.end = REQ_CLIENT_CLOSED;
	r.head = r.done = 0;
	r.ended = r.arrived + 3200 * MS;
	assert_text(&r, "03:04:06.000     -        -   120 us        -  GET  /o"
			"  client gone after 3.20 s\n");
	r.end = REQ_SERVER_CLOSED;
	assert_text(&r, "03:04:06.000     -        -   120 us        -  GET  /o  closed 3.20 s\n");
	r.end = REQ_UNKNOWN;
	assert_text(&r, "03:04:06.000     -        -   120 us        -  GET  /o"
			"  unknown (events lost)\n");
}

/* The path comes before the words of a remark, the remark before the end of a long path. */
static void test_text_room(void **state)
{
	struct sample *x = *state;
	struct request r = sample_request(x, "GET", "/orders/17/items/4", 4711, 120000, MS, 0);

	r.end = REQ_CLIENT_CLOSED;
	r.head = r.done = 0;
	r.ended = r.arrived + 3200 * MS;
	assert_text(&r, "03:04:06.000     -        -   120 us        -  GET  /orders/17/it.."
			"  gone 3.20 s\n");
}

static void test_text_open(void **state)
{
	struct sample *x = *state;

	assert_text(sample_open(x, "/h", 4711, 9 * SEC, PHASE_APP),
		    "03:04:06.000     -        -  1.00 us        -  GET  /h"
		    "  open in app for 9.00 s\n");
	assert_text(sample_open(x, "/hang/on/a/little", 4711, 9 * SEC, PHASE_APP),
		    "03:04:06.000     -        -  1.00 us        -  GET  /hang/on/a/.."
		    "  9.00 s in app\n");
	assert_text(sample_open(x, NULL, 4711, 9 * SEC, PHASE_QUEUE),
		    "03:04:06.000     -        -        -        -  (not read yet)"
		    "  9.00 s in queue\n");
}

/* A phase without a column is named when it took most of the time. */
static void test_text_send(void **state)
{
	struct request r = finished(*state);

	r.done = r.head + 3 * SEC;
	assert_text(&r, "03:04:06.000   200   3.01 s   120 us  12.0 ms  GET  /orders/17"
			"  send 3.00 s\n");
}

static void test_text_wide(void **state)
{
	struct request r = finished(*state);
	struct term_options o = {.columns = 140};
	char *text = text_of(&r, &o);

	assert_string_equal(text, "03:04:06.000   200  12.3 ms   120 us        0  12.0 ms   200 us"
				  "     4711  /orders/{id}                  GET  /orders/17\n");
	free(text);
}

/* Where the endpoint is: a column of the widest, without the folders. */
static void test_text_place(void **state)
{
	struct request r = finished(*state);
	struct term_options o = {.columns = 180};
	struct route route = *r.route;
	char place[] = "/srv/shop/orders.py:17 get_order\033[2J", *text;

	route.place = place;
	r.route = &route;
	text = text_of(&r, &o);
	assert_non_null(strstr(text, "  orders.py:17 get_order\\x1b[2J"));
	assert_null(strstr(text, "/srv"));
	free(text);
	route.place = NULL;
	text = text_of(&r, &o);
	assert_non_null(strstr(text, "/orders/{id}                  -  "));
	free(text);
}

static void test_text_colour(void **state)
{
	struct request r = finished(*state);
	struct term_options o = {.columns = 80, .colour = true, .slow_ns = 10 * MS};
	char *text;

	r.status = 503;
	text = text_of(&r, &o);
	assert_non_null(strstr(text, "\033[1;31m503\033[0m"));
	assert_non_null(strstr(text, "\033[33m12.3 ms\033[0m"));
	free(text);
	o.slow_ns = 20 * MS;
	text = text_of(&r, &o);
	assert_null(strstr(text, "\033[33m"));
	free(text);
}

/* Hostile paths and wild stamps: one line, within the width, nothing that a terminal acts on. */
static void test_text_hostile(void **state)
{
	struct sample *x = *state;
	uint64_t seed = 88172645463325252u;
	char path[300] = "/";

	for (unsigned i = 0; i < 2000; i++) {
		struct term_options o = {.columns = i % 3 ? 80 : 20 + i % 200, .utf8 = i % 2};
		struct request r;
		char *text;
		unsigned columns = 0;

		for (size_t k = 1; k < sizeof(path) - 1; k++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
			path[k] = (char)(seed >> 57 ? seed >> 40 : 27);
			if (!path[k])
				path[k] = '\033';
		}
		path[1 + i % 298] = '\0';
		r = sample_request(x, "GET", path, (uint32_t)seed, seed >> 20, seed >> 30,
				   seed >> 25);
		r.end = (uint8_t)(seed >> 33) % REQ_ENDS;
		r.status = (uint16_t)(seed >> 17);
		r.status_seen = seed >> 16 & 1;
		text = text_of(&r, &o);
		for (const char *p = text; *p != '\n';) {
			size_t n = utf8_length((const unsigned char *)p, strlen(p));

			assert_int_not_equal(n, 0);
			assert_false(utf8_is_control((const unsigned char *)p, n));
			assert_in_range(++columns, 1, o.columns);
			p += n;
		}
		assert_int_equal(strchr(text, '\n') - text, strlen(text) - 1);
		free(text);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_json_end),	    T(test_json_extras),  T(test_json_open),
		T(test_json_absent_phases), T(test_json_peers),	  T(test_text_ok),
		T(test_text_header_fits),   T(test_text_ends),	  T(test_text_room),
		T(test_text_open),	    T(test_text_send),	  T(test_text_wide),
		T(test_text_place),
		T(test_text_colour),	    T(test_text_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
