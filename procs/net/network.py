"""The network of one process: connections, listeners and requests of all its agents.

Ids (`conn`, `listener`, `request_id`) count from 1 in one sequence, so no two things of a process
share one; 0 is the conn of an HTTP client's responses. TLS towards venues is 1.2 or newer, with
the system's authorities; the version in use stands in `conn_info` and in the log.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import ssl
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from websockets.exceptions import InvalidURI
from websockets.uri import parse_uri

from oms.errors import ResourceError
from oms.ports import ConnEvent
from procs.net.framing import client_protocol, server_protocol
from procs.net.http_client import HttpClient
from procs.net.http_server import HttpServer
from procs.net.order_http import OrderHttp
from procs.net.sink import Sink
from procs.net.ws import HANDSHAKE_S, Gate, WsConnection
from shm_layout.limits import CONNECTIONS_PER_AGENT_MAX, SERVER_CONNECTIONS_MAX

_BACKLOG = 256


class Network:
    """Owned by the runtime of a process that has network roles; lives in its event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ca_file: str | None = None) -> None:
        self._loop = loop
        self._ca_file = ca_file
        self._context: ssl.SSLContext | None = None
        self._ids = itertools.count(1)
        self._connections: dict[int, WsConnection] = {}
        self._opening: dict[int, dict[str, str]] = {}
        self._servers: dict[int, asyncio.Server] = {}
        self._https: list[HttpServer] = []
        self._listeners: dict[int, dict[str, str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._client = HttpClient(self.tls)
        self._orders = OrderHttp(self.tls)
        self.gate = Gate()
        """Whoever takes a turn holds it meanwhile."""

    def tls(self) -> ssl.SSLContext:
        """The context towards venues; made at its first use."""
        if self._context is None:
            self._context = ssl.create_default_context(cafile=self._ca_file)
            self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        return self._context

    # WebSocket clients

    def open_ws(self, sink: Sink, url: str, headers: Mapping[str, str] | None) -> int:
        """See `Ports.open_ws`."""
        conn = next(self._ids)
        if len(self._opening) + len(self._connections) >= SERVER_CONNECTIONS_MAX:
            self._fail_later(sink, conn, url, f"{SERVER_CONNECTIONS_MAX} connections are open")
            return conn
        self._opening[conn] = {"target": url, "listener": ""}
        self._start(self._open(sink, conn, url, headers or {}))
        return conn

    async def _open(self, sink: Sink, conn: int, url: str, headers: Mapping[str, str]) -> None:
        info = self._opening[conn]
        try:
            uri = parse_uri(url)

            def made() -> WsConnection:
                protocol = client_protocol(uri)
                connection = WsConnection(sink, conn, protocol, info, self._ended, self.gate)
                self._connections[conn] = connection.with_headers(headers)
                return connection

            async with asyncio.timeout(HANDSHAKE_S):
                await self._loop.create_connection(
                    made, uri.host, uri.port, ssl=self.tls() if uri.secure else None
                )
        except (OSError, InvalidURI, ValueError) as error:
            if conn in self._connections:
                return  # it was made, so connection_lost reports
            self._opening.pop(conn, None)
            reason = "timed out" if isinstance(error, TimeoutError) else str(error)
            sink.log("warning", "ws_failed", url=url.partition("?")[0], found=reason[:200])
            sink.on_conn(conn, ConnEvent.FAILED)
            sink.after_input()
            return
        if self._opening.pop(conn, None) is None:
            self.close(conn)  # closed by its agent before it was open

    def _fail_later(self, sink: Sink, conn: int, url: str, reason: str) -> None:
        sink.log("error", "ws_failed", url=url.partition("?")[0], found=reason)
        self._loop.call_soon(sink.on_conn, conn, ConnEvent.FAILED)

    def send(self, conn: int, data: bytes) -> None:
        """See `Ports.send`."""
        connection = self._connections.get(conn)
        if connection is not None:
            connection.send(data)

    def ping(self, conn: int, payload: bytes) -> None:
        """See `Ports.ping`."""
        connection = self._connections.get(conn)
        if connection is not None:
            connection.ping(payload)

    def close(self, conn: int) -> None:
        """See `Ports.close`; a listener id closes the listener, a request's its connection."""
        self._opening.pop(conn, None)
        if conn in self._connections:
            self._connections[conn].close()
        elif conn in self._orders:
            self._orders.close(conn)
        elif conn in self._servers:
            self._servers.pop(conn).close()
        else:
            any(http.drop(conn) for http in self._https)

    def mute(self, conn: int) -> None:
        """See `Ports.mute`."""
        connection = self._connections.get(conn)
        if connection is not None:
            connection.mute()

    def conn_info(self, conn: int) -> Mapping[str, str]:
        """See `Ports.conn_info`; of a listener: its `port`."""
        if conn in self._connections:
            return self._connections[conn].info
        for http in self._https:
            if conn in http.info:
                return http.info[conn]
        return self._listeners.get(conn) or self._opening.get(conn) or {}

    def _ended(self, conn: int) -> None:
        self._connections.pop(conn, None)
        self._opening.pop(conn, None)

    # HTTP

    def request(
        self,
        sink: Sink,
        base_url: str,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> int:
        """See `Ports.request`."""
        request_id = next(self._ids)
        self._client.request(sink, request_id, base_url, method, target, headers, body)
        return request_id

    def open_http(self, sink: Sink, base_url: str) -> int:
        """See `Ports.open_http`."""
        conn = next(self._ids)
        if len(self._orders) >= SERVER_CONNECTIONS_MAX:
            self._fail_later(sink, conn, base_url, f"{SERVER_CONNECTIONS_MAX} are open")
            return conn
        self._orders.open(sink, conn, base_url)
        return conn

    def request_on(
        self, conn: int, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> int:
        """See `Ports.request_on`."""
        request_id = next(self._ids)
        left = self._orders.request(conn, request_id, method, target, headers, body)
        return request_id if left else 0

    def respond(
        self, request_id: int, status: int, headers: Mapping[str, str], body: bytes
    ) -> None:
        """See `Ports.respond`; an answer to a client that has gone is dropped."""
        for http in self._https:
            if http.respond(request_id, status, headers, body):
                return

    # Servers

    def listen(self, sink: Sink, host: str, port: int, kind: str) -> int:
        """See `Ports.listen`; port 0 takes a free one (`conn_info(listener)["port"]`)."""
        assert kind in ("http", "ws"), kind
        bound = bind(host, port, sink.role)
        listener = next(self._ids)
        self._listeners[listener] = {"port": str(bound.getsockname()[1]), "listener": "yes"}
        if kind == "http":
            http = HttpServer(sink, listener, lambda: next(self._ids))
            self._https.append(http)
            self._start(self._serve(listener, bound, http.server))
            return listener
        clients = itertools.count()

        def made() -> asyncio.BaseProtocol:
            if len(self._connections) >= SERVER_CONNECTIONS_MAX:
                sink.log("warning", "ws_too_many", count=next(clients))
                return _Refused()
            conn = next(self._ids)
            info = {"target": "", "listener": str(listener)}
            protocol = server_protocol()
            connection = WsConnection(sink, conn, protocol, info, self._ended, self.gate)
            self._connections[conn] = connection
            return connection

        self._start(self._serve(listener, bound, made))
        return listener

    async def _serve(
        self, listener: int, bound: socket.socket, made: Callable[[], asyncio.BaseProtocol]
    ) -> None:
        self._servers[listener] = await self._loop.create_server(made, sock=bound)

    # Housekeeping

    def tick(self) -> None:
        """A few times a second."""
        now_s = self._loop.time()
        for connection in tuple(self._connections.values()):
            connection.tick(now_s)
        for http in self._https:
            http.tick(now_s)
        self._client.tick(now_s)

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def shut(self) -> None:
        """Close everything; closing handshakes get a moment."""
        for server in self._servers.values():
            server.close()
        for connection in tuple(self._connections.values()):
            connection.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.25):
                while self._connections:
                    await asyncio.sleep(0.005)
        for http in self._https:
            http.close()
        await self._client.close()
        await self._orders.shut()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class _Refused(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


def bind(host: str, port: int, role: str) -> socket.socket:
    """A listening socket, or one sentence that names the port and what to set."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        raise ResourceError(
            f"{role}: listening on {host}:{port} failed ({error.strerror}); another process has "
            "that port, or it needs a privilege: set another one (rest_port, ws_port of the "
            "[sim] in configs/exchanges, or 0 for a free one) and start again"
        ) from error
    made.setblocking(False)
    return made


assert CONNECTIONS_PER_AGENT_MAX <= SERVER_CONNECTIONS_MAX
