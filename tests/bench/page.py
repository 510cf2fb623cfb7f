#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The tables of a bench.json: as text on the terminal, and into docs/performance.md.

    tests/bench/page.py build/bench.json docs/performance.md

replaces what stands between `<!-- from bench.json: NAME -->` and `<!-- end -->` there.
"""
import json
import re
import sys

import stats

NOTHING = "-"


def number(x):
    if x is None:
        return NOTHING
    if abs(x) >= 100:
        return f"{x:,.0f}"
    return f"{x:.1f}" if abs(x) >= 9.95 else f"{x:.2f}"


def with_interval(m, unit=""):
    """`2.52 (2.41 to 2.80)`: median and 95 % interval."""
    if not m:
        return NOTHING
    if m["low"] is None:
        return f"{number(m['median'])}{unit}"
    return f"{number(m['median'])}{unit} ({number(m['low'])} to {number(m['high'])})"


def middle(m, unit="", scale=1.0):
    return number(m["median"] * scale) + unit if m else NOTHING


# --- the tables: (head, rows) each

def why_not(row):
    """Why a row has no figures; "" when it has. A median of few windows is nothing to be told."""
    if "missing" in row:
        return row["missing"]
    return "" if row["added_us"]["low"] is not None else f"{row['added_us']['n']} windows counted, 6 are needed"


def request_rows(stack):
    bare = stack["bare"]
    yield ["nothing", middle(bare.get("cpu_us")), NOTHING, NOTHING, middle(bare.get("full_us")), NOTHING, NOTHING,
           NOTHING, middle(bare.get("p50_us")), middle(bare.get("p99_us"))]
    for r in stack["rows"]:
        name = f"{r['name']} {r['version']}".strip()
        if why_not(r):
            yield [name, f"missing: {why_not(r)}", *[""] * 8]
            continue
        yield [name, middle(r["cpu_us"]), with_interval(r["added_us"]), "x " + middle(r["cpu_ratio"]),
               middle(r["full_us"]), with_interval(r["full_added_us"]), middle(r["client_added_us"]),
               middle(r["own_us"]), f"{middle(r['p50_us'])} (x {middle(r['p50_ratio'])})",
               f"{middle(r['p99_us'])} (x {middle(r['p99_ratio'])})"]


def requests(result, i):
    s = result["requests"][i]
    head = ["us a request", f"server's CPU at {s['rate']:,}/s", "added", "ratio", "server's CPU at full load", "added",
            "added at the sender", "observer's CPU", "client p50", "client p99"]
    return head, list(request_rows(s))


def calls(result):
    head = ["ns", "bare", "not traced", "..., sockets only", "traced", "..., sockets only"]
    return head, [[r["call"], middle(r["bare_ns"]), *(with_interval(r[f"{w}_ns"]) for w in (
        "untraced", "untraced_sockets", "traced", "traced_sockets"))] for r in result["calls"]]


LEVELS = {"off": "sockets only", "default": "default", "full": "everything"}


def programs(result):
    head = ["us a request", "", "runs", "in all programs", "sys_enter", "sys_exit", "sk_data_ready"]
    return head, [[r["stack"], LEVELS[r["level"]], middle(r["runs"]),
                   *(number(r[k]["median"] / 1000) for k in ("ns", "on_sys_enter_ns", "on_sys_exit_ns",
                                                             "on_data_ready_ns"))] for r in result["programs"]]


def tracing(result):
    head = ["connections", "requests/s", "its own CPU, us a request", "memory at most", "maps in the kernel",
            "idle, of one CPU", "lost"]
    return head, [[f"{r['connections']:,}", middle(r["rate"]), with_interval(r["cpu_us"]),
                   middle(r["peak_mib"], " MiB"), middle(r["maps_mib"], " MiB"),
                   middle(r["idle_share"], " %", 100), str(r["dropped"])]
                  for r in result["tracing"]]


def replay(result):
    r = result["replay"]
    return ["", ""], [["requests replayed by one core, a second", with_interval(r["requests_per_s"])],
                      ["bytes on disk for a request", number(r["bytes_per_request"])],
                      ["requests in the recording", f"{r['requests']:,}"]]


def start(result):
    r = result["start"]
    return ["", ""], [["exec to attached, sockets only", with_interval(r["attach_off_ms"], " ms")],
                      ["exec to attached", with_interval(r["attach_ms"], " ms")],
                      ["exec to attached, everything", with_interval(r["attach_full_ms"], " ms")],
                      ["exec to the first screen", with_interval(r["first_screen_ms"], " ms")],
                      ["size of the program", f"{r['binary_bytes'] / 2**20:.1f} MiB, "
                                              f"{r['binary_stripped_bytes'] / 2**20:.1f} MiB stripped"]]


def loss(result):
    head = ["asked for", "requests/s", "records/s", "lost records", "requests ok", "unknown", "verdict"]
    last = result["loss"]["stopped"]
    steps = [(f"{s['rate_asked']:,}", s) for s in result["loss"]["steps"]] + [
        (f"{last['rate_asked']:,}, reqscope without CPU for 2 s", last)]
    return head, [[name, number(s["rate"]), number(s["records_per_s"]), f"{s['dropped']:,}",
                   f"{s['ok']:,} of {s['sent']:,}", f"{s['unknown']:,}", s["verdict"]] for name, s in steps]


# --- the goals

def row_of(stack, key):
    return next((r for r in stack["rows"] if r["key"] == key and not why_not(r)), None)


def cheapest(stack):
    """The cheapest middleware that gives a latency for each route."""
    rows = [r for r in stack["rows"] if r["per_route"] and not why_not(r)]
    return min(rows, key=lambda r: r["added_us"]["median"]) if rows else None


def times(other, ours):
    """How many times as much; its interval is the widest that the two intervals allow. None where ours may be 0."""
    if ours["low"] is None or ours["low"] <= 0:
        return None
    return {"median": other["median"] / ours["median"], "low": other["low"] / ours["high"],
            "high": other["high"] / ours["low"]}


def request_goals(stack):
    for key, limit, what in (("sockets", 2, "sockets only"), ("default", 5, "default"), ("full", 12, "everything")):
        r = row_of(stack, key)
        for how, field in (("at a fixed rate", "added_us"), ("at full load", "full_added_us")):
            m = r and r[field]
            yield f"{what}, {stack['stack']}, {how}", f"<= {limit} us a request", with_interval(m), stats.goal(m, limit)
    ours, other = row_of(stack, "default"), cheapest(stack)
    for how, field in (("at a fixed rate", "added_us"), ("at full load", "full_added_us")):
        m = ours and other and times(other[field], ours[field])
        yield (f"{other['name'] if other else 'a middleware'} adds, {stack['stack']}, {how}", ">= 5 times as much",
               with_interval(m), stats.goal(m, 5, above=True))


def other_goals(result):
    for r in result.get("calls") or ():
        yield f"{r['call']}, not traced", "<= 80 ns", with_interval(r["untraced_ns"]), stats.goal(r["untraced_ns"], 80)
        yield f"{r['call']}, traced", "<= 170 ns", with_interval(r["traced_ns"]), stats.goal(r["traced_ns"], 170)
    for r in result.get("tracing") or ():
        where = f"{r['connections']:,} connection{'s' if r['connections'] > 1 else ''}"
        yield f"own CPU, {where}", "<= 1.5 us a request", with_interval(r["cpu_us"]), stats.goal(r["cpu_us"], 1.5)
        yield f"memory, {where}", "<= 16 MiB", with_interval(r["peak_mib"]), stats.goal(r["peak_mib"], 16)
    if result.get("replay"):
        m = result["replay"]["requests_per_s"]
        yield "replay", ">= 2,000,000 requests/s", with_interval(m), stats.goal(m, 2e6, above=True)


def goals(result):
    rows = [list(g) for s in result.get("requests") or () for g in request_goals(s)]
    return ["what", "goal", "measured", ""], rows + [list(g) for g in other_goals(result)]


TABLES = {
    "goals": goals,
    "uvloop": lambda r: requests(r, 0),
    "asyncio": lambda r: requests(r, 1),
    "programs": programs,
    "calls": calls,
    "tracing": tracing,
    "replay": replay,
    "start": start,
    "loss": loss,
}
TITLES = {
    "goals": "Goals",
    "uvloop": "uvloop + httptools",
    "asyncio": "asyncio + h11",
    "programs": "How long the programs run for a request",
    "calls": "What a system call costs more, in ns",
    "tracing": "reqscope itself, 200 routes",
    "replay": "Recordings",
    "start": "Start and size",
    "loss": "Records without loss, default ring",
}


def table(result, name):
    """(head, rows), or None and why there is none."""
    needs = {"uvloop": "requests", "asyncio": "requests"}.get(name, name)
    if name != "goals" and not result.get(needs):
        return None, result["missing"].get(needs, "not measured in this run")
    return TABLES[name](result), ""


def environment(result):
    m, v = result["machine"], result["versions"]
    return (f"{m['date']}, {m['class']}, kernel {m['kernel']}; reqscope {result['reqscope']}; " +
            ", ".join(f"{k} {v[k]}" for k in sorted(v)) + f"; {result['rounds']} rounds")


# --- as text

def as_text(head, rows):
    cells = [head, *rows] if any(head) else rows
    narrow = [r for r in cells if not any(c.startswith("missing: ") for c in r)]
    widths = [max(len(r[i]) for r in narrow) for i in range(len(cells[0]))]
    widths[0] = max(len(r[0]) for r in cells)
    return "\n".join("  " + "  ".join(c.ljust(w) for c, w in zip(r, widths)).rstrip() for r in cells)


def text(result):
    out = [environment(result), "Medians, with their 95 % interval in parentheses."]
    for name in [n for n in TABLES if n != "goals"] + ["goals"]:
        made, why = table(result, name)
        out += ["", TITLES[name], as_text(*made) if made else f"  missing: {why}"]
    for package, why in sorted(result["not_installed"].items()):
        out.append(f"not installed: {package}: {why}")
    return "\n".join(out)


# --- as Markdown

def as_markdown(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(r) + " |" for r in rows])


def block(result, name):
    if name == "environment":
        return environment(result)
    made, why = table(result, name)
    return as_markdown(*made) if made else f"Missing: {why}"


def fill(page, result):
    def made(match):
        return f"{match[1]}\n{block(result, match[2])}\n\n<!-- end -->"

    return re.sub(r"(<!-- from bench.json: (\w+) -->\n).*?<!-- end -->", made, page, flags=re.S)


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: page.py BENCH.JSON PAGE.MD")
    with open(sys.argv[1], encoding="utf-8") as f:
        result = json.load(f)
    with open(sys.argv[2], encoding="utf-8") as f:
        page = f.read()
    with open(sys.argv[2], "w", encoding="utf-8") as f:
        f.write(fill(page, result))


if __name__ == "__main__":
    main()
