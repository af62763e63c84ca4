"""Recorded market data as its exchange reads it, cold: which market, symbol, numbers.

`oms/sim/recording.py` walks a recording before any desk runs, to find which instruments it is of
and how fine they are; what a message says is the exchange's own (`RecordedReader`, handed out by
`oms/venues/registry.py`). Numbers stay text here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple, Protocol

from oms.config import SimInstrumentConfig


class Recorded(IntEnum):
    """What kind a recorded message is."""

    OTHER = 0
    SNAPSHOT = 1
    """A depth snapshot of a request; it may name no symbol."""
    DIFF = 2
    TICKER = 3
    """The best prices."""
    TRADE = 4


class Seen(NamedTuple):
    """One recorded message."""

    kind: Recorded
    symbol: str
    """"" = it names none."""
    market: str
    """The market that it can only be of, such as "binance.usdm"; "" where it may be of several."""
    event: Mapping[str, Any]
    """The exchange's own fields."""


class Best(NamedTuple):
    """A ticker's texts: update id, best prices and quantities."""

    update_id: int
    bid_px: str
    bid_qty: str
    ask_px: str
    ask_qty: str


@dataclass(slots=True)
class RecordedInstrument:
    """A symbol of a recording and how fine it gets."""

    symbol: str
    px_scale: int = 0
    qty_scale: int = 0
    messages: int = 0


class RecordedReader(Protocol):
    """One exchange's recorded messages."""

    def see(self, data: bytes) -> Seen | None:
        """What a message is; None where it cannot be read at all."""
        ...

    def market_of(self, named: frozenset[str]) -> str:
        """The market of a recording whose messages named these."""
        ...

    def numbers(self, seen: Seen) -> tuple[Sequence[str], Sequence[str]]:
        """Every price and every quantity in a message, as text."""
        ...

    def best(self, seen: Seen) -> Best | None:
        """Of a TICKER; None for what is none."""
        ...

    def trade_px(self, seen: Seen) -> str | None:
        """The price that a message says something traded at."""
        ...

    def assets(self, symbol: str) -> tuple[str, str]:
        """Base and quote of a symbol, by its text alone; ConfigError where that does not tell."""
        ...

    def instruments(self, body: bytes, symbols: Sequence[str]) -> list[SimInstrumentConfig]:
        """These symbols out of the exchange's own list of instruments; ConfigError."""
        ...
