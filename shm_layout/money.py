"""Exact money arithmetic, in plain Python: the reference of `money_hot`, and what runs with the
compiler off. The rounding names and status values live here.
"""

from __future__ import annotations

ROUND_DOWN = 0
"""Toward zero."""
ROUND_UP = 1
"""Away from zero."""
ROUND_FLOOR = 2
ROUND_CEILING = 3
ROUND_HALF_EVEN = 4

OK = 0
OVERFLOW = 1

INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)
"""Never a value: the sentinel of an undefined price or amount."""


def mul_div(a: int, b: int, d: int, rounding: int) -> tuple[int, int]:
    """`a * b / d` exactly, rounded as asked; returns (value, OK or OVERFLOW).

    int64 in and out; d > 0. A quotient beyond int64, d <= 0 or an undefined operand
    (INT64_MIN) is OVERFLOW with value 0: a status, never a wrapped value.
    """
    if d <= 0 or a == INT64_MIN or b == INT64_MIN:
        return 0, OVERFLOW
    product = int(a) * int(b)
    negative = product < 0
    quotient, remainder = divmod(abs(product), int(d))
    if remainder:
        half = 2 * remainder
        up = (
            rounding == ROUND_UP
            or (rounding == ROUND_FLOOR and negative)
            or (rounding == ROUND_CEILING and not negative)
            or (rounding == ROUND_HALF_EVEN and (half > d or (half == d and quotient % 2 == 1)))
        )
        quotient += int(up)
    if quotient > INT64_MAX:
        return 0, OVERFLOW
    return (-quotient if negative else quotient), OK
