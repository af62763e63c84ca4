"""REPLACE: a new order in place of one that stands. The worst case is the larger of both."""

import dataclasses

import pytest

from shm_layout.enums import (
    Action,
    ExecKind,
    OrderState,
    OrderType,
    RejectReason,
    Side,
    TimeInForce,
)
from shm_layout.records import UNDEF
from tests.desks import desk_config
from tests.oms.agents.test_risk import PX, QTY, Bench


def bench_of(**limits):
    made = desk_config()
    wanted = dataclasses.replace(made.limits, **limits)
    return Bench(config=dataclasses.replace(made, limits=wanted)).ready()


def replace(bench, order, **fields):
    """Ask for it; the updates that risk said."""
    bench.told()
    values = {"action": Action.REPLACE, "target_client_order_id": order, "px": PX - 200}
    bench.intent(**(values | fields))
    bench.settle()
    return bench.told()


def replaced(bench, order, **fields):
    """The successor's id, as the command names it."""
    replace(bench, order, **fields)
    command = bench.commands()[-1]
    assert (int(command["action"]), int(command["target_client_order_id"])) == (
        Action.REPLACE, order
    )  # fmt: skip
    return int(command["client_order_id"])


def open_buys(bench):
    return int(bench.risk.arrays.positions["open_buy_qty"][0])


def test_both_are_told_of_each_other_and_one_command_leaves():
    bench = bench_of()
    order = bench.place()
    updates = replace(bench, order, qty=2 * QTY)
    (command,) = bench.commands()
    new = int(command["client_order_id"])
    assert (int(command["px"]), int(command["qty"])) == (PX - 200, 2 * QTY)
    told = {
        int(u["client_order_id"]): (OrderState(int(u["state"])), int(u["linked_client_order_id"]))
        for u in updates
    }
    assert told == {
        new: (OrderState.PENDING_NEW, order),
        order: (OrderState.PENDING_CANCEL, new),
    }


@pytest.mark.parametrize(("first", "second"), [(QTY, QTY), (QTY, 3 * QTY), (3 * QTY, QTY)])
def test_the_larger_of_both_is_counted(first, second):
    bench = bench_of()
    order = bench.place(qty=first)
    replaced(bench, order, qty=second)
    assert open_buys(bench) == max(first, second)


def test_fills_of_the_first_make_room_for_all_of_the_second():
    bench = bench_of()
    order = bench.place(qty=2 * QTY)
    replaced(bench, order, qty=2 * QTY)
    bench.fill(order, 1, QTY)
    bench.settle()
    assert open_buys(bench) == 2 * QTY, "the successor may still come whole"
    assert int(bench.risk.arrays.positions["qty"][0]) == QTY


def test_replaced_ends_the_first_and_the_second_stands():
    bench = bench_of()
    order = bench.place()
    new = replaced(bench, order, qty=2 * QTY)
    bench.execution(ExecKind.REPLACED, order, cum_qty=0)
    bench.execution(ExecKind.ACK, new, venue_order_id=b"78")
    bench.settle()
    assert bench.row(order)["state"] == OrderState.CANCELED
    assert bench.row(new)["state"] == OrderState.OPEN
    assert open_buys(bench) == 2 * QTY


def test_half_done_the_first_cancelled_the_second_refused():
    bench = bench_of()
    order = bench.place()
    new = replaced(bench, order)
    bench.execution(ExecKind.CANCELED, order, cum_qty=0)
    bench.execution(ExecKind.REJECT, new, reason=RejectReason.INSUFFICIENT_FUNDS)
    bench.settle()
    assert bench.row(order)["state"] == OrderState.CANCELED
    assert bench.row(new)["state"] == OrderState.REJECTED
    assert open_buys(bench) == 0


def test_half_done_the_first_stands_the_second_was_not_tried():
    bench = bench_of()
    order = bench.place()
    new = replaced(bench, order, qty=5 * QTY)
    bench.execution(ExecKind.REJECT, new, reason=RejectReason.ORDER_CLOSED)
    bench.execution(ExecKind.FOUND_OPEN, order, cum_qty=0)
    bench.settle()
    assert bench.row(order)["state"] == OrderState.OPEN
    assert open_buys(bench) == QTY


def test_without_an_answer_both_are_in_doubt_and_counted_as_one():
    bench = bench_of()
    order = bench.place()
    new = replaced(bench, order, qty=2 * QTY)
    for one in (order, new):
        bench.execution(ExecKind.NO_ANSWER, one)
    bench.settle()
    assert {int(bench.row(one)["state"]) for one in (order, new)} == {OrderState.UNKNOWN}
    assert open_buys(bench) == 2 * QTY
    bench.execution(ExecKind.CANCELED, order, cum_qty=0)
    bench.execution(ExecKind.FOUND_OPEN, new, cum_qty=0)
    bench.settle()
    assert open_buys(bench) == 2 * QTY


def test_limits_hold_for_what_is_more():
    bench = bench_of(max_position_notional="1500")  # an order is of 600
    order = bench.place(qty=2 * QTY)
    replaced(bench, order, qty=2 * QTY)
    bench = bench_of(max_position_notional="1500")
    order = bench.place(qty=2 * QTY)
    (update,) = replace(bench, order, qty=3 * QTY)
    assert update["reason"] == RejectReason.POSITION_LIMIT
    assert bench.row(order)["state"] == OrderState.OPEN
    assert open_buys(bench) == 2 * QTY


def test_a_full_count_of_open_orders_lets_one_be_replaced():
    bench = bench_of(max_open_orders=1)
    order = bench.place()
    replaced(bench, order)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"side": Side.SELL, "px": PX + 100}, RejectReason.BAD_SHAPE),
        ({"order_type": OrderType.MARKET, "px": UNDEF, "time_in_force": TimeInForce.IOC},
         RejectReason.BAD_SHAPE),
        ({"px": PX - 201}, RejectReason.OFF_TICK),
        ({"px": PX // 2}, RejectReason.PRICE_COLLAR),
        ({"target_client_order_id": 12345}, RejectReason.UNKNOWN_ORDER),
    ],
)  # fmt: skip
def test_what_no_new_order_may_no_successor_may(fields, reason):
    bench = bench_of()
    order = bench.place()
    (update,) = replace(bench, order, **fields)
    assert update["reason"] == reason
    assert bench.row(order)["state"] == OrderState.OPEN
    assert not len(bench.commands())


def test_only_an_order_that_stands_is_replaced_and_one_at_a_time():
    bench = bench_of()
    order = bench.place()
    new = replaced(bench, order)
    (again,) = replace(bench, order)
    assert again["reason"] == RejectReason.ORDER_CLOSED
    bench.execution(ExecKind.ACK, new, venue_order_id=b"78")
    bench.settle()
    (early,) = replace(bench, new)
    assert early["reason"] == RejectReason.ORDER_CLOSED, "the one before it has not ended"
    bench.execution(ExecKind.REPLACED, order, cum_qty=0)
    bench.settle()
    replaced(bench, new)


def test_a_market_that_cannot_refuses_before_sending():
    bench = bench_of()
    bench.risk.arrays.venue_replaces[:] = 0
    order = bench.place()
    (update,) = replace(bench, order)
    assert update["reason"] == RejectReason.UNSUPPORTED_ORDER
    (update,) = replace(bench, order, action=Action.AMEND)
    assert update["reason"] == RejectReason.UNSUPPORTED_ORDER


def test_a_restart_counts_the_same():
    bench = bench_of()
    order = bench.place(qty=2 * QTY)
    replaced(bench, order, qty=3 * QTY)
    bench.fill(order, 1, QTY)
    bench.settle()
    before = open_buys(bench)
    bench.restart()
    assert open_buys(bench) == before == 3 * QTY
