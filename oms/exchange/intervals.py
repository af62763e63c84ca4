"""Candle intervals: where the candle of a time opens, and where the next one does.

Times are milliseconds since 1970, UTC; `offset_ms` is a time zone's distance from UTC: intervals
are aligned to its midnight. Weeks open on Monday, months on their first day, three-day candles
count from 1970-01-01. Source: rest-api.md "Kline/Candlestick data" (names, timeZone).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

SECOND_MS = 1000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
TIME_MS_MAX = 250_000_000_000_000
"""Later times than the year 9891 are read as this one: calendars end."""
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_MONDAY_MS = 4 * DAY_MS
"""1970-01-05 was a Monday."""
_MONTHS_PER_YEAR = 12


@dataclass(frozen=True, slots=True)
class Interval:
    """`period_ms` 0 stands for a calendar month."""

    name: str
    period_ms: int
    anchor_ms: int = 0

    def opens(self, time_ms: int, offset_ms: int = 0) -> int:
        """Open time of the candle that holds `time_ms`."""
        local_ms = min(max(time_ms, 0), TIME_MS_MAX) + offset_ms
        if self.period_ms:
            return local_ms - (local_ms - self.anchor_ms) % self.period_ms - offset_ms
        day = date.fromordinal(_EPOCH_ORDINAL + local_ms // DAY_MS).replace(day=1)
        return (day.toordinal() - _EPOCH_ORDINAL) * DAY_MS - offset_ms

    def moved(self, open_ms: int, count: int, offset_ms: int = 0) -> int:
        """Open time of the candle `count` after (before, if negative) the one at `open_ms`."""
        if self.period_ms:
            return open_ms + count * self.period_ms
        day = date.fromordinal(_EPOCH_ORDINAL + (open_ms + offset_ms) // DAY_MS)
        months = max(day.year * _MONTHS_PER_YEAR + day.month - 1 + count, _MONTHS_PER_YEAR)
        moved = date(months // _MONTHS_PER_YEAR, months % _MONTHS_PER_YEAR + 1, 1)
        return (moved.toordinal() - _EPOCH_ORDINAL) * DAY_MS - offset_ms


def _fixed(name: str, period_ms: int, anchor_ms: int = 0) -> tuple[str, Interval]:
    return name, Interval(name, period_ms, anchor_ms)


INTERVALS: dict[str, Interval] = dict(
    [
        _fixed("1s", SECOND_MS),
        *(_fixed(f"{count}m", count * MINUTE_MS) for count in (1, 3, 5, 15, 30)),
        *(_fixed(f"{count}h", count * HOUR_MS) for count in (1, 2, 4, 6, 8, 12)),
        _fixed("1d", DAY_MS),
        _fixed("3d", 3 * DAY_MS),
        _fixed("1w", 7 * DAY_MS, _MONDAY_MS),
        _fixed("1M", 0),
    ]
)
