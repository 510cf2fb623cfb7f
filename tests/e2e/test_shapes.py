# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every shape of an exchange on every stack: counted once, rightly, its time never more than the client's.

One trace and one summary run per stack; each shape makes its exchanges under them and is held against the lines
of its own paths. test_whole then looks for lines that nobody asked for, and at the ledger.
"""
import statistics

import pytest

import report
import reqscope
import shapes


def ids(stack):
    return f"{stack}{stack.app[6:].replace(':app', '').replace(':', '-')}"


@pytest.fixture(scope="module", params=shapes.SHAPED + shapes.UNIX + shapes.BEHIND, ids=ids)
def traced(request, pool, bpf):
    server = pool.get(request.param)
    before = shapes.served_by(server)
    with reqscope.trace("-p", server.pid) as scope, reqscope.summary("-p", server.pid) as total:
        yield shapes.Traced(server, scope, total, before)


@pytest.mark.parametrize("shape", shapes.SHAPES, ids=lambda s: s.__name__)
def test_shape(traced, shape):
    if traced.server.stack.app == "shaped:behind" and shape not in shapes.ORDERED:
        return  # the middleware changes when requests are read, not what they look like
    traced.run(shape)


def test_quiet(traced):
    """One connection, nothing else: we see all but the client's own part of the time."""
    def quiet(t):
        with t.conn() as c:
            return [shapes.Want(c.get(shapes.path("item"))) for _ in range(60)]

    gaps = [w.record.ms - w.row["total"] for w in traced.run(quiet)]
    report.gaps += gaps
    assert statistics.median(gaps) < 0.3, sorted(gaps)


def test_whole(traced):
    traced.finish()
