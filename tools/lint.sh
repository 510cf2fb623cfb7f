#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Static analysis: clang-tidy (.clang-tidy), cppcheck and gcc -fanalyzer over the sources given, or all of
# user/. $GEN: where the skeleton header lies. Exit status 1 when anything is found or a tool is missing.
set -eu

gen=${GEN:-build/gen}
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- $(ls user/*.c user/*/*.c)
flags="-std=gnu17 -D_GNU_SOURCE -DRS_VERSION=\"0\" -I$gen"
rc=0

have() {
	command -v "$1" >/dev/null && return
	echo "lint: $1 is not installed; tools/deps.sh installs it" >&2
	rc=1
	return 1
}

if have clang-tidy; then
	echo "lint: clang-tidy"
	printf '%s\n' "$@" | xargs -P "$(nproc)" -I{} sh -c '
		out=$(clang-tidy --quiet "$1" -- $2 2>/dev/null) || { printf "%s\n" "$out"; exit 1; }
	' sh {} "$flags" || rc=1
fi
if have cppcheck; then
	echo "lint: cppcheck"
	# The first checks a macro of libbpf, which it does not see; what it says of styles is not asked.
	cppcheck --quiet -j "$(nproc)" --std=c11 --enable=warning,performance,portability --inline-suppr \
		--suppressions-list=.cppcheck --error-exitcode=1 -D_GNU_SOURCE -DRS_VERSION='"0"' -D__x86_64__ \
		-D'LIBBPF_OPTS(type,name,...)=struct type name = {.sz = sizeof(struct type), __VA_ARGS__}' \
		"$@" || rc=1
fi
if have gcc; then
	echo "lint: gcc -fanalyzer"
	printf '%s\n' "$@" | xargs -P "$(nproc)" -I{} sh -c '
		gcc -O1 -fanalyzer $(cat .gcc-analyzer) $2 -c -o /dev/null "$1"
	' sh {} "$flags -Werror" || rc=1
fi
exit $rc
