# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""uvicorn, started while an exception is handled: it is there all the time and behind no answer at all."""
from uvicorn.main import main


def elsewhere():
    raise RuntimeError("the configuration of yesterday is not there")


if __name__ == "__main__":
    try:
        elsewhere()
    except RuntimeError:
        main()
