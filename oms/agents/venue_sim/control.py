"""What a person or a test asks of a simulated exchange on its control port: JSON over HTTP.

    GET    /status               addresses, connections, orders, faults
    GET    /book?symbol=X&limit=N
    GET    /faults               those in force, and the kinds that there are
    POST   /faults               {"kind": …}: see `oms.exchange.faults.FaultSpec`
    DELETE /faults[/N]           end all, or one
    GET    /seed
    POST   /seed                 {"seed": N}: a new market, reproducible by that seed

Every request carries `Authorization: Bearer TOKEN`; the token lies in a file that only the owner
reads. The port is on loopback, but every byte is hostile all the same.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import parse_qsl

import orjson

from oms.errors import ConfigError
from oms.exchange.faults import KINDS, FaultSpec, fault_from_mapping

BODY_BYTES_MAX = 1 << 14
LEVELS_MAX = 1000
SEED_MAX = (1 << 63) - 1


class Controlled(Protocol):
    """What the control port may ask of an exchange."""

    def status(self, now_ns: int) -> dict[str, Any]: ...
    def book_of(self, symbol: str, limit: int) -> dict[str, Any]: ...
    def add_fault(self, spec: FaultSpec, now_ns: int) -> int: ...
    def clear_faults(self, number: int) -> list[int]: ...
    def faults_listed(self, now_ns: int) -> list[dict[str, Any]]: ...
    def seed(self) -> int: ...
    def begin_anew(self, seed: int, now_ns: int) -> None: ...


class _RefusedError(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Control:
    """Answers requests; `token` is what they must carry."""

    def __init__(self, exchange: Controlled, token: str) -> None:
        self._exchange = exchange
        self._token = token.encode()

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, now_ns: int
    ) -> tuple[int, bytes]:
        """(HTTP status, JSON)."""
        try:
            given = headers.get("authorization", "").encode("utf-8", "replace")
            if not hmac.compare_digest(given, b"Bearer " + self._token):
                raise _RefusedError(401, "the token is missing or wrong")
            path, _, query = target.partition("?")
            return 200, orjson.dumps(self._route(method, path, query, body, now_ns))
        except _RefusedError as refused:
            return refused.status, orjson.dumps({"error": str(refused)})
        except ConfigError as error:
            return 400, orjson.dumps({"error": str(error)})

    def _route(self, method: str, path: str, query: str, body: bytes, now_ns: int) -> Any:
        exchange = self._exchange
        routes: dict[tuple[str, str], Callable[[], Any]] = {
            ("GET", "/status"): lambda: exchange.status(now_ns),
            ("GET", "/book"): lambda: self._book(query),
            ("GET", "/faults"): lambda: {"faults": exchange.faults_listed(now_ns), "kinds": KINDS},
            ("POST", "/faults"): lambda: self._add(body, now_ns),
            ("DELETE", "/faults"): lambda: {"cleared": exchange.clear_faults(0)},
            ("GET", "/seed"): lambda: {"seed": exchange.seed()},
            ("POST", "/seed"): lambda: self._begin_anew(body, now_ns),
        }
        found = routes.get((method, path))
        if found is not None:
            return found()
        if method == "DELETE" and path.startswith("/faults/"):
            return {"cleared": self._clear(path.removeprefix("/faults/"))}
        raise _RefusedError(404, f"{method} {path[:100]} is not served here")

    def _book(self, query: str) -> dict[str, Any]:
        given = dict(parse_qsl(query))
        limit = given.get("limit", "10")
        if not limit.isdecimal() or not 1 <= int(limit[:9]) <= LEVELS_MAX:
            raise _RefusedError(400, f"limit: found {limit[:40]!r}, required is 1 to {LEVELS_MAX}")
        return self._exchange.book_of(given.get("symbol", ""), int(limit))

    def _add(self, body: bytes, now_ns: int) -> dict[str, Any]:
        spec = fault_from_mapping(_object(body))
        return {"number": self._exchange.add_fault(spec, now_ns)}

    def _clear(self, text: str) -> list[int]:
        number = int(text) if text.isdecimal() and len(text) < 10 else 0
        cleared = self._exchange.clear_faults(number) if number else []
        if not cleared:
            raise _RefusedError(404, f"no fault {text[:40]!r} is in force")
        return cleared

    def _begin_anew(self, body: bytes, now_ns: int) -> dict[str, Any]:
        seed = _object(body).get("seed")
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= SEED_MAX:
            raise _RefusedError(400, "seed: required is a whole number from 0")
        self._exchange.begin_anew(seed, now_ns)
        return {"seed": seed}


def _object(body: bytes) -> dict[str, Any]:
    if len(body) > BODY_BYTES_MAX:
        raise _RefusedError(413, f"the body is longer than {BODY_BYTES_MAX} bytes")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _RefusedError(400, f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise _RefusedError(400, "the body must be a JSON object")
    return value
