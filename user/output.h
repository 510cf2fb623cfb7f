/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* output.h - where data goes: stdout or a file, and how it may look there. */
#ifndef RS_OUTPUT_H
#define RS_OUTPUT_H

#include <stdio.h>

#include "options.h"
#include "sink/sink.h"

/*
 * Opens what -o names: created 0600, never through a symbolic link, never over an existing file
 * without --force. stdout without -o. NULL after a message on stderr; *code is then the exit code.
 */
FILE *output_open(const struct options *o, int *code);
/* Flushes and closes. 0; EXIT_DONE too when the reader of a pipe has gone; else an exit code after a
   message. */
int output_close(FILE *f, const struct options *o);
/* Whether the stream can take no more. */
bool output_broken(FILE *f);

/* Width, colour and characters that suit this stream: a terminal's own, else 80 columns (or $COLUMNS),
   plain. NO_COLOR and a non-terminal turn colour off. */
void output_terminal(FILE *f, struct term_options *t);

#endif
