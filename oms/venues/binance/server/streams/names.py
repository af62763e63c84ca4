"""Names of market streams: what each stands for. Source: web-socket-streams.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from oms.exchange.intervals import DAY_MS, HOUR_MS, INTERVALS, Interval

ZONE_SUFFIX = "@+08:00"
"""The one time zone in which klines are streamed besides UTC."""
ZONE_OFFSET_MS = 8 * HOUR_MS
SPEEDS_MS = {"": 1000, "@1000ms": 1000, "@100ms": 100}
PARTIAL_LEVELS = (5, 10, 20)
WINDOWS_MS = {"1h": HOUR_MS, "4h": 4 * HOUR_MS, "1d": DAY_MS}
ALL_SYMBOLS = -1


class Kind(Enum):
    TRADE = auto()
    AGG_TRADE = auto()
    BLOCK_TRADE = auto()
    BOOK_TICKER = auto()
    DIFF = auto()
    PARTIAL = auto()
    KLINE = auto()
    TICKER = auto()
    MINI_TICKER = auto()
    WINDOW_TICKER = auto()
    AVERAGE = auto()


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream; `row` is ALL_SYMBOLS for the arrays of all."""

    name: str
    kind: Kind
    row: int
    period_ms: int = 0
    levels: int = 0
    interval: Interval | None = None
    offset_ms: int = 0
    window: str = ""


_SIMPLE = {
    "trade": (Kind.TRADE, 0),
    "aggTrade": (Kind.AGG_TRADE, 0),
    "blockTrade": (Kind.BLOCK_TRADE, 0),
    "bookTicker": (Kind.BOOK_TICKER, 0),
    "ticker": (Kind.TICKER, 1000),
    "miniTicker": (Kind.MINI_TICKER, 1000),
    "avgPrice": (Kind.AVERAGE, 1000),
}
_ARRAYS = {"!ticker@arr": Kind.TICKER, "!miniTicker@arr": Kind.MINI_TICKER}


def _array(name: str) -> Stream | None:
    if name in _ARRAYS:
        return Stream(name, _ARRAYS[name], ALL_SYMBOLS, 1000)
    window = name.removeprefix("!ticker_").removesuffix("@arr")
    if name == f"!ticker_{window}@arr" and window in WINDOWS_MS:
        return Stream(name, Kind.WINDOW_TICKER, ALL_SYMBOLS, 1000, window=window)
    return None


def _depth(name: str, row: int, rest: str) -> Stream | None:
    digits = rest.partition("@")[0]
    period_ms = SPEEDS_MS.get(rest[len(digits) :])
    if period_ms is None:
        return None
    if not digits:
        return Stream(name, Kind.DIFF, row, period_ms)
    for levels in PARTIAL_LEVELS:
        if digits == str(levels):
            return Stream(name, Kind.PARTIAL, row, period_ms, levels)
    return None


def _kline(name: str, row: int, rest: str) -> Stream | None:
    interval = INTERVALS.get(rest.removesuffix(ZONE_SUFFIX))
    if interval is None:
        return None
    offset_ms = ZONE_OFFSET_MS if rest.endswith(ZONE_SUFFIX) else 0
    period_ms = 1000 if interval.name == "1s" else 2000
    return Stream(name, Kind.KLINE, row, period_ms, interval=interval, offset_ms=offset_ms)


def parse(name: str, rows: Mapping[str, int]) -> Stream | None:
    """The stream of that name, `rows` by lower-case symbols; None = there is none."""
    if name.startswith("!"):
        return _array(name)
    symbol, at, what = name.partition("@")
    row = rows.get(symbol)
    if row is None or not at:
        return None
    if what in _SIMPLE:
        kind, period_ms = _SIMPLE[what]
        return Stream(name, kind, row, period_ms)
    if what.startswith("depth"):
        return _depth(name, row, what.removeprefix("depth"))
    if what.startswith("kline_"):
        return _kline(name, row, what.removeprefix("kline_"))
    window = what.removeprefix("ticker_")
    if what == f"ticker_{window}" and window in WINDOWS_MS:
        return Stream(name, Kind.WINDOW_TICKER, row, 1000, window=window)
    return None
