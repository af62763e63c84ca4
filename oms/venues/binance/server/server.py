"""The simulated Binance spot, sans-I/O: bytes of clients in, bytes for clients out.

`BinanceServer` joins REST, streams and WebSocket API over one `Market`, and feeds each symbol's
tape. `venue_sim` moves the bytes; after each call it takes `take_out()`. What a request changes is
told in this order: its reply, the user events, the market events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from oms.exchange.market import Market, PublicEvent, PublicTrade
from oms.exchange.orders import Report, UserReport
from oms.exchange.tape import AggTrade
from oms.venues.binance.server.auth import Keyring
from oms.venues.binance.server.calls import Desk
from oms.venues.binance.server.limits import LimitRules, Limits
from oms.venues.binance.server.links import kept_links
from oms.venues.binance.server.rest import RestServer
from oms.venues.binance.server.shapes import Shapes
from oms.venues.binance.server.streams.sources import Material
from oms.venues.binance.server.streams.streams import StreamServer
from oms.venues.binance.server.ws_api import api as ws_api
from oms.venues.serving.keyring import ApiKey
from oms.venues.serving.outputs import Close, HttpReply, Send
from oms.venues.serving.server import Asked, ServerBase


class BinanceServer(ServerBase):
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
        super().__init__(kept_links())
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

    @property
    def limits(self) -> Limits:
        """The counters, to be read."""
        return self._desk.limits

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

    def _forget(self, conn: int) -> None:
        self._api.closed(conn)
        self.streams.closed(conn)

    def _end_banned(self) -> None:
        """An address that has just been banned loses its WebSocket API connections."""
        for address in self._desk.limits.take_banned():
            for conn in self._links.of_address(address):
                if conn in self._api:
                    self._end(conn)

    # Messages

    def _hear(self, conn: int, data: bytes, now_ns: int) -> None:
        if conn in self._api:
            self.send(self._api.answer(conn, data, now_ns))
            self._end_banned()
        elif conn in self.streams:
            self._out.append(Send(conn, self.streams.answer(conn, data, now_ns)))

    def _reply(self, asked: Asked, now_ns: int) -> HttpReply | None:
        meta = asked.meta
        reply = self._rest.answer(
            asked.address, meta.method, meta.target, meta.headers, asked.data, now_ns
        )
        self._end_banned()
        return reply

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

    def _farewell(self, conn: int, now_ns: int) -> bytes:
        told = self._api if conn in self._api else self.streams
        return told.shutdown(conn, now_ns)

    def next_timer_ns(self) -> int:
        return min(self.streams.next_ns, super().next_timer_ns())
