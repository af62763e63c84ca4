"""JSON of clients, in which no field may stand twice (a parser would silently take the last)."""

from __future__ import annotations

import json
from typing import Any

import orjson

BRACKETS_MAX = 200
"""Objects and arrays in one message: far more than any request has, and less than what would
exhaust a stack."""
_NESTING = (dict, list)


class DoubledFieldError(Exception):
    """A field is given twice; the text is its name."""


def _keys(value: Any) -> int:
    """How many names stand in a JSON value."""
    count = 0
    items = value
    if isinstance(value, dict):
        count, items = len(value), value.values()
    elif not isinstance(value, list):
        return 0
    for item in items:
        if isinstance(item, _NESTING):
            count += _keys(item)
    return count


def _refuse_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise DoubledFieldError(name)
        made[name] = value
    return made


def loads_strictly(data: bytes) -> Any:
    """The value; json.JSONDecodeError (a ValueError) where there is none, DoubledFieldError."""
    value = orjson.loads(data)
    if data.count(b"{") + data.count(b"[") > BRACKETS_MAX:
        raise json.JSONDecodeError("too deep", "", 0)
    # Each name is followed by `":`. Only where the counts differ does the slow parser have to look
    # for one that is given twice: blanks before a colon, or `":` within a text.
    if data.count(b'":') != _keys(value):
        json.loads(data, object_pairs_hook=_refuse_twice)
    return value
