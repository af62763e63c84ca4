"""Registry of instruments and currencies: how a row is made from what the venue says.

A row's scales are fixed when it is made: the digits of its finest tick and of its lot plus two of
head-room (none for a lot of 10**-8), bounded so that the largest price and quantity fit int64
(DESIGN.md law 7). What a venue allows beyond int64 is bounded by int64 alone. Ticks, lots and
bounds come from the venue at run time, each as a mantissa and its digits (INSTRUMENT_SPEC). A
ladder of ticks comes before it (TICK_LADDER); rungs far from the present price are left out, and
with them every price that stands on them (`near_rungs`).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from shm_layout.enums import InstrumentKind, MarketStatus
from shm_layout.limits import (
    CURRENCY_SCALE_DIGITS,
    CURRENCY_SCALE_DIGITS_KRW,
    RUNGS_MAX,
    SCALE_DIGITS_MAX,
    SCALE_HEADROOM_DIGITS,
)
from shm_layout.money import INT64_MAX

_PX_MAX_DEFAULT = 10**10
"""Where a venue names no largest price: ten thousand million quote units."""
_QTY_MAX_DEFAULT = 9 * 10**9
_FINE_LOT_DIGITS = 8
"""A lot as fine as this gets no head-room."""
RUNG_REACH = 100
"""Rungs are kept from 1/100 to 100 times the present price (NINE-MARKETS.md 3)."""
_MANTISSA_DIGITS_MAX = 18


_DECIMAL = re.compile(r"[0-9]+(\.[0-9]+)?")

OPEN_STATUSES = (MarketStatus.TRADING, MarketStatus.WARNING)
"""An exchange takes any order."""


class TooLargeError(ValueError):
    """A number that int64 does not hold at its scale."""


class UnsupportedInstrumentError(ValueError):
    """The venue's numbers do not fit 64 bits at any scale; the text says which."""


@dataclass(frozen=True, slots=True)
class Number:
    """mantissa * 10**-digits, exactly."""

    mantissa: int
    digits: int

    def at(self, scale: int) -> int:
        """At `scale`, rounded down; INT64_MAX where it does not fit."""
        shift = scale - self.digits
        value = self.mantissa * 10**shift if shift >= 0 else self.mantissa // 10**-shift
        return min(value, INT64_MAX)


@dataclass(frozen=True, slots=True)
class Scales:
    """Decimal digits of price and quantity, and what brings px * qty to the quote's scale."""

    px: int
    qty: int
    notional_divisor: int


Rungs = tuple[tuple[Number, Number], ...]
"""(lowest price, tick) of each rung, rising; empty = one tick everywhere."""


def currency_scale(code: str) -> int:
    """Decimal digits of an amount of this currency: one unit of the last digit is worth at most
    10**-8 USDT."""
    return CURRENCY_SCALE_DIGITS_KRW if code == "KRW" else CURRENCY_SCALE_DIGITS


def number_of(text: str) -> Number:
    """A plain decimal text exactly, without trailing zeros; "" and zeros give 0. ValueError where
    it is no plain decimal; TooLargeError where its digits do not fit int64."""
    if not text:
        return Number(0, 0)
    if not _DECIMAL.fullmatch(text):
        raise ValueError(f"{text!r} is not a plain decimal number")
    whole, _, part = text.partition(".")
    part = part.rstrip("0")
    mantissa, digits = int(whole + part), len(part)
    if mantissa == 0:
        return Number(0, 0)
    while mantissa % 10 == 0:
        mantissa, digits = mantissa // 10, digits - 1
    if mantissa > INT64_MAX:
        raise TooLargeError(f"{text!r} has more digits than fit 64 bits")
    return Number(mantissa, digits)


def bound_of(text: str) -> Number:
    """As `number_of`, for a largest amount: digits that do not fit are cut, which only tightens."""
    try:
        return number_of(text)
    except TooLargeError:
        whole = text.partition(".")[0].lstrip("0")
        return Number(int(whole[:_MANTISSA_DIGITS_MAX]), _MANTISSA_DIGITS_MAX - len(whole))


def spec_number(spec: np.ndarray[Any, Any], name: str) -> Number:
    """A number of an INSTRUMENT_SPEC."""
    return Number(int(spec[name]), int(spec[f"{name}_digits"]))


def rungs_of(ladder: np.ndarray[Any, Any] | None) -> Rungs:
    """The rungs of a TICK_LADDER."""
    if ladder is None:
        return ()
    digits = int(ladder["digits"])
    return tuple(
        (
            number_of(decimal_text(int(ladder["rung_from"][k]), digits)),
            number_of(decimal_text(int(ladder["rung_tick"][k]), digits)),
        )
        for k in range(int(ladder["rungs"]))
    )


def near_rungs(rungs: Sequence[tuple[str, str]], tick: str) -> list[tuple[str, str]]:
    """The rungs within reach of the present price, which stands on a rung whose step is `tick`: the
    exchange says its present step, and no price. Where the document's ladder has no such step the
    exchange's own word holds alone: one rung, for every price. Raises ValueError for a ladder that
    does not rise.
    """
    if any(Decimal(a[0]) >= Decimal(b[0]) for a, b in itertools.pairwise(rungs)):
        raise ValueError("a ladder of ticks that does not rise")
    present = [k for k, (_, step) in enumerate(rungs) if Decimal(step) == Decimal(tick)]
    if not present:
        return [("0", tick)]
    lowest = Decimal(rungs[present[0]][0])
    behind = present[-1] + 1
    highest = Decimal(rungs[behind][0]) * RUNG_REACH if behind < len(rungs) else None
    kept = []
    for k, (start, step) in enumerate(rungs):
        end = Decimal(rungs[k + 1][0]) if k + 1 < len(rungs) else None
        reached = end is None or end * RUNG_REACH > lowest
        if reached and (highest is None or Decimal(start) < highest):
            kept.append((start, step))
    return kept[-RUNGS_MAX:]


def _bounded_scale(needed: int, headroom: int, largest: Number) -> int:
    """Digits of a scale: what is needed, and as much of the head-room as the largest lets fit."""
    for scale in range(min(needed + headroom, SCALE_DIGITS_MAX), needed - 1, -1):
        if largest.at(scale) < INT64_MAX:
            return scale
    return needed


def scales_of(spec: np.ndarray[Any, Any], rungs: Rungs = ()) -> Scales:
    """Scales of a new row from an INSTRUMENT_SPEC record and its ladder."""
    name = bytes(spec["name"]).decode()
    quote = currency_scale(bytes(spec["quote"]).decode())
    max_px, max_qty = spec_number(spec, "max_px"), spec_number(spec, "max_qty")
    steps = [step for _, step in rungs] or [spec_number(spec, "tick")]
    px_digits = max(step.digits for step in steps)
    qty_digits = spec_number(spec, "lot").digits
    for what, digits in (("price", px_digits), ("quantity", qty_digits)):
        if digits > SCALE_DIGITS_MAX:
            raise UnsupportedInstrumentError(
                f"{name} {what}: a step of {digits} decimals, at most {SCALE_DIGITS_MAX} fit"
            )
    px = _bounded_scale(
        max(px_digits, 0), SCALE_HEADROOM_DIGITS,
        max_px if max_px.mantissa else Number(_PX_MAX_DEFAULT, 0),
    )  # fmt: skip
    qty = _bounded_scale(
        max(qty_digits, 0),
        0 if qty_digits >= _FINE_LOT_DIGITS else SCALE_HEADROOM_DIGITS,
        max_qty if max_qty.mantissa else Number(_QTY_MAX_DEFAULT, 0),
    )  # fmt: skip
    while px + qty < quote:
        px += 1
    return Scales(px, qty, 10 ** (px + qty - quote))


def _step_at(step: Number, scale: int) -> int:
    """A step at its scale; 0 = finer than the scale holds."""
    return step.at(scale) if step.digits <= scale else 0


def _bound_at(bound: Number, scale: int) -> int:
    """A largest amount at a scale; none = as much as fits."""
    return bound.at(scale) if bound.mantissa else INT64_MAX


def steps_at(
    spec: np.ndarray[Any, Any], scales: Scales, quote_scale: int, rungs: Rungs = ()
) -> dict[str, Any]:
    """Ticks, lots and limits of a row at its scales; a tick or lot finer than its scale gives 0,
    which makes the instrument UNSUPPORTED_TICK until a planned rescale."""
    given = {name: spec_number(spec, name) for name in _SPEC_NUMBERS}
    steps = [step for _, step in rungs] or [given["tick"]]
    ticks = [_step_at(step, scales.px) for step in steps]
    lot = _step_at(given["lot"], scales.qty)
    fits = lot > 0 and all(ticks)
    market_lot = _step_at(given["market_lot"], scales.qty) if given["market_lot"].mantissa else lot
    least_px = given["min_px"].at(scales.px)
    rung_from, rung_tick = np.zeros(RUNGS_MAX, np.int64), np.zeros(RUNGS_MAX, np.int64)
    for k, (start, _) in enumerate(rungs):
        rung_from[k], rung_tick[k] = start.at(scales.px), ticks[k]
    if rungs:
        least_px = max(least_px, int(rung_from[0]))
    return {
        "tick": min(ticks) if fits else 0,
        "lot": lot if fits else 0,
        "min_qty": given["min_qty"].at(scales.qty),
        "max_qty": _bound_at(given["max_qty"], scales.qty),
        "market_lot": max(market_lot, 1),
        "market_max_qty": _bound_at(given["market_max_qty"], scales.qty),
        "min_notional": given["min_notional"].at(quote_scale),
        "max_notional": _bound_at(given["max_notional"], quote_scale),
        "market_max_notional": _bound_at(given["market_max_notional"], quote_scale),
        "min_px": least_px,
        "max_px": _bound_at(given["max_px"], scales.px),
        "contract_size": given["contract_size"].at(scales.qty),
        "rungs": len(rungs) if fits else 0,
        "rung_from": rung_from,
        "rung_tick": rung_tick,
    }


_SPEC_NUMBERS = (
    "tick", "lot", "min_qty", "max_qty", "market_lot", "market_max_qty", "min_notional",
    "max_notional", "market_max_notional", "min_px", "max_px", "contract_size",
)  # fmt: skip


def completed(row: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """An INSTRUMENT_ROW of a build that knew spot alone, with what it did not say: no bound."""
    if int(row["kind"]):
        return row
    made = row.copy()
    made["kind"] = InstrumentKind.SPOT
    made["status"] = MarketStatus.TRADING if int(row["trading"]) else MarketStatus.HALT
    made["settle_currency_id"] = row["quote_currency_id"]
    made["market_lot"] = max(int(row["lot"]), 1)
    for name in ("market_max_qty", "max_notional", "market_max_notional"):
        made[name] = INT64_MAX
    return made


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
