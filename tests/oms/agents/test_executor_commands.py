"""Cancels, queries, the sender's own checks, and law 5, each by script."""

import json

import pytest

from oms.ports import ConnEvent
from shm_layout.enums import (
    FLAG_LAST,
    Action,
    ExecKind,
    OrderType,
    RejectReason,
)
from shm_layout.records import NO_ID, UNDEF
from tests.oms.agents.executor_desk import MS, SYSTEM_ID, Desk, S, config, kinds


@pytest.fixture
def desk():
    made = Desk()
    made.start()
    made.read = []
    return made


def placed(desk, **values):
    """Send one order; returns (our id, its frame)."""
    client_order_id = desk.command(**values)
    desk.work()
    (frame,) = desk.asked("order.place")
    return client_order_id, frame


# Cancels


def test_cancel_done_is_canceled(desk):
    client_order_id, frame = placed(desk)
    desk.answer(frame, desk.order(client_order_id))
    desk.take()
    desk.command(Action.CANCEL, client_order_id=client_order_id)
    desk.work()
    (frame,) = desk.asked("order.cancel")
    assert frame["params"]["origClientOrderId"] == desk.text(client_order_id)
    desk.answer(frame, desk.order("x", "CANCELED", origClientOrderId=desk.text(client_order_id)))
    (row,) = desk.take()
    assert (kinds([row]), row["client_order_id"]) == (["CANCELED"], client_order_id)


def test_cancel_of_no_open_order_is_cancel_reject_then_evidence(desk):
    client_order_id, _ = placed(desk)
    desk.command(Action.CANCEL, client_order_id=client_order_id)
    desk.work()
    (frame,) = desk.asked("order.cancel")
    desk.refuse(frame, 400, -2011, "Unknown order sent.")
    (frame,) = desk.asked("order.status")
    desk.answer(frame, desk.order(client_order_id, "FILLED", executedQty="0.01"))
    (frame,) = desk.asked("myTrades")
    assert frame["params"]["orderId"] == 500
    desk.answer(frame, [desk.trade(72, qty="0.006"), desk.trade(71)])
    rows = desk.take()
    assert kinds(rows) == ["CANCEL_REJECT", "FILL", "FILL"]
    assert rows[0]["reason"] == RejectReason.UNKNOWN_ORDER
    assert [int(r["exec_key_low"]) for r in rows[1:]] == [71, 72]
    assert [int(r["flags"]) for r in rows[1:]] == [0, FLAG_LAST]


def test_cancel_own_query_never_reports_absence(desk):
    client_order_id, _ = placed(desk)
    desk.command(Action.CANCEL, client_order_id=client_order_id)
    desk.work()
    desk.refuse(desk.asked("order.cancel")[0], 400, -2011, "Unknown order sent.")
    desk.refuse(desk.asked("order.status")[0], 400, -2013, "Order does not exist.")
    assert kinds(desk.take()) == ["CANCEL_REJECT"]


def test_cancel_without_answer_is_no_answer(desk):
    client_order_id, frame = placed(desk)
    desk.answer(frame, desk.order(client_order_id))
    desk.take()
    desk.command(Action.CANCEL, client_order_id=client_order_id)
    desk.work()
    desk.advance(2 * S)
    assert kinds(desk.take(ExecKind.NO_ANSWER)) == ["NO_ANSWER"]


def test_cancel_all_reports_each_of_ours(desk):
    client_order_id, _ = placed(desk)
    desk.command(Action.CANCEL_ALL, client_order_id=0, instrument_id=NO_ID)
    desk.work()
    (frame,) = desk.asked("openOrders.cancelAll")
    ours = desk.order("x", "CANCELED", origClientOrderId=desk.text(client_order_id))
    desk.answer(frame, [ours, desk.order("by-hand", "CANCELED"), {"orderReports": []}])
    (row,) = desk.take()
    assert (kinds([row]), row["client_order_id"]) == (["CANCELED"], client_order_id)


# Queries


def queried(desk, client_order_id):
    desk.command(Action.QUERY, client_order_id=client_order_id, attempt=1)
    desk.work()
    (frame,) = desk.asked("order.status")
    return frame


def test_query_found_open_is_found_open(desk):
    client_order_id, _ = placed(desk)
    desk.answer(queried(desk, client_order_id), desk.order(client_order_id))
    (row,) = desk.take()
    assert (kinds([row]), row["venue_order_id"]) == (["FOUND_OPEN"], b"500")


def test_query_found_partly_filled_gives_fills_before_status(desk):
    client_order_id, _ = placed(desk)
    order = desk.order(client_order_id, "CANCELED", executedQty="0.004")
    desk.answer(queried(desk, client_order_id), order)
    desk.answer(desk.asked("myTrades")[0], [desk.trade(71)])
    fill, canceled = desk.take()
    assert kinds([fill, canceled]) == ["FILL", "CANCELED"]
    assert (fill["client_order_id"], canceled["cum_qty"]) == (client_order_id, 4_0000)


@pytest.mark.parametrize(("status", "kind"), [("EXPIRED", "EXPIRED"), ("REJECTED", "REJECT"),
                                              ("EXPIRED_IN_MATCH", "EXPIRED")])  # fmt: skip
def test_query_ended_order_says_how(desk, status, kind):
    client_order_id, _ = placed(desk)
    desk.answer(queried(desk, client_order_id), desk.order(client_order_id, status))
    assert kinds(desk.take()) == [kind]


def test_query_not_found_is_absent_and_archived_is_canceled(desk):
    client_order_id, _ = placed(desk)
    desk.refuse(queried(desk, client_order_id), 400, -2013, "Order does not exist.")
    desk.refuse(queried(desk, client_order_id), 400, -2026, "Order was archived.")
    assert kinds(desk.take()) == ["ABSENT", "CANCELED"]


@pytest.mark.parametrize(("status", "code"), [(500, -1000), (400, -1003), (400, -2015), (0, 0)])
def test_query_without_evidence_says_nothing(desk, status, code):
    client_order_id, _ = placed(desk)
    desk.refuse(queried(desk, client_order_id), status, code, "x")
    assert not desk.take()


def test_query_trades_of_another_order_are_not_believed(desk):
    client_order_id, _ = placed(desk)
    order = desk.order(client_order_id, "CANCELED", executedQty="0.004")
    desk.answer(queried(desk, client_order_id), order)
    desk.answer(desk.asked("myTrades")[0], [desk.trade(71, order_id=501)])
    assert not desk.take()


def test_query_while_link_is_down_goes_by_rest(desk):
    client_order_id, _ = placed(desk)
    desk.agent.on_conn(desk.conn, ConnEvent.CLOSED, desk.now_ns)
    desk.work()
    assert kinds(desk.take()) == ["NO_ANSWER"]
    desk.command(Action.QUERY, client_order_id=client_order_id, attempt=1)
    desk.work()
    request = desk.ports.requested[-1]
    assert request["method"] == "GET"
    assert request["target"].startswith("/api/v3/order?origClientOrderId=m")
    assert "&signature=" in request["target"]
    desk.http(request["id"], 400, {"code": -2013, "msg": "Order does not exist."})
    assert kinds(desk.take()) == ["ABSENT"]


def test_cancel_while_link_is_down_goes_by_rest_and_time_out_is_no_answer(desk):
    client_order_id, _ = placed(desk)
    desk.agent.on_conn(desk.conn, ConnEvent.CLOSED, desk.now_ns)
    desk.command(Action.CANCEL, client_order_id=client_order_id)
    desk.work()
    desk.take()
    request = desk.ports.requested[-1]
    assert request["method"] == "DELETE"
    desk.http(request["id"], 0, b"time-out")
    assert kinds(desk.take()) == ["NO_ANSWER"]


# The sender's own checks


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"journal_seq": 0}, "NOT_SENT"),
        ({"valid_until_ns": 1}, "EXPIRED_INTENT"),
        ({"px": 0}, "BAD_SHAPE"),
        ({"px": UNDEF}, "BAD_SHAPE"),
        ({"qty": 0}, "BAD_SHAPE"),
        ({"qty": UNDEF}, "BAD_SHAPE"),
        ({"side": 0}, "BAD_SHAPE"),
        ({"order_type": 9}, "BAD_SHAPE"),
        ({"time_in_force": 0}, "BAD_SHAPE"),
        ({"order_type": OrderType.MARKET, "notional": 0}, "BAD_SHAPE"),
        ({"qty": 16_4000}, "NOTIONAL_ABOVE_MAX"),
        ({"notional": 1000_0000_0001}, "NOTIONAL_ABOVE_MAX"),
        ({"instrument_id": 5}, "UNKNOWN_INSTRUMENT"),
        ({"account_id": 5}, "UNKNOWN_ACCOUNT"),
    ],
)
def test_last_check_refuses_and_says_so(desk, values, reason):
    client_order_id = desk.command(**values)
    desk.work()
    assert not desk.asked("order.place")
    (row,) = desk.take()
    assert (kinds([row]), row["client_order_id"]) == (["NOT_SENT"], client_order_id)
    assert RejectReason(int(row["reason"])).name == reason


def test_last_check_epoch_of_a_dead_risk_is_refused(desk):
    placed(desk, risk_epoch=4)
    desk.command(risk_epoch=3)
    desk.work()
    (row,) = desk.take()
    assert row["reason"] == RejectReason.STALE_EPOCH


def test_last_check_message_rate_refuses_and_recovers():
    desk = Desk(config(orders_per_10s=2))
    desk.start()
    desk.read = []
    for _ in range(3):
        desk.command()
    desk.work()
    assert len(desk.asked("order.place")) == 2
    (row,) = desk.take(ExecKind.NOT_SENT)
    assert row["reason"] == RejectReason.MESSAGE_RATE
    desk.advance(10 * S)
    desk.connect()
    desk.reconcile()
    desk.command()
    desk.work()
    assert len(desk.asked("order.place")) == 1


def test_last_check_id_seen_before_is_never_sent_again(desk):
    client_order_id, _ = placed(desk)
    desk.command(client_order_id=client_order_id)
    desk.work()
    assert not desk.asked("order.place")
    assert kinds(desk.take()) == ["NO_ANSWER"]


def test_429_pauses_orders_not_cancels_and_418_stops_all(desk):
    client_order_id, frame = placed(desk)
    desk.refuse(frame, 429, -1003, "Too many", retryAfter=desk.now_ns // MS + 5000)
    desk.take()
    desk.command()
    desk.command(Action.CANCEL, client_order_id=client_order_id)
    desk.work()
    assert kinds(desk.take()) == ["NOT_SENT"]
    (frame,) = desk.asked("order.cancel")
    desk.refuse(frame, 418, -1003, "banned", retryAfter=desk.now_ns // MS + 9000)
    desk.take()
    desk.command(Action.CANCEL, client_order_id=client_order_id)
    desk.work()
    assert not desk.asked("order.cancel")
    assert kinds(desk.take()) == ["CANCEL_REJECT"]


def test_drain_refuses_new_and_ends_when_answers_are_in(desk):
    client_order_id, frame = placed(desk)
    desk.agent.on_drain(desk.now_ns)
    assert not desk.agent.drained()
    desk.command()
    desk.answer(frame, desk.order(client_order_id))
    assert kinds(desk.take()) == ["ACK", "NOT_SENT"]
    assert desk.agent.drained()


# Law 5


def test_cursor_is_released_before_the_first_byte(desk):
    seen = []
    send = desk.ports.send

    def noting(conn, data):
        if json.loads(data)["method"] == "order.place":
            seen.append(int(desk.agent._orders.pos))
        send(conn, data)

    desk.ports.send = noting
    first = desk.agent._orders.pos
    desk.command()
    desk.command()
    desk.work()
    assert seen == [first + 1, first + 2]


def test_no_secret_in_repr_log_or_record(desk):
    placed(desk)
    secret = desk.ports.key("key0").secret.decode()
    said = repr(desk.agent._accounts) + repr(desk.ports.logs) + repr(desk.agent._session.questions)
    assert secret not in said
    assert desk.ports.key("key0").api_key not in said
    assert SYSTEM_ID
