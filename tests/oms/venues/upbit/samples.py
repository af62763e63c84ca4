"""Messages of our own making in Upbit's shape."""

import json

from tests.oms.venues.order_sides import OURS_TEXT

VENUE_ID = "0d1c5a7e-59f2-4c0b-8f2a-3a1f5d2e9b44"
TRADE_ID = "77b0a3c1-2c36-4f0e-9a55-1b6fe0c9d812"

ASSET = (
    b'{"type":"myAsset","assets":[{"currency":"KRW","balance":"1.5","locked":"0"}],'
    b'"asset_timestamp":1,"timestamp":2}'
)


def event(state="wait", **more):
    """A `myOrder` event of ours: a limit to buy 2 at 1375."""
    made = {
        "type": "myOrder", "code": "KRW-BTC", "uuid": VENUE_ID, "ask_bid": "BID",
        "order_type": "limit", "state": state, "trade_uuid": None, "price": 1375.0,
        "avg_price": 0.0, "volume": 2.0, "remaining_volume": 2.0, "executed_volume": 0.0,
        "trades_count": 0, "reserved_fee": 1.375, "remaining_fee": 1.375, "paid_fee": 0.0,
        "locked": 2751.375, "executed_funds": 0.0, "time_in_force": None, "trade_fee": None,
        "is_maker": None, "identifier": OURS_TEXT, "smp_type": "cancel_maker",
        "prevented_volume": 0.0, "prevented_locked": 0.0, "trade_timestamp": None,
        "order_timestamp": 1790000000000, "timestamp": 1790000000456, "stream_type": "REALTIME",
    }  # fmt: skip
    return json.dumps(made | more).encode()


def trade(**more):
    """Of it, half a coin traded as maker."""
    return event(
        "trade", trade_uuid=TRADE_ID, volume=0.5, remaining_volume=1.5, executed_volume=0.5,
        executed_funds=687.5, paid_fee=0.34375, trade_fee=0.34375, is_maker=True,
        trade_timestamp=1790000000400, trades_count=1, **more,
    )  # fmt: skip


def row(state="wait", **more):
    """The same order by REST."""
    made = {
        "market": "KRW-BTC", "uuid": VENUE_ID, "side": "bid", "ord_type": "limit",
        "price": "1375", "state": state, "created_at": "2026-09-22T05:33:20+09:00", "volume": "2.0",
        "remaining_volume": "2.0", "reserved_fee": "1.375", "remaining_fee": "1.375",
        "paid_fee": "0.0", "locked": "2751.375", "executed_volume": "0.0",
        "prevented_volume": "0", "prevented_locked": "0", "trades_count": 0,
        "identifier": OURS_TEXT, "smp_type": "cancel_maker",
    }  # fmt: skip
    made |= more
    return {name: value for name, value in made.items() if value is not None}


def trade_row(**more):
    """A fill as GET order shows it."""
    return {
        "market": "KRW-BTC", "uuid": TRADE_ID, "price": "1375", "volume": "0.5", "funds": "687.5",
        "trend": "down", "created_at": "2026-09-22T05:33:21.123456+09:00", "side": "bid",
    } | more  # fmt: skip


def error(name, message="말"):
    """An error's body."""
    return json.dumps({"error": {"name": name, "message": message}}, ensure_ascii=False).encode()


def body(value):
    """JSON as bytes."""
    return json.dumps(value).encode()
