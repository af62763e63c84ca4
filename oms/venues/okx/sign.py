"""OKX v5's signatures: HMAC-SHA256 in base64.

REST: over timestamp + METHOD + path with query + body, timestamp in ISO form with milliseconds.
WebSocket login: the same with `GET` and `/users/self/verify`, timestamp in seconds.
Source: www.okx.com/docs-v5, "REST Authentication" and "WebSocket Login".
"""

from __future__ import annotations

from base64 import b64encode

from oms.venues.shared.hmac_sha256 import HmacSha256

WS_LOGIN_PATH = "/users/self/verify"


def rest_signature(
    signer: HmacSha256, timestamp: str, method: str, path: str, body: str = ""
) -> str:
    """`OK-ACCESS-SIGN` of a request; `path` holds the query string, if there is one."""
    message = f"{timestamp}{method.upper()}{path}{body}".encode()
    return b64encode(signer.digest(message)).decode("ascii")


def ws_signature(signer: HmacSha256, timestamp: str) -> str:
    """`sign` of the `login` operation."""
    return rest_signature(signer, timestamp, "GET", WS_LOGIN_PATH)
