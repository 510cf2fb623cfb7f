// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "object.h"

#include <errno.h>
#include <stdlib.h>

#include "reqscope_plain.skel.h"

_Static_assert(sizeof(struct reqscope_bpf) == sizeof(struct reqscope_plain_bpf) &&
		       sizeof(*((struct reqscope_bpf *)0)->rodata) ==
			       sizeof(*((struct reqscope_plain_bpf *)0)->rodata) &&
		       sizeof(*((struct reqscope_bpf *)0)->bss) ==
			       sizeof(*((struct reqscope_plain_bpf *)0)->bss),
	       "one skeleton fits both objects");

/* The skeleton of the one, the program text of the other. */
static int open_plain(struct reqscope_bpf *object)
{
	int err = reqscope_bpf__create_skeleton(object);

	if (err)
		return err;
	object->skeleton->data =
		(void *)reqscope_plain_bpf__elf_bytes(&object->skeleton->data_sz);
	return bpf_object__open_skeleton(object->skeleton, NULL);
}

struct reqscope_bpf *object_open(bool casts)
{
	struct reqscope_bpf *object;
	int err;

	if (casts)
		return reqscope_bpf__open();
	object = calloc(1, sizeof(*object));
	if (!object)
		return NULL;
	err = open_plain(object);
	if (!err)
		return object;
	reqscope_bpf__destroy(object);
	errno = -err;
	return NULL;
}
