#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What reqscope costs, beside its peers: measures, prints one table, writes bench.json. `make bench`.

Everything is compared within one run, in many short rounds that alternate; see docs/performance.md, which page.py
makes from bench.json. What cannot be measured is told as missing, with the reason.
"""
import argparse
import datetime
import json
import os
import platform
import signal
import subprocess
import sys
import time

import install
import page
import part_calls
import part_loss
import part_programs
import part_requests
import part_self
import peers
import procs


def say(what, i=None, n=None):
    if sys.stderr.isatty():
        print(f"\r\033[K{what}" + (f"  {i}/{n}" if n else ""), end="", file=sys.stderr, flush=True)
    elif not n:
        print(f"bench: {what}", file=sys.stderr, flush=True)


def machine():
    vm = any(" hypervisor" in line for line in open("/proc/cpuinfo", encoding="ascii", errors="replace")
             if line.startswith("flags"))
    return {"class": f"{len(procs.CPUS)}-core {platform.machine()} {'VM' if vm else 'machine'}",
            "kernel": ".".join(platform.release().split("-")[0].split(".")[:2]),
            "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat()}


def parts(opt, python, tools):
    return {
        "requests": lambda: part_requests.run(opt.rounds, opt.minutes, python, tools, say),
        "programs": lambda: part_programs.run(opt.rounds, python, say),
        "calls": lambda: part_calls.run(max(6, opt.rounds // 2), python, say),
        "tracing": lambda: part_self.run_tracing(opt.rounds, say),
        "replay": lambda: part_self.run_replay(opt.rounds, say),
        "start": lambda: part_self.run_start(opt.rounds, python, say),
        "loss": lambda: part_loss.run(say),
    }


def measure(result, chosen):
    """Runs the parts; one that cannot be measured does not keep the others from it."""
    for name, part in chosen.items():
        try:
            result[name] = part()
        except (procs.Failed, OSError, subprocess.CalledProcessError) as e:
            result[name] = None
            result["missing"][name] = str(e)


def arguments():
    ap = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    ap.add_argument("--rounds", type=int, default=200, help="20: a first look, some minutes")
    ap.add_argument("--only", action="append", help="a part (repeatable); the others are kept from the last bench.json")
    ap.add_argument("--minutes", type=float, default=60, help="for the requests of each stack, at most")
    opt = ap.parse_args()
    if opt.rounds < 1:
        ap.error("--rounds wants 1 or more")
    known = list(parts(opt, "", ""))
    for name in opt.only or ():
        if name not in known:
            ap.error(f"--only wants one of {', '.join(known)}, got {name}")
    return opt


def main():
    opt = arguments()
    if os.geteuid():
        sys.exit("bench: must be root: it attaches to processes, as reqscope does")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: ended by SIGTERM"))  # what it started ends, too
    os.chdir(procs.TOP)
    path, begin = os.path.join(procs.BUILD, "bench.json"), time.monotonic()
    python, tools, missing = install.install(say)
    result = {"missing": {}}
    if opt.only and os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            result = json.load(f)
    result.update({"rounds": opt.rounds, "machine": machine(), "versions": peers.versions(python),
                   "reqscope": open("VERSION", encoding="ascii").read().strip(), "not_installed": missing})
    chosen = {k: v for k, v in parts(opt, python, tools).items() if not opt.only or k in opt.only}
    for name in chosen:
        result["missing"].pop(name, None)
    measure(result, chosen)
    result["minutes"] = round((time.monotonic() - begin) / 60, 1)
    say("")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(result, f, indent=1)
    print(page.text(result))
    return 1 if result["missing"] else 0


if __name__ == "__main__":
    sys.exit(main())
