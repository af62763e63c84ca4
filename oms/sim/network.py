"""The virtual network of the harness: WebSocket and HTTP messages between agents, with latency.

Owns the event queue of the harness's virtual clock. Messages are whole (an agent never sees a
fragment on either host); each direction of a connection keeps its order; latency is `base` plus a
seeded part below `jitter`. Faults: `cut` ends every connection of a role, `silence` swallows what
is on its way to a role while its connections look alive.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from oms.chance import Chance
from oms.ports import ConnEvent, HttpMeta
from oms.sim.order_http import VirtualOrderHttp

HTTP_TIMEOUT_NS = 5_000_000_000
_DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


class Receiver(Protocol):
    """What the harness does with a delivery."""

    def deliver_bytes(self, role: str, conn: int, data: bytes, meta: HttpMeta | None) -> None: ...
    def deliver_event(self, role: str, conn: int, event: ConnEvent) -> None: ...


@dataclass(slots=True)
class _End:
    """One end of a WebSocket."""

    role: str
    conn: int
    peer: int
    info: Mapping[str, str] = field(default_factory=dict)
    next_ns: int = 0
    """Nothing sent later may arrive at the peer before this."""
    open: bool = True
    muted: bool = False
    """Its machine is gone: it answers no ping."""


class VirtualNetwork:
    """Connections, listeners and requests of all roles, on one queue of events."""

    def __init__(self, receiver: Receiver, seed: int, base_ns: int, jitter_ns: int) -> None:
        self._receiver = receiver
        self._chance = Chance(seed).uniform
        self._base_ns = base_ns
        self._jitter_ns = jitter_ns
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._order = 0
        self._ends: dict[int, _End] = {}
        self._next_conn = 1
        self._next_request = 1
        self._listeners: dict[tuple[str, int, str], str] = {}
        self._requests: dict[int, tuple[str, str]] = {}
        self._infos: dict[int, dict[str, str]] = {}
        self.silenced: set[str] = set()
        self.now_ns = 0
        self.orders = VirtualOrderHttp(self)

    # The queue of the virtual clock

    def at(self, when_ns: int, action: Callable[[], None]) -> None:
        """Do something at a virtual time; equal times keep the order in which they were asked."""
        self._order += 1
        heapq.heappush(self._queue, (max(when_ns, self.now_ns), self._order, action))

    def next_ns(self) -> int | None:
        return self._queue[0][0] if self._queue else None

    def run_one(self) -> bool:
        """Carry out the oldest thing that is due now; False = there is none."""
        if not self._queue or self._queue[0][0] > self.now_ns:
            return False
        heapq.heappop(self._queue)[2]()
        return True

    def latency_ns(self) -> int:
        return self._base_ns + int(self._chance() * self._jitter_ns)

    # WebSockets

    def listen(self, role: str, host: str, port: int, kind: str) -> None:
        assert (host, port, kind) not in self._listeners, f"{host}:{port} is served already"
        self._listeners[host, port, kind] = role

    def listener(self, url: str, kind: str) -> str | None:
        """The role that serves this address."""
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
        return self._listeners.get((parts.hostname or "", port, kind))

    def new_conn(self) -> int:
        self._next_conn += 1
        return self._next_conn - 1

    def _make_end(self, role: str, info: Mapping[str, str]) -> _End:
        end = _End(role, self.new_conn(), 0, info)
        self._ends[end.conn] = end
        return end

    def open_ws(self, role: str, url: str) -> int:
        client = self._make_end(role, {})
        self.at(self.now_ns + self.latency_ns(), lambda: self._accept(client, url))
        return client.conn

    def _accept(self, client: _End, url: str) -> None:
        server_role = self.listener(url, "ws")
        if not client.open:
            return
        if server_role is None or client.role in self.silenced:
            client.open = False
            self._receiver.deliver_event(client.role, client.conn, ConnEvent.FAILED)
            return
        parts = urlsplit(url)
        target = parts.path + ("?" + parts.query if parts.query else "")
        server = self._make_end(
            server_role,
            {"target": target, "peer": client.role, "listener": f"{parts.hostname}:{parts.port}"},
        )
        client.peer, server.peer = server.conn, client.conn
        self._receiver.deliver_event(server.role, server.conn, ConnEvent.OPENED)
        self._arrive(server, lambda: self._opened(client))

    def _opened(self, client: _End) -> None:
        if client.open:
            self._receiver.deliver_event(client.role, client.conn, ConnEvent.OPENED)

    def _arrive(self, sender: _End, action: Callable[[], None]) -> None:
        """Queue an action at the sender's peer, behind everything sent before."""
        sender.next_ns = max(sender.next_ns, self.now_ns + self.latency_ns())
        self.at(sender.next_ns, action)

    def send(self, conn: int, data: bytes) -> None:
        sender = self._ends.get(conn)
        if sender is None or not sender.open:
            return
        peer = self._ends.get(sender.peer)
        if peer is None:
            return
        self._arrive(sender, lambda: self._receive(peer, data))

    def _receive(self, end: _End, data: bytes) -> None:
        if end.open and end.role not in self.silenced:
            self._receiver.deliver_bytes(end.role, end.conn, data, None)

    def ping(self, conn: int) -> None:
        """A ping: the peer answers at once, as every WebSocket library does."""
        sender = self._ends.get(conn)
        peer = self._ends.get(sender.peer) if sender is not None and sender.open else None
        if sender is not None and peer is not None:
            self._arrive(sender, lambda: self._pong(peer, sender))

    def _pong(self, answering: _End, asking: _End) -> None:
        heard = answering.open and not answering.muted
        if heard and answering.role not in self.silenced:
            self._arrive(answering, lambda: self._ponged(asking))
            self._receiver.deliver_event(answering.role, answering.conn, ConnEvent.CONTROL)

    def _ponged(self, asking: _End) -> None:
        if asking.open and not asking.muted and asking.role not in self.silenced:
            self._receiver.deliver_event(asking.role, asking.conn, ConnEvent.PONG)

    def mute(self, conn: int) -> None:
        """The end's machine is gone: it hears and says nothing, and stays open."""
        end = self._ends.get(conn)
        if end is not None:
            end.muted = True

    def close(self, conn: int) -> None:
        """Close one end; it hears nothing more, its peer hears CLOSED after the latency."""
        self.orders.close(conn)
        end = self._ends.get(conn)
        if end is None or not end.open:
            return
        end.open = False
        peer = self._ends.get(end.peer)
        if peer is not None:
            self._arrive(end, lambda: self._closed(peer))

    def _closed(self, end: _End) -> None:
        if end.open:
            end.open = False
            self._receiver.deliver_event(end.role, end.conn, ConnEvent.CLOSED)

    def conn_info(self, conn: int) -> Mapping[str, str]:
        """Of a WebSocket, or of a request at its server, whose conn is minus its id."""
        end = self._ends.get(conn)
        return end.info if end is not None else self._infos.get(-conn, {})

    # HTTP

    def new_request(self, role: str, base_url: str, target: str) -> int:
        """The number of a request, which its server finds in `conn_info`."""
        request_id = self._next_request
        self._next_request += 1
        port = urlsplit(base_url).port or _DEFAULT_PORTS[urlsplit(base_url).scheme]
        self._infos[request_id] = {"target": target, "peer": role, "listener": str(port)}
        return request_id

    def tell(self, role: str, conn: int, event: ConnEvent) -> None:
        """Something happened to a connection."""
        self._receiver.deliver_event(role, conn, event)

    def hand_over(self, role: str, body: bytes, meta: HttpMeta, conn: int = 0) -> None:
        """A request to its server (conn: minus its number), an answer to who asked."""
        self._receiver.deliver_bytes(role, conn, body, meta)

    def open_http(self, role: str, base_url: str) -> int:
        return self.orders.open(role, base_url)

    def request_on(
        self, conn: int, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> int:
        return self.orders.request(conn, method, target, headers, body)

    def request(
        self, role: str, base_url: str, method: str, target: str, headers: Mapping[str, str],
        body: bytes,
    ) -> int:  # fmt: skip
        request_id = self.new_request(role, base_url, target)
        server_role = self.listener(base_url, "http")
        if server_role is None:
            del self._infos[request_id]
            self.at(
                self.now_ns + self.latency_ns(),
                lambda: self._answer(role, HttpMeta(request_id), b"connection refused"),
            )
            return request_id
        self._requests[request_id] = (role, server_role)
        lowered = {name.lower(): value for name, value in headers.items()}
        meta = HttpMeta(request_id, method, target, 0, lowered)
        self.at(self.now_ns + self.latency_ns(), lambda: self._ask(server_role, meta, body))
        self.at(self.now_ns + HTTP_TIMEOUT_NS, lambda: self._time_out(request_id))
        return request_id

    def _ask(self, server_role: str, meta: HttpMeta, body: bytes) -> None:
        asked = self._requests.get(meta.request_id)
        if asked is not None and asked[0] not in self.silenced:
            self._receiver.deliver_bytes(server_role, -meta.request_id, body, meta)

    def respond(
        self, request_id: int, status: int, headers: Mapping[str, str], body: bytes
    ) -> None:
        self._infos.pop(request_id, None)
        if self.orders.respond(request_id, status, headers, body):
            return
        asked = self._requests.pop(request_id, None)
        if asked is None:
            return
        role = asked[0]
        lowered = {name.lower(): value for name, value in headers.items()}
        meta = HttpMeta(request_id, status=status, headers=lowered)
        self.at(self.now_ns + self.latency_ns(), lambda: self._answer(role, meta, body))

    def _answer(self, role: str, meta: HttpMeta, body: bytes) -> None:
        if role not in self.silenced:
            self._receiver.deliver_bytes(role, 0, body, meta)

    def _time_out(self, request_id: int) -> None:
        asked = self._requests.pop(request_id, None)
        self._infos.pop(request_id, None)
        if asked is not None:
            self._receiver.deliver_bytes(asked[0], 0, b"time-out", HttpMeta(request_id))

    # Faults

    def cut(self, role: str) -> None:
        """End every connection of a role: both ends hear CLOSED, open requests fail."""
        for end in list(self._ends.values()):
            if end.role == role and end.open:
                peer = self._ends.get(end.peer)
                self._closed(end)
                if peer is not None:
                    self._closed(peer)
        self.orders.cut(role)
        for request_id, (client, server) in list(self._requests.items()):
            if role in (client, server):
                del self._requests[request_id]
                self._answer(client, HttpMeta(request_id), b"connection reset")

    def forget(self, role: str) -> None:
        """The role's process died: its sockets end without a word from it."""
        for end in list(self._ends.values()):
            if end.role == role and end.open:
                self.close(end.conn)
        self.orders.forget(role)
        for request_id, (client, server) in list(self._requests.items()):
            if client == role:
                del self._requests[request_id]
            elif server == role:
                del self._requests[request_id]
                self._answer(client, HttpMeta(request_id), b"connection reset")
        self._listeners = {k: r for k, r in self._listeners.items() if r != role}
