#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Installs what building, the demo and the tests need and this machine lacks (Debian 12, apt).
# Does nothing, quickly, when everything is there. --list prints the packages. `deps.sh kernels` is for
# `make check-kernels` alone: those for the kernel in qemu, too; `deps.sh bench` for `make bench`.
set -eu

build="gcc clang llvm make pkg-config libc6-dev libbpf-dev libelf-dev zlib1g-dev bpftool
libncurses-dev libinih-dev"
run="python3 python3-uvicorn uvicorn python3-fastapi python3-uvloop python3-httptools python3-h11
gunicorn python3-gunicorn"
check="libcmocka-dev libcjson-dev libclang-rt-14-dev python3-pytest python3-jsonschema python3-venv python3-websockets
wrk tmux man-db iproute2 chromium fonts-dejavu-core poppler-utils valgrind clang-tidy cppcheck"
kernels="qemu-system-x86 busybox-static cpio kmod xz-utils"
bench="strace bpftrace"
all=$(printf '%s ' $build $run $check)

[ "${1:-}" != kernels ] || all="$all$kernels"
[ "${1:-}" != bench ] || all="$all$bench"
if [ "${1:-}" = --list ]; then
	printf '%s\n' $all
	exit 0
fi

missing=
for package in $all; do
	dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q '^install ok' ||
		missing="$missing $package"
done
[ -n "$missing" ] || exit 0

command -v apt-get >/dev/null || {
	echo "deps: no apt-get here; install what corresponds to:$missing" >&2
	exit 1
}
sudo=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || {
		echo "deps: not root and no sudo; as root run: apt-get install$missing" >&2
		exit 1
	}
	sudo=sudo
	echo "deps: sudo is needed to install:$missing" >&2
fi
echo "deps: installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() {
	DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing
}
{ $sudo apt-get update -qq && install; } >"$log" 2>&1 || {
	cat "$log" >&2
	echo "deps: installation failed, see above" >&2
	exit 1
}
