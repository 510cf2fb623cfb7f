#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Checks vmlinux/vmlinux.h, trimmed by hand, against the types of a kernel.

    tools/check-vmlinux.py                     the running kernel
    tools/check-vmlinux.py --btf FILE          another one: a raw BTF file or a vmlinux
    tools/check-vmlinux.py OBJECT.bpf.o        also: what the compiler saw in it is what is checked here

Every structure and field that is relocated when the programs are loaded (those between the
preserve_access_index pragmas) must be in the kernel, with a type of the same kind and, for numbers and
arrays, of the same size. Of a structure's flavours (name___suffix) only one need fit. Prints what is
missing; exit 1 then, 2 when the check itself is not possible.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HEADER = os.path.join(TOP, "vmlinux", "vmlinux.h")
KERNEL = "/sys/kernel/btf/vmlinux"
MACHINES = {"x86_64": "x86", "aarch64": "arm64"}
PUSH, POP = "#pragma clang attribute push(", "#pragma clang attribute pop"
# Kinds that only name or qualify another type.
TRANSPARENT = ("CONST", "VOLATILE", "RESTRICT", "TYPEDEF", "TYPE_TAG")


class CheckError(Exception):
    pass


def bpftool():
    found = os.environ.get("BPFTOOL") or shutil.which("bpftool") or "/usr/sbin/bpftool"
    if not os.access(found, os.X_OK):
        raise CheckError("bpftool is not installed; see tools/deps.sh")
    return found


class Btf:
    """The types in a BTF file, by name."""

    def __init__(self, path):
        cmd = [bpftool(), "-j", "btf", "dump", "file", path, "format", "raw"]
        done = subprocess.run(cmd, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CheckError(f"bpftool cannot read {path}: {(done.stderr or done.stdout).strip()}")
        types = json.loads(done.stdout)["types"]
        self.types = {t["id"]: t for t in types}
        self.named = {}
        for t in types:
            if t["kind"] in ("STRUCT", "UNION", "TYPEDEF", "ENUM", "INT"):
                self.named.setdefault((t["kind"], t["name"]), t)

    def resolve(self, type_id):
        """Without const, volatile and typedefs; None: void."""
        t = self.types.get(type_id)
        while t and t["kind"] in TRANSPARENT:
            t = self.types.get(t["type_id"])
        return t

    def record(self, name):
        """A structure, union, or what a typedef of that name stands for."""
        for kind in ("STRUCT", "UNION"):
            if (kind, name) in self.named:
                return self.named[kind, name]
        typedef = self.named.get(("TYPEDEF", name))
        found = typedef and self.resolve(typedef["type_id"])
        return found if found and found["kind"] in ("STRUCT", "UNION") else None

    def member(self, record, name):
        """The type of a field, looked for in anonymous members too; False: there is none."""
        for m in record.get("members", ()):
            if m["name"] == name:
                return self.resolve(m["type_id"])
            if m["name"] in ("", "(anon)"):
                inner = self.resolve(m["type_id"])
                if inner and inner["kind"] in ("STRUCT", "UNION"):
                    found = self.member(inner, name)
                    if found is not False:
                        return found
        return False

    def size(self, t):
        if not t:
            return None
        if t["kind"] == "ARRAY":
            element = self.size(self.resolve(t["type_id"]))
            return None if element is None else element * t["nr_elems"]
        return 8 if t["kind"] == "PTR" else t.get("size")


# --- the header

def preprocess(text, arch):
    """Comments out, the branch for this architecture kept."""
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    kept, stack = [], []
    for line in text.splitlines():
        word = line.strip()
        if re.match(r"#\s*(ifn?def|if|elif)\b", word):
            target = re.search(r"__TARGET_ARCH_(\w+)", word)
            # any other condition (the include guard) holds
            holds = not target or target.group(1) == arch
            if re.match(r"#\s*if", word):
                stack.append(holds)
            else:
                stack[-1] = holds
        elif re.match(r"#\s*else\b", word):
            stack[-1] = not stack[-1]
        elif re.match(r"#\s*endif\b", word):
            stack.pop()
        elif all(stack):
            kept.append(line)
    return "\n".join(kept)


def relocated(text):
    start = text.find(PUSH)
    end = text.find(POP)
    if start < 0 or end < start:
        raise CheckError(f"{HEADER}: the preserve_access_index pragmas are not there")
    return text[text.index("\n", start) + 1:end]


class Parser:
    """Declarations of structures, as far as the header goes: no bit-fields, no function pointers."""

    def __init__(self, text):
        self.tokens = re.findall(r"\w+|[{}()\[\];,*]", text)
        self.at = 0

    def next(self):
        self.at += 1
        return self.tokens[self.at - 1]

    def peek(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def declarators(self):
        """`*a, b[16];` as (name, pointers, elements)"""
        out = []
        while True:
            pointers = 0
            while self.peek() == "*":
                self.next()
                pointers += 1
            if self.peek() in (";", None):
                self.next()
                return out
            name, elements = self.next(), None
            while self.peek() == "[":
                self.next()
                elements = (1 if elements is None else elements) * int(self.next(), 0)
                self.next()
            out.append((name, pointers, elements))
            if self.next() == ";":
                return out

    def type(self):
        """(words, fields); fields is None unless the type is defined here"""
        words = []
        while re.match(r"\w", self.peek()):
            # the last word before a declarator's end is its name
            follows = self.tokens[self.at + 1]
            if words and follows in (";", ",", "[") and words[-1] not in ("struct", "union"):
                break
            words.append(self.next())
        fields = None
        if self.peek() == "{":
            self.next()
            fields = self.fields()
        return words, fields

    def fields(self):
        out = []
        while self.peek() != "}":
            words, inner = self.type()
            names = self.declarators() or [("", 0, None)]
            out += [(name, words, inner, pointers, elements) for name, pointers, elements in names]
        self.next()
        return out

    def records(self):
        """{name: fields} of every structure and typedef of one that is defined"""
        out = {}
        while self.peek():
            words, fields = self.type()
            names = self.declarators()
            if fields is None:
                continue
            if words[0] == "typedef":
                out[names[0][0]] = fields
            else:
                out[words[-1]] = fields
        return out


SIZES = {"char": 1, "u8": 1, "__u8": 1, "u16": 2, "__u16": 2, "__be16": 2, "short": 2, "bool": 1,
         "int": 4, "u32": 4, "__u32": 4, "s32": 4, "__be32": 4, "pid_t": 4, "unsigned": 4,
         "u64": 8, "s64": 8, "__u64": 8, "long": 8, "void": None}


def scalar_size(words):
    """Bytes of a number; None for what has no size of its own here."""
    plain = [w for w in words if w not in ("const", "volatile", "unsigned", "signed")]
    return SIZES.get(plain[-1] if plain else "unsigned")


# --- the comparison

def base_name(name):
    return name.split("___")[0]


def check_field(btf, where, field, found):
    """Complaints about one field of which the kernel's type is `found`."""
    name, words, inner, pointers, elements = field
    kind = found["kind"] if found else "VOID"
    if pointers:
        if elements is None and kind != "PTR":
            return [f"{where}.{name}: a pointer here, {kind.lower()} in the kernel"]
        return []
    if inner is not None:
        if kind not in ("STRUCT", "UNION"):
            return [f"{where}.{name}: a structure here, {kind.lower()} in the kernel"]
        return check_fields(btf, f"{where}.{name}", inner, found)
    if elements is not None:
        if kind != "ARRAY":
            return [f"{where}.{name}: an array here, {kind.lower()} in the kernel"]
        size = scalar_size(words)
        # a flexible one (0 elements) says nothing about its length
        if size and elements and btf.size(found) != size * elements:
            return [f"{where}.{name}: {size * elements} bytes here, {btf.size(found)} in the kernel"]
        return []
    if words[0] in ("struct", "union"):
        ok = kind in ("STRUCT", "UNION")
        return [] if ok else [f"{where}.{name}: a structure here, {kind.lower()} in the kernel"]
    size = scalar_size(words)
    if size and (kind not in ("INT", "ENUM", "ENUM64") or btf.size(found) != size):
        return [f"{where}.{name}: a number of {size} bytes here, "
                f"{kind.lower()} of {btf.size(found)} in the kernel"]
    return []


def check_fields(btf, where, fields, record):
    bad = []
    for field in fields:
        name, _, inner, _, _ = field
        if not name:  # anonymous: its fields stand for themselves
            bad += check_fields(btf, where, inner, record)
            continue
        found = btf.member(record, name)
        if found is False:
            bad.append(f"{where}.{name}: no such field")
        else:
            bad += check_field(btf, where, field, found)
    return bad


def check_record(btf, name, fields):
    record = btf.record(base_name(name))
    if not record:
        return [f"{name}: no such type"]
    return check_fields(btf, name, fields, record)


def check(btf, records):
    """Complaints; of a set of flavours none when one of them fits."""
    bad = []
    for base in sorted({base_name(n) for n in records}):
        plain = [n for n in records if n == base]
        flavours = [n for n in records if base_name(n) == base and n != base]
        for name in plain:
            bad += check_record(btf, name, records[name])
        complaints = [check_record(btf, name, records[name]) for name in flavours]
        if flavours and all(complaints):
            bad.append(f"{base}: none of {', '.join(flavours)} fits")
            bad += ["  " + line for lines in complaints for line in lines]
    # a type that came with a flavour need not be in kernels that another flavour is for
    unused = optional(records)
    return [line for line in bad if line.split(":")[0].strip() not in unused]


def optional(records):
    """Types that are only reached through flavours."""
    used = {True: set(), False: set()}
    for name, fields in records.items():
        for _, words, _, _, _ in fields:
            used["___" in name].add(words[-1])
    return (used[True] - used[False]) & set(records)


def check_object(path, records):
    """The compiler's view of the header: a structure that it saw and the parser did not is a mistake here."""
    btf, bad = Btf(path), []
    for name, fields in records.items():
        seen = btf.record(name)
        if not seen:  # no program uses it
            continue
        ours = {f[0] for f in fields}
        theirs = {"" if m["name"] == "(anon)" else m["name"] for m in seen.get("members", ())}
        for field in sorted(theirs ^ ours):
            bad.append(f"{name}.{field}: read differently by the compiler and by this script")
    return bad


def count_fields(fields):
    return sum(count_fields(inner) if inner else 1 for _, _, inner, _, _ in fields)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    ap.add_argument("object", nargs="?", help="the compiled kernel side")
    ap.add_argument("--btf", default=KERNEL, help="types of the kernel (default: the running one)")
    ap.add_argument("--arch", default=MACHINES.get(os.uname().machine, "x86"), choices=("x86", "arm64"))
    opt = ap.parse_args()
    with open(HEADER, encoding="utf-8") as f:
        records = Parser(relocated(preprocess(f.read(), opt.arch))).records()
    bad = check(Btf(opt.btf), records)
    if opt.object:
        bad += check_object(opt.object, records)
    for line in bad:
        print(line)
    total = sum(count_fields(f) for f in records.values())
    print(f"check-vmlinux: {len(records)} types, {total} fields against {opt.btf}: "
          f"{f'{len(bad)} complaints' if bad else 'all there'}")
    return 1 if bad else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CheckError as e:
        print(f"check-vmlinux: {e}", file=sys.stderr)
        sys.exit(2)
