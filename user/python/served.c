// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* served.c - the request that a task serves: uvicorn runs the application in RequestResponseCycle.
 */
#include <arpa/inet.h>
#include <string.h>

#include "frames.h"
#include "insight.h"
#include "kinds.h"

#define HOST_SIZE 64
#define OUTER_MAX 8 /* frames in which a task's scope is looked for */

static bool is_cycle(struct py *py, uint64_t code)
{
	return py_code_is(py, code, "/uvicorn/protocols/http/h11_impl.py", "run_asgi") ||
	       py_code_is(py, code, "/uvicorn/protocols/http/httptools_impl.py", "run_asgi");
}

/* A tuple of host and port. */
static bool to_addr(struct py *py, uint64_t client, struct rs_addr *out)
{
	uint64_t items;
	int64_t n = py_tuple(py, client, &items), port;
	char host[HOST_SIZE];

	if (n < 2 || py_str(py, pymem_u64(py->mem, items), host, sizeof(host)) <= 0)
		return false;
	port = py_int(py, pymem_u64(py->mem, items + 8));
	if (port <= 0 || port > 65535)
		return false;
	*out = (struct rs_addr){.port = htons((uint16_t)port)};
	host[strcspn(host, "%")] = '\0'; /* a link-local address with its interface */
	if (inet_pton(AF_INET, host, out->ip) == 1)
		out->family = RS_AF_INET;
	else if (inet_pton(AF_INET6, host, out->ip) == 1)
		out->family = RS_AF_INET6;
	return out->family != 0;
}

/* Without the query, as it came. Not where uvicorn has a root path: it may have put that before it.
 */
static void read_path(struct py *py, uint64_t protocol, uint64_t scope, char *buf, size_t size)
{
	uint64_t raw = py_dict_get(py, scope, "raw_path"), n;
	char root[4];

	if (py_str(py, py_attr(py, protocol, "root_path"), root, sizeof(root)) != 0 ||
	    !py_is(py, raw, PY_BYTES))
		return;
	n = pymem_u64(py->mem, raw + py->o.var_size);
	if (n > PY_TEXT_MAX)
		return;
	if (n >= size)
		n = size - 1;
	if (pymem_get(py->mem, raw + py->o.bytes_data, buf, n) || memchr(buf, '\0', n))
		n = 0;
	buf[n] = '\0';
}

/* HttpToolsProtocol or H11Protocol; 0: not found. */
static uint64_t protocol_of(struct py *py, uint64_t cycle)
{
	uint64_t done = py_attr(py, cycle, "on_response");

	return py_kind(py, done) == KIND_METHOD ? pymem_u64(py->mem, done + py->o.meth_self) : 0;
}

static uint64_t scope_of(struct py *py, uint64_t cycle)
{
	uint64_t scope = py_attr(py, cycle, "scope");

	return py_is(py, scope, PY_DICT) ? scope : 0;
}

/* A local, or what it is shared through with functions inside. */
static uint64_t local_of(struct py *py, const struct py_frame *f, unsigned n)
{
	uint64_t object = pymem_u64(py->mem, f->frame + py->o.fr_locals + n * 8);

	return py_kind(py, object) == KIND_CELL ? pymem_u64(py->mem, object + py->o.cell_ref)
						: object;
}

/* Of an ASGI application the scope is the first argument, behind self where it has one. */
static uint64_t inner_scope(struct py *py, const struct py_awaits *task)
{
	for (unsigned i = 0; i < task->n && i < OUTER_MAX; i++) {
		for (unsigned k = 0; k < 2; k++) {
			uint64_t object = local_of(py, &task->frames[i], k);

			if (py_is(py, object, PY_DICT) && py_dict_get(py, object, "raw_path"))
				return object;
		}
	}
	return 0;
}

void py_serves(struct py *py, const struct py_awaits *task, struct py_served *out)
{
	*out = (struct py_served){};
	if (is_cycle(py, task->frames[0].code))
		out->cycle = pymem_u64(py->mem, task->frames[0].frame + py->o.fr_locals);
	out->scope = out->cycle ? scope_of(py, out->cycle) : inner_scope(py, task);
	for (unsigned i = 0; i < task->n && out->scope && !out->relays; i++)
		out->relays = py_code_is(py, task->frames[i].code, "/starlette/middleware/base.py",
					 "call_next");
}

void py_wait_request(struct py *py, uint64_t cycle, struct python_wait *w)
{
	uint64_t scope = scope_of(py, cycle), protocol = protocol_of(py, cycle);

	if (!protocol || !scope)
		return;
	/* the scope's own "client" may be what a proxy said */
	if (!to_addr(py, py_attr(py, protocol, "client"), &w->peer))
		w->peer = (struct rs_addr){};
	read_path(py, protocol, scope, w->path, sizeof(w->path));
}
