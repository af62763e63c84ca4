"""Orders by quote amount against the simulated exchange, with lost replies and deaths; and two
strategies of one account that must not trade with each other.
"""

import csv
import dataclasses
import random
from collections import Counter

import pytest

from oms.agents.journaler.lines import Lines
from oms.config import StrategyConfig
from oms.risk import world_hot as w_
from oms.strategies.base import BaseStrategy
from oms.strategies.registry import PLUGINS
from shm_layout.enums import ExecKind, OrderState, OrderType, RecordType, RejectReason, Side
from shm_layout.records import UNDEF
from tests.oms.sim.whole_desk import EXECUTOR, MS, VENUE, WholeDesk, whole_config

EVERY_NS = 40 * MS
BTC = ("binance.spot:BTC/USDT",)


class Spender(BaseStrategy):
    """Buys and sells in turn, by amount."""

    amount = ""

    def __init__(self, params):
        del params
        self._due_ns = 0
        self._count = 0
        self.told = Counter()

    def on_top(self, top, now_ns):
        if not top.live or now_ns < self._due_ns:
            return
        self._due_ns = now_ns + EVERY_NS
        self._count += 1
        (instrument,) = self.desk.instruments.values()
        side = Side.BUY if self._count % 2 else Side.SELL
        amount = self.amount or f"{50 + self._count * 37 % 900}.25"
        order = self.desk.place_amount(instrument, side, instrument.amount(amount))
        assert order is None or order.quote_qty > 0

    def on_order(self, order, reason, now_ns):
        del reason, now_ns
        self.told[order.state] += 1
        assert order.leaves_qty == 0, "of an amount nobody knows what is left"


class Rester(BaseStrategy):
    """Keeps one order at the front of each side, or as near as it may stand."""

    def __init__(self, params):
        del params

    def on_top(self, top, now_ns):
        del now_ns
        (instrument,) = self.desk.instruments.values()
        resting = {order.side for order in self.desk.orders.values()}
        if not top.live:
            return
        room = top.ask_px - top.bid_px > 2 * instrument.tick
        step = instrument.tick if room else 0
        for side, px in ((Side.BUY, top.bid_px + step), (Side.SELL, top.ask_px - step)):
            if side not in resting:
                qty = instrument.qty("0.001")
                self.desk.place(instrument, side, qty, px, OrderType.POST_ONLY)


class Sweeper(Spender):
    """The same with amounts that take whole levels."""

    amount = "9000"


@pytest.fixture(autouse=True)
def _plugins(monkeypatch):
    for plugin in (Spender, Sweeper, Rester):
        monkeypatch.setitem(PLUGINS, plugin.__name__, plugin)


def desk_of(seed, *strategies, **group):
    config = whole_config(seed, drop_reply_one_in=5)
    groups = (dataclasses.replace(config.groups[0], **group),)
    return WholeDesk(seed, config=dataclasses.replace(config, strategies=strategies, groups=groups))


def by_amount(desk):
    rows = desk.risk.arrays.orders
    return rows[(rows["client_order_id"] > 0) & (rows["qty"] == UNDEF)]


def kill_in_flight(desk):
    """The executor dies between an order's bytes and the answer to them."""
    run_until_sent(desk)
    desk.harness.kill(EXECUTOR)
    desk.run(5 * MS)
    desk.start(EXECUTOR)


def silence_in_flight(desk):
    """The exchange stands still with an order on its way, until nobody waits for it any more."""
    run_until_sent(desk)
    desk.harness.stop(VENUE)
    desk.run(2500 * MS)
    desk.harness.resume(VENUE)


def run_until_sent(desk):
    executor = desk.harness.agents[EXECUTOR]
    sent = executor.sent
    until = desk.harness.now_ns + 2000 * MS
    assert desk.harness.run_while(lambda: executor.sent == sent, until), "nothing is sent"


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.compiled)])
def test_amounts_are_traded_and_both_books_agree(seed):
    desk = desk_of(seed, StrategyConfig("mm", "Spender", ("main",), BTC))
    for disturb in (kill_in_flight, silence_in_flight):
        desk.run(600 * MS)
        disturb(desk)
        desk.run(600 * MS)
        desk.harness.kill("risk")
        desk.start("risk")
        desk.check_fold()
        desk.check_exposure()
    desk.finish()
    desk.check_all()
    orders = by_amount(desk)
    ended = Counter(OrderState(int(state)) for state in orders["state"])
    assert ended[OrderState.FILLED] > 10, "too little happened"
    assert desk.state(w_.ST_UNKNOWN_SEEN) > 0, "no reply was lost"
    assert (orders["was_unknown"] * (orders["state"] == OrderState.FILLED)).any()
    filled = orders[orders["state"] == OrderState.FILLED]
    assert (filled["cum_quote_qty"] <= filled["quote_qty"]).all()
    assert (filled["cum_quote_qty"] * 10 > filled["quote_qty"] * 9).all(), "it was spent"
    assert int(desk.risk.arrays.positions["open_buy_qty"].sum()) == 0
    assert int(desk.risk.arrays.positions["open_sell_qty"].sum()) == 0
    check_passing_over(desk, seed)


def check_passing_over(desk, seed):
    """A journaler that passes over what was written goes on as the one that wrote it."""
    records = desk.records()
    first = random.Random(seed).randrange(len(records))
    whole, passed = Lines(desk.config), Lines(desk.config)
    for seq, record in enumerate(records, 1):
        lines = list(whole.of(seq, record))
        if seq <= first:
            passed.pass_over(seq, record)
            assert passed.state() == whole.state(), f"after record {seq}"
        else:
            assert list(passed.of(seq, record)) == lines


@pytest.mark.compiled  # the same kernels, at length
def test_lines_of_an_order_by_amount_show_what_was_ordered_and_traded():
    desk = desk_of(4, StrategyConfig("mm", "Spender", ("main",), BTC))
    desk.run(1500 * MS)
    desk.finish()
    cells = list(csv.DictReader(desk.harness.lines["days/2023-11-14/orders.csv"]))
    ends = [row for row in cells if row["event"] == "FILL" and row["state"] == "FILLED"]
    assert ends, "too little happened"
    for row in ends:
        assert row["qty"] == ""
        assert 0 < float(row["cum_quote_qty"]) <= float(row["quote_qty"])


def self_trades(desk):
    """Trades with the desk's account on both sides."""
    times = Counter(fill.trade_id for fill in desk.log.fills(0, 0))
    return [trade_id for trade_id, count in times.items() if count > 1]


def maker_and_taker(seed, mode):
    made = desk_of(
        seed, StrategyConfig("mm", "Rester", ("main",), BTC),
        StrategyConfig("taker", "Sweeper", ("main",), BTC), self_trade_prevention=mode,
    )  # fmt: skip
    made.run(1200 * MS)
    return made


@pytest.mark.compiled  # the same kernels, at length
@pytest.mark.parametrize(("mode", "ends"), [("expire_maker", {"mm"}), ("expire_taker", {"taker"})])
def test_strategies_of_one_account_do_not_trade_with_each_other(mode, ends):
    desk = maker_and_taker(1, mode)
    desk.finish()
    desk.check_all()
    assert not self_trades(desk)
    names = ("mm", "taker")
    prevented = [
        record for record in desk.records()
        if int(record["type"]) == RecordType.ORDER_UPDATE
        and int(record["reason"]) == RejectReason.SELF_TRADE
    ]  # fmt: skip
    assert prevented, "they never met"
    assert {names[int(record["strategy_id"])] for record in prevented} == ends
    assert {int(record["kind"]) for record in prevented} == {ExecKind.EXPIRED}


def test_without_prevention_they_do():
    """So the test above would see it."""
    assert self_trades(maker_and_taker(1, "none"))
