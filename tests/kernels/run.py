#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""One list of tests, on the running kernel and on Debian 12's stock 6.1 in qemu.

    tests/kernels/run.py              both; `make check-kernels`
    tests/kernels/run.py --here       on the running kernel only (so it runs inside the guest, too)
    tests/kernels/run.py --verified   no test: writes tests/bpf/verified.txt for both; `make verified`

The list is what is built in bpftest/ (among it test_verifier: every program, with every combination of its
switches) and tests/kernels/test_live.py. Where qemu or the kernel's package cannot be had, the guest is
skipped and it says why; with CI=true that is an error.
"""
import argparse
import glob
import os
import platform
import shutil
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests"))
import run as suites  # noqa: E402

GUEST_SECONDS = 1800  # a bound, not a measure: its processor is emulated, on a machine that may be busy


class Unavailable(Exception):
    """What keeps the guest from being started."""


def out_dir():
    return os.path.join(TOP, os.environ.get("O", "build"))


def binaries():
    return sorted(b for b in glob.glob(f"{out_dir()}/bpftest/test_*") if os.access(b, os.X_OK) and "." not in
                  os.path.basename(b))


# --- the list

def why_not_here():
    """What keeps BPF from being loaded on this kernel by this user; None: nothing that is known."""
    with open("/proc/self/status") as f:
        effective = next(int(line.split()[1], 16) for line in f if line.startswith("CapEff:"))
    if not (effective >> 21 & 1 or (effective >> 38 & 1 and effective >> 39 & 1)):
        return "BPF cannot be loaded: not root, CAP_BPF and CAP_PERFMON are missing"
    if not os.path.exists("/sys/kernel/btf/vmlinux"):
        return "BPF cannot be loaded: this kernel has no BTF (/sys/kernel/btf/vmlinux)"
    return None


def run_live(tally, results):
    xml = f"{results}/live.xml"
    cmd = ["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", "--color=no", "-rs",
           f"--junitxml={xml}", "tests/kernels"]
    done = subprocess.run(cmd, cwd=TOP, stdin=subprocess.DEVNULL)
    if not tally.add_xml("live", xml) or done.returncode not in (0, 1):
        tally.failed.append(f"live: pytest ended with {done.returncode}")


def step(tally, name, what):
    """One entry of the list, and a line about it."""
    before, began = (tally.passed, len(tally.failed)), time.monotonic()
    what()
    passed, failed = tally.passed - before[0], len(tally.failed) - before[1]
    print(f"  {name:<16} {passed:4} passed  {failed:3} failed  {time.monotonic() - began:6.1f} s", flush=True)


def run_list(results):
    shutil.rmtree(results, ignore_errors=True)
    os.makedirs(results)
    tally = suites.Tally()
    reason = why_not_here()
    if reason:
        print(f"  skipped: {reason}")
        return not os.environ.get("CI")
    for binary in binaries():
        step(tally, os.path.basename(binary),
             lambda: suites.take_cmocka(tally, "bpf", binary, *suites.run_cmocka("bpf", binary, results)))
    step(tally, "test_live", lambda: run_live(tally, results))
    for name in tally.skipped:
        print("  skipped:", name)
    for name in tally.failed:
        print("  FAILED:", name)
    print(f"  {tally.passed} passed, {len(tally.failed)} failed, {len(tally.skipped)} skipped on "
          f"Linux {platform.release()}", flush=True)
    return not tally.failed and tally.passed > 0


# --- the guest

def prepare_guest():
    """Whatever it needs is there afterwards."""
    for script, args in (("deps.sh", ["kernels"]), ("vm/kernel.sh", [])):
        done = subprocess.run([os.path.join(TOP, "tools", script), *args], cwd=TOP, stdin=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True)
        sys.stderr.write(done.stderr)
        if done.returncode:
            raise Unavailable((done.stderr.strip().splitlines() or [f"{script} failed"])[-1])
    with open(os.path.join(out_dir(), "kernel", "release")) as f:
        return f.read().strip()


def in_guest(share, *command, env=()):
    """Its exit status. `share` is /vm in there."""
    settings = [f"O={out_dir()}", "RS_GUEST=1", *env]
    return subprocess.run([os.path.join(TOP, "tools", "vm", "run.sh"), "-t", str(GUEST_SECONDS), "-o", share,
                           "env", *settings, *command], cwd=TOP, stdin=subprocess.DEVNULL).returncode


def check_guest():
    began = time.monotonic()
    print(f"Linux {prepare_guest()} in qemu", flush=True)
    share = os.path.join(out_dir(), "results", "guest")
    rc = in_guest(share, "tests/kernels/run.py", "--here", "--results", "/vm/results")
    print(f"  {time.monotonic() - began:.0f} s in all", flush=True)
    return rc == 0


def check():
    began = time.monotonic()
    print(f"Linux {platform.release()}, the running kernel", flush=True)
    good = run_list(os.path.join(out_dir(), "results", "kernels"))
    print(f"  {time.monotonic() - began:.0f} s in all", flush=True)
    try:
        return check_guest() and good
    except Unavailable as e:
        if os.environ.get("CI"):
            print(f"check-kernels: error: no guest: {e}", file=sys.stderr)
            return False
        print(f"check-kernels: skipped: the guest with Linux 6.1: {e}", file=sys.stderr)
        return good


# --- the counts of instructions

def write_verified():
    """The running kernel's lines, then the guest's, which gets a copy of the file and cannot write here."""
    path, share = os.path.join(TOP, "tests", "bpf", "verified.txt"), os.path.join(out_dir(), "results", "guest")
    test = os.path.join(out_dir(), "bpftest", "test_verifier")
    os.makedirs(share, exist_ok=True)
    good = subprocess.run([test], cwd=TOP, env=dict(os.environ, RS_VERIFIED_UPDATE="1")).returncode == 0
    try:
        prepare_guest()
    except Unavailable as e:
        print(f"verified: the lines of Linux 6.1 are as they were: {e}", file=sys.stderr)
        return False
    copy = shutil.copy(path, share)
    good &= in_guest(share, test, env=("RS_VERIFIED_UPDATE=1", "RS_VERIFIED=/vm/verified.txt")) == 0
    if good:
        shutil.copyfile(copy, path)
    return good


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--here", action="store_true")
    ap.add_argument("--verified", action="store_true")
    ap.add_argument("--results", default=os.path.join(out_dir(), "results", "kernels"))
    opt = ap.parse_args()
    if not binaries():
        sys.exit(f"check-kernels: nothing was built in {out_dir()}/bpftest: run make check-kernels")
    if opt.verified:
        return 0 if write_verified() else 1
    return 0 if (run_list(opt.results) if opt.here else check()) else 1


if __name__ == "__main__":
    sys.exit(main())
