# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The benchmark's arithmetic, and that it tells what is missing as missing: wrong figures look like right ones."""
import os
import random
import re
import statistics
import sys

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(TOP, "tests", "bench"))
import page  # noqa: E402
import stats  # noqa: E402


@pytest.mark.parametrize("n, k", [(5, 0), (6, 1), (8, 1), (9, 2), (10, 2), (20, 6), (30, 10), (100, 40)])
def test_rank_is_that_of_the_tables(n, k):
    """Published tables of the sign test's 95 % interval of a median."""
    assert stats.rank(n) == k


def test_interval_covers_the_median():
    rng, hits = random.Random(7), 0
    for _ in range(1000):
        m = stats.median([rng.expovariate(1.0) for _ in range(25)])
        hits += m["low"] <= 0.6931 <= m["high"]
    assert 940 <= hits <= 995


def test_median_of_few_has_no_interval():
    assert stats.median([3, 1, 2]) == {"median": 2, "low": None, "high": None, "n": 3}
    assert stats.median([]) is None


@pytest.mark.parametrize("low, high, above, word", [
    (1, 2, False, "met"), (1, 2.1, False, "open"), (2.1, 3, False, "not met"), (2, 3, True, "met"),
    (1.9, 3, True, "open"), (1, 1.9, True, "not met")])
def test_a_goal_is_met_by_the_whole_interval(low, high, above, word):
    assert stats.goal({"median": (low + high) / 2, "low": low, "high": high}, 2, above) == word


def test_a_goal_without_a_measurement_is_not_met():
    assert stats.goal(None, 2) == "not measured"
    assert stats.goal({"median": 1, "low": None, "high": None}, 2) == "open"


def a_stack():
    def m(x):
        return stats.median([x - 0.1, x, x + 0.1] * 5)

    def row(key, added, **more):
        return {"key": key, "name": key, "version": "", "per_route": False, "spoiled": 0, "cpu_us": m(100 + added),
                "full_us": m(50 + added), "added_us": m(added), "full_added_us": m(added), "client_added_us": m(1),
                "cpu_ratio": m(1.1), "p50_ratio": m(1), "p99_ratio": m(1), "p50_us": m(200), "p99_us": m(900),
                "own_us": None, **more}

    rows = [row("sockets", 1.5), row("default", 4), row("full", 13), row("slow", 90, per_route=True),
            row("cheap", 30, per_route=True), row("log", 7),
            {"key": "gone", "name": "gone", "version": "", "per_route": True, "spoiled": 0, "missing": "not installed"}]
    return {"stack": "s", "rate": 1000, "bare": row("bare", 0), "rows": rows}


def a_result():
    return {"requests": [a_stack(), a_stack()], "missing": {"calls": "no bpftool"}, "not_installed": {"gone": "no network"},
            "machine": {"date": "2026-01-02", "class": "2-core", "kernel": "6.18"}, "versions": {"python": "3.11"},
            "reqscope": "0", "rounds": 15}


def test_goals_compare_with_the_cheapest_middleware_that_knows_routes():
    _, rows = page.goals(a_result())
    said = {what: verdict for what, _, _, verdict in rows}
    assert said["sockets only, s, at a fixed rate"] == "met"
    assert said["everything, s, at full load"] == "not met"
    assert said["cheap adds, s, at a fixed rate"] == "met"
    ours, other = stats.median([4] * 9), stats.median([30] * 9)
    assert page.times(other, ours)["median"] == statistics.median([7.5])


def test_how_often_a_cost_of_nothing_goes_into_another_is_not_told():
    assert page.times(stats.median([30] * 9), stats.median([-1, 0, 1] * 5)) is None


def test_what_is_missing_is_told_as_missing():
    said = page.text(a_result())
    assert re.search(r"gone +missing: not installed", said)
    assert "missing: no bpftool" in said and "not installed: gone: no network" in said


def test_a_median_of_few_windows_is_not_told():
    result = a_result()
    result["requests"][0]["rows"][1]["added_us"] = stats.median([4.25] * 5)
    assert re.search(r"default +missing: 5 windows counted, 6 are needed", page.text(result))
    said = {what: verdict for what, _, _, verdict in page.goals({**result, "requests": result["requests"][:1]})[1]}
    assert said["default, s, at a fixed rate"] == said["cheap adds, s, at a fixed rate"] == "not measured"


def test_the_page_keeps_what_is_not_generated():
    before = "# Title\n\n<!-- from bench.json: calls -->\nold\n<!-- end -->\n\nText.\n"
    after = page.fill(before, a_result())
    assert after.startswith("# Title\n") and after.endswith("\n\nText.\n")
    assert "old" not in after and "no bpftool" in after
    assert page.fill(after, a_result()) == after
