# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Deployments: new generations of workers are noticed, told from crashes, compared with the one before;
and whom --port, --unit and --cgroup follow."""
import datetime
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest

import reqscope
from conftest import need_age
from client import Conn, Job, Truth, run_jobs
from servers import APPS, PYTHON, children, free_port, wait_for

pytestmark = pytest.mark.usefixtures("bpf")
HASH = "0123456789abcdef0123456789abcdef01234567"
VARIABLES = ("GIT_COMMIT", "GIT_SHA", "GIT_REVISION", "COMMIT_SHA", "SOURCE_VERSION", "SOURCE_COMMIT", "RELEASE",
             "HEROKU_SLUG_COMMIT", "RELEASE_VERSION", "APP_VERSION", "SENTRY_RELEASE", "DD_VERSION",
             "OTEL_RESOURCE_ATTRIBUTES", "WEB_CONCURRENCY")


class Service:
    """A server of tests/apps/deploy.py in a working directory of its own."""

    def __init__(self, where, port=None, workers=0, cgroup=None, prefix=(), app="deploy:app", age="debian",
                 supervisor="gunicorn", before=("uvicorn",), **env):
        self.dir, self.port, self.prefix = where, port or free_port("127.0.0.1"), prefix
        self.address, self.workers = ("127.0.0.1", self.port), workers
        self.log = os.path.join(where, "server.log")
        own = supervisor == "gunicorn" and workers
        argv = [*prefix, PYTHON[age], "-m", *(self._gunicorn(app) if own else self._uvicorn(before, app))]
        env = {k: v for k, v in os.environ.items() if k not in VARIABLES} | \
            {"PYTHONPATH": APPS, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "ignore"} | env
        enter = cgroup and (lambda: open(os.path.join(cgroup, "cgroup.procs"), "w").write("0"))
        with open(self.log, "ab") as log:
            self.proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, cwd=where,
                                         preexec_fn=enter)
        self.pid = self.proc.pid

    def _uvicorn(self, before, app):
        return [*before, app, "--port", str(self.port), "--no-access-log", "--log-level", "error",
                *(["--workers", str(self.workers)] if self.workers else [])]

    def _gunicorn(self, app):
        return ["gunicorn", app, "-k", "uvicorn.workers.UvicornWorker", "-w", str(self.workers), "-b",
                f"127.0.0.1:{self.port}", "--log-level", "error", "--graceful-timeout", "2"]

    def listens(self):
        assert self.proc.poll() is None, open(self.log).read()
        with open(f"/proc/{self.pid}/net/tcp") as f:
            return re.search(r":%04X 00000000:0000 0A" % self.port, f.read())

    def ready(self):
        wait_for(self.listens, "it listens")
        return self

    def who(self, truth):
        with Conn(self.address, truth) as conn:
            return int(conn.get("/pid", headers=("Connection: close",)).text)

    def serving(self, truth, unlike=()):
        """The worker that answers, once it is none of `unlike`; 0 as long as nobody does."""
        try:
            pid = self.who(truth)
        except (OSError, ValueError):
            return 0
        return 0 if pid in unlike else pid

    def all_serving(self, truth, unlike=()):
        """The workers, once as many as there should be answer that are none of `unlike`; else nothing."""
        seen = {self.serving(truth, unlike) for _ in range(3 * self.workers)} - {0}
        return seen if len(seen) == self.workers else set()

    def stop(self, sig=signal.SIGTERM):
        family = children(self.pid) if self.proc.poll() is None else []
        if self.proc.poll() is None:
            self.proc.send_signal(sig)
        try:
            self.proc.wait(6)
        except subprocess.TimeoutExpired:
            for pid in (*family, self.pid):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.proc.wait()


@pytest.fixture
def start():
    """Starts services, each where it is told or in a new folder."""
    mine, folders = [], []

    def new(where=None, **kw):
        if where is None:
            where = tempfile.mkdtemp(prefix="reqscope-deploy-")
            folders.append(where)
        mine.append(Service(where, **kw))
        return mine[-1]

    yield new
    for service in mine:
        service.stop()
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def cgroup_mount():
    """Where cgroup2 or systemd's hierarchy is; None: nowhere that we may write."""
    with open("/proc/self/mounts") as f:
        mounts = [line.split() for line in f]
    for _, where, kind, options, *_ in sorted(mounts, key=lambda m: m[2] != "cgroup2"):
        if (kind == "cgroup2" or "name=systemd" in options.split(",")) and os.access(where, os.W_OK):
            return where
    return None


class Groups:
    """Control groups of a test; whatever is left in them is ended."""

    def __init__(self):
        self.mount, self.made = cgroup_mount(), []
        if not self.mount or os.statvfs(self.mount).f_flag & os.ST_RDONLY:
            pytest.skip("no control groups that can be written are mounted here")

    def make(self, path):
        for part in range(1, path.count("/") + 2):
            folder = os.path.join(self.mount, *path.split("/")[:part])
            if not os.path.isdir(folder):
                os.mkdir(folder)
                self.made.append(folder)
        return os.path.join(self.mount, path)

    def remove(self, folder):
        """As soon as it is empty: an ended process leaves it a moment after its parent knows."""
        def gone():
            try:
                os.rmdir(folder)
            except OSError:
                return False
            return True

        self.made.remove(folder)
        wait_for(gone, f"{folder} can be removed", 5)


@pytest.fixture
def groups(start):
    g = Groups()
    yield g
    for folder in reversed(g.made.copy()):
        with open(os.path.join(folder, "cgroup.procs")) as f:
            for pid in map(int, f.read().split()):
                os.kill(pid, signal.SIGKILL)
        g.remove(folder)


@pytest.fixture
def cgroup(groups):
    return groups.make(f"reqscope-test-{os.getpid()}")


def jobs(n):
    return [Job("GET", f"/orders/{i}", "/orders/{id}") for i in range(n)] + [Job("GET", "/fast") for _ in range(n)]


def wait_joined(scope, pid):
    """With -v it says whom it has begun to follow."""
    assert scope.err.wait(lambda line: line == b"reqscope: pid %d joins\n" % pid, 10), scope.stderr()


def changes(deploy, route, worse=True):
    return [c for c in deploy.get("comparison", {}).get("changes", ()) if c.get("route") == route and c["worse"] == worse]


def versions(s):
    return {g["pid"]: g.get("version") for g in s["target"]["generations"]}


# --- what is a deploy, and what it did


def stamp(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_log_tells_each_once(start, tmp_path):
    """The process of a deploy starts in one interval and takes over in the next: it is told all the same."""
    log, a = tmp_path / "log", start(APP_VERSION="1").ready()
    with reqscope.summary("--port", a.port, "--log", log, "--log-requests", "none", "--log-interval", 1) as scope:
        for version in ("2", "3", "4"):
            a.stop()
            a = start(port=a.port, APP_VERSION=version, prefix=("sh", "-c", 'sleep 1.5; exec "$0" "$@"')).ready()
            wait_for(lambda: version in [after for _, after in told(log)], "the log tells of it")
        s = reqscope.parse_summary(scope.finish())
    assert told(log) == [(d["before"]["version"], d["after"]["version"]) for d in s["deploys"]] == \
        [("1", "2"), ("2", "3"), ("3", "4")]


def told(log):
    """The deploys in whole lines of a log."""
    with open(log) as f:
        rows = [json.loads(line) for line in f if line.endswith("\n")]
    return [(d["before"].get("version"), d["after"].get("version")) for row in rows for d in row["deploys"]]


def test_name_has_no_option(start):
    """A server is called by its application, never by what a header or an address is set to."""
    quiet = ("uvicorn", "--header", "Token:s3cret", "--header", "X: s3cret")
    a = start(app="deploy:app", before=quiet).ready()
    s = reqscope.parse_summary(reqscope.run("summary", "--format", "json", "-p", a.pid, "-d", 0.2).stdout)
    assert s["target"]["name"] == "uvicorn deploy:app"


def test_slower_version(start):
    """A new version on the same port: named, counted, and its slow route found; on the screen too."""
    old, new = Truth(), Truth()
    a = start(APP_VERSION="1.4.2", ORDER_MS="2").ready()
    with reqscope.summary("--port", a.port) as scope, reqscope.Reqscope("summary", "--port", a.port) as screen:
        run_jobs(a.address, jobs(300), old)
        a.stop()
        b = start(port=a.port, APP_VERSION="1.4.3", ORDER_MS="30").ready()
        run_jobs(b.address, jobs(300), new)
        s = reqscope.parse_summary(scope.finish())
        text = screen.finish().decode()
    (d,) = s["deploys"]
    assert (d["before"]["version"], d["after"]["version"]) == ("1.4.2", "1.4.3")
    assert (d["before"]["pid"], d["after"]["pid"]) == (a.pid, b.pid)
    assert (d["before"]["requests"], d["after"]["requests"]) == (len(old.records), len(new.records))
    assert (d["before"]["workers"], d["after"]["workers"]) == (1, 1)
    assert d["comparison"]["worse"] and d["comparison"]["beyond"]
    worse = {c["metric"]: c for c in changes(d, "/orders/{id}")}
    assert {"p50", "app"} <= worse.keys(), d["comparison"]
    assert worse["p50"]["before"] < 30 <= worse["p50"]["after"] and worse["p50"]["p"] < 0.01
    assert any("since the deploy at" in r and "/orders/{id}" in r for r in s["verdict"]["reasons"]), s["verdict"]
    assert versions(s)[a.pid] == "1.4.2" and versions(s)[b.pid] == "1.4.3"
    lived = {g["pid"]: g for g in s["target"]["generations"]}
    # an end is known exactly, a start in clock ticks of 10 ms
    assert stamp(lived[a.pid]["until"]) < stamp(lived[b.pid]["since"]) + datetime.timedelta(milliseconds=10)
    assert re.search(r"^deploy +\d\d:\d\d:\d\d UTC +1\.4\.2 -> 1\.4\.3 +pid %d -> %d" % (a.pid, b.pid), text, re.M), text
    assert re.search(r"^ +worse: .*/orders/\{id\}", text, re.M), text


def test_failing_version(start):
    """The error rate counts as well, and where it was none before."""
    a = start(APP_VERSION="1").ready()
    with reqscope.summary("--port", a.port) as scope:
        run_jobs(a.address, jobs(100), Truth())
        a.stop()
        b = start(port=a.port, APP_VERSION="2", FAIL="/fast").ready()
        run_jobs(b.address, jobs(100), Truth())
        (d,) = reqscope.parse_summary(scope.finish())["deploys"]
    (change,) = [c for c in changes(d, "/fast") if c["metric"] == "errors"]
    assert (change["before"], change["after"]) == (0, 1)


def test_same_speed(start, cgroup):
    """Both versions run beside each other and get the same requests at the same time: no worse."""
    truth = Truth()
    a = start(cgroup=cgroup, APP_VERSION="1.4.2", ORDER_MS="5").ready()
    with reqscope.summary("--cgroup", cgroup, "-v") as scope:
        run_jobs(a.address, jobs(20), truth)
        b = start(cgroup=cgroup, APP_VERSION="1.4.3", ORDER_MS="5").ready()
        wait_joined(scope, b.pid)
        with Conn(a.address, truth) as to_a, Conn(b.address, truth) as to_b:
            for i in range(150):
                for conn in (to_a, to_b) if i % 2 else (to_b, to_a):
                    conn.get(f"/orders/{i}", route="/orders/{id}")
        s = reqscope.parse_summary(scope.finish())
    (d,) = s["deploys"]
    assert (d["before"]["version"], d["after"]["version"]) == ("1.4.2", "1.4.3")
    assert (d["before"]["requests"], d["after"]["requests"]) == (190, 150)
    assert d["comparison"]["judged"] >= 1 and not d["comparison"]["worse"], d["comparison"]
    assert not any("since the deploy" in r for r in s["verdict"]["reasons"])
    reqscope.check_counts(s, truth)


def test_restart_of_unknown_version(start):
    """Nothing tells a version: the restart is noted all the same; too few requests are not judged."""
    a = start().ready()
    with reqscope.summary("--port", a.port) as scope:
        run_jobs(a.address, jobs(10), Truth())
        a.stop()
        b = start(port=a.port).ready()
        run_jobs(b.address, jobs(10), Truth())
        s = reqscope.parse_summary(scope.finish())
    (d,) = s["deploys"]
    assert "version" not in d["before"] and "version" not in d["after"]
    assert d["comparison"]["judged"] == 0 and d["comparison"]["changes"] == []
    assert s["verdict"]["state"] == "up"


def test_restart_without_requests(start):
    """Nobody asked anything: the process that serves now is another all the same."""
    a = start(APP_VERSION="1").ready()
    with reqscope.summary("--port", a.port, "-v") as scope:
        a.stop()
        b = start(port=a.port, APP_VERSION="2").ready()
        wait_joined(scope, b.pid)
        s = reqscope.parse_summary(scope.finish())
    (d,) = s["deploys"]
    assert (d["before"]["version"], d["after"]["version"], d["after"]["pid"]) == ("1", "2", b.pid)
    assert d["after"]["requests"] == 0 and "comparison" not in d


def test_hangup(start):
    """SIGHUP to gunicorn: the same master, new forks. The version is that of the folder when they began."""
    truth = Truth()
    where = tempfile.mkdtemp(prefix="reqscope-deploy-")
    project = os.path.join(where, "pyproject.toml")
    with open(project, "w") as f:
        f.write('[project]\nname = "shop"\nversion = "7.1"\n')
    try:
        a = start(where, workers=2).ready()
        old = wait_for(lambda: a.all_serving(truth), "both serve")
        with reqscope.summary("-p", a.pid) as scope:
            wait_for(lambda: a.all_serving(truth) == old, "both have served")
            with open(project, "w") as f:
                f.write('[project]\nname = "shop"\nversion = "7.2"\n')
            os.kill(a.pid, signal.SIGHUP)
            new = wait_for(lambda: a.all_serving(truth, old), "new ones serve")
            s = reqscope.parse_summary(scope.finish())
    finally:
        shutil.rmtree(where, ignore_errors=True)
    (d,) = s["deploys"]
    assert d["before"]["pid"] in old and d["after"]["pid"] in new
    assert (d["before"]["workers"], d["after"]["workers"]) == (2, 2)
    assert (d["before"].get("version"), d["after"]["version"]) == ("7.1", "7.2")
    assert {versions(s)[pid] for pid in new} == {"7.2"}


def test_hangup_of_unknown_version(start):
    truth = Truth()
    a = start(workers=2).ready()
    old = wait_for(lambda: a.all_serving(truth), "both serve")
    with reqscope.summary("-p", a.pid) as scope:
        wait_for(lambda: a.all_serving(truth) == old, "both have served")
        os.kill(a.pid, signal.SIGHUP)
        new = wait_for(lambda: a.all_serving(truth, old), "new ones serve")
        wait_for(lambda: not old & set(children(a.pid)), "the old ones have ended")
        (d,) = reqscope.parse_summary(scope.finish())["deploys"]
    assert d["before"]["pid"] in old and d["after"]["pid"] in new
    assert "version" not in d["after"] and d["after"]["workers"] == 2


def test_hangup_of_uvicorn(start):
    """It replaces its workers one after the other."""
    need_age("pypi")
    truth = Truth()
    a = start(workers=2, supervisor="uvicorn", age="pypi").ready()
    old = wait_for(lambda: a.all_serving(truth), "both serve")
    with reqscope.summary("-p", a.pid) as scope:
        wait_for(lambda: a.all_serving(truth) == old, "both have served")
        os.kill(a.pid, signal.SIGHUP)
        new = wait_for(lambda: a.all_serving(truth, old), "new ones serve")
        wait_for(lambda: not old & set(children(a.pid)), "the old ones have ended")
        (d,) = reqscope.parse_summary(scope.finish())["deploys"]
    assert d["before"]["pid"] in old and d["after"]["pid"] in new
    assert (d["before"]["workers"], d["after"]["workers"]) == (2, 2)


def test_workers_after_restart(start):
    """The new workers share one socket, and only the first of them begins to listen: both are followed."""
    truth = Truth()
    a = start(workers=2, supervisor="uvicorn").ready()
    wait_for(lambda: a.all_serving(truth), "both serve")
    with reqscope.summary("--port", a.port, "-v") as scope:
        a.stop()
        b = start(port=a.port, workers=2, supervisor="uvicorn").ready()
        wait_joined(scope, b.pid)
        new = wait_for(lambda: b.all_serving(truth), "both serve")
        s = reqscope.parse_summary(scope.finish())
    (d,) = s["deploys"]
    assert d["after"]["workers"] == 2 and d["after"]["pid"] in new
    assert new <= {w["pid"] for w in s["workers"] if w["requests"]}


def test_crash_is_no_deploy(start):
    """One worker of four is killed and replaced."""
    truth = Truth()
    a = start(workers=4).ready()
    with reqscope.summary("-p", a.pid) as scope:
        victim = wait_for(lambda: a.serving(truth), "one serves")
        old = children(a.pid)
        os.kill(victim, signal.SIGKILL)
        new = wait_for(lambda: a.serving(truth, old), "a new one serves", 30)
        s = reqscope.parse_summary(scope.finish())
    assert s["deploys"] == []
    assert new in {w["pid"] for w in s["workers"] if w["requests"]}


# --- which version


def git_folder(where, head, **files):
    for name, text in {"HEAD": head, **files}.items():
        path = os.path.join(where, ".git", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)


def write(where, name, text=""):
    path = os.path.join(where, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)


def worktree(where):
    git_folder(os.path.join(where, "main"), "ref: refs/heads/main\n", **{
        "packed-refs": f"# pack-refs with: peeled\n{HASH} refs/heads/work\n", "worktrees/w/HEAD": "ref: refs/heads/work\n",
        "worktrees/w/commondir": "../..\n"})
    write(where, "tree/.git", "gitdir: ../main/.git/worktrees/w\n")
    return os.path.join(where, "tree")


def distribution(where):
    os.makedirs(os.path.join(where, "deploy-3.2.1.dist-info"))


def below(where):
    write(where, "pyproject.toml", '[tool.poetry]\nversion = "0.3"\n')
    os.makedirs(os.path.join(where, "a", "b"))
    return os.path.join(where, "a", "b")


def fifo(where):
    os.mkfifo(os.path.join(where, "pyproject.toml"))
    write(where, ".git/HEAD", "ref: refs/heads/main\n")
    os.mkfifo(os.path.join(where, ".git", "refs"))


def link(where):
    write(where, "elsewhere/real.toml", '[project]\nversion = "6"\n')
    os.symlink("elsewhere/real.toml", os.path.join(where, "pyproject.toml"))


def hostile(where):
    write(where, "pyproject.toml", '[project]\nversion = "\x1b]0;x\x07"\n')
    write(where, ".git/HEAD", "ref: refs/heads/../../../../etc/passwd\n")


SOURCES = {
    "environment": (None, {"GIT_COMMIT": HASH}, HASH[:12]),
    "attributes": (None, {"OTEL_RESOURCE_ATTRIBUTES": "service.name=a,service.version=2.0"}, "2.0"),
    "other variables": (None, {"DATABASE_VERSION": "15", "SECRET": "1.2.3"}, None),
    "git": (lambda w: git_folder(w, "ref: refs/heads/main\n", **{"refs/heads/main": HASH + "\n"}), {}, HASH[:12]),
    "detached": (lambda w: git_folder(w, HASH + "\n"), {}, HASH[:12]),
    "worktree": (worktree, {}, HASH[:12]),
    "above": (below, {}, "0.3"),
    "distribution": (distribution, {}, "3.2.1"),
    "fifo": (fifo, {}, None),
    "link": (link, {}, None),
    "hostile": (hostile, {}, None),
}


@pytest.mark.parametrize("source", SOURCES)
def test_version(start, tmp_path, source):
    make, env, want = SOURCES[source]
    where = make and make(str(tmp_path)) or str(tmp_path)
    a = start(where, **env).ready()
    with reqscope.summary("-p", a.pid) as scope:
        run_jobs(a.address, jobs(1), Truth())
        s = reqscope.parse_summary(scope.finish())
    assert versions(s)[a.pid] == want


def test_version_on_disk_is_newer(start, tmp_path):
    """What was changed since the process began is not what it runs."""
    write(str(tmp_path), "pyproject.toml", '[project]\nversion = "1"\n')
    a = start(str(tmp_path)).ready()
    write(str(tmp_path), "pyproject.toml", '[project]\nversion = "2"\n')
    with reqscope.summary("-p", a.pid) as scope:
        run_jobs(a.address, jobs(1), Truth())
        s = reqscope.parse_summary(scope.finish())
    assert versions(s)[a.pid] is None


def test_version_in_a_container(start, tmp_path):
    """Its root is not ours: what lies there, in its working directory, is read, and no further up than that."""
    write(str(tmp_path), "pyproject.toml", '[project]\nversion = "9-of-the-host"\n')
    root = tmp_path / "root"
    root.mkdir()
    script = f"""mount --rbind / {root} && mount -t tmpfs tmpfs {root}/srv && mkdir {root}/srv/app &&
        echo "[project]\nversion = '5.0'" >{root}/srv/app/pyproject.toml &&
        touch -d '1 hour ago' {root}/srv/app/pyproject.toml &&
        exec chroot {root} sh -c 'cd "$0" && exec "$@"' """
    if subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/srv"], capture_output=True).returncode:
        pytest.skip("mount namespaces cannot be made here")
    for inside, want in (("/srv/app", "5.0"), ("/", None)):
        a = start(prefix=("unshare", "-m", "sh", "-c", script + inside + ' "$@"', "sh")).ready()
        with reqscope.summary("--port", a.port) as scope:
            run_jobs(a.address, jobs(1), Truth())
            s = reqscope.parse_summary(scope.finish())
        assert versions(s)[a.pid] == want
        a.stop()


# --- who is followed


def test_unit(start, groups):
    """A unit that is restarted: its control group goes and comes, in it another process."""
    name = f"reqscope-test-{os.getpid()}"
    folder = groups.make(f"system.slice/{name}.service")
    old, new = Truth(), Truth()
    a = start(cgroup=folder, APP_VERSION="1").ready()
    with reqscope.summary("--unit", name, "-v") as scope:
        run_jobs(a.address, jobs(40), old)
        a.stop()
        groups.remove(folder)
        folder = groups.make(f"system.slice/{name}.service")
        b = start(cgroup=folder, APP_VERSION="2").ready()
        wait_joined(scope, b.pid)
        run_jobs(b.address, jobs(40), new)
        s = reqscope.parse_summary(scope.finish())
    (d,) = s["deploys"]
    assert (d["before"]["requests"], d["after"]["requests"]) == (len(old.records), len(new.records))
    assert (d["before"]["version"], d["after"]["version"]) == ("1", "2")
    assert s["target"]["pids"] == [b.pid] and s["target"]["name"] == "uvicorn deploy:app"


def test_cgroup_below_and_relative(start, groups):
    """The processes of groups below it; the path as /proc/PID/cgroup writes it."""
    top = f"reqscope-test-{os.getpid()}"
    folder = groups.make(f"{top}/container")
    truth = Truth()
    a = start(cgroup=folder).ready()
    for path in (f"/{top}", top):
        with reqscope.summary("--cgroup", path) as scope:
            run_jobs(a.address, jobs(5), truth)
            s = reqscope.parse_summary(scope.finish())
        assert s["target"]["pids"] == [a.pid] and s["requests"]["ok"] == 10


def test_wait_for_a_unit(start, groups):
    name = f"reqscope-test-{os.getpid()}.service"
    with reqscope.Reqscope("summary", "--unit", name, "--wait", "--format", "json", attach=False) as scope:
        folder = groups.make(f"system.slice/{name}")
        a = start(cgroup=folder)
        scope.wait_attached()
        run_jobs(a.ready().address, jobs(5), Truth())
        s = reqscope.parse_summary(scope.finish())
    assert s["requests"]["ok"] == 10 and s["deploys"] == []


def test_no_such_group(groups):
    for args, said in ((("--unit", "reqscope-none"), "reqscope-none"), (("--cgroup", "/reqscope-none"), "reqscope-none")):
        done = reqscope.run("summary", "-d", 1, *args)
        assert done.returncode == 5 and said in done.stderr.decode() and "--wait" in done.stderr.decode(), done.stderr


def test_bad_group(groups, tmp_path):
    for args in (("--unit", "a/b"), ("--unit", ""), ("--cgroup", str(tmp_path))):
        done = reqscope.run("summary", "-d", 1, *args)
        assert done.returncode == 2 and args[0] in done.stderr.decode(), done.stderr


def test_several_units(start, groups):
    """Two users' units of one name: both are listed, with how to choose."""
    name = f"reqscope-test-{os.getpid()}.service"
    both = [groups.make(f"reqscope-test-{who}.slice/{name}") for who in "ab"]
    done = reqscope.run("summary", "-d", 1, "--unit", name)
    said = done.stderr.decode()
    assert done.returncode == 2 and all(folder in said for folder in both) and "--cgroup" in said, said


def test_port_in_another_namespace(start):
    """A container made anew: another process, in another network namespace, on the same port."""
    script = "ip link set lo up && exec \"$@\""
    ask = "import sys; sys.path.insert(0, sys.argv[1]); import client\n" \
          "client.run_jobs(('127.0.0.1', int(sys.argv[2])), [client.Job('GET', '/orders/1')] * 40, client.Truth(), threads=1)"
    if subprocess.run(["unshare", "-n", "ip", "link", "set", "lo", "up"], capture_output=True).returncode:
        pytest.skip("network namespaces cannot be made here")

    def contained(**kw):
        return start(prefix=("unshare", "-n", "sh", "-c", script, "sh"), **kw).ready()

    def traffic(service):
        subprocess.run(["nsenter", "-n", "-t", str(service.pid), sys.executable, "-c", ask,
                        os.path.dirname(os.path.abspath(__file__)), str(service.port)], check=True, timeout=20)

    a = contained(APP_VERSION="1")
    with reqscope.summary("--port", a.port) as scope:
        traffic(a)
        a.stop()
        b = contained(port=a.port, APP_VERSION="2")
        traffic(b)
        s = reqscope.parse_summary(scope.finish())
    (d,) = s["deploys"]
    assert (d["before"]["version"], d["after"]["version"]) == ("1", "2")
    assert (d["before"]["requests"], d["after"]["requests"], s["requests"]["unknown"]) == (40, 40, 0)
