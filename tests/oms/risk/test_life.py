"""The order's life walked through the real fold: every state, every event, live and after a start.

`tests/oms/orders/test_states.py` holds the table against its rules; here risk itself is driven into
each state and told each thing, and must do what the table says.
"""

import itertools

import pytest

from oms.orders.states import ILLEGAL, TABLE, Event
from oms.risk import world_hot as w_
from shm_layout.enums import Action, ExecKind, OrderState, RejectReason
from tests.oms.agents.test_risk import QTY, Bench, state_hash

STATES = [state for state in OrderState if state]
BEYOND_FOLD = {
    (OrderState.FILLED, Event.FILL_PART): "a further fill of what is full is no part",
}
"""Cells that no execution can reach, with the reason."""
GONE_FROM = OrderState.UNKNOWN


def order_in(bench, state):
    """An order driven into a state; of ended ones the way there is the shortest."""
    bench.intent()
    bench.settle()
    order_id = int(bench.commands()[-1]["client_order_id"])
    if state is OrderState.UNKNOWN:
        bench.execution(ExecKind.NO_ANSWER, order_id)
    elif state is OrderState.REJECTED:
        bench.execution(ExecKind.REJECT, order_id, reason=RejectReason.VENUE_REJECT)
    elif state is not OrderState.PENDING_NEW:
        bench.execution(ExecKind.ACK, order_id, venue_order_id=b"77")
    bench.settle()
    if state is OrderState.PENDING_CANCEL:
        bench.intent(action=Action.CANCEL, target_client_order_id=order_id)
    elif state is OrderState.FILLED:
        bench.fill(order_id, 1, QTY)
    elif state is OrderState.CANCELED:
        bench.execution(ExecKind.CANCELED, order_id, cum_qty=0)
    elif state is OrderState.EXPIRED:
        bench.execution(ExecKind.EXPIRED, order_id, cum_qty=0)
    bench.settle()
    assert int(bench.row(order_id)["state"]) == state
    return order_id


def tell(bench, order_id, event):
    """Make the event happen, as a venue or a strategy does."""
    if event is Event.ASK_CANCEL:
        bench.intent(action=Action.CANCEL, target_client_order_id=order_id)
    elif event is Event.FILL_PART:
        bench.fill(order_id, 8, QTY // 2)
    elif event is Event.FILL_FULL:
        bench.fill(order_id, 8, QTY)
    elif event is Event.GONE:
        bench.execution(ExecKind.ABSENT, order_id)
        bench.execution(ExecKind.ABSENT, order_id)
    else:
        bench.execution(ExecKind[event.name], order_id)
    bench.settle()


def expected_of(state, event):
    """What the table says; ABSENT said twice is GONE only where the order was never seen."""
    if event is Event.GONE and state is not GONE_FROM:
        after = int(TABLE[state, Event.ABSENT])
        if after == ILLEGAL:
            return ILLEGAL
        # The first ABSENT makes it UNKNOWN; the second is proof where the venue never named it.
        if state is OrderState.PENDING_NEW:
            return int(TABLE[after, Event.GONE])
        return int(TABLE[after, Event.ABSENT])
    return int(TABLE[state, event])


@pytest.mark.parametrize(
    ("state", "event"), list(itertools.product(STATES, Event)), ids=lambda x: x.name
)
def test_every_cell_through_the_fold(state, event):
    bench = Bench().ready()
    order_id = order_in(bench, state)
    illegal = bench.state(w_.ST_ILLEGAL)
    if (state, event) in BEYOND_FOLD:
        return
    tell(bench, order_id, event)
    after, expected = int(bench.row(order_id)["state"]), expected_of(state, event)
    if expected == ILLEGAL:
        assert after == state, "an illegal event changes nothing"
        refused = event is Event.ASK_CANCEL
        assert (bench.state(w_.ST_ILLEGAL) > illegal) != refused
        if refused:
            assert RejectReason(bench.told()["reason"][-1]) is RejectReason.ORDER_CLOSED
    else:
        assert OrderState(after) is OrderState(expected)
        assert bench.state(w_.ST_ILLEGAL) == illegal
    before = state_hash(bench.risk)
    counters = bench.state(w_.ST_OPEN_COUNT), bench.state(w_.ST_UNKNOWN_COUNT)
    if after != OrderState.PENDING_CANCEL:
        # A start doubts a cancel under way: it cannot know whether the venue got it.
        bench.restart()
        assert state_hash(bench.risk) == before
        assert (bench.state(w_.ST_OPEN_COUNT), bench.state(w_.ST_UNKNOWN_COUNT)) == counters


def test_every_open_order_is_exposed_and_no_ended_one():
    for state in STATES:
        bench = Bench().ready()
        order_in(bench, state)
        is_open = state in (
            OrderState.PENDING_NEW, OrderState.OPEN, OrderState.PENDING_CANCEL, OrderState.UNKNOWN,
        )  # fmt: skip
        assert int(bench.risk.arrays.positions["open_buy_qty"][0]) == (QTY if is_open else 0)
