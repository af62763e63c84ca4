"""A plugin that replaces its order again and again, under faults: 0 lost, 0 doubled, 0 orphans."""

import dataclasses

import pytest

from oms.strategies.base import BaseStrategy
from oms.strategies.registry import PLUGINS
from shm_layout.enums import OrderState, RejectReason, Side
from tests.oms.sim.whole_desk import EXECUTOR, MS, S, WholeDesk, whole_config


class Replacing(BaseStrategy):
    """Keeps one buy near the best bid, by replacing it; sizes and prices change with each."""

    def __init__(self, params):
        del params
        self.count = 0
        self.refused = []
        self.not_asked = 0

    def on_top(self, top, now_ns):
        (one,) = self.desk.instruments.values()
        if not top.live:
            return
        self.count += 1
        qty = one.qty("0.001") * (1 + self.count % 3)
        px = one.px_down(top.bid_px - one.tick * (self.count % 7))
        standing = list(self.desk.orders.values())
        if not standing:
            self.desk.place(one, Side.BUY, qty, px)
        elif len(standing) == 1 and self.desk.replace(standing[0], qty, px) is None:
            self.not_asked += 1

    def on_order(self, order, reason, now_ns):
        if reason is not RejectReason.UNSET:
            self.refused.append(reason)


def desk_of(seed, **values):
    made = whole_config(seed, **values)
    one = dataclasses.replace(made.strategies[0], plugin="replacing", params={})
    limits = dataclasses.replace(made.limits, max_position_notional="100000")
    return WholeDesk(seed, config=dataclasses.replace(made, strategies=(one,), limits=limits))


@pytest.fixture(autouse=True)
def plugin(monkeypatch):
    monkeypatch.setitem(PLUGINS, "replacing", Replacing)


def replaced(desk):
    """(orders that took another's place, of these those that were accepted)."""
    orders = desk.risk.arrays.orders
    linked = orders[orders["target_client_order_id"] != 0]
    stood = linked[linked["state"] != OrderState.REJECTED]
    return len(linked), len(stood)


@pytest.mark.parametrize("seed", [1, 2])
def test_orders_are_replaced_and_every_invariant_holds(seed):
    desk = desk_of(seed, drop_reply_one_in=6)
    desk.run(20 * S)
    linked, stood = replaced(desk)
    assert linked > 50, desk.harness.agents["strategy.mm"].plugin.refused[-5:]
    assert stood > linked // 2
    desk.finish()
    desk.check_all()


def test_killed_senders_leave_nothing_doubled():
    desk = desk_of(7, drop_reply_one_in=4)
    for _ in range(6):
        desk.run(1500 * MS)
        desk.harness.kill(EXECUTOR)
        desk.run(100 * MS)
        desk.start(EXECUTOR)
    assert replaced(desk)[0] > 10
    desk.finish()
    desk.check_all()


def test_fills_meet_replaces_and_both_orders_keep_theirs():
    desk = desk_of(3, drop_reply_one_in=0, flow_events_per_s=800)
    desk.run(20 * S)
    orders = desk.risk.arrays.orders
    both = orders[(orders["target_client_order_id"] != 0) & (orders["cum_qty"] > 0)]
    assert len(both), "some of the successors were filled"
    desk.finish()
    desk.check_all()
