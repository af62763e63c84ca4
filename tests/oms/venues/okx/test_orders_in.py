"""What OKX's messages are read as."""

from __future__ import annotations

import pytest

from oms.venues.data import Proof, Role
from oms.venues.okx import errors
from oms.venues.orders import Link
from oms.venues.reports import Ask, Item, MalformedMessageError, Verdict, Want
from shm_layout.enums import ExecKind, Liquidity, OrderSpace, PositionSide, RejectReason
from shm_layout.records import UNDEF
from tests.oms.venues.okx.samples import (
    COIN,
    CONFIG,
    FILL_ROW,
    FUNDING_BILL,
    PERPETUAL,
    POSITION,
    SPOT,
    SWAP,
    SWAP_ROW,
    VENUE_ID,
    acted,
    algo,
    answer,
    desk,
    filled,
    order,
    push,
    side,
)
from tests.oms.venues.typed_side import ORDER_ID, OTHER_TEXT, dumps, fuzz

PRIVATE = Link(Role.BOTH, ("main",), True, "ping", 0)


def read(message, known=None):
    data = message if isinstance(message, bytes) else dumps(message)
    return side().read(PRIVATE, data, known or desk())


def reports(*rows, channel="orders"):
    return [report for _, report in read(push(channel, *rows)).reports]


def http(ask, message, status=200):
    return side().read_http(ask, status, {}, dumps(message), desk())


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({}, ExecKind.ACK),
        ({"state": "partially_filled", "accFillSz": "0.5"}, ExecKind.ACK),
        ({"state": "filled", "accFillSz": "1.2"}, ExecKind.FOUND_FILLED),
        ({"state": "filled", "accFillSz": "1.1"}, ExecKind.CANCELED),
        ({"state": "canceled"}, ExecKind.CANCELED),
        ({"state": "canceled", "accFillSz": "1.2"}, ExecKind.FOUND_FILLED),
        ({"state": "mmp_canceled"}, ExecKind.CANCELED),
        ({"amendResult": "0", "sz": "2.4"}, ExecKind.AMENDED),
        ({"amendResult": "-1", "code": "51503", "msg": "gone"}, ExecKind.AMEND_REJECT),
        ({"amendSource": "4", "amendResult": "0", "sz": "0.6"}, ExecKind.REDUCED),
    ],
)
def test_order_push_of_each_state_is_told_by_amounts(given, kind):
    (report,) = reports(order(**given))
    assert report.kind is kind
    assert (report.client_order_id, report.venue_order_id) == (ORDER_ID, VENUE_ID)
    assert report.total_qty == {"2.4": 24, "0.6": 6}.get(given.get("sz"), 12)


def test_order_push_with_a_fill_is_two_reports_the_fill_first():
    fill, state = reports(filled())
    assert (fill.kind, fill.px, fill.qty, fill.quote_qty) == (
        ExecKind.FILL, 6_099_990, 5, 30_499_950,
    )  # fmt: skip
    assert (fill.fee_text, fill.fee_currency, fill.trade_id) == ("0.1525", "USDT", 9001)
    assert fill.liquidity is Liquidity.TAKER
    assert (state.kind, state.cum_qty, state.cum_fee_text) == (ExecKind.ACK, 5, "0.1525")


def test_maker_rebate_is_a_negative_fee():
    fill, _ = reports(filled(fillFee="0.01", execType="M"))
    assert (fill.fee_text, fill.liquidity) == ("-0.01", Liquidity.MAKER)


def test_trade_id_that_is_no_number_stays_text():
    fill, _ = reports(filled(tradeId="-17"))
    assert (fill.trade_id, fill.trade_text) == (0, "-17")


def test_contracts_that_are_no_base_quantity_are_malformed():
    with pytest.raises(MalformedMessageError):
        reports(order(sz="0.05"))


@pytest.mark.parametrize(
    ("category", "kind"),
    [
        ("adl", ExecKind.ADL), ("full_liquidation", ExecKind.LIQUIDATION),
        ("partial_liquidation", ExecKind.LIQUIDATION),
    ],
)  # fmt: skip
def test_fill_that_the_exchange_made_has_its_own_word(category, kind):
    (fill,) = reports(filled(category=category, clOrdId="", state="filled"))
    assert (fill.kind, fill.client_order_id) == (kind, 0)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("31", RejectReason.WOULD_TAKE), ("32", RejectReason.SELF_TRADE),
        ("22", RejectReason.REDUCE_ONLY), ("20", RejectReason.KILLED), ("1", RejectReason.UNSET),
    ],
)  # fmt: skip
def test_cancel_says_why(source, reason):
    (report,) = reports(order(state="canceled", cancelSource=source))
    assert (report.reason, report.text) == (reason, f"canceled {source}")


def test_spot_market_buy_is_by_amount_unless_said():
    row = order(instType="SPOT", instId="BTC-USDT", ordType="market", sz="100", px="")
    (done,) = reports(row | {"state": "filled", "accFillSz": "0.001"})
    assert (done.kind, done.total_qty) == (ExecKind.FOUND_FILLED, UNDEF)
    (base,) = reports(row | {"tgtCcy": "base_ccy", "sz": "0.012"})
    assert base.total_qty == 12
    (sell,) = reports(row | {"side": "sell", "sz": "0.012"})
    assert sell.total_qty == 12


def test_foreign_order_is_told_when_it_opens_and_its_fills_are_told():
    (opened,) = reports(order(clOrdId="hand"))
    assert (opened.kind, opened.qty, opened.px) == (ExecKind.EXTERNAL_OPEN, 12, 6_100_050)
    assert reports(order(clOrdId="hand", state="canceled")) == []
    fill, *_ = reports(filled(clOrdId="hand", state="filled"))
    assert (fill.kind, fill.client_order_id) == (ExecKind.FILL, 0)


def test_rows_of_other_types_and_instruments_are_passed_over():
    assert reports(order(instType="OPTION"), order(instId="X-SWAP")) == []


def test_unknown_state_side_or_event_is_malformed():
    for message in (
        push("orders", order(state="odd")), push("orders", order(side="long")),
        {"event": "odd"}, {"op": "odd", "id": "1", "code": "0", "data": []},
    ):  # fmt: skip
        with pytest.raises(MalformedMessageError):
            read(message)


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({}, ExecKind.ACK), ({"state": "effective", "ordId": "88"}, ExecKind.TRIGGERED),
        ({"state": "canceled"}, ExecKind.CANCELED), ({"state": "order_failed"}, ExecKind.REJECT),
    ],
)  # fmt: skip
def test_algo_push_stands_in_its_space_and_names_its_child(given, kind):
    (report,) = reports(algo(**given), channel="orders-algo")
    assert (report.kind, report.space, report.venue_order_id) == (kind, OrderSpace.ALGO, "55")
    assert report.second_id == given.get("ordId", "")
    assert (report.px, report.total_qty) == (UNDEF, 12)


def test_balances_and_positions_are_statements():
    ((_, balance),) = read(push("account", {"details": [COIN]})).balances
    assert (balance.free, balance.locked, balance.wallet, balance.total) == (
        "900.5", "99.5", "1000", "1000.2",
    )  # fmt: skip
    ((_, position),) = read(push("positions", POSITION)).positions
    assert (position.side, position.qty, position.margin_mode) == (
        PositionSide.BOTH, "-3", "cross",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ({"event": "login", "code": "0", "msg": "", "connId": "a"}, "logged_on"),
        ({"event": "error", "code": "60009", "msg": "Login failed."}, "refused"),
        ({"event": "subscribe", "arg": {"channel": "orders"}, "id": "4"}, "subscribed"),
        ({"event": "notice", "code": "64008", "msg": "upgrade"}, "shutdown"),
        ({"event": "channel-conn-count", "channel": "orders", "connCount": "2"}, "status"),
        ({"event": "channel-conn-count-error", "channel": "orders", "connCount": "30"}, "refused"),
        (b"pong", "pong"),
        (push("tickers"), "other"),
    ],
)
def test_event_is_a_notice(message, kind):
    (notice,) = read(message).notices
    assert notice.kind == kind


def test_acknowledgement_proves_receipt_alone_and_each_order_its_own_code():
    rows = [acted(), acted("51008", "insufficient", clOrdId=OTHER_TEXT, subCode="51008_1000")]
    message = {"id": "41", "op": "batch-orders", "code": "2", "msg": "", "data": rows,
               "outTime": "1790000000123456"}  # fmt: skip
    reply = read(message).reply
    assert (reply.request_id, reply.server_ms) == (41, 1_790_000_000_123)
    good, bad = reply.items
    assert (good.proves, good.report.kind, good.report.venue_order_id) == (
        Proof.RECEIVED, ExecKind.RECEIVED, VENUE_ID,
    )  # fmt: skip
    assert (bad.code, bad.report, bad.client_order_id) == (51008, None, ORDER_ID + 1)
    assert bad.text == "51008_1000 insufficient"


def test_answer_without_orders_has_its_own_code():
    message = {"id": "41", "op": "order", "code": "60013", "msg": "Invalid args", "data": []}
    (item,) = read(message).reply.items
    assert item.code == 60013


def test_answer_of_an_algo_order_names_its_id_there():
    ask = Ask(Want.PLACE, "main", SWAP, PERPETUAL)
    row = {"algoId": "55", "algoClOrdId": "", "sCode": "0", "sMsg": ""}
    (item,) = http(ask, answer(row)).items
    assert (item.report.venue_order_id, item.report.space) == ("55", OrderSpace.ALGO)


def test_no_answer_and_a_server_error_leave_a_place_unknown():
    ask = Ask(Want.PLACE, "main", SWAP, PERPETUAL)
    for status, body in ((0, b"timed out"), (502, b"<html>")):
        (item,) = side().read_http(ask, status, {}, body, desk()).items
        assert side().judge(ask, item).verdict is Verdict.UNKNOWN


def test_list_that_is_full_goes_on_behind_its_last_row():
    ask = Ask(Want.OPEN_ORDERS, "main", SWAP)
    rows = [order(ordId=str(k)) for k in range(100)]
    reply = http(ask, answer(*rows))
    assert (reply.complete, reply.next_page) == (False, "99")
    assert http(ask, answer(order())).complete


def test_fill_out_of_the_history_is_the_pushed_one():
    (fill,) = http(Ask(Want.FILLS, "main", SWAP), answer(FILL_ROW)).rows
    assert (fill.report.trade_id, fill.report.qty, fill.report.fee_text) == (9001, 5, "0.05")
    assert fill.report.liquidity is Liquidity.MAKER


def test_funding_and_transfers_come_out_of_the_bills():
    transfer = FUNDING_BILL | {"type": "1", "balChg": "250", "instId": "", "instType": ""}
    ask = Ask(Want.CASH_FLOWS, "main", values={"kind": "8"})
    funding, came = http(ask, answer(FUNDING_BILL, transfer, FUNDING_BILL | {"type": "2"})).rows
    assert (funding.kind, funding.fee_text, funding.instrument) == (
        ExecKind.FUNDING, "0.18", PERPETUAL,
    )  # fmt: skip
    assert (came.kind, came.fee_text, came.trade_text) == (ExecKind.TRANSFER, "-250", "71")


@pytest.mark.parametrize(
    ("want", "row", "reason"),
    [
        (Want.ACCOUNT, CONFIG, RejectReason.UNSET),
        (Want.ACCOUNT, CONFIG | {"acctLv": "3"}, RejectReason.ACCOUNT_MODE),
        (Want.ACCOUNT, CONFIG | {"posMode": "long_short_mode"}, RejectReason.ACCOUNT_MODE),
        (Want.KEY, CONFIG, RejectReason.UNSET),
        (Want.KEY, CONFIG | {"perm": "read_only"}, RejectReason.KEY_REFUSED),
        (Want.POSITIONS, POSITION, RejectReason.UNSET),
        (Want.POSITIONS, POSITION | {"posSide": "long"}, RejectReason.ACCOUNT_MODE),
    ],
)
def test_setup_answer_refuses_an_account_that_is_set_otherwise(want, row, reason):
    ask = Ask(want, "main", SWAP)
    (item,) = http(ask, answer(row)).items
    assert side().judge(ask, item).reason is reason


def test_fee_rates_are_costs_by_group():
    groups = [{"groupId": "4", "maker": "-0.0002", "taker": "-0.0005"}]
    (rate,) = http(Ask(Want.FEES, "main", SWAP), answer({"feeGroup": groups})).rows
    assert (rate.maker, rate.taker, rate.group) == ("0.0002", "0.0005", "4")
    (flat,) = http(Ask(Want.FEES, "main", SPOT), answer({"maker": "0.0001", "taker": "-1"})).rows
    assert (flat.maker, flat.group) == ("-0.0001", "")


def test_order_query_shows_the_order_or_its_absence():
    ask = Ask(Want.ORDER, "main", SWAP, PERPETUAL, client_order_id=ORDER_ID)
    (item,) = http(ask, answer(order())).items
    assert item.order.kind is ExecKind.FOUND_OPEN
    (gone,) = http(ask, answer(code="51603", msg="Order does not exist")).items
    assert side().judge(ask, gone).verdict is Verdict.NOT_FOUND


@pytest.mark.parametrize(
    ("want", "code", "verdict", "reason"),
    [
        (Want.PLACE, 51008, Verdict.REFUSED, RejectReason.INSUFFICIENT_FUNDS),
        (Want.PLACE, 51006, Verdict.REFUSED, RejectReason.PRICE_BAND),
        (Want.PLACE, 51121, Verdict.REFUSED, RejectReason.OFF_LOT),
        (Want.PLACE, 51020, Verdict.REFUSED, RejectReason.QTY_BELOW_MIN),
        (Want.PLACE, 51004, Verdict.REFUSED, RejectReason.POSITION_LIMIT),
        (Want.PLACE, 51169, Verdict.REFUSED, RejectReason.REDUCE_ONLY),
        (Want.PLACE, 51025, Verdict.REFUSED, RejectReason.OPEN_ORDERS_LIMIT),
        (Want.PLACE, 51022, Verdict.REFUSED, RejectReason.MARKET_STATUS),
        (Want.PLACE, 51001, Verdict.REFUSED, RejectReason.UNKNOWN_INSTRUMENT),
        (Want.PLACE, 50110, Verdict.REFUSED, RejectReason.KEY_REFUSED),
        (Want.PLACE, 50011, Verdict.REFUSED, RejectReason.MESSAGE_RATE),
        (Want.PLACE, 50037, Verdict.REFUSED, RejectReason.EXPIRED_INTENT),
        (Want.PLACE, 50102, Verdict.REFUSED, RejectReason.CLOCK),
        (Want.PLACE, 51149, Verdict.UNKNOWN, RejectReason.UNSET),
        (Want.PLACE, 51016, Verdict.UNKNOWN, RejectReason.UNSET),
        (Want.PLACE, 58999, Verdict.UNKNOWN, RejectReason.UNSET),
        (Want.FILLS, 58999, Verdict.REFUSED, RejectReason.VENUE_REJECT),
        (Want.CANCEL, 51400, Verdict.NOT_OPEN, RejectReason.UNKNOWN_ORDER),
        (Want.AMEND, 51503, Verdict.NOT_OPEN, RejectReason.UNKNOWN_ORDER),
        (Want.ORDER, 51603, Verdict.NOT_FOUND, RejectReason.UNKNOWN_ORDER),
        (Want.CANCEL, 51410, Verdict.UNKNOWN, RejectReason.UNSET),
    ],
)
def test_error_of_each_family_is_judged(want, code, verdict, reason):
    judged = errors.judge(Ask(want), Item(code))
    assert (judged.verdict, judged.reason) == (verdict, reason)


def test_listing_brings_contracts_to_base_units_and_names_what_is_left_out():
    (ask,) = side().listing(SWAP)
    rows = [SWAP_ROW, SWAP_ROW | {"ctType": "inverse"}, SWAP_ROW | {"state": "odd"}]
    reply = http(ask, answer(*rows, SWAP_ROW | {"instType": "FUTURES"}))
    found = side().listed(SWAP, [reply])
    assert (found[0].name, found[0].contract_size, found[0].venue_code) == (
        "BTC/USDT:USDT", "0.01", 77,
    )  # fmt: skip
    assert [bool(one.left_out) for one in found] == [False, True, True]
    assert found[0].fee_group == "4"


def test_spot_listing_takes_its_names_from_its_currencies():
    row = {
        "instType": "SPOT", "instId": "BTC-USDT", "instIdCode": 66, "baseCcy": "BTC",
        "quoteCcy": "USDT", "tickSz": "0.1", "lotSz": "0.00000001", "minSz": "0.00001",
        "maxLmtSz": "9999999999", "maxMktSz": "1000000", "state": "post_only",
    }  # fmt: skip
    (found,) = side().listed(SPOT, [http(Ask(Want.LISTING, market=SPOT), answer(row))])
    assert (found.name, found.status, found.market_max_notional) == (
        "BTC/USDT", "POST_ONLY", "1000000",
    )  # fmt: skip


@pytest.mark.parametrize(
    "message",
    [
        push("orders", filled(), order(state="canceled", cancelSource="31")),
        push("orders-algo", algo()),
        push("account", {"details": [COIN]}),
        push("positions", POSITION),
        {"id": "41", "op": "order", "code": "1", "msg": "", "data": [acted("51008", "x")]},
        {"event": "subscribe", "arg": {"channel": "orders"}, "id": "4"},
    ],
)
def test_mutated_message_of_a_socket_is_read_or_malformed(message):
    fuzz(message, lambda data: side().read(PRIVATE, data, desk()), 7)


@pytest.mark.parametrize(
    ("want", "row"),
    [
        (Want.OPEN_ORDERS, order()), (Want.FILLS, FILL_ROW), (Want.BALANCES, {"details": [COIN]}),
        (Want.POSITIONS, POSITION), (Want.CASH_FLOWS, FUNDING_BILL), (Want.LISTING, SWAP_ROW),
        (Want.ACCOUNT, CONFIG), (Want.KEY, CONFIG), (Want.CLOCK, {"ts": "1790000000000"}),
        (Want.FEES, {"feeGroup": [{"groupId": "4", "maker": "-1", "taker": "-1"}]}),
        (Want.CANCEL, acted()), (Want.ORDER, order()),
    ],
)  # fmt: skip
def test_mutated_answer_is_read_or_malformed(want, row):
    ask = Ask(want, "main", SWAP, PERPETUAL)
    fuzz(answer(row), lambda data: side().read_http(ask, 200, {}, data, desk()), 11)
