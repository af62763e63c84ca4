"""The executor's outcomes, each by script: what the venue did, what risk is told."""

import pytest

from shm_layout.enums import (
    FLAG_LAST,
    ExecKind,
    Liquidity,
    OrderState,
    OrderType,
    RecordType,
    RejectReason,
    TimeInForce,
)
from shm_layout.records import BALANCE, NO_ID, UNDEF
from tests.oms.agents.executor_desk import EPOCH, EXCHANGE_INFO, MS, Desk, S, kinds


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
    assert (spec["tick"], spec["tick_digits"], spec["final"]) == (1, 2, 1)
    assert (spec["lot"], spec["lot_digits"]) == (1, 5)
    desk.connect()
    assert not desk.take(ExecKind.RECONCILED)
    desk.reconcile()
    balances = [r for r in desk.read if r["type"] == RecordType.BALANCE]
    assert [(int(r["free"]), int(r["final"])) for r in balances] == [(1000_0000_0000, 1)]
    assert kinds(desk.take()) == ["RECONCILED"]


def test_start_waits_until_risk_has_read_its_journal():
    desk = Desk()
    desk.start(ready=False, rows=False)
    desk.http(1, 200, EXCHANGE_INFO)
    desk.register_rows()
    desk.order_row(0, EPOCH << 40 | 1, OrderState.OPEN)
    desk.advance(100 * MS)
    assert not desk.ports.opened, "what looks open in the table may have ended long ago"
    desk.order_row(0, EPOCH << 40 | 1, OrderState.FILLED)
    desk.register()
    desk.advance(20 * MS)
    desk.connect()
    frames = desk.asked()
    assert [frame["method"] for frame in frames] == ["openOrders.status"]


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


def test_account_that_may_not_trade_is_refused_and_asked_again():
    desk = Desk()
    desk.start(ready=False)
    desk.connect()
    refused = {"balances": [], "canTrade": False}
    for _ in range(2):
        (lists,) = desk.asked("openOrders.status")
        desk.answer(lists, [])
        (account,) = desk.asked("account.status")
        desk.answer(account, refused)
        (said,) = desk.take(ExecKind.ACCOUNT_REFUSED, ExecKind.RECONCILED)
        assert int(said["kind"]) == ExecKind.ACCOUNT_REFUSED
        assert int(said["reason"]) == RejectReason.ACCOUNT_MODE
        assert desk.asked() == []
        desk.advance(61 * S)
    desk.reconcile()
    assert kinds(desk.take(ExecKind.ACCOUNT_REFUSED, ExecKind.RECONCILED)) == ["RECONCILED"]


def test_currency_that_a_full_list_leaves_out_is_nothing_now():
    desk = Desk()
    desk.start()
    desk.memory.table_writer("balances").write(
        0, account_id=0, currency_id=0, free=7, currency=b"BTC"
    )
    desk.read = []
    desk.advance(61 * S)
    desk.reconcile(balances=[{"asset": "USDT", "free": "1.123456789", "locked": "0"}])
    rows = [row for row in desk.read if row.dtype == BALANCE]
    found = {row["currency"]: (int(row["free"]), int(row["rounded"])) for row in rows}
    assert found == {b"USDT": (112345678, 1), b"BTC": (0, 0)}


def test_balance_event_is_a_balance_in_both_forms(desk):
    event = {"e": "outboundAccountPosition", "E": 1709654400000, "u": 1,
             "B": [{"a": "USDT", "f": "10.5", "l": "2.5"}]}  # fmt: skip
    desk.push(event)
    desk.push({"subscriptionId": 0, "event": event})
    assert [(int(r["free"]), int(r["locked"]), int(r["final"])) for r in desk.read] == [
        (10_5000_0000, 2_5000_0000, 0)
    ] * 2
