"""Questions that an executor asks by REST: open ones, and those whose time ran out.

A new order leaves on a connection that stands open for orders (`order_connections`), everything
else on any connection of the host. Each ends at `answer_timeout_ms`, as on the socket; an answer
that comes later is still heard.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from oms.agents.executor.order_connections import OrderConnections
from oms.config import GroupConfig
from oms.ports import NEVER, ConnEvent, Ports
from oms.units import NS_PER_MS
from oms.venues.data import Way
from oms.venues.reports import HttpCall

if TYPE_CHECKING:
    from oms.agents.executor.session import Question

LATE_MAX = 4096


class RestQuestions:
    """See the module's text. `way`: by which new orders leave."""

    def __init__(
        self, ports: Ports, group: GroupConfig, way: Way, may_connect: Callable[[int], bool]
    ) -> None:
        self._ports = ports
        self._url = group.rest_url
        self._timeout_ns = group.answer_timeout_ms * NS_PER_MS
        self.connections = OrderConnections(ports, group, may_connect) if way is Way.REST else None
        self.open: dict[int, Question] = {}
        """By request, oldest first."""
        self.late: dict[int, Question] = {}

    def ask(self, call: bytes | HttpCall, question: Question) -> None:
        """Ask on any connection; `question` says when."""
        self.open[self.request(call)] = question

    def request(self, call: bytes | HttpCall) -> int:
        """Send a request that is no question of an account; returns its number."""
        assert isinstance(call, HttpCall), "REST takes a call"
        return self._ports.request(self._url, call.method, call.target, call.headers, call.body)

    def place(self, call: bytes | HttpCall, question: Question) -> bool:
        """Send a new order on a connection that stands open; False = none does, nothing left."""
        assert isinstance(call, HttpCall), "REST takes a call"
        assert self.connections is not None, "orders go by the socket"
        asked = self.connections.send(call, question.sent_ns)
        if asked:
            self.open[asked] = question
        return asked > 0

    def on_conn(self, conn: int, event: ConnEvent, now_ns: int) -> bool:
        """A connection opened or ended; False = it is none of these."""
        return self.connections is not None and self.connections.on_conn(conn, event, now_ns)

    def work(self, now_ns: int) -> int:
        """Tend the connections for orders."""
        return 0 if self.connections is None else self.connections.work(now_ns)

    def take(self, request_id: int, status: int, now_ns: int) -> Question | None:
        """The question that an answer belongs to; it is then closed. None where it is nobody's, or
        its time had run out and no answer will come after all.
        """
        question = self.open.pop(request_id, None) or self.late.pop(request_id, None)
        if self.connections is not None:
            self.connections.answered(request_id, now_ns)
        ended = question is not None and question.overdue and not status
        return None if ended else question

    def expire(self, now_ns: int) -> list[Question]:
        """Those whose time has run out."""
        due_ns = now_ns - self._timeout_ns
        over = []
        for request_id, question in self.open.items():
            if question.sent_ns > due_ns:
                break
            over.append(request_id)
        return [self._expire(request_id) for request_id in over]

    def _expire(self, request_id: int) -> Question:
        question = self.late[request_id] = self.open.pop(request_id)
        question.overdue = True
        if len(self.late) > LATE_MAX:
            del self.late[next(iter(self.late))]
        if self.connections is not None:
            self.connections.overdue(request_id)
        return question

    def next_timer_ns(self) -> int:
        """The next time-out, or what a connection wants."""
        due_ns = NEVER if self.connections is None else self.connections.next_timer_ns()
        for question in self.open.values():
            return min(due_ns, question.sent_ns + self._timeout_ns)
        return due_ns
