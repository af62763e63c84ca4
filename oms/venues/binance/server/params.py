"""Parameters of one request: strict reading, with the venue's own errors.

REST parameters come percent-encoded in the query string and a form body, those of the WebSocket
API as JSON values; both become text by name here. An unknown parameter is an error, never
ignored (DESIGN.md law 13).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

import orjson

from oms.instruments import TooLargeError, parse_decimal
from oms.venues.binance.server import errors as err

SYMBOL_RANGE = "^[A-Z0-9-_.]{1,20}$"
CLIENT_ID_RANGE = "^[a-zA-Z0-9-_]{1,36}$"
INTEGER_RANGE = "^[0-9]{1,20}$"
DECIMAL_RANGE = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
DECIMALS_MAX = 8
INT64_MAX = (1 << 63) - 1
MICROSECONDS_FROM = 10**15
"""A time parameter beyond this is in microseconds."""

_legal: dict[str, Callable[[str], object]] = {
    text: re.compile(text.replace("-_", r"\-_")).fullmatch
    for text in (SYMBOL_RANGE, CLIENT_ID_RANGE, INTEGER_RANGE, DECIMAL_RANGE)
}


def _decode(text: str) -> str:
    if "%" not in text and "+" not in text:
        return text
    try:
        return unquote_to_bytes(text.replace("+", " ")).decode("utf-8")
    except UnicodeDecodeError:
        raise err.ApiError(*err.ILLEGAL_CHARACTERS) from None


def split_form(raw: str) -> list[tuple[str, str]]:
    """`a=1&b=2` as decoded pairs."""
    pairs = []
    for part in raw.split("&"):
        if part:
            name, _, value = part.partition("=")
            pairs.append((_decode(name), _decode(value)))
    return pairs


def form_params(query: str, body: str) -> dict[str, str]:
    """Parameters of a REST request; a name in both places counts as in the query string."""
    merged: dict[str, str] = {}
    for raw in (body, query):
        pairs = split_form(raw)
        if len({name for name, _ in pairs}) != len(pairs):
            raise err.ApiError(*err.DUPLICATE_PARAMETER)
        merged.update(pairs)
    return merged


def json_text(value: Any) -> str:
    """A JSON parameter as the text that is signed and read."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, dict)):
        return orjson.dumps(value).decode()
    return "" if value is None else str(value)


class Params:
    """Named texts, and typed readers that raise ApiError; what is given is not changed."""

    __slots__ = ("given",)

    def __init__(self, given: Mapping[str, str]) -> None:
        self.given = given

    def allow(self, names: frozenset[str]) -> None:
        """Refuse what the endpoint doesn't know, and what is empty."""
        if not self.given.keys() <= names:
            raise err.unread(len(self.given.keys() & names), len(self.given))
        if "" in self.given.values():
            raise err.empty(next(name for name, value in self.given.items() if value == ""))

    def has(self, name: str) -> bool:
        return name in self.given

    def text(self, name: str) -> str:
        if name not in self.given:
            raise err.mandatory(name)
        return self.given[name]

    def legal(self, name: str, legal: str) -> str:
        value = self.text(name)
        if not _legal[legal](value):
            raise err.illegal_characters(name, legal)
        return value

    def client_id(self, name: str) -> str:
        return self.legal(name, CLIENT_ID_RANGE)

    def integer(self, name: str, default: int | None = None) -> int:
        if default is not None and name not in self.given:
            return default
        value = int(self.legal(name, INTEGER_RANGE))
        if value > INT64_MAX:
            raise err.ApiError(-1108, f"Parameter '{name}' overflowed.")
        return value

    def time_ms(self, name: str, default: int) -> int:
        """A time in milli- or microseconds, as milliseconds."""
        if name not in self.given:
            return default
        value = self.integer(name)
        return value // 1000 if value > MICROSECONDS_FROM else value

    def capped(self, name: str, default: int, most: int) -> int:
        """A `limit` parameter: at least 1; more than `most` counts as `most`."""
        value = self.integer(name, default)
        if value < 1:
            raise err.invalid(name)
        return min(value, most)

    def choice(self, name: str, default: str, known: Collection[str], refusal: err.Refused) -> str:
        """One of `known`, or that refusal."""
        value = self.given.get(name, default)
        if value not in known:
            raise err.ApiError(*refusal)
        return value

    def limited(self, name: str, default: int, most: int) -> int:
        """A `limit` parameter: 1 to `most`."""
        value = self.integer(name, default)
        if value < 1 or value > most:
            raise err.invalid(name)
        return value

    def boolean(self, name: str, default: bool) -> bool:
        if name not in self.given:
            return default
        value = self.given[name].lower()
        if value not in ("true", "false"):
            raise err.illegal_characters(name, "^(true|false)$")
        return value == "true"

    def decimal(self, name: str) -> int:
        """A decimal with DECIMALS_MAX decimals, as an integer."""
        text = self.legal(name, DECIMAL_RANGE)
        try:
            return parse_decimal(text, DECIMALS_MAX)
        except TooLargeError:
            raise err.ApiError(-1108, f"Parameter '{name}' overflowed.") from None
        except ValueError:
            raise err.precision(name) from None

    def text_list(self, name: str) -> list[str]:
        """A JSON list of texts."""
        try:
            value = orjson.loads(self.text(name))
        except orjson.JSONDecodeError:
            value = None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise err.illegal_characters(
                name, '^\\["[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}\\]$'
            )
        return value
