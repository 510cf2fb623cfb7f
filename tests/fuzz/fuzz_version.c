/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_version.c - what names a version, on any bytes: they are the target's. A version that is
 * found must be one that may be printed as it is, and a ref must stay below refs/.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/core/version_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(x)                                                      \
	do {                                                            \
		if (!(x)) {                                             \
			fprintf(stderr, "line %d: %s\n", __LINE__, #x); \
			abort();                                        \
		}                                                       \
	} while (0)

static void check(bool found, const char out[VERSION_MAX])
{
	size_t len = strnlen(out, VERSION_MAX);

	REQUIRE(len < VERSION_MAX);
	REQUIRE(!found || len);
	for (size_t i = 0; i < len; i++)
		REQUIRE(out[i] > ' ' && out[i] < 0x7f && !strchr("\\\"'`$;&|<>", out[i]));
}

static void check_ref(const char *ref)
{
	REQUIRE(strnlen(ref, GIT_REF_MAX) < GIT_REF_MAX);
	REQUIRE(!*ref || (!strncmp(ref, "refs/", 5) && !strstr(ref, "..")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char out[VERSION_MAX] = "", ref[GIT_REF_MAX] = "";
	char *text = malloc(size + 1); /* names end with a NUL, texts do not */

	REQUIRE(text);
	memcpy(text, data, size);
	text[size] = 0;
	check(version_take(out, (const char *)data, size), out);
	check(version_from_environ(out, (const char *)data, size), out);
	check(version_from_git(out, ref, (const char *)data, size) && !*ref, out);
	check_ref(ref);
	check(version_from_packed_refs(out, "refs/heads/main", (const char *)data, size), out);
	check(version_from_pyproject(out, (const char *)data, size), out);
	check(version_from_dist_info(out, text, "shop_api"), out);
	check(version_app_package(out, (const char *)data, size), out);
	free(text);
	return 0;
}
