"""A running desk the usual Python way: what the bench `desk` is compared with, in the same run.

One asyncio process: `websockets` for the market's streams and for orders, orjson, a sorted book of
Decimals, checks on dicts and Decimals (`order_peer`), a line of JSON written to the journal before
the order is sent, HMAC by hmac. It trades on the same simulated exchange with the same flow over
the same kind of sockets, by the rule of `desk_probe`. No seen system is quoted here: it is the
plain way of writing it, without waste on purpose, and without what the desk's own is there for (a
second account, a kill switch, recovery).
"""

from __future__ import annotations

import asyncio
import asyncio.sslproto
import hashlib
import hmac
import os
import ssl
import tempfile
import time
import urllib.request
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from time import perf_counter_ns
from typing import Any
from urllib.parse import urlencode

import numpy as np
import orjson
from sortedcontainers import SortedDict
from websockets.asyncio.client import ClientConnection, connect

from oms.ports import Key
from tests.bench.desk_probe import BELOW, OPEN_MAX, QTY
from tests.bench.order_peer import Checks
from tests.stress.memory import fork, reap, shared_words

WATCHDOG_S = 300.0
STREAMS = "btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@trade"
TICK = Decimal("0.01")
VALID_NS = 1_000_000_000
_read_ns = [0]
"""Bytes last came off a socket."""


class Book:
    """Both sides by price; `best` is the best bid and its quantity."""

    def __init__(self) -> None:
        self.bids: SortedDict = SortedDict()
        self.asks: SortedDict = SortedDict()
        self.update_id = 0
        self.best: tuple[Decimal, Decimal] = (Decimal(0), Decimal(0))

    def take_snapshot(self, snapshot: dict[str, Any]) -> None:
        """A REST answer; older events are passed over from now on."""
        self.update_id = snapshot["lastUpdateId"]
        for side, name in ((self.bids, "bids"), (self.asks, "asks")):
            side.update({Decimal(px): Decimal(qty) for px, qty in snapshot[name]})

    def take(self, event: dict[str, Any]) -> bool:
        """One event of the combined stream; True = the best bid is another one."""
        data, bids = event["data"], self.bids
        if data.get("e") == "depthUpdate":
            if data["u"] <= self.update_id:
                return False
            self.update_id = data["u"]
            for side, rows in ((bids, data["b"]), (self.asks, data["a"])):
                for px_text, qty_text in rows:
                    px, qty = Decimal(px_text), Decimal(qty_text)
                    if qty:
                        side[px] = qty
                    else:
                        side.pop(px, None)
        elif "B" in data:
            px = Decimal(data["b"])
            while bids and bids.peekitem(-1)[0] > px:
                bids.popitem(-1)
            bids[px] = Decimal(data["B"])
        else:
            return False  # a trade
        before, self.best = self.best, bids.peekitem(-1)
        return self.best != before


class Desk:
    """The whole of it; `samples` are (frame off the socket, decided, sent) of each order, ns."""

    def __init__(self, key: Key, journal: int, every: int, orders: int) -> None:
        self._key, self._journal, self._every = key, journal, every
        self._mac = hmac.new(key.secret, digestmod=hashlib.sha256)
        self._checks = Checks()
        self._open: dict[str, dict[str, Any]] = {}
        self._ticks = 0
        self._left = orders
        self._done = asyncio.Event()
        self.samples: list[tuple[int, int, int]] = []
        self.book = Book()

    async def run(self, streams: ClientConnection, api: ClientConnection) -> None:
        """Until every order was acknowledged."""
        await api.send(self._signed("0", "userDataStream.subscribe.signature", {}))
        tasks = [asyncio.create_task(self._trade(streams, api)),
                 asyncio.create_task(self._hear(api))]  # fmt: skip
        ended = asyncio.create_task(self._done.wait())
        await asyncio.wait([ended, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done():
                task.result()
            task.cancel()
        assert self._done.is_set(), "a connection ended"

    async def _trade(self, streams: ClientConnection, api: ClientConnection) -> None:
        book = self.book
        while True:
            data = await streams.recv(decode=False)
            read_ns = _read_ns[0]
            if book.take(orjson.loads(data)) and self._left and len(self._open) < OPEN_MAX:
                self._ticks += 1
                if self._ticks % self._every == 0:
                    self._left -= 1
                    decided_ns = perf_counter_ns()
                    await self._place(api)
                    self.samples.append((read_ns, decided_ns, perf_counter_ns()))

    async def _place(self, api: ClientConnection) -> None:
        best = self.book.best[0]
        px = (best - best / BELOW).quantize(TICK)
        self._checks.mid = best
        now_ns = time.time_ns()
        intent = {"symbol": "BTCUSDT", "side": "BUY", "price": str(px), "quantity": QTY,
                  "account": "acc0", "valid_until": now_ns + VALID_NS}  # fmt: skip
        order = self._checks.accept(intent, now_ns)
        self._open[order["id"]] = order
        os.write(self._journal, orjson.dumps({"intent": intent, "order": order}) + b"\n")
        await api.send(self._signed(order["id"], "order.place", {
            "newClientOrderId": order["id"], "newOrderRespType": "RESULT",
            "price": order["price"], "quantity": order["quantity"], "side": order["side"],
            "symbol": order["symbol"], "timeInForce": "IOC", "type": "LIMIT",
        }))  # fmt: skip

    def _signed(self, number: str, method: str, params: dict[str, Any]) -> str:
        stamp = {"recvWindow": 5000, "timestamp": time.time_ns() // 1_000_000}
        every = {**params, **stamp, "apiKey": self._key.api_key}
        mac = self._mac.copy()
        mac.update(urlencode(sorted(every.items())).encode())
        every["signature"] = mac.hexdigest()
        return orjson.dumps({"id": number, "method": method, "params": every}).decode()

    async def _hear(self, api: ClientConnection) -> None:
        while True:
            message = orjson.loads(await api.recv(decode=False))
            order = self._open.pop(message.get("id"), None)
            if order is None:
                assert message.get("status", 200) == 200, message
                continue
            assert message["status"] == 200, message
            self._checks.close(order)
            if not self._left and not self._open:
                self._done.set()


class _Stamped(ClientConnection):
    def data_received(self, data: bytes) -> None:
        _read_ns[0] = perf_counter_ns()
        super().data_received(data)


def _stamp_tls() -> None:
    """By TLS what comes is stamped before it is deciphered, as the desk's."""
    kind: Any = asyncio.sslproto.SSLProtocol
    took = kind.buffer_updated

    def buffer_updated(self: Any, nbytes: int) -> None:
        _read_ns[0] = perf_counter_ns()
        took(self, nbytes)

    kind.buffer_updated = buffer_updated


def _snapshot(url: str, context: ssl.SSLContext | None) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=WATCHDOG_S, context=context) as answer:
        found: dict[str, Any] = orjson.loads(answer.read())
    return found


async def _run(
    key: Key, ports: tuple[int, int], context: ssl.SSLContext | None, journal: int, every: int,
    orders: int,
) -> list[tuple[int, int, int]]:  # fmt: skip
    desk = Desk(key, journal, every, orders)
    s = "s" if context else ""
    at = f"ws{s}://127.0.0.1:{ports[1]}"
    kind: Callable[..., ClientConnection] = ClientConnection if context else _Stamped
    told = {"ssl": context, "compression": None, "create_connection": kind}
    async with (
        asyncio.timeout(WATCHDOG_S),
        connect(f"{at}/stream?streams={STREAMS}", **told) as streams,
        connect(f"{at}/ws-api/v3", **told) as api,
    ):
        rest = f"http{s}://127.0.0.1:{ports[0]}/api/v3/depth?symbol=BTCUSDT&limit=1000"
        desk.book.take_snapshot(await asyncio.to_thread(_snapshot, rest, context))
        await desk.run(streams, api)
    return desk.samples


def once(
    key: Key, ports: tuple[int, int], context: ssl.SSLContext | None, core: int, every: int,
    orders: int,
) -> np.ndarray:  # fmt: skip
    """(frame off the socket, decided, sent) of each order, ns; `ports` are REST and WebSocket."""
    words = shared_words(orders * 3).reshape(orders, 3)

    def work() -> int:
        if context is not None:
            _stamp_tls()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "orders.jsonl"
            journal = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            words[:] = asyncio.run(_run(key, ports, context, journal, every, orders))
            os.close(journal)
        return 0

    codes = reap([fork(work, core)], WATCHDOG_S)
    assert codes == [0], f"the peer ended with {codes}"
    return words.copy()
