/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* cmd.h - the verbs; each returns an exit code. */
#ifndef RS_CMD_H
#define RS_CMD_H

struct options;

int cmd_top(const struct options *o);
int cmd_summary(const struct options *o);
int cmd_trace(const struct options *o);
int cmd_doctor(const struct options *o);
int cmd_record(const struct options *o);
int cmd_report(const struct options *o);
int cmd_diff(const struct options *o);
int cmd_merge(const struct options *o);
int cmd_check(const struct options *o);
int check_refused(const char *what); /* a usage error of check */

#endif
