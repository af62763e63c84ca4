"""How many 64-byte records a second pass through one lossless ring between two pinned processes.

The reader reads every word of every record, and the sum must be right. Peers in the same run, in
batches of 1,024 records a message (64 KiB), summed by numpy: iceoryx2, multiprocessing.Pipe, ZeroMQ
over ipc. A queue is left out: it pickles what the others copy.
"""

from __future__ import annotations

import time

import numpy as np

from tests.bench import peers, ring_bench_hot
from tests.bench.result import BenchResult, throughput
from tests.stress.memory import Stand, fork, reap, ring_shape, shared_words, stand, words_shape

SLOTS = 1 << 14
RECORDS, SMOKE_RECORDS = 20_000_000, 20_000
PEER_BATCH = 1024
PEER_MESSAGES, SMOKE_PEER_MESSAGES = 4000, 20
WATCHDOG_S = 100.0
RING, CURSOR = ring_shape("stream", SLOTS), words_shape("stream.reader")
ADDED = sum(range(1, 7)) + 2
"""What a record's words hold beyond seven times its position: offsets 1 to 6, type, epoch."""


def expected(records: int) -> int:
    """The sum over all records: seq and six words count the position, type and epoch are 1."""
    positions = records * (records - 1) // 2
    return (7 * positions + ADDED * records) & ((1 << 64) - 1)


def _write(place: Stand, records: int) -> int:
    ring = place.attach(RING, writable=True)
    ring_bench_hot.stream_out(ring.words, place.attach(CURSOR).words, ring.rows, records)
    return 0


def _read(place: Stand, records: int, result: np.ndarray) -> int:
    ring = place.attach(RING)
    cursor = place.attach(CURSOR, writable=True).words
    ring_bench_hot.stream_in(ring.words, cursor, ring.rows, SLOTS)
    began = time.perf_counter_ns()
    result[0] = ring_bench_hot.stream_in(ring.words, cursor, ring.rows, records - SLOTS)
    result[1] = time.perf_counter_ns() - began
    return 0


def run_once(records: int) -> tuple[float, int]:
    """Records a second as the reader sees them after the first ringful, and their checksum."""
    result = shared_words()
    with stand("stream") as place:
        place.make(RING, CURSOR)
        _write(place, 0)
        ring = place.attach(RING)
        cursor = place.attach(CURSOR, writable=True).words
        ring_bench_hot.stream_in(ring.words, cursor, ring.rows, 0)
        ends = [
            fork(lambda: _read(place, records, result), 1),
            fork(lambda: _write(place, records), 0),
        ]
        codes = reap(ends, WATCHDOG_S)
    assert codes == [0, 0], f"the two ends ended with {codes}"
    summed = int(result[0]) & ((1 << 64) - 1)
    rest = (expected(records) - expected(SLOTS)) & ((1 << 64) - 1)
    assert summed == rest, f"the sum is {summed}, it must be {rest}"
    return (records - SLOTS) / int(result[1]) * 1e9, summed


def run(smoke: bool, runs: int) -> BenchResult:
    """Records a second."""
    records = SMOKE_RECORDS if smoke else RECORDS
    made = [run_once(records) for _ in range(runs)]
    messages = SMOKE_PEER_MESSAGES if smoke else PEER_MESSAGES
    return throughput(
        "ring_throughput", "records/s", [rate for rate, _ in made],
        peers.records_per_s(PEER_BATCH, messages, 1 if smoke else 3),
        core_map="two processes on two cores", wait="spin", checksum=made[0][1],
        aim="≥ 50 M", note=f"{records:,} records a run, published in batches of at most 256",
    )  # fmt: skip
