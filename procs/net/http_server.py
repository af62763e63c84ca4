"""HTTP/1.1 served: each request goes to its agent and waits, bounded, for `respond`.

Requests of one connection are handed over in order as they come (pipelining), at most
HTTP_PIPELINE_MAX of them; answers leave in the order of the requests, whatever the order in which
the agent gives them. Not answering is allowed and closes the client's connection after a while.
Every byte from outside is hostile: what is malformed or too large is told so once and that
connection closed; one that dawdles over a request, or reads no answers, is cut. A client that has
closed its sending half still gets its answers.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import cast

from oms.ports import HttpMeta
from procs.net.http_wire import CONTINUE, RequestReader, WireError, WireRequest, response_bytes
from procs.net.sink import Sink
from shm_layout.limits import (
    HTTP_PIPELINE_MAX,
    HTTP_WRITE_BYTES_MAX,
    SERVER_CONNECTIONS_MAX,
    SERVER_REQUESTS_OPEN_MAX,
)

ANSWER_TIMEOUT_S = 30.0
REQUEST_READ_S = 15.0
"""From the first byte of a request to its last."""
IDLE_S = 75.0
LINGER_S = 2.0
"""For what a client still sends after it was refused: closing at once would reset the connection,
and the reset can overtake the answer."""
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class _Answer:
    """The place of one answer in the order of its connection."""

    __slots__ = ("connection", "data", "keep_alive", "since_s", "to_head")

    def __init__(self, connection: HttpConnection, request: WireRequest, since_s: float) -> None:
        self.connection = connection
        self.to_head = request.method == "HEAD"
        self.keep_alive = request.keep_alive
        self.since_s = since_s
        self.data: bytes | None = None


class HttpServer:
    """One listener of one agent. A request's conn is its request_id."""

    def __init__(self, sink: Sink, listener: int, next_id: Callable[[], int]) -> None:
        self.sink = sink
        self.next_id = next_id
        self.listener = str(listener)
        self.info: dict[int, dict[str, str]] = {}
        self.open: dict[int, _Answer] = {}
        self.connections: set[HttpConnection] = set()
        self._date = ""
        self._date_s = 0

    def server(self) -> asyncio.Protocol:
        """The protocol of a client that has come."""
        return HttpConnection(self)

    def respond(
        self, request_id: int, status: int, headers: Mapping[str, str], body: bytes
    ) -> bool:
        """Answer; False = that request is not ours, or its client has gone."""
        answer = self.open.pop(request_id, None)
        if answer is None:
            return False
        del self.info[request_id]
        answer.data = self.bytes_of(
            status, headers, body, keep_alive=answer.keep_alive, to_head=answer.to_head
        )
        answer.connection.flush()
        return True

    def drop(self, request_id: int) -> bool:
        """Cut the connection of a request without an answer; False = it is not ours."""
        answer = self.open.get(request_id)
        if answer is None:
            return False
        answer.connection.abort()
        return True

    def bytes_of(
        self,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        *,
        keep_alive: bool,
        to_head: bool,
    ) -> bytes:
        """A response with its date."""
        now_s = int(time.time_ns() // 1_000_000_000)
        if now_s != self._date_s:
            self._date_s, self._date = now_s, http_date(now_s)
        return response_bytes(
            status, headers, body, self._date, keep_alive=keep_alive, to_head=to_head
        )

    def forget(self, request_id: int) -> None:
        """Its client has gone."""
        if self.open.pop(request_id, None) is not None:
            del self.info[request_id]

    def tick(self, now_s: float) -> None:
        """A few times a second: clients that hang."""
        for connection in tuple(self.connections):
            connection.tick(now_s)

    def close(self) -> None:
        """Close all client connections; what was answered still leaves."""
        for connection in tuple(self.connections):
            connection.shut()


class HttpConnection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._reader = RequestReader()
        self._waiting: deque[WireRequest] = deque()
        self._answers: deque[tuple[int, _Answer]] = deque()
        self._transport: asyncio.Transport | None = None
        self._begun_s = self._idle_s = 0.0
        self._last_answer: bytes | None = None
        self._peer = ""
        self._eof = False
        self._handing = False
        self._closing_s = 0.0

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        server = self._server
        if len(server.connections) >= SERVER_CONNECTIONS_MAX:
            server.sink.log("warning", "http_too_many", count=len(server.connections))
            self._transport.abort()
            return
        server.connections.add(self)
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = transport.get_extra_info("peername")
        self._peer = f"{peer[0]}:{peer[1]}" if peer else ""
        self._idle_s = asyncio.get_running_loop().time()

    def data_received(self, data: bytes) -> None:
        if self._closing_s or self._last_answer is not None:
            return
        reader = self._reader
        found = reader.feed(data)
        self._waiting += found
        if not reader.reading:
            self._begun_s = 0.0
        elif found or not self._begun_s:
            self._begun_s = asyncio.get_running_loop().time()
        if reader.error is not None:
            self._last_answer = self._refusal(reader.error)
        self._hand_over()

    def eof_received(self) -> bool:
        """The client sends no more; True keeps our half open for the answers due."""
        self._eof = True
        self._begun_s = 0.0
        if not self._answers and not self._waiting:
            self.end()
            return False
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._server.connections.discard(self)
        for request_id, _ in self._answers:
            self._server.forget(request_id)
        self._answers.clear()
        self._waiting.clear()

    # Requests in, answers out

    def _hand_over(self) -> None:
        """Give the agent what has come, as far as there is room."""
        if self._handing:
            return  # an answer given from within `on_bytes` comes back here
        self._handing = True
        handed = 0
        while self._waiting and len(self._answers) < HTTP_PIPELINE_MAX:
            if len(self._server.open) >= SERVER_REQUESTS_OPEN_MAX:
                self._waiting.clear()
                self._last_answer = self._refusal(WireError(503, "too many requests are open"))
                break
            self._hand(self._waiting.popleft())
            handed += 1
        self._handing = False
        if handed:
            self._server.sink.after_input()
        self.flush()

    def _hand(self, request: WireRequest) -> None:
        server = self._server
        request_id = server.next_id()
        answer = _Answer(self, request, asyncio.get_running_loop().time())
        self._answers.append((request_id, answer))
        server.open[request_id] = answer
        server.info[request_id] = {
            "target": request.target,
            "peer": self._peer,
            "listener": server.listener,
        }
        meta = HttpMeta(request_id, request.method, request.target, 0, request.headers)
        server.sink.on_bytes(request_id, request.body, meta)

    def flush(self) -> None:
        """Write the answers whose turn it is; then go on reading, or end."""
        transport = self._transport
        if transport is None or self._handing or self._closing_s:
            return
        out: list[bytes] = []
        last = False
        while self._answers and not last and (data := self._answers[0][1].data) is not None:
            last = not self._answers.popleft()[1].keep_alive
            out.append(data)
        if not self._answers and not self._waiting:
            if self._last_answer is not None:
                out.append(self._last_answer)
                last = True
            elif self._reader.wants_continue:
                self._reader.wants_continue = False
                out.append(CONTINUE)
            self._idle_s = asyncio.get_running_loop().time()
        if out:
            transport.write(b"".join(out))
            if transport.get_write_buffer_size() > HTTP_WRITE_BYTES_MAX:
                self.abort()
                return
        if last or (self._eof and not self._answers and not self._waiting):
            self.end()
        elif self._waiting and len(self._answers) < HTTP_PIPELINE_MAX:
            asyncio.get_running_loop().call_soon(self._hand_over)
        else:
            self._steer(transport)

    def _steer(self, transport: asyncio.Transport) -> None:
        """Read on only while there is room for what comes."""
        if self._waiting and transport.is_reading():
            transport.pause_reading()
        elif not self._waiting and not transport.is_reading() and not self._eof:
            self._begun_s = self._begun_s and asyncio.get_running_loop().time()
            transport.resume_reading()

    def _refusal(self, error: WireError) -> bytes:
        server = self._server
        server.sink.log("warning", "http_refused", peer=self._peer, status=error.status,
                        found=str(error)[:200])  # fmt: skip
        headers = {"Content-Type": "text/plain"}
        body = f"{error}\n".encode("ascii", "backslashreplace")
        return server.bytes_of(error.status, headers, body, keep_alive=False, to_head=False)

    # Ends

    def end(self) -> None:
        """Close once everything written has left, and the client has closed or had its time."""
        transport = self._transport
        if transport is None or self._closing_s:
            return
        self._closing_s = asyncio.get_running_loop().time()
        if self._eof or not transport.can_write_eof():
            transport.close()
        else:
            transport.write_eof()
            if not transport.is_reading():
                transport.resume_reading()

    def shut(self) -> None:
        """Close without waiting for the client."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Cut the connection."""
        if self._transport is not None:
            self._transport.abort()

    def tick(self, now_s: float) -> None:
        """A few times a second: ends a connection that hangs."""
        transport = self._transport
        if transport is None:
            return
        oldest = self._answers[0][1] if self._answers else None
        if self._closing_s:
            hangs = now_s - self._closing_s > LINGER_S and not transport.get_write_buffer_size()
            hangs = hangs or now_s - self._closing_s > ANSWER_TIMEOUT_S
        elif oldest is not None:
            hangs = now_s - oldest.since_s > ANSWER_TIMEOUT_S
        elif self._begun_s:
            hangs = now_s - self._begun_s > REQUEST_READ_S
        else:
            hangs = now_s - self._idle_s > IDLE_S
        if hangs:
            transport.abort()


def http_date(now_s: int) -> str:
    """RFC 9110's form of a UTC second, in any locale."""
    t = time.gmtime(now_s)
    return (
        f"{_DAYS[t.tm_wday]}, {t.tm_mday:02d} {_MONTHS[t.tm_mon - 1]} {t.tm_year} "
        f"{t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d} GMT"
    )
