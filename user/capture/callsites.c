// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "callsites.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define STUBS_MAX 4

struct search {
	Elf *elf;
	size_t names; /* section with the names of sections */
	const char *function;
	uint64_t slots[STUBS_MAX]; /* of the global offset table, that hold its address */
	uint64_t stubs[STUBS_MAX]; /* of the linkage table, that jump through them */
	unsigned n_slots, n_stubs;
	struct callsites *out;
};

static int32_t displacement(const uint8_t *p)
{
	int32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static const char *section_name(const struct search *s, const GElf_Shdr *head)
{
	const char *name = elf_strptr(s->elf, s->names, head->sh_name);

	return name ? name : "";
}

/* Calls visit for each section of a type whose name begins like this. */
static void each_section(struct search *s, uint32_t type, const char *name,
			 void (*visit)(struct search *s, Elf_Scn *section, const GElf_Shdr *head,
				       const Elf_Data *data))
{
	Elf_Scn *section = NULL;
	GElf_Shdr head;

	while ((section = elf_nextscn(s->elf, section))) {
		Elf_Data *data;

		if (!gelf_getshdr(section, &head) || head.sh_type != type ||
		    strncmp(section_name(s, &head), name, strlen(name)))
			continue;
		data = elf_getdata(section, NULL);
		if (data && data->d_buf)
			visit(s, section, &head, data);
	}
}

/* --- relocations: where its address is kept */

static bool is_wanted(struct search *s, const GElf_Shdr *head, uint64_t symbol)
{
	Elf_Scn *section = elf_getscn(s->elf, head->sh_link);
	GElf_Shdr table;
	GElf_Sym sym;
	const char *name;

	if (!section || !gelf_getshdr(section, &table) ||
	    !gelf_getsym(elf_getdata(section, NULL), (int)symbol, &sym))
		return false;
	name = elf_strptr(s->elf, table.sh_link, sym.st_name);
	return name && !strcmp(name, s->function);
}

static void take_relocations(struct search *s, Elf_Scn *section, const GElf_Shdr *head,
			     const Elf_Data *data)
{
	GElf_Rela rela;

	(void)section;
	for (int i = 0; gelf_getrela((Elf_Data *)data, i, &rela); i++) {
		uint32_t type = GELF_R_TYPE(rela.r_info);

		if ((type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT) &&
		    s->n_slots < STUBS_MAX && is_wanted(s, head, GELF_R_SYM(rela.r_info)))
			s->slots[s->n_slots++] = rela.r_offset;
	}
}

/* --- the linkage table: [endbr64] [bnd] jmp *slot(%rip), 16 bytes an entry, 8 in .plt.got */

static bool holds(const uint64_t *list, unsigned n, uint64_t v)
{
	while (n)
		if (list[--n] == v)
			return true;
	return false;
}

static void take_stubs(struct search *s, Elf_Scn *section, const GElf_Shdr *head,
		       const Elf_Data *data)
{
	const uint8_t *code = data->d_buf;
	uint64_t entry = head->sh_entsize ? head->sh_entsize : 8;

	(void)section;
	for (size_t i = 0; i + 6 <= data->d_size; i++) {
		uint64_t at = head->sh_addr + i;

		if (code[i] == 0xff && code[i + 1] == 0x25 && s->n_stubs < STUBS_MAX &&
		    holds(s->slots, s->n_slots, at + 6 + (int64_t)displacement(code + i + 2)))
			s->stubs[s->n_stubs++] = at & ~(entry - 1);
	}
}

/* --- the calls */

static void take_calls(struct search *s, Elf_Scn *section, const GElf_Shdr *head,
		       const Elf_Data *data)
{
	static const uint8_t compare[] = {0x83, 0xf8, 0xff}; /* cmp $-1,%eax */
	const uint8_t *code = data->d_buf;

	(void)section;
	for (size_t i = 0; i + 8 <= data->d_size; i++) {
		uint64_t next = head->sh_addr + i + 5;

		if (code[i] != 0xe8 || memcmp(code + i + 5, compare, sizeof(compare)) ||
		    !holds(s->stubs, s->n_stubs, next + (int64_t)displacement(code + i + 1)))
			continue;
		if (s->out->n < CALLSITES_MAX)
			s->out->offsets[s->out->n] = head->sh_offset + i;
		s->out->n++;
	}
}

static int search_elf(struct search *s)
{
	GElf_Ehdr head;

	if (!s->elf || elf_kind(s->elf) != ELF_K_ELF || !gelf_getehdr(s->elf, &head) ||
	    head.e_machine != EM_X86_64 || elf_getshdrstrndx(s->elf, &s->names))
		return -EINVAL;
	each_section(s, SHT_RELA, ".rela", take_relocations);
	each_section(s, SHT_PROGBITS, ".plt", take_stubs);
	each_section(s, SHT_PROGBITS, ".text", take_calls);
	if (s->out->n > CALLSITES_MAX)
		return -E2BIG;
	return s->out->n ? 0 : -ENOENT;
}

int callsites_find(const char *file, const char *function, struct callsites *out)
{
	struct search s = {.function = function, .out = out};
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err;

	*out = (struct callsites){};
	if (fd < 0)
		return -errno;
	elf_version(EV_CURRENT);
	s.elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	err = search_elf(&s);
	elf_end(s.elf);
	close(fd);
	if (err)
		out->n = 0;
	return err;
}
