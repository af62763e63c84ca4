"""A client of a venue's WebSocket API for benches: the desk's own network code, plain or by TLS.

Orders are limit orders far below the market, immediate-or-cancel: the venue checks, takes, ends and
remembers each one, and none rests. Each is signed by HMAC when it is sent, in the shape that
`oms/venues/binance/trade.py` gives it. Two ways of asking: one at a time, and so many a second
whether answers come or not (`Load`).
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from oms.ports import ConnEvent, HttpMeta, Key
from oms.venues.binance.trade import AccountFrames
from procs.clock import Clock
from procs.net.network import Network

ORDER = {
    "newOrderRespType": "ACK", "price": "60000.00", "quantity": "0.00100", "side": "BUY",
    "symbol": "BTCUSDT", "timeInForce": "IOC", "type": "LIMIT",
}  # fmt: skip
RECV_WINDOW_MS = 60_000
WATCHDOG_S = 300.0
TICK_S = 0.001
GOOD = b'"status":200'


class _TlsNetwork(Network):
    """Trusts one more authority."""

    def __init__(self, loop: asyncio.AbstractEventLoop, context: ssl.SSLContext | None) -> None:
        super().__init__(loop)
        self._context = context


class Client:
    """Some connections; it is its own sink."""

    role = "bench"

    def __init__(self, url: str, key: Key, context: ssl.SSLContext | None, name: str) -> None:
        self._network = _TlsNetwork(asyncio.get_running_loop(), context)
        self._frames = AccountFrames(key, 1, RECV_WINDOW_MS)
        self._url, self._name = url, name
        self._clock = Clock()
        self._opened = 0
        self._changed = asyncio.Event()
        self.conns: list[int] = []
        self.count = 0
        self.refused: list[bytes] = []
        self.answered: Callable[[int, int], None] = lambda number, now_ns: None

    async def open(self, connections: int) -> None:
        """All of them, or a watchdog."""
        self.conns = [self._network.open_ws(self, self._url, None) for _ in range(connections)]
        async with asyncio.timeout(WATCHDOG_S):
            while self._opened < connections:
                await self._changed.wait()
                self._changed.clear()

    async def close(self) -> None:
        await self._network.shut()

    def send(self) -> int:
        """One order on the connection whose turn it is; its number."""
        self.count += 1
        params = {**ORDER, "newClientOrderId": f"{self._name}{self.count}"}
        venue_ms = self._clock.now_ns() // 1_000_000
        frame = self._frames.signed(self.count, "order.place", venue_ms, params)
        self._network.send(self.conns[self.count % len(self.conns)], frame)
        return self.count

    # What the network calls

    def on_bytes(self, conn: int, data: bytes, meta: HttpMeta | None = None) -> None:
        now_ns = time.perf_counter_ns()
        if GOOD not in data:
            self.refused.append(data)
            return
        begin = data.index(b'"id":"') + 6
        self.answered(int(data[begin : data.index(b'"', begin)]), now_ns)

    def on_conn(self, conn: int, event: ConnEvent) -> None:
        assert event is not ConnEvent.FAILED, f"no connection to {self._url}"
        self._opened += event is ConnEvent.OPENED
        self._changed.set()

    def after_input(self) -> None:
        return

    def log(self, level: str, event: str, **fields: Any) -> None:
        assert level != "error", f"{event}: {fields}"


async def one_at_a_time(client: Client, orders: int) -> np.ndarray:
    """Nanoseconds from before the signature to the acknowledgement, of each order."""
    took = np.zeros(orders, np.int64)
    here = asyncio.Event()
    came_ns = 0

    def answered(number: int, now_ns: int) -> None:
        nonlocal came_ns
        came_ns = now_ns
        here.set()

    client.answered = answered
    async with asyncio.timeout(WATCHDOG_S):
        for k in range(orders):
            here.clear()
            began_ns = time.perf_counter_ns()
            client.send()
            await here.wait()
            took[k] = came_ns - began_ns
    assert not client.refused, client.refused[0]
    return took


class Load:
    """So many orders a second for so long, whether answers come or not.

    An order's time counts from the moment at which it was due, so that a venue that falls behind is
    not spared (no coordinated omission). At most `in_flight` orders have no answer; beyond that the
    client waits, what was due is late, and what is not sent when the time is over is not sent.
    """

    def __init__(self, client: Client, per_s: int, seconds: float, in_flight: int) -> None:
        self._client, self._in_flight = client, in_flight
        self._every_ns = 10**9 // per_s
        self.offered = round(per_s * seconds)
        self.sent = self.waits = self._done = 0
        self._late_ns = np.zeros(self.offered, np.int64)
        self._finished = asyncio.Event()

    async def run(self) -> float:
        """Answers a second, from the first order's due time to the last answer."""
        client, first, every = self._client, self._client.count + 1, self._every_ns
        start_ns = time.perf_counter_ns()
        end_ns = start_ns + self.offered * every
        last_ns = start_ns

        def answered(number: int, now_ns: int) -> None:
            nonlocal last_ns
            k = number - first
            self._late_ns[k] = now_ns - (start_ns + k * every)
            self._done += 1
            last_ns = now_ns
            if self._done == self.sent:
                self._finished.set()

        client.answered = answered
        while self.sent < self.offered and (now_ns := time.perf_counter_ns()) < end_ns:
            due = min((now_ns - start_ns) // every + 1, self.offered)
            room = self._in_flight - (self.sent - self._done)
            self.waits += due - self.sent > room
            for _ in range(min(due - self.sent, room)):
                client.send()
                self.sent += 1
            await asyncio.sleep(TICK_S)
        async with asyncio.timeout(WATCHDOG_S):
            while self._done < self.sent:
                self._finished.clear()
                await self._finished.wait()
        assert not client.refused, client.refused[0]
        return self._done / (last_ns - start_ns) * 1e9

    @property
    def late_ns(self) -> np.ndarray:
        """Of each order that was sent: from when it was due to its answer."""
        return self._late_ns[: self.sent]

    @property
    def lost(self) -> int:
        """Orders without an answer."""
        return self.sent - self._done
