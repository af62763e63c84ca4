"""Who asks: API keys, HMAC-SHA256 over the exact bytes, timestamp and recvWindow.

Sources: rest-api.md "SIGNED endpoint security" (payload = query string followed by the body, both
percent-encoded as sent, without `signature`), web-socket-api.md "SIGNED request security"
(parameters sorted by name, `name=value` joined by `&`, UTF-8, without `signature`).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

from oms.venues.binance import server_errors as err
from oms.venues.binance.server_params import Params

RECV_WINDOW_DEFAULT_MS = 5000
RECV_WINDOW_MAX_MS = 60_000
AHEAD_MAX_MS = 1000
_KEY_FORM = re.compile(r"[A-Za-z0-9]{1,128}").fullmatch
_NAME = "signature="


@dataclass(frozen=True, slots=True)
class Keyring:
    """API key -> (account, secret)."""

    keys: Mapping[str, tuple[int, bytes]]

    def find(self, api_key: str | None) -> tuple[int, bytes]:
        if api_key is None or not _KEY_FORM(api_key):
            raise err.ApiError(*err.BAD_KEY_FORMAT)
        found = self.keys.get(api_key)
        if found is None:
            raise err.ApiError(*err.BAD_KEY)
        return found


def _without_signature(raw: str) -> str:
    return "&".join(part for part in raw.split("&") if not part.startswith(_NAME))


def rest_payload(query: str, body: str) -> bytes:
    """What a REST request signs."""
    return (_without_signature(query) + _without_signature(body)).encode("utf-8")


def ws_payload(params: Mapping[str, str]) -> bytes:
    """What a WebSocket API request signs."""
    parts = [f"{name}={params[name]}" for name in sorted(params) if name != "signature"]
    return "&".join(parts).encode("utf-8")


def check_signature(secret: bytes, payload: bytes, given: str) -> None:
    """BAD_SIGNATURE unless `given` is the HMAC-SHA256 of `payload`, in hex."""
    expected = hmac.new(secret, payload, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), given.lower().encode("utf-8")):
        raise err.ApiError(*err.BAD_SIGNATURE)


def check_time(params: Params, now_ns: int) -> None:
    """serverTime - recvWindow <= timestamp < serverTime + 1000 ms; milli- or microseconds."""
    timestamp = params.integer("timestamp")
    if timestamp > 10**15:
        timestamp //= 1000
    window_ms = RECV_WINDOW_DEFAULT_MS
    if params.has("recvWindow"):
        window_us = params.decimal("recvWindow") // 10**5
        window_ms = window_us // 1000
        if window_us > RECV_WINDOW_MAX_MS * 1000:
            raise err.ApiError(*err.RECV_WINDOW_TOO_LONG)
    now_ms = now_ns // 1_000_000
    if timestamp >= now_ms + AHEAD_MAX_MS:
        raise err.ApiError(*err.TIMESTAMP_AHEAD)
    if now_ms - timestamp > window_ms:
        raise err.ApiError(*err.TIMESTAMP_OUTSIDE)


def rest_account(
    keyring: Keyring, api_key: str | None, query: str, body: str, params: Params, now_ns: int
) -> int:
    """The account of a signed REST request, or ApiError; `params` are those of both texts."""
    account, secret = keyring.find(api_key)
    signature = params.text("signature")
    check_time(params, now_ns)
    if not query.isascii() or not body.isascii():
        raise err.ApiError(*err.BAD_SIGNATURE)
    check_signature(secret, rest_payload(query, body), signature)
    return account


def ws_account(keyring: Keyring, params: Params, now_ns: int) -> int:
    """The account of a signed WebSocket API request, or ApiError."""
    if not params.has("apiKey"):
        raise err.mandatory("apiKey")
    account, secret = keyring.find(params.text("apiKey"))
    signature = params.text("signature")
    check_time(params, now_ns)
    check_signature(secret, ws_payload(params.given), signature)
    return account
