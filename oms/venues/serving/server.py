"""What every simulated exchange's server does alike, sans-I/O: outputs, links, requests that wait.

An exchange derives from `ServerBase` and says how it answers; `oms/venues/server.py` is the face
that the host sees. After each call the host takes `take_out()`. What a request changes is told in
this order: its reply, what accounts are told, what everybody is told.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

from oms.ports import HttpMeta
from oms.venues.serving.links import Links
from oms.venues.serving.outputs import Close, HttpReply, Out, Ping, Respond, Send
from oms.venues.serving.refusal import NotYetError

WAITING_MAX = 64
"""Requests kept until a recorded book is known."""


class Asked(NamedTuple):
    """One HTTP request as it came."""

    conn: int
    meta: HttpMeta
    data: bytes
    address: str


class ServerBase(ABC):
    """See the module's text."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self._waiting: list[Asked] = []
        self._out: list[Out] = []

    # What an exchange says for itself

    @abstractmethod
    def _forget(self, conn: int) -> None:
        """A WebSocket has ended."""

    @abstractmethod
    def _hear(self, conn: int, data: bytes, now_ns: int) -> None:
        """One WebSocket message of a client; what is to be sent goes through `send`."""

    @abstractmethod
    def _reply(self, asked: Asked, now_ns: int) -> HttpReply | None:
        """The answer to a request; None when a fault lost it. NotYetError: it waits."""

    @abstractmethod
    def _farewell(self, conn: int, now_ns: int) -> bytes:
        """What a WebSocket is told before its end."""

    @abstractmethod
    def tell(self, now_ns: int) -> None:
        """Tell everybody what has happened at the market since the last call, and what is due."""

    # Outputs

    def take_out(self) -> list[Out]:
        taken, self._out = self._out, []
        return taken

    def send(self, messages: list[tuple[int, bytes]]) -> None:
        self._out += [Send(conn, data) for conn, data in messages]

    # Connections

    def closed(self, conn: int) -> None:
        self._links.closed(conn)
        self._forget(conn)

    def _end(self, conn: int) -> None:
        self._out.append(Close(conn))
        self.closed(conn)

    def ends_at(self, when_ns: int) -> None:
        """The exchange goes away then: connections are told before, and ended."""
        self._links.ends_at(when_ns)

    def on_pong(self, conn: int, now_ns: int) -> None:
        """The pong to our last ping came."""
        self._links.ponged(conn)
        self.on_control(conn, now_ns)

    def on_control(self, conn: int, now_ns: int) -> None:
        """A ping, or a pong: it counts as a message."""
        if not self._links.heard(conn, now_ns):
            self._end(conn)

    # Messages

    def on_message(self, conn: int, data: bytes, now_ns: int) -> None:
        """One WebSocket message of a client."""
        if self._links.heard(conn, now_ns):
            self._hear(conn, data, now_ns)
        else:
            self._end(conn)
        self.tell(now_ns)

    def on_request(self, conn: int, meta: HttpMeta, data: bytes, address: str, now_ns: int) -> None:
        """One HTTP request."""
        self._answer(Asked(conn, meta, data, address), now_ns)
        self.tell(now_ns)

    def _answer(self, asked: Asked, now_ns: int) -> None:
        try:
            reply = self._reply(asked, now_ns)
        except NotYetError:
            if len(self._waiting) < WAITING_MAX:
                self._waiting.append(asked)
            return
        if reply is not None:
            self._out.append(Respond(asked.conn, asked.meta.request_id, *reply))

    def retry_waiting(self, now_ns: int) -> None:
        """The book has become known: answer who waits for it."""
        waiting, self._waiting = self._waiting, []
        for asked in waiting:
            self._answer(asked, now_ns)

    # Time

    def _tend_links(self, now_ns: int) -> None:
        """Ping, warn and end what is due."""
        if now_ns < self._links.next_ns():
            return
        due = self._links.tick(now_ns)
        self._out += [Ping(conn, payload) for conn, payload in due.pings]
        self.send([(conn, self._farewell(conn, now_ns)) for conn in due.warnings])
        for conn in due.ended:
            self._end(conn)

    def next_timer_ns(self) -> int:
        """When `tell` wants to be called."""
        return self._links.next_ns()
