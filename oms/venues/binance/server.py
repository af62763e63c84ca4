"""The simulated Binance spot, sans-I/O: bytes of clients in, bytes for clients out.

`BinanceServer` joins REST, streams and WebSocket API over one `Market`. `venue_sim` moves the
bytes; after each call it takes `take_out()`. What a request changes is told in this order: its
reply, the user events, the market events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from oms.agents.base import HttpMeta
from oms.exchange.market import Market
from oms.venues.binance import server_errors as err
from oms.venues.binance import server_ws_api as ws_api
from oms.venues.binance.server_auth import Keyring
from oms.venues.binance.server_calls import Desk
from oms.venues.binance.server_limits import LimitRules, Limits
from oms.venues.binance.server_rest import RestServer
from oms.venues.binance.server_shapes import Shapes
from oms.venues.binance.server_streams import StreamServer

WAITING_MAX = 64
"""Depth requests kept until a recorded book is known."""


@dataclass(frozen=True, slots=True)
class Send:
    """One WebSocket message."""

    conn: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Respond:
    """One HTTP reply."""

    conn: int
    request_id: int
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Close:
    conn: int


Out = Send | Respond | Close


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A request that cannot be answered yet."""

    conn: int
    meta: HttpMeta
    data: bytes
    address: str


class BinanceServer:
    """See the module's text. `keys`: API key -> (account, secret)."""

    def __init__(
        self,
        market: Market,
        keys: Mapping[str, tuple[int, bytes]],
        rules: LimitRules,
        new_id: Callable[[], str],
        lose_reply: Callable[[], bool],
        *,
        publishes: bool = True,
    ) -> None:
        self._market = market
        self._publishes = publishes
        shapes = Shapes(market.specs, market.assets)
        rows = {spec.symbol: row for row, spec in enumerate(market.specs)}
        desk = Desk(market, Limits(rules), shapes, rows, new_id, lose_reply)
        keyring = Keyring(keys)
        self._rest = RestServer(desk, keyring)
        self._api = ws_api.WsApiServer(desk, keyring)
        self.streams = StreamServer(market.specs, shapes)
        self._waiting: list[_Waiting] = []
        self._out: list[Out] = []

    def take_out(self) -> list[Out]:
        taken, self._out = self._out, []
        return taken

    def send(self, messages: list[tuple[int, bytes]]) -> None:
        self._out += [Send(conn, data) for conn, data in messages]

    # Connections

    def opened(self, conn: int, target: str, address: str, now_ns: int) -> None:
        """A WebSocket handshake for `target`; what is not served is closed."""
        path, _, query = target.partition("?")
        if path == ws_api.PATH:
            served = self._api.opened(conn, query, address, now_ns)
        else:
            served = self.streams.opened(conn, path, query)
        if not served:
            self._out.append(Close(conn))

    def closed(self, conn: int) -> None:
        self._api.closed(conn)
        self.streams.closed(conn)

    # Messages

    def on_message(self, conn: int, data: bytes, now_ns: int) -> None:
        """One WebSocket message of a client."""
        if conn in self._api:
            reply = self._api.answer(conn, data, now_ns)
        elif conn in self.streams:
            reply = self.streams.answer(conn, data)
        else:
            return
        if reply is not None:
            self._out.append(Send(conn, reply))
        self.tell(now_ns)

    def on_request(self, conn: int, meta: HttpMeta, data: bytes, address: str, now_ns: int) -> None:
        """One HTTP request."""
        self._answer(_Waiting(conn, meta, data, address), now_ns)
        self.tell(now_ns)

    def _answer(self, asked: _Waiting, now_ns: int) -> None:
        meta = asked.meta
        try:
            reply = self._rest.answer(
                asked.address, meta.method, meta.target, meta.headers, asked.data, now_ns
            )
        except err.NotYetError:
            if len(self._waiting) < WAITING_MAX:
                self._waiting.append(asked)
            return
        if reply is not None:
            self._out.append(
                Respond(asked.conn, meta.request_id, reply.status, reply.headers, reply.body)
            )

    # Time

    def tell(self, now_ns: int) -> None:
        """Tell everybody what has happened at the market since the last call."""
        reports = self._market.take_reports()
        if reports:
            self.send(self._api.events(reports, now_ns))
        public = self._market.take_public()
        if public and self._publishes:
            self.send(self.streams.publish(public, now_ns))
        self.send(self.streams.diffs(now_ns))

    def retry_waiting(self, now_ns: int) -> None:
        """The book has become known: answer who waits for it."""
        waiting, self._waiting = self._waiting, []
        for asked in waiting:
            self._answer(asked, now_ns)

    def next_timer_ns(self) -> int:
        return self.streams.next_diff_ns
