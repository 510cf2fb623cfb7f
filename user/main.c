// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * main.c - wires verbs to the command line, nothing else.
 */
#include <fcntl.h>
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "options.h"

static const struct verb verbs[] = {
	{.name = "top", .summary = "live screen of the target, redrawn every second",
	 .options = "trnTLvl", .run = cmd_top},
	{.name = "summary", .summary = "watch for a while (-d, 10 s), print the health summary",
	 .options = "trnxoLvl", .duration = 10000000000ULL, .run = cmd_summary},
	{.name = "trace", .summary = "one line per request as it ends, and per one that hangs",
	 .options = "trnxofRLvl", .run = cmd_trace},
	{.name = "check", .summary = "monitoring check: the conditions of a file (-c), kept or not",
	 .options = "trncsxoLl", .run = cmd_check, .args = "[RECORDING]", .max_args = 1,
	 .refused = check_refused},
	{.name = "diff", .summary = "two recordings or summaries: what changed, and is it more than noise",
	 .options = "dRsxo", .run = cmd_diff, .args = "A [B]", .min_args = 1, .max_args = 2},
	{.name = "record", .summary = "keep what happens in a file (-o), or the last of it (--keep)",
	 .options = "trnkoLvl", .run = cmd_record},
	{.name = "report", .summary = "what a recording says: summary, trace or page, also of a part of it",
	 .options = "sfRxov", .formats = "text json html trace", .run = cmd_report, .args = "FILE",
	 .min_args = 1, .max_args = 1},
	{.name = "merge", .summary = "summaries (JSON) of several workers, hosts or times as one, exactly",
	 .options = "xov", .run = cmd_merge, .args = "FILE...", .min_args = 1,
	 .max_args = OPTIONS_MAX_ARGS},
	{.name = "doctor",
	 .summary = "what kernel, privileges and target allow, and what to do about the rest",
	 .options = "t", .run = cmd_doctor},
	{},
};

/* Started with one of them closed, the next file opened would take its number and get what is meant for
   it. This way, using it is an error as before. */
static void occupy_standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_RDONLY : O_WRONLY) < 0)
			return;
}

int main(int argc, char **argv)
{
	struct options o;
	int code;

	occupy_standard_descriptors();
	setlocale(LC_CTYPE, "");
	signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of write, and the quiet end of a run */
	signal(SIGXFSZ, SIG_IGN); /* so is a file that may not grow any more */
	/* what is read of an interpreter is read in large pieces, which go back at once; by what
	   glibc learns of them by itself they would stay in the heap */
	mallopt(M_MMAP_THRESHOLD, 128 * 1024);
	code = options_parse(&o, verbs, argc, argv);
	return code >= 0 ? code : o.verb->run(&o);
}
