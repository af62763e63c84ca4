"""ORDER_COMMAND as plain integers: one `struct` call in place of thirty field reads.

`Command` names the fields of the record's own dtype, checked at import (`shm_layout/packing.py`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from shm_layout.packing import packing
from shm_layout.records import ORDER_COMMAND
from shm_layout.ring import RingReader
from shm_layout.ring_hot import release, written


class Command(NamedTuple):
    """One command; the fields of ORDER_COMMAND but for its array, with their meaning there."""

    seq: int
    type: int
    flags: int
    epoch: int
    client_order_id: int
    instrument_id: int
    account_id: int
    strategy_id: int
    action: int
    side: int
    order_type: int
    time_in_force: int
    reserved0: int
    px: int
    qty: int
    quote_qty: int
    notional: int
    valid_until_ns: int
    journal_seq: int
    risk_epoch: int
    ts_decide_ns: int
    ts_risk_ns: int
    stamp_cycles: int
    risk_cycles: int
    cause_ring: int
    attempt: int
    cause_pos: int
    venue_order_id: bytes
    target_client_order_id: int
    parent_id: int
    trigger_px: int
    activation_px: int
    trail_e6: int
    expire_ns: int
    display_qty: int
    space: int
    order_flags: int
    position_side: int
    self_trade: int
    trigger_kind: int
    trigger_direction: int
    reserved2: int


_STRUCT, _NAMES = packing(ORDER_COMMAND)
assert Command._fields == _NAMES, "Command follows ORDER_COMMAND"


def commands(rows: np.ndarray[Any, Any]) -> list[Command]:
    """Each row of a polled batch as a `Command`."""
    return [Command._make(values) for values in _STRUCT.iter_unpack(rows.tobytes())]


class CommandReader:
    """The reading end of an orders ring, one command at a time, straight out of its memory.

    A lossless ring's slot holds still until it is released, so nothing is copied first.
    """

    __slots__ = ("_bytes", "_cursor", "_mask", "_place", "_words", "place", "taken", "taken_bytes")

    def __init__(self, ring: RingReader) -> None:
        self._words = ring.words
        self._cursor = ring.cursor
        self._mask = ring.channel.slots - 1
        self._bytes = ring.slots.view(np.uint8).data
        self.place = np.array([ring.pos], np.int64)
        """Position of the next command; a kernel that takes one moves it, too."""
        self._place = self.place.data
        self.taken = np.zeros(_STRUCT.size // 8, np.int64)
        """Words of the command that a kernel took."""
        self.taken_bytes = self.taken.view(np.uint8).data

    @property
    def pos(self) -> int:
        """Position of the next command."""
        return self._place[0]

    def command(self) -> Command:
        """The command that a kernel took."""
        return Command._make(_STRUCT.unpack_from(self.taken_bytes, 0))

    def take(self) -> Command | None:
        """The next command, released already; None = there is none. The caller acts on it after
        this: what is released is never taken again (DESIGN.md law 5).
        """
        pos = self._place[0]
        if pos >= written(self._words):
            return None
        at = (pos & self._mask) * _STRUCT.size
        command = Command._make(_STRUCT.unpack_from(self._bytes, at))
        assert command.seq == pos + 1, "a command stands in the slot of another position"
        self._place[0] = pos + 1
        release(self._cursor, pos + 1)
        return command
