// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * summary_read_who.c - of whom and of when a summary's JSON tells.
 */
#include <errno.h>
#include <math.h>

#include "summary_read_priv.h"

/* --- who */

int read_host(struct reader *rd, struct jsonr v, void *into)
{
	static const struct member members[] = {
		{"name", read_name, offsetof(struct summary, host.name), false},
		{"kernel", read_name, offsetof(struct summary, host.kernel), false},
	};

	return READ_OBJECT(rd, v, members, into);
}

static int read_generation(struct reader *rd, struct jsonr v, void *into)
{
	static const struct member members[] = {
		{"pid", read_pid, offsetof(struct summary_generation, pid), true},
		{"since", read_wall, offsetof(struct summary_generation, since_wall_ns), false},
		{"until", read_wall, offsetof(struct summary_generation, until_wall_ns), false},
		{"version", read_name, offsetof(struct summary_generation, version), false},
		{"host", read_name, offsetof(struct summary_generation, host), false},
	};

	return READ_OBJECT(rd, v, members, into);
}

struct lists {
	struct jsonr pids, ports, generations, held;
};

static int read_pids(struct reader *rd, struct jsonr v, const uint32_t **pids, uint32_t *n)
{
	size_t at = read_enter(rd, "pids");
	void *p;
	int err = read_array(rd, v, read_pid, sizeof(uint32_t), READ_MAX_PROCESSES, &p, n);

	*pids = p;
	if (!err)
		read_leave(rd, at);
	return err;
}

static int read_ports(struct reader *rd, struct jsonr v, const uint16_t **ports, uint32_t *n)
{
	size_t at = read_enter(rd, "ports");
	void *p;
	int err = read_array(rd, v, read_port, sizeof(uint16_t), READ_MAX_LISTENERS, &p, n);

	*ports = p;
	if (!err)
		read_leave(rd, at);
	return err;
}

static int read_lists(struct reader *rd, const struct lists *l, struct summary *s)
{
	size_t at;
	void *p;
	int err = read_pids(rd, l->pids, &s->target.pids, &s->target.n_pids);

	if (!err)
		err = read_ports(rd, l->ports, &s->target.ports, &s->target.n_ports);
	if (err)
		return err;
	at = read_enter(rd, "generations");
	err = read_array(rd, l->generations, read_generation, sizeof(struct summary_generation),
			 READ_MAX_PROCESSES, &p, &s->target.n_generations);
	s->target.generations = p;
	if (!err)
		read_leave(rd, at);
	return err;
}

int read_target(struct reader *rd, struct jsonr v, void *into)
{
	static const struct member members[] = {
		{"name", read_name, offsetof(struct summary, target.name), false},
		{"server", read_name, offsetof(struct summary, target.server), false},
		{"python", read_name, offsetof(struct summary, target.python), false},
		{"alive", read_flag, offsetof(struct summary, target.alive), true},
		{"listening", read_flag, offsetof(struct summary, target.listening), true},
	};
	static const struct member lists[] = {
		{"pids", read_value, offsetof(struct lists, pids), true},
		{"ports", read_value, offsetof(struct lists, ports), true},
		{"generations", read_value, offsetof(struct lists, generations), true},
	};
	struct lists l;
	int err = READ_OBJECT(rd, v, members, into);

	if (!err)
		err = READ_OBJECT(rd, v, lists, &l);
	return err ? err : read_lists(rd, &l, into);
}

/* --- when */

int read_window(struct reader *rd, struct jsonr v, void *into)
{
	static const struct member members[] = {
		{"start", read_wall, offsetof(struct summary, start_wall_ns), true},
		{"seconds", read_number, offsetof(struct summary, seconds), true},
		{"end", read_wall, offsetof(struct summary, end_wall_ns), false},
	};
	struct summary *s = into;
	int err = READ_OBJECT(rd, v, members, s);

	if (err)
		return err;
	if (s->seconds > 3e9 || s->start_wall_ns > INT64_MAX - (uint64_t)(s->seconds * 1e9))
		return read_wrong(rd, "expected an end before the year 2262");
	s->now = s->end_wall_ns ? s->end_wall_ns
				: s->start_wall_ns + (uint64_t)llround(s->seconds * 1e9);
	if (s->now < s->start_wall_ns)
		return read_wrong(rd, "it ends before it starts");
	s->stats->from = s->start_wall_ns;
	s->stats->to = s->now;
	return 0;
}

/* --- what a merge is made of */

static int read_part(struct reader *rd, struct jsonr v, void *into)
{
	static const struct member members[] = {
		{"host", read_name, offsetof(struct summary_part, host), false},
		{"start", read_wall, offsetof(struct summary_part, start_wall_ns), true},
		{"end", read_wall, offsetof(struct summary_part, end_wall_ns), true},
		{"carried", read_balance, offsetof(struct summary_part, carried), true},
		{"open", read_balance, offsetof(struct summary_part, open), true},
		{"alive", read_flag, offsetof(struct summary_part, alive), true},
		{"listening", read_flag, offsetof(struct summary_part, listening), true},
	};
	static const struct member lists[] = {
		{"pids", read_value, offsetof(struct lists, pids), true},
		{"ports", read_value, offsetof(struct lists, ports), true},
		{"held", read_value, offsetof(struct lists, held), false},
	};
	struct summary_part *part = into;
	struct lists l = {.held = {.p = NULL}};
	int err = READ_OBJECT(rd, v, members, part);

	if (!err)
		err = READ_OBJECT(rd, v, lists, &l);
	if (!err)
		err = read_pids(rd, l.pids, &part->pids, &part->n_pids);
	if (!err)
		err = read_ports(rd, l.ports, &part->ports, &part->n_ports);
	if (!err)
		err = read_held(rd, l.held, &part->held, &part->held_ns);
	for (uint32_t i = 1; !err && i < part->n_pids; i++)
		if (part->pids[i] <= part->pids[i - 1])
			err = read_wrong(rd, "pids must ascend");
	if (!err && part->end_wall_ns < part->start_wall_ns)
		err = read_wrong(rd, "it ends before it starts");
	return err;
}

int read_parts(struct reader *rd, struct jsonr v, struct summary *s)
{
	void *p;
	int err = read_array(rd, v, read_part, sizeof(struct summary_part), READ_MAX_PROCESSES, &p,
			     &s->n_parts);

	s->parts = p;
	return err;
}
