"""C05 to C08, C11, C29, C30: orders whose fate is not told as it should be."""

import pytest

from oms.exchange.engine import layout_hot as lay
from oms.risk import world_hot as w_
from oms.venues.data import Absent, lifetime_ms
from shm_layout.enums import OrderState, RejectReason, SelfTrade, Side
from tests.conformance.stand import MS, S

HOUR = 3_600 * S
ASKED_WITHIN_NS = 8 * S
"""Questions after 1, 2, 4 s; a reconciliation would come after a minute."""
pytestmark = pytest.mark.usefixtures("way")


def was_unknown(placed):
    return bool(placed.row["was_unknown"])


def test_c05_reply_that_is_lost_is_made_up_for_by_the_event(stand, venue):
    stand.fault("lose", stand.placing, direction="out", count=1)
    placed = stand.place(Side.BUY, -10, 1000)
    stand.until_state(placed, OrderState.OPEN, within_ns=S)
    assert not was_unknown(placed), "its event said that it rests"
    stand.trade(Side.SELL, -10, 400)
    stand.cancel(placed)
    stand.until_state(placed, OrderState.CANCELED)
    assert placed.cum_qty == stand.qty(400)
    stand.judge()


def test_c06_reply_and_event_that_are_lost_are_asked_for_and_it_rests(stand):
    stand.fault("drop_reply", count=1)
    placed = stand.place(Side.BUY, -10, 1000)
    stand.until_state(placed, OrderState.UNKNOWN)
    assert placed.at_exchange.is_open
    stand.until_state(placed, OrderState.OPEN, within_ns=ASKED_WITHIN_NS)
    assert was_unknown(placed)
    stand.judge()


def test_c06_order_that_was_filled_unseen_is_found_filled(stand, venue):
    stand.fault("lose", stand.placing, direction="out", count=1)
    stand.fault("lose", venue.order_event, direction="out", for_ms=5_000)
    placed = stand.place(Side.BUY, 100, 1000)  # takes at once
    stand.until_state(placed, OrderState.UNKNOWN)
    assert placed.cum_qty == 0
    stand.until_state(placed, OrderState.FILLED, within_ns=ASKED_WITHIN_NS)
    assert placed.cum_qty == stand.qty(1000)
    stand.judge()


def test_c07_fill_that_is_told_twice_counts_once(stand, venue):
    stand.fault("duplicate", venue.order_event, direction="out")
    placed = stand.opened(Side.BUY, -10, 1000)
    stand.trade(Side.SELL, -10, 400)
    stand.run(100 * MS)
    assert placed.cum_qty == stand.qty(400)
    stand.trade(Side.SELL, -10, 600)
    stand.until_state(placed, OrderState.FILLED)
    stand.run(S)
    assert stand.state(w_.ST_FILLS) == 2
    stand.judge()


def test_c07_fill_that_comes_by_event_and_by_question_counts_once(stand):
    placed = stand.opened(Side.BUY, -10, 1000)
    stand.trade(Side.SELL, -10, 400)
    stand.run(100 * MS)
    stand.harness.kill(stand.executor_role)
    stand.start(stand.executor_role)  # reconciles, and reads the history of fills again
    stand.until(stand.reconciled)
    stand.run(5 * S)
    assert placed.cum_qty == stand.qty(400)
    assert stand.state(w_.ST_FILLS) == 1
    stand.judge()


def test_c08_fill_that_comes_first_is_believed(stand, venue):
    """The reply and the event of its opening are lost: the fill is the first word of it."""
    stand.fault("lose", stand.placing, direction="out", count=1)
    stand.fault("lose", venue.order_event, direction="out", count=1)
    placed = stand.place(Side.BUY, 100, 1000)
    stand.until_state(placed, OrderState.FILLED, within_ns=S)
    assert not was_unknown(placed)
    stand.judge()


def test_c08_acknowledgement_that_comes_after_the_fill_changes_nothing(stand, venue):
    stand.fault("lose", stand.placing, direction="out", count=1)
    stand.fault("reorder", venue.order_event, direction="out", count=1)
    placed = stand.place(Side.BUY, 100, 1000)
    stand.until_state(placed, OrderState.FILLED, within_ns=S)
    stand.run(2 * S)
    assert (placed.state, placed.cum_qty) == (OrderState.FILLED, stand.qty(1000))
    assert stand.state(w_.ST_ILLEGAL) == 0
    stand.judge()


def test_c11_event_that_is_lost_is_found_by_the_next_reconciliation(stand, venue):
    whole, part = stand.opened(Side.BUY, -10, 1000), stand.opened(Side.BUY, -20, 1000)
    stand.fault("lose", venue.order_event, direction="out")
    stand.trade(Side.SELL, -10, 1000)
    stand.trade(Side.SELL, -20, 300)
    stand.run(S)
    assert (whole.state, whole.cum_qty, part.cum_qty) == (OrderState.OPEN, 0, 0)
    stand.until_state(whole, OrderState.FILLED, within_ns=150 * S)
    stand.until(lambda: part.cum_qty == stand.qty(300), 150 * S)
    assert part.state is OrderState.OPEN
    stand.judge()


def test_c11_outage_of_three_hours_is_made_up_for(stand):
    whole, part = stand.opened(Side.BUY, -10, 1000), stand.opened(Side.BUY, -20, 1000)
    kept = stand.opened(Side.SELL, 20, 1000)
    for role in (*stand.ours, "watchdog"):
        stand.harness.kill(role)
    stand.run(HOUR)
    stand.trade(Side.SELL, -10, 1000)
    stand.trade(Side.SELL, -20, 300)
    stand.run(2 * HOUR)
    stand.start(*stand.ours, "watchdog")
    assert (whole.cum_qty, part.cum_qty) == (0, 0)
    stand.until_state(whole, OrderState.FILLED)
    stand.until(lambda: part.cum_qty == stand.qty(300))
    stand.until(lambda: part.state is kept.state is OrderState.OPEN)
    stand.trading()
    stand.opened(Side.BUY, -10, 500)
    stand.judge()


@pytest.mark.parametrize("rest", [0, 600])
def test_c29_total_that_shrinks_without_a_fill_ends_with_what_is_left(stand, venue, rest):
    """By hand, the same account meets its own order with a mode that takes from both."""
    assert SelfTrade.DECREMENT in venue.facts.caps.self_trade
    placed = stand.opened(Side.BUY, -10, 1000)
    by_hand = stand.trade(Side.SELL, -10, 1000 - rest, account=0, stp=lay.STP_DECREMENT)
    stand.run(100 * MS)
    if rest:
        assert int(placed.row["qty"]) == stand.qty(rest)
        assert placed.state is OrderState.OPEN
        stand.check_exposure()
        stand.trade(Side.SELL, -10, rest)
    ended_with(stand, placed, by_hand, rest)


@pytest.mark.parametrize("rest", [600, 0])
def test_c29_total_that_shrank_unseen_is_found(stand, venue, rest):
    placed = stand.opened(Side.BUY, -10, 1000)
    stand.fault("lose", venue.order_event, direction="out")
    by_hand = stand.trade(Side.SELL, -10, 400, account=0, stp=lay.STP_DECREMENT)
    if rest:  # found open, and smaller
        stand.until(lambda: int(placed.row["qty"]) == stand.qty(rest), 150 * S)
        assert placed.state is OrderState.OPEN
        stand.check_exposure()
        stand.clear_faults()
    stand.trade(Side.SELL, -10, 600)  # or else found ended, with less than was ordered
    ended_with(stand, placed, by_hand, 600)


def ended_with(stand, placed, by_hand, lots):
    stand.until(lambda: not placed.at_exchange.is_open)
    ends = (OrderState.FILLED, OrderState.CANCELED, OrderState.EXPIRED)
    stand.until_state(placed, *ends, within_ns=150 * S)
    assert placed.cum_qty == stand.qty(lots)
    stand.judge(by_hand)


def test_c30_request_that_arrives_late_is_not_held_for_one_that_never_will(stand, venue):
    """Longer on its way than its answer is waited for, and not too long for the exchange."""
    late_ms = stand.config.groups[0].answer_timeout_ms + 1_000
    assert late_ms < stand.config.groups[0].recv_window_ms
    stand.fault("delay", stand.placing, direction="in", delay_ms=late_ms, count=1)
    placed = stand.place(Side.BUY, -10, 1000)
    stand.until_state(placed, OrderState.UNKNOWN)
    assert placed.at_exchange is None
    stand.until(lambda: placed.at_exchange is not None)
    stand.until_state(placed, OrderState.OPEN)
    assert was_unknown(placed)
    stand.judge()


def test_c30_request_that_never_arrives_ends_when_it_no_longer_can(stand, venue):
    caps, group = venue.facts.caps, stand.config.groups[0]
    stand.fault("lose", stand.placing, direction="in", count=1)
    placed = stand.place(Side.BUY, -10, 1000)
    began_ns = stand.now_ns
    stand.until_state(placed, OrderState.UNKNOWN)
    if caps.absent is Absent.NEVER:
        stand.run(300 * S)
        assert placed.state is OrderState.UNKNOWN, "a person decides"
        return
    stand.until_state(placed, OrderState.REJECTED, within_ns=120 * S)
    assert placed.reason is RejectReason.NOT_SENT
    lifetime = lifetime_ms(caps, group.recv_window_ms, group.clock_warn_ms)
    if lifetime is not None:
        assert stand.now_ns - began_ns >= lifetime * MS, "it could still have arrived"
    assert int(stand.risk.arrays.positions["open_buy_qty"].sum()) == 0
    stand.judge()


def test_c30_request_that_arrives_too_late_is_refused_by_the_exchange(stand, venue):
    if not venue.facts.caps.request_lifetime:
        assert lifetime_ms(venue.facts.caps, 5_000, 250) is None
        return
    stand.fault(
        "delay", stand.placing, direction="in", count=1,
        delay_ms=stand.config.groups[0].recv_window_ms + 1_000,
    )  # fmt: skip
    placed = stand.place(Side.BUY, -10, 1000)
    stand.until_state(placed, OrderState.REJECTED, within_ns=120 * S)
    assert placed.at_exchange is None
    assert stand.sent() == 0
    stand.judge()


def test_c30_order_asked_for_before_it_is_there_is_no_proof_of_absence(stand):
    """Every question while the request is on its way finds nothing, by REST, past the socket."""
    late_ms = stand.config.groups[0].recv_window_ms - 500
    stand.fault("delay", stand.placing, direction="in", delay_ms=late_ms, count=1)
    placed = stand.place(Side.BUY, -10, 1000)
    stand.until_state(placed, OrderState.UNKNOWN)
    stand.harness.network.cut(stand.executor_role)  # what is behind it on the socket is gone
    stand.run(10 * S)
    found = placed.at_exchange
    state = OrderState.OPEN if found is not None else OrderState.REJECTED
    stand.until_state(placed, state, within_ns=120 * S)
    stand.judge()
