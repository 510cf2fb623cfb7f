// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "model.h"

#include <errno.h>
#include <stdlib.h>

#define SECOND 1000000000ULL

/* --- lists */

static uint64_t row_key(const struct model *m, enum panel panel, uint32_t i)
{
	switch (panel) {
	case PANEL_ROUTES:
		return m->routes[i]->route->id;
	case PANEL_OPEN:
		return m->view->open[i].id;
	case PANEL_WORKERS:
	case PANELS:
		break;
	}
	return m->workers[i].pid;
}

static void list_choose(struct model *m, enum panel panel, int64_t at)
{
	struct list *l = &m->lists[panel];

	if (!l->n)
		return;
	l->at = at < 0 ? 0 : at >= l->n ? l->n - 1 : (uint32_t)at;
	l->held = true;
	l->key = row_key(m, panel, l->at);
	if (panel == PANEL_ROUTES)
		m->route = m->routes[l->at]->route;
}

/* Of a row that has gone its place stays chosen; but a route whose detail is shown stays itself. */
static void list_follow(struct model *m, enum panel panel)
{
	struct list *l = &m->lists[panel];
	bool stays = panel == PANEL_ROUTES && m->detail;

	if (panel == PANEL_ROUTES && l->held) {
		m->route = route_final(m->route);
		l->key = m->route->id;
	}
	for (uint32_t i = 0; l->held && i < l->n; i++)
		if (row_key(m, panel, i) == l->key) {
			l->at = i;
			return;
		}
	if (!l->held)
		l->at = 0;
	if (l->at >= l->n)
		l->at = l->n ? l->n - 1 : 0;
	if (l->held && l->n && !stays)
		list_choose(m, panel, l->at);
}

void model_scroll(struct model *m)
{
	struct list *l = &m->lists[m->panel];
	uint32_t page = m->page ? m->page : 1;

	if (l->at < l->top)
		l->top = l->at;
	if (l->at >= l->top + page)
		l->top = l->at - page + 1;
	if (l->top + page > l->n)
		l->top = l->n > page ? l->n - page : 0;
}

/* --- filling */

int model_fill(struct model *m, const struct view *v)
{
	const struct route_stats **routes;
	uint32_t n;

	if (rows_sort(v ? v->stats : m->view->stats, m->sort, &routes, &n))
		return -ENOMEM;
	if (v)
		m->view = v;
	free(m->routes);
	m->routes = routes;
	m->lists[PANEL_ROUTES].n = n;
	m->lists[PANEL_OPEN].n = m->view->s.n_open;
	m->lists[PANEL_WORKERS].n = summary_workers(&m->view->s, m->workers, SUMMARY_MAX_WORKERS);
	for (int i = 0; i < PANELS; i++)
		list_follow(m, (enum panel)i);
	return 0;
}

void model_free(struct model *m)
{
	free(m->routes);
	m->routes = NULL;
}

const struct route_stats *model_route(const struct model *m)
{
	const struct list *l = &m->lists[PANEL_ROUTES];

	return l->n && m->routes[l->at]->route == m->route ? m->routes[l->at] : NULL;
}

/* --- keys */

static enum model_act move(struct model *m, int key)
{
	enum panel panel = m->detail ? PANEL_ROUTES : m->panel;
	struct list *l = &m->lists[panel];
	int64_t at = l->at, page = m->page > 1 ? m->page - 1 : 1;

	switch (key) {
	case M_UP:
	case 'k':
		at--;
		break;
	case M_DOWN:
	case 'j':
		at++;
		break;
	case M_PAGE_UP:
		at -= page;
		break;
	case M_PAGE_DOWN:
		at += page;
		break;
	case M_END:
	case 'G':
		at = l->n;
		break;
	default:
		return ACT_NOTHING;
	}
	list_choose(m, panel, at);
	return ACT_DRAW;
}

static enum model_act go_home(struct model *m)
{
	struct list *l = &m->lists[m->detail ? PANEL_ROUTES : m->panel];

	l->at = l->top = 0;
	if (m->detail)
		list_choose(m, PANEL_ROUTES, 0);
	else
		l->held = false;
	return ACT_DRAW;
}

static enum model_act sort_by(struct model *m, int key)
{
	m->sort = (enum sort_key)((key + SORTS) % SORTS);
	/* Without memory the old order stays, and so does the heading that tells of the new one,
	   for a second. */
	if (m->view)
		model_fill(m, NULL);
	return ACT_DRAW;
}

static enum model_act sort_key(struct model *m, int key)
{
	switch (key) {
	case 't':
	case 'T':
		return sort_by(m, SORT_TIME);
	case 'R':
		return sort_by(m, SORT_RATE);
	case 'p':
	case 'P':
		return sort_by(m, SORT_P99);
	case 'e':
	case 'E':
		return sort_by(m, SORT_ERRORS);
	case 's':
	case '>':
		return sort_by(m, (int)m->sort + 1);
	case '<':
		return sort_by(m, (int)m->sort - 1);
	default:
		return ACT_NOTHING;
	}
}

static enum model_act show_panel(struct model *m, int panel)
{
	m->panel = (enum panel)((panel + PANELS) % PANELS);
	m->detail = false;
	return ACT_DRAW;
}

static enum model_act panel_key(struct model *m, int key)
{
	switch (key) {
	case '\t':
		return show_panel(m, (int)m->panel + 1);
	case M_BACKTAB:
		return show_panel(m, (int)m->panel - 1);
	case 'r':
		return show_panel(m, PANEL_ROUTES);
	case 'o':
		return show_panel(m, PANEL_OPEN);
	case 'w':
		return show_panel(m, PANEL_WORKERS);
	default:
		return ACT_NOTHING;
	}
}

static enum model_act set_window(struct model *m, uint64_t ns)
{
	m->window = ns;
	return ACT_WINDOW;
}

static enum model_act back(struct model *m, bool quit)
{
	if (!m->detail)
		return quit ? ACT_QUIT : ACT_NOTHING;
	m->detail = false;
	return ACT_DRAW;
}

/* Of an open request it is the detail of its route, if that has any to show. */
static enum model_act enter(struct model *m)
{
	const struct route *route = NULL;

	if (m->panel == PANEL_WORKERS || m->detail || !m->lists[m->panel].n)
		return ACT_NOTHING;
	if (m->panel == PANEL_ROUTES) {
		list_choose(m, PANEL_ROUTES, m->lists[PANEL_ROUTES].at);
		m->detail = true;
		return ACT_DRAW;
	}
	if (m->view->requests[m->lists[PANEL_OPEN].at].route)
		route = route_final(m->view->requests[m->lists[PANEL_OPEN].at].route);
	for (uint32_t i = 0; route && i < m->lists[PANEL_ROUTES].n; i++) {
		if (m->routes[i]->route != route)
			continue;
		list_choose(m, PANEL_ROUTES, i);
		m->detail = true;
	}
	return m->detail ? ACT_DRAW : ACT_NOTHING;
}

static enum model_act other_key(struct model *m, int key)
{
	switch (key) {
	case 'q':
	case 'Q':
		return back(m, true);
	case M_BACK:
		return back(m, false);
	case M_ENTER:
		return enter(m);
	case M_HOME:
	case 'g':
		return go_home(m);
	case '1':
		return set_window(m, 10 * SECOND);
	case '2':
		return set_window(m, 60 * SECOND);
	case '3':
		return set_window(m, 0);
	case ' ':
		m->paused = !m->paused;
		return ACT_PAUSE;
	case 'h':
	case '?':
		m->help = true;
		return ACT_DRAW;
	case 'L' - '@': /* Ctrl-L */
		return ACT_REDRAW;
	default:
		return ACT_NOTHING;
	}
}

enum model_act model_key(struct model *m, int key)
{
	enum model_act act;

	if (m->help) { /* any key leaves it */
		m->help = false;
		return ACT_DRAW;
	}
	act = other_key(m, key);
	if (act == ACT_NOTHING)
		act = panel_key(m, key);
	if (act == ACT_NOTHING)
		act = sort_key(m, key);
	return act == ACT_NOTHING ? move(m, key) : act;
}
