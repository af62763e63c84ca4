"""What counts as evidence of an order: absence, receipt, a reduction, a trigger."""

from __future__ import annotations

from oms.risk import world_hot as w_
from shm_layout.enums import ExecKind, OrderState, OrderType, RejectReason, TimeInForce
from tests.oms.agents.test_risk import QTY, Bench


def test_absent_proves_nothing_while_the_request_can_still_arrive() -> None:
    bench = Bench().ready()
    bench.intent()
    bench.settle()
    order = int(bench.commands()["client_order_id"][0])
    group = bench.risk.arrays.groups[int(bench.row(order)["group"])]
    dies_ns = int(bench.row(order)["valid_until_ns"]) + int(group[w_.GR_LIFETIME_NS])
    bench.execution(ExecKind.NO_ANSWER, order)
    for _ in range(5):
        bench.execution(ExecKind.ABSENT, order, ts_event_ns=dies_ns - 1)
    bench.settle()
    assert int(bench.row(order)["state"]) == OrderState.UNKNOWN, "it may still arrive"
    assert int(bench.risk.arrays.positions["open_buy_qty"][0]) == QTY, "and counts in full"
    bench.execution(ExecKind.ABSENT, order, ts_event_ns=dies_ns)
    bench.settle()
    assert int(bench.row(order)["state"]) == OrderState.REJECTED


def test_absent_proves_nothing_at_an_exchange_without_request_lifetime() -> None:
    bench = Bench().ready()
    bench.intent()
    bench.settle()
    order = int(bench.commands()["client_order_id"][0])
    bench.risk.arrays.groups[:, w_.GR_LIFETIME_NS] = w_.LIFETIME_NEVER
    bench.execution(ExecKind.NO_ANSWER, order)
    for _ in range(5):
        bench.execution(ExecKind.ABSENT, order)
    bench.settle()
    assert int(bench.row(order)["state"]) == OrderState.UNKNOWN


def test_order_type_that_no_market_takes_is_refused_before_it_is_sent() -> None:
    for fields in (
        {"order_type": OrderType.STOP}, {"time_in_force": TimeInForce.GTD}, {"trigger_px": 5},
        {"display_qty": 1}, {"order_flags": 1}, {"position_side": 2}, {"self_trade": 2},
    ):  # fmt: skip
        bench = Bench().ready()
        bench.intent(**fields)
        bench.settle()
        assert not len(bench.commands())
        assert RejectReason(bench.told()["reason"][-1]) is RejectReason.UNSUPPORTED_ORDER


def test_received_teaches_the_id_and_accepts_nothing() -> None:
    bench = Bench().ready()
    bench.intent()
    bench.settle()
    order = int(bench.commands()["client_order_id"][0])
    bench.execution(ExecKind.RECEIVED, order, venue_order_id=b"abc-1")
    bench.settle()
    row = bench.row(order)
    assert (int(row["state"]), row["venue_order_id"]) == (OrderState.PENDING_NEW, b"abc-1")


def test_reduced_order_counts_what_is_left_of_it() -> None:
    bench = Bench().ready()
    bench.intent()
    bench.settle()
    order = int(bench.commands()["client_order_id"][0])
    bench.execution(ExecKind.ACK, order)
    bench.execution(ExecKind.REDUCED, order, total_qty=QTY // 4)
    bench.settle()
    row = bench.row(order)
    assert (int(row["state"]), int(row["qty"])) == (OrderState.OPEN, QTY // 4)
    assert int(bench.risk.arrays.positions["open_buy_qty"][0]) == QTY // 4
    bench.fill(order, 7, QTY // 4)
    bench.settle()
    assert int(bench.row(order)["state"]) == OrderState.FILLED


def test_triggered_order_names_its_child() -> None:
    bench = Bench().ready()
    bench.intent()
    bench.settle()
    order = int(bench.commands()["client_order_id"][0])
    bench.execution(ExecKind.ACK, order, venue_order_id=b"algo")
    bench.execution(ExecKind.TRIGGERED, order, second_id=b"child")
    bench.settle()
    row = bench.row(order)
    assert (row["venue_order_id"], row["second_id"]) == (b"algo", b"child")


def test_acknowledged_order_that_no_list_shows_ends_without_a_guess() -> None:
    bench = Bench().ready()
    bench.intent()
    bench.settle()
    order = int(bench.commands()["client_order_id"][0])
    bench.execution(ExecKind.ACK, order)
    bench.execution(ExecKind.GONE_UNSEEN, order, cum_qty=0)
    bench.settle()
    assert int(bench.row(order)["state"]) == OrderState.CANCELED
