"""Whatever a client sends, the exchange answers it with a reply or an error, and goes on."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oms.venues.binance.server import endpoints as served
from oms.venues.binance.server.streams.commands import METHODS as STREAM_METHODS
from oms.venues.binance.server.ws_api.sessions import SESSION_CALLS
from tests.oms.venues.binance.server.exchange_client import Client

NAMES = st.sampled_from(
    ["symbol", "side", "type", "timeInForce", "price", "quantity", "quoteOrderQty", "limit",
     "newClientOrderId", "orderId", "origClientOrderId", "recvWindow", "fromId", "startTime",
     "symbols", "newOrderRespType", "interval", "endTime", "timeZone", "windowSize", "symbolStatus",
     "permissions", "showPermissionSets", "origQty", "stopPrice", "icebergQty", "trailingDelta",
     "cancelReplaceMode", "aboveType", "belowType", "listClientOrderId", "x"]
)  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(
        [
            "BTCUSDT",
            "BUY",
            "SELL",
            "LIMIT",
            "MARKET",
            "GTC",
            "IOC",
            "60000",
            "0.1",
            "1",
            "1m",
            "1M",
            "-1:00",
            "99",
            "7d",
            "TRADING",
            '["BTCUSDT"]',
            "STOP_LOSS",
            "true",
            "MINI",
            "0",
            "9" * 18,
            "STOP_ON_FAILURE",
        ]
    ),
    st.text(max_size=12),
    st.integers(-(10**20), 10**20).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=4).map(str),
)
PARAMS = st.dictionaries(NAMES, VALUES, max_size=8)
PATHS = st.sampled_from(sorted(served.PATHS))
METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE"])

client = Client(flow=0)
client.open(3, "/ws-api/v3")
client.open(4, "/ws")


@given(METHODS, PATHS, PARAMS)
def test_rest_any_parameters_get_a_reply(method, path, params):
    client.now_ns += 10_000_000_000
    status, body = client.signed(method, path, **params)
    assert status in (200, 400, 405, 409, 429)
    assert status == 200 or body["code"] < 0


@given(PATHS, PARAMS)
def test_rest_any_unsigned_parameters_get_a_reply(path, params):
    client.now_ns += 60_000_000_000
    reply = client.raw("GET", f"{path}?{urlencode(params)}", {"x-mbx-apikey": "kalice"})
    assert reply.status in (200, 400, 405)
    assert reply.status == 200 or json.loads(reply.body)["code"] < 0


@given(
    st.dictionaries(st.sampled_from(["x-mbx-apikey", "x-mbx-time-unit", "x-mbx-sbe"]), st.text())
)
def test_rest_any_headers_get_a_reply(headers):
    client.now_ns += 10_000_000_000
    reply = client.raw("GET", "/api/v3/account?timestamp=1&signature=2", headers)
    assert reply.status in (400, 401)
    assert json.loads(reply.body)["code"] < 0


@given(st.text(max_size=60))
def test_any_handshake_is_taken_or_ended(target):
    client.now_ns += 10_000_000_000
    for prefix in ("", "/ws/", "/stream?streams=", "/ws-api/v3?"):
        client.open(9, prefix + target)
        client.server.closed(9)


@given(METHODS, st.text(max_size=40), st.binary(max_size=40))
def test_rest_any_bytes_get_a_reply(method, target, body):
    client.now_ns += 10_000_000_000
    reply = client.raw(method, "/api/v3/order?" + target, {"x-mbx-apikey": "kalice"}, body)
    assert 400 <= reply.status < 500
    assert json.loads(reply.body)["code"] < 0


@given(st.sampled_from([3, 4]), st.binary(max_size=60))
def test_websocket_any_bytes_get_a_reply(conn, data):
    client.now_ns += 10_000_000_000
    before = len(client.inbox.get(conn, []))
    client.say(conn, data)
    assert len(client.inbox[conn]) == before + 1
    reply = client.inbox[conn][-1]
    assert ("error" in reply) != ("result" in reply)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    st.sampled_from([3, 4]),
    st.sampled_from([*sorted(served.ENDPOINTS), *STREAM_METHODS, *SESSION_CALLS, "x"]),
    JSON,
    JSON,
)
def test_websocket_any_json_gets_a_reply(conn, method, request_id, params):
    client.now_ns += 10_000_000_000
    before = len(client.inbox.get(conn, []))
    client.say(conn, {"id": request_id, "method": method, "params": params})
    assert len(client.inbox[conn]) == before + 1


@given(st.dictionaries(NAMES, JSON, max_size=6))
def test_websocket_signed_orders_with_any_values_get_a_reply(params):
    client.now_ns += 10_000_000_000
    texts = {
        k: v for k, v in params.items() if isinstance(v, (str, int)) and not isinstance(v, bool)
    }
    reply = client.call(3, "order.place", "kalice", **texts)
    assert reply["status"] in (200, 400, 429)


@given(st.sampled_from(sorted(served.ENDPOINTS)), st.dictionaries(NAMES, VALUES, max_size=8))
def test_websocket_any_signed_parameters_get_a_reply(method, params):
    client.now_ns += 60_000_000_000
    reply = client.call(3, method, "kalice", **params)
    assert reply["status"] in (200, 400, 409, 429)
    assert ("result" in reply) != ("error" in reply)


@pytest.mark.parametrize("conn", [3, 4])
@pytest.mark.parametrize("depth", [100, 300, 1000, 5000])
@pytest.mark.parametrize("piece", [(b"[", b"]"), (b'{"a":', b"}"), (b'{"a" :', b"}")])
def test_websocket_deep_messages_get_a_reply(conn, depth, piece):
    client.now_ns += 10_000_000_000
    deep = piece[0] * depth + b"1" + piece[1] * depth
    for data in (deep, b'{"id":1,"method":"depth","params":{"symbol":' + deep + b"}}"):
        before = len(client.inbox.get(conn, []))
        client.say(conn, data)
        assert "error" in client.inbox[conn][before]


def test_rest_path_of_any_characters_is_not_served():
    reply = client.raw("GET", "/api/v3/\udcff\u2028")
    assert (reply.status, json.loads(reply.body)["code"]) == (404, -1000)
