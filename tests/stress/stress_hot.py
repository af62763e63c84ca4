"""Kernels of the ring stress: fill, drain, relay and judge (`@hot` only).

They use the primitives of `shm_layout.ring_hot` and nothing else of ordering, as agents do. Every
word of a record is derived from its position (and, for a derived record, from its cause), so that
a record made of two is seen. `mark` is a head page of its own: a stage that reaches its failpoint
raises it and stands still until it is killed.
"""

from __future__ import annotations

from shm_layout.jit import hot
from shm_layout.ring_hot import (
    READ_POS,
    WRITE_POS,
    broadcast_claim,
    broadcast_intact,
    broadcast_resume,
    lossless_free,
    publish,
    release,
    written,
)

MASK63 = (1 << 63) - 1
MULTIPLIER = 0x2545F4914F6CDD1D
STEP = 0x0369DEA0F31A53F8 >> 3
TYPE_MASK = 0x7FFF

# Words of a result.
RECEIVED = 0
LOST = 1
TORN = 2
MISPLACED = 3
"""Lossless: not the next position. Chain: a cause that was skipped without being reported."""
REPEATED = 4
LAPS = 5
FULL = 6
CHECKSUM = 7
NEXT = 8
"""Chain: the position whose record is expected next."""
NEWEST_EPOCH = 9
EPOCH_BACK = 10
PARKS = 11
STUCK = 12
READY = 13
"""The reader runs; the writer begins when it does."""
RESULT_WORDS = 16

# Failpoints, in the order in which a stage passes them.
BEFORE = 0
HALF_FILLED = 1
FILLED = 2
PUBLISHED = 3
RELEASED = 4
FAILPOINTS = 5
NO_FAILPOINT = -1

BATCH_MAX = 64
LARGE_BATCH_ONE_IN = 512
READER_PAUSE_ONE_IN = 64
WRITER_PAUSE_ONE_IN = 16
DROP_ONE_IN = 8
RELEASE_EVERY = 16
CHAIN_BATCH_MAX = 8


@hot
def word(pos, k):
    """Word `k` derived from a position: 63 bits."""
    return (int(pos) * MULTIPLIER + k * STEP) & MASK63


@hot
def chance(pos, k, one_in):
    """A number below `one_in`, seeded by the position."""
    return (word(pos, k) >> 20) % one_in


@hot
def put_first_half(slots, pos, cause, epoch):
    """Head and cause of a record."""
    at = pos & (len(slots) - 1)
    slots["seq"][at] = pos + 1
    slots["type"][at] = pos & TYPE_MASK
    slots["flags"][at] = (pos >> 15) & TYPE_MASK
    slots["epoch"][at] = epoch
    slots["cause_pos"][at] = cause


@hot
def put_second_half(slots, pos, cause, lost):
    """What stands behind the cause."""
    at = pos & (len(slots) - 1)
    slots["lost"][at] = lost
    slots["w0"][at] = word(pos, 0)
    slots["w1"][at] = word(pos, 1)
    slots["w2"][at] = word(cause, 2)
    slots["w3"][at] = word(lost, 3)


@hot
def is_whole(seq, kind, flags, cause, lost, w0, w1, w2, w3, pos):
    """Is a copied record the one of its position, with every word?"""
    head = seq == pos + 1 and kind == pos & TYPE_MASK and flags == (pos >> 15) & TYPE_MASK
    own = w0 == word(pos, 0) and w1 == word(pos, 1)
    return head and own and w2 == word(cause, 2) and w3 == word(lost, 3)


@hot
def slot_is_whole(slots, pos):
    """The same for a slot that nobody overwrites now."""
    at = pos & (len(slots) - 1)
    return is_whole(
        slots["seq"][at], slots["type"][at], slots["flags"][at], slots["cause_pos"][at],
        slots["lost"][at], slots["w0"][at], slots["w1"][at], slots["w2"][at], slots["w3"][at],
        pos,
    )  # fmt: skip


@hot
def dawdle(words, turns):
    """Lose time, as a slow reader does."""
    seen = 0
    for _ in range(turns):
        seen |= written(words)
    return seen


# Two processes, one ring


@hot
def fill_lossless(words, gate, slots, until, burst, spin, result):
    """Write up to `burst` records; returns the position. Without `spin`, returns when full."""
    pos = words[WRITE_POS]
    left = min(burst, until - pos)
    while left > 0:
        count = min(lossless_free(words, gate, len(slots)), left, 1 + chance(pos, 4, BATCH_MAX))
        if count == 0:
            result[FULL] += 1
            if spin == 0:
                break
            while lossless_free(words, gate, len(slots)) == 0:
                continue
            continue
        for k in range(count):
            put_first_half(slots, pos + k, pos + k, 1)
            put_second_half(slots, pos + k, pos + k, 0)
        pos += count
        left -= count
        publish(words, pos)
    return pos


@hot
def drain_lossless(words, slots, cursor, until, pause, spin, result):
    """Take what is there, or with `spin` everything up to `until`; returns the position."""
    pos = cursor[READ_POS]
    checksum = result[CHECKSUM]
    while pos < until:
        end = written(words)
        if end == pos:
            if spin == 0:
                break
            continue
        count = min(end - pos, BATCH_MAX)
        for k in range(count):
            at = (pos + k) & (len(slots) - 1)
            if not slot_is_whole(slots, pos + k):
                if slots["seq"][at] == pos + k + 1:
                    result[TORN] += 1
                else:
                    result[MISPLACED] += 1
            checksum ^= slots["w0"][at]
        pos += count
        result[RECEIVED] += count
        release(cursor, pos)
        if pause > 0 and chance(pos, 5, READER_PAUSE_ONE_IN) == 0:
            dawdle(words, pause)
    result[CHECKSUM] = checksum
    return pos


@hot
def fill_broadcast(words, slots, until, burst, pause):
    """Write up to `burst` records and never wait for a reader; now and then most of the ring at
    once, and now and then nothing for a while, so that the reader comes to see whole records.
    """
    pos = words[WRITE_POS]
    left = min(burst, until - pos)
    while left > 0:
        batch = 1 + chance(pos, 4, BATCH_MAX)
        if chance(pos, 5, LARGE_BATCH_ONE_IN) == 0:
            batch = len(slots) - len(slots) // 8
        count = min(batch, left)
        broadcast_claim(words, pos + count)
        for k in range(count):
            put_first_half(slots, pos + k, pos + k, 1)
            put_second_half(slots, pos + k, pos + k, 0)
        pos += count
        left -= count
        publish(words, pos)
        if pause > 0 and chance(pos, 9, WRITER_PAUSE_ONE_IN) == 0:
            dawdle(words, pause)
    return pos


@hot
def drain_broadcast(words, slots, cursor, until, pause, spin, result):
    """As `drain_lossless`, counting exactly what the writer took away."""
    pos = cursor[READ_POS]
    size = len(slots)
    checksum = result[CHECKSUM]
    while pos < until:
        end = written(words)
        if end == pos:
            if spin == 0:
                break
            continue
        while pos < end:
            at = pos & (size - 1)
            seq, kind, flags = slots["seq"][at], slots["type"][at], slots["flags"][at]
            cause, lost = slots["cause_pos"][at], slots["lost"][at]
            w0, w1, w2, w3 = slots["w0"][at], slots["w1"][at], slots["w2"][at], slots["w3"][at]
            if not broadcast_intact(words, pos, size):
                resumed = broadcast_resume(words, size)
                if resumed <= pos:
                    result[REPEATED] += 1
                result[LOST] += resumed - pos
                result[LAPS] += 1
                pos = resumed
                break
            if not is_whole(seq, kind, flags, cause, lost, w0, w1, w2, w3, pos):
                result[TORN] += 1
            checksum ^= w0
            result[RECEIVED] += 1
            pos += 1
        release(cursor, pos)
        if pause > 0 and chance(pos, 5, READER_PAUSE_ONE_IN) == 0:
            dawdle(words, pause)
    result[CHECKSUM] = checksum
    return pos


# A -> B -> C under kill -9


@hot
def stand_still(mark, fail_pos, fail_point, pos, point):
    """At the failpoint: raise the mark and wait for the end."""
    if point == fail_point and pos >= fail_pos:
        publish(mark, 1)
        while written(mark) == 1:
            continue


@hot
def source(words, gate, slots, lossless, epoch, mark, fail_pos, fail_point, turns):
    """A: writes on from its `write_pos`, in small batches, for so many turns."""
    pos = words[WRITE_POS]
    for _ in range(turns):
        count = 1 + chance(pos, 4, CHAIN_BATCH_MAX)
        if lossless:
            count = min(count, lossless_free(words, gate, len(slots)))
            if count == 0:
                return pos
        stand_still(mark, fail_pos, fail_point, pos, BEFORE)
        if not lossless:
            broadcast_claim(words, pos + count)
        for k in range(count):
            put_first_half(slots, pos + k, pos + k, epoch)
            stand_still(mark, fail_pos, fail_point, pos + k, HALF_FILLED)
            put_second_half(slots, pos + k, pos + k, 0)
        stand_still(mark, fail_pos, fail_point, pos, FILLED)
        pos += count
        publish(words, pos)
        stand_still(mark, fail_pos, fail_point, pos, PUBLISHED)
        stand_still(mark, fail_pos, fail_point, pos, RELEASED)
    return pos


@hot
def is_kept(pos):
    """Does the relay of the lossless chain pass this record on?"""
    return chance(pos, 6, DROP_ONE_IN) != 0


@hot
def relay(
    words, slots, cursor, out_words, out_gate, out_slots, pos, lost, lossless, epoch, mark,
    fail_pos, fail_point, turns, result,
):  # fmt: skip
    """B: one record out for one in (lossless: one in eight is dropped), each with its cause.

    Returns the next position and how many were lost since the last output.
    """
    size = len(slots)
    out = out_words[WRITE_POS]
    for _ in range(turns):
        if written(words) == pos:
            release(cursor, pos)
            break
        if lossless_free(out_words, out_gate, len(out_slots)) == 0:
            break
        at = pos & (size - 1)
        stand_still(mark, fail_pos, fail_point, pos, BEFORE)
        seq, kind, flags = slots["seq"][at], slots["type"][at], slots["flags"][at]
        cause, none = slots["cause_pos"][at], slots["lost"][at]
        w0, w1, w2, w3 = slots["w0"][at], slots["w1"][at], slots["w2"][at], slots["w3"][at]
        if not lossless and not broadcast_intact(words, pos, size):
            resumed = broadcast_resume(words, size)
            lost += resumed - pos
            result[LAPS] += 1
            pos = resumed
            continue
        if not is_whole(seq, kind, flags, cause, none, w0, w1, w2, w3, pos):
            result[TORN] += 1
        if not lossless or is_kept(pos):
            put_first_half(out_slots, out, pos, epoch)
            stand_still(mark, fail_pos, fail_point, pos, HALF_FILLED)
            put_second_half(out_slots, out, pos, lost)
            stand_still(mark, fail_pos, fail_point, pos, FILLED)
            out += 1
            lost = 0
            publish(out_words, out)
            stand_still(mark, fail_pos, fail_point, pos, PUBLISHED)
        pos += 1
        if pos % RELEASE_EVERY == 0:
            release(cursor, pos)
            stand_still(mark, fail_pos, fail_point, pos, RELEASED)
    return pos, lost


@hot
def judge(words, slots, cursor, lossless, result):
    """C: every record of B once, in order, and each position of A accounted for."""
    pos = cursor[READ_POS]
    end = written(words)
    expected = result[NEXT]
    while pos < end:
        at = pos & (len(slots) - 1)
        if not slot_is_whole(slots, pos):
            result[TORN] += 1
        cause, lost = slots["cause_pos"][at], slots["lost"][at]
        if lossless:
            while expected < cause and not is_kept(expected):
                expected += 1
        else:
            expected += lost
            result[LOST] += lost
        if cause < expected:
            result[REPEATED] += 1
        elif cause > expected:
            result[MISPLACED] += 1
        expected = cause + 1
        epoch = slots["epoch"][at]
        if epoch < result[NEWEST_EPOCH]:
            result[EPOCH_BACK] += 1
        result[NEWEST_EPOCH] = epoch
        result[CHECKSUM] ^= slots["w2"][at]
        result[RECEIVED] += 1
        pos += 1
    result[NEXT] = expected
    release(cursor, pos)
    return pos
