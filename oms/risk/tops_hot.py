"""Risk's own view of prices, folded from the top ring (`@hot` only)."""

from __future__ import annotations

from oms.risk import world_hot as w_
from shm_layout.enums import RecordType
from shm_layout.jit import hot
from shm_layout.records import UNDEF
from shm_layout.ring_hot import READ_POS, broadcast_intact, broadcast_resume, release, written

T_TOP = int(RecordType.TOP_OF_BOOK)


@hot
def take_tops(w, budget):
    """Fold the top ring into `tops`; returns how many records were taken."""
    ring = w_.top_ring(w)
    slots = w_.top_slots(w)
    cursor = w_.cursor(w)
    tops = w_.tops(w)
    io = w_.io(w)
    consumed = w_.consumed(w)
    count = slots.shape[0]
    start = cursor[READ_POS]
    pos = start
    end = min(written(ring), pos + budget)
    while pos < end:
        k = pos & (count - 1)
        kind = slots["type"][k]
        i = slots["instrument_id"][k]
        bid = slots["bid_px"][k]
        ask = slots["ask_px"][k]
        version = slots["version"][k]
        book_state = slots["state"][k]
        ts = slots["ts_recv_ns"][k]
        if not broadcast_intact(ring, pos, count):
            resumed = broadcast_resume(ring, count)
            assert resumed > pos, "the head of the top ring is damaged"
            w_.state(w)[w_.ST_TOPS_LOST] += resumed - pos
            tops[:, w_.TOP_STATE] = 0
            pos = resumed
            end = max(end, pos)
            continue
        if kind == T_TOP and 0 <= i < tops.shape[0]:
            priced = bid != UNDEF and ask != UNDEF
            tops[i, w_.TOP_MID2] = bid + ask if priced else 0
            tops[i, w_.TOP_STATE] = book_state if priced else 0
            tops[i, w_.TOP_VERSION] = version
            tops[i, w_.TOP_TS] = ts
        pos += 1
    consumed[io[w_.IO_INPUT]] += pos - start
    release(cursor, pos)
    return pos - start
