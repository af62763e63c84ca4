"""Bybit v5's signatures: HMAC-SHA256 in lower-case hex.

REST: over timestamp + api key + recv_window + (query string | JSON body). WebSocket auth: over
`GET/realtime` + expires. Times are milliseconds, as text.
Source: bybit-exchange.github.io/docs/v5/guide, "Authentication", and /ws/connect.
"""

from __future__ import annotations

from oms.venues.shared.hmac_sha256 import HmacSha256

WS_AUTH_PREFIX = "GET/realtime"


def rest_signature(
    signer: HmacSha256, timestamp: str, api_key: str, recv_window: str, payload: str
) -> str:
    """`X-BAPI-SIGN` of a request whose query string or body is exactly `payload`."""
    return signer.hex(f"{timestamp}{api_key}{recv_window}{payload}".encode())


def ws_signature(signer: HmacSha256, expires: str) -> str:
    """Third argument of the `auth` operation."""
    return signer.hex(f"{WS_AUTH_PREFIX}{expires}".encode())
