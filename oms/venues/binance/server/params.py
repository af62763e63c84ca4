"""Parameters of one request to the simulated Binance spot: its forms, and its errors.

REST parameters come percent-encoded in the query string and a form body, those of the WebSocket
API as JSON values (`oms/venues/serving/params.py`).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

import orjson

from oms.venues.binance.server import errors as err
from oms.venues.serving import params as shared

SYMBOL_RANGE = "^[A-Z0-9-_.]{1,20}$"
CLIENT_ID_RANGE = "^[a-zA-Z0-9-_]{1,36}$"
DECIMALS_MAX = 8
MICROSECONDS_FROM = 10**15
"""A time parameter beyond this is in microseconds."""


def form_params(query: str, body: str) -> dict[str, str]:
    """Parameters of a REST request; a name in both places counts as in the query string."""
    merged: dict[str, str] = {}
    for raw in (body, query):
        try:
            pairs = shared.split_form(raw)
        except UnicodeDecodeError:
            raise err.ApiError(*err.ILLEGAL_CHARACTERS) from None
        if len({name for name, _ in pairs}) != len(pairs):
            raise err.ApiError(*err.DUPLICATE_PARAMETER)
        merged.update(pairs)
    return merged


class Params(shared.Params):
    """Named texts, and typed readers that raise ApiError; what is given is not changed."""

    __slots__ = ()

    refuse: ClassVar[shared.Refusals] = err
    decimals_max: ClassVar[int] = DECIMALS_MAX

    def client_id(self, name: str) -> str:
        return self.legal(name, CLIENT_ID_RANGE)

    def time_ms(self, name: str, default: int) -> int:
        """A time in milli- or microseconds, as milliseconds."""
        if name not in self.given:
            return default
        value = self.integer(name)
        return value // 1000 if value > MICROSECONDS_FROM else value

    def choice(self, name: str, default: str, known: Collection[str], refusal: err.Refused) -> str:
        """One of `known`, or that refusal."""
        value = self.given.get(name, default)
        if value not in known:
            raise err.ApiError(*refusal)
        return value

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
