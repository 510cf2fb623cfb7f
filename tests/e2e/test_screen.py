# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a person sees of a summary: the text on a real (pseudo) terminal of 80x24."""
import re

import pytest

import reqscope
from client import Job, run_jobs
from terminal import COLUMNS, STATES, Terminal, plain

pytestmark = pytest.mark.usefixtures("bpf")


def summary_text(server, truth, **env):
    with Terminal("summary", "-p", server.pid, "-d", "0.8", **env) as t:
        t.wait_text(lambda text: "attached" in text)
        jobs = [Job("GET", f"/items/{i}") for i in range(40)] + [Job("GET", "/status/500") for _ in range(3)]
        jobs += [Job("GET", "/sleep/30"), Job("GET", "/" + "long-segment-" * 20)]
        run_jobs(server.address, jobs, truth)
        assert t.wait_end() == 0
        t.check_restored()
        return t.text.replace("\r\n", "\n")


def test_summary_on_a_terminal(server, truth):
    """Fits 80 columns; the verdict first, the tracer's own line last."""
    text = plain(summary_text(server, truth))
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("reqscope: ")]
    assert max(map(len, lines)) <= COLUMNS, max(lines, key=len)
    assert any(re.search(rf"\b{state}\b", lines[0], re.I) for state in STATES), lines[0]
    assert "dropped" in lines[-1], lines[-1]
    assert any("/items/{id}" in line for line in lines)
    for phase in reqscope.PHASES:
        assert phase in text


def test_no_color(server, truth):
    assert "\x1b" not in summary_text(server, truth, NO_COLOR="1")


def test_no_utf8(server, truth):
    assert summary_text(server, truth, LC_ALL="C", LANG="C", NO_COLOR="1").isascii()


def test_no_terminal(server, truth):
    """Into a pipe: no colour, no redraw."""
    with reqscope.Reqscope("summary", "-p", server.pid, "-d", 60) as scope:
        run_jobs(server.address, [Job("GET", "/fast") for _ in range(5)], truth)
        assert "\x1b" not in scope.finish().decode()
