"""Upbit signs by a token: HS512 over claims with a hash of the parameters (reference/auth).

Claims are `access_key`, `nonce`, and with parameters `query_hash` and `query_hash_alg`; no time, so
a request does not expire. HS256 is verified there, too.
"""

from __future__ import annotations

from oms.ports import Key
from oms.venues.shared.bid_ask.requests import JwtKey

ALGORITHM = "HS512"
KEY_KIND = "hmac"


def signer(key: Key, algorithm: str = ALGORITHM) -> JwtKey:
    """The signer of one pocket's key; its secret is taken as it is printed."""
    assert key.kind == KEY_KIND, f"key '{key.name}' is {key.kind}"
    return JwtKey(key, algorithm, stamped=False)
