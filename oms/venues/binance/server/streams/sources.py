"""What fills the market streams that go by the clock: one source per stream with a listener.

A source exists from a stream's first listener to its last one, so a stream that nobody listens to
costs nothing. `due_ns` says when it wants `fire`, which gives what is to be sent: functions that
build the message in the unit of time in force when they are called. Sources of the
book wait for a change; the others run at each whole period. Source: web-socket-streams.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from oms.exchange.intervals import DAY_MS, MINUTE_MS, Interval
from oms.exchange.market import LevelChange, Market, Ticker
from oms.exchange.tape import Tape, Window
from oms.units import NS_PER_MS
from oms.venues.binance.server.market.shapes import MarketShapes
from oms.venues.binance.server.shapes import Shapes
from oms.venues.binance.server.streams.names import ALL_SYMBOLS, WINDOWS_MS, Kind, Stream
from oms.venues.binance.server.time_unit import stamp

NEVER = (1 << 63) - 1
CANDLES_CAUGHT_UP_MAX = 64
"""Closed candles told at once, when the clock jumped."""
Make = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Material:
    """What sources read."""

    market: Market
    shapes: Shapes
    market_shapes: MarketShapes
    tapes: Sequence[Tape]


class Source(Protocol):
    """See the module's text."""

    due_ns: int

    def fire(self, now_ns: int) -> list[Make]: ...


class ChangeSource(Source, Protocol):
    """A source that waits for its book to change."""

    def changed(self, change: LevelChange, now_ns: int) -> None: ...


def following(now_ns: int, period_ms: int) -> int:
    """The next whole period."""
    period_ns = period_ms * NS_PER_MS
    return (now_ns // period_ns + 1) * period_ns


class DiffSource:
    """Level changes of one symbol, gathered over a period: [U, u] with U = the last u + 1."""

    def __init__(self, material: Material, stream: Stream, update_id: int) -> None:
        self.due_ns = NEVER
        self._material = material
        self._stream = stream
        self._last_sent = self._newest = update_id
        self._levels: tuple[dict[int, int], dict[int, int]] = ({}, {})

    def changed(self, change: LevelChange, now_ns: int) -> None:
        self._levels[change.side][change.px] = change.qty
        self._newest = change.update_id
        if self.due_ns == NEVER:
            self.due_ns = following(now_ns, self._stream.period_ms)

    def fire(self, now_ns: int) -> list[Make]:
        self.due_ns = NEVER
        bids, asks = self._levels
        first, self._last_sent = self._last_sent + 1, self._newest
        self._levels = ({}, {})
        return [partial(self._event, now_ns, first, self._newest, bids, asks)]

    def _event(
        self, now_ns: int, first: int, last: int, bids: dict[int, int], asks: dict[int, int]
    ) -> dict[str, Any]:
        shapes, row = self._material.shapes, self._stream.row
        return {
            "e": "depthUpdate",
            "E": stamp(now_ns),
            "s": self._material.market.specs[row].symbol,
            "U": first,
            "u": last,
            "b": shapes.levels(row, list(bids.items())),
            "a": shapes.levels(row, list(asks.items())),
        }


class PartialSource:
    """The best levels of one symbol, at each period in which its book has changed."""

    def __init__(self, material: Material, stream: Stream, now_ns: int) -> None:
        self._material = material
        self._stream = stream
        self.due_ns = following(now_ns, stream.period_ms)

    def changed(self, change: LevelChange, now_ns: int) -> None:
        del change
        if self.due_ns == NEVER:
            self.due_ns = following(now_ns, self._stream.period_ms)

    def fire(self, now_ns: int) -> list[Make]:
        del now_ns
        self.due_ns = NEVER
        stream = self._stream
        book = self._material.market.book(stream.row, stream.levels)
        return [] if book is None else [partial(self._material.shapes.depth, stream.row, book)]


class KlineSource:
    """The candle of now, when it has changed; each candle once more when it closes."""

    def __init__(self, material: Material, stream: Stream, now_ns: int) -> None:
        assert stream.interval is not None
        self._shapes = material.market_shapes
        self._candles = material.tapes[stream.row].candles
        self._stream = stream
        self._interval: Interval = stream.interval
        self._open_ms = stream.interval.opens(now_ns // NS_PER_MS, stream.offset_ms)
        self._count = -1
        self.due_ns = following(now_ns, stream.period_ms)

    def fire(self, now_ns: int) -> list[Make]:
        self.due_ns = following(now_ns, self._stream.period_ms)
        now_ms, offset_ms = now_ns // NS_PER_MS, self._stream.offset_ms
        opened_ms = self._interval.opens(now_ms, offset_ms)
        found = self._candles.klines(
            self._interval,
            now_ms,
            CANDLES_CAUGHT_UP_MAX,
            offset_ms=offset_ms,
            start_ms=self._open_ms,
        )
        if opened_ms != self._open_ms:
            self._count = 0
        out: list[Make] = []
        for candle in found:
            closed = candle.open_ms < opened_ms
            if not closed and candle.trade_count == self._count:
                continue
            next_ms = self._interval.moved(candle.open_ms, 1, offset_ms)
            make = partial(
                self._shapes.kline_event,
                self._stream.row,
                self._interval,
                candle,
                next_ms,
                closed,
                now_ns,
            )
            out.append(make)
            if not closed:
                self._count = candle.trade_count
        self._open_ms = opened_ms
        return out


class StatisticsSource:
    """Tickers of one symbol or of all; only what has changed since the last time."""

    def __init__(self, material: Material, stream: Stream, now_ns: int) -> None:
        self._material = material
        self._stream = stream
        every = range(len(material.market.specs))
        self._rows = every if stream.row == ALL_SYMBOLS else [stream.row]
        self._told: dict[int, object] = {}
        self.due_ns = following(now_ns, stream.period_ms)

    def fire(self, now_ns: int) -> list[Make]:
        self.due_ns = following(now_ns, self._stream.period_ms)
        makes = [make for row in self._rows if (make := self._row(row, now_ns)) is not None]
        if self._stream.row != ALL_SYMBOLS:
            return makes
        return [lambda: [make() for make in makes]] if makes else []

    def _row(self, row: int, now_ns: int) -> Make | None:
        material, stream = self._material, self._stream
        now_ms = now_ns // NS_PER_MS
        best = material.market.ticker(row)
        tape = material.tapes[row]
        if stream.kind is Kind.AVERAGE:
            last = tape.last
            state: object = (tape.average(now_ms, 1 << 30), last and last.trade_id)
            make = partial(material.market_shapes.average_price_event, row, tape, now_ns)
            return make if self._is_new(row, state) else None
        start_ms = now_ms - WINDOWS_MS.get(stream.window, DAY_MS)
        if stream.kind is Kind.WINDOW_TICKER:
            start_ms -= start_ms % MINUTE_MS
        window = tape.window(start_ms, now_ms)
        if not self._is_new(row, _state(window, best if stream.kind is Kind.TICKER else None)):
            return None
        shapes = material.market_shapes
        if stream.kind is Kind.MINI_TICKER:
            return partial(shapes.mini_ticker_event, row, window, now_ns)
        name = f"{stream.window or '24hr'}Ticker"
        return partial(shapes.ticker_event, name, row, window, tape, best, now_ns)

    def _is_new(self, row: int, state: object) -> bool:
        known = self._told.get(row)
        self._told[row] = state
        return known != state


def _state(window: Window, best: Ticker | None) -> object:
    """What a ticker says, its times apart."""
    traded = window.traded
    sides = best and (best.bid_px, best.bid_qty, best.ask_px, best.ask_qty)
    return traded and traded[1:], window.before_px, sides


def timed(material: Material, stream: Stream, now_ns: int) -> Source | None:
    """The source of a stream that runs by the clock alone; None for the others."""
    if stream.kind is Kind.KLINE:
        return KlineSource(material, stream, now_ns)
    if stream.kind in (Kind.TICKER, Kind.MINI_TICKER, Kind.WINDOW_TICKER, Kind.AVERAGE):
        return StatisticsSource(material, stream, now_ns)
    return None


def of_book(material: Material, stream: Stream, update_id: int, now_ns: int) -> ChangeSource | None:
    """The source of a stream of the book; `update_id` is the book's newest."""
    if stream.kind is Kind.DIFF:
        return DiffSource(material, stream, update_id)
    if stream.kind is Kind.PARTIAL:
        return PartialSource(material, stream, now_ns)
    return None
