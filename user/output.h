/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* output.h - where data goes: stdout or a file, and how it may look there. */
#ifndef RS_OUTPUT_H
#define RS_OUTPUT_H

#include <stdio.h>

#include "options.h"
#include "sink/sink.h"

struct output {
	FILE *f;
	const char *name; /* for messages */
	int error;	  /* errno of the first failed write; EAGAIN: nobody read */
	int until;	  /* see output_until() */
};

/*
 * Opens what -o names: created 0600, never through a symbolic link, never over an existing file
 * without --force. stdout without -o. 0, or an exit code after a message on stderr.
 */
int output_open(struct output *out, const struct options *o);
/* A pipe or terminal that nobody reads keeps the writer waiting, with its signals blocked: from now on it is
   given up a second after this descriptor becomes readable. `out` must stay where it is, and be flushed
   before the descriptor is closed. */
void output_until(struct output *out, int fd);
/* Flushes; whether the stream can take no more. */
bool output_broken(struct output *out);
/* Flushes and closes. EXIT_DONE, also when the reader of a pipe has gone; else an exit code after a
   message. Nothing when it was not opened. */
int output_close(struct output *out);

/* Width, colour and characters that suit this stream: a terminal's own, else 80 columns (or $COLUMNS),
   plain. NO_COLOR and a non-terminal turn colour off. */
void output_terminal(FILE *f, struct term_options *t);

#endif
