# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The interpreters of this machine beside Debian's, each with a virtual environment below the build folder.

REQSCOPE_PYTHONS: patterns, separated by colons, of the ones to take, all of them, also versions that are not
read yet; an interpreter that has uvicorn and FastAPI is taken as it is. Without it the usual places are looked
at, and the newest one found is taken; all of them with REQSCOPE_LONG=1.
"""
import functools
import glob
import os
import subprocess

from servers import BUILD, PYTHON

USUAL = "~/.pyenv/versions/3.*/bin/python3:/opt/python*/bin/python3:/usr/local/bin/python3.*:/usr/bin/python3.*"
ASK = "import sys, sysconfig; print(*sys.version_info[:3], sysconfig.get_config_var('Py_GIL_DISABLED') or 0)"
OLDEST, NEWEST = (3, 8), (3, 13)  # that are read
ASKED = os.environ.get("REQSCOPE_PYTHONS")
LONG = bool(os.environ.get("REQSCOPE_LONG"))


def ask(python, code):
    try:
        done = subprocess.run([python, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env={k: v for k, v in os.environ.items() if k != "PYENV_VERSION"}, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def look():
    """{version: path} of the interpreters that are there, by version; Debian's own is not among them."""
    found = {}
    patterns = ASKED or USUAL
    known = {os.path.realpath(PYTHON["debian"])}
    for path in (p for pattern in patterns.split(":") for p in sorted(glob.glob(os.path.expanduser(pattern)))):
        if path.endswith("-config") or os.path.realpath(path) in known:
            continue
        told = ask(path, ASK)
        if not told:
            continue
        *version, free_threaded = map(int, told.split())
        if ASKED or (OLDEST <= tuple(version[:2]) <= NEWEST and not free_threaded):
            found.setdefault(tuple(version), path)
            known.add(os.path.realpath(path))
    return dict(sorted(found.items()))


FOUND = look()
TAKEN = list(FOUND.items()) if LONG or ASKED else list(FOUND.items())[-1:]
VENVS = {}  # age: what tools/venv.sh is told
for _version, _path in TAKEN:
    _age = ".".join(map(str, _version))
    PYTHON[_age] = _path
    if not ask(_path, "import uvicorn, fastapi"):
        VENVS[_age] = {"PYTHON": _path, "VENV": os.path.join(BUILD, f"venv-{_age}")}
        PYTHON[_age] = os.path.join(VENVS[_age]["VENV"], "bin", "python")
AGES = [".".join(map(str, version)) for version, _ in TAKEN]


def venv_of(age):
    return VENVS.get(age, {})


@functools.cache
def version_of(python):
    """(3, 11), of an interpreter or of that of a virtual environment."""
    return tuple(map(int, ask(python, ASK).split()[:2]))


def told():
    """For a person: which were found, which were taken."""
    names = [".".join(map(str, v)) for v in FOUND]
    return f"interpreters found beside Debian's: {', '.join(names) or 'none'}; taken: {', '.join(AGES) or 'none'}"
