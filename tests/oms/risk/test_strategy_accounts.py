"""A strategy on several accounts: a row for each, and one set of limits for all of them."""

import dataclasses
from collections import defaultdict

import numpy as np
import pytest

from oms.config_checks import mistakes_of
from oms.strategies.base import BaseStrategy
from oms.strategies.registry import PLUGINS
from shm_layout.enums import Action, ExecKind, OrderState, RejectReason, Side
from tests.desks import desk_config
from tests.oms.agents.test_risk import PX, QTY, Bench
from tests.oms.sim.whole_desk import S, WholeDesk, whole_config

MAIN, SUB = 0, 1


def bench_of(**limits):
    made = desk_config()
    mm = dataclasses.replace(made.strategies[0], accounts=("main", "sub1"))
    wanted = dataclasses.replace(made.limits, **limits)
    bench = Bench(config=dataclasses.replace(made, strategies=(mm,), limits=wanted)).ready()
    bench.execution(ExecKind.RECONCILED, 0, account_id=SUB)
    bench.settle()
    bench.told()
    return bench


def asked(bench, account_id, **fields):
    """(state, reason) of an order on this account."""
    bench.intent(account_id=account_id, strategy_id=account_id, **fields)
    bench.settle()
    update = bench.told()[-1]
    return OrderState(int(update["state"])), RejectReason(int(update["reason"]))


def test_each_account_has_a_row_and_orders_of_its_own():
    bench = bench_of()
    rows = bench.risk.arrays.strategy_table.rows
    assert [(r["name"], int(r["account_id"])) for r in rows[:2]] == [(b"mm", MAIN), (b"mm", SUB)]
    first = bench.place(account_id=MAIN, strategy_id=0)
    second = bench.place(account_id=SUB, strategy_id=1)
    bench.fill(first, 1, QTY)
    bench.settle()
    bench.execution(
        ExecKind.FILL, second, account_id=SUB, qty=QTY, px=PX - 100, exec_key_low=1,
        instrument_id=0,
    )  # fmt: skip
    bench.settle()
    positions = bench.risk.arrays.positions
    used = positions[:2]
    assert used["account_id"].tolist() == [MAIN, SUB]
    assert used["qty"].tolist() == [QTY, QTY]


def test_open_orders_are_counted_over_all_accounts():
    bench = bench_of(max_open_orders=2)
    bench.place(account_id=MAIN, strategy_id=0)
    bench.place(account_id=SUB, strategy_id=1)
    bench.told()
    for account_id in (MAIN, SUB):
        assert asked(bench, account_id) == (OrderState.REJECTED, RejectReason.OPEN_ORDERS_LIMIT)


def test_a_position_limit_counts_all_accounts():
    bench = bench_of(max_position_notional="1500")  # two and a half orders of 600
    bench.place(account_id=MAIN, strategy_id=0)
    bench.place(account_id=SUB, strategy_id=1)
    bench.told()
    for account_id in (MAIN, SUB):
        assert asked(bench, account_id)[1] is RejectReason.POSITION_LIMIT
        sells = asked(bench, account_id, side=Side.SELL, px=PX + 100)
        assert sells == (OrderState.PENDING_NEW, RejectReason.UNSET)


def test_a_rate_is_that_of_the_strategy():
    bench = bench_of(max_orders_per_s=3, max_open_orders=50)
    for k in range(4):
        bench.intent(account_id=k % 2, strategy_id=k % 2)
    bench.settle()
    reasons = [RejectReason(int(r)) for r in bench.told()["reason"]]
    assert reasons.count(RejectReason.MESSAGE_RATE) == 1


def test_an_account_that_is_not_the_strategys_is_refused():
    made = desk_config()
    bench = Bench(config=made).ready()
    bench.execution(ExecKind.RECONCILED, 0, account_id=SUB)
    bench.settle()
    bench.told()
    bench.intent(account_id=SUB, strategy_id=0)
    bench.settle()
    assert bench.told()[-1]["reason"] == RejectReason.UNKNOWN_ACCOUNT


def test_an_account_of_another_group_is_refused():
    bench = bench_of()
    bench.risk.arrays.account_table.write(SUB, group=1)
    assert asked(bench, SUB) == (OrderState.REJECTED, RejectReason.UNKNOWN_ACCOUNT)


def test_a_strategy_cancels_its_orders_on_any_of_its_accounts():
    bench = bench_of()
    order = bench.place(account_id=SUB, strategy_id=1)
    bench.intent(action=Action.CANCEL, target_client_order_id=order, strategy_id=0)
    bench.settle()
    assert bench.row(order)["state"] == OrderState.PENDING_CANCEL


def test_config_names_what_is_wrong_with_accounts():
    made = desk_config()
    files = defaultdict(lambda: "desk.toml")

    def said(*accounts):
        mm = dataclasses.replace(made.strategies[0], accounts=accounts)
        found = mistakes_of(dataclasses.replace(made, strategies=(mm,)), files)
        return [one for one in found if "account" in one and "strategy mm" in one]

    assert said("main", "sub1") == []
    assert "found none, required is one" in said()[0]
    assert "account 'x' is in no group" in said("main", "x")[0]
    assert "account 'main' stands there twice" in said("main", "main")[0]


@pytest.mark.parametrize(("code", "fits"), [("KRW", True), ("usdt", False), ("", False)])
def test_config_refuses_a_currency_that_no_exchange_writes_so(code, fits):
    made = dataclasses.replace(desk_config(), currency=code)
    found = mistakes_of(made, defaultdict(lambda: "desk.toml"))
    assert any("currency: found" in one for one in found) is not fits


class Both(BaseStrategy):
    """Buys on one account and on the other, in turn, four times."""

    def __init__(self, params):
        del params
        self.filled = []

    def on_top(self, top, now_ns):
        (one,) = self.desk.instruments.values()
        if not top.live or self.desk.orders or len(self.filled) >= 4:
            return
        account = ("main", "sub1")[len(self.filled) % 2]
        px = one.px_up(top.ask_px + 10**6)
        self.desk.place(one, Side.BUY, one.qty("0.001"), px, account=account)

    def on_fill(self, fill, now_ns):
        if not fill.order.leaves_qty:
            self.filled.append((fill.order.account_id, fill.position_qty))


@pytest.fixture
def both(monkeypatch):
    monkeypatch.setitem(PLUGINS, "both", Both)
    made = whole_config(3, drop_reply_one_in=0)
    one = dataclasses.replace(
        made.strategies[0], plugin="both", accounts=("main", "sub1"), params={}
    )
    return WholeDesk(3, config=dataclasses.replace(made, strategies=(one,)))


def test_a_plugin_trades_on_both_and_sees_one_position(both):
    both.run(20 * S)
    plugin = both.harness.agents["strategy.mm"].plugin
    assert [account for account, _ in plugin.filled] == [0, 1, 0, 1]
    lot = plugin.filled[0][1]
    assert [qty for _, qty in plugin.filled] == [lot, 2 * lot, 3 * lot, 4 * lot]
    positions = both.risk.arrays.positions
    assert sorted(positions["qty"][:2].tolist()) == [2 * lot, 2 * lot]
    assert np.count_nonzero(positions["qty"]) == 2
