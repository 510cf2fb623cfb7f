#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Static analysis of the sources given, or of all in user/: clang-tidy (.clang-tidy) and cppcheck (.cppcheck).
# $GEN: where the skeleton header lies. Ends with 1 when something is found, 2 when a tool is missing.
set -eu

cd "$(dirname "$0")/.."
gen=${GEN:-build/gen}
[ $# -gt 0 ] || set -- user/*.c user/*/*.c
for tool in clang-tidy cppcheck; do
	command -v "$tool" >/dev/null || {
		echo "lint: $tool is not installed; make deps installs it" >&2
		exit 2
	}
done
rc=0
printf '%s\n' "$@" | GEN=$gen xargs -P "$(nproc)" -I{} sh -c '
	said=$(clang-tidy --quiet "$1" -- -std=gnu17 -D_GNU_SOURCE -DRS_VERSION=\"0\" -isystem "$GEN" 2>/dev/null) ||
		{ printf "%s\n" "$said"; exit 1; }
' sh {} || rc=1
# LIBBPF_OPTS is a macro of a header that cppcheck is not shown.
cppcheck --quiet -j "$(nproc)" --std=c11 --enable=warning,performance,portability --inline-suppr \
	--suppressions-list=.cppcheck --error-exitcode=1 -D_GNU_SOURCE -DRS_VERSION='"0"' -D__x86_64__ \
	-D'LIBBPF_OPTS(type,name,...)=struct type name = {.sz = sizeof(struct type), __VA_ARGS__}' \
	"$@" || rc=1
exit $rc
