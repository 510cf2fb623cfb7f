// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * listen.c - which sockets a process listens on, from its descriptors and its network namespace's
 * tables (proc(5): /proc/PID/net/tcp, tcp6, unix).
 */
#include "proc.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct inodes {
	uint64_t *list;
	size_t n, cap;
};

static int add_inode(struct inodes *in, uint64_t inode)
{
	if (in->n == in->cap) {
		size_t cap = in->cap ? 2 * in->cap : 64;
		void *grown = realloc(in->list, cap * sizeof(*in->list));

		if (!grown)
			return -ENOMEM;
		in->list = grown;
		in->cap = cap;
	}
	in->list[in->n++] = inode;
	return 0;
}

static int socket_inodes(uint32_t pid, struct inodes *in)
{
	char path[320], link[64];
	struct dirent *d;
	unsigned long long inode;
	int err = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%u/fd", pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? -ESRCH : -errno;
	while (!err && (d = readdir(dir))) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%u/fd/%s", pid, d->d_name);
		n = readlink(path, link, sizeof(link) - 1);
		if (n < 0 && errno == EACCES) /* the folder may be read, what is in it not */
			err = -EACCES;
		if (n <= 0)
			continue;
		link[n] = 0;
		if (sscanf(link, "socket:[%llu]", &inode) == 1)
			err = add_inode(in, inode);
	}
	closedir(dir);
	return err;
}

static bool has_inode(const struct inodes *in, uint64_t inode)
{
	for (size_t i = 0; i < in->n; i++)
		if (in->list[i] == inode)
			return true;
	return false;
}

static struct proc_listener *add_listener(struct proc_listeners *out, uint32_t pid, uint64_t inode)
{
	struct proc_listener *grown = realloc(out->list, (out->n + 1) * sizeof(*grown));

	if (!grown)
		return NULL;
	out->list = grown;
	grown = &out->list[out->n++];
	*grown = (struct proc_listener){.pid = pid, .inode = inode};
	return grown;
}

/* Addresses are printed as 32-bit words in host order. */
static void format_address(struct proc_listener *l, int family, const char *hex)
{
	uint32_t words[4] = {};
	char text[INET6_ADDRSTRLEN] = "?";
	int n = family == AF_INET ? 1 : 4;

	for (int i = 0; i < n; i++) {
		char word[9] = "";

		memcpy(word, hex + 8 * i, 8);
		words[i] = strtoul(word, NULL, 16);
	}
	inet_ntop(family, words, text, sizeof(text));
	snprintf(l->address, sizeof(l->address), family == AF_INET ? "%s:%u" : "[%s]:%u", text,
		 l->port);
}

#define TCP_LISTEN 0x0A
static int scan_tcp(uint32_t pid, int family, const struct inodes *in, struct proc_listeners *out)
{
	char path[64], line[512], local[40];
	unsigned port, state;
	unsigned long long inode;
	struct proc_listener *l;
	int err = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/net/%s", pid, family == AF_INET ? "tcp" : "tcp6");
	f = fopen(path, "re");
	if (!f)
		return 0;
	while (!err && fgets(line, sizeof(line), f)) {
		if (sscanf(line, " %*d: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s %*s %*d %*d %llu", local,
			   &port, &state, &inode) != 4 ||
		    state != TCP_LISTEN || !has_inode(in, inode))
			continue;
		l = add_listener(out, pid, inode);
		if (!l) {
			err = -ENOMEM;
			break;
		}
		l->port = port;
		format_address(l, family, local);
	}
	fclose(f);
	return err;
}

#define SO_ACCEPTCON 0x10000 /* flags of a listening socket */
static int scan_unix(uint32_t pid, const struct inodes *in, struct proc_listeners *out)
{
	char path[64], line[512], name[109];
	unsigned long long inode;
	struct proc_listener *l;
	unsigned flags, type;
	int err = 0, fields;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/net/unix", pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	while (!err && fgets(line, sizeof(line), f)) {
		name[0] = 0;
		fields = sscanf(line, "%*[^:]: %*x %*x %x %x %*x %llu %108[^\n]", &flags, &type, &inode,
				name);
		if (fields < 3 || !(flags & SO_ACCEPTCON) || type != 1 || !has_inode(in, inode))
			continue;
		l = add_listener(out, pid, inode);
		if (l)
			snprintf(l->address, sizeof(l->address), "unix:%s", name);
		else
			err = -ENOMEM;
	}
	fclose(f);
	return err;
}

int proc_listening(uint32_t pid, struct proc_listeners *out)
{
	struct inodes in = {};
	int err;

	*out = (struct proc_listeners){};
	err = socket_inodes(pid, &in);
	if (!err && in.n)
		err = scan_tcp(pid, AF_INET, &in, out);
	if (!err && in.n)
		err = scan_tcp(pid, AF_INET6, &in, out);
	if (!err && in.n)
		err = scan_unix(pid, &in, out);
	free(in.list);
	if (err) {
		free(out->list);
		*out = (struct proc_listeners){};
	}
	return err;
}
