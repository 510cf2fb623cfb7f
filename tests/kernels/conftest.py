# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The end-to-end tests' servers, client and reqscope, on a machine that may be an emulated one."""
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
pytest.register_assert_rewrite("reqscope", "servers")

import servers  # noqa: E402

PATIENCE = 6 if os.environ.get("RS_GUEST") else 1  # how much longer it takes there until a server answers
wait_for = servers.wait_for


def wait_longer(condition, what, seconds=15.0, step=0.01):
    return wait_for(condition, what, seconds * PATIENCE, step)


servers.wait_for = wait_longer


@pytest.fixture(scope="session")
def pool():
    p = servers.Pool()
    yield p
    p.stop_all()
