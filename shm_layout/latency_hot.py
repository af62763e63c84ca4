"""Latency histograms: counted by the cycle counter, deciding nothing (`@hot` only).

A bucket is a power of two of cycles cut into eight: 12 % resolution from 8 cycles up, whatever
the clock. One writer per table; readers take counts that may be one ahead of each other.
"""

from __future__ import annotations

from shm_layout.atomics import cycles
from shm_layout.jit import hot
from shm_layout.limits import HISTOGRAM_BUCKETS, HISTOGRAM_SUB_BITS

_SUB = 1 << HISTOGRAM_SUB_BITS


@hot
def bucket_of(value):
    """Index of the bucket of a number of cycles >= 0: exact below 8, then eight per doubling."""
    if value < _SUB:
        return max(value, 0)
    shift = 0
    rest = value >> HISTOGRAM_SUB_BITS
    while rest > 1:
        rest >>= 1
        shift += 1
    index = ((shift + 1) << HISTOGRAM_SUB_BITS) + ((value >> shift) - _SUB)
    return min(index, HISTOGRAM_BUCKETS - 1)


@hot
def stamp_if(stamping):
    """The cycle counter where this host stamps, else 0."""
    return cycles() if stamping else 0


@hot
def note_latency(rows, hop, since_cycles):
    """Count the cycles since a stamp into the row of `hop`; a stamp of 0 is none.

    A counter that went backwards (another socket of the machine) counts as 0.
    """
    if since_cycles == 0:
        return
    value = max(cycles() - since_cycles, 0)
    rows["seq"][hop] = 2
    rows["hop"][hop] = hop
    rows["count"][hop] += 1
    rows["sum_cycles"][hop] += value
    rows["max_cycles"][hop] = max(rows["max_cycles"][hop], value)
    rows["buckets"][hop, bucket_of(value)] += 1
