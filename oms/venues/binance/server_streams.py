"""Market streams of the simulated Binance spot: diffs, bookTicker and trades.

Sans-I/O: one `StreamServer` for all connections of the paths /stream?streams=a/b and /ws[/a/b].
Trades and tickers go out as they happen; level changes are gathered per symbol and cadence (100
ms and 1000 ms) and sent as one diff [U, u], where U is always the last diff's u + 1, whether or
not anybody listened: so the venue's book rule holds for whoever joins. Source:
web-socket-streams.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import orjson

from oms.exchange import layout_hot as lay
from oms.exchange.market import LevelChange, PublicEvent, PublicTrade, SymbolSpec, Ticker
from oms.venues.binance.server_shapes import Shapes, ms

MS = 1_000_000
CADENCES_MS = {"depth@100ms": 100, "depth": 1000, "depth@1000ms": 1000}
KINDS = ("trade", "bookTicker", *CADENCES_MS)
STREAMS_MAX = 1024
"""Per connection."""
NEVER = (1 << 63) - 1


@dataclass(slots=True)
class _Client:
    combined: bool
    streams: dict[str, None] = field(default_factory=dict)


@dataclass(slots=True)
class _Gathered:
    """Level changes of one symbol since the last diff of one cadence."""

    symbol: int
    period_ms: int
    names: tuple[str, ...]
    last_sent: int = 0
    """u of the last diff."""
    newest: int = 0
    due_ns: int = NEVER
    levels: tuple[dict[int, int], dict[int, int]] = field(default_factory=lambda: ({}, {}))


class StreamServer:
    """All stream connections; outputs are (conn, bytes)."""

    def __init__(self, specs: Sequence[SymbolSpec], shapes: Shapes) -> None:
        self._shapes = shapes
        self._clients: dict[int, _Client] = {}
        self._listeners: dict[str, dict[int, None]] = {}
        self._prefixes = [spec.symbol.lower() for spec in specs]
        self._known = {f"{prefix}@{kind}" for prefix in self._prefixes for kind in KINDS}
        self._gathered = [
            [
                _Gathered(row, 100, (f"{prefix}@depth@100ms",)),
                _Gathered(row, 1000, (f"{prefix}@depth", f"{prefix}@depth@1000ms")),
            ]
            for row, prefix in enumerate(self._prefixes)
        ]
        self._next_diff_ns = NEVER

    def __contains__(self, conn: int) -> bool:
        return conn in self._clients

    def has_listener(self, name: str) -> bool:
        return name in self._listeners

    def opened(self, conn: int, path: str, query: str) -> bool:
        """Begin a connection; False when its target is not served."""
        names: list[str] = []
        if path == "/stream":
            name, _, value = query.partition("=")
            if name not in ("", "streams"):
                return False
            names = [unquote(part) for part in value.split("/") if part]
        elif path == "/ws" or path.startswith("/ws/"):
            names = [unquote(part) for part in path[len("/ws") :].split("/") if part]
        else:
            return False
        if len(names) > STREAMS_MAX or not set(names) <= self._known:
            return False
        self._clients[conn] = _Client(path == "/stream")
        self._subscribe(conn, names)
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

    def _subscribe(self, conn: int, names: Sequence[str]) -> None:
        for name in names:
            self._clients[conn].streams[name] = None
            self._listeners.setdefault(name, {})[conn] = None

    def answer(self, conn: int, data: bytes) -> bytes:
        """The reply to SUBSCRIBE, UNSUBSCRIBE or LIST_SUBSCRIPTIONS."""
        try:
            message = orjson.loads(data)
        except orjson.JSONDecodeError:
            return _refusal(3, "Invalid JSON: the message is not JSON", None)
        if not isinstance(message, dict):
            return _refusal(2, "Invalid request: the message must be an object", None)
        number = message.get("id")
        if isinstance(number, bool) or not isinstance(number, (int, str, type(None))):
            return _refusal(2, "Invalid request: request ID must be an integer or a string", None)
        unknown = message.keys() - {"method", "params", "id"}
        if unknown:
            text = f"Invalid request: unknown field `{min(unknown)}`"
            return _refusal(2, text, number)
        return self._command(conn, message.get("method"), message.get("params"), number)

    def _command(self, conn: int, method: Any, params: Any, number: Any) -> bytes:
        client = self._clients[conn]
        if method == "LIST_SUBSCRIPTIONS":
            return orjson.dumps({"result": list(client.streams), "id": number})
        if method not in ("SUBSCRIBE", "UNSUBSCRIBE"):
            return _refusal(2, "Invalid request: unknown variant of field `method`", number)
        if not isinstance(params, list) or not all(isinstance(p, str) for p in params):
            return _refusal(2, "Invalid request: params must be a list of stream names", number)
        for name in params:
            if name not in self._known:
                return _refusal(2, f"Invalid request: unknown stream `{name}`", number)
        if method == "UNSUBSCRIBE":
            for name in params:
                if name in client.streams:
                    del client.streams[name]
                    self._drop(name, conn)
        elif len(client.streams.keys() | set(params)) > STREAMS_MAX:
            return _refusal(2, f"Invalid request: more than {STREAMS_MAX} streams", number)
        else:
            self._subscribe(conn, params)
        return orjson.dumps({"result": None, "id": number})

    def publish(self, events: Sequence[PublicEvent], now_ns: int) -> list[tuple[int, bytes]]:
        """Trades and tickers at once; level changes are gathered."""
        out: list[tuple[int, bytes]] = []
        for event in events:
            if isinstance(event, LevelChange):
                self._gather(event, now_ns)
                continue
            kind = "trade" if isinstance(event, PublicTrade) else "bookTicker"
            name = f"{self._prefixes[event.symbol]}@{kind}"
            if name not in self._listeners:
                continue
            if isinstance(event, Ticker):
                value = self._shapes.ticker_event(event)
            else:
                value = self._shapes.trade_event(event)
            self._emit(name, value, out)
        return out

    def _gather(self, change: LevelChange, now_ns: int) -> None:
        for gathered in self._gathered[change.symbol]:
            gathered.levels[change.side][change.px] = change.qty
            gathered.newest = change.update_id
            if gathered.due_ns == NEVER:
                period_ns = gathered.period_ms * MS
                gathered.due_ns = (now_ns // period_ns + 1) * period_ns
                self._next_diff_ns = min(self._next_diff_ns, gathered.due_ns)

    def broadcast(self, stream: str, wrapped: bytes, data: bytes) -> list[tuple[int, bytes]]:
        """One message for whoever listens to its stream: in its envelope, or its data alone."""
        listeners = self._listeners.get(stream, {})
        return [(c, wrapped if self._clients[c].combined else data) for c in listeners]

    def _emit(self, name: str, value: dict[str, Any], out: list[tuple[int, bytes]]) -> None:
        data = orjson.dumps(value)
        out += self.broadcast(name, b'{"stream":"%s","data":%s}' % (name.encode(), data), data)

    def diffs(self, now_ns: int) -> list[tuple[int, bytes]]:
        """The diffs that are due; call at `next_diff_ns`."""
        out: list[tuple[int, bytes]] = []
        if now_ns < self._next_diff_ns:
            return out
        for by_cadence in self._gathered:
            for gathered in by_cadence:
                if gathered.due_ns <= now_ns:
                    gathered.due_ns = NEVER
                    self._send_diff(gathered, now_ns, out)
        self._next_diff_ns = min(g.due_ns for pair in self._gathered for g in pair)
        return out

    def _send_diff(self, gathered: _Gathered, now_ns: int, out: list[tuple[int, bytes]]) -> None:
        bids, asks = gathered.levels
        if any(name in self._listeners for name in gathered.names):
            shapes, symbol = self._shapes, gathered.symbol
            event = {
                "e": "depthUpdate",
                "E": ms(now_ns),
                "s": self._prefixes[symbol].upper(),
                "U": gathered.last_sent + 1,
                "u": gathered.newest,
                "b": shapes.levels(symbol, list(bids.items())),
                "a": shapes.levels(symbol, list(asks.items())),
            }
            for name in gathered.names:
                if name in self._listeners:
                    self._emit(name, event, out)
        gathered.last_sent = gathered.newest
        bids.clear()
        asks.clear()

    @property
    def next_diff_ns(self) -> int:
        """When `diffs` wants to be called; NEVER while nothing has changed."""
        return self._next_diff_ns


def _refusal(code: int, text: str, number: Any) -> bytes:
    return orjson.dumps({"error": {"code": code, "msg": text}, "id": number})


assert (lay.SIDE_BUY, lay.SIDE_SELL) == (0, 1), "a diff lists bids, then asks"
