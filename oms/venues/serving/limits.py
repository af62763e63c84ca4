"""Counts by key in windows that are aligned to the clock, and bans of addresses, as mechanisms.

An exchange's numbers are data that it hands in; what it counts by and how it words a refusal is its
own. A refused request counts, too. An address that goes on after being refused is banned, each time
longer by a factor up to a last one; one that kept quiet for as long as the last begins anew.
"""

from __future__ import annotations

from dataclasses import dataclass

from oms.units import NS_PER_S

KEYS_MAX = 4096
"""Keys with a count in the current window; beyond it they share one count."""


class Window:
    """Counts by key within one aligned window."""

    def __init__(self, seconds: int) -> None:
        self._ns = seconds * NS_PER_S
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
        """Count; gives what stands there now."""
        counts = self.current(now_ns)
        found = counts.get(key)
        if found is None:
            key = key if len(counts) < KEYS_MAX else None
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
        return -(-left_ns // NS_PER_S)


@dataclass(frozen=True, slots=True)
class BanRule:
    """When an exchange bans an address, and for how long."""

    refusals: int
    """So many refused requests within one window are borne."""
    window_s: int
    first_s: int
    last_s: int
    factor: int = 2
    """Each ban is longer than the one before by this."""


@dataclass(slots=True)
class _Ban:
    until_ns: int
    seconds: int


class Bans:
    """Addresses that were told to wait and did not."""

    def __init__(self, rule: BanRule) -> None:
        self._rule = rule
        self._refused = Window(rule.window_s)
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
        rule = self._rule
        if self._refused.add(address, 1, now_ns) <= rule.refusals:
            return None
        former = self._bans.pop(address, None)
        seconds = rule.first_s
        if former is not None and now_ns < former.until_ns + rule.last_s * NS_PER_S:
            seconds = min(rule.factor * former.seconds, rule.last_s)
        while len(self._bans) >= KEYS_MAX:
            del self._bans[next(iter(self._bans))]
        self._refused.take(address, rule.refusals, now_ns)
        made = self._bans[address] = _Ban(now_ns + seconds * NS_PER_S, seconds)
        self._newly.append(address)
        return made.until_ns
