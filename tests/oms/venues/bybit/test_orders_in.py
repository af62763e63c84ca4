"""What Bybit's messages are read as."""

from __future__ import annotations

from dataclasses import replace

import pytest

from oms.venues.bybit import errors
from oms.venues.bybit.kill import kill_side
from oms.venues.data import Proof, Role
from oms.venues.orders import Link
from oms.venues.reports import Ask, Item, MalformedMessageError, Verdict, Want
from shm_layout.enums import (
    ExecKind,
    InstrumentKind,
    Liquidity,
    OrderSpace,
    PositionSide,
    RejectReason,
    Side,
)
from shm_layout.records import UNDEF
from tests.oms.venues.bybit.samples import (
    COIN,
    FUNDING_ROW,
    KEY,
    LINEAR,
    PAIR,
    PERPETUAL,
    POSITION,
    SPOT,
    TRANSFER_ROW,
    VENUE_ID,
    answer,
    desk,
    execution,
    order,
    push,
    side,
)
from tests.oms.venues.typed_side import ORDER_ID, OTHER_TEXT, TEXT, dumps, fuzz

EVENTS = Link(Role.EVENTS, ("main",), True, "", 0)
ORDERS = Link(Role.ORDERS, ("main",), True, "", 0)


def read(message, link=EVENTS, known=None):
    return side().read(link, dumps(message), known or desk())


def reports(*rows, topic="order"):
    return [report for _, report in read(push(topic, *rows)).reports]


def http(ask, message, headers=None, status=200):
    return side().read_http(ask, status, headers or {}, dumps(message), desk())


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({}, ExecKind.ACK),
        ({"orderStatus": "PartiallyFilled", "cumExecQty": "0.005"}, ExecKind.ACK),
        ({"orderStatus": "Untriggered", "stopOrderType": "Stop"}, ExecKind.ACK),
        ({"orderStatus": "Triggered", "stopOrderType": "Stop"}, ExecKind.TRIGGERED),
        ({"orderStatus": "Rejected"}, ExecKind.REJECT),
        ({"orderStatus": "Rejected", "cumExecQty": "0.005"}, ExecKind.CANCELED),
        ({"orderStatus": "Filled", "cumExecQty": "0.012"}, ExecKind.FOUND_FILLED),
        ({"orderStatus": "Filled", "cumExecQty": "0.011"}, ExecKind.CANCELED),
        ({"orderStatus": "Cancelled"}, ExecKind.CANCELED),
        ({"orderStatus": "Cancelled", "cumExecQty": "0.012"}, ExecKind.FOUND_FILLED),
        ({"orderStatus": "PartiallyFilledCanceled", "cumExecQty": "0.001"}, ExecKind.CANCELED),
        ({"orderStatus": "Deactivated", "stopOrderType": "Stop"}, ExecKind.CANCELED),
    ],
)
def test_order_push_of_each_state_is_told_by_amounts(given, kind):
    (report,) = reports(order(**given))
    assert report.kind is kind
    assert (report.client_order_id, report.venue_order_id) == (ORDER_ID, VENUE_ID)
    assert (report.px, report.total_qty) == (6_100_050, 12)


def test_order_push_is_exact_and_carries_running_sums():
    (report,) = reports(
        order(orderStatus="PartiallyFilled", cumExecQty="0.005", cumExecValue="304.9995")
    )
    assert (report.cum_qty, report.cum_quote_qty) == (5, 30_499_950_000)
    assert report.ts_event_ns == 1_790_000_000_100_000_000


def test_order_push_of_a_conditional_order_stands_in_its_space():
    waiting, triggered = reports(
        order(orderStatus="Untriggered", stopOrderType="Stop"), order(orderStatus="Triggered")
    )
    assert waiting.space is OrderSpace.CONDITIONAL
    assert (triggered.space, triggered.second_id) == (OrderSpace.BOOK, VENUE_ID)


def test_order_push_that_would_have_taken_says_why():
    (report,) = reports(order(orderStatus="Cancelled", rejectReason="EC_PostOnlyWillTakeLiquidity"))
    assert report.reason is RejectReason.WOULD_TAKE
    assert report.text == "Cancelled EC_PostOnlyWillTakeLiquidity"


def test_order_push_rejected_for_a_word_of_no_list_keeps_the_word():
    (report,) = reports(order(orderStatus="Rejected", rejectReason="EC_Odd"))
    assert report.reason is RejectReason.VENUE_REJECT
    assert report.text.endswith("EC_Odd")


def test_spot_market_buy_without_a_unit_is_by_amount():
    row = order(category="spot", orderType="Market", qty="100", price="0")
    (report,) = reports(row | {"orderStatus": "Filled", "cumExecQty": "0.001"})
    assert (report.kind, report.total_qty, report.px) == (ExecKind.FOUND_FILLED, UNDEF, UNDEF)
    (left,) = reports(row | {"orderStatus": "PartiallyFilledCanceled", "cumExecQty": "0.001"})
    assert left.kind is ExecKind.CANCELED
    (base,) = reports(row | {"marketUnit": "baseCoin", "qty": "0.012"})
    assert base.total_qty == 12


def test_foreign_order_is_told_when_it_opens_and_not_after():
    foreign = {"orderLinkId": "by-hand"}
    (opened,) = reports(order(**foreign))
    assert (opened.kind, opened.qty, opened.px) == (ExecKind.EXTERNAL_OPEN, 12, 6_100_050)
    assert reports(order(orderStatus="Cancelled", **foreign)) == []


def test_order_known_by_the_exchange_id_is_ours_without_its_text():
    known = desk()
    known.orders[VENUE_ID] = ORDER_ID
    message = push("execution", execution(orderLinkId=""))
    ((_, report),) = read(message, known=known).reports
    assert report.client_order_id == ORDER_ID


def test_order_push_of_an_unknown_state_or_side_is_malformed():
    for given in ({"orderStatus": "Paused"}, {"side": "Short"}):
        with pytest.raises(MalformedMessageError):
            reports(order(**given))


def test_rows_of_other_categories_and_instruments_are_passed_over():
    assert reports(order(category="inverse"), order(category="option"), order(symbol="X")) == []


def test_execution_is_a_fill_to_the_digit():
    (report,) = reports(execution(), topic="execution")
    assert report.kind is ExecKind.FILL
    assert (report.px, report.qty, report.quote_qty) == (6_099_990, 5, 30_499_950_000)
    assert (report.fee_text, report.fee_currency) == ("0.16774973", "USDT")
    assert (report.trade_text, report.trade_id) == ("7f3e-1", 0)
    assert (report.liquidity, report.side) == (Liquidity.TAKER, Side.BUY)


def test_execution_beyond_the_scale_is_malformed():
    with pytest.raises(MalformedMessageError):
        reports(execution(execQty="0.0051"), topic="execution")


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"execType": "AdlTrade"}, ExecKind.ADL),
        ({"execType": "BustTrade"}, ExecKind.LIQUIDATION),
        ({"createType": "CreateByLiq"}, ExecKind.LIQUIDATION),
        ({"createType": "CreateByTakeOver_PassThrough"}, ExecKind.LIQUIDATION),
        ({"execType": "Funding", "execFee": "-0.2"}, ExecKind.FUNDING),
    ],
)
def test_execution_that_the_exchange_made_has_its_own_word(given, kind):
    (report,) = reports(execution(orderLinkId="", **given), topic="execution")
    assert (report.kind, report.client_order_id) == (kind, 0)


def test_execution_of_moved_positions_is_a_notice_and_no_fill():
    found = read(push("execution", execution(execType="MovePosition")))
    assert found.reports == ()
    assert [n.kind for n in found.notices] == ["position_moved"]


def test_execution_fee_without_its_coin_follows_the_documented_rule():
    for category, which, coin in (
        ("linear", "Buy", "USDT"), ("spot", "Buy", "BTC"), ("spot", "Sell", "USDT"),
    ):  # fmt: skip
        row = execution(category=category, side=which, feeCurrency="")
        (report,) = reports(row, topic="execution")
        assert report.fee_currency == coin


def test_execution_taxes_in_the_same_coin_are_part_of_the_fee():
    taxes = [{"feeCoin": "USDT", "fee": "0.00000001"}, {"feeCoin": "TRY", "fee": "5"}]
    (report,) = reports(execution(extraFees=taxes), topic="execution")
    assert report.fee_text == "0.16774974"


def test_wallet_and_position_pushes_are_statements():
    found = read(push("wallet", {"coin": [COIN]}))
    ((account, balance),) = found.balances
    assert (account, balance.free, balance.locked) == ("", "990.20", "10.05")
    assert (balance.wallet, balance.total) == ("1000.25", "999.953")
    ((_, position),) = read(push("position", POSITION)).positions
    assert (position.side, position.qty) == (PositionSide.BOTH, "-0.030")
    assert (position.entry_px, position.liquidation_px) == ("60000.1", "")


def test_acknowledgement_of_a_place_proves_receipt_alone():
    data = {"orderId": VENUE_ID, "orderLinkId": TEXT}
    message = {"reqId": "41", "retCode": 0, "retMsg": "OK", "op": "order.create", "data": data}
    reply = read(message, ORDERS).reply
    (item,) = reply.items
    assert reply.request_id == 41
    assert (item.proves, item.client_order_id) == (Proof.RECEIVED, ORDER_ID)
    assert (item.report.kind, item.report.venue_order_id) == (ExecKind.RECEIVED, VENUE_ID)


def test_batch_answer_is_one_item_an_order():
    rows = [{"orderId": VENUE_ID, "orderLinkId": TEXT}, {"orderId": "", "orderLinkId": OTHER_TEXT}]
    said = [{"code": 0, "msg": "OK"}, {"code": 110007, "msg": "ab not enough"}]
    message = {
        "reqId": "1", "retCode": 0, "retMsg": "OK", "op": "order.create-batch",
        "data": {"list": rows}, "retExtInfo": {"list": said},
    }  # fmt: skip
    first, second = read(message, ORDERS).reply.items
    assert (first.code, first.report.venue_order_id) == (0, VENUE_ID)
    assert (second.code, second.report, second.client_order_id) == (110007, None, ORDER_ID + 1)
    del said[1]
    with pytest.raises(MalformedMessageError):
        read(message, ORDERS)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ({"op": "auth", "success": True, "ret_msg": "", "conn_id": "c"}, "logged_on"),
        ({"op": "auth", "retCode": 0, "retMsg": "OK", "reqId": "1"}, "logged_on"),
        ({"op": "auth", "retCode": 10004, "retMsg": "Error sign"}, "refused"),
        ({"op": "subscribe", "success": True, "ret_msg": "", "req_id": "2"}, "subscribed"),
        ({"op": "subscribe", "success": False, "ret_msg": "no such topic"}, "refused"),
        ({"op": "pong", "args": ["1790000000000"]}, "pong"),
        ({"op": "ping", "success": True, "ret_msg": "pong"}, "pong"),
    ],
)
def test_operation_answer_is_a_notice(message, kind):
    (notice,) = read(message).notices
    assert notice.kind == kind


def test_answer_too_often_pauses_until_the_exchange_says():
    headers = {"x-bapi-limit-reset-timestamp": "1790000000999", "x-bapi-limit": "10",
               "x-bapi-limit-status": "0"}  # fmt: skip
    ask = Ask(Want.CANCEL, "main", LINEAR, PERPETUAL, client_order_id=ORDER_ID)
    reply = http(ask, answer({}, 10006, "too many visits"), headers)
    assert (reply.pause.key, reply.pause.until_ms) == (("linear.cancel", "main"), 1790000000999)
    assert reply.usage[0].count == 10
    judged = side().judge(ask, reply.items[0])
    assert (judged.verdict, judged.reason) == (Verdict.REFUSED, RejectReason.MESSAGE_RATE)


def test_answer_403_in_plain_text_silences_the_address():
    ask = Ask(Want.OPEN_ORDERS, "main", SPOT)
    reply = side().read_http(ask, 403, {}, b"access too frequent", desk())
    judged = side().judge(ask, reply.items[0])
    assert judged.pause.key == ("egress",)
    assert judged.pause.close_sockets
    assert judged.pause.for_ms == 600_000


def test_no_answer_and_a_server_error_leave_a_place_unknown():
    ask = Ask(Want.PLACE, "main", LINEAR, PERPETUAL)
    for status, body in ((0, b"timed out"), (502, b"<html>")):
        (item,) = side().read_http(ask, status, {}, body, desk()).items
        assert side().judge(ask, item).verdict is Verdict.UNKNOWN


def test_list_of_orders_is_complete_on_its_last_page():
    ask = Ask(Want.OPEN_ORDERS, "main", LINEAR, values={"coin": "USDT"})
    rows = [order(category=None), order(orderLinkId="by-hand", orderStatus="PartiallyFilled")]
    reply = http(ask, answer({"category": "linear", "list": rows, "nextPageCursor": "n"}))
    assert [v.client_order_id for v in reply.rows] == [ORDER_ID, 0]
    assert [v.kind for v in reply.rows] == [ExecKind.FOUND_OPEN] * 2
    assert (reply.complete, reply.next_page) == (False, "n")
    assert http(ask, answer({"category": "linear", "list": [], "nextPageCursor": ""})).complete


def test_order_that_is_nowhere_is_not_found_in_the_last_place_alone():
    ask = Ask(Want.ORDER, "main", LINEAR, PERPETUAL, client_order_id=ORDER_ID)
    empty = answer({"category": "linear", "list": []})
    assert http(ask, empty).items == ()
    last = replace(ask, page="history")
    (item,) = http(last, empty).items
    assert side().judge(last, item).verdict is Verdict.NOT_FOUND
    (found,) = http(ask, answer({"category": "linear", "list": [order()]})).items
    assert found.order.venue_order_id == VENUE_ID


def test_funding_and_transfers_come_out_of_the_log():
    trade = TRANSFER_ROW | {"type": "TRADE", "change": "-3"}
    message = answer({"list": [FUNDING_ROW, TRANSFER_ROW, trade], "nextPageCursor": ""})
    funding, transfer = http(Ask(Want.CASH_FLOWS, "main"), message).rows
    assert (funding.kind, funding.fee_text, funding.trade_text) == (
        ExecKind.FUNDING, "0.18", "f-1",
    )  # fmt: skip
    assert funding.instrument is PERPETUAL
    assert (transfer.kind, transfer.fee_text, transfer.trade_text) == (
        ExecKind.TRANSFER, "-250", "9_T_4",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("want", "result", "finding"),
    [
        (Want.ACCOUNT, {"unifiedMarginStatus": 5, "marginMode": "REGULAR_MARGIN"}, ""),
        (Want.ACCOUNT, {"unifiedMarginStatus": 4, "marginMode": "REGULAR_MARGIN"}, "ACCOUNT_MODE"),
        (
            Want.ACCOUNT, {"unifiedMarginStatus": 6, "marginMode": "PORTFOLIO_MARGIN"},
            "ACCOUNT_MODE",
        ),
        (Want.POSITIONS, {"category": "linear", "list": [POSITION]}, ""),
        (
            Want.POSITIONS, {"category": "linear", "list": [POSITION | {"positionIdx": 2}]},
            "ACCOUNT_MODE",
        ),
        (Want.KEY, {"permissions": {"Spot": ["SpotTrade"]}, "readOnly": 0, "ips": ["1.2.3.4"]}, ""),
        (Want.KEY, {"permissions": {"Spot": ["SpotTrade"]}, "readOnly": 1}, "KEY_REFUSED"),
    ],
)  # fmt: skip
def test_setup_answer_refuses_an_account_that_is_set_otherwise(want, result, finding):
    ask = Ask(want, "main", LINEAR, values={"coin": "USDT"})
    (item,) = http(ask, answer(result)).items
    judged = side().judge(ask, item)
    assert judged.reason.name == (finding or "UNSET")
    assert judged.verdict is (Verdict.REFUSED if finding else Verdict.DONE)


def test_key_says_until_when_and_from_where():
    result = {
        "permissions": {"ContractTrade": ["Order"]}, "readOnly": 0, "ips": ["*"],
        "expiredAt": "2027-01-02T03:04:05Z",
    }  # fmt: skip
    (key,) = http(Ask(Want.KEY, "main"), answer(result)).rows
    assert (key.may_trade, key.bound, key.until_ms) == (True, False, 1_798_859_045_000)


@pytest.mark.parametrize(
    ("want", "code", "verdict", "reason"),
    [
        (Want.PLACE, 110007, Verdict.REFUSED, RejectReason.INSUFFICIENT_FUNDS),
        (Want.PLACE, 170193, Verdict.REFUSED, RejectReason.PRICE_BAND),
        (Want.PLACE, 110094, Verdict.REFUSED, RejectReason.NOTIONAL_BELOW_MIN),
        (Want.PLACE, 170137, Verdict.REFUSED, RejectReason.OFF_LOT),
        (Want.PLACE, 110017, Verdict.REFUSED, RejectReason.REDUCE_ONLY),
        (Want.PLACE, 110020, Verdict.REFUSED, RejectReason.OPEN_ORDERS_LIMIT),
        (Want.PLACE, 30228, Verdict.REFUSED, RejectReason.MARKET_STATUS),
        (Want.PLACE, 10010, Verdict.REFUSED, RejectReason.KEY_REFUSED),
        (Want.PLACE, 10029, Verdict.REFUSED, RejectReason.UNKNOWN_INSTRUMENT),
        (Want.PLACE, 10002, Verdict.REFUSED, RejectReason.CLOCK),
        (Want.PLACE, 10000, Verdict.UNKNOWN, RejectReason.UNSET),
        (Want.PLACE, 110072, Verdict.UNKNOWN, RejectReason.UNSET),
        (Want.PLACE, 170146, Verdict.UNKNOWN, RejectReason.UNSET),
        (Want.PLACE, 999_999, Verdict.UNKNOWN, RejectReason.UNSET),
        (Want.FILLS, 999_999, Verdict.REFUSED, RejectReason.VENUE_REJECT),
        (Want.CANCEL, 110001, Verdict.NOT_OPEN, RejectReason.UNKNOWN_ORDER),
        (Want.AMEND, 170213, Verdict.NOT_OPEN, RejectReason.UNKNOWN_ORDER),
        (Want.ORDER, 110001, Verdict.NOT_FOUND, RejectReason.UNKNOWN_ORDER),
        (Want.CANCEL, 170212, Verdict.UNKNOWN, RejectReason.UNSET),
        (Want.SET_ACCOUNT, 110043, Verdict.DONE, RejectReason.UNSET),
    ],
)
def test_error_of_each_family_is_judged(want, code, verdict, reason):
    judged = errors.judge(Ask(want), Item(code))
    assert (judged.verdict, judged.reason) == (verdict, reason)


def test_refused_time_stamp_asks_for_the_clock():
    assert errors.judge(Ask(Want.PLACE), Item(10002)).clock


INSTRUMENT = {
    "symbol": "BTCUSDT", "contractType": "LinearPerpetual", "status": "Trading", "baseCoin": "BTC",
    "quoteCoin": "USDT", "settleCoin": "USDT", "fundingInterval": 480,
    "priceFilter": {"minPrice": "0.1", "maxPrice": "199999.8", "tickSize": "0.10"},
    "lotSizeFilter": {
        "qtyStep": "0.001", "minOrderQty": "0.001", "maxOrderQty": "100", "maxMktOrderQty": "20",
        "minNotionalValue": "5",
    },
}  # fmt: skip


def test_listing_says_what_a_desk_can_trade():
    made = side()
    (ask,) = made.listing(LINEAR)
    rows = [
        INSTRUMENT, INSTRUMENT | {"contractType": "LinearFutures"}, INSTRUMENT | {"status": "Odd"},
        INSTRUMENT | {"status": "PreLaunch"},
    ]  # fmt: skip
    message = answer({"category": "linear", "list": rows, "nextPageCursor": "2"})
    reply = http(ask, message)
    assert [a.page for a in made.follow(ask, reply)] == ["2"]
    found = made.listed(LINEAR, [reply])
    assert (found[0].name, found[0].tick, found[0].lot) == ("BTC/USDT:USDT", "0.10", "0.001")
    assert (found[0].funding_interval_s, found[0].market_max_qty) == (28_800, "20")
    assert [bool(one.left_out) for one in found] == [False, True, True, False]
    assert found[3].status == "PRE_OPEN"


def test_kill_sweeps_both_coins_and_cancels_what_a_list_shows():
    kill = kill_side({"main": KEY})
    sweeps = kill.sweep("main", LINEAR, OrderSpace.CONDITIONAL)
    bodies = [kill.ask(a, _stamp()).body.body for a in sweeps]
    assert [b'"settleCoin":"USDT"' in b for b in bodies] == [True, False]
    assert all(b'"orderFilter":"StopOrder"' in b for b in bodies)
    (ask, _) = kill.look("main", LINEAR, OrderSpace.BOOK)
    message = answer({"category": "linear", "list": [order(orderLinkId="x")]})
    shown, _ = kill.read(ask, 200, {}, dumps(message))
    assert [v.venue_order_id for v in shown] == [VENUE_ID]
    (cancel,) = kill.cancel("main", LINEAR, OrderSpace.BOOK, shown)
    assert VENUE_ID.encode() in kill.ask(cancel, _stamp()).body.body
    assert len(kill.cancel("main", SPOT, OrderSpace.ALGO, [*shown, *shown])) == 2


def _stamp():
    from tests.oms.venues.typed_side import STAMP

    return STAMP


@pytest.mark.parametrize(
    "message",
    [
        push("order", order(), order(orderStatus="Filled", cumExecQty="0.012")),
        push("execution", execution(extraFees=[{"feeCoin": "USDT", "fee": "1"}])),
        push("wallet", {"coin": [COIN]}),
        push("position", POSITION),
        {"reqId": "1", "retCode": 0, "retMsg": "OK", "op": "order.create-batch",
         "data": {"list": [{"orderId": VENUE_ID, "orderLinkId": TEXT}]},
         "retExtInfo": {"list": [{"code": 0, "msg": "OK"}]}, "header": {"Timenow": "1"}},
        {"op": "auth", "success": True, "ret_msg": "", "conn_id": "c", "req_id": "1"},
    ],
)  # fmt: skip
def test_mutated_message_of_a_socket_is_read_or_malformed(message):
    fuzz(message, lambda data: side().read(EVENTS, data, desk()), 7)


@pytest.mark.parametrize(
    ("want", "result"),
    [
        (Want.OPEN_ORDERS, {"category": "linear", "list": [order()], "nextPageCursor": ""}),
        (Want.FILLS, {"category": "spot", "list": [execution(category="spot")]}),
        (Want.BALANCES, {"list": [{"coin": [COIN]}]}),
        (Want.POSITIONS, {"category": "linear", "list": [POSITION]}),
        (Want.CASH_FLOWS, {"list": [FUNDING_ROW, TRANSFER_ROW]}),
        (Want.LISTING, {"category": "linear", "list": [INSTRUMENT]}),
        (Want.KEY, {"permissions": {"Spot": []}, "readOnly": 0, "ips": []}),
        (Want.ACCOUNT, {"unifiedMarginStatus": 5, "marginMode": "REGULAR_MARGIN"}),
        (Want.FEES, {"list": [{"symbol": "A", "makerFeeRate": "0", "takerFeeRate": "0.1"}]}),
        (Want.CLOCK, {"timeSecond": "1", "timeNano": "1790000000000000000"}),
        (Want.CANCEL, {"orderId": VENUE_ID, "orderLinkId": TEXT}),
    ],
)
def test_mutated_answer_is_read_or_malformed(want, result):
    ask = Ask(want, "main", LINEAR, PERPETUAL)
    fuzz(answer(result), lambda data: side().read_http(ask, 200, {}, data, desk()), 11)


def test_spot_instrument_of_the_same_symbol_is_another():
    assert PAIR.kind is InstrumentKind.SPOT
    assert PERPETUAL.kind is InstrumentKind.LINEAR
    assert desk().instrument(SPOT, "BTCUSDT") is PAIR
