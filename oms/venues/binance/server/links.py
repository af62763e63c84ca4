"""What holds for every WebSocket of the simulated Binance spot: pings, message rate, lifetime.

Sources: web-socket-streams.md and web-socket-api.md "General information", "WebSocket Limits",
"Server Shutdown". A ping goes out every 20 s; one that has no pong with its payload after a
minute ends the connection, and unsolicited pongs do not help. A stream connection may send 5
messages a second, pings and pongs among them. After 24 hours a connection ends; ten minutes
before, it is told `serverShutdown`.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

SECOND_NS = 1_000_000_000
PING_EVERY_NS = 20 * SECOND_NS
PONG_WITHIN_NS = 60 * SECOND_NS
LIFETIME_NS = 86_400 * SECOND_NS
WARNING_NS = 600 * SECOND_NS
"""How long before its end a connection is told."""
MESSAGES_PER_SECOND_MAX = 5
NEVER = (1 << 63) - 1


@dataclass(slots=True)
class _Link:
    address: str
    limited: bool
    """Its messages are counted: it is a stream connection."""
    ping_ns: int
    ends_ns: int
    unanswered_ns: int = NEVER
    """When the oldest ping without a pong went out."""
    warned: bool = False
    second: int = 0
    messages: int = 0

    def due_ns(self) -> int:
        """When something is to be done about it."""
        told_ns = NEVER if self.warned else self.ends_ns - WARNING_NS
        return min(self.ping_ns, self.silent_ns(), told_ns, self.ends_ns)

    def silent_ns(self) -> int:
        """When it will have been silent for too long."""
        return NEVER if self.unanswered_ns == NEVER else self.unanswered_ns + PONG_WITHIN_NS


@dataclass(slots=True)
class Due:
    """What `Links.tick` found: connections to ping (with payload), to warn, to end."""

    pings: list[tuple[int, bytes]] = field(default_factory=list)
    warnings: list[int] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)


class Links:
    """All connections, in order of what is due next."""

    def __init__(self) -> None:
        self._links: dict[int, _Link] = {}
        self._heap: list[tuple[int, int]] = []
        self._ends_ns = NEVER
        """When the whole exchange goes away, where that was said."""

    def opened(self, conn: int, address: str, now_ns: int, *, limited: bool) -> None:
        ends_ns = min(now_ns + LIFETIME_NS, self._ends_ns)
        self._links[conn] = _Link(address, limited, now_ns + PING_EVERY_NS, ends_ns)
        self._schedule(conn)

    def closed(self, conn: int) -> None:
        self._links.pop(conn, None)

    def of_address(self, address: str) -> list[int]:
        """Connections of one address."""
        return [conn for conn, link in self._links.items() if link.address == address]

    def _schedule(self, conn: int) -> None:
        heapq.heappush(self._heap, (self._links[conn].due_ns(), conn))

    def heard(self, conn: int, now_ns: int) -> bool:
        """One message, ping or pong; False = one too many."""
        link = self._links.get(conn)
        if link is None or not link.limited:
            return True
        second = now_ns // SECOND_NS
        if second != link.second:
            link.second, link.messages = second, 0
        link.messages += 1
        return link.messages <= MESSAGES_PER_SECOND_MAX

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
            if link.due_ns() > now_ns:
                self._schedule(conn)
                continue
            if now_ns >= min(link.ends_ns, link.silent_ns()):
                due.ended.append(conn)
                del self._links[conn]
                continue
            if not link.warned and now_ns >= link.ends_ns - WARNING_NS:
                link.warned = True
                due.warnings.append(conn)
            if now_ns >= link.ping_ns:
                link.ping_ns = now_ns + PING_EVERY_NS
                link.unanswered_ns = min(link.unanswered_ns, now_ns)
                due.pings.append((conn, str(now_ns // 1_000_000).encode()))
            self._schedule(conn)
        return due

    def next_ns(self) -> int:
        """When `tick` wants to be called."""
        return self._heap[0][0] if self._heap else NEVER
