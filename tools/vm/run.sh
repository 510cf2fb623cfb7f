#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# tools/vm/run.sh [-t SECONDS] [-o DIR] [-a WORDS] COMMAND...
#
# Runs a command as root under Debian 12's stock 6.1 kernel, in qemu with an emulated processor: no KVM,
# no privileges and no network are needed. The guest sees this machine's files, read-only, below a layer
# of memory; it has no network but its own loopback. Its output comes here, its exit status is this
# one's; 125: it never came to an end.
#
#   -t  seconds after which it is given up (120)
#   -o  a folder that the guest sees as /vm and can write to
#   -a  more words for the kernel's command line
#   $VM_MEM  its memory (1536M)
set -euo pipefail

top=$(realpath "$(dirname "$0")/../..")
seconds=120 share= append=
while getopts t:o:a: option; do
	case $option in
	t) seconds=$OPTARG ;;
	o) share=$OPTARG ;;
	a) append=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || {
	echo "vm: no command; usage: tools/vm/run.sh [-t SECONDS] [-o DIR] [-a WORDS] COMMAND..." >&2
	exit 2
}
command -v qemu-system-x86_64 >/dev/null || {
	echo "vm: qemu-system-x86_64 is not installed; tools/deps.sh kernels installs what is needed" >&2
	exit 1
}
"$top/tools/vm/kernel.sh"
kernel=$(cd "$top" && realpath "${O:-build}/kernel")

work=$(mktemp -d)
qemu=
clean() {
	[ -z "$qemu" ] || kill "$qemu" 2>/dev/null || true
	rm -rf "$work"
}
trap clean EXIT
trap 'exit 130' INT TERM HUP

share=$(realpath -m "${share:-$work/share}")
mkdir -p "$share"
rm -f "$share/status"
cp "$top/tools/vm/guest.sh" "$share/"
printf '%q ' "$@" >"$share/command"
printf 'now=%s top=%q\n' "$(date +%s)" "$top" >"$share/settings"

# One processor: with several, qemu 7.2 can go on running instructions that the guest's kernel has patched
# (a breakpoint in syscall_trace_enter() that every CPU then hits forever), and attaching BPF programs
# patches. Without erms: what it emulates byte by byte, the kernel would copy and clear pages with.
# Its clock is the HPET: how fast the processor's counter goes, the kernel would measure while it boots, and
# on a busy machine that was wrong by a factor of seven.
# oops=panic: a kernel that stumbled over a BPF program must not look as if it had not.
timeout -k 5 "$seconds" qemu-system-x86_64 -accel tcg -cpu max,-erms,-fsrm -smp 1 \
	-m "${VM_MEM:-1536M}" -nodefaults -nic none -display none -no-reboot \
	-serial "file:$share/console" -chardev stdio,id=out,signal=off -serial chardev:out \
	-kernel "$kernel/vmlinux" -initrd "$kernel/initrd" -append "console=ttyS0 quiet panic=-1 oops=panic \
mitigations=off tsc=unstable clocksource=hpet random.trust_cpu=on $append" \
	-virtfs local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap \
	-virtfs "local,path=$share,mount_tag=share,security_model=none" </dev/null &
qemu=$!
rc=0
wait "$qemu" || rc=$?
qemu=
if [ ! -s "$share/status" ]; then
	[ "$rc" != 124 ] || echo "vm: given up after $seconds s" >&2
	echo "vm: the guest came to no end (qemu: $rc); the last lines of its console:" >&2
	tail -n 20 "$share/console" >&2 || true
	exit 125
fi
exit "$(cat "$share/status")"
