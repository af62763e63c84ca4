"""What Bithumb says, as records: every state word, amounts exactly, ends by amounts, bad bytes."""

import json

import pytest

from oms.ports import Key
from oms.venues.bithumb import errors, spec
from oms.venues.bithumb.orders import BithumbOrders
from oms.venues.data import Proof
from oms.venues.reports import Ask, MalformedMessageError, Verdict, Want
from shm_layout.enums import ExecKind, Liquidity, OrderSpace, RejectReason, Side
from shm_layout.records import UNDEF
from tests.oms.venues.bithumb import samples
from tests.oms.venues.order_sides import OTHER, OTHER_TEXT, OURS, SYSTEM, Known, command
from tests.oms.venues.typed_side import fuzz

SIDE = BithumbOrders({"main": Key("main", "access", b"sesame")}, SYSTEM)
(LINK,) = SIDE.links(("main",), {})
KNOWN = Known()
ORDER = Ask(Want.ORDER, "main", client_order_id=OURS)
PLACE = Ask(Want.PLACE, "main", orders=(command(),))
PAIR = Ask(Want.PLACE, "main", orders=(command(), command()._replace(client_order_id=OTHER)))


def event(data):
    return SIDE.read(LINK, data, KNOWN)


def report(data):
    ((_, found),) = event(data).reports
    return found


def answered(ask, body, status=200, known=KNOWN):
    return SIDE.read_http(ask, status, {}, body, known)


def view(**more):
    (found, *_) = answered(ORDER, samples.body(samples.row(**more))).rows
    return found


def test_event_wait_is_an_acknowledgement():
    found = report(samples.event())
    assert (found.kind, found.client_order_id, found.side) == (ExecKind.ACK, OURS, Side.BUY)
    assert (found.venue_order_id, found.cum_qty) == (samples.VENUE_ID, 0)
    assert found.ts_event_ns == 1790000000456 * 10**6


def test_event_without_running_sums_says_none():
    found = report(
        samples.event(executed_quantity=None, paid_fee=None, executed_amount=None,
                      remaining_quantity=None)
    )  # fmt: skip
    assert (found.cum_qty, found.cum_quote_qty, found.cum_fee_text) == (UNDEF, UNDEF, "")


def test_event_trade_is_a_fill_with_a_running_fee_alone():
    found = report(samples.trade())
    assert (found.kind, found.px, found.qty) == (ExecKind.FILL, 13_750_000, 50_000_000)
    assert (found.quote_qty, found.cum_qty, found.cum_quote_qty) == (
        687_500_000, 50_000_000, 687_500_000,
    )  # fmt: skip
    assert (found.fee_text, found.cum_fee_text, found.fee_currency) == ("", "0.27", "KRW")
    assert (found.trade_text, found.liquidity) == (samples.TRADE_ID, Liquidity.UNSET)
    assert report(samples.trade(time_in_force="post_only")).liquidity is Liquidity.MAKER


def test_event_quantity_beyond_a_double_asks_for_a_look():
    found = event(samples.trade(executed_quantity=123456789.5))
    assert found.reports == ()
    assert (found.notices[0].kind, found.notices[0].value) == ("look", samples.VENUE_ID)


@pytest.mark.parametrize(
    ("state", "more", "kind", "reason"),
    [
        ("done", {"executed_quantity": 2, "remaining_quantity": 0}, ExecKind.FOUND_FILLED,
         RejectReason.UNSET),
        ("done", {"executed_quantity": 0.5, "time_in_force": "ioc"}, ExecKind.EXPIRED,
         RejectReason.UNSET),
        ("done", {"executed_quantity": 0.5}, ExecKind.CANCELED, RejectReason.UNSET),
        ("cancel", {"executed_quantity": 0.5}, ExecKind.CANCELED, RejectReason.UNSET),
        ("cancel", {"executed_quantity": 2}, ExecKind.FOUND_FILLED, RejectReason.UNSET),
        ("cancel", {"cancel_type": "stp_cancel"}, ExecKind.CANCELED, RejectReason.SELF_TRADE),
        ("cancel", {"cancel_type": "tif_cancel", "time_in_force": "fok"}, ExecKind.EXPIRED,
         RejectReason.UNSET),
        ("cancel", {"cancel_type": "tif_cancel", "time_in_force": "post_only"}, ExecKind.EXPIRED,
         RejectReason.WOULD_TAKE),
        ("cancel", {"order_type": "price", "order_price": 0, "order_quantity": 0,
                    "order_amount": 1000, "executed_quantity": 0.72727272,
                    "executed_amount": 999.99999}, ExecKind.FOUND_FILLED, RejectReason.UNSET),
        ("done", {"order_type": "price", "order_price": 0, "order_quantity": 0,
                  "order_amount": 1000, "executed_quantity": 0.5, "executed_amount": 687.5},
         ExecKind.EXPIRED, RejectReason.UNSET),
    ],
)  # fmt: skip
def test_event_end_is_told_by_amounts(state, more, kind, reason):
    found = report(samples.event(state, **more))
    assert (found.kind, found.reason) == (kind, reason)
    assert found.text.startswith(state)


def test_event_total_that_shrank_without_a_word_is_reduced():
    found = event(samples.trade(remaining_quantity=1.0)).reports
    kinds = [one.kind for _, one in found]
    assert kinds == [ExecKind.FILL, ExecKind.REDUCED]
    assert (found[1][1].total_qty, found[1][1].reason) == (150_000_000, RejectReason.SELF_TRADE)


def test_event_of_another_desk_is_told_when_it_opens_alone():
    opened = report(samples.event(client_order_id="theirs"))
    assert (opened.kind, opened.client_order_id) == (ExecKind.EXTERNAL_OPEN, 0)
    assert (opened.px, opened.qty) == (13_750_000, 200_000_000)
    watched = report(samples.event("watch", client_order_id=None))
    assert watched.space is OrderSpace.CONDITIONAL
    assert event(samples.trade(client_order_id=None)).reports == ()
    assert event(samples.event(code="KRW-XRP")).reports == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [("state", "prevented"), ("side", "bid"), ("order_type", "stop"), ("code", "KRWBTC"),
     ("order_id", 5), ("executed_quantity", -1), ("paid_fee", "much"), ("timestamp", "soon")],
)  # fmt: skip
def test_event_unknown_word_is_malformed(name, value):
    with pytest.raises(MalformedMessageError):
        event(samples.event(**{name: value}))


@pytest.mark.parametrize("name", ["trade_id", "trade_price", "trade_quantity"])
def test_event_trade_without_its_own_fields_is_malformed(name):
    with pytest.raises(MalformedMessageError):
        event(samples.trade(**{name: None}))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b'{"status":"UP"}', "pong"),
        (samples.error("INVALID_PARAM"), "refused"),
        (b'{"type":"ticker"}', "other"),
    ],
)
def test_event_that_is_no_order_is_a_notice(data, kind):
    (notice,) = event(data).notices
    assert notice.kind == kind


def test_event_asset_keeps_every_digit():
    ((_, balance),) = event(samples.ASSET.replace(b"1.5", b"2061832.35123456789")).balances
    assert (balance.free, balance.locked) == ("2061832.35123456789", "0")


def test_answer_to_a_new_order_proves_receipt_alone():
    (item,) = answered(PLACE, samples.body(samples.accepted()), 201).items
    assert (item.proves, item.report.kind) == (Proof.RECEIVED, ExecKind.RECEIVED)
    assert (item.client_order_id, item.report.venue_order_id) == (OURS, samples.VENUE_ID)
    assert SIDE.judge(PLACE, item).verdict is Verdict.DONE


def test_answer_of_the_older_call_shows_the_order():
    (item,) = answered(PLACE, samples.body(samples.row()), 201).items
    assert (item.proves, item.order.kind) == (Proof.STATE, ExecKind.FOUND_OPEN)


def test_answer_to_a_batch_is_an_item_each():
    refused = {"client_order_id": OTHER_TEXT, "name": "cross_trading", "message": "말"}
    body = {"batch_orders_response": [samples.accepted(), refused]}
    done, failed = answered(PAIR, samples.body(body)).items
    assert (done.client_order_id, done.proves) == (OURS, Proof.RECEIVED)
    assert (failed.client_order_id, failed.code) == (OTHER, errors.NAMES.code("cross_trading"))
    judged = SIDE.judge(PAIR, failed)
    assert (judged.verdict, judged.reason) == (Verdict.REFUSED, RejectReason.SELF_TRADE)


def test_answer_to_cancels_proves_receipt_or_names_the_reason():
    cancel = Ask(Want.CANCEL, "main", client_order_id=OURS)
    known = Known(orders={"a": OURS, "b": OTHER})
    (item,) = answered(cancel, b'{"order_id":"a","created_at":"x"}', known=known).items
    assert (item.proves, item.client_order_id, item.report) == (Proof.RECEIVED, OURS, None)
    body = {
        "success": [{"order_id": "a", "created_at": "x"}],
        "fail": [{"order_id": "b", "error": {"name": "order_not_found", "message": "m"}}],
    }
    done, failed = answered(cancel, samples.body(body), known=known).items
    assert (done.client_order_id, failed.client_order_id) == (OURS, OTHER)
    assert SIDE.judge(cancel, failed).verdict is Verdict.NOT_OPEN


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({"state": "done", "executed_volume": "2"}, ExecKind.FOUND_FILLED),
        ({"state": "done", "executed_volume": "1", "time_in_force": "ioc"}, ExecKind.EXPIRED),
        ({"state": "cancel", "executed_volume": "1"}, ExecKind.CANCELED),
        ({"state": "done", "ord_type": "price", "price": "1000", "volume": None,
          "executed_volume": "0.72727272", "executed_funds": "999.99999"}, ExecKind.FOUND_FILLED),
        ({"state": "wait", "ord_type": None, "order_type": "limit", "uuid": None,
          "order_id": "C9"}, ExecKind.FOUND_OPEN),
    ],
)  # fmt: skip
def test_view_end_is_told_by_amounts(more, kind):
    assert view(**more).kind is kind


def test_view_with_trades_gives_fills_without_fee():
    body = samples.row(trades=[samples.trade_row()], executed_volume="0.5", paid_fee="0.27")
    found, fill = answered(ORDER, samples.body(body)).rows
    assert (found.cum_fee_text, found.executed_quote) == ("0.27", 687_500_000)
    assert (fill.trade_text, fill.report.px, fill.report.fee_text) == (
        samples.TRADE_ID, 13_750_000, "",
    )  # fmt: skip


def test_list_of_open_orders_is_complete_with_its_last_page():
    ask = Ask(Want.OPEN_ORDERS, "main")
    page = {"data": [samples.row()], "has_next": True, "next_key": "k"}
    first = answered(ask, samples.body(page))
    assert (first.complete, first.next_page) == (False, "k")
    page = {"data": [], "has_next": False, "next_key": None}
    assert answered(Ask(Want.OPEN_ORDERS, "main", page="k"), samples.body(page)).complete


def test_error_under_http_200_is_an_error():
    (item,) = answered(
        Ask(Want.LISTING), b'{"error":{"name":404,"message":"Code not found"}}'
    ).items
    assert SIDE.judge(Ask(Want.LISTING), item).verdict is Verdict.REFUSED


@pytest.mark.parametrize(
    ("ask", "status", "name", "verdict", "reason"),
    [
        (PLACE, 400, "invalid_price", Verdict.REFUSED, RejectReason.OFF_TICK),
        (PLACE, 400, "under_price_limit_bid", Verdict.REFUSED, RejectReason.PRICE_BAND),
        (PLACE, 400, "insufficient_funds_bid", Verdict.REFUSED, RejectReason.INSUFFICIENT_FUNDS),
        (PLACE, 400, "a_name_of_tomorrow", Verdict.REFUSED, RejectReason.VENUE_REJECT),
        (PLACE, 401, "expired_jwt", Verdict.REFUSED, RejectReason.CLOCK),
        (PLACE, 401, "NotAllowIP", Verdict.REFUSED, RejectReason.KEY_REFUSED),
        (PLACE, 403, "blocked_member_id", Verdict.REFUSED, RejectReason.KEY_REFUSED),
        (PLACE, 500, "server_error", Verdict.UNKNOWN, RejectReason.UNSET),
        (ORDER, 404, "order_not_found", Verdict.NOT_FOUND, RejectReason.UNKNOWN_ORDER),
        (ORDER, 422, "order_not_ready", Verdict.SOON, RejectReason.UNSET),
        (Ask(Want.CANCEL, "main"), 422, "order_not_ready", Verdict.SOON, RejectReason.UNSET),
        (Ask(Want.CANCEL, "main"), 404, "order_not_found", Verdict.NOT_OPEN,
         RejectReason.UNKNOWN_ORDER),
    ],
)  # fmt: skip
def test_judge_named_error(ask, status, name, verdict, reason):
    (item,) = answered(ask, samples.error(name), status).items
    found = SIDE.judge(ask, item)
    assert (found.verdict, found.reason) == (verdict, reason)
    assert found.clock is (name == "expired_jwt")


def test_judge_no_answer_html_and_too_many():
    for status, body in ((0, b"lost"), (503, b"<html>"), (404, b"<html>")):
        (item,) = answered(PLACE, body, status).items
        assert SIDE.judge(PLACE, item).verdict is Verdict.UNKNOWN
    (item,) = answered(PLACE, b"any", 429).items
    found = SIDE.judge(PLACE, item)
    assert (found.verdict, found.pause.key, found.pause.for_ms) == (
        Verdict.REFUSED, ("private-order",), 1_000,
    )  # fmt: skip


def test_listing_takes_its_tick_from_the_ladder_at_the_present_price():
    (first,) = SIDE.listing(spec.NAME)
    pairs = [
        {"market": "KRW-BTC", "market_warning": "NONE"},
        {"market": "KRW-ZIL", "market_warning": "CAUTION"},
        {"market": "KRW-NEW", "market_warning": "UNHEARD"},
        {"market": "BTC-ETH", "market_warning": "NONE"},
    ]
    named = answered(first, samples.body(pairs))
    (second,) = SIDE.follow(first, named)
    ticks = [
        {"market": "KRW-BTC", "trade_price": 116208000},
        {"market": "KRW-ZIL", "trade_price": 9.99},
    ]
    told = answered(second, samples.body(ticks))
    found = {row.symbol: row for row in SIDE.listed(spec.NAME, (named, told))}
    assert (found["KRW-BTC"].tick, found["KRW-ZIL"].tick) == ("1000", "0.001")
    assert (found["KRW-BTC"].status, found["KRW-ZIL"].status) == ("TRADING", "WARNING")
    assert "UNHEARD" in found["KRW-NEW"].left_out
    assert "KRW" in found["BTC-ETH"].left_out
    assert found["KRW-BTC"].ladder == spec.LADDER


@pytest.mark.parametrize(
    "data",
    [samples.event(), samples.trade(remaining_quantity=1.0), samples.event("cancel"),
     samples.ASSET, samples.error("NO_TYPE")],
)  # fmt: skip
def test_event_fuzzed_is_malformed_or_taken_and_nothing_else(data):
    fuzz(json.loads(data), event, 13)


@pytest.mark.parametrize(
    ("ask", "body"),
    [
        (ORDER, samples.row(trades=[samples.trade_row()])),
        (PLACE, samples.accepted()),
        (PAIR, {"batch_orders_response": [samples.accepted(),
                                          {"client_order_id": "x", "name": "n", "message": "m"}]}),
        (Ask(Want.CANCEL, "main"), {"success": [{"order_id": "a"}],
                                    "fail": [{"order_id": "b", "error": {"name": "n"}}]}),
        (Ask(Want.OPEN_ORDERS, "main"), {"data": [samples.row()], "has_next": True,
                                         "next_key": "k"}),
        (Ask(Want.LISTING), [{"market": "KRW-BTC", "market_warning": "NONE"}]),
        (Ask(Want.LISTING, values={"codes": "KRW-BTC"}),
         [{"market": "KRW-BTC", "trade_price": 5.5}]),
    ],
)  # fmt: skip
def test_answer_fuzzed_is_malformed_or_taken_and_nothing_else(ask, body):
    fuzz(body, lambda data: answered(ask, data), 5)
