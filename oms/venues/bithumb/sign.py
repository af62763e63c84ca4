"""Bithumb signs by a token: HS256 over claims with the time and a hash of the parameters
(docs/token).

Claims are `access_key`, `nonce`, `timestamp` in milliseconds, and with parameters `query_hash` and
`query_hash_alg`. How old a token may be is not documented, so it is made just before it is sent.
"""

from __future__ import annotations

from oms.ports import Key
from oms.venues.shared.bid_ask.requests import JwtKey

ALGORITHM = "HS256"
KEY_KIND = "hmac"


def signer(key: Key, algorithm: str = ALGORITHM) -> JwtKey:
    """The signer of one member's key; its secret is taken as it is printed."""
    assert key.kind == KEY_KIND, f"key '{key.name}' is {key.kind}"
    return JwtKey(key, algorithm, stamped=True)
