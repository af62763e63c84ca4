"""Who asks: API keys of three kinds, signatures over the exact bytes, timestamp and recvWindow.

Sources: rest-api.md "SIGNED endpoint security" (payload = query string followed by the body, both
percent-encoded before they are signed, without `signature`), web-socket-api.md "SIGNED request
security" (parameters sorted by name, `name=value` joined by `&`, UTF-8, without `signature`),
faqs/api_key_types.md. HMAC-SHA256 comes in hex of either case, Ed25519 and RSA (PKCS #1 v1.5 with
SHA-256) in base64. `cryptography` is loaded when the first key of those two kinds is used.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from oms.ports import KeyKind
from oms.venues.binance.server import errors as err
from oms.venues.binance.server.params import MICROSECONDS_FROM, Params
from oms.venues.shared.hmac_sha256 import HmacSha256

RECV_WINDOW_DEFAULT_US = 5_000_000
RECV_WINDOW_MAX_US = 60_000_000
RECV_WINDOW_STEP = 10**5
"""A microsecond, as `Params.decimal` reads milliseconds."""
AHEAD_MAX_US = 1_000_000
_KEY_FORM = re.compile(r"[A-Za-z0-9]{1,128}").fullmatch
_NOT_ENCODED = re.compile(r"[^A-Za-z0-9\-_.~!$&'()*+,;=:@/?%]|%(?![0-9A-Fa-f]{2})").search
"""What may not stand in a query as it is (RFC 3986) and must be percent-encoded."""
_NAME = "signature="
_CREDENTIALS = frozenset({"apiKey", "signature"})


class ApiKey(NamedTuple):
    """What is known of one key: `material` is the secret, or the public key in PEM."""

    account: int
    material: bytes
    kind: KeyKind = "hmac"


class Keyring:
    """API key -> ApiKey; a plain (account, secret) is an HMAC key."""

    def __init__(self, keys: Mapping[str, ApiKey | tuple[int, bytes]]) -> None:
        self.keys = {name: ApiKey(*found) for name, found in keys.items()}
        self._verifiers: dict[str, Callable[[bytes, bytes], bool]] = {}
        self._hmacs: dict[str, HmacSha256] = {}

    def find(self, api_key: str | None) -> ApiKey:
        """The key, or ApiError."""
        if api_key is None or not _KEY_FORM(api_key):
            raise err.ApiError(*err.BAD_KEY_FORMAT)
        found = self.keys.get(api_key)
        if found is None:
            raise err.ApiError(*err.BAD_KEY)
        return found

    def revoke(self, api_key: str) -> None:
        """The key's owner has deleted it."""
        self.keys.pop(api_key, None)
        self._hmacs.pop(api_key, None)

    def is_hmac(self, api_key: str, payload: bytes | memoryview, given: str) -> bool:
        """Whether `given` is the signature of `payload` with this HMAC key."""
        signer = self._hmacs.get(api_key)
        if signer is None:
            signer = self._hmacs[api_key] = HmacSha256(self.keys[api_key].material)
        return hmac.compare_digest(signer.hex(payload).encode(), given.lower().encode("utf-8"))

    def check(self, api_key: str, payload: bytes, given: str) -> None:
        """BAD_SIGNATURE unless `given` is the signature of `payload` with this key."""
        key = self.keys[api_key]
        if key.kind == "hmac":
            good = self.is_hmac(api_key, payload, given)
        else:
            try:
                signature = base64.b64decode(given, validate=True)
            except (binascii.Error, ValueError):
                raise err.ApiError(*err.BAD_SIGNATURE) from None
            if api_key not in self._verifiers:
                self._verifiers[api_key] = _verifier(key)
            good = self._verifiers[api_key](signature, payload)
        if not good:
            raise err.ApiError(*err.BAD_SIGNATURE)


def _verifier(key: ApiKey) -> Callable[[bytes, bytes], bool]:
    """(signature, payload) -> is it good?"""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    public = load_pem_public_key(key.material)

    def verify(signature: bytes, payload: bytes) -> bool:
        try:
            if isinstance(public, Ed25519PublicKey):
                public.verify(signature, payload)
            else:
                assert isinstance(public, RSAPublicKey), "the key file's kind is its key's"
                public.verify(signature, payload, PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True

    return verify


def _without_signature(raw: str) -> str:
    return "&".join(part for part in raw.split("&") if not part.startswith(_NAME))


def rest_payload(query: str, body: str) -> bytes:
    """What a REST request signs."""
    return (_without_signature(query) + _without_signature(body)).encode("utf-8")


def ws_payload(params: Mapping[str, str]) -> bytes:
    """What a WebSocket API request signs."""
    parts = [f"{name}={value}" for name, value in sorted(params.items()) if name != "signature"]
    return "&".join(parts).encode("utf-8")


def check_time(params: Params, now_ns: int) -> None:
    """serverTime - recvWindow <= timestamp < serverTime + 1000 ms; milli- or microseconds."""
    timestamp_us = params.integer("timestamp")
    if timestamp_us <= MICROSECONDS_FROM:
        timestamp_us *= 1000
    window_us = RECV_WINDOW_DEFAULT_US
    if params.has("recvWindow"):
        window_us, finer = divmod(params.decimal("recvWindow"), RECV_WINDOW_STEP)
        if finer:
            raise err.precision("recvWindow")
        if window_us > RECV_WINDOW_MAX_US:
            raise err.ApiError(*err.RECV_WINDOW_TOO_LONG)
    now_us = now_ns // 1000
    if timestamp_us >= now_us + AHEAD_MAX_US:
        raise err.ApiError(*err.TIMESTAMP_AHEAD)
    if now_us - timestamp_us > window_us:
        raise err.ApiError(*err.TIMESTAMP_OUTSIDE)


def rest_account(
    keyring: Keyring, api_key: str | None, query: str, body: str, params: Params, now_ns: int
) -> int:
    """The account of a signed REST request, or ApiError; `params` are those of both texts."""
    account = keyring.find(api_key).account
    assert api_key is not None
    signature = params.text("signature")
    check_time(params, now_ns)
    if _NOT_ENCODED(query) or _NOT_ENCODED(body):
        raise err.ApiError(*err.BAD_SIGNATURE)
    keyring.check(api_key, rest_payload(query, body), signature)
    return account


def ws_account(keyring: Keyring, params: Params, now_ns: int, logged_on: str | None = None) -> int:
    """The account of a signed WebSocket API request, or ApiError.

    A session that is `logged_on` with a key vouches for requests without key and signature; the
    timestamp is asked for all the same.
    """
    if logged_on is not None and not _CREDENTIALS & params.given.keys():
        check_time(params, now_ns)
        return keyring.find(logged_on).account
    if not params.has("apiKey"):
        raise err.mandatory("apiKey")
    api_key = params.text("apiKey")
    account = keyring.find(api_key).account
    signature = params.text("signature")
    check_time(params, now_ns)
    keyring.check(api_key, ws_payload(params.given), signature)
    return account
