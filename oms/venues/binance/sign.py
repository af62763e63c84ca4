"""Binance's signatures: HMAC-SHA256 in lower-case hex, or Ed25519 in base64.

REST: the query string or form body, percent-encoded *before* it is signed (enforced since
2026-01-15, else -1022), `signature` last. WebSocket API: all params but `signature`, sorted by
name, joined as `name=value&...` and signed as raw UTF-8, not encoded.
Source: binance-spot-api-docs rest-api.md "SIGNED (TRADE and USER_DATA) endpoint security" and
web-socket-api.md "Request security"; faqs/api_key_types.md. `cryptography` is loaded with the first
Ed25519 key; users of HMAC keys never import it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any, Protocol
from urllib.parse import quote

from oms.errors import ConfigError
from oms.ports import Key
from oms.venues.shared.hmac_sha256 import HmacSha256

_UNRESERVED = "-_.~"


class Signer(Protocol):
    """Signs what it is given with one key."""

    def text(self, payload: bytes) -> str:
        """The value of `signature`, not percent-encoded."""
        ...


class HmacSigner(HmacSha256):
    """By the secret of an HMAC key; `prefix` is what every payload begins with, hashed once."""

    __slots__ = ()
    text = HmacSha256.hex


class Ed25519Signer:
    """By an Ed25519 key in PEM; 30 us a signature, so a session is logged on with it once."""

    __slots__ = ("_prefix", "_private")

    def __init__(self, key: Key, prefix: bytes = b"") -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            found: Any = load_pem_private_key(key.secret, None)
        except (ValueError, TypeError) as error:
            raise ConfigError(
                f"key '{key.name}': found no private key in PEM without a password "
                f"({type(error).__name__}), required is the one of its Ed25519 pair; put it into "
                "the key file"
            ) from error
        if not isinstance(found, Ed25519PrivateKey):
            raise ConfigError(
                f"key '{key.name}': found a private key of another kind, required is Ed25519, as "
                "its key file says; put that one into the key file"
            )
        self._private, self._prefix = found, prefix

    def text(self, payload: bytes) -> str:
        """See `Signer`."""
        return base64.b64encode(self._private.sign(self._prefix + payload)).decode("ascii")


def signer_of(key: Key, prefix: bytes = b"") -> Signer:
    """The signer of a key; ConfigError for a kind that the executor does not sign with."""
    if key.kind == "hmac":
        return HmacSigner(key.secret, prefix)
    if key.kind == "ed25519":
        return Ed25519Signer(key, prefix)
    raise ConfigError(
        f"key '{key.name}': found kind {key.kind}, required is hmac or ed25519: the executor signs "
        "with these alone; put another key into the key file"
    )


def query_text(params: Iterable[tuple[str, str | int]]) -> str:
    """`name=value&...` in the order given, every value percent-encoded as UTF-8."""
    return "&".join(f"{name}={quote(str(value), safe=_UNRESERVED)}" for name, value in params)


def signed_query(signer: Signer, params: Iterable[tuple[str, str | int]]) -> str:
    """The query string or form body of a signed REST request, `signature` at its end."""
    text = query_text(params)
    return f"{text}&signature={quote(signer.text(text.encode('ascii')), safe=_UNRESERVED)}"


def ws_payload(params: Mapping[str, str | int]) -> bytes:
    """What the signature of a WebSocket-API request covers."""
    ordered = sorted(name for name in params if name != "signature")
    return "&".join(f"{name}={params[name]}" for name in ordered).encode()


def ws_signature(signer: Signer, params: Mapping[str, str | int]) -> str:
    """The `signature` param of a WebSocket-API request with these params."""
    return signer.text(ws_payload(params))
