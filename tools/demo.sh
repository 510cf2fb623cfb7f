#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A real FastAPI app under a real uvicorn, traffic at it, and what reqscope says about it.
# Called by `make demo`, which has installed and built what is needed. Loopback only; whatever is
# started here is stopped here, by pid. $O: the build folder. $DEMO_SECONDS: how long it watches.
set -u

cd "$(dirname "$0")/.." || exit 1
reqscope=${O:-build}/reqscope
seconds=${DEMO_SECONDS:-6}
server=
load=
log=

stop() {
	trap - EXIT INT TERM
	for pid in $load $server; do
		kill "$pid" 2>/dev/null
	done
	# uvicorn waits for what is under way; when that takes too long it is not asked again.
	for _ in $(seq 50); do
		[ -n "$server" ] && kill -0 "$server" 2>/dev/null || break
		sleep 0.1
	done
	[ -z "$server" ] || kill -9 "$server" 2>/dev/null
	wait 2>/dev/null
	[ -z "$log" ] || rm -f "$log"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
	echo "demo: $*" >&2
	[ -z "$log" ] || [ ! -s "$log" ] || { echo "demo: the server's last words:" >&2; tail -n 12 "$log" >&2; }
	exit 1
}

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	dim=$'\e[2m' bold=$'\e[1m' plain=$'\e[0m'
else
	dim='' bold='' plain=''
fi
say() { printf '%s\n' "$dim# $*$plain"; }
show() { printf '%s\n' "$bold\$ $*$plain"; }

[ -x "$reqscope" ] || fail "$reqscope is not there: run make first"
sudo=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || fail "loading BPF programs needs root, and there is no sudo here"
	say "loading BPF programs needs root: sudo, for reqscope alone"
	sudo -v || fail "sudo said no"
	sudo=sudo
fi

port=$(tools/demo_load.py port) || fail "no free TCP port on 127.0.0.1"
log=$(mktemp) || fail "no temporary file"

/usr/bin/python3 -m uvicorn demo:app --app-dir tests/apps --host 127.0.0.1 --port "$port" \
	--loop uvloop --http httptools --no-access-log --log-level warning </dev/null >"$log" 2>&1 &
server=$!
tools/demo_load.py wait "$port" "$server" || fail "uvicorn did not start"
tools/demo_load.py run "$port" $((seconds + 4)) </dev/null 2>>"$log" &
load=$!

echo
say "A FastAPI shop under uvicorn (uvloop, httptools): pid $server, 127.0.0.1:$port."
say "Six clients keep it busy. It was started like any other, and nothing in it"
say "is changed, restarted or asked:"
show "${sudo:+sudo }reqscope summary -p $server -d $seconds"
echo
$sudo "$reqscope" summary -p "$server" -d "$seconds"
rc=$?
[ "$rc" = 0 ] || fail "reqscope ended with $rc"
kill -0 "$server" 2>/dev/null || fail "the server is gone"
kill -0 "$load" 2>/dev/null || wait "$load" || fail "the clients failed"
echo
say "What was behind it: /checkout raises in two calls of five, /reports has a slow"
say "tail, and /export blocks the event loop for 150 ms: that is the queue time of"
say "everybody else. Live, and one line per slow request (--format json for both):"
show "${sudo:+sudo }$reqscope top"
show "${sudo:+sudo }$reqscope trace --slow 100"
