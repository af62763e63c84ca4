"""Market-data endpoints: parameters, weights and refusals, and their figures against a plain
recomputation from the trades that the exchange has published."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal

import pytest

from oms.exchange.intervals import DAY_MS, INTERVALS, MINUTE_MS, SECOND_MS
from tests.oms.venues.binance.server.exchange_client import BTC as BTC_SYMBOL
from tests.oms.venues.binance.server.exchange_client import MS, START_NS, Client

WEIGHT = "X-MBX-USED-WEIGHT-1M"
EIGHT = Decimal("0.00000001")


def weight(client, target):
    before = int(client.raw("GET", "/api/v3/ping").headers[WEIGHT])
    return int(client.raw("GET", f"/api/v3/{target}").headers[WEIGHT]) - before


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("time", 1), ("exchangeInfo", 20), ("executionRules?symbol=BTCUSDT", 2),
        ("executionRules", 40), ("depth?symbol=BTCUSDT", 5), ("depth?symbol=BTCUSDT&limit=100", 5),
        ("depth?symbol=BTCUSDT&limit=101", 25), ("depth?symbol=BTCUSDT&limit=501", 50),
        ("depth?symbol=BTCUSDT&limit=1001", 250), ("depth?symbol=BTCUSDT&limit=9999", 250),
        ("trades?symbol=BTCUSDT", 25), ("historicalTrades?symbol=BTCUSDT", 25),
        ("aggTrades?symbol=BTCUSDT", 4), ("klines?symbol=BTCUSDT&interval=1m", 2),
        ("uiKlines?symbol=BTCUSDT&interval=1m", 2), ("avgPrice?symbol=BTCUSDT", 2),
        ("ticker/24hr?symbol=BTCUSDT", 2), ("ticker/24hr", 80),
        ("ticker/24hr?symbols=%5B%22BTCUSDT%22%5D", 2),
        ("ticker/tradingDay?symbol=BTCUSDT", 4),
        ("ticker/tradingDay?symbols=%5B%22BTCUSDT%22,%22ETHUSDT%22%5D", 8),
        ("ticker?symbols=%5B%22BTCUSDT%22,%22ETHUSDT%22%5D", 8),
        ("ticker/price?symbol=BTCUSDT", 2), ("ticker/price", 4),
        ("ticker/bookTicker?symbol=BTCUSDT", 2), ("ticker/bookTicker", 4),
        ("referencePrice?symbol=BTCUSDT", 2), ("historicalBlockTrades?symbol=BTCUSDT&fromId=1", 25),
        ("nonsense", 1), ("ticker/24hr?symbols=nonsense", 1),
    ],
)  # fmt: skip
def test_weights_are_the_documented_ones(target, expected):
    assert weight(Client(), target) == expected


BTC = {"symbol": "BTCUSDT"}
BOTH = '["BTCUSDT","ETHUSDT"]'


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("exchangeInfo", {"symbol": "BTCUSDT", "symbols": BOTH}, -1128),
        ("exchangeInfo", {"symbol": "BTCUSDT", "permissions": "SPOT"}, -1128),
        ("exchangeInfo", {"symbol": "BTCUSDT", "symbolStatus": "TRADING"}, -1128),
        ("exchangeInfo", {"permissions": "FLYING"}, -1130),
        ("exchangeInfo", {"symbolStatus": "OPEN"}, -1122),
        ("exchangeInfo", {"showPermissionSets": "maybe"}, -1100),
        ("exchangeInfo", {"symbols": '["BTCUSDT","BTCUSDT"]'}, -1151),
        ("exchangeInfo", {"symbols": "BTCUSDT"}, -1100),
        ("exchangeInfo", {"symbols": "[]"}, -1121),
        ("aggTrades", BTC | {"fromId": "1", "startTime": "1"}, -1128),
        ("aggTrades", BTC | {"startTime": "2", "endTime": "1"}, -1128),
        ("historicalTrades", BTC | {"fromId": "-1"}, -1100),
        ("historicalBlockTrades", BTC, -1102),
        ("klines", BTC, -1102),
        ("klines", BTC | {"interval": "1M", "timeZone": "14:01"}, -1130),
        ("klines", BTC | {"interval": "1m", "timeZone": "-12:01"}, -1130),
        ("klines", BTC | {"interval": "1m", "timeZone": "1:60"}, -1130),
        ("klines", BTC | {"interval": "1m", "timeZone": "UTC"}, -1130),
        ("klines", BTC | {"interval": "1m", "limit": "0"}, -1130),
        ("klines", BTC | {"interval": "1m", "startTime": "2", "endTime": "1"}, -1128),
        ("klines", BTC | {"interval": "1m", "startTime": "99999999999999999999"}, -1108),
        ("ticker", {}, -1102),
        ("ticker", BTC | {"windowSize": "60m"}, -1130),
        ("ticker", BTC | {"windowSize": "24h"}, -1130),
        ("ticker", BTC | {"windowSize": "8d"}, -1130),
        ("ticker", BTC | {"windowSize": "1w"}, -1100),
        ("ticker", BTC, -2016),
        ("ticker", {"symbols": str([f"S{k}" for k in range(101)]).replace("'", '"')}, -1130),
        ("ticker/24hr", BTC | {"symbolStatus": "BREAK"}, -1220),
        ("ticker/price", {"symbolStatus": "break"}, -1122),
    ],
)
def test_bad_parameters_are_refused(path, params, code):
    status, reply = Client().get(f"/api/v3/{path}", **params)
    assert (status, reply["code"]) == (400, code)


def test_exchange_info_is_filtered_as_asked():
    client = Client()

    def names(**params):
        return [s["symbol"] for s in client.get("/api/v3/exchangeInfo", **params)[1]["symbols"]]

    every = ["BTCUSDT", "ETHUSDT"]
    assert names() == names(permissions="SPOT") == names(permissions='["SPOT","MARGIN"]') == every
    assert names(symbolStatus="TRADING") == every
    assert names(symbolStatus="HALT") == names(permissions="LEVERAGED") == []
    info = client.get("/api/v3/exchangeInfo", showPermissionSets="false")[1]
    assert all(symbol["permissionSets"] == [] for symbol in info["symbols"])
    assert {row["rateLimitType"] for row in info["rateLimits"]} == {
        "REQUEST_WEIGHT", "ORDERS", "RAW_REQUESTS", "CONNECTIONS",
    }  # fmt: skip


def test_lists_leave_out_symbols_of_another_status():
    client = Client()
    assert client.get("/api/v3/ticker/price", symbols=BOTH, symbolStatus="HALT") == (200, [])
    assert len(client.get("/api/v3/ticker/bookTicker", symbolStatus="TRADING")[1]) == 2


def test_limits_beyond_the_most_count_as_the_most():
    client = Client(flow=200)
    client.run(20)
    for path in ("trades", "aggTrades"):
        most = client.get(f"/api/v3/{path}", symbol="BTCUSDT", limit=1000)[1]
        assert client.get(f"/api/v3/{path}", symbol="BTCUSDT", limit=50_000)[1] == most


def decimals(trades):
    return [(Decimal(t["price"]), Decimal(t["qty"]), t) for t in trades]


def recomputed(trades, start_ms):
    """A full ticker's figures from the trades since `start_ms`."""
    inside = [row for row in decimals(trades) if row[2]["time"] >= start_ms]
    base = sum(qty for _, qty, _ in inside)
    quote = sum(px * qty for px, qty, _ in inside)
    first, last = inside[0][0], inside[-1][0]
    percent = (100 * (last - first) / first).quantize(Decimal("0.001"), ROUND_FLOOR)
    return {
        "priceChange": f"{last - first:.8f}", "priceChangePercent": str(percent),
        "weightedAvgPrice": str((quote / base).quantize(EIGHT, ROUND_HALF_UP)),
        "openPrice": f"{first:.8f}", "lastPrice": f"{last:.8f}",
        "highPrice": f"{max(px for px, _, _ in inside):.8f}",
        "lowPrice": f"{min(px for px, _, _ in inside):.8f}",
        "volume": f"{base:.8f}", "quoteVolume": f"{quote:.8f}",
        "firstId": inside[0][2]["id"], "lastId": inside[-1][2]["id"], "count": len(inside),
    }  # fmt: skip


@pytest.fixture(scope="module")
def traded():
    """An exchange of one symbol whose every trade is known, over a bit more than an hour.
    Interpreted it takes a minute to trade, and what is tested is not compiled: the tests are marked
    so."""
    client = Client(flow=20, symbols=(BTC_SYMBOL,))
    found, first = [], 0
    page = {"symbol": "BTCUSDT", "limit": 1000}
    for _ in range(4):
        client.run(1000)
        while rows := client.get("/api/v3/historicalTrades", fromId=first, **page)[1]:
            found += rows
            first = rows[-1]["id"] + 1
    assert len(found) > 10_000
    assert [t["id"] for t in found] == list(range(found[0]["id"], found[0]["id"] + len(found)))
    return client, found


@pytest.mark.compiled
@pytest.mark.parametrize("minutes", [1, 7, 59, 60])
def test_rolling_windows_equal_the_recomputation(traded, minutes):
    client, trades = traded
    size = f"{minutes}m" if minutes < 60 else "1h"
    start_ms = (client.now_ns // MS - minutes * MINUTE_MS) // MINUTE_MS * MINUTE_MS
    status, reply = client.get("/api/v3/ticker", symbol="BTCUSDT", windowSize=size)
    assert status == 200
    expected = recomputed(trades, start_ms)
    assert {name: reply[name] for name in expected} == expected
    assert (reply["openTime"], reply["closeTime"]) == (start_ms, client.now_ns // MS)


@pytest.mark.compiled
def test_day_and_trading_day_equal_the_recomputation(traded):
    client, trades = traded
    now_ms = client.now_ns // MS
    reply = client.get("/api/v3/ticker/24hr", symbol="BTCUSDT")[1]
    expected = recomputed(trades, 0)
    assert {name: reply[name] for name in expected} == expected
    assert (reply["openTime"], reply["closeTime"]) == (now_ms - DAY_MS, now_ms)
    assert reply["lastQty"] == trades[-1]["qty"]
    zone_ms = 30 * MINUTE_MS - START_NS // MS % DAY_MS
    hours, minutes = divmod(zone_ms // MINUTE_MS % 1440, 60)
    for zone in ("0", "5:45", "-11", f"{hours}:{minutes:02}" if hours < 14 else "13:59"):
        sign = -1 if zone.startswith("-") else 1
        parts = [int(part) for part in zone.lstrip("-").split(":")]
        offset_ms = sign * (parts[0] * 60 + (parts[1] if len(parts) > 1 else 0)) * MINUTE_MS
        start_ms = INTERVALS["1d"].opens(now_ms, offset_ms)
        reply = client.get("/api/v3/ticker/tradingDay", symbol="BTCUSDT", timeZone=zone)[1]
        expected = recomputed(trades, start_ms)
        assert {name: reply[name] for name in expected} == expected
        assert (reply["openTime"], reply["closeTime"]) == (start_ms, start_ms + DAY_MS - 1)


@pytest.mark.compiled
@pytest.mark.parametrize("name", ["1s", "1m", "3m", "15m", "1h", "4h", "1d", "1w", "1M"])
@pytest.mark.parametrize("zone", ["0", "8", "-3:30"])
def test_klines_equal_the_recomputation(traded, name, zone):
    client, trades = traded
    rows = client.get("/api/v3/klines", symbol="BTCUSDT", interval=name, timeZone=zone)[1]
    assert rows == client.get("/api/v3/uiKlines", symbol="BTCUSDT", interval=name, timeZone=zone)[1]
    known = decimals(trades)
    times = [t["time"] for t in trades]
    assert times == sorted(times)
    for row in rows[1:] if name == "1s" else rows:
        inside = known[bisect_left(times, row[0]) : bisect_right(times, row[6])]
        assert row[8] == len(inside)
        bought = [(px, qty) for px, qty, t in inside if not t["isBuyerMaker"]]
        assert Decimal(row[5]) == sum(qty for _, qty, _ in inside)
        assert Decimal(row[7]) == sum(px * qty for px, qty, _ in inside)
        assert Decimal(row[9]) == sum(qty for _, qty in bought)
        assert Decimal(row[10]) == sum(px * qty for px, qty in bought)
        if inside:
            prices = [px for px, _, _ in inside]
            assert [Decimal(v) for v in row[1:5]] == [
                prices[0], max(prices), min(prices), prices[-1],
            ]  # fmt: skip


@pytest.mark.compiled
def test_trades_by_id_and_time(traded):
    client, trades = traded
    middle = trades[len(trades) // 2]
    rows = client.get("/api/v3/historicalTrades", symbol="BTCUSDT", fromId=middle["id"], limit=3)[1]
    assert [row["id"] for row in rows] == [middle["id"], middle["id"] + 1, middle["id"] + 2]
    assert client.get("/api/v3/trades", symbol="BTCUSDT", limit=2)[1] == trades[-2:]
    for start in (middle["time"], middle["time"] * 1000):
        rows = client.get("/api/v3/aggTrades", symbol="BTCUSDT", startTime=start, limit=2)[1]
        assert [row["T"] >= middle["time"] for row in rows] == [True, True]
        assert rows[0]["f"] <= middle["id"]
    rows = client.get("/api/v3/aggTrades", symbol="BTCUSDT", endTime=middle["time"], limit=4)[1]
    assert len(rows) == 4
    assert rows[-1]["l"] >= middle["id"]
    assert client.get("/api/v3/ticker/price", symbol="BTCUSDT")[1]["price"] == trades[-1]["price"]


@pytest.mark.compiled
def test_average_price_is_that_of_five_minutes(traded):
    client, trades = traded
    start_ms = client.now_ns // MS - 5 * MINUTE_MS
    start_ms = -(-start_ms // SECOND_MS) * SECOND_MS
    inside = [row for row in decimals(trades) if row[2]["time"] >= start_ms]
    quote, base = sum(px * qty for px, qty, _ in inside), sum(qty for _, qty, _ in inside)
    reply = client.get("/api/v3/avgPrice", symbol="BTCUSDT")[1]
    assert reply == {
        "mins": 5,
        "price": str((quote / base).quantize(EIGHT, ROUND_HALF_UP)),
        "closeTime": trades[-1]["time"],
    }


def test_a_market_that_never_traded_has_nothing_to_say():
    client = Client()
    assert client.get("/api/v3/klines", symbol="BTCUSDT", interval="1m") == (200, [])
    assert client.get("/api/v3/aggTrades", symbol="BTCUSDT") == (200, [])
    day = client.get("/api/v3/ticker/24hr", symbol="BTCUSDT")[1]
    assert (day["count"], day["firstId"], day["lastId"], day["openPrice"]) == (
        0, -1, -1, "0.00000000",
    )  # fmt: skip
    assert client.get("/api/v3/avgPrice", symbol="BTCUSDT")[1]["price"] == "0.00000000"
