// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * summary.c - watch for a while, print the health summary.
 */
#include "cmd.h"

#include <stdio.h>

#include "../exit.h"
#include "../output.h"
#include "../session.h"

static int print(struct session *s, const struct options *o, FILE *f)
{
	const struct summary *sum = session_summary(s);
	struct term_options term;

	if (!sum) {
		fprintf(stderr, "reqscope: out of memory\n");
		return EXIT_RUNTIME;
	}
	if (o->format == FORMAT_JSON) {
		sink_summary_json(f, sum);
	} else {
		output_terminal(f, &term);
		sink_summary_text(f, sum, &term);
	}
	return EXIT_DONE;
}

/* --port with nobody there still has something to say: the service is down. */
static bool worth_printing(const struct options *o, const struct session *s, int code)
{
	return !code || (s && code == EXIT_TARGET && o->n_ports);
}

int cmd_summary(const struct options *o)
{
	struct session_callbacks cb = {.input_fd = -1};
	struct output out = {};
	struct session *s;
	int code = session_open(&s, o, &cb), other;

	if (worth_printing(o, s, code)) {
		other = output_open(&out, o);
		if (!other)
			output_until(&out, session_signal_fd(s));
		if (!other && !code)
			code = session_run(s);
		if (!other)
			other = print(s, o, out.f);
		if (!other)
			output_broken(&out);
		if (!code && session_saw_nothing(s))
			code = EXIT_TARGET;
		code = other ? other : code;
	}
	session_close(s);
	other = output_close(&out);
	return other ? other : code;
}
