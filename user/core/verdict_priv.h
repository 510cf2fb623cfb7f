/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * verdict_words.h - the pieces that a verdict's reasons are made of. For verdict.c only. Pure; text
 * is returned by value or in the caller's buffer, and is printable (escape_text).
 */
#ifndef RS_VERDICT_PRIV_H
#define RS_VERDICT_PRIV_H

#include "summary.h"

#define LABEL_MAX 112 /* bytes of a path or route within a reason, NUL included */

struct words {
	char s[32];
};

/* Appends a reason; the first sets the state. One beyond VERDICT_MAX_REASONS is dropped. */
void verdict_add(struct verdict *v, enum verdict_state state, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

bool verdict_exceeds(uint64_t part, uint64_t whole, double share);

/* verdict_saturation.c: reasons beside those of the state, when a limit of the host is near */
void verdict_saturation(const struct summary *s, struct verdict *v);

/* verdict_deploy.c: one more, when the last deploy made something worse */
void verdict_deploy(const struct summary *s, struct verdict *v);

void verdict_slow(const struct summary *s, struct verdict *v);

/* verdict_insight.c: after the reasons of a rule that held, why, where the interpreter tells it */
void verdict_why_erroring(const struct summary *s, struct verdict *v);
void verdict_why_slow(const struct summary *s, struct verdict *v);
void verdict_why_stuck(const struct summary *s, struct verdict *v);
/* A loop that is held up; one of no rule only when that is long. */
void verdict_held(const struct summary *s, struct verdict *v, bool stuck);

struct words words_count(uint64_t n);	   /* "1,204" */
struct words words_duration(double ns);	   /* "12.3 ms" */
struct words words_percent(double share);  /* "2.6 %" */
struct words words_quantile(double q);	   /* 0.95: "p95" */
struct words words_window(double seconds); /* "10 s" */
const char *words_plural(uint64_t n, const char *one, const char *many);

/* Into out[LABEL_MAX], cut to what a reason has room for; returned. */
char *words_route(char *out, const struct route *route);
char *words_address(char *out, const struct summary_listener *l);
char *words_open(char *out, const struct request *r);
struct words words_host(const char *host); /* " on web2", cut; nothing for NULL */

#endif
