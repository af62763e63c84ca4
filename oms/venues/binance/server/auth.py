"""Who asks: API keys of three kinds, signatures over the exact bytes, timestamp and recvWindow.

Sources: rest-api.md "SIGNED endpoint security" (payload = query string followed by the body, both
percent-encoded before they are signed, without `signature`), web-socket-api.md "SIGNED request
security" (parameters sorted by name, `name=value` joined by `&`, UTF-8, without `signature`),
faqs/api_key_types.md. HMAC-SHA256 comes in hex of either case, Ed25519 and RSA (PKCS #1 v1.5 with
SHA-256) in base64.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping

from oms.venues.binance.server import errors as err
from oms.venues.binance.server.params import MICROSECONDS_FROM, Params
from oms.venues.serving.keyring import ApiKey, KeyTable

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


class Keyring(KeyTable):
    """The keys of the desk's accounts, with Binance's refusals."""

    def find(self, api_key: str | None) -> ApiKey:
        """The key, or ApiError."""
        if api_key is None or not _KEY_FORM(api_key):
            raise err.ApiError(*err.BAD_KEY_FORMAT)
        found = self.keys.get(api_key)
        if found is None:
            raise err.ApiError(*err.BAD_KEY)
        return found

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
            good = self.is_signed(api_key, payload, signature)
        if not good:
            raise err.ApiError(*err.BAD_SIGNATURE)


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
