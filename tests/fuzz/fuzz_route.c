/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_route.c - a routes file and the paths of clients. Input: one byte for the bound, the routes
 * file up to a 0xfe byte, then requests "METHOD path" that end in 0xfe.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/core/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)           \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

static const char *next_field(const char **p, const char *end, size_t *len)
{
	const char *field = *p, *stop = memchr(field, 0xfe, (size_t)(end - field));

	*len = (size_t)((stop ? stop : end) - field);
	*p = stop ? stop + 1 : end;
	return field;
}

static void request(struct router *r, const char *field, size_t len)
{
	const char *space = memchr(field, ' ', len);
	size_t n = space ? (size_t)(space - field) : 0;
	char method[32] = "GET";
	struct route *route;

	if (space && n < sizeof(method)) {
		memcpy(method, field, n);
		method[n] = '\0';
		field = space + 1;
		len -= n + 1;
	}
	route = router_match(r, method, field, len);
	MUST(route && !route->folded_into);
	MUST(router_get(r, route->id) == route);
	MUST(strlen(route->template) < ROUTE_TEMPLATE_MAX);
	MUST(route == router_match(r, method, field, len) || !route->id || route->folded_into);
	route_glob("GET /*{*}?", route);
}

static void check(struct router *r, uint32_t max)
{
	MUST(router_count(r) <= max);
	for (uint32_t i = 0; i < router_count(r); i++) {
		struct route *route = router_get(r, i);

		MUST(route->id == i);
		MUST(!route_final(route)->folded_into);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data, *end = p + size, *field;
	struct route_error error = {.text = ""};
	struct router *r;
	uint32_t max;
	size_t len;
	int err;

	if (!size)
		return 0;
	max = 2 + (uint8_t)*p++;
	r = router_new(max);
	MUST(r);
	field = next_field(&p, end, &len);
	err = router_load(r, field, len, &error);
	MUST(!err || *error.text);
	MUST(memchr(error.text, '\0', sizeof(error.text)));
	while (p < end) {
		field = next_field(&p, end, &len);
		request(r, field, len);
	}
	check(r, max);
	router_free(r);
	return 0;
}
