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
import glob
import os
import subprocess
import sys
import xml.etree.ElementTree as ET

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


def run_cmocka(tally, suite, binary, out):
    xml = f"{out}/{suite}-{os.path.basename(binary)}.xml"
    if os.path.exists(xml):
        os.unlink(xml)
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="XML", CMOCKA_XML_FILE=xml)
    done = subprocess.run([binary], env=env, cwd=TOP, stdin=subprocess.DEVNULL)
    before = len(tally.failed)
    seen = tally.add_xml(suite, xml)
    if not seen or (done.returncode and len(tally.failed) == before):
        tally.failed.append(f"{suite}: {os.path.basename(binary)} ended with {done.returncode}")
    if os.path.exists(xml) and len(tally.failed) > before:
        sys.stdout.write(open(xml, errors="replace").read())


def run_fuzzers(tally, out, seconds=5):
    names = sorted(os.path.basename(b) for b in glob.glob(f"{out}/fuzz/fuzz_*") if "." not in os.path.basename(b))
    if not names:
        tally.failed.append(f"fuzz: nothing was built in {out}/fuzz")
    for name in names:
        done = subprocess.run(["tests/fuzz/run.sh", f"{out}/fuzz", str(seconds), name], cwd=TOP,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        print(f"== fuzz {done.stdout.splitlines()[0] if done.stdout else name}", flush=True)
        if done.returncode:
            tally.failed.append(f"fuzz: {name}")
            print(done.stdout)
        else:
            tally.passed += 1


def run_pytest(tally, out, extra):
    xml = f"{out}/e2e.xml"
    if os.path.exists(xml):
        os.unlink(xml)
    cmd = ["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short",
           "-rs", f"--junitxml={xml}", "tests/e2e", *extra]
    done = subprocess.run(cmd, cwd=TOP, stdin=subprocess.DEVNULL)
    if not tally.add_xml("e2e", xml) or done.returncode not in (0, 1):
        tally.failed.append(f"e2e: pytest ended with {done.returncode}")


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--only", choices=("unit", "bpf", "fuzz", "e2e"), action="append")
    ap.add_argument("-o", "--out", default=os.path.join(TOP, "build"))
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
        for binary in binaries:
            print(f"== {suite} {os.path.basename(binary)}", flush=True)
            run_cmocka(tally, suite, binary, results)
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
