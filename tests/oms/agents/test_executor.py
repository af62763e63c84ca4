"""The executor's outcomes, each by script: what the venue did, what risk is told."""

import json

import pytest

from oms.agents.base import ConnEvent
from shm_layout.enums import (
    FLAG_LAST,
    Action,
    ExecKind,
    Liquidity,
    OrderType,
    RecordType,
    RejectReason,
    TimeInForce,
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


# Start


def test_start_registers_instruments_then_reconciles_then_says_so():
    desk = Desk()
    desk.start(ready=False, rows=False)
    assert desk.ports.requested[0]["target"] == "/api/v3/exchangeInfo"
    assert not desk.ports.opened
    desk.start(ready=False)
    (spec,) = [r for r in desk.read if r["type"] == RecordType.INSTRUMENT_SPEC]
    assert (spec["tick_e12"], spec["lot_e12"], spec["final"]) == (10**10, 10**7, 1)
    desk.connect()
    assert not desk.take(ExecKind.RECONCILED)
    desk.reconcile()
    balances = [r for r in desk.read if r["type"] == RecordType.BALANCE]
    assert [(int(r["free"]), int(r["final"])) for r in balances] == [(1000_0000_0000, 1)]
    assert kinds(desk.take()) == ["RECONCILED"]


def test_start_listing_refused_asks_again():
    desk = Desk()
    desk.start(ready=False, rows=False)
    desk.http(1, 503, b"<html>")
    desk.advance(S)
    assert len(desk.ports.requested) == 2


def test_start_open_order_is_found_and_foreign_one_is_external():
    desk = Desk()
    desk.start(ready=False)
    desk.connect()
    ours = desk.order(3 << 40 | 9, orderId=1)
    desk.reconcile(orders=[ours, desk.order("by-hand", orderId=2, origQty="0.5")])
    found, external, done = desk.take()
    assert kinds([found, external, done]) == ["FOUND_OPEN", "EXTERNAL_OPEN", "RECONCILED"]
    assert (found["client_order_id"], found["venue_order_id"]) == (3 << 40 | 9, b"1")
    assert (external["client_order_id"], external["qty"]) == (0, 500_0000)


def test_start_before_reconciled_order_is_not_sent():
    desk = Desk()
    desk.start(ready=False)
    desk.connect()
    desk.command()
    desk.work()
    (row,) = desk.take(ExecKind.NOT_SENT)
    assert row["reason"] == RejectReason.NOT_RECONCILED
    assert not desk.asked("order.place")


# Placing


def test_new_acknowledged_is_ack_with_cause(desk):
    client_order_id, frame = placed(desk)
    params = frame["params"]
    assert params["newClientOrderId"] == desk.text(client_order_id)
    assert (params["price"], params["quantity"], params["type"]) == ("61000", "0.01", "LIMIT")
    desk.answer(frame, desk.order(client_order_id))
    (row,) = desk.take()
    assert kinds([row]) == ["ACK"]
    assert row["client_order_id"] == client_order_id
    assert row["cause_pos"] == desk.cause[client_order_id]
    assert (row["venue_order_id"], row["cum_qty"]) == (b"500", 0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"order_type": OrderType.POST_ONLY}, {"type": "LIMIT_MAKER", "price": "61000"}),
        ({"time_in_force": TimeInForce.IOC}, {"type": "LIMIT", "timeInForce": "IOC"}),
        ({"order_type": OrderType.MARKET, "px": UNDEF}, {"type": "MARKET", "quantity": "0.01"}),
        (
            {"order_type": OrderType.MARKET, "px": UNDEF, "qty": UNDEF, "quote_qty": 10_5000_0000},
            {"type": "MARKET", "quoteOrderQty": "10.5"},
        ),
    ],
)
def test_new_of_each_kind_has_the_venues_params(desk, values, expected):
    _, frame = placed(desk, **values)
    assert frame["params"] | expected == frame["params"]
    if expected["type"] != "LIMIT":
        assert "timeInForce" not in frame["params"]


@pytest.mark.parametrize(
    ("status", "code", "text", "reason"),
    [
        (400, -2010, "Account has insufficient balance for requested action.",
         "INSUFFICIENT_FUNDS"),
        (400, -2010, "Order would immediately match and take.", "WOULD_TAKE"),
        (400, -1013, "Filter failure: LOT_SIZE", "OFF_LOT"),
        (400, -1013, "Filter failure: NOTIONAL", "NOTIONAL_BELOW_MIN"),
        (429, -1015, "Too many new orders; current limit is 50 orders per 10 SECOND.",
         "MESSAGE_RATE"),
        (400, -1021, "Timestamp for this request is outside of the recvWindow.", "EXPIRED_INTENT"),
        (403, 0, "", "VENUE_REJECT"),
    ],
)  # fmt: skip
def test_new_refused_is_reject_with_reason_and_words(desk, status, code, text, reason):
    client_order_id, frame = placed(desk)
    desk.refuse(frame, status, code, text)
    (row,) = desk.take()
    assert kinds([row]) == ["REJECT"]
    assert (row["client_order_id"], row["venue_code"]) == (client_order_id, code)
    assert RejectReason(int(row["reason"])).name == reason
    assert row["text"] == text.encode()[:48]


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [(504, -1007, "Timeout"), (400, -1006, "Execution status unknown."), (503, -1008, "busy"),
     (500, -1000, ""), (500, -2010, ""), (400, -2010, "Duplicate order sent.")],
)  # fmt: skip
def test_new_status_unknown_is_no_answer(desk, status, code, text):
    client_order_id, frame = placed(desk)
    desk.refuse(frame, status, code, text)
    (row,) = desk.take()
    assert (kinds([row]), row["client_order_id"]) == (["NO_ANSWER"], client_order_id)


def test_new_without_answer_in_time_is_no_answer_once_and_late_answer_is_evidence(desk):
    client_order_id, frame = placed(desk)
    desk.push({"subscriptionId": 0, "event": {"e": "listStatus"}})
    desk.advance(1999 * MS)
    assert not desk.take()
    desk.advance(1 * MS)
    assert kinds(desk.take()) == ["NO_ANSWER"]
    desk.answer(frame, desk.order(client_order_id))
    desk.answer(frame, desk.order(client_order_id))
    assert kinds(desk.take()) == ["FOUND_OPEN"]


def test_new_expired_at_once_is_expired_with_quantity(desk):
    client_order_id, frame = placed(desk, time_in_force=TimeInForce.IOC)
    desk.answer(frame, desk.order(client_order_id, "EXPIRED", executedQty="0.004"))
    (row,) = desk.take()
    assert (kinds([row]), row["cum_qty"]) == (["EXPIRED"], 4_0000)


def test_new_answer_of_another_order_is_not_believed(desk):
    client_order_id, frame = placed(desk)
    desk.answer(frame, desk.order(client_order_id + 1))
    assert not desk.take()
    desk.answer(frame, desk.order(client_order_id))
    assert kinds(desk.take()) == ["ACK"]


def test_new_answer_that_cannot_be_read_is_no_answer(desk):
    _, frame = placed(desk)
    desk.answer(frame, {"symbol": "BTCUSDT", "orderId": "500"})
    assert kinds(desk.take()) == ["NO_ANSWER"]


# Fills


def test_fill_before_acknowledgement_is_reported_as_it_comes(desk):
    client_order_id, frame = placed(desk)
    desk.fill(client_order_id, 71)
    desk.answer(frame, desk.order(client_order_id, "PARTIALLY_FILLED", executedQty="0.004"))
    fill, ack = desk.take()
    assert kinds([fill, ack]) == ["FILL", "ACK"]
    assert (fill["px"], fill["qty"], fill["quote_qty"]) == (61000_0000, 4_0000, 244_0000_0000)
    assert (fill["fee"], fill["fee_currency_id"], fill["exec_key_low"]) == (2440_0000, 1, 71)
    assert (fill["liquidity"], fill["cum_qty"]) == (Liquidity.MAKER, 4_0000)
    assert ack["cum_qty"] == 4_0000


def test_fill_twice_has_one_key_for_risk_to_drop(desk):
    client_order_id, _ = placed(desk)
    desk.fill(client_order_id, 71)
    desk.fill(client_order_id, 71)
    first, second = desk.take()
    keys = {(int(r["exec_key_high"]), int(r["exec_key_low"])) for r in (first, second)}
    assert keys == {(0, 71)}


def test_fill_that_completes_the_order_is_flagged_last(desk):
    client_order_id, _ = placed(desk)
    desk.fill(client_order_id, 71, X="FILLED", z="0.01000000", l="0.01000000")
    (row,) = desk.take()
    assert row["flags"] == FLAG_LAST


def test_fill_with_fee_in_unknown_coin_waits_for_its_row(desk):
    client_order_id, _ = placed(desk)
    desk.fill(client_order_id, 71, N="BNB", n="0.00012345")
    (asked,) = desk.read
    assert (asked["type"], asked["currency"]) == (RecordType.BALANCE, b"BNB")
    assert asked["currency_id"] == NO_ID
    desk.read = []
    desk.memory.table_writer("currencies").write(2, currency_id=2, scale=8, code=b"BNB")
    desk.advance(MS)
    (row,) = desk.take()
    assert (row["fee"], row["fee_currency_id"]) == (12345, 2)


def test_fill_with_fee_never_registered_goes_out_with_fee_as_text(desk):
    client_order_id, _ = placed(desk)
    desk.fill(client_order_id, 71, N="BNB", n="0.00012345")
    desk.advance(2 * S)
    (row,) = desk.take(ExecKind.FILL)
    assert (row["fee_currency_id"], row["text"]) == (NO_ID, b"fee 0.00012345 BNB")


def test_events_of_cancel_and_expiry_name_the_order(desk):
    client_order_id, _ = placed(desk)
    text = desk.text(client_order_id)
    desk.event("web_123", "CANCELED", "CANCELED", C=text, z="0.00400000")
    desk.event(client_order_id, "EXPIRED", "EXPIRED")
    desk.event(client_order_id, "TRADE_PREVENTION", "EXPIRED_IN_MATCH")
    rows = desk.take()
    assert kinds(rows) == ["CANCELED", "EXPIRED", "EXPIRED"]
    assert {int(r["client_order_id"]) for r in rows} == {client_order_id}


def test_event_of_a_foreign_order_is_external_when_it_opens(desk):
    desk.event("by-hand", "NEW", "NEW")
    desk.event("by-hand", "TRADE", "FILLED", l="0.01", L="61000", t=5)
    assert kinds(desk.take()) == ["EXTERNAL_OPEN"]


def test_balance_event_is_a_balance_in_both_forms(desk):
    event = {"e": "outboundAccountPosition", "E": 1709654400000, "u": 1,
             "B": [{"a": "USDT", "f": "10.5", "l": "2.5"}]}  # fmt: skip
    desk.push(event)
    desk.push({"subscriptionId": 0, "event": event})
    assert [(int(r["free"]), int(r["locked"]), int(r["final"])) for r in desk.read] == [
        (10_5000_0000, 2_5000_0000, 0)
    ] * 2


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
