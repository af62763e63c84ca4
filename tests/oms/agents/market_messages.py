"""Binance messages for tests of feed and aggregator, prices in whole units."""

from __future__ import annotations

import json
from collections.abc import Sequence

Levels = Sequence[tuple[int, int]]


def _texts(levels: Levels) -> list[list[str]]:
    return [[f"{px}.00", f"{qty}.0"] for px, qty in levels]


def diff(
    first: int, last: int, bids: Levels = (), asks: Levels = (), prev: int | None = None,
    symbol: str = "BTCUSDT",
) -> bytes:  # fmt: skip
    event = {"e": "depthUpdate", "E": 1000, "s": symbol, "U": first, "u": last}
    if prev is not None:
        event["pu"] = prev
    event |= {"b": _texts(bids), "a": _texts(asks)}
    return json.dumps({"stream": f"{symbol.lower()}@depth", "data": event}).encode()


def ticker(update_id: int, bid: tuple[int, int], ask: tuple[int, int]) -> bytes:
    event = {"u": update_id, "s": "BTCUSDT", "b": f"{bid[0]}.00", "B": f"{bid[1]}.0"}
    event |= {"a": f"{ask[0]}.00", "A": f"{ask[1]}.0"}
    return json.dumps({"stream": "btcusdt@bookTicker", "data": event}).encode()


def trade(trade_id: int, px: int, qty: int, buyer_is_maker: bool) -> bytes:
    event = {"e": "trade", "E": 1000, "s": "BTCUSDT", "t": trade_id, "p": f"{px}.00"}
    event |= {"q": f"{qty}.0", "T": 999, "m": buyer_is_maker}
    return json.dumps({"stream": "btcusdt@trade", "data": event}).encode()


def snapshot(last: int, bids: Levels, asks: Levels) -> bytes:
    body = {"lastUpdateId": last, "bids": _texts(bids), "asks": _texts(asks)}
    return json.dumps(body).encode()
