"""The cycle counter for the executor's records and hops (`@hot` only)."""

from __future__ import annotations

from shm_layout.atomics import cycles
from shm_layout.enums import Hop
from shm_layout.jit import I64, hot, rows_type
from shm_layout.latency_hot import note_latency
from shm_layout.records import LATENCY_ROW

INTENT_TO_SEND = int(Hop.INTENT_TO_SEND)
TICK_TO_SEND = int(Hop.TICK_TO_SEND)


@hot(entry=())
def stamp():
    """Cycle counter now."""
    return cycles()


@hot(entry=(rows_type(LATENCY_ROW), I64, I64))
def note_sent(rows, tick_cycles, risk_cycles):
    """An order's bytes were given to the socket: count both hops that end here."""
    note_latency(rows, INTENT_TO_SEND, risk_cycles)
    note_latency(rows, TICK_TO_SEND, tick_cycles)
