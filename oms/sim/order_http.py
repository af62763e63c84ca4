"""HTTP connections that stand open for orders, on the virtual network (`Ports.open_http`).

As the live host has them (`procs/net/order_http.py`): one request at a time, sent at most once,
with no time of its own. What is on the wire arrives though its sender was killed meanwhile. What
the sender's system still holds, because the peer's acknowledges nothing (`silenced`), dies with the
sender or the connection, and ends the connection after ORDER_BYTES_UNACKNOWLEDGED_MS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from oms.ports import ConnEvent, HttpMeta
from oms.units import NS_PER_MS
from shm_layout.limits import ORDER_BYTES_UNACKNOWLEDGED_MS

RETRANSMIT_NS = 200_000_000
ANSWER_HELD_NS = 60_000_000_000
"""So long the exchange's system tries to hand over an answer."""


class Wires(Protocol):
    """What the virtual network gives."""

    now_ns: int
    silenced: set[str]

    def at(self, when_ns: int, action: Callable[[], None]) -> None: ...
    def latency_ns(self) -> int: ...
    def new_conn(self) -> int: ...
    def new_request(self, role: str, base_url: str, target: str) -> int: ...
    def listener(self, url: str, kind: str) -> str | None: ...
    def tell(self, role: str, conn: int, event: ConnEvent) -> None: ...
    def hand_over(self, role: str, body: bytes, meta: HttpMeta, conn: int = 0) -> None: ...


@dataclass(slots=True, eq=False)
class _Connection:
    role: str
    conn: int
    base_url: str
    server: str = ""
    open: bool = False
    reset: bool = False
    """It was cut: nothing more arrives at either end."""
    request_id: int = 0
    """What was asked and is not answered; 0 = nothing."""


@dataclass(slots=True, eq=False)
class _Sent:
    """One request on its way."""

    connection: _Connection
    meta: HttpMeta
    body: bytes
    until_ns: int
    on_wire: bool = True
    """It has left the sender's system, whatever becomes of the sender."""


class VirtualOrderHttp:
    """Every such connection of a harness."""

    def __init__(self, network: Wires) -> None:
        self._network = network
        self._connections: dict[int, _Connection] = {}
        self._asked: dict[int, _Connection] = {}

    def open(self, role: str, base_url: str) -> int:
        """See `Ports.open_http`."""
        network = self._network
        made = _Connection(role, network.new_conn(), base_url)
        self._connections[made.conn] = made
        # There and back: it is open when the peer has said so.
        round_trip_ns = network.latency_ns() + network.latency_ns()
        network.at(network.now_ns + round_trip_ns, lambda: self._opened(made))
        return made.conn

    def _opened(self, made: _Connection) -> None:
        if made.conn not in self._connections:
            return
        made.server = self._network.listener(made.base_url, "http") or ""
        if not made.server or self._silent(made):
            del self._connections[made.conn]
            self._network.tell(made.role, made.conn, ConnEvent.FAILED)
            return
        made.open = True
        self._network.tell(made.role, made.conn, ConnEvent.OPENED)

    def _silent(self, connection: _Connection) -> bool:
        return bool({connection.role, connection.server} & self._network.silenced)

    def request(
        self, conn: int, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> int:
        """See `Ports.request_on`."""
        connection, network = self._connections.get(conn), self._network
        if connection is None or not connection.open:
            return 0
        assert not connection.request_id, "one request at a time"
        request_id = network.new_request(connection.role, connection.base_url, target)
        connection.request_id = request_id
        self._asked[request_id] = connection
        lowered = {name.lower(): value for name, value in headers.items()}
        meta = HttpMeta(request_id, method, target, 0, lowered)
        until_ns = network.now_ns + ORDER_BYTES_UNACKNOWLEDGED_MS * NS_PER_MS
        sent = _Sent(connection, meta, body, until_ns, not self._silent(connection))
        network.at(network.now_ns + network.latency_ns(), lambda: self._arrive(sent))
        return request_id

    def _arrive(self, sent: _Sent) -> None:
        connection, network = sent.connection, self._network
        if connection.reset:
            return
        if self._silent(connection):
            sent.on_wire = False
        elif connection.open or sent.on_wire:
            network.hand_over(connection.server, sent.body, sent.meta, -sent.meta.request_id)
            return
        if not connection.open:
            return
        if network.now_ns >= sent.until_ns:
            self._end(connection, b"nothing was acknowledged")
        else:
            network.at(network.now_ns + RETRANSMIT_NS, lambda: self._arrive(sent))

    def respond(
        self, request_id: int, status: int, headers: Mapping[str, str], body: bytes
    ) -> bool:
        """An answer to a request of one of them; False = it is another's."""
        connection, network = self._asked.pop(request_id, None), self._network
        if connection is None:
            return False
        lowered = {name.lower(): value for name, value in headers.items()}
        meta = HttpMeta(request_id, status=status, headers=lowered)
        until_ns = network.now_ns + ANSWER_HELD_NS
        arrive_ns = network.now_ns + network.latency_ns()
        network.at(arrive_ns, lambda: self._answer(connection, meta, body, until_ns))
        return True

    def _answer(self, connection: _Connection, meta: HttpMeta, body: bytes, until_ns: int) -> None:
        network = self._network
        if not connection.open:
            return
        if not self._silent(connection):
            connection.request_id = 0
            network.hand_over(connection.role, body, meta)
        elif network.now_ns < until_ns:
            again_ns = network.now_ns + RETRANSMIT_NS
            network.at(again_ns, lambda: self._answer(connection, meta, body, until_ns))

    def close(self, conn: int) -> None:
        """Its agent ends it, and hears nothing more of it."""
        connection = self._connections.pop(conn, None)
        if connection is not None:
            self._asked.pop(connection.request_id, None)
            connection.open = False

    def _end(self, connection: _Connection, reason: bytes) -> None:
        """It ends: what was asked has no answer."""
        was_open, asked = connection.open, connection.request_id
        connection.reset = True
        self.close(connection.conn)
        if asked:
            self._network.hand_over(connection.role, reason, HttpMeta(asked))
        event = ConnEvent.CLOSED if was_open else ConnEvent.FAILED
        self._network.tell(connection.role, connection.conn, event)

    def _of(self, role: str) -> list[_Connection]:
        return [c for c in self._connections.values() if role in (c.role, c.server)]

    def cut(self, role: str) -> None:
        """Every one of a role ends, at both ends; a request that had not arrived never does."""
        for connection in self._of(role):
            self._end(connection, b"connection reset")

    def forget(self, role: str) -> None:
        """The role's process died."""
        for connection in self._of(role):
            if connection.role == role:
                self.close(connection.conn)
            else:
                self._end(connection, b"connection reset")
