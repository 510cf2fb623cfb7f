// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "decode.h"

#include <errno.h>

static const size_t sizes[RS_EV_TYPES] = {
	[RS_EV_OPEN] = sizeof(struct rs_ev_open),     [RS_EV_IN] = sizeof(struct rs_ev_data),
	[RS_EV_OUT] = sizeof(struct rs_ev_data),      [RS_EV_EOF] = sizeof(struct rs_ev_close),
	[RS_EV_CLOSE] = sizeof(struct rs_ev_close),   [RS_EV_PROC] = sizeof(struct rs_ev_proc),
	[RS_EV_LISTEN] = sizeof(struct rs_ev_listen),
};

static int decode_arrivals(struct event *e, uint32_t n, const uint8_t **p, const uint8_t *end)
{
	size_t bytes = n * sizeof(struct rs_arrival);

	if (n > RS_MAX_ARRIVALS || (size_t)(end - *p) < bytes)
		return -EINVAL;
	e->arrivals = (const struct rs_arrival *)*p;
	e->n_arrivals = n;
	*p += bytes;
	return 0;
}

/* One piece: its head, its bytes, padding to 8. Pieces ascend and lie within the segment. */
static int decode_piece(struct piece *out, uint32_t from, uint32_t segment, const uint8_t **p,
			const uint8_t *end)
{
	const struct rs_piece *piece = (const struct rs_piece *)*p;
	size_t padded;

	if ((size_t)(end - *p) < sizeof(*piece))
		return -EINVAL;
	padded = ((size_t)piece->len + 7) & ~(size_t)7;
	if (piece->at < from || piece->at > segment || piece->len > segment - piece->at ||
	    (size_t)(end - *p) - sizeof(*piece) < padded)
		return -EINVAL;
	*out = (struct piece){piece->at, piece->len, *p + sizeof(*piece)};
	*p += sizeof(*piece) + padded;
	return 0;
}

static int decode_data(struct event *e, const uint8_t *p, const uint8_t *end)
{
	uint32_t from = 0;

	if (decode_arrivals(e, e->data->n_arrivals, &p, end) || e->data->n_pieces > RS_MAX_PIECES)
		return -EINVAL;
	for (uint32_t i = 0; i < e->data->n_pieces; i++) {
		if (decode_piece(&e->pieces[i], from, e->data->len, &p, end))
			return -EINVAL;
		from = e->pieces[i].at + e->pieces[i].len;
	}
	e->n_pieces = e->data->n_pieces;
	return 0;
}

int event_decode(const void *record, size_t size, struct event *e)
{
	const uint8_t *p = record, *end = p + size;

	if (size < sizeof(struct rs_event))
		return -EINVAL;
	e->h = record;
	e->arrivals = NULL;
	e->n_arrivals = e->n_pieces = 0;
	if (e->h->type == 0 || e->h->type >= RS_EV_TYPES || size < sizes[e->h->type])
		return -EINVAL;
	e->open = record;
	p += sizes[e->h->type];
	switch (e->h->type) {
	case RS_EV_IN:
	case RS_EV_OUT:
		return decode_data(e, p, end);
	case RS_EV_EOF:
	case RS_EV_CLOSE:
		return decode_arrivals(e, e->close->n_arrivals, &p, end);
	}
	return 0;
}
