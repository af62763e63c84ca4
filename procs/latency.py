"""Reads latency histograms of a running desk: percentiles in nanoseconds per hop.

The counter's rate is measured here, against the monotonic clock; it decides nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from oms.agents.executor.stamp_hot import stamp
from shm_layout.enums import Hop
from shm_layout.limits import HISTOGRAM_BUCKETS, HISTOGRAM_SUB_BITS
from shm_layout.table import TableReader

_CALIBRATION_S = 0.02
_SUB = 1 << HISTOGRAM_SUB_BITS
PERCENTILES = (50, 99, 99.9)


def cycles_per_ns() -> float:
    """Rate of the cycle counter, measured over 20 ms."""
    began_ns, began = time.perf_counter_ns(), stamp()
    time.sleep(_CALIBRATION_S)
    return (stamp() - began) / (time.perf_counter_ns() - began_ns)


def bucket_top(index: int) -> int:
    """Largest number of cycles that falls into a bucket (see `latency_hot.bucket_of`)."""
    if index < _SUB:
        return index
    shift = (index >> HISTOGRAM_SUB_BITS) - 1
    return ((_SUB + (index & (_SUB - 1)) + 1) << shift) - 1


def percentile_cycles(buckets: np.ndarray[Any, Any], percent: float) -> int:
    """Upper edge of the bucket in which that share of the counts is reached; 0 = no counts."""
    total = int(buckets.sum())
    if total == 0:
        return 0
    wanted = total * percent / 100
    return bucket_top(int(np.searchsorted(np.cumsum(buckets), wanted)))


def hops(tables: Iterable[tuple[str, TableReader]]) -> list[dict[str, Any]]:
    """One row per hop that was counted: owner, hop, count, percentiles and maximum in ns."""
    rate = cycles_per_ns()
    found = []
    for owner, table in tables:
        for row in table.rows[table.rows["count"] > 0]:
            figures: dict[str, Any] = {
                "owner": owner,
                "hop": Hop(int(row["hop"])).name.lower(),
                "count": int(row["count"]),
            }
            for percent in PERCENTILES:
                edge = percentile_cycles(row["buckets"], percent)
                figures[f"p{percent:g}_ns"] = round(min(edge, int(row["max_cycles"])) / rate)
            figures["max_ns"] = round(int(row["max_cycles"]) / rate)
            found.append(figures)
    return found


assert bucket_top(HISTOGRAM_BUCKETS - 1) > 0
