"""REST requests whose bearer token holds a hash of their parameters.

Parameters are pairs in sent order; `name[]` given several times is a list. The hash covers
`name=value&...` as it is, not percent-encoded, while the address is encoded; of a JSON body it
covers the fields in body order, a list of objects as `name[0][field]=value`, a list of texts as
`name[]=value`. GET and DELETE send a query and no body, POST a JSON body and no query.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import orjson

from oms.ports import Key
from oms.venues.reports import HttpCall, Stamp
from oms.venues.shared.jwt import JwtSigner

Pairs = Sequence[tuple[str, str]]

_UNRESERVED = "-_.~"


def hashed_text(pairs: Iterable[tuple[str, str]]) -> str:
    """What the hash covers."""
    return "&".join(f"{name}={value}" for name, value in pairs)


def query_text(pairs: Iterable[tuple[str, str]]) -> str:
    """What stands in the address: values percent-encoded, brackets of names bare."""
    return "&".join(f"{name}={quote(value, safe=_UNRESERVED)}" for name, value in pairs)


def flat(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The fields of a JSON body as pairs, in body order."""
    for name, value in body.items():
        if isinstance(value, str):
            yield name, value
            continue
        for index, part in enumerate(value):
            if isinstance(part, str):
                yield f"{name}[]", part
            else:
                yield from ((f"{name}[{index}][{key}]", text) for key, text in part.items())


def claims(
    access_key: str, nonce: str, hashed: str, timestamp_ms: int | None = None
) -> dict[str, str | int]:
    """Claims of one request, in the order in which the documents give them; `hashed` "" = it has no
    parameters; `timestamp_ms` None = the exchange wants none."""
    made: dict[str, str | int] = {"access_key": access_key, "nonce": nonce}
    if timestamp_ms is not None:
        made["timestamp"] = timestamp_ms
    if hashed:
        made["query_hash"] = hashlib.sha512(hashed.encode()).hexdigest()
        made["query_hash_alg"] = "SHA512"
    return made


class JwtKey:
    """One account's key, as requests need it. Its repr shows no secret."""

    __slots__ = ("_signer", "_stamped", "access_key")

    def __init__(self, key: Key, algorithm: str, *, stamped: bool) -> None:
        """`stamped`: the claims hold the time."""
        self.access_key = key.api_key
        self._signer = JwtSigner(key.secret, algorithm)
        self._stamped = stamped

    def bearer(self, hashed: str, stamp: Stamp) -> dict[str, str]:
        """The header that signs a request; `hashed` as `hashed_text` says it."""
        assert stamp.nonce, "each token has a nonce of its own"
        time_ms = stamp.now_ms if self._stamped else None
        made = claims(self.access_key, stamp.nonce, hashed, time_ms)
        return {"Authorization": f"Bearer {self._signer.token(made)}"}


def unsigned(path: str, pairs: Pairs = ()) -> HttpCall:
    """A public GET."""
    return HttpCall("GET", f"{path}?{query_text(pairs)}" if pairs else path)


def by_query(key: JwtKey, method: str, path: str, pairs: Pairs, stamp: Stamp) -> HttpCall:
    """A signed GET or DELETE."""
    headers = key.bearer(hashed_text(pairs), stamp)
    return HttpCall(method, f"{path}?{query_text(pairs)}" if pairs else path, headers)


def by_body(key: JwtKey, path: str, body: Mapping[str, Any], stamp: Stamp) -> HttpCall:
    """A signed POST of JSON: texts, lists of texts, lists of objects of texts."""
    headers = key.bearer(hashed_text(flat(body)), stamp)
    headers["Content-Type"] = "application/json"
    return HttpCall("POST", path, headers, orjson.dumps(body))
