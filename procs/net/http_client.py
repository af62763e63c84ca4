"""HTTP/1.1 towards venues: one pool of kept connections per origin, one answer per request.

A request takes an idle connection, or opens one; a response that never came is a message with
status 0 and the reason. Requests in flight are bounded, and so is the time of each. Nothing is
redirected or retried here, with one exception: a GET that went out on a kept connection which the
server closed before it said anything is sent once more on a new one. Anything else may have taken
effect (RFC 9110 9.2.2), so what it means that no answer came is the agent's business. Targets
leave byte for byte as given, since they are signed.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

from oms.ports import HttpMeta
from procs.net.http_wire import ResponseReader, WireError, WireResponse, request_bytes
from procs.net.sink import Sink
from shm_layout.limits import HTTP_IN_FLIGHT_MAX, ORIGINS_MAX

REQUEST_TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 5.0
IDLE_S = 20.0
"""A kept connection is closed after this; servers close theirs later, so few are found stale."""
EYEBALLS_S = 0.25
_PORTS = {"http": 80, "https": 443}
_SAFE = ("GET", "HEAD")


@dataclass(slots=True)
class Origin:
    """Where requests go, and the connections kept to it."""

    secure: bool
    host: str
    port: int
    authority: str
    prefix: str
    idle: deque[_Connection] = field(default_factory=deque)


@dataclass(slots=True, eq=False)
class _Exchange:
    """One request on its way to an answer."""

    sink: Sink
    request_id: int
    origin: Origin
    method: str
    data: bytes
    until_s: float
    connection: _Connection | None = None
    retried: bool = False


class HttpClient:
    """Requests of all agents of one process."""

    def __init__(self, tls: Callable[[], ssl.SSLContext]) -> None:
        self._tls = tls
        self._origins: dict[str, Origin] = {}
        self._in_flight: set[_Exchange] = set()
        self._connecting: set[asyncio.Task[None]] = set()

    def request(
        self,
        sink: Sink,
        request_id: int,
        base_url: str,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> None:
        """Begin a request; its answer, or status 0, comes by `sink.on_bytes` on conn 0."""
        loop = asyncio.get_running_loop()
        try:
            if len(self._in_flight) >= HTTP_IN_FLIGHT_MAX:
                raise ValueError(f"{HTTP_IN_FLIGHT_MAX} requests are in flight already")
            origin = self._origin(base_url)
            target = origin.prefix + target
            data = request_bytes(method, origin.authority, target, headers, body)
        except ValueError as error:
            reason = str(error).encode("utf-8", "backslashreplace")
            loop.call_soon(deliver, sink, request_id, 0, {}, reason)
            return
        until_s = loop.time() + REQUEST_TIMEOUT_S
        exchange = _Exchange(sink, request_id, origin, method, data, until_s)
        self._in_flight.add(exchange)
        while origin.idle:
            connection = origin.idle.pop()
            if connection.usable():
                connection.begin(exchange)
                return
        self._connect(exchange)

    def _origin(self, base_url: str) -> Origin:
        """The origin of a URL, made at its first use; ValueError where there is none."""
        known = self._origins.get(base_url)
        if known is None:
            if len(self._origins) >= ORIGINS_MAX:
                raise ValueError(f"{ORIGINS_MAX} origins are in use already")
            known = self._origins[base_url] = parse_origin(base_url)
        return known

    # Connections

    def _connect(self, exchange: _Exchange) -> None:
        task = asyncio.get_running_loop().create_task(self._open(exchange))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _open(self, exchange: _Exchange) -> None:
        origin = exchange.origin
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: _Connection(self, origin),
                    origin.host,
                    origin.port,
                    ssl=self._tls() if origin.secure else None,
                    happy_eyeballs_delay=EYEBALLS_S,
                )
        except TimeoutError:
            self.fail(exchange, f"timed out connecting to {origin.authority}")
        except OSError as error:
            text = f"{type(error).__name__}: connecting to {origin.authority}: {error}"
            self.fail(exchange, text)
        else:
            if exchange in self._in_flight:
                connection.begin(exchange)
            else:
                self.keep(connection)

    def keep(self, connection: _Connection) -> None:
        """Its exchange is over, and the server keeps it open."""
        connection.idle_since_s = asyncio.get_running_loop().time()
        connection.origin.idle.append(connection)

    def lost(self, exchange: _Exchange, reason: str, *, stale: bool) -> None:
        """Its connection ended without an answer; `stale`: a kept one, before a byte came."""
        if stale and exchange.method in _SAFE and not exchange.retried:
            exchange.retried = True
            exchange.connection = None
            self._connect(exchange)
        else:
            self.fail(exchange, reason)

    # Answers

    def answer(self, exchange: _Exchange, response: WireResponse) -> None:
        """Hand the response over, unless the time-out did so already."""
        if exchange in self._in_flight:
            self._in_flight.remove(exchange)
            deliver(
                exchange.sink,
                exchange.request_id,
                response.status,
                response.headers,
                response.body,
            )

    def fail(self, exchange: _Exchange, reason: str) -> None:
        """No response will come: status 0."""
        if exchange in self._in_flight:
            self._in_flight.remove(exchange)
            found = reason.encode("utf-8", "backslashreplace")
            deliver(exchange.sink, exchange.request_id, 0, {}, found)

    # Housekeeping

    def tick(self, now_s: float) -> None:
        """A few times a second: time-outs, and connections that nobody needs."""
        for exchange in [e for e in self._in_flight if now_s > e.until_s]:
            connection = exchange.connection
            self.fail(exchange, "timed out")
            if connection is not None:
                connection.abort()
        for origin in self._origins.values():
            while origin.idle and now_s - origin.idle[0].idle_since_s > IDLE_S:
                origin.idle.popleft().abort()

    async def close(self) -> None:
        """Drop what is in flight, close the connections."""
        for exchange in tuple(self._in_flight):
            if exchange.connection is not None:
                exchange.connection.abort()
        self._in_flight.clear()
        for task in tuple(self._connecting):
            task.cancel()
        await asyncio.gather(*self._connecting, return_exceptions=True)
        for origin in self._origins.values():
            while origin.idle:
                origin.idle.pop().abort()
        await asyncio.sleep(0)


class _Connection(asyncio.Protocol):
    """One connection to an origin: idle, or busy with one exchange."""

    def __init__(self, client: HttpClient, origin: Origin) -> None:
        self.origin = origin
        self.idle_since_s = 0.0
        self._client = client
        self._transport: asyncio.Transport | None = None
        self._exchange: _Exchange | None = None
        self._reader: ResponseReader | None = None
        self._served = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def usable(self) -> bool:
        """Nothing says that the server has closed it."""
        return self._transport is not None and not self._transport.is_closing()

    def begin(self, exchange: _Exchange) -> None:
        """Send the request."""
        if self._transport is None or self._transport.is_closing():
            self._client.lost(exchange, "the connection ended at once", stale=True)
            return
        exchange.connection = self
        self._exchange = exchange
        self._reader = ResponseReader(to_head=exchange.method == "HEAD")
        self._transport.write(exchange.data)

    def data_received(self, data: bytes) -> None:
        if self._reader is None:
            self.abort()  # nothing was asked
            return
        try:
            response = self._reader.feed(data)
        except WireError as error:
            self._end_with(str(error))
            self.abort()
            return
        if response is not None:
            self._done(response, keep=response.keep_alive and not self._reader.beyond)

    def eof_received(self) -> bool:
        if self._reader is not None:
            try:
                response = self._reader.feed_eof()
            except WireError as error:
                self._end_with(str(error))
            else:
                self._done(response, keep=False)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._end_with(f"the connection was lost: {exc or 'closed'}")

    def abort(self) -> None:
        """Cut it, whatever it does."""
        if self._transport is not None:
            self._transport.abort()

    def _done(self, response: WireResponse, *, keep: bool) -> None:
        exchange = self._exchange
        assert exchange is not None
        self._exchange = self._reader = None
        self._served += 1
        if keep and self.usable():
            self._client.keep(self)
        else:
            self.abort()
        self._client.answer(exchange, response)

    def _end_with(self, reason: str) -> None:
        exchange, reader = self._exchange, self._reader
        if exchange is None or reader is None:
            return
        self._exchange = self._reader = None
        self._client.lost(exchange, reason, stale=self._served > 0 and not reader.begun)


def parse_origin(base_url: str) -> Origin:
    """Where a URL's requests go; ValueError where it is none."""
    parts = urlsplit(base_url)
    if parts.scheme not in _PORTS or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"no http or https address: {base_url[:200]!r}")
    if parts.username is not None or not base_url.isascii() or not base_url.isprintable():
        raise ValueError(f"an address holds a plain host and port: {parts.hostname[:200]!r}")
    port = parts.port or _PORTS[parts.scheme]
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    authority = name if port == _PORTS[parts.scheme] else f"{name}:{port}"
    prefix = parts.path.rstrip("/")
    return Origin(parts.scheme == "https", parts.hostname, port, authority, prefix)


def deliver(
    sink: Sink, request_id: int, status: int, headers: Mapping[str, str], body: bytes
) -> None:
    """One answer, or status 0 with the reason, to its agent."""
    sink.on_bytes(0, body, HttpMeta(request_id, status=status, headers=headers))
    sink.after_input()
