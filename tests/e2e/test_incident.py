# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The walk through one incident (`make incident`) plays to its end: each of its steps says what it must."""
import os
import re
import subprocess

import reqscope
from servers import TOP


def test_incident(binary, bpf, tmp_path):
    done = subprocess.run([os.path.join(TOP, "tools/incident.py"), "--seconds", "8", "--out", tmp_path,
                           "--reqscope", reqscope.BINARY], capture_output=True, stdin=subprocess.DEVNULL, timeout=300)
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
    text = (tmp_path / "incident.md").read_text()
    for said in (r"REQSCOPE OK", r"REQSCOPE CRITICAL", r"rollback +systemctl start shop@2\.3\.0",
                 r"GET /orders/\{order_id\}: [^:]*beyond\s+noise", r"2\.3\.0 -> 2\.4\.0", r"\[exit code 1\]", r"\[exit code 2\]"):
        assert re.search(said, text), (said, text)
    assert "/tmp/" not in text and TOP not in text
    assert (tmp_path / "incident.html").stat().st_size > 10000


def test_page_is_a_run_of_it():
    """docs/incident.md is what the script wrote, not what somebody made up: it has the script's own words."""
    with open(os.path.join(TOP, "docs/incident.md")) as f:
        page = f.read()
    with open(os.path.join(TOP, "tools/incident.ini")) as f:
        assert f.read().rstrip() in page
    commands = re.findall(r"^\$ (.*)$", page, re.M)
    assert len(commands) >= 12
    verbs = {c.split()[1] for c in commands if c.startswith("reqscope ")}
    assert {"record", "check", "top", "summary", "trace", "diff", "report"} <= verbs
