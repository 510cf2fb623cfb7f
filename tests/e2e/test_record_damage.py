# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""report and diff of recordings that are damaged in their middle, and of those that hold a deploy."""
import json

import pytest

import recording
import reqscope
from client import Job, Truth, run_jobs
from servers import Stack, wait_for
from test_record import held, record, report, summary, write

pytestmark = pytest.mark.usefixtures("bpf")
BURST = [Job("GET", f"/items/{i}", "/items/{id}") for i in range(40)]


@pytest.fixture(scope="module")
def whole(server, bpf, tmp_path_factory):
    """A recording of several bursts, each in blocks of its own."""
    path, truth = tmp_path_factory.mktemp("damage") / "whole.rec", Truth()
    with record(server, path) as scope:
        for n in range(1, 6):
            run_jobs(server.address, BURST, truth)
            wait_for(lambda: held(path) == n * len(BURST), "they are written")
        scope.finish()
    return path.read_bytes()


def flipped(data, block):
    """One bit of what a block holds."""
    data = bytearray(data)
    data[block.offset + recording.BLOCK + block.packed // 2] ^= 0x10
    return bytes(data)


def middle(found):
    """A block with requests before it and behind it."""
    half = sum(b.requests for b in found) // 2
    return next(b for i, b in enumerate(found) if sum(x.requests for x in found[:i + 1]) >= half)


def check_part(s, found, at):
    """It is about the blocks before `at` and no more: the window, too."""
    read = found[:at]
    seconds = (max(b.last for b in read) - min(b.first for b in read)) / 1e9
    n = s["requests"]
    assert n["ok"] == sum(b.requests for b in read)
    assert s["window"]["seconds"] == pytest.approx(seconds, abs=1e-3)
    assert n["rate"] == pytest.approx(n["ok"] / seconds, rel=1e-3)
    assert n["carried"] + n["started"] == sum(n[e] for e in reqscope.ENDS) + n["open"]


def test_window_ends_where_the_damage_begins(whole, tmp_path):
    found = recording.blocks(whole)
    bad = middle(found)
    path = write(tmp_path / "flip.rec", flipped(whole, bad))
    out, err = report(path, "--format", "json")
    assert err.count("damaged at offset") == 1 and f"offset {bad.offset}:" in err, err
    check_part(reqscope.parse_summary(out), found, found.index(bad))
    page, err = report(path, "--format", "html")
    assert err.count("damaged at offset") == 1 and page.rstrip().endswith(b"</html>")


def test_slices_around_the_damage(whole, tmp_path):
    """What lies before it is told, and what lies behind it if it is asked for alone; of the damage itself
    nothing is, rather than something that is wrong."""
    found = recording.blocks(whole)
    bad = middle(found)
    path = write(tmp_path / "flip.rec", flipped(whole, bad))
    begin = found[0].first
    edge = found[found.index(bad) - 1].last
    over = summary(path, "--from", f"+{(edge - begin) / 2e9:.6f}s", "--to", "+1h", quiet=False)
    assert over["window"]["seconds"] == pytest.approx((edge - begin) / 2e9, abs=1e-3)
    inside = f"+{(bad.first - begin) / 1e9 + 0.001:.6f}s"
    for format in ("json", "text", "html", "trace"):
        out, err = report(path, "--format", format, "--from", inside, code=1)
        assert out == b"" and "nothing of that stretch of time can be read" in err, (format, out, err)
    assert found.index(bad) < len(found) - 2
    behind = summary(path, "--from", f"+{(found[-1].first - begin) / 1e9 + 0.001:.6f}s")
    assert behind["requests"]["started"] == found[-1].requests == 0 and behind["window"]["seconds"] > 0


def test_first_block_damaged(whole, tmp_path):
    found = recording.blocks(whole)
    path = write(tmp_path / "flip.rec", flipped(whole, found[0]))
    for format in ("json", "text", "html", "trace"):
        out, err = report(path, "--format", format, code=1)
        assert out == b"" and "nothing of it can be read" in err, (format, out, err)


def parts(whole, folder, n=3):
    """The same recording as a ring of n files. Returns their names and blocks."""
    found, made = recording.blocks(whole), []
    folder.mkdir()
    for i in range(n):
        mine = found[i * len(found) // n:(i + 1) * len(found) // n]
        name = f"reqscope-{i + 1:08d}-20260102T03040{i}Z.rec"
        (folder / name).write_bytes(whole[:recording.HEAD] + b"".join(b.bytes() for b in mine))
        made.append((folder / name, mine))
    return made


def damage(path, index):
    data = path.read_bytes()
    path.write_bytes(flipped(data, recording.blocks(data)[index]))


def test_damaged_file_of_a_ring(whole, tmp_path):
    """The files around it count; what is missing is unknown; the window is that of all."""
    undamaged = summary(write(tmp_path / "whole.rec", whole))
    made = parts(whole, tmp_path / "ring")
    assert summary(tmp_path / "ring")["requests"] == undamaged["requests"]
    damage(made[1][0], 0)
    out, err = report(tmp_path / "ring", "--format", "json")
    s = reqscope.parse_summary(out)
    lost = sum(b.requests for b in made[1][1])
    assert lost and s["requests"]["unknown"] == lost and s["requests"]["ok"] == undamaged["requests"]["ok"] - lost
    assert s["window"]["seconds"] == pytest.approx(undamaged["window"]["seconds"], abs=1e-3)
    assert err.count("damaged at offset") == 1 and err.count("they are unknown") == 1


@pytest.mark.parametrize("index", (0, 1))
def test_damaged_last_file_of_a_ring(whole, tmp_path, index):
    made = parts(whole, tmp_path / "ring")
    damage(made[2][0], index)
    found = [b for _, mine in made for b in mine]
    check_part(summary(tmp_path / "ring", quiet=False), found, len(found) - len(made[2][1]) + index)


def test_what_is_read_is_not_overwritten(whole, tmp_path):
    """Not with --force either: -o would empty the recording before it is read."""
    path = write(tmp_path / "whole.rec", whole)
    made = parts(whole, tmp_path / "ring")
    for args in (("report", path, "-o", path), ("diff", path, path, "-o", path),
                 ("report", tmp_path / "ring", "-o", made[0][0])):
        done = reqscope.run(*args, "--force")
        assert done.returncode == 2 and b"is what is to be read" in done.stderr, (args, done.stderr)
    assert path.read_bytes() == whole and recording.blocks(made[0][0].read_bytes()) == made[0][1]


# --- a deploy


def orders(ms):
    return [Job("GET", f"/sleep/{ms}", "/sleep/{id}") for _ in range(400)]


def test_deploy_in_a_report(launch, truth, tmp_path):
    """The report compares the two versions as diff does, and reads it again without saying anything twice."""
    path, old = tmp_path / "deploy.rec", launch(Stack(tag="before"))
    with reqscope.Reqscope("record", "--port", old.port, "-o", path) as scope:
        run_jobs(old.address, orders(5), truth, threads=8)
        old.stop()
        new = launch(Stack(tag="after"), port=old.port)
        run_jobs(new.address, orders(60), truth, threads=8)
        scope.finish()
    (d,) = summary(path)["deploys"]
    (slower,) = [c for c in d["comparison"]["changes"] if c.get("route", "").startswith("/sleep/") and c["metric"] == "p50"]
    assert d["comparison"]["worse"] and slower["worse"] and slower["before"] < 60 <= slower["after"]
    done = reqscope.run("diff", path, "--format", "json")
    assert done.returncode == 1 and not done.stderr
    (same,) = [r["p50"] for r in json.loads(done.stdout)["routes"] if r["route"].startswith("/sleep/")]
    assert {k: same[k] for k in ("before", "after", "worse")} == {k: slower[k] for k in ("before", "after", "worse")}
    assert b"worse: " in report(path)[0]
    part = summary(path, "--route", "/nothing/*")
    assert "comparison" not in part["deploys"][0]
