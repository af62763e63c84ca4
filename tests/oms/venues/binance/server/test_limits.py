"""Weight, raw requests, connections and bans by address; unfilled orders by account."""

from __future__ import annotations

import pytest

from oms.venues.binance.server.errors import ApiError
from oms.venues.binance.server.limits import (
    BAN_LAST_S,
    REFUSALS_BEFORE_BAN,
    LimitRules,
    Limits,
)
from tests.oms.venues.binance.server.exchange_client import MS, START_NS, Client

SECOND = 10**9
MINUTE = 60 * SECOND


def refused(limits, address, now_ns, weight=1):
    with pytest.raises(ApiError) as caught:
        limits.charge_weight(address, weight, now_ns)
    return caught.value


def test_weight_is_counted_by_address_and_minute():
    limits = Limits(LimitRules(weight_per_minute=10))
    limits.charge_weight("a", 10, 0)
    limits.charge_weight("b", 10, 0)
    error = refused(limits, "a", 20 * SECOND)
    assert (error.code, error.status, error.retry_after_s) == (-1003, 429, 40)
    assert "current limit is 10 request weight per 1 MINUTE" in error.text
    limits.charge_weight("a", 10, MINUTE)


def test_raw_requests_are_counted_by_five_minutes():
    limits = Limits(LimitRules(requests_per_5m=3))
    for _ in range(3):
        limits.charge_weight("a", 0, 0)
    error = refused(limits, "a", 4 * MINUTE, weight=0)
    assert (error.status, error.retry_after_s) == (429, 60)
    limits.charge_weight("a", 0, 5 * MINUTE)


def test_going_on_after_429_is_banned_twice_as_long_each_time_up_to_three_days():
    limits = Limits(LimitRules(weight_per_minute=1))
    now_ns, lengths = START_NS // MINUTE * MINUTE, []
    for _ in range(13):
        limits.charge_weight("a", 1, now_ns)
        for _ in range(REFUSALS_BEFORE_BAN):
            assert refused(limits, "a", now_ns).status == 429
        error = refused(limits, "a", now_ns)
        assert error.status == 418
        until_ms = now_ns // MS + error.retry_after_s * 1000
        assert f"IP banned until {until_ms}." in error.text
        assert refused(limits, "a", now_ns + SECOND).retry_after_s == error.retry_after_s - 1
        lengths.append(error.retry_after_s)
        now_ns += error.retry_after_s * SECOND
        now_ns = -(-now_ns // MINUTE) * MINUTE
    assert lengths[:3] == [120, 240, 480]
    assert lengths[-1] == BAN_LAST_S
    assert limits.take_banned() == ["a"] * 13
    limits.charge_weight("other", 1, now_ns)


def test_first_fill_lowers_the_unfilled_count_by_one_as_taker_five_as_maker():
    limits = Limits(LimitRules())

    def count():
        return [row["count"] for row in limits.order_counts(0, START_NS)]

    limits.charge_order(0, START_NS)
    limits.charge_order(0, START_NS, 2)
    assert count() == [3, 3]
    limits.first_fill(0, False, START_NS)
    assert count() == [2, 2]
    limits.first_fill(0, True, START_NS)
    assert count() == [0, 0]
    limits.first_fill(0, True, START_NS)
    assert count() == [0, 0]


def test_filled_orders_may_be_followed_by_as_many_more():
    """The FAQ's first example: what trades at once does not count, what expires does."""
    client = Client(rules=LimitRules(orders_per_10s=3))
    client.order("SELL", "60000", "5", key="kbob")

    def count():
        return client.signed("GET", "/api/v3/rateLimit/order")[1][0]["count"]

    client.order("BUY", "50000", "0.1")
    assert count() == 1
    for _ in range(4):
        assert client.order("BUY", "60000", "0.1")[0] == 200
        assert count() == 1
    client.order("BUY", "50001", "0.1", timeInForce="FOK")
    assert count() == 2
    client.order("BUY", "50002", "0.1")
    assert client.order("BUY", "50003", "0.1") == (
        429,
        {"code": -1015, "msg": "Too many new orders; current limit is 3 orders per 10 SECOND."},
    )
    assert client.order("BUY", "60000", "0.1", key="kbob")[0] == 200, "counted by account"


def test_a_makers_first_fill_brings_the_count_down_by_five():
    client = Client()
    for k in range(5):
        client.order("BUY", f"5000{k}", "0.1")
    client.order("SELL", "50004", "0.05", key="kbob")
    assert client.signed("GET", "/api/v3/rateLimit/order")[1][0]["count"] == 0
    client.order("BUY", "40000", "0.1")
    client.order("SELL", "50004", "0.05", key="kbob")
    assert client.signed("GET", "/api/v3/rateLimit/order")[1][0]["count"] == 1


def test_headers_say_what_is_used_and_when_to_come_back():
    client = Client(rules=LimitRules(weight_per_minute=30))
    reply = client.raw("GET", "/api/v3/trades?symbol=BTCUSDT")
    assert reply.headers["X-MBX-USED-WEIGHT-1M"] == "25"
    reply = client.raw("GET", "/api/v3/trades?symbol=BTCUSDT")
    assert (reply.status, reply.headers["X-MBX-USED-WEIGHT-1M"]) == (429, "50")
    assert 0 < int(reply.headers["Retry-After"]) <= 60
    for _ in range(REFUSALS_BEFORE_BAN):
        reply = client.raw("GET", "/api/v3/ping")
    assert (reply.status, reply.headers["Retry-After"]) == (418, "120")


def test_order_replies_carry_the_order_counts():
    client = Client()
    query = client.query({"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT",
                          "timeInForce": "GTC", "price": "50000", "quantity": "0.1"})  # fmt: skip
    reply = client.raw("POST", f"/api/v3/order?{query}", {"x-mbx-apikey": "kalice"})
    assert reply.headers["X-MBX-ORDER-COUNT-10S"] == "1"
    assert reply.headers["X-MBX-ORDER-COUNT-1D"] == "1"
    assert "X-MBX-ORDER-COUNT-1D" not in client.raw("GET", "/api/v3/ping").headers


def test_a_ban_ends_websocket_api_connections_and_spares_streams():
    client = Client(rules=LimitRules(weight_per_minute=10))
    client.open(3, "/ws-api/v3")
    client.open(4, "/ws/btcusdt@trade")
    for _ in range(REFUSALS_BEFORE_BAN + 20):
        client.raw("GET", "/api/v3/ping")
    assert client.closed == [3]
    client.open(5, "/ws/btcusdt@trade")
    assert client.closed == [3, 5]


def test_a_websocket_request_of_a_banned_address_says_until_when():
    client = Client(rules=LimitRules(weight_per_minute=4))
    client.open(3, "/ws-api/v3")
    for _ in range(REFUSALS_BEFORE_BAN + 3):
        reply = client.call(3, "ping")
    assert (reply["status"], reply["error"]["code"]) == (418, -1003)
    data = reply["error"]["data"]
    assert data["retryAfter"] - data["serverTime"] == 120_000
    assert f"banned until {data['retryAfter']}." in reply["error"]["msg"]
    assert client.closed == [3]


def test_connections_are_counted_by_address_and_five_minutes():
    client = Client(rules=LimitRules(connections_per_5m=2))
    for conn in (1, 2, 3):
        client.open(conn, "/ws/btcusdt@trade")
    assert client.closed == [3]
    client.now_ns += 5 * MINUTE
    client.open(4, "/ws-api/v3")
    assert client.closed == [3]
