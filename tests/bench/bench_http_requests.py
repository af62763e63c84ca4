"""How many REST requests a simulated exchange answers over loopback, and how long each takes.

A server process on one core, a client of plain bytes on another; keep-alive, one request in flight
per connection. `ping` is HTTP and little else; `order` is a signed POST that rests and a signed
DELETE that ends it, in turn, through the whole exchange. Limits are lifted. Peer: the same client
against aiohttp, whose handler answers the same bytes and does nothing else.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import hmac
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.bench.exchange_stand import cores, serve_aiohttp, serve_exchange, served
from tests.bench.result import BenchResult, latency

CONNECTIONS = (1, 16)
REQUESTS, SMOKE_REQUESTS = 20_000, 200
WARM = 50
WATCHDOG_S = 120.0
PING = b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\n\r\n"


class Client(asyncio.Protocol):
    """One connection; asks `make()`, and again once the answer is whole."""

    def __init__(self, make: Callable[[int], bytes], run: Run) -> None:
        self._make, self._run = make, run
        self._got = b""
        self._sent_ns = 0

    def connection_made(self, transport):
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        number = self._run.take()
        if number is not None:
            self._sent_ns = time.perf_counter_ns()
            self._transport.write(self._make(number))

    def data_received(self, data: bytes) -> None:
        self._got += data
        end = self._got.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._got[:end].lower() + b"\r\n"
        at = head.find(b"content-length: ") + 16
        whole = end + 4 + int(head[at : head.find(b"\r", at)])
        if len(self._got) < whole:
            return
        assert self._got[9:12] == b"200", self._got
        self._got = self._got[whole:]
        self._run.answered(time.perf_counter_ns() - self._sent_ns)
        self._ask()


class Run:
    """So many requests, shared out among connections."""

    def __init__(self, requests: int) -> None:
        self._left = self._missing = requests
        self.took_ns: list[int] = []
        self.done = asyncio.get_running_loop().create_future()

    def take(self) -> int | None:
        self._left -= 1
        return self._left if self._left >= 0 else None

    def answered(self, took_ns: int) -> None:
        self.took_ns.append(took_ns)
        self._missing -= 1
        if self._missing == 0:
            self.done.set_result(None)


def measure(port: int, makers: list[Callable[[int], bytes]], requests: int):
    """Latencies in nanoseconds and requests per second."""

    async def main():
        loop = asyncio.get_running_loop()
        for count in (WARM, requests):
            run = Run(count)
            began = time.perf_counter()
            transports = [
                (await loop.create_connection(functools.partial(Client, make, run),
                                              "127.0.0.1", port))[0] for make in makers
            ]  # fmt: skip
            async with asyncio.timeout(WATCHDOG_S):
                await run.done
            rate = count / (time.perf_counter() - began)
            for transport in transports:
                transport.close()
        return np.array(run.took_ns, dtype=np.int64), rate

    return asyncio.run(main())


class Orders:
    """A resting order and its cancel, in turn, signed; of one connection."""

    def __init__(self, name: str, key: dict[str, str]) -> None:
        self._name, self._key = name, key
        self._count = 0

    def __call__(self, number: int) -> bytes:
        self._count += 1
        place, n = self._count % 2, (self._count + 1) // 2
        stamp = f"timestamp={time.time_ns() // 1_000_000}"
        if place:
            query = (f"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.00100&price="
                     f"{60_000 + n % 500}&newClientOrderId={self._name}-{n}&{stamp}")  # fmt: skip
        else:
            query = f"symbol=BTCUSDT&origClientOrderId={self._name}-{n}&{stamp}"
        secret = self._key["secret"].encode()
        sign = hmac.new(secret, query.encode(), hashlib.sha256).hexdigest()
        return (
            f"{'POST' if place else 'DELETE'} /api/v3/order?{query}&signature={sign} HTTP/1.1\r\n"
            f"Host: x\r\nX-MBX-APIKEY: {self._key['api_key']}\r\nContent-Length: 0\r\n\r\n"
        ).encode()


def _runs(port: int, kind: str, connections: int, requests: int, runs: int, key):
    found = []
    for k in range(runs):
        makers = [
            (lambda _: PING) if kind == "ping" else Orders(f"{kind[0]}{connections}x{k}x{c}", key)
            for c in range(connections)
        ]
        found.append(measure(port, makers, requests))
    return found


def run(smoke: bool, runs: int) -> list[BenchResult]:
    """Latency percentiles in microseconds; the rate stands in the note."""
    requests = SMOKE_REQUESTS if smoke else REQUESTS
    before = os.sched_getaffinity(0)
    made = []
    with tempfile.TemporaryDirectory() as folder:
        with served(serve_aiohttp) as port:
            os.sched_setaffinity(0, {cores()[0]})
            peer = {c: _runs(port, "ping", c, requests, runs, {}) for c in CONNECTIONS}
        os.sched_setaffinity(0, before)
        with served(functools.partial(serve_exchange, folder)) as port:
            os.sched_setaffinity(0, {cores()[0]})
            key = json.loads((Path(folder) / "keys" / "sim.main.json").read_text())
            for kind in ("ping", "order"):
                for connections in CONNECTIONS:
                    found = _runs(port, kind, connections, requests, runs, key)
                    made.append(_row(kind, connections, requests, found, peer[connections]))
        os.sched_setaffinity(0, before)
    return made


def _row(kind: str, connections: int, requests: int, found, peer) -> BenchResult:
    rate = float(np.median([rate for _, rate in found]))
    peer_rate = float(np.median([rate for _, rate in peer]))
    peer_us = float(np.median([np.median(took) / 1000 for took, _ in peer]))
    return latency(
        f"http_requests.{kind}_{connections}", "us", [took / 1000 for took, _ in found],
        {"aiohttp, HTTP alone": peer_us}, core_map="server and client on a core each", wait="park",
        checksum=requests * len(found), durability="process-crash-safe",
        note=f"{rate:,.0f} requests/s on {connections} connections; aiohttp {peer_rate:,.0f}",
    )  # fmt: skip
