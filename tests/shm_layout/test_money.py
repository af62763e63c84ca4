"""mul_div against integers of Python, which have no width."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shm_layout import money, money_hot
from shm_layout.money import INT64_MAX, INT64_MIN, OK, OVERFLOW

INT64 = st.integers(-INT64_MAX, INT64_MAX)
ROUNDINGS = st.sampled_from(
    [
        money.ROUND_DOWN,
        money.ROUND_UP,
        money.ROUND_FLOOR,
        money.ROUND_CEILING,
        money.ROUND_HALF_EVEN,
    ]
)


def exact(a: int, b: int, d: int, rounding: int) -> int:
    """The rule in its own words, by fractions."""
    value = Fraction(a * b, d)
    floor = value.numerator // value.denominator
    if value == floor:
        return floor
    if rounding == money.ROUND_FLOOR:
        return floor
    if rounding == money.ROUND_CEILING:
        return floor + 1
    if rounding == money.ROUND_DOWN:
        return floor if value > 0 else floor + 1
    if rounding == money.ROUND_UP:
        return floor + 1 if value > 0 else floor
    return round(value)


@given(INT64, INT64, st.integers(1, INT64_MAX), ROUNDINGS)
@settings(max_examples=2000, deadline=None)
def test_mul_div_of_any_operands_is_exact_or_overflow(
    a: int, b: int, d: int, rounding: int
) -> None:
    want = exact(a, b, d, rounding)
    for made in (money.mul_div(a, b, d, rounding), money_hot.mul_div(a, b, d, rounding)):
        value, status = int(made[0]), int(made[1])
        if abs(want) > INT64_MAX:
            assert status == OVERFLOW
            assert value == 0
        else:
            assert (value, status) == (want, OK)


@given(INT64, st.integers(-(10**6), 10**6), st.integers(0, 18), ROUNDINGS)
@settings(max_examples=2000, deadline=None)
def test_mul_div_by_powers_of_ten_is_exact(a: int, b: int, digits: int, rounding: int) -> None:
    want = exact(a, b, 10**digits, rounding)
    value, status = money_hot.mul_div(a, b, 10**digits, rounding)
    assert (int(value), int(status)) == ((want, OK) if abs(want) <= INT64_MAX else (0, OVERFLOW))


@pytest.mark.parametrize(("a", "d"), [(INT64_MIN, 1), (1, 0), (1, -5)])
def test_mul_div_of_undefined_operand_or_divisor_is_overflow(a: int, d: int) -> None:
    assert money.mul_div(a, 1, d, money.ROUND_DOWN)[1] == OVERFLOW
    assert int(money_hot.mul_div(a, 1, d, money.ROUND_DOWN)[1]) == OVERFLOW


@given(a=INT64, rate=st.one_of(st.integers(-5, 2_000_000), INT64), rounding=ROUNDINGS)
def test_millionths_equal_the_general_division(a: int, rate: int, rounding: int) -> None:
    value, status = money_hot.millionths(a, rate, rounding)
    assert (int(value), int(status)) == money.mul_div(a, rate, 1_000_000, rounding)
