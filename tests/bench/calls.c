// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * calls.c - what system calls cost this process. Obeys lines of standard input, `CALL BATCHES`,
 * each answered with the median over the batches of the thread's CPU time for one call, in ns. It
 * listens on a port, at which nobody asks anything, so that it can be a target, too.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BATCH	    1000
#define MAX_BATCHES 1000

static int pipe_fds[2], epoll;
static uint32_t word;

static bool call_getppid(void)
{
	return syscall(SYS_getppid) > 0;
}

static bool call_pipe(void)
{
	char c = 'x';

	return write(pipe_fds[1], &c, 1) == 1 && read(pipe_fds[0], &c, 1) == 1;
}

/* Wakes nobody: all that is left of a futex where a lock is contended and nobody waits any more. */
static bool call_futex(void)
{
	return syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) == 0;
}

static bool call_epoll(void)
{
	struct epoll_event event;

	return epoll_wait(epoll, &event, 1, 0) == 0;
}

static const struct {
	const char *name;
	bool (*call)(void);
	unsigned calls;
} table[] = {
	{"getppid", call_getppid, 1},
	{"pipe", call_pipe, 2},
	{"futex", call_futex, 1},
	{"epoll_wait", call_epoll, 1},
};

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static bool measure(bool (*call)(void), unsigned calls, unsigned batches)
{
	static double took[MAX_BATCHES];

	for (unsigned i = 0; i < batches; i++) {
		uint64_t from = cpu_ns();

		for (unsigned k = 0; k < BATCH; k++)
			if (!call())
				return false;
		took[i] = (double)(cpu_ns() - from) / BATCH / calls;
	}
	qsort(took, batches, sizeof(*took), by_value);
	printf("%.2f\n", took[batches / 2]);
	fflush(stdout);
	return true;
}

static bool obey(const char *line)
{
	char name[32];
	unsigned batches;

	if (sscanf(line, "%31s %u", name, &batches) != 2 || !batches || batches > MAX_BATCHES)
		return false;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (!strcmp(table[i].name, name))
			return measure(table[i].call, table[i].calls, batches);
	return false;
}

static bool prepare(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	epoll = epoll_create1(0);
	return epoll >= 0 && !pipe(pipe_fds) && listener >= 0 &&
	       !bind(listener, (struct sockaddr *)&at, sizeof(at)) && !listen(listener, 1);
}

int main(void)
{
	char line[128];

	if (!prepare()) {
		fprintf(stderr, "calls: %s\n", strerror(errno));
		return 1;
	}
	while (fgets(line, sizeof(line), stdin))
		if (!obey(line)) {
			fprintf(stderr, "calls: failed, or expected CALL BATCHES (1 to %d): %s",
				MAX_BATCHES, line);
			return 2;
		}
	return 0;
}
