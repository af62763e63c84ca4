"""What Upbit says, as records: every state word, amounts exactly, ends by amounts, bad bytes."""

import json

import pytest

from oms.ports import Key
from oms.venues.data import Charge, Proof
from oms.venues.reports import Ask, MalformedMessageError, OrderView, Want
from oms.venues.upbit import errors, spec
from oms.venues.upbit.orders import UpbitOrders
from shm_layout.enums import ExecKind, Liquidity, OrderSpace, RejectReason, Side
from shm_layout.records import UNDEF
from tests.oms.venues.order_sides import (
    OTHER,
    OURS,
    SYSTEM,
    Known,
    command,
    instrument,
)
from tests.oms.venues.typed_side import fuzz
from tests.oms.venues.upbit import samples

SIDE = UpbitOrders({"main": Key("main", "access", b"sesame")}, SYSTEM)
(LINK,) = SIDE.links(("main",), {})
KNOWN = Known()
ORDER = Ask(Want.ORDER, "main", client_order_id=OURS)


def event(data):
    return SIDE.read(LINK, data, KNOWN)


def report(data):
    ((_, found),) = event(data).reports
    return found


def answered(ask, body, status=200, headers=None):
    return SIDE.read_http(ask, status, headers or {}, body, KNOWN)


def view(**more):
    (found, *_) = answered(ORDER, samples.body(samples.row(**more))).rows
    return found


def test_event_wait_is_an_acknowledgement():
    found = report(samples.event())
    assert (found.kind, found.client_order_id, found.side) == (ExecKind.ACK, OURS, Side.BUY)
    assert (found.venue_order_id, found.cum_qty) == (samples.VENUE_ID, 0)
    assert found.ts_event_ns == 1790000000456 * 10**6


def test_event_watch_stands_in_the_conditional_space():
    assert report(samples.event("watch")).space is OrderSpace.CONDITIONAL


def test_event_trade_is_a_fill_with_its_own_price_fee_and_running_sums():
    found = report(samples.trade())
    assert (found.kind, found.px, found.qty) == (ExecKind.FILL, 13_750_000, 50_000_000)
    assert (found.quote_qty, found.cum_qty, found.cum_quote_qty) == (
        687_500_000, 50_000_000, 687_500_000,
    )  # fmt: skip
    assert (found.fee_text, found.cum_fee_text, found.fee_currency) == (
        "0.34375", "0.34375", "KRW",
    )  # fmt: skip
    assert (found.trade_text, found.liquidity) == (samples.TRADE_ID, Liquidity.MAKER)
    assert found.ts_event_ns == 1790000000400 * 10**6


def test_event_price_with_exponent_is_exact():
    data = samples.trade().replace(b'"price": 1375.0', b'"price": 1.16539E8')
    assert report(data).px == 1165390000000


def test_event_quantity_beyond_a_double_asks_for_a_look():
    data = samples.trade(identifier=None).replace(b'"volume": 0.5', b'"volume": 123456789.1234567')
    known = Known(orders={samples.VENUE_ID: OURS})
    found = SIDE.read(LINK, data, known)
    assert found.reports == ()
    assert (found.notices[0].kind, found.notices[0].value) == ("look", samples.VENUE_ID)


@pytest.mark.parametrize(
    ("state", "more", "kind"),
    [
        ("done", {"executed_volume": 2.0, "remaining_volume": 0.0}, ExecKind.FOUND_FILLED),
        ("done", {"executed_volume": 1.5}, ExecKind.CANCELED),
        ("cancel", {}, ExecKind.CANCELED),
        ("cancel", {"executed_volume": 1.5}, ExecKind.CANCELED),
        ("cancel", {"executed_volume": 2.0}, ExecKind.FOUND_FILLED),
        ("cancel", {"time_in_force": "ioc"}, ExecKind.EXPIRED),
        ("cancel", {"time_in_force": "post_only"}, ExecKind.CANCELED),
        ("cancel", {"order_type": "price", "price": 1000.0, "volume": None,
                    "executed_volume": 0.72727272, "executed_funds": 999.99999},
         ExecKind.FOUND_FILLED),
        ("cancel", {"order_type": "price", "price": 1000.0, "volume": None,
                    "executed_volume": 0.5, "executed_funds": 687.5}, ExecKind.EXPIRED),
        ("cancel", {"order_type": "price", "price": 1000.0, "volume": None}, ExecKind.EXPIRED),
        ("done", {"prevented_volume": 0.5, "executed_volume": 1.5, "remaining_volume": 0.0},
         ExecKind.FOUND_FILLED),
    ],
)  # fmt: skip
def test_event_end_is_told_by_amounts(state, more, kind):
    found = report(samples.event(state, **more))
    assert found.kind is kind
    assert found.text.startswith(state)


def test_event_prevented_says_what_the_order_is_from_now_on():
    found = report(
        samples.event("prevented", executed_volume=0.5, remaining_volume=1.0, prevented_volume=0.5)
    )
    assert (found.kind, found.total_qty) == (ExecKind.REDUCED, 150_000_000)
    assert found.reason is RejectReason.SELF_TRADE
    ended = report(samples.event("cancel", executed_volume=1.5, prevented_volume=0.5))
    assert (ended.kind, ended.reason) == (ExecKind.CANCELED, RejectReason.SELF_TRADE)


def test_event_of_another_desk_is_told_when_it_opens_alone():
    opened = report(samples.event(identifier="theirs"))
    assert (opened.kind, opened.client_order_id) == (ExecKind.EXTERNAL_OPEN, 0)
    assert (opened.px, opened.qty) == (13_750_000, 200_000_000)
    assert event(samples.trade(identifier=None)).reports == ()
    assert event(samples.event(code="KRW-XRP")).reports == ()


def test_event_without_identifier_is_ours_by_the_exchanges_id():
    known = Known(orders={samples.VENUE_ID: OURS})
    ((_, found),) = SIDE.read(LINK, samples.event(identifier=None), known).reports
    assert found.client_order_id == OURS


@pytest.mark.parametrize(
    ("more", "value"),
    [("state", "parked"), ("ask_bid", "bid"), ("order_type", "stop"), ("code", "KRWBTC"),
     ("uuid", 5), ("executed_volume", -1.0), ("paid_fee", "much"), ("timestamp", "soon")],
)  # fmt: skip
def test_event_unknown_word_is_malformed(more, value):
    with pytest.raises(MalformedMessageError):
        event(samples.event(**{more: value}))


@pytest.mark.parametrize("more", ["trade_uuid", "is_maker", "trade_fee"])
def test_event_trade_without_its_own_fields_is_malformed(more):
    data = json.loads(samples.trade())
    with pytest.raises(MalformedMessageError):
        event(samples.body(data | {more: None}))


def test_event_asset_keeps_every_digit():
    data = (
        b'{"type":"myAsset","asset_uuid":"a","assets":[{"currency":"KRW",'
        b'"balance":1234567.89012345678901234567,"locked":0}],'
        b'"asset_timestamp":1790000000001,"timestamp":1790000000009}'
    )
    found = event(data)
    ((_, balance),) = found.balances
    assert (balance.currency, balance.free, balance.locked) == (
        "KRW", "1234567.89012345678901234567", "0",
    )  # fmt: skip
    assert found.event_ns == 1790000000001 * 10**6


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b'{"status":"UP"}', "pong"),
        (samples.error("INVALID_AUTH"), "refused"),
        (b'{"method":"LIST_SUBSCRIPTIONS","result":[{"type":"myOrder"}],"ticket":"t"}',
         "subscribed"),
        (b'{"type":"announcement","category":"maintenance","title":"t"}', "status"),
        (b'{"type":"candle.1s"}', "other"),
    ],
)  # fmt: skip
def test_event_that_is_no_order_is_a_notice(data, kind):
    (notice,) = event(data).notices
    assert notice.kind == kind


def test_answer_to_a_new_order_acknowledges_it():
    ask = Ask(Want.PLACE, "main", instrument=instrument(), orders=(command(),))
    (item,) = answered(ask, samples.body(samples.row()), 201).items
    assert (item.proves, item.report.kind) == (Proof.ACCEPTED, ExecKind.ACK)
    assert (item.report.client_order_id, item.report.venue_order_id) == (OURS, samples.VENUE_ID)


def test_answer_to_a_cancel_proves_receipt_alone():
    (item,) = answered(Ask(Want.CANCEL, "main"), samples.body(samples.row())).items
    assert (item.proves, item.order.kind, item.report) == (
        Proof.RECEIVED, ExecKind.FOUND_OPEN, None,
    )  # fmt: skip


def test_answer_to_a_cancel_of_several_names_each():
    known = Known(orders={"a": OURS, "b": OTHER})
    body = samples.body(
        {"success": {"count": 1, "orders": [{"uuid": "a", "market": "KRW-BTC"}]},
         "failed": {"count": 1, "orders": [{"uuid": "b", "market": "KRW-BTC"}]}}
    )  # fmt: skip
    done, failed = SIDE.read_http(Ask(Want.CANCEL, "main"), 200, {}, body, known).items
    assert (done.client_order_id, done.code, done.proves) == (OURS, 0, Proof.RECEIVED)
    assert (failed.client_order_id, failed.code) == (OTHER, errors.FAILED)


def test_answer_to_a_replace_names_both_or_says_that_none_followed():
    ask = Ask(Want.REPLACE, "main", orders=(command(target_client_order_id=OTHER),))
    body = samples.row(new_order_uuid="n", new_order_identifier="i")
    new, old = answered(ask, samples.body(body)).items
    assert (new.report.kind, new.report.venue_order_id, new.client_order_id) == (
        ExecKind.RECEIVED, "n", OURS,
    )  # fmt: skip
    assert (old.order.venue_order_id, old.proves) == (samples.VENUE_ID, Proof.RECEIVED)
    none, _ = answered(ask, samples.body(samples.row())).items
    assert SIDE.judge(ask, none).reason is RejectReason.ORDER_CLOSED


def test_view_has_exact_amounts_and_a_running_fee():
    found = view(executed_volume="0.5", paid_fee="3.697095875", price="1375.0")
    assert isinstance(found, OrderView)
    assert (found.px, found.qty, found.executed_qty) == (13_750_000, 200_000_000, 50_000_000)
    assert (found.cum_fee_text, found.fee_currency) == ("3.697095875", "KRW")
    assert (found.kind, found.word, found.by_amount) == (ExecKind.FOUND_OPEN, "wait", False)
    assert found.ts_event_ns == 1790022800 * 10**9


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({"state": "done", "executed_volume": "2"}, ExecKind.FOUND_FILLED),
        ({"state": "cancel", "executed_volume": "1"}, ExecKind.CANCELED),
        ({"state": "cancel", "executed_volume": "0", "time_in_force": "fok"}, ExecKind.EXPIRED),
        ({"state": "done", "ord_type": "price", "price": "1000", "volume": None,
          "executed_volume": "0.7"}, ExecKind.FOUND_FILLED),
        ({"state": "cancel", "ord_type": "market", "price": None, "side": "ask",
          "executed_volume": "1"}, ExecKind.EXPIRED),
        ({"state": "cancel", "ord_type": "price", "price": "1000", "volume": None,
          "executed_volume": "0.72727272",
          "trades": [samples.trade_row(volume="0.72727272", funds="999.99999")]},
         ExecKind.FOUND_FILLED),
        ({"state": "watch"}, ExecKind.FOUND_OPEN),
    ],
)  # fmt: skip
def test_view_end_is_told_by_amounts(more, kind):
    assert view(**more).kind is kind


def test_view_with_trades_gives_fills_without_fee():
    body = samples.row(trades=[samples.trade_row()], executed_volume="0.5")
    _, fill = answered(ORDER, samples.body(body)).rows
    assert (fill.trade_text, fill.report.px, fill.report.qty) == (
        samples.TRADE_ID, 13_750_000, 50_000_000,
    )  # fmt: skip
    assert (fill.report.fee_text, fill.report.client_order_id) == ("", OURS)
    assert fill.report.ts_event_ns == 1790022801123456 * 1000


@pytest.mark.parametrize(
    ("name", "value"),
    [("state", "closed"), ("side", "buy"), ("ord_type", "stop"), ("created_at", "yesterday"),
     ("created_at", "2026-09-22T05:33:20"), ("volume", "0.123456789"), ("executed_volume", "-1"),
     ("market", "BTC"), ("uuid", None)],
)  # fmt: skip
def test_view_unknown_word_is_malformed(name, value):
    with pytest.raises(MalformedMessageError):
        view(**{name: value})


def test_list_of_open_orders_is_complete_where_it_fits_a_page():
    ask = Ask(Want.OPEN_ORDERS, "main")
    few = answered(ask, samples.body([samples.row()]))
    assert (few.complete, few.next_page, len(few.rows)) == (True, "", 1)
    full = answered(ask, samples.body([samples.row()] * 100))
    assert (full.complete, full.next_page) == (False, "2")
    last = answered(Ask(Want.OPEN_ORDERS, "main", page="2"), samples.body([]))
    assert (last.complete, last.next_page) == (False, "")


def test_list_of_ended_orders_walks_windows_back_to_its_start():
    week = spec.ENDED_WINDOW_MS
    ask = Ask(Want.ENDED_ORDERS, "main", since_ms=10, until_ms=week + 20)
    assert answered(ask, samples.body([])).complete is False
    inside = Ask(Want.ENDED_ORDERS, "main", since_ms=week, until_ms=week + 5)
    assert answered(inside, samples.body([])).complete
    full = answered(inside, samples.body([samples.row("done")] * 1_000))
    assert (full.complete, full.next_page) == (False, str(week + 4))


def test_chance_gives_fees_by_side_and_the_markets_bounds():
    body = {
        "bid_fee": "0.0005", "ask_fee": "0.0006", "maker_bid_fee": "0.0004",
        "maker_ask_fee": "0.0003",
        "market": {"id": "KRW-BTC", "bid": {"currency": "KRW", "min_total": "5000"},
                   "ask": {"currency": "BTC", "min_total": "5000"}, "max_total": "1000000000",
                   "state": "active"},
    }  # fmt: skip
    buy, sell, listed = answered(Ask(Want.FEES, "main"), samples.body(body)).rows
    assert (buy.side, buy.maker, buy.taker) == (Side.BUY, "0.0004", "0.0005")
    assert (sell.side, sell.maker, sell.taker) == (Side.SELL, "0.0003", "0.0006")
    assert (listed.min_notional, listed.max_notional, listed.status) == (
        "5000", "1000000000", "TRADING",
    )  # fmt: skip
    body["market"]["state"] = "paused"
    assert answered(Ask(Want.FEES, "main"), samples.body(body)).rows[2].status == "HALT"


def test_key_that_is_not_in_the_list_is_refused():
    body = [{"access_key": "access", "expire_at": "2027-01-01T00:00:00+09:00"}]
    ask = Ask(Want.KEY, "main")
    found = answered(ask, samples.body(body))
    assert found.rows[0].until_ms == 1798729200 * 10**3
    body[0]["access_key"] = "other"
    (item,) = answered(ask, samples.body(body)).items
    assert SIDE.judge(ask, item).reason is RejectReason.KEY_REFUSED


def test_answer_headers_say_clock_and_usage():
    headers = {"date": "Tue, 22 Sep 2026 05:33:20 GMT",
               "remaining-req": "group=order; min=720; sec=9"}  # fmt: skip
    found = answered(Ask(Want.BALANCES, "main"), b"[]", headers=headers)
    assert found.server_ms == 1790055200000
    assert found.usage == (Charge("order", ("main",), 3),)
    other = answered(
        Ask(Want.BALANCES, "main"), b"[]", headers={"remaining-req": "none", "date": ""}
    )
    assert (other.server_ms, other.usage) == (0, ())


def test_unsaid_amounts_stay_unsaid():
    found = view(ord_type="market", price=None, volume="1", side="ask")
    assert (found.px, found.qty, found.executed_quote) == (UNDEF, 100_000_000, UNDEF)


@pytest.mark.parametrize(
    "data",
    [samples.event(), samples.trade(), samples.event("cancel", order_type="price"),
     samples.ASSET, samples.error("NO_TYPE")],
)  # fmt: skip
def test_event_fuzzed_is_malformed_or_taken_and_nothing_else(data):
    fuzz(json.loads(data), event, 11)


@pytest.mark.parametrize(
    ("ask", "body"),
    [
        (ORDER, samples.row(trades=[samples.trade_row()])),
        (Ask(Want.OPEN_ORDERS, "main"), [samples.row(), samples.row("done")]),
        (Ask(Want.REPLACE, "main", orders=(command(),)), samples.row(new_order_uuid="n")),
        (Ask(Want.BALANCES, "main"), [{"currency": "KRW", "balance": "1", "locked": "0"}]),
        (Ask(Want.LISTING), [{"market": "KRW-BTC", "market_event": {"warning": False}}]),
        (Ask(Want.KEY, "main"), [{"access_key": "a", "expire_at": "2027-01-01T00:00:00+09:00"}]),
    ],
)
def test_answer_fuzzed_is_malformed_or_taken_and_nothing_else(ask, body):
    fuzz(body, lambda data: answered(ask, data), 5)
