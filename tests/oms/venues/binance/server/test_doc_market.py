"""Every documented example of a general, market-data, stream or session kind: requests are taken or
refused as documented, replies and events have the documented shape, field by field."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from oms.config import SimInstrumentConfig
from oms.exchange.engine.terms import Capacity
from oms.exchange.live import LiveMarket
from oms.exchange.market import spec_from_config
from oms.venues.serving.keyring import ApiKey
from tests.oms.venues.binance.server import doc_shapes
from tests.oms.venues.binance.server.doc_shapes import compare, load
from tests.oms.venues.binance.server.exchange_client import MS, Client
from tests.support import data_folder

REST = "rest-api.md"
WS = "web-socket-api.md"
STREAMS = "web-socket-streams.md"
KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SYMBOLS = (("BNBBTC", "BNB", "BTC"), ("BTCUSDT", "BTC", "USDT"), ("BAZUSD", "BAZ", "USD"))


@pytest.fixture
def client():
    specs = [
        SimInstrumentConfig(name, base, quote, "0.00001", "0.001", "0.001", "9000", "0.0001", "1")
        for name, base, quote in SYMBOLS
    ]
    balances = dict.fromkeys(("BNB", "BTC", "BAZ", "USDT", "USD"), "100000")
    market = LiveMarket(
        [spec_from_config(spec) for spec in specs], 2, balances, (1000, 1000), None,
        Capacity(orders=2048, levels_per_side=256, accounts=8),
    )  # fmt: skip
    made = Client(market=market)
    public = KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    made.server.keyring.keys["ked"] = ApiKey(0, public, "ed25519")
    for name, _, _ in SYMBOLS:
        for px in ("1.00002", "1.00005", "1"):
            made.order("SELL", px, "0.5", symbol=name)
            made.order("BUY", px, "0.2", key="kbob", symbol=name)
            made.order("BUY", "0.99", "0.7", key="kbob", symbol=name)
    made.open(3, "/ws-api/v3")
    return made


# REST

ONE = {"symbol": "BNBBTC"}
TWO = {"symbols": '["BNBBTC","BTCUSDT"]'}
MINI = {"type": "MINI"}
REST_KINDS = {
    "Check server time": [("time", {})],
    "Exchange information": [("exchangeInfo", {})],
    "Order book": [("depth", ONE)],
    "Recent trades list": [("trades", ONE), ("historicalTrades", ONE)],
    "Historical Block Trades": [("historicalBlockTrades", ONE | {"fromId": 582})],
    "Compressed/Aggregate trades list": [("aggTrades", ONE)],
    "UIKlines": [("uiKlines", ONE | {"interval": "1h"}), ("klines", ONE | {"interval": "1s"})],
    "24hr ticker price change statistics": [
        ("ticker/24hr", ONE), ("ticker/24hr", TWO), ("ticker/24hr", ONE | MINI),
        ("ticker/24hr", TWO | MINI), ("ticker/24hr", {}),
    ],
    "Trading Day Ticker": [
        ("ticker/tradingDay", ONE), ("ticker/tradingDay", TWO), ("ticker/tradingDay", ONE | MINI),
        ("ticker/tradingDay", TWO | MINI), ("ticker", ONE), ("ticker", TWO | MINI),
    ],
    "Symbol price ticker": [("ticker/price", ONE), ("ticker/price", {})],
    "Symbol order book ticker": [("ticker/bookTicker", ONE), ("ticker/bookTicker", TWO)],
}  # fmt: skip
REST_REFUSED = {"Query Reference Price", "Error Codes"}


def test_docs_every_rest_example_is_tried_below():
    sections = {
        path.split(" > ")[-1]
        for doc, path, _ in doc_shapes.rows()
        if doc == REST and ("General endpoints" in path or "Market Data" in path or "Error" in path)
    }
    assert sections == REST_KINDS.keys() | REST_REFUSED


@pytest.mark.parametrize("section", REST_KINDS)
def test_docs_rest_replies(client, section):
    documented = load(REST, section)
    limits = [{k: v for k, v in row.items() if k != "count"}
              for row in load(REST, "Query Unfilled Order Count")[0]]  # fmt: skip
    for path, params in REST_KINDS[section]:
        status, reply = client.get(f"/api/v3/{path}", **params)
        assert status == 200
        if section == "Exchange information":
            documented[0]["rateLimits"] = limits
            for symbol in reply["symbols"]:
                symbol["filters"] = []
            reply["sors"] = documented[0]["sors"]
        found = [compare(one, reply) for one in documented]
        assert [] in found, found
        assert path == "historicalBlockTrades" or reply


def test_docs_rest_refusals(client):
    for path in ("referencePrice", "referencePrice/calculation"):
        status, reply = client.get(f"/api/v3/{path}", symbol="BAZUSD")
        assert (status, reply) == (400, load(REST, "Query Reference Price")[2])
    status, reply = client.get("/api/v3/depth", symbol="NOPE")
    assert (status, reply) == (400, load(REST, "Error Codes")[0])


# WebSocket API

OWN_KINDS = {"order", "orderList", "openOrders", "openOrderLists", "allOrders", "myTrades",
             "myPreventedMatches", "myAllocations", "account", "sor"}  # fmt: skip
"""Methods that test_doc_requests.py tries."""
ANSWERED = {
    "ping": "Test connectivity",
    "time": "Check server time",
    "executionRules": "Query Execution Rules",
    "depth": "Order book",
    "trades.recent": "Recent trades",
    "trades.historical": "Historical trades",
    "blockTrades.historical": "Historical Block Trades",
    "klines": "Klines",
    "avgPrice": "Current average price",
    "ticker.tradingDay": "Trading Day Ticker",
    "ticker.price": "Symbol price ticker",
}
SIGNED = {"session.logon", "userDataStream.subscribe.signature"}
SESSION = {"session.status", "session.logout", "userDataStream.subscribe"} | SIGNED
REFUSED = {"referencePrice", "referencePrice.calculation"}


def public_requests():
    return [m for _, m in doc_shapes.requests(WS) if m["method"].split(".")[0] not in OWN_KINDS]


def test_docs_every_websocket_request_is_tried_below():
    assert {m["method"] for m in public_requests()} == ANSWERED.keys() | SESSION | REFUSED


@pytest.mark.parametrize("method", ANSWERED)
def test_docs_websocket_replies(client, method):
    documented = [v for v in load(WS, ANSWERED[method]) if "status" in v]
    for message in [m for m in public_requests() if m["method"] == method]:
        client.say(3, message)
        reply = client.inbox[3][-1]
        assert (reply["id"], reply["status"]) == (message["id"], 200)
        documented = [one | {"id": message["id"]} for one in documented]
        found = [compare(one, reply, ["rateLimits"]) for one in documented]
        assert [] in found, found


def test_docs_websocket_replies_with_and_without_rate_limits(client):
    shown, hidden = (v for v in load(WS, "How to show/hide") if "method" in v)
    with_them, without = (v for v in load(WS, "How to show/hide") if "status" in v)
    for message, documented in ((shown, with_them), (hidden, without)):
        client.say(3, message)
        assert compare(documented, client.inbox[3][-1]) == []
    assert compare(load(WS, "How to interpret rate limits")[0], client.call(3, "time")) == []


@pytest.mark.parametrize("method", sorted(REFUSED))
def test_docs_websocket_refusals(client, method):
    (message,) = (m for m in public_requests() if m["method"] == method)
    client.say(3, message)
    documented = next(v for v in load(WS, "Query Reference Price Calculation") if "error" in v)
    reply = client.inbox[3][-1]
    assert compare(documented, reply, ["rateLimits"]) == []
    assert (reply["status"], reply["error"]) == (documented["status"], documented["error"])


def test_docs_signed_examples_of_unknown_keys_are_refused(client):
    """The documents' keys are not ours: everything that they signed is refused, in their words."""
    unknown = load(WS, "Authenticate after connection")[0]
    for _, message in doc_shapes.requests(WS):
        if "signature" in message.get("params", {}):
            client.say(3, message)
            reply = client.inbox[3][-1]
            assert (reply["status"], reply["error"]) == (unknown["status"], unknown["error"])
            client.now_ns += 10 * 10**9


def signed(client, message):
    """A documented request with our own key, time and signature."""
    params = message["params"] | {"apiKey": "ked", "timestamp": client.now_ns // MS}
    del params["signature"]
    payload = "&".join(f"{name}={params[name]}" for name in sorted(params)).encode()
    signature = base64.b64encode(KEY.sign(payload)).decode()
    return message | {"params": params | {"signature": signature}}


def test_docs_session_life(client):
    client.open(4, "/ws-api/v3?returnRateLimits=false")
    by_method = {m["method"]: m for m in public_requests() if m["method"] in SESSION}
    sections = {
        "session.logon": "Log in with API key",
        "userDataStream.subscribe": "Subscribe to User Data Stream (",
        "session.status": "Query session status",
        "session.logout": "Log out of the session",
        "userDataStream.subscribe.signature": "Subscribe to User Data Stream through",
    }
    for method, section in sections.items():
        message = by_method[method]
        client.say(4, signed(client, message) if method in SIGNED else message)
        reply = next(m for m in client.inbox[4] if m.get("id") == message["id"])
        client.inbox[4].clear()
        documented = next(v for v in load(WS, section) if "status" in v)
        assert compare(documented, reply) == []
        assert (reply["status"], reply["id"]) == (200, documented["id"])
        if method.startswith("session."):
            known = {k for k, v in documented["result"].items() if v is None}
            assert {k for k, v in reply["result"].items() if v is None} == known
            assert reply["result"]["userDataStream"] == documented["result"]["userDataStream"]


def test_docs_terminated_event(client):
    client.call(3, "userDataStream.subscribe.signature", "kalice")
    client.call(3, "userDataStream.unsubscribe")
    documented = load("user-data-stream.md", "Event Stream Terminated")[0]
    assert compare(documented, client.inbox[3][-1]) == []
    assert client.inbox[3][-1]["event"]["e"] == documented["event"]["e"]


# Streams

EVENTS = {
    "Aggregate Trade Streams": "bnbbtc@aggTrade",
    "Kline/Candlestick Streams with timezone offset": "bnbbtc@kline_1m@+08:00",
    "Individual Symbol Mini Ticker Stream": "bnbbtc@miniTicker",
    "Individual Symbol Book Ticker Streams": "bnbbtc@bookTicker",
    "Average Price": "bnbbtc@avgPrice",
    "Diff. Depth Stream": "bnbbtc@depth",
}
OTHER_SECTIONS = {
    "Server Shutdown", "Unsubscribe to a stream", "Listing Subscriptions", "Block Trade Streams",
    "All Market Mini Tickers Stream",
}  # fmt: skip


def test_docs_every_stream_example_is_tried_below():
    sections = {path.split(" > ")[-1] for doc, path, _ in doc_shapes.rows() if doc == STREAMS}
    assert sections == EVENTS.keys() | OTHER_SECTIONS


@pytest.mark.parametrize("section", EVENTS)
def test_docs_stream_events(client, section):
    client.open(5, f"/ws/{EVENTS[section]}")
    client.order("BUY", "1", "0.2", key="kbob", symbol="BNBBTC")
    client.run(3)
    (documented,) = load(STREAMS, section)
    assert client.inbox[5]
    for event in client.inbox[5]:
        assert compare(documented, event) == []
        assert list(event) == list(documented)
        assert event.get("e") == documented.get("e")


def test_docs_array_holds_the_single_tickers(client):
    client.open(5, "/ws/!miniTicker@arr")
    client.run(1.1)
    (documented,) = load(STREAMS, "Individual Symbol Mini Ticker")
    assert compare([documented], client.inbox[5][0]) == []


def test_docs_block_trades_can_be_asked_for(client):
    client.open(5, "/ws/bnbbtc@blockTrade")
    assert client.closed == []


def test_docs_subscription_messages(client):
    client.open(5, "/ws/btcusdt@depth/btcusdt@aggTrade")
    for section in ("Unsubscribe to a stream", "Listing Subscriptions"):
        request, reply = load(STREAMS, section)
        client.say(5, request)
        assert client.inbox[5][-1] == reply


def test_docs_shutdown_events(client):
    raw, wrapped = load(STREAMS, "Server Shutdown")
    client.open(5, "/ws")
    client.open(6, "/stream")
    client.server.ends_at(client.now_ns + 600 * 10**9)
    client.run(1)
    assert compare(raw, client.inbox[5][0]) == []
    assert compare(wrapped, client.inbox[6][0]) == []
    assert client.inbox[6][0]["stream"] == wrapped["stream"]


def test_docs_error_texts_are_the_documented_ones(client):
    rows = json.loads((data_folder("binance-spot-docs") / "error_codes.json").read_text())
    texts = {row["code"]: row["text"] for row in rows}
    asked = [
        ("klines", ONE | {"interval": "7m"}), ("depth", ONE | {"symbolStatus": "ASLEEP"}),
        ("depth", ONE | {"symbolStatus": "HALT"}), ("ticker/24hr", ONE | {"type": "MIDI"}),
        ("ticker/24hr", {"symbols": '["BNBBTC","BNBBTC"]'}), ("ticker/24hr", ONE | TWO),
        ("depth", {"symbol": "NOPE"}), ("depth", {}), ("depth", {"symbol": "bnb"}),
        ("depth", ONE | {"limit": "0"}), ("depth", ONE | {"limit": "9" * 20}),
        ("depth", ONE | {"colour": "red"}), ("depth", ONE | {"limit": ""}),
        ("ticker", {}), ("referencePrice", ONE),
    ]  # fmt: skip
    seen = set()
    for path, params in asked:
        status, reply = client.get(f"/api/v3/{path}", **params)
        assert status == 400
        code, text = reply["code"], reply["msg"]
        seen.add(code)
        known = texts[code].replace("%s", "'").replace("''", "'").split("* ")
        fixed = [part.split("'")[0].strip() for part in known if part.strip()]
        assert any(text.startswith(part) for part in fixed if part), (text, fixed)
    assert seen >= {-1100, -1102, -1104, -1105, -1108, -1120, -1121, -1122, -1128, -1130, -1139,
                    -1151, -1220, -2043}  # fmt: skip
