"""Heads of rings and tables that are damaged while readers read them (RELIABILITY row 17).

A reader is a process of its own with the desk's handles over real segments. Its writer, here, goes
on writing, and puts random bytes anywhere in the head page between two records. A reader may go on,
or stop because a structure is broken (an assertion ends its process, as one of the desk): it may
not die of a signal, not hang, and not take a record for another one.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import numpy as np

from shm_layout import segment
from shm_layout.channels import Capacity, Channel, Table, Topology, topology
from shm_layout.limits import SEGMENT_HEAD_BYTES
from shm_layout.ring import HEAD_WORDS, RingReader, RingWriter
from shm_layout.table import TableReader, TableWriter
from tests.forked import shared_words
from tests.stress.memory import fork, reap

PER_READER = 25_000
RECORD_EVERY = 8
RESTORE_EVERY = 64
WATCHDOG_S = 300
STOPPED, WRONG = 3, 4
_STOP, _READY, _TAKEN = 0, 8, 16
RINGS = ("intents.mm", "orders.one", "executions.one", "top", "updates")
TABLES = ("orders", "top", "latch")
_WORD = 0x0123_4567_89AB


@dataclass(frozen=True, slots=True)
class Target:
    """What one reader reads, and its writer damages."""

    desk: str
    made: Topology
    name: str
    is_ring: bool

    def spec(self) -> Channel | Table:
        return self.made.channels[self.name] if self.is_ring else self.made.tables[self.name]

    def shape(self) -> segment.Shape:
        spec = self.spec()
        return segment.ring_shape(spec) if isinstance(spec, Channel) else segment.table_shape(spec)


def marked(dtype: np.dtype, number: int) -> np.ndarray:
    """A record whose words behind the head all say its number."""
    words = np.full(dtype.itemsize // 8, number ^ _WORD, np.int64)
    words[:2] = 0
    return words.view(dtype)


def is_whole(row: np.ndarray) -> bool:
    """Is a copied record one of those, and not two halves?"""
    words = np.frombuffer(row.tobytes(), np.int64)[2:]
    return bool((words == words[0]).all())


def read(target: Target, words: np.ndarray, cursor: np.ndarray) -> int:
    """The reader's process."""
    made = segment.attach(target.desk, target.shape())
    spec = target.spec()
    torn = 0
    words[_READY] = 1
    try:
        if isinstance(spec, Channel):
            ring = RingReader(spec, made.ring_memory(), cursor)
            while not words[_STOP]:
                rows = ring.poll(64)
                torn += sum(not is_whole(row) for row in rows)
                ring.release(len(rows))
                words[_TAKEN] += len(rows)
        else:
            table = TableReader(spec, made.table_memory())
            while not words[_STOP]:
                row = table.read(0)
                torn += row is not None and not is_whole(row)
                words[_TAKEN] += row is not None
    except AssertionError:
        return STOPPED if not torn else WRONG
    return WRONG if torn else 0


def damage(target: Target, words: np.ndarray, cursor: np.ndarray, seed: int, count: int) -> None:
    """The writer: records, and random bytes in the head between them."""
    chance = np.random.Generator(np.random.PCG64(seed))
    made = segment.attach(target.desk, target.shape(), writable=True)
    places = chance.integers(0, SEGMENT_HEAD_BYTES, count).tolist()
    values = chance.integers(0, 256, count).tolist()
    spec = target.spec()
    if isinstance(spec, Channel):
        writer = RingWriter(spec, made.ring_memory(), cursor if spec.gate else None, 1)
        put = writer.append
    else:
        table, dtype = TableWriter(spec, made.table_memory(), 1), spec.record
        names = [name for name in dtype.names or () if name not in ("seq", "epoch")]

        def put(row: np.ndarray) -> bool:
            table.write(0, **{name: row[name][0] for name in names})
            return True

    whole = bytes(made.mapped[:SEGMENT_HEAD_BYTES])
    for number, (at, value) in enumerate(zip(places, values, strict=True)):
        if number % RESTORE_EVERY == 0:
            made.mapped[:SEGMENT_HEAD_BYTES] = whole
            cursor[:] = 0
        if number % RECORD_EVERY == 0:
            put(marked(spec.record, number))
        if number % RESTORE_EVERY >= RESTORE_EVERY // 4:
            made.mapped[at] = value
    made.mapped[:SEGMENT_HEAD_BYTES] = whole


def one(target: Target, seed: int, count: int) -> tuple[int, int]:
    """(exit code of the reader, what it took)."""
    words = shared_words()
    cursor = shared_words()
    assert len(cursor) == HEAD_WORDS
    pid = fork(lambda: read(target, words, cursor))
    give_up = time.monotonic() + WATCHDOG_S
    while not words[_READY] and time.monotonic() < give_up:
        os.sched_yield()
    damage(target, words, cursor, seed, count)
    words[_STOP] = 1
    return reap([pid], WATCHDOG_S)[0], int(words[_TAKEN])


def run_heads(seed: int, readers: int, per_reader: int = PER_READER) -> tuple[int, list[str], int]:
    """(damages, what went wrong, readers that stopped because a structure was broken)."""
    desk = f"heads-{os.getpid()}"
    made = topology(["binance.spot"], ["one"], ["mm"], Capacity.small())
    targets = [
        *(Target(desk, made, name, is_ring=True) for name in RINGS),
        *(Target(desk, made, name, is_ring=False) for name in TABLES),
    ]
    trouble, stopped, taken = [], 0, 0
    try:
        for target in targets:
            segment.create(desk, target.shape())
        for number in range(readers):
            target = targets[number % len(targets)]
            code, took = one(target, seed * 1_000_003 + number, per_reader)
            stopped += code == STOPPED
            taken += took
            if code not in (0, STOPPED):
                what = "took a torn record" if code == WRONG else f"exit {code}"
                trouble.append(f"reader {number} of {target.name}: {what}")
    finally:
        for name in segment.existing(desk):
            (segment.SHM_DIR / name[1:]).unlink(missing_ok=True)
    if not taken:
        trouble.append("nothing was tried: no reader took anything")
    return readers * per_reader, trouble, stopped
