// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "uvloop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Through map_files it is the file that runs, also when another lies in its place by now; without the
   privilege for that, by its name. */
static int openable(uint32_t pid, const char *line, const char *name, char *file, size_t size)
{
	unsigned long from, to;
	int n = -1;

	if (sscanf(line, "%lx-%lx", &from, &to) == 2)
		n = snprintf(file, size, "/proc/%u/map_files/%lx-%lx", pid, from, to);
	if (n < 0 || (size_t)n >= size || access(file, R_OK))
		n = snprintf(file, size, "/proc/%u/root%s", pid, name);
	return n >= 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

int uvloop_file(uint32_t pid, char *file, size_t size)
{
	char name[64], *line = NULL, *path;
	size_t room = 0;
	int err = -ENOENT;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%u/maps", pid);
	f = fopen(name, "re");
	while (f && err == -ENOENT && getline(&line, &room, f) > 0) {
		path = strchr(line, '/');
		if (!path || !strstr(path, "/uvloop/loop") || !strstr(path, ".so"))
			continue;
		path[strcspn(path, "\n")] = '\0';
		err = openable(pid, line, path, file, size);
	}
	free(line);
	if (f)
		fclose(f);
	return err;
}
