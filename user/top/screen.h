/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * screen.h - the terminal as a screen: taken, given back however the run ends, resized, suspended.
 * There is one; what a signal handler needs of it is in screen.c.
 */
#ifndef RS_TOP_SCREEN_H
#define RS_TOP_SCREEN_H

#include <stdbool.h>

/*
 * Takes standard input and output, which must be a terminal. What is written to standard error from
 * now on is kept and printed when the screen is closed, where that would go to a terminal too. 0,
 * -ENOTTY when this terminal cannot be drawn on (*why names the reason), other errnos.
 */
int screen_open(bool colour, const char **why);
/* Gives the terminal back. May be called at any time, also twice. */
void screen_close(void);

/* Does what signals have asked for since: stops the program (Ctrl-Z) with the terminal given back,
   takes it again, takes over a new size. True when the screen must be drawn anew. */
bool screen_attend(void);

/* Whether the terminal is ours at the moment: not while another job has it. */
bool screen_is_ours(void);
/* Whether it will never be again: closed, or whoever started us has gone and another has it. */
bool screen_is_lost(void);

/* The next picture is drawn whole: something else has written on the terminal. */
void screen_spoilt(void);

/* The next key as model_key() takes it; -1: none is waiting. */
int screen_key(void);

#endif
