// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "uvloop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool uvloop_loaded(uint32_t pid)
{
	char name[64], *line = NULL;
	size_t room = 0;
	bool found = false;
	const char *file;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%u/maps", pid);
	f = fopen(name, "re");
	while (f && !found && getline(&line, &room, f) > 0) {
		file = strstr(line, "/uvloop/loop");
		found = file && strstr(file, ".so");
	}
	free(line);
	if (f)
		fclose(f);
	return found;
}
