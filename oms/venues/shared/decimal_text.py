"""Decimal text <-> int64 at a scale, exactly, without floats (DESIGN.md law 7).

Venues write prices and quantities as decimal text; records hold them as integers at a scale (the
number of decimal digits). What does not fit is a ValueError, never a rounded value.
"""

from __future__ import annotations

import re
from typing import Any

from oms.venues.shared import decode_status_hot as words
from shm_layout.money import INT64_MAX

_TEXT_CHARS_MAX = 60
_DECIMAL = re.compile(r"([0-9]+)(?:\.([0-9]+))?\Z")
POW10 = tuple(10**digits for digits in range(19))


def to_text(value: int, scale: int) -> str:
    """The shortest decimal text of `value / 10**scale`: no exponent, no trailing zero.

    Trailing zeros go because venues count digits (Binance -1111: "too much precision").
    """
    if value < 0:
        return "-" + to_text(-value, scale)
    whole, part = divmod(value, POW10[scale])
    if not part:
        return str(whole)
    return f"{whole}.{part:0{scale}d}".rstrip("0")


def to_fixed(value: int, scale: int) -> str:
    """Decimal text with exactly `scale` digits behind the point: for files that people read."""
    if value < 0:
        return "-" + to_fixed(-value, scale)
    if not scale:
        return str(value)
    whole, part = divmod(value, POW10[scale])
    return f"{whole}.{part:0{scale}d}"


def from_text(text: str, scale: int) -> int:
    """The integer at `scale` that `text` says exactly; ValueError where there is none.

    Accepted is an optional minus, digits, and optionally a point and digits. Digits beyond the
    scale must be zeros.
    """
    value, spare = _digits(text, scale)
    if spare.strip("0"):
        raise ValueError(f"'{text}' has more than {scale} decimals")
    return value


def from_text_down(text: str, scale: int) -> int:
    """As `from_text`, but digits beyond the scale are cut off (toward zero): for upper bounds."""
    return _digits(text, scale)[0]


def from_text_up(text: str, scale: int) -> int:
    """As `from_text`, but digits beyond the scale count as one more of its last (away from zero):
    for sums of fees, which are never told too small."""
    value, spare = _digits(text, scale)
    if not spare.strip("0"):
        return value
    return value - 1 if text[0] == "-" else value + 1


def cut_down(text: str, scale: int) -> tuple[int, bool]:
    """As `from_text_down`, and whether anything but zeros was cut off."""
    value, spare = _digits(text, scale)
    return value, bool(spare.strip("0"))


def _digits(given: Any, scale: int) -> tuple[int, str]:
    """(integer at `scale`, the digits that did not fit)."""
    if not isinstance(given, str) or not 0 < len(given) <= _TEXT_CHARS_MAX:
        raise ValueError(f"{str(given)[:_TEXT_CHARS_MAX]!r} is no decimal text")
    text: str = given
    whole, point, part = text.removeprefix("-").partition(".")
    digits = whole + part
    if not whole or (point and not part) or not (digits.isascii() and digits.isdigit()):
        raise ValueError(f"'{text}' is no decimal number")
    value = int(whole + part[:scale].ljust(scale, "0"))
    if value > INT64_MAX:
        raise ValueError(f"'{text}' at scale {scale} does not fit 63 bits")
    return (-value if text[0] == "-" else value), part[scale:]


def scaled(text: Any, scale: int) -> tuple[int, int]:
    """(value at `scale`, trouble) of a decimal text; exact, as `json_hot.decimal` gives it."""
    matched = _DECIMAL.match(text) if isinstance(text, str) else None
    if matched is None:
        return 0, words.MALFORMED
    whole, fraction = matched.group(1), matched.group(2) or ""
    value = int(whole + fraction[:scale].ljust(scale, "0"))
    if value > words.VALUE_MAX:
        return 0, words.OUT_OF_RANGE
    if fraction[scale:].strip("0"):
        return 0, words.UNSUPPORTED_TICK
    return value, words.OK
