# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a request costs: CPU of the server, latency at the client, CPU of whoever looks.

Each window has two parts: at a fixed rate, where latencies are taken, and at full load, where the server never sleeps.

One server for what attaches from outside, one for each middleware. A round goes through all of them in an order of
its own, a bare window before each and one after the last; a window is compared with the mean of the two bare ones
around it. What takes long to attach takes turns: one of them a round.
"""
import random
import time

import peers
import procs
import stats

STACKS = (("uvloop", "httptools"), ("asyncio", "h11"))
RATE = 1000  # requests a second: below what every one of them can do
WINDOW_MS = 150
FULL_MS = 100
CONNECTIONS = 16
SETTLE_MS = 200  # of load, after attaching or detaching: what is done once is not a request's cost
TRIES = 2
COMPARED = ("cpu", "full", "client", "p50", "p99")


class Subject:
    """A server with its client."""

    def __init__(self, server):
        self.server = server
        try:
            self.load = procs.Load(server.port, CONNECTIONS)
        except procs.Failed:
            server.close()
            raise

    def _spent(self, rate, ms):
        """The client waits for the last response, so the server sleeps when its clock is read."""
        before = procs.cpu_ns(self.server.pid)
        got = self.load.run(rate, ms)
        return (procs.cpu_ns(self.server.pid) - before) / got["done"] / 1000, got

    def window(self, watchers=(), tracers=0):
        """tracers: how many there should be; `alone` tells whether that was so."""
        seen = [procs.cpu_ns(p) for p in watchers]
        cpu, got = self._spent(RATE, WINDOW_MS)
        own = sum(procs.cpu_ns(p) - c for p, c in zip(watchers, seen)) / got["done"] / 1000
        full, _ = self._spent(0, FULL_MS)
        return {"cpu": cpu, "full": full, "client": got["cpu_ns"] / got["done"] / 1000,
                "own": own if watchers else None, "p50": got["p50_us"], "p99": got["p99_us"],
                "alone": procs.tracers() == tracers}

    def close(self):
        self.load.close()
        self.server.close()


class Stack:
    """All servers of one event loop and parser."""

    def __init__(self, loop, http, python, tools):
        self.name, self.python, self.tools = f"{loop} + {http}", python, tools
        self.loop, self.http = loop, http
        self.missing, self.inside, self.windows, self.spoiled = {}, {}, {}, {}
        self.bare = Subject(procs.Uvicorn(python, loop, http))
        self.outside = [o for o in peers.OTHERS if not self._note(o.key, o.missing(tools))]
        for p in peers.INSIDE:
            try:
                self.inside[p.key] = Subject(procs.Uvicorn(python, loop, http, p.key, p.access_log))
            except procs.Failed as e:
                self._note(p.key, str(e))
        for s in (self.bare, *self.inside.values()):
            s.load.run(RATE, 1000)

    def _note(self, key, why):
        if why:
            self.missing[key] = why
        return why

    def _attached(self, o):
        held = o.attach(self.bare.server.pid, self.tools)
        got = None
        try:
            self.bare.load.run(RATE, SETTLE_MS)
            got = self.bare.window(o.pids(held), o.tracers)
        finally:
            why = o.detach(held)
        if why:
            self.spoiled.setdefault(o.key, []).append(why)
            return None
        self.bare.load.run(RATE, SETTLE_MS)
        return got

    def _measure(self, o):
        if o.key in self.inside:
            return self.inside[o.key].window()
        try:
            return self._attached(o)
        except procs.Failed as e:
            self.spoiled.setdefault(o.key, []).append(str(e))
            return None

    def round(self, i, rng):
        todo = [*peers.OURS, *(p for p in peers.INSIDE if p.key in self.inside)]
        if self.outside:
            todo.append(self.outside[i % len(self.outside)])
        rng.shuffle(todo)
        before = self.bare.window()
        for o in todo:
            before = self._compare(o, before)

    def _compare(self, o, before):
        """One window between two bare ones; again, some times, when another tracer was there. Returns the last one."""
        for _ in range(TRIES):
            got = self._measure(o)
            after = self.bare.window()
            if before["alone"]:
                self.windows.setdefault("bare", []).append((before, before))
            if got and before["alone"] and got["alone"] and after["alone"]:
                self.windows.setdefault(o.key, []).append((got, {k: (before[k] + after[k]) / 2 for k in COMPARED}))
                return after
            if not got:
                return after
            self.spoiled.setdefault(o.key, []).append("another tracer was attached at the same time")
            procs.wait_alone()
            before = self.bare.window()
        return before

    def close(self):
        for s in (self.bare, *self.inside.values()):
            s.close()

    def result(self):
        return {"stack": self.name, "rate": RATE, "connections": CONNECTIONS, "window_ms": WINDOW_MS,
                "full_ms": FULL_MS, "bare": self._row("bare", "bare", "", False),
                "rows": [self._row(o.key, o.name, o.version(self.tools) if o.key not in self.missing else "", False)
                         for o in (*peers.OURS, *peers.OTHERS)] +
                        [self._row(p.key, p.name, "", p.per_route) for p in peers.INSIDE]}

    def _row(self, key, name, version, per_route):
        row = {"key": key, "name": name, "version": version, "per_route": per_route,
               "spoiled": len(self.spoiled.get(key, ()))}
        pairs = self.windows.get(key)
        if not pairs:
            row["missing"] = self.missing.get(key) or next(iter(self.spoiled.get(key, ())), "no window was whole")
            return row
        row["cpu_us"] = stats.median([g["cpu"] for g, _ in pairs])
        row["full_us"] = stats.median([g["full"] for g, _ in pairs])
        row["p50_us"] = stats.median([g["p50"] for g, _ in pairs])
        row["p99_us"] = stats.median([g["p99"] for g, _ in pairs])
        if key != "bare":
            row["added_us"] = stats.median([g["cpu"] - b["cpu"] for g, b in pairs])
            row["full_added_us"] = stats.median([g["full"] - b["full"] for g, b in pairs])
            row["client_added_us"] = stats.median([g["client"] - b["client"] for g, b in pairs])
            for k, name_of in (("cpu", "cpu_ratio"), ("p50", "p50_ratio"), ("p99", "p99_ratio")):
                row[name_of] = stats.median([g[k] / b[k] for g, b in pairs])
            own = [g["own"] for g, _ in pairs if g["own"] is not None]
            row["own_us"] = stats.median(own)
        return row


def run(rounds, minutes, python, tools, say):
    """minutes: a stack gets no more rounds after so many of them."""
    rng, results = random.Random(1), []
    for loop, http in STACKS:
        say(f"requests, {loop} + {http}")
        s, end = Stack(loop, http, python, tools), time.monotonic() + 60 * minutes
        try:
            for i in range(rounds):
                if time.monotonic() > end:
                    break
                s.round(i, rng)
                say(f"requests, {loop} + {http}", i + 1, rounds)
            results.append(s.result())
            results[-1]["features"] = peers.OURS[1].features
        finally:
            s.close()
    return results
