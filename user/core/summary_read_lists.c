// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * summary_read_lists.c - what a summary's JSON lists: open requests, workers, listeners, limits,
 * features, deploys.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "summary_read_priv.h"

/* --- open requests */

struct open_entry {
	uint64_t id, age, conn, queue, at;
	uint32_t pid;
	struct jsonr method, path, phase;
	const char *where, *host;
	struct request request; /* made of these */
};

static int read_open_head(struct reader *rd, struct open_entry *e)
{
	struct http1_head *http = &e->request.http;
	size_t at;
	int err;

	if (!e->method.p && !e->path.p)
		return 0;
	if (!e->method.p || !e->path.p)
		return read_wrong(rd, "method and path belong together");
	e->request.head_seen = true;
	at = read_enter(rd, "method");
	err = read_bytes(rd, e->method, http->method, sizeof(http->method), NULL);
	if (err)
		return err;
	read_leave(rd, at);
	read_enter(rd, "path");
	err = read_bytes(rd, e->path, http->path, sizeof(http->path), &http->path_len);
	if (!err)
		read_leave(rd, at);
	return err;
}

static int read_open_entry(struct reader *rd, struct jsonr v, void *into)
{
	static const struct member members[] = {
		{"id", read_count, offsetof(struct open_entry, id), true},
		{"method", read_value, offsetof(struct open_entry, method), false},
		{"path", read_value, offsetof(struct open_entry, path), false},
		{"age", read_ns, offsetof(struct open_entry, age), true},
		{"phase", read_value, offsetof(struct open_entry, phase), true},
		{"pid", read_pid, offsetof(struct open_entry, pid), false},
		{"conn", read_count, offsetof(struct open_entry, conn), true},
		{"queue", read_ns, offsetof(struct open_entry, queue), false},
		{"where", read_name, offsetof(struct open_entry, where), false},
		{"host", read_name, offsetof(struct open_entry, host), false},
		{"at", read_wall, offsetof(struct open_entry, at), false},
	};
	struct open_entry *e = into;
	int err;

	e->queue = UINT64_MAX;
	err = READ_OBJECT(rd, v, members, e);
	return err ? err : read_open_head(rd, e);
}

static int find_phase(struct reader *rd, struct jsonr v, enum request_phase *phase)
{
	for (int i = 0; i < PHASES; i++) {
		if (jsonr_is(v, request_phase_name(i))) {
			*phase = i;
			return 0;
		}
	}
	return read_expected(rd, v, "queue, recv, app or send");
}

/* Its stamps on the clock of the summary, as far as age and phase tell them. */
static void stamp(struct open_entry *e, enum request_phase phase, uint64_t now)
{
	struct request *r = &e->request;

	r->id = e->id;
	r->pid = e->pid;
	r->conn = e->conn;
	r->seen = now - e->age;
	if (phase == PHASE_QUEUE || e->queue <= e->age)
		r->arrived = r->seen;
	if (e->queue <= e->age)
		r->read = r->arrived + e->queue;
	else if (phase != PHASE_QUEUE)
		r->read = r->seen; /* at some time; that it arrived is not known either */
	r->received_all = phase == PHASE_APP || phase == PHASE_SEND;
	if (phase == PHASE_SEND)
		r->head = r->read;
}

int read_open(struct reader *rd, struct jsonr v, struct summary *s)
{
	struct open_entry *entries;
	struct summary_open *open;
	void *p;
	int err = read_array(rd, v, read_open_entry, sizeof(*entries), SUMMARY_MAX_OPEN, &p,
			     &s->n_open);

	if (err || !s->n_open)
		return err;
	entries = p;
	s->open = open = read_alloc(rd, s->n_open * sizeof(*open));
	if (!open)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->n_open; i++) {
		struct open_entry *e = &entries[i];

		err = find_phase(rd, e->phase, &open[i].phase);
		if (err)
			return err;
		if (e->age >= s->now || (i && e->age > open[i - 1].age))
			return read_wrong(rd, "ages must go from the oldest to the youngest");
		stamp(e, open[i].phase, s->now);
		open[i].id = e->id;
		open[i].request = &e->request;
		open[i].age = e->age;
		open[i].where = e->where;
		open[i].host = e->host;
		open[i].at_wall_ns = e->at;
	}
	return 0;
}

/* --- workers */

struct worker_entry {
	uint32_t pid;
	uint64_t requests, open;
	bool has_total;
	struct hist total;
	struct jsonr total_text;
	const char *host;
};

static int read_worker(struct reader *rd, struct jsonr v, void *into)
{
	static const struct member members[] = {
		{"pid", read_pid, offsetof(struct worker_entry, pid), false},
		{"requests", read_count, offsetof(struct worker_entry, requests), true},
		{"open", read_count, offsetof(struct worker_entry, open), false},
		{"total", read_value, offsetof(struct worker_entry, total_text), false},
		{"host", read_name, offsetof(struct worker_entry, host), false},
	};
	struct worker_entry *w = into;
	int err;

	w->open = SUMMARY_UNKNOWN;
	err = READ_OBJECT(rd, v, members, w);
	if (!err && !w->requests != !w->total_text.p)
		err = read_wrong(rd, "total must be there where requests ended, and only there");
	return err;
}

/* Reads the total of a worker to where it is owned. */
static int read_total(struct reader *rd, const struct worker_entry *w, struct hist *into)
{
	size_t at = read_enter(rd, "total");
	int err = read_distribution(rd, w->total_text, into);

	if (err)
		return err;
	if (into->count > w->requests)
		return read_wrong(rd, "of more requests than ended there");
	read_leave(rd, at);
	return 0;
}

/* One host: what is counted and what was seen at the end are kept apart, as they are live. */
static int keep_workers(struct reader *rd, const struct worker_entry *w, uint32_t n,
			struct summary *s)
{
	struct summary_worker *workers = read_alloc(rd, n * sizeof(*workers));
	struct stats *st = s->stats;

	st->workers = calloc(n, sizeof(*st->workers));
	if (!workers || !st->workers)
		return read_no_memory(rd);
	st->cap_workers = n;
	s->workers = workers;
	for (uint32_t i = 0; i < n; i++) {
		if (i && w[i].pid <= w[i - 1].pid)
			return read_wrong(rd, "pids must ascend");
		if (w[i].open != SUMMARY_UNKNOWN)
			workers[s->n_workers++] = (struct summary_worker){w[i].pid, w[i].open};
		if (!w[i].requests)
			continue;
		if (st->n_workers == STATS_MAX_WORKERS)
			return read_wrong(rd, "requests ended in more than %d workers",
					  STATS_MAX_WORKERS);
		st->workers[st->n_workers].pid = w[i].pid;
		st->workers[st->n_workers].requests = w[i].requests;
		if (read_total(rd, &w[i], &st->workers[st->n_workers++].total))
			return -EINVAL;
	}
	return 0;
}

static int keep_rows(struct reader *rd, const struct worker_entry *w, uint32_t n, struct summary *s)
{
	struct summary_worker_row *rows = read_alloc(rd, n * sizeof(*rows));
	struct hist *hists = calloc(n, sizeof(*hists));

	rd->file->row_hists = hists;
	if (!rows || !hists)
		return read_no_memory(rd);
	rd->file->n_row_hists = n;
	s->rows = rows;
	s->n_rows = n;
	for (uint32_t i = 0; i < n; i++) {
		if (!w[i].host)
			return read_wrong(rd, "host must be there for all or for none");
		rows[i] = (struct summary_worker_row){
			.host = w[i].host, .pid = w[i].pid, .requests = w[i].requests};
		rows[i].open_known = w[i].open != SUMMARY_UNKNOWN;
		rows[i].open = rows[i].open_known ? w[i].open : 0;
		rows[i].total = w[i].requests ? &hists[i] : NULL;
		if (w[i].requests && read_total(rd, &w[i], &hists[i]))
			return -EINVAL;
	}
	return 0;
}

int read_workers(struct reader *rd, struct jsonr v, struct summary *s)
{
	struct worker_entry *w;
	uint32_t n;
	void *p;
	int err = read_array(rd, v, read_worker, sizeof(*w), SUMMARY_MAX_WORKERS, &p, &n);

	w = p;
	if (err || !n)
		return err;
	return w[0].host ? keep_rows(rd, w, n, s) : keep_workers(rd, w, n, s);
}

/* --- listeners */

struct listener_entry {
	struct jsonr address;
	uint64_t accept_queue, backlog, overflows;
	const char *host;
};

static int read_listener(struct reader *rd, struct jsonr v, void *into)
{
	static const struct member members[] = {
		{"address", read_value, offsetof(struct listener_entry, address), true},
		{"accept_queue", read_count, offsetof(struct listener_entry, accept_queue), false},
		{"backlog", read_count, offsetof(struct listener_entry, backlog), false},
		{"overflows", read_count, offsetof(struct listener_entry, overflows), false},
		{"host", read_name, offsetof(struct listener_entry, host), false},
	};
	struct listener_entry e = {.accept_queue = SUMMARY_UNKNOWN,
				   .backlog = SUMMARY_UNKNOWN,
				   .overflows = SUMMARY_UNKNOWN};
	struct summary_listener *l = into;
	int err = READ_OBJECT(rd, v, members, &e);
	size_t at;

	if (err)
		return err;
	l->counted = e.accept_queue != SUMMARY_UNKNOWN;
	if (l->counted != (e.backlog != SUMMARY_UNKNOWN) ||
	    l->counted != (e.overflows != SUMMARY_UNKNOWN))
		return read_wrong(rd, "accept_queue, backlog and overflows belong together");
	if (l->counted) {
		l->accept_queue = e.accept_queue;
		l->backlog = e.backlog;
		l->overflows = e.overflows;
	}
	l->host = e.host;
	at = read_enter(rd, "address");
	err = read_bytes(rd, e.address, l->address, sizeof(l->address), NULL);
	if (!err)
		read_leave(rd, at);
	return err;
}

int read_listeners(struct reader *rd, struct jsonr v, struct summary *s)
{
	void *p;
	int err = read_array(rd, v, read_listener, sizeof(struct summary_listener),
			     READ_MAX_LISTENERS, &p, &s->n_listeners);

	s->listeners = p;
	return err;
}

/* --- limits and features */

static int read_share(struct reader *rd, struct jsonr v, void *into)
{
	int err = read_number(rd, v, into);

	return err || *(double *)into <= 1 ? err : read_expected(rd, v, "a share, 0 to 1");
}

int read_saturation(struct reader *rd, struct jsonr v, void *into)
{
	static const struct member members[] = {
		{"run_queue", read_share, offsetof(struct summary_saturation, run_queue), false},
		{"throttled", read_share, offsetof(struct summary_saturation, throttled), false},
		{"fds", read_count, offsetof(struct summary_saturation, fds), false},
		{"fd_limit", read_count, offsetof(struct summary_saturation, fd_limit), false},
		{"fd_pid", read_pid, offsetof(struct summary_saturation, fd_pid), false},
		{"fd_host", read_name, offsetof(struct summary_saturation, fd_host), false},
		{"accept_failed", read_count, offsetof(struct summary_saturation, accept_failed),
		 false},
		{"threads", read_count, offsetof(struct summary_saturation, threads), false},
		{"threads_busy", read_count, offsetof(struct summary_saturation, threads_busy),
		 false},
		{"threads_pid", read_pid, offsetof(struct summary_saturation, threads_pid), false},
		{"threads_host", read_name, offsetof(struct summary_saturation, threads_host),
		 false},
	};

	saturation_unknown(into);
	return READ_OBJECT(rd, v, members, into);
}

static int read_feature(struct reader *rd, struct jsonr_iter *it, struct summary_feature *features,
			uint32_t n)
{
	int err = read_name(rd, it->name, &features[n].name);

	if (!err)
		err = read_name(rd, it->value, &features[n].state);
	for (uint32_t i = 0; !err && i < n; i++)
		if (!strcmp(features[i].name, features[n].name))
			err = read_expected(rd, it->name, "each name once");
	return err;
}

int read_features(struct reader *rd, struct jsonr v, struct summary *s)
{
	struct summary_feature *features = read_alloc(rd, READ_MAX_FEATURES * sizeof(*features));
	struct jsonr_iter it;

	if (!features)
		return -ENOMEM;
	if (jsonr_kind(v) != JSONR_OBJECT)
		return read_expected(rd, v, "an object");
	s->tracer.features = features;
	jsonr_iter_init(&it, v);
	while (jsonr_next(&it)) {
		int err = s->tracer.n_features == READ_MAX_FEATURES
				  ? read_wrong(rd, "more than %d features", READ_MAX_FEATURES)
				  : read_feature(rd, &it, features, s->tracer.n_features);

		if (err)
			return err;
		s->tracer.n_features++;
	}
	return 0;
}

/* --- deploys */

static int read_side(struct reader *rd, struct jsonr v, void *into)
{
	static const struct member members[] = {
		{"version", read_name, offsetof(struct summary_deploy_side, version), false},
		{"pid", read_pid, offsetof(struct summary_deploy_side, pid), false},
		{"workers", read_pid, offsetof(struct summary_deploy_side, workers), false},
		{"requests", read_count, offsetof(struct summary_deploy_side, requests), true},
	};

	return READ_OBJECT(rd, v, members, into);
}

static int read_deploy(struct reader *rd, struct jsonr v, void *into)
{
	static const struct member members[] = {
		{"at", read_wall, offsetof(struct summary_deploy, at_wall_ns), true},
		{"before", read_side, offsetof(struct summary_deploy, before), true},
		{"after", read_side, offsetof(struct summary_deploy, after), true},
	};

	return READ_OBJECT(rd, v, members, into);
}

int read_deploys(struct reader *rd, struct jsonr v, struct summary *s)
{
	void *p;
	int err = read_array(rd, v, read_deploy, sizeof(struct summary_deploy), READ_MAX_DEPLOYS,
			     &p, &s->n_deploys);

	s->deploys = p;
	return err;
}
