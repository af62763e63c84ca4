"""The fast path of a plain order says and does what the long way would, to the byte.

Two exchanges get the same messages, one of them without the fast path: answers, events, what is
remembered and the engine's state must be equal after every message.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import random

import numpy as np
import pytest

from oms.venues.binance.server.limits import LimitRules
from oms.venues.binance.server.orders import fast_path_hot as kernel
from tests.oms.venues.binance.server.exchange_client import KEYS, MS, Client

PATH = "/ws-api/v3"
CONN, LISTENER = 5, 6
MANY = LimitRules(10**6, 10**6, 10**6, 10**6, 10**6)
SYMBOLS = ("BTCUSDT", "BTCUSDT", "BTCUSDT", "ETHUSDT", "XRPUSDT", "btcusdt", "")
SIDES = ("BUY", "SELL", "BUY", "SELL", "HOLD", 1)
TYPES = ("LIMIT", "LIMIT", "LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "limit")
TIMES = ("GTC", "GTC", "IOC", "FOK", "GTX", None, 0)
RESPONSES = ("ACK", "RESULT", "FULL", None, None, "ALL")
MODES = ("NONE", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT", None, None, None, "ODD")
PRICES = (
    "60000", "60000.00", "59999.5", "60000.01000000", "60000.010000000000", "60000.001", "060000",
    "60000.", ".5", "6e4", "0", "-1", "99999999999", "60000.00000000000000000000000", 60000, None,
)  # fmt: skip
QUANTITIES = (
    "0.001", "0.00100000", "0.5", "2", "0.00001", "0.000001", "0.0010000000000", "1.", "", "0",
    "1" * 21, 1, None,
)  # fmt: skip
IDS = ("a", "x-Y_9", 7, 0, None, -5, 1.5, "a b", "é", "y" * 64, "y" * 65, True)
WINDOWS = (None, None, 5000, 60_000, 60_001, 0, "5000", 1.5, -1, 5000.1)


class Frames:
    """A seeded stream of requests, most of them plain, the rest odd in one way or another."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.count = 0

    def odd(self, values, plain: int = 1, one_in: int = 12):
        """One of the first `plain` values, and now and then any of them."""
        pick = values if self.rng.randrange(one_in) == 0 else values[:plain]
        return self.rng.choice(pick)

    def params(self, now_ms: int):
        self.count += 1
        rng = self.rng
        kind = self.odd(TYPES, 5)
        taken = rng.randrange(15) == 0 and self.count > 1
        given = {
            "symbol": self.odd(SYMBOLS, 4),
            "side": self.odd(SIDES, 4),
            "type": kind,
            "timeInForce": None if kind in ("MARKET", "LIMIT_MAKER") else self.odd(TIMES, 4),
            "price": None if kind == "MARKET" else self.odd(PRICES, 5),
            "quantity": self.odd(QUANTITIES, 5),
            "newOrderRespType": self.odd(RESPONSES, 5),
            "selfTradePreventionMode": self.odd(MODES, 7),
            "newClientOrderId": f"c{self.count - 1 if taken else self.count}",
            "recvWindow": self.odd(WINDOWS, 4),
            "timestamp": now_ms + self.odd((0, -1000, 999, 1000, -5001, -60_000, 10**17), 3, 20),
        }
        for name, values in (
            ("newClientOrderId", ("a b", "", "x" * 36, "x" * 37, 5, None, "é")),
            ("timestamp", (str(now_ms), None, now_ms * 1000, 1.5)),
            ("stopPrice", ("1",)), ("icebergQty", ("0.0005",)), ("quoteOrderQty", ("10",)),
            ("strategyId", (1,)), ("returnRateLimits", (False,)), ("unheard", ("1",)),
        ):  # fmt: skip
            if rng.randrange(40) == 0:
                given[name] = rng.choice(values)
        return {name: value for name, value in given.items() if value is not None}

    def message(self, now_ms: int, *, logged_on: bool = False) -> bytes:
        """One request as bytes, signed, and sometimes changed behind that."""
        rng, params = self.rng, self.params(now_ms)
        if not logged_on or rng.randrange(5) == 0:
            params["apiKey"] = self.odd(("kalice", "kbob", "nobody", 5, ""), 2, 25)
            account = KEYS.get(params["apiKey"], KEYS["kalice"])
            payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
            signature = hmac.new(account[1], payload.encode(), hashlib.sha256).hexdigest()
            params["signature"] = self.odd((signature, signature.upper(), "0" * 64, "é", 1), 2, 25)
        names = list(params)
        rng.shuffle(names)
        params = {name: params[name] for name in names}
        if rng.randrange(50) == 0:
            del params[rng.choice(names)]
        members = {
            "id": self.odd(IDS, 4),
            "method": self.odd(("order.place", "v3/order.place", "order.test", "x", 5), 1, 30),
            "params": params,
        }
        if rng.randrange(40) == 0:
            members[rng.choice(("id", "more", "params"))] = rng.choice((None, 1, [], {}))
        separators = (", ", ": ") if rng.randrange(30) == 0 else (",", ":")
        ascii_only = rng.randrange(2) == 0
        return self.changed(
            json.dumps(members, separators=separators, ensure_ascii=ascii_only).encode()
        )

    def changed(self, data: bytes) -> bytes:
        """Now and then cut, doubled or changed at a place."""
        rng = self.rng
        if rng.randrange(12):
            return data
        at = rng.randrange(len(data))
        kind = rng.randrange(5)
        if kind == 0:
            return data[:at]
        if kind == 1:
            return data[:at] + data[at + 1 :]
        if kind == 2:
            return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
        if kind == 3:
            return data.replace(b'"side":', b'"side":"BUY","side":', 1)
        return data.replace(b"LIMIT", b"\\u004cIMIT", 1)


def pair(**more) -> tuple[Client, Client]:
    """Two exchanges alike, the second one without the fast path; a listener at each."""
    made = Client(**more), Client(**more)
    made[1].server._api._fast_path.read = lambda *_: None
    for client in made:
        client.open(CONN, PATH)
    return made


def listen(client: Client) -> None:
    client.open(LISTENER, PATH)
    client.server.on_message(LISTENER, subscription(client.now_ns), client.now_ns)


def subscription(now_ns: int) -> bytes:
    params = {"apiKey": "kalice", "timestamp": now_ns // MS}
    payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
    params["signature"] = hmac.new(KEYS["kalice"][1], payload.encode(), hashlib.sha256).hexdigest()
    asked = {"id": 1, "method": "userDataStream.subscribe.signature", "params": params}
    return json.dumps(asked).encode()


def drive(seed: int, messages: int, *, logged_on: bool = False, **more) -> int:
    """Both exchanges through the same stream; how many messages went the fast path."""
    short, long = clients = pair(**more)
    frames, fast_path = Frames(seed), short.server._api._fast_path
    plain = 0
    before = fast_path.read

    def counted(*given):
        nonlocal plain
        found = before(*given)
        plain += found is not None
        return found

    fast_path.read = counted
    for client in clients:
        if logged_on:
            client.server._api._sessions[CONN].api_key = "kalice"
    for k in range(messages):
        if k == messages // 2:
            for client in clients:
                listen(client)
        data = frames.message(short.now_ns // MS, logged_on=logged_on)
        for client in clients:
            client.now_ns += 7 * MS
            client.server.on_message(CONN, data, client.now_ns)
        told = [client.server.take_out() for client in clients]
        assert told[0] == told[1], data
        lines = [client.market.remembered.take_lines() for client in clients]
        assert lines[0] == lines[1], data
    assert short.market.engine.state_hash() == long.market.engine.state_hash()
    return plain


@pytest.mark.parametrize("seed", range(4))
def test_both_ways_say_and_do_the_same(seed, sized):
    messages = sized(700, 100)
    assert drive(seed, messages, rules=MANY) > messages // 4


def test_a_session_that_is_logged_on_needs_no_signature(sized):
    messages = sized(500, 100)
    assert drive(11, messages, logged_on=True, rules=MANY) > messages // 4


def test_limits_and_lost_replies_are_the_same_both_ways():
    messages = 100  # the address is banned before long
    tight = LimitRules(150, 9, 200_000, 300_000, 300)
    assert drive(21, messages, rules=tight) > messages // 4
    lost = (k % 3 == 0 for k in range(messages) for _ in range(2))  # the same for both
    assert drive(22, messages, rules=MANY, lose_reply=lambda: next(lost)) > messages // 4


def test_a_revoked_key_goes_the_long_way():
    short, _ = pair()
    session = short.server._api._sessions[CONN]
    session.api_key = "kalice"
    data = plain_message(short.now_ns)
    assert short.server._api._fast_path.read(data, "kalice", short.now_ns) is not None
    short.server.keyring.revoke("kalice")
    assert short.server._api._fast_path.read(data, "kalice", short.now_ns) is None


def plain_message(now_ns: int) -> bytes:
    params = {
        "apiKey": "kbob", "newClientOrderId": "c1", "price": "60000.00", "quantity": "0.001",
        "recvWindow": 5000, "side": "BUY", "symbol": "BTCUSDT", "timeInForce": "GTC",
        "timestamp": now_ns // MS, "type": "LIMIT",
    }  # fmt: skip
    payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
    params["signature"] = hmac.new(KEYS["kbob"][1], payload.encode(), hashlib.sha256).hexdigest()
    asked = {"id": "q1", "method": "order.place", "params": params}
    return json.dumps(asked, separators=(",", ":")).encode()


def test_no_part_of_a_plain_order_is_one():
    short, _ = pair()
    fast_path, data = short.server._api._fast_path, plain_message(short.now_ns)
    assert fast_path.read(data, None, short.now_ns) is not None
    for end in range(len(data)):
        assert fast_path.read(data[:end], None, short.now_ns) is None
    for more in (b" ", b"}", b"\0", data):
        assert fast_path.read(data + more, None, short.now_ns) is None


def test_what_is_signed_is_sorted_and_whole():
    data = plain_message(1_700_000_000_000 * MS)
    payload, meaning = np.zeros(8192, np.uint8), np.zeros(8192, np.uint8)
    found = np.zeros(kernel.ARRAY_WORDS, np.int64)
    assert kernel.scan(np.frombuffer(data, np.uint8), payload, meaning, found) == 1
    params = json.loads(data)["params"]
    del params["signature"]
    wanted = "&".join(f"{name}={params[name]}" for name in sorted(params))
    assert bytes(payload[: found[kernel.FOUND_PAYLOAD_BYTES]]) == wanted.encode()
    assert sorted(kernel.NAMES) == list(kernel.NAMES)


def test_a_message_that_is_too_long_is_not_scanned():
    payload, meaning = np.zeros(8192, np.uint8), np.zeros(8192, np.uint8)
    found = np.zeros(kernel.ARRAY_WORDS, np.int64)
    data = plain_message(1_700_000_000_000 * MS)
    long = data.replace(b'"id":"q1"', b'"id":"' + b"q" * kernel.BYTES_MAX + b'"')
    assert kernel.scan(np.frombuffer(long, np.uint8), payload, meaning, found) == 0
