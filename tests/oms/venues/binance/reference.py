"""The plain reading of a Binance message that the decoders are held against: json + Decimal."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any


class Refused(Exception):
    """The reference cannot represent this message exactly."""


def exact(text: str, scale: int) -> int:
    """`text` at `scale`; Refused when a digit is lost or 18 digits do not hold it."""
    value = Decimal(text).scaleb(scale)
    if value != value.to_integral_value() or not 0 <= value < 10**18:
        raise Refused(text)
    return int(value)


def read(data: bytes, px_scale: int, qty_scale: int) -> dict[str, Any]:
    """What a well-formed diff, ticker, trade or snapshot says, as plain values."""
    found = json.loads(data)
    event = found.get("data", found)

    def levels(name: str) -> list[tuple[int, int]]:
        return [(exact(p, px_scale), exact(q, qty_scale)) for p, q in event[name]]

    if "lastUpdateId" in event:
        return {
            "kind": "snapshot",
            "last_id": event["lastUpdateId"],
            "bids": levels("bids"),
            "asks": levels("asks"),
        }
    if event.get("e") == "depthUpdate":
        return {
            "kind": "depth",
            "symbol": event["s"],
            "first_id": event["U"],
            "last_id": event["u"],
            "prev_id": event.get("pu", -1),
            "event_ms": event.get("E", 0),
            "bids": levels("b"),
            "asks": levels("a"),
        }
    if event.get("e") == "trade":
        return {
            "kind": "trade",
            "symbol": event["s"],
            "trade_id": event["t"],
            "px": exact(event["p"], px_scale),
            "qty": exact(event["q"], qty_scale),
            "trade_ms": event["T"],
            "buyer_is_maker": event["m"],
        }
    return {
        "kind": "ticker",
        "symbol": event["s"],
        "last_id": event["u"],
        "bid": (exact(event["b"], px_scale), exact(event["B"], qty_scale)),
        "ask": (exact(event["a"], px_scale), exact(event["A"], qty_scale)),
    }
