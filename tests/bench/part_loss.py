# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How many records a second reqscope takes with its default ring, and what it says when there were more."""
import signal

import procs

STEPS = (10000, 20000, 40000, 60000, 80000, 120000, 160000, 240000, 320000)  # requests a second
STEP_MS = 1500
BATCH = 16  # requests at once on a connection: the generator costs less, the records of responses stay
CONNECTIONS = 64
STOPPED_MS = 2000


def step(rate, stop=False):
    """One attach, one rate. stop: reqscope gets no CPU meanwhile, which no load of this machine's own might bring
    about."""
    server = procs.Cheap()
    tracer = load = None
    try:
        load = procs.Load(server.port, CONNECTIONS, 200)
        load.run(1000, 50)
        tracer = procs.Reqscope(server.pid, "-d", "3600", "--format", "json")
        if stop:
            tracer.process.send_signal(signal.SIGSTOP)
        got = load.run(rate, STOPPED_MS if stop else STEP_MS, BATCH)
        if stop:
            tracer.process.send_signal(signal.SIGCONT)
            load.run(1000, 500)  # after it: the ledger goes on
        summary, tracer = tracer.close(), None
        return describe(rate, got, summary)
    finally:
        if tracer:
            tracer.process.send_signal(signal.SIGCONT)
        for p in (tracer, load, server):
            if p:
                p.close()


def describe(rate, got, summary):
    ledger, tracer = summary["requests"], summary["tracer"]
    return {"rate_asked": rate, "rate": got["done"] / got["seconds"], "sent": got["done"],
            "records": tracer["events"], "records_per_s": tracer["events"] / got["seconds"],
            "dropped": tracer["dropped"], "ok": ledger["ok"], "unknown": ledger["unknown"],
            "verdict": summary["verdict"]["state"]}


def run(say):
    steps = []
    for i, rate in enumerate(STEPS):
        steps.append(step(rate))
        say("loss", i + 1, len(STEPS))
        if steps[-1]["dropped"] or all(s["rate"] < 0.6 * s["rate_asked"] for s in steps[-2:]):
            break  # or the generator can do no more
    whole = [s for s in steps if not s["dropped"]]
    return {"steps": steps, "without_loss": max(whole, key=lambda s: s["records_per_s"]) if whole else None,
            "stopped": step(20000, stop=True)}
