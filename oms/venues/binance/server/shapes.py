"""Shapes of replies and events, field by field as in binance-spot-api-docs.

Functions of market words (`oms/exchange/market.py`) to what is sent as JSON. Conditional fields
(stop price of stop orders, strategy, prevented matches …) are sent only where the documents say
so. `tests/oms/venues/binance/test_shapes.py` holds each against the documents' examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from oms.exchange.market import (
    MONEY_DIGITS,
    Book,
    PublicTrade,
    SymbolSpec,
    Ticker,
    format_decimal,
)
from oms.venues.binance.server.time_unit import stamp

ZERO = "0.00000000"


def ms(time_ns: int) -> int:
    """Milliseconds of a time."""
    return time_ns // 1_000_000


def money(value: int) -> str:
    """An amount as text with 8 decimals."""
    return format_decimal(value, MONEY_DIGITS)


class Shapes:
    """The shapes of one exchange: they need its symbols and assets."""

    def __init__(self, specs: Sequence[SymbolSpec], assets: Sequence[str]) -> None:
        self._specs = specs
        self._assets = assets

    def px(self, symbol: int, value: int) -> str:
        return format_decimal(value, self._specs[symbol].px_digits)

    def qty(self, symbol: int, value: int) -> str:
        return format_decimal(value, self._specs[symbol].qty_digits)

    # Market data

    def levels(self, symbol: int, levels: Sequence[tuple[int, int]]) -> list[list[str]]:
        px_digits = self._specs[symbol].px_digits
        qty_digits = self._specs[symbol].qty_digits
        return [
            [format_decimal(px, px_digits), format_decimal(qty, qty_digits)] for px, qty in levels
        ]

    def depth(self, symbol: int, book: Book) -> dict[str, Any]:
        return {
            "lastUpdateId": book.update_id,
            "bids": self.levels(symbol, book.bids),
            "asks": self.levels(symbol, book.asks),
        }

    def public_trade(self, trade: PublicTrade) -> dict[str, Any]:
        spec = self._specs[trade.symbol]
        quote = trade.px * trade.qty * 10**MONEY_DIGITS // 10 ** (spec.px_digits + spec.qty_digits)
        return {
            "id": trade.trade_id,
            "price": self.px(trade.symbol, trade.px),
            "qty": self.qty(trade.symbol, trade.qty),
            "quoteQty": money(quote),
            "time": stamp(trade.time_ns),
            "isBuyerMaker": trade.buyer_is_maker,
            "isBestMatch": True,
        }

    def book_ticker(self, ticker: Ticker) -> dict[str, Any]:
        symbol = ticker.symbol
        return {
            "symbol": self._specs[symbol].symbol,
            "bidPrice": self.px(symbol, ticker.bid_px),
            "bidQty": self.qty(symbol, ticker.bid_qty),
            "askPrice": self.px(symbol, ticker.ask_px),
            "askQty": self.qty(symbol, ticker.ask_qty),
        }

    def ticker_event(self, ticker: Ticker) -> dict[str, Any]:
        symbol = ticker.symbol
        return {
            "u": ticker.update_id,
            "s": self._specs[symbol].symbol,
            "b": self.px(symbol, ticker.bid_px),
            "B": self.qty(symbol, ticker.bid_qty),
            "a": self.px(symbol, ticker.ask_px),
            "A": self.qty(symbol, ticker.ask_qty),
        }

    def trade_event(self, trade: PublicTrade) -> dict[str, Any]:
        return {
            "e": "trade",
            "E": stamp(trade.time_ns),
            "s": self._specs[trade.symbol].symbol,
            "t": trade.trade_id,
            "p": self.px(trade.symbol, trade.px),
            "q": self.qty(trade.symbol, trade.qty),
            "T": stamp(trade.time_ns),
            "m": trade.buyer_is_maker,
            "M": True,
        }
