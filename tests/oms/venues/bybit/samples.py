"""Messages in Bybit's shape, made here: ids, prices and times are ours."""

from __future__ import annotations

from typing import Any

from oms.ports import Key
from oms.venues.bybit.orders import BybitOrders
from shm_layout.enums import InstrumentKind
from tests.oms.venues.typed_side import TEXT, Desk, instrument

LINEAR, SPOT = "bybit.linear", "bybit.spot"
KEY = Key("main", "KEYKEYKEY", b"sesame")
PERPETUAL = instrument("BTCUSDT")
PAIR = instrument("BTCUSDT", InstrumentKind.SPOT)
VENUE_ID = "0a1b2c3d-0000-4000-8000-00000000000f"


def side(**more: Any) -> BybitOrders:
    return BybitOrders({"main": KEY}, 5, **more)


def desk() -> Desk:
    return Desk({(LINEAR, "BTCUSDT"): PERPETUAL, (SPOT, "BTCUSDT"): PAIR})


def order(**more: Any) -> dict[str, Any]:
    row = {
        "category": "linear", "symbol": "BTCUSDT", "orderId": VENUE_ID, "orderLinkId": TEXT,
        "side": "Buy", "orderType": "Limit", "price": "61000.50", "qty": "0.012",
        "cumExecQty": "0.000", "cumExecValue": "0", "orderStatus": "New", "stopOrderType": "",
        "rejectReason": "EC_NoError", "timeInForce": "GTC", "updatedTime": "1790000000100",
    }  # fmt: skip
    return row | more


def execution(**more: Any) -> dict[str, Any]:
    row = {
        "category": "linear", "symbol": "BTCUSDT", "orderId": VENUE_ID, "orderLinkId": TEXT,
        "side": "Buy", "execId": "7f3e-1", "execPrice": "60999.90", "execQty": "0.005",
        "execValue": "304.9995", "execFee": "0.16774973", "feeCurrency": "USDT", "isMaker": False,
        "execType": "Trade", "createType": "CreateByUser", "execTime": "1790000000200",
    }  # fmt: skip
    return row | more


def push(topic: str, *rows: dict[str, Any]) -> dict[str, Any]:
    return {"topic": topic, "id": "1", "creationTime": 1790000000300, "data": list(rows)}


def answer(result: Any, code: int = 0, words: str = "OK", **more: Any) -> dict[str, Any]:
    return {"retCode": code, "retMsg": words, "result": result, "time": 1790000000400} | more


POSITION = {
    "category": "linear", "symbol": "BTCUSDT", "positionIdx": 0, "side": "Sell", "size": "0.030",
    "entryPrice": "60000.1", "markPrice": "60010", "liqPrice": "", "unrealisedPnl": "-0.297",
    "leverage": "5", "tradeMode": 0,
}  # fmt: skip
COIN = {"coin": "USDT", "walletBalance": "1000.25", "locked": "10.05", "equity": "999.953"}
FUNDING_ROW = {
    "id": "9_BTCUSDT_3", "symbol": "BTCUSDT", "category": "linear", "type": "SETTLEMENT",
    "funding": "-0.18", "change": "-0.18", "currency": "USDT", "tradeId": "f-1",
    "transactionTime": "1790000000000",
}  # fmt: skip
TRANSFER_ROW = {
    "id": "9_T_4", "symbol": "", "category": "", "type": "TRANSFER_IN", "funding": "",
    "change": "250", "currency": "USDT", "tradeId": "", "transactionTime": "1790000000001",
}  # fmt: skip
