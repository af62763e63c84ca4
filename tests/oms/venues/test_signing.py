"""Signatures against published vectors, against the standard library and a client library."""

import hashlib
import hmac
import json
from urllib.parse import urlsplit

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oms.venues.binance import sign as binance
from oms.venues.bybit import sign as bybit
from oms.venues.okx import sign as okx
from oms.venues.shared.hmac_sha256 import HmacSha256, HotHmac
from shm_layout.words.sha256_hot import hmac_hex
from tests.oracles.readers.signing_vectors import SigningVectorsReader
from tests.support import data_folder


def read(folder):
    reader = SigningVectorsReader()
    return reader.read([p for q in reader.patterns for p in sorted(folder.glob(q))])


@given(st.binary(max_size=200), st.binary(max_size=80), st.binary(max_size=300))
def test_hmac_any_key_and_message_equals_standard_library(secret, prefix, message):
    expected = hmac.new(secret, prefix + message, hashlib.sha256)
    signer = HmacSha256(secret, prefix)
    assert signer.hex(message) == expected.hexdigest()
    assert signer.digest(message) == expected.digest()
    assert signer.hex(message) == expected.hexdigest(), "a signer may be used again"


@given(st.binary(max_size=200), st.binary(max_size=80), st.binary(max_size=300))
def test_compiled_hmac_any_key_and_message_equals_standard_library(secret, prefix, message):
    signer = HotHmac(secret, prefix)
    message_at = signer.rest + message
    mac, out = signer.mac, np.zeros(1024, np.uint8)
    out[: len(message_at)] = np.frombuffer(message_at, np.uint8)
    for _ in range(2):
        hmac_hex(mac, out, len(message_at), 600, 900)
        expected = hmac.new(secret, prefix + message, hashlib.sha256).hexdigest()
        assert out[900:964].tobytes().decode() == expected


def test_signer_repr_shows_no_secret():
    assert "sesame" not in repr(HmacSha256(b"sesame")) + repr(HotHmac(b"sesame"))


def test_ws_payload_sorts_names_and_leaves_utf8_raw():
    params = {"timestamp": 1645423376532, "symbol": "한국어", "apiKey": "k", "signature": "x"}
    payload = binance.ws_payload(params)
    assert payload == "apiKey=k&symbol=한국어&timestamp=1645423376532".encode()


def test_signed_query_percent_encodes_before_signing():
    text = binance.signed_query(
        binance.HmacSigner(b"s"), [("symbol", "한국"), ("a", "x y&z"), ("n", 5)]
    )
    body, _, signature = text.partition("&signature=")
    assert body == "symbol=%ED%95%9C%EA%B5%AD&a=x%20y%26z&n=5"
    assert signature == hmac.new(b"s", body.encode(), hashlib.sha256).hexdigest()


def test_signing_vectors_folder_every_vector_agrees():
    result = read(data_folder("signing-vectors"))
    assert result.items > 0
    assert result.agreed == result.items, result


def test_vector_reader_changed_signature_disagrees(tmp_path):
    good = {"exchange": "okx", "secret": "s", "timestamp": "t", "method": "POST", "path": "/p",
            "body": "{}"}  # fmt: skip
    good["signature"] = okx.rest_signature(HmacSha256(b"s"), "t", "POST", "/p", "{}")
    bad = {**good, "signature": "AAAA"}
    (tmp_path / "more.jsonl").write_text(json.dumps(good) + "\n" + json.dumps(bad) + "\n")
    result = read(tmp_path)
    assert (result.items, result.agreed, result.disagreed) == (2, 1, 1)


def test_vector_reader_other_kinds_are_read_by_their_fields(tmp_path):
    secret = HmacSha256(b"s")
    params = {"symbol": "한국", "apiKey": "k", "timestamp": 1}
    written = [
        {"exchange": "bybit", "secret": "s", "expires": 17, "kind": "websocket",
         "signature": bybit.ws_signature(secret, "17")},
        {"exchange": "bybit", "secret": "s", "payload": "GET/realtime17",
         "signature": bybit.ws_signature(secret, "17")},
        {"exchange": "bybit", "secret": "s", "timestamp": 1, "api_key": "k", "recv_window": 5000,
         "payload": '{"a":1}', "kind": "POST body",
         "signature": secret.hex(b'1k5000{"a":1}')},
        {"exchange": "binance", "secret": "s", "params": params,
         "signature": binance.ws_signature(binance.HmacSigner(b"s"), params)},
        {"exchange": "okx", "secret": "s", "timestamp": "1538054050",
         "signature": okx.ws_signature(secret, "1538054050")},
        {"exchange": "binance", "kind": "Ed25519", "secret": "s", "payload": "", "signature": ""},
        5,
        {"exchange": "kraken", "secret": "s", "signature": ""},
    ]  # fmt: skip
    (tmp_path / "v.json").write_text(json.dumps({"vectors": written}), encoding="utf-8")
    (tmp_path / "broken.json").write_text("{")
    result = read(tmp_path)
    assert (result.items, result.agreed, result.disagreed) == (9, 5, 0)
    assert sum(result.unread.values()) == 4


def test_requests_of_client_library_signatures_recomputed_agree():
    given_file = data_folder("ccxt-generated") / "requests" / "binance.json"
    material = json.loads(given_file.read_text())
    signer = binance.HmacSigner(material["secret"].encode())
    signed = 0
    for case in material["cases"]:
        for request in case["requests"]:
            text = request["body"] or urlsplit(request["url"]).query
            covered, found, signature = text.partition("&signature=")
            if not found:
                continue
            signed += 1
            assert signer.hex(covered.encode()) == signature, case["call"]
            pairs = [tuple(pair.split("=", 1)) for pair in covered.split("&")]
            assert binance.signed_query(signer, pairs) == text, case["call"]
    assert signed > 0


@pytest.mark.parametrize("secret", [b"", b"k" * 64, b"k" * 65])
def test_hmac_key_at_block_size_boundary_equals_standard_library(secret):
    assert HmacSha256(secret).hex(b"m") == hmac.new(secret, b"m", hashlib.sha256).hexdigest()
