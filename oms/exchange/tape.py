"""The public tape of one symbol: last trades, aggregate trades, candles, rolling statistics.

Fed with every public trade in order; memory is bounded. An aggregate trade joins the trades of
one taker order at one price and time (rest-api.md "Compressed/Aggregate trades list"); it is
complete when another begins or the batch that it came in ends. Aggregates count up from the id of
the first trade seen, so that an exchange that is started again gives no id a second time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple, TypeVar

from oms.exchange.candles import Candle, Candles
from oms.exchange.intervals import MINUTE_MS, SECOND_MS
from oms.exchange.market import PublicTrade
from oms.units import NS_PER_MS

TAPE_TRADES_MAX = 10_000
"""Trades and aggregate trades that can be asked for by id."""
AVERAGE_MINUTES = 5
_Row = TypeVar("_Row")


@dataclass(slots=True)
class AggTrade:
    """See the module's text; px and qty in the symbol's digits."""

    agg_id: int
    px: int
    qty: int
    first_id: int
    last_id: int
    time_ns: int
    buyer_is_maker: bool
    taker_order_id: int


class Window(NamedTuple):
    """What traded in a span of time; `traded` is None where nothing did."""

    start_ms: int
    end_ms: int
    traded: Candle | None
    before_px: int
    """The last price before the span; 0 = none known."""


class Tape:
    """See the module's text."""

    def __init__(self) -> None:
        self.candles = Candles()
        self.trades: deque[PublicTrade] = deque(maxlen=TAPE_TRADES_MAX)
        self.aggs: deque[AggTrade] = deque(maxlen=TAPE_TRADES_MAX)
        self._agg: AggTrade | None = None

    @property
    def last(self) -> PublicTrade | None:
        return self.trades[-1] if self.trades else None

    def add(self, trade: PublicTrade) -> AggTrade | None:
        """One trade; gives the aggregate that it completes, if any."""
        self.trades.append(trade)
        self.candles.add(
            trade.time_ns // NS_PER_MS,
            trade.px,
            trade.qty,
            not trade.buyer_is_maker,
            trade.trade_id,
        )
        agg = self._agg
        if (
            agg is not None
            and trade.taker_order_id
            and agg.taker_order_id == trade.taker_order_id
            and (agg.px, agg.time_ns) == (trade.px, trade.time_ns)
        ):
            agg.qty += trade.qty
            agg.last_id = trade.trade_id
            return None
        complete = self.complete()
        self._agg = AggTrade(
            self.aggs[-1].agg_id + 1 if self.aggs else trade.trade_id,
            trade.px,
            trade.qty,
            trade.trade_id,
            trade.trade_id,
            trade.time_ns,
            trade.buyer_is_maker,
            trade.taker_order_id,
        )
        return complete

    def complete(self) -> AggTrade | None:
        """The batch has ended: gives the aggregate that was still open, if any."""
        agg, self._agg = self._agg, None
        if agg is not None:
            self.aggs.append(agg)
        return agg

    def window(self, start_ms: int, end_ms: int) -> Window:
        """What traded from `start_ms` on, begun at a whole second (the next, where `start_ms` is
        none), until now; `end_ms` is that now."""
        first_ms = -(-start_ms // SECOND_MS) * SECOND_MS
        return Window(
            start_ms,
            end_ms,
            self.candles.window(first_ms),
            self.candles.close_before(first_ms) or 0,
        )

    def average(self, now_ms: int, px_unit: int) -> int:
        """Average price of the last minutes by volume, times `px_unit`, rounded; the last price
        where nothing traded; 0 without any trade."""
        last = self.last
        if last is None:
            return 0
        traded = self.window(now_ms - AVERAGE_MINUTES * MINUTE_MS, now_ms).traded
        if traded is None or not traded.base:
            return last.px * px_unit
        return (2 * traded.quote * px_unit + traded.base) // (2 * traded.base)

    def trades_from(self, first_id: int, limit: int) -> list[PublicTrade]:
        """Trades with this id or a later one, oldest first."""
        return from_id(self.trades, first_id, lambda trade: trade.trade_id, limit)

    def aggs_from(self, first_id: int, limit: int) -> list[AggTrade]:
        """Aggregate trades with this id or a later one, oldest first."""
        return from_id(self.aggs, first_id, lambda agg: agg.agg_id, limit)


def from_id(
    rows: deque[_Row], first_id: int, id_of: Callable[[_Row], int], limit: int
) -> list[_Row]:
    """Up to `limit` rows from an id on; rows are in order of their ids."""
    begin = bisect_left(rows, first_id, key=id_of)
    return list(islice(rows, begin, begin + limit))
