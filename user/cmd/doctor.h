/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* doctor.h - what the files of `doctor` share; nobody else includes it. */
#ifndef RS_DOCTOR_H
#define RS_DOCTOR_H

#include "../capture/capture.h"

enum doctor_grade { GOOD, NOTE, BAD };

/* One line. */
void doctor_say(enum doctor_grade grade, const char *what, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* What the interpreters of a server and its descendants tell. capture: NULL where the programs
   cannot be loaded; probes are tried with it, and end with it. */
void doctor_insight(uint32_t pid, struct capture *capture);

#endif
