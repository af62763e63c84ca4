"""Oracle reader of folder `signing-vectors`: known key + payload -> known signature.

Every file is read by its pattern (`*.json`: a list, an object with one list, or one vector;
`*.jsonl`: one vector a line), every vector is judged by its own fields through the product's
signing functions.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from oms.venues.binance import sign as binance
from oms.venues.bybit import sign as bybit
from oms.venues.okx import sign as okx
from oms.venues.shared.hmac_sha256 import HmacSha256
from tests.oracles.base import Outcome

FOLDER = "signing-vectors"


class UnreadError(Exception):
    """A vector of a kind that nothing here signs; its text is the reason."""


class SigningVectorsReader:
    """Each vector is signed by the product's code and compared."""

    folder = FOLDER
    patterns = ("*.json", "*.jsonl")

    def read(self, files: Sequence[Path]) -> Outcome:
        outcome = Outcome()
        for path in files:
            try:
                found = list(vectors(path))
            except ValueError as error:
                outcome.items += 1
                outcome.skip(f"{path.name}: no JSON ({error})")
                continue
            for index, vector in enumerate(found):
                outcome.items += 1
                _judge(f"{path.name}[{index}]", vector, outcome)
        return outcome


def _judge(where: str, vector: Any, outcome: Outcome) -> None:
    try:
        made = signature(vector)
    except UnreadError as reason:
        outcome.skip(str(reason))
    except (TypeError, AttributeError, KeyError) as error:
        outcome.skip(f"{where}: not a vector's shape ({type(error).__name__})")
    else:
        if made == vector["signature"]:
            outcome.agreed += 1
        else:
            outcome.differ(f"{where}: {vector.get('exchange')} {vector.get('kind', '')}")


def vectors(path: Path) -> Iterator[dict[str, Any]]:
    """The vectors of one file."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".jsonl":
        yield from (json.loads(line) for line in text.splitlines() if line.strip())
        return
    loaded = json.loads(text)
    if isinstance(loaded, dict) and "signature" not in loaded:
        for value in loaded.values():
            if isinstance(value, list):
                yield from value
        return
    yield from loaded if isinstance(loaded, list) else [loaded]


def signature(vector: dict[str, Any]) -> str:
    """What the product's code signs for this vector."""
    exchange = str(vector.get("exchange", "")).lower()
    judges = {"binance": _binance, "binanceusdm": _binance, "bybit": _bybit, "okx": _okx}
    if exchange not in judges:
        raise UnreadError(f"exchange '{exchange}': not among {', '.join(judges)}")
    if "secret" not in vector or "signature" not in vector:
        raise UnreadError(f"{exchange}: no secret or no signature in the vector")
    return judges[exchange](vector, HmacSha256(vector["secret"].encode()))


def _binance(vector: dict[str, Any], signer: HmacSha256) -> str:
    kind = vector.get("kind", "HMAC-SHA256-hex")
    if "HMAC" not in kind.upper():
        raise UnreadError(f"binance: kind '{kind}', only HMAC is signed here")
    if isinstance(vector.get("params"), dict):
        binance_signer = binance.HmacSigner(vector["secret"].encode())
        return binance.ws_signature(binance_signer, vector["params"])
    if "payload" not in vector:
        raise UnreadError("binance: neither payload nor params in the vector")
    return signer.hex(vector["payload"].encode())


def _bybit(vector: dict[str, Any], signer: HmacSha256) -> str:
    payload = vector.get("payload") or vector.get("query") or vector.get("body") or ""
    if payload.startswith(bybit.WS_AUTH_PREFIX):
        return signer.hex(payload.encode())
    if "expires" in vector:
        return bybit.ws_signature(signer, str(vector["expires"]))
    missing = [name for name in ("timestamp", "api_key", "recv_window") if name not in vector]
    if missing:
        raise UnreadError(f"bybit: no {', '.join(missing)} in the vector")
    timestamp, recv_window = str(vector["timestamp"]), str(vector["recv_window"])
    return bybit.rest_signature(signer, timestamp, vector["api_key"], recv_window, payload)


def _okx(vector: dict[str, Any], signer: HmacSha256) -> str:
    if "timestamp" not in vector:
        raise UnreadError("okx: no timestamp in the vector")
    timestamp = str(vector["timestamp"])
    if "path" not in vector:
        return okx.ws_signature(signer, timestamp)
    body = vector.get("body") or ""
    text = body if isinstance(body, str) else json.dumps(body)
    return okx.rest_signature(signer, timestamp, vector.get("method", "GET"), vector["path"], text)
