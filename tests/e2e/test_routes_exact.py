# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Routes as the app defines them, read from the interpreter: compared with what an equal app says itself."""
import http.client
import json
import os
import shutil
import subprocess

import pytest

import pythons
import reqscope
from servers import APPS, PYTHON, Stack, wait_for

pytestmark = pytest.mark.usefixtures("bpf")

HERE = "127.0.0.1"
ROUTED = os.path.join(APPS, "routed.py")
PATHS = """/ /pid /items/7 /items/x /items/ /decorated/a /method /class/1 /partial
/v1/users/me /v1/users/9 /v1/users/9/posts/3 /v1/shop/orders/4 /legacy/v1/users/me /legacy/v1/users/8/posts/1
/legacy/v1/shop/orders/x /int/4/f/2.5 /int/4/f/2. /int/x/f/y /mix/a-b.json /mix/a-b-c.json /mix/a.json
/uuid/12345678-1234-1234-1234-123456789abc /uuid/1234 /files/a/b%20c/d /files/ /%C3%A9/z
/sub/acme/ /sub/acme /sub/acme/things/3 /sub/acme/things/x /sub/acme/inner/deep/q /sub/acme/inner/nothing
/sub/acme/behind /sub/acme/nothing/at/all /static/routed.py /static/no/such /bare/a/b /bare /plain/x /plain/w/x
/plain/ /hosted/x /docs /openapi.json /redoc /nothing //double /v1//users /items/7/ /v1/users/%2E%2E/posts/2""".split()
PROBES = [(method, path, HERE) for path in PATHS for method in ("GET", "POST", "HEAD", "DELETE")] + \
    [("GET", path, host) for path in ("/hosted/x", "/x", "/items/7", "/sub/acme/")
     for host in ("api.example.org", "API.example.org:8000", "a.tenants.example", "tenants.example", "x.org")]
PLAIN = [(method, path, HERE) for path in ("/", "/i/7", "/i/x", "/group/a", "/group/a/b", "/group")
         for method in ("GET", "POST", "PUT")]


def truth_of(age, name, probes):
    done = subprocess.run([PYTHON[age], "-W", "ignore", os.path.join(APPS, "routed_truth.py"), name],
                          input="".join(json.dumps(p) + "\n" for p in probes), capture_output=True, text=True,
                          env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8"})
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def ask(conn, method, path, host):
    conn.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    conn.putheader("Host", host)
    conn.putheader("Content-Length", "0")
    conn.endheaders()
    answer = conn.getresponse()
    answer.read()
    return answer.status


def connection(server):
    return http.client.HTTPConnection(*server.address, timeout=20)


def ends(out):
    return [e for e in map(json.loads, out.decode().splitlines()) if e["event"] == "end"]


def traced(server, probes, *args):
    """What `trace` says of each probe, sent one after the other, and its standard error."""
    with reqscope.trace("-p", server.pid, *args) as scope:
        conn = connection(server)
        for probe in probes:
            ask(conn, *probe)
        conn.close()
        lines = ends(scope.finish())
    assert len(lines) == len(probes), scope.stderr()
    for (method, path, _), line in zip(probes, lines):
        assert (line["method"], line["path"]) == (method, path)
    return lines


def compare(probes, lines, truth):
    for probe, line, expected in zip(probes, lines, truth):
        if expected is None:  # 404, or sent on to where a slash is: nothing of the app's
            assert "place" not in line, (probe, line["route"])
            continue
        assert line["route"] == expected[0], (probe, expected, line["status"])
        assert line.get("place") == expected[1], (probe, expected)


def features(server, *args):
    with reqscope.summary("-p", server.pid, *args) as scope:
        return reqscope.parse_summary(scope.finish())["tracer"]["features"]


@pytest.mark.parametrize("name", ("app", "wrapped"))
@pytest.mark.parametrize("loop", ("asyncio", "uvloop"))
@pytest.mark.parametrize("age", ("debian", "pypi"))
def test_as_the_app_decides(pool, age, loop, name):
    server = pool.get(Stack(age=age, loop=loop, app=f"routed:{name}"))
    truth = truth_of(age, name, PROBES)
    assert sum(t is not None for t in truth) > 100
    compare(PROBES, traced(server, PROBES), truth)


@pytest.mark.parametrize("age", ("debian", "pypi"))
def test_starlette_alone(pool, age):
    server = pool.get(Stack(age=age, app="routed:plain"))
    compare(PLAIN, traced(server, PLAIN), truth_of(age, "plain", PLAIN))
    assert features(server)["routes"] == "exact: 3 from starlette"


def test_in_the_summary(pool):
    server = pool.get(Stack(app="routed:app"))
    with reqscope.summary("-p", server.pid) as scope:
        conn = connection(server)
        for i in range(5):
            ask(conn, "GET", f"/v1/users/{i}", HERE)
        conn.close()
        s = reqscope.parse_summary(scope.finish())
    (route,) = s["routes"]
    assert (route["route"], route["count"]) == ("/v1/users/{user_id}", 5)
    where, function = route["place"].rsplit(" ", 1)
    file, line = where.rsplit(":", 1)
    assert (file, function) == (ROUTED, "get_user")
    with open(ROUTED) as f:
        source = f.read().splitlines()
    assert source[int(line) - 1] == '@users.get("/{user_id}")'
    assert s["tracer"]["features"]["routes"].startswith("exact: ")
    assert s["tracer"]["features"]["insight"] == "CPython 3.11, checked in 1 of 1 processes"


@pytest.mark.parametrize("age", ("debian", "pypi"))
def test_every_worker(launch, age):
    server = launch(Stack(age=age, app="routed:app", workers=2))

    def serving():
        return len({server.serving_pid() for _ in range(10)}) == 2

    wait_for(serving, "both workers answer")
    with reqscope.trace("-p", server.pid) as scope:
        seen = set()

        def both():
            for _ in range(5):
                conn = connection(server)
                ask(conn, "GET", "/v1/users/7", HERE)
                conn.close()
                seen.add(server.serving_pid())
            return len(seen) == 2

        wait_for(both, "both workers are met")
        lines = ends(scope.finish())
    assert {line["pid"] for line in lines} == seen
    assert {line["route"] for line in lines} == {"/v1/users/{user_id}", "/pid"}
    assert all(line["place"].startswith(ROUTED + ":") for line in lines)


def test_gunicorn(launch):
    server = launch(Stack(server="gunicorn", app="routed:app", workers=2))
    (line,) = traced(server, [("GET", "/v1/shop/orders/3", HERE)])
    assert line["route"] == "/v1/shop/orders/{order_id}" and line["place"].endswith(" order")


def test_a_route_that_comes_later(launch):
    """Read again once requests come that no template has, or a list has changed."""
    server = launch(Stack(app="routed:app"))
    conn = connection(server)
    with reqscope.trace("-p", server.pid) as scope:
        ask(conn, "GET", "/grow/5", HERE)

        def known():
            ask(conn, "GET", "/grown5/x", HERE)
            return b'"/grown5/{x}"' in scope.out.bytes()

        wait_for(known, "the new route is known", step=0.1)
        lines = ends(scope.finish())
    assert {line["route"] for line in lines} == {"/grow/{n}", "/{rest}", "/grown5/{x}"}
    assert lines[-1]["route"] == "/grown5/{x}" and lines[-1]["place"].endswith(" get_user")


def test_a_worker_that_comes_later(launch):
    server = launch(Stack(app="routed:app"))
    port = server.port
    with reqscope.trace("--port", port) as scope:
        server.terminate()
        again = launch(Stack(app="routed:app", tag="again"), port=port)
        conn = connection(again)

        def known():
            ask(conn, "GET", "/v1/users/1", HERE)
            return any(e["pid"] == again.pid and "place" in e for e in ends(scope.out.bytes()))

        wait_for(known, "the new process's routes are known", step=0.1)
        conn.close()
        scope.finish()


def test_what_decides_in_its_own_way(pool):
    server = pool.get(Stack(app="routed:own"))
    with reqscope.summary("-p", server.pid) as scope:
        conn = connection(server)
        for path in ("/", "/s/abc", "/v/1"):
            ask(conn, "GET", path, HERE)
        conn.close()
        s = reqscope.parse_summary(scope.finish())
    assert s["tracer"]["features"]["routes"] == "exact: 4 from starlette, 2 uncertain"
    assert {r["route"]: r.get("uncertain", False) for r in s["routes"]} == \
        {"/": False, "/s/{x}": True, "/v/{a}": True}


def test_frontends(pool):
    """FastAPI's static frontends come last, also those of an included router."""
    server = pool.get(Stack(age="pypi", app="routed:front"))
    probes = [("GET", path, HERE) for path in ("/admin/api/7", "/admin/routed.py", "/admin", "/admin/a/b", "/other")]
    lines = traced(server, probes)
    assert [line["route"] for line in lines] == ["/admin/api/{x}", "/admin/{path}", "/admin", "/admin/{path}", "/other"]
    assert lines[0]["place"].endswith(" admin_api") and not any("place" in line for line in lines[1:])


def test_the_routes_file_goes_first(pool, tmp_path):
    server = pool.get(Stack(app="routed:app"))
    path = tmp_path / "routes.txt"
    path.write_text("GET /items/{number:int}\n")
    lines = traced(server, [("GET", "/items/7", HERE), ("GET", "/items/x", HERE)], "--routes", path)
    assert [line["route"] for line in lines] == ["/items/{number}", "/items/{item_id}"]
    assert "place" not in lines[0]


def test_no_framework(pool):
    """Raw ASGI: said so; the folding heuristic stays."""
    server = pool.get(Stack(app="raw:app"))
    (line,) = traced(server, [("GET", "/things/17", HERE)])
    assert line["route"] == "/things/{id}" and "place" not in line
    assert features(server)["routes"] == "off: the application is not Starlette or FastAPI"


def test_off(pool):
    server = pool.get(Stack(app="routed:app"))
    (line,) = traced(server, [("GET", "/items/7", HERE)], "--insight", "off")
    assert line["route"] == "/items/{id}" and "place" not in line
    told = features(server, "--insight", "off")
    assert told["routes"] == told["insight"] == "off: --insight off"


def test_no_interpreter(tmp_path):
    """A server that is not Python: one line says so, sockets go on."""
    perl = "use IO::Socket; my $l = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5) or die; " \
        "$| = 1; print $l->sockport, qq(\\n); while (my $c = $l->accept) { " \
        "while (my $line = <$c>) { last if $line =~ /^\\r?$/ } " \
        "print $c qq(HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok); close $c; }"
    proc = subprocess.Popen(["perl", "-e", perl], stdout=subprocess.PIPE, text=True)
    try:
        port = int(proc.stdout.readline())
        with reqscope.summary("-p", proc.pid) as scope:
            conn = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            assert ask(conn, "GET", "/things/3", HERE) == 200
            s = reqscope.parse_summary(scope.finish())
        assert s["requests"]["ok"] == 1 and s["routes"][0]["route"] == "/things/{id}"
        assert "no CPython from 3.8 on is mapped" in s["tracer"]["features"]["insight"]
        assert scope.stderr().count("no look into the interpreter") == 1
    finally:
        proc.kill()
        proc.wait()
        proc.stdout.close()


def test_deleted_interpreter(launch, monkeypatch, tmp_path):
    """An upgrade has replaced the files that run."""
    copy = tmp_path / "python3"
    shutil.copy(os.path.realpath(PYTHON["debian"]), copy)
    monkeypatch.setitem(PYTHON, "copy", str(copy))
    server = launch(Stack(age="copy", app="routed:app"))
    copy.unlink()
    copy.write_bytes(b"something else")
    (line,) = traced(server, [("GET", "/items/7", HERE)])
    assert line["route"] == "/items/{item_id}" and line["place"].endswith(" item")


def test_its_memory_may_not_be_read(pool, monkeypatch, tmp_path):
    """Without CAP_SYS_PTRACE: said so, sockets go on."""
    server = pool.get(Stack(app="routed:app"))
    wrapper = tmp_path / "reqscope"
    wrapper.write_text(f'#!/bin/sh\nexec setpriv --bounding-set -all,+bpf,+perfmon {reqscope.BINARY} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setattr(reqscope, "BINARY", str(wrapper))
    with reqscope.summary("-p", server.pid) as scope:
        conn = connection(server)
        ask(conn, "GET", "/items/7", HERE)
        conn.close()
        s = reqscope.parse_summary(scope.finish())
    assert s["routes"][0]["route"] == "/items/{id}" and "place" not in s["routes"][0]
    assert "CAP_SYS_PTRACE is missing" in s["tracer"]["features"]["routes"]
    assert "CAP_SYS_PTRACE is missing" in scope.stderr()


if pythons.AGES:
    @pytest.mark.parametrize("age", pythons.AGES)
    def test_other_interpreters(launch, age):
        server = launch(Stack(age=age, loop="asyncio", http="h11", app="routed:app"))
        compare(PROBES, traced(server, PROBES), truth_of(age, "app", PROBES))
