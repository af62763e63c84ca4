"""Moves bytes between the ports of a simulated exchange and its server, through its faults.

Owns which connection is of which kind. Each message is a `Passage`; without faults it costs one
look at a flag. A clock step moves the clock by which requests are judged and events are stamped;
the market itself goes on by the host's clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from oms.exchange.faults import Faults, FaultSpec, Passage, Step, Verdict
from oms.ports import HttpMeta, Ports
from oms.venues.server import ExchangeServer, FaultWords
from oms.venues.serving.outputs import Close, Out, Ping, Respond, Send


@dataclass(frozen=True, slots=True)
class _In:
    """A client's message as it came; `meta` of an HTTP request."""

    data: bytes
    meta: HttpMeta | None
    address: str


@dataclass(slots=True)
class Link:
    """One WebSocket of a client."""

    kind: str
    target: str
    peer: str
    since_ns: int


def address_of(peer: str) -> str:
    """What request weight is counted by: the peer without its port."""
    head, colon, tail = peer.rpartition(":")
    return head if colon and tail.isdigit() else peer


class Wire:
    """See the module's text."""

    def __init__(
        self,
        ports: Ports,
        server: ExchangeServer,
        words: FaultWords,
        faults: Faults,
        remember: Callable[[], None],
    ) -> None:
        """`remember` is called before anything leaves."""
        self._remember = remember
        self.links: dict[int, Link] = {}
        self.requests = 0
        self._ports = ports
        self._server = server
        self._words = words
        self._faults = faults
        self._names: dict[int, str] = {}
        """HTTP requests without an answer yet -> their names."""
        self._answering = ""
        """Name of the WebSocket command that the server is at."""

    def clock(self, now_ns: int) -> int:
        """The exchange's clock."""
        return now_ns + self._faults.clock_shift_ns(now_ns)

    # Connections

    def opened(self, conn: int, now_ns: int) -> None:
        info = self._ports.conn_info(conn)
        target, peer = info.get("target", "/"), info.get("peer", "")
        kind = self._words.link_of(target)
        if self._faults.refuses_link(kind, now_ns):
            self._ports.close(conn)
            return
        self.links[conn] = Link(kind, target, peer, now_ns)
        self._server.opened(conn, target, address_of(peer), self.clock(now_ns))
        self.flush(now_ns)

    def closed(self, conn: int, now_ns: int) -> None:
        if self.links.pop(conn, None) is not None:
            self._server.closed(conn)
        self._faults.closed(conn)
        self.flush(now_ns)

    def control(self, conn: int, now_ns: int, *, pong: bool) -> None:
        """A ping or pong of a client."""
        if conn in self.links and not self._faults.is_silent(conn):
            heard = self._server.on_pong if pong else self._server.on_control
            heard(conn, self.clock(now_ns))
            self.flush(now_ns)

    def cut(self, conn: int, now_ns: int) -> None:
        """End a connection without a word."""
        self._ports.close(conn)
        self._names.pop(conn, None)
        self.closed(conn, now_ns)

    def cut_refused(self, now_ns: int) -> None:
        """Maintenance has begun: close what it refuses."""
        for conn, link in tuple(self.links.items()):
            if self._faults.refuses_link(link.kind, now_ns):
                self.cut(conn, now_ns)

    # In

    def took(self, conn: int, data: bytes, now_ns: int, meta: HttpMeta | None) -> None:
        """One message of a client. Without faults its answer waits for the next `flush`, with what
        else came in the same turn: one write of the memory, and one to each connection."""
        if meta is None and conn in self.links and self._faults.idle:
            self._server.on_message(conn, data, self.clock(now_ns))
            return
        if meta is not None:
            self.requests += 1
            address = address_of(self._ports.conn_info(conn).get("peer", ""))
            name = self._words.name_of_request(meta.method, meta.target)
            self._names[conn] = name
            passage = Passage("rest", "in", conn, name, _In(data, meta, address))
        elif conn in self.links:
            kind = self.links[conn].kind
            name = self._words.name_of_command(data)
            passage = Passage(kind, "in", conn, name, _In(data, None, ""))
        else:
            return
        if self._faults.idle:
            self._hand_over(passage, now_ns)
        else:
            self._carry_out(self._faults.take(passage, now_ns), now_ns)

    def _hand_over(self, passage: Passage, now_ns: int) -> None:
        item: _In = passage.item
        clock_ns = self.clock(now_ns)
        if item.meta is not None:
            self._server.on_request(passage.conn, item.meta, item.data, item.address, clock_ns)
        elif passage.conn in self.links:
            self.flush(now_ns)
            self._answering = passage.name
            self._server.on_message(passage.conn, item.data, clock_ns)
        self.flush(now_ns)
        self._answering = ""

    # Out

    def flush(self, now_ns: int) -> None:
        """Send what the server has to say, once what it tells of is remembered."""
        out = self._server.take_out()
        if out:
            self._remember()
        for item in out:
            if self._faults.idle:
                self._emit(item)
            else:
                self._carry_out(self._faults.take(self._outgoing(item), now_ns), now_ns)

    def _outgoing(self, item: Out) -> Passage:
        if isinstance(item, Respond):
            name = self._names.get(item.conn, "")
            return Passage("rest", "out", item.conn, name, item, is_reply=True)
        link = self.links.get(item.conn)
        kind = link.kind if link is not None else "stream"
        if not isinstance(item, Send):
            return Passage(kind, "out", item.conn, "ping" if isinstance(item, Ping) else "", item)
        name, is_reply = self._words.name_of_message(item.data)
        if is_reply:
            name = self._answering
        return Passage(kind, "out", item.conn, name, item, is_reply=is_reply)

    def _emit(self, item: Out) -> None:
        ports = self._ports
        if isinstance(item, Send):
            ports.send(item.conn, item.data)
        elif isinstance(item, Respond):
            self._names.pop(item.conn, None)
            ports.respond(item.conn, item.request_id, item.status, item.headers, item.body)
        elif isinstance(item, Ping):
            ports.ping(item.conn, item.data)
        else:
            assert isinstance(item, Close)
            ports.close(item.conn)
            self.links.pop(item.conn, None)
            self._faults.closed(item.conn)

    # Faults

    def work(self, now_ns: int) -> int:
        """What faults held and goes on now."""
        if self._faults.idle:
            return 0
        steps = self._faults.due(now_ns)
        self._carry_out(steps, now_ns)
        return len(steps)

    def _carry_out(self, steps: list[Step], now_ns: int) -> None:
        for step in steps:
            passage = step.passage
            if step.verdict == Verdict.CUT:
                self.cut(passage.conn, now_ns)
            elif step.verdict == Verdict.MUTE:
                self._ports.mute(passage.conn)
            elif step.verdict in (Verdict.REFUSE, Verdict.REPLACE):
                assert step.fault is not None
                self._say(passage, step.fault, self.clock(now_ns))
            elif passage.direction == "in":
                self._hand_over(passage, now_ns)
            else:
                self._emit(passage.item)

    def _say(self, passage: Passage, fault: FaultSpec, clock_ns: int) -> None:
        """The fault's error, as the answer to a request or in the place of one."""
        item: _In | Send | Respond = passage.item
        if passage.link == "rest":
            meta = item.meta if isinstance(item, _In) else None
            asked = meta.request_id if meta is not None else passage.conn
            status, headers, body = self._words.http_error(fault, clock_ns)
            self._names.pop(passage.conn, None)
            self._ports.respond(passage.conn, asked, status, headers, body)
        elif isinstance(item, _In | Send):
            told = self._words.socket_error(fault, item.data, clock_ns)
            self._ports.send(passage.conn, told)

    def next_timer_ns(self) -> int:
        return self._faults.next_ns()
