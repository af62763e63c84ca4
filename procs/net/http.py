"""HTTP by aiohttp, on both sides.

Client: one session per process, bounded requests in flight, one total time-out; a response that
never came is a message with status 0. Nothing is retried, redirected or decoded here: what a
request means is the agent's business. Server: each request is handed over and waits, bounded, for
`respond`; not answering is allowed and closes the client's connection after a while.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping

import aiohttp
from aiohttp import web
from yarl import URL

from oms.agents.base import HttpMeta
from procs.net.sink import Sink
from shm_layout.limits import (
    HTTP_BODY_BYTES_MAX,
    HTTP_IN_FLIGHT_MAX,
    SERVER_REQUESTS_OPEN_MAX,
)

REQUEST_TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 30.0
_READ_BYTES = 1 << 16


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


class HttpClient:
    """Requests of all agents of one process."""

    def __init__(self, tls: Callable[[], ssl.SSLContext]) -> None:
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()

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
        if len(self._tasks) >= HTTP_IN_FLIGHT_MAX:
            reason = f"{HTTP_IN_FLIGHT_MAX} requests are in flight already".encode()
            asyncio.get_running_loop().call_soon(_deliver, sink, request_id, 0, {}, reason)
            return
        made = self._run(sink, request_id, base_url + target, method, headers, body)
        task = asyncio.get_running_loop().create_task(made)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(
        self,
        sink: Sink,
        request_id: int,
        url: str,
        method: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> None:
        status, answered, found = 0, {}, b""
        try:
            session = self._ready(url.startswith("https:"))
            async with session.request(
                method,
                URL(url, encoded=True),
                headers=headers,
                data=body or None,
                allow_redirects=False,
            ) as response:
                found = await _read_bounded(response)
                status, answered = response.status, _lower(response.headers)
        except TimeoutError:
            found = b"timed out"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            found = f"{type(error).__name__}: {error}".encode()
        _deliver(sink, request_id, status, answered, found)

    def _ready(self, secure: bool) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=HTTP_IN_FLIGHT_MAX, ssl=self._tls() if secure else True
                ),
                timeout=aiohttp.ClientTimeout(REQUEST_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session

    async def close(self) -> None:
        """Cancel what is in flight, close the connections."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()


async def _read_bounded(response: aiohttp.ClientResponse) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_chunked(_READ_BYTES):
        size += len(part)
        if size > HTTP_BODY_BYTES_MAX:
            raise ValueError(f"the body is longer than {HTTP_BODY_BYTES_MAX} bytes")
        parts.append(part)
    return b"".join(parts)


def _deliver(
    sink: Sink, request_id: int, status: int, headers: Mapping[str, str], body: bytes
) -> None:
    sink.on_bytes(0, body, HttpMeta(request_id, status=status, headers=headers))
    sink.after_input()


class HttpServer:
    """One listener of one agent. A request's conn is its request_id."""

    def __init__(self, sink: Sink, listener: int, next_id: Callable[[], int]) -> None:
        self._sink = sink
        self._listener = listener
        self._next_id = next_id
        self._open: dict[int, asyncio.Future[web.Response]] = {}
        self.info: dict[int, dict[str, str]] = {}
        self.server = web.Server(self._handle, access_log=None)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if len(self._open) >= SERVER_REQUESTS_OPEN_MAX:
            return web.Response(status=503, text="too many requests are open")
        body = await request.read()
        request_id = self._next_id()
        answer: asyncio.Future[web.Response] = asyncio.get_running_loop().create_future()
        self._open[request_id] = answer
        self.info[request_id] = {
            "target": request.raw_path,
            "peer": request.remote or "",
            "listener": str(self._listener),
        }
        meta = HttpMeta(request_id, request.method, request.raw_path, 0, _lower(request.headers))
        try:
            self._sink.on_bytes(request_id, body, meta)
            self._sink.after_input()
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                return await answer
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=504)
        finally:
            del self._open[request_id], self.info[request_id]

    def respond(
        self, request_id: int, status: int, headers: Mapping[str, str], body: bytes
    ) -> bool:
        """Answer; False = that request is not ours, or its client has gone."""
        answer = self._open.get(request_id)
        if answer is None:
            return False
        if not answer.done():
            answer.set_result(web.Response(status=status, headers=dict(headers), body=body))
        return True

    async def close(self) -> None:
        """Close all client connections."""
        for answer in self._open.values():
            answer.cancel()
        await self.server.shutdown(1.0)
