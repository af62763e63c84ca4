"""The short way of a plain order through the simulated Binance spot's WebSocket API.

What desks send by the thousand is one request: `order.place` of a limit, post-only or market order
with a quantity, its own client order id, and one of three credentials. `OrderLane.read` reads just
that, in one pass; whatever is odd about a message, down to a blank or a bad signature, makes it
None before anything has happened, and the message goes the long way (`server_ws_api`), which alone
refuses and explains. What a combination of symbol, side, type and modes means is asked of the long
way once and remembered, so that there is one statement of it; `test_order_lane.py` holds the two
ways equal.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any, NamedTuple

import orjson

from oms.exchange import layout_hot as lay
from oms.exchange.orders import OrderRequest
from oms.venues.binance import server_errors as err
from oms.venues.binance.server_auth import (
    AHEAD_MAX_US,
    RECV_WINDOW_DEFAULT_US,
    RECV_WINDOW_MAX_US,
    Keyring,
)
from oms.venues.binance.server_calls import Call, Desk
from oms.venues.binance.server_orders import read_order
from oms.venues.binance.server_params import (
    CLIENT_ID_RANGE,
    DECIMALS_MAX,
    MICROSECONDS_FROM,
    Params,
    legal_text,
)
from oms.venues.binance.server_ws_requests import is_id

METHOD = "order.place"
CREDENTIALS = frozenset({"apiKey", "signature"})
NEEDED = frozenset({"symbol", "side", "type", "quantity", "newClientOrderId", "timestamp"})
MAYBE = frozenset({
    "timeInForce", "price", "newOrderRespType", "selfTradePreventionMode", "recvWindow",
})  # fmt: skip
WORDS = ("symbol", "side", "type", "timeInForce", "newOrderRespType", "selfTradePreventionMode")
KINDS = frozenset({lay.TYPE_LIMIT, lay.TYPE_POST_ONLY, lay.TYPE_MARKET})
FORMS_MAX = 1024
"""Remembered orders of parameter names, and combinations of words: far more than a desk uses."""
WHOLE_DIGITS_MAX = 10
"""With eight decimals they fit 64 bits; longer numbers go the long way."""
_SCALARS = frozenset({str, int})
_POWERS = tuple(10**k for k in range(DECIMALS_MAX + 1))
_client_id = legal_text(CLIENT_ID_RANGE)


class PlainOrder(NamedTuple):
    """A request that was read; nothing has been charged or done yet."""

    request_id: Any
    account: int
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
    px_digits: int
    qty_digits: int


def plain_decimal(text: Any, digits: int) -> int:
    """A plain decimal above 0 at `digits` decimals; 0 for whatever else, and for what is finer."""
    if type(text) is not str:
        return 0
    whole, point, part = text.partition(".")
    if len(part) > digits:
        part = part.rstrip("0")
        if len(part) > digits or len(text) > WHOLE_DIGITS_MAX + DECIMALS_MAX + 1:
            return 0
    elif point and not part:
        return 0
    both = whole + part
    if not (0 < len(whole) <= WHOLE_DIGITS_MAX and both.isascii() and both.isdecimal()):
        return 0
    return int(both) * _POWERS[digits - len(part)]


def _form(names: tuple[str, ...]) -> _Form | None:
    """None where the names are not those of a plain order."""
    given = frozenset(names)
    credentials = given & CREDENTIALS
    if not given >= NEEDED or not given <= NEEDED | MAYBE | CREDENTIALS:
        return None
    if credentials and credentials != CREDENTIALS:
        return None
    words = [name for name in WORDS if name in given]
    signed = sorted(given - {"signature"})
    return _Form(
        "&".join(f"{name}=%s" for name in signed), itemgetter(*signed), bool(credentials),
        itemgetter(*words),
        "price" in given, "recvWindow" in given,
    )  # fmt: skip


class _Form(NamedTuple):
    """Of parameter names as they came."""

    payload: str
    """What is signed, in its order; with the values of `signed` in the place of each %s."""
    signed: Callable[[dict[str, Any]], tuple[Any, ...]]
    has_credentials: bool
    words: Callable[[dict[str, Any]], tuple[Any, ...]]
    """Of parameters: the words whose meaning is remembered."""
    is_priced: bool
    sets_window: bool


class OrderLane:
    """See the module's text; one for all sessions."""

    def __init__(self, desk: Desk, keyring: Keyring) -> None:
        self._desk = desk
        self._keyring = keyring
        self._forms: dict[tuple[str, ...], _Form | None] = {}
        self._words: dict[tuple[Any, ...], _Words] = {}
        """By the words, and before them the names of those that may be missing."""

    def read(self, data: bytes, logged_on: str | None, now_ns: int) -> PlainOrder | None:
        """A plain order, checked in its shape, its time and its signature; None: not one."""
        try:
            message = orjson.loads(data)
            params = message["params"]
            if message["method"] != METHOD or len(message) != 3 or not is_id(message["id"]):
                return None
            names = tuple(params)
            # A name given twice, and a text that looks like one, make more of these than names.
            if data.count(b'":') != 3 + len(names):
                return None
            if not _SCALARS.issuperset(map(type, params.values())):
                return None
        except (orjson.JSONDecodeError, TypeError, KeyError, AttributeError):
            return None
        form = self._forms.get(names) or self._new_form(names)
        if form is None or not _in_time(params, form, now_ns):
            return None
        account = self._account(params, form, logged_on)
        client_id = params["newClientOrderId"]
        if account < 0 or type(client_id) is not str or not _client_id(client_id):
            return None
        key = (form.words, *form.words(params))
        words = self._words.get(key) or self._learn(key, params, account, now_ns)
        if words is None:
            return None
        qty = plain_decimal(params["quantity"], words.qty_digits)
        px = plain_decimal(params["price"], words.px_digits) if form.is_priced else 0
        if not qty or (form.is_priced and not px):
            return None
        request = OrderRequest(
            words.symbol, account, words.side, words.kind, words.tif, px, qty, 0, client_id,
            0, 0, 0, words.stp,
        )  # fmt: skip
        return PlainOrder(message["id"], account, request, words.response_type)

    def _new_form(self, names: tuple[str, ...]) -> _Form | None:
        if names in self._forms:
            return None
        form = _form(names)
        if len(self._forms) < FORMS_MAX:
            self._forms[names] = form
        return form

    def _account(
        self, params: dict[str, Any], form: _Form, logged_on: str | None
    ) -> int:
        """Whose order it is, by the session's key or an HMAC signature; -1 = the long way says."""
        keys = self._keyring.keys
        known = keys.get(logged_on) if logged_on is not None else None
        if not form.has_credentials:
            return known.account if known is not None else -1
        if logged_on is not None and known is None:
            return -1
        key, signature = keys.get(params["apiKey"]), params["signature"]
        if key is None or key.kind != "hmac" or type(signature) is not str:
            return -1
        payload = form.payload % form.signed(params)
        good = self._keyring.is_hmac(params["apiKey"], payload.encode(), signature)
        return key.account if good else -1

    def _learn(
        self, key: tuple[Any, ...], params: dict[str, Any], account: int, now_ns: int
    ) -> _Words | None:
        """Asks the long way what these words mean."""
        texts = {name: str(value) for name, value in params.items()}
        if len(self._words) >= FORMS_MAX or not all(type(word) is str for word in key[1:]):
            return None
        try:
            request, response_type = read_order(self._desk, Call(Params(texts), account, now_ns))
        except err.ApiError:
            return None
        if request.kind not in KINDS:
            return None
        spec = self._desk.market.specs[request.symbol]
        words = self._words[key] = _Words(
            request.symbol, request.side, request.kind, request.tif, request.stp, response_type,
            spec.px_digits, spec.qty_digits,
        )  # fmt: skip
        return words


def _in_time(params: dict[str, Any], form: _Form, now_ns: int) -> bool:
    """`check_time`, of whole numbers."""
    timestamp = params["timestamp"]
    if type(timestamp) is not int or timestamp < 0:
        return False
    if timestamp <= MICROSECONDS_FROM:
        timestamp *= 1000
    window_us = RECV_WINDOW_DEFAULT_US
    if form.sets_window:
        window_ms = params["recvWindow"]
        if type(window_ms) is not int or not 0 <= window_ms <= RECV_WINDOW_MAX_US // 1000:
            return False
        window_us = window_ms * 1000
    now_us = now_ns // 1000
    return bool(now_us - window_us <= timestamp < now_us + AHEAD_MAX_US)
