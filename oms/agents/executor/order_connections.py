"""The HTTP connections on which new orders leave: opened beforehand, one question at a time.

`count` of them stand open. One that was idle for `idle_ms` is closed before the exchange does it,
and is replaced a little earlier; one that ends is opened anew, in the background. A new order takes
one that is free at that instant, or does not leave: nothing waits here, and nothing is sent twice.
A connection whose question has run out of time waits on, apart from the others, for the late answer
is evidence; another one is opened in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from oms.agents.heartbeat import RETRY_FIRST_NS, retry_later
from oms.config import GroupConfig
from oms.ports import NEVER, ConnEvent, Ports
from oms.units import NS_PER_MS
from oms.venues.reports import HttpCall

BACKOFF_MAX_NS = 5_000_000_000
RENEW_DIVISOR = 4
"""A connection is replaced when so small a part of its idle time is left."""
LATE_ANSWER_NS = 60_000_000_000
"""So long a question without an answer is heard."""


@dataclass(slots=True, eq=False)
class _Standing:
    """One connection."""

    conn: int
    since_ns: int
    """Since when it does what it does: opens, is free, waits for an answer."""
    opened: bool = False
    request_id: int = 0
    """0 = free."""
    overdue: bool = False
    leaving: bool = False
    """Another one is to take its place."""


class OrderConnections:
    """See the module's text. `may_open`: no exchange wants silence of this address."""

    def __init__(self, ports: Ports, group: GroupConfig, may_open: Callable[[int], bool]) -> None:
        self._ports = ports
        self._url = group.rest_url
        self._count = group.order_connections
        self._idle_ns = group.order_idle_ms * NS_PER_MS
        self._may_open = may_open
        self._standing: dict[int, _Standing] = {}
        """Oldest first."""
        self._by_request: dict[int, _Standing] = {}
        self._backoff_ns = RETRY_FIRST_NS
        self._retry_ns = 0
        self._due_ns = 0
        self.opens = self.losses = 0

    def free(self) -> int:
        """How many orders could leave now."""
        return sum(one.opened and not one.request_id for one in self._standing.values())

    def why_not(self) -> str:
        """Why none is free, for the record's text."""
        waiting = sum(bool(one.request_id) for one in self._standing.values())
        opening = sum(not one.opened for one in self._standing.values())
        return f"no free order connection: {waiting} asked, {opening} opening"

    def send(self, call: HttpCall, now_ns: int) -> int:
        """Send a request on a free connection; its number, or 0: none is free, nothing left."""
        # What stays goes first, so that what leaves can.
        ready = [one for one in self._standing.values() if one.opened and not one.request_id]
        for one in sorted(ready, key=lambda one: one.leaving):
            asked = self._ports.request_on(
                one.conn, call.method, call.target, call.headers, call.body
            )
            if asked:
                one.request_id, one.since_ns = asked, now_ns
                self._by_request[asked] = one
                self._due_ns = 0
                return asked
            self._lost(one, now_ns, "ended")
        return 0

    def answered(self, request_id: int, now_ns: int) -> None:
        """The answer came: the connection is free again."""
        one = self._by_request.pop(request_id, None)
        if one is not None:
            one.request_id, one.since_ns = 0, now_ns
            one.leaving = one.leaving or one.overdue
            one.overdue = False
            self._backoff_ns = RETRY_FIRST_NS
            self._due_ns = 0

    def overdue(self, request_id: int) -> None:
        """The question has run out of time: another connection takes this one's place."""
        one = self._by_request.get(request_id)
        if one is not None:
            one.overdue = True
            self._due_ns = 0

    def on_conn(self, conn: int, event: ConnEvent, now_ns: int) -> bool:
        """A connection opened or ended; False = it is none of these."""
        one = self._standing.get(conn)
        if one is None:
            return False
        if event is ConnEvent.OPENED:
            one.opened, one.since_ns = True, now_ns
            self.opens += 1
            self._due_ns = 0
        elif event in (ConnEvent.CLOSED, ConnEvent.FAILED):
            self._lost(one, now_ns, event.name)
        return True

    def _lost(self, one: _Standing, now_ns: int, reason: str) -> None:
        self._forget(one)
        self.losses += 1
        self._ports.log("warning", "order_connection_lost", reason=reason, free=self.free())
        if now_ns >= self._retry_ns:
            # Several that end together are one failed attempt.
            self._retry_ns = now_ns + self._backoff_ns
            self._backoff_ns = retry_later(self._backoff_ns, BACKOFF_MAX_NS)

    def _forget(self, one: _Standing) -> None:
        self._standing.pop(one.conn, None)
        self._by_request.pop(one.request_id, None)
        self._due_ns = 0

    def _close(self, one: _Standing) -> None:
        self._forget(one)
        self._ports.close(one.conn)

    # Time

    def work(self, now_ns: int) -> int:
        """Open, replace and close what is due; returns how much was done."""
        if now_ns < self._due_ns:
            return 0
        done = self._close_what_is_over(now_ns)
        staying = [one for one in self._standing.values() if not (one.leaving or one.overdue)]
        missing = self._count - len(staying)
        if missing > 0 and now_ns >= self._retry_ns and self._may_open(now_ns):
            for _ in range(missing):
                conn = self._ports.open_http(self._url)
                self._standing[conn] = _Standing(conn, now_ns)
            done += missing
        elif not missing and all(one.opened for one in staying):
            done += self._close_replaced()
        self._due_ns = self._next_ns(now_ns)
        return done

    def _close_what_is_over(self, now_ns: int) -> int:
        done = 0
        for one in tuple(self._standing.values()):
            age_ns = now_ns - one.since_ns
            if one.opened and not one.request_id:
                one.leaving = one.leaving or age_ns >= self._renew_ns
                over = age_ns >= self._idle_ns
            else:
                over = one.overdue and age_ns >= LATE_ANSWER_NS
            if over:
                self._close(one)
                done += 1
        late = [one for one in self._standing.values() if one.overdue]
        for one in late[: max(len(late) - self._count, 0)]:
            self._close(one)
            done += 1
        return done

    @property
    def _renew_ns(self) -> int:
        return self._idle_ns - self._idle_ns // RENEW_DIVISOR

    def _close_replaced(self) -> int:
        over = [one for one in self._standing.values() if one.leaving and not one.request_id]
        for one in over:
            self._close(one)
        return len(over)

    def _next_ns(self, now_ns: int) -> int:
        due_ns = NEVER
        staying = 0
        for one in self._standing.values():
            staying += not (one.leaving or one.overdue)
            if one.opened and not one.request_id:
                after_ns = self._idle_ns if one.leaving else self._renew_ns
                due_ns = min(due_ns, one.since_ns + after_ns)
            elif one.overdue:
                due_ns = min(due_ns, one.since_ns + LATE_ANSWER_NS)
        if staying < self._count:
            # Sooner than that the exchange may not want to hear of it.
            due_ns = min(due_ns, max(self._retry_ns, now_ns + RETRY_FIRST_NS))
        return max(due_ns, now_ns + 1)

    def next_timer_ns(self) -> int:
        """When `work` has something to do."""
        return self._due_ns
