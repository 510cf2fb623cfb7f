/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * units.h - numbers to and from the words people use. Pure; every function writes into the caller's
 * buffer, always NUL-terminated, and returns it.
 */
#ifndef RS_UNITS_H
#define RS_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNITS_MAX 32

/* "870 ns", "12.3 us", "1.23 ms", "12.3 ms", "123 ms", "1.23 s", "2m03s", "3h07m": three
   significant digits up to a minute, whole ns. NaN, infinite or negative: "-". */
char *units_duration(char *buf, size_t size, double ns);
/* "0", "950", "12.3k", "4.56M": three significant digits from 1000 on */
char *units_count(char *buf, size_t size, uint64_t n);
/* "0/s", "0.4/s", "950/s", "12.3k/s", "<0.001/s". NaN, infinite or negative: "-" */
char *units_rate(char *buf, size_t size, double per_second);
/* "0 %", "0.3 %", "12 %", "100 %"; something that is not 0 never prints as 0, nor below 100 as 100:
   near the ends it takes up to three decimals, then "<0.001 %", ">99.999 %". NaN, infinite or
   negative: "-" */
char *units_percent(char *buf, size_t size, double share);
/* "512 B", "12.3 KiB", "1023 KiB" */
char *units_bytes(char *buf, size_t size, uint64_t n);

/* Parsers: 0 or -EINVAL / -ERANGE (then *out is as it was); the whole string must be used. Numbers
   are decimal, without sign (but for parse_double); spaces are allowed between number and unit
   only. */
int units_parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *out);
int units_parse_double(const char *s, double min, double max, double *out);
/* "300ms", "1.5 s", "20us", "5m", "1h", "7ns", "250" in `bare` ns each (0: a unit is required) ->
   ns, to the nearest */
int units_parse_duration(const char *s, uint64_t bare, uint64_t *ns);
/* "1%", "0.01" -> 0.01; beyond 0..1: -ERANGE */
int units_parse_share(const char *s, double *share);
/* "64", "64k", "200M", "1G", "1.5 GiB", "512B" (1024-based, any case) -> bytes, bare numbers
   multiplied by `bare` (0: a unit is required) */
int units_parse_size(const char *s, uint64_t bare, uint64_t *bytes);

#endif
