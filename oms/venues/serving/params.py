"""Parameters of one request: strict reading, with the exchange's own errors.

They come percent-encoded in a query string and a form body, or as JSON values; all become text by
name here. An unknown parameter is an error, never ignored (DESIGN.md law 13). An exchange derives
from `Params` and gives its words (`refuse`) and its forms of numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, Protocol
from urllib.parse import unquote_to_bytes

import orjson

from oms.instruments import TooLargeError, parse_decimal
from oms.venues.serving.refusal import RefusalError

INT64_MAX = (1 << 63) - 1
BOOLEAN_FORM = "^(true|false)$"


def decoded(text: str) -> str:
    """A percent-encoded text; UnicodeDecodeError where its bytes are none."""
    if "%" not in text and "+" not in text:
        return text
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8")


def split_form(raw: str) -> list[tuple[str, str]]:
    """`a=1&b=2` as decoded pairs; UnicodeDecodeError."""
    pairs = []
    for part in raw.split("&"):
        if part:
            name, _, value = part.partition("=")
            pairs.append((decoded(name), decoded(value)))
    return pairs


def json_text(value: Any) -> str:
    """A JSON parameter as the text that is signed and read."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, dict)):
        return orjson.dumps(value).decode()
    return "" if value is None else str(value)


class Refusals(Protocol):
    """How an exchange words what is wrong with a parameter; each gives the error to raise."""

    def mandatory(self, name: str, /) -> RefusalError: ...
    def illegal_characters(self, name: str, legal: str, /) -> RefusalError: ...
    def unread(self, read: int, sent: int, /) -> RefusalError: ...
    def empty(self, name: str, /) -> RefusalError: ...
    def invalid(self, name: str, /) -> RefusalError: ...
    def overflow(self, name: str, /) -> RefusalError: ...
    def precision(self, name: str, /) -> RefusalError: ...


@cache
def _form(pattern: str) -> re.Pattern[str]:
    """Documents write `-` between other characters of a class and mean the character."""
    return re.compile(pattern.replace("-_", r"\-_"))


class Params:
    """Named texts, and typed readers that raise the exchange's errors; what is given is not
    changed."""

    __slots__ = ("given",)

    refuse: ClassVar[Refusals]
    integer_form: ClassVar[str] = "^[0-9]{1,20}$"
    decimal_form: ClassVar[str] = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
    decimals_max: ClassVar[int] = 8

    def __init__(self, given: Mapping[str, str]) -> None:
        self.given = given

    def allow(self, names: frozenset[str]) -> None:
        """Refuse what the endpoint doesn't know, and what is empty."""
        if not self.given.keys() <= names:
            raise self.refuse.unread(len(self.given.keys() & names), len(self.given))
        if "" in self.given.values():
            empty = next(name for name, value in self.given.items() if value == "")
            raise self.refuse.empty(empty)

    def has(self, name: str) -> bool:
        return name in self.given

    def text(self, name: str) -> str:
        if name not in self.given:
            raise self.refuse.mandatory(name)
        return self.given[name]

    def legal(self, name: str, legal: str) -> str:
        """A text of this form (a regular expression, as the error shows it)."""
        value = self.text(name)
        if not _form(legal).fullmatch(value):
            raise self.refuse.illegal_characters(name, legal)
        return value

    def integer(self, name: str, default: int | None = None) -> int:
        if default is not None and name not in self.given:
            return default
        value = int(self.legal(name, self.integer_form))
        if value > INT64_MAX:
            raise self.refuse.overflow(name)
        return value

    def capped(self, name: str, default: int, most: int) -> int:
        """A `limit` parameter: at least 1; more than `most` counts as `most`."""
        value = self.integer(name, default)
        if value < 1:
            raise self.refuse.invalid(name)
        return min(value, most)

    def limited(self, name: str, default: int, most: int) -> int:
        """A `limit` parameter: 1 to `most`."""
        value = self.integer(name, default)
        if value < 1 or value > most:
            raise self.refuse.invalid(name)
        return value

    def boolean(self, name: str, default: bool) -> bool:
        if name not in self.given:
            return default
        value = self.given[name].lower()
        if value not in ("true", "false"):
            raise self.refuse.illegal_characters(name, BOOLEAN_FORM)
        return value == "true"

    def decimal(self, name: str) -> int:
        """A decimal with `decimals_max` decimals, as an integer."""
        text = self.legal(name, self.decimal_form)
        try:
            return parse_decimal(text, self.decimals_max)
        except TooLargeError:
            raise self.refuse.overflow(name) from None
        except ValueError:
            raise self.refuse.precision(name) from None
