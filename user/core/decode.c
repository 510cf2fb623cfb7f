// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "decode.h"

#include <errno.h>
#include <string.h>

static const size_t sizes[RS_EV_TYPES] = {
	[RS_EV_OPEN] = sizeof(struct rs_ev_open),     [RS_EV_IN] = sizeof(struct rs_ev_data),
	[RS_EV_OUT] = sizeof(struct rs_ev_data),      [RS_EV_EOF] = sizeof(struct rs_ev_close),
	[RS_EV_CLOSE] = sizeof(struct rs_ev_close),   [RS_EV_PROC] = sizeof(struct rs_ev_proc),
	[RS_EV_LISTEN] = sizeof(struct rs_ev_listen), [RS_EV_STALL] = sizeof(struct rs_ev_stall),
	[RS_EV_PAUSE] = sizeof(struct rs_ev_pause),   [RS_EV_LOGGED] = sizeof(struct rs_ev_logged),
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

/* More frames than the traceback is deep are only there when its depth was not counted: 0, then
 * none. */
static int decode_error(struct event *e, const uint8_t **p, const uint8_t *end)
{
	const struct rs_error *error = (const struct rs_error *)*p;

	if ((size_t)(end - *p) < sizeof(*error) || error->n_frames > RS_MAX_FRAMES ||
	    error->n_frames > error->depth || error->base > 1 ||
	    !memchr(error->name, '\0', sizeof(error->name)))
		return -EINVAL;
	e->error = error;
	*p += sizeof(*error);
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
	if (e->h->type == RS_EV_OUT && e->h->flags & RS_F_ERROR && decode_error(e, &p, end))
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
	e->error = NULL;
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
	case RS_EV_STALL:
		return e->stall->start > e->h->ts ? -EINVAL : 0;
	case RS_EV_PAUSE:
		return e->pause->start > e->h->ts ? -EINVAL : 0;
	case RS_EV_LOGGED:
		p = (const uint8_t *)&e->logged->error;
		return decode_error(e, &p, end);
	}
	return 0;
}
