# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A page in a real browser: headless Chromium, each look in a profile of its own."""
import json
import os
import re
import shutil
import struct
import subprocess
import zlib

DARK, LIGHT = 0, 1
CONSOLE = re.compile(r"[:/](INFO|WARNING|ERROR):CONSOLE")

# What a person would see at once: text that lies on text, is cut, sticks out or cannot be told from what
# is behind it. The page itself allows no script, so this goes into a copy of it.
FINDINGS = r"""
addEventListener('load', () => {
  const found = [], seen = e => e.getClientRects().length > 0 && getComputedStyle(e).visibility != 'hidden';
  const root = document.documentElement;
  const name = e => e.tagName + '.' + (e.getAttribute('class') || '') + ' ' + e.textContent.trim().slice(0, 40);
  if (root.scrollWidth > innerWidth) found.push(`the page is ${root.scrollWidth} wide in ${innerWidth}`);
  for (const svg of document.querySelectorAll('svg')) {
    const texts = [...svg.children].filter(t => t.tagName == 'text' && seen(t)).map(t => [t, t.getBoundingClientRect()]);
    for (const [t, r] of texts)
      if (r.left < 0 || r.right > innerWidth) found.push('sticks out: ' + name(t));
    for (let i = 0; i < texts.length; i++)
      for (let k = 0; k < i; k++) {
        const a = texts[i][1], b = texts[k][1];
        if (a.left < b.right && b.left < a.right && a.top + 3 < b.bottom && b.top + 3 < a.bottom)
          found.push('on each other: ' + name(texts[i][0]) + ' and ' + name(texts[k][0]));
      }
  }
  for (const e of document.querySelectorAll('main *'))
    if (seen(e) && e.clientWidth && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX != 'visible')
      found.push('cut: ' + name(e));
  const light = c => { const [r, g, b] = c.map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
                       return .2126 * r + .7152 * g + .0722 * b; };
  const rgba = s => s.match(/[\d.]+/g).map(Number);
  const behind = e => { for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor);
                        if (c.length < 4 || c[3] > 0) return c.slice(0, 3); } return [255, 255, 255]; };
  let least = 99;
  for (const e of document.querySelectorAll('main *, svg text')) {
    if (!seen(e) || ![...e.childNodes].some(n => n.nodeType == 3 && n.data.trim())) continue;
    const style = getComputedStyle(e), svg = e.tagName == 'text';
    const a = light(rgba(svg ? style.fill : style.color).slice(0, 3)), b = light(behind(svg ? e.closest('div,td') : e));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    least = Math.min(least, ratio);
    if (ratio < 4.5) found.push(`contrast ${ratio.toFixed(2)}: ` + name(e));
  }
  const more = document.querySelector('.more'), summary = document.querySelector('.routes summary');
  const before = more ? more.offsetHeight : null;
  if (summary) summary.click();
  const after = more ? more.offsetHeight : null;
  const pre = document.createElement('pre');
  pre.id = 'findings';
  pre.textContent = JSON.stringify({found, least, before, after, texts: document.querySelectorAll('svg text').length,
                                    font: getComputedStyle(document.body).fontSize});
  document.body.replaceChildren(pre);
});
"""


def why_none():
    return None if shutil.which("chromium") else "there is no chromium to look at pages with"


class Browser:
    def __init__(self, folder):
        self.folder = str(folder)
        self.looks = 0

    def run(self, page, *flags, scheme=LIGHT, size=(1280, 2400)):
        """Opens a page as those flags say; returns (stdout, lines of its console)."""
        self.looks += 1
        root = ["--no-sandbox"] if os.geteuid() == 0 else []
        done = subprocess.run(
            ["chromium", "--headless=new", *root, "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
             "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={self.folder}/profile{self.looks}",
             "--enable-logging=stderr", "--v=0", f"--blink-settings=preferredColorScheme={scheme}",
             f"--window-size={size[0]},{size[1]}", *flags, f"file://{page}"],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=120,
            env=dict(os.environ, HOME=self.folder, LC_ALL="C.UTF-8"))
        err = done.stderr.decode(errors="replace")
        assert done.returncode == 0, f"chromium ended with {done.returncode}: {err[-2000:]}"
        return done.stdout, [line for line in err.splitlines() if CONSOLE.search(line)]

    def dom(self, page, **kw):
        out, console = self.run(page, "--dump-dom", **kw)
        return out.decode(), console

    def findings(self, page, **kw):
        """What is wrong with how the page looks, and some measures."""
        text = open(page, encoding="utf-8").read()
        policy = re.search(r'<meta http-equiv="Content-Security-Policy"[^>]*>', text)[0]
        copy = f"{self.folder}/look{self.looks}.html"
        with open(copy, "w", encoding="utf-8") as f:
            f.write(text.replace(policy, "").replace("</head>", f"<script>{FINDINGS}</script></head>"))
        out, console = self.dom(copy, **kw)
        assert not console, console
        found = re.search(r'<pre id="findings">(.*?)</pre>', out, re.S)[1]
        for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
            found = found.replace(entity, char)
        return json.loads(found)

    def picture(self, page, **kw):
        """Width, height and the colour of the first pixel of what is seen; and the console."""
        path = f"{self.folder}/{self.looks}.png"
        _, console = self.run(page, f"--screenshot={path}", **kw)
        width, height, pixel = png_corner(open(path, "rb").read())
        return width, height, pixel, console

    def printed(self, page, **kw):
        """The text of the page as printed; and the console."""
        path = f"{self.folder}/{self.looks}.pdf"
        _, console = self.run(page, f"--print-to-pdf={path}", "--no-pdf-header-footer", **kw)
        done = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, check=True)
        return done.stdout.decode(), console


def png_corner(data):
    """Size of a PNG and its first pixel: before it nothing lies that a filter could refer to."""
    at, bits = 8, b""
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        if kind == b"IHDR":
            width, height = struct.unpack(">II", body[:8])
        elif kind == b"IDAT":
            bits += body
        at += 12 + size
    return width, height, tuple(zlib.decompress(bits)[1:4])
