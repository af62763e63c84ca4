"""Every kind of market stream: what it says, when, and that it agrees with the REST figures."""

from __future__ import annotations

import itertools

import pytest

from oms.exchange.intervals import INTERVALS
from tests.oms.venues.binance.server.exchange_client import BTC, ETH, MS, START_NS, Client

SECOND = 10**9


def listening(target, flow=200, seconds=5.0):
    symbols = (BTC,) if "/btcusdt@" in target else (BTC, ETH)
    client = Client(flow=flow, symbols=symbols)
    client.run(1)
    client.open(5, target)
    client.run(seconds)
    return client, client.inbox.get(5, [])


@pytest.mark.parametrize("levels", [5, 10, 20])
@pytest.mark.parametrize(("suffix", "most"), [("", 5), ("@1000ms", 5), ("@100ms", 50)])
def test_partial_depth_is_the_top_of_the_book(levels, suffix, most):
    client, found = listening(f"/ws/btcusdt@depth{levels}{suffix}")
    assert most * 0.7 <= len(found) <= most
    assert all(set(m) == {"lastUpdateId", "bids", "asks"} for m in found)
    assert all(len(m["bids"]) == levels for m in found)
    ids = [m["lastUpdateId"] for m in found]
    assert ids == sorted(set(ids))
    book = client.get("/api/v3/depth", symbol="BTCUSDT", limit=levels)[1]
    if found[-1]["lastUpdateId"] == book["lastUpdateId"]:
        assert found[-1] == book


def test_aggregate_trades_sum_up_the_trades():
    client, _ = listening("/stream?streams=btcusdt@trade/btcusdt@aggTrade")
    names = [m["stream"] for m in client.inbox[5]]
    trades = [m["data"] for m in client.inbox[5] if m["stream"] == "btcusdt@trade"]
    aggs = [m["data"] for m in client.inbox[5] if m["stream"] == "btcusdt@aggTrade"]
    assert set(names) == {"btcusdt@trade", "btcusdt@aggTrade"}
    assert [a["f"] for a in aggs] == sorted(a["f"] for a in aggs)
    by_id = {t["t"]: t for t in trades}
    for agg in aggs:
        parts = [by_id[k] for k in range(agg["f"], agg["l"] + 1)]
        assert {p["p"] for p in parts} == {agg["p"]}
        assert {p["T"] for p in parts} == {agg["T"]}
        assert sum(float(p["q"]) for p in parts) == pytest.approx(float(agg["q"]))
    listed = client.get("/api/v3/aggTrades", symbol="BTCUSDT", fromId=aggs[0]["a"])[1]
    assert listed[: len(aggs)] == [{k: a[k] for k in "apqflTmM"} for a in aggs]


def test_kline_seconds_close_each_once_and_agree_with_rest():
    client, found = listening("/ws/btcusdt@kline_1s", seconds=8)
    closed = [m["k"] for m in found if m["k"]["x"]]
    assert 7 <= len(closed) <= 8
    assert all(b["t"] == a["T"] + 1 for a, b in itertools.pairwise(closed))
    assert all(m["E"] % 1000 == 0 for m in found)
    query = {
        "symbol": "BTCUSDT",
        "interval": "1s",
        "startTime": closed[0]["t"],
        "limit": len(closed),
    }
    rows = client.get("/api/v3/klines", **query)[1]
    for row, k in zip(rows, closed, strict=True):
        assert row == [k[n] for n in "tohlcvTqnVQ"] + ["0"]


@pytest.mark.compiled  # seventy seconds of a market; the candles are plain Python
def test_kline_minutes_go_out_every_two_seconds_when_changed():
    client, found = listening("/ws/btcusdt@kline_1m/btcusdt@kline_1d@+08:00", seconds=70)
    minutes = [m for m in found if m["k"]["i"] == "1m"]
    days = [m for m in found if m["k"]["i"] == "1d"]
    assert 30 <= len(minutes) <= 37
    assert sum(m["k"]["x"] for m in minutes) == 1
    assert all(m["E"] % 2000 == 0 for m in found)
    assert days[-1]["k"]["t"] == INTERVALS["1d"].opens(client.now_ns // MS, 8 * 3_600_000)
    counts = [m["k"]["n"] for m in days]
    assert counts == sorted(counts)


def test_a_quiet_symbol_closes_empty_candles_and_says_nothing_else():
    client = Client()
    client.order("SELL", "60000", "1")
    client.order("BUY", "60000", "0.4", key="kbob")
    client.open(5, "/stream?streams=btcusdt@kline_1s/btcusdt@ticker/btcusdt@avgPrice")
    client.run(4)
    kinds = [(m["data"]["e"], m["data"].get("k", {}).get("x")) for m in client.inbox[5]]
    assert kinds.count(("24hrTicker", None)) == 1
    assert kinds.count(("avgPrice", None)) == 1
    assert kinds.count(("kline", True)) == 4
    last = client.inbox[5][-1]["data"]["k"]
    assert (last["n"], last["f"], last["L"], last["v"], last["o"]) == (
        0, -1, -1, "0.00000000", "60000.00000000",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "event", "path", "query"),
    [
        ("ticker", "24hrTicker", "/api/v3/ticker/24hr", {}),
        ("miniTicker", "24hrMiniTicker", "/api/v3/ticker/24hr", {}),
        ("ticker_1h", "1hTicker", "/api/v3/ticker", {"windowSize": "1h"}),
        ("ticker_4h", "4hTicker", "/api/v3/ticker", {"windowSize": "4h"}),
        ("ticker_1d", "1dTicker", "/api/v3/ticker", {"windowSize": "1d"}),
    ],
)
def test_tickers_say_what_rest_says(name, event, path, query):
    client, found = listening(f"/ws/btcusdt@{name}", seconds=3)
    assert 2 <= len(found) <= 3
    last = found[-1]
    assert (last["e"], last["s"], last["E"] % 1000) == (event, "BTCUSDT", 0)
    while client.now_ns % SECOND:
        client.run((SECOND - client.now_ns % SECOND) / SECOND)
    rest = client.get(path, symbol="BTCUSDT", **query)[1]
    last = client.inbox[5][-1]
    assert last["E"] == client.now_ns // MS
    names = {"c": "lastPrice", "o": "openPrice", "h": "highPrice", "l": "lowPrice",
             "v": "volume", "q": "quoteVolume", "p": "priceChange", "P": "priceChangePercent",
             "w": "weightedAvgPrice", "x": "prevClosePrice", "Q": "lastQty", "b": "bidPrice",
             "B": "bidQty", "a": "askPrice", "A": "askQty", "O": "openTime", "C": "closeTime",
             "F": "firstId", "L": "lastId", "n": "count"}  # fmt: skip
    assert {k: rest[names[k]] for k in last if k in names} == {
        k: v for k, v in last.items() if k in names
    }


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("!ticker@arr", "24hrTicker"),
        ("!miniTicker@arr", "24hrMiniTicker"),
        ("!ticker_1h@arr", "1hTicker"),
    ],
)
def test_arrays_hold_the_symbols_that_changed(name, event):
    client = Client()
    client.open(5, f"/ws/{name}")
    client.run(1.5)
    client.order("SELL", "60000", "1")
    client.order("BUY", "60000", "0.4", key="kbob")
    client.run(3)
    first, second = client.inbox[5]
    assert [t["s"] for t in first] == ["BTCUSDT", "ETHUSDT"]
    assert [(t["e"], t["s"], t["c"]) for t in second] == [(event, "BTCUSDT", "60000.00000000")]


def test_block_trades_can_be_subscribed_to_and_never_come():
    _, found = listening("/ws/btcusdt@blockTrade")
    assert found == []


def test_microseconds_for_who_asks_for_them():
    client = Client(flow=100)
    client.now_ns += 123_456
    client.open(4, "/ws/btcusdt@trade/btcusdt@kline_1m")
    client.open(5, "/ws/btcusdt@trade/btcusdt@kline_1m?timeUnit=MICROSECOND")
    client.open(6, "/stream?streams=btcusdt@trade&timeUnit=microsecond")
    client.run(5)
    for coarse, fine in zip(client.inbox[4], client.inbox[5], strict=True):
        assert coarse["E"] == fine["E"] // 1000
        if coarse["e"] == "kline":
            assert fine["k"]["t"] == coarse["k"]["t"] * 1000
            assert fine["k"]["T"] == coarse["k"]["T"] * 1000 + 999
        else:
            assert coarse["T"] == fine["T"] // 1000
    trades = [m for m in client.inbox[5] if m["e"] == "trade"]
    assert [m["data"] for m in client.inbox[6]] == trades
    assert any(t["T"] % 1000 for t in trades)
    client.open(7, "/ws/btcusdt@trade?timeUnit=NANOSECOND")
    assert client.closed == [7]


def test_nobody_listens_and_nothing_is_built():
    client = Client(flow=200)
    client.run(2)
    streams = client.server.streams
    assert streams.next_ns == (1 << 63) - 1
    client.open(5, "/ws/btcusdt@depth20@100ms/!ticker@arr/btcusdt@kline_1m/btcusdt@depth")
    client.run(2)
    assert streams.next_ns < client.now_ns + 2 * SECOND
    client.server.closed(5)
    client.run(2)
    assert streams.next_ns == (1 << 63) - 1


@pytest.mark.parametrize(
    "name",
    ["btcusdt@depth7", "btcusdt@depth5@50ms", "btcusdt@kline_2m", "btcusdt@kline_1m@+09:00",
     "btcusdt@ticker_2h", "!trade@arr", "!ticker_2h@arr", "BTCUSDT@trade", "btcusdt", "btcusdt@",
     "@trade", "nope@trade", "!bookTicker"],
)  # fmt: skip
def test_streams_that_do_not_exist_are_refused(name):
    client = Client()
    client.open(5, "/ws")
    client.say(5, {"method": "SUBSCRIBE", "params": [name], "id": 3})
    assert client.inbox[5] == [
        {"error": {"code": 2, "msg": "Invalid request: invalid stream"}, "id": 3}
    ]


def test_properties_are_set_and_told():
    client = Client()
    client.open(5, "/ws/btcusdt@trade")
    for number, message in enumerate(
        [
            {"method": "GET_PROPERTY", "params": ["combined"]},
            {"method": "SET_PROPERTY", "params": ["combined", True]},
            {"method": "GET_PROPERTY", "params": ["combined"]},
        ]
    ):
        client.say(5, message | {"id": number})
    assert [m["result"] for m in client.inbox[5]] == [False, None, True]
    client.order("SELL", "60000")
    client.order("BUY", "60000", key="kbob")
    assert client.inbox[5][-1]["stream"] == "btcusdt@trade"


@pytest.mark.parametrize(
    ("message", "code", "text"),
    [
        ({"method": "GET_PROPERTY", "params": ["colour"], "id": 1}, 0, "Unknown property"),
        (
            {"method": "SET_PROPERTY", "params": ["combined", 1], "id": 1},
            1,
            "Invalid value type: expected Boolean",
        ),
        (
            {"method": "SET_PROPERTY", "params": [], "id": 1},
            2,
            "Invalid request: property name must be a string",
        ),
        (
            {"method": "GET_PROPERTY", "params": [5], "id": 1},
            2,
            "Invalid request: property name must be a string",
        ),
        (
            {"method": "LIST_SUBSCRIPTIONS", "id": 1.5},
            2,
            "Invalid request: request ID must be an unsigned integer",
        ),
        (
            {"method": "LIST_SUBSCRIPTIONS"},
            2,
            "Invalid request: request ID must be an unsigned integer",
        ),
        (
            {"method": "LIST_SUBSCRIPTIONS", "params": ["x"], "id": 1},
            2,
            "Invalid request: too many parameters",
        ),
        ({"params": [], "id": 1}, 2, "Invalid request: missing field `method` at line 1 column 23"),
        (
            {"method": "SHOUT", "id": 1},
            2,
            (
                "Invalid request: unknown variant `SHOUT`, expected one of `SUBSCRIBE`, "
                "`UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY` "
                "at line 1 column 28"
            ),
        ),
        (
            b'{"method":"LIST_SUBSCRIPTIONS","id":1,"id":2}',
            2,
            "Invalid request: duplicate field `id` at line 1 column 45",
        ),
        (b"nonsense", 3, "Invalid JSON: expected value at line 1 column 1"),
    ],
)
def test_refusals_have_the_documented_texts(message, code, text):
    client = Client()
    client.open(5, "/ws")
    client.say(5, message)
    assert client.inbox[5][0]["error"] == {"code": code, "msg": text}


@pytest.mark.parametrize("number", [0, -5, (1 << 63) - 1, "abc-1", "x" * 36, None])
def test_ids_of_every_documented_form_come_back(number):
    client = Client()
    client.open(5, "/ws")
    client.say(5, {"method": "LIST_SUBSCRIPTIONS", "id": number})
    assert client.inbox[5] == [{"result": [], "id": number}]


def test_a_connection_listens_to_1024_streams_at_most():
    client = Client()
    client.open(5, "/ws")
    kinds = [f"{s}@kline_{i}{z}" for s in ("btcusdt", "ethusdt") for i in INTERVALS
             for z in ("", "@+08:00")]  # fmt: skip
    client.say(5, {"method": "SUBSCRIBE", "params": kinds, "id": 1})
    assert client.inbox[5] == [{"result": None, "id": 1}]
    client.open(6, "/stream?streams=" + "/".join(["btcusdt@trade"] * 1025))
    assert client.closed == [6]


# Connections


def test_more_than_five_messages_a_second_end_the_connection():
    client = Client()
    client.open(5, "/ws")
    client.now_ns = START_NS
    for _ in range(5):
        client.say(5, {"method": "LIST_SUBSCRIPTIONS", "id": 1})
    assert client.closed == []
    client.now_ns += SECOND
    for _ in range(4):
        client.say(5, {"method": "LIST_SUBSCRIPTIONS", "id": 1})
    client.server.on_control(5, client.now_ns)
    client.collect()
    assert client.closed == []
    client.server.on_control(5, client.now_ns)
    client.collect()
    assert client.closed == [5]
    client.say(5, {"method": "LIST_SUBSCRIPTIONS", "id": 1})
    assert len(client.inbox[5]) == 9


def test_the_websocket_api_counts_weight_and_no_messages():
    client = Client()
    client.open(3, "/ws-api/v3")
    for _ in range(20):
        client.call(3, "ping")
    assert client.closed == []


@pytest.mark.parametrize("target", ["/ws", "/ws-api/v3"])
def test_pings_come_every_twenty_seconds_and_silence_ends_after_a_minute(target):
    client = Client()
    client.open(5, target)
    client.run(65)
    assert [conn for conn, _ in client.pings] == [5, 5, 5]
    assert client.pings[0][1] == str((START_NS + 20 * SECOND) // MS).encode()
    client.answers_pings = False
    client.run(15)
    client.server.on_control(5, client.now_ns)
    client.run(59)
    client.collect()
    assert client.closed == []
    client.run(2)
    assert client.closed == [5]


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("/ws", {"e": "serverShutdown"}),
        ("/stream", {"stream": "!serverShutdown", "data": {"e": "serverShutdown"}}),
        ("/ws-api/v3", {"event": {"e": "serverShutdown"}}),
    ],
)
def test_a_connection_is_told_ten_minutes_before_its_day_is_over(target, told):
    client = Client()
    client.open(5, target)
    client.run(86_400 - 601)
    assert client.inbox.get(5, []) == []
    client.run(2)
    (message,) = client.inbox[5]
    event = message.get("data") or message.get("event") or message
    assert event.pop("E") == (START_NS + (86_400 - 600) * SECOND) // MS
    assert message == told
    client.run(598)
    assert client.closed == []
    client.run(2)
    assert client.closed == [5]


def test_an_exchange_that_goes_away_tells_everybody():
    client = Client()
    client.open(5, "/ws")
    client.run(30)
    end_ns = client.now_ns + 700 * SECOND
    client.server.ends_at(end_ns)
    client.run(99)
    assert client.inbox.get(5, []) == []
    client.run(2)
    assert client.inbox[5][0]["e"] == "serverShutdown"
    client.open(6, "/ws")
    client.run(600)
    assert sorted(client.closed) == [5, 6]
    assert len(client.inbox[6]) == 1
