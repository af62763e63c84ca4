"""What a listing says of an instrument -> INSTRUMENT_SPEC, with its TICK_LADDER before it.

Quantities of an exchange that counts contracts become base units here, exactly; a contract whose
size does not bring its lot to a plain decimal is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np

from oms.instruments import Number, bound_of, near_rungs, number_of
from oms.venues.reports import Listed
from shm_layout.enums import InstrumentKind, MarketStatus, RecordType, Venue
from shm_layout.limits import SCALE_DIGITS_MAX
from shm_layout.records import INSTRUMENT_SPEC, TICK_LADDER

_BYTES_MAX = {"symbol": 32, "base": 16, "quote": 16, "settle": 16, "name": 40}
_QUANTITIES = ("lot", "min_qty", "max_qty", "market_lot", "market_max_qty")
_BOUNDS = frozenset({"max_qty", "market_max_qty", "max_notional", "market_max_notional", "max_px"})
_NUMBERS = (
    *_QUANTITIES, "tick", "min_notional", "max_notional", "market_max_notional", "min_px", "max_px",
    "contract_size",
)  # fmt: skip
_STEPS = frozenset({"tick", "lot"})
_DIGITS_MAX = 100


def records_of(listed: Listed, venue: Venue, now_ns: int) -> list[np.ndarray[Any, Any]]:
    """The records of one instrument, ladder first; ValueError, with its reason, where it cannot be
    traded."""
    spec = np.zeros(1, INSTRUMENT_SPEC)
    spec["type"], spec["venue"], spec["ts_recv_ns"] = RecordType.INSTRUMENT_SPEC, venue, now_ns
    spec["kind"] = InstrumentKind[listed.kind]
    spec["status"] = MarketStatus[listed.status]
    spec["venue_code"] = listed.venue_code
    spec["funding_interval_s"] = listed.funding_interval_s
    for name in _BYTES_MAX:
        spec[name] = _code(getattr(listed, name), name)
    size = Fraction(listed.contract_size or 1)
    for name in _NUMBERS:
        text = getattr(listed, name)
        number = bound_of(text) if name in _BOUNDS else number_of(text)
        if name in _QUANTITIES and listed.contract_size:
            number = _times(number, size, f"{listed.name} {name}")
        most = SCALE_DIGITS_MAX if name in _STEPS else _DIGITS_MAX
        if not -_DIGITS_MAX <= number.digits <= most:
            raise ValueError(f"{name} {text} has more than {most} decimals")
        spec[name], spec[f"{name}_digits"] = number.mantissa, number.digits
    if int(spec["lot"][0]) <= 0 or (not listed.ladder and int(spec["tick"][0]) <= 0):
        raise ValueError("tick and lot must be above zero")
    if not listed.ladder:
        return [spec]
    return [_ladder(near_rungs(listed.ladder, listed.tick), listed, venue), spec]


def _ladder(rungs: Iterable[tuple[str, str]], listed: Listed, venue: Venue) -> np.ndarray[Any, Any]:
    made = np.zeros(1, TICK_LADDER)
    made["type"], made["venue"] = RecordType.TICK_LADDER, venue
    made["name"] = _code(listed.name, "name")
    numbers = [(number_of(start), number_of(step)) for start, step in rungs]
    digits = max(0, *(n.digits for pair in numbers for n in pair))
    made["rungs"], made["digits"] = len(numbers), digits
    for k, (start, step) in enumerate(numbers):
        if step.mantissa <= 0:
            raise ValueError(f"a rung of {listed.name} without a step")
        made["rung_from"][0, k], made["rung_tick"][0, k] = start.at(digits), step.at(digits)
    return made


def _times(number: Number, size: Fraction, what: str) -> Number:
    """A count of contracts in base units."""
    if not number.mantissa:
        return number
    scaled = number.mantissa * size * Fraction(10) ** -number.digits
    digits, below = 0, scaled.denominator
    while below % 10 == 0:
        digits, below = digits + 1, below // 10
    while 10**digits % scaled.denominator:
        digits += 1
        if digits > _DIGITS_MAX:
            raise ValueError(f"{what}: its contract of {size} is no plain decimal")
    return number_of(_plain(scaled, digits))


def _plain(value: Fraction, digits: int) -> str:
    whole = value * 10**digits
    text = str(whole.numerator // whole.denominator).rjust(digits + 1, "0")
    return f"{text[:-digits]}.{text[-digits:]}" if digits else text


def _code(text: str, name: str) -> bytes:
    encoded = text.encode()
    most = _BYTES_MAX[name]
    if len(encoded) > most or (not encoded and name != "settle"):
        raise ValueError(f"{name} '{text}' takes {len(encoded)} bytes, 1 to {most} fit")
    return encoded
