/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * html_page.h - HTML pages of hand-made summaries, and what must hold for every one of them: each
 * tag is closed, there is no control byte, nothing is loaded, its size is bounded.
 *
 * With RS_HTML_DIR set each page is also written to that folder, to be looked at in a browser.
 */
#ifndef RS_TEST_HTML_PAGE_H
#define RS_TEST_HTML_PAGE_H

#include "../../user/sink/html.h"
#include "sample.h"
#include "traffic.h"

struct page {
	struct sample *x;
	struct timeline *t;
	struct random random;
	char *text; /* as last rendered */
	size_t len;
};

int page_setup(void **state);
int page_teardown(void **state);

/* Decides the verdict, renders and checks the page; its text is valid until the next call. */
const char *page_render(struct page *p, const char *name);
void page_has(const struct page *p, const char *what);
void page_lacks(const struct page *p, const char *what);
void page_is_alone(const struct page *p); /* nothing to load from anywhere, no script */

/* The window from SAMPLE_FROM on and a timeline over it. */
void page_window(struct page *p, uint64_t seconds, uint32_t columns);
/* Moves a request in time, so that it arrives at `to`. */
void page_move(struct request *r, uint64_t to);
/* The same, and counts its end in summary and timeline. */
void page_end(struct page *p, struct request *r, uint64_t at, enum request_end how,
	      unsigned status);

/*
 * Some of `n` requests of a service with six routes, over all of the window. In its third quarter
 * the loop is busy and requests fail.
 */
void page_traffic(struct page *p, uint64_t seconds, unsigned n);

#endif
