// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * main.c - wires verbs to the command line, nothing else.
 */
#include <locale.h>
#include <signal.h>

#include "cmd/cmd.h"
#include "options.h"

static const struct verb verbs[] = {
	{.name = "top", .summary = "live screen of the target, redrawn every second",
	 .options = "trnTLvl", .run = cmd_top},
	{.name = "summary", .summary = "watch for a while (-d, 10 s), print the health summary",
	 .options = "trnxoLvl", .duration = 10000000000ULL, .run = cmd_summary},
	{.name = "trace", .summary = "one line per request as it ends, and per one that hangs",
	 .options = "trnxofRLvl", .run = cmd_trace},
	{.name = "doctor",
	 .summary = "what kernel, privileges and target allow, and what to do about the rest",
	 .options = "t", .run = cmd_doctor},
	{},
};

int main(int argc, char **argv)
{
	struct options o;
	int code;

	setlocale(LC_CTYPE, "");
	signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of write, and the quiet end of a run */
	code = options_parse(&o, verbs, argc, argv);
	return code >= 0 ? code : o.verb->run(&o);
}
