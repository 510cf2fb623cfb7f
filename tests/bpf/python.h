/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * python.h - a real interpreter with a small server, which answers while it handles exceptions, and
 * a client of it.
 */
#ifndef RS_TEST_PYTHON_H
#define RS_TEST_PYTHON_H

#include "harness.h"

#include <limits.h>

#include "../../bpf/interp.h"
#include "../../user/python/process.h"
#include "../../user/uvloop.h"

#define MS 1000000ull

/* "GET /WHAT" runs CALLS[WHAT]; what it raises is answered with 500 while it is handled. */
static const char script[] =
	"import asyncio, gc, os, sys, traceback\n"
	"sys.setrecursionlimit(10000)\n"
	"class Boom(Exception):\n"
	"    pass\n"
	"def inner(what):\n"
	"    raise Boom(what)\n"
	"def outer():\n"
	"    inner('it')\n"
	"def deep(n):\n"
	"    if not n:\n"
	"        raise Boom('deep')\n"
	"    deep(n - 1)\n"
	"def chained():\n"
	"    try:\n"
	"        outer()\n"
	"    except Boom as e:\n"
	"        raise ValueError('other') from e\n"
	"def swallow():\n"
	"    try:\n"
	"        outer()\n"
	"    except Boom:\n"
	"        pass\n"
	"CALLS = {'boom': outer, 'key': lambda: {}['x'], 'chained': chained, 'swallow': swallow,\n"
	"         'deep': lambda: deep(1500), 'deeper': lambda: deep(5000), 'log': outer,\n"
	"         'fine': lambda: None, 'logfine': lambda: None, 'gc': gc.collect, 'rescued': "
	"outer,\n"
	"         'timer': lambda: asyncio.get_event_loop().call_later(3600, int)}\n"
	"STATUS = {'swallow': 500, 'missing': 404, 'rescued': 200}\n"
	"class Server(asyncio.Protocol):\n"
	"    def connection_made(self, transport):\n"
	"        self.transport = transport\n"
	"    def data_received(self, data):\n"
	"        for head in data.split(b'\\r\\n\\r\\n')[:-1]:\n"
	"            what = head.split()[1][1:].decode()\n"
	"            if what.startswith('task-'):\n"
	"                asyncio.get_event_loop().create_task(self.task(what[5:]))\n"
	"            else:\n"
	"                self.serve(what)\n"
	"    async def task(self, what):\n"
	"        self.serve(what)\n"
	"    def answer(self, status):\n"
	"        self.transport.write(self.kind(b'HTTP/1.1 %d X\\r\\ncontent-length: "
	"0\\r\\n\\r\\n'\n"
	"                                       % status))\n"
	"    def serve(self, what):\n"
	"        kind, _, what = what.rpartition('-')\n"
	"        self.kind = {'': bytes, 'array': bytearray, 'view': memoryview}[kind]\n"
	"        if what == 'big':\n"
	"            self.transport.write(b'HTTP/1.1 200 X\\r\\ncontent-length: "
	"16777216\\r\\n\\r\\n' +\n"
	"                                 bytes(16777216))\n"
	"            return\n"
	"        if what == 'missing':\n"
	"            return self.answer(404)\n"
	"        if what == 'logfine':\n"
	"            os.write(2, b'Traceback (most recent call last) of yesterday\\n')\n"
	"        try:\n"
	"            CALLS[what]()\n"
	"        except Exception:\n"
	"            if what == 'log':\n"
	"                for i in range(250):\n"
	"                    sys.stderr.write('some text before it\\n' + traceback.format_exc())\n"
	"            return self.answer(STATUS.get(what, 500))\n"
	"        self.answer(STATUS.get(what, 200))\n"
	"async def main():\n"
	"    loop = asyncio.get_running_loop()\n"
	"    server = await loop.create_server(Server, '127.0.0.1', 0)\n"
	"    print(server.sockets[0].getsockname()[1], flush=True)\n"
	"    await asyncio.sleep(1000)\n"
	"garbage = [[i] for i in range(300000)]\n"
	"if sys.argv[1] == 'uvloop':\n"
	"    try:\n"
	"        import uvloop\n"
	"    except ImportError:\n"
	"        print('0', flush=True)\n"
	"        sys.exit()\n"
	"    uvloop.install()\n"
	"try:\n"
	"    if sys.argv[2] == 'ambient':\n"
	"        raise LookupError('all along')\n"
	"except LookupError:\n"
	"    asyncio.run(main())\n"
	"else:\n"
	"    asyncio.run(main())\n";

HELPER int line_of(const char *text)
{
	const char *at = strstr(script, text);
	int line = 1;

	assert_non_null(at);
	for (const char *p = script; p < at; p++)
		line += *p == '\n';
	return line;
}

/* --- the interpreter */

struct server {
	struct world *w;
	pid_t pid;
	struct python *python;
	struct rs_interp interp;
	uint16_t port;
	int client;
	size_t cursor;
};
static struct server server; /* of the test at hand */

HELPER const char *interpreter(void)
{
	const char *given = getenv("RS_PYTHON");

	return given ? given : "/usr/bin/python3.11";
}

HELPER void run(int out, const char *loop, const char *how)
{
	int null = open("/dev/null", O_WRONLY);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(out, 1);
	dup2(null, 2);
	execl(interpreter(), interpreter(), "-c", script, loop, how, NULL);
	_exit(1);
}

HELPER void server_start(const char *loop, const char *how)
{
	char line[16] = "", why[PYTHON_WHY_MAX];
	int ends[2];
	FILE *out;

	assert_int_equal(pipe(ends), 0);
	server.pid = fork();
	if (!server.pid)
		run(ends[1], loop, how);
	close(ends[1]);
	out = fdopen(ends[0], "r");
	if (!fgets(line, sizeof(line), out))
		fail_msg("%s does not start", interpreter());
	fclose(out);
	server.port = atoi(line);
	if (!server.port) {
		print_message("skipped: %s has no uvloop\n", interpreter());
		skip();
	}
	if (python_open(&server.python, server.pid, (struct python_between){}, why))
		fail_msg("python_open: %s", why);
	if (python_interp(server.python, &server.interp, why))
		fail_msg("python_interp: %s", why);
}

HELPER void server_connect(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(server.port)};

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server.client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(server.client, (struct sockaddr *)&a, sizeof(a)), 0);
}

HELPER void probe_uvloop(void)
{
	char file[PATH_MAX];
	const char *why = "";

	assert_int_equal(uvloop_file(server.pid, file, sizeof(file)), 0);
	if (capture_probe_queue(server.w->capture, server.pid, file, &why))
		fail_msg("capture_probe_queue: %s", why);
}

HELPER struct world *serve_with(void **state, const char *loop, const char *how)
{
	struct world *w = *state;
	struct capture_options options = CAPTURE_DEFAULTS;
	uint32_t pid;

	server = (struct server){.w = w, .client = -1};
	server_start(loop, how);
	pid = server.pid;
	options.pids = &pid;
	options.n_pids = 1;
	options.insight = true;
	options.stall_ns = 3600 * 1000 * MS;
	watch_with(w, &options);
	assert_int_equal(capture_interp(w->capture, pid, &server.interp), 0);
	if (!strcmp(loop, "uvloop"))
		probe_uvloop();
	server_connect();
	return w;
}

HELPER struct world *serve_asyncio(void **state)
{
	return serve_with(state, "asyncio", "plain");
}

HELPER struct world *serve_uvloop(void **state)
{
	return serve_with(state, "uvloop", "plain");
}

HELPER int python_teardown(void **state)
{
	if (server.client >= 0)
		close(server.client);
	if (server.pid > 0) {
		kill(server.pid, SIGKILL);
		waitpid(server.pid, NULL, 0);
	}
	python_close(server.python);
	server = (struct server){.client = -1};
	return world_teardown(state);
}

HELPER bool match_out(const struct event *e, const void *arg)
{
	(void)arg;
	return e->h->type == RS_EV_OUT;
}

HELPER const struct event *next_out(void)
{
	const struct event *e =
		seen_wait(&server.w->seen, server.w->capture, &server.cursor, match_out, NULL);

	assert_non_null(e);
	assert_int_equal(e->error != NULL, (e->h->flags & RS_F_ERROR) != 0);
	return e;
}

/* The records of the other answers, where each has its own (uvloop 0.23 on). */
HELPER void take_others(size_t left)
{
	while (left) {
		const struct event *e = next_out();

		assert_true(e->data->len <= left);
		left -= e->data->len;
		assert_non_null(e->error);
		assert_string_equal(e->error->name, "KeyError");
	}
}

/* Asks, takes `answers` answers, the first one with this status, and returns the record of that.
   All others must be those of "key". */
HELPER const struct event *ask_for(const char *request, int status, unsigned answers)
{
	static const char one[] = "HTTP/1.1 ... X\r\ncontent-length: 0\r\n\r\n";
	size_t length = sizeof(one) - 1;
	struct timeval patience = {.tv_sec = DEADLINE_NS / 1000000000};
	const struct event *e;
	char buf[256] = "";

	setsockopt(server.client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(send(server.client, request, strlen(request), 0), strlen(request));
	assert_int_equal(recv(server.client, buf, length * answers, MSG_WAITALL), length * answers);
	assert_int_equal(atoi(buf + 9), status);
	e = next_out();
	assert_true(e->n_pieces >= 1);
	assert_memory_equal(e->pieces[0].data, buf, length);
	take_others(length * answers - e->data->len);
	return e;
}

HELPER const struct rs_error *ask(const char *what, int status)
{
	char request[64];

	snprintf(request, sizeof(request), "GET /%s HTTP/1.1\r\n\r\n", what);
	return ask_for(request, status, 1)->error;
}

#endif
