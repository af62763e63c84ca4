"""The WebSockets of a simulated exchange: pings, message rate, lifetime, the warning before an end.

The mechanism is one, `LinkRules` are an exchange's numbers. A ping that has no pong with its
payload in time ends the connection, and unsolicited pongs do not help.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

from oms.ports import NEVER
from oms.units import NS_PER_MS, NS_PER_S


@dataclass(frozen=True, slots=True)
class LinkRules:
    """How an exchange keeps its connections."""

    ping_every_ns: int
    pong_within_ns: int
    lifetime_ns: int
    warning_ns: int
    """How long before its end a connection is told."""
    messages_per_second_max: int
    """Of a connection whose messages are counted, pings and pongs among them."""


@dataclass(slots=True)
class _Link:
    address: str
    limited: bool
    """Its messages are counted."""
    ping_ns: int
    ends_ns: int
    unanswered_ns: int = NEVER
    """When the oldest ping without a pong went out."""
    warned: bool = False
    second: int = 0
    messages: int = 0


@dataclass(slots=True)
class Due:
    """What `Links.tick` found: connections to ping (with payload), to warn, to end."""

    pings: list[tuple[int, bytes]] = field(default_factory=list)
    warnings: list[int] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)


class Links:
    """All connections, in order of what is due next."""

    def __init__(self, rules: LinkRules) -> None:
        self._rules = rules
        self._links: dict[int, _Link] = {}
        self._heap: list[tuple[int, int]] = []
        self._ends_ns = NEVER
        """When the whole exchange goes away, where that was said."""

    def opened(self, conn: int, address: str, now_ns: int, *, limited: bool) -> None:
        rules = self._rules
        ends_ns = min(now_ns + rules.lifetime_ns, self._ends_ns)
        self._links[conn] = _Link(address, limited, now_ns + rules.ping_every_ns, ends_ns)
        self._schedule(conn)

    def closed(self, conn: int) -> None:
        self._links.pop(conn, None)

    def of_address(self, address: str) -> list[int]:
        """Connections of one address."""
        return [conn for conn, link in self._links.items() if link.address == address]

    def _silent_ns(self, link: _Link) -> int:
        """When it will have been silent for too long."""
        unanswered_ns = link.unanswered_ns
        return NEVER if unanswered_ns == NEVER else unanswered_ns + self._rules.pong_within_ns

    def _due_ns(self, link: _Link) -> int:
        """When something is to be done about it."""
        told_ns = NEVER if link.warned else link.ends_ns - self._rules.warning_ns
        return min(link.ping_ns, self._silent_ns(link), told_ns, link.ends_ns)

    def _schedule(self, conn: int) -> None:
        heapq.heappush(self._heap, (self._due_ns(self._links[conn]), conn))

    def heard(self, conn: int, now_ns: int) -> bool:
        """One message, ping or pong; False = one too many."""
        link = self._links.get(conn)
        if link is None or not link.limited:
            return True
        second = now_ns // NS_PER_S
        if second != link.second:
            link.second, link.messages = second, 0
        link.messages += 1
        return link.messages <= self._rules.messages_per_second_max

    def ponged(self, conn: int) -> None:
        """The pong to a ping of ours."""
        link = self._links.get(conn)
        if link is not None:
            link.unanswered_ns = NEVER

    def ends_at(self, when_ns: int) -> None:
        """The exchange goes away: every connection ends then, and is told before."""
        self._ends_ns = when_ns
        for conn, link in self._links.items():
            link.ends_ns = min(link.ends_ns, when_ns)
            self._schedule(conn)

    def tick(self, now_ns: int) -> Due:
        """What is due by now."""
        due = Due()
        while self._heap and self._heap[0][0] <= now_ns:
            _, conn = heapq.heappop(self._heap)
            link = self._links.get(conn)
            if link is None:
                continue
            if self._due_ns(link) > now_ns:
                self._schedule(conn)
                continue
            if now_ns >= min(link.ends_ns, self._silent_ns(link)):
                due.ended.append(conn)
                del self._links[conn]
                continue
            if not link.warned and now_ns >= link.ends_ns - self._rules.warning_ns:
                link.warned = True
                due.warnings.append(conn)
            if now_ns >= link.ping_ns:
                link.ping_ns = now_ns + self._rules.ping_every_ns
                link.unanswered_ns = min(link.unanswered_ns, now_ns)
                due.pings.append((conn, str(now_ns // NS_PER_MS).encode()))
            self._schedule(conn)
        return due

    def next_ns(self) -> int:
        """When `tick` wants to be called."""
        return self._heap[0][0] if self._heap else NEVER
