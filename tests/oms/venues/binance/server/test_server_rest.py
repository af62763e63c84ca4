"""REST of the simulated exchange: what it accepts, and every refusal with its documented text."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest

from oms.venues.binance.server.limits import LimitRules
from tests.oms.venues.binance.server.exchange_client import KEYS, MS, START_NS, Client

DECIMAL = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"


@pytest.fixture
def client():
    return Client()


def refusal(code, text):
    return 400, {"code": code, "msg": text}


def test_public_endpoints_answer(client):
    assert client.get("/api/v3/ping") == (200, {})
    assert client.get("/api/v3/time") == (200, {"serverTime": START_NS // MS})
    status, info = client.get("/api/v3/exchangeInfo", symbol="BTCUSDT")
    assert status == 200
    assert [s["symbol"] for s in info["symbols"]] == ["BTCUSDT"]
    filters = {f["filterType"]: f for f in info["symbols"][0]["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "0.01000000"
    assert filters["LOT_SIZE"]["stepSize"] == "0.00001000"
    assert filters["NOTIONAL"]["minNotional"] == "5.00000000"
    status, info = client.get("/api/v3/exchangeInfo", symbols='["ETHUSDT","BTCUSDT"]')
    assert [s["symbol"] for s in info["symbols"]] == ["ETHUSDT", "BTCUSDT"]
    assert client.get("/api/v3/depth", symbol="BTCUSDT")[1]["bids"] == []
    assert client.get("/api/v3/trades", symbol="BTCUSDT") == (200, [])
    assert len(client.get("/api/v3/ticker/bookTicker")[1]) == 2


def test_order_rests_fills_and_is_found_everywhere(client):
    status, placed = client.order("SELL", "60000.5", "0.2", newClientOrderId="s1")
    assert (status, placed["status"], placed["fills"]) == (200, "NEW", [])
    status, taken = client.order("BUY", "60001", "0.05", key="kbob", timeInForce="IOC")
    assert taken["status"] == "FILLED"
    (fill,) = taken["fills"]
    assert fill == {
        "price": "60000.50000000",
        "qty": "0.05000000",
        "commission": "0.00005000",
        "commissionAsset": "BTC",
        "tradeId": 1,
    }
    _, found = client.signed("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="s1")
    assert found["status"] == "PARTIALLY_FILLED"
    assert found["cummulativeQuoteQty"] == "3000.02500000"
    assert client.signed("GET", "/api/v3/openOrders")[1] == [found]
    assert client.signed("GET", "/api/v3/allOrders", symbol="BTCUSDT")[1] == [found]
    (mine,) = client.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT")[1]
    assert (mine["isMaker"], mine["isBuyer"], mine["commission"]) == (True, False, "3.00002500")
    _, account = client.signed("GET", "/api/v3/account")
    balances = {b["asset"]: (b["free"], b["locked"]) for b in account["balances"]}
    assert balances["BTC"] == ("9.80000000", "0.15000000")
    assert balances["USDT"] == ("1002997.02497500", "0.00000000")
    status, gone = client.signed("DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=1)
    assert (status, gone["status"], gone["origClientOrderId"]) == (200, "CANCELED", "s1")
    assert client.signed("GET", "/api/v3/openOrders", symbol="BTCUSDT") == (200, [])


@pytest.mark.parametrize(
    ("more", "code", "text"),
    [
        ({"symbol": "NOPE"}, -1121, "Invalid symbol."),
        (
            {"symbol": "btcusdt"},
            -1100,
            "Illegal characters found in parameter 'symbol'; legal range is '^[A-Z0-9-_.]{1,20}$'.",
        ),
        (
            {"symbol": None},
            -1102,
            "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.",
        ),
        ({"side": "HOLD"}, -1117, "Invalid side."),
        ({"type": "PEGGED"}, -1116, "Invalid orderType."),
        ({"type": "STOP_LOSS"}, -1106, "Parameter 'timeInForce' sent when not required."),
        ({"timeInForce": "GTX"}, -1115, "Invalid timeInForce."),
        (
            {"timeInForce": None},
            -1102,
            "Mandatory parameter 'timeInForce' was not sent, was empty/null, or malformed.",
        ),
        (
            {"px": None},
            -1102,
            "Mandatory parameter 'price' was not sent, was empty/null, or malformed.",
        ),
        ({"px": "59000.001"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"px": "59000.000000001"}, -1111, "Parameter 'price' has too much precision."),
        (
            {"px": "-1"},
            -1100,
            f"Illegal characters found in parameter 'price'; legal range is '{DECIMAL}'.",
        ),
        (
            {"px": "1e5"},
            -1100,
            f"Illegal characters found in parameter 'price'; legal range is '{DECIMAL}'.",
        ),
        ({"px": "99999999"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"px": "999999999999999999"}, -1108, "Parameter 'price' overflowed."),
        ({"px": "0"}, -1013, "Invalid price."),
        ({"qty": "0"}, -1013, "Invalid quantity."),
        ({"qty": "0.000001"}, -1013, "Filter failure: LOT_SIZE"),
        ({"qty": "9001"}, -1013, "Filter failure: LOT_SIZE"),
        ({"qty": "0.00001"}, -1013, "Filter failure: NOTIONAL"),
        ({"qty": "100"}, -2010, "Account has insufficient balance for requested action."),
        ({"quoteOrderQty": "10"}, -1106, "Parameter 'quoteOrderQty' sent when not required."),
        ({"stopPrice": "1"}, -1106, "Parameter 'stopPrice' sent when not required."),
        ({"icebergQty": "1"}, -2010, "IcebergQty exceeds QTY."),
        (
            {"newOrderRespType": "ALL"},
            -1130,
            "Data sent for parameter 'newOrderRespType' is not valid.",
        ),
        (
            {"newClientOrderId": "a b"},
            -1100,
            (
                "Illegal characters found in parameter 'newClientOrderId'; "
                "legal range is '^[a-zA-Z0-9-_]{1,36}$'."
            ),
        ),
        ({"newClientOrderId": ""}, -1105, "Parameter 'newClientOrderId' was empty."),
        (
            {"nonsense": "1"},
            -1104,
            "Not all sent parameters were read; read '8' parameter(s) but was sent '9'.",
        ),
        ({"recvWindow": "60001"}, -1131, "recvWindow must be less than 60000."),
    ],
)
def test_new_order_bad_input_is_refused_with_the_documented_error(client, more, code, text):
    assert client.order(**more) == refusal(code, text)
    assert client.signed("GET", "/api/v3/openOrders") == (200, [])


def test_market_orders_check_their_parameters(client):
    base = {"type": "MARKET", "timeInForce": None, "px": None}
    assert client.order(**base | {"qty": None}) == refusal(
        -1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!"
    )
    assert client.order(**base | {"px": "1"}) == refusal(
        -1106, "Parameter 'price' sent when not required."
    )
    client.order("SELL", "60000", "1")
    status, bought = client.order(**base | {"qty": None, "quoteOrderQty": "100", "key": "kbob"})
    assert (status, bought["status"]) == (200, "FILLED")
    assert (bought["executedQty"], bought["cummulativeQuoteQty"]) == ("0.00166000", "99.60000000")
    assert bought["origQuoteOrderQty"] == "100.00000000"
    status, rest = client.order(**base | {"qty": "3", "key": "kbob"})
    assert (rest["status"], rest["executedQty"]) == ("EXPIRED", "0.99834000")


def test_engine_refusals_have_their_texts(client):
    client.order("SELL", "60000", "1", newClientOrderId="one")
    assert client.order("SELL", "60001", "1", newClientOrderId="one") == refusal(
        -2010, "Duplicate order sent."
    )
    maker = {"type": "LIMIT_MAKER", "timeInForce": None, "px": "60000", "key": "kbob"}
    assert client.order(**maker) == refusal(-2010, "Order would immediately match and take.")
    status, fok = client.order("BUY", "60000", "2", key="kbob", timeInForce="FOK")
    assert (status, fok["status"], fok["executedQty"]) == (200, "EXPIRED", "0.00000000")
    cancel = {"symbol": "BTCUSDT", "orderId": 999}
    assert client.signed("DELETE", "/api/v3/order", **cancel) == refusal(
        -2011, "Unknown order sent."
    )
    assert client.signed("GET", "/api/v3/order", **cancel) == refusal(
        -2013, "Order does not exist."
    )
    assert client.signed("DELETE", "/api/v3/openOrders", symbol="ETHUSDT") == refusal(
        -2011, "Unknown order sent."
    )
    status, gone = client.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")
    assert [order["origClientOrderId"] for order in gone] == ["one"]
    client_id_free_again = client.order("SELL", "60000", "1", newClientOrderId="one")
    assert client_id_free_again[0] == 200
    other = client.signed("GET", "/api/v3/order", "kbob", symbol="BTCUSDT", orderId=1)
    assert other == refusal(-2013, "Order does not exist.")


def test_response_types_ack_result_full(client):
    ack = client.order(newOrderRespType="ACK")[1]
    assert list(ack) == ["symbol", "orderId", "orderListId", "clientOrderId", "transactTime"]
    result = client.order(newOrderRespType="RESULT")[1]
    assert "status" in result
    assert "fills" not in result
    maker = client.order(type="LIMIT_MAKER", timeInForce=None)[1]
    assert list(maker) == list(ack)


def test_signature_is_checked_on_the_exact_bytes(client):
    headers = {"x-mbx-apikey": "kalice"}
    query = client.query({"symbol": "BTCUSDT"})
    assert client.raw("GET", f"/api/v3/openOrders?{query}", headers).status == 200
    changed = query.replace("BTCUSDT", "ETHUSDT")
    assert client.read(client.raw("GET", f"/api/v3/openOrders?{changed}", headers)) == refusal(
        -1022, "Signature for this request is not valid."
    )
    moved = "&".join(reversed(query.split("&")[:-1])) + "&" + query.split("&")[-1]
    assert client.raw("GET", f"/api/v3/openOrders?{moved}", headers).status == 400
    assert client.raw("GET", f"/api/v3/openOrders?{query}", {"x-mbx-apikey": "kbob"}).status == 400
    no_signature = query.partition("&signature=")[0]
    assert client.read(client.raw("GET", f"/api/v3/openOrders?{no_signature}", headers)) == refusal(
        -1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed."
    )


def test_signature_covers_query_and_body_without_a_separator(client):
    query = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC"
    body = f"quantity=1&price=0.1&recvWindow=5000&timestamp={START_NS // MS}"
    body = body.replace("price=0.1", "price=59000")
    sign = hmac.new(KEYS["kalice"][1], (query + body).encode(), hashlib.sha256).hexdigest()
    reply = client.raw(
        "POST",
        f"/api/v3/order?{query}",
        {"x-mbx-apikey": "kalice"},
        f"{body}&signature={sign}".encode(),
    )
    assert reply.status == 200
    assert json.loads(reply.body)["status"] == "NEW"


def test_percent_encoding_is_signed_as_sent(client):
    headers = {"x-mbx-apikey": "kalice"}
    query = client.query({"symbol": "\uff11\uff12\uff13"})
    assert "%EF%BC%91" in query
    reply = client.read(client.raw("GET", f"/api/v3/openOrders?{query}", headers))
    assert reply[1]["code"] == -1100
    plain = f"symbol=\uff11\uff12\uff13&timestamp={START_NS // MS}"
    sign = hmac.new(KEYS["kalice"][1], plain.encode(), hashlib.sha256).hexdigest()
    target = f"/api/v3/openOrders?{plain}&signature={sign}"
    assert client.read(client.raw("GET", target, headers))[1]["code"] == -1022


def test_keys_and_times_are_checked(client):
    query = client.query({})
    path = f"/api/v3/account?{query}"
    assert client.read(client.raw("GET", path)) == (
        401, {"code": -2014, "msg": "API-key format invalid."},
    )  # fmt: skip
    assert client.read(client.raw("GET", path, {"x-mbx-apikey": "knobody"})) == (
        401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."},
    )  # fmt: skip
    now_ms = START_NS // MS
    late = "Timestamp for this request is outside of the recvWindow."
    early = "Timestamp for this request was 1000ms ahead of the server's time."

    def at(timestamp_ms, **params):
        return client.signed("GET", "/api/v3/account", timestamp_ms=timestamp_ms, **params)

    assert at(now_ms - 5001) == refusal(-1021, late)
    assert at(now_ms - 101, recvWindow="100") == refusal(-1021, late)
    assert at(now_ms + 1000) == refusal(-1021, early)
    assert at(now_ms - 5000)[0] == 200
    assert at(now_ms + 999)[0] == 200
    assert at((now_ms - 1) * 1000)[0] == 200, "microseconds are allowed"


def test_unknown_paths_methods_and_duplicates_are_refused(client):
    assert client.raw("GET", "/api/v3/nothing").status == 404
    assert client.raw("PUT", "/api/v3/order").status == 405
    assert client.read(client.raw("GET", "/api/v3/ping?x=1"))[1]["code"] == -1104
    doubled = client.raw("GET", "/api/v3/depth?symbol=BTCUSDT&symbol=BTCUSDT")
    assert client.read(doubled) == refusal(-1101, "Duplicate values for a parameter detected.")
    assert client.get("/api/v3/depth", symbol="BTCUSDT", limit="0")[1]["code"] == -1130
    assert client.get("/api/v3/depth", symbol="BTCUSDT", limit="many")[1]["code"] == -1100
    assert client.get("/api/v3/exchangeInfo", symbols='["BTCUSDT","BTCUSDT"]')[1]["code"] == -1151
    assert client.get("/api/v3/exchangeInfo", symbols="BTCUSDT")[1]["code"] == -1100


def test_weight_is_counted_and_enforced_with_retry_after():
    client = Client(rules=LimitRules(weight_per_minute=100))
    first = client.raw("GET", "/api/v3/depth?symbol=BTCUSDT&limit=1000")
    assert first.headers["X-MBX-USED-WEIGHT-1M"] == "50"
    assert client.raw("GET", "/api/v3/depth?symbol=BTCUSDT&limit=500").status == 200
    over = client.raw("GET", "/api/v3/depth?symbol=BTCUSDT&limit=1000")
    assert over.status == 429
    assert json.loads(over.body)["code"] == -1003
    assert 1 <= int(over.headers["Retry-After"]) <= 60
    client.now_ns += 60_000_000_000
    assert client.raw("GET", "/api/v3/ping").headers["X-MBX-USED-WEIGHT-1M"] == "1"


def test_order_count_is_counted_per_account_and_enforced():
    client = Client(rules=LimitRules(orders_per_10s=2))
    headers = {"x-mbx-apikey": "kalice"}
    query = client.query(
        {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
         "price": "59000", "quantity": "0.1"}
    )  # fmt: skip
    reply = client.raw("POST", f"/api/v3/order?{query}", headers)
    assert reply.headers["X-MBX-ORDER-COUNT-10S"] == "1"
    assert client.order()[0] == 200
    status, body = client.order()
    assert (status, body["code"]) == (429, -1015)
    assert body["msg"] == "Too many new orders; current limit is 2 orders per 10 SECOND."
    assert client.order(key="kbob")[0] == 200
    client.now_ns += 10_000_000_000
    assert client.order()[0] == 200


def test_my_trades_by_id_order_and_time(client):
    client.order("SELL", "60000", "1")
    for _ in range(5):
        client.now_ns += 1000 * MS
        client.order("BUY", "60000", "0.1", key="kbob")

    def ids(**params):
        return [
            t["id"] for t in client.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT", **params)[1]
        ]

    assert ids() == [1, 2, 3, 4, 5]
    assert ids(limit=2) == [4, 5]
    assert ids(fromId=2, limit=2) == [2, 3]
    assert ids(startTime=START_NS // MS + 4000) == [4, 5]
    assert ids(orderId=1) == [1, 2, 3, 4, 5]
    assert ids(orderId=2) == []
    both = client.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT", fromId=1, startTime=1)
    assert both[1]["code"] == -1128
    two_days = client.signed(
        "GET", "/api/v3/myTrades", symbol="BTCUSDT", startTime=1, endTime=2 * 86_400_000
    )
    assert two_days[1]["code"] == -1127
