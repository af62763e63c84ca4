"""Messages of stream clients: SUBSCRIBE and its kin, read strictly.

Texts of refusals as in web-socket-streams.md "Error Messages"; the envelope {"error": {...}, "id"}
is what clients meet (QUIRKS.md).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from oms.venues.serving.strict_json import DoubledFieldError, loads_strictly

METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_FIELDS = {"method", "params", "id"}
_ID_TEXT = re.compile(r"[A-Za-z0-9_\-]{1,36}").fullmatch
_PROPERTY = "combined"
_INT64_MIN, _INT64_MAX = -(1 << 63), (1 << 63) - 1


class StreamError(Exception):
    """A refusal: code, text and, where it is known, the id."""

    def __init__(self, code: int, text: str, number: int | str | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.id = number


@dataclass(frozen=True, slots=True)
class Command:
    """One message that has been understood."""

    method: str
    id: int | str | None
    streams: tuple[str, ...] = ()
    value: bool = False
    """Of SET_PROPERTY."""


def _checked_id(message: dict[str, Any]) -> int | str | None:
    number = message.get("id", False)
    if number is None or (isinstance(number, str) and _ID_TEXT(number)):
        return number
    whole = isinstance(number, int) and not isinstance(number, bool)
    if whole and _INT64_MIN <= number <= _INT64_MAX:
        return number
    raise StreamError(2, "Invalid request: request ID must be an unsigned integer")


def read_command(data: bytes) -> Command:
    """One message, or StreamError."""
    try:
        message = loads_strictly(data)
    except DoubledFieldError as error:
        name = str(error)[:64]
        text = f"Invalid request: duplicate field `{name}` at line 1 column {len(data)}"
        raise StreamError(2, text) from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise StreamError(3, f"Invalid JSON: expected value at {where}") from None
    if not isinstance(message, dict):
        raise StreamError(2, "Invalid request: the message must be an object")
    number = _checked_id(message)
    try:
        return _read(message, number, len(data))
    except StreamError as error:
        raise StreamError(error.code, error.text, number) from None


def _read(message: dict[str, Any], number: int | str | None, size: int) -> Command:
    method = message.get("method")
    if "method" not in message:
        raise StreamError(2, f"Invalid request: missing field `method` at line 1 column {size}")
    if method not in METHODS:
        known = ", ".join(f"`{name}`" for name in METHODS)
        shown = str(method)[:64]
        raise StreamError(
            2,
            f"Invalid request: unknown variant `{shown}`, expected one of {known} "
            f"at line 1 column {size}",
        )
    if message.keys() - _FIELDS:
        raise StreamError(2, "Invalid request: too many parameters")
    params = message.get("params", [])
    if not isinstance(params, list):
        raise StreamError(2, "Invalid request: params must be an array")
    if method == "LIST_SUBSCRIPTIONS":
        if params:
            raise StreamError(2, "Invalid request: too many parameters")
        return Command(method, number)
    if method in ("SET_PROPERTY", "GET_PROPERTY"):
        return _property(method, number, params)
    if not params or not all(isinstance(name, str) for name in params):
        raise StreamError(2, "Invalid request: params must be an array of stream names")
    return Command(method, number, tuple(params))


def _property(method: str, number: int | str | None, params: list[Any]) -> Command:
    wanted = 2 if method == "SET_PROPERTY" else 1
    if not params or not isinstance(params[0], str):
        raise StreamError(2, "Invalid request: property name must be a string")
    if params[0] != _PROPERTY:
        raise StreamError(0, "Unknown property")
    if len(params) > wanted:
        raise StreamError(2, "Invalid request: too many parameters")
    value = params[1] if len(params) > 1 else None
    if wanted == 2 and not isinstance(value, bool):
        raise StreamError(1, "Invalid value type: expected Boolean")
    return Command(method, number, value=bool(value))
