"""How the journaler writes values for people: exact decimals, UTC times, safe text.

JSON lines are built by orjson, which escapes control characters. A CSV cell of text that a
spreadsheet would take for a formula gets an apostrophe in front (RELIABILITY row 38); numbers are
ours, so their minus stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import orjson

from oms.units import NS_PER_DAY, NS_PER_S
from oms.venues.shared.decimal_text import to_fixed
from shm_layout.records import SPEC_OF_TYPE, UNDEF

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORMULA_STARTS = "=+-@\t\r"
_CONTROLS = dict.fromkeys((*range(32), *range(127, 160), 0x2028, 0x2029), "?")


class Amount(str):
    """Decimal text that we made: a number in a CSV cell, not a text."""

    __slots__ = ()


@lru_cache(maxsize=8)
def _day_of(days: int) -> str:
    return (_EPOCH + timedelta(days=days)).strftime("%Y-%m-%d")


def day(ts_ns: int) -> str:
    """UTC day of a time, `YYYY-MM-DD`."""
    return _day_of(ts_ns // NS_PER_DAY)


def time_text(ts_ns: int) -> str | None:
    """ISO time in UTC to the nanosecond; None where no time was given."""
    if ts_ns <= 0:
        return None
    seconds, part = divmod(ts_ns % NS_PER_DAY, NS_PER_S)
    minutes, second = divmod(seconds, 60)
    return f"{day(ts_ns)}T{minutes // 60:02}:{minutes % 60:02}:{second:02}.{part:09}Z"


def amount(value: int, scale: int) -> Amount | None:
    """An amount with all the digits of its scale; None where undefined."""
    return None if value == UNDEF else Amount(to_fixed(value, scale))


def plain(raw: bytes) -> str:
    """Text out of a record, on one line and without control characters."""
    return raw.decode("utf-8", "replace").translate(_CONTROLS)


_HEAD = ("seq", "type", "flags", "epoch")


def described(record: Any) -> tuple[str, dict[str, Any]]:
    """(what a record is, in lower-case words; its fields as text, numbers and enum names), for
    records that have no line of their own. Times stay in ns; what is undefined is None.
    """
    spec = SPEC_OF_TYPE[int(record["type"])]
    fields: dict[str, Any] = {}
    for one in spec.fields:
        if one.name in _HEAD or one.name.startswith("reserved"):
            continue
        value = record[one.name]
        if isinstance(value, bytes):
            fields[one.name] = plain(value)
        elif getattr(value, "ndim", 0):
            fields[one.name] = value.tolist()
        elif one.enum is not None and int(value) in one.enum.__members__.values():
            fields[one.name] = one.enum(int(value)).name
        else:
            fields[one.name] = None if int(value) == UNDEF else int(value)
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in spec.name)
    return words.strip(), fields


def json_line(fields: Mapping[str, Any]) -> str:
    """One JSON object, keys in the order given; no number in it was ever a float."""
    return orjson.dumps(dict(fields), default=str).decode()


def csv_line(values: list[Any]) -> str:
    """One CSV line."""
    return ",".join(_cell(value) for value in values)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (int, Amount)):
        return str(value)
    text = str(value).translate(_CONTROLS)
    if text[:1] in _FORMULA_STARTS and text:
        text = "'" + text
    if '"' in text or "," in text or "'" in text:
        return '"' + text.replace('"', '""') + '"'
    return text
