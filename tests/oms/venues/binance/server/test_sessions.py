"""Keys of three kinds, signatures and times; sessions of the WebSocket API."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from urllib.parse import quote, urlencode

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from oms.venues.serving.keyring import ApiKey
from tests.oms.venues.binance.server.exchange_client import KEYS, MS, START_NS, Client

ED25519 = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
RSA = rsa.generate_private_key(65537, 2048)


def pem(private):
    return private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


@pytest.fixture
def client():
    made = Client()
    made.server.keyring.keys |= {
        "ked": ApiKey(0, pem(ED25519), "ed25519"),
        "krsa": ApiKey(1, pem(RSA), "rsa"),
    }
    made.open(3, "/ws-api/v3")
    return made


def sign(key, payload):
    if key == "ked":
        return base64.b64encode(ED25519.sign(payload)).decode()
    if key == "krsa":
        return base64.b64encode(RSA.sign(payload, PKCS1v15(), hashes.SHA256())).decode()
    return hmac.new(KEYS[key][1], payload, hashlib.sha256).hexdigest()


def ws_call(client, method, key, conn=3, **params):
    params |= {"apiKey": key}
    params.setdefault("timestamp", client.now_ns // MS)
    payload = "&".join(f"{name}={params[name]}" for name in sorted(params)).encode()
    return client.call(conn, method, **params, signature=sign(key, payload))


def rest_call(client, key, query, signature, body=b"", method="GET", path="/api/v3/account"):
    target = f"{path}?{query}&signature={quote(signature, safe='')}"
    return Client.read(client.raw(method, target, {"x-mbx-apikey": key}, body))


@pytest.mark.parametrize("key", ["kalice", "ked", "krsa"])
def test_each_kind_of_key_signs_rest_and_websocket_requests(client, key):
    query = f"timestamp={client.now_ns // MS}"
    assert rest_call(client, key, query, sign(key, query.encode()))[0] == 200
    assert ws_call(client, "account.status", key)["status"] == 200
    status, error = rest_call(client, key, query, sign(key, b"something else"))
    assert (status, error["code"]) == (400, -1022)
    for nonsense in ("", "%", "é", "A" * 86 + "==", "A" * 300):
        status, error = rest_call(client, key, query, nonsense)
        assert status == 400
        assert error["code"] in (-1022, -1105)


def test_hmac_signatures_may_be_of_either_case_base64_ones_may_not(client):
    query = f"timestamp={client.now_ns // MS}"
    assert rest_call(client, "kalice", query, sign("kalice", query.encode()).upper())[0] == 200
    assert rest_call(client, "ked", query, sign("ked", query.encode()).swapcase())[0] == 400


def test_parameters_stand_in_the_query_the_body_or_both(client):
    order = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price=50000"
    rest = f"quantity=0.1&timestamp={client.now_ns // MS}"
    path = "/api/v3/order"
    head = {"x-mbx-apikey": "kalice"}
    cases = [(order + "&" + rest, ""), ("", order + "&" + rest), (order, rest)]
    for query, body in cases:
        signed = "&signature=" + sign("kalice", (query + body).encode())
        target = f"{path}?{query}" + ("" if body else signed)
        text = body + signed if body else ""
        assert client.raw("POST", target, head, text.encode()).status == 200
    wrong = sign("kalice", f"{order}&{rest}".encode())
    reply = client.raw("POST", f"{path}?{order}", head, f"{rest}&signature={wrong}".encode())
    assert json.loads(reply.body)["code"] == -1022


def test_what_is_signed_must_be_percent_encoded(client):
    for raw, good in (("%EF%BC%91", True), ("\uff11", False), ("a b", False), ('"', False)):
        query = f"symbol=BTCUSDT&origClientOrderId={raw}&timestamp={client.now_ns // MS}"
        reply = rest_call(client, "kalice", query, sign("kalice", query.encode()),
                          path="/api/v3/order")  # fmt: skip
        assert (reply[1]["code"] != -1022) == good
    query = urlencode({"origClientOrderId": "\uff11", "timestamp": client.now_ns // MS})
    decoded = f"origClientOrderId=\uff11&timestamp={client.now_ns // MS}"
    assert rest_call(client, "kalice", query, sign("kalice", decoded.encode()))[1]["code"] == -1022


@pytest.mark.parametrize(
    ("query", "code", "text"),
    [
        ("timestamp={ms}&recvWindow=60000", None, ""),
        ("timestamp={ms}&recvWindow=6000.346", None, ""),
        ("timestamp={us}", None, ""),
        ("timestamp={ms}&recvWindow=1.0001", -1111, "'recvWindow' has too much precision"),
        ("timestamp={ms}&recvWindow=60000.001", -1131, "must be less than 60000"),
        ("timestamp={late}", -1021, "outside of the recvWindow"),
        ("timestamp={late_us}&recvWindow=5000", -1021, "outside of the recvWindow"),
        ("timestamp={late_us}&recvWindow=5000.001", None, ""),
        ("timestamp={early}", -1021, "1000ms ahead"),
        ("recvWindow=5000", -1102, "'timestamp'"),
        ("timestamp=", -1100, "'timestamp'"),
        ("timestamp=-1", -1100, "'timestamp'"),
        ("timestamp=1e9", -1100, "'timestamp'"),
        ("timestamp=99999999999999999999", -1108, "overflowed"),
        ("timestamp={ms}&timestamp={ms}", -1101, "Duplicate values"),
        ("timestamp={ms}&colour=red", -1104, "read '2' parameter(s) but was sent '3'"),
    ],
)
def test_times_are_held_to_the_window(client, query, code, text):
    now_ms = START_NS // MS
    query = query.format(
        ms=now_ms, us=START_NS // 1000, late=now_ms - 5001, early=now_ms + 1000,
        late_us=START_NS // 1000 - 5_000_001,
    )  # fmt: skip
    status, reply = rest_call(client, "kalice", query, sign("kalice", query.encode()))
    assert (status == 200) == (code is None)
    if code is not None:
        assert reply["code"] == code
        assert text in reply["msg"]


def test_replies_are_in_microseconds_for_who_asks(client):
    client.now_ns += 123_456_789
    head = {"x-mbx-time-unit": "MICROSECOND"}
    reply = client.raw("GET", "/api/v3/time", head)
    assert json.loads(reply.body) == {"serverTime": client.now_ns // 1000}
    reply = client.raw("GET", "/api/v3/time", {"x-mbx-time-unit": "second"})
    assert (reply.status, json.loads(reply.body)["code"]) == (400, -1194)
    assert client.get("/api/v3/time")[1] == {"serverTime": client.now_ns // MS}
    client.open(4, "/ws-api/v3?timeUnit=MICROSECOND")
    assert client.call(4, "time")["result"] == {"serverTime": client.now_ns // 1000}
    ws_call(client, "userDataStream.subscribe.signature", "ked", conn=4)
    ws_call(client, "userDataStream.subscribe.signature", "ked")
    client.order()
    fine, coarse = client.events(4), client.events(3)
    assert [event["E"] // 1000 for event in fine] == [event["E"] for event in coarse]
    assert fine[0]["E"] == client.now_ns // 1000


@pytest.mark.parametrize(
    ("header", "code"), [("3:1", -1155), ("3", -1152), ("a:b", -1152), ("", -1152)]
)
def test_sbe_is_refused_with_the_documented_error(client, header, code):
    reply = client.raw("GET", "/api/v3/time", {"x-mbx-sbe": header, "accept": "application/sbe"})
    assert (reply.status, json.loads(reply.body)["code"]) == (400, code)
    client.open(9, "/ws-api/v3?responseFormat=sbe&sbeSchemaId=3&sbeSchemaVersion=1")
    assert client.closed == [9]


# Sessions

PLACE = {
    "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
    "price": "50000", "quantity": "0.1",
}  # fmt: skip


def test_a_session_that_is_logged_on_needs_no_signature(client):
    stamped = {"timestamp": client.now_ns // MS}
    assert client.call(3, "order.place", **PLACE, **stamped)["error"]["code"] == -1102
    client.now_ns += 5_000_000
    status = ws_call(client, "session.logon", "ked")["result"]
    assert status == {
        "apiKey": "ked",
        "authorizedSince": client.now_ns // MS,
        "connectedSince": START_NS // MS,
        "returnRateLimits": True,
        "serverTime": client.now_ns // MS,
        "userDataStream": False,
    }
    assert client.call(3, "order.place", **PLACE, **stamped)["status"] == 200
    assert client.call(3, "v3/account.status", **stamped)["status"] == 200
    assert client.call(3, "order.place", **PLACE)["error"]["code"] == -1102
    late = {"timestamp": client.now_ns // MS - 5001}
    assert client.call(3, "order.place", **PLACE, **late)["error"]["code"] == -1021
    other = ws_call(client, "account.status", "krsa")["result"]["balances"]
    own = client.call(3, "account.status", **stamped)["result"]["balances"]
    assert other != own
    assert client.call(3, "account.status", apiKey="krsa", **stamped)["error"]["code"] == -1102


def test_only_ed25519_keys_log_on(client):
    for key in ("kalice", "krsa"):
        reply = ws_call(client, "session.logon", key)
        assert (reply["status"], reply["error"]["code"]) == (400, -1020)
    bad = client.call(3, "session.logon", apiKey="ked", timestamp=client.now_ns // MS,
                      signature="AAAA")  # fmt: skip
    assert bad["error"]["code"] == -1022
    assert client.call(3, "session.status")["result"]["apiKey"] is None


def test_logging_out_ends_the_sessions_own_subscription_alone(client):
    ws_call(client, "session.logon", "ked")
    assert client.call(3, "userDataStream.subscribe")["result"] == {"subscriptionId": 0}
    reply = ws_call(client, "userDataStream.subscribe.signature", "krsa")
    assert reply["result"] == {"subscriptionId": 1}
    assert client.call(3, "session.subscriptions")["result"] == [
        {"subscriptionId": 0}, {"subscriptionId": 1},
    ]  # fmt: skip
    assert client.call(3, "session.status")["result"]["userDataStream"] is True
    reply = client.call(3, "session.logout")["result"]
    assert (reply["apiKey"], reply["authorizedSince"]) == (None, None)
    assert client.inbox[3][-1] == {
        "subscriptionId": 0,
        "event": {"e": "eventStreamTerminated", "E": client.now_ns // MS},
    }
    assert client.call(3, "session.subscriptions")["result"] == [{"subscriptionId": 1}]
    reply = client.call(3, "userDataStream.subscribe")
    assert (reply["status"], reply["error"]["code"]) == (401, -1002)


def test_unsubscribing_without_a_number_ends_all(client):
    for key in ("ked", "krsa"):
        ws_call(client, "userDataStream.subscribe.signature", key)
    assert client.call(3, "userDataStream.unsubscribe")["result"] == {}
    assert [m["subscriptionId"] for m in client.inbox[3][-2:]] == [0, 1]
    assert client.call(3, "session.subscriptions")["result"] == []


def test_a_connection_may_subscribe_so_many_times_only(client):
    session = client.server._api._sessions[3]
    session.made = 65_534
    reply = ws_call(client, "userDataStream.subscribe.signature", "ked")
    assert reply["result"] == {"subscriptionId": 65_534}
    reply = ws_call(client, "userDataStream.subscribe.signature", "krsa")
    assert reply["error"]["code"] == -2042


def test_a_revoked_key_ends_the_session(client):
    ws_call(client, "session.logon", "ked")
    client.server.keyring.revoke("ked")
    client.say(3, {"id": 7, "method": "time"})
    assert client.inbox[3][-1] == {
        "id": None,
        "status": 401,
        "error": {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."},
    }
    assert client.call(3, "session.status")["result"]["apiKey"] is None


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b'{"id":1,"id":2,"method":"time"}', -1101),
        (b'{"id":1,"method":"depth","params":{"symbol":"BTCUSDT","symbol":"ETHUSDT"}}', -1101),
        (b'{"id" : 1, "method" : "depth", "params" : {"limit" : 5, "limit" : 5}}', -1101),
        (b'{"id":1.5,"method":"time"}', -1100),
        (b'{"id":9223372036854775808,"method":"time"}', -1100),
        (b'{"id":true,"method":"time"}', -1100),
        (b'{"id":"a b","method":"time"}', -1100),
        (b'{"id":"' + b"x" * 65 + b'","method":"time"}', -1100),
    ],
)
def test_doubled_fields_and_bad_ids_are_refused(client, data, code):
    client.say(3, data)
    assert client.inbox[3][-1]["error"]["code"] == code


def test_blanks_and_colons_in_texts_are_no_doubled_fields(client):
    client.say(3, b'{"id" : "a", "method" : "depth", "params" : {"symbol" : "BTC\\":X"}}')
    assert client.inbox[3][-1]["error"]["code"] == -1100


@pytest.mark.parametrize("number", [0, -1, (1 << 63) - 1, "a-b_C9", "x" * 37, None])
def test_ids_of_every_documented_form_come_back(client, number):
    assert client.call(3, "time", request_id=number)["id"] == number


def test_rate_limits_are_hidden_by_the_handshake_or_the_request(client):
    client.open(4, "/ws-api/v3?returnRateLimits=false")
    assert "rateLimits" not in client.call(4, "time")
    assert "rateLimits" in client.call(4, "time", returnRateLimits=True)
    assert client.call(4, "session.status")["result"]["returnRateLimits"] is False
