# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Help fits a screen; completion for bash offers what the program takes, no more and no less."""
import os
import re
import subprocess

import pytest

import reqscope
from servers import TOP


def complete(*words):
    """What is offered for the last of the words."""
    script = f"""source {TOP}/tools/reqscope.bash
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _reqscope; printf '%s\\n' "${{COMPREPLY[@]}}" """
    out = subprocess.run(["bash", "-c", script, "bash", reqscope.BINARY, *words], capture_output=True, check=True)
    assert out.stderr == b""
    return out.stdout.decode().split()


def verbs():
    out = reqscope.run("--help").stdout.decode()
    return re.findall(r"^  ([a-z]+) +\S", out, re.M)


def test_verbs(binary):
    assert complete("") == verbs() and {"top", "summary", "trace", "doctor"} <= set(verbs())
    assert complete("su") == ["summary"]


def test_help_fits_a_screen(binary):
    for verb in verbs():
        for option in ("--help", "--help-all"):
            lines = reqscope.run(verb, option).stdout.decode().splitlines()
            assert all(len(line) <= 80 for line in lines), [x for x in lines if len(x) > 80]
        assert len(reqscope.run(verb, "-h").stdout.splitlines()) < 24, verb


def test_options_of_every_verb(binary):
    for verb in verbs():
        known = set(re.findall(r"(?:^| )(--[a-z-]+)", reqscope.run(verb, "--help-all").stdout.decode()))
        offered = set(complete(verb, "--"))
        assert {"--help", "--version"} <= offered <= known, verb
        for option in offered - {"--help", "--help-all", "--version"}:
            said = reqscope.run(verb, option, "", timeout=10).stderr.decode()
            assert "unknown option" not in said and "means nothing" not in said, (verb, option, said)


@pytest.mark.parametrize("words,want", [
    (("trace", "--format", ""), {"text", "json"}),
    (("top", "--sort", ""), {"time", "rate", "p99", "errors"}),
    (("top", "--log-requests", "n"), {"none"}),
    (("summary", "--log", "s"), {"syslog"}),
    (("summary", "--insight", ""), {"off", "default", "full"}),
])
def test_values(binary, words, want, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert set(complete(*words)) == want


def test_files(binary, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.txt").touch()
    assert complete("summary", "-o", "") == ["one.txt"]
    assert os.listdir(tmp_path) == ["one.txt"]
