// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_python.c - a real interpreter that answers 500: the exception that was handled then is in
 * the record, and none where none was.
 *
 * RS_PYTHON names another interpreter than Debian's.
 */
#include "python.h"

#include "../../user/capture/capture_priv.h"

static const struct rs_frame *innermost(const struct rs_error *e)
{
	assert_true(e->n_frames > 0);
	return &e->frames[e->n_frames - 1];
}

#define check_boom(e) check_boom_at((e), __FILE__, __LINE__)
static void check_boom_at(const struct rs_error *e, const char *file, int line)
{
	if (!e)
		fail_at(file, line, "no exception is told");
	_assert_string_equal(e->name, "Boom", file, line);
	_assert_int_equal(e->depth, 3, file, line);
	_assert_int_equal(e->n_frames, 3, file, line);
	_assert_int_equal(e->frames[0].firstline, line_of("    def serve"), file, line);
	_assert_int_equal(e->frames[1].firstline, line_of("def outer"), file, line);
	_assert_int_equal(e->frames[2].firstline, line_of("def inner"), file, line);
}

/* --- errors behind answers */

static void tell_errors(void)
{
	const struct rs_error *e;

	assert_null(ask("fine", 200));
	check_boom(ask("boom", 500));
	e = ask("task-boom", 500);
	check_boom(e->depth == 3 ? e : NULL);
	assert_int_equal(e->base, 0);
	e = ask("key", 500);
	assert_string_equal(e->name, "KeyError");
	assert_int_equal(e->depth, 2);
	e = ask("chained", 500);
	assert_string_equal(e->name, "ValueError");
	assert_int_equal(innermost(e)->firstline, line_of("def chained"));
	assert_int_equal(e->depth, 2);
}

static void errors_on_asyncio(void **state)
{
	serve_asyncio(state);
	tell_errors();
}

static void errors_on_uvloop(void **state)
{
	serve_uvloop(state);
	tell_errors();
}

/* Nothing is handled any more, or never was; or the answer is no failure. */
static void tell_none(void)
{
	check_boom(ask("boom", 500));
	assert_null(ask("missing", 404));
	assert_null(ask("swallow", 500));
	assert_null(ask("rescued", 200));
	assert_null(ask("missing", 404));
	assert_null(ask("task-missing", 404));
}

static void silence_on_asyncio(void **state)
{
	serve_asyncio(state);
	tell_none();
}

static void silence_on_uvloop(void **state)
{
	serve_uvloop(state);
	tell_none();
}

static void deep_tracebacks(void **state)
{
	const struct rs_error *e;

	serve_asyncio(state);
	e = ask("deep", 500);
	assert_int_equal(e->depth, 1503);
	assert_int_equal(e->n_frames, RS_MAX_FRAMES);
	for (int i = 0; i < RS_MAX_FRAMES; i++) {
		assert_int_equal(e->frames[i].firstline, line_of("def deep"));
		assert_ptr_equal(e->frames[i].code, e->frames[0].code);
	}
	assert_int_not_equal(e->frames[RS_MAX_FRAMES - 1].lasti, e->frames[0].lasti);
	e = ask("deeper", 500);
	assert_string_equal(e->name, "Boom");
	assert_int_equal(e->depth, 0);
	assert_int_equal(e->n_frames, 0);
}

/* What is handled by a whole program is told as such. */
static void ambient(void)
{
	const struct rs_error *e = ask("missing", 404);

	assert_non_null(e);
	assert_string_equal(e->name, "LookupError");
	assert_int_equal(e->base, 1);
	check_boom(ask("task-boom", 500));
}

static void ambient_on_asyncio(void **state)
{
	serve_with(state, "asyncio", "ambient");
	ambient();
}

static void ambient_on_uvloop(void **state)
{
	serve_with(state, "uvloop", "ambient");
	ambient();
}

/* Where timers are set a probe tells nothing: it goes, and only it. */
static void useless_places(void **state)
{
	struct world *w = serve_uvloop(state);

	assert_int_equal(capture_trim_queue(w->capture, server.pid), 0);
	check_boom(ask("boom", 500));
	assert_null(ask("timer", 200));
	assert_int_equal(capture_trim_queue(w->capture, server.pid), 0);
	for (int i = 0; i < RS_PLACE_MISSES; i++)
		assert_null(ask("timer", 200));
	assert_int_equal(capture_trim_queue(w->capture, server.pid), 1);
	assert_int_equal(capture_trim_queue(w->capture, server.pid), 0);
	check_boom(ask("boom", 500));
	tell_errors();
	tell_none();
}

/* Types that do not write are told from those that do, in whatever order they come. */
static void useless_at_first(void **state)
{
	struct world *w = *state;

	serve_uvloop(state);
	for (int i = 0; i < RS_PLACE_MISSES; i++)
		assert_null(ask("timer", 200));
	capture_trim_queue(w->capture, server.pid);
	tell_errors();
	/* what was learnt is forgotten with the rest, and the probes placed anew */
	assert_int_equal(capture_interp(w->capture, server.pid, &server.interp), 0);
	assert_int_equal(capture_trim_queue(w->capture, server.pid), 0);
	probe_uvloop();
	tell_errors();
	assert_null(ask("timer", 200));
	assert_int_equal(capture_trim_queue(w->capture, server.pid), 0);
}

/* Answers that come in other pieces and other types. */
static void pieces_on_uvloop(void **state)
{
	serve_uvloop(state);
	check_boom(ask("array-boom", 500));
	check_boom(ask("view-boom", 500));
	assert_null(ask("array-missing", 404));
	assert_null(ask("view-fine", 200));
	check_boom(ask("boom", 500));
	assert_null(ask("missing", 404));
}

static bool begins(const struct event *e, const char *text)
{
	return e->n_pieces && !e->pieces[0].at && e->pieces[0].len >= strlen(text) &&
	       !memcmp(e->pieces[0].data, text, strlen(text));
}

static void ask_only(const char *request)
{
	assert_int_equal(send(server.client, request, strlen(request), 0), strlen(request));
}

/* What is queued can be looked at: else every answer would cost as much as a failure. */
static void check_understood(void)
{
	const struct bpf_map *map = server.w->capture->bpf->maps.interps;
	uint32_t pid = server.pid;
	struct interp i;

	assert_int_equal(bpf_map__lookup_elem(map, &pid, sizeof(pid), &i, sizeof(i), 0), 0);
	assert_int_not_equal(i.writers, 0);
	assert_in_range(i.buffer, 16, RS_NO_BUFFER - 1);
	assert_int_not_equal(i.list, 0);
	assert_int_not_equal(i.bytes, 0);
}

/*
 * Where libuv has not got rid of an answer yet, what is queued behind it may come out in any
 * pieces: what is told then is right, and other connections are told as before.
 */
static void leftovers_on_uvloop(void **state)
{
	static const char big[] = "HTTP/1.1 200 X\r\ncontent-length: 16777216\r\n\r\n",
			  one[] = "HTTP/1.1 ... X\r\ncontent-length: 0\r\n\r\n";
	const size_t all = sizeof(big) - 1 + (16 << 20) + 2 * (sizeof(one) - 1);
	static char buf[65536];
	const struct event *e;
	ssize_t n;

	serve_uvloop(state);
	ask_only("GET /big HTTP/1.1\r\n\r\n");
	e = next_out();
	assert_true(begins(e, "HTTP/1.1 200") && e->data->len < all);
	ask_only("GET /missing HTTP/1.1\r\n\r\n");
	ask_only("GET /boom HTTP/1.1\r\n\r\n");
	for (size_t left = all; left; left -= n) {
		n = recv(server.client, buf, sizeof(buf), 0);
		assert_in_range(n, 1, left);
	}
	for (size_t left = all - e->data->len; left; left -= e->data->len) {
		e = next_out();
		assert_in_range(e->data->len, 1, left);
		if (begins(e, "HTTP/1.1 500") && e->error)
			check_boom(e->error);
		else
			assert_null(e->error);
	}
	check_understood();
	close(server.client);
	server_connect();
	check_boom(ask("boom", 500));
	assert_null(ask("missing", 404));
}

/* Several answers queued before one write: the record has what belongs to the first. */
static void pipelined_on_uvloop(void **state)
{
	const struct event *e;

	serve_uvloop(state);
	e = ask_for("GET /boom HTTP/1.1\r\n\r\nGET /key HTTP/1.1\r\n\r\n", 500, 2);
	check_boom(e->error);
	assert_null(
		ask_for("GET /missing HTTP/1.1\r\n\r\nGET /key HTTP/1.1\r\n\r\n", 404, 2)->error);
	assert_null(ask("missing", 404));
	assert_null(ask_for("GET /fine HTTP/1.1\r\n\r\nGET /key HTTP/1.1\r\n\r\n", 200, 2)->error);
	assert_null(ask("missing", 404));
	check_boom(ask("boom", 500));
}

/* Many connections at once: to each its own. */
static void connections_on_uvloop(void **state)
{
	serve_uvloop(state);
	for (int i = 0; i < 20; i++) {
		check_boom(ask("boom", 500));
		close(server.client);
		server_connect();
		assert_null(ask("missing", 404));
	}
}

/* Without its interpreter a process is traced all the same. */
static void forgotten(void **state)
{
	struct world *w = serve_asyncio(state);
	uint32_t pid = server.pid;

	check_boom(ask("boom", 500));
	capture_forget_process(w->capture, pid);
	assert_int_equal(capture_add_process(w->capture, pid), 0);
	assert_null(ask("boom", 500));
	assert_int_equal(capture_interp(w->capture, pid, &server.interp), 0);
	check_boom(ask("boom", 500));
}

/* Offsets that lead nowhere. */
static void wrong_interpreter(void **state)
{
	struct world *w = serve_asyncio(state);
	struct rs_interp wrong = server.interp;

	wrong.interp = 0x1000;
	assert_int_equal(capture_interp(w->capture, server.pid, &wrong), 0);
	assert_null(ask("boom", 500));
	wrong = server.interp;
	wrong.exc_previous = wrong.exc_value = 1 << 30;
	assert_int_equal(capture_interp(w->capture, server.pid, &wrong), 0);
	assert_null(ask("boom", 500));
	wrong = server.interp;
	wrong.tb_next = wrong.be_traceback = 1 << 30;
	assert_int_equal(capture_interp(w->capture, server.pid, &wrong), 0);
	assert_int_equal(ask("boom", 500)->depth, 0);
}

/* --- behind the log */

static bool match_logged(const struct event *e, const void *arg)
{
	(void)arg;
	return e->h->type == RS_EV_LOGGED;
}

static void logged(void **state)
{
	struct world *w = serve_asyncio(state);
	const struct rs_error *behind;
	const struct event *e;
	uint64_t second = 0;
	size_t cursor = 0;
	unsigned n = 0, in_second = 0;

	assert_null(ask("logfine", 200));
	behind = ask("log", 500);
	check_boom(behind);
	while (cursor < w->seen.n) {
		e = w->seen.list[cursor++];
		if (!match_logged(e, NULL))
			continue;
		n++;
		in_second = e->h->ts / (1000 * MS) == second ? in_second + 1 : 1;
		second = e->h->ts / (1000 * MS);
		assert_true(in_second <= 100); /* of the 250 that were written */
		assert_int_equal(e->h->tgid, server.pid);
		assert_int_equal(e->h->tid, server.pid);
		assert_int_equal(e->h->conn, 0);
		check_boom(&e->logged->error);
		assert_ptr_equal(e->logged->error.exception, behind->exception);
	}
	assert_true(n >= 100);
}

/* --- garbage */

static bool match_pause(const struct event *e, const void *arg)
{
	return e->h->type == RS_EV_PAUSE && e->pause->what == *(const uint32_t *)arg;
}

static void collections(void **state)
{
	struct world *w = serve_asyncio(state);
	uint32_t what = RS_PAUSE_GC, pid = server.pid;
	const volatile struct rs_loop *l = capture_loops(w->capture);
	const struct event *e;
	uint64_t before, after;
	const char *why;
	size_t cursor = 0;

	if (capture_probe_gc(w->capture, pid, python_file(server.python), &why) == -ENOENT) {
		print_message("skipped: %s has no USDT probes\n", interpreter());
		skip();
	}
	assert_null(ask("fine", 200));
	while (l->tid != pid)
		l++;
	before = now_ns();
	assert_null(ask("gc", 200));
	after = now_ns();
	e = seen_wait(&w->seen, w->capture, &cursor, match_pause, &what);
	assert_non_null(e);
	assert_int_equal(e->h->tid, pid);
	assert_int_equal(e->pause->generation, 2);
	assert_in_range(e->pause->start, before, e->h->ts);
	assert_in_range(e->h->ts, e->pause->start + MS / 2, after);
	assert_true(l->gc >= e->h->ts - e->pause->start);
	assert_true(l->gc_runs >= 1);
	/* when the process is forgotten its probes go */
	capture_forget_process(w->capture, pid);
	assert_int_equal(capture_add_process(w->capture, pid), 0);
	cursor = w->seen.n;
	assert_null(ask("gc", 200));
	drain(w);
	for (; cursor < w->seen.n; cursor++)
		assert_false(match_pause(w->seen.list[cursor], &what));
}

/* --- probes that are not placed */

static void refused_probes(void **state)
{
	static const char text[] = "no file of a program";
	struct world *w = serve_asyncio(state);
	char path[] = "/tmp/reqscope-code-XXXXXX";
	int fd = mkstemp(path);
	const char *why;

	assert_int_equal(pwrite(fd, text, sizeof(text), 0), sizeof(text));
	assert_int_equal(capture_probe_queue(w->capture, server.pid, path, &why), -EINVAL);
	assert_true(*why);
	assert_int_equal(capture_probe_gc(w->capture, server.pid, path, &why), -EINVAL);
	assert_true(*why);
	close(fd);
	unlink(path);
	assert_int_equal(capture_probe_queue(w->capture, server.pid, path, &why), -ENOENT);
	assert_true(*why);
	assert_int_equal(capture_probe_queue(w->capture, server.pid, "/proc/self/exe", &why),
			 -ENOENT);
	assert_true(*why);
	assert_int_equal(capture_probe_gc(w->capture, server.pid, "/proc/self/exe", &why), -ENOENT);
	assert_true(*why);
}

#define PYTHON(f)                                         \
	{                                                 \
#f, f, world_setup, python_teardown, NULL \
	}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PYTHON(errors_on_asyncio),     PYTHON(errors_on_uvloop),
		PYTHON(silence_on_asyncio),    PYTHON(silence_on_uvloop),
		PYTHON(deep_tracebacks),       PYTHON(ambient_on_asyncio),
		PYTHON(ambient_on_uvloop),     PYTHON(pipelined_on_uvloop),
		PYTHON(connections_on_uvloop), PYTHON(pieces_on_uvloop),
		PYTHON(useless_places),	       PYTHON(useless_at_first),
		PYTHON(leftovers_on_uvloop),   PYTHON(forgotten),
		PYTHON(wrong_interpreter),     PYTHON(logged),
		PYTHON(collections),	       PYTHON(refused_probes),
	};

	target_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
