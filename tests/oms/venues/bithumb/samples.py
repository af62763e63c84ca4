"""Messages of our own making in Bithumb's shape."""

import json

from tests.oms.venues.order_sides import OURS_TEXT

VENUE_ID = "C0101000000009912345"
TRADE_ID = "C0101000000008812345"
ASSET = (
    b'{"type":"myAsset","assets":[{"currency":"KRW","balance":"1.5","locked":"0"}],'
    b'"asset_timestamp":1,"timestamp":2}'
)


def event(state="wait", **more):
    """A `myOrder` event of ours: a limit to buy 2 at 1375. None leaves a field out."""
    made = {
        "type": "myOrder", "stream_type": "REALTIME", "code": "KRW-BTC", "order_id": VENUE_ID,
        "client_order_id": OURS_TEXT, "side": "buy", "order_type": "limit", "state": state,
        "order_price": 1375, "order_quantity": 2, "order_amount": 2750,
        "order_timestamp": 1790000000000, "timestamp": 1790000000456, "executed_quantity": 0,
        "remaining_quantity": 2, "executed_amount": 0, "paid_fee": 0, "remaining_fee": 1.1,
        "reserved_fee": 1.1,
    } | more  # fmt: skip
    return body({name: value for name, value in made.items() if value is not None})


def trade(**more):
    """Of it, half a coin traded."""
    made = {
        "trade_id": TRADE_ID, "trade_price": 1375, "trade_quantity": 0.5, "trade_amount": 687.5,
        "trade_timestamp": 1790000000400, "executed_quantity": 0.5, "remaining_quantity": 1.5,
        "executed_amount": 687.5, "paid_fee": 0.27,
    }  # fmt: skip
    return event("trade", **(made | more))


def row(state="wait", **more):
    """The same order by REST (v1 names)."""
    made = {
        "uuid": VENUE_ID, "side": "bid", "ord_type": "limit", "price": "1375", "state": state,
        "market": "KRW-BTC", "created_at": "2026-09-22T05:33:20+09:00", "volume": "2",
        "remaining_volume": "2", "reserved_fee": "1.1", "remaining_fee": "1.1", "paid_fee": "0",
        "locked": "2751.1", "executed_volume": "0", "trades_count": 0,
        "client_order_id": OURS_TEXT, "stp_type": "cancel_taker",
    } | more  # fmt: skip
    return {name: value for name, value in made.items() if value is not None}


def trade_row(**more):
    """A fill as GET order shows it."""
    return {
        "market": "KRW-BTC", "uuid": TRADE_ID, "price": "1375", "volume": "0.5", "funds": "687.5",
        "side": "bid", "created_at": "2026-09-22T05:33:21+09:00",
    } | more  # fmt: skip


def accepted(**more):
    """A v2 answer to a new order."""
    return {
        "order_id": VENUE_ID, "client_order_id": OURS_TEXT, "market": "KRW-BTC", "side": "bid",
        "order_type": "limit", "time_in_force": "ioc", "stp_type": "cancel_taker",
        "created_at": "2026-09-22T05:33:20.123+09:00",
    } | more  # fmt: skip


def error(name, message="말"):
    """An error's body."""
    return json.dumps({"error": {"name": name, "message": message}}, ensure_ascii=False).encode()


def body(value):
    """JSON as bytes."""
    return json.dumps(value).encode()
