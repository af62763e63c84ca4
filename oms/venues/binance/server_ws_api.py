"""WebSocket API of the simulated Binance spot: requests, replies, user data subscriptions.

Sans-I/O: one `WsApiServer` for all connections of the path /ws-api/v3. A request is
{"id", "method", "params"}; its reply carries the same id, a status and the rate limits. User
events go to each subscription as {"subscriptionId", "event"}. Source: web-socket-api.md,
user-data-stream.md. HMAC keys cannot log on (session.logon asks for Ed25519), so every signed
request carries its own signature.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson

from oms.exchange.orders import Report, ReportKind, UserReport
from oms.venues.binance import server_errors as err
from oms.venues.binance.server_auth import Keyring, ws_account
from oms.venues.binance.server_calls import (
    SIGNED_NAMES,
    Call,
    Desk,
    LostReplyError,
    weight_of,
)
from oms.venues.binance.server_params import Params, json_text
from oms.venues.binance.server_rest import ENDPOINTS
from oms.venues.binance.server_shapes import ms
from oms.venues.binance.server_user_events import UserEvents

PATH = "/ws-api/v3"
CONNECT_WEIGHT = 2
ID_CHARS_MAX = 36
SUBSCRIPTIONS_MAX = 1000
"""Ever made on one connection; the venue's own bound for active ones."""
_SUBSCRIBE = "userDataStream.subscribe.signature"
_UNSUBSCRIBE = "userDataStream.unsubscribe"
_LOGON_ONLY = ("session.logon", "userDataStream.subscribe")
_FIELDS = {"id", "method", "params"}


@dataclass(slots=True)
class _Session:
    """One connection."""

    address: str
    connected_ns: int
    shows_limits: bool = True
    next_subscription: int = 0
    subscriptions: dict[int, int] = field(default_factory=dict)
    """subscriptionId -> account"""


@dataclass(frozen=True, slots=True)
class _Request:
    id: Any
    method: str
    params: Params
    shows_limits: bool


class WsApiServer:
    """All sessions of the WebSocket API; outputs are (conn, bytes)."""

    def __init__(self, desk: Desk, keyring: Keyring) -> None:
        self._desk = desk
        self._keyring = keyring
        self._sessions: dict[int, _Session] = {}
        self._events = UserEvents(desk.market, desk.orders)

    def __contains__(self, conn: int) -> bool:
        return conn in self._sessions

    def opened(self, conn: int, query: str, address: str, now_ns: int) -> bool:
        """Begin a session; False when the handshake asks for what is not served."""
        session = _Session(address, now_ns)
        for name, value in parse_qsl(query, keep_blank_values=True):
            if name != "returnRateLimits" or value not in ("true", "false"):
                return False
            session.shows_limits = value == "true"
        try:
            self._desk.limits.charge_weight(address, CONNECT_WEIGHT, now_ns)
        except err.ApiError:
            return False
        self._sessions[conn] = session
        return True

    def closed(self, conn: int) -> None:
        self._sessions.pop(conn, None)

    def answer(self, conn: int, data: bytes, now_ns: int) -> bytes | None:
        """The reply to one message; None when a fault lost it."""
        session = self._sessions[conn]
        account: int | None = None
        request: _Request | None = None
        try:
            request = self._read(session, data)
            value, account = self._run(session, request, now_ns)
        except err.ApiError as error:
            shows = request.shows_limits if request else session.shows_limits
            reply: dict[str, Any] = {
                "id": request.id if request else _id_of(data),
                "status": error.status,
                "error": error.body(),
            }
            if error.retry_after_s is not None:
                retry_ms = ms(now_ns) + error.retry_after_s * 1000
                reply["error"]["data"] = {"serverTime": ms(now_ns), "retryAfter": retry_ms}
            account = self._order_account(request)
        except LostReplyError:
            return None
        else:
            shows = request.shows_limits
            reply = {"id": request.id, "status": 200, "result": value}
        if shows:
            reply["rateLimits"] = self._desk.limits.counts(session.address, account, now_ns)
        return orjson.dumps(reply)

    def _order_account(self, request: _Request | None) -> int | None:
        """Whose order counts stand in a refusal: the key's, where the endpoint shows them."""
        endpoint = ENDPOINTS.get(request.method) if request else None
        if request is None or endpoint is None or not endpoint.counts_orders:
            return None
        known = self._keyring.keys.get(request.params.given.get("apiKey", ""))
        return known[0] if known else None

    def _read(self, session: _Session, data: bytes) -> _Request:
        try:
            message = orjson.loads(data)
        except orjson.JSONDecodeError:
            raise err.ApiError(*err.INVALID_JSON) from None
        if not isinstance(message, dict) or not message.keys() <= _FIELDS:
            raise err.ApiError(*err.INVALID_JSON)
        if not _is_id(message.get("id")):
            raise err.illegal_characters("id", "^[a-zA-Z0-9-_]{1,36}$")
        method, params = message.get("method"), message.get("params", {})
        if not isinstance(method, str) or not isinstance(params, dict):
            raise err.ApiError(*err.INVALID_JSON)
        texts = {name: json_text(value) for name, value in params.items()}
        shows = session.shows_limits
        if "returnRateLimits" in texts:
            shows = Params(texts).boolean("returnRateLimits", shows)
        return _Request(message.get("id"), method, Params(texts), shows)

    def _run(self, session: _Session, request: _Request, now_ns: int) -> tuple[Any, int | None]:
        """(result, account whose order counts are shown)"""
        if request.method.startswith(("session.", "userDataStream.")):
            return self._session_call(session, request, now_ns), None
        endpoint = ENDPOINTS.get(request.method)
        if endpoint is None:
            self._desk.limits.charge_weight(session.address, 1, now_ns)
            raise err.ApiError(-1000, f"Unknown method '{request.method}'.", err.NOT_FOUND)
        self._desk.limits.charge_weight(
            session.address, weight_of(endpoint, request.params), now_ns
        )
        account = -1
        if endpoint.signed:
            account = ws_account(self._keyring, request.params, now_ns)
        request.params.allow(endpoint.names | {"returnRateLimits"})
        value = endpoint.handler(self._desk, Call(request.params, account, now_ns))
        return value, account if endpoint.counts_orders else None

    def _session_call(self, session: _Session, request: _Request, now_ns: int) -> Any:
        self._desk.limits.charge_weight(session.address, 2, now_ns)
        params = request.params
        if request.method == "session.status":
            params.allow(frozenset({"returnRateLimits"}))
            return {
                "apiKey": None,
                "authorizedSince": None,
                "connectedSince": ms(session.connected_ns),
                "returnRateLimits": request.shows_limits,
                "serverTime": ms(now_ns),
                "userDataStream": bool(session.subscriptions),
            }
        if request.method == _SUBSCRIBE:
            account = ws_account(self._keyring, params, now_ns)
            params.allow(SIGNED_NAMES | {"returnRateLimits"})
            if account in session.subscriptions.values():
                raise err.ApiError(*err.SUBSCRIPTION_ACTIVE)
            if session.next_subscription >= SUBSCRIPTIONS_MAX:
                raise err.ApiError(-2042, "Maximum subscription ID reached for this connection.")
            number = session.next_subscription
            session.next_subscription += 1
            session.subscriptions[number] = account
            return {"subscriptionId": number}
        if request.method == _UNSUBSCRIBE:
            params.allow(frozenset({"returnRateLimits", "subscriptionId"}))
            if not params.has("subscriptionId"):
                session.subscriptions.clear()
            elif session.subscriptions.pop(params.integer("subscriptionId"), None) is None:
                raise err.ApiError(*err.SUBSCRIPTION_INACTIVE)
            return {}
        if request.method in _LOGON_ONLY:
            raise err.ApiError(*err.NOT_SUPPORTED)
        raise err.ApiError(-1000, f"Unknown method '{request.method}'.", err.NOT_FOUND)

    def events(self, reports: list[UserReport], now_ns: int) -> list[tuple[int, bytes]]:
        """What accounts are told, for each subscription of theirs."""
        told = [report for report in reports if not self._swallowed(report)]
        out: list[tuple[int, bytes]] = []
        for account, event in self._events.of(told, now_ns):
            listeners = self._listeners(account)
            if listeners:
                data = orjson.dumps(event)
                for conn, number in listeners:
                    out.append((conn, b'{"subscriptionId":%d,"event":%s}' % (number, data)))
        return out

    def _swallowed(self, report: UserReport) -> bool:
        """Fault: the NEW event of an order whose reply was lost is lost, too."""
        muted = self._desk.muted
        if not isinstance(report, Report) or report.kind != ReportKind.NEW:
            return False
        if report.order.order_id not in muted:
            return False
        muted.discard(report.order.order_id)
        return True

    def _listeners(self, account: int) -> list[tuple[int, int]]:
        return [
            (conn, number)
            for conn, session in self._sessions.items()
            for number, owner in session.subscriptions.items()
            if owner == account
        ]


def _is_id(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= ID_CHARS_MAX
    return value is None or (isinstance(value, int) and not isinstance(value, bool))


def _id_of(data: bytes) -> Any:
    """The id of a message that could not be read, where there is one."""
    try:
        message = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    found = message.get("id") if isinstance(message, dict) else None
    return found if _is_id(found) else None
