"""How long one 64-byte record takes from one pinned, spinning process to another.

One way is half a round trip, timed by the cycle counter: a round trip needs one clock, one way
would need two that agree. Peers, in the same run and each at its best of one core or two, waiting
or polling: iceoryx2, multiprocessing.Pipe, ZeroMQ over ipc, multiprocessing.Queue.
"""

from __future__ import annotations

import os
import time

import numpy as np

from tests.bench import peers, ring_bench_hot
from tests.bench.result import BenchResult, latency
from tests.stress.memory import Stand, fork, reap, ring_shape, shared_words, stand, words_shape

SLOTS = 1 << 10
TRIPS, SMOKE_TRIPS = 200_000, 500
WARM_TRIPS, SMOKE_WARM_TRIPS = 2000, 50
PEER_TRIPS, SMOKE_PEER_TRIPS = 10_000, 50
CALIBRATE_S = 0.2
WATCHDOG_S = 100.0
THERE, BACK = ring_shape("there", SLOTS), ring_shape("back", SLOTS)
THERE_CURSOR, BACK_CURSOR = words_shape("there.reader"), words_shape("back.reader")


def cycles_per_ns(seconds: float = CALIBRATE_S) -> float:
    """The rate of the cycle counter."""
    ring_bench_hot.count_cycles()
    began, first = time.perf_counter_ns(), ring_bench_hot.count_cycles()
    time.sleep(seconds)
    return (ring_bench_hot.count_cycles() - first) / (time.perf_counter_ns() - began)


def _sides(place: Stand, here: bool):
    """Arguments of `ping` or `pong`: what this side writes is mapped writable."""
    there = place.attach(THERE, writable=here)
    back = place.attach(BACK, writable=not here)
    there_cursor = place.attach(THERE_CURSOR, writable=not here).words
    back_cursor = place.attach(BACK_CURSOR, writable=here).words
    out = (there.words, there_cursor, there.rows)
    into = (back.words, back_cursor, back.rows)
    return (*out, *into)


def run_once(trips: int, warm: int) -> tuple[np.ndarray, int]:
    """Cycles of each round trip but the first `warm`, and the checksum of what came back."""
    total = trips + warm
    out = shared_words(total)
    result = shared_words()
    with stand("hop") as place:
        place.make(THERE, BACK, THERE_CURSOR, BACK_CURSOR)
        ring_bench_hot.ping(*_sides(place, True), 0, out)
        ring_bench_hot.pong(*_sides(place, False), 0)

        def ping() -> int:
            result[0] = ring_bench_hot.ping(*_sides(place, True), total, out)
            return 0

        def pong() -> int:
            ring_bench_hot.pong(*_sides(place, False), total)
            return 0

        codes = reap([fork(ping, 0), fork(pong, 1)], WATCHDOG_S)
    assert codes == [0, 0], f"the two ends ended with {codes}"
    return np.array(out[warm:]), int(result[0])


def run(smoke: bool, runs: int) -> BenchResult:
    """Percentiles of the one-way time in nanoseconds."""
    rate = cycles_per_ns(CALIBRATE_S / 20 if smoke else CALIBRATE_S)
    trips, warm = (SMOKE_TRIPS, SMOKE_WARM_TRIPS) if smoke else (TRIPS, WARM_TRIPS)
    made = [run_once(trips, warm) for _ in range(runs)]
    checksums = {checksum for _, checksum in made}
    assert len(checksums) == 1, "two runs carried different records"
    count = SMOKE_PEER_TRIPS if smoke else PEER_TRIPS
    return latency(
        "ring_hop", "ns", [cycles / rate / 2 for cycles, _ in made],
        peers.hop_ns(count, 1 if smoke else 3),
        core_map=f"two processes on cores {sorted(cores_used())}", wait="spin",
        checksum=checksums.pop(), aim="≤ 250 ns, 12 times ahead",
        note=f"{trips:,} round trips a run, half of each",
    )  # fmt: skip


def cores_used() -> set[int]:
    """The cores that the two ends are pinned to, as far as there are so many."""
    return set(sorted(os.sched_getaffinity(0))[:2])
