# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The live screen in a real terminal emulator: keys are sent, what is shown is read back."""
import os
import re
import signal

import pytest

import reqscope
from client import Conn, Job, run_jobs
from servers import Stack, wait_for
from terminal import Screen, Terminal, says_state

pytestmark = pytest.mark.usefixtures("bpf")


@pytest.fixture
def screen(tmp_path):
    """Makes screens; they are gone when the test ends."""
    made = []

    def new(*args, **kw):
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Screen(folder, *args, **kw))
        return made[-1]

    yield new
    for s in made:
        s.__exit__()


def top(server, *args):
    return ("top", "-p", server.pid, *args)


def some_traffic(server, truth):
    """/sleep takes the most time, /items comes the most often, /status fails."""
    jobs = [Job("GET", f"/items/{i}") for i in range(40)] + [Job("GET", f"/sleep/{ms}") for ms in range(20, 40, 2)]
    jobs += [Job("GET", "/status/500") for _ in range(4)] + [Job("GET", "/status/404") for _ in range(3)]
    run_jobs(server.address, jobs, truth)
    return len(jobs)


def route_rows(s):
    """The panel's routes, from above."""
    return [m[1] for line in s.lines() if (m := re.match(r"GET  (/\S+)", line))]


def chosen(s):
    """The route whose row is in reverse."""
    return next((line.split()[1] for line in s.marked() if line.startswith("GET")), None)


# --- what is shown

def test_80x24(screen, server, truth):
    s = screen()
    s.start(*top(server, "--window", "all"))
    n = some_traffic(server, truth)
    s.wait_text(f"{n} ok", "/items/{id}", "/sleep/{id}", "/status/{id}")
    lines = s.lines()
    assert len(lines) == 24 and max(map(len, lines)) <= 80
    assert lines[0].startswith("ERRORING")
    assert re.search(r"^target    uvicorn app:app +port \d+ .*since start, \d+ s +\d\d:\d\d:\d\d UTC$", s.text(), re.M)
    labels = [line.split()[0] for line in lines if line]
    assert [word for word in labels if word in ("requests", "errors", "latency", "open", "time")] == \
        ["requests", "errors", "latency", "open", "time"]
    assert re.search(r"^errors    7 % .*4 5xx   3 4xx", s.text(), re.M)
    assert re.search(r"^latency   p99 \d.* p50 .* p90 ", s.text(), re.M)
    assert re.search(r"^time      .*queue .* % .*recv .* % .*app .* % .*send .* %$", s.text(), re.M)
    assert " Routes 3 " in s.text()
    assert lines[-1].startswith("q quit  h help") and lines[-1].endswith("1 2 3 window")
    row = next(line for line in lines if line.startswith("GET  /status/{id}"))
    assert row.split()[-2:] == ["4", "3"]  # 5xx, 4xx


def test_sparklines(screen, server, truth):
    """What a second held is to be seen in the graphs once it is over, and stays."""
    s = screen()
    s.start(*top(server))
    some_traffic(server, truth)
    s.wait_pattern(r"^requests +\S+ .*[▂▃▄▅▆▇█]")
    s.wait_pattern(r"^errors +\d\S* % .*[▂▃▄▅▆▇█]")
    s.wait_pattern(r"^latency +p99 \S+ ms .*[▂▃▄▅▆▇█]")


def test_sizes(screen, server, truth):
    """From a wide one to a smallest of a single cell and back: it fills what there is, and no more."""
    s = screen(160, 50)
    s.start(*top(server, "--window", "all"))
    n = some_traffic(server, truth)
    s.wait_text(f"{n} ok", "how long answers take", "dropped", "p99.9")
    assert len(s.lines()) == 50 and any(len(line) > 120 for line in s.lines())
    for columns, lines in ((20, 5), (10, 2), (1, 1), (40, 12), (80, 24), (200, 60), (80, 24)):
        s.resize(columns, lines)
        if columns < 20:
            s.wait(lambda s, c=columns: "ERRORING".startswith(s.lines()[0]), "the beginning of the verdict")
            continue
        s.wait(lambda s, n=lines: len(s.lines()) == n and s.lines()[0].startswith("ERRORING"), "a screen that fits")
        s.wait_pattern(r"^requests  ")
        assert max(map(len, s.lines())) <= columns
    s.wait_text("1 2 3 window", "/items/{id}")
    s.keys("q")
    s.check_restored()


def test_20x5(screen, server, truth):
    s = screen(20, 5)
    s.start(*top(server))
    assert says_state(s.lines()[0])
    for key in ("Enter", "h", "Down", "Tab", "o", "End", "NPage", "s", "Space", "3", "r", "Enter", "Escape", "h", "x"):
        s.keys(key)
    s.wait(lambda s: s.drawn(), "the screen")
    s.keys("q")
    s.wait_ended()
    s.check_restored()


def test_no_colour_no_utf8(screen, server, truth):
    s = screen(NO_COLOR="1", LC_ALL="C")
    s.start(*top(server))
    some_traffic(server, truth)
    s.wait_text("/items/{id}")
    assert s.text().isascii()
    codes = {code for line in s.lines("-e") for m in re.finditer(r"\x1b\[([\d;]*)m", line) for code in m[1].split(";")}
    assert not codes & {str(c) for c in (*range(30, 38), *range(90, 98), *range(40, 48))}, codes


def test_colour(screen, server, truth):
    s = screen()
    s.start(*top(server))
    some_traffic(server, truth)
    s.wait(lambda s: re.match(r"\x1b\[\S*31\S*m.*ERRORING", s.lines("-e")[0]), "the verdict in red")


def test_no_flicker(server, truth):
    """From one second to the next only what has changed is written, and nothing is cleared."""
    with Terminal(*top(server, "--window", "all")) as t:
        t.wait_text(lambda text: "1 2 3" in text)
        some_traffic(server, truth)
        t.wait_text(lambda text: "/items/{id}" in text)
        whole = len(t.text)
        t.wait_text(lambda text: text[whole:].count("\x1b[") > 20)
        later = t.text[whole:]
        assert not re.search(r"\x1b\[[0-3]?J|\x1b\[\?1049h", later), later
        assert "quit" not in later  # the bottom line never changes
        t.type("q")
        assert t.wait_end() == 0
        t.check_restored()


def test_long_window(screen, server, truth):
    s = screen()
    s.start(*top(server, "--window", "5m", "--sort", "rate"))
    n = some_traffic(server, truth)
    s.wait_text(f"{n} ok", "by rate", "last ")
    s.keys("1", "2")
    s.wait_text(f"{n} ok")


def test_wide_characters(screen, server, truth, connect):
    """Those that take two columns move nothing."""
    s = screen()
    s.start(*top(server))
    connect().request("GET", "/\u8def\u5f84".encode() + "\u6f22".encode() * 60, route="x")
    s.wait(lambda s: any(line.startswith("GET  /") for line in s.lines()), "its route")
    row = next(line for line in s.lines() if line.startswith("GET  /"))
    assert re.search(r" 100 % +\S+/s +\S+ \S+ +\S+ \S+ +\S+ \S+ +0 +\d$", row), row


def test_hostile_path(screen, server, truth, connect):
    """Bytes from the wire do not reach the terminal as they are."""
    s = screen(120, 30)
    s.start(*top(server))
    conn = connect()
    conn.request("GET", b"/raw/\xc2\x9b2J\xff\xe2\x80\xae", route="x")
    s.wait(lambda s: len(route_rows(s)) == 1, "its route")
    s.keys("Enter")
    s.wait_text("slowest", r"/raw/\xc2\x9b2J\xff\xe2\x80\xae")
    assert says_state(s.lines()[0])


# --- keys

def test_sort(screen, server, truth):
    s = screen()
    s.start(*top(server, "--window", "all", "--sort", "errors"))
    some_traffic(server, truth)
    s.wait(lambda s: route_rows(s)[:1] == ["/status/{id}"] and len(route_rows(s)) == 3, "by errors")
    assert "by errors" in s.text()
    for key, first in (("t", "/sleep/{id}"), ("e", "/status/{id}"), ("R", "/items/{id}"), ("p", "/sleep/{id}")):
        s.keys(key)
        s.wait(lambda s, first=first: route_rows(s)[0] == first, f"{first} first after {key}")


def test_choice_follows_the_route(screen, server, truth):
    s = screen()
    s.start(*top(server, "--window", "all"))
    some_traffic(server, truth)
    s.wait(lambda s: len(route_rows(s)) == 3 and chosen(s) == "/sleep/{id}", "three routes")
    s.keys("G")
    s.wait(lambda s: chosen(s) == route_rows(s)[2], "the last is chosen")
    route = chosen(s)
    for key in ("e", "R", "t", "s"):
        s.keys(key)
        s.wait(lambda s, by={"e": "errors", "R": "rate", "t": "time", "s": "rate"}[key]: f"by {by}" in s.text(), key)
        assert chosen(s) == route
    s.keys("g")
    s.wait(lambda s: chosen(s) == route_rows(s)[0], "the first is chosen")
    s.keys("Down")
    s.wait(lambda s: chosen(s) == route_rows(s)[1], "the second")
    s.keys("Up")
    s.wait(lambda s: chosen(s) == route_rows(s)[0], "the first")


def test_detail(screen, server, truth):
    s = screen()
    s.start(*top(server, "--window", "all", "--sort", "errors"))
    some_traffic(server, truth)
    s.wait(lambda s: route_rows(s)[:1] == ["/status/{id}"] and s.text().count("{id}") >= 3, "the routes")
    s.keys("Enter")
    s.wait_text("GET  /status/{id}", "7 ended", "404: 3   500: 4", "p50 ", "where the time goes", "how long answers take",
                "slowest, UTC", "1 of 3 by errors")
    paths = [line.split()[-1] for line in s.lines() if re.match(r"\d\d:\d\d:\d\d\.\d{3} ", line)]
    assert len(paths) >= 3 and set(paths) <= {"/status/404", "/status/500"}  # what was raised has lines, too
    s.keys("Down")  # the next route, without going back
    s.wait_text("GET  /sleep/{id}", "10 ended", "200: 10", "/sleep/38")
    totals = [float(m[1]) for line in s.lines() if (m := re.match(r"\d\d:\d\d:\d\d\.\d{3} +(\S+) ms ", line))]
    assert len(totals) == 5 and totals == sorted(totals, reverse=True) and totals[0] >= 36
    assert max(map(len, s.lines())) <= 80
    s.keys("Escape")
    s.wait_text("by errors", "Workers")
    s.keys("Enter")
    s.wait_text("slowest, UTC")
    s.keys("q")
    s.wait_text("Workers", "q quit")
    assert s.alternate()


def test_open_and_workers(screen, launch, truth):
    server = launch(Stack(workers=2, tag="top"))
    s = screen()
    s.start(*top(server))
    with Conn(server.address, truth) as conn:
        record = server.hang(conn)
        s.keys("o")
        s.wait_text("GET  /hang", " Open 1 ", "age  phase")
        # from one second on with the place where it waits
        assert re.search(r"^ +\d\S* m?s +app +\d+  GET  /hang(  +app\.py:\d+ hang.*)?$", s.text(), re.M), s.text()
        s.keys("Tab")
        s.wait_text("oldest open", " in app")
        pids = {int(m[1]) for line in s.lines() if (m := re.match(r" +(\d+) +\d", line))}
        assert pids and pids <= set(server.worker_pids()), s.text()
        assert " Workers 2" in s.text() and len(pids) == 2
        s.keys("r")
        s.wait_pattern("^route ")
        server.leave(conn, record)
    s.keys("BTab", "BTab")
    s.wait_text("no request is open", " Open 0 ")


def test_stuck(screen, server, truth, connect):
    s = screen()
    s.start(*top(server, "--stuck-ms", "300"))
    conn = connect()
    record = server.hang(conn)
    s.wait(lambda s: s.lines()[0].startswith("STUCK"), "the verdict")
    server.leave(conn, record)


def test_pause(screen, server, truth):
    """The screen stands still, can still be walked through, and knows all when it goes on."""
    s = screen()
    s.start(*top(server, "--window", "all"))
    n = some_traffic(server, truth)
    s.wait_text(f"{n} ok")
    s.keys("Space")
    s.wait_text(" PAUSED ")
    before = s.lines()
    run_jobs(server.address, [Job("GET", "/sleep/1300"), Job("GET", "/fast")], truth)  # longer than a tick
    assert s.lines() == before
    s.keys("h")
    s.wait_text("any key goes back")
    s.keys("x")
    s.wait(lambda s: s.lines() == before, "the same as before")
    s.keys("Down", "Enter")
    s.wait_text("slowest, UTC", " PAUSED ")
    s.keys("Escape", "Up", "Space")
    s.wait_text(f"{n + 2} ok", "/fast")
    assert "PAUSED" not in s.text()


def test_window(screen, server, truth):
    s = screen()
    s.start(*top(server))
    n = some_traffic(server, truth)
    s.wait_text(f"{n} ok", "last ")
    s.keys("3")
    s.wait_text("since start, ", f"{n} ok")
    s.keys("2")
    s.wait_pattern(r"last \d+ s ")
    s.keys("1")
    s.wait(lambda s: "last 10 s" in s.text() and "  0 ok" in s.text(), "the window has passed", 25)
    s.keys("2")
    s.wait_text(f"{n} ok")  # the last minute still knows of them


def test_help(screen, server):
    s = screen()
    s.start(*top(server))
    s.keys("?")
    s.wait_text("any key goes back", "since the start", "Ctrl-Z")
    assert max(map(len, s.lines())) <= 80 and len(s.lines()) <= 24
    s.keys("q")
    s.wait(lambda s: s.drawn(), "the screen again")


# --- its end

def by_key(key):
    return lambda s: s.keys(key)


def by_signal(sig):
    return lambda s: os.kill(s.pid(), sig)


@pytest.mark.parametrize("leave, code", [
    (by_key("q"), 0), (by_key("C-c"), 0), (by_signal(signal.SIGINT), 0), (by_signal(signal.SIGTERM), 0),
    (by_signal(signal.SIGHUP), 0), (by_signal(signal.SIGSEGV), 128 + signal.SIGSEGV),
    (by_signal(signal.SIGABRT), 128 + signal.SIGABRT), (by_key("C-\\"), 128 + signal.SIGQUIT),
], ids=["q", "ctrl-c", "int", "term", "hup", "segv", "abrt", "quit"])
def test_terminal_is_restored(screen, server, leave, code):
    s = screen()
    s.start(*top(server))
    leave(s)
    s.wait_ended(code)
    s.check_restored()


def test_suspend(screen, server, truth):
    """Ctrl-Z gives the terminal back; fg takes it again, also after it has changed its size."""
    s = screen()
    s.start(*top(server))
    s.keys("C-z")
    s.wait_text("Stopped")
    s.check_restored()
    s.resize(100, 30)
    s.run("fg")
    s.wait(lambda s: s.drawn() and len(s.lines()) == 30, "the screen again, larger")
    some_traffic(server, truth)
    s.wait_text("/items/{id}")
    s.keys("q")
    s.check_restored()


def test_parent_killed(screen, server):
    """What had started it is killed, and the shell takes the terminal back: it ends, and is in nobody's way.
    (What the shell said until then went to the other screen.)"""
    s = screen()
    s.start(*top(server), before="sh -c '", after="; true'")
    pid = s.pid()
    with open(f"/proc/{pid}/stat") as f:
        os.kill(int(f.read().rsplit(")", 1)[1].split()[1]), signal.SIGKILL)
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "reqscope ends", 10)
    s.wait(lambda s: not s.alternate(), "the other screen is left")
    s.keys("Enter")
    s.check_restored()


def test_terminal_closed(screen, server):
    s = screen()
    s.start(*top(server))
    pid = s.pid()
    s.tmux("kill-server", check=False)
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "reqscope ends", 10)


def test_target_goes(screen, launch):
    """The server ends under it: that ends it too, with the terminal whole."""
    server = launch(Stack(tag="top"))
    s = screen()
    s.start(*top(server))
    server.terminate()
    s.wait_pattern(r"^ended=[05]$")
    s.check_restored()


def test_down_and_up_again(screen, launch):
    """With --port it waits for the next one, and says so."""
    server = launch(Stack(tag="top-port"))
    s = screen()
    s.start("--port", server.port)
    server.terminate()
    s.wait(lambda s: s.lines()[0].startswith("DOWN"), "the verdict")
    launch(Stack(tag="top-port2"), port=server.port)
    s.wait(lambda s: re.match("UP|IDLE", s.lines()[0]), "the verdict")
    s.wait_pattern(r"^deploy +\d\d:\d\d:\d\d UTC +pid \d+ -> \d+")
    s.keys("q")
    s.wait_ended()
    s.check_restored()


def test_top_is_the_default(screen, server):
    s = screen()
    s.start("-p", server.pid)
    s.keys("q")
    s.wait_ended()
    s.check_restored()


# --- where no screen can be

@pytest.mark.parametrize("term", ["dumb", "no-such-terminal"])
def test_terminal_without_a_screen(server, truth, term):
    """One summary after the other, and why; nothing moves a cursor."""
    with Terminal(*top(server), TERM=term) as t:
        t.wait_text(lambda text: "no live screen on this terminal" in text)
        run_jobs(server.address, [Job("GET", "/fast") for _ in range(5)], truth)
        t.wait_text(lambda text: "/fast" in text and text.count("dropped") > 1)
        t.type("q\n")
        assert t.wait_end() == 0
        t.check_restored()
        assert "\x1b" not in re.sub(r"\x1b\[[\d;]*m", "", t.text)


def test_no_terminal(server, truth):
    """Into a pipe: one summary after the other, like vmstat."""
    with reqscope.Reqscope(*top(server)) as scope:
        run_jobs(server.address, [Job("GET", "/fast") for _ in range(5)], truth)
        assert scope.out.wait(lambda line: b"/fast" in line, 10)
        out = scope.finish()
    assert b"\x1b" not in out
