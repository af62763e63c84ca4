"""The fast path of a plain order through the simulated Binance spot's WebSocket API.

What desks send by the thousand is one request: `order.place` of a limit, post-only or market order
with a quantity, its own client order id, and one of three credentials. `OrderFastPath.read` reads
just that, by a kernel (`fast_path_hot.py`); whatever is odd about a message, down to a blank or a
bad signature, makes it None before anything has happened, and the message goes the long way
(`ws_api/api.py`), which alone refuses and explains. What a combination of symbol, side, type and
modes means is asked of the long way once and remembered, so that there is one statement of it;
`test_order_fast_path.py` holds the two ways equal.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import orjson

from oms.exchange.engine import layout_hot as lay
from oms.exchange.orders import OrderRequest
from oms.venues.binance.server import errors as err
from oms.venues.binance.server.auth import (
    AHEAD_MAX_US,
    RECV_WINDOW_DEFAULT_US,
    RECV_WINDOW_MAX_US,
    Keyring,
)
from oms.venues.binance.server.calls import Call, Desk
from oms.venues.binance.server.orders import fast_path_hot as kernel
from oms.venues.binance.server.orders.calls import ORDERS, place_read, placed_reply, read_order
from oms.venues.binance.server.params import DECIMALS_MAX, MICROSECONDS_FROM, Params
from oms.venues.binance.server.time_unit import unit
from oms.venues.binance.server.ws_api.requests import refused
from oms.venues.binance.server.ws_api.sessions import Session
from oms.venues.serving.refusal import LostReplyError
from oms.venues.serving.routing import weight_of

WEIGHT = weight_of(ORDERS["order.place"], Params({}))
KINDS = frozenset({lay.TYPE_LIMIT, lay.TYPE_POST_ONLY, lay.TYPE_MARKET})
WORDS_MAX = 1024
"""Combinations of words that are remembered: far more than a desk uses."""
_PLACED = b'{"id":%b,"status":200,"result":%b%b}'
_ACK = _PLACED % (
    b"%b",
    b'{"symbol":"%b","orderId":%d,"orderListId":%d,"clientOrderId":"%b","transactTime":%d}',
    b"%b",
)
"""Most replies; symbols and client ids are letters, digits, dashes and underscores."""
OUT_BYTES = 2 * kernel.BYTES_MAX


class PlainOrder(NamedTuple):
    """A request that was read; nothing has been charged or done yet."""

    request_id: Any
    request: OrderRequest
    response_type: str


class _Words(NamedTuple):
    """What the words of a request mean."""

    symbol: int
    side: int
    kind: int
    tif: int
    stp: int
    response_type: str
    px_unit: int
    """Of a price with eight decimals; one that is finer is not plain."""
    qty_unit: int


class OrderFastPath:
    """See the module's text; one for all sessions."""

    def __init__(self, desk: Desk, keyring: Keyring) -> None:
        self._desk = desk
        self._keyring = keyring
        self._payload = np.zeros(OUT_BYTES, np.uint8)
        self._meaning = np.zeros(OUT_BYTES, np.uint8)
        self._found = np.zeros(kernel.ARRAY_WORDS, np.int64)
        self._signed, self._told = self._payload.data, self._meaning.data
        self._plain = self._found[: kernel.FOUND_WORDS]
        self._words: dict[bytes, _Words] = {}
        self._symbols = [spec.symbol.encode() for spec in desk.market.specs]

    def read(self, data: bytes, logged_on: str | None, now_ns: int) -> PlainOrder | None:
        """A plain order, checked in its shape, its time and its signature; None: not one."""
        if not data:
            return None
        buf = np.frombuffer(data, np.uint8)  # read-only, as the bytes are
        if not kernel.scan(buf, self._payload, self._meaning, self._found):
            return None
        (
            id_at, id_end, id_is_text, client_at, client_end, key_at, key_end, sign_at, sign_end,
            px_e8, qty_e8, timestamp, window_ms, payload_bytes, meaning_bytes,
        ) = self._plain.tolist()  # fmt: skip
        if not _in_time(timestamp, window_ms, now_ns):
            return None
        keys = self._keyring.keys
        known = keys.get(logged_on) if logged_on is not None else None
        if known is None and logged_on is not None:
            return None  # the key was revoked since
        if key_at >= 0:
            api_key = data[key_at:key_end].decode()
            known = keys.get(api_key)
            if known is None or known.kind != "hmac":
                return None
            signature = data[sign_at:sign_end].decode()
            if not self._keyring.is_hmac(api_key, self._signed[:payload_bytes], signature):
                return None
        if known is None:
            return None
        meaning = bytes(self._told[:meaning_bytes])
        words = self._words.get(meaning) or self._learn(meaning, data, now_ns)
        if words is None:
            return None
        qty, finer = divmod(qty_e8, words.qty_unit)
        px, too_fine = divmod(px_e8, words.px_unit) if px_e8 > 0 else (0, 0)
        if finer or too_fine:
            return None
        request = OrderRequest(
            words.symbol, known.account, words.side, words.kind, words.tif, px, qty, 0,
            data[client_at:client_end].decode(), 0, 0, 0, words.stp,
        )  # fmt: skip
        told_id = data[id_at:id_end].decode()
        return PlainOrder(told_id if id_is_text else int(told_id), request, words.response_type)

    def place(self, session: Session, plain: PlainOrder, now_ns: int) -> bytes | None:
        """Charge and place it; the reply as bytes, None where a fault lost it."""
        limits, request = self._desk.limits, plain.request
        try:
            limits.charge_weight(session.address, WEIGHT, now_ns)
            order = place_read(self._desk, request, now_ns)
        except err.ApiError as error:
            reply = refused(plain.request_id, error, now_ns)
        except LostReplyError:
            return None
        else:
            counts = b""
            if session.shows_limits:
                counts = limits.counts_text(session.address, request.account, now_ns)
            if plain.response_type == "ACK":
                return _ACK % (
                    orjson.dumps(plain.request_id), self._symbols[request.symbol], order.order_id,
                    order.list_id, request.client_id.encode(), order.created_ns // session.unit_ns,
                    counts,
                )  # fmt: skip
            with unit(session.unit_ns):
                value = orjson.dumps(placed_reply(self._desk, order, plain.response_type))
            return _PLACED % (orjson.dumps(plain.request_id), value, counts)
        if session.shows_limits:
            reply["rateLimits"] = limits.counts(session.address, request.account, now_ns)
        return orjson.dumps(reply)

    def _learn(self, meaning: bytes, data: bytes, now_ns: int) -> _Words | None:
        """Asks the long way what the words of a plain order mean."""
        if len(self._words) >= WORDS_MAX:
            return None
        texts = {name: str(value) for name, value in orjson.loads(data)["params"].items()}
        try:
            request, response_type = read_order(self._desk, Call(Params(texts), 0, now_ns))
        except err.ApiError:
            return None
        if request.kind not in KINDS:
            return None
        spec = self._desk.market.specs[request.symbol]
        words = self._words[meaning] = _Words(
            request.symbol, request.side, request.kind, request.tif, request.stp, response_type,
            10 ** (DECIMALS_MAX - spec.px_digits), 10 ** (DECIMALS_MAX - spec.qty_digits),
        )  # fmt: skip
        return words


def _in_time(timestamp: int, window_ms: int, now_ns: int) -> bool:
    """`auth.py: check_time`, of whole numbers; a window of -1 was not given."""
    if timestamp <= MICROSECONDS_FROM:
        timestamp *= 1000
    window_us = RECV_WINDOW_DEFAULT_US if window_ms < 0 else window_ms * 1000
    now_us = now_ns // 1000
    in_range = window_us <= RECV_WINDOW_MAX_US
    return in_range and now_us - window_us <= timestamp < now_us + AHEAD_MAX_US
