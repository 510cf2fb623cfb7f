// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * server.c - a server that answers as cheaply as it can, to see what reqscope does at rates that no
 * Python reaches. One thread, epoll, one write for each response. Prints its port. It takes
 * requests without a body.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_FDS 65536

/* How much of the blank line that ends a head came with the last read, by fd. */
static uint8_t matched[MAX_FDS];

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "server: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int open_listener(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t size = sizeof(at);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 1024) ||
	    getsockname(fd, (struct sockaddr *)&at, &size))
		fail("listen");
	printf("%d\n", ntohs(at.sin_port));
	fflush(stdout);
	return fd;
}

static void watch(int epoll, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		fail("epoll_ctl");
}

static void take(int epoll, int listener)
{
	int fd = accept(listener, NULL, NULL), one = 1;

	if (fd < 0 || fd >= MAX_FDS)
		fail("accept");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	matched[fd] = 0;
	watch(epoll, fd);
}

static unsigned count_heads(int fd, const char *buf, ssize_t n)
{
	unsigned heads = 0;
	uint8_t at = matched[fd];

	for (ssize_t i = 0; i < n; i++) {
		at = buf[i] == "\r\n\r\n"[at] ? at + 1 : buf[i] == '\r';
		if (at == 4) {
			heads++;
			at = 0;
		}
	}
	matched[fd] = at;
	return heads;
}

static void answer(int fd)
{
	static const char response[] =
		"HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: text/plain\r\n"
		"Content-Length: 2\r\n\r\nok";
	static char buf[65536];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n <= 0) {
		close(fd);
		return;
	}
	for (unsigned heads = count_heads(fd, buf, n); heads; heads--)
		if (write(fd, response, sizeof(response) - 1) != (ssize_t)sizeof(response) - 1) {
			close(fd);
			return;
		}
}

int main(void)
{
	int epoll = epoll_create1(0), listener = open_listener();
	struct epoll_event events[256];

	if (epoll < 0)
		fail("epoll_create1");
	watch(epoll, listener);
	for (;;) {
		int n = epoll_wait(epoll, events, 256, -1);

		if (n < 0 && errno != EINTR)
			fail("epoll_wait");
		for (int i = 0; i < n; i++)
			if (events[i].data.fd == listener)
				take(epoll, listener);
			else
				answer(events[i].data.fd);
	}
}
