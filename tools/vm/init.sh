#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The first program of the guest, from its initrd: the host's root, read-only, with a layer of memory
# over it that takes what is written. What was asked for is then run by tools/vm/guest.sh.
b=/bin/busybox

stop() {
	echo "vm: $*"
	$b sync
	$b poweroff -f
}

$b mount -t devtmpfs devtmpfs /dev
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
for module in /modules/*; do
	$b insmod "$module" || stop "cannot load $module"
done
share=trans=virtio,version=9p2000.L,msize=512000
# Nobody else writes while the guest runs, as far as it matters: what was read may be kept.
$b mount -t 9p -o ro,$share,cache=loose root /lower || stop "cannot mount the host's root"
$b mount -t tmpfs tmpfs /upper
$b mkdir /upper/files /upper/work
$b mount -t overlay -o lowerdir=/lower,upperdir=/upper/files,workdir=/upper/work overlay /new ||
	stop "cannot put a layer over the host's root"
$b mkdir -p /new/vm
$b mount -t 9p -o $share,cache=none share /new/vm || stop "cannot mount the shared folder"
for dir in dev proc sys; do
	$b mount --move /$dir /new/$dir
done
exec $b switch_root -c /dev/console /new /bin/bash /vm/guest.sh
