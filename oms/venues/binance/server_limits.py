"""Request weight per address and order counts per account, in the venue's fixed windows.

Sources: rest-api.md "LIMITS", exchangeInfo `rateLimits`. Windows are aligned to the clock, as the
venue's are; a refused request counts, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from oms.venues.binance import server_errors as err

SECOND_NS = 1_000_000_000
WEIGHT_WINDOW_S = 60
ORDERS_WINDOW_S = 10
DAY_S = 86_400
ADDRESSES_MAX = 4096
"""Addresses with a count in the current minute; beyond it they share one count."""


@dataclass(frozen=True, slots=True)
class LimitRules:
    """The venue's limits; the defaults are those of its exchangeInfo."""

    weight_per_minute: int = 6000
    orders_per_10s: int = 100
    orders_per_day: int = 200_000

    def described(self) -> list[dict[str, Any]]:
        return [
            _limit("REQUEST_WEIGHT", "MINUTE", 1, self.weight_per_minute),
            _limit("ORDERS", "SECOND", 10, self.orders_per_10s),
            _limit("ORDERS", "DAY", 1, self.orders_per_day),
        ]


def _limit(kind: str, interval: str, number: int, limit: int) -> dict[str, Any]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}


class _Window:
    """Counts by key within one aligned window."""

    def __init__(self, seconds: int) -> None:
        self._ns = seconds * SECOND_NS
        self._index = -1
        self._counts: dict[object, int] = {}

    def get(self, key: object, now_ns: int) -> int:
        return self._counts.get(key, 0) if now_ns // self._ns == self._index else 0

    def add(self, key: object, count: int, now_ns: int) -> int:
        if now_ns // self._ns != self._index:
            self._index = now_ns // self._ns
            self._counts.clear()
        if key not in self._counts and len(self._counts) >= ADDRESSES_MAX:
            key = None
        self._counts[key] = self._counts.get(key, 0) + count
        return self._counts[key]

    def wait_s(self, now_ns: int) -> int:
        """Seconds until the next window, rounded up."""
        left_ns = self._ns - now_ns % self._ns
        return -(-left_ns // SECOND_NS)


class Limits:
    """The counters of one exchange."""

    def __init__(self, rules: LimitRules) -> None:
        self.rules = rules
        self._weight = _Window(WEIGHT_WINDOW_S)
        self._orders = _Window(ORDERS_WINDOW_S)
        self._day = _Window(DAY_S)

    def charge_weight(self, address: str, weight: int, now_ns: int) -> None:
        used = self._weight.add(address, weight, now_ns)
        if used > self.rules.weight_per_minute:
            raise err.too_much_weight(self.rules.weight_per_minute, self._weight.wait_s(now_ns))

    def charge_order(self, account: int, now_ns: int, count: int = 1) -> None:
        """New orders of one request; counted when they are let through."""
        if self._orders.get(account, now_ns) + count > self.rules.orders_per_10s:
            wait_s = self._orders.wait_s(now_ns)
            raise err.too_many_orders(self.rules.orders_per_10s, "10 SECOND", wait_s)
        if self._day.get(account, now_ns) + count > self.rules.orders_per_day:
            raise err.too_many_orders(self.rules.orders_per_day, "1 DAY", self._day.wait_s(now_ns))
        self._orders.add(account, count, now_ns)
        self._day.add(account, count, now_ns)

    def headers(self, address: str, account: int | None, now_ns: int) -> dict[str, str]:
        """Of a REST reply; order counts for an account only."""
        used = str(self._weight.get(address, now_ns))
        out = {"X-MBX-USED-WEIGHT": used, "X-MBX-USED-WEIGHT-1M": used}
        if account is not None:
            out["X-MBX-ORDER-COUNT-10S"] = str(self._orders.get(account, now_ns))
            out["X-MBX-ORDER-COUNT-1D"] = str(self._day.get(account, now_ns))
        return out

    def order_counts(self, account: int, now_ns: int) -> list[dict[str, Any]]:
        return [
            _limit("ORDERS", "SECOND", 10, self.rules.orders_per_10s)
            | {"count": self._orders.get(account, now_ns)},
            _limit("ORDERS", "DAY", 1, self.rules.orders_per_day)
            | {"count": self._day.get(account, now_ns)},
        ]

    def counts(self, address: str, account: int | None, now_ns: int) -> list[dict[str, Any]]:
        """`rateLimits` of a WebSocket API reply."""
        orders = [] if account is None else self.order_counts(account, now_ns)
        weight = _limit("REQUEST_WEIGHT", "MINUTE", 1, self.rules.weight_per_minute)
        return [*orders, weight | {"count": self._weight.get(address, now_ns)}]
