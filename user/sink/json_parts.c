// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "json_parts.h"

void json_window(struct jsonw *w, const struct summary *s)
{
	jsonw_object(w, "window");
	jsonw_time(w, "start", s->start_wall_ns);
	jsonw_double(w, "seconds", s->seconds);
	jsonw_string(w, "route", s->only);
	if (s->end_wall_ns)
		jsonw_time(w, "end", s->end_wall_ns);
	jsonw_object_end(w);
}

void json_verdict(struct jsonw *w, const struct verdict *v)
{
	jsonw_object(w, "verdict");
	jsonw_string(w, "state", verdict_name(v->state));
	jsonw_array(w, "reasons");
	for (unsigned i = 0; i < v->n_reasons; i++)
		jsonw_string(w, NULL, v->reasons[i]);
	jsonw_array_end(w);
	jsonw_object_end(w);
}

void json_ledger(struct jsonw *w, const struct summary *s)
{
	const struct ledger *l = &s->stats->ledger;

	jsonw_object(w, "requests");
	jsonw_i64(w, "carried", l->carried);
	jsonw_i64(w, "started", l->started);
	jsonw_u64(w, "ok", l->ok);
	jsonw_u64(w, "client_closed", l->client_closed);
	jsonw_u64(w, "server_closed", l->server_closed);
	jsonw_u64(w, "upgraded", l->upgraded);
	jsonw_u64(w, "unknown", l->unknown);
	jsonw_i64(w, "open", l->open);
	jsonw_u64(w, "not_http", l->not_http);
	if (s->seconds > 0)
		jsonw_double(w, "rate", (double)l->started / s->seconds);
	jsonw_object_end(w);
}

void json_classes(struct jsonw *w, const struct status_counts *c)
{
	static const char *const names[] = {"", "1xx", "2xx", "3xx", "4xx", "5xx"};

	jsonw_object(w, "status");
	for (int i = 1; i <= 5; i++)
		jsonw_u64(w, names[i], c->class[i]);
	jsonw_object_end(w);
}
