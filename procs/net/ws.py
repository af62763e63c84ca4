"""WebSockets on both sides: `framing` in an asyncio protocol.

Each whole message goes to the agent from inside `buffer_updated`: no task, no queue and no switch
lies between the socket and the agent. A client's message leaves at once; what a server says while
its process works on input or takes a turn leaves together (`Gate`). Compression is off. Every byte
from outside is hostile: a bad handshake, a broken frame or an oversized message ends that
connection and nothing else. Pings are answered by `websockets`. Whether the peer is still alive is
the agent's to find out (`Ports.ping`, `oms/agents/heartbeat.py`: within 3 s); a client whose agent
does not ask is pinged here after PING_AFTER_S, and cut off when it stays silent.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Mapping
from typing import cast

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidState, WebSocketException
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from oms.ports import ConnEvent
from procs.net.framing import Framing
from procs.net.sink import Sink
from shm_layout.limits import WS_WRITE_BYTES_MAX

HANDSHAKE_S = 5.0
PING_AFTER_S = 5.0
SILENT_S = 15.0
CLOSE_S = 2.0
PINGS_REMEMBERED_MAX = 8
"""Payloads of pings that the peer may still answer."""


class Gate:
    """Holds back what servers send until the process has done what it is at."""

    def __init__(self) -> None:
        self.depth = 0
        self._waiting: list[WsConnection] = []

    def hold(self) -> None:
        """From now on; may be nested."""
        self.depth += 1

    def wait(self, connection: WsConnection) -> None:
        """This connection has something to send."""
        self._waiting.append(connection)

    def release(self) -> None:
        """The end of the outermost hold sends: one write for each connection."""
        self.depth -= 1
        if self.depth == 0 and self._waiting:
            waiting, self._waiting = self._waiting, []
            for connection in waiting:
                connection.flush()


class WsConnection(asyncio.BufferedProtocol):
    """One WebSocket of one agent; `info` is what `Ports.conn_info` says of it."""

    def __init__(
        self,
        sink: Sink,
        conn: int,
        protocol: ClientProtocol | ServerProtocol,
        info: dict[str, str],
        on_end: Callable[[int], None],
        gate: Gate,
    ) -> None:
        self.info = info
        self.opened = False
        self._sink = sink
        self._conn = conn
        self._protocol = protocol
        self._framing = Framing(protocol)
        self._gate = gate
        self._held: list[bytes] = []
        self._on_end = on_end
        self._transport: asyncio.Transport | None = None
        self._time = asyncio.get_running_loop().time
        self._began_s = self._heard_s = self._time()
        self._pinged = self._muted = False
        self._payloads: deque[bytes] = deque(maxlen=PINGS_REMEMBERED_MAX)
        self._closing_s = 0.0
        self._headers: Mapping[str, str] = {}

    def with_headers(self, headers: Mapping[str, str]) -> WsConnection:
        """Further headers of a client's handshake."""
        self._headers = headers
        return self

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = transport.get_extra_info("peername")
        self.info.setdefault("peer", f"{peer[0]}:{peer[1]}" if peer else "")
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            self.info["tls"] = str(tls.version())
        if isinstance(self._protocol, ClientProtocol):
            request = self._protocol.connect()
            for name, value in self._headers.items():
                request.headers[name] = value
            self._protocol.send_request(request)
            self.flush()

    def get_buffer(self, sizehint: int) -> memoryview:
        del sizehint
        return self._framing.buffer()

    def buffer_updated(self, nbytes: int) -> None:
        if self._muted:
            return
        self._heard_s = self._time()
        self._pinged = False
        try:
            events = self._framing.received(nbytes)
        except (WebSocketException, EOFError, AssertionError, ValueError) as error:
            self._cut("ws_broken", error)
            return
        self._gate.hold()
        try:
            for event in events:
                if type(event) is bytes:
                    self._sink.on_bytes(self._conn, event)
                elif isinstance(event, Frame):
                    self._on_control(event)
                elif not isinstance(event, bytes):
                    self._on_handshake(event)
            self._after_input()
        finally:
            self._gate.release()

    def _after_input(self) -> None:
        """What the library has to say of its own, the trouble it saw, and the agent's turn."""
        if self._protocol.parser_exc is not None:
            self._sink.log("warning", "ws_protocol_error", conn=self._conn, found=str(
                self._protocol.parser_exc)[:200])  # fmt: skip
        elif self._protocol.handshake_exc is not None and not self.opened:
            self._sink.log("warning", "ws_handshake_failed", conn=self._conn, found=str(
                self._protocol.handshake_exc)[:200])  # fmt: skip
        if self._protocol.writes:
            self.flush()
        self._sink.after_input()

    def eof_received(self) -> bool:
        try:
            self._framing.received_eof()
        except (WebSocketException, EOFError, AssertionError) as error:
            self._cut("ws_broken", error)
            return False
        self.flush()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._on_end(self._conn)
        if self.opened:
            self.opened = False
            self._sink.on_conn(self._conn, ConnEvent.CLOSED)
        elif isinstance(self._protocol, ClientProtocol):
            reason = self._protocol.handshake_exc or exc or "closed during the handshake"
            self._sink.log("warning", "ws_failed", conn=self._conn, found=str(reason)[:200])
            self._sink.on_conn(self._conn, ConnEvent.FAILED)
        self._sink.after_input()

    # What the ports call

    def send(self, data: bytes) -> None:
        """One text message; silently nothing on a connection that is no longer open."""
        if self._transport is None or self._muted or self._protocol.state is not State.OPEN:
            return
        self._held.append(self._framing.text(data))
        if self._gate.depth == 0 or isinstance(self._protocol, ClientProtocol):
            self.flush()
        elif len(self._held) == 1:
            self._gate.wait(self)

    def ping(self, payload: bytes) -> None:
        """One ping of the agent's."""
        if self._transport is None or self._muted or self._protocol.state is not State.OPEN:
            return
        self._payloads.append(payload)
        self._protocol.send_ping(payload)
        self.flush()

    def close(self) -> None:
        """Begin the closing handshake; the connection is cut if the peer does not follow."""
        if self._transport is None:
            return
        if self._muted:
            self._transport.abort()
        elif self._protocol.state is State.OPEN:
            self._protocol.send_close(1000)
            self.flush()
            self._closing_s = asyncio.get_running_loop().time()
        elif self._protocol.state is State.CONNECTING:
            self._transport.abort()

    def mute(self) -> None:
        """Hear and say nothing any more; `close` then cuts without a word."""
        self.flush()
        self._muted = True

    def tick(self, now_s: float) -> None:
        """A few times a second: hand-shakes, closes and peers that hang."""
        if self._transport is None or self._muted:
            return
        if self._closing_s or self._protocol.close_expected():
            self._closing_s = self._closing_s or now_s
            if now_s - self._closing_s > CLOSE_S:
                self._transport.abort()
        elif not self.opened:
            if now_s - self._began_s > HANDSHAKE_S:
                self._cut("ws_handshake_timeout", f"{HANDSHAKE_S} s")
        elif isinstance(self._protocol, ServerProtocol):
            return
        elif now_s - self._heard_s > SILENT_S:
            self._cut("ws_silent_peer", f"{SILENT_S} s")
        elif now_s - self._heard_s > PING_AFTER_S and not self._pinged:
            self._pinged = True
            try:
                self._protocol.send_ping(b"")
            except InvalidState:
                return
            self.flush()

    def flush(self) -> None:
        """Write the messages that wait, and what the library has to say behind them."""
        transport = self._transport
        if self._held:
            if transport is not None and not transport.is_closing():
                transport.write(self._held[0] if len(self._held) == 1 else b"".join(self._held))
            self._held.clear()
        if self._protocol.writes:
            self._flush_library()
        if transport is not None and transport.get_write_buffer_size() > WS_WRITE_BYTES_MAX:
            self._cut("ws_slow_reader", f"{WS_WRITE_BYTES_MAX} bytes unsent")

    # Inside

    def _on_handshake(self, event: Request | Response) -> None:
        if isinstance(event, Request):
            self.info["target"] = event.path
            self.flush()
        if self._protocol.state is State.OPEN:
            self.opened = True
            self._sink.on_conn(self._conn, ConnEvent.OPENED)

    def _on_control(self, frame: Frame) -> None:
        """The peer's ping, or its pong: the agent counts them. A close is told when it is over."""
        if frame.opcode is Opcode.CLOSE:
            return
        payload = bytes(frame.data)
        if frame.opcode is Opcode.PONG and payload in self._payloads:
            while self._payloads.popleft() != payload:
                continue
            self._sink.on_conn(self._conn, ConnEvent.PONG)
        else:
            self._sink.on_conn(self._conn, ConnEvent.CONTROL)

    def _flush_library(self) -> None:
        transport = self._transport
        for data in self._protocol.data_to_send():
            if transport is None or transport.is_closing():
                continue
            if data:
                transport.write(data)
            elif transport.can_write_eof():
                transport.write_eof()
            else:
                transport.close()

    def _cut(self, event: str, found: object) -> None:
        self._sink.log("warning", event, conn=self._conn, found=str(found)[:200])
        if self._transport is not None:
            self._transport.abort()
