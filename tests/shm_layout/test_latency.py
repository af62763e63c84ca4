"""Latency buckets: monotone, complete, of the promised resolution."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from procs.latency import bucket_top, percentile_cycles
from shm_layout.latency_hot import bucket_of, note_latency
from shm_layout.limits import HISTOGRAM_BUCKETS, HOPS_MAX
from shm_layout.records import LATENCY_ROW


@given(st.integers(0, 2**62))
def test_bucket_holds_its_value_within_an_eighth(value: int) -> None:
    index = int(bucket_of(value))
    assert 0 <= index < HISTOGRAM_BUCKETS
    assert bucket_top(index) >= value
    assert index == 0 or bucket_top(index - 1) < value
    assert bucket_top(index) <= value + value // 8 + 1


def test_note_counts_and_a_zero_stamp_is_none() -> None:
    rows = np.zeros(HOPS_MAX, LATENCY_ROW)
    note_latency(rows, 2, 0)
    assert int(rows["count"].sum()) == 0
    note_latency(rows, 2, 1)
    note_latency(rows, 2, 2**62)
    assert int(rows["count"][2]) == 2
    assert int(rows["buckets"][2].sum()) == 2
    assert int(rows["buckets"][2, 0]) == 1, "a counter that went backwards counts as 0"


def test_percentiles_of_known_counts_are_their_bucket_tops() -> None:
    buckets = np.zeros(HISTOGRAM_BUCKETS, np.int64)
    buckets[int(bucket_of(100))] = 99
    buckets[int(bucket_of(10_000))] = 1
    assert percentile_cycles(buckets, 50) == bucket_top(int(bucket_of(100)))
    assert percentile_cycles(buckets, 99.9) == bucket_top(int(bucket_of(10_000)))
    assert percentile_cycles(np.zeros(HISTOGRAM_BUCKETS, np.int64), 50) == 0
