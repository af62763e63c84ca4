"""A plain order out of the bytes of a WebSocket API request, in compiled code (`@hot` only).

`scan` reads `{"id", "method": "order.place", "params": {...}}` with the parameters of a plain order
alone, each once, in any order, without blanks, escapes or letters beyond ASCII: what a program
writes. Whatever else is not an error here: 0 is returned, and the long way reads the message.
`orders/fast_path.py` says what is made of it.

    found     FOUND_* below
    payload   what is signed: the parameters but `signature`, sorted by name
    meaning   the words whose meaning is looked up, WORD_END behind each
"""

from __future__ import annotations

import numpy as np

from oms.venues.shared.json_hot import (
    CLOSE_BRACE,
    COLON,
    COMMA,
    DOT,
    NINE,
    OPEN_BRACE,
    QUOTE,
    ZERO,
    plain_string,
)
from shm_layout.jit import BYTES_READ, BYTES_TYPE, WORLD_TYPE, hot

NAMES = (
    b"apiKey", b"newClientOrderId", b"newOrderRespType", b"price", b"quantity", b"recvWindow",
    b"selfTradePreventionMode", b"side", b"signature", b"symbol", b"timeInForce", b"timestamp",
    b"type",
)  # fmt: skip
"""Sorted, as they are signed."""
(
    API_KEY, CLIENT_ID, RESPONSE, PRICE, QUANTITY, WINDOW, STP, SIDE, SIGNATURE, SYMBOL, TIF,
    TIMESTAMP, KIND,
) = range(len(NAMES))  # fmt: skip
_WORDS = (SYMBOL, SIDE, KIND, TIF, RESPONSE, STP)
_NEEDED = (CLIENT_ID, QUANTITY, SIDE, SYMBOL, TIMESTAMP, KIND)

# Words of `found`: first byte and byte behind of a text, -1 where there is none; values at eight
# decimals; numbers as they are, -1 where there is none.
(
    FOUND_ID, FOUND_ID_END, FOUND_ID_IS_TEXT, FOUND_CLIENT_ID, FOUND_CLIENT_ID_END, FOUND_API_KEY,
    FOUND_API_KEY_END, FOUND_SIGNATURE, FOUND_SIGNATURE_END, FOUND_PX_E8, FOUND_QTY_E8,
    FOUND_TIMESTAMP, FOUND_WINDOW, FOUND_PAYLOAD_BYTES, FOUND_MEANING_BYTES,
) = range(15)  # fmt: skip
FOUND_WORDS = 15
_PARAMS_AT = 16
"""Behind them: first byte, byte behind and kind of value of each parameter."""
_PARAM_WORDS = 3
ARRAY_WORDS = _PARAMS_AT + _PARAM_WORDS * len(NAMES)

TEXT, NUMBER = 1, 2
WORD_END, WORD_MISSING = 10, 1
"""Bytes that stand in no plain text."""
BYTES_MAX = 4096
"""Of a request; longer ones go the long way. So is nothing written beyond `payload`, which holds
the same bytes without the marks around them."""
DIGITS_MAX = 18
WHOLE_DIGITS_MAX = 10
DECIMALS = 8
CLIENT_ID_CHARS_MAX = 36
ID_CHARS_MAX = 64

_ALL_NAMES = np.frombuffer(b"".join(NAMES), np.uint8).copy()
_NAME_AT = np.cumsum([0] + [len(name) for name in NAMES]).astype(np.int64)
_METHOD = np.frombuffer(b"order.place", np.uint8).copy()
_MEMBERS = np.frombuffer(b"idmethodparams", np.uint8).copy()
_ID, _METHOD_MEMBER, _PARAMS = 1, 2, 4


@hot
def _equals(buf, first, size, wanted, at):
    for k in range(size):
        if buf[first + k] != wanted[at + k]:
            return False
    return True


@hot
def _member(buf, first, size):
    """Which member of a request a name is; 0 = none."""
    if size == 2 and _equals(buf, first, 2, _MEMBERS, 0):
        return _ID
    if size == 6 and _equals(buf, first, 6, _MEMBERS, 2):
        return _METHOD_MEMBER
    if size == 6 and _equals(buf, first, 6, _MEMBERS, 8):
        return _PARAMS
    return 0


@hot
def _param(buf, first, size):
    """Which of NAMES a name is; -1 = none."""
    for k in range(_NAME_AT.shape[0] - 1):
        at = _NAME_AT[k]
        if _NAME_AT[k + 1] - at == size and _equals(buf, first, size, _ALL_NAMES, at):
            return k
    return -1


@hot
def _behind_value(buf, i, end):
    """(byte behind, TEXT or NUMBER) of a plain string or a whole number at `i`; (0, 0) else."""
    if buf[i] == QUOTE:
        behind = plain_string(buf, i, end)
        return (behind, TEXT) if behind > 0 else (0, 0)
    first = i
    while i < end and ZERO <= int(buf[i]) <= NINE:
        i += 1
    if i == first or i - first > DIGITS_MAX or (buf[first] == ZERO and i - first > 1):
        return 0, 0
    return i, NUMBER


@hot
def _behind_name(buf, i, end):
    """Byte behind the name at `i` and its colon; 0 = there is none, or no value behind it."""
    if i >= end or buf[i] != QUOTE:
        return 0
    behind = plain_string(buf, i, end)
    if behind <= 0 or behind + 1 >= end or buf[behind] != COLON:
        return 0
    return behind + 1


@hot
def _params(buf, i, end, found):
    """Read the parameters from the brace at `i`; the byte behind them, 0 = not those of a plain
    order."""
    if buf[i] != OPEN_BRACE:
        return 0
    while True:
        name = i + 1
        i = _behind_name(buf, name, end)
        if i == 0:
            return 0
        which = _param(buf, name + 1, i - name - 3)
        if which < 0:
            return 0
        row = _PARAMS_AT + _PARAM_WORDS * which
        if found[row + 2] != 0:
            return 0
        behind, kind = _behind_value(buf, i, end)
        if behind == 0 or behind >= end:
            return 0
        marks = 1 if kind == TEXT else 0
        found[row] = i + marks
        found[row + 1] = behind - marks
        found[row + 2] = kind
        if buf[behind] == CLOSE_BRACE:
            return behind + 1
        if buf[behind] != COMMA:
            return 0
        i = behind


@hot
def _is_name(buf, first, behind, most):
    """Letters, digits, dashes and underscores, and so many of them."""
    if behind <= first or behind - first > most:
        return False
    for k in range(first, behind):
        c = int(buf[k])
        small = 97 <= c <= 122
        large = 65 <= c <= 90
        if not (small or large or ZERO <= c <= NINE or c == 45 or c == 95):
            return False
    return True


@hot
def _number(buf, first, behind):
    value = 0
    for k in range(first, behind):
        value = value * 10 + (int(buf[k]) - ZERO)
    return value


@hot
def _decimal_e8(buf, first, behind):
    """A plain decimal above 0 at eight decimals; 0 for whatever else, and for what is finer."""
    value = 0
    i = first
    while i < behind and ZERO <= int(buf[i]) <= NINE:
        if i - first >= WHOLE_DIGITS_MAX:
            return 0
        value = value * 10 + (int(buf[i]) - ZERO)
        i += 1
    if i == first:
        return 0
    left = DECIMALS
    if i < behind:
        if buf[i] != DOT or i + 1 == behind or behind - i > 1 + 2 * WHOLE_DIGITS_MAX:
            return 0
        i += 1
        while i < behind:
            c = int(buf[i])
            if c < ZERO or c > NINE:
                return 0
            if left > 0:
                value = value * 10 + (c - ZERO)
                left -= 1
            elif c != ZERO:
                return 0
            i += 1
    while left > 0:
        value *= 10
        left -= 1
    return value


@hot
def _copy(buf, first, behind, out, at):
    for k in range(first, behind):
        out[at + k - first] = buf[k]
    return at + behind - first


@hot
def _sign(buf, found, payload):
    """Write what is signed; its size."""
    at = 0
    for which in range(_NAME_AT.shape[0] - 1):
        row = _PARAMS_AT + _PARAM_WORDS * which
        if which == SIGNATURE or found[row + 2] == 0:
            continue
        if at > 0:
            payload[at] = 38  # &
            at += 1
        at = _copy(_ALL_NAMES, _NAME_AT[which], _NAME_AT[which + 1], payload, at)
        payload[at] = 61  # =
        at = _copy(buf, found[row], found[row + 1], payload, at + 1)
    return at


@hot
def _mean(buf, found, meaning):
    """Write the words whose meaning is looked up; their size, 0 = one of them is a number."""
    at = 0
    for which in _WORDS:
        row = _PARAMS_AT + _PARAM_WORDS * which
        if found[row + 2] == NUMBER:
            return 0
        if found[row + 2] == TEXT:
            at = _copy(buf, found[row], found[row + 1], meaning, at)
        else:
            meaning[at] = WORD_MISSING
            at += 1
        meaning[at] = WORD_END
        at += 1
    meaning[at] = ZERO + (1 if found[_PARAMS_AT + _PARAM_WORDS * PRICE + 2] != 0 else 0)
    return at + 1


@hot
def _span(found, which, to):
    """Put a parameter's place where the caller reads it; whether it is a text."""
    row = _PARAMS_AT + _PARAM_WORDS * which
    found[to] = found[row] if found[row + 2] == TEXT else -1
    found[to + 1] = found[row + 1] if found[row + 2] == TEXT else -1
    return found[row + 2] == TEXT


@hot
def _values(buf, found):
    """Read what the parameters say; whether all of it is plain."""
    if not _span(found, CLIENT_ID, FOUND_CLIENT_ID):
        return False
    if not _is_name(buf, found[FOUND_CLIENT_ID], found[FOUND_CLIENT_ID_END], CLIENT_ID_CHARS_MAX):
        return False
    if _span(found, API_KEY, FOUND_API_KEY) != _span(found, SIGNATURE, FOUND_SIGNATURE):
        return False
    for which in (API_KEY, SIGNATURE, PRICE, QUANTITY):
        if found[_PARAMS_AT + _PARAM_WORDS * which + 2] == NUMBER:
            return False
    for which in (TIMESTAMP, WINDOW):
        row = _PARAMS_AT + _PARAM_WORDS * which
        if found[row + 2] == TEXT:
            return False
        to = FOUND_TIMESTAMP if which == TIMESTAMP else FOUND_WINDOW
        found[to] = _number(buf, found[row], found[row + 1]) if found[row + 2] == NUMBER else -1
    row = _PARAMS_AT + _PARAM_WORDS * QUANTITY
    found[FOUND_QTY_E8] = _decimal_e8(buf, found[row], found[row + 1])
    row = _PARAMS_AT + _PARAM_WORDS * PRICE
    found[FOUND_PX_E8] = -1
    if found[row + 2] != 0:
        found[FOUND_PX_E8] = _decimal_e8(buf, found[row], found[row + 1])
    return found[FOUND_QTY_E8] > 0 and found[FOUND_PX_E8] != 0


@hot(entry=(BYTES_READ, BYTES_TYPE, BYTES_TYPE, WORLD_TYPE))
def scan(buf, payload, meaning, found):
    """1 = a plain order, and `found`, `payload` and `meaning` say which; 0 = not one, or odd.

    `buf` the message, at most BYTES_MAX bytes; `payload` and `meaning` of 2 * BYTES_MAX bytes each;
    `found` of ARRAY_WORDS int64.
    """
    end = buf.shape[0]
    if end < 2 or end > BYTES_MAX or buf[0] != OPEN_BRACE:
        return 0
    for k in range(_PARAMS_AT, found.shape[0]):
        found[k] = 0
    seen = 0
    i = 0
    while True:
        name = i + 1
        i = _behind_name(buf, name, end)
        if i == 0:
            return 0
        member = _member(buf, name + 1, i - name - 3)
        if member == 0 or seen & member:
            return 0
        seen |= member
        first = i
        if member == _PARAMS:
            i = _params(buf, first, end, found)
        else:
            i, kind = _behind_value(buf, first, end)
            marks = 1 if kind == TEXT else 0
            if i > 0 and member == _METHOD_MEMBER:
                size = _METHOD.shape[0]
                if i - first != size + 2 or not _equals(buf, first + 1, size, _METHOD, 0):
                    return 0
            elif i > 0:
                found[FOUND_ID] = first + marks
                found[FOUND_ID_END] = i - marks
                found[FOUND_ID_IS_TEXT] = marks
        if i == 0 or i >= end:
            return 0
        if buf[i] == CLOSE_BRACE:
            break
        if buf[i] != COMMA:
            return 0
    if i + 1 != end or seen != _ID | _METHOD_MEMBER | _PARAMS:
        return 0
    if not _is_name(buf, found[FOUND_ID], found[FOUND_ID_END], ID_CHARS_MAX):
        return 0
    for which in _NEEDED:
        if found[_PARAMS_AT + _PARAM_WORDS * which + 2] == 0:
            return 0
    if not _values(buf, found):
        return 0
    found[FOUND_PAYLOAD_BYTES] = _sign(buf, found, payload)
    found[FOUND_MEANING_BYTES] = _mean(buf, found, meaning)
    return 1 if found[FOUND_MEANING_BYTES] > 0 else 0
