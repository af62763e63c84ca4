"""The end of a working cycle: the CYCLE record, then, once the journal holds the block, what was
staged becomes visible (`@hot` only).
"""

from __future__ import annotations

from oms.journal.frames_hot import append_frame, seal_block
from oms.risk import world_hot as w_
from shm_layout.enums import FLAG_DISK_LOW, FLAG_DRAINING, FLAG_LATCHED, RecordType
from shm_layout.jit import hot
from shm_layout.ring_hot import CLAIM_POS, READ_POS, WRITE_POS, lossless_free, publish, release

T_CYCLE = int(RecordType.CYCLE)
CYCLE_TOPS_MAX = 60_000
"""Cycle.consumed counts in 16 bits."""


@hot
def finish_cycle(w, now_ns):
    """Close a working cycle with its CYCLE record (now, positions consumed, and what decides
    without being in a ring: whether we drain, are killed or short of disk, and the room towards
    each executor), and seal its block: all before it has been published.

    Returns the block's size in bytes, 0 = nothing happened but prices: no record, and what was
    taken from the top ring is counted into the next cycle. Negative as of `seal_block`.
    """
    state = w_.state(w)
    consumed = w_.consumed(w)
    worked = state[w_.ST_FRAME_COUNT] > 0 or consumed[0] > CYCLE_TOPS_MAX
    for k in range(1, consumed.shape[0]):
        worked = worked or consumed[k] > 0
    if not worked:
        return 0
    record = w_.cycle(w)
    record["type"][0] = T_CYCLE
    record["epoch"][0] = state[w_.ST_EPOCH]
    record["now_ns"][0] = now_ns
    record["cycle"][0] += 1
    record["record_count"][0] = state[w_.ST_FRAME_COUNT]
    for k in range(consumed.shape[0]):
        record["consumed"][0, k] = consumed[k]
    flags = 0
    if state[w_.ST_DRAINING] != 0:
        flags |= FLAG_DRAINING
    if state[w_.ST_LATCH] != 0:
        flags |= FLAG_LATCHED
    if state[w_.ST_DISK_LOW] != 0:
        flags |= FLAG_DISK_LOW
    record["flags"][0] = flags
    groups = w_.groups(w)
    for k in range(record["order_slots_free"].shape[1]):
        record["order_slots_free"][0, k] = groups[k, w_.GR_FREE]
    for n in range(state[w_.ST_STAGED]):
        record["order_slots_free"][0, w_.staged_group(w)[n]] += 1
    append_frame(w_.frames(w), state, w_.ST_FRAME_USED, w_.cycle_words(w), 0, w_.CYCLE_WORDS)
    last_seq = state[w_.ST_SEALED_SEQ]
    state[w_.ST_SEALED_SEQ] = state[w_.ST_JOURNAL_SEQ]
    epoch = state[w_.ST_EPOCH]
    return seal_block(w_.block(w), state, w_.ST_FRAME_USED, last_seq, epoch, last_seq)


@hot
def refresh_group(w):
    """Note how many commands the group's ring can take in this cycle."""
    group = w_.io(w)[w_.IO_OWNER]
    groups = w_.groups(w)
    slots = w_.order_slots(w).shape[0]
    groups[group, w_.GR_SLOTS] = slots
    groups[group, w_.GR_FREE] = lossless_free(w_.order_ring(w), w_.order_gate(w), slots)
    return groups[group, w_.GR_FREE]


@hot
def commit_group(w):
    """Publish the staged commands of this group; the journal holds them by now."""
    state = w_.state(w)
    group = w_.io(w)[w_.IO_OWNER]
    ring = w_.order_ring(w)
    slots = w_.order_slots(w)
    staged = w_.staged(w)
    staged_group = w_.staged_group(w)
    pos = ring[WRITE_POS]
    first = pos
    for n in range(state[w_.ST_STAGED]):
        if staged_group[n] == group:
            k = pos & (slots.shape[0] - 1)
            slots[k] = staged[n]
            slots["seq"][k] = pos + 1
            pos += 1
    if pos != first:
        publish(ring, pos)
    return pos - first


@hot
def commit_input(w):
    """Release what this cycle took from this world's input ring."""
    cursor = w_.cursor(w)
    taken = w_.consumed(w)[w_.io(w)[w_.IO_INPUT]]
    if taken:
        release(cursor, cursor[READ_POS] + taken)
    return taken


@hot
def commit_updates(w):
    """Publish the staged updates and begin the next cycle."""
    state = w_.state(w)
    ring = w_.update_ring(w)
    if ring[WRITE_POS] != state[w_.ST_UPDATES_POS]:
        publish(ring, state[w_.ST_UPDATES_POS])
    state[w_.ST_STAGED] = 0
    w_.consumed(w)[:] = 0
    return ring[CLAIM_POS]
