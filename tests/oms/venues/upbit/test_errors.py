"""What Upbit's errors prove of an order, and what has to wait."""

import pytest

from oms.ports import Key
from oms.venues.reports import Ask, Judgement, Verdict, Want
from oms.venues.shared.bid_ask.named_errors import NO_BODY, UNLISTED
from oms.venues.upbit import errors
from oms.venues.upbit.orders import UpbitOrders
from shm_layout.enums import RejectReason
from tests.oms.venues.order_sides import OURS, SYSTEM, Known
from tests.oms.venues.upbit import samples

SIDE = UpbitOrders({"main": Key("main", "access", b"sesame")}, SYSTEM)
PLACE = Ask(Want.PLACE, "main", client_order_id=OURS)
CANCEL = Ask(Want.CANCEL, "main", client_order_id=OURS)
QUERY = Ask(Want.ORDER, "main", client_order_id=OURS)
FENCE = Ask(Want.FENCE, "main", client_order_id=OURS)


def judged(ask, status, body):
    (item,) = SIDE.read_http(ask, status, {}, body, Known()).items
    return SIDE.judge(ask, item)


def said(ask, status, name):
    found = judged(ask, status, samples.error(name))
    return found.verdict, found.reason


R, V = RejectReason, Verdict


@pytest.mark.parametrize(
    ("status", "name", "reason"),
    [
        (400, "insufficient_funds_bid", R.INSUFFICIENT_FUNDS),
        (400, "under_min_total_market_ask", R.NOTIONAL_BELOW_MIN),
        (400, "over_krw_funds_bid", R.NOTIONAL_ABOVE_MAX),
        (400, "invalid_price_ask", R.OFF_TICK),
        (400, "invalid_volume_bid", R.OFF_LOT),
        (400, "invalid_post_only", R.UNSUPPORTED_ORDER),
        (400, "notfoundmarket", R.UNKNOWN_INSTRUMENT),
        (400, "validation_error", R.BAD_SHAPE),
        (401, "jwt_verification", R.KEY_REFUSED),
        (403, "out_of_scope", R.KEY_REFUSED),
        (401, "out_of_scope", R.KEY_REFUSED),
        (403, "market_offline", R.MARKET_STATUS),
        (400, "a_name_of_tomorrow", R.VENUE_REJECT),
        (401, "a_name_of_tomorrow", R.KEY_REFUSED),
    ],
)
def test_new_order_named_error_is_a_refusal(status, name, reason):
    assert said(PLACE, status, name) == (V.REFUSED, reason)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (0, b"connection lost"),
        (500, samples.error("internal_server_error")),
        (502, b"<html>"),
        (400, samples.error("duplicated_identifier")),
        (401, samples.error("nonce_used")),
        (403, b"<html>blocked</html>"),
        (404, b""),
    ],
)
def test_new_order_that_may_be_there_is_unknown(status, body):
    assert judged(PLACE, status, body).verdict is V.UNKNOWN


def test_order_that_is_not_there_depends_on_who_asks():
    assert said(QUERY, 404, "order_not_found") == (V.NOT_FOUND, R.UNKNOWN_ORDER)
    assert said(CANCEL, 404, "order_not_found") == (V.NOT_OPEN, R.UNKNOWN_ORDER)
    assert said(CANCEL, 404, "a_name_of_tomorrow") == (V.NOT_OPEN, R.UNKNOWN_ORDER)
    assert said(CANCEL, 400, "a_name_of_tomorrow") == (V.UNKNOWN, R.UNSET)


@pytest.mark.parametrize("body", [b"", b"slow down", samples.error("too_many_requests")])
def test_too_many_requests_stops_the_group_with_any_body(body):
    found = judged(PLACE, 429, body)
    assert (found.verdict, found.reason) == (V.REFUSED, R.MESSAGE_RATE)
    assert (found.pause.key, found.pause.for_ms, found.pause.cancels_pass) == (
        ("order", "main"), 1_000, True,
    )  # fmt: skip
    banned = judged(PLACE, 418, body)
    assert (banned.pause.key, banned.pause.cancels_pass) == (("account", "main"), False)
    public = judged(Ask(Want.LISTING), 418, body)
    assert public.pause.key == ("egress",)


def test_fence_stands_once_its_identifier_is_spent():
    assert said(FENCE, 400, "under_min_total_bid") == (V.DONE, R.UNSET)
    assert said(FENCE, 400, "duplicated_identifier") == (V.DONE, R.UNSET)
    assert said(FENCE, 401, "jwt_verification")[0] is V.REFUSED
    assert said(FENCE, 500, "internal_server_error")[0] is V.UNKNOWN
    assert judged(FENCE, 0, b"").verdict is V.UNKNOWN
    assert judged(FENCE, 201, samples.body(samples.row())).verdict is V.UNKNOWN


def test_success_is_done():
    assert judged(PLACE, 201, samples.body(samples.row())) == Judgement(V.DONE)


def test_item_keeps_the_name_and_its_number():
    (item,) = SIDE.read_http(
        PLACE, 400, {}, samples.error("invalid_price_ask", "호가"), Known()
    ).items
    assert (item.code, item.text) == (
        errors.NAMES.code("invalid_price_ask"),
        "invalid_price_ask 호가",
    )
    (item,) = SIDE.read_http(PLACE, 400, {}, b'{"error":{"name":400,"message":"m"}}', Known()).items
    assert item.code == UNLISTED
    (item,) = SIDE.read_http(PLACE, 400, {}, b"[]", Known()).items
    assert item.code == NO_BODY
