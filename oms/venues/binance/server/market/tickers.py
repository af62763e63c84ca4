"""Candles and price statistics of the simulated Binance spot.

Handlers `(desk, call) -> JSON value` as in `calls.py`, over each symbol's tape
(`oms/exchange/tape.py`). Sources: rest-api.md "Kline/Candlestick data" to "Rolling window price
change statistics" and the same requests of web-socket-api.md. The 24-hour window begins at the
next whole second, rolling windows begin at a whole minute, as their documents say.
"""

from __future__ import annotations

import re
from typing import Any

from oms.exchange.intervals import DAY_MS, HOUR_MS, INTERVALS, MINUTE_MS
from oms.venues.binance.server import errors as err
from oms.venues.binance.server.calls import Call, Desk
from oms.venues.binance.server.market.calls import ROWS_DEFAULT, ROWS_MAX, by_symbols, chosen
from oms.venues.binance.server.params import Params
from oms.venues.serving.routing import Endpoint

SYMBOLS_MAX = 100
"""In one request for trading-day or rolling-window statistics."""
WEIGHT_PER_SYMBOL = 4
WEIGHT_MAX = 200
TYPES = ("FULL", "MINI")
ZONE_MIN_MS = -12 * HOUR_MS
ZONE_MAX_MS = 14 * HOUR_MS
_ZONE = re.compile(r"([+-]?)([0-9]{1,2})(?::([0-9]{2}))?").fullmatch
_WINDOW = re.compile(r"([1-9][0-9]?)([mhd])").fullmatch
_WINDOW_UNITS = {"m": (MINUTE_MS, 59), "h": (HOUR_MS, 23), "d": (DAY_MS, 7)}
_NS_PER_MS = 1_000_000
_MINUTES_PER_HOUR = 60


def zone_offset_ms(text: str) -> int | None:
    """A time zone such as 8, -1:00 or 05:45 as its distance from UTC; None = not one."""
    found = _ZONE(text)
    if found is None:
        return None
    sign, hours, minutes = found.groups()
    if int(minutes or 0) >= _MINUTES_PER_HOUR:
        return None
    offset_ms = int(hours) * HOUR_MS + int(minutes or 0) * MINUTE_MS
    offset_ms = -offset_ms if sign == "-" else offset_ms
    return offset_ms if ZONE_MIN_MS <= offset_ms <= ZONE_MAX_MS else None


def _zone(params: Params) -> int:
    offset_ms = zone_offset_ms(params.given.get("timeZone", "0"))
    if offset_ms is None:
        raise err.invalid("timeZone")
    return offset_ms


def klines(desk: Desk, call: Call) -> Any:
    """Candles of one symbol, oldest first."""
    params = call.params
    symbol = desk.symbol(params)
    interval = INTERVALS.get(params.text("interval"))
    if interval is None:
        raise err.ApiError(*err.BAD_INTERVAL)
    limit = params.capped("limit", ROWS_DEFAULT, ROWS_MAX)
    offset_ms = _zone(params)
    start = params.time_ms("startTime", 0) if params.has("startTime") else None
    end = params.time_ms("endTime", 0) if params.has("endTime") else None
    if start is not None and end is not None and end < start:
        raise err.ApiError(*err.BAD_COMBINATION)
    found = desk.tapes[symbol].candles.klines(
        interval,
        call.now_ns // _NS_PER_MS,
        limit,
        offset_ms=offset_ms,
        start_ms=start,
        end_ms=end,
    )
    return [
        desk.market_shapes.kline(symbol, candle, interval.moved(candle.open_ms, 1, offset_ms))
        for candle in found
    ]


def average_price(desk: Desk, call: Call) -> Any:
    """The last minutes' average price."""
    symbol = desk.symbol(call.params)
    now_ms = call.now_ns // _NS_PER_MS
    return desk.market_shapes.average_price(symbol, desk.tapes[symbol], now_ms)


# Statistics


def _mini(params: Params) -> bool:
    return params.choice("type", "FULL", TYPES, err.BAD_TICKER_TYPE) == "MINI"


def day_ticker(desk: Desk, call: Call) -> Any:
    """The rolling 24 hours."""
    mini = _mini(call.params)
    rows, several = chosen(desk, call)
    now_ms = call.now_ns // _NS_PER_MS
    out = []
    for row in rows:
        tape = desk.tapes[row]
        window = tape.window(now_ms - DAY_MS, now_ms)
        best = desk.market.ticker(row)
        out.append(desk.market_shapes.day_ticker(window, tape.last, best, mini))
    return out if several else out[0]


def _few(desk: Desk, call: Call) -> tuple[list[int], bool]:
    """Rows of a request that must name its symbols."""
    params = call.params
    if not params.has("symbol") and not params.has("symbols"):
        raise err.one_of("symbol", "symbols")
    if params.has("symbols") and len(params.text_list("symbols")) > SYMBOLS_MAX:
        raise err.invalid("symbols")
    return chosen(desk, call)


def trading_day(desk: Desk, call: Call) -> Any:
    """The day so far, in a time zone."""
    mini = _mini(call.params)
    offset_ms = _zone(call.params)
    rows, several = _few(desk, call)
    now_ms = call.now_ns // _NS_PER_MS
    start_ms = INTERVALS["1d"].opens(now_ms, offset_ms)
    closes_ms = start_ms + DAY_MS - 1
    out = [
        desk.market_shapes.ticker(row, desk.tapes[row].window(start_ms, now_ms), closes_ms, mini)
        for row in rows
    ]
    return out if several else out[0]


def _window_ms(params: Params) -> int:
    text = params.given.get("windowSize", "1d")
    found = _WINDOW(text)
    if found is None:
        raise err.illegal_characters("windowSize", "^[1-9][0-9]?[mhd]$")
    unit_ms, most = _WINDOW_UNITS[found[2]]
    if int(found[1]) > most:
        raise err.invalid("windowSize")
    return int(found[1]) * unit_ms


def rolling(desk: Desk, call: Call) -> Any:
    """The last `windowSize`, begun at a whole minute."""
    mini = _mini(call.params)
    window_ms = _window_ms(call.params)
    rows, several = _few(desk, call)
    now_ms = call.now_ns // _NS_PER_MS
    start_ms = (now_ms - window_ms) // MINUTE_MS * MINUTE_MS
    if any(desk.tapes[row].last is None for row in rows):
        raise err.ApiError(*err.NO_TRADING_WINDOW)
    out = [
        desk.market_shapes.ticker(row, desk.tapes[row].window(start_ms, now_ms), now_ms, mini)
        for row in rows
    ]
    return out if several else out[0]


def price(desk: Desk, call: Call) -> Any:
    """Last prices."""
    rows, several = chosen(desk, call)
    out = []
    for row in rows:
        last = desk.tapes[row].last
        text = desk.shapes.px(row, last.px if last else 0)
        out.append({"symbol": desk.market.specs[row].symbol, "price": text})
    return out if several else out[0]


def _day_weight(params: Params) -> int:
    if params.has("symbol"):
        return 2
    if not params.has("symbols"):
        return 80
    count = len(params.text_list("symbols"))
    for most, weight in ((20, 2), (100, 40)):
        if count <= most:
            return weight
    return 80


def _few_weight(params: Params) -> int:
    count = len(params.text_list("symbols")) if params.has("symbols") else 1
    return min(WEIGHT_PER_SYMBOL * count, WEIGHT_MAX)


_SYMBOL = frozenset({"symbol"})
_LIST = _SYMBOL | {"symbols", "symbolStatus"}
_KLINES = _SYMBOL | {"interval", "startTime", "endTime", "timeZone", "limit"}

TICKERS: dict[str, Endpoint] = {
    "klines": Endpoint(klines, 2, _KLINES),
    "uiKlines": Endpoint(klines, 2, _KLINES),
    "avgPrice": Endpoint(average_price, 2, _SYMBOL),
    "ticker.24hr": Endpoint(day_ticker, _day_weight, _LIST | {"type"}),
    "ticker.tradingDay": Endpoint(trading_day, _few_weight, _LIST | {"timeZone", "type"}),
    "ticker": Endpoint(rolling, _few_weight, _LIST | {"windowSize", "type"}),
    "ticker.price": Endpoint(price, by_symbols(2, 4, 4), _LIST),
}
"""By the WebSocket API's method names."""
