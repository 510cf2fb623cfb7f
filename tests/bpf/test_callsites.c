// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_callsites.c - where an object calls a function: calls of this program, whose places are
 * known, and files that are damaged.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../user/capture/callsites.h"

#ifdef __x86_64__

/* Never run: three calls, two of which look at what came back. */
__attribute__((used)) static void calls(void)
{
	__asm__ volatile("known_1: call vhangup@PLT\n"
			 "cmp $-1, %eax\n"
			 "known_2: call vhangup@PLT\n"
			 "cmp $-1, %eax\n"
			 "call vhangup@PLT\n"
			 "test %eax, %eax\n");
}
extern const char known_1[], known_2[];

/* From an address to the place in the file. */
static int to_offset(struct dl_phdr_info *info, size_t size, void *data)
{
	uint64_t *at = data;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uint64_t start = info->dlpi_addr + p->p_vaddr;

		if (p->p_type == PT_LOAD && *at - start < p->p_filesz) {
			*at += p->p_offset - start;
			return 1;
		}
	}
	return 1; /* the first object is the program */
}

static uint64_t file_offset(const char *address)
{
	uint64_t at = (uintptr_t)address;

	dl_iterate_phdr(to_offset, &at);
	return at;
}

static void found(void **state)
{
	struct callsites sites;

	(void)state;
	assert_int_equal(callsites_find("/proc/self/exe", "vhangup", &sites), 0);
	assert_int_equal(sites.n, 2);
	assert_int_equal(sites.offsets[0], file_offset(known_1));
	assert_int_equal(sites.offsets[1], file_offset(known_2));
}

static void not_found(void **state)
{
	struct callsites sites;

	(void)state;
	assert_int_equal(callsites_find("/proc/self/exe", "hangup", &sites), -ENOENT);
	assert_int_equal(sites.n, 0);
	assert_int_equal(callsites_find("/proc/self/exe", "", &sites), -ENOENT);
	assert_int_equal(callsites_find("/proc/self/nothing", "vhangup", &sites), -ENOENT);
	assert_int_equal(callsites_find("/proc/self/status", "vhangup", &sites), -EINVAL);
	assert_int_equal(callsites_find("/proc/self", "vhangup", &sites), -EINVAL);
	assert_int_equal(callsites_find("/dev/null", "vhangup", &sites), -EINVAL);
}

/* --- damage */

struct copy {
	char path[40];
	int fd;
	size_t size;
	uint8_t *bytes;
};

static void copy_self(struct copy *c)
{
	struct stat st;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	assert_int_equal(fstat(fd, &st), 0);
	c->size = (size_t)st.st_size;
	c->bytes = malloc(c->size);
	assert_non_null(c->bytes);
	assert_int_equal(read(fd, c->bytes, c->size), st.st_size);
	close(fd);
	strcpy(c->path, "/tmp/reqscope-calls-XXXXXX");
	c->fd = mkstemp(c->path);
	assert_true(c->fd >= 0);
	assert_int_equal(pwrite(c->fd, c->bytes, c->size, 0), c->size);
}

static void copy_free(struct copy *c)
{
	unlink(c->path);
	close(c->fd);
	free(c->bytes);
}

/* Whatever is made of it: places lie in the file, and no more than there is room for. */
static void check(const struct copy *c, size_t size)
{
	struct callsites sites;
	int err = callsites_find(c->path, "vhangup", &sites);

	assert_true(!err || err == -ENOENT || err == -EINVAL || err == -E2BIG);
	assert_true(err ? !sites.n : sites.n && sites.n <= CALLSITES_MAX);
	for (unsigned i = 0; i < sites.n; i++)
		assert_in_range(sites.offsets[i], 0, size - 1);
}

static void cut_short(void **state)
{
	struct copy c;

	(void)state;
	copy_self(&c);
	for (size_t size = c.size; size; size = size > 4096 ? size * 3 / 4 : size - 97 % size) {
		assert_int_equal(ftruncate(c.fd, (off_t)size), 0);
		check(&c, size);
		if (size <= 97)
			break;
	}
	copy_free(&c);
}

/* Each field of the header and of the sections' table, which lies at the end, is wrong once. */
static void damaged(void **state)
{
	const uint8_t wrong[] = {0x00, 0x01, 0x7f, 0xff};
	const ElfW(Ehdr) * head;
	struct copy c;

	(void)state;
	copy_self(&c);
	head = (const ElfW(Ehdr) *)c.bytes;
	for (size_t at = 0; at < c.size; at = at == sizeof(*head) ? head->e_shoff : at + 1)
		for (size_t i = 0; i < sizeof(wrong); i++) {
			if (at > head->e_shoff && at % 4)
				continue;
			assert_int_equal(pwrite(c.fd, &wrong[i], 1, (off_t)at), 1);
			check(&c, c.size);
			assert_int_equal(pwrite(c.fd, &c.bytes[at], 1, (off_t)at), 1);
		}
	copy_free(&c);
}

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
#ifdef __x86_64__
		cmocka_unit_test(found),
		cmocka_unit_test(not_found),
		cmocka_unit_test(cut_short),
		cmocka_unit_test(damaged),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
