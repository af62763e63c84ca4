"""The order's life: every cell of the table is walked against the rules in words."""

from __future__ import annotations

import itertools

import pytest

from oms.orders.states import EVENT_OF_KIND, ILLEGAL, IS_TERMINAL, TABLE, TERMINAL, Event
from shm_layout.enums import ExecKind, OrderState

FILLS = (Event.FILL_PART, Event.FILL_FULL)
LIVE = (
    OrderState.PENDING_NEW,
    OrderState.OPEN,
    OrderState.PENDING_CANCEL,
    OrderState.UNKNOWN,
)
CELLS = list(itertools.product(OrderState, Event))


@pytest.mark.parametrize(("state", "event"), CELLS, ids=lambda x: x.name)
def test_every_cell_keeps_the_rules(state: OrderState, event: Event) -> None:
    after = int(TABLE[state, event])
    if state is OrderState.UNSET:
        assert after == ILLEGAL, "no order, no event"
        return
    if event in FILLS and state is not OrderState.FILLED:
        assert after != ILLEGAL, "a fill is believed in every state"
    if event is Event.FILL_FULL:
        assert after == OrderState.FILLED
    if after == ILLEGAL:
        return
    if state in LIVE and event in (Event.CANCELED, Event.EXPIRED):
        assert OrderState(after) in TERMINAL
    if state is OrderState.UNKNOWN and OrderState(after) in TERMINAL:
        assert event not in (Event.NO_ANSWER, Event.ABSENT, Event.ASK_CANCEL), (
            "UNKNOWN ends on evidence only"
        )
    if event is Event.NO_ANSWER and state in LIVE:
        assert after == OrderState.UNKNOWN
    if state in TERMINAL and state is not OrderState.REJECTED:
        assert OrderState(after) in TERMINAL, "what has ended stays ended"
    if event is Event.RECEIVED:
        assert after == state, "received is not accepted"
    if event is Event.GONE_UNSEEN and state in LIVE:
        assert OrderState(after) in TERMINAL
    if event in (Event.TRIGGERED, Event.AMENDED, Event.REDUCED):
        assert after != OrderState.UNKNOWN, "whoever says so has seen the order"
    if event is Event.AMEND_REJECT:
        assert after == state, "it stands as it stood"
    if event is Event.REPLACED and state in LIVE:
        assert OrderState(after) in TERMINAL, "its successor has taken its place"
    if event is Event.ASK_CANCEL:
        assert state in LIVE, "a closed order cannot be cancelled"


def test_terminal_array_matches_the_set() -> None:
    assert {s for s in OrderState if IS_TERMINAL[s]} == TERMINAL


def test_every_execution_kind_of_an_order_has_an_event() -> None:
    outside = {
        ExecKind.UNSET, ExecKind.FILL, ExecKind.RECONCILED, ExecKind.EXTERNAL_OPEN,
        ExecKind.FUNDING, ExecKind.LIQUIDATION, ExecKind.ADL, ExecKind.TRANSFER, ExecKind.BUST,
        ExecKind.ACCOUNT_REFUSED,
    }  # fmt: skip
    for kind in ExecKind:
        assert (int(EVENT_OF_KIND[kind]) == ILLEGAL) == (kind in outside), kind


def test_order_that_was_never_acknowledged_is_never_gone_unseen() -> None:
    assert int(TABLE[OrderState.PENDING_NEW, Event.GONE_UNSEEN]) == ILLEGAL
