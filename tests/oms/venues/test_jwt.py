"""Tokens and the requests that carry them, against the standard library and published vectors."""

import base64
import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oms.ports import Key
from oms.venues.reports import Stamp
from oms.venues.shared.bid_ask import requests as requests_
from oms.venues.shared.jwt import JwtSigner, TokenError, decoded, encoded, verified
from tests.oracles.readers.tokens import Rfc7515Reader, WycheproofTokenReader
from tests.support import data_folder

STAMP = Stamp(1_790_000_000_123, 7, "6f1f8a52-26c4-4a4b-9d3c-8d2f4a4d0b77")


def key_of(algorithm="HS256", *, stamped=True):
    return requests_.JwtKey(Key("desk", "access", b"sesame"), algorithm, stamped=stamped)


def claims_of(call):
    token = call.headers["Authorization"].removeprefix("Bearer ")
    return json.loads(verified(token, b"sesame", ("HS256", "HS512")))


@given(st.binary(min_size=1, max_size=200), st.text(max_size=60))
@pytest.mark.parametrize(("algorithm", "digest"), [("HS256", "sha256"), ("HS512", "sha512")])
def test_token_any_key_and_claim_has_the_mac_of_the_standard_library(
    algorithm, digest, secret, text
):
    signer = JwtSigner(secret, algorithm)
    assert signer.token({"a": text}) == signer.token({"a": text}), "a signer may be used again"
    head, payload, mac = signer.token({"a": text}).split(".")
    expected = hmac.digest(secret, f"{head}.{payload}".encode(), digest)
    assert base64.urlsafe_b64decode(mac + "==") == expected
    assert json.loads(verified(f"{head}.{payload}.{mac}", secret, (algorithm,))) == {"a": text}


def test_token_header_names_the_algorithm_without_white_space():
    assert decoded(JwtSigner(b"k", "HS512").token({}).split(".")[0]) == (
        b'{"alg":"HS512","typ":"JWT"}'
    )


@given(st.binary(max_size=60))
def test_base64url_round_trip_has_no_padding(data):
    assert "=" not in encoded(data)
    assert decoded(encoded(data)) == data


@pytest.mark.parametrize("text", ["YQ==", "YR", "Y", "a b=", "a+b/", "é"])
def test_base64url_other_form_is_refused(text):
    with pytest.raises(TokenError):
        decoded(text)


def test_verified_algorithm_that_is_not_taken_is_refused():
    token = JwtSigner(b"k", "HS256").token({"a": 1})
    with pytest.raises(TokenError, match="HS256"):
        verified(token, b"k", ("HS512",))
    unsigned = ".".join((encoded(b'{"alg":"none"}'), encoded(b"{}"), ""))
    with pytest.raises(TokenError, match="none"):
        verified(unsigned, b"k", ("none", "HS256"))


@pytest.mark.parametrize("token", ["", ".", "a.b", "a.b.c.d", f"{encoded(b'[]')}.e30.e30"])
def test_verified_other_shape_is_refused(token):
    with pytest.raises(TokenError):
        verified(token, b"k", ("HS256",))


def test_signer_repr_shows_no_secret():
    assert "sesame" not in repr(JwtSigner(b"sesame", "HS256")) + repr(key_of())


def test_query_is_encoded_in_the_address_and_raw_in_the_hash():
    pairs = [("states[]", "wait"), ("states[]", "watch"), ("next_key", "a+/=="), ("t", "1:2")]
    call = requests_.by_query(key_of(), "GET", "/v1/x", pairs, STAMP)
    assert call.target == "/v1/x?states[]=wait&states[]=watch&next_key=a%2B%2F%3D%3D&t=1%3A2"
    raw = b"states[]=wait&states[]=watch&next_key=a+/==&t=1:2"
    assert claims_of(call)["query_hash"] == hashlib.sha512(raw).hexdigest()
    assert call.body == b""


def test_body_is_hashed_flat_in_its_own_order():
    body = {"z": "1", "ids": ["p", "q"], "of": [{"b": "2", "a": "3"}, {"b": "4"}]}
    call = requests_.by_body(key_of(), "/v2/x", body, STAMP)
    assert call.body == b'{"z":"1","ids":["p","q"],"of":[{"b":"2","a":"3"},{"b":"4"}]}'
    raw = b"z=1&ids[]=p&ids[]=q&of[0][b]=2&of[0][a]=3&of[1][b]=4"
    assert claims_of(call)["query_hash"] == hashlib.sha512(raw).hexdigest()
    assert call.headers["Content-Type"] == "application/json"


def test_request_without_parameters_claims_no_hash():
    call = requests_.by_query(key_of(), "GET", "/v1/accounts", (), STAMP)
    assert call.target == "/v1/accounts"
    assert claims_of(call) == {
        "access_key": "access", "nonce": STAMP.nonce, "timestamp": STAMP.now_ms,
    }  # fmt: skip


def test_key_that_is_not_stamped_claims_no_time():
    call = requests_.by_query(key_of("HS512", stamped=False), "GET", "/x", [("a", "b")], STAMP)
    assert list(claims_of(call)) == ["access_key", "nonce", "query_hash", "query_hash_alg"]


@pytest.mark.parametrize("reader", [Rfc7515Reader(), WycheproofTokenReader()])
def test_published_tokens_agree(reader):
    folder = data_folder(reader.folder)
    found = reader.read([p for q in reader.patterns for p in sorted(folder.glob(q))])
    assert found.agreed > 0
    assert found.disagreed == 0, found.differences
