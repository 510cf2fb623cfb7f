/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * version_text.h - which version of the application a text names: an environment, a git folder's
 * files, a pyproject.toml, the name of an installed distribution. The bytes belong to the target,
 * so they are hostile: what does not look like a version is none. Pure; capture/version.h reads the
 * files.
 */
#ifndef RS_VERSION_TEXT_H
#define RS_VERSION_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#define VERSION_MAX 64 /* bytes, the NUL included */
#define GIT_REF_MAX 256

/*
 * Takes a version: 1 to 63 of the bytes A-Z a-z 0-9 . _ + - / @ :. A whole git hash (40 or 64
 * hexadecimal digits) is cut to its first 12. False: it is none, and out is as it was.
 */
bool version_take(char out[VERSION_MAX], const char *s, size_t len);

/* The first of the variables that name a version, in a fixed order of preference; environ is
   NUL-separated, as /proc/PID/environ has it. No other variable is looked at. */
bool version_from_environ(char out[VERSION_MAX], const char *environ, size_t len);

/* A git HEAD or ref file: a hash goes into out. When it names another ref, *ref does (else it is
   ""). False when it is neither. */
bool version_from_git(char out[VERSION_MAX], char ref[GIT_REF_MAX], const char *text, size_t len);

/* The hash of a ref in packed-refs. */
bool version_from_packed_refs(char out[VERSION_MAX], const char *ref, const char *text, size_t len);

/* `version` of [project], else of [tool.poetry]. */
bool version_from_pyproject(char out[VERSION_MAX], const char *text, size_t len);

/* Of "Shop_Api-1.4.2.dist-info" when the package is shop-api or shop_api: names compare as package
   indexes do, without regard to case and to which of - _ . stands between words. */
bool version_from_dist_info(char out[VERSION_MAX], const char *entry, const char *package);

/* The top package of the application in a command line: "shop" of "shop.web:app". args is
   NUL-separated. False: none is named. */
bool version_app_package(char out[VERSION_MAX], const char *args, size_t len);

#endif
