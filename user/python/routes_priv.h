/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* routes_priv.h - what routes.c, routes_tree.c and converters.c share; nobody else includes it. */
#ifndef RS_PYTHON_ROUTES_PRIV_H
#define RS_PYTHON_ROUTES_PRIV_H

#include "routes.h"

/* Reads what hangs below an application or router. 0, or a negative errno. */
int py_tree_read(struct py *py, uint64_t app, const char *cwd, struct py_routes *out);

/* Whether all parameters of a path are ones that the router (core/route.h) knows. regex: of the
   compiled route; NULL: not known, then names alone decide. */
bool py_converters_known(const char *path, const char *regex);

#endif
