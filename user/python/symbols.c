// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "symbols.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A mapping of the beginning of a file. */
struct mapping {
	uint64_t start, end;
	char path[PATH_MAX];
};

/* --- the file */

/* map_files is the very file that is mapped, even when its name leads elsewhere by now; it asks for
   more privileges than the name, which is taken in the process's own root. */
static int open_file(uint32_t pid, const struct mapping *m, char name[PATH_MAX])
{
	struct stat st;
	int fd;

	snprintf(name, PATH_MAX, "/proc/%u/map_files/%lx-%lx", pid, m->start, m->end);
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		if (snprintf(name, PATH_MAX, "/proc/%u/root%s", pid, m->path) >= PATH_MAX)
			return -1;
		fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	}
	if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode))) {
		close(fd);
		return -1;
	}
	return fd;
}

static void take_symbols(Elf *elf, Elf_Scn *section, const GElf_Shdr *head, struct py_symbols *out)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t n = data && head->sh_entsize ? head->sh_size / head->sh_entsize : 0;
	GElf_Sym sym;

	for (size_t i = 0; i < n && gelf_getsym(data, (int)i, &sym); i++) {
		const char *name;

		if (sym.st_shndx == SHN_UNDEF || GELF_ST_TYPE(sym.st_info) != STT_OBJECT)
			continue;
		name = elf_strptr(elf, head->sh_link, sym.st_name);
		if (name && !strcmp(name, "_PyRuntime"))
			out->runtime = sym.st_value;
		else if (name && !strcmp(name, "PyContext_Type"))
			out->context_type = sym.st_value;
		else if (name && !strcmp(name, "_Py_NoneStruct"))
			out->none = sym.st_value;
	}
}

static int lowest_address(Elf *elf, uint64_t *addr)
{
	size_t n;

	if (elf_getphdrnum(elf, &n))
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr p;

		if (gelf_getphdr(elf, (int)i, &p) && p.p_type == PT_LOAD && p.p_offset < 4096) {
			*addr = p.p_vaddr - p.p_offset;
			return 0;
		}
	}
	return -EINVAL;
}

static int read_elf(Elf *elf, struct py_symbols *out, uint64_t *base)
{
	static const GElf_Word kinds[] = {SHT_DYNSYM, SHT_SYMTAB};

	if (!elf || elf_kind(elf) != ELF_K_ELF || gelf_getclass(elf) != ELFCLASS64 ||
	    lowest_address(elf, base))
		return -ENOENT;
	for (unsigned i = 0; i < 2 && !out->runtime; i++) {
		Elf_Scn *section = NULL;
		GElf_Shdr head;

		while ((section = elf_nextscn(elf, section)))
			if (gelf_getshdr(section, &head) && head.sh_type == kinds[i])
				take_symbols(elf, section, &head, out);
	}
	return out->runtime ? 0 : -ENOENT;
}

static int look_into(uint32_t pid, const struct mapping *m, struct py_symbols *out,
		     char file[PATH_MAX])
{
	struct py_symbols found = {};
	uint64_t base = 0;
	int fd = open_file(pid, m, file), err;
	Elf *elf;

	if (fd < 0)
		return -ENOENT;
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	err = read_elf(elf, &found, &base);
	elf_end(elf);
	close(fd);
	if (err)
		return err;
	out->runtime = found.runtime - base + m->start;
	out->context_type = found.context_type ? found.context_type - base + m->start : 0;
	out->none = found.none ? found.none - base + m->start : 0;
	return 0;
}

/* --- the mappings */

static bool is_libpython(const char *path)
{
	const char *name = strrchr(path, '/');

	return name && !strncmp(name, "/libpython3", 11);
}

static bool read_mapping(char *line, struct mapping *m)
{
	unsigned long start, end, offset;
	int at = 0;

	if (sscanf(line, "%lx-%lx %*s %lx %*s %*s %n", &start, &end, &offset, &at) < 3 || !at)
		return false;
	line[strcspn(line, "\n")] = '\0';
	if (offset || line[at] != '/')
		return false;
	m->start = start;
	m->end = end;
	snprintf(m->path, sizeof(m->path), "%s", line + at);
	return true;
}

/* A libpython goes first: an executable that has one has nothing of its own. */
static int walk_mappings(uint32_t pid, FILE *maps, const char *exe, struct py_symbols *out,
			 char file[PATH_MAX])
{
	struct mapping *m = calloc(2, sizeof(*m)); /* the one at hand, and the executable's */
	int err = m ? -ENOENT : -ENOMEM;
	size_t room = 0;
	char *line = NULL;

	while (m && err && getline(&line, &room, maps) > 0) {
		if (!read_mapping(line, m))
			continue;
		if (is_libpython(m->path))
			err = look_into(pid, m, out, file);
		else if (!m[1].end && !strcmp(m->path, exe))
			m[1] = *m;
	}
	if (m && err && m[1].end)
		err = look_into(pid, &m[1], out, file);
	free(line);
	free(m);
	return err;
}

int symbols_find(uint32_t pid, struct py_symbols *out, char file[PATH_MAX])
{
	char name[64], exe[PATH_MAX];
	ssize_t n;
	FILE *maps;
	int err;

	*out = (struct py_symbols){};
	snprintf(name, sizeof(name), "/proc/%u/exe", pid);
	n = readlink(name, exe, sizeof(exe) - 1);
	if (n < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	exe[n] = '\0';
	snprintf(name, sizeof(name), "/proc/%u/maps", pid);
	maps = fopen(name, "re");
	if (!maps)
		return errno == ENOENT ? -ESRCH : -errno;
	err = walk_mappings(pid, maps, exe, out, file);
	fclose(maps);
	return err;
}
