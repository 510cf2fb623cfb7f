/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * check.h - monitoring checks: conditions that a service is expected to keep, read from a small INI
 * file (docs/check.md) and held against a summary. Pure.
 *
 *   check_file.c       the file: sections, keys, words
 *   check_condition.c  one condition, and conditions that contradict each other
 *   check_metric.c     what can be measured, its units and how they are written
 *   check_measure.c    the metrics' values of a summary
 *   check_eval.c       which conditions hold, and what state that makes
 */
#ifndef RS_CHECK_H
#define RS_CHECK_H

#include "summary.h"

/* As the monitoring plugins number them: these are exit codes. */
enum check_state { CHECK_OK, CHECK_WARNING, CHECK_CRITICAL, CHECK_UNKNOWN, CHECK_STATES };

enum check_metric {
	CHECK_P50,
	CHECK_P90,
	CHECK_P95,
	CHECK_P99,
	CHECK_P999,
	CHECK_MAX,
	CHECK_MEAN,
	CHECK_TTFB_P99,
	CHECK_QUEUE_P99,
	CHECK_APP_P99,
	CHECK_OPEN_AGE,
	CHECK_LOOP_STALL,
	CHECK_ERROR_RATE,
	CHECK_CLIENT_ERROR_RATE,
	CHECK_QUEUE_SHARE,
	CHECK_UNKNOWN_SHARE,
	CHECK_ACCEPT_QUEUE_SHARE,
	CHECK_LOOP_BUSY,
	CHECK_RATE,
	CHECK_OPEN,
	CHECK_METRICS
};

/* Values are ns, shares of 1, per second, or numbers. */
enum check_unit { CHECK_DURATION, CHECK_SHARE, CHECK_PER_SECOND, CHECK_COUNT };

enum check_op { CHECK_LT, CHECK_LE, CHECK_GT, CHECK_GE };

/* What is expected to hold. */
struct check_condition {
	enum check_metric metric;
	enum check_op op;
	double limit;
	enum check_state level; /* WARNING or CRITICAL, when it does not hold */
	unsigned line;
};

/* What the person who is woken wants to know; each may be NULL, or several lines. */
enum check_word { CHECK_OWNER, CHECK_EXPECTED, CHECK_ROLLBACK, CHECK_RUNBOOK, CHECK_WORDS };

#define CHECK_MAX_CHECKS     128
#define CHECK_MAX_CONDITIONS 32	  /* of one check */
#define CHECK_NAME_MAX	     64	  /* bytes, NUL included */
#define CHECK_GLOB_MAX	     280  /* the same */
#define CHECK_WORD_MAX	     2000 /* the same, all lines of one key */
#define CHECK_FILE_MAX	     (256 * 1024)

/* One section. All text is valid UTF-8 without controls and without '|'. */
struct check {
	char name[CHECK_NAME_MAX];
	char route[CHECK_GLOB_MAX]; /* glob as of --route; empty: all requests */
	struct check_condition conditions[CHECK_MAX_CONDITIONS];
	unsigned n_conditions;
	uint64_t min_requests;	  /* with fewer the latencies and shares are unknown; at least 1 */
	char *words[CHECK_WORDS]; /* owned */
	unsigned line;
};

struct check_file {
	struct check *checks; /* owned; in the order of the file, at least one */
	uint32_t n;
};

/* What is wrong with a file, for the person who wrote it; printable. */
struct check_error {
	unsigned line; /* 1-based; 0: the file as a whole */
	char text[320];
};

/* Reads a file held in memory (any bytes, no NUL needed at its end). 0, -EINVAL (error filled),
   -ENOMEM. In each case check_file_free() may follow. */
int check_file_parse(struct check_file *file, const char *text, size_t len,
		     struct check_error *error);
void check_file_free(struct check_file *file);

/* The value of one metric. */
struct check_measure {
	bool known;
	bool at_least;	 /* it is no less than value, and may be more */
	double value;	 /* valid when known */
	const char *why; /* not known: why not. Constant, or of the report */
};

struct check_result {
	enum check_state state;
	uint64_t requests; /* whose end is known */
	struct check_measure measures[CHECK_METRICS];
	/* of each condition: OK it holds, its level it does not, UNKNOWN */
	enum check_state outcomes[CHECK_MAX_CONDITIONS];
};

struct check_report {
	const struct check_file *file;
	const struct summary *summary;
	enum check_state state;		/* the worst: CRITICAL, WARNING, UNKNOWN, OK */
	char down[VERDICT_REASON_MAX];	/* the target is down, and why; else empty */
	char blind[VERDICT_REASON_MAX]; /* too much escapes us to say, and why; else empty */
	struct check_result *results;	/* owned; one a check */
	uint32_t counts[CHECK_STATES];
};

/*
 * Holds every check against a summary. A target that is down is CRITICAL whatever the conditions
 * are. What was not measured is UNKNOWN. 0 or -ENOMEM; in each case check_report_free() may follow.
 * The report points to both.
 */
int check_evaluate(struct check_report *report, const struct check_file *file,
		   const struct summary *summary);
void check_report_free(struct check_report *report);

/* --- words and numbers for the sinks */

const char *check_state_name(enum check_state state); /* "OK", "WARNING", ... */
const char *check_metric_name(enum check_metric metric);
enum check_unit check_metric_unit(enum check_metric metric);
const char *check_op_name(enum check_op op); /* "<", ... */
const char *check_word_name(enum check_word word);
extern const char check_metric_names[]; /* all of them, for messages */

#define CHECK_VALUE_MAX 48
/* "412 ms", "0.2 %", "1.7/s", "12"; returns out. */
char *check_value(char out[CHECK_VALUE_MAX], enum check_metric metric, double value);
/* The same with all its digits, for limits, which people chose: "1500 ms". */
char *check_limit(char out[CHECK_VALUE_MAX], enum check_metric metric, double limit);
/* Whether a value keeps a condition. */
bool check_holds(const struct check_condition *c, double value);

#endif
