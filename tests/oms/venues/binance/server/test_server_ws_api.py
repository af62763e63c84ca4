"""The WebSocket API: requests, refusals, user events and the lost reply."""

from __future__ import annotations

import pytest

from oms.venues.binance.server.limits import LimitRules
from tests.oms.venues.binance.server.exchange_client import MS, START_NS, Client

PLACE = {
    "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
    "price": "59000.00", "quantity": "0.10000000",
}  # fmt: skip


@pytest.fixture
def client():
    made = Client()
    made.open(3, "/ws-api/v3")
    return made


def test_ws_api_public_requests(client):
    assert client.call(3, "ping", request_id="a")["result"] == {}
    reply = client.call(3, "time", request_id=None)
    assert reply["id"] is None
    assert reply["result"] == {"serverTime": START_NS // MS}
    (limit,) = reply["rateLimits"]
    assert limit["rateLimitType"] == "REQUEST_WEIGHT"
    assert limit["count"] == 2 + 2
    assert client.call(3, "depth", symbol="BTCUSDT", limit=5)["result"]["bids"] == []
    info = client.call(3, "exchangeInfo", symbols=["BTCUSDT"])["result"]
    assert info["symbols"][0]["symbol"] == "BTCUSDT"
    assert client.call(3, "session.status")["result"]["userDataStream"] is False
    assert "rateLimits" not in client.call(3, "time", returnRateLimits=False)


def test_ws_api_order_life_with_events(client):
    assert client.call(3, "userDataStream.subscribe.signature", "kalice")["result"] == {
        "subscriptionId": 0
    }
    reply = client.call(3, "order.place", "kalice", newClientOrderId="c1", **PLACE)
    assert reply["status"] == 200
    assert reply["result"]["status"] == "NEW"
    assert [limit["rateLimitType"] for limit in reply["rateLimits"]] == [
        "ORDERS",
        "ORDERS",
        "REQUEST_WEIGHT",
    ]
    order_id = reply["result"]["orderId"]
    client.order("SELL", "59000", "0.04", key="kbob", timeInForce="IOC")
    status = client.call(3, "order.status", "kalice", symbol="BTCUSDT", origClientOrderId="c1")
    assert status["result"]["executedQty"] == "0.04000000"
    gone = client.call(
        3, "order.cancel", "kalice", symbol="BTCUSDT", orderId=order_id, newClientOrderId="x1"
    )
    assert gone["result"]["status"] == "CANCELED"
    assert gone["result"]["clientOrderId"] == "x1"
    events = client.events(3)
    reports = [e for e in events if e["e"] == "executionReport"]
    assert [(r["x"], r["X"]) for r in reports] == [
        ("NEW", "NEW"),
        ("TRADE", "PARTIALLY_FILLED"),
        ("CANCELED", "CANCELED"),
    ]
    new, trade, canceled = reports
    assert (new["c"], new["C"], new["t"], new["w"]) == ("c1", "", -1, True)
    assert (trade["l"], trade["L"], trade["n"], trade["N"], trade["m"], trade["t"]) == (
        "0.04000000", "59000.00000000", "0.00004000", "BTC", True, 1,
    )  # fmt: skip
    assert (canceled["c"], canceled["C"], canceled["z"]) == ("x1", "c1", "0.04000000")
    positions = [e for e in events if e["e"] == "outboundAccountPosition"]
    assert positions[-1]["B"] == [
        {"a": "BTC", "f": "10.03996000", "l": "0.00000000"},
        {"a": "USDT", "f": "997640.00000000", "l": "0.00000000"},
    ]


def test_ws_api_subscriptions_are_per_account_and_end(client):
    subscribe = "userDataStream.subscribe.signature"
    assert client.call(3, subscribe, "kalice")["result"]["subscriptionId"] == 0
    assert client.call(3, subscribe, "kbob")["result"]["subscriptionId"] == 1
    again = client.call(3, subscribe, "kalice")
    assert (again["status"], again["error"]["code"]) == (400, -2035)
    client.order(key="kbob")
    wrapped = [m for m in client.inbox[3] if "event" in m]
    assert {m["subscriptionId"] for m in wrapped} == {1}
    assert client.call(3, "userDataStream.unsubscribe", subscriptionId=1)["result"] == {}
    assert client.call(3, "userDataStream.unsubscribe", subscriptionId=1)["error"]["code"] == -2036
    client.order(key="kbob", px="58000")
    later = [m for m in client.inbox[3] if "event" in m][len(wrapped) :]
    assert [(m["subscriptionId"], m["event"]["e"]) for m in later] == [(1, "eventStreamTerminated")]


def test_ws_api_cancel_all_and_queries(client):
    for k in range(3):
        client.call(3, "order.place", "kalice", **PLACE | {"price": f"5{k}000"})
    found = client.call(3, "openOrders.status", "kalice")["result"]
    assert len(found) == 3
    canceled = client.call(3, "openOrders.cancelAll", "kalice", symbol="BTCUSDT")["result"]
    assert {order["status"] for order in canceled} == {"CANCELED"}
    assert client.call(3, "openOrders.status", "kalice")["result"] == []
    assert client.call(3, "myTrades", "kalice", symbol="BTCUSDT")["result"] == []
    assert client.call(3, "account.status", "kalice")["result"]["accountType"] == "SPOT"
    assert len(client.call(3, "account.rateLimits.orders", "kalice")["result"]) == 2


@pytest.mark.parametrize(
    ("message", "status", "code"),
    [
        (b"nonsense", 400, -1135),
        (b"[1]", 400, -1135),
        ({"id": 1, "method": 5}, 400, -1135),
        ({"id": 1, "method": "time", "params": []}, 400, -1135),
        ({"id": 1, "method": "time", "more": 1}, 400, -1135),
        ({"id": {}, "method": "time"}, 400, -1100),
        ({"id": 1, "method": "order.teleport"}, 404, -1000),
        ({"id": 1, "method": "time", "params": {"x": 1}}, 400, -1104),
        ({"id": 1, "method": "depth"}, 400, -1102),
        ({"id": 1, "method": "session.logon"}, 400, -1102),
        ({"id": 1, "method": "order.place", "params": PLACE}, 400, -1102),
        ({"id": 1, "method": "order.place", "params": {"apiKey": "kalice"}}, 400, -1102),
        ({"id": 1, "method": "order.place", "params": {"apiKey": "no one"}}, 401, -2014),
        ({"id": 1, "method": "order.place", "params": {"apiKey": "nobody"}}, 401, -2015),
        (
            {
                "id": 1,
                "method": "account.status",
                "params": {"apiKey": "kalice", "timestamp": START_NS // MS, "signature": "ab"},
            },
            400,
            -1022,
        ),
    ],
)
def test_ws_api_bad_requests_are_refused(client, message, status, code):
    client.say(3, message)
    reply = client.inbox[3][-1]
    assert (reply["status"], reply["error"]["code"]) == (status, code)


def test_ws_api_weight_is_shared_with_rest_and_enforced():
    client = Client(rules=LimitRules(weight_per_minute=40))
    client.open(3, "/ws-api/v3")
    client.raw("GET", "/api/v3/trades?symbol=BTCUSDT")
    assert client.call(3, "time")["rateLimits"][0]["count"] == 28
    reply = client.call(3, "trades.recent", symbol="BTCUSDT")
    assert (reply["status"], reply["error"]["code"]) == (429, -1003)
    assert reply["error"]["data"]["retryAfter"] > reply["error"]["data"]["serverTime"]


def test_ws_api_lost_reply_accepts_the_order_in_silence_and_tells_its_fills():
    client = Client(lose_reply=lambda: True)
    client.open(3, "/ws-api/v3")
    client.call(3, "userDataStream.subscribe.signature", "kalice")
    assert client.call(3, "order.place", "kalice", newClientOrderId="ghost", **PLACE) is None
    assert client.events(3) == []
    found = client.call(3, "order.status", "kalice", symbol="BTCUSDT", origClientOrderId="ghost")
    assert found["result"]["status"] == "NEW"
    assert client.order("SELL", "59000", "0.04", key="kbob", timeInForce="IOC") is None
    reports = [e for e in client.events(3) if e["e"] == "executionReport"]
    assert [(r["x"], r["c"]) for r in reports] == [("TRADE", "ghost")]


def test_ws_api_refused_order_has_a_reply_even_with_lost_replies():
    client = Client(lose_reply=lambda: True)
    client.open(3, "/ws-api/v3")
    reply = client.call(3, "order.place", "kalice", **PLACE | {"quantity": "500"})
    assert reply["error"]["code"] == -2010


@pytest.mark.parametrize("target", ["/ws-api/v3?x=1", "/ws-api/v3?returnRateLimits=maybe"])
def test_ws_api_unknown_handshake_parameters_are_closed(target):
    client = Client()
    client.open(3, target)
    assert client.closed == [3]
