"""Strict reading of an exchange's JSON: exact numbers, typed fields, one error for what is not so.

`load` reads bytes without a float: a number with a point or an exponent stays the text that the
exchange wrote, so that no digit of money is lost (DESIGN.md law 7). Everything here raises
MalformedMessageError for what has not the documented shape, and never guesses a value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Any, TypeVar

import orjson

from oms import ids
from oms.venues.shared.decimal_text import from_text, from_text_down
from oms.venues.trade_base import MalformedMessageError
from shm_layout.enums import ExecKind
from shm_layout.records import UNDEF

NS_PER_MS = 1_000_000
TEXT_CHARS_MAX = 48
_EXPONENT_MAX = 40
_NUMBER_CHARS_MAX = 60
_PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_WITH_EXPONENT = re.compile(r"-?[0-9]+(\.[0-9]+)?[eE][+-]?[0-9]{1,9}")
_EXACT = Context(prec=2 * _NUMBER_CHARS_MAX, traps=[Inexact, InvalidOperation])

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
DOUBLE_UNITS_MAX = 1 << 52
"""Below so many units of its scale a number that went through a double still has its last digit."""

_T = TypeVar("_T")


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")


def load(data: bytes) -> Any:
    """JSON with every fraction as its text. Texts and whole numbers alone: the fast library."""
    if b"." not in data and b"e" not in data and b"E" not in data:
        return orjson.loads(data)
    return json.loads(data, parse_float=str, parse_constant=_refuse)


def read(made: Callable[[], _T], what: str) -> _T:
    """Run a reader; whatever is missing or of a wrong type makes the message malformed."""
    try:
        return made()
    except MalformedMessageError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError) as error:
        raise MalformedMessageError(f"{what}: {type(error).__name__} {error}"[:200]) from error


def shown(value: Any) -> str:
    """A value for an error's text, cut."""
    return repr(str(value)[:TEXT_CHARS_MAX])


def integer(value: Any) -> int:
    """A whole number of JSON, or its text."""
    if isinstance(value, str) and value.lstrip("-").isdecimal() and len(value) < 20:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not -(2**63) < value < 2**63:
        raise MalformedMessageError(f"{shown(value)} is no integer")
    return value


def text(value: Any) -> str:
    """A text."""
    if not isinstance(value, str):
        raise MalformedMessageError(f"{shown(value)} is no text")
    return value


def boolean(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise MalformedMessageError(f"{shown(value)} is neither true nor false")
    return value


def objects(value: Any) -> list[Mapping[str, Any]]:
    """A list of objects."""
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise MalformedMessageError(f"{shown(value)} is no list of objects")
    return value


def decimal(value: Any) -> str:
    """Plain decimal text of a number that may be quoted, bare, or written with an exponent."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    given = text(value)
    if not 0 < len(given) <= _NUMBER_CHARS_MAX:
        raise MalformedMessageError(f"{shown(given)} is no number")
    if _PLAIN.fullmatch(given):
        return given
    if not _WITH_EXPONENT.fullmatch(given):
        raise MalformedMessageError(f"{shown(given)} is no number")
    number = Decimal(given)
    if abs(number.adjusted()) > _EXPONENT_MAX:
        raise MalformedMessageError(f"{shown(given)} is no number of a sane size")
    return f"{number:f}"


def amount(value: Any, scale: int) -> int:
    """A number exactly at a scale."""
    return from_text(decimal(value), scale)


def amount_down(value: Any, scale: int) -> int:
    """A number at a scale, further digits cut: for amounts that are a bound or a help."""
    return from_text_down(decimal(value), scale)


def not_negative(value: Any, scale: int) -> int:
    """As `amount`, of what cannot be below zero: prices, quantities."""
    found = amount(value, scale)
    if found < 0:
        raise MalformedMessageError(f"{shown(value)} is below zero")
    return found


def exact_double(value: Any, scale: int) -> int:
    """As `not_negative`, of a number that went through a double; UNDEF where its last digit may be
    lost."""
    found = not_negative(value, scale)
    return found if found < DOUBLE_UNITS_MAX else UNDEF


def positive(value: Any, scale: int) -> int:
    """As `amount`, of what is there: a fill's price and quantity."""
    found = amount(value, scale)
    if found <= 0:
        raise MalformedMessageError(f"{shown(value)} is not above zero")
    return found


def given_decimal(value: Any) -> str:
    """As `decimal`; "" for null, a missing field and an empty text."""
    return "" if value is None or value == "" else decimal(value)


def given_amount(value: Any, scale: int) -> int:
    """As `amount`; UNDEF for null, a missing field and an empty text."""
    return UNDEF if value is None or value == "" else amount(value, scale)


def ns_of_ms(value: Any) -> int:
    """Milliseconds, a number or its text, in nanoseconds; 0 for null."""
    return 0 if value is None or value == "" else _bounded(integer(value) * NS_PER_MS)


def ns_of_iso(value: Any) -> int:
    """A time of ISO 8601 with its offset, in nanoseconds."""
    moment = datetime.fromisoformat(text(value))
    if moment.tzinfo is None:
        raise MalformedMessageError(f"{shown(value)} has no offset")
    return _bounded((moment - _EPOCH) // _MICROSECOND * 1_000)


def ms_of_date(headers: Mapping[str, str]) -> int:
    """The `date` header of an HTTP answer, whole seconds in milliseconds; 0 where it is none."""
    given = headers.get("date", "")
    try:
        moment = datetime.strptime(given.replace("GMT", "+0000"), "%a, %d %b %Y %H:%M:%S %z")
    except ValueError:
        return 0
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _bounded(time_ns: int) -> int:
    if not 0 <= time_ns < 2**63:
        raise MalformedMessageError(f"{time_ns} ns is no time of a record")
    return time_ns


def ms_of_iso(value: Any) -> int:
    """Milliseconds of an ISO 8601 time with its zone; 0 for null and an empty text."""
    if value is None or value == "":
        return 0
    try:
        at = datetime.fromisoformat(text(value))
    except ValueError as error:
        raise MalformedMessageError(f"{shown(value)} is no time") from error
    if at.tzinfo is None:
        raise MalformedMessageError(f"{shown(value)} is a time without its zone")
    return (at - _EPOCH) // timedelta(milliseconds=1)


def our_id(system_id: int, client_text: Any) -> int:
    """Our order id out of the exchange's field; 0 = none, or not of this desk."""
    if not isinstance(client_text, str):
        return 0
    return ids.from_text(system_id, client_text) or 0


def end_kind(qty: int, executed: int, lot: int, otherwise: ExecKind) -> ExecKind:
    """What an end is, told by amounts and never by the exchange's word alone: FOUND_FILLED where
    what is left buys no lot, else `otherwise` with its fills. `qty` UNDEF: ordered by amount, so
    `otherwise` stands.
    """
    if qty != UNDEF and executed > 0 and qty - executed < max(lot, 1):
        return ExecKind.FOUND_FILLED
    return otherwise


def negated(value: Any) -> str:
    """Decimal text with the other sign; "" stays."""
    if value is None or value == "":
        return ""
    given = decimal(value)
    if given.startswith("-"):
        return given[1:]
    return given if not given.strip("0.") else f"-{given}"


def summed(*values: Any) -> str:
    """The exact sum of decimal texts; MalformedMessageError where one is none."""
    total = Decimal(0)
    for value in values:
        total = _EXACT.add(total, Decimal(decimal(value)))
    return f"{total:f}"


def end_kind_by_amount(
    total: int, spent: int, executed: int, lot: int, otherwise: ExecKind
) -> ExecKind:
    """The same of an order by quote amount: FOUND_FILLED where what is left of `total` buys no lot
    at its average price. `total` and `spent` at one scale, UNDEF where not said: `otherwise`."""
    if UNDEF in {total, spent} or executed <= 0:
        return otherwise
    filled = (total - spent) * executed < max(lot, 1) * spent
    return ExecKind.FOUND_FILLED if filled else otherwise
