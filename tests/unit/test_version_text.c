// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "../../user/core/version_text.h"

#define HASH	 "0123456789abcdef0123456789abcdef01234567"
#define OTHER	 "fedcba9876543210fedcba9876543210fedcba98"
#define HASH12	 "0123456789ab"
#define ARRAY(a) (sizeof(a) / sizeof(*(a)))

/* Text in memory that ends where it ends, so that the sanitizer sees a byte too far. */
static char *exact(const char *text, size_t len)
{
	char *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, text, len);
	return copy;
}

/* --- what may be a version */

static void versions_are_taken(void **state)
{
	static const char *const good[] = {"1",		 "1.4.2",    "v2.0-rc1+build.5",
					   "2024_01_02", "shop@1.2", "registry/shop:12"};
	char out[VERSION_MAX], longest[VERSION_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY(good); i++) {
		assert_true(version_take(out, good[i], strlen(good[i])));
		assert_string_equal(out, good[i]);
	}
	memset(longest, 'v', sizeof(longest));
	assert_true(version_take(out, longest, VERSION_MAX - 1));
	assert_int_equal(strlen(out), VERSION_MAX - 1);
	assert_false(version_take(out, longest, VERSION_MAX));
}

static void what_is_no_version_is_left(void **state)
{
	static const char *const bad[] = {"",	       "1.4 2", "1.4\n",   "\x1b[31m", "1;rm",
					  "v\xc3\xa9", "$(x)",	"\"1.0\"", "a=b",      "100%"};
	char out[VERSION_MAX] = "as it was";

	(void)state;
	for (size_t i = 0; i < ARRAY(bad); i++)
		assert_false(version_take(out, bad[i], strlen(bad[i])));
	assert_false(version_take(out, "1\0002", 3));
	assert_string_equal(out, "as it was");
}

static void a_hash_is_cut(void **state)
{
	char out[VERSION_MAX];

	(void)state;
	assert_true(version_take(out, HASH, 40));
	assert_string_equal(out, HASH12);
	assert_true(version_take(out, HASH, 39)); /* no whole hash: as it stands */
	assert_int_equal(strlen(out), 39);
	assert_true(version_take(out, HASH "0123456789abcdef01234567", 64));
	assert_string_equal(out, HASH12);
}

/* --- the environment */

static bool from_environ(char out[VERSION_MAX], const char *text, size_t len)
{
	char *copy = exact(text, len);
	bool found = version_from_environ(out, copy, len);

	free(copy);
	return found;
}
#define ENVIRON(out, text) from_environ(out, text, sizeof(text) - 1)

static void variables_by_preference(void **state)
{
	char out[VERSION_MAX];

	(void)state;
	assert_true(ENVIRON(out, "PATH=/bin\0APP_VERSION=1.4.2\0HOME=/\0"));
	assert_string_equal(out, "1.4.2");
	assert_true(ENVIRON(out, "APP_VERSION=1.4.2\0GIT_COMMIT=" HASH "\0"));
	assert_string_equal(out, HASH12);
	assert_true(ENVIRON(out, "GIT_COMMIT=\0APP_VERSION=1.4.2\0"));
	assert_string_equal(out, "1.4.2");
	assert_true(ENVIRON(out, "RELEASE=not a version\0DD_VERSION=7\0"));
	assert_string_equal(out, "7");
}

static void other_variables_are_nothing(void **state)
{
	char out[VERSION_MAX] = "as it was";

	(void)state;
	assert_false(ENVIRON(out, ""));
	assert_false(ENVIRON(out, "\0\0\0"));
	assert_false(
		ENVIRON(out, "SECRET=1.2.3\0MY_APP_VERSION=1.2\0APP_VERSIONS=1.2\0APP_VERSION\0"));
	assert_false(ENVIRON(out, "X=APP_VERSION=1.2\0"));
	assert_false(ENVIRON(out, "APP_VERSION=1.4.")); /* cut where the buffer ended */
	assert_string_equal(out, "as it was");
}

static void attributes_of_telemetry(void **state)
{
	char out[VERSION_MAX];

	(void)state;
	assert_true(
		ENVIRON(out, "OTEL_RESOURCE_ATTRIBUTES=service.name=a, service.version=3.1,x=y\0"));
	assert_string_equal(out, "3.1");
	assert_false(
		ENVIRON(out, "OTEL_RESOURCE_ATTRIBUTES=service.name=a,xservice.version=3.1\0"));
	assert_false(ENVIRON(out, "OTEL_RESOURCE_ATTRIBUTES=service.version=\0"));
	assert_false(ENVIRON(out, "OTEL_RESOURCE_ATTRIBUTES=,,,\0"));
}

/* --- git */

static bool from_git(char out[VERSION_MAX], char ref[GIT_REF_MAX], const char *text)
{
	char *copy = exact(text, strlen(text));
	bool found = version_from_git(out, ref, copy, strlen(text));

	free(copy);
	return found;
}

static void heads(void **state)
{
	static const char *const bad[] = {"",
					  "ref:",
					  "ref: ",
					  "ref: refs/",
					  "ref: heads/main",
					  "ref: refs/heads/../../../etc/passwd",
					  "ref: refs/heads/.hidden",
					  "ref: refs//x",
					  "ref: refs/heads/a b",
					  "ref: /etc/passwd",
					  "ref: refs/heads/a\x01",
					  "0123",
					  "ref: refs/heads/",
					  HASH "0"};
	char out[VERSION_MAX] = "", ref[GIT_REF_MAX], text[600];

	(void)state;
	assert_true(from_git(out, ref, "ref: refs/heads/main\n"));
	assert_string_equal(ref, "refs/heads/main");
	assert_true(from_git(out, ref, "ref: refs/heads/feature/x-1.2\n"));
	assert_string_equal(ref, "refs/heads/feature/x-1.2");
	assert_string_equal(out, "");
	assert_true(from_git(out, ref, HASH "\n"));
	assert_string_equal(ref, "");
	assert_string_equal(out, HASH12);
	for (size_t i = 0; i < ARRAY(bad); i++)
		assert_false(from_git(out, ref, bad[i]));
	memset(text, 'x', sizeof(text));
	memcpy(text, "ref: refs/heads/", 16);
	text[sizeof(text) - 1] = 0;
	assert_false(from_git(out, ref, text));
}

static void packed_refs(void **state)
{
	static const char text[] = "# pack-refs with: peeled fully-peeled sorted \n" OTHER
				   " refs/heads/mainly\n" HASH " refs/heads/main\n"
				   "nonsense refs/heads/odd\n" OTHER " refs/tags/v1\n"
				   "^" HASH "\n" OTHER " refs/heads/last";
	char out[VERSION_MAX], *copy = exact(text, sizeof(text) - 1);

	(void)state;
	assert_true(version_from_packed_refs(out, "refs/heads/main", copy, sizeof(text) - 1));
	assert_string_equal(out, HASH12);
	assert_true(version_from_packed_refs(out, "refs/heads/last", copy, sizeof(text) - 1));
	assert_string_equal(out, "fedcba987654");
	assert_false(version_from_packed_refs(out, "refs/heads/mai", copy, sizeof(text) - 1));
	assert_false(version_from_packed_refs(out, "refs/heads/odd", copy, sizeof(text) - 1));
	assert_false(version_from_packed_refs(out, "refs/heads/main", copy, 0));
	free(copy);
}

/* --- pyproject.toml */

static void check_pyproject(const char *text, const char *want)
{
	char out[VERSION_MAX] = "", *copy = exact(text, strlen(text));
	bool found = version_from_pyproject(out, copy, strlen(text));

	free(copy);
	assert_int_equal(found, want != NULL);
	if (want)
		assert_string_equal(out, want);
}

static void projects(void **state)
{
	(void)state;
	check_pyproject("[project]\nname = \"shop\"\nversion = \"1.4.2\"\n", "1.4.2");
	check_pyproject("[project]\r\nversion='1.4.2' # now\r\n", "1.4.2");
	check_pyproject("  [ project ]  # c\n\t\"version\" = \"2\"", "2");
	check_pyproject("[tool.poetry]\nversion = \"0.9\"\n", "0.9");
	check_pyproject("[tool.poetry]\nversion = \"0.9\"\n[project]\nversion = \"1.0\"\n", "1.0");
	check_pyproject("[build-system]\nversion = \"8\"\n[project]\nversion = \"1.0\"\n", "1.0");
	check_pyproject("[project]\nx = \"\"\"a\"\"\"\nversion = \"3\"\n", "3");
}

static void not_of_the_project(void **state)
{
	(void)state;
	check_pyproject("", NULL);
	check_pyproject("version = \"1.0\"\n", NULL);
	check_pyproject("[tool.black]\nversion = \"1.0\"\n", NULL);
	check_pyproject("[project.urls]\nversion = \"1.0\"\n", NULL);
	check_pyproject("[[project]]\nversion = \"1.0\"\n", NULL);
	check_pyproject("[project]\ndynamic = [\"version\"]\n", NULL);
	check_pyproject("[project]\nversions = \"1.0\"\n", NULL);
	check_pyproject("[project]\n# version = \"1.0\"\n", NULL);
	check_pyproject("[project]\nversion = 1.0\n", NULL);
	check_pyproject("[project]\nversion = \"1.0", NULL);
	check_pyproject("[project]\nversion = \"1 0\"\n", NULL);
	check_pyproject("[project]\nversion", NULL);
	check_pyproject("x = \"\"\"\n[project]\nversion = \"9\"\n\"\"\"\n", NULL);
	check_pyproject("x = '''\n[project]\nversion = \"9\"\n", NULL);
	check_pyproject("[project]\n[project", NULL);
}

/* --- distributions, packages */

static void distributions(void **state)
{
	char out[VERSION_MAX];

	(void)state;
	assert_true(version_from_dist_info(out, "shop-1.4.2.dist-info", "shop"));
	assert_string_equal(out, "1.4.2");
	assert_true(version_from_dist_info(out, "Shop_Api-2.0.dist-info", "shop-api"));
	assert_true(version_from_dist_info(out, "shop.api-2.0.dist-info", "shop_api"));
	assert_true(version_from_dist_info(out, "shop__api-2.0.dist-info", "shop_api"));
	assert_false(version_from_dist_info(out, "shop_api-2.0.dist-info", "shop"));
	assert_false(version_from_dist_info(out, "shop-2.0.dist-info", "shop_api"));
	assert_false(version_from_dist_info(out, "shop-2.0.egg-info", "shop"));
	assert_false(version_from_dist_info(out, "shop.dist-info", "shop"));
	assert_false(version_from_dist_info(out, "shop-.dist-info", "shop"));
	assert_false(version_from_dist_info(out, ".dist-info", ""));
	assert_false(version_from_dist_info(out, "shop-1 2.dist-info", "shop"));
	assert_false(version_from_dist_info(out, "", "shop"));
}

static void check_package(const char *args, size_t len, const char *want)
{
	char out[VERSION_MAX] = "", *copy = exact(args, len);
	bool found = version_app_package(out, copy, len);

	free(copy);
	assert_int_equal(found, want != NULL);
	if (want)
		assert_string_equal(out, want);
}
#define PACKAGE(args, want) check_package(args, sizeof(args), want)

static void packages(void **state)
{
	(void)state;
	PACKAGE("python\0-m\0uvicorn\0shop.web.main:app", "shop");
	PACKAGE("/venv/bin/python\0/venv/bin/gunicorn\0-b\000127.0.0.1:8000\0shop_api:create()",
		"shop_api");
	PACKAGE("uvicorn\0--host\0localhost:80\0_x:app", "_x");
	PACKAGE("uvicorn\0--factory\0/srv/x:y\0http://a:b", NULL);
	PACKAGE("python\0-c\0from multiprocessing.spawn import spawn_main; spawn_main()", NULL);
	PACKAGE("", NULL);
	check_package("uvicorn\0shop:ap", 15, NULL); /* cut: who knows what it is */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_are_taken),
		cmocka_unit_test(what_is_no_version_is_left),
		cmocka_unit_test(a_hash_is_cut),
		cmocka_unit_test(variables_by_preference),
		cmocka_unit_test(other_variables_are_nothing),
		cmocka_unit_test(attributes_of_telemetry),
		cmocka_unit_test(heads),
		cmocka_unit_test(packed_refs),
		cmocka_unit_test(projects),
		cmocka_unit_test(not_of_the_project),
		cmocka_unit_test(distributions),
		cmocka_unit_test(packages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
