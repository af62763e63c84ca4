"""Market streams of the simulated Binance spot: who listens to what, and what they are sent.

Sans-I/O: one `StreamServer` for all connections of the paths /stream?streams=a/b and /ws[/a/b].
Trades and best prices go out as they happen, the rest by `streams/sources.py`. A diff's U is
the last diff's u + 1 from a stream's first listener on, so the venue's book rule holds for whoever
joins and asks for a snapshot after that. A stream that does not exist is refused. Source:
web-socket-streams.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import orjson

from oms.exchange.engine import layout_hot as lay
from oms.exchange.market import LevelChange, PublicEvent, PublicTrade, Ticker
from oms.exchange.tape import AggTrade
from oms.venues.binance.server.streams.commands import Command, StreamError, read_command
from oms.venues.binance.server.streams.names import Stream, parse
from oms.venues.binance.server.streams.sources import (
    NEVER,
    ChangeSource,
    Make,
    Material,
    Source,
    of_book,
    timed,
)
from oms.venues.binance.server.time_unit import MILLISECOND_NS, TIME_UNITS, unit

STREAMS_MAX = 1024
"""Per connection."""
SHUTDOWN_STREAM = "!serverShutdown"
Out = list[tuple[int, bytes]]


@dataclass(slots=True)
class _Client:
    combined: bool
    unit_ns: int
    streams: dict[str, None] = field(default_factory=dict)


class StreamServer:
    """All stream connections; outputs are (conn, bytes)."""

    def __init__(self, material: Material, *, publishes: bool = True) -> None:
        self._material = material
        self._shapes = material.shapes
        self._publishes = publishes
        self._clients: dict[int, _Client] = {}
        self._listeners: dict[str, dict[int, None]] = {}
        self._prefixes = [spec.symbol.lower() for spec in material.market.specs]
        self._rows = {prefix: row for row, prefix in enumerate(self._prefixes)}
        self._sources: dict[str, Source] = {}
        self._of_book: list[dict[str, ChangeSource]] = [{} for _ in self._prefixes]
        self._newest = [0] * len(self._prefixes)
        """Update id of each book."""
        self._next_ns = NEVER

    def __contains__(self, conn: int) -> bool:
        return conn in self._clients

    def has_listener(self, name: str) -> bool:
        return name in self._listeners

    # Connections

    def opened(self, conn: int, path: str, query: str, now_ns: int) -> bool:
        """Begin a connection; False when its target is not served. A stream that does not exist is
        passed over in silence, as the venue does: ccxt opens `/ws/0` and subscribes after."""
        asked: dict[str, str] = {}
        for part in query.split("&") if query else []:
            name, _, value = part.partition("=")
            if name in asked or name not in ("streams", "timeUnit"):
                return False
            asked[name] = value
        unit_ns = TIME_UNITS.get(asked.get("timeUnit", "MILLISECOND"))
        if path == "/stream":
            names = [unquote(part) for part in asked.get("streams", "").split("/") if part]
        elif (path == "/ws" or path.startswith("/ws/")) and "streams" not in asked:
            names = [unquote(part) for part in path[len("/ws") :].split("/") if part]
        else:
            return False
        streams = [found for name in names if (found := parse(name, self._rows)) is not None]
        if unit_ns is None or len(names) > STREAMS_MAX:
            return False
        self._clients[conn] = _Client(path == "/stream", unit_ns)
        self._subscribe(conn, streams, now_ns)
        return True

    def closed(self, conn: int) -> None:
        client = self._clients.pop(conn, None)
        if client is not None:
            for name in client.streams:
                self._drop(name, conn)

    def _drop(self, name: str, conn: int) -> None:
        listeners = self._listeners[name]
        del listeners[conn]
        if not listeners:
            del self._listeners[name]
            self._sources.pop(name, None)
            for waiting in self._of_book:
                waiting.pop(name, None)

    def _subscribe(self, conn: int, streams: Sequence[Stream], now_ns: int) -> None:
        for stream in streams:
            name = stream.name
            self._clients[conn].streams[name] = None
            if name not in self._listeners:
                self._listeners[name] = {}
                self._begin(stream, now_ns)
            self._listeners[name][conn] = None

    def _begin(self, stream: Stream, now_ns: int) -> None:
        """A stream has its first listener."""
        source: Source | None = timed(self._material, stream, now_ns)
        if source is None and self._publishes:
            of_the_book = of_book(self._material, stream, self._newest[stream.row], now_ns)
            if of_the_book is not None:
                self._of_book[stream.row][stream.name] = source = of_the_book
        if source is not None:
            self._sources[stream.name] = source
            self._next_ns = min(self._next_ns, source.due_ns)

    # Commands

    def answer(self, conn: int, data: bytes, now_ns: int) -> bytes:
        """The reply to one message of a client."""
        number: int | str | None = None
        try:
            command = read_command(data)
            number = command.id
            result = self._run(conn, command, now_ns)
        except StreamError as error:
            number = error.id if error.id is not None else number
            return orjson.dumps({"error": {"code": error.code, "msg": error.text}, "id": number})
        return orjson.dumps({"result": result, "id": number})

    def _run(self, conn: int, command: Command, now_ns: int) -> Any:
        client = self._clients[conn]
        if command.method == "LIST_SUBSCRIPTIONS":
            return list(client.streams)
        if command.method == "GET_PROPERTY":
            return client.combined
        if command.method == "SET_PROPERTY":
            client.combined = command.value
            return None
        if command.method == "UNSUBSCRIBE":
            for name in command.streams:
                if name in client.streams:
                    del client.streams[name]
                    self._drop(name, conn)
            return None
        found = [parse(name, self._rows) for name in command.streams]
        if None in found:
            raise StreamError(2, "Invalid request: invalid stream")
        if len(client.streams.keys() | set(command.streams)) > STREAMS_MAX:
            raise StreamError(2, f"Invalid request: more than {STREAMS_MAX} streams")
        self._subscribe(conn, [stream for stream in found if stream is not None], now_ns)
        return None

    # Publishing

    def publish(self, events: Sequence[PublicEvent], now_ns: int) -> Out:
        """Trades and best prices at once; level changes go to the sources of their book."""
        out: Out = []
        for event in events:
            row = event.symbol
            if isinstance(event, LevelChange):
                self._newest[row] = event.update_id
                for source in self._of_book[row].values():
                    source.changed(event, now_ns)
                    self._next_ns = min(self._next_ns, source.due_ns)
            elif not self._listeners:
                continue
            elif isinstance(event, PublicTrade):
                self._trade(event, out)
            else:
                self._ticker(event, out)
        return out

    def _trade(self, trade: PublicTrade, out: Out) -> None:
        name = f"{self._prefixes[trade.symbol]}@trade"
        if name in self._listeners:
            self._emit(name, lambda: self._shapes.trade_event(trade), out)

    def _ticker(self, ticker: Ticker, out: Out) -> None:
        name = f"{self._prefixes[ticker.symbol]}@bookTicker"
        if name in self._listeners:
            self._emit(name, lambda: self._shapes.ticker_event(ticker), out)

    def aggregated(self, aggs: Sequence[tuple[int, AggTrade]], now_ns: int) -> Out:
        """Aggregate trades that are complete, by rows."""
        out: Out = []
        for row, agg in aggs:
            name = f"{self._prefixes[row]}@aggTrade"
            if name in self._listeners:
                self._emit(name, self._agg_event(row, agg, now_ns), out)
        return out

    def _agg_event(self, row: int, agg: AggTrade, now_ns: int) -> Make:
        return lambda: self._material.market_shapes.agg_trade_event(row, agg, now_ns)

    def due(self, now_ns: int) -> Out:
        """What goes by the clock and is due; call at `next_ns`."""
        out: Out = []
        if now_ns < self._next_ns:
            return out
        for name, source in self._sources.items():
            if source.due_ns <= now_ns:
                for make in source.fire(now_ns):
                    self._emit(name, make, out)
        self._next_ns = min((source.due_ns for source in self._sources.values()), default=NEVER)
        return out

    @property
    def next_ns(self) -> int:
        """When `due` wants to be called; NEVER while nothing is awaited."""
        return self._next_ns

    def broadcast(self, stream: str, wrapped: bytes, data: bytes) -> Out:
        """One message for whoever listens to its stream: in its envelope, or its data alone."""
        listeners = self._listeners.get(stream, {})
        return [(c, wrapped if self._clients[c].combined else data) for c in listeners]

    def _emit(self, name: str, make: Make, out: Out) -> None:
        """Build a message once per unit of time in use, and send it to all who listen."""
        plain: dict[int, bytes] = {}
        wrapped: dict[int, bytes] = {}
        for conn in self._listeners[name]:
            client = self._clients[conn]
            unit_ns = client.unit_ns
            if unit_ns not in plain:
                plain[unit_ns] = _dumps(make, unit_ns)
            if not client.combined:
                out.append((conn, plain[unit_ns]))
                continue
            if unit_ns not in wrapped:
                wrapped[unit_ns] = _wrapped(name, plain[unit_ns])
            out.append((conn, wrapped[unit_ns]))

    def shutdown(self, conn: int, now_ns: int) -> bytes:
        """What a connection is told before its end."""
        client = self._clients[conn]
        data = orjson.dumps({"e": "serverShutdown", "E": now_ns // client.unit_ns})
        return _wrapped(SHUTDOWN_STREAM, data) if client.combined else data


def _dumps(make: Make, unit_ns: int) -> bytes:
    if unit_ns == MILLISECOND_NS:
        return orjson.dumps(make())
    with unit(unit_ns):
        return orjson.dumps(make())


def _wrapped(name: str, data: bytes) -> bytes:
    return b'{"stream":"%s","data":%s}' % (name.encode(), data)


assert (lay.SIDE_BUY, lay.SIDE_SELL) == (0, 1), "a diff lists bids, then asks"
