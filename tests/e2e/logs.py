# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the tests of --log share: traffic, a reader that checks every line, and runs that have a log."""
import json
import os

import jsonschema
import pytest

import reqscope
from client import Job

MIX = [Job("GET", f"/items/{i}", "/items/{id}") for i in range(10)] + \
    [Job("GET", "/sleep/120", "/sleep/{id}") for _ in range(3)] + \
    [Job("GET", f"/status/{c}", "/status/{id}") for c in (204, 404, 404, 500, 503)] + \
    [Job("POST", "/echo", kw={"body": b"s3cret"}), Job("GET", "/fast?q=s3cret", "/fast")]
# Their lines are long: some 1,300 of them are more than a log holds back.
LONG = "/" + "/".join(["segment"] * 50)
FLOOD = [Job("GET", LONG) for _ in range(3000)]

# Debian's jsonschema joins references to no URN; to it, the files are at a host that is none.
URN, URL = "urn:reqscope:schema:", "http://schema.invalid/"
SCHEMAS = {s["$id"]: s for s in (json.loads(json.dumps(reqscope.schema(f"{name}.schema.json")).replace(URN, URL))
                                 for name in ("log", "trace", "summary"))}
VALID = {kind: jsonschema.Draft7Validator(
    {"$ref": f"{URL}log:1#/definitions/{kind}"},
    resolver=jsonschema.RefResolver("", {}, store=SCHEMAS)) for kind in ("request", "interval", "brief")}
KINDS = {"reqscope.trace/1": "request", "reqscope.summary/1": "interval", "reqscope.log/1": "brief"}


def check_row(row):
    VALID[KINDS[row["schema"]]].validate(row)
    if "verdict" in row:
        reqscope.check_ledger(row)
        assert row["message"].startswith(row["verdict"]["state"] + ": " + row["verdict"]["reasons"][0])
    else:
        reqscope.check_phases(row)
    return row


def parse(data):
    """The rows of a log, each checked; the last line is whole too."""
    assert data == b"" or data.endswith(b"\n"), data[-200:]
    assert b"s3cret" not in data
    return [check_row(json.loads(line)) for line in data.decode("utf-8").splitlines()]


def parse_file(path):
    with open(path, "rb") as f:
        return parse(f.read())


def requests(rows, event="end"):
    return [r for r in rows if r["schema"] == "reqscope.trace/1" and r["event"] == event]


def intervals(rows):
    return [r for r in rows if "verdict" in r]


def dropped(rows):
    return sum(r.get("dropped_lines", 0) for r in rows)


def keys(rows):
    return sorted((r["method"], r["path"], r.get("status", 0)) for r in rows)


def wanted(truth, keep=lambda r: True):
    return sorted((r.method, r.path, r.status) for r in truth.records if keep(r))


def lines_in(path):
    try:
        with open(path, "rb") as f:
            return f.read().count(b"\n")
    except OSError:
        return 0


@pytest.fixture
def logged(server, tmp_path):
    """Starts a summary with a log; what it prints itself goes to a file."""
    def start(to, *options, **kw):
        return reqscope.summary("-p", server.pid, "-o", tmp_path / "out.json", "--log", to, *options, **kw)
    return start


@pytest.fixture
def within(monkeypatch, tmp_path):
    """Runs reqscope where `setup` (a shell command) has changed the mounts."""
    if os.geteuid():
        pytest.skip("not root: no mount namespace of its own")

    def use(setup):
        script = tmp_path / "reqscope-within"
        inside = f"""'{setup} && exec "$0" "$@"'"""
        script.write_text(f"""#!/bin/sh\nexec unshare -m sh -c {inside} {reqscope.BINARY} "$@"\n""")
        script.chmod(0o755)
        monkeypatch.setattr(reqscope, "BINARY", str(script))
    return use


def refused(server, tmp_path, to):
    done = reqscope.run("summary", "-p", server.pid, "-d", 1, "-o", tmp_path / "out.json", "--log", to)
    assert b"attached" not in done.stderr and not (tmp_path / "out.json").exists()
    return done.returncode, done.stderr.decode()
