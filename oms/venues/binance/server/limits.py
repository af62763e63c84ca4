"""Request weight and bans per address, connections per address, order counts per account.

Sources: rest-api.md "LIMITS", web-socket-api.md "Rate limits", exchangeInfo `rateLimits`,
faqs/order_count_decrement.md. Windows are aligned to the clock, as the venue's are; a refused
request counts, too. An address that goes on after being refused is banned, twice as long each
time; one that kept quiet for as long as the longest ban begins anew. The documents say that and
the two ends of the scale (two minutes, three days), not how many requests are too many:
REFUSALS_BEFORE_BAN is our choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from oms.units import NS_PER_MS, NS_PER_S
from oms.venues.binance.server import errors as err
from oms.venues.serving.limits import BanRule, Bans, Window

WEIGHT_WINDOW_S = 60
ORDERS_WINDOW_S = 10
LONG_WINDOW_S = 300
DAY_S = 86_400
REFUSALS_BEFORE_BAN = 20
"""Refused requests of one address within one minute."""
BAN_FIRST_S = 120
BAN_LAST_S = 3 * DAY_S
BAN_RULE = BanRule(REFUSALS_BEFORE_BAN, WEIGHT_WINDOW_S, BAN_FIRST_S, BAN_LAST_S)
TAKER_FILL_CREDIT = 1
MAKER_FILL_CREDIT = 5
"""What an order's first fill takes off the order counts."""


@dataclass(frozen=True, slots=True)
class LimitRules:
    """The venue's limits; the defaults are those of its exchangeInfo."""

    weight_per_minute: int = 6000
    orders_per_10s: int = 100
    orders_per_day: int = 200_000
    requests_per_5m: int = 300_000
    connections_per_5m: int = 300

    def described(self) -> list[dict[str, Any]]:
        return [
            _limit("REQUEST_WEIGHT", "MINUTE", 1, self.weight_per_minute),
            _limit("ORDERS", "SECOND", 10, self.orders_per_10s),
            _limit("ORDERS", "DAY", 1, self.orders_per_day),
            _limit("RAW_REQUESTS", "MINUTE", 5, self.requests_per_5m),
            _limit("CONNECTIONS", "MINUTE", 5, self.connections_per_5m),
        ]


def _limit(kind: str, interval: str, number: int, limit: int) -> dict[str, Any]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}


class Limits:
    """The counters of one exchange."""

    def __init__(self, rules: LimitRules) -> None:
        self.rules = rules
        self._described = rules.described()
        weight, short, long, *_ = (
            orjson.dumps(each)[:-1] + b',"count":%d}' for each in self._described
        )
        self._counts_text = b',"rateLimits":[%b,%b,%b]' % (short, long, weight)
        self._weight = Window(WEIGHT_WINDOW_S)
        self._requests = Window(LONG_WINDOW_S)
        self._connections = Window(LONG_WINDOW_S)
        self._orders = Window(ORDERS_WINDOW_S)
        self._day = Window(DAY_S)
        self._bans = Bans(BAN_RULE)

    # Addresses

    def is_banned(self, address: str, now_ns: int) -> bool:
        return self._bans.until_ns(address, now_ns) is not None

    def take_banned(self) -> list[str]:
        """Addresses banned since the last call."""
        return self._bans.take_new()

    def charge_weight(self, address: str, weight: int, now_ns: int) -> None:
        """One request of `weight`; ApiError 429 when it is too much, 418 while banned."""
        until_ns = self._bans.until_ns(address, now_ns)
        if until_ns is not None:
            raise _banned(until_ns, now_ns)
        rules = self.rules
        used = self._weight.add(address, weight, now_ns)
        sent = self._requests.add(address, 1, now_ns)
        if used <= rules.weight_per_minute and sent <= rules.requests_per_5m:
            return
        until_ns = self._bans.refused(address, now_ns)
        if until_ns is not None:
            raise _banned(until_ns, now_ns)
        if used > rules.weight_per_minute:
            raise err.too_much_weight(rules.weight_per_minute, self._weight.wait_s(now_ns))
        raise err.too_many_requests(
            rules.requests_per_5m, LONG_WINDOW_S // 60, self._requests.wait_s(now_ns)
        )

    def charge_connection(self, address: str, now_ns: int) -> bool:
        """One attempt to open a WebSocket; False = one too many, or banned."""
        made = self._connections.add(address, 1, now_ns)
        return made <= self.rules.connections_per_5m and not self.is_banned(address, now_ns)

    # Accounts

    def charge_order(self, account: int, now_ns: int, count: int = 1) -> None:
        """New orders of one request; counted when they are let through."""
        short, long = self._orders.current(now_ns), self._day.current(now_ns)
        in_short, in_long = short.get(account, 0) + count, long.get(account, 0) + count
        if in_short > self.rules.orders_per_10s:
            wait_s = self._orders.wait_s(now_ns)
            raise err.too_many_orders(self.rules.orders_per_10s, "10 SECOND", wait_s)
        if in_long > self.rules.orders_per_day:
            raise err.too_many_orders(self.rules.orders_per_day, "1 DAY", self._day.wait_s(now_ns))
        short[account], long[account] = in_short, in_long

    def first_fill(self, account: int, maker: bool, now_ns: int) -> None:
        """An order has traded for the first time: it does not count as unfilled any more."""
        credit = MAKER_FILL_CREDIT if maker else TAKER_FILL_CREDIT
        self._orders.take(account, credit, now_ns)
        self._day.take(account, credit, now_ns)

    # What is told

    def headers(self, address: str, account: int | None, now_ns: int) -> dict[str, str]:
        """Of a REST reply; order counts for an account only."""
        used = str(self._weight.get(address, now_ns))
        out = {"X-MBX-USED-WEIGHT": used, "X-MBX-USED-WEIGHT-1M": used}
        if account is not None:
            out["X-MBX-ORDER-COUNT-10S"] = str(self._orders.get(account, now_ns))
            out["X-MBX-ORDER-COUNT-1D"] = str(self._day.get(account, now_ns))
        return out

    def used_weights(self, now_ns: int) -> dict[str, int]:
        """Address -> weight used in this minute."""
        return {str(key): count for key, count in self._weight.all(now_ns).items()}

    def order_counts(self, account: int, now_ns: int) -> list[dict[str, Any]]:
        _, short, long, *_ = self._described
        return [
            {**short, "count": self._orders.get(account, now_ns)},
            {**long, "count": self._day.get(account, now_ns)},
        ]

    def counts(self, address: str, account: int | None, now_ns: int) -> list[dict[str, Any]]:
        """`rateLimits` of a WebSocket API reply."""
        orders = [] if account is None else self.order_counts(account, now_ns)
        orders.append({**self._described[0], "count": self._weight.get(address, now_ns)})
        return orders

    def counts_text(self, address: str, account: int, now_ns: int) -> bytes:
        """The same of an account, as the end of a reply."""
        return self._counts_text % (
            self._orders.get(account, now_ns),
            self._day.get(account, now_ns),
            self._weight.get(address, now_ns),
        )


def _banned(until_ns: int, now_ns: int) -> err.ApiError:
    return err.banned(until_ns // NS_PER_MS, -(-(until_ns - now_ns) // NS_PER_S))
