"""Binance spot, order side, outgoing: WebSocket-API frames and REST requests. Bytes out, no I/O.

An order's frame is filled into a template of its (symbol, side, type, time in force). By an HMAC
key its signature is one whose key pads and first bytes (`apiKey=...`) were hashed when the template
was made; an Ed25519 key logs a connection on once (`logon`), and what follows there carries neither
key nor signature (`logged_on`). Params stand in the order in which they are signed
(web-socket-api.md "Request security": sorted by name; "Session Authentication"). Prices and
quantities become decimal text from integers.

One `AccountFrames` per account. Request ids are decimal numbers chosen by the caller; the venue
gives them back as they are. Times are milliseconds UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from oms import ids
from oms.ports import Key
from oms.venues.binance import sign
from oms.venues.shared.decimal_text import to_text
from oms.venues.shared.hmac_sha256 import HotHmac
from oms.venues.shared.order_command import Command
from oms.venues.shared.order_text import Buffers, OrderText, hole, with_holes
from oms.venues.shared.order_text_hot import (
    PIECE_CLIENT_ID,
    PIECE_PX,
    PIECE_QTY,
    PIECE_REQUEST,
    PIECE_SIGNATURE,
    PIECE_TIME,
)
from oms.venues.trade_base import Instrument
from shm_layout.enums import OrderType, Side, TimeInForce
from shm_layout.records import UNDEF

TRADES_LIMIT = 1000
"""Most trades in one answer of myTrades (rest-api.md "Account trade list": max 1000)."""
WEIGHT_OPEN_ORDERS_ALL = 80
WEIGHT_OPEN_ORDERS_OF_SYMBOL = 6
WEIGHT_ACCOUNT = 20
WEIGHT_TRADES_OF_SYMBOL = 20
WEIGHT_TRADES_OF_ORDER = 5
WEIGHT_EXCHANGE_INFO = 20
WEIGHT_CONNECT = 2
WEIGHT_SESSION = 2
WEIGHT_ORDER = 1
"""Request weights as rest-api.md and web-socket-api.md give them."""
_WEIGHTS = {
    "order.place": WEIGHT_ORDER,
    "order.cancel": 1,
    "order.cancelReplace": 1,
    "openOrders.cancelAll": 1,
    "order.status": 4,
    "openOrders.status": WEIGHT_OPEN_ORDERS_ALL,
    "account.status": WEIGHT_ACCOUNT,
    "myTrades": WEIGHT_TRADES_OF_SYMBOL,
}
TIME_TARGET = "/api/v3/time"

_RESPONSE_TYPE = "RESULT"
"""The answer says status and executed quantity; fills with their fees come by the user stream."""

_TYPES = {OrderType.LIMIT: "LIMIT", OrderType.MARKET: "MARKET", OrderType.POST_ONLY: "LIMIT_MAKER"}

EXCHANGE_INFO_TARGET = "/api/v3/exchangeInfo"
_HOLE = hole(PIECE_TIME)[0]
_REST_OF_METHOD = {
    "order.place": ("POST", "/api/v3/order"),
    "order.status": ("GET", "/api/v3/order"),
    "order.cancel": ("DELETE", "/api/v3/order"),
    "order.cancelReplace": ("POST", "/api/v3/order/cancelReplace"),
    "openOrders.status": ("GET", "/api/v3/openOrders"),
    "account.status": ("GET", "/api/v3/account"),
    "myTrades": ("GET", "/api/v3/myTrades"),
    "openOrders.cancelAll": ("DELETE", "/api/v3/openOrders"),
}


def _json(value: str | int) -> str:
    """As JSON, holes left as they are."""
    if isinstance(value, str) and _HOLE in value:
        return f'"{value}"'
    return orjson.dumps(value).decode()


def weight_of(method: str, params: Mapping[str, str | int]) -> int:
    """Request weight of a method of the WebSocket API; REST counts the same."""
    if method == "myTrades" and "orderId" in params:
        return WEIGHT_TRADES_OF_ORDER
    if method == "openOrders.status" and "symbol" in params:
        return WEIGHT_OPEN_ORDERS_OF_SYMBOL
    return _WEIGHTS[method]


def open_orders_params(symbols: Sequence[str]) -> list[dict[str, str | int]]:
    """Params of the `openOrders.status` requests that show every open order in `symbols`: one of
    each symbol, or one of all, whichever weighs less. (Orders in other symbols are not read.)
    """
    if len(symbols) * WEIGHT_OPEN_ORDERS_OF_SYMBOL < WEIGHT_OPEN_ORDERS_ALL:
        return [{"symbol": symbol} for symbol in symbols]
    return [{}]


class AccountFrames:
    """Builds what one account sends. Holds key material: its repr shows none."""

    __slots__ = (
        "_api_key", "_hot_signer", "_order_signer", "_recv_window_ms", "_self_trade", "_signer",
        "_system_id", "_templates", "can_log_on",
    )  # fmt: skip

    def __init__(
        self, key: Key, system_id: int, recv_window_ms: int, self_trade: str = "expire_maker"
    ) -> None:
        """`self_trade` as in `GroupConfig.self_trade_prevention`."""
        self._api_key = key.api_key
        self._signer = sign.signer_of(key)
        prefix = f"apiKey={key.api_key}&newClientOrderId=".encode()
        self._order_signer = sign.signer_of(key, prefix)
        self._hot_signer = HotHmac(key.secret, prefix) if key.kind == "hmac" else None
        self.can_log_on = key.kind == "ed25519"
        """Whether a connection can be logged on with this key."""
        self._system_id = system_id
        self._recv_window_ms = recv_window_ms
        self._self_trade = self_trade.upper()
        self._templates: dict[tuple[str, int, int, int, bool, bool], tuple[str, str]] = {}

    def place(
        self, request_id: int, now_ms: int, instrument: Instrument, command: Command,
        logged_on: bool = False,
    ) -> bytes:  # fmt: skip
        """`order.place` of a command that passed the sender's checks: LIMIT and POST_ONLY by `px`
        and `qty`, MARKET by `qty`, or by `quote_qty` where `qty` is UNDEF.
        """
        template = self._template_of(instrument, command, logged_on=logged_on)
        filled = (*_filled(instrument, command), now_ms)
        if logged_on:
            return (template[1] % (request_id, *filled)).encode()
        signature = self._order_signer.text((template[0] % filled).encode())
        return (template[1] % (request_id, *filled, signature)).encode()

    def _template_of(
        self, instrument: Instrument, command: Command, *, logged_on: bool
    ) -> tuple[str, str]:
        shape = (
            instrument.symbol, command.side, command.order_type, command.time_in_force,
            command.qty == UNDEF, logged_on,
        )  # fmt: skip
        template = self._templates.get(shape)
        if template is None:
            template = self._templates[shape] = self._template(*shape)
        return template

    def place_by_rest(
        self, now_ms: int, instrument: Instrument, command: Command
    ) -> tuple[str, str, dict[str, str]]:
        """What `place` says, as (HTTP method, target, headers) of a REST request without a body."""
        template, _ = self._template_of(instrument, command, logged_on=False)
        params = f"newClientOrderId={template}" % (*_filled(instrument, command), now_ms)
        pairs = [(name, value) for name, _, value in (p.partition("=") for p in params.split("&"))]
        query = sign.signed_query(self._signer, pairs)
        verb, path = _REST_OF_METHOD["order.place"]
        return verb, f"{path}?{query}", {"X-MBX-APIKEY": self._api_key}

    def order_text(
        self, instrument: Instrument, shape: tuple[int, int, int], logged_on: bool,
        buffers: Buffers,
    ) -> OrderText:  # fmt: skip
        """What `place` makes of a LIMIT or POST_ONLY order, as a template for compiled code;
        `shape`: side, order type, time in force.
        """
        signed, frame = self._texts(instrument.symbol, *shape, False, logged_on)
        scales = (instrument.px_scale, instrument.qty_scale)
        if logged_on:
            return OrderText("", frame, 0, scales, None, buffers)
        sign_order = self._order_signer.text
        signer = self._hot_signer or sign_order
        return OrderText(signed, frame, len(sign_order(b"")), scales, signer, buffers)

    def _template(
        self, symbol: str, side: int, order_type: int, time_in_force: int, by_quote: bool,
        logged_on: bool,
    ) -> tuple[str, str]:  # fmt: skip
        """(what is signed after the prefix, the whole frame), with %s where an order differs."""
        texts = self._texts(symbol, side, order_type, time_in_force, by_quote, logged_on)
        signed, frame = (with_holes(text.replace("%", "%%"), "%s") for text in texts)
        return signed, frame

    def _texts(
        self, symbol: str, side: int, order_type: int, time_in_force: int, by_quote: bool,
        logged_on: bool,
    ) -> tuple[str, str]:  # fmt: skip
        """The same with holes (`order_text.hole`)."""
        kind = OrderType(order_type)
        params: dict[str, str | int] = {
            "newClientOrderId": ids.head_text(self._system_id) + hole(PIECE_CLIENT_ID),
        }  # fmt: skip
        params["newOrderRespType"] = _RESPONSE_TYPE
        if kind is not OrderType.MARKET:
            params["price"] = hole(PIECE_PX)
        params["quoteOrderQty" if by_quote else "quantity"] = hole(PIECE_QTY)
        params["recvWindow"] = self._recv_window_ms
        params["selfTradePreventionMode"] = self._self_trade
        params["side"] = Side(side).name
        params["symbol"] = symbol
        if kind is OrderType.LIMIT:
            params["timeInForce"] = TimeInForce(time_in_force).name
        params["timestamp"] = hole(PIECE_TIME)
        params["type"] = _TYPES[kind]
        assert list(params) == sorted(params), "params stand in the order in which they are signed"
        signed = sign.ws_payload(params).decode().removeprefix("newClientOrderId=")
        shown = params
        if not logged_on:
            signature = hole(PIECE_SIGNATURE)
            shown = {"apiKey": self._api_key, **params, "signature": signature}
        body = ",".join(f"{_json(name)}:{_json(value)}" for name, value in shown.items())
        # A number, not a text.
        body = body.replace(f'"{hole(PIECE_TIME)}"', hole(PIECE_TIME))
        request = hole(PIECE_REQUEST)
        return signed, '{"id":"' + request + '","method":"order.place","params":{' + body + "}}"

    def signed(
        self, request_id: int, method: str, now_ms: int, params: Mapping[str, str | int],
        logged_on: bool = False,
    ) -> bytes:  # fmt: skip
        """Any other signed WebSocket-API request."""
        full: dict[str, str | int] = {
            **params, "recvWindow": self._recv_window_ms, "timestamp": now_ms,
        }  # fmt: skip
        if not logged_on:
            full["apiKey"] = self._api_key
            full["signature"] = sign.ws_signature(self._signer, full)
        frame = {"id": str(request_id), "method": method, "params": full}
        return orjson.dumps(frame)

    def logon(self, request_id: int, now_ms: int) -> bytes:
        """`session.logon`: what follows on this connection needs no signature. Ed25519 keys
        alone.
        """
        return self.signed(request_id, "session.logon", now_ms, {})

    def subscribe(self, request_id: int, now_ms: int, logged_on: bool = False) -> bytes:
        """`userDataStream.subscribe`, or `.subscribe.signature` where nobody is logged on: this
        account's events on this connection (listenKeys are gone since 2026-02-20).
        """
        if logged_on:
            return b'{"id":"%d","method":"userDataStream.subscribe"}' % request_id
        params: dict[str, str | int] = {"apiKey": self._api_key, "timestamp": now_ms}
        params["signature"] = sign.ws_signature(self._signer, params)
        method = "userDataStream.subscribe.signature"
        frame = {"id": str(request_id), "method": method, "params": params}
        return orjson.dumps(frame)

    def order_params(self, instrument: Instrument, client_order_id: int) -> dict[str, str | int]:
        """Params of `order.status` and `order.cancel`: an order by our id."""
        text = ids.to_text(self._system_id, client_order_id)
        return {"origClientOrderId": text, "symbol": instrument.symbol}

    def replace_params(self, instrument: Instrument, command: Command) -> dict[str, str | int]:
        """Params of `order.cancelReplace`: the new order is placed only where the one before it was
        cancelled (rest-api.md "Cancel an Existing Order and Send a New Order": STOP_ON_FAILURE)."""
        kind = OrderType(command.order_type)
        params: dict[str, str | int] = {
            "cancelOrigClientOrderId": ids.to_text(self._system_id, command.target_client_order_id),
            "cancelReplaceMode": "STOP_ON_FAILURE",
            "newClientOrderId": ids.to_text(self._system_id, command.client_order_id),
            "newOrderRespType": _RESPONSE_TYPE,
            "price": to_text(command.px, instrument.px_scale),
            "quantity": to_text(command.qty, instrument.qty_scale),
            "selfTradePreventionMode": self._self_trade,
            "side": Side(command.side).name,
            "symbol": instrument.symbol,
            "type": _TYPES[kind],
        }
        if kind is OrderType.LIMIT:
            params["timeInForce"] = TimeInForce(command.time_in_force).name
        return params

    def rest(
        self, method: str, now_ms: int, params: Mapping[str, str | int]
    ) -> tuple[str, str, dict[str, str]]:
        """(HTTP method, target, headers) of the REST request that does what the WebSocket-API's
        `method` does; its body is empty.
        """
        verb, path = _REST_OF_METHOD[method]
        pairs = [*params.items(), ("recvWindow", self._recv_window_ms), ("timestamp", now_ms)]
        query = sign.signed_query(self._signer, pairs)
        return verb, f"{path}?{query}", {"X-MBX-APIKEY": self._api_key}


def _filled(instrument: Instrument, command: Command) -> tuple[str, ...]:
    """Our id and the order's amounts, in the order in which a template wants them."""
    client_text = ids.tail_text(command.client_order_id)
    if command.qty == UNDEF:
        return client_text, to_text(command.quote_qty, instrument.quote_scale)
    qty = to_text(command.qty, instrument.qty_scale)
    if command.order_type == OrderType.MARKET:
        return client_text, qty
    return client_text, to_text(command.px, instrument.px_scale), qty


def trades_params(symbol: str, **where: int) -> dict[str, str | int]:
    """Params of `myTrades`: `where` is orderId, fromId or startTime (ms)."""
    params: dict[str, str | int] = {"symbol": symbol, "limit": TRADES_LIMIT}
    params.update({name: int(value) for name, value in where.items()})
    return params
