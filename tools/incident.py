#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""One incident from its first minute to the note after it, on a real uvicorn: `make incident`.

A good version of a shop runs; a bad one is deployed; reqscope is asked what a person on call asks. Everything
that it prints goes into OUT/incident.md, which is docs/incident.md when OUT is the docs' own run.

    tools/incident.py [--out DIR] [--reqscope PATH] [--seconds N]   N: length of each stage, default 12

Loopback only; whatever is started here is ended here, by pid. Exits with 0 when every step said what it must.
"""
import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import demo_load

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CLIENTS = 8


class Failed(Exception):
    pass


def must(true, what):
    if not true:
        raise Failed(what)


def wait_for(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while not (value := condition()):
        must(time.monotonic() < end, f"{what}: not within {seconds} s")
        time.sleep(0.05)
    return value


# --- the shop and its clients

class Shop:
    """uvicorn with one version of the shop, always on the same port."""

    def __init__(self, port, version, log):
        env = dict(os.environ, APP_VERSION=version, PYTHONDONTWRITEBYTECODE="1")
        self.proc = subprocess.Popen(
            ["/usr/bin/python3", "-m", "uvicorn", "incident:app",
             "--host", "127.0.0.1", "--port", str(port), "--loop", "uvloop", "--http", "httptools",
             "--no-access-log", "--log-level", "critical"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, cwd=os.path.join(TOP, "tests/apps"))
        must(demo_load.wait_listening(port, self.proc.pid) == 0, f"shop {version} did not start")

    def stop(self):
        if self.proc.poll() is None:
            self.proc.terminate()
            try:
                self.proc.wait(5)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait()


def requests(dice):
    while True:
        roll, n = dice.random(), dice.randrange(1, 5000)
        if roll < 0.35:
            yield b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n"
        elif roll < 0.65:
            yield b"GET /orders/%d HTTP/1.1\r\nHost: shop\r\nCookie: session=1\r\n\r\n" % n
        elif roll < 0.85:
            yield b"GET /users/%d HTTP/1.1\r\nHost: shop\r\n\r\n" % n
        elif roll < 0.997:
            body = b'{"discount": %d}' % n
            yield (b"POST /checkout HTTP/1.1\r\nHost: shop\r\nCookie: session=1\r\n"
                   b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        else:
            yield b"GET /export HTTP/1.1\r\nHost: shop\r\n\r\n"


class Clients(threading.Thread):
    """Keep-alive clients that connect again when the shop is restarted."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.over, self.answered = port, threading.Event(), 0

    async def one(self, seed):
        dice = random.Random(seed)
        mix = requests(dice)
        while not self.over.is_set():
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                alive = True
                while alive and not self.over.is_set():
                    writer.write(next(mix))
                    alive = await demo_load.response(reader)
                    self.answered += 1
                    await asyncio.sleep(dice.expovariate(1 / 0.02))
                writer.close()
            except (OSError, EOFError):
                await asyncio.sleep(0.05)

    async def all(self):
        await asyncio.gather(*(self.one(seed) for seed in range(CLIENTS)))

    def run(self):
        asyncio.run(self.all())

    def stop(self):
        self.over.set()
        self.join(10)


# --- reqscope, and the page

class Page:
    """The walk as it is written: commands with what they printed, and the words between them."""

    def __init__(self, reqscope, workdir):
        self.reqscope, self.dir, self.parts = reqscope, workdir, []

    def say(self, text):
        self.parts.append(text.strip("\n") + "\n")

    def block(self, command, output, note=""):
        body = ("\n".join(output) if isinstance(output, list) else output).rstrip("\n")
        self.parts.append("```console\n$ " + command + "\n" + body + ("\n" if body else "") + note + "```\n")

    def run(self, *args, want=0, shown=None, show=True, keep=None):
        """Runs reqscope; the exit code must be `want`. keep: a function that chooses what is shown."""
        out = subprocess.run([self.reqscope, *map(str, args)], cwd=self.dir, stdin=subprocess.DEVNULL,
                             capture_output=True, env=dict(os.environ, LC_ALL="C.UTF-8"), timeout=180)
        text = out.stdout.decode()
        must(out.returncode == want, f"reqscope {' '.join(map(str, args))} exited with {out.returncode}, not {want}: "
             f"{out.stderr.decode()}\n{text}")
        if show:
            note = f"[exit code {want}]\n" if want else ""
            self.block(shown or "reqscope " + " ".join(map(str, args)), keep(text) if keep else text, note)
        return text

    def start(self, *args):
        """A reqscope that stays; returns once it is attached."""
        err = open(os.path.join(self.dir, f"stderr-{args[0]}"), "w+b")
        proc = subprocess.Popen([self.reqscope, *map(str, args)], cwd=self.dir, stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=err)

        def attached():
            must(proc.poll() is None, f"reqscope {args[0]} ended: {open(err.name).read()}")
            return b"attached" in open(err.name, "rb").read()
        wait_for(attached, f"reqscope {args[0]} attaches")
        self.parts.append("```console\n$ reqscope " + " ".join(map(str, args)) + " &\n```\n")
        return proc

    def text(self):
        return "\n".join(self.parts)


def screen(page, port, size, ready, keys=()):
    """The live screen in a terminal of that size, as tmux sees it."""
    columns, lines = size
    socket = os.path.join(page.dir, f"tmux-{columns}")

    def tmux(*args):
        return subprocess.run(["tmux", "-S", socket, *args], capture_output=True, text=True, check=False,
                              env=dict(os.environ, TERM="xterm-256color", LC_ALL="C.UTF-8")).stdout
    tmux("-f", "/dev/null", "-u", "new-session", "-d", "-x", str(columns), "-y", str(lines),
         f"{page.reqscope} top --port {port}")
    try:
        wait_for(lambda: ready(tmux("capture-pane", "-p")), "the screen shows it")
        for key in keys:
            before = tmux("capture-pane", "-p")
            tmux("send-keys", key)
            wait_for(lambda: tmux("capture-pane", "-p") != before, f"key {key} changes the screen")
        text = tmux("capture-pane", "-p")
        tmux("send-keys", "q")
        return text
    finally:
        tmux("kill-server")


# --- the story

def chosen(lines, wanted, n):
    """The first n JSON lines for which wanted() is true."""
    found = [line for line in lines if wanted(json.loads(line))][:n]
    return found


def messages(lines):
    rows = [json.loads(line) for line in lines]
    return [json.dumps({k: r[k] for k in ("ts", "level", "message")}, separators=(",", ":"), ensure_ascii=False)
            for r in rows if "message" in r]


def tell(page, port, shop, seconds, log):
    page.say(f"""
# One incident, from the first minute to the note after it

A shop runs under uvicorn. What follows happened on a real machine: `make incident` plays it again, and every
command, screen and file below is what it printed in its last run.

## Before: a recorder and a log that cost next to nothing

Two things run all the time: a flight recorder, which keeps the last half hour in a folder of bounded size, and a
log with a line for each slow or failed request and one summary a minute (here: every 5 seconds). Both follow the
port, so a restart does not end them.
""")
    recorder = page.start("record", "--port", port, "--keep", "30m", "--max-size", "64M", "-o", "recorder",
                          "--log", "shop.log", "--log-requests", "problems", "--log-interval", "5",
                          "--slo-ms", "100", "--slo-quantile", "0.99")
    stay = [recorder]
    try:
        time.sleep(seconds)  # the shape of this story: a good version runs for a while
        page.say("The monitoring asks every minute, and all is well:")
        page.run("check", "-c", "shop.ini", "--port", port, "-d", "4")
        page.say("## Version 2.4.0 is deployed\n\nSoon after, the pager rings. The check has gone critical:")
        shop[0].stop()
        shop[0] = Shop(port, "2.4.0", log)
        time.sleep(seconds)  # and a bad one does
        text = page.run("check", "-c", "shop.ini", "--port", port, "-d", "6", want=2)
        must("CRITICAL" in text and "rollback" in text and "[orders]" not in text, "the check names what to do")
        page.say("The words beside the measurement are those somebody wrote into `shop.ini` in daylight:")
        page.parts.append("```ini\n" + open(os.path.join(page.dir, "shop.ini")).read().rstrip() + "\n```\n")
        page.say("## The first look\n\nOne command, one second, nothing in the service is touched:")
        top = screen(page, port, (80, 24), lambda t: "/orders/{order_id}" in t and "/checkout" in t)
        page.block(f"reqscope top --port {port}", top)
        page.say("A wide terminal shows more; `Enter` on a route shows its histogram, phases and slowest requests:")
        wide = screen(page, port, (160, 50), lambda t: "/orders/{order_id}" in t and "/export" in t, ("Enter",))
        page.block(f"reqscope top --port {port}", wide)
        page.say("## Where does the time go\n\nThe same as a text to paste into the incident's channel:")
        page.run("summary", "--port", port, "-d", "6")
        page.say("And the slowest requests, live, one line each:")
        text = page.run("trace", "--port", port, "-d", "3", "--slow", "75", show=False)
        page.block(f"reqscope trace --port {port} --slow 75 -d 3", "\n".join(text.splitlines()[:9]))
        must("GET  /" in text, "slow requests are traced")
        page.say("The log tells the same story without anybody having looked: the failed requests,")
        wait_for(lambda: any('"reqscope.summary/1"' in x and '"erroring"' in x
                             for x in open(os.path.join(page.dir, "shop.log"))), "the log says erroring")
        lines = open(os.path.join(page.dir, "shop.log")).read().splitlines()
        page.block("jq -c 'select(.status >= 500)' shop.log | head -2",
                   chosen(lines, lambda j: j.get("status") and isinstance(j["status"], int) and j["status"] >= 500, 2))
        page.say("and the summary lines, of which each stands alone:")
        page.block("jq -c 'select(.message) | {ts, level, message}' shop.log | tail -3", messages(lines)[-3:])
        page.say("## What did the deploy change\n\nThe recorder was running before it, so before and after can be "
                 "compared: with a test that knows that requests close in time resemble each other.")
        time.sleep(2)  # its last second is on disk
        text = page.run("diff", "recorder", want=1)
        must("/orders/{order_id}" in text, "the comparison names the route")
        page.say("## Rolled back\n\n`systemctl start shop@2.3.0`, as the note said:")
        shop[0].stop()
        shop[0] = Shop(port, "2.3.0", log)
        time.sleep(seconds)
        page.run("check", "-c", "shop.ini", "--port", port, "-d", "4")
    finally:
        for proc in stay:
            proc.send_signal(signal.SIGINT)
            proc.wait(20)
    page.say("""
## Afterwards: the note

The recorder's folder holds the whole incident, with both deploys and what each of them changed:
""")
    size = sum(os.path.getsize(os.path.join(page.dir, "recorder", f)) for f in os.listdir(os.path.join(page.dir, "recorder")))
    text = page.run("report", "recorder")
    must("worse: " in text and "better: " in text, "the report compares both deploys")
    page.say("and as one page to attach, with a heat map of latency over time and the deploys marked in it:")
    page.run("report", "recorder", "--format", "html", "-o", "incident.html")
    must(os.path.getsize(os.path.join(page.dir, "incident.html")) > 10000, "the page is there")
    page.say(f"The folder took {size / 1024:.0f} KiB.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", default=os.path.join(TOP, os.environ.get("O", "build"), "incident"))
    parser.add_argument("--reqscope", default=os.path.join(TOP, os.environ.get("O", "build"), "reqscope"))
    parser.add_argument("--seconds", type=float, default=12)
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    work = tempfile.mkdtemp(prefix="reqscope-incident-")
    bin_dir = os.path.join(work, "bin")
    os.mkdir(bin_dir)
    os.symlink(os.path.abspath(args.reqscope), os.path.join(bin_dir, "reqscope"))
    shutil.copy(os.path.join(TOP, "tools/incident.ini"), os.path.join(work, "shop.ini"))
    page = Page(os.path.join(bin_dir, "reqscope"), work)
    port = demo_load.free_port()
    log = open(os.path.join(work, "shop.stderr"), "ab")
    shop = [Shop(port, "2.3.0", log)]
    clients = Clients(port)
    clients.start()
    try:
        tell(page, port, shop, args.seconds, log)
    except Failed as e:
        print(f"incident: {e}", file=sys.stderr)
        return 1
    finally:
        clients.stop()
        shop[0].stop()
        with open(os.path.join(args.out, "incident.md"), "w") as f:
            f.write(page.text().replace(bin_dir + "/", ""))
        for name in ("shop.log", "incident.html", "shop.ini"):
            if os.path.exists(os.path.join(work, name)):
                shutil.copy(os.path.join(work, name), args.out)
        shutil.rmtree(os.path.join(args.out, "recorder"), ignore_errors=True)
        if os.path.isdir(os.path.join(work, "recorder")):
            shutil.copytree(os.path.join(work, "recorder"), os.path.join(args.out, "recorder"))
        shutil.rmtree(work, ignore_errors=True)
    print(f"incident: {clients.answered:,} requests, the walk is in {os.path.relpath(args.out)}/incident.md, "
          "the page beside it in incident.html")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
