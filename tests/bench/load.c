// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * load.c - the client of the benchmark: load PORT CONNECTIONS ROUTES
 *
 * Opens the connections, prints "ready", then obeys lines of standard input, `RATE MILLISECONDS
 * BATCH`, each answered by one line of JSON once every response is there. RATE is of requests a
 * second, sent at times fixed beforehand; a response's latency counts from that time, whether or
 * not a connection was free then (a server that does not keep up is not let off). RATE 0: as fast
 * as the connections allow. BATCH requests are sent at once on a connection. ROUTES 0: all requests
 * ask for /items/N; else they spread over so many paths /rK/items/N.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SECOND	    1000000000ULL
#define MAX_BATCH   64
#define MAX_SAMPLES (4U << 20)
#define PATIENCE_NS \
	(10 * SECOND) /* what is not answered this long after the last request is an error */

struct conn {
	int fd;
	uint32_t have, waits_for;
	uint64_t due;
	char buf[2048];
};

struct run {
	uint64_t begin, end, interval, next, sent, done;
	uint32_t batch;
};

static struct {
	struct conn *conns;
	uint32_t n_conns, routes, epoll, n_samples;
	uint32_t *idle, idle_from, idle_n; /* a ring: connections take turns, all of them */
	uint32_t *samples;
	uint64_t number;
} load;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

static void put_idle(uint32_t i)
{
	load.idle[(load.idle_from + load.idle_n++) % load.n_conns] = i;
}

static struct conn *take_idle(void)
{
	uint32_t i = load.idle[load.idle_from];

	load.idle_from = (load.idle_from + 1) % load.n_conns;
	load.idle_n--;
	return &load.conns[i];
}

static void open_conn(uint32_t i, uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
	struct conn *c = &load.conns[i];
	int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof(to)))
		fail("connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (epoll_ctl((int)load.epoll, EPOLL_CTL_ADD, c->fd, &event))
		fail("epoll_ctl");
	put_idle(i);
}

static size_t put_request(char *out, size_t size)
{
	uint64_t n = load.number++;
	char prefix[24] = "";

	if (load.routes)
		snprintf(prefix, sizeof(prefix), "/r%" PRIu64, n % load.routes);
	return (size_t)snprintf(out, size,
				"GET %s/items/%" PRIu64 " HTTP/1.1\r\nHost: bench\r\n"
				"User-Agent: bench/1\r\nAccept: */*\r\n\r\n",
				prefix, n);
}

static void send_batch(struct run *r, uint64_t due)
{
	struct conn *c = take_idle();
	char buf[MAX_BATCH * 160];
	size_t n = 0;

	for (uint32_t i = 0; i < r->batch; i++)
		n += put_request(buf + n, sizeof(buf) - n);
	c->due = due;
	c->waits_for = r->batch;
	if (send(c->fd, buf, n, MSG_NOSIGNAL) != (ssize_t)n)
		fail("send");
	r->sent += r->batch;
}

/* The length of the response at the front; 0 while it is not whole. */
static size_t response_length(const struct conn *c)
{
	const char *body = memmem(c->buf, c->have, "\r\n\r\n", 4), *length;
	size_t head, total;

	if (!body) {
		if (c->have == sizeof(c->buf))
			errno = EMSGSIZE, fail("a response's head");
		return 0;
	}
	head = (size_t)(body + 4 - c->buf);
	if (head < 12 || memcmp(c->buf + 9, "200", 3))
		errno = EPROTO, fail("a response that is not 200");
	for (length = c->buf; length < body && strncasecmp(length, "\ncontent-length:", 16);)
		length++;
	if (length == body)
		errno = EPROTO, fail("a response without a length");
	total = head + strtoul(length + 16, NULL, 10);
	if (total > sizeof(c->buf))
		errno = EMSGSIZE, fail("a response");
	return total <= c->have ? total : 0;
}

static void take_responses(struct run *r, uint32_t i)
{
	struct conn *c = &load.conns[i];
	size_t n;

	while (c->waits_for && (n = response_length(c))) {
		uint64_t took = now_ns(CLOCK_MONOTONIC) - c->due;

		memmove(c->buf, c->buf + n, c->have - n);
		c->have -= (uint32_t)n;
		r->done++;
		if (load.n_samples < MAX_SAMPLES)
			load.samples[load.n_samples++] =
				took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
		if (!--c->waits_for)
			put_idle(i);
	}
}

static void readable(struct run *r, uint32_t i)
{
	struct conn *c = &load.conns[i];
	ssize_t n = recv(c->fd, c->buf + c->have, sizeof(c->buf) - c->have, 0);

	if (n <= 0) {
		errno = n ? errno : ECONNRESET;
		fail("recv");
	}
	c->have += (uint32_t)n;
	take_responses(r, i);
}

static void send_due(struct run *r)
{
	uint64_t now = now_ns(CLOCK_MONOTONIC);

	if (!r->interval)
		while (now < r->end && load.idle_n)
			send_batch(r, now);
	else
		for (; r->next <= now && r->next < r->end && load.idle_n; r->next += r->interval)
			send_batch(r, r->next);
}

static bool more_to_send(const struct run *r)
{
	return r->interval ? r->next < r->end : now_ns(CLOCK_MONOTONIC) < r->end;
}

static void wait_once(struct run *r)
{
	uint64_t now = now_ns(CLOCK_MONOTONIC), wait = SECOND / 10;
	struct epoll_event events[256];
	struct timespec timeout;
	int n;

	if (r->interval && r->next < r->end && load.idle_n)
		wait = r->next > now ? r->next - now : 0;
	timeout = (struct timespec){(time_t)(wait / SECOND), (long)(wait % SECOND)};
	n = epoll_pwait2((int)load.epoll, events, 256, &timeout, NULL);
	if (n < 0 && errno != EINTR)
		fail("epoll_pwait2");
	for (int i = 0; i < n; i++)
		readable(r, events[i].data.u32);
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static double quantile_us(double q)
{
	return load.n_samples ? load.samples[(size_t)(q * (load.n_samples - 1))] / 1e3 : 0;
}

static void run(uint64_t rate, uint64_t ms, uint32_t batch)
{
	uint64_t cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID), now = now_ns(CLOCK_MONOTONIC);
	struct run r = {.begin = now, .next = now, .end = now + ms * 1000000, .batch = batch};

	r.interval = rate ? SECOND * batch / rate : 0;
	load.n_samples = 0;
	while (more_to_send(&r) || r.done < r.sent) {
		send_due(&r);
		wait_once(&r);
		if (now_ns(CLOCK_MONOTONIC) > r.end + PATIENCE_NS)
			errno = ETIMEDOUT, fail("responses");
	}
	now = now_ns(CLOCK_MONOTONIC);
	cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	qsort(load.samples, load.n_samples, sizeof(*load.samples), by_value);
	printf("{\"done\": %" PRIu64 ", \"seconds\": %.6f, \"cpu_ns\": %" PRIu64
	       ", \"p50_us\": %.3f, \"p99_us\": %.3f}\n",
	       r.done, (double)(now - r.begin) / 1e9, cpu, quantile_us(0.5), quantile_us(0.99));
	fflush(stdout);
}

static bool obey(char *line)
{
	uint64_t rate, ms;
	uint32_t batch;

	if (sscanf(line, "%" SCNu64 " %" SCNu64 " %" SCNu32, &rate, &ms, &batch) != 3 || !ms ||
	    !batch || batch > MAX_BATCH) {
		fprintf(stderr, "load: expected RATE MILLISECONDS BATCH (1 to %d), got %s",
			MAX_BATCH, line);
		return false;
	}
	run(rate, ms, batch);
	return true;
}

int main(int argc, char **argv)
{
	char line[128];

	if (argc != 4 || atoi(argv[2]) < 1) {
		fprintf(stderr, "usage: load PORT CONNECTIONS ROUTES\n");
		return 2;
	}
	prctl(PR_SET_TIMERSLACK, 1UL);
	load.n_conns = (uint32_t)atoi(argv[2]);
	load.routes = (uint32_t)atoi(argv[3]);
	load.conns = calloc(load.n_conns, sizeof(*load.conns));
	load.idle = calloc(load.n_conns, sizeof(*load.idle));
	load.samples = calloc(MAX_SAMPLES, sizeof(*load.samples));
	load.epoll = (uint32_t)epoll_create1(0);
	if (!load.conns || !load.idle || !load.samples || (int)load.epoll < 0)
		fail("start");
	for (uint32_t i = 0; i < load.n_conns; i++)
		open_conn(i, (uint16_t)atoi(argv[1]));
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		if (!obey(line))
			return 2;
	return 0;
}
