"""A strict JSON scanner over bytes (`@hot` only): indices in, indices out, never past `end`.

Each function takes the index of a value's first byte and returns the index behind its last one,
or minus a status: MALFORMED where this cannot be JSON, DECLINED where it may be but is not worth
compiled code (escapes in names, bytes beyond ASCII, deep nesting). What is skipped is checked as
strictly as what is read, so that a message which the scanner passes is one that any JSON parser
passes.
"""

from __future__ import annotations

from oms.venues.shared.decode_status_hot import DECLINED, MALFORMED, OUT_OF_RANGE, UNSUPPORTED_TICK
from shm_layout.jit import hot

QUOTE = 34
BACKSLASH = 92
COMMA = 44
COLON = 58
DOT = 46
MINUS = 45
PLUS = 43
ZERO = 48
NINE = 57
OPEN_BRACE = 123
CLOSE_BRACE = 125
OPEN_BRACKET = 91
CLOSE_BRACKET = 93

DEPTH_MAX = 32
"""Nesting of what is skipped; deeper is DECLINED."""
VALUE_CUT = 10**17
"""One more digit is safe below this."""

_WANT_VALUE = 0
_AFTER_VALUE = 1
_WANT_KEY_OR_CLOSE = 2
_WANT_KEY = 3
_WANT_VALUE_OR_CLOSE = 4


@hot(inline=True)
def skip_ws(buf, i, end):
    """Index of the next byte that is no white space; `end` if there is none."""
    while i < end:
        c = int(buf[i])
        if c > 32 or (c != 32 and c != 10 and c != 13 and c != 9):
            return i
        i += 1
    return i


@hot
def plain_string(buf, i, end):
    """Behind a string at `i` that has neither escapes nor bytes beyond ASCII."""
    i += 1
    while i < end:
        c = int(buf[i])
        if c == QUOTE:
            return i + 1
        if c == BACKSLASH or c >= 128:
            return -DECLINED
        if c < 32:
            return -MALFORMED
        i += 1
    return -MALFORMED


@hot
def _is_hex(c):
    return (ZERO <= c <= NINE) or (65 <= c <= 70) or (97 <= c <= 102)


@hot
def skip_string(buf, i, end):
    """Behind any string at `i`; bytes beyond ASCII and \\u escapes are DECLINED."""
    i += 1
    while i < end:
        c = int(buf[i])
        if c == QUOTE:
            return i + 1
        if c >= 128:
            return -DECLINED
        if c < 32:
            return -MALFORMED
        if c == BACKSLASH:
            i += 1
            if i >= end:
                return -MALFORMED
            c = int(buf[i])
            if c == 117:
                return -DECLINED
            # " \ / b f n r t
            if not (c == 34 or c == 92 or c == 47 or c == 98 or c == 102 or c == 110):
                if not (c == 114 or c == 116):
                    return -MALFORMED
        i += 1
    return -MALFORMED


@hot
def skip_digits(buf, i, end):
    """Behind the digits at `i`, which may be none."""
    while i < end and ZERO <= int(buf[i]) <= NINE:
        i += 1
    return i


@hot
def skip_number(buf, i, end):
    """Behind a JSON number at `i`."""
    if int(buf[i]) == MINUS:
        i += 1
    start = i
    i = skip_digits(buf, i, end)
    if i == start or (i - start > 1 and int(buf[start]) == ZERO):
        return -MALFORMED
    if i < end and int(buf[i]) == DOT:
        start = i + 1
        i = skip_digits(buf, start, end)
        if i == start:
            return -MALFORMED
    if i < end and (int(buf[i]) == 101 or int(buf[i]) == 69):
        i += 1
        if i < end and (int(buf[i]) == PLUS or int(buf[i]) == MINUS):
            i += 1
        start = i
        i = skip_digits(buf, i, end)
        if i == start:
            return -MALFORMED
        return -DECLINED if i - start > 2 else i
    return i


@hot
def skip_literal(buf, i, end):
    """Behind `true`, `false` or `null` at `i`."""
    c = int(buf[i])
    if i + 4 > end:
        return -MALFORMED
    word = (int(buf[i + 1]) << 16) | (int(buf[i + 2]) << 8) | int(buf[i + 3])
    if (c == 116 and word == 0x727565) or (c == 110 and word == 0x756C6C):
        return i + 4
    if c == 102 and word == 0x616C73 and i + 4 < end and int(buf[i + 4]) == 101:
        return i + 5
    return -MALFORMED


@hot
def _skip_scalar(buf, i, end):
    c = int(buf[i])
    if c == QUOTE:
        return skip_string(buf, i, end)
    if c == MINUS or ZERO <= c <= NINE:
        return skip_number(buf, i, end)
    return skip_literal(buf, i, end)


@hot
def skip_value(buf, i, end):
    """Behind any value at `i`, which must be < `end`."""
    c = int(buf[i])
    if c != OPEN_BRACE and c != OPEN_BRACKET:
        return _skip_scalar(buf, i, end)
    depth = 0
    objects = 0  # bit d: the container at depth d is an object
    state = _WANT_VALUE
    while True:
        i = skip_ws(buf, i, end)
        if i >= end:
            return -MALFORMED
        c = int(buf[i])
        inside = (objects >> depth) & 1
        closing = CLOSE_BRACE if inside else CLOSE_BRACKET
        if state == _AFTER_VALUE:
            if c == COMMA:
                state = _WANT_KEY if inside else _WANT_VALUE
                i += 1
                continue
            if c != closing:
                return -MALFORMED
        if c == closing and depth > 0:
            if state == _WANT_VALUE or state == _WANT_KEY:
                return -MALFORMED
            i += 1
            depth -= 1
            if depth == 0:
                return i
            state = _AFTER_VALUE
        elif state == _WANT_KEY or state == _WANT_KEY_OR_CLOSE:
            if c != QUOTE:
                return -MALFORMED
            i = skip_string(buf, i, end)
            if i < 0:
                return i
            i = skip_ws(buf, i, end)
            if i >= end or int(buf[i]) != COLON:
                return -MALFORMED
            i += 1
            state = _WANT_VALUE
        elif c == OPEN_BRACE or c == OPEN_BRACKET:
            depth += 1
            if depth > DEPTH_MAX:
                return -DECLINED
            is_object = 1 if c == OPEN_BRACE else 0
            objects = (objects & ~(1 << depth)) | (is_object << depth)
            state = _WANT_KEY_OR_CLOSE if is_object else _WANT_VALUE_OR_CLOSE
            i += 1
        else:
            i = _skip_scalar(buf, i, end)
            if i < 0:
                return i
            state = _AFTER_VALUE


@hot
def integer(buf, i, end):
    """(index behind, value) of a JSON integer at `i`, 0 .. VALUE_MAX; a string, a sign, a
    fraction or an exponent is DECLINED."""
    value = 0
    start = i
    c = 0
    while i < end:
        c = int(buf[i])
        if c < ZERO or c > NINE:
            break
        if value >= VALUE_CUT:
            return -OUT_OF_RANGE, 0
        value = value * 10 + (c - ZERO)
        i += 1
    if i >= end:
        return -MALFORMED, 0
    if i == start:
        return -DECLINED, 0
    if i - start > 1 and int(buf[start]) == ZERO:
        return -MALFORMED, 0
    if c == DOT or c == 101 or c == 69:
        return -DECLINED, 0
    return i, value


@hot(inline=True)
def decimal(buf, i, end, scale):
    """(index behind, value at `scale`, trouble) of a quoted plain decimal at `i`.

    Exact: digits beyond the scale must be 0, else UNSUPPORTED_TICK; more than 18 digits are
    OUT_OF_RANGE. Anything but digits with at most one dot among them is DECLINED.
    """
    i += 1
    value = 0
    trouble = 0
    left = scale
    start = i
    c = 0
    while i < end:
        c = int(buf[i])
        if c < ZERO or c > NINE:
            break
        if value < VALUE_CUT:
            value = value * 10 + (c - ZERO)
        else:
            trouble = OUT_OF_RANGE
        i += 1
    if i >= end:
        return -MALFORMED, 0, 0
    if i == start:
        return -DECLINED, 0, 0
    if c == DOT:
        i += 1
        start = i
        while i < end:
            c = int(buf[i])
            if c < ZERO or c > NINE:
                break
            if left > 0:
                left -= 1
                if value < VALUE_CUT:
                    value = value * 10 + (c - ZERO)
                else:
                    trouble = OUT_OF_RANGE
            elif c != ZERO and trouble == 0:
                trouble = UNSUPPORTED_TICK
            i += 1
        if i >= end:
            return -MALFORMED, 0, 0
        if i == start:
            return -DECLINED, 0, 0
    if c != QUOTE:
        return -DECLINED, 0, 0
    while left > 0:
        left -= 1
        if value < VALUE_CUT:
            value *= 10
        else:
            trouble = OUT_OF_RANGE
    return i + 1, value, trouble
