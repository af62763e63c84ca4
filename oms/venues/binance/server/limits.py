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

from oms.venues.binance.server import errors as err

SECOND_NS = 1_000_000_000
MS_NS = 1_000_000
WEIGHT_WINDOW_S = 60
ORDERS_WINDOW_S = 10
LONG_WINDOW_S = 300
DAY_S = 86_400
ADDRESSES_MAX = 4096
"""Addresses with a count in the current window; beyond it they share one count."""
REFUSALS_BEFORE_BAN = 20
"""Refused requests of one address within one minute."""
BAN_FIRST_S = 120
BAN_LAST_S = 3 * DAY_S
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


class _Window:
    """Counts by key within one aligned window."""

    def __init__(self, seconds: int) -> None:
        self._ns = seconds * SECOND_NS
        self._index = -1
        self._counts: dict[object, int] = {}

    def get(self, key: object, now_ns: int) -> int:
        return self._counts.get(key, 0) if now_ns // self._ns == self._index else 0

    def all(self, now_ns: int) -> dict[object, int]:
        return dict(self._counts) if now_ns // self._ns == self._index else {}

    def current(self, now_ns: int) -> dict[object, int]:
        """The counts of the window that it is now, to be changed; for keys that are few."""
        index = now_ns // self._ns
        if index != self._index:
            self._index = index
            self._counts.clear()
        return self._counts

    def add(self, key: object, count: int, now_ns: int) -> int:
        counts = self.current(now_ns)
        found = counts.get(key)
        if found is None:
            key = key if len(counts) < ADDRESSES_MAX else None
            found = counts.get(key, 0)
        counts[key] = found + count
        return found + count

    def take(self, key: object, count: int, now_ns: int) -> None:
        """Lower a count, at most to nothing."""
        if self.get(key, now_ns):
            self._counts[key] = max(0, self._counts[key] - count)

    def wait_s(self, now_ns: int) -> int:
        """Seconds until the next window, rounded up."""
        left_ns = self._ns - now_ns % self._ns
        return -(-left_ns // SECOND_NS)


@dataclass(slots=True)
class _Ban:
    until_ns: int
    seconds: int


class Bans:
    """Addresses that were told to wait and did not."""

    def __init__(self) -> None:
        self._refused = _Window(WEIGHT_WINDOW_S)
        self._bans: dict[str, _Ban] = {}
        self._newly: list[str] = []

    def take_new(self) -> list[str]:
        """Addresses banned since the last call."""
        taken, self._newly = self._newly, []
        return taken

    def until_ns(self, address: str, now_ns: int) -> int | None:
        """When an address may speak again; None = now."""
        ban = self._bans.get(address)
        return ban.until_ns if ban is not None and now_ns < ban.until_ns else None

    def refused(self, address: str, now_ns: int) -> int | None:
        """One more refusal; gives the end of the ban that it brings, if any."""
        if self._refused.add(address, 1, now_ns) <= REFUSALS_BEFORE_BAN:
            return None
        former = self._bans.pop(address, None)
        seconds = BAN_FIRST_S
        if former is not None and now_ns < former.until_ns + BAN_LAST_S * SECOND_NS:
            seconds = min(2 * former.seconds, BAN_LAST_S)
        while len(self._bans) >= ADDRESSES_MAX:
            del self._bans[next(iter(self._bans))]
        self._refused.take(address, REFUSALS_BEFORE_BAN, now_ns)
        made = self._bans[address] = _Ban(now_ns + seconds * SECOND_NS, seconds)
        self._newly.append(address)
        return made.until_ns


class Limits:
    """The counters of one exchange."""

    def __init__(self, rules: LimitRules) -> None:
        self.rules = rules
        self._described = rules.described()
        weight, short, long, *_ = (
            orjson.dumps(each)[:-1] + b',"count":%d}' for each in self._described
        )
        self._counts_text = b',"rateLimits":[%b,%b,%b]' % (short, long, weight)
        self._weight = _Window(WEIGHT_WINDOW_S)
        self._requests = _Window(LONG_WINDOW_S)
        self._connections = _Window(LONG_WINDOW_S)
        self._orders = _Window(ORDERS_WINDOW_S)
        self._day = _Window(DAY_S)
        self._bans = Bans()

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
    return err.banned(until_ns // MS_NS, -(-(until_ns - now_ns) // SECOND_NS))
