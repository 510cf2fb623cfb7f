// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * census.c - running the iterators of bpf/census.bpf.h.
 */
#include "capture_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef void (*census_take)(void *ctx, const void *record);

/* Reads an iterator to its end; records may be cut between two reads. */
static int iter_read(int link_fd, size_t record, census_take take, void *ctx)
{
	char buf[64 * 1024];
	size_t have = 0, at;
	int fd = bpf_iter_create(link_fd);
	ssize_t n;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, buf + have, sizeof(buf) - have)) > 0 || (n < 0 && errno == EAGAIN)) {
		if (n < 0)
			continue;
		have += n;
		for (at = 0; have - at >= record; at += record)
			if (take)
				take(ctx, buf + at);
		have -= at;
		memmove(buf, buf + at, have);
	}
	n = n < 0 ? -errno : 0;
	close(fd);
	return n;
}

static int iter_run(struct bpf_program *prog, union bpf_iter_link_info *info, size_t record,
		    census_take take, void *ctx)
{
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = info, .link_info_len = sizeof(*info));
	struct bpf_link *link = bpf_program__attach_iter(prog, &opts);
	int err;

	if (!link)
		return -errno;
	err = iter_read(bpf_link__fd(link), record, take, ctx);
	bpf_link__destroy(link);
	return err;
}

/* Over the files of one process; a process that is gone has none. */
static int iter_process(struct bpf_program *prog, uint32_t pid, size_t record, census_take take,
			void *ctx)
{
	union bpf_iter_link_info info = {.task.pid = pid};
	int err = iter_run(prog, &info, record, take, ctx);

	return err == -ESRCH || err == -EINVAL ? 0 : err;
}

struct listener_ctx {
	capture_listener take;
	void *ctx;
};

static void take_listener(void *ctx, const void *record)
{
	struct listener_ctx *l = ctx;

	if (l->take)
		l->take(l->ctx, record);
}

int capture_census_listeners(struct capture *c, uint32_t pid, capture_listener take, void *ctx)
{
	struct listener_ctx l = {take, ctx};

	return iter_process(c->bpf->progs.census_listeners, pid, sizeof(struct rs_ev_listen),
			    take_listener, &l);
}

int capture_census_process(struct capture *c, uint32_t pid)
{
	int err = capture_census_listeners(c, pid, NULL, NULL);

	if (err)
		return err;
	return iter_process(c->bpf->progs.census_sockets, pid, 1, NULL, NULL);
}

struct conn_ctx {
	capture_conn take;
	void *ctx;
};

static void take_conn(void *ctx, const void *record)
{
	struct conn_ctx *cc = ctx;

	cc->take(cc->ctx, record);
}

int capture_census_conns(struct capture *c, capture_conn take, void *ctx)
{
	union bpf_iter_link_info info = {.map.map_fd = bpf_map__fd(c->bpf->maps.conns)};
	struct conn_ctx cc = {take, ctx};

	return iter_run(c->bpf->progs.census_conns, &info, sizeof(struct rs_census), take_conn, &cc);
}
