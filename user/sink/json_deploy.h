/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* json_deploy.h - a part of the summary's object. For user/sink/ only. */
#ifndef RS_JSON_DEPLOY_H
#define RS_JSON_DEPLOY_H

#include "../core/summary.h"
#include "../lib/jsonw.h"

/* "deploys": [...] */
void json_deploys(struct jsonw *w, const struct summary *s);

#endif
