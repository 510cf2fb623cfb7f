// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "layout.h"

#include <stddef.h>

/* In the order in which they are given a line: up to how much of it, as long as there is room. */
static const struct {
	size_t field;
	unsigned upto;
	unsigned whole; /* this many at once or none */
} gifts[] = {
	{offsetof(struct layout, reasons), 1, 1},
	{offsetof(struct layout, numbers), 4, 1},
	{offsetof(struct layout, keys), 1, 1},
	{offsetof(struct layout, target), 1, 1},
	{offsetof(struct layout, rows), 2, 2},
	{offsetof(struct layout, tabs), 1, 1},
	{offsetof(struct layout, rows), 6, 1},
	{offsetof(struct layout, shape), 1, 1},
	{offsetof(struct layout, gaps), 2, 1},
	{offsetof(struct layout, reasons), 2, 1},
	{offsetof(struct layout, deploys), 2, 1},
	{offsetof(struct layout, rows), 9, 1},
	{offsetof(struct layout, extras), 5, 1},
	{offsetof(struct layout, rows), 13, 1},
	{offsetof(struct layout, reasons), 4, 1},
	{offsetof(struct layout, deploys), 4, 1},
	{offsetof(struct layout, overall), 1, 1},
	{offsetof(struct layout, tracer), 1, 1},
	{offsetof(struct layout, rows), 16, 1},
	{offsetof(struct layout, shape), LAYOUT_SHAPE, 4},
	{offsetof(struct layout, reasons), 16, 1},
	{offsetof(struct layout, deploys), 16, 1},
	{offsetof(struct layout, rows), 100000, 1},
};

static unsigned bound(const struct layout *l, size_t field, unsigned upto,
		      const struct layout_wish *w)
{
	if (field == offsetof(struct layout, reasons))
		return upto < w->reasons ? upto : w->reasons > 1 ? w->reasons : 1;
	if (field == offsetof(struct layout, extras))
		return w->extras;
	if (field == offsetof(struct layout, deploys))
		return upto < w->deploys ? upto : w->deploys;
	if ((field == offsetof(struct layout, overall) && !w->overall) ||
	    (field == offsetof(struct layout, shape) && !w->measured) ||
	    (field == offsetof(struct layout, tabs) && !l->rows))
		return 0;
	if (field == offsetof(struct layout, rows) && !l->rows && upto > 2)
		return 0; /* a heading alone is of no use */
	return upto;
}

void layout_make(struct layout *l, unsigned lines, const struct layout_wish *wish)
{
	*l = (struct layout){0};
	for (unsigned i = 0; i < sizeof(gifts) / sizeof(*gifts); i++) {
		unsigned *field = (unsigned *)((char *)l + gifts[i].field);
		unsigned upto = bound(l, gifts[i].field, gifts[i].upto, wish);

		while (*field < upto && lines >= gifts[i].whole) {
			*field += gifts[i].whole;
			lines -= gifts[i].whole;
		}
	}
}
