// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "../../user/lib/proctext.h"

static void schedstat(void **state)
{
	static const char *const bad[] = {"", " ", "1", "1 2", "1 2 ", "a 2 3", "1 -2 3", "1\t2\t3",
					  "99999999999999999999 1 1"};
	uint64_t run = 7, wait = 7;

	(void)state;
	assert_int_equal(proctext_schedstat("1234567890123 42 9\n", &run, &wait), 0);
	assert_int_equal(run, 1234567890123);
	assert_int_equal(wait, 42);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_true(proctext_schedstat(bad[i], &run, &wait) < 0);
	assert_int_equal(run, 1234567890123); /* as it was */
}

static void max_files(void **state)
{
	static const char limits[] =
		"Limit                     Soft Limit           Hard Limit           Units     \n"
		"Max core file size        0                    unlimited            bytes     \n"
		"Max open files            1024                 524288               files     \n";
	uint64_t n = 7;

	(void)state;
	assert_int_equal(proctext_max_files(limits, &n), 0);
	assert_int_equal(n, 1024);
	assert_int_equal(proctext_max_files("Max open files unlimited unlimited files\n", &n), 0);
	assert_true(n == UINT64_MAX);
	assert_true(proctext_max_files("Max open filesystems 3 3\n", &n) < 0);
	assert_true(proctext_max_files("Max open files -\n", &n) < 0);
	assert_true(proctext_max_files("", &n) < 0);
}

static void cpu_stat(void **state)
{
	uint64_t periods = 7, throttled = 7;

	(void)state;
	assert_int_equal(proctext_cpu_stat("usage_usec 10\nnr_periods 120\nnr_throttled 6\n"
					   "throttled_usec 1000\n",
					   &periods, &throttled),
			 0);
	assert_int_equal(periods, 120);
	assert_int_equal(throttled, 6);
	assert_int_equal(
		proctext_cpu_stat("nr_periods 0\nnr_throttled 0\nthrottled_time 0", &periods,
				  &throttled),
		0);
	assert_int_equal(periods, 0);
	/* the root group of version 2 has no quota and says none */
	assert_true(proctext_cpu_stat("usage_usec 10\nuser_usec 1\n", &periods, &throttled) < 0);
	assert_true(proctext_cpu_stat("nr_periods 1\n", &periods, &throttled) < 0);
}

static void is_path(const char *text, const char *controller, const char *want)
{
	const char *path;
	unsigned len;

	if (!want) {
		assert_true(proctext_cgroup(text, controller, &path, &len) < 0);
		return;
	}
	assert_int_equal(proctext_cgroup(text, controller, &path, &len), 0);
	assert_int_equal(len, strlen(want));
	assert_memory_equal(path, want, len);
}

static void cgroup(void **state)
{
	static const char both[] = "12:cpuset:/\n4:cpu,cpuacct:/docker/ab:c\n1:name=systemd:/x\n0::/"
				   "system.slice/app.service\n";

	(void)state;
	is_path(both, NULL, "/system.slice/app.service");
	is_path(both, "cpu", "/docker/ab:c");
	is_path(both, "cpuacct", "/docker/ab:c");
	is_path(both, "memory", NULL);
	is_path("0::/\n", "cpu", NULL);
	is_path("0::/", NULL, "/");
	is_path("10::/a\n", NULL, NULL);
	is_path("0:cpu:/a\n", NULL, NULL);
	is_path("", NULL, NULL);
	is_path("0:\n:\n0::\n", NULL, NULL);
}

static void syscalls(void **state)
{
	bool running = false;
	long nr = 7;

	(void)state;
	assert_int_equal(proctext_syscall("running\n", &running, &nr), 0);
	assert_true(running);
	assert_int_equal(proctext_syscall("202 0x1 0x2 0x3 0x4 0x5 0x6 0x7 0x8\n", &running, &nr), 0);
	assert_false(running);
	assert_int_equal(nr, 202);
	assert_int_equal(proctext_syscall("-1 0x7ffc 0x7f\n", &running, &nr), 0);
	assert_int_equal(nr, -1);
	assert_true(proctext_syscall("", &running, &nr) < 0);
	assert_true(proctext_syscall("x 1", &running, &nr) < 0);
	assert_true(proctext_syscall("-2 0x1", &running, &nr) < 0);
	assert_true(proctext_syscall("202", &running, &nr) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schedstat), cmocka_unit_test(max_files),
		cmocka_unit_test(cpu_stat),  cmocka_unit_test(cgroup),
		cmocka_unit_test(syscalls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
