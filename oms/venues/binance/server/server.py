"""The simulated Binance spot, sans-I/O: bytes of clients in, bytes for clients out.

`BinanceServer` joins REST, streams and WebSocket API over one `Market`, and feeds each symbol's
tape. `venue_sim` moves the bytes; after each call it takes `take_out()`. What a request changes is
told in this order: its reply, the user events, the market events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from oms.exchange.market import Market, PublicEvent, PublicTrade
from oms.exchange.orders import Report, UserReport
from oms.exchange.tape import AggTrade
from oms.ports import HttpMeta
from oms.venues.binance.server import errors as err
from oms.venues.binance.server.auth import ApiKey, Keyring
from oms.venues.binance.server.calls import Desk
from oms.venues.binance.server.limits import LimitRules, Limits
from oms.venues.binance.server.links import Links
from oms.venues.binance.server.rest import RestServer
from oms.venues.binance.server.shapes import Shapes
from oms.venues.binance.server.streams.sources import Material
from oms.venues.binance.server.streams.streams import StreamServer
from oms.venues.binance.server.ws_api import api as ws_api

WAITING_MAX = 64
"""Depth requests kept until a recorded book is known."""


class Send(NamedTuple):
    """One WebSocket message."""

    conn: int
    data: bytes


class Respond(NamedTuple):
    """One HTTP reply."""

    conn: int
    request_id: int
    status: int
    headers: Mapping[str, str]
    body: bytes


class Ping(NamedTuple):
    """One ping frame; its pong is told by `on_pong`."""

    conn: int
    data: bytes


class Close(NamedTuple):
    conn: int


Out = Send | Respond | Ping | Close


class _Waiting(NamedTuple):
    """A request that cannot be answered yet."""

    conn: int
    meta: HttpMeta
    data: bytes
    address: str


class BinanceServer:
    """See the module's text. `keys`: API key -> (account, secret) of HMAC keys, or ApiKey."""

    def __init__(
        self,
        market: Market,
        keys: Mapping[str, ApiKey | tuple[int, bytes]],
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
        self._desk = desk
        self.keyring = Keyring(keys)
        self._rest = RestServer(desk, self.keyring)
        self._api = ws_api.WsApiServer(desk, self.keyring)
        material = Material(market, shapes, desk.market_shapes, desk.tapes)
        self.streams = StreamServer(material, publishes=publishes)
        self._links = Links()
        self._waiting: list[_Waiting] = []
        self._out: list[Out] = []

    @property
    def limits(self) -> Limits:
        """The counters, to be read."""
        return self._desk.limits

    def take_out(self) -> list[Out]:
        taken, self._out = self._out, []
        return taken

    def send(self, messages: list[tuple[int, bytes]]) -> None:
        self._out += [Send(conn, data) for conn, data in messages]

    # Connections

    def opened(self, conn: int, target: str, address: str, now_ns: int) -> None:
        """A WebSocket handshake for `target`; what is not served is closed."""
        path, _, query = target.partition("?")
        is_api = path == ws_api.PATH
        served = self._desk.limits.charge_connection(address, now_ns)
        if served and is_api:
            served = self._api.opened(conn, query, address, now_ns)
        elif served:
            served = self.streams.opened(conn, path, query, now_ns)
        if served:
            self._links.opened(conn, address, now_ns, limited=not is_api)
        else:
            self._out.append(Close(conn))
        self._end_banned()

    def closed(self, conn: int) -> None:
        self._links.closed(conn)
        self._api.closed(conn)
        self.streams.closed(conn)

    def _end(self, conn: int) -> None:
        self._out.append(Close(conn))
        self.closed(conn)

    def _end_banned(self) -> None:
        """An address that has just been banned loses its WebSocket API connections."""
        for address in self._desk.limits.take_banned():
            for conn in self._links.of_address(address):
                if conn in self._api:
                    self._end(conn)

    def ends_at(self, when_ns: int) -> None:
        """The exchange goes away then: connections are told before, and ended."""
        self._links.ends_at(when_ns)

    def on_pong(self, conn: int, now_ns: int) -> None:
        """The pong to our last ping came."""
        self._links.ponged(conn)
        self.on_control(conn, now_ns)

    def on_control(self, conn: int, now_ns: int) -> None:
        """A ping, or a pong: it counts as a message."""
        if not self._links.heard(conn, now_ns):
            self._end(conn)

    # Messages

    def on_message(self, conn: int, data: bytes, now_ns: int) -> None:
        """One WebSocket message of a client."""
        if not self._links.heard(conn, now_ns):
            self._end(conn)
        elif conn in self._api:
            self.send(self._api.answer(conn, data, now_ns))
            self._end_banned()
        elif conn in self.streams:
            self._out.append(Send(conn, self.streams.answer(conn, data, now_ns)))
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
        self._end_banned()
        if reply is not None:
            self._out.append(
                Respond(asked.conn, meta.request_id, reply.status, reply.headers, reply.body)
            )

    # Time

    def tell(self, now_ns: int) -> None:
        """Tell everybody what has happened at the market since the last call, and what is due."""
        reports = self._market.take_reports()
        if reports:
            self._count_fills(reports, now_ns)
            if events := self._api.events(reports, now_ns):
                self.send(events)
        public = self._market.take_public()
        if public:
            aggs = self._feed_tapes(public)
            if self._publishes:
                self.send(self.streams.publish(public, now_ns))
                self.send(self.streams.aggregated(aggs, now_ns))
        if due := self.streams.due(now_ns):
            self.send(due)
        if now_ns >= self._links.next_ns():
            self._tend_links(now_ns)

    def _count_fills(self, reports: Sequence[UserReport], now_ns: int) -> None:
        """An order's first fill takes it off the count of unfilled orders."""
        for report in reports:
            if not isinstance(report, Report) or (fill := report.fill) is None:
                continue
            if report.order.cum_qty == fill.qty:
                self._desk.limits.first_fill(fill.account, fill.maker, now_ns)

    def _feed_tapes(self, public: Sequence[PublicEvent]) -> list[tuple[int, AggTrade]]:
        """Trades onto the tapes; the aggregate trades that are complete with them."""
        out: list[tuple[int, AggTrade]] = []
        tapes = self._desk.tapes
        touched: dict[int, None] = {}
        for event in public:
            if isinstance(event, PublicTrade):
                touched[event.symbol] = None
                agg = tapes[event.symbol].add(event)
                if agg is not None:
                    out.append((event.symbol, agg))
        for row in touched:
            agg = tapes[row].complete()
            if agg is not None:
                out.append((row, agg))
        return out

    def _tend_links(self, now_ns: int) -> None:
        due = self._links.tick(now_ns)
        self._out += [Ping(conn, payload) for conn, payload in due.pings]
        for conn in due.warnings:
            told = self._api if conn in self._api else self.streams
            self._out.append(Send(conn, told.shutdown(conn, now_ns)))
        for conn in due.ended:
            self._end(conn)

    def retry_waiting(self, now_ns: int) -> None:
        """The book has become known: answer who waits for it."""
        waiting, self._waiting = self._waiting, []
        for asked in waiting:
            self._answer(asked, now_ns)

    def next_timer_ns(self) -> int:
        return min(self.streams.next_ns, self._links.next_ns())
