# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Interpreters that were stripped, replaced or are none: each is read rightly, or a clear line says why not."""
import http.client
import os
import shutil
import struct
import subprocess

import pytest

import insights
import reqscope
from client import Truth, run_jobs
from servers import PYTHON, Stack

pytestmark = pytest.mark.usefixtures("bpf")

SOME = ("/e/nested", "/e/in_json", "/e/sync", "/e/http_404", "/e/answered_500")
CLEAR = "reqscope: no look into the interpreter: "


def copied(tmp_path, monkeypatch):
    """A copy of Debian's interpreter, as age `copy`."""
    path = tmp_path / "python3"
    shutil.copy(os.path.realpath(PYTHON["debian"]), path)
    monkeypatch.setitem(PYTHON, "copy", str(path))
    return path


def traced(server, *options):
    """Some kinds, and what is told of them; what reqscope said."""
    record, truth = insights.Record(server), Truth()
    kinds = insights.Kinds(server)
    kinds.alone(server)
    with reqscope.trace("-p", server.pid, *options) as scope:
        run_jobs(server.address, [job for job in kinds.jobs(4 * len(kinds)) if job.route in SOME], truth)
        rows = insights.ends(scope.finish())
    assert len(rows) == len(truth.records) == 4 * len(SOME)
    return insights.check(rows, record, kinds, True), scope.stderr()


def check_told(counts):
    assert not counts.wrong
    assert counts.sum() == {"right": 16, "quiet": 4}


def check_not_told(counts):
    assert counts.sum() == {"silent": 16, "quiet": 4}


def test_stripped(launch, monkeypatch, tmp_path):
    """Without debugging symbols: those that the dynamic linker needs are there."""
    subprocess.run(["strip", "--strip-all", copied(tmp_path, monkeypatch)], check=True)
    counts, _ = traced(launch(Stack(age="copy", app="insight:app")))
    check_told(counts)


def test_replaced_on_disk(launch, monkeypatch, tmp_path):
    """An upgrade has put another file where the one that runs was."""
    path = copied(tmp_path, monkeypatch)
    server = launch(Stack(age="copy", app="insight:app"))
    path.unlink()
    path.write_bytes(b"something else")
    counts, _ = traced(server)
    check_told(counts)


def without_sections(path):
    """Takes the section headers out, as packers do: the kernel and the dynamic linker do not use them."""
    with open(path, "r+b") as f:
        head = bytearray(f.read(64))
        assert head[:5] == b"\x7fELF\x02"
        struct.pack_into("<Q", head, 40, 0)  # e_shoff
        struct.pack_into("<HHH", head, 58, 0, 0, 0)  # e_shentsize, e_shnum, e_shstrndx
        f.seek(0)
        f.write(head)


def test_without_sections(launch, monkeypatch, tmp_path):
    """Either its symbols are found all the same, or one line says that they are not."""
    without_sections(copied(tmp_path, monkeypatch))
    counts, said = traced(launch(Stack(age="copy", app="insight:app")))
    if counts.sum()["right"]:
        check_told(counts)
    else:
        check_not_told(counts)
        assert said.count(CLEAR) == 1, said


def test_off(launch):
    counts, said = traced(launch(Stack(app="insight:app")), "--insight", "off")
    check_not_told(counts)
    assert CLEAR not in said


FAKE = """
/* What an interpreter exports, without one behind it. */
const unsigned long Py_Version = 0x030b02f0;
char _PyRuntime[1 << 18] = {1}, PyContext_Type[416] = {1}, _Py_NoneStruct[16] = {1};
"""

PERL = r"""use IO::Socket; my $l = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5) or die; $| = 1;
print $l->sockport, qq(\n); while (my $c = $l->accept) { while (my $line = <$c>) { last if $line =~ /^\r?$/ }
print $c qq(HTTP/1.1 500 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno); close $c; }"""


def test_no_interpreter_behind_the_name(tmp_path):
    """A library that exports the symbols, with zeros behind them: refused with a line, sockets go on."""
    (tmp_path / "fake.c").write_text(FAKE)
    fake = tmp_path / "libpython3.11.so.1.0"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", fake, tmp_path / "fake.c"], check=True)
    proc = subprocess.Popen(["perl", "-e", PERL], stdout=subprocess.PIPE, text=True,
                            env={**os.environ, "LD_PRELOAD": str(fake)})
    try:
        port = int(proc.stdout.readline())
        with reqscope.summary("-p", proc.pid) as scope:
            conn = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            conn.request("GET", "/things/3")
            assert conn.getresponse().status == 500
            s = reqscope.parse_summary(scope.finish())
        assert s["requests"]["ok"] == 1 and s["codes"] == {"500": 1} and not s["errors"]
        told = s["tracer"]["features"]
        assert told["insight"].startswith("off: its memory is not that of a CPython known to this reqscope"), told
        assert told["errors"].startswith("off: "), told
    finally:
        proc.kill()
        proc.wait()
        proc.stdout.close()
