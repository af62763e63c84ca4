"""API keys as a simulated exchange knows them, and whether a signature is one of theirs.

A key is a shared secret (HMAC-SHA256) or a public key in PEM (Ed25519, or RSA with PKCS #1 v1.5 and
SHA-256). What is signed, how a signature is written down and how a refusal is worded are the
exchange's own. `cryptography` is loaded when the first public key is used.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from typing import NamedTuple

from oms.ports import KeyKind
from oms.venues.shared.hmac_sha256 import HmacSha256


class ApiKey(NamedTuple):
    """What is known of one key: `material` is the secret, or the public key in PEM."""

    account: int
    material: bytes
    kind: KeyKind = "hmac"


class KeyTable:
    """API key -> ApiKey; a plain (account, secret) is an HMAC key."""

    def __init__(self, keys: Mapping[str, ApiKey | tuple[int, bytes]]) -> None:
        self.keys = {name: ApiKey(*found) for name, found in keys.items()}
        self._verifiers: dict[str, Callable[[bytes, bytes], bool]] = {}
        self._hmacs: dict[str, HmacSha256] = {}

    def revoke(self, api_key: str) -> None:
        """The key's owner has deleted it."""
        self.keys.pop(api_key, None)
        self._hmacs.pop(api_key, None)

    def is_hmac(self, api_key: str, payload: bytes | memoryview, given: str) -> bool:
        """Whether `given` is the signature of `payload` with this HMAC key, in hex."""
        signer = self._hmacs.get(api_key)
        if signer is None:
            signer = self._hmacs[api_key] = HmacSha256(self.keys[api_key].material)
        return hmac.compare_digest(signer.hex(payload).encode(), given.lower().encode("utf-8"))

    def is_signed(self, api_key: str, payload: bytes, signature: bytes) -> bool:
        """Whether these bytes are the signature of `payload` with this public key."""
        if api_key not in self._verifiers:
            self._verifiers[api_key] = _verifier(self.keys[api_key])
        return self._verifiers[api_key](signature, payload)


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
