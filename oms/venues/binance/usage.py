"""What Binance's answers say of its own counts: headers of REST, `rateLimits` of the WebSocket API.

Sources: rest-api.md "LIMITS" (X-MBX-USED-WEIGHT-1M, X-MBX-ORDER-COUNT-10S and -1D, Retry-After),
web-socket-api.md "Rate limits". Whatever cannot be read says nothing: a count is a help, and no
answer is refused because of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer says of the exchange's own counts; -1 = nothing."""

    weight: int = -1
    """Request weight of our address in the present minute."""
    orders_10s: int = -1
    """New orders of the account in the present ten seconds."""
    orders_day: int = -1


NO_USAGE = Usage()
_COUNTED = {
    ("REQUEST_WEIGHT", "MINUTE", 1): "weight",
    ("ORDERS", "SECOND", 10): "orders_10s",
    ("ORDERS", "DAY", 1): "orders_day",
}
_COUNT_MAX = 1 << 40
_DIGITS_MAX = 12


def usage_of_limits(entries: Any) -> Usage:
    """`rateLimits` of a WebSocket-API answer."""
    if not isinstance(entries, list) or not entries:
        return NO_USAGE
    found: dict[str, int] = {}
    for entry in entries:
        try:
            name = _COUNTED.get((entry["rateLimitType"], entry["interval"], entry["intervalNum"]))
            if name is not None and 0 <= entry["count"] < _COUNT_MAX:
                found[name] = int(entry["count"])
        except (KeyError, TypeError):
            continue
    return Usage(**found)


def usage_of_headers(headers: Mapping[str, str]) -> Usage:
    """X-MBX-* headers of a REST answer, names in lower case."""
    return Usage(
        _count(headers.get("x-mbx-used-weight-1m")),
        _count(headers.get("x-mbx-order-count-10s")),
        _count(headers.get("x-mbx-order-count-1d")),
    )


def retry_after_s(headers: Mapping[str, str]) -> int:
    """`Retry-After` of a 429 or 418, in seconds; 0 = not said."""
    return max(_count(headers.get("retry-after")), 0)


def _count(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) <= _DIGITS_MAX else -1
