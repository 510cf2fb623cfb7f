/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/sink/sink.h"
#include "sample.h"

struct sample *sample_new(void)
{
	struct sample *x = calloc(1, sizeof(*x));

	if (!x)
		abort();
	x->router = router_new(64);
	x->sites = sites_new();
	x->pids[0] = 4711;
	x->ports[0] = 8000;
	x->listeners[0] = (struct summary_listener){.address = "127.0.0.1:8000"};
	x->features[0] = (struct summary_feature){"arrival", "sk_data_ready"};
	x->generations[0] = (struct summary_generation){.pid = 4711, .since_wall_ns = SAMPLE_WALL};
	x->s = (struct summary){
		.host = {"web1", "6.18.0"},
		.target = {.name = "uvicorn app:app",
			   .server = "uvicorn",
			   .pids = x->pids,
			   .n_pids = 1,
			   .ports = x->ports,
			   .n_ports = 1,
			   .generations = x->generations,
			   .n_generations = 1,
			   .alive = true,
			   .listening = true},
		.start_wall_ns = SAMPLE_WALL,
		.wall_offset = (int64_t)(SAMPLE_WALL - SAMPLE_FROM),
		.seconds = 10,
		.now = SAMPLE_FROM + 10 * SEC,
		.stats = stats_new(),
		.open = x->open,
		.waits = x->waits,
		.listeners = x->listeners,
		.n_listeners = 1,
		.tracer = {.events = 100, .features = x->features, .n_features = 1},
	};
	saturation_unknown(&x->s.saturation);
	if (!x->router || !x->sites || !x->s.stats)
		abort();
	return x;
}

void sample_free(struct sample *x)
{
	stats_free(x->s.stats);
	router_free(x->router);
	sites_free(x->sites);
	free(x);
}

static void set_head(struct sample *x, struct request *r, const char *method, const char *path)
{
	r->head_seen = true;
	snprintf(r->http.method, sizeof(r->http.method), "%s", method);
	r->http.path_len = (uint16_t)strnlen(path, sizeof(r->http.path) - 1);
	memcpy(r->http.path, path, r->http.path_len);
	r->route = router_match(x->router, method, r->http.path, r->http.path_len);
}

struct request sample_request(struct sample *x, const char *method, const char *path, uint32_t pid,
			      uint64_t queue, uint64_t app, uint64_t send)
{
	struct request r = {.id = ++x->next_id, .pid = pid, .bytes_in = 80, .bytes_out = 200};

	r.conn = r.id;
	r.peer.family = AF_INET;
	memcpy(r.peer.ip, (uint8_t[]){127, 0, 0, 1}, 4);
	r.peer.port = htons(40000);
	set_head(x, &r, method, path);
	r.arrived = SAMPLE_FROM + 1 * SEC;
	r.seen = r.arrived;
	r.read = r.arrived + queue;
	r.received = r.read;
	r.received_all = true;
	r.head = r.read + app;
	r.done = r.head + send;
	r.ended = r.done;
	return r;
}

void sample_end(struct sample *x, struct request *r, enum request_end end, unsigned status)
{
	r->end = (uint8_t)end;
	r->status = (uint16_t)status;
	r->status_seen = status != 0;
	if (!status)
		r->head = 0;
	if (end != REQ_OK)
		r->done = 0;
	stats_begin(x->s.stats, r);
	if (stats_end(x->s.stats, r))
		abort();
}

void sample_ok(struct sample *x, unsigned n, const char *path, unsigned status, uint64_t app)
{
	for (unsigned i = 0; i < n; i++) {
		struct request r = sample_request(x, "GET", path, 4711, 100000, app, 100000);

		sample_end(x, &r, REQ_OK, status);
	}
}

void sample_failed(struct sample *x, unsigned n, const char *path, const char *where)
{
	for (unsigned i = 0; i < n; i++) {
		struct request r = sample_request(x, "GET", path, 4711, 100000, MS, 100000);

		r.error = sites_get(x->sites, "ValueError", where, "");
		sample_end(x, &r, REQ_OK, 500);
	}
}

void sample_stalls(struct sample *x, unsigned n, const char *kind, const char *where,
		   const char *detail, uint64_t ns)
{
	struct stall stall = {SAMPLE_FROM, SAMPLE_FROM + ns, 4711, 4711, NULL, NULL};
	struct loop_time time = {.watched = 10 * SEC, .busy = ns * n};

	stall.site = sites_get(x->sites, kind, where, detail);
	for (unsigned i = 0; i < n; i++) {
		struct request r = sample_request(x, "GET", "/waits", 4711, ns / 2, MS, 100000);

		if (stats_stall(x->s.stats, &stall))
			abort();
		r.stall.site = stall.site;
		r.stall.ns = ns / 2;
		sample_end(x, &r, REQ_OK, 200);
	}
	stats_loop(x->s.stats, &time);
}

struct request *sample_open(struct sample *x, const char *path, uint32_t pid, uint64_t age,
			    enum request_phase phase)
{
	struct request *r = &x->requests[x->s.n_open];
	struct summary_open *o = &x->open[x->s.n_open++];

	*r = (struct request){.id = ++x->next_id, .pid = pid};
	r->conn = r->id;
	r->arrived = r->seen = x->s.now - age;
	if (phase != PHASE_QUEUE)
		r->read = r->arrived + 1000;
	r->received_all = phase == PHASE_APP || phase == PHASE_SEND;
	if (phase == PHASE_SEND)
		r->head = r->read + 1000;
	if (path)
		set_head(x, r, "GET", path);
	*o = (struct summary_open){.id = r->id, .request = r, .age = age, .phase = phase};
	stats_begin(x->s.stats, r);
	return r;
}

char *sample_json(struct sample *x)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		abort();
	sink_summary_json(f, &x->s);
	fclose(f);
	return text;
}
