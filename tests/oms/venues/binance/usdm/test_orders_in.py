"""What USD-M's messages are read as."""

from __future__ import annotations

import pytest

from oms.venues.binance.usdm import errors
from oms.venues.data import Role
from oms.venues.orders import Link
from oms.venues.reports import Ask, Item, MalformedMessageError, Verdict, Want
from shm_layout.enums import ExecKind, Liquidity, OrderSpace, PositionSide, RejectReason
from shm_layout.records import UNDEF
from tests.oms.venues.binance.usdm.samples import (
    ACCOUNT_UPDATE,
    BALANCE,
    INCOME,
    PERPETUAL,
    POSITION,
    SYMBOL,
    TRADE,
    USDM,
    algo,
    algo_update,
    desk,
    filled,
    order,
    side,
    update,
)
from tests.oms.venues.typed_side import ORDER_ID, OTHER_ID, command, dumps, fuzz

EVENTS = Link(Role.EVENTS, ("main",), True, "frame", 0)


def read(message, known=None):
    return side().read(EVENTS, dumps(message), known or desk())


def report_of(message, known=None):
    found = read(message, known).reports
    return found[0][1] if found else None


def http(ask, message, status=200, headers=None):
    return side().read_http(ask, status, headers or {}, dumps(message), desk())


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({}, ExecKind.ACK),
        ({"x": "AMENDMENT", "q": "0.024"}, ExecKind.AMENDED),
        ({"x": "CANCELED", "X": "CANCELED"}, ExecKind.CANCELED),
        ({"x": "CANCELED", "X": "CANCELED", "z": "0.012"}, ExecKind.FOUND_FILLED),
        ({"x": "EXPIRED", "X": "EXPIRED", "er": "2"}, ExecKind.EXPIRED),
        ({"x": "EXPIRED", "X": "EXPIRED_IN_MATCH"}, ExecKind.EXPIRED),
    ],
)
def test_order_update_of_each_kind(given, kind):
    report = report_of(update(**given))
    assert report.kind is kind
    assert (report.client_order_id, report.venue_order_id, report.px) == (ORDER_ID, "71", 6_100_050)
    assert report.total_qty == (24 if kind is ExecKind.AMENDED else 12)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"X": "EXPIRED_IN_MATCH"}, RejectReason.SELF_TRADE),
        ({"X": "EXPIRED", "er": "4"}, RejectReason.REDUCE_ONLY),
        ({"X": "EXPIRED", "er": 7}, RejectReason.MARKET_STATUS),
        ({"X": "EXPIRED", "er": "2"}, RejectReason.UNSET),
    ],
)
def test_expired_order_says_why(given, reason):
    assert report_of(update(x="EXPIRED", **given)).reason is reason


def test_fill_is_exact_and_names_its_trade():
    report = report_of(filled())
    assert (report.kind, report.px, report.qty, report.cum_qty) == (
        ExecKind.FILL, 6_099_990, 5, 5,
    )  # fmt: skip
    assert (report.quote_qty, report.trade_id) == (30_499_950, 9001)
    assert (report.fee_text, report.fee_currency) == ("0.15249975", "USDT")
    assert report.liquidity is Liquidity.TAKER


def test_fill_without_a_fee_has_none():
    message = filled()
    del message["o"]["N"], message["o"]["n"]
    assert report_of(message).fee_text == ""


@pytest.mark.parametrize(
    ("client_text", "kind"),
    [
        ("autoclose-17", ExecKind.LIQUIDATION), ("adl_autoclose", ExecKind.ADL),
        ("settlement_autoclose-1", ExecKind.FILL),
    ],
)  # fmt: skip
def test_fill_that_the_exchange_made_has_its_own_word(client_text, kind):
    report = report_of(filled(c=client_text, x="CALCULATED", X="FILLED"))
    assert (report.kind, report.client_order_id) == (kind, 0)


def test_liquidation_of_nothing_is_no_fill():
    nothing = filled(c="autoclose-17", x="CALCULATED", X="FILLED", l="0.000", L="0")
    assert report_of(nothing) is None


def test_foreign_order_is_told_when_it_opens_and_its_fills_are_told():
    opened = report_of(update(c="by-hand"))
    assert (opened.kind, opened.qty) == (ExecKind.EXTERNAL_OPEN, 12)
    assert report_of(update(c="by-hand", x="CANCELED", X="CANCELED")) is None
    assert report_of(filled(c="by-hand")).client_order_id == 0


def test_child_of_an_algo_order_is_known_by_its_number():
    known = desk()
    known.orders["71"] = ORDER_ID
    assert report_of(filled(c="by-hand"), known).client_order_id == ORDER_ID


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({}, ExecKind.ACK), ({"X": "TRIGGERING"}, ExecKind.ACK),
        ({"X": "TRIGGERED", "ai": "88"}, ExecKind.TRIGGERED),
        ({"X": "FINISHED", "ai": 88}, ExecKind.TRIGGERED),
        ({"X": "CANCELED"}, ExecKind.CANCELED), ({"X": "EXPIRED"}, ExecKind.EXPIRED),
        ({"X": "REJECTED", "rm": "Margin is insufficient."}, ExecKind.REJECT),
    ],
)  # fmt: skip
def test_algo_update_stands_in_its_space_and_names_its_child(given, kind):
    report = report_of(algo_update(**given))
    assert (report.kind, report.space, report.venue_order_id) == (kind, OrderSpace.ALGO, "72")
    assert report.second_id == ("88" if "ai" in given else "")
    if kind is ExecKind.REJECT:
        assert (report.reason, report.text) == (RejectReason.VENUE_REJECT, given["rm"])


def test_account_update_states_balances_and_positions():
    found = read(ACCOUNT_UPDATE)
    ((_, balance),) = found.balances
    assert (balance.wallet, balance.free) == ("1000.25", "")
    ((_, position),) = found.positions
    assert (position.side, position.qty) == (PositionSide.BOTH, "-0.030")
    assert found.notices == ()


def test_funding_event_asks_for_the_income_and_tells_no_payment():
    account = ACCOUNT_UPDATE["a"] | {"m": "FUNDING_FEE"}
    found = read(ACCOUNT_UPDATE | {"a": account})
    assert [n.kind for n in found.notices] == ["funding"]
    assert found.reports == ()


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ({"e": "listenKeyExpired", "E": 1, "listenKey": "k"}, "stream_ended"),
        ({"e": "TRADE_LITE", "E": 1}, "other"),
        ({"stream": "k", "data": {"e": "ACCOUNT_CONFIG_UPDATE", "E": 1}}, "account_set"),
    ],
)
def test_other_event_is_a_notice(message, kind):
    (notice,) = read(message).notices
    assert notice.kind == kind


def test_unknown_event_state_or_kind_is_malformed():
    for message in (
        {"e": "ODD", "E": 1}, update(x="ODD"), update(X="ODD"), algo_update(X="ODD"),
        filled(l="0"), update(S="LONG"),
    ):  # fmt: skip
        with pytest.raises(MalformedMessageError):
            read(message)


def test_answer_of_the_socket_is_known_by_its_fields():
    limits = [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400,
         "count": 9},
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 300,
         "count": 2},
    ]  # fmt: skip
    message = {"id": "41", "status": 200, "result": order(), "rateLimits": limits}
    reply = read(message).reply
    (item,) = reply.items
    assert (reply.request_id, item.client_order_id, item.order.kind) == (
        41, ORDER_ID, ExecKind.FOUND_OPEN,
    )  # fmt: skip
    assert [(c.bucket, c.key, c.count) for c in reply.usage] == [
        ("futures.weight", ("",), 9), ("futures.orders_10s", ("main",), 2),
    ]  # fmt: skip
    rows = read({"id": "1", "status": 200, "result": [BALANCE]}).reply.rows
    assert rows[0].wallet == "1000.25"
    assert read({"id": "1", "status": 200, "result": {"listenKey": "k"}}).reply.token == "k"


def test_refusal_of_the_socket_has_its_code_and_pause():
    error = {"code": -1003, "msg": "slow down", "data": {"retryAfter": 1790000009000}}
    reply = read({"id": None, "status": 429, "error": error}).reply
    assert (reply.request_id, reply.items[0].code) == (-1, -1003)
    assert (reply.pause.key, reply.pause.until_ms) == (("egress",), 1790000009000)


def test_refusal_of_the_socket_names_the_order_that_was_asked_for():
    known = desk()
    known.asks[41] = Ask(Want.PLACE, "main", USDM, PERPETUAL, orders=(command(),))
    message = {"id": "41", "status": 400, "error": {"code": -2019, "msg": "Margin"}}
    (item,) = read(message, known).reply.items
    assert (item.code, item.client_order_id) == (-2019, ORDER_ID)


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({}, ExecKind.FOUND_OPEN),
        ({"status": "FILLED", "executedQty": "0.012"}, ExecKind.FOUND_FILLED),
        ({"status": "CANCELED", "executedQty": "0.005"}, ExecKind.CANCELED),
        ({"status": "EXPIRED_IN_MATCH"}, ExecKind.EXPIRED),
        ({"status": "REJECTED"}, ExecKind.REJECT),
    ],
)  # fmt: skip
def test_order_answer_is_told_by_amounts(given, kind):
    ask = Ask(Want.ORDER, "main", USDM, PERPETUAL, client_order_id=ORDER_ID)
    (item,) = http(ask, order(**given)).items
    assert item.order.kind is kind
    assert (item.order.qty, item.order.executed_quote) == (12, UNDEF)


def test_batch_answer_is_orders_and_errors():
    orders = (command(), command(client_order_id=OTHER_ID))
    ask = Ask(Want.PLACE, "main", USDM, PERPETUAL, orders=orders)
    good, bad = http(ask, [order(), {"code": -2022, "msg": "ReduceOnly"}]).items
    assert (good.order.venue_order_id, bad.code, bad.client_order_id) == ("71", -2022, OTHER_ID)
    assert side().judge(ask, bad).reason is RejectReason.REDUCE_ONLY
    with pytest.raises(MalformedMessageError):
        http(ask, [order()])


def test_success_by_code_is_done():
    ask = Ask(Want.CANCEL_ALL, "main", USDM, PERPETUAL)
    (item,) = http(ask, {"code": 200, "msg": "done"}).items
    assert side().judge(ask, item).verdict is Verdict.DONE
    cancel = Ask(Want.CANCEL, "main", USDM, PERPETUAL, client_order_id=ORDER_ID)
    (item,) = http(cancel, {"algoId": 72, "clientAlgoId": "x", "code": "200", "msg": "ok"}).items
    assert side().judge(cancel, item).verdict is Verdict.DONE


def test_fills_and_income_go_on_when_a_page_is_full():
    ask = Ask(Want.FILLS, "main", USDM, PERPETUAL)
    reply = http(ask, [TRADE | {"id": k} for k in range(1_000)])
    assert (reply.complete, reply.next_page) == (False, "999")
    (fill,) = http(ask, [TRADE]).rows
    assert (fill.report.trade_id, fill.report.quote_qty, fill.report.fee_text) == (
        9001, 30_499_950_000, "0.15249975",
    )  # fmt: skip
    flows = Ask(Want.CASH_FLOWS, "main", USDM, values={"kind": "FUNDING_FEE"})
    (funding,) = http(flows, [INCOME, INCOME | {"incomeType": "COMMISSION"}]).rows
    assert (funding.kind, funding.fee_text, funding.trade_text) == (
        ExecKind.FUNDING, "0.18", "555",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("want", "message", "reason"),
    [
        (Want.ACCOUNT, {"dualSidePosition": False, "multiAssetsMargin": False}, "UNSET"),
        (Want.ACCOUNT, {"dualSidePosition": True, "multiAssetsMargin": False}, "ACCOUNT_MODE"),
        (Want.ACCOUNT, {"dualSidePosition": False, "multiAssetsMargin": True}, "ACCOUNT_MODE"),
        (Want.POSITIONS, [POSITION], "UNSET"),
        (Want.POSITIONS, [POSITION | {"positionSide": "LONG"}], "ACCOUNT_MODE"),
    ],
)
def test_setup_answer_refuses_an_account_that_is_set_otherwise(want, message, reason):
    ask = Ask(want, "main", USDM)
    (item,) = http(ask, message).items
    assert side().judge(ask, item).reason.name == reason


def test_headers_say_what_is_used():
    headers = {"x-mbx-used-weight-1m": "17", "x-mbx-order-count-1m": "3"}
    reply = http(Ask(Want.CLOCK, market=USDM), {"serverTime": 1790000000000}, headers=headers)
    assert [(c.bucket, c.count) for c in reply.usage] == [
        ("futures.weight", 17), ("futures.orders_minute", 3),
    ]  # fmt: skip
    assert reply.server_ms == 1790000000000


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (0, b"timed out", Verdict.UNKNOWN),
        (408, b'{"code":-1007,"msg":"Timeout"}', Verdict.UNKNOWN),
        (408, b"", Verdict.UNKNOWN),
        (503, b'{"code":-1000,"msg":"Unknown error"}', Verdict.UNKNOWN),
        (503, b"Unknown error, please check your request or try again later.", Verdict.UNKNOWN),
        (503, b"Service Unavailable.", Verdict.REFUSED),
        (
            503,
            b"Internal error; unable to process your request. Please try again.",
            Verdict.REFUSED,
        ),
        (503, b'{"code":-1008,"msg":"overloaded"}', Verdict.REFUSED),
        (403, b"<html>", Verdict.REFUSED),
        (502, b"<html>", Verdict.UNKNOWN),
    ],
)
def test_place_without_an_order_is_judged_by_code_status_and_text(status, body, verdict):
    ask = Ask(Want.PLACE, "main", USDM, PERPETUAL)
    (item,) = side().read_http(ask, status, {}, body, desk()).items
    assert side().judge(ask, item).verdict is verdict


def test_ban_says_until_when():
    body = b'{"code":-1003,"msg":"Way too many requests; IP banned until 1790000500000."}'
    ask = Ask(Want.OPEN_ORDERS, "main", USDM)
    (item,) = side().read_http(ask, 418, {}, body, desk()).items
    assert side().judge(ask, item).pause.until_ms == 1790000500000
    reply = side().read_http(ask, 429, {"retry-after": "7"}, body, desk())
    assert reply.pause.for_ms == 7_000


@pytest.mark.parametrize(
    ("want", "code", "verdict", "reason"),
    [
        (Want.PLACE, -2019, Verdict.REFUSED, RejectReason.INSUFFICIENT_FUNDS),
        (Want.PLACE, -5022, Verdict.REFUSED, RejectReason.WOULD_TAKE),
        (Want.PLACE, -5021, Verdict.REFUSED, RejectReason.VENUE_REJECT),
        (Want.PLACE, -4016, Verdict.REFUSED, RejectReason.PRICE_BAND),
        (Want.PLACE, -4014, Verdict.REFUSED, RejectReason.OFF_TICK),
        (Want.PLACE, -4023, Verdict.REFUSED, RejectReason.OFF_LOT),
        (Want.PLACE, -4164, Verdict.REFUSED, RejectReason.NOTIONAL_BELOW_MIN),
        (Want.PLACE, -2027, Verdict.REFUSED, RejectReason.POSITION_LIMIT),
        (Want.PLACE, -2025, Verdict.REFUSED, RejectReason.OPEN_ORDERS_LIMIT),
        (Want.PLACE, -4400, Verdict.REFUSED, RejectReason.MARKET_STATUS),
        (Want.PLACE, -4061, Verdict.REFUSED, RejectReason.ACCOUNT_MODE),
        (Want.PLACE, -4120, Verdict.REFUSED, RejectReason.UNSUPPORTED_ORDER),
        (Want.PLACE, -2015, Verdict.REFUSED, RejectReason.KEY_REFUSED),
        (Want.PLACE, -5028, Verdict.REFUSED, RejectReason.CLOCK),
        (Want.PLACE, -1015, Verdict.REFUSED, RejectReason.MESSAGE_RATE),
        (Want.PLACE, -1007, Verdict.UNKNOWN, RejectReason.UNSET),
        (Want.PLACE, -4116, Verdict.UNKNOWN, RejectReason.UNSET),
        (Want.PLACE, -9999, Verdict.UNKNOWN, RejectReason.UNSET),
        (Want.CANCEL, -2011, Verdict.NOT_OPEN, RejectReason.UNKNOWN_ORDER),
        (Want.CANCEL, -4117, Verdict.UNKNOWN, RejectReason.UNSET),
        (Want.ORDER, -2013, Verdict.NOT_FOUND, RejectReason.UNKNOWN_ORDER),
        (Want.SET_ACCOUNT, -4059, Verdict.DONE, RejectReason.UNSET),
    ],
)
def test_error_of_each_family_is_judged(want, code, verdict, reason):
    judged = errors.judge(Ask(want), Item(code, status=400))
    assert (judged.verdict, judged.reason) == (verdict, reason)


def test_listing_takes_filters_and_says_what_is_left_out():
    rows = [SYMBOL, SYMBOL | {"contractType": "CURRENT_QUARTER"}, SYMBOL | {"status": "ODD"},
            SYMBOL | {"marginAsset": "BUSD"}]  # fmt: skip
    (ask,) = side().listing(USDM)
    found = side().listed(USDM, [http(ask, {"symbols": rows})])
    assert (found[0].name, found[0].tick, found[0].min_notional, found[0].market_max_qty) == (
        "BTC/USDT:USDT", "0.10", "5", "120",
    )  # fmt: skip
    assert [bool(one.left_out) for one in found] == [False, True, True, True]


@pytest.mark.parametrize(
    "message",
    [
        filled(), update(x="EXPIRED", X="EXPIRED", er="4"), algo_update(X="TRIGGERED", ai="88"),
        ACCOUNT_UPDATE, {"id": "41", "status": 200, "result": order(), "rateLimits": []},
        {"id": "41", "status": 400, "error": {"code": -1102, "msg": "x"}},
    ],
)  # fmt: skip
def test_mutated_message_of_a_socket_is_read_or_malformed(message):
    fuzz(message, lambda data: side().read(EVENTS, data, desk()), 7)


@pytest.mark.parametrize(
    ("want", "message"),
    [
        (Want.PLACE, order()), (Want.OPEN_ORDERS, [order()]), (Want.FILLS, [TRADE]),
        (Want.BALANCES, [BALANCE]), (Want.POSITIONS, [POSITION]), (Want.CASH_FLOWS, [INCOME]),
        (Want.LISTING, {"symbols": [SYMBOL]}), (Want.CLOCK, {"serverTime": 1}),
        (Want.ACCOUNT, {"dualSidePosition": False, "multiAssetsMargin": False}),
        (Want.CANCEL_ALL, {"code": 200, "msg": "x"}), (Want.SESSION_KEY, {"listenKey": "k"}),
        (
            Want.FEES,
            {"symbol": "B", "makerCommissionRate": "0.1", "takerCommissionRate": "0.2"},
        ),
    ],
)  # fmt: skip
def test_mutated_answer_is_read_or_malformed(want, message):
    ask = Ask(want, "main", USDM, PERPETUAL)
    fuzz(message, lambda data: side().read_http(ask, 200, {}, data, desk()), 11)


def test_mutated_algo_list_is_read_or_malformed():
    ask = Ask(Want.OPEN_ORDERS, "main", USDM, space=OrderSpace.ALGO)
    fuzz([algo()], lambda data: side().read_http(ask, 200, {}, data, desk()), 13)
