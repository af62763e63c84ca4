"""Kernels of the ring benches (`@hot` only): round trips, and a stream in batches."""

from __future__ import annotations

from shm_layout.atomics import cycles
from shm_layout.jit import I64, WORDS_READ, WORLD_TYPE, hot, rows_type
from shm_layout.ring_hot import READ_POS, WRITE_POS, lossless_free, publish, release, written
from tests.stress.memory import STRESS_RECORD

BATCH_MAX = 256

SLOTS = rows_type(STRESS_RECORD)
SLOTS_READ = rows_type(STRESS_RECORD, readonly=True)


@hot
def put(slots, at, value):
    """Fill all 64 bytes of a slot."""
    slots["seq"][at] = value
    slots["type"][at] = 1
    slots["flags"][at] = 0
    slots["epoch"][at] = 1
    slots["cause_pos"][at] = value + 1
    slots["lost"][at] = value + 2
    slots["w0"][at] = value + 3
    slots["w1"][at] = value + 4
    slots["w2"][at] = value + 5
    slots["w3"][at] = value + 6


@hot
def take(slots, at):
    """Read every word of a slot."""
    head = slots["seq"][at] + slots["type"][at] + slots["flags"][at] + slots["epoch"][at]
    words = slots["w0"][at] + slots["w1"][at] + slots["w2"][at] + slots["w3"][at]
    return head + slots["cause_pos"][at] + slots["lost"][at] + words


@hot(entry=(WORLD_TYPE, WORDS_READ, SLOTS, I64), shared=True)
def send(words, gate, slots, value):
    """Publish one record; spins while the ring is full."""
    pos = words[WRITE_POS]
    while lossless_free(words, gate, len(slots)) == 0:
        continue
    put(slots, pos & (len(slots) - 1), value)
    publish(words, pos + 1)


@hot(entry=(WORDS_READ, WORLD_TYPE, SLOTS_READ), shared=True)
def receive(words, cursor, slots):
    """Take one record; spins until there is one."""
    pos = cursor[READ_POS]
    while written(words) == pos:
        continue
    found = take(slots, pos & (len(slots) - 1))
    release(cursor, pos + 1)
    return found


@hot(
    entry=(WORLD_TYPE, WORDS_READ, SLOTS, WORDS_READ, WORLD_TYPE, SLOTS_READ, I64, WORLD_TYPE),
    shared=True,
)
def ping(
    out_words, out_gate, out_slots, in_words, in_cursor, in_slots, count, trip_cycles
):  # fmt: skip
    """Round trips, each timed by the cycle counter; returns the sum of what came back."""
    checksum = 0
    for k in range(count):
        began = cycles()
        send(out_words, out_gate, out_slots, k)
        checksum += receive(in_words, in_cursor, in_slots)
        trip_cycles[k] = cycles() - began
    return checksum


@hot(entry=(WORDS_READ, WORLD_TYPE, SLOTS_READ, WORLD_TYPE, WORDS_READ, SLOTS, I64), shared=True)
def pong(in_words, in_cursor, in_slots, out_words, out_gate, out_slots, count):
    """Send back what came."""
    for _ in range(count):
        send(out_words, out_gate, out_slots, receive(in_words, in_cursor, in_slots))


@hot(entry=(WORLD_TYPE, WORDS_READ, SLOTS, I64), shared=True)
def stream_out(words, gate, slots, count):
    """Write so many records, published in batches of at most BATCH_MAX."""
    pos = words[WRITE_POS]
    until = pos + count
    mask = len(slots) - 1
    while pos < until:
        batch = min(lossless_free(words, gate, len(slots)), until - pos, BATCH_MAX)
        for k in range(batch):
            put(slots, (pos + k) & mask, pos + k)
        pos += batch
        if batch > 0:
            publish(words, pos)


@hot(entry=(WORDS_READ, WORLD_TYPE, SLOTS_READ, I64), shared=True)
def stream_in(words, cursor, slots, count):
    """Read every word of so many records; returns their sum."""
    pos = cursor[READ_POS]
    until = pos + count
    mask = len(slots) - 1
    checksum = 0
    while pos < until:
        batch = min(written(words) - pos, BATCH_MAX)
        for k in range(batch):
            checksum += take(slots, (pos + k) & mask)
        pos += batch
        if batch > 0:
            release(cursor, pos)
    return checksum


@hot(entry=())
def count_cycles():
    """The cycle counter now."""
    return cycles()
