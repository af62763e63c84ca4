"""Binance's signatures: HMAC-SHA256 in lower-case hex.

REST: the query string or form body, percent-encoded *before* it is signed (enforced since
2026-01-15, else -1022), `signature` last. WebSocket API: all params but `signature`, sorted by
name, joined as `name=value&...` and signed as raw UTF-8, not encoded.
Source: binance-spot-api-docs rest-api.md "SIGNED (TRADE and USER_DATA) endpoint security" and
web-socket-api.md "Request security".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import quote

from oms.venues.hmac_sha256 import HmacSha256

_UNRESERVED = "-_.~"


def query_text(params: Iterable[tuple[str, str | int]]) -> str:
    """`name=value&...` in the order given, every value percent-encoded as UTF-8."""
    return "&".join(f"{name}={quote(str(value), safe=_UNRESERVED)}" for name, value in params)


def signed_query(signer: HmacSha256, params: Iterable[tuple[str, str | int]]) -> str:
    """The query string or form body of a signed REST request, `signature` at its end."""
    text = query_text(params)
    return f"{text}&signature={signer.hex(text.encode('ascii'))}"


def ws_payload(params: Mapping[str, str | int]) -> bytes:
    """What the signature of a WebSocket-API request covers."""
    ordered = sorted(name for name in params if name != "signature")
    return "&".join(f"{name}={params[name]}" for name in ordered).encode()


def ws_signature(signer: HmacSha256, params: Mapping[str, str | int]) -> str:
    """The `signature` param of a WebSocket-API request with these params."""
    return signer.hex(ws_payload(params))
