"""Every reply and event against the documents' examples: the same keys, the same JSON types."""

from __future__ import annotations

import json

import pytest

from tests.oms.venues.binance.server.doc_shapes import pick as example
from tests.oms.venues.binance.server.exchange_client import Client
from tests.support import data_folder

CONDITIONAL = {
    "stopPrice", "icebergQty", "trailingDelta", "trailingTime", "strategyId", "strategyType",
    "preventedMatchId", "preventedQuantity", "v", "sors",
}  # fmt: skip
"""Sent for some kinds of order only, as the documents say; not for those that are offered."""


def kind(value):
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return {str: "string", list: "array", dict: "object", type(None): "null"}[type(value)]


def same_shape(found, documented, where=""):
    """Keys and types equal, conditional keys and nulls apart; lists by their first element."""
    if found is None or documented is None:
        return
    assert kind(found) == kind(documented), f"{where}: {found!r} for {documented!r}"
    if isinstance(found, dict):
        assert found.keys() <= documented.keys(), (
            f"{where}: extra {found.keys() - documented.keys()}"
        )
        missing = documented.keys() - found.keys() - CONDITIONAL
        assert not missing, f"{where}: missing {missing}"
        for name in found:
            same_shape(found[name], documented[name], f"{where}.{name}")
    elif isinstance(found, list) and documented:
        for item in found:
            same_shape(item, documented[0], f"{where}[]")


@pytest.fixture
def client():
    made = Client()
    made.open(3, "/ws-api/v3")
    made.open(4, "/ws/btcusdt@depth@100ms/btcusdt@bookTicker")
    made.call(3, "userDataStream.subscribe.signature", "kalice")
    made.order("SELL", "60000", "1", newClientOrderId="s1")
    made.order("BUY", "60000", "0.4", key="kbob")
    return made


REST = "rest-api.md"


@pytest.mark.parametrize(
    ("path", "params", "section"),
    [
        ("/api/v3/time", {}, "Check server time"),
        ("/api/v3/depth", {"symbol": "BTCUSDT"}, "Order book"),
        ("/api/v3/trades", {"symbol": "BTCUSDT"}, "Recent trades list"),
        ("/api/v3/ticker/bookTicker", {"symbol": "BTCUSDT"}, "Symbol order book ticker"),
    ],
)
def test_shape_rest_market_data(client, path, params, section):
    same_shape(client.get(path, **params)[1], example(REST, section))


def test_shape_rest_exchange_info_and_filters(client):
    _, info = client.get("/api/v3/exchangeInfo")
    documented = example(REST, "Exchange information")
    limits = [
        {name: value for name, value in limit.items() if name != "count"}
        for limit in example(REST, "Query Unfilled Order Count")
    ]
    documented["rateLimits"] = limits
    filters = {f["filterType"]: f for f in info["symbols"][0]["filters"]}
    same_shape(filters["PRICE_FILTER"], example("filters.md", "PRICE_FILTER"))
    for symbol in info["symbols"]:
        symbol["filters"] = []
    same_shape(info, documented)


@pytest.mark.parametrize("response", ["ACK", "RESULT", "FULL"])
def test_shape_rest_new_order(client, response):
    documented = {
        "ACK": example(REST, "New order", lambda v: "status" not in v),
        "RESULT": example(REST, "New order", lambda v: "status" in v and "fills" not in v),
        "FULL": example(REST, "New order", lambda v: "fills" in v),
    }[response]
    _, placed = client.order("BUY", "60000", "0.1", key="kbob", newOrderRespType=response)
    same_shape(placed, documented)


def test_shape_rest_orders_and_account(client):
    query = {"symbol": "BTCUSDT", "origClientOrderId": "s1"}
    order = client.signed("GET", "/api/v3/order", **query)[1]
    same_shape(order, example(REST, "Query order"))
    same_shape(client.signed("GET", "/api/v3/openOrders")[1], example(REST, "Current open orders"))
    everything = client.signed("GET", "/api/v3/allOrders", symbol="BTCUSDT")[1]
    same_shape(everything, example(REST, "All orders"))
    same_shape(client.signed("GET", "/api/v3/account")[1], example(REST, "Account information"))
    counts = client.signed("GET", "/api/v3/rateLimit/order")[1]
    same_shape(counts, example(REST, "Query Unfilled Order Count"))
    canceled = client.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")[1]
    same_shape(canceled, example(REST, "Cancel All Open Orders"))


def test_shape_rest_error(client):
    same_shape(client.get("/api/v3/depth", symbol="X")[1], example(REST, "Error Codes"))


WS = "web-socket-api.md"


@pytest.mark.parametrize(
    ("method", "params", "section"),
    [
        ("ping", {}, "Test connectivity"),
        ("time", {}, "Check server time"),
        ("depth", {"symbol": "BTCUSDT", "limit": 5}, "Order book"),
        ("trades.recent", {"symbol": "BTCUSDT"}, "Recent trades"),
    ],
)
def test_shape_ws_api_public(client, method, params, section):
    documented = example(WS, section, lambda v: "status" in v)
    same_shape(client.call(3, method, **params), documented)


@pytest.mark.parametrize(
    ("method", "params", "section"),
    [
        ("openOrders.status", {}, "Current open orders"),
        ("allOrders", {"symbol": "BTCUSDT"}, "Account order history"),
        ("myTrades", {"symbol": "BTCUSDT"}, "Account trade history"),
        ("account.rateLimits.orders", {}, "Unfilled Order Count"),
        ("openOrders.cancelAll", {"symbol": "BTCUSDT"}, "Cancel open orders"),
    ],
)
def test_shape_ws_api_signed(client, method, params, section):
    documented = example(WS, section, lambda v: "status" in v)
    same_shape(client.call(3, method, "kalice", **params), documented)


def test_shape_ws_api_order_and_error(client):
    place = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    place |= {"price": "50000", "quantity": "0.1", "newOrderRespType": "RESULT"}
    good = example(WS, "Response format", lambda v: v["status"] == 200)
    bad = example(WS, "Response format", lambda v: v["status"] == 400)
    same_shape(client.call(3, "order.place", "kalice", **place), good)
    same_shape(client.call(3, "order.place", "kalice", **place | {"quantity": "900"}), bad)
    session = example(WS, "Query session status", lambda v: "status" in v)
    same_shape(client.call(3, "session.status", returnRateLimits=False), session)
    subscribed = example(WS, "Subscribe to User Data Stream through", lambda v: "status" in v)
    reply = client.call(3, "userDataStream.subscribe.signature", "kbob")
    del reply["rateLimits"]
    same_shape(reply, subscribed)


def test_shape_user_events(client):
    documented = example("user-data-stream.md", "Order Update")
    client.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")
    reports = [m for m in client.inbox[3] if m.get("event", {}).get("e") == "executionReport"]
    assert [m["event"]["x"] for m in reports] == ["NEW", "TRADE", "CANCELED"]
    for report in reports:
        same_shape(report, documented)
        assert list(report["event"]) == [k for k in documented["event"] if k not in CONDITIONAL]


def test_shape_market_events(client):
    client.run(0.2)
    tickers = [m for m in client.inbox[4] if "B" in m]
    diffs = [m for m in client.inbox[4] if m.get("e") == "depthUpdate"]
    documents = "web-socket-streams.md"
    assert tickers
    assert diffs
    for ticker in tickers:
        same_shape(ticker, example(documents, "Individual Symbol Book Ticker"))
    for diff in diffs:
        same_shape(diff, example(documents, "Diff. Depth Stream"))
    subscribed = example(documents, "Unsubscribe to a stream", lambda v: "result" in v)
    client.say(4, {"method": "UNSUBSCRIBE", "params": ["btcusdt@bookTicker"], "id": 312})
    same_shape(client.inbox[4][-1], subscribed)


def test_shape_errors_have_documented_codes(client):
    listed = json.loads((data_folder("binance-spot-docs") / "error_codes.json").read_text())
    codes = {row["code"] for row in listed}
    for more in ({"symbol": "X"}, {"side": "X"}, {"qty": "0"}, {"price": "1"}, {"x": "1"}):
        assert client.order(**more)[1]["code"] in codes
