"""What Coinone says, as records: every state word, amounts exactly, ends by amounts, bad bytes."""

import json

import pytest

from oms.ports import Key
from oms.venues.coinone import errors, orders_in, spec
from oms.venues.coinone.orders import CoinoneOrders
from oms.venues.data import Charge, Proof
from oms.venues.reports import Ask, MalformedMessageError, Verdict, Want
from shm_layout.enums import (
    FLAG_LAST,
    ExecKind,
    Liquidity,
    OrderSpace,
    RejectReason,
    Side,
)
from shm_layout.records import UNDEF
from tests.oms.venues.coinone import samples
from tests.oms.venues.order_sides import OURS, SYSTEM, Known, command, instrument
from tests.oms.venues.typed_side import fuzz

BTC = instrument()
SIDE = CoinoneOrders({"main": Key("main", "access", b"sesame")}, SYSTEM)
(LINK,) = SIDE.links(("main",), {})
KNOWN = Known(orders={samples.VENUE_ID: OURS})
ORDER = Ask(Want.ORDER, "main", instrument=BTC, client_order_id=OURS)
CANCEL = Ask(Want.CANCEL, "main", instrument=BTC, client_order_id=OURS)
PLACE = Ask(Want.PLACE, "main", instrument=BTC, orders=(command(),))
SHORT = {
    "quote_currency": "qc", "target_currency": "tc", "order_id": "oi", "type": "t", "status": "st",
    "side": "s", "order_price": "op", "order_qty": "oq", "order_amount": "oa", "trade_id": "ti",
    "is_maker": "im", "executed_price": "ep", "executed_qty": "eq", "executed_fee": "ef",
    "remain_qty": "rq", "remain_amount": "ra", "user_order_id": "ui", "prevented_qty": "pq",
    "executed_timestamp": "et", "order_timestamp": "ot", "timestamp": "ts",
}  # fmt: skip


def event(data):
    return SIDE.read(LINK, data, KNOWN)


def report(data):
    ((_, found),) = event(data).reports
    return found


def kinds(data):
    return [found.kind for _, found in event(data).reports]


def answered(ask, body, status=200, headers=None, known=KNOWN):
    return SIDE.read_http(ask, status, headers or {}, body, known)


def view(row):
    (found,) = answered(ORDER, samples.success(order=row)).rows
    return found


def judged(ask, body, status=200):
    (item,) = answered(ask, body, status).items
    return SIDE.judge(ask, item)


@pytest.mark.parametrize(
    ("status", "space"),
    [("wait", OrderSpace.BOOK), ("watch", OrderSpace.CONDITIONAL),
     ("not_triggered", OrderSpace.CONDITIONAL)],
)  # fmt: skip
def test_event_of_an_open_order_is_an_acknowledgement_in_its_space(status, space):
    found = report(samples.event(status))
    assert (found.kind, found.client_order_id, found.space) == (ExecKind.ACK, OURS, space)
    assert found.ts_event_ns == 1790000007 * 10**9


def test_event_trade_is_a_fill_with_its_own_fee():
    found = report(samples.trade())
    assert (found.kind, found.px, found.qty) == (ExecKind.FILL, 13_750_000, 50_000_000)
    assert (found.quote_qty, found.fee_text, found.fee_currency) == (687_500_000, "0.1375", "KRW")
    assert (found.trade_text, found.liquidity, found.flags) == (
        samples.TRADE_ID, Liquidity.MAKER, 0,
    )  # fmt: skip
    assert found.ts_event_ns == 1790000004 * 10**9
    assert report(samples.trade(is_maker="false")).liquidity is Liquidity.TAKER


def test_event_last_trade_by_amounts_is_the_last():
    assert report(samples.trade(remain_qty="0.00000000")).flags == FLAG_LAST
    by_amount = samples.trade(type="MARKET", remain_qty="0.00000000")
    assert report(by_amount).flags == 0


def test_event_trade_done_is_a_fill_and_an_end_that_stands_by_itself():
    data = samples.trade("trade_done", remain_qty="0")
    assert kinds(data) == [ExecKind.FILL, ExecKind.FOUND_FILLED]
    first = report(samples.trade(remain_qty="0"))
    assert event(data).reports[0][1].key() == first.key(), "one trade under both words"
    assert kinds(samples.event("trade_done")) == [ExecKind.FOUND_FILLED]


def test_event_trade_done_with_a_rest_asks_for_a_look():
    found = event(samples.trade("trade_done"))
    assert [one.kind for _, one in found.reports] == [ExecKind.FILL]
    assert found.notices[0].value == samples.VENUE_ID


def test_event_cancel_asks_for_a_look_because_it_hides_fills():
    found = event(samples.event("cancel", executed_qty="0.5", remain_qty="0"))
    ((_, ended),) = found.reports
    assert (ended.kind, ended.cum_qty, ended.text) == (ExecKind.CANCELED, UNDEF, "cancel 0.5")
    assert (found.notices[0].kind, found.notices[0].value) == ("look", samples.VENUE_ID)


def test_event_refused_post_only_says_why():
    found = event(samples.event("cancel_post_only", executed_timestamp=0))
    assert found.reports[0][1].reason is RejectReason.WOULD_TAKE
    assert found.notices == ()


def test_event_with_a_prevented_quantity_asks_for_a_look():
    found = event(samples.trade(prevented_qty="0.25"))
    assert [notice.kind for notice in found.notices] == ["look"]
    ended = event(samples.event("cancel", prevented_qty="0.25")).reports[0][1]
    assert ended.reason is RejectReason.SELF_TRADE


def test_event_of_another_desk_is_told_when_it_opens_alone():
    other = {"user_order_id": "theirs", "order_id": "other"}
    opened = report(samples.event(**other))
    assert (opened.kind, opened.px, opened.qty) == (
        ExecKind.EXTERNAL_OPEN, 13_750_000, 200_000_000,
    )  # fmt: skip
    assert event(samples.trade(**other)).reports == ()
    assert event(samples.event(target_currency="XRP")).reports == ()


def test_event_with_short_names_says_the_same():
    for long in (samples.event(), samples.trade(), samples.event("cancel", executed_qty="1")):
        data = {SHORT[name]: value for name, value in json.loads(long)["data"].items()}
        short = samples.body({"r": "DATA", "c": "MYORDER", "d": data})
        assert event(short) == event(long)
    asset = {"as": [{"c": "KRW", "a": "1500.1234", "l": "8400.0000"}], "t": "order",
             "ts": 1790000007}  # fmt: skip
    short = samples.body({"r": "DATA", "c": "MYASSET", "d": asset})
    assert event(short) == event(samples.ASSET)


def test_event_asset_is_the_balance_behind_it():
    found = event(samples.ASSET)
    ((_, balance),) = found.balances
    assert (balance.currency, balance.free, balance.locked) == ("KRW", "1500.1234", "8400.0000")


@pytest.mark.parametrize(
    ("name", "value"),
    [("status", "rejected"), ("side", "BUY"), ("order_id", None), ("timestamp", "soon"),
     ("quote_currency", 5), ("executed_price", "0"), ("executed_qty", "-1"),
     ("executed_fee", "much"), ("is_maker", "yes"), ("trade_id", None),
     ("executed_qty", "0.123456789")],
)  # fmt: skip
def test_event_unknown_word_is_malformed(name, value):
    with pytest.raises(MalformedMessageError):
        event(samples.trade(**{name: value}))


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ({"response_type": "CONNECTED", "data": {"session_id": "s"}}, "logged_on"),
        ({"response_type": "SUBSCRIBED", "channel": "MYASSET"}, "subscribed"),
        ({"response_type": "PONG"}, "pong"),
        ({"response_type": "ERROR", "error_code": 160012, "message": "m"}, "refused"),
        ({"response_type": "DATA", "channel": "TICKER", "data": {}}, "other"),
        ({"response_type": "UNSUBSCRIBED"}, "other"),
    ],
)
def test_event_that_is_no_order_is_a_notice(message, kind):
    (notice,) = event(samples.body(message)).notices
    assert notice.kind == kind
    assert notice.code == message.get("error_code", 0)


def test_answer_to_a_new_order_acknowledges_it():
    (item,) = answered(PLACE, samples.success(order_id="v")).items
    assert (item.proves, item.report.kind) == (Proof.ACCEPTED, ExecKind.ACK)
    assert (item.client_order_id, item.report.venue_order_id) == (OURS, "v")
    assert SIDE.judge(PLACE, item).verdict is Verdict.DONE


@pytest.mark.parametrize(
    ("more", "kind", "executed"),
    [
        ({}, ExecKind.CANCELED, 50_000_000),
        ({"traded_qty": "2", "canceled_qty": "0"}, ExecKind.FOUND_FILLED, 200_000_000),
        ({"traded_qty": "0"}, ExecKind.CANCELED, 0),
        ({"remain_qty": "0.5"}, ExecKind.FOUND_OPEN, 50_000_000),
    ],
)
def test_answer_to_a_cancel_is_told_by_amounts(more, kind, executed):
    (item,) = answered(CANCEL, samples.success(**samples.canceled(**more))).items
    assert (item.proves, item.report.kind, item.report.cum_qty) == (Proof.STATE, kind, executed)
    assert (item.client_order_id, item.order.cum_fee_text) == (OURS, "0.1375")
    assert item.report.ts_event_ns == 1790000009 * 10**9


def test_answer_to_a_cancel_of_all_says_whether_any_remain():
    ask = Ask(Want.CANCEL_ALL, "main", instrument=BTC)
    assert answered(ask, samples.success(canceled_count=2, total_order_count=2)).complete
    assert not answered(ask, samples.success(canceled_count=1, total_order_count=2)).complete


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (samples.row(), ExecKind.FOUND_OPEN),
        (samples.row("PARTIALLY_FILLED", executed_qty="1"), ExecKind.FOUND_OPEN),
        (samples.row("TRIGGERED", type="STOP_LIMIT", is_triggered=True), ExecKind.FOUND_OPEN),
        (samples.row("FILLED", executed_qty="2"), ExecKind.FOUND_FILLED),
        (samples.row("FILLED", executed_qty="1"), ExecKind.CANCELED),
        (samples.row("CANCELED"), ExecKind.CANCELED),
        (samples.row("CANCELED", executed_qty="2"), ExecKind.FOUND_FILLED),
        (samples.row("PARTIALLY_CANCELED", executed_qty="1"), ExecKind.CANCELED),
        (samples.row("NOT_TRIGGERED_CANCELED", type="STOP_LIMIT"), ExecKind.CANCELED),
        (samples.row("CANCELED_LIMIT_PRICE_EXCEED", type="MARKET", side="SELL", price=None,
                     executed_qty="1"), ExecKind.EXPIRED),
        (samples.market_buy("FILLED"), ExecKind.FOUND_FILLED),
        (samples.market_buy("CANCELED_UNDER_PRODUCT_UNIT"), ExecKind.FOUND_FILLED),
        (samples.market_buy("CANCELED_NO_ORDER", traded_amount="500"), ExecKind.EXPIRED),
        (samples.market_buy("CANCELED_NO_ORDER"), ExecKind.FOUND_FILLED),
    ],
)  # fmt: skip
def test_view_end_is_told_by_amounts(row, kind):
    assert view(row).kind is kind


def test_view_has_exact_amounts_and_its_space():
    found = view(samples.row("NOT_TRIGGERED", type="STOP_LIMIT", is_triggered=False, fee="0.5"))
    assert (found.px, found.qty, found.executed_qty) == (13_750_000, 200_000_000, 0)
    assert (found.space, found.cum_fee_text, found.fee_currency) == (
        OrderSpace.CONDITIONAL, "0.5", "KRW",
    )  # fmt: skip
    assert (found.client_order_id, found.word) == (OURS, "NOT_TRIGGERED")
    bought = view(samples.market_buy("FILLED"))
    assert (bought.by_amount, bought.qty, bought.executed_quote) == (True, UNDEF, 999_999_900)


@pytest.mark.parametrize(
    ("name", "value"),
    [("status", "GONE"), ("side", "BID"), ("type", "TRAIL"), ("original_qty", "0.123456789"),
     ("executed_qty", "-1"), ("quote_currency", None), ("updated_at", "soon"), ("fee", "much")],
)  # fmt: skip
def test_view_unknown_word_is_malformed(name, value):
    with pytest.raises(MalformedMessageError):
        view(samples.row(**{name: value}))


def test_list_of_active_orders_is_ours_by_the_exchanges_id():
    ask = Ask(Want.OPEN_ORDERS, "main")
    rows = [samples.active(), samples.active(order_id="x", type="STOP_LIMIT", is_triggered=False)]
    found = answered(ask, samples.success(active_orders=rows))
    assert [row.client_order_id for row in found.rows] == [OURS, 0]
    assert [row.space for row in found.rows] == [OrderSpace.BOOK, OrderSpace.CONDITIONAL]
    assert {row.kind for row in found.rows} == {ExecKind.FOUND_OPEN}
    assert found.complete
    many = samples.success(active_orders=[samples.active()] * 101)
    assert not answered(ask, many).complete


def test_fills_have_fee_side_and_maker_and_go_on_behind_a_full_page():
    ask = Ask(Want.FILLS, "main")
    found = answered(ask, samples.success(completed_orders=[samples.completed()]))
    (fill,) = found.rows
    made = fill.report
    assert (made.px, made.qty, made.fee_text, made.side) == (
        13_750_000, 50_000_000, "0.1375", Side.BUY,
    )  # fmt: skip
    assert (made.client_order_id, made.liquidity, fill.trade_text) == (
        OURS, Liquidity.MAKER, samples.TRADE_ID,
    )  # fmt: skip
    assert made.ts_event_ns == 1790000004123 * 10**6
    assert (found.complete, found.next_page) == (True, "")
    full = answered(ask, samples.success(completed_orders=[samples.completed()] * 100))
    assert (full.complete, full.next_page) == (False, samples.TRADE_ID)


def test_fills_of_one_order_leave_others_and_other_pairs_out():
    rows = [
        samples.completed(), samples.completed(order_id="other"),
        samples.completed(target_currency="XRP"),
    ]  # fmt: skip
    ask = Ask(Want.ORDER_FILLS, "main", instrument=BTC, venue_order_id=samples.VENUE_ID, since_ms=1)
    assert len(answered(ask, samples.success(completed_orders=rows)).rows) == 1


def test_balances_and_fees_are_rows():
    rows = [{"currency": "btc", "available": "1.5", "limit": "0.5", "average_price": "1"}]
    (balance,) = answered(Ask(Want.BALANCES, "main"), samples.success(balances=rows)).rows
    assert (balance.currency, balance.free, balance.locked) == ("BTC", "1.5", "0.5")
    rows = [{"quote_currency": "KRW", "target_currency": "BTC", "maker": "0.0001",
             "taker": "0.0002"}]  # fmt: skip
    (rate,) = answered(Ask(Want.FEES, "main"), samples.success(fee_rates=rows)).rows
    assert (rate.symbol, rate.maker, rate.taker) == ("KRW-BTC", "0.0001", "0.0002")


@pytest.mark.parametrize(
    ("ask", "code", "verdict", "reason"),
    [
        (PLACE, 103, Verdict.REFUSED, RejectReason.INSUFFICIENT_FUNDS),
        (PLACE, 105, Verdict.REFUSED, RejectReason.OFF_TICK),
        (PLACE, 108, Verdict.REFUSED, RejectReason.UNKNOWN_INSTRUMENT),
        (PLACE, 111, Verdict.REFUSED, RejectReason.PRICE_BAND),
        (PLACE, 163, Verdict.REFUSED, RejectReason.BAD_SHAPE),
        (PLACE, 306, Verdict.REFUSED, RejectReason.NOTIONAL_BELOW_MIN),
        (PLACE, 307, Verdict.REFUSED, RejectReason.NOTIONAL_ABOVE_MAX),
        (PLACE, 12, Verdict.REFUSED, RejectReason.KEY_REFUSED),
        (PLACE, 53, Verdict.REFUSED, RejectReason.MARKET_STATUS),
        (PLACE, 312, Verdict.UNKNOWN, RejectReason.UNSET),
        (PLACE, 132, Verdict.UNKNOWN, RejectReason.UNSET),
        (PLACE, 405, Verdict.UNKNOWN, RejectReason.UNSET),
        (PLACE, 777, Verdict.UNKNOWN, RejectReason.UNSET),
        (ORDER, 777, Verdict.REFUSED, RejectReason.VENUE_REJECT),
        (ORDER, 104, Verdict.NOT_FOUND, RejectReason.UNKNOWN_ORDER),
        (CANCEL, 104, Verdict.NOT_OPEN, RejectReason.UNKNOWN_ORDER),
        (CANCEL, 116, Verdict.NOT_OPEN, RejectReason.UNKNOWN_ORDER),
        (CANCEL, 117, Verdict.NOT_OPEN, RejectReason.UNKNOWN_ORDER),
    ],
)
def test_judge_code_by_what_it_proves(ask, code, verdict, reason):
    found = judged(ask, samples.error(code))
    assert (found.verdict, found.reason, found.pause) == (verdict, reason, None)


@pytest.mark.parametrize(
    ("status", "body"),
    [(0, b"lost"), (200, b"<html>"), (404, b"<html>"), (503, samples.error(103)), (200, b"")],
)
def test_judge_answer_that_proves_nothing_is_unknown(status, body):
    assert judged(PLACE, body, status).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(("status", "body"), [(200, samples.error(4)), (429, b"any")])
def test_judge_over_the_limit_stops_the_bucket(status, body):
    found = judged(PLACE, body, status)
    assert (found.verdict, found.reason) == (Verdict.REFUSED, RejectReason.MESSAGE_RATE)
    assert (found.pause.key, found.pause.for_ms) == (("order", "main"), 1_000)


@pytest.mark.parametrize(
    "body",
    [
        samples.body({"result": "maybe", "error_code": "0"}),
        samples.body({"result": "success", "error_code": "5"}),
        samples.body({"result": "error", "error_code": "0"}),
        samples.body([]),
        samples.success(),
    ],
)
def test_answer_of_another_shape_is_malformed(body):
    with pytest.raises(MalformedMessageError):
        answered(PLACE, body)


def test_answer_headers_say_usage_and_the_body_the_clock():
    headers = {"private-order-ratelimit-remaining": "37", "private-ratelimit-remaining": "x"}
    found = answered(PLACE, samples.success(order_id="v"), headers=headers)
    assert found.usage == (Charge("order", ("main",), 3),)
    found = answered(Ask(Want.CLOCK), samples.success(server_time=1790000000123, markets=[]))
    assert found.server_ms == 1790000000123


def test_listing_joins_units_with_each_pairs_ladder():
    market = {
        "quote_currency": "KRW", "target_currency": "BTC", "price_unit": "10000.0",
        "qty_unit": "0.00000001", "max_order_amount": "1000000000.0",
        "max_price": "1000000000000.0", "max_qty": "100000000.0", "min_order_amount": "5000.0",
        "min_price": "0.0001",
        "min_qty": "0.00000001", "order_book_units": ["0.0"], "maintenance_status": 0,
        "trade_status": 1, "order_types": ["limit"],
    }  # fmt: skip
    states = {"BTC": (1, 0), "OFF": (0, 0), "OUT": (2, 0), "IN": (3, 0), "FIX": (1, 1),
              "ODD": (9, 0)}  # fmt: skip
    markets = [
        market | {"target_currency": name, "trade_status": state, "maintenance_status": fix}
        for name, (state, fix) in states.items()
    ]
    (first,) = SIDE.listing(spec.NAME)
    named = answered(first, samples.success(markets=markets, server_time=5))
    asks = SIDE.follow(first, named)
    assert len(asks) == 5, "a pair of an unknown state needs no ladder"
    units = [{"range_min": 0, "next_range_min": 1, "price_unit": 1e-05},
             {"range_min": 1, "next_range_min": 10, "price_unit": 10000}]  # fmt: skip
    told = answered(asks[0], samples.success(range_price_units=units))
    found = {row.base: row for row in SIDE.listed(spec.NAME, (named, told))}
    assert found["BTC"].ladder == (("0", "0.00001"), ("1", "10000"))
    assert (found["BTC"].tick, found["BTC"].lot, found["BTC"].min_notional) == (
        "10000.0", "0.00000001", "5000.0",
    )  # fmt: skip
    assert [found[name].status for name in states] == [
        "TRADING", "HALT", "SELL_ONLY", "BUY_ONLY", "HALT", "HALT",
    ]  # fmt: skip
    assert "ladder" in found["OUT"].left_out
    assert "9" in found["ODD"].left_out


@pytest.mark.parametrize(
    "data",
    [samples.event(), samples.trade("trade_done"), samples.event("cancel", executed_qty="1"),
     samples.ASSET, samples.body({"response_type": "ERROR", "error_code": 5, "message": "m"})],
)  # fmt: skip
def test_event_fuzzed_is_malformed_or_taken_and_nothing_else(data):
    fuzz(json.loads(data), event, 17)


@pytest.mark.parametrize(
    ("ask", "body"),
    [
        (PLACE, samples.success(order_id="v")),
        (CANCEL, samples.success(**samples.canceled())),
        (ORDER, samples.success(order=samples.market_buy("FILLED"))),
        (Ask(Want.OPEN_ORDERS, "main"), samples.success(active_orders=[samples.active()])),
        (Ask(Want.FILLS, "main"), samples.success(completed_orders=[samples.completed()])),
        (Ask(Want.CANCEL_ALL, "main"), samples.success(canceled_count=1, total_order_count=1)),
        (PLACE, samples.error(103)),
    ],
)
def test_answer_fuzzed_is_malformed_or_taken_and_nothing_else(ask, body):
    """An answer that is no JSON proves nothing, which is no error of the reader."""

    def read(data):
        if answered(ask, data).items[0].code == errors.NO_JSON:
            raise MalformedMessageError("no JSON")

    fuzz(json.loads(body), read, 5)


def test_times_below_ten_to_the_eleventh_are_seconds():
    assert orders_in.seconds_or_ms(1790000000) == 1790000000 * 10**9
    assert orders_in.seconds_or_ms(1790000000123) == 1790000000123 * 10**6
    assert orders_in.seconds_or_ms(None) == 0
