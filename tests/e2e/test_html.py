# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`report --format html`: one page that says what the JSON says, loads nothing, and can be read: in a
browser, light and dark, wide and narrow, and on paper."""
import html.parser
import json
import os
import re
import stat

import pytest

import browser
import reqscope
from client import Conn, Job, Truth, run_jobs
from servers import Server, Stack

pytestmark = pytest.mark.usefixtures("bpf")
MIB = 1 << 20
HOSTILE = [b"/raw/<script>alert(1)</script>", b"/raw/\"onmouseover=\"alert(1)", b"/raw/'><svg/onload=alert(1)>",
           b"/raw/&lt;b&gt;", b"/raw/\xe2\x80\xaegnp.exe", b"/raw/\xff\xfe", b"/raw/]]></title></style>"]
ELEMENTS = set("html head meta title style body main header section footer h1 h2 h3 p ul ol li dl dt dd div span b i bdi "
               "table thead tbody tr th td details summary svg path line rect text".split())
VOID = {"meta"}


class Node:
    def __init__(self, tag, attrs=(), parent=None):
        self.tag, self.attrs, self.parent, self.children = tag, dict(attrs), parent, []

    def all(self, tag, cls=None):
        for c in self.children:
            if isinstance(c, Node):
                if c.tag == tag and (cls is None or cls in c.attrs.get("class", "").split()):
                    yield c
                yield from c.all(tag, cls)

    def text(self):
        return "".join(c if isinstance(c, str) else c.text() for c in self.children)


class Page(html.parser.HTMLParser):
    """The page as a tree. Elements must nest; only those of ELEMENTS are allowed."""

    def __init__(self, text):
        super().__init__()
        self.root = self.at = Node("")
        self.feed(text)
        self.close()
        assert self.at is self.root, f"<{self.at.tag}> is not closed"

    def handle_starttag(self, tag, attrs):
        assert tag in ELEMENTS, f"<{tag}> {attrs}"
        assert len(dict(attrs)) == len(attrs), f"<{tag}> has an attribute twice: {attrs}"
        node = Node(tag, attrs, self.at)
        self.at.children.append(node)
        if tag not in VOID:
            self.at = node

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert tag == self.at.tag, f"</{tag}> ends <{self.at.tag}>"
        self.at = self.at.parent

    def handle_data(self, data):
        self.at.children.append(data)


def report(recording, form, out=None):
    args = ("report", recording, "--format", form, *(("-o", out) if out else ()))
    done = reqscope.run(*args)
    assert done.returncode == 0, f"{args}: {done.stderr.decode()}"
    return done.stdout


class Recorded:
    """A recording, its page, and what the JSON says of the same."""

    def __init__(self, folder, name, server, traffic):
        self.recording, self.path = folder / f"{name}.rec", folder / f"{name}.html"
        with reqscope.Reqscope("record", "-p", server.pid, "-o", self.recording) as scope:
            traffic(server)
            scope.finish()
        report(self.recording, "html", self.path)
        self.bytes = self.path.read_bytes()
        self.text = self.bytes.decode("utf-8")
        self.page = Page(self.text)
        self.summary = json.loads(report(self.recording, "json"))


def mix(server):
    truth = Truth()
    jobs = [Job("GET", "/fast")] * 60 + [Job("GET", f"/items/{i}") for i in range(60)] + \
        [Job("GET", "/sleep/30")] * 10 + [Job("GET", "/sync/20")] * 6 + [Job("GET", "/status/500")] * 5 + \
        [Job("GET", "/status/404")] * 9 + [Job("POST", "/echo", kw={"body": b"x" * 2000})] * 8 + \
        [Job("GET", "/stream/5/10")] * 6 + \
        [Job("GET", "/items/1", kw={"headers": ("Authorization: Basic c2VjcmV0",)})] * 4
    run_jobs(server.address, jobs, truth)
    with Conn(server.address, truth) as conn:
        server.leave(conn, server.hang(conn))


def only_hostile(server):
    """Fewer than the slowest that are shown, so all of these paths are in the page."""
    for path in HOSTILE:
        with Conn(server.address, Truth()) as conn:
            conn.finish(conn.begin("GET", path))


@pytest.fixture(scope="module")
def own_server(bpf):
    server = Server(Stack(tag="html"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def mixed(own_server, tmp_path_factory):
    return Recorded(tmp_path_factory.mktemp("html"), "mixed", own_server, mix)


@pytest.fixture(scope="module")
def hostile(own_server, tmp_path_factory):
    return Recorded(tmp_path_factory.mktemp("html"), "hostile", own_server, only_hostile)


@pytest.fixture(scope="module")
def empty(own_server, tmp_path_factory):
    return Recorded(tmp_path_factory.mktemp("html"), "empty", own_server, lambda server: None)


@pytest.fixture
def chromium(tmp_path):
    if browser.why_none():
        pytest.skip(browser.why_none())
    return browser.Browser(tmp_path)


RECORDINGS = ("mixed", "hostile", "empty")


@pytest.fixture(params=RECORDINGS)
def recorded(request):
    return request.getfixturevalue(request.param)


# --- what it says

def number(text):
    return int(text.strip().replace(",", "").replace("\u2212", "-"))


def ledger(page):
    terms = next(page.root.all("p", "ledger")).all("span", "term")
    return {t.text().lstrip("0123456789,\u2212"): number(next(t.all("b")).text()) for t in terms}


def routes(page):
    """(method, route): the cells of its row, by the table's headings."""
    table = next(page.root.all("table", "routes"))
    names = [th.text() for th in next(table.all("thead")).all("th")]
    rows = {}
    for body in table.children:
        if not isinstance(body, Node) or body.tag != "tbody":
            continue
        row = next(body.all("tr"))
        cells = [c for c in row.children if isinstance(c, Node)]
        method, route = next(row.all("b", "m")).text(), next(row.all("bdi")).text()
        rows[method, route] = dict(zip(names, (c.text() for c in cells)))
    return rows


def test_ledger_and_verdict_are_those_of_the_json(recorded):
    r, page = recorded.summary["requests"], recorded.page
    assert ledger(page) == {
        "carried in": r["carried"], "began": r["started"], "ok": r["ok"], "client left": r["client_closed"],
        "cut off": r["server_closed"], "upgraded": r["upgraded"], "unknown": r["unknown"], "open": r["open"]}
    verdict = recorded.summary["verdict"]
    assert next(page.root.all("p", "state")).text() == verdict["state"]
    assert [li.text() for li in next(page.root.all("div", "verdict")).all("li")] == verdict["reasons"]


def test_routes_are_those_of_the_json(mixed):
    ours = {key: (number(row["count"]), number(row["4xx"]), number(row["5xx"]))
            for key, row in routes(mixed.page).items()}
    assert ours == {(x["method"], x["route"]): (x["count"], x["status"]["4xx"], x["status"]["5xx"])
                    for x in mixed.summary["routes"]}
    assert sum(n for n, _, _ in ours.values()) == mixed.summary["requests"]["started"]


def test_errors_are_told_by_route_and_status(mixed):
    table = next(mixed.page.root.all("table", "errs"))
    rows = [[td.text().strip() for td in tr.all("td")] for tr in next(table.all("tbody")).all("tr")]
    assert [row[0] for row in rows] == ["500", "client left", "404"]
    assert [number(row[1]) for row in rows] == [5, 1, 9]


def test_slowest_are_in_order_with_their_phases(mixed):
    table = next(mixed.page.root.all("table", "slow"))
    rows = list(next(table.all("tbody")).all("tr"))
    assert len(rows) == 30
    for tr in rows:
        parts = [float(i.attrs["style"].removeprefix("width:").removesuffix("%")) for i in tr.all("i") if i.attrs.get("style")]
        assert parts and 0 < sum(parts) <= 100.1
    assert next(mixed.page.root.all("svg", "heat"), None), "no heat map"


def test_no_secret_is_in_it(mixed):
    assert b"c2VjcmV0" not in mixed.bytes and b"Basic" not in mixed.bytes


# --- one page, alone

def test_page_is_whole(recorded):
    root = recorded.page.root
    page = next(root.all("html"))
    assert page.attrs["lang"] == "en" and next(root.all("title")).text().strip()
    assert recorded.text.startswith("<!DOCTYPE html>\n") and recorded.text.endswith("</html>\n")
    metas = list(root.all("meta"))
    assert metas[0].attrs == {"charset": "utf-8"}
    assert any(m.attrs.get("name") == "viewport" for m in metas)
    assert len(recorded.bytes) < MIB
    ids = [n.attrs["id"] for tag in ELEMENTS for n in root.all(tag) if "id" in n.attrs]
    assert len(ids) == len(set(ids))
    for section in root.all("section"):
        assert section.attrs["aria-labelledby"] in ids


def test_pictures_and_tables_are_told_to_those_who_do_not_see(recorded):
    for svg in recorded.page.root.all("svg"):
        outer = svg.parent
        while outer and outer.tag != "svg":
            outer = outer.parent
        assert outer or svg.attrs.get("aria-hidden") == "true" or \
            (svg.attrs.get("role") == "img" and svg.attrs.get("aria-label")), svg.attrs
    for th in recorded.page.root.all("th"):
        assert th.attrs.get("scope") in ("row", "col"), th.text()


def test_nothing_is_loaded_and_nothing_runs(recorded):
    policy = next(m.attrs["content"] for m in recorded.page.root.all("meta") if "http-equiv" in m.attrs)
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; ")
    css = next(recorded.page.root.all("style")).text()
    assert not re.search(r"url\(|@import|https?:", css)
    for tag in ELEMENTS:
        for node in recorded.page.root.all(tag):
            assert not [a for a in node.attrs if a.startswith("on") or a in ("src", "href", "xlink:href", "action")]


def test_hostile_paths_are_text(hostile):
    shown = [bdi.text() for bdi in next(hostile.page.root.all("table", "slow")).all("bdi")]
    for path in HOSTILE:
        if path.isascii():
            assert path.decode() in shown
    assert "/raw/\\xff\\xfe" in shown and "/raw/\\xe2\\x80\\xaegnp.exe" in shown
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]", hostile.text)


def test_file_is_the_owners_alone(mixed):
    assert stat.S_IMODE(os.stat(mixed.path).st_mode) == 0o600
    done = reqscope.run("report", mixed.recording, "--format", "html", "-o", mixed.path)
    assert done.returncode != 0 and b"--force" in done.stderr, "an existing file was written over"
    assert mixed.path.read_bytes() == mixed.bytes


# --- in a browser

def test_a_fault_would_be_noticed(chromium, tmp_path):
    page = tmp_path / "fault.html"
    page.write_text("<!DOCTYPE html><meta http-equiv=Content-Security-Policy content=\"default-src 'none'\">"
                    "<title>x</title><img src='http://127.0.0.1:9/x'>")
    assert any("Content Security Policy" in line for line in chromium.dom(page)[1])


@pytest.mark.parametrize("scheme,width", [(browser.LIGHT, 1280), (browser.LIGHT, 800), (browser.LIGHT, 480),
                                          (browser.DARK, 1280)], ids=["wide", "medium", "narrow", "dark"])
def test_page_can_be_read(chromium, recorded, scheme, width):
    look = chromium.findings(recorded.path, scheme=scheme, size=(width, 2400))
    assert look["found"] == []
    assert look["font"] == "15px", "the style is not applied"
    if recorded.summary["requests"]["ok"]:
        assert look["texts"] > 20
        assert look["before"] == 0 and look["after"] > 100, "a route does not unfold"


def test_light_and_dark_with_nothing_in_the_console(chromium, recorded):
    light, dark = (chromium.picture(recorded.path, scheme=s) for s in (browser.LIGHT, browser.DARK))
    assert light[:2] == dark[:2] == (1280, 2400)
    assert min(light[2]) > 200 and max(dark[2]) < 60
    assert light[3] == dark[3] == []


def test_print_has_everything_unfolded(chromium, mixed):
    paper, console = chromium.printed(mixed.path, scheme=browser.DARK)
    assert console == []
    for x in mixed.summary["routes"]:
        assert x["route"] in paper
    with_total = [x for x in mixed.summary["routes"] if x["latency"]["total"]["count"]]
    assert paper.count("slowest:") == len(with_total) > 3
