"""JSON Web Tokens by HMAC, standard library alone (RFC 7515 compact form; RFC 7518 HS256, HS512).

A token is `base64url(header).base64url(claims).base64url(mac)`, without padding; the mac covers the
first two parts as text. `JwtSigner` makes tokens of one key, `verified` is what a server does with
one. Claims keep the order in which they are given, so a token is the same bytes each time.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Collection, Mapping

import orjson

_DIGESTS = {"HS256": "sha256", "HS512": "sha512"}


class TokenError(ValueError):
    """A token that is not valid: of another shape, by another algorithm, or with another mac."""


def encoded(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decoded(text: str) -> bytes:
    """The bytes of base64url text; TokenError for padding, a foreign character, spare bits."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise TokenError(f"no base64url: {error}") from error
    if encoded(data) != text:
        raise TokenError("no base64url in its one form")
    return data


class JwtSigner:
    """Makes tokens of one key. Its repr shows nothing of the secret."""

    __slots__ = ("_head", "_mac")

    def __init__(self, secret: bytes, algorithm: str) -> None:
        """`secret` as it is, nothing decoded; `algorithm` HS256 or HS512."""
        self._mac = hmac.new(secret, digestmod=_DIGESTS[algorithm])
        self._head = encoded(f'{{"alg":"{algorithm}","typ":"JWT"}}'.encode()) + "."

    def token(self, claims: Mapping[str, str | int]) -> str:
        """The token with these claims, as JSON without white space."""
        signed = self._head + encoded(orjson.dumps(claims))
        mac = self._mac.copy()
        mac.update(signed.encode("ascii"))
        return f"{signed}.{encoded(mac.digest())}"


def verified(token: str, secret: bytes, algorithms: Collection[str]) -> bytes:
    """The payload of a token whose mac is right; TokenError where it is not. The header's `alg`
    must be among `algorithms`: a token never chooses by itself how it is checked."""
    parts = token.split(".")
    if len(parts) != 3:
        raise TokenError("a token has three parts")
    try:
        header = json.loads(decoded(parts[0]))
    except ValueError as error:
        raise TokenError(f"the header is no JSON: {error}") from error
    algorithm = header.get("alg") if isinstance(header, dict) else None
    if algorithm not in algorithms or algorithm not in _DIGESTS:
        raise TokenError(f"algorithm {str(algorithm)[:16]!r} is not taken")
    expected = hmac.digest(secret, f"{parts[0]}.{parts[1]}".encode(), _DIGESTS[algorithm])
    if not hmac.compare_digest(expected, decoded(parts[2])):
        raise TokenError("the mac is another one")
    return decoded(parts[1])
