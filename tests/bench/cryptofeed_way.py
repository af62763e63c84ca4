"""cryptofeed's decode path on Binance's messages, written here as that library does it.

What it does per message, read from its sources (version 2.4, binance.py and its book type): JSON
with every number of a float's shape as Decimal, dispatch by stream and event, the symbol looked up
in its table, prices and sizes made Decimal, the sequence checked, deltas collected as tuples, a
sorted mapping per side updated, a timestamp in seconds, and an awaited callback per event. Its
parser (yapic.json) and its sorted book (order_book) are C; here they are orjson and
sortedcontainers, because no one version of either has wheels for all three Pythons that the lock
serves: its own book is faster than this one. The awaited callback does nothing.
"""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import orjson
from sortedcontainers import SortedDict

SYMBOLS = {"BTCUSDT": "BTC-USDT"}


class Book:
    """Sorted sides, as its order book has them."""

    __slots__ = ("asks", "bids", "delta", "sequence", "timestamp")

    def __init__(self) -> None:
        self.bids, self.asks = SortedDict(), SortedDict()
        self.delta: dict[str, list[tuple[Decimal, Decimal]]] = {}
        self.sequence = 0
        self.timestamp = 0.0


class Feed:
    """One connection's handler."""

    def __init__(self) -> None:
        self.books = {symbol: Book() for symbol in SYMBOLS.values()}
        self.events = 0

    async def callback(self, kind: str, event: Any, receipt: float) -> None:
        """What a user's handler would be."""
        del kind, event, receipt
        self.events += 1

    async def message(self, text: bytes, receipt: float) -> None:
        """One message off the socket."""
        whole = orjson.loads(text)
        pair, _, _channel = whole["stream"].partition("@")
        event = whole["data"]
        symbol = SYMBOLS[pair.upper()]
        kind = event.get("e")
        if kind == "depthUpdate":
            await self._book(symbol, event, receipt)
        elif kind == "trade":
            trade = (
                symbol, "sell" if event["m"] else "buy", Decimal(event["q"]), Decimal(event["p"]),
                event["E"] / 1000.0, str(event["t"]),
            )  # fmt: skip
            await self.callback("trades", trade, receipt)
        else:
            ticker = (
                symbol, Decimal(event["b"]), Decimal(event["a"]), Decimal(event["B"]),
                Decimal(event["A"]), event.get("E", 0) / 1000.0,
            )  # fmt: skip
            await self.callback("ticker", ticker, receipt)

    async def _book(self, symbol: str, event: Any, receipt: float) -> None:
        book = self.books[symbol]
        book.delta = {"bid": [], "ask": []}
        for name, side, rows in (("bid", book.bids, event["b"]), ("ask", book.asks, event["a"])):
            for px_text, qty_text in rows:
                px, qty = Decimal(px_text), Decimal(qty_text)
                if qty == 0:
                    side.pop(px, None)
                else:
                    side[px] = qty
                book.delta[name].append((px, qty))
        book.sequence = event["u"]
        book.timestamp = event["E"] / 1000.0
        await self.callback("book", book, receipt)


def seconds(frames: list[bytes]) -> float:
    """CPU seconds of this thread for all of them."""
    feed = Feed()

    async def every() -> None:
        for frame in frames:
            await feed.message(frame, 0.0)

    running = every()
    begun = time.thread_time()
    try:
        running.send(None)  # nothing inside ever waits, so it runs to its end
    except StopIteration:
        took = time.thread_time() - begun
    assert feed.events == len(frames), "an event was not told"
    return took
