// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "home.h"

#include <stdio.h>
#include <string.h>

#include "runtime.h"

static const char *const package_folders[] = {"/site-packages/", "/dist-packages/"};

void py_home_open(struct py *py, struct py_home *h)
{
	uint64_t modules = pymem_u64(py->mem, py->interp + py->o.in_modules);
	uint64_t os = py_dict_get(py, modules, "os");
	char *slash;

	if (py_str(py, py_attr(py, os, "__file__"), h->stdlib, sizeof(h->stdlib)) <= 0)
		return;
	slash = strrchr(h->stdlib, '/');
	if (slash)
		*slash = '\0';
	if (!slash || strcmp(slash + 1, "os.py"))
		h->stdlib[0] = '\0';
}

/* Behind ".../lib/python3.12/"; NULL: there is no such folder in it. */
static const char *behind_usual(const char *file)
{
	const char *p = file;

	while ((p = strstr(p, "/lib/python3."))) {
		p += 13;
		p += strspn(p, "0123456789");
		if (*p == '/')
			return p + 1;
	}
	return NULL;
}

/* The file's name from the standard library's folder on; NULL: it is not below it. */
static const char *behind_stdlib(const struct py_home *h, const char *file)
{
	size_t n = strlen(h->stdlib);

	if (!n)
		return behind_usual(file);
	return !strncmp(file, h->stdlib, n) && file[n] == '/' ? file + n + 1 : NULL;
}

/* From the innermost folder of packages on; NULL: it is in none. */
static const char *behind_packages(const char *file)
{
	const char *found = NULL;

	for (unsigned i = 0; i < sizeof(package_folders) / sizeof(*package_folders); i++) {
		const char *p = file;

		while ((p = strstr(p, package_folders[i]))) {
			p += strlen(package_folders[i]);
			if (!found || p > found)
				found = p;
		}
	}
	return found;
}

/* What pip made to start a server with: ".../bin/uvicorn". */
static bool is_command(const char *file)
{
	const char *slash = strrchr(file, '/');

	return slash && slash - file >= 4 && !strncmp(slash - 4, "/bin", 4) && !strchr(slash, '.');
}

static bool ends_with(const char *file, const char *end)
{
	size_t n = strlen(file), k = strlen(end);

	return n >= k && !strcmp(file + n - k, end);
}

bool py_file_own(const struct py_home *h, const char *file)
{
	if (!*file || *file == '<')
		return false;
	if (ends_with(file, ".pyx") || ends_with(file, ".pxd") || ends_with(file, ".pxi"))
		return false; /* compiled: its name does not say where it was installed */
	return !behind_packages(file) && !behind_stdlib(h, file) && !is_command(file);
}

const char *py_file_short(const struct py_home *h, const char *file)
{
	size_t n = strlen(h->cwd);

	return n > 1 && !strncmp(file, h->cwd, n) && file[n] == '/' && file[n + 1] ? file + n + 1
										   : file;
}

/* "asyncio/locks.py" -> "asyncio.locks"; a package's __init__ is the package. */
static void to_module(const char *path, size_t n, char *buf, size_t size)
{
	if (n > 3 && !strncmp(path + n - 3, ".py", 3))
		n -= 3;
	if (n > 9 && !strncmp(path + n - 9, "/__init__", 9))
		n -= 9;
	if (n >= size)
		return;
	for (size_t i = 0; i < n; i++)
		buf[i] = path[i] == '/' ? '.' : path[i];
	buf[n] = '\0';
}

void py_file_module(const struct py_home *h, const char *file, char *buf, size_t size)
{
	const char *p;

	*buf = '\0';
	if (!strncmp(file, "<frozen ", 8)) {
		to_module(file + 8, strcspn(file + 8, ">"), buf, size);
		return;
	}
	p = behind_packages(file);
	if (p) {
		to_module(p, strcspn(p, "/"), buf, size);
		return;
	}
	p = behind_stdlib(h, file);
	if (p)
		to_module(p, strlen(p), buf, size);
}
