// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * record.c - writes the event stream of a process to a file: record PID FILE. Ends with SIGINT, after a
 * last census. Only for tests, on the project's own test apps: such a stream holds bytes of requests.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../user/capture/capture.h"
#include "golden.h"

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void put(FILE *f, uint32_t kind, const void *data, size_t size)
{
	static const char zeros[8];
	struct golden_item item = {kind, size};

	fwrite(&item, sizeof(item), 1, f);
	fwrite(data, size, 1, f);
	fwrite(zeros, -size & 7, 1, f);
}

static void put_event(void *ctx, const void *record, size_t size)
{
	put(ctx, GOLDEN_EVENT, record, size);
}

struct kept {
	struct rs_census list[256];
	size_t n;
};

static void keep(void *ctx, const struct rs_census *k)
{
	struct kept *kept = ctx;

	if (kept->n < 256)
		kept->list[kept->n++] = *k;
}

static void drain(struct capture *c, FILE *f)
{
	if (capture_drain(c, put_event, f) > 0)
		put(f, GOLDEN_SETTLE, "", 0);
}

static void census(struct capture *c, FILE *f)
{
	static struct kept kept;
	uint64_t now = now_ns();

	capture_census_conns(c, keep, &kept);
	put(f, GOLDEN_CENSUS_BEGIN, &now, sizeof(now));
	drain(c, f);
	for (size_t i = 0; i < kept.n; i++)
		put(f, GOLDEN_CENSUS_CONN, &kept.list[i], sizeof(kept.list[i]));
	put(f, GOLDEN_CENSUS_END, &now, sizeof(now));
}

int main(int argc, char **argv)
{
	struct capture_options o = CAPTURE_DEFAULTS;
	struct capture *c = NULL;
	char error[256];
	uint32_t pid;
	FILE *f;

	if (argc != 3 || !(f = fopen(argv[2], "wbx"))) {
		fprintf(stderr, "usage: record PID FILE (which must not exist)\n");
		return 2;
	}
	pid = strtoul(argv[1], NULL, 10);
	o.pids = &pid;
	o.n_pids = 1;
	if (capture_open(&c, &o, error, sizeof(error))) {
		fprintf(stderr, "record: %s\n", error);
		return 1;
	}
	signal(SIGINT, on_signal);
	fwrite(GOLDEN_MAGIC, 8, 1, f);
	fprintf(stderr, "recording\n");
	while (!stop) {
		poll(NULL, 0, 10);
		drain(c, f);
	}
	census(c, f);
	capture_close(c);
	return fclose(f) ? 1 : 0;
}
