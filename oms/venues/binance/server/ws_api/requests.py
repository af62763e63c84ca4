"""Requests of the WebSocket API as they come off the wire, read strictly.

A request is {"id", "method", "params"}; a field given twice is refused like an unknown one.
Source: web-socket-api.md "Request format".
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import orjson

from oms.venues.binance.server import errors as err
from oms.venues.binance.server.params import Params
from oms.venues.serving.params import json_text
from oms.venues.serving.strict_json import DoubledFieldError, loads_strictly

ID_RANGE = "^[a-zA-Z0-9-_]{1,64}$"
"""Longer than the 36 of streams: some ids in the documents' own requests have 37."""
VERSION_PREFIX = "v3/"
_FIELDS = {"id", "method", "params"}
_ID_TEXT = re.compile(r"[a-zA-Z0-9\-_]{1,64}").fullmatch
_MS_NS = 1_000_000
_INT64_MIN, _INT64_MAX = -(1 << 63), (1 << 63) - 1


class Request(NamedTuple):
    id: Any
    method: str
    params: Params
    shows_limits: bool


def is_id(value: Any) -> bool:
    """A 64-bit integer, up to 64 letters, digits, dashes and underscores, or null."""
    if isinstance(value, str):
        return _ID_TEXT(value) is not None
    if isinstance(value, bool):
        return False
    return value is None or (isinstance(value, int) and _INT64_MIN <= value <= _INT64_MAX)


def _loads(data: bytes) -> Any:
    try:
        return loads_strictly(data)
    except DoubledFieldError:
        raise err.ApiError(*err.DUPLICATE_PARAMETER) from None
    except ValueError:
        raise err.ApiError(*err.INVALID_JSON) from None


def read_request(data: bytes, shows_limits: bool) -> Request:
    """One message, or ApiError."""
    message = _loads(data)
    if not isinstance(message, dict) or not message.keys() <= _FIELDS:
        raise err.ApiError(*err.INVALID_JSON)
    request_id = message.get("id")
    if not is_id(request_id):
        raise err.illegal_characters("id", ID_RANGE)
    method, params = message.get("method"), message.get("params", {})
    if not isinstance(method, str) or not isinstance(params, dict):
        raise err.ApiError(*err.INVALID_JSON)
    texts = {
        name: value if type(value) is str else json_text(value) for name, value in params.items()
    }
    if "returnRateLimits" in texts:
        shows_limits = Params(texts).boolean("returnRateLimits", shows_limits)
    return Request(request_id, method.removeprefix(VERSION_PREFIX), Params(texts), shows_limits)


def id_of(data: bytes) -> Any:
    """The id of a message that could not be understood, where there is one."""
    try:
        message = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    found = message.get("id") if isinstance(message, dict) else None
    return found if is_id(found) else None


def refused(request_id: Any, error: err.ApiError, now_ns: int) -> dict[str, Any]:
    """The reply that says why not."""
    body = error.body()
    if error.retry_after_s is not None:
        now_ms = now_ns // _MS_NS
        body["data"] = {"serverTime": now_ms, "retryAfter": now_ms + error.retry_after_s * 1000}
    return {"id": request_id, "status": error.status, "error": body}
