"""What does the placement of two processes do to the hand-off of one 64-byte record?

The same ring and record in every placement: spinning on a core each, spinning where the scheduler
likes, parked on one core, parked on a core each, and spinning side by side on one core, which
nobody should. One way is half a round trip. Parked, a side looks at its ring, sleeps on its
doorbell and is rung, in Python, as `procs/runtime.py` does it. Peer: multiprocessing.Pipe in the
same placement and waiting the same way, in the same run.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from shm_layout.doorbell import Listener, Ringer, Sleeper, open_bell
from shm_layout.ring_hot import READ_POS, written
from tests.bench import peers, ring_bench_hot
from tests.bench.bench_ring_hop import BACK, BACK_CURSOR, THERE, THERE_CURSOR
from tests.bench.result import BenchResult, latency
from tests.stress.memory import (
    Stand,
    fork,
    park,
    poll_of,
    reap,
    shared_words,
    stand,
    words_shape,
)

WATCHDOG_S = 300.0
ANYWHERE = -1
PARK_NS = 1_000_000_000
WARM = 100
SIDES = (words_shape("near"), words_shape("far"))


@dataclass(frozen=True, slots=True)
class Place:
    """Where the two sides are, how they wait, and how many round trips that allows for."""

    name: str
    cores: tuple[int, int]
    spin: bool
    trips: int
    smoke_trips: int
    said: str


PLACES = (
    Place("spin_two_cores", (0, 1), True, 20_000, 200, "a core each"),
    Place("spin_unpinned", (ANYWHERE, ANYWHERE), True, 20_000, 200, "unpinned"),
    Place("park_one_core", (0, 0), False, 10_000, 100, "both on core 0"),
    Place("park_two_cores", (0, 1), False, 10_000, 100, "a core each"),
    Place("spin_one_core", (0, 0), True, 100, 4, "both on core 0, spinning beside a neighbour"),
)


class _Side:
    """One end: what it writes, what it reads, and how it sleeps and wakes the other."""

    def __init__(self, place: Stand, index: int, *, spin: bool) -> None:
        here = index == 0
        out, into = (THERE, BACK) if here else (BACK, THERE)
        gate, cursor = (THERE_CURSOR, BACK_CURSOR) if here else (BACK_CURSOR, THERE_CURSOR)
        written_to, read = place.attach(out, writable=True), place.attach(into)
        self.sending = (written_to.words, place.attach(gate).words, written_to.rows)
        self.receiving = (read.words, place.attach(cursor, writable=True).words, read.rows)
        self.spin = spin
        own = place.attach(SIDES[index], writable=True).words
        self.sleeper = Sleeper(open_bell(place.bell(SIDES[index].name)), own)
        self.poll = poll_of(self.sleeper)
        self.sleeper.watch(read.words)
        self.ringer = Ringer()
        other = SIDES[1 - index]
        listener = Listener(other.name, place.bell(other.name), place.attach(other).words)
        self.ringer.add(written_to.words, [listener])

    def send(self, value: int) -> None:
        ring_bench_hot.send(*self.sending, value)
        if not self.spin:
            self.ringer.ring_due()

    def receive(self) -> int:
        words, cursor, _ = self.receiving
        while not self.spin and written(words) == int(cursor[READ_POS]):
            self.sleeper.take_growth()
            if written(words) == int(cursor[READ_POS]):
                park(self.sleeper, PARK_NS, self.poll)
        return int(ring_bench_hot.receive(*self.receiving))


def run_once(where: Place, trips: int) -> tuple[np.ndarray, int]:
    """Nanoseconds of each round trip, and the checksum of what came back."""
    took, result = shared_words(trips), shared_words()
    warm = min(WARM, trips)
    with stand("affinity") as place:
        place.make(THERE, BACK, THERE_CURSOR, BACK_CURSOR, *SIDES)

        def near() -> int:
            side, clock = _Side(place, 0, spin=where.spin), time.perf_counter_ns
            for k in range(-warm, trips):
                began = clock()
                side.send(k)
                result[0] += side.receive()
                if k >= 0:
                    took[k] = clock() - began
            return 0

        def far() -> int:
            side = _Side(place, 1, spin=where.spin)
            for _ in range(warm + trips):
                side.send(side.receive())
            return 0

        codes = reap([fork(near, where.cores[0]), fork(far, where.cores[1])], WATCHDOG_S)
    assert codes == [0, 0], f"the two ends ended with {codes}"
    return np.array(took), int(result[0])


def run(smoke: bool, runs: int) -> list[BenchResult]:
    """A row of microseconds for each placement."""
    found = []
    for place in PLACES:
        trips = place.smoke_trips if smoke else place.trips
        made = [run_once(place, trips) for _ in range(runs)]
        pipe = [
            peers.pipe_ns(place.cores, place.spin, max(trips // 2, 4))
            for _ in range(1 if smoke else 3)
        ]
        checksums = {checksum for _, checksum in made}
        assert len(checksums) == 1, "two runs carried different records"
        found.append(latency(
            f"affinity_effect.{place.name}", "us", [took / 2e3 for took, _ in made],
            {"multiprocessing.Pipe, placed alike": float(np.median(pipe)) / 1e3},
            core_map=f"two processes, {place.said}", wait="spin" if place.spin else "park",
            checksum=checksums.pop(),
            note=f"{trips:,} round trips a run, half of each, Python's call and clock included",
        ))  # fmt: skip
    return found
