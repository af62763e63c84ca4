"""Oracle readers of JSON Web Tokens: RFC 7515 A.1 in folder `nist-rfc`, and in folder `wycheproof`
the vectors for verifying HS256. The other files of both folders are about primitives that nothing
here computes yet.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from oms.venues.shared.jwt import TokenError, decoded, encoded, verified
from tests.oracles.base import Outcome

ALGORITHMS = ("HS256", "HS512")
LENIENT = "InvalidCharacterInsertedInPayload"
"""Called valid because some libraries skip foreign characters; here every character counts."""


class Rfc7515Reader:
    """The token is verified with its key, its payload is the one that the RFC shows, and a changed
    character of its mac is refused."""

    folder = "nist-rfc"
    patterns = ("rfc7515_*.json",)

    def read(self, files: Sequence[Path]) -> Outcome:
        outcome = Outcome()
        for path in files:
            vector = json.loads(path.read_text(encoding="utf-8"))
            outcome.items += 1
            token, key = vector["token"], decoded(vector["key_base64url"])
            outcome.compare(path.name, _payload(token, key), vector["payload"])
            head, payload, mac = token.split(".")
            other = encoded(bytes([decoded(mac)[0] ^ 1]) + decoded(mac)[1:])
            outcome.compare(
                f"{path.name}, changed", _payload(f"{head}.{payload}.{other}", key), None
            )
        return outcome


def _payload(token: str, key: bytes) -> Any:
    try:
        return json.loads(verified(token, key, ALGORITHMS))
    except TokenError:
        return None


class WycheproofTokenReader:
    """Groups with an HS256 key for signing: valid is verified, invalid is refused."""

    folder = "wycheproof"
    patterns = ("json_web_signature_test.json*",)

    def read(self, files: Sequence[Path]) -> Outcome:
        outcome = Outcome()
        for path in files:
            data = path.read_bytes()
            found = json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)
            for group in found["testGroups"]:
                outcome.items += len(group["tests"])
                key = group.get("private", {})
                if key.get("kty") != "oct" or key.get("alg") not in ALGORITHMS:
                    outcome.unsupported("keys of two halves: nothing here takes such a token",
                                        len(group["tests"]))  # fmt: skip
                    continue
                for test in group["tests"]:
                    _judge(test, decoded(key["k"]), key["alg"], outcome)
        return outcome


def _judge(test: Any, key: bytes, algorithm: str, outcome: Outcome) -> None:
    token = test["jws"]
    if not isinstance(token, str) or test["comment"] == LENIENT:
        outcome.unsupported("a token of another form than the compact one")
        return
    try:
        verified(token, key, (algorithm,))
    except TokenError:
        found = "invalid"
    else:
        found = "valid"
    outcome.compare(f"tcId {test['tcId']} {test['comment']}", found, test["result"])
