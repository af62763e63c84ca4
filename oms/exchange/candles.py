"""Candles of one symbol, kept from its public trades in bounded memory.

Three rings of closed candles (seconds, minutes, quarters of an hour), each with only the periods
in which something traded, and one open candle per ring: a trade changes the open second alone; a
second that closes is folded into its minute, a minute into its quarter. Every longer interval, in
every time zone, and every rolling window is put together from these at the time of asking. All
figures are exact integers: prices at the symbol's px_digits, quantities at its qty_digits, quote
sums at both together. A ring whose figures outgrow 64 bits goes on with big integers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from oms.exchange.intervals import DAY_MS, MINUTE_MS, SECOND_MS, Interval

QUARTER_MS = 15 * MINUTE_MS
"""Every time zone in use is a multiple of a quarter of an hour away from UTC."""
PERIODS_MS = (SECOND_MS, MINUTE_MS, QUARTER_MS)
KEPT = (DAY_MS // SECOND_MS + 60, 8 * DAY_MS // MINUTE_MS, 366 * DAY_MS // QUARTER_MS)
"""Candles per ring: a day of seconds, eight days of minutes, a year of quarters."""
FOREVER_MS = 1 << 62
_ROWS_FIRST = 64
_COLUMNS = 12


class Candle(NamedTuple):
    """One period; see the module's text for units."""

    open_ms: int
    open: int
    high: int
    low: int
    close: int
    base: int
    quote: int
    taker_buy_base: int
    taker_buy_quote: int
    first_id: int
    last_id: int
    trade_count: int


assert len(Candle._fields) == _COLUMNS


class _Ring:
    """Closed candles in order of time; the oldest go first."""

    def __init__(self, keep: int) -> None:
        self._rows: NDArray[Any] = np.empty((_ROWS_FIRST, _COLUMNS), np.int64)
        self._begin = 0
        self._end = 0
        self._keep = keep
        self.evicted = False

    def append(self, candle: Candle) -> None:
        if self._end == len(self._rows):
            self._make_room()
        try:
            self._rows[self._end] = candle
        except OverflowError:
            self._rows = self._rows.astype(object)
            self._rows[self._end] = candle
        self._end += 1
        if self._end - self._begin > self._keep:
            self._begin += 1
            self.evicted = True

    def _make_room(self) -> None:
        """Copies what lives to the front of an array with as much room again."""
        live = self._rows[self._begin : self._end]
        rows = np.empty((2 * len(live), _COLUMNS), self._rows.dtype)
        rows[: len(live)] = live
        self._rows, self._begin, self._end = rows, 0, len(live)

    def _place(self, time_ms: int) -> int:
        """Of the first candle that opens at `time_ms` or later."""
        opens = self._rows[self._begin : self._end, 0]
        return self._begin + int(np.searchsorted(opens, time_ms))

    def between(self, start_ms: int, end_ms: int) -> list[Candle]:
        """Candles with start <= open < end."""
        rows = self._rows[self._place(start_ms) : self._place(end_ms)]
        return [Candle(*row) for row in rows.tolist()]

    def before(self, time_ms: int) -> Candle | None:
        """The last candle that opens before `time_ms`."""
        place = self._place(time_ms)
        return Candle(*self._rows[place - 1].tolist()) if place > self._begin else None

    def oldest(self) -> Candle | None:
        return Candle(*self._rows[self._begin].tolist()) if self._begin < self._end else None


def joined(candles: Iterable[Candle], open_ms: int) -> Candle | None:
    """Candles in order of time as one that opens at `open_ms`; None of none."""
    out: list[int] | None = None
    for candle in candles:
        if out is None:
            out = [*candle]
            out[0] = open_ms
            continue
        out[2] = max(out[2], candle.high)
        out[3] = min(out[3], candle.low)
        out[4] = candle.close
        out[5] += candle.base
        out[6] += candle.quote
        out[7] += candle.taker_buy_base
        out[8] += candle.taker_buy_quote
        out[10] = candle.last_id
        out[11] += candle.trade_count
    return None if out is None else Candle(*out)


class Candles:
    """See the module's text."""

    def __init__(self) -> None:
        self._rings = tuple(_Ring(keep) for keep in KEPT)
        self._second: list[int] | None = None
        self._open: list[Candle | None] = [None] * len(PERIODS_MS)
        """Of each ring, what closed candles below it were folded; the first is not used."""

    def add(self, time_ms: int, px: int, qty: int, buyer_takes: bool, trade_id: int) -> None:
        """One trade. A time before the open second counts into that second."""
        quote = px * qty
        now = self._second
        if now is not None and time_ms >= now[0] + SECOND_MS:
            self._close_second(Candle(*now))
            now = None
        if now is None:
            bought, paid = (qty, quote) if buyer_takes else (0, 0)
            opened_ms = time_ms - time_ms % SECOND_MS
            self._second = [
                opened_ms, px, px, px, px, qty, quote, bought, paid, trade_id, trade_id, 1
            ]  # fmt: skip
            return
        if px > now[2]:
            now[2] = px
        elif px < now[3]:
            now[3] = px
        now[4] = px
        now[5] += qty
        now[6] += quote
        if buyer_takes:
            now[7] += qty
            now[8] += quote
        now[10] = trade_id
        now[11] += 1

    def _close_second(self, closed: Candle) -> None:
        self._rings[0].append(closed)
        for level in range(1, len(PERIODS_MS)):
            opened_ms = closed.open_ms - closed.open_ms % PERIODS_MS[level]
            held = self._open[level]
            if held is None or held.open_ms == opened_ms:
                parts = [closed] if held is None else [held, closed]
                self._open[level] = joined(parts, opened_ms)
                return
            self._rings[level].append(held)
            self._open[level] = closed._replace(open_ms=opened_ms)
            closed = held

    def _tail(self, level: int) -> list[Candle]:
        """What is not in the ring of this level yet, by its periods."""
        parts = [held for held in self._open[level:0:-1] if held is not None]
        if self._second is not None:
            parts.append(Candle(*self._second))
        out: list[Candle] = []
        period_ms = PERIODS_MS[level]
        for part in parts:
            opened_ms = part.open_ms - part.open_ms % period_ms
            if out and out[-1].open_ms == opened_ms:
                whole = joined([out[-1], part], opened_ms)
                assert whole is not None
                out[-1] = whole
            else:
                out.append(part._replace(open_ms=opened_ms))
        return out

    def _rows(self, level: int, start_ms: int, end_ms: int) -> list[Candle]:
        tail = [c for c in self._tail(level) if start_ms <= c.open_ms < end_ms]
        return self._rings[level].between(start_ms, end_ms) + tail

    def covering(
        self, start_ms: int, end_ms: int = FOREVER_MS, level: int = len(PERIODS_MS) - 1
    ) -> list[Candle]:
        """What traded in start <= time < end (whole seconds), in as few candles as there are."""
        if level == 0:
            return self._rows(0, start_ms, end_ms)
        period_ms = PERIODS_MS[level]
        first_ms = -(-start_ms // period_ms) * period_ms
        last_ms = end_ms // period_ms * period_ms
        if first_ms >= last_ms:
            return self.covering(start_ms, end_ms, level - 1)
        out = self._rows(level, first_ms, last_ms)
        if start_ms < first_ms:
            out = self.covering(start_ms, first_ms, level - 1) + out
        if last_ms < end_ms and end_ms != FOREVER_MS:
            out += self.covering(last_ms, end_ms, level - 1)
        return out

    def window(self, start_ms: int, end_ms: int = FOREVER_MS) -> Candle | None:
        """Everything in start <= time < end (whole seconds) as one candle."""
        return joined(self.covering(start_ms, end_ms), start_ms)

    def close_before(self, time_ms: int) -> int | None:
        """The last price before `time_ms` (a whole second), as far back as candles are kept."""
        for level, period_ms in enumerate(PERIODS_MS):
            limit_ms = time_ms - time_ms % period_ms
            tail = [c for c in self._tail(level) if c.open_ms < limit_ms]
            found = tail[-1] if tail else self._rings[level].before(limit_ms)
            if found is not None:
                return found.close
        return None

    def klines(
        self,
        interval: Interval,
        now_ms: int,
        limit: int,
        *,
        offset_ms: int = 0,
        start_ms: int | None = None,
        end_ms: int | None = None,
    ) -> list[Candle]:
        """Candles with start <= open <= end, oldest first, at most `limit`: from the start on if
        one is given, else the newest. Periods without a trade repeat the last price; there are
        none before the first trade."""
        level = _level(interval, offset_ms)
        first_ms = self._first_open(level, interval, offset_ms)
        if first_ms is None:
            return []
        last_ms = interval.opens(now_ms if end_ms is None else min(end_ms, now_ms), offset_ms)
        if start_ms is not None:
            wanted_ms = interval.opens(start_ms, offset_ms)
            if wanted_ms < start_ms:
                wanted_ms = interval.moved(wanted_ms, 1, offset_ms)
            first_ms = max(first_ms, wanted_ms)
            last_ms = min(last_ms, interval.moved(first_ms, limit - 1, offset_ms))
        else:
            first_ms = max(first_ms, interval.moved(last_ms, 1 - limit, offset_ms))
        return self._filled(level, interval, offset_ms, first_ms, last_ms)

    def _first_open(self, level: int, interval: Interval, offset_ms: int) -> int | None:
        """Open time of the first candle that is known whole."""
        ring = self._rings[level]
        tail = self._tail(level)
        oldest = ring.oldest() or (tail[0] if tail else None)
        if oldest is None:
            return None
        first_ms = interval.opens(oldest.open_ms, offset_ms)
        if ring.evicted and first_ms < oldest.open_ms:
            first_ms = interval.moved(first_ms, 1, offset_ms)
        return first_ms

    def _filled(
        self, level: int, interval: Interval, offset_ms: int, first_ms: int, last_ms: int
    ) -> list[Candle]:
        out: list[Candle] = []
        if first_ms > last_ms:
            return out
        rows = self._rows(level, first_ms, interval.moved(last_ms, 1, offset_ms))
        before = self.close_before(first_ms)
        taken = 0
        opened_ms = first_ms
        while opened_ms <= last_ms:
            next_ms = interval.moved(opened_ms, 1, offset_ms)
            begin = taken
            while taken < len(rows) and rows[taken].open_ms < next_ms:
                taken += 1
            made = joined(rows[begin:taken], opened_ms)
            if made is None:
                px = before or 0
                made = Candle(opened_ms, px, px, px, px, 0, 0, 0, 0, -1, -1, 0)
            before = made.close
            out.append(made)
            opened_ms = next_ms
        return out


def _level(interval: Interval, offset_ms: int) -> int:
    """The coarsest ring that this interval can be put together from."""
    if interval.period_ms == SECOND_MS:
        return 0
    if (interval.period_ms and interval.period_ms % QUARTER_MS) or offset_ms % QUARTER_MS:
        return 1
    return 2
