"""The order's life: one total table, state x event -> state or ILLEGAL.

Kernels take `TABLE` as a constant; `tests/oms/orders/test_states.py` walks every cell. An event
is what the venue or the executor says (ExecKind), with FILL split by whether anything is left,
and the desk's own wish to cancel. Two rules stand above all (RELIABILITY D3, D15): UNKNOWN ends
only on the venue's evidence, and a fill is believed in every state.

ABSENT ("no such order") is evidence only for an order that the venue never acknowledged, only when
said twice, and only when asked once the order's request could no longer arrive (NINE-MARKETS.md 4
"Absence"): the fold counts it and then applies GONE.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from shm_layout.enums import ExecKind
from shm_layout.enums import OrderState as S


class Event(IntEnum):
    ACK = 0
    REJECT = 1
    FILL_PART = 2
    FILL_FULL = 3
    CANCELED = 4
    EXPIRED = 5
    CANCEL_REJECT = 6
    NO_ANSWER = 7
    FOUND_OPEN = 8
    ABSENT = 9
    GONE = 10
    NOT_SENT = 11
    ASK_CANCEL = 12
    FOUND_FILLED = 13
    """The venue says that it is filled; of an order by quote amount nothing else tells."""
    RECEIVED = 14
    """The venue's id is learnt; whether it was accepted is not said."""
    TRIGGERED = 15
    AMENDED = 16
    AMEND_REJECT = 17
    """It stands as it stood. Where no open order was found the sender says NO_ANSWER, and asks."""
    REPLACED = 18
    """It ended in favour of its successor."""
    REDUCED = 19
    GONE_UNSEEN = 20
    """Acknowledged once, in no complete list, its fills fetched: it ended."""


ILLEGAL = -1
EVENT_COUNT = len(Event)
STATE_COUNT = len(S)

TERMINAL = frozenset({S.FILLED, S.CANCELED, S.REJECTED, S.EXPIRED})

_E = Event
_RULES: dict[S, dict[Event, S]] = {
    S.PENDING_NEW: {
        _E.ACK: S.OPEN, _E.REJECT: S.REJECTED, _E.FILL_PART: S.OPEN, _E.FILL_FULL: S.FILLED,
        _E.CANCELED: S.CANCELED, _E.EXPIRED: S.EXPIRED, _E.NO_ANSWER: S.UNKNOWN,
        _E.FOUND_OPEN: S.OPEN, _E.ABSENT: S.UNKNOWN, _E.NOT_SENT: S.REJECTED,
        _E.ASK_CANCEL: S.PENDING_CANCEL, _E.CANCEL_REJECT: S.UNKNOWN, _E.FOUND_FILLED: S.FILLED,
        _E.RECEIVED: S.PENDING_NEW, _E.TRIGGERED: S.OPEN, _E.AMENDED: S.OPEN,
        _E.AMEND_REJECT: S.PENDING_NEW, _E.REPLACED: S.CANCELED, _E.REDUCED: S.OPEN,
    },
    S.OPEN: {
        _E.ACK: S.OPEN, _E.FILL_PART: S.OPEN, _E.FILL_FULL: S.FILLED, _E.CANCELED: S.CANCELED,
        _E.EXPIRED: S.EXPIRED, _E.CANCEL_REJECT: S.UNKNOWN, _E.NO_ANSWER: S.UNKNOWN,
        _E.FOUND_OPEN: S.OPEN, _E.ABSENT: S.UNKNOWN, _E.ASK_CANCEL: S.PENDING_CANCEL,
        _E.FOUND_FILLED: S.FILLED,
        _E.RECEIVED: S.OPEN, _E.TRIGGERED: S.OPEN, _E.AMENDED: S.OPEN,
        _E.AMEND_REJECT: S.OPEN, _E.REPLACED: S.CANCELED, _E.REDUCED: S.OPEN,
        _E.GONE_UNSEEN: S.CANCELED,
    },
    S.PENDING_CANCEL: {
        _E.ACK: S.PENDING_CANCEL, _E.REJECT: S.REJECTED, _E.FILL_PART: S.PENDING_CANCEL,
        _E.FILL_FULL: S.FILLED, _E.CANCELED: S.CANCELED, _E.EXPIRED: S.EXPIRED,
        _E.CANCEL_REJECT: S.UNKNOWN, _E.NO_ANSWER: S.UNKNOWN, _E.FOUND_OPEN: S.OPEN,
        _E.ABSENT: S.UNKNOWN, _E.NOT_SENT: S.REJECTED, _E.ASK_CANCEL: S.PENDING_CANCEL,
        _E.FOUND_FILLED: S.FILLED,
        _E.RECEIVED: S.PENDING_CANCEL, _E.TRIGGERED: S.PENDING_CANCEL,
        _E.AMENDED: S.PENDING_CANCEL, _E.AMEND_REJECT: S.PENDING_CANCEL, _E.REPLACED: S.CANCELED,
        _E.REDUCED: S.PENDING_CANCEL, _E.GONE_UNSEEN: S.CANCELED,
    },
    S.UNKNOWN: {
        _E.ACK: S.OPEN, _E.REJECT: S.REJECTED, _E.FILL_PART: S.OPEN, _E.FILL_FULL: S.FILLED,
        _E.CANCELED: S.CANCELED, _E.EXPIRED: S.EXPIRED, _E.CANCEL_REJECT: S.UNKNOWN,
        _E.NO_ANSWER: S.UNKNOWN, _E.FOUND_OPEN: S.OPEN, _E.ABSENT: S.UNKNOWN,
        _E.GONE: S.REJECTED, _E.NOT_SENT: S.REJECTED, _E.ASK_CANCEL: S.UNKNOWN,
        _E.FOUND_FILLED: S.FILLED,
        _E.RECEIVED: S.UNKNOWN, _E.TRIGGERED: S.OPEN, _E.AMENDED: S.OPEN,
        _E.AMEND_REJECT: S.UNKNOWN, _E.REPLACED: S.CANCELED, _E.REDUCED: S.OPEN,
        _E.GONE_UNSEEN: S.CANCELED,
    },
    S.FILLED: {
        _E.ACK: S.FILLED, _E.FILL_FULL: S.FILLED, _E.CANCEL_REJECT: S.FILLED,
        _E.NO_ANSWER: S.FILLED, _E.FOUND_OPEN: S.FILLED, _E.CANCELED: S.FILLED,
        _E.ABSENT: S.FILLED, _E.EXPIRED: S.FILLED, _E.FOUND_FILLED: S.FILLED,
        _E.RECEIVED: S.FILLED, _E.TRIGGERED: S.FILLED, _E.AMENDED: S.FILLED,
        _E.AMEND_REJECT: S.FILLED, _E.REPLACED: S.FILLED, _E.REDUCED: S.FILLED,
        _E.GONE_UNSEEN: S.FILLED,
    },
    S.CANCELED: {
        _E.ACK: S.CANCELED, _E.FILL_PART: S.CANCELED, _E.FILL_FULL: S.FILLED,
        _E.CANCELED: S.CANCELED, _E.EXPIRED: S.CANCELED, _E.CANCEL_REJECT: S.CANCELED,
        _E.NO_ANSWER: S.CANCELED, _E.FOUND_OPEN: S.CANCELED, _E.ABSENT: S.CANCELED,
        _E.RECEIVED: S.CANCELED, _E.TRIGGERED: S.CANCELED, _E.AMENDED: S.CANCELED,
        _E.AMEND_REJECT: S.CANCELED, _E.REPLACED: S.CANCELED, _E.REDUCED: S.CANCELED,
        _E.GONE_UNSEEN: S.CANCELED,
    },
    S.EXPIRED: {
        _E.ACK: S.EXPIRED, _E.FILL_PART: S.EXPIRED, _E.FILL_FULL: S.FILLED,
        _E.CANCELED: S.EXPIRED, _E.EXPIRED: S.EXPIRED, _E.CANCEL_REJECT: S.EXPIRED,
        _E.NO_ANSWER: S.EXPIRED, _E.FOUND_OPEN: S.EXPIRED, _E.ABSENT: S.EXPIRED,
        _E.RECEIVED: S.EXPIRED, _E.TRIGGERED: S.EXPIRED, _E.AMENDED: S.EXPIRED,
        _E.AMEND_REJECT: S.EXPIRED, _E.REPLACED: S.EXPIRED, _E.REDUCED: S.EXPIRED,
        _E.GONE_UNSEEN: S.EXPIRED,
    },
    S.REJECTED: {
        # Absent twice, and yet it lives: evidence beats conclusion, it is tracked again.
        _E.ACK: S.OPEN, _E.FILL_PART: S.OPEN, _E.FILL_FULL: S.FILLED, _E.FOUND_OPEN: S.OPEN,
        _E.REJECT: S.REJECTED, _E.CANCELED: S.REJECTED, _E.EXPIRED: S.REJECTED,
        _E.CANCEL_REJECT: S.REJECTED, _E.NO_ANSWER: S.REJECTED, _E.ABSENT: S.REJECTED,
        _E.NOT_SENT: S.REJECTED, _E.FOUND_FILLED: S.FILLED,
        _E.RECEIVED: S.REJECTED, _E.TRIGGERED: S.OPEN, _E.AMENDED: S.OPEN,
        _E.AMEND_REJECT: S.REJECTED, _E.REPLACED: S.REJECTED, _E.REDUCED: S.OPEN,
        _E.GONE_UNSEEN: S.REJECTED,
    },
}  # fmt: skip


def _make_table() -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    table = np.full((STATE_COUNT, EVENT_COUNT), ILLEGAL, np.int64)
    for state, row in _RULES.items():
        for event, after in row.items():
            table[state, event] = after
    return table


TABLE = _make_table()
"""`TABLE[state, event]` -> state after, or ILLEGAL (journaled and alarmed, state kept)."""

IS_TERMINAL = np.array([state in TERMINAL for state in S], np.bool_)


def _events_of_kinds() -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    events = np.full(len(ExecKind), ILLEGAL, np.int64)
    for kind in ExecKind:
        if kind.name in Event.__members__:
            events[kind] = Event[kind.name]
    return events


EVENT_OF_KIND = _events_of_kinds()
"""`EVENT_OF_KIND[ExecKind]` -> Event; FILL and ABSENT are told apart by the fold."""
