#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Makes build/venv: the newest uvicorn and what runs under it, from PyPI, beside Debian's packages.
# Does nothing, quickly, when it is there; `tools/venv.sh --upgrade` fetches anew. $O: the build folder.
# VENV=DIR PYTHON=INTERPRETER: the same for another interpreter.
set -eu

cd "$(dirname "$0")/.."
venv=${VENV:-${O:-build}/venv}
stamp=$venv/.complete
wanted="uvicorn fastapi uvloop httptools h11 gunicorn uvicorn-worker websockets"

[ "${1:-}" != --upgrade ] || rm -f "$stamp"
# The interpreter is looked at too: a folder that was copied or whose Python went away is made anew.
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && "$venv/bin/python" -c 'import uvicorn' 2>/dev/null; then
	exit 0
fi
rm -rf "$venv"
mkdir -p "$(dirname "$venv")"
"${PYTHON:-/usr/bin/python3}" -m venv "$venv"
log=$venv/pip.log
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check $wanted >"$log" 2>&1 || {
	tail -n 5 "$log" >&2
	echo "venv: pip could not install: $wanted" >&2
	exit 1
}
printf '%s\n' "$wanted" >"$stamp"
