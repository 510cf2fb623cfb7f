# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a system call costs more: of a process that reqscope does not trace, and of one that it does."""
import procs
import stats

CALLS = ("getppid", "pipe", "futex", "epoll_wait")
BATCHES = 20
WAYS = ("untraced", "untraced_sockets", "traced", "traced_sockets")


def window(helper, tracers):
    got = {c: float(helper.ask(f"{c} {BATCHES}")) for c in CALLS}
    got["alone"] = procs.tracers() == tracers
    return got


def attached(helper, pid, level):
    held = procs.Reqscope(pid, "-d", "3600", "--format", "json", "--insight", level)
    try:
        return window(helper, 1)
    finally:
        held.close()


def one_round(helper, other, found):
    """Where another tracer was attached, too, nothing is learnt: the first one costs more than the second."""
    procs.wait_alone()
    before = window(helper, 0)
    for way in WAYS:
        pid = helper.pid if way.startswith("traced") else other.pid
        got = attached(helper, pid, "off" if way.endswith("sockets") else "full")
        after = window(helper, 0)
        if before["alone"] and got["alone"] and after["alone"]:
            for c in CALLS:
                base = (before[c] + after[c]) / 2
                found.setdefault((c, way), []).append(got[c] - base)
                found.setdefault((c, "bare"), []).append(base)
        before = after


def run(rounds, python, say):
    """An unrelated process: another one is the target, a uvicorn, so that all hooks for Python are in place."""
    found, other = {}, procs.Uvicorn(python, "uvloop", "httptools")
    helper = procs.Helper("calls", cpus=procs.SERVER_CPUS)
    try:
        for i in range(rounds):
            one_round(helper, other, found)
            say("system calls", i + 1, rounds)
    finally:
        helper.close()
        other.close()
    if not all((c, w) in found for c in CALLS for w in WAYS):
        raise procs.Failed("another tracer was attached to this machine's system calls all the time")
    return [{"call": c, "bare_ns": stats.median(found[c, "bare"]),
             **{f"{w}_ns": stats.median(found[c, w]) for w in WAYS}} for c in CALLS]
