# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Recordings as docs/recording.md describes them, read and changed without any code of reqscope."""
import dataclasses
import struct
import zlib

HEAD, BLOCK = 56, 72
MAGIC = b"\x89RSREC\r\n"
FIELDS = struct.Struct("<4I4Qq3I")  # of a block's head, without its own checksum


@dataclasses.dataclass
class Block:
    offset: int
    magic: int
    raw: int
    packed: int
    flags: int
    first: int
    last: int
    begun: int
    ended: int
    wall_offset: int
    number: int
    requests: int
    crc: int
    body: bytes

    def payload(self):
        return zlib.decompress(self.body)

    def bytes(self):
        """As it lies in a file, with checksums that fit."""
        head = FIELDS.pack(self.magic, self.raw, len(self.body), self.flags, self.first, self.last, self.begun,
                           self.ended, self.wall_offset, self.number, self.requests, zlib.crc32(self.body))
        return head + struct.pack("<I", zlib.crc32(head)) + self.body


def blocks(data):
    """All blocks of a whole file, each checked."""
    assert data[:8] == MAGIC and zlib.crc32(data[:HEAD - 4]) == struct.unpack_from("<I", data, HEAD - 4)[0]
    found, at = [], HEAD
    while at < len(data):
        head = data[at:at + BLOCK]
        assert zlib.crc32(head[:-4]) == struct.unpack_from("<I", head, BLOCK - 4)[0]
        fields = FIELDS.unpack_from(head)
        b = Block(at, *fields, data[at + BLOCK:at + BLOCK + fields[2]])
        assert zlib.crc32(b.body) == b.crc and len(b.payload()) == b.raw
        found.append(b)
        at += BLOCK + b.packed
    return found


def file_head(data, *, version=None, boot=None, run=None):
    """The head of a file, changed, with a checksum that fits."""
    head = bytearray(data[:HEAD])
    if version is not None:
        struct.pack_into("<I", head, 8, version)
    if boot is not None:
        head[24:40] = boot
    if run is not None:
        struct.pack_into("<Q", head, 40, run)
    struct.pack_into("<I", head, HEAD - 4, zlib.crc32(bytes(head[:HEAD - 4])))
    return bytes(head)
