#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Runs the test suites and adds up what they say.

unit  build/check/bin/*   cmocka under ASan and UBSan, no root
bpf   build/bpftest/*     cmocka, loads the BPF programs; needs the privileges that reqscope needs
fuzz  build/fuzz/*        libFuzzer from the corpora in the tree, some seconds each (make fuzz: longer)
e2e   tests/e2e           pytest, real uvicorn processes

Every suite reports as JUnit XML; the last line is the sum: `N passed, N failed, N skipped`.
"""
import argparse
import concurrent.futures
import glob
import os
import subprocess
import sys
import xml.etree.ElementTree as ET

# The end-to-end tests of the second lane: those that mostly wait, and measure little.
BESIDE = ("top", "incident", "bad_input", "completion", "security", "log", "log_targets", "html", "target",
          "record", "record_damage", "diff", "check", "deploy", "merge", "abuse_limits")
TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Tally:
    def __init__(self):
        self.passed, self.failed, self.skipped = 0, [], []

    def add_xml(self, suite, path):
        """Counts a JUnit file; False when there is none that can be read."""
        try:
            root = ET.parse(path).getroot()
        except (OSError, ET.ParseError):
            return False
        for case in root.iter("testcase"):
            name = f"{suite}: {case.get('name')}"
            bad = [c for c in case if c.tag in ("failure", "error")]
            skip = [c for c in case if c.tag == "skipped"]
            if bad:
                self.failed.append(name)
            elif skip:
                self.skipped.append(f"{name}: {skip[0].get('message') or 'no reason given'}")
            else:
                self.passed += 1
        return True


def run_cmocka(suite, binary, out):
    xml = f"{out}/{suite}-{os.path.basename(binary)}.xml"
    if os.path.exists(xml):
        os.unlink(xml)
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="XML", CMOCKA_XML_FILE=xml)
    return xml, subprocess.run([binary], env=env, cwd=TOP, stdin=subprocess.DEVNULL).returncode


def take_cmocka(tally, suite, binary, xml, code):
    before = len(tally.failed)
    seen = tally.add_xml(suite, xml)
    if not seen or (code and len(tally.failed) == before):
        tally.failed.append(f"{suite}: {os.path.basename(binary)} ended with {code}")
    if os.path.exists(xml) and len(tally.failed) > before:
        sys.stdout.write(open(xml, errors="replace").read())


def run_binaries(tally, suite, binaries, out, at_once):
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        runs = pool.map(lambda binary: run_cmocka(suite, binary, out), binaries)
        for binary, (xml, code) in zip(binaries, runs):
            print(f"== {suite} {os.path.basename(binary)}", flush=True)
            take_cmocka(tally, suite, binary, xml, code)


def run_fuzzer(out, seconds, name):
    return subprocess.run(["tests/fuzz/run.sh", f"{out}/fuzz", str(seconds), name], cwd=TOP,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)


def run_fuzzers(tally, out, seconds=5):
    names = sorted(os.path.basename(b) for b in glob.glob(f"{out}/fuzz/fuzz_*") if "." not in os.path.basename(b))
    if not names:
        tally.failed.append(f"fuzz: nothing was built in {out}/fuzz")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = list(pool.map(lambda name: run_fuzzer(out, seconds, name), names))
    for name, done in zip(names, runs):
        print(f"== fuzz {done.stdout.splitlines()[0] if done.stdout else name}", flush=True)
        if done.returncode:
            tally.failed.append(f"fuzz: {name}")
            print(done.stdout)
        else:
            tally.passed += 1


class Pytest:
    """A run of pytest, whose output goes to `file` (None: ours)."""

    def __init__(self, name, out, args, file=None):
        self.name, self.xml = name, f"{out}/{name}.xml"
        if os.path.exists(self.xml):
            os.unlink(self.xml)
        cmd = ["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short",
               "-rs", f"--junitxml={self.xml}", *args]
        self.proc = subprocess.Popen(cmd, cwd=TOP, stdin=subprocess.DEVNULL, stdout=file, stderr=file and subprocess.STDOUT)

    def finish(self, tally):
        code = self.proc.wait()
        if not tally.add_xml("e2e", self.xml) or code not in (0, 1):
            tally.failed.append(f"{self.name}: pytest ended with {code}")


def run_pytest(tally, out, extra):
    """Much of their time is waiting: two lanes beside each other, then what wants the host for itself."""
    if extra:
        Pytest("e2e", out, ["tests/e2e", *extra]).finish(tally)
        return
    beside = [f"tests/e2e/test_{name}.py" for name in BESIDE]
    subprocess.run(["tools/venv.sh"], cwd=TOP, stdin=subprocess.DEVNULL)  # both want it; what fails says why then
    with open(f"{out}/e2e-beside.log", "w+") as log:
        second = Pytest("e2e-beside", out, ["-m", "not alone", *beside], log)
        Pytest("e2e", out, ["-m", "not alone", "tests/e2e", *(f"--ignore={b}" for b in beside)]).finish(tally)
        second.finish(tally)
        log.seek(0)
        print(log.read(), flush=True)
    Pytest("e2e-alone", out, ["-m", "alone", "tests/e2e"]).finish(tally)


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--only", choices=("unit", "bpf", "fuzz", "e2e"), action="append")
    ap.add_argument("-o", "--out", default=os.path.join(TOP, os.environ.get("O", "build")))  # as make
    ap.add_argument("extra", nargs="*", help="handed to pytest")
    opt = ap.parse_args()
    suites = opt.only or ["unit", "bpf", "fuzz", "e2e"]
    results = os.path.join(opt.out, "results")
    os.makedirs(results, exist_ok=True)
    tally = Tally()
    for suite, where in (("unit", "check/bin"), ("bpf", "bpftest")):
        if suite not in suites:
            continue
        binaries = sorted(b for b in glob.glob(f"{opt.out}/{where}/test_*")
                          if os.access(b, os.X_OK) and not b.endswith(".d"))
        if not binaries:
            tally.failed.append(f"{suite}: nothing was built in {opt.out}/{where}")
        run_binaries(tally, suite, binaries, results, os.cpu_count() if suite == "unit" else 1)
    if "fuzz" in suites:
        run_fuzzers(tally, opt.out)
    if "e2e" in suites:
        run_pytest(tally, results, opt.extra)
    for name in tally.skipped:
        print("skipped:", name)
    for name in tally.failed:
        print("FAILED:", name)
    print(f"{tally.passed} passed, {len(tally.failed)} failed, {len(tally.skipped)} skipped", flush=True)
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
