"""What faults are chosen by, and what they say, in Binance's words.

A name is an endpoint ("POST /api/v3/order", "order.place"), a stream ("btcusdt@depth@100ms") or a
user event ("executionReport"). Messages of a raw stream connection do not carry their stream's
name, so that is made from the event: "btcusdt@depth", whatever the speed. Sources: errors.md
(10xx), rest-api.md "HTTP Return Codes".
"""

from __future__ import annotations

from typing import Any

import orjson

from oms.exchange.faults import FaultSpec, code_of
from oms.units import NS_PER_MS
from oms.venues.binance.server import errors as err
from oms.venues.serving.naming import name_of_request, object_of

__all__ = (
    "http_error", "link_of", "name_of_command", "name_of_message", "name_of_request",
    "socket_error",
)  # fmt: skip
"""`oms/venues/server.py: FaultWords`."""

API_PATH = "/ws-api/v3"
_TEXTS = {
    -1000: "An unknown error occurred while processing the request.",
    -1001: "Internal error; unable to process your request. Please try again.",
    -1006: "An unexpected response was received from the message bus. Execution status unknown.",
    -1007: "Timeout waiting for response from backend server. Send status unknown; execution "
    "status unknown.",
    -1008: "Server is currently overloaded with other requests. Please try again in a few minutes.",
    -1016: "This service is no longer available.",
}
_STREAMS = {
    "depthUpdate": "depth",
    "24hrTicker": "ticker",
    "24hrMiniTicker": "miniTicker",
}


def link_of(target: str) -> str:
    """ "ws_api" or "stream", by the target of a WebSocket."""
    return "ws_api" if target.partition("?")[0] == API_PATH else "stream"


def name_of_command(data: bytes) -> str:
    """Of a client's WebSocket message: its method."""
    method = object_of(data).get("method")
    return method if isinstance(method, str) else ""


def name_of_message(data: bytes) -> tuple[str, bool]:
    """(name, is a reply) of a WebSocket message to a client; a reply has no name of its own."""
    value: Any = orjson.loads(data)
    if not isinstance(value, dict):
        return "", False  # an array of all tickers
    if "stream" in value:
        return str(value["stream"]), False
    if "event" in value:
        return str(value["event"].get("e", "")), False
    if "id" in value and "s" not in value:
        return "", True
    kind = str(value.get("e", ""))
    if "s" not in value:
        return kind, False
    if not kind:
        kind = "bookTicker" if "u" in value else "depth"
    return f"{str(value['s']).lower()}@{_STREAMS.get(kind, kind)}", False


def _error_of(spec: FaultSpec, now_ns: int) -> err.ApiError:
    """What a refused request is told, or a carried-out one instead of its reply."""
    wait_s = spec.retry_after_s
    if spec.kind == "http_429":
        return err.too_much_weight(6000, wait_s)
    if spec.kind == "http_418":
        return err.banned(now_ns // NS_PER_MS + wait_s * 1000, wait_s)
    code = code_of(spec)
    return err.ApiError(code, _TEXTS.get(code, _TEXTS[-1000]), spec.status)


def http_error(fault: FaultSpec, now_ns: int) -> tuple[int, dict[str, str], bytes]:
    """(status, headers, body); `now_ns`: the exchange's clock."""
    error = _error_of(fault, now_ns)
    headers = {"Content-Type": "application/json;charset=UTF-8"}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    return error.status, headers, orjson.dumps(error.body())


def socket_error(fault: FaultSpec, data: bytes, now_ns: int) -> bytes:
    """A WebSocket API reply with the id that `data` has, a request or a reply."""
    error = _error_of(fault, now_ns)
    body: dict[str, Any] = error.body()
    if error.retry_after_s is not None:
        now_ms = now_ns // NS_PER_MS
        body["data"] = {"serverTime": now_ms, "retryAfter": now_ms + error.retry_after_s * 1000}
    number = object_of(data).get("id")
    return orjson.dumps({"id": number, "status": error.status, "error": body})
