"""Numbers as exchanges write them, bare or quoted, with or without an exponent (`@hot` only)."""

from __future__ import annotations

from oms.venues.shared.decode_status_hot import DECLINED, MALFORMED, OUT_OF_RANGE, UNSUPPORTED_TICK
from oms.venues.shared.json_hot import DOT, MINUS, NINE, PLUS, QUOTE, VALUE_CUT, ZERO
from shm_layout.jit import hot

_SMALL_E = 101
_LARGE_E = 69
_EXPONENT_DIGITS_MAX = 2


@hot
def _exponent(buf, i, end):
    """(index behind, value) of what stands behind an `e`."""
    sign = 1
    if i < end and (int(buf[i]) == PLUS or int(buf[i]) == MINUS):
        sign = -1 if int(buf[i]) == MINUS else 1
        i += 1
    start = i
    value = 0
    while i < end and ZERO <= int(buf[i]) <= NINE:
        value = value * 10 + (int(buf[i]) - ZERO)
        i += 1
        if i - start > _EXPONENT_DIGITS_MAX:
            return -DECLINED, 0
    if i == start:
        return -MALFORMED, 0
    return i, sign * value


@hot
def _at_scale(value, power, lost):
    """(value times 10**power cut down to an integer, trouble)."""
    while power > 0 and value > 0:
        if value >= VALUE_CUT:
            return 0, OUT_OF_RANGE
        value *= 10
        power -= 1
    while power < 0 and value > 0:
        lost = lost or value % 10 != 0
        value //= 10
        power += 1
    return value, UNSUPPORTED_TICK if lost else 0


@hot
def number(buf, i, end, scale):
    """(index behind, value at `scale` cut down, trouble) of a number at `i` that is not negative.

    Trouble UNSUPPORTED_TICK: a non-zero digit was cut off; what that means is the caller's to know.
    Behind a bare number something follows, or it may be cut: at `end` it is MALFORMED.
    """
    quoted = i < end and int(buf[i]) == QUOTE
    i += 1 if quoted else 0
    start = i
    value = 0
    power = scale
    lost = False
    while i < end and ZERO <= int(buf[i]) <= NINE:
        if value < VALUE_CUT:
            value = value * 10 + (int(buf[i]) - ZERO)
        else:
            lost = lost or int(buf[i]) != ZERO
            power += 1
        i += 1
    if i >= end:
        return -MALFORMED, 0, 0
    if i == start:
        return -DECLINED, 0, 0
    if i - start > 1 and int(buf[start]) == ZERO:
        return -MALFORMED, 0, 0
    if int(buf[i]) == DOT:
        i += 1
        start = i
        while i < end and ZERO <= int(buf[i]) <= NINE:
            if value < VALUE_CUT:
                value = value * 10 + (int(buf[i]) - ZERO)
                power -= 1
            else:
                lost = lost or int(buf[i]) != ZERO
            i += 1
        if i == start or i >= end:
            return -MALFORMED, 0, 0
    if int(buf[i]) == _SMALL_E or int(buf[i]) == _LARGE_E:
        i, exponent = _exponent(buf, i + 1, end)
        if i < 0:
            return i, 0, 0
        power += exponent
        if i >= end:
            return -MALFORMED, 0, 0
    if quoted:
        if int(buf[i]) != QUOTE:
            return -DECLINED, 0, 0
        i += 1
    value, trouble = _at_scale(value, power, lost)
    return i, value, trouble
