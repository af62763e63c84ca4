"""Messages in OKX's shape, made here: ids, prices and times are ours."""

from __future__ import annotations

from typing import Any

from oms.ports import Key
from oms.venues.okx.orders import OkxOrders
from shm_layout.enums import InstrumentKind
from tests.oms.venues.typed_side import TEXT, Desk, instrument

SWAP, SPOT = "okx.swap", "okx.spot"
KEY = Key("main", "KEYKEYKEY", b"sesame", passphrase="open")
PERPETUAL = instrument("BTC-USDT-SWAP", contract_size=10, venue_code=77)
"""A contract is 0.010 BTC; a tenth of one is the lot."""
PAIR = instrument("BTC-USDT", InstrumentKind.SPOT, venue_code=66)
VENUE_ID = "3100000000000000001"


def side(**more: Any) -> OkxOrders:
    return OkxOrders({"main": KEY}, 5, **more)


def desk() -> Desk:
    return Desk({(SWAP, "BTC-USDT-SWAP"): PERPETUAL, (SPOT, "BTC-USDT"): PAIR})


def order(**more: Any) -> dict[str, Any]:
    row = {
        "instType": "SWAP", "instId": "BTC-USDT-SWAP", "ordId": VENUE_ID, "clOrdId": TEXT,
        "side": "buy", "ordType": "limit", "px": "61000.5", "sz": "1.2", "accFillSz": "0",
        "avgPx": "", "state": "live", "fee": "0", "feeCcy": "USDT", "fillSz": "0", "fillPx": "",
        "fillTime": "", "tradeId": "", "execType": "", "category": "normal", "cancelSource": "",
        "amendResult": "", "amendSource": "", "tgtCcy": "", "uTime": "1790000000100", "code": "0",
        "msg": "", "algoId": "",
    }  # fmt: skip
    return row | more


def filled(**more: Any) -> dict[str, Any]:
    """A push with a fill of half a contract."""
    fill = {
        "fillSz": "0.5", "fillPx": "60999.9", "fillTime": "1790000000200", "tradeId": "9001",
        "execType": "T", "fillFee": "-0.1525", "fillFeeCcy": "USDT", "accFillSz": "0.5",
        "avgPx": "60999.9", "state": "partially_filled", "fee": "-0.1525",
    }  # fmt: skip
    return order(**(fill | more))


def algo(**more: Any) -> dict[str, Any]:
    row = {
        "instType": "SWAP", "instId": "BTC-USDT-SWAP", "algoId": "55", "algoClOrdId": TEXT,
        "ordId": "", "side": "sell", "ordType": "conditional", "sz": "1.2", "state": "live",
        "slTriggerPx": "50000", "slOrdPx": "-1", "tpOrdPx": "", "ordPx": "",
        "uTime": "1790000000100", "cTime": "1790000000000", "tgtCcy": "",
    }  # fmt: skip
    return row | more


def push(channel: str, *rows: dict[str, Any]) -> dict[str, Any]:
    return {"arg": {"channel": channel, "uid": "1"}, "data": list(rows)}


def answer(*data: dict[str, Any], code: str = "0", msg: str = "") -> dict[str, Any]:
    return {"code": code, "msg": msg, "data": list(data)}


def acted(code: str = "0", msg: str = "", **more: Any) -> dict[str, Any]:
    row = {"ordId": VENUE_ID if code == "0" else "", "clOrdId": TEXT, "sCode": code, "sMsg": msg}
    return row | more


POSITION = {
    "instType": "SWAP", "instId": "BTC-USDT-SWAP", "posSide": "net", "pos": "-3",
    "mgnMode": "cross", "avgPx": "60000.1", "markPx": "60010", "liqPx": "",
    "upl": "-0.297", "lever": "5",
}  # fmt: skip
COIN = {"ccy": "USDT", "availBal": "900.5", "frozenBal": "99.5", "cashBal": "1000", "eq": "1000.2"}
FILL_ROW = {
    "instType": "SWAP", "instId": "BTC-USDT-SWAP", "ordId": VENUE_ID, "clOrdId": TEXT,
    "tradeId": "9001", "billId": "70", "side": "buy", "fillSz": "0.5", "fillPx": "60999.9",
    "execType": "M", "fee": "-0.05", "feeCcy": "USDT", "fillTime": "1790000000200",
    "ts": "1790000000201",
}  # fmt: skip
FUNDING_BILL = {
    "type": "8", "billId": "71", "instType": "SWAP", "instId": "BTC-USDT-SWAP", "balChg": "-0.18",
    "ccy": "USDT", "ts": "1790000000000",
}  # fmt: skip
SWAP_ROW = {
    "instType": "SWAP", "instId": "BTC-USDT-SWAP", "instIdCode": 77, "uly": "BTC-USDT",
    "instFamily": "BTC-USDT", "settleCcy": "USDT", "ctVal": "0.01", "ctMult": "1",
    "ctValCcy": "BTC", "ctType": "linear", "tickSz": "0.1", "lotSz": "0.1", "minSz": "0.1",
    "maxLmtSz": "100000000", "maxMktSz": "30000", "state": "live", "groupId": "4",
}  # fmt: skip
CONFIG = {"acctLv": "2", "posMode": "net_mode", "perm": "read_only,trade", "ip": "1.2.3.4",
          "label": "desk"}  # fmt: skip
