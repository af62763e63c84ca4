"""The order path the usual Python way: what `order_path` is compared with, in the same run.

The same two processes and the same work: an intent as JSON is parsed, checked with Decimal (tick,
lot, minimum and maximum amount, price collar, position, open orders, rate), entered into dicts,
written to a log file as a line of JSON, handed to the sender through a multiprocessing.Pipe, and
there checked, signed by hmac, put into JSON and given to the same kind of socket. No seen system
is quoted here: it is the plain way of writing it, without waste on purpose.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import multiprocessing
import os
import socket
import tempfile
import time
from collections import deque
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import orjson

from tests.stress.memory import fork, reap, shared_words

ACCOUNTS = 201
GAP_NS_MAX = 60_000
PARK_GAP_NS = 400_000
WATCHDOG_S = 300.0
SECRET = b"0123456789abcdef0123456789abcdef"
API_KEY = "0123456789abcdef0123456789abcdef"


class Checks:
    """Rules and state as dicts and Decimals."""

    def __init__(self) -> None:
        self.rules = {
            "tick": Decimal("0.01"), "lot": Decimal("0.00001"), "min": Decimal(5),
            "max": Decimal(10000), "position": Decimal(20000), "collar": Decimal("0.05"),
        }  # fmt: skip
        self.mid = Decimal(60000)
        self.accounts = {f"acc{k}": {"position": Decimal(0), "open": {}} for k in range(ACCOUNTS)}
        self.sent_ns: deque[int] = deque(maxlen=100_000)
        self.count = 0

    def accept(self, intent: dict[str, Any], now_ns: int) -> dict[str, Any]:
        """The order of an intent that passes every rule."""
        rules, account = self.rules, self.accounts[intent["account"]]
        px, qty = Decimal(intent["price"]), Decimal(intent["quantity"])
        assert px > 0
        assert px % rules["tick"] == 0
        assert qty > 0
        assert qty % rules["lot"] == 0
        amount = px * qty
        assert rules["min"] <= amount <= rules["max"]
        assert abs(px - self.mid) <= self.mid * rules["collar"]
        reserved = sum((order["amount"] for order in account["open"].values()), Decimal(0))
        assert account["position"] + reserved + amount <= rules["position"]
        assert len(account["open"]) < 8
        while self.sent_ns and now_ns - self.sent_ns[0] > 1_000_000_000:
            self.sent_ns.popleft()
        self.sent_ns.append(now_ns)
        self.count += 1
        order = {
            "id": f"bench{self.count:012d}", "symbol": intent["symbol"], "side": intent["side"],
            "price": intent["price"], "quantity": intent["quantity"],
            "account": intent["account"], "valid_until": intent["valid_until"],
        }  # fmt: skip
        account["open"][order["id"]] = {**order, "amount": amount, "state": "PENDING_NEW"}
        return order

    def close(self, order: dict[str, Any]) -> None:
        """The order was answered."""
        del self.accounts[order["account"]]["open"][order["id"]]


def frame(order: dict[str, Any], now_ns: int) -> bytes:
    """Signed bytes of an order."""
    assert now_ns <= order["valid_until"]
    params = {
        "apiKey": API_KEY, "newClientOrderId": order["id"], "newOrderRespType": "RESULT",
        "price": order["price"], "quantity": order["quantity"], "recvWindow": 5000,
        "side": order["side"], "symbol": order["symbol"], "timeInForce": "IOC",
        "timestamp": now_ns // 1_000_000, "type": "LIMIT",
    }  # fmt: skip
    text = urlencode(params).encode()
    params["signature"] = hmac.new(SECRET, text, hashlib.sha256).hexdigest()
    return json.dumps({"id": order["id"], "method": "order.place", "params": params}).encode()


def _send(pipe: Any, spin: bool, count: int, stamps: np.ndarray) -> int:
    """The sender's process."""
    listener = socket.create_server(("127.0.0.1", 0))
    near = socket.create_connection(listener.getsockname())
    near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    far = listener.accept()[0]
    for k in range(count):
        while spin and not pipe.poll(0):
            continue
        order = orjson.loads(pipe.recv_bytes())
        data = frame(order, time.time_ns())
        near.send(data)
        stamps[k] = time.perf_counter_ns()
        far.recv(1 << 16)
        pipe.send_bytes(b"closed")
    return 0


class Book:
    """A book as two dicts of Decimal, and its best bid."""

    def __init__(self) -> None:
        self.bids: dict[Decimal, Decimal] = {}
        self.asks: dict[Decimal, Decimal] = {}

    def take(self, text: bytes) -> tuple[Decimal, Decimal]:
        """Apply a diff; the best bid."""
        event = orjson.loads(text)["data"]
        for side, rows in ((self.bids, event["b"]), (self.asks, event["a"])):
            for px_text, qty_text in rows:
                px, qty = Decimal(px_text), Decimal(qty_text)
                if qty:
                    side[px] = qty
                else:
                    side.pop(px, None)
        best = max(self.bids)
        return best, self.bids[best]


def _decide(
    pipe: Any, spin: bool, count: int, stamps: np.ndarray, path: Path, frames: list[bytes] | None
) -> int:
    """The process of book, strategy and risk; without `frames` it begins with the intent."""
    book = Book()
    checks = Checks()
    chance = np.random.Generator(np.random.PCG64(7))
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for k in range(count):
        readable = orjson.dumps({
            "symbol": "BTCUSDT", "side": "BUY", "price": "59999.99", "quantity": "0.01",
            "account": "acc0", "valid_until": time.time_ns() + 1_000_000_000,
        })  # fmt: skip
        stamps[k] = time.perf_counter_ns()
        if frames is not None:
            best, _ = book.take(frames[k])
            assert best < checks.mid
        intent = orjson.loads(readable)
        order = checks.accept(intent, time.time_ns())
        os.write(log, orjson.dumps({"intent": intent, "order": order}) + b"\n")
        pipe.send_bytes(orjson.dumps(order))
        while spin and not pipe.poll(0):
            continue
        pipe.recv_bytes()
        checks.close(order)
        gap_ns = int(chance.integers(GAP_NS_MAX))
        until = time.monotonic_ns() + gap_ns
        if not spin:
            time.sleep((gap_ns + PARK_GAP_NS) / 1e9)
        while spin and time.monotonic_ns() < until:
            continue
    return 0


def once(
    wait: str, cores: tuple[int, int], orders: int, warm: int, frames: list[bytes] | None = None
) -> tuple[np.ndarray, int]:
    """Microseconds of each order, as `bench_order_path.once`; from each of `frames` on, which are
    diffs off a socket, if there are any.
    """
    count = orders + warm
    began, ended = shared_words(count), shared_words(count)
    near, far = multiprocessing.Pipe()
    spin = wait == "spin"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders.jsonl"
        pids = [
            fork(lambda: _decide(near, spin, count, began, path, frames), cores[1]),
            fork(lambda: _send(far, spin, count, ended), cores[0]),
        ]
        codes = reap(pids, WATCHDOG_S)
        lines = path.read_bytes().count(b"\n")
    near.close()
    far.close()
    assert codes == [0, 0], f"the peer ended with {codes}"
    assert lines == count, "every order is in the file"
    return (ended - began)[warm:] / 1e3, lines
