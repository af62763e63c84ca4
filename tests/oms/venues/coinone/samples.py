"""Messages of our own making in Coinone's shape."""

import json

from tests.oms.venues.order_sides import OURS_TEXT

VENUE_ID = "2c7b51d0-63aa-11ee-8c99-0242ac120002"
TRADE_ID = "2c7b51d1-63aa-11ee-8c99-0242ac120002"


def body(value):
    """JSON as bytes."""
    return json.dumps(value).encode()


def event(status="wait", **more):
    """A MYORDER event of ours: a limit to buy 2 at 1375."""
    data = {
        "quote_currency": "KRW", "target_currency": "BTC", "order_id": VENUE_ID, "type": "LIMIT",
        "status": status, "side": "BID", "order_price": None, "order_qty": None,
        "order_amount": None, "trade_id": None, "is_maker": None, "executed_price": None,
        "executed_qty": None, "executed_fee": None, "remain_qty": None, "remain_amount": None,
        "user_order_id": OURS_TEXT, "prevented_qty": None, "executed_timestamp": None,
        "order_timestamp": 1790000000, "timestamp": 1790000007,
    }  # fmt: skip
    if status in {"wait", "watch", "not_triggered"}:
        data |= {"order_price": "1375.0000", "order_qty": "2.00000000"}
    return frame("MYORDER", data | more)


def trade(status="trade", **more):
    """Of it, half a coin traded as maker."""
    made = {
        "trade_id": TRADE_ID, "is_maker": True, "executed_price": "1375", "executed_qty": "0.5",
        "executed_fee": "0.1375", "remain_qty": "1.50000000", "executed_timestamp": 1790000004,
    }  # fmt: skip
    return event(status, **(made | more))


def frame(channel, data):
    """A DATA frame."""
    return body({"response_type": "DATA", "channel": channel, "data": data})


ASSET = frame(
    "MYASSET",
    {"assets": [{"currency": "KRW", "available": "1500.1234", "limit": "8400.0000"}],
     "type": "order", "timestamp": 1790000007},
)  # fmt: skip


def row(status="LIVE", **more):
    """The same order in order/detail."""
    return {
        "order_id": VENUE_ID, "user_order_id": OURS_TEXT, "type": "LIMIT", "quote_currency": "KRW",
        "target_currency": "BTC", "status": status, "side": "BUY", "fee": "0", "fee_rate": "0.0002",
        "average_executed_price": "0", "updated_at": 1790000007000, "ordered_at": 1790000000000,
        "price": "1375", "original_qty": "2", "executed_qty": "0", "canceled_qty": "0",
        "remain_qty": "2", "limit_price": None, "traded_amount": None, "original_amount": None,
        "canceled_amount": None, "is_triggered": None, "trigger_price": None,
    } | more  # fmt: skip


def market_buy(status, **more):
    """A market buy of 1,000 won in order/detail."""
    words = {
        "type": "MARKET", "price": None, "original_qty": None, "remain_qty": None,
        "canceled_qty": None, "executed_qty": "0.72727272", "original_amount": "1000",
        "traded_amount": "999.9999", "canceled_amount": "0.0001",
    }  # fmt: skip
    return row(status, **(words | more))


def active(**more):
    """A row of active_orders: no status, none of our ids."""
    made = row(**more)
    del made["status"], made["user_order_id"]
    return made | {"triggered_at": None}


def canceled(**more):
    """The answer to a cancel."""
    return {
        "order_id": VENUE_ID, "price": "1375.0", "qty": "1.5", "remain_qty": "0.0", "side": "BUY",
        "original_qty": "2", "traded_qty": "0.5", "canceled_qty": "1.5", "fee": "0.1375",
        "fee_rate": "0.0002", "avg_price": "1375.0", "canceled_at": 1790000009,
        "ordered_at": 1790000000,
    } | more  # fmt: skip


def completed(**more):
    """A row of completed_orders."""
    return {
        "trade_id": TRADE_ID, "order_id": VENUE_ID, "quote_currency": "KRW",
        "target_currency": "BTC", "order_type": "LIMIT", "is_ask": False, "is_maker": True,
        "price": "1375", "qty": "0.5", "timestamp": 1790000004123, "fee_rate": "0.0002",
        "fee": "0.1375", "fee_currency": "KRW",
    } | more  # fmt: skip


def success(**more):
    """A body that says success."""
    return body({"result": "success", "error_code": "0"} | more)


def error(code, text="말"):
    """A body that says error."""
    return body({"result": "error", "error_code": str(code), "error_msg": text})
