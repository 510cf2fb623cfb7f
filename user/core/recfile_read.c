// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * recfile_read.c - the heads of a file and of its blocks, and what they hold unpacked.
 */
#include "recfile_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "../lib/escape.h"

static int __attribute__((format(printf, 2, 3)))
damaged(struct recfile_damage *d, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(d->text, sizeof(d->text), format, args);
	va_end(args);
	d->damaged = true;
	return -EINVAL;
}

static uint64_t get_le(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

/* Whether the last four bytes are the checksum of those before. */
static bool crc_fits(const uint8_t *p, size_t n)
{
	return crc32(0, p, (uInt)(n - 4)) == get_le(p + n - 4, 4);
}

/* --- heads */

static int no_recording(const uint8_t *p, size_t len, struct recfile_damage *d)
{
	char text[64];

	if (!len)
		return damaged(d, "it is empty");
	escape_text(text, sizeof(text), p, len < MAGIC_LEN ? len : MAGIC_LEN, 40);
	return damaged(d, "it is no recording: it begins with \"%s\"", text);
}

int recfile_head_read(const void *bytes, size_t len, struct recfile_head *head,
		      struct recfile_damage *d)
{
	const uint8_t *p = bytes;

	*d = (struct recfile_damage){};
	if (!len || memcmp(p, MAGIC, len < MAGIC_LEN ? len : MAGIC_LEN))
		return no_recording(p, len, d);
	if (len < RECFILE_HEAD_SIZE)
		return damaged(d, "it ends within its head of %d bytes, after %zu",
			       RECFILE_HEAD_SIZE, len);
	head->version = (uint32_t)get_le(p + 8, 4);
	if (head->version < RECFILE_OLDEST || head->version > RECFILE_VERSION || get_le(p + 12, 4))
		return damaged(d,
			       "its format is version %u%s, this reqscope reads versions %d to %d",
			       head->version, get_le(p + 12, 4) ? " with additions" : "",
			       RECFILE_OLDEST, RECFILE_VERSION);
	if (!crc_fits(p, RECFILE_HEAD_SIZE))
		return damaged(d, "its head is damaged: the checksum does not fit");
	head->created = get_le(p + 16, 8);
	memcpy(head->boot, p + 24, sizeof(head->boot));
	head->run = get_le(p + 40, 8);
	return 0;
}

static bool sane(const struct recfile_block *b)
{
	uint64_t wall = (uint64_t)b->wall_offset + TIME_MAX;

	return b->packed <= RECFILE_BLOCK_MAX && b->raw >= 4 && b->raw <= BLOCK_RAW_MAX &&
	       b->first <= b->last && b->last <= TIME_MAX && b->begun <= COUNT_MAX &&
	       b->ended <= COUNT_MAX && wall <= 2 * TIME_MAX;
}

int recfile_block_read(const void *bytes, struct recfile_block *b, struct recfile_damage *d)
{
	const uint8_t *p = bytes;

	*d = (struct recfile_damage){};
	if (get_le(p, 4) != BLOCK_MAGIC)
		return damaged(d, "what should be a block does not begin as one");
	if (!crc_fits(p, RECFILE_BLOCK_SIZE))
		return damaged(d, "the head of a block is damaged: the checksum does not fit");
	*b = (struct recfile_block){
		.raw = (uint32_t)get_le(p + 4, 4),
		.packed = (uint32_t)get_le(p + 8, 4),
		.has_state = get_le(p + 12, 4) & BLOCK_STATE,
		.first = get_le(p + 16, 8),
		.last = get_le(p + 24, 8),
		.begun = get_le(p + 32, 8),
		.ended = get_le(p + 40, 8),
		.wall_offset = (int64_t)get_le(p + 48, 8),
		.number = (uint32_t)get_le(p + 56, 4),
		.requests = (uint32_t)get_le(p + 60, 4),
		.crc = (uint32_t)get_le(p + 64, 4),
	};
	return sane(b) ? 0 : damaged(d, "the head of a block says what cannot be");
}

/* --- blocks */

struct recfile_reader *recfile_reader_new(struct router *router, struct sites *sites)
{
	struct recfile_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->router = router;
	r->sites = sites;
	r->state = kept_summary_new();
	if (!r->state) {
		free(r);
		return NULL;
	}
	return r;
}

void recfile_reader_free(struct recfile_reader *r)
{
	if (!r)
		return;
	kept_summary_free(r->state);
	free(r->routes);
	free(r);
}

static int unpack(struct recfile_reader *r, const struct recfile_block *b, const void *packed)
{
	uLongf raw = b->raw;
	int err = uncompress(r->raw, &raw, packed, b->packed);
	uint64_t text;

	if (err == Z_MEM_ERROR)
		return -ENOMEM;
	if (err != Z_OK || raw != b->raw)
		return -EINVAL;
	text = get_le(r->raw, 4);
	if (text > raw - 4)
		return -EINVAL;
	r->text = (struct cursor){r->raw + 4, r->raw + 4 + text, false};
	r->nums = (struct cursor){r->raw + 4 + text, r->raw + raw, false};
	return 0;
}

int recfile_reader_block(struct recfile_reader *r, const struct recfile_block *b,
			 const void *packed, uint64_t shift, const struct recfile_sink *sink,
			 struct recfile_damage *d)
{
	int err;

	*d = (struct recfile_damage){};
	if (crc32(0, packed, b->packed) != b->crc)
		return damaged(d, "a block is damaged: the checksum does not fit");
	r->sink = sink;
	r->head = b;
	r->shift = shift;
	err = unpack(r, b, packed);
	if (!err)
		err = read_facts(r);
	return err == -EINVAL ? damaged(d, "a block holds what no reqscope writes") : err;
}

/* --- a whole file */

static void note_block(struct recfile_info *info, const struct recfile_block *b)
{
	if (!info->blocks || b->first < info->first)
		info->first = b->first;
	if (b->last > info->last)
		info->last = b->last;
	info->blocks++;
	info->requests += b->requests;
	info->wall_offset = b->wall_offset;
}

static int read_block(struct recfile_reader *r, const uint8_t *p, size_t left,
		      struct recfile_block *b, const struct recfile_sink *sink,
		      struct recfile_damage *d)
{
	int err;

	*d = (struct recfile_damage){};
	if (left < RECFILE_BLOCK_SIZE)
		return damaged(d, "it ends within the head of a block, %zu of %d bytes are there",
			       left, RECFILE_BLOCK_SIZE);
	err = recfile_block_read(p, b, d);
	if (err)
		return err;
	if (left - RECFILE_BLOCK_SIZE < b->packed)
		return damaged(d, "it ends within a block, %zu of %u bytes are there",
			       left - RECFILE_BLOCK_SIZE, b->packed);
	return recfile_reader_block(r, b, p + RECFILE_BLOCK_SIZE, 0, sink, d);
}

int recfile_read(const void *bytes, size_t len, struct router *router, struct sites *sites,
		 const struct recfile_sink *sink, struct recfile_info *info,
		 struct recfile_damage *d)
{
	struct recfile_reader *r = NULL;
	struct recfile_head head = {};
	struct recfile_block b = {};
	size_t at = RECFILE_HEAD_SIZE;
	int err = recfile_head_read(bytes, len, &head, d);

	*info = (struct recfile_info){};
	if (err)
		return err;
	info->version = head.version;
	r = recfile_reader_new(router, sites);
	if (!r)
		return -ENOMEM;
	while (at < len && !err) {
		err = read_block(r, (const uint8_t *)bytes + at, len - at, &b, sink, d);
		if (err)
			break;
		note_block(info, &b);
		at += RECFILE_BLOCK_SIZE + b.packed;
	}
	d->offset = at;
	recfile_reader_free(r);
	return err == -ENOMEM ? err : 0;
}
