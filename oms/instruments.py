"""Registry of instruments and currencies: how a row is made from what the venue says.

A row's scales are fixed when it is made: the digits of its tick and lot plus two of head-room,
bounded so that the largest price and quantity fit int64 (DESIGN.md law 7). Ticks, lots and
minimums come from the venue at run time, in integers of 10**-12 (INSTRUMENT_SPEC).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from shm_layout.limits import (
    CURRENCY_SCALE_DIGITS,
    CURRENCY_SCALE_DIGITS_KRW,
    SCALE_DIGITS_MAX,
    SCALE_HEADROOM_DIGITS,
)
from shm_layout.money import INT64_MAX

_E12 = 12
_E6 = 6
_PX_MAX_DEFAULT_E6 = 10**7 * 10**6
"""Where a venue names no largest price: ten million quote units."""
_QTY_MAX_DEFAULT_E6 = 9 * 10**9 * 10**6


_DECIMAL = re.compile(r"[0-9]+(\.[0-9]+)?")


class TooLargeError(ValueError):
    """A number that int64 does not hold at its scale."""


class UnsupportedInstrumentError(ValueError):
    """The venue's numbers do not fit 64 bits at any scale; the text says which."""


@dataclass(frozen=True, slots=True)
class Scales:
    """Decimal digits of price and quantity, and what brings px * qty to the quote's scale."""

    px: int
    qty: int
    notional_divisor: int


def currency_scale(code: str) -> int:
    """Decimal digits of an amount of this currency."""
    return CURRENCY_SCALE_DIGITS_KRW if code == "KRW" else CURRENCY_SCALE_DIGITS


def digits_of_step(step_e12: int) -> int:
    """Decimal digits that a step of `step_e12` * 10**-12 needs: 0.01 -> 2, 5 -> 0."""
    digits = _E12
    while digits > 0 and step_e12 % 10 == 0:
        step_e12 //= 10
        digits -= 1
    return digits


def _bounded_scale(step_e12: int, largest_e6: int, what: str) -> int:
    needed = digits_of_step(step_e12)
    for scale in range(min(needed + SCALE_HEADROOM_DIGITS, SCALE_DIGITS_MAX), needed - 1, -1):
        if largest_e6 * 10**scale // 10**_E6 <= INT64_MAX:
            return scale
    raise UnsupportedInstrumentError(
        f"{what}: step {step_e12}e-12 and maximum {largest_e6}e-6 do not fit 64 bits"
    )


def scales_of(spec: np.ndarray[Any, Any]) -> Scales:
    """Scales of a new row from an INSTRUMENT_SPEC record."""
    name = bytes(spec["name"]).decode()
    quote = currency_scale(bytes(spec["quote"]).decode())
    max_px = int(spec["max_px_e6"]) or _PX_MAX_DEFAULT_E6
    max_qty = int(spec["max_qty_e6"]) or _QTY_MAX_DEFAULT_E6
    px = _bounded_scale(int(spec["tick_e12"]), max_px, f"{name} price")
    qty = _bounded_scale(int(spec["lot_e12"]), max_qty, f"{name} quantity")
    while px + qty < quote:
        px += 1
    return Scales(px, qty, 10 ** (px + qty - quote))


def _at_scale(value: int, digits: int, scale: int) -> int:
    """value * 10**-digits at `scale`, rounded down."""
    return value * 10**scale // 10**digits


def steps_at(spec: np.ndarray[Any, Any], scales: Scales, quote_scale: int) -> dict[str, int]:
    """Tick, lot and limits of a row at its scales; tick or lot finer than its scale gives 0,
    which makes the instrument UNSUPPORTED_TICK until a planned rescale."""
    tick, lot = int(spec["tick_e12"]), int(spec["lot_e12"])
    fits = digits_of_step(tick) <= scales.px and digits_of_step(lot) <= scales.qty
    max_px = int(spec["max_px_e6"]) or _PX_MAX_DEFAULT_E6
    max_qty = int(spec["max_qty_e6"]) or _QTY_MAX_DEFAULT_E6
    return {
        "tick": _at_scale(tick, _E12, scales.px) if fits else 0,
        "lot": _at_scale(lot, _E12, scales.qty) if fits else 0,
        "min_qty": _at_scale(int(spec["min_qty_e12"]), _E12, scales.qty),
        "max_qty": min(_at_scale(max_qty, _E6, scales.qty), INT64_MAX),
        "min_notional": _at_scale(int(spec["min_notional_e12"]), _E12, quote_scale),
        "max_px": min(_at_scale(max_px, _E6, scales.px), INT64_MAX),
    }


def decimal_text(value: int, scale: int) -> str:
    """Exact decimal text of an integer at a scale, without trailing zeros: 150, 2 -> "1.5"."""
    sign = "-" if value < 0 else ""
    whole, part = divmod(abs(value), 10**scale)
    if part == 0:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{part:0{scale}d}".rstrip("0")


def parse_decimal(text: str, digits: int) -> int:
    """`text` as an integer with `digits` decimals; ValueError when it is no plain decimal (digits,
    and perhaps a point and digits), or has more decimals, other than zeros, than `digits`;
    `TooLargeError` when it does not fit 64 bits."""
    if not _DECIMAL.fullmatch(text):
        raise ValueError(f"{text!r} is not a plain decimal number")
    whole, _, part = text.partition(".")
    part = part.rstrip("0")
    if len(part) > digits:
        raise ValueError(f"{text!r} has more than {digits} decimals")
    value = int(whole + part.ljust(digits, "0"))
    if value > INT64_MAX:
        raise TooLargeError(f"{text!r} does not fit 64 bits with {digits} decimals")
    return value
