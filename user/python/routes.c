// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "routes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kinds.h"
#include "root.h"
#include "routes_priv.h"
#include "runtime.h"

#define TRIES 6

void py_routes_free(struct py_routes *r)
{
	for (uint32_t i = 0; i < r->n; i++) {
		free((char *)r->entries[i].template);
		free((char *)r->entries[i].place);
		free((char *)r->entries[i].host);
	}
	free(r->entries);
	*r = (struct py_routes){};
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

bool py_routes_equal(const struct py_routes *a, const struct py_routes *b)
{
	if (a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++) {
		const struct route_entry *x = &a->entries[i], *y = &b->entries[i];

		if (strcmp(x->method, y->method) || strcmp(x->template, y->template) ||
		    !same(x->place, y->place) || !same(x->host, y->host) || x->scope != y->scope ||
		    x->upgrade != y->upgrade || x->host_case != y->host_case ||
		    x->uncertain != y->uncertain)
			return false;
	}
	return true;
}

/* Says why there is no table; -ENOENT. */
static int no_table(struct py *py, uint64_t served, char *why, size_t size)
{
	if (!py_imported(py, "starlette.routing"))
		snprintf(why, size, "the application is not Starlette or FastAPI");
	else if (served)
		snprintf(why, size, "what uvicorn calls does not lead to a Starlette application");
	else
		snprintf(why, size, "the application that is served was not found");
	return -ENOENT;
}

static int read_once(struct py *py, const char *cwd, struct py_routes *out, char *why, size_t size)
{
	uint64_t served, app;

	py_forget(py);
	served = py_served_app(py);
	if (served)
		app = py_unwrap(py, served);
	else
		app = py_imported(py, "starlette.routing") ? py_module_app(py) : 0;
	if (!app)
		return no_table(py, served, why, size);
	out->guessed = !served;
	out->fastapi = py_kind(py, app) == KIND_FASTAPI;
	return py_tree_read(py, app, cwd, out);
}

/* The first readings may meet a list that is just being changed, or frames on their way. */
int py_routes_read(struct py *py, const char *cwd, struct py_routes *out, char *why, size_t size)
{
	struct py_routes before = {};
	int err_before = -EAGAIN, err = -EAGAIN;

	*out = (struct py_routes){};
	snprintf(why, size, "its routes were changing all the time");
	for (unsigned i = 0; i < TRIES; i++) {
		py_routes_free(&before);
		before = *out;
		err_before = err;
		*out = (struct py_routes){};
		err = read_once(py, cwd, out, why, size);
		if (err == -ENOMEM)
			break;
		if (i && err == err_before && err != -EAGAIN && py_routes_equal(&before, out))
			break;
		if (i == TRIES - 1)
			err = -EAGAIN;
	}
	py_routes_free(&before);
	py_forget(py);
	if (!err)
		*why = '\0';
	if (err == -EAGAIN)
		snprintf(why, size, "its routes were changing all the time");
	if (err == -ENOMEM)
		snprintf(why, size, "out of memory");
	return err;
}
