/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_check.c - a check file of any bytes: refused with words that can be printed, or what it
 * holds can be relied on.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/core/check.h"
#include "../../user/lib/escape.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)           \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

/* line_ends: '\n' may be in it. */
static void printable(const char *text, bool line_ends)
{
	size_t len = strlen(text);

	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_length((const unsigned char *)text + i, len - i);
		MUST(n);
		MUST(!utf8_is_control((const unsigned char *)text + i, n) ||
		     (line_ends && text[i] == '\n'));
	}
}

static void check_conditions(const struct check *c)
{
	MUST(c->n_conditions && c->n_conditions <= CHECK_MAX_CONDITIONS);
	for (unsigned i = 0; i < c->n_conditions; i++) {
		const struct check_condition *k = &c->conditions[i];
		char text[CHECK_VALUE_MAX];

		MUST(k->metric < CHECK_METRICS && k->limit >= 0);
		MUST(k->level == CHECK_WARNING || k->level == CHECK_CRITICAL);
		MUST(check_holds(k, 0) != check_holds(k, 1e300) ||
		     check_metric_unit(k->metric) == CHECK_SHARE);
		printable(check_limit(text, k->metric, k->limit), false);
	}
}

static void check_section(const struct check *c)
{
	MUST(*c->name && c->min_requests);
	printable(c->name, false);
	printable(c->route, false);
	MUST(!strpbrk(c->name, "|'=") && !strchr(c->route, '|'));
	for (int i = 0; i < CHECK_WORDS; i++) {
		if (!c->words[i])
			continue;
		printable(c->words[i], true);
		MUST(!strchr(c->words[i], '|'));
	}
	check_conditions(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct check_file file;
	struct check_error error;
	int err = check_file_parse(&file, (const char *)data, size, &error);

	MUST(!err == !*error.text);
	MUST(memchr(error.text, '\0', sizeof(error.text)));
	if (err)
		printable(error.text, false);
	MUST(err || file.n);
	for (uint32_t i = 0; !err && i < file.n; i++)
		check_section(&file.checks[i]);
	check_file_free(&file);
	return 0;
}
