/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#include "../../user/sink/sink.h"
#include "sample.h"

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

/* Decides, prints, parses: one line, valid, one object. */
static cJSON *parse(struct sample *x)
{
	struct verdict_rules rules;
	char *text;
	cJSON *json;

	verdict_rules_default(&rules);
	verdict_decide(&x->s, &rules);
	text = sample_json(x);
	assert_int_equal(strchr(text, '\n') - text, strlen(text) - 1);
	json = cJSON_Parse(text);
	assert_non_null(json);
	free(text);
	return json;
}

/* "latency.total.p50", "routes.0.count"; NULL when it is not there */
static const cJSON *find(const cJSON *json, const char *path)
{
	char key[32];

	while (json && *path) {
		size_t n = strcspn(path, ".");

		snprintf(key, sizeof(key), "%.*s", (int)n, path);
		json = cJSON_IsArray(json) ? cJSON_GetArrayItem(json, atoi(key))
					   : cJSON_GetObjectItemCaseSensitive(json, key);
		path += n + (path[n] == '.');
	}
	return json;
}

static double number(const cJSON *json, const char *path)
{
	const cJSON *v = find(json, path);

	if (!cJSON_IsNumber(v))
		fail_msg("%s is no number", path);
	return v->valuedouble;
}

static const char *string(const cJSON *json, const char *path)
{
	const cJSON *v = find(json, path);

	if (!cJSON_IsString(v))
		fail_msg("%s is no string", path);
	return v->valuestring;
}

static void assert_number(const cJSON *json, const char *path, double expected)
{
	double v = number(json, path);

	if (v < expected - 1e-9 || v > expected + 1e-9)
		fail_msg("%s is %.9g, not %.9g", path, v, expected);
}

static void assert_absent(const cJSON *json, const char *path)
{
	if (find(json, path))
		fail_msg("%s is there", path);
}

static void test_empty(void **state)
{
	static const char *const members[] = {
		"schema", "host",    "target", "window", "verdict", "requests",	 "status",
		"codes",  "latency", "cache",  "auth",	 "routes",  "open",
		"workers", "listeners", "saturation", "deploys", "tracer",
		"errors", "background_errors", "loop", "waits"};
	cJSON *j = parse(*state);

	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
		assert_non_null(find(j, members[i]));
	assert_int_equal(cJSON_GetArraySize(j), sizeof(members) / sizeof(*members));
	assert_string_equal(string(j, "schema"), "reqscope.summary/1");
	assert_string_equal(string(j, "verdict.state"), "idle");
	for (int i = 0; i < LATENCIES; i++) {
		char path[64];

		snprintf(path, sizeof(path), "latency.%s", latency_names[i]);
		assert_int_equal(cJSON_GetArraySize(find(j, path)), 3);
	}
	assert_number(j, "latency.total.count", 0);
	assert_number(j, "latency.total.sum", 0);
	assert_number(j, "latency.total.hist.offset", 0);
	assert_int_equal(cJSON_GetArraySize(find(j, "latency.total.hist.counts")), 0);
	assert_number(j, "status.5xx", 0);
	assert_int_equal(cJSON_GetArraySize(find(j, "routes")), 0);
	cJSON_Delete(j);
}

static void test_who_and_when(void **state)
{
	struct sample *x = *state;
	cJSON *j;

	x->generations[1] = (struct summary_generation){.pid = 5, .version = "1.2"};
	x->s.target.n_generations = 2;
	j = parse(x);
	assert_string_equal(string(j, "host.name"), "web1");
	assert_string_equal(string(j, "target.name"), "uvicorn app:app");
	assert_string_equal(string(j, "target.server"), "uvicorn");
	assert_absent(j, "target.python");
	assert_number(j, "target.pids.0", 4711);
	assert_number(j, "target.ports.0", 8000);
	assert_number(j, "target.generations.0.pid", 4711);
	assert_string_equal(string(j, "target.generations.0.since"), "2026-01-02T03:04:05.000000Z");
	assert_absent(j, "target.generations.0.version");
	assert_absent(j, "target.generations.1.since");
	assert_string_equal(string(j, "target.generations.1.version"), "1.2");
	assert_string_equal(string(j, "window.start"), "2026-01-02T03:04:05.000000Z");
	assert_number(j, "window.seconds", 10);
	assert_string_equal(string(j, "tracer.features.arrival"), "sk_data_ready");
	cJSON_Delete(j);
}

static void test_ledger(void **state)
{
	struct sample *x = *state;
	static const enum request_end ends[] = {REQ_OK, REQ_CLIENT_CLOSED, REQ_SERVER_CLOSED,
						REQ_UPGRADED, REQ_UNKNOWN};
	cJSON *j;

	for (unsigned i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		for (unsigned n = 0; n <= i; n++) {
			struct request r = sample_request(x, "GET", "/", 4711, 0, MS, 0);

			sample_end(x, &r, ends[i], ends[i] == REQ_OK ? 200 : 0);
		}
	sample_open(x, NULL, 4711, MS, PHASE_QUEUE);
	x->s.stats->ledger.not_http = 7;
	x->s.stats->ledger.late_attached = 8;
	x->s.stats->ledger.evicted = 9;
	j = parse(x);
	assert_number(j, "requests.carried", 0);
	assert_number(j, "requests.started", 16);
	assert_number(j, "requests.ok", 1);
	assert_number(j, "requests.client_closed", 2);
	assert_number(j, "requests.server_closed", 3);
	assert_number(j, "requests.upgraded", 4);
	assert_number(j, "requests.unknown", 5);
	assert_number(j, "requests.open", 1);
	assert_number(j, "requests.not_http", 7);
	assert_number(j, "requests.rate", 1.6);
	assert_number(j, "tracer.unknown", 5);
	assert_number(j, "tracer.late_attached", 8);
	assert_number(j, "tracer.evicted", 9);
	assert_number(j, "tracer.events", 100);
	assert_number(j, "tracer.dropped", 0);
	cJSON_Delete(j);
}

static void test_latency(void **state)
{
	struct sample *x = *state;
	struct request r = sample_request(x, "GET", "/", 4711, 1500000, 2000001, 500000);
	cJSON *j;

	r.established = r.arrived - 3 * MS;
	r.accepted = r.arrived - 1 * MS;
	sample_end(x, &r, REQ_OK, 200);
	r = sample_request(x, "GET", "/", 4711, 0, 8 * MS, 0);
	sample_end(x, &r, REQ_OK, 200);
	j = parse(x);
	assert_number(j, "latency.total.count", 2);
	assert_number(j, "latency.total.sum", 12.000001);
	assert_number(j, "latency.total.min", 4.000001);
	assert_number(j, "latency.total.max", 8);
	assert_number(j, "latency.total.mean", 6.0000005);
	assert_number(j, "latency.total.p50", hist_middle(hist_index(4000001)) / 1e6);
	assert_number(j, "latency.total.p999", 8); /* clamped to the maximum */
	assert_number(j, "latency.queue.hist.zero", 1);
	assert_number(j, "latency.accept_wait.count", 1);
	assert_number(j, "latency.accept_wait.max", 2);
	assert_number(j, "latency.abandoned.count", 0);
	assert_absent(j, "latency.abandoned.p50");
	cJSON_Delete(j);
}

/* The buckets are the histogram's own, without zeros at the ends. */
static void test_buckets(void **state)
{
	struct sample *x = *state;
	const cJSON *counts;
	cJSON *j;
	double sum = 0;
	int n;

	sample_ok(x, 3, "/", 200, MS);
	sample_ok(x, 2, "/", 200, 40 * MS);
	j = parse(x);
	counts = find(j, "latency.app.hist.counts");
	n = cJSON_GetArraySize(counts);
	assert_number(j, "latency.app.hist.scale", 5);
	assert_number(j, "latency.app.hist.offset", hist_index(MS));
	assert_int_equal(n, hist_index(40 * MS) - hist_index(MS) + 1);
	assert_int_equal(cJSON_GetArrayItem(counts, 0)->valueint, 3);
	assert_int_equal(cJSON_GetArrayItem(counts, n - 1)->valueint, 2);
	for (int i = 0; i < n; i++)
		sum += cJSON_GetArrayItem(counts, i)->valuedouble;
	assert_int_equal((int)sum, 5);
	cJSON_Delete(j);
}

static void test_sum_beyond_64_bits(void **state)
{
	struct sample *x = *state;
	cJSON *j;

	sample_ok(x, 1, "/", 200, MS);
	x->s.stats->latency[LAT_TOTAL].sum = (unsigned __int128)1 << 70;
	j = parse(x);
	assert_true(number(j, "latency.total.sum") > 1.18e15);
	cJSON_Delete(j);
}

static void test_routes(void **state)
{
	struct sample *x = *state;
	struct request r;
	cJSON *j;

	sample_ok(x, 9, "/fast", 200, MS);
	sample_ok(x, 2, "/slow", 200, 500 * MS);
	sample_ok(x, 1, "/slow", 503, 600 * MS);
	sample_ok(x, 2, "/slow", 429, MS);
	r = sample_request(x, "GET", "/gone", 4711, 0, MS, 0);
	sample_end(x, &r, REQ_CLIENT_CLOSED, 0);
	j = parse(x);
	assert_int_equal(cJSON_GetArraySize(find(j, "routes")), 3);
	assert_string_equal(string(j, "routes.0.method"), "GET");
	assert_string_equal(string(j, "routes.0.route"), "/slow");
	assert_absent(j, "routes.0.place");
	assert_number(j, "routes.0.count", 5);
	assert_number(j, "routes.0.status.2xx", 2);
	assert_number(j, "routes.0.status.4xx", 2);
	assert_number(j, "routes.0.codes.429", 2);
	assert_number(j, "routes.0.codes.503", 1);
	assert_absent(j, "routes.0.codes.500");
	assert_string_equal(string(j, "routes.0.slowest.path"), "/slow");
	assert_number(j, "routes.0.slowest.total", 600.2);
	assert_string_equal(string(j, "routes.0.slowest.at"), "2026-01-02T03:04:06.000000Z");
	assert_absent(j, "routes.0.latency.abandoned");
	assert_string_equal(string(j, "routes.1.route"), "/fast");
	assert_string_equal(string(j, "routes.2.route"), "/gone");
	assert_number(j, "routes.2.latency.total.count", 0);
	assert_number(j, "routes.2.latency.abandoned.count", 1);
	assert_absent(j, "routes.2.slowest");
	assert_number(j, "codes.200", 11);
	assert_number(j, "status.5xx", 1);
	cJSON_Delete(j);
}

static void test_open(void **state)
{
	struct sample *x = *state;
	cJSON *j;

	sample_open(x, "/hang", 4711, 12345678901, PHASE_APP);
	sample_open(x, NULL, 0, 5 * MS, PHASE_QUEUE);
	j = parse(x);
	assert_int_equal(cJSON_GetArraySize(find(j, "open")), 2);
	assert_number(j, "open.0.id", 1);
	assert_string_equal(string(j, "open.0.method"), "GET");
	assert_string_equal(string(j, "open.0.path"), "/hang");
	assert_number(j, "open.0.age", 12345.678901);
	assert_string_equal(string(j, "open.0.phase"), "app");
	assert_number(j, "open.0.pid", 4711);
	assert_absent(j, "open.1.method");
	assert_absent(j, "open.1.path");
	assert_absent(j, "open.1.pid");
	assert_string_equal(string(j, "open.1.phase"), "queue");
	cJSON_Delete(j);
}

static void test_workers(void **state)
{
	struct sample *x = *state;
	struct request r = sample_request(x, "GET", "/", 12, 0, MS, 0);
	cJSON *j;

	sample_end(x, &r, REQ_OK, 200);
	x->workers[0] = (struct summary_worker){.pid = 13, .open = 4};
	x->workers[1] = (struct summary_worker){.pid = 11, .open = 0};
	x->s.workers = x->workers;
	x->s.n_workers = 2;
	j = parse(x);
	assert_int_equal(cJSON_GetArraySize(find(j, "workers")), 3);
	assert_number(j, "workers.0.pid", 11);
	assert_number(j, "workers.0.requests", 0);
	assert_absent(j, "workers.0.p99");
	assert_number(j, "workers.1.pid", 12);
	assert_number(j, "workers.1.requests", 1);
	assert_number(j, "workers.1.p99", 1);
	assert_absent(j, "workers.1.busy");
	assert_number(j, "workers.2.open", 4);
	cJSON_Delete(j);
}

static void test_listeners(void **state)
{
	struct sample *x = *state;
	cJSON *j;

	x->listeners[1] = (struct summary_listener){.address = "unix:/run/x", .counted = true,
						   .accept_queue = 1, .backlog = 128, .overflows = 2};
	x->s.n_listeners = 2;
	j = parse(x);
	assert_string_equal(string(j, "listeners.0.address"), "127.0.0.1:8000");
	assert_absent(j, "listeners.0.accept_queue");
	assert_number(j, "listeners.1.accept_queue", 1);
	assert_number(j, "listeners.1.backlog", 128);
	assert_number(j, "listeners.1.overflows", 2);
	cJSON_Delete(j);
}

/* No byte below 0x20 but the last newline, whatever a path holds; and it stays valid JSON. */
static void test_hostile(void **state)
{
	struct sample *x = *state;
	char path[] = "/a\"b\\c\033[31m\x01\x7f\xff\xc3\xa9";
	char *text;
	cJSON *j;

	sample_ok(x, 1, path, 200, MS);
	sample_open(x, path, 4711, MS, PHASE_APP);
	j = parse(x);
	assert_string_equal(string(j, "open.0.path"), "/a\"b\\c\033[31m\x01\x7f\\xff\xc3\xa9");
	cJSON_Delete(j);
	text = sample_json(x);
	for (const char *c = text; c[1]; c++)
		assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
	free(text);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_empty),	 T(test_who_and_when),	     T(test_ledger),  T(test_latency),
		T(test_buckets), T(test_sum_beyond_64_bits), T(test_routes),  T(test_open),
		T(test_workers), T(test_listeners),	     T(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
