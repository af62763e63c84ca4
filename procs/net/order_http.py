"""HTTP/1.1 connections that stand open for new orders, one request at a time (`Ports.open_http`).

A new order must leave now or not at all, and once at most. So nothing here opens a connection for a
request, sends one again, or gives it a time. And bytes must not outlive their sender: a process
that is killed leaves what it had written in the system's buffers, which sends it on for minutes,
long after a kill was proved. SO_LINGER (1, 0) makes the system drop it with the process;
TCP_USER_TIMEOUT ends a connection whose peer's system stopped acknowledging.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable, Mapping
from typing import cast

from oms.ports import ConnEvent
from procs.net.http_client import CONNECT_TIMEOUT_S, EYEBALLS_S, Origin, deliver, parse_origin
from procs.net.http_wire import ResponseReader, WireError, WireResponse, request_bytes
from procs.net.sink import Sink
from shm_layout.limits import ORDER_BYTES_UNACKNOWLEDGED_MS

_DROP_UNSENT = struct.pack("ii", 1, 0)


class OrderHttp:
    """Every such connection of one process."""

    def __init__(self, tls: Callable[[], ssl.SSLContext]) -> None:
        self._tls = tls
        self._opening: dict[int, asyncio.Task[None]] = {}
        self._connections: dict[int, _OrderConnection] = {}

    def __len__(self) -> int:
        return len(self._opening) + len(self._connections)

    def __contains__(self, conn: int) -> bool:
        return conn in self._opening or conn in self._connections

    def open(self, sink: Sink, conn: int, base_url: str) -> None:
        """See `Ports.open_http`."""
        task = asyncio.get_running_loop().create_task(self._open(sink, conn, base_url))
        self._opening[conn] = task

    async def _open(self, sink: Sink, conn: int, base_url: str) -> None:
        try:
            origin = parse_origin(base_url)
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: _OrderConnection(sink, conn, origin, self._ended),
                    origin.host,
                    origin.port,
                    ssl=self._tls() if origin.secure else None,
                    happy_eyeballs_delay=EYEBALLS_S,
                )
        except (OSError, ValueError) as error:
            del self._opening[conn]
            reason = "timed out" if isinstance(error, TimeoutError) else str(error)
            sink.log("warning", "http_failed", url=base_url, found=reason[:200])
            sink.on_conn(conn, ConnEvent.FAILED)
        else:
            del self._opening[conn]
            if not connection.usable():
                sink.on_conn(conn, ConnEvent.FAILED)
            else:
                self._connections[conn] = connection
                connection.told = True
                sink.on_conn(conn, ConnEvent.OPENED)
        sink.after_input()

    def request(
        self, conn: int, request_id: int, method: str, target: str, headers: Mapping[str, str],
        body: bytes,
    ) -> bool:  # fmt: skip
        """See `Ports.request_on`; False = nothing left. ValueError: no HTTP request."""
        connection = self._connections.get(conn)
        if connection is None or not connection.usable():
            return False
        connection.send(request_id, method, target, headers, body)
        return True

    def close(self, conn: int) -> None:
        """End it without a word to its agent; what was not sent does not leave."""
        task = self._opening.pop(conn, None)
        if task is not None:
            task.cancel()
        connection = self._connections.pop(conn, None)
        if connection is not None:
            connection.cut()

    def _ended(self, conn: int) -> None:
        self._connections.pop(conn, None)

    async def shut(self) -> None:
        """Close them all."""
        tasks = tuple(self._opening.values())
        for conn in (*self._opening, *self._connections):
            self.close(conn)
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)


class _OrderConnection(asyncio.Protocol):
    """One of them: free, or waiting for one answer."""

    def __init__(self, sink: Sink, conn: int, origin: Origin, ended: Callable[[int], None]) -> None:
        self._sink: Sink | None = sink
        self._conn = conn
        self._origin = origin
        self._ended = ended
        self._transport: asyncio.Transport | None = None
        self._reader: ResponseReader | None = None
        self._request_id = 0
        self.told = False
        """Its agent heard OPENED, and hears CLOSED."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        raw = transport.get_extra_info("socket")
        assert raw is not None, "a connection of the system's"
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DROP_UNSENT)
        unacknowledged = ORDER_BYTES_UNACKNOWLEDGED_MS
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, unacknowledged)

    def usable(self) -> bool:
        """Nothing says that it has ended."""
        return self._transport is not None and not self._transport.is_closing()

    def send(
        self, request_id: int, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> None:
        """Send the request."""
        assert self._reader is None, "one request at a time"
        assert self._transport is not None
        origin = self._origin
        data = request_bytes(method, origin.authority, origin.prefix + target, headers, body)
        self._reader = ResponseReader(to_head=method == "HEAD")
        self._request_id = request_id
        self._transport.write(data)

    def cut(self) -> None:
        """End it; its agent hears nothing more of it."""
        self._sink = None
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._reader is None:
            self._abort()  # nothing was asked
            return
        try:
            response = self._reader.feed(data)
        except WireError as error:
            self._fail(str(error))
            self._abort()
            return
        if response is not None:
            keeps = response.keep_alive and not self._reader.beyond
            self._answered(response, keeps=keeps)

    def eof_received(self) -> bool:
        if self._reader is not None:
            try:
                response = self._reader.feed_eof()
            except WireError as error:
                self._fail(str(error))
            else:
                self._answered(response, keeps=False)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._fail(f"the connection was lost: {exc or 'closed'}")
        self._ended(self._conn)
        if self._sink is not None and self.told:
            self._sink.on_conn(self._conn, ConnEvent.CLOSED)
            self._sink.after_input()

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _answered(self, response: WireResponse, *, keeps: bool) -> None:
        self._reader = None
        if not keeps:
            self._abort()
        if self._sink is not None:
            deliver(self._sink, self._request_id, response.status, response.headers, response.body)

    def _fail(self, reason: str) -> None:
        """No answer will come: status 0."""
        if self._reader is not None:
            self._reader = None
            if self._sink is not None:
                found = reason.encode("utf-8", "backslashreplace")
                deliver(self._sink, self._request_id, 0, {}, found)
