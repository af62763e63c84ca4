"""WebSocket API of the simulated Binance spot: requests, replies, user data events.

Sans-I/O: one `WsApiServer` for all connections of the path /ws-api/v3. Every endpoint of the one
table (`endpoints.py`) is a method here; session methods are in `ws_api/sessions.py`. A reply
carries the request's id, a status and the rate limits; user events go to each subscription as
{"subscriptionId", "event"}. Source: web-socket-api.md, user-data-stream.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

import orjson

from oms.exchange.orders import Report, ReportKind, UserReport
from oms.venues.binance.server import errors as err
from oms.venues.binance.server.auth import Keyring, ws_account
from oms.venues.binance.server.calls import Call, Desk
from oms.venues.binance.server.endpoints import ENDPOINTS
from oms.venues.binance.server.orders.fast_path import OrderFastPath
from oms.venues.binance.server.time_unit import TIME_UNITS, unit
from oms.venues.binance.server.ws_api.requests import Request, id_of, read_request, refused
from oms.venues.binance.server.ws_api.sessions import (
    SESSION_CALLS,
    SESSION_WEIGHT,
    Session,
    log_out,
)
from oms.venues.binance.server.ws_api.user_events import UserEvents
from oms.venues.serving.refusal import LostReplyError
from oms.venues.serving.routing import weight_of

PATH = "/ws-api/v3"
CONNECT_WEIGHT = 2
_LIMITS_NAME = frozenset({"returnRateLimits"})
_BOOLEANS = {"true": True, "false": False}
Out = list[tuple[int, bytes]]


class WsApiServer:
    """All sessions of the WebSocket API; outputs are (conn, bytes)."""

    def __init__(self, desk: Desk, keyring: Keyring) -> None:
        self._desk = desk
        self._keyring = keyring
        self._fast_path = OrderFastPath(desk, keyring)
        self._sessions: dict[int, Session] = {}
        self._heard: dict[int, dict[int, list[tuple[int, int]]]] = {}
        """Unit of time -> account -> (connection, subscription)."""
        self._listen_anew()
        self._events = UserEvents(desk.market, desk.orders)

    def __contains__(self, conn: int) -> bool:
        return conn in self._sessions

    def opened(self, conn: int, query: str, address: str, now_ns: int) -> bool:
        """Begin a session; False when the handshake asks for what is not served (SBE is not)."""
        session = Session(address, now_ns)
        asked = parse_qsl(query, keep_blank_values=True)
        if len({name for name, _ in asked}) != len(asked):
            return False
        for name, value in asked:
            if name == "returnRateLimits" and value in _BOOLEANS:
                session.shows_limits = _BOOLEANS[value]
            elif name == "timeUnit" and value in TIME_UNITS:
                session.unit_ns = TIME_UNITS[value]
            elif (name, value) != ("responseFormat", "json"):
                return False
        try:
            self._desk.limits.charge_weight(address, CONNECT_WEIGHT, now_ns)
        except err.ApiError:
            return False
        self._sessions[conn] = session
        return True

    def closed(self, conn: int) -> None:
        self._sessions.pop(conn, None)
        self._listen_anew()

    def answer(self, conn: int, data: bytes, now_ns: int) -> Out:
        """The reply to one message, and what follows from it; no reply where a fault lost it."""
        session = self._sessions[conn]
        plain = self._fast_path.read(data, session.api_key, now_ns)
        if plain is not None:
            text = self._fast_path.place(session, plain, now_ns)
            return [] if text is None else [(conn, text)]
        with unit(session.unit_ns):
            reply = self._reply(session, data, now_ns)
            out = [] if reply is None else [(conn, orjson.dumps(reply))]
            for number in session.ended:
                event = {"e": "eventStreamTerminated", "E": now_ns // session.unit_ns}
                out.append((conn, orjson.dumps({"subscriptionId": number, "event": event})))
        session.ended.clear()
        return out

    def _reply(self, session: Session, data: bytes, now_ns: int) -> dict[str, Any] | None:
        account: int | None = None
        request: Request | None = None
        if session.api_key is not None and session.api_key not in self._keyring.keys:
            log_out(session)
            self._listen_anew()
            gone = err.ApiError(*err.BAD_KEY)
            return {"id": None, "status": gone.status, "error": gone.body()}
        try:
            request = read_request(data, session.shows_limits)
            value, account = self._run(session, request, now_ns)
        except err.ApiError as error:
            shows = request.shows_limits if request else session.shows_limits
            reply = refused(request.id if request else id_of(data), error, now_ns)
            account = self._order_account(session, request)
        except LostReplyError:
            return None
        else:
            shows = request.shows_limits
            reply = {"id": request.id, "status": 200, "result": value}
        if shows:
            reply["rateLimits"] = self._desk.limits.counts(session.address, account, now_ns)
        return reply

    def _order_account(self, session: Session, request: Request | None) -> int | None:
        """Whose order counts stand in a refusal: the key's, where the endpoint shows them."""
        endpoint = ENDPOINTS.get(request.method) if request else None
        if request is None or endpoint is None or not endpoint.counts_orders:
            return None
        known = self._keyring.keys.get(request.params.given.get("apiKey", session.api_key or ""))
        return known.account if known else None

    def _run(self, session: Session, request: Request, now_ns: int) -> tuple[Any, int | None]:
        """(result, account whose order counts are shown)"""
        charge = self._desk.limits.charge_weight
        session_call = SESSION_CALLS.get(request.method)
        if session_call is not None:
            charge(session.address, SESSION_WEIGHT, now_ns)
            try:
                return session_call(self._keyring, session, request.params, now_ns), None
            finally:
                self._listen_anew()
        endpoint = ENDPOINTS.get(request.method)
        if endpoint is None:
            charge(session.address, 1, now_ns)
            shown = request.method[:64]
            raise err.ApiError(-1000, f"Unknown method '{shown}'.", err.NOT_FOUND)
        charge(session.address, weight_of(endpoint, request.params), now_ns)
        account = -1
        if endpoint.signed:
            account = ws_account(self._keyring, request.params, now_ns, session.api_key)
        request.params.allow(endpoint.names | _LIMITS_NAME)
        value = endpoint.handler(self._desk, Call(request.params, account, now_ns))
        return value, account if endpoint.counts_orders else None

    # Events

    def events(self, reports: Sequence[UserReport], now_ns: int) -> Out:
        """What accounts are told, for each subscription of theirs in its own unit of time."""
        out: Out = []
        muted = self._desk.muted
        told = [r for r in reports if not self._swallowed(r)] if muted else reports
        for unit_ns, listeners in self._heard.items():
            with unit(unit_ns):
                for account, event in self._events.of(told, listeners, now_ns):
                    data = orjson.dumps(event)
                    for conn, number in listeners[account]:
                        wrapped = b'{"subscriptionId":%d,"event":%s}' % (number, data)
                        out.append((conn, wrapped))
        return out

    def _listen_anew(self) -> None:
        """Sessions or subscriptions have changed."""
        self._heard = {}
        for conn, session in self._sessions.items():
            for number, sub in session.subscriptions.items():
                accounts = self._heard.setdefault(session.unit_ns, {})
                accounts.setdefault(sub.account, []).append((conn, number))
        self._desk.market.log.heard = frozenset().union(*self._heard.values())

    def _swallowed(self, report: UserReport) -> bool:
        """Fault: the NEW event of an order whose reply was lost is lost, too."""
        muted = self._desk.muted
        if not isinstance(report, Report) or report.kind != ReportKind.NEW:
            return False
        if report.order.order_id not in muted:
            return False
        muted.discard(report.order.order_id)
        return True

    def shutdown(self, conn: int, now_ns: int) -> bytes:
        """What a connection is told before its end."""
        unit_ns = self._sessions[conn].unit_ns
        return orjson.dumps({"event": {"e": "serverShutdown", "E": now_ns // unit_ns}})
