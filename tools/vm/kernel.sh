#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Makes $O/kernel: Debian 12's stock 6.1 kernel for tools/vm/run.sh, taken from its package, which is
# unpacked and not installed. Does nothing, quickly, when it is there; `--upgrade` fetches anew.
#
#   vmlinux   unpacked here: as an ELF with a PVH entry it starts without firmware and without
#             decompressing itself, which costs 5 s where every instruction is emulated
#   initrd    busybox, the modules that the host's root needs, and tools/vm/init.sh
#   release   its name, 6.1.0-..-amd64
set -euo pipefail

cd "$(dirname "$0")/../.."
dir=${O:-build}/kernel
# What is not built into it: the host's folders (9p over virtio), a writable layer over them, and what
# programs ask the kernel for by a socket (the modules of ss).
wanted="virtio_pci 9pnet_virtio 9p overlay inet_diag tcp_diag unix_diag"

die() {
	echo "vm: $*" >&2
	exit 1
}

# The package that linux-image-amd64 stands for, if it is a 6.1.
find_package() {
	LC_ALL=C apt-cache depends linux-image-amd64 2>/dev/null |
		sed -n 's/^ *Depends: \(linux-image-6\.1\.[0-9]*-[0-9]*-amd64\)$/\1/p' | head -n 1
}

update_lists() {
	if [ "$(id -u)" = 0 ]; then
		apt-get update -qq >&2
	else
		command -v sudo >/dev/null && sudo apt-get update -qq >&2
	fi
}

fetch() {
	local package
	command -v apt-get >/dev/null || die "no apt-get here: Debian 12's kernel package cannot be had"
	package=$(find_package)
	[ -n "$package" ] || { update_lists && package=$(find_package); } || true
	[ -n "$package" ] || die "apt offers no linux-image-amd64 of Linux 6.1: Debian 12's (bookworm's)" \
		"main has to be among its sources, for amd64"
	echo "vm: fetching $package" >&2
	# (root may have no right to become the user that apt would download as)
	(cd "$dir" && apt-get -qq -o APT::Sandbox::User="$(id -un)" download "$package") ||
		die "$package could not be downloaded, see above"
	dpkg-deb --fsys-tarfile "$dir/$package"_*.deb | tar -x -C "$dir" --wildcards './boot/vmlinuz-*' \
		'./lib/modules/*/modules.*' './lib/modules/*/kernel/drivers/virtio/*' \
		'./lib/modules/*/kernel/net/9p/*' './lib/modules/*/kernel/net/ipv4/*_diag.ko' \
		'./lib/modules/*/kernel/net/unix/*' './lib/modules/*/kernel/fs/9p/*' \
		'./lib/modules/*/kernel/fs/fscache/*' './lib/modules/*/kernel/fs/netfs/*' \
		'./lib/modules/*/kernel/fs/overlayfs/*'
	rm -f "$dir/$package"_*.deb
}

# The compressed kernel begins at the first xz header that can be unpacked to an ELF.
unpack() {
	local image=$1 at
	for at in $(LC_ALL=C grep -aboP '\xfd7zXZ\x00' "$image" | cut -d: -f1); do
		tail -c +$((at + 1)) "$image" | xz -dc --single-stream >"$dir/vmlinux" 2>/dev/null || true
		[ "$(head -c 4 "$dir/vmlinux" | tr -d '\177')" != ELF ] || return 0
	done
	die "$image holds no xz-compressed kernel: not a kernel as Debian 12 packs them"
}

pack() {
	local tree=$dir/initrd.d release=$1 module n=100
	rm -rf "$tree"
	mkdir -p "$tree"/{bin,modules,proc,sys,dev,lower,upper,new}
	cp "$(command -v busybox)" "$tree/bin/busybox"
	install -m 0755 tools/vm/init.sh "$tree/init"
	depmod -b "$dir" "$release"
	# in the order in which they have to be loaded
	for module in $wanted; do
		modprobe -d "$dir" -S "$release" --show-depends "$module"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r module; do
		n=$((n + 1))
		cp "$module" "$tree/modules/$n-$(basename "$module")"
	done
	(cd "$tree" && find . | cpio -o -H newc --quiet | gzip -1) >"$dir/initrd"
	rm -rf "$tree"
}

PATH=$PATH:/usr/sbin:/sbin
for tool in busybox cpio xz depmod modprobe; do
	command -v $tool >/dev/null || die "$tool is not installed; tools/deps.sh kernels installs what is needed"
done
mkdir -p "$dir"
exec 9>"$dir/.lock"
flock 9
[ "${1:-}" != --upgrade ] || rm -f "$dir/release"
if [ ! -s "$dir/release" ]; then
	rm -rf "$dir/boot" "$dir/lib" "$dir/initrd" "$dir"/*.deb
	fetch
	release=$(basename "$(echo "$dir"/lib/modules/*)")
	unpack "$dir/boot/vmlinuz-$release"
	pack "$release"
	echo "$release" >"$dir/release"
elif [ tools/vm/init.sh -nt "$dir/initrd" ] || [ tools/vm/kernel.sh -nt "$dir/initrd" ]; then
	pack "$(cat "$dir/release")"
fi
