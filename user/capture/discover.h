/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * discover.h - which servers run on this host: processes of Python web servers that listen.
 */
#ifndef RS_DISCOVER_H
#define RS_DISCOVER_H

#include "proc.h"

#define DISCOVER_MAX 64

struct server {
	uint32_t pid;		/* the topmost process of its tree that is one */
	const char *kind;	/* "uvicorn", "gunicorn", ...; NULL: not a server that is known by name */
	char name[96];		/* the command as a person would write it: "uvicorn app:app" */
	char python[16];	/* version of its interpreter, "" unknown */
	uint16_t ports[8];
	uint32_t n_ports;
	bool denied;		/* its sockets could not be seen, or not all */
	char addresses[256];	/* "127.0.0.1:8000,unix:/run/app.sock" */
};

struct servers {
	struct server list[DISCOVER_MAX];
	uint32_t n;
	bool denied; /* the sockets of some process could not be seen */
};

/* Known Python web servers that listen, by topmost process. 0 or a negative errno: -EACCES when none was
   found and the sockets of some process could not be seen. */
int discover_servers(struct servers *out);

/* The processes that listen on a TCP port, topmost of each tree. Errors as above. */
int discover_port(uint16_t port, struct servers *out);

/* What can be said of one process and its descendants. 0 or -ESRCH. */
int discover_describe(uint32_t pid, struct server *out);

/* Whether the command line is one of a Python web server: its kind, or NULL. */
const char *discover_kind(const char *comm, const char *args, size_t args_len);

#endif
