#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Process 1 of the guest: makes a system of it, runs /vm/command, leaves its exit status in /vm/status.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8

fresh() { # type, folder
	mkdir -p "$2" && mount -t "$1" "$1" "$2"
}

fresh tmpfs /run
fresh tmpfs /dev/shm
fresh devpts /dev/pts
fresh tracefs /sys/kernel/tracing
fresh bpf /sys/fs/bpf
fresh cgroup2 /sys/fs/cgroup
fresh securityfs /sys/kernel/security
ln -s /proc/self/fd /dev/fd
for i in 0:stdin 1:stdout 2:stderr; do
	ln -s "/proc/self/fd/${i%:*}" "/dev/${i#*:}"
done
ip link set lo up
hostname guest
ulimit -n 65536
. /vm/settings # now, top

date -s "@$now" >/dev/null
cd "$top" || exit
stty -F /dev/ttyS1 raw
# (a command of its own session: job control would want a terminal)
setsid --wait bash /vm/command </dev/null >/dev/ttyS1 2>&1
echo $? >/vm/status
sync
stty -F /dev/ttyS1 drain
echo b >/proc/sysrq-trigger
sleep infinity
