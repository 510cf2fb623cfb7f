# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Medians with intervals that presume nothing of the distribution.

The interval is the one of order statistics: that a median lies outside of the k-th smallest and the k-th largest of
n values has a probability that follows from tossing n coins. It is at least 95 %; below six values there is none.
"""
import math
import statistics


def rank(n, level=0.95):
    """The largest k (from 1) for which [k-th smallest, k-th largest] covers the median at that level; 0: none."""
    k, tail = 0, 0.0
    while True:
        tail += math.comb(n, k) / 2.0 ** n
        if 2 * tail > 1 - level:
            return k
        k += 1


def median(values):
    """{"median": m, "low": l, "high": h, "n": n}; low and high are None where there are too few values."""
    values = sorted(values)
    if not values:
        return None
    k = rank(len(values)) if len(values) <= 1000 else int(len(values) / 2 - 0.98 * math.sqrt(len(values)))
    return {"median": statistics.median(values), "low": values[k - 1] if k else None,
            "high": values[-k] if k else None, "n": len(values)}


def goal(measured, limit, above=False):
    """Whether the median is within a limit: "met", "not met"; "open" where the interval has the limit in it."""
    if not measured:
        return "not measured"
    low, high = measured["low"], measured["high"]
    if low is None:
        return "open"
    if above:
        return "met" if low >= limit else "not met" if high < limit else "open"
    return "met" if high <= limit else "not met" if low > limit else "open"
