# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How long reqscope's programs run for a request, by the kernel's own account (kernel.bpf_stats_enabled)."""
import json
import subprocess

import part_requests
import procs
import stats

SWITCH = "/proc/sys/kernel/bpf_stats_enabled"
WINDOW_MS = 300
WINDOWS = 3
LEVELS = ("off", "default", "full")


class Account:
    """The kernel's account of all BPF programs, on for as long as this is open."""

    def __enter__(self):
        with open(SWITCH, encoding="ascii") as f:
            self.before = f.read()
        self._set("1")
        return self

    def __exit__(self, *_):
        self._set(self.before)

    @staticmethod
    def _set(value):
        with open(SWITCH, "w", encoding="ascii") as f:
            f.write(value)


def programs():
    """(name, runs, ns) of every program that is loaded, by id."""
    done = subprocess.run(["/usr/sbin/bpftool", "-j", "prog", "show"], capture_output=True, text=True, check=False)
    try:
        return {p["id"]: (p.get("name", ""), p.get("run_cnt", 0), p.get("run_time_ns", 0))
                for p in json.loads(done.stdout)}
    except (ValueError, TypeError) as e:
        raise procs.Failed(f"bpftool prog show: {done.stderr.strip()[:120] or e}") from e


def window(load, others):
    """Runs and ns a request, by program, of those that are not others'."""
    before = programs()
    got = load.run(0, WINDOW_MS)
    spent = {}
    for at, (name, runs, ns) in programs().items():
        _, runs_before, ns_before = before.get(at, (name, 0, 0))
        if at not in others and runs > runs_before:
            spent[name] = ((runs - runs_before) / got["done"], (ns - ns_before) / got["done"])
    return spent


def attached(subject, level):
    others = programs()
    held = procs.Reqscope(subject.server.pid, "-d", "3600", "--format", "json", "--insight", level)
    try:
        subject.load.run(0, WINDOW_MS)  # what is done once is done then
        with Account():
            return [window(subject.load, others) for _ in range(WINDOWS)]
    finally:
        held.close()


def row(stack, level, windows):
    def median_of(take):
        return stats.median([sum(take(name, v) for name, v in w.items()) for w in windows])

    return {"stack": stack, "level": level, "runs": median_of(lambda _, v: v[0]), "ns": median_of(lambda _, v: v[1]),
            **{f"{name}_ns": median_of(lambda n, v, name=name: v[1] if n == name else 0)
               for name in ("on_sys_enter", "on_sys_exit", "on_data_ready")}}


def run(rounds, python, say):
    rows = []
    for loop, http in part_requests.STACKS:
        subject = part_requests.Subject(procs.Uvicorn(python, loop, http))
        found = {level: [] for level in LEVELS}
        try:
            subject.load.run(0, 1000)
            n = max(4, min(rounds // 10, 10))
            for i in range(n):
                for level in LEVELS:
                    found[level] += attached(subject, level)
                say(f"programs, {loop} + {http}", i + 1, n)
        finally:
            subject.close()
        rows += [row(f"{loop} + {http}", level, found[level]) for level in LEVELS]
    return rows
