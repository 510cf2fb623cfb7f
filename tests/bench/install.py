# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The interpreter of the servers: $O/bench-venv, with what peers.txt names, each line installed by itself."""
import os
import subprocess

import procs

VENV = os.path.join(procs.BUILD, "bench-venv")
DEBIAN = "/usr/bin/python3"


def wanted():
    with open(os.path.join(procs.HERE, "peers.txt"), encoding="ascii") as f:
        return [line.split() for line in f if line.strip() and not line.startswith("#")]


def pip(packages):
    """Installs; returns why it could not, or ""."""
    done = subprocess.run([f"{VENV}/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                           *packages], capture_output=True, text=True, check=False)
    if not done.returncode:
        return ""
    lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["pip failed"]
    return lines[-1][:160]


def install(say):
    """(interpreter, folder of tools, {package: why it is missing}). Without PyPI: Debian's packages and no peers."""
    stamp, groups = f"{VENV}/.complete", wanted()
    text = repr(groups)
    if os.path.exists(stamp) and open(stamp, encoding="ascii").read() == text:
        return f"{VENV}/bin/python", VENV, {}
    say("installing what is measured beside it")
    subprocess.run([DEBIAN, "-m", "venv", "--clear", VENV], check=True)
    missing = {}
    for group in groups:
        why = pip(group)
        if why:
            missing.update({package: why for package in group})
        if why and group is groups[0]:
            return DEBIAN, VENV, {p: why for g in groups for p in g}
    if not missing:
        with open(stamp, "w", encoding="ascii") as f:
            f.write(text)
    return f"{VENV}/bin/python", VENV, missing
