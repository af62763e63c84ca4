"""Recorded messages of Binance spot through the server, and onto a `RecordedMarket`.

A message is a combined-stream envelope, sent byte for byte to whoever listens, or a REST depth
snapshot, which makes a book known; who asked for depth before that is answered then. Recorded
quantities may be finer than the lot of today: the market holds all eight decimals.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from oms.errors import ConfigError
from oms.exchange.market import PublicTrade, SymbolSpec, Ticker
from oms.exchange.recorded import RecordedMarket
from oms.instruments import parse_decimal
from oms.units import NS_PER_MS
from oms.venues.binance.server.server import BinanceServer
from oms.venues.trade_base import MalformedMessageError

STREAM_KINDS = ("depth@100ms", "bookTicker", "trade")


class BinancePlayback:
    """See the module's text; `oms/venues/server.py: Playback` says what each part is for."""

    def __init__(
        self, server: BinanceServer, market: RecordedMarket, specs: Sequence[SymbolSpec]
    ) -> None:
        self._server = server
        self._market = market
        self._rows = {spec.symbol: row for row, spec in enumerate(specs)}
        self._streams = [f"{spec.symbol.lower()}@{kind}" for spec in specs for kind in STREAM_KINDS]

    def waits_for(self) -> list[str]:
        """Streams that nobody listens to yet."""
        return [name for name in self._streams if not self._server.streams.has_listener(name)]

    def play(self, text: bytes, now_ns: int) -> None:
        """Send one recorded message, and let the market see it."""
        server = self._server
        try:
            message = orjson.loads(text)
            if "lastUpdateId" in message:
                self._snapshot(message)
                server.retry_waiting(now_ns)
                return
            stream, data = message["stream"], message["data"]
            self._decode(data, now_ns)
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise MalformedMessageError(f"{type(error).__name__}: {error}") from error
        server.send(server.streams.broadcast(stream, text.strip(), orjson.dumps(data)))
        server.tell(now_ns)

    def _decode(self, data: dict[str, Any], now_ns: int) -> None:
        """The content of one stream message; symbols that are not traded here are passed over."""
        row = self._rows.get(data["s"])
        if row is None:
            return
        kind = data.get("e", "bookTicker")
        if kind == "depthUpdate":
            bids, asks = self._levels(row, data["b"]), self._levels(row, data["a"])
            self._market.on_levels(row, data["u"], bids, asks)
        elif kind == "trade":
            px, qty = self._px(row, data["p"]), self._qty(row, data["q"])
            trade = PublicTrade(row, data["t"], px, qty, data["T"] * NS_PER_MS, data["m"])
            self._market.on_trade(trade, now_ns)
        elif kind == "bookTicker":
            bid, ask = self._levels(row, [[data["b"], data["B"]], [data["a"], data["A"]]])
            self._market.on_ticker(Ticker(row, data["u"], *bid, *ask))

    def _snapshot(self, message: dict[str, Any]) -> None:
        """A REST snapshot names no symbol: it belongs to the one that still has none."""
        unknown = [k for k in range(len(self._rows)) if self._market.book(k, 1) is None]
        row = unknown[0] if unknown else 0
        bids, asks = self._levels(row, message["bids"]), self._levels(row, message["asks"])
        self._market.on_snapshot(row, message["lastUpdateId"], bids, asks)

    def _levels(self, row: int, levels: Sequence[Sequence[str]]) -> list[tuple[int, int]]:
        return [(self._px(row, px), self._qty(row, qty)) for px, qty in levels]

    def _px(self, row: int, text: str) -> int:
        return self._parse(text, self._market.specs[row].px_digits, "tick")

    def _qty(self, row: int, text: str) -> int:
        return self._parse(text, self._market.specs[row].qty_digits, "lot")

    @staticmethod
    def _parse(text: str, digits: int, what: str) -> int:
        try:
            return parse_decimal(text, digits)
        except ValueError as error:
            raise ConfigError(
                f"the recording: {error}; give an instrument with a finer {what}"
            ) from None
