"""Messages of our own making in the shapes that binance.spot documents, and what each says.

Sources: web-socket-api.md, user-data-stream.md, web-socket-streams.md, rest-api.md. Numbers are
ours; names and types are the documents'.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from oms.config import AccountConfig, GroupConfig
from oms.ports import Key
from oms.venues.base import DecodeStatus
from oms.venues.registry import market_data, order_side
from oms.venues.reports import Ask, MalformedMessageError, Stamp, Want
from oms.venues.shared import decode_status_hot as words
from oms.venues.shared.symbols import SymbolTable
from oms.venues.trade_base import Instrument
from shm_layout.enums import ExecKind, Liquidity, RejectReason, Side
from shm_layout.records import UNDEF
from tests.conformance.venues.base import Sample
from tests.oms.venues.typed_side import ORDER_ID, SYSTEM_ID, TEXT, Desk

MARKET = "binance.spot"
AT_MS = 1_790_000_000_123
BTC = Instrument(0, 1, "BTCUSDT", "BTC/USDT", 4, 7, 8, 1000)
REQUEST = 41
PX, QTY = 61_000_50_00, 120_000
"""61000.50 and 0.012."""


class Reading:
    """The order side with one account, which has asked one question."""

    def __init__(self, want: Want) -> None:
        group = GroupConfig(
            "binance", "binance", (MARKET,), "ws://h:1/ws-api/v3", "http://h:2",
            (AccountConfig("main", "k"),),
        )  # fmt: skip
        self.side = order_side(group)
        self.side.add("main", Key("k", "key", b"secret"), SYSTEM_ID)
        (self.link,) = self.side.links(("main",), {})
        self.side.open(self.link, Stamp(AT_MS, 1))
        self.ask = Ask(want, "main", MARKET, instrument=BTC, client_order_id=ORDER_ID)
        self.known = Desk({(MARKET, "BTCUSDT"): BTC}, asks={REQUEST: self.ask})

    def message(self, data: bytes) -> Any:
        """Of the socket."""
        read = self.side.read(self.link, data, self.known)
        if read.reply is not None and read.reply.unreadable:
            raise MalformedMessageError(read.reply.unreadable)
        return read

    def body(self, data: bytes) -> Any:
        """Of REST."""
        reply = self.side.read_http(self.ask, 200, {}, data, self.known)
        if reply.unreadable:
            raise MalformedMessageError(reply.unreadable)
        return reply


def stream(data: bytes) -> dict[str, Any]:
    """A market message; {} = not for us."""
    return decoded(data, -1)


def snapshot(data: bytes) -> dict[str, Any]:
    """A depth snapshot of the instrument that was asked for."""
    return decoded(data, 0)


def decoded(data: bytes, hint: int) -> dict[str, Any]:
    table = SymbolTable.empty(4)
    table.add(0, "BTCUSDT", 4, 7)
    msg = np.zeros(words.MSG_WORDS, np.int64)
    px, qty = np.zeros((2, 64), np.int64), np.zeros((2, 64), np.int64)
    status = market_data(MARKET).decode_cold(data, hint, table, px, qty, msg)
    if status == DecodeStatus.IGNORED:
        return {}
    if status != DecodeStatus.OK:
        raise MalformedMessageError(DecodeStatus(status).name)
    sides = [
        list(zip(px[side, :count].tolist(), qty[side, :count].tolist(), strict=True))
        for side, count in ((0, msg[words.MSG_BIDS]), (1, msg[words.MSG_ASKS]))
    ]
    kind = int(msg[words.MSG_KIND])
    said: dict[str, Any] = {"instrument": int(msg[words.MSG_INSTRUMENT]), "kind": kind}
    if kind in (words.KIND_DEPTH, words.KIND_SNAPSHOT):
        said |= {"last": int(msg[words.MSG_LAST_ID]), "bids": sides[0], "asks": sides[1]}
    elif kind == words.KIND_TRADE:
        names = ("TRADE_ID", "PX", "QTY", "BUYER_IS_MAKER")
        said |= {name.lower(): int(msg[getattr(words, f"MSG_{name}")]) for name in names}
    else:
        names = ("BID_PX", "BID_QTY", "ASK_PX", "ASK_QTY")
        said |= {name.lower(): int(msg[getattr(words, f"MSG_{name}")]) for name in names}
    return said


def event(**values: Any) -> dict[str, Any]:
    """An executionReport of our order."""
    base = {
        "e": "executionReport", "E": AT_MS, "s": "BTCUSDT", "c": TEXT, "S": "BUY", "o": "LIMIT",
        "f": "GTC", "q": "0.01200000", "p": "61000.50000000", "P": "0.00000000",
        "F": "0.00000000", "g": -1, "C": "", "x": "NEW", "X": "NEW", "r": "NONE", "i": 77,
        "l": "0.00000000", "z": "0.00000000", "L": "0.00000000", "n": "0", "N": None,
        "T": AT_MS, "t": -1, "I": 5, "w": True, "m": False, "M": False, "O": AT_MS,
        "Z": "0.00000000", "Y": "0.00000000", "Q": "0.00000000", "W": AT_MS, "V": "EXPIRE_MAKER",
    }  # fmt: skip
    return {"subscriptionId": 0, "event": base | values}


def answered(result: Any) -> dict[str, Any]:
    limits = [{"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100,
               "count": 3}]  # fmt: skip
    return {"id": str(REQUEST), "status": 200, "result": result, "rateLimits": limits}


ORDER = {
    "symbol": "BTCUSDT", "orderId": 77, "orderListId": -1, "clientOrderId": TEXT,
    "price": "61000.50000000", "origQty": "0.01200000", "executedQty": "0.00500000",
    "origQuoteOrderQty": "0.000000", "cummulativeQuoteQty": "305.00250000",
    "status": "PARTIALLY_FILLED", "timeInForce": "GTC", "type": "LIMIT", "side": "BUY",
    "stopPrice": "0.00000000", "icebergQty": "0.00000000", "time": AT_MS, "updateTime": AT_MS,
    "isWorking": True, "workingTime": AT_MS, "selfTradePreventionMode": "EXPIRE_MAKER",
}  # fmt: skip
TRADE = {
    "symbol": "BTCUSDT", "id": 9001, "orderId": 77, "orderListId": -1, "price": "61000.50000000",
    "qty": "0.00500000", "quoteQty": "305.00250000", "commission": "0.00000500",
    "commissionAsset": "BTC", "time": AT_MS, "isBuyer": True, "isMaker": True, "isBestMatch": True,
}  # fmt: skip


def report(read: Any) -> tuple[Any, ...]:
    """What an event said of our order."""
    ((_, one),) = read.reports
    return (
        one.kind, one.client_order_id, one.side, one.px, one.qty, one.cum_qty, one.trade_id,
        one.fee_text, one.fee_currency, one.liquidity, one.total_qty, one.reason,
    )  # fmt: skip


def view(order: Any) -> tuple[Any, ...]:
    """What an answer said of our order."""
    return (
        order.kind, order.client_order_id, order.venue_order_id, order.side, order.px, order.qty,
        order.executed_qty, order.by_amount, order.reason,
    )  # fmt: skip


def order_of(read: Any) -> tuple[Any, ...]:
    (item,) = read.reply.items
    return view(item.order)


_NONE = ("", "", Liquidity.UNSET)
_READ = {want: Reading(want) for want in Want}
_EVENT = _READ[Want.PING].message
SAMPLES = (
    Sample("an order opens", _EVENT, event(), report,
           (ExecKind.ACK, ORDER_ID, Side.BUY, UNDEF, 0, 0, 0, *_NONE, UNDEF, RejectReason.UNSET)),
    Sample("a fill", _EVENT,
           event(x="TRADE", X="PARTIALLY_FILLED", l="0.00500000", z="0.00500000", t=9001,
                 L="61000.50000000", n="0.00000500", N="BTC", m=True, Y="305.00250000"),
           report,
           (ExecKind.FILL, ORDER_ID, Side.BUY, PX, 50_000, 50_000, 9001, "0.00000500", "BTC",
            Liquidity.MAKER, UNDEF, RejectReason.UNSET)),
    Sample("a cancel", _EVENT,
           event(x="CANCELED", X="CANCELED", c="web_1", C=TEXT, z="0.00500000"), report,
           (ExecKind.CANCELED, ORDER_ID, Side.BUY, UNDEF, 0, 50_000, 0, *_NONE, UNDEF,
            RejectReason.UNSET)),
    Sample("an expiry in a match", _EVENT,
           event(x="TRADE_PREVENTION", X="EXPIRED_IN_MATCH", v=3, A="0.01200000", B="0.01200000"),
           report,
           (ExecKind.EXPIRED, ORDER_ID, Side.BUY, UNDEF, 0, 0, 0, *_NONE, UNDEF,
            RejectReason.SELF_TRADE)),
    Sample("a part that was prevented", _EVENT,
           event(x="TRADE_PREVENTION", X="NEW", v=3, A="0.00400000", B="0.00400000"), report,
           (ExecKind.REDUCED, ORDER_ID, Side.BUY, UNDEF, 0, 0, 0, *_NONE, 80_000,
            RejectReason.SELF_TRADE)),
    Sample("balances that changed", _EVENT,
           {"subscriptionId": 0, "event": {
               "e": "outboundAccountPosition", "E": AT_MS, "u": AT_MS,
               "B": [{"a": "BTC", "f": "1.50000000", "l": "0.00200000"}]}},
           lambda read: [(b.currency, b.free, b.locked) for _, b in read.balances],
           [("BTC", "1.50000000", "0.00200000")]),
    Sample("a placement's answer", _READ[Want.PLACE].message,
           answered(ORDER | {"status": "NEW", "executedQty": "0.00000000", "transactTime": AT_MS}),
           order_of,
           (ExecKind.FOUND_OPEN, ORDER_ID, "77", Side.BUY, PX, QTY, 0, False, RejectReason.UNSET)),
    Sample("a question's answer", _READ[Want.ORDER].message, answered(ORDER), order_of,
           (ExecKind.FOUND_OPEN, ORDER_ID, "77", Side.BUY, PX, QTY, 50_000, False,
            RejectReason.UNSET)),
    Sample("a cancel's answer", _READ[Want.CANCEL].message,
           answered(ORDER | {"status": "CANCELED", "origClientOrderId": TEXT,
                             "clientOrderId": "cancel-1", "transactTime": AT_MS}),
           order_of,
           (ExecKind.CANCELED, ORDER_ID, "77", Side.BUY, PX, QTY, 50_000, False,
            RejectReason.UNSET)),
    Sample("open orders", _READ[Want.OPEN_ORDERS].message, answered([ORDER]),
           lambda read: [view(order) for order in read.reply.rows],
           [(ExecKind.FOUND_OPEN, ORDER_ID, "77", Side.BUY, PX, QTY, 50_000, False,
             RejectReason.UNSET)]),
    Sample("a history of fills", _READ[Want.FILLS].message, answered([TRADE]),
           lambda read: [(f.venue_order_id, f.trade_text, f.report.px, f.report.qty,
                          f.report.quote_qty, f.report.fee_text) for f in read.reply.rows],
           [("77", "9001", PX, 50_000, 305_00250000, "0.00000500")]),
    Sample("balances", _READ[Want.BALANCES].message,
           answered({"makerCommission": 10, "canTrade": True, "balances": [
               {"asset": "USDT", "free": "1000.00000000", "locked": "0.00000000"}]}),
           lambda read: [(b.currency, b.free, b.locked) for b in read.reply.rows],
           [("USDT", "1000.00000000", "0.00000000")]),
    Sample("a refusal", _READ[Want.PLACE].message,
           {"id": str(REQUEST), "status": 400,
            "error": {"code": -2010, "msg": "Account has insufficient balance for requested "
                                            "action."}},
           lambda read: [(i.code, i.status) for i in read.reply.items], [(-2010, 400)]),
    Sample("the list", _READ[Want.LISTING].body,
           {"timezone": "UTC", "serverTime": AT_MS, "rateLimits": [], "exchangeFilters": [],
            "symbols": [
                {"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC",
                 "quoteAsset": "USDT", "isSpotTradingAllowed": True, "filters": [
                     {"filterType": "PRICE_FILTER", "minPrice": "0.01000000",
                      "maxPrice": "1000000.00000000", "tickSize": "0.01000000"},
                     {"filterType": "LOT_SIZE", "minQty": "0.00001000",
                      "maxQty": "9000.00000000", "stepSize": "0.00001000"},
                     {"filterType": "NOTIONAL", "minNotional": "5.00000000"}]}]},
           lambda reply: [(o.name, o.tick, o.lot, o.min_notional, o.status) for o in reply.rows],
           [("BTC/USDT", "0.01000000", "0.00001000", "5.00000000", "TRADING")]),
    Sample("changes of a book", stream,
           {"stream": "btcusdt@depth@100ms", "data": {
               "e": "depthUpdate", "E": AT_MS, "s": "BTCUSDT", "U": 157, "u": 160,
               "b": [["61000.50", "0.01200"]], "a": [["61001.00", "0"]]}},
           lambda said: said,
           {"instrument": 0, "kind": words.KIND_DEPTH, "last": 160, "bids": [(PX, QTY)],
            "asks": [(610_010_000, 0)]}),
    Sample("the best prices", stream,
           {"stream": "btcusdt@bookTicker", "data": {
               "u": 400900217, "s": "BTCUSDT", "b": "61000.50", "B": "0.01200", "a": "61001.00",
               "A": "40.66"}},
           lambda said: said,
           {"instrument": 0, "kind": words.KIND_TICKER, "bid_px": PX, "bid_qty": QTY,
            "ask_px": 610_010_000, "ask_qty": 406_600_000}),
    Sample("a trade", stream,
           {"stream": "btcusdt@trade", "data": {
               "e": "trade", "E": AT_MS, "s": "BTCUSDT", "t": 12345, "p": "61000.50",
               "q": "0.01200", "T": AT_MS, "m": True, "M": True}},
           lambda said: said,
           {"instrument": 0, "kind": words.KIND_TRADE, "trade_id": 12345, "px": PX, "qty": QTY,
            "buyer_is_maker": 1}),
    Sample("a snapshot", snapshot,
           {"lastUpdateId": 1027024, "bids": [["61000.50", "0.01200"]],
            "asks": [["61001.00", "12.00000"]]},
           lambda said: said,
           {"instrument": 0, "kind": words.KIND_SNAPSHOT, "last": 1027024, "bids": [(PX, QTY)],
            "asks": [(610_010_000, 120_000_000)]}),
)  # fmt: skip
