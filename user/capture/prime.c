// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "prime.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "capture_priv.h"

/* An event that never happens, on ourselves. */
static int open_dummy(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.disabled = 1,
		.exclude_kernel = 1,
	};

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, (long)PERF_FLAG_FD_CLOEXEC);
}

bool capture_wants_admin(const struct capture *c)
{
	return c->loops && !c->features.uprobe_links;
}

/* The attempt fails, as the program is of another type; what it takes to make it is known then. */
void capture_prime(struct capture *c)
{
	int fd = capture_wants_admin(c) ? open_dummy() : -1;
	struct bpf_link *link;

	if (fd < 0)
		return;
	link = bpf_program__attach_perf_event(c->bpf->progs.census_conns, fd);
	if (link)
		bpf_link__destroy(link); /* closes the event too */
	else
		close(fd);
}
