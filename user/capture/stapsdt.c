// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "stapsdt.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/user.h>
#include <unistd.h>

#include "../../bpf/interp.h"

#define NT_STAPSDT 3

struct search {
	Elf *elf;
	const char *provider, *name;
	uint64_t base; /* where .stapsdt.base is now; the notes tell where it was */
	struct stapsdt *out;
};

/* --- an argument: "-4@112(%rsp)", "8@%r12d", "4@$2" */

#ifdef __x86_64__
static const struct {
	const char *names[2];
	uint16_t offset; /* in struct pt_regs, which begins as user_regs_struct does */
} registers[] = {
#define REGISTER(field, ...)                                            \
	{                                                               \
		{__VA_ARGS__}, offsetof(struct user_regs_struct, field) \
	}
	REGISTER(rax, "rax", "eax"),  REGISTER(rbx, "rbx", "ebx"),  REGISTER(rcx, "rcx", "ecx"),
	REGISTER(rdx, "rdx", "edx"),  REGISTER(rsi, "rsi", "esi"),  REGISTER(rdi, "rdi", "edi"),
	REGISTER(rbp, "rbp", "ebp"),  REGISTER(rsp, "rsp", "esp"),  REGISTER(r8, "r8", "r8d"),
	REGISTER(r9, "r9", "r9d"),    REGISTER(r10, "r10", "r10d"), REGISTER(r11, "r11", "r11d"),
	REGISTER(r12, "r12", "r12d"), REGISTER(r13, "r13", "r13d"), REGISTER(r14, "r14", "r14d"),
	REGISTER(r15, "r15", "r15d"),
#undef REGISTER
};

static int register_offset(const char *name)
{
	for (size_t i = 0; i < sizeof(registers) / sizeof(*registers); i++)
		if (!strcmp(name, registers[i].names[0]) || !strcmp(name, registers[i].names[1]))
			return registers[i].offset;
	return -1;
}
#else
static int register_offset(const char *name)
{
	(void)name;
	return -1;
}
#endif

static uint64_t where_of(const char *text)
{
	long number = 0;
	char name[8];
	int reg, end = 0;

	if (sscanf(text, "%*d@$%ld%n", &number, &end) == 1 && end)
		return WHERE(WHERE_NUMBER, 0, number);
	if (sscanf(text, "%*d@%%%7[a-z0-9]%n", name, &end) == 1 &&
	    (!text[end] || text[end] == ' ')) {
		reg = register_offset(name);
		return reg < 0 ? 0 : WHERE(WHERE_REGISTER, reg, 0);
	}
	if (sscanf(text, "%*d@%ld(%%%7[a-z0-9]) %n", &number, name, &end) == 2 && end) {
		reg = register_offset(name);
		return reg < 0 ? 0 : WHERE(WHERE_MEMORY, reg, number);
	}
	return 0;
}

/* --- the notes */

/* Of an address in the file's own view; 0: it is not of the file. */
static uint64_t file_offset(Elf *elf, uint64_t addr)
{
	size_t n;

	if (!addr || elf_getphdrnum(elf, &n))
		return 0;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr p;

		if (gelf_getphdr(elf, (int)i, &p) && p.p_type == PT_LOAD && addr >= p.p_vaddr &&
		    addr - p.p_vaddr < p.p_filesz)
			return addr - p.p_vaddr + p.p_offset;
	}
	return 0;
}

/* The string at *at, which is moved behind it; NULL: it does not end. */
static const char *take_string(const char **at, const char *end)
{
	const char *s = *at, *nul = memchr(s, '\0', (size_t)(end - s));

	if (!nul)
		return NULL;
	*at = nul + 1;
	return s;
}

/* pc, base and semaphore, then provider, name and arguments. */
static void take_note(struct search *s, const char *at, size_t size)
{
	const char *end = at + size, *provider, *name, *arguments;
	struct stapsdt *out = s->out;
	uint64_t where[3], moved, offset;

	if (size < sizeof(where))
		return;
	memcpy(where, at, sizeof(where));
	at += sizeof(where);
	provider = take_string(&at, end);
	name = provider ? take_string(&at, end) : NULL;
	arguments = name ? take_string(&at, end) : NULL;
	if (!arguments || strcmp(provider, s->provider) || strcmp(name, s->name))
		return;
	moved = s->base ? s->base - where[1] : 0;
	offset = file_offset(s->elf, where[0] + moved);
	if (!offset || out->n == STAPSDT_MAX)
		return;
	out->places[out->n].offset = offset;
	out->places[out->n].semaphore = where[2] ? file_offset(s->elf, where[2] + moved) : 0;
	out->places[out->n++].argument = where_of(arguments);
}

static void take_notes(struct search *s, Elf_Data *data)
{
	size_t at = 0, name, desc;
	GElf_Nhdr head;

	while (data && (at = gelf_getnote(data, at, &head, &name, &desc)) > 0)
		if (head.n_type == NT_STAPSDT && head.n_namesz == sizeof("stapsdt") &&
		    !memcmp((char *)data->d_buf + name, "stapsdt", sizeof("stapsdt")))
			take_note(s, (char *)data->d_buf + desc, head.n_descsz);
}

static void find_base(struct search *s, size_t names)
{
	Elf_Scn *section = NULL;
	GElf_Shdr head;

	while ((section = elf_nextscn(s->elf, section))) {
		const char *name = gelf_getshdr(section, &head)
					   ? elf_strptr(s->elf, names, head.sh_name)
					   : NULL;

		if (name && !strcmp(name, ".stapsdt.base"))
			s->base = head.sh_addr;
	}
}

static int search_elf(struct search *s)
{
	Elf_Scn *section = NULL;
	GElf_Shdr head;
	size_t names;

	if (!s->elf || elf_kind(s->elf) != ELF_K_ELF || gelf_getclass(s->elf) != ELFCLASS64 ||
	    elf_getshdrstrndx(s->elf, &names))
		return -EINVAL;
	find_base(s, names);
	while ((section = elf_nextscn(s->elf, section)))
		if (gelf_getshdr(section, &head) && head.sh_type == SHT_NOTE)
			take_notes(s, elf_getdata(section, NULL));
	return s->out->n ? 0 : -ENOENT;
}

int stapsdt_find(const char *file, const char *provider, const char *name, struct stapsdt *out)
{
	struct search s = {.provider = provider, .name = name, .out = out};
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err;

	*out = (struct stapsdt){};
	if (fd < 0)
		return -errno;
	elf_version(EV_CURRENT);
	s.elf = elf_begin(fd, ELF_C_READ, NULL);
	err = search_elf(&s);
	elf_end(s.elf);
	close(fd);
	return err;
}
