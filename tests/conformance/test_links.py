"""C10, C12, C14, C28: connections, pauses, clocks, maintenance."""

import dataclasses

import pytest

from shm_layout.enums import BookState, ExecKind, OrderState, RecordType, RejectReason, Side
from tests.conformance.size import FULL
from tests.conformance.stand import MS, S, Stand
from tests.conformance.venues.base import Where

DAY_NS = 90 * S
WARNING_NS = 15 * S
AGE_MS = 40_000


def aged(config, age_ms):
    """The same desk, whose executors replace a connection at that age."""
    groups = tuple(dataclasses.replace(one, link_max_age_ms=age_ms) for one in config.groups)
    return dataclasses.replace(config, groups=groups)


def link(stand):
    return stand.harness.table(f"links.{stand.executor_role}").rows[0]


def kinds(stand):
    """What the journal says of orders, as kinds."""
    return {
        ExecKind(int(record["kind"])) for record in stand.records()
        if int(record["type"]) == RecordType.ORDER_UPDATE
    }  # fmt: skip


def trade_for(stand, seconds):
    """Rest, fill and cancel, as long as that; every order must be taken."""
    resting = []
    for _ in range(seconds // 5):
        resting.append(stand.opened(Side.BUY, -10 - len(resting), 1000))
        stand.run(3 * S)
        stand.trade(Side.SELL, -10 - len(resting) + 1, 200)
        stand.run(S)
        stand.cancel(resting[-1])
        stand.until_state(resting[-1], OrderState.CANCELED, OrderState.FILLED)
    assert resting
    return resting


@pytest.mark.parametrize(
    "by", ["our own age", "the exchange's warning"] if FULL else ["our own age"]
)
def test_c10_connection_is_replaced_before_its_end_and_nobody_notices(venue, monkeypatch, by):
    venue.short_days(monkeypatch, DAY_NS, WARNING_NS)
    age_ms, seconds = {"our own age": (AGE_MS, 55), "the exchange's warning": (84_600_000, 105)}[by]
    stand = Stand(venue, mend=lambda config: aged(config, age_ms)).trading()
    trade_for(stand, seconds)
    assert int(link(stand)["replaced"]) >= 1
    assert int(link(stand)["losses"]) == 0
    assert not kinds(stand) & {ExecKind.NOT_SENT, ExecKind.NO_ANSWER}
    stand.judge()


def test_c10_connection_that_is_cut_at_its_age_is_made_again(venue, monkeypatch):
    """No warning, and nobody replaced it: it is a loss, and nothing else is lost."""
    venue.short_days(monkeypatch, DAY_NS, 0)
    stand = Stand(venue).trading()
    placed = stand.opened(Side.BUY, -10, 1000)
    stand.until(lambda: int(link(stand)["losses"]) > 0, 100 * S)
    stand.trade(Side.SELL, -10, 400)  # while nobody listens
    stand.until(lambda: placed.cum_qty == stand.qty(400), 30 * S)
    stand.trading()
    stand.opened(Side.BUY, -20, 1000)
    stand.judge()


def arrivals(stand, where):
    """Counts what reaches the exchange from now on: a fault that changes nothing."""
    number = stand.fault("delay", where, direction="in", delay_ms=0)

    def count():
        listed = stand.sim.faults_listed(stand.now_ns)
        return next(fault["hits"] for fault in listed if fault["number"] == number)

    return count


def test_c12_pause_stops_those_whom_it_is_for_and_no_longer_than_it_says(venue, stop):
    stand = Stand(venue).trading()
    kept = stand.opened(Side.BUY, -10, 1000)
    stand.fault(**stop.fault, **stand.placing.chosen, count=1)
    refused = stand.place(Side.BUY, -20, 1000)
    stand.until_state(refused, OrderState.REJECTED, within_ns=5 * S)
    assert refused.reason is RejectReason.MESSAGE_RATE
    began_ns = stand.now_ns
    orders, cancels = arrivals(stand, stand.placing), arrivals(stand, venue.cancel[stand.way])
    stand.cancel(kept)
    held = []
    while stand.now_ns < began_ns + 3 * S:
        held.append(stand.place(Side.BUY, -30, 1000))
        stand.run(500 * MS)
    assert orders() == 0, "an order in the pause"
    assert cancels() == int(stop.cancels_pass)
    assert {one.reason for one in held} == {RejectReason.MESSAGE_RATE}
    while not orders():
        stand.place(Side.BUY, -40, 1000)
        stand.run(S)
    assert stand.now_ns < began_ns + 15 * S, "longer than it said"
    stand.judge()


def test_c12_pause_of_an_account_leaves_the_other_accounts_alone(venue, account_stop):
    """A pause has a key: what one account did is not laid on its neighbour."""
    stand = Stand(venue, mend=two_accounts).trading()
    stand.until(stand.harness.table("accounts").rows["reconciled"][:2].all)
    stand.fault(**account_stop.fault, **stand.placing.chosen, count=1)
    refused = stand.place(Side.BUY, -20, 1000)
    stand.until_state(refused, OrderState.REJECTED, within_ns=5 * S)
    other = stand.place(Side.BUY, -30, 1000, strategy=1)
    stand.until_state(other, OrderState.OPEN, within_ns=S)
    again = stand.place(Side.BUY, -20, 1000)
    stand.until_state(again, OrderState.REJECTED, within_ns=S)
    assert again.reason is RejectReason.MESSAGE_RATE


def test_c12_ban_is_heeded_by_every_process_of_the_address(venue, ban):
    """The executor is told; the feed, whose book breaks meanwhile, asks for nothing before its end,
    and does not wait for more than that."""
    stand = Stand(venue).trading()
    stand.fault(**ban.fault, **stand.placing.chosen, count=1)
    refused = stand.place(Side.BUY, -20, 1000)
    stand.until_state(refused, OrderState.REJECTED, within_ns=5 * S)
    began_ns = stand.now_ns
    asked = arrivals(stand, Where("rest", "*"))
    stand.fault("gap", venue.book, count=1)
    stand.trade(Side.BUY, -50, 100)
    stand.run(500 * MS)
    stand.trade(Side.BUY, -60, 100)  # tells of the hole
    stand.run(S)
    assert stand.book_state() is not BookState.LIVE
    assert asked() == 0, "a request in the ban"
    stand.trading()
    assert 3 * S < stand.now_ns - began_ns < 10 * S, "as long as it says"
    stand.judge()


def two_accounts(config):
    """A second strategy on the second account."""
    (first,) = config.strategies
    account = config.groups[0].accounts[1].name
    second = dataclasses.replace(first, name="second", accounts=(account,))
    return dataclasses.replace(config, strategies=(first, second))


@pytest.mark.parametrize("shift_ms", [-30_000, 30_000])
def test_c14_clock_that_is_off_is_followed_and_orders_go_on_by_it(venue, shift_ms):
    stand = Stand(venue).trading()
    stand.fault("clock_step", shift_ms=shift_ms, for_ms=60_000)
    stand.run(15 * S)
    row = stand.harness.table(f"clock.{stand.executor_role}").rows[0]
    assert abs(int(row["offset_ns"]) - shift_ms * MS) < 5 * MS
    assert (row["large"], row["steps"]) == (1, 1)
    placed = stand.opened(Side.BUY, -10, 1000)
    stand.trade(Side.SELL, -10, 400)
    stand.run(60 * S)
    assert abs(int(row["offset_ns"])) < 5 * MS, "and back"
    assert placed.cum_qty == stand.qty(400)
    stand.opened(Side.BUY, -20, 1000)
    stand.judge()


def test_c28_maintenance_is_waited_out_and_everything_is_true_again(stand):
    whole, part = stand.opened(Side.BUY, -10, 1000), stand.opened(Side.BUY, -20, 1000)
    stand.fault("maintenance", for_ms=60_000)
    stand.run(S)
    stand.trade(Side.SELL, -10, 1000)  # as the exchange begins to match before it answers
    stand.trade(Side.SELL, -20, 300)
    assert stand.book_state() is not BookState.LIVE
    refused = stand.place(Side.BUY, -30, 1000)
    stand.run(30 * S)
    assert refused.refused is RejectReason.BOOK_NOT_LIVE
    assert stand.sent() == 2
    stand.until_state(whole, OrderState.FILLED, within_ns=90 * S)
    stand.until(lambda: part.cum_qty == stand.qty(300) and part.state is OrderState.OPEN)
    stand.trading()
    stand.opened(Side.BUY, -30, 1000)
    stand.judge()


def test_c28_order_and_cancel_under_way_as_it_begins_end_by_evidence(stand):
    kept = stand.opened(Side.BUY, -10, 1000)
    placed = stand.place(Side.BUY, -20, 1000)
    stand.cancel(kept)
    stand.fault("maintenance", for_ms=20_000)  # their answers have no connection to come by
    stand.run(25 * S)
    stand.trading()
    for one in (placed, kept):
        stand.until(lambda one=one: one.state is not OrderState.UNKNOWN, 60 * S)
        is_open = one.at_exchange is not None and one.at_exchange.is_open
        assert is_open == (one.state is OrderState.OPEN)
    stand.judge()
