# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Each request is one line, however soon its connection is over: what is told of it late begins no other."""
import collections

import pytest

import insights
import reqscope
from client import Conn, Truth, head_bytes
from servers import Stack

pytestmark = pytest.mark.usefixtures("bpf")

STACKS = tuple(Stack(loop=loop, http=http, app="insight:app") for loop, http in insights.NATURAL)
KIND = "/e/nested"  # an error: the way out of the call that answers it takes longer


def ask_and_reset(address, path):
    """Resets as soon as a byte of the answer is there: the server is perhaps still in the call that sent it."""
    with Conn(address, Truth()) as conn:
        conn.sock.sendall(head_bytes("GET", path))
        conn.sock.setblocking(False)
        while True:
            try:
                conn.sock.recv(1)
                break
            except BlockingIOError:
                pass
        conn.close(reset=True)


@pytest.mark.parametrize("stack", STACKS, ids=str)
def test_reset_by_the_first_byte(pool, stack):
    """The end may be told, on another CPU, before the call that sent the answer is."""
    server = pool.get(stack)
    wanted = {f"{KIND}/{i}": 1 for i in range(500)}
    with reqscope.summary("-p", server.pid) as total, reqscope.trace("-p", server.pid) as scope:
        for path in wanted:
            ask_and_reset(server.address, path)
        rows = insights.ends(scope.finish())
        s = reqscope.parse_summary(total.finish())
    assert [row for row in rows if "path" not in row] == [], "nobody asked for these"
    assert collections.Counter(row["path"] for row in rows) == wanted
    assert {row["end"] for row in rows} <= {"ok", "client_closed"}
    assert s["requests"]["started"] == len(wanted)
    assert s["requests"]["unknown"] == s["requests"]["open"] == 0
