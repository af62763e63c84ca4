"""Two processes, one ring, many records: nothing torn, nothing lost unreported, nobody asleep.

A writer and a slow reader, each pinned to a core where there are two, over a segment in /dev/shm.
Spinning, both stay in their kernels; parked, each sleeps on its doorbell when it has nothing to do
(the writer of a lossless ring sleeps on the reader's cursor), and a sleep that only the watchdog
ends is a lost wake-up. What a run must have met at least once (a full ring, a lap, a sleep) the
reader and the writer wait for at its beginning: no machine is so fast or so busy that it is missed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from shm_layout.doorbell import Listener, Ringer, Sleeper, open_bell
from shm_layout.ring_hot import READ_POS, WRITE_POS, written
from shm_layout.segment import Segment, Shape
from tests.stress import stress_hot as hot
from tests.stress.memory import (
    Stand,
    fork,
    park,
    reap,
    ring_shape,
    shared_words,
    stand,
    words_shape,
)

SLOTS = 1 << 12
CURSOR = words_shape("stress.reader")
WRITER_CORE, READER_CORE = 0, 1
READER_PAUSE_TURNS = 1 << 15
WRITER_PAUSE_TURNS = 1 << 15
WRITER_LONG_PAUSE_TURNS = 1 << 17
BURST_DOUBLINGS = 14
EXPECTED_PER_S = 200_000
"""Slowest rate that a busy machine has shown; the watchdog waits a hundred times as long."""
EXPECTED_S_MIN = 0.5


@dataclass(frozen=True, slots=True)
class Pair:
    """What is run: `start` is the first position."""

    kind: str
    wait: str
    count: int
    start: int = 0
    slots: int = SLOTS

    @property
    def ring(self) -> Shape:
        return ring_shape("stress", self.slots)

    @property
    def lossless(self) -> bool:
        return self.kind == "lossless"

    @property
    def watchdog_s(self) -> float:
        """A hundred times what the run should take."""
        return 100 * max(self.count / EXPECTED_PER_S / 20, EXPECTED_S_MIN)


@dataclass(frozen=True, slots=True)
class PairResult:
    """What came of it; `trouble` names every broken promise."""

    kind: str
    wait: str
    count: int
    start: int
    received: int
    lost: int
    laps: int
    full: int
    parks: int
    checksum: int
    seconds: float
    trouble: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """For --json."""
        return asdict(self)


class End:
    """One side's process: its ring memory, and its parking."""

    def __init__(self, place: Stand, pair: Pair, own: str, other: str) -> None:
        writing = own == "writer"
        self.ring = place.attach(pair.ring, writable=writing)
        self.cursor = place.attach(CURSOR, writable=not writing)
        own_words = place.attach(words_shape(f"process.{own}"), writable=True).words
        other_words = place.attach(words_shape(f"process.{other}")).words
        self.sleeper = Sleeper(open_bell(place.bell(own)), own_words)
        self.ringer = Ringer()
        # The writer waits for the reader's cursor to move, as for a ring that grows.
        moved = self.cursor.words[READ_POS - WRITE_POS :]
        listener = [Listener(other, place.bell(other), other_words)]
        self.sleeper.watch(moved if writing else self.ring.words)
        self.ringer.add(self.ring.words if writing else moved, listener)

    def sleep(self, pair: Pair, result: np.ndarray) -> bool:
        """Park; False = nobody rang before the watchdog."""
        result[hot.PARKS] += 1
        began = time.monotonic()
        park(self.sleeper, int(pair.watchdog_s * 1e9))
        if time.monotonic() - began >= pair.watchdog_s:
            result[hot.STUCK] += 1
            return False
        return True


def rows_of(segment: Segment) -> np.ndarray:
    """A ring's slots."""
    assert segment.rows is not None
    return segment.rows


def wait_for(met: Callable[[], object]) -> None:
    """Until the other side has come so far; whoever waits in vain ends by the watchdog."""
    while not met():
        os.sched_yield()


def write(place: Stand, pair: Pair, result: np.ndarray, took: np.ndarray) -> int:
    """The writer's process; begins when the reader's runs, or sleeps."""
    end = End(place, pair, "writer", "reader")
    reader_sleeps = pair.wait == "park" and not pair.lossless
    wait_for(lambda: took[hot.PARKS if reader_sleeps else hot.READY])
    words, slots, gate = end.ring.words, rows_of(end.ring), end.cursor.words
    until = pair.start + pair.count
    if not pair.lossless:  # the first lap, and not before the reader has seen it the rest
        hot.fill_broadcast(words, slots, until, pair.slots + pair.slots // 8, 1)
        end.ringer.ring_due()
        wait_for(lambda: took[hot.LAPS])
    if pair.wait == "spin":
        if pair.lossless:
            hot.fill_lossless(words, gate, slots, until, pair.count, 1, result)
        else:
            hot.fill_broadcast(words, slots, until, pair.count, WRITER_PAUSE_TURNS)
        return 0
    pos = int(written(words))
    while pos < until:
        end.sleeper.take_growth()
        burst = 1 << int(hot.chance(pos, 7, BURST_DOUBLINGS))
        if pair.lossless:
            went = int(hot.fill_lossless(words, gate, slots, until, burst, 0, result))
            end.ringer.ring_due()
            if went == pos and not end.sleep(pair, result):
                return 1
            pos = went
        else:
            pos = int(hot.fill_broadcast(words, slots, until, burst, WRITER_PAUSE_TURNS))
            end.ringer.ring_due()
            if hot.chance(pos, 8, 8) == 0:
                hot.dawdle(words, WRITER_LONG_PAUSE_TURNS)
    return 0


def read(place: Stand, pair: Pair, result: np.ndarray, wrote: np.ndarray) -> int:
    """The reader's process. Takes nothing before the ring was full once, or the writer a lap on."""
    end = End(place, pair, "reader", "writer")
    args = (end.ring.words, rows_of(end.ring), end.cursor.words, pair.start + pair.count)
    drain = hot.drain_lossless if pair.lossless else hot.drain_broadcast
    spin = int(pair.wait == "spin")
    result[hot.READY] = 1
    if not pair.lossless and not spin:  # nothing is written before the reader sleeps
        end.sleeper.take_growth()
        if not end.sleep(pair, result):
            return 1
    if pair.lossless:
        wait_for(lambda: wrote[hot.FULL if spin else hot.PARKS])
    else:
        wait_for(lambda: written(end.ring.words) > pair.start + pair.slots)
    while True:
        end.sleeper.take_growth()
        pos = int(drain(*args, READER_PAUSE_TURNS, spin, result))
        end.ringer.ring_due()
        if pos == pair.start + pair.count:
            return 0
        if not end.sleep(pair, result):
            return 1


def prime(place: Stand, pair: Pair) -> None:
    """Compile, before the fork, what the children will call: with nothing to do."""
    result = np.zeros(hot.RESULT_WORDS, np.int64)
    writer, reader = End(place, pair, "writer", "reader"), End(place, pair, "reader", "writer")
    ring, cursor = writer.ring, writer.cursor
    seen = (reader.ring.words, rows_of(reader.ring), reader.cursor.words, pair.start)
    if pair.lossless:
        hot.fill_lossless(ring.words, cursor.words, rows_of(ring), pair.start, 1, 0, result)
        hot.drain_lossless(*seen, 1, 0, result)
    else:
        hot.fill_broadcast(ring.words, rows_of(ring), pair.start, 1, 1)
        hot.drain_broadcast(*seen, 1, 0, result)
        hot.dawdle(ring.words, 1)
    hot.chance(pair.start, 7, BURST_DOUBLINGS)
    written(ring.words)
    for one in (writer, reader):
        one.sleeper.take_growth()
        one.ringer.ring_due()
        park(one.sleeper, 0)
        one.sleeper.take_growth()


def run_pair(pair: Pair) -> PairResult:
    """Run one pair, and judge it."""
    with stand("stress") as place:
        place.make(pair.ring, CURSOR, words_shape("process.writer"), words_shape("process.reader"))
        place.start_at(pair.ring, CURSOR, pair.start)
        prime(place, pair)
        wrote, took = shared_words(), shared_words()
        began = time.monotonic()
        pids = [
            fork(lambda: write(place, pair, wrote, took), WRITER_CORE),
            fork(lambda: read(place, pair, took, wrote), READER_CORE),
        ]
        codes = reap(pids, pair.watchdog_s + 5)
        seconds = time.monotonic() - began
    facts = {
        "the writer did not end by itself": codes[0] != 0,
        "the reader did not end by itself": codes[1] != 0,
        "left asleep": int(wrote[hot.STUCK] + took[hot.STUCK]) > 0,
        "torn": int(took[hot.TORN]) > 0,
        "out of order": int(took[hot.MISPLACED]) > 0,
        "went back": int(took[hot.REPEATED]) > 0,
        "received and reported lost are not what was published": (
            int(took[hot.RECEIVED] + took[hot.LOST]) != pair.count
        ),
        "nothing was tried: the ring was never full": pair.lossless and int(wrote[hot.FULL]) == 0,
        "nothing was tried: the reader was never lapped": (
            not pair.lossless and int(took[hot.LAPS]) == 0
        ),
        "nothing was tried: nobody slept": (
            pair.wait == "park" and int(wrote[hot.PARKS] + took[hot.PARKS]) == 0
        ),
        "a lossless ring lost": pair.lossless and int(took[hot.LOST]) > 0,
    }
    return PairResult(
        pair.kind, pair.wait, pair.count, pair.start,
        received=int(took[hot.RECEIVED]), lost=int(took[hot.LOST]), laps=int(took[hot.LAPS]),
        full=int(wrote[hot.FULL]), parks=int(wrote[hot.PARKS] + took[hot.PARKS]),
        checksum=int(took[hot.CHECKSUM]), seconds=seconds,
        trouble=tuple(what for what, broken in facts.items() if broken),
    )  # fmt: skip
