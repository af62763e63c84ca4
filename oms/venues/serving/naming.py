"""By what names faults choose messages, as far as exchanges agree on it."""

from __future__ import annotations

from typing import Any

import orjson


def name_of_request(method: str, target: str) -> str:
    """Of an HTTP request: method and path."""
    return f"{method} {target.partition('?')[0]}"


def object_of(data: bytes) -> dict[str, Any]:
    """A message's fields; none where it is no JSON object."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
