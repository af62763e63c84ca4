"""Shapes of market data beyond the book: aggregate trades, klines, tickers, average prices.

REST and WebSocket API replies, and stream events, field by field as in rest-api.md and
web-socket-streams.md. Prices, quantities and ratios are exact decimal texts with eight places;
`priceChangePercent` has three and is rounded down, `weightedAvgPrice` is rounded to the nearest,
both as the documents' own examples are.
"""

from __future__ import annotations

from typing import Any

from oms.exchange.candles import Candle
from oms.exchange.intervals import Interval
from oms.exchange.market import MONEY_DIGITS, PublicTrade, SymbolSpec, Ticker, format_decimal
from oms.exchange.tape import AVERAGE_MINUTES, AggTrade, Tape, Window
from oms.venues.binance.server.shapes import Shapes
from oms.venues.binance.server.time_unit import stamp, stamp_of_ms

PERCENT_PLACES = 3
PRICE_UNIT = 10**MONEY_DIGITS
MINI_NAMES = (
    "symbol", "openPrice", "highPrice", "lowPrice", "lastPrice", "volume", "quoteVolume",
    "openTime", "closeTime", "firstId", "lastId", "count",
)  # fmt: skip


class MarketShapes:
    """The shapes of one exchange; times in the unit in force (`time_unit.py`)."""

    def __init__(self, shapes: Shapes, specs: tuple[SymbolSpec, ...]) -> None:
        self._shapes = shapes
        self._specs = specs

    def _quote(self, symbol: int, value: int) -> str:
        """A sum of price times quantity."""
        spec = self._specs[symbol]
        return format_decimal(
            value * PRICE_UNIT // 10 ** (spec.px_digits + spec.qty_digits), MONEY_DIGITS
        )

    def _average(self, symbol: int, traded: Candle) -> str:
        """Quote sum by base sum."""
        if not traded.base:
            return format_decimal(0, MONEY_DIGITS)
        base = traded.base * 10 ** self._specs[symbol].px_digits
        return format_decimal((2 * traded.quote * PRICE_UNIT + base) // (2 * base), MONEY_DIGITS)

    def _change(self, symbol: int, traded: Candle) -> tuple[str, str]:
        """(price change, in percent)"""
        change = traded.close - traded.open if traded.trade_count else 0
        percent = change * 100 * 10**PERCENT_PLACES // traded.open if traded.open else 0
        text = format_decimal(percent, PERCENT_PLACES, PERCENT_PLACES)
        return self._shapes.px(symbol, change), text

    # Trades and candles

    def agg_trade(self, symbol: int, agg: AggTrade) -> dict[str, Any]:
        return {
            "a": agg.agg_id,
            "p": self._shapes.px(symbol, agg.px),
            "q": self._shapes.qty(symbol, agg.qty),
            "f": agg.first_id,
            "l": agg.last_id,
            "T": stamp(agg.time_ns),
            "m": agg.buyer_is_maker,
            "M": True,
        }

    def agg_trade_event(self, symbol: int, agg: AggTrade, now_ns: int) -> dict[str, Any]:
        head = {"e": "aggTrade", "E": stamp(now_ns), "s": self._specs[symbol].symbol}
        return head | self.agg_trade(symbol, agg)

    def kline(self, symbol: int, candle: Candle, next_open_ms: int) -> list[Any]:
        shapes = self._shapes
        return [
            stamp_of_ms(candle.open_ms),
            shapes.px(symbol, candle.open),
            shapes.px(symbol, candle.high),
            shapes.px(symbol, candle.low),
            shapes.px(symbol, candle.close),
            shapes.qty(symbol, candle.base),
            stamp_of_ms(next_open_ms) - 1,
            self._quote(symbol, candle.quote),
            candle.trade_count,
            shapes.qty(symbol, candle.taker_buy_base),
            self._quote(symbol, candle.taker_buy_quote),
            "0",
        ]

    def kline_event(
        self,
        symbol: int,
        interval: Interval,
        candle: Candle,
        next_open_ms: int,
        closed: bool,
        now_ns: int,
    ) -> dict[str, Any]:
        shapes, name = self._shapes, self._specs[symbol].symbol
        return {
            "e": "kline",
            "E": stamp(now_ns),
            "s": name,
            "k": {
                "t": stamp_of_ms(candle.open_ms),
                "T": stamp_of_ms(next_open_ms) - 1,
                "s": name,
                "i": interval.name,
                "f": candle.first_id,
                "L": candle.last_id,
                "o": shapes.px(symbol, candle.open),
                "c": shapes.px(symbol, candle.close),
                "h": shapes.px(symbol, candle.high),
                "l": shapes.px(symbol, candle.low),
                "v": shapes.qty(symbol, candle.base),
                "n": candle.trade_count,
                "x": closed,
                "q": self._quote(symbol, candle.quote),
                "V": shapes.qty(symbol, candle.taker_buy_base),
                "Q": self._quote(symbol, candle.taker_buy_quote),
                "B": "0",
            },
        }

    # Statistics

    def ticker(self, symbol: int, window: Window, closes_ms: int, mini: bool) -> dict[str, Any]:
        """Statistics of a window; `closes_ms` is what the reply calls its closeTime."""
        traded = window.traded or _nothing(window)
        change, percent = self._change(symbol, traded)
        shapes = self._shapes
        full = {
            "symbol": self._specs[symbol].symbol,
            "priceChange": change,
            "priceChangePercent": percent,
            "weightedAvgPrice": self._average(symbol, traded),
            "openPrice": shapes.px(symbol, traded.open),
            "highPrice": shapes.px(symbol, traded.high),
            "lowPrice": shapes.px(symbol, traded.low),
            "lastPrice": shapes.px(symbol, traded.close),
            "volume": shapes.qty(symbol, traded.base),
            "quoteVolume": self._quote(symbol, traded.quote),
            "openTime": stamp_of_ms(window.start_ms),
            "closeTime": stamp_of_ms(closes_ms),
            "firstId": traded.first_id,
            "lastId": traded.last_id,
            "count": traded.trade_count,
        }
        return {name: full[name] for name in MINI_NAMES} if mini else full

    def day_ticker(
        self, window: Window, last: PublicTrade | None, best: Ticker, mini: bool
    ) -> dict[str, Any]:
        """The 24-hour ticker: a window's statistics, the price before it and the best prices."""
        symbol, shapes = best.symbol, self._shapes
        out = self.ticker(symbol, window, window.end_ms, mini)
        if mini:
            return out
        head = ("symbol", "priceChange", "priceChangePercent", "weightedAvgPrice")
        return {
            **{name: out[name] for name in head},
            "prevClosePrice": shapes.px(symbol, window.before_px),
            "lastPrice": out["lastPrice"],
            "lastQty": shapes.qty(symbol, last.qty if last else 0),
            "bidPrice": shapes.px(symbol, best.bid_px),
            "bidQty": shapes.qty(symbol, best.bid_qty),
            "askPrice": shapes.px(symbol, best.ask_px),
            "askQty": shapes.qty(symbol, best.ask_qty),
            **{name: value for name, value in out.items() if name not in (*head, "lastPrice")},
        }

    def ticker_event(
        self, name: str, symbol: int, window: Window, tape: Tape, best: Ticker, now_ns: int
    ) -> dict[str, Any]:
        """`name` is 24hrTicker, or 1hTicker, 4hTicker, 1dTicker, which say less."""
        full = self.day_ticker(window, tape.last, best, mini=False)
        letters = {
            "p": "priceChange", "P": "priceChangePercent", "w": "weightedAvgPrice",
            "x": "prevClosePrice", "c": "lastPrice", "Q": "lastQty", "b": "bidPrice",
            "B": "bidQty", "a": "askPrice", "A": "askQty", "o": "openPrice", "h": "highPrice",
            "l": "lowPrice", "v": "volume", "q": "quoteVolume", "O": "openTime",
            "C": "closeTime", "F": "firstId", "L": "lastId", "n": "count",
        }  # fmt: skip
        order = "pPwxcQbBaAohlvqOCFLn" if name == "24hrTicker" else "pPohlcwvqOCFLn"
        head = {"e": name, "E": stamp(now_ns), "s": full["symbol"]}
        return head | {letter: full[letters[letter]] for letter in order}

    def mini_ticker_event(self, symbol: int, window: Window, now_ns: int) -> dict[str, Any]:
        out = self.ticker(symbol, window, window.end_ms, mini=True)
        return {
            "e": "24hrMiniTicker",
            "E": stamp(now_ns),
            "s": out["symbol"],
            "c": out["lastPrice"],
            "o": out["openPrice"],
            "h": out["highPrice"],
            "l": out["lowPrice"],
            "v": out["volume"],
            "q": out["quoteVolume"],
        }

    # Average price

    def _average_px(self, symbol: int, tape: Tape, now_ms: int) -> str:
        places = MONEY_DIGITS - self._specs[symbol].px_digits
        return format_decimal(tape.average(now_ms, 10**places), MONEY_DIGITS)

    def average_price(self, symbol: int, tape: Tape, now_ms: int) -> dict[str, Any]:
        return {
            "mins": AVERAGE_MINUTES,
            "price": self._average_px(symbol, tape, now_ms),
            "closeTime": stamp(tape.last.time_ns if tape.last else 0),
        }

    def average_price_event(self, symbol: int, tape: Tape, now_ns: int) -> dict[str, Any]:
        return {
            "e": "avgPrice",
            "E": stamp(now_ns),
            "s": self._specs[symbol].symbol,
            "i": f"{AVERAGE_MINUTES}m",
            "w": self._average_px(symbol, tape, now_ns // 1_000_000),
            "T": stamp(tape.last.time_ns if tape.last else 0),
        }


def _nothing(window: Window) -> Candle:
    """A window in which nothing traded: the last price stands, all else is zero."""
    return Candle(window.start_ms, 0, 0, 0, window.before_px, 0, 0, 0, 0, -1, -1, 0)
