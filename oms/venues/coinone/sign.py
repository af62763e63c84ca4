"""Coinone signs the payload itself: JSON with `access_token` and `nonce` first, in base64; of that
text HMAC-SHA512 in lower-case hex, by the secret as it is printed (reference/place-order, V2.1).

Both stand in headers, the body is the plain JSON that was encoded. The handshake of the private
WebSocket has the same headers, its payload also a `timestamp` (reference/private-websocket-1).
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from typing import Any

import orjson

from oms.ports import Key

KEY_KIND = "hmac"


def payload_of(words: Mapping[str, Any]) -> tuple[bytes, str]:
    """(the JSON without white space, its base64), in the order given."""
    body = orjson.dumps(words)
    return body, base64.b64encode(body).decode("ascii")


class PayloadSigner:
    """One key. Its repr shows nothing of the secret."""

    __slots__ = ("_mac", "access_token")

    def __init__(self, key: Key) -> None:
        assert key.kind == KEY_KIND, f"key '{key.name}' is {key.kind}"
        self.access_token = key.api_key
        self._mac = hmac.new(key.secret, digestmod="sha512")

    def signature(self, payload: str) -> str:
        """`X-COINONE-SIGNATURE` of a base64 text."""
        mac = self._mac.copy()
        mac.update(payload.encode("ascii"))
        return mac.hexdigest()

    def signed(self, nonce: str, words: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
        """(body, headers) of a request; `nonce` is a UUID v4, never used twice."""
        assert nonce, "each request has a nonce of its own"
        body, payload = payload_of({"access_token": self.access_token, "nonce": nonce, **words})
        headers = {"X-COINONE-PAYLOAD": payload, "X-COINONE-SIGNATURE": self.signature(payload)}
        return body, headers
