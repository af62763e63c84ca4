"""Market streams: the venue's book rule and the bookTicker oracle hold on what is sent."""

from __future__ import annotations

import itertools
import random

import pytest

from tests.oms.venues.binance.server.exchange_client import BTC, Client

ALL = "btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@trade"


def apply(book, event):
    for side, name in zip(book, ("b", "a"), strict=True):
        for px, qty in event[name]:
            if float(qty) == 0:
                side.pop(float(px), None)
            else:
                side[float(px)] = qty


def follow(messages, snapshot):
    """Apply the book rule; (comparisons, disagreements) against the bookTicker stream."""
    book = [{}, {}]
    last = snapshot["lastUpdateId"]
    for side, name in zip(book, ("bids", "asks"), strict=True):
        side.update({float(px): qty for px, qty in snapshot[name]})
    tickers = []
    compared = wrong = 0
    previous = None
    for message in messages:
        data = message["data"]
        if "B" in data and "e" not in data:
            tickers.append(data)
        elif data["e"] == "depthUpdate":
            assert previous is None or data["U"] == previous + 1
            previous = data["u"]
            if data["u"] <= last:
                continue
            assert data["U"] <= last + 1
            last = data["u"]
            apply(book, data)
            earlier = [t for t in tickers if t["u"] <= last]
            if earlier:
                t = earlier[-1]
                bid, ask = max(book[0]), min(book[1])
                compared += 1
                found = (bid, book[0][bid], ask, book[1][ask])
                wrong += found != (float(t["b"]), t["B"], float(t["a"]), t["A"])
    return compared, wrong


@pytest.mark.parametrize("snapshot_after_s", [0.0, 0.65])
def test_streams_book_follows_the_rule_and_equals_every_ticker(snapshot_after_s):
    client = Client(flow=200)
    client.run(0.5)
    client.open(5, f"/stream?streams={ALL}")
    client.run(snapshot_after_s)
    _, snapshot = client.get("/api/v3/depth", symbol="BTCUSDT", limit=5000)
    client.run(6)
    compared, wrong = follow(client.inbox[5], snapshot)
    assert compared >= 40
    assert wrong == 0


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("stream", "period_s"), [("depth@100ms", 0.1), ("depth", 1.0), ("depth@1000ms", 1.0)]
)
def test_streams_snapshot_and_diffs_rebuild_the_engines_book(stream, period_s, seed):
    """Whenever the rule is followed, the rebuilt book is the engine's, level by level."""
    chance = random.Random(seed)
    client = Client(flow=chance.choice([60, 200, 400]), symbols=(BTC,))
    client.run(chance.uniform(0.1, 2))
    client.open(5, f"/ws/btcusdt@{stream}")
    client.run(chance.uniform(0, 1.5))
    _, snapshot = client.get("/api/v3/depth", symbol="BTCUSDT", limit=5000)
    book = [dict(snapshot[name]) for name in ("bids", "asks")]
    last, compared, taken = snapshot["lastUpdateId"], 0, 0
    for _ in range(40):
        period_ns = int(period_s * 10**9)
        left_ns = period_ns - client.now_ns % period_ns
        client.run(left_ns / 10**9)
        diffs = client.inbox.get(5, [])
        for diff in diffs[taken:]:
            if diff["u"] <= last:
                continue
            assert diff["U"] <= last + 1
            last = diff["u"]
            for side, levels in zip(book, (diff["b"], diff["a"]), strict=True):
                for px, qty in levels:
                    if float(qty) == 0:
                        side.pop(px, None)
                    else:
                        side[px] = qty
        taken = len(diffs)
        engine = client.get("/api/v3/depth", symbol="BTCUSDT", limit=5000)[1]
        client.server._desk.limits._weight._counts.clear()
        if engine["lastUpdateId"] == last:
            compared += 1
            assert book == [dict(engine["bids"]), dict(engine["asks"])]
    assert compared >= 10


def test_streams_trades_have_ids_without_gaps_and_times_in_order():
    client = Client(flow=200)
    client.open(5, "/ws/btcusdt@trade")
    client.run(5)
    trades = client.inbox[5]
    assert [t["t"] for t in trades] == list(range(trades[0]["t"], trades[0]["t"] + len(trades)))
    assert all(a["T"] <= b["T"] for a, b in itertools.pairwise(trades))
    assert all(t["e"] == "trade" and t["T"] == t["E"] for t in trades)


def test_streams_slow_and_fast_diffs_chain_by_themselves():
    client = Client(flow=200)
    client.open(5, "/stream?streams=btcusdt@depth")
    client.open(6, "/ws/btcusdt@depth@100ms")
    client.run(4)
    slow = [m["data"] for m in client.inbox[5]]
    fast = client.inbox[6]
    assert 3 <= len(slow) <= 4
    assert 30 <= len(fast) <= 40
    for diffs in (slow, fast):
        assert all(b["U"] == a["u"] + 1 for a, b in itertools.pairwise(diffs))
        assert all(d["E"] % 100 == 0 for d in diffs)
    assert all(d["E"] % 1000 == 0 for d in slow)


def test_streams_subscribe_list_unsubscribe():
    client = Client()
    conn = client.open(5, "/ws")
    client.say(conn, {"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 1})
    client.say(conn, {"method": "LIST_SUBSCRIPTIONS", "id": 2})
    client.order("SELL", "60000")
    client.order("BUY", "60000", key="kbob")
    client.say(conn, {"method": "UNSUBSCRIBE", "params": ["btcusdt@trade"], "id": "x"})
    client.say(conn, {"method": "LIST_SUBSCRIPTIONS", "id": 4})
    client.order("SELL", "60000")
    client.order("BUY", "60000", key="kbob")
    first, listed, trade, gone, empty = client.inbox[conn]
    assert first == {"result": None, "id": 1}
    assert listed == {"result": ["btcusdt@trade"], "id": 2}
    assert (trade["e"], trade["m"], trade["q"]) == ("trade", False, "0.10000000")
    assert gone == {"result": None, "id": "x"}
    assert empty == {"result": [], "id": 4}


@pytest.mark.parametrize(
    "message",
    [
        b"{",
        b"[]",
        {"method": "SHOUT", "id": 1},
        {"method": "SUBSCRIBE", "params": ["nope@trade"], "id": 1},
        {"method": "SUBSCRIBE", "params": "btcusdt@trade", "id": 1},
        {"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 1, "extra": 2},
        {"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": [1]},
    ],
)
def test_streams_bad_messages_get_an_error_and_change_nothing(message):
    client = Client()
    conn = client.open(5, "/stream?streams=ethusdt@trade")
    client.say(conn, message)
    client.say(conn, {"method": "LIST_SUBSCRIPTIONS", "id": 9})
    refused, listed = client.inbox[conn]
    assert refused["error"]["code"] in (2, 3)
    assert listed["result"] == ["ethusdt@trade"]


@pytest.mark.parametrize("target", ["/stream?streams=btcusdt@nope", "/ws/x@trade", "/ws/0"])
def test_streams_that_do_not_exist_are_passed_over(target):
    client = Client()
    client.open(5, target)
    assert client.closed == []


@pytest.mark.parametrize("target", ["/nope", "/stream?a=1", "/"])
def test_streams_unknown_targets_are_closed(target):
    client = Client()
    client.open(5, target)
    assert client.closed == [5]


def test_streams_closed_connection_gets_nothing_more():
    client = Client(flow=200)
    client.open(5, f"/stream?streams={ALL}")
    client.run(0.3)
    client.server.closed(5)
    count = len(client.inbox[5])
    client.run(1)
    assert count
    assert len(client.inbox[5]) == count
