"""A simulated exchange's lines of memory, read without making anything of them (`@hot` only).

`scan` finds the lines of each order, and the orders that nobody needs to be told of at a start:
placed, perhaps traded, ended, and written in the usual shapes below. Whatever else a line is, its
order is WARM: `remembered.py` reads it as JSON, and refuses what is none.

    lines   per line: first byte, byte behind it, row of its order or NO_ORDER or LIST_LINE, the
            order's next line (-1 = none), quantity of a fill (0 = none is here)
    orders  per order: see ORDER_* below
    slots   row by order id, open addressing; a power of two, at least twice the lines
"""

from __future__ import annotations

import numpy as np

from shm_layout.jit import BYTES_READ, I64, SLOTS_TYPE, TEXTS_READ, WORLD_TYPE, hot

NEW_SHAPE = (
    b'{"kind":"NEW","order_id":%d,"time_ns":%d,"request":{"symbol":"%b","account":%d,"side":%d,'
    b'"kind":%d,"tif":%d,"px":%d,"qty":%d,"quote_qty":%d,"client_id":"%b","stp":%d},'
    b'"pending":false,"qty":%d,"client_id":"%b","working_ns":%d}\n'
)
"""An order that is neither contingent nor of a list. Written with this, and read by it. Texts are
the protocol's, which takes none that JSON would have to escape."""
CANCELED_SHAPE = b'{"kind":"CANCELED","order_id":%d,"time_ns":%d,"cancel_id":"%b"}\n'
TRADE_SHAPE = (
    b'{"kind":"TRADE","order_id":%d,"time_ns":%d,"fill":{"trade_id":%d,"order_id":%d,"symbol":%d,'
    b'"account":%d,"side":%d,"px":%d,"qty":%d,"quote":%d,"fee":%d,"fee_asset":%d,"maker":%b,'
    b'"time_ns":%d,"list_id":%d}}\n'
)

LINE_FROM, LINE_TO, LINE_ROW, LINE_NEXT, LINE_FILL = range(5)
LINE_WORDS = 5
NO_ORDER = -1
"""A line of an order that was never told of, or of a symbol or account that is not there."""
LIST_LINE = -2

(
    ORDER_ID,
    ORDER_SYMBOL,
    ORDER_ACCOUNT,
    ORDER_NAME_FROM,
    ORDER_NAME_TO,
    ORDER_LEAVES,
    ORDER_STATE,
    ORDER_FIRST,
    ORDER_LAST,
) = range(9)
ORDER_WORDS = 9
"""Its lines are chained by LINE_NEXT from ORDER_FIRST to ORDER_LAST."""
OPEN, ENDED, WARM = range(3)

VALUES_WORDS = 40
"""Two per hole of a shape: a number and 0, or the first byte of a text and the byte behind it."""
_VALUE_MOST = (1 << 63) // 10 - 1
"""One more digit is safe up to here."""
SLOT_FACTOR = 0x9E3779B1
SLOT_BITS = 0x7FFFFFFF

_NEW = np.frombuffer(NEW_SHAPE, np.uint8).copy()
_CANCELED = np.frombuffer(CANCELED_SHAPE, np.uint8).copy()
_TRADE = np.frombuffer(TRADE_SHAPE, np.uint8).copy()
_ANY_NEW = np.frombuffer(
    b'{"kind":"NEW","order_id":%d,"time_ns":%d,"request":{"symbol":"%b","account":%d,', np.uint8
).copy()
_ANY = np.frombuffer(b'{"kind":"%b","order_id":%d,"time_ns":%d', np.uint8).copy()
_LIST = np.frombuffer(b'{"kind":"LIST",', np.uint8).copy()
_TRUE = np.frombuffer(b"true", np.uint8).copy()
_FALSE = np.frombuffer(b"false", np.uint8).copy()
_KIND_AT = 9
"""First letter of a line's kind."""
_HOLE, _NUMBER, _QUOTE, _MINUS, _ZERO, _NINE, _END = 37, 100, 34, 45, 48, 57, 10
_BACKSLASH, _SPACE, _ASCII_MOST = 92, 32, 126
_LETTER_N, _LETTER_C, _LETTER_T = 78, 67, 84
# Holes of the shapes, in words of `values`.
_V_ID, _V_SYMBOL, _V_ACCOUNT = 0, 4, 6
_V_QUOTE_QTY, _V_QTY, _V_NAME = 18, 24, 26
_V_ANY_ID = 2
_V_FILL_ID, _V_FILL_QTY = 6, 16


@hot
def _number(buf, at, end, values, hole):
    """Byte behind a whole number as JSON has it; -1 = there is none, or too large a one."""
    negative = at < end and buf[at] == _MINUS
    if negative:
        at += 1
    first = at
    value = 0
    while at < end and _ZERO <= buf[at] <= _NINE:
        if value > _VALUE_MOST:
            return -1
        value = value * 10 + (int(buf[at]) - _ZERO)
        at += 1
    if at == first or (buf[first] == _ZERO and at - first > 1):
        return -1
    values[hole] = -value if negative else value
    values[hole + 1] = 0
    return at


@hot
def _same(buf, first, behind, wanted):
    if behind - first != wanted.shape[0]:
        return False
    for k in range(wanted.shape[0]):
        if buf[first + k] != wanted[k]:
            return False
    return True


@hot
def _text(buf, at, end, values, hole):
    """The closing quote of an ASCII text without escapes; -1 = there is none."""
    values[hole] = at
    while at < end and buf[at] != _QUOTE:
        if buf[at] == _BACKSLASH or buf[at] < _SPACE or buf[at] > _ASCII_MOST:
            return -1
        at += 1
    values[hole + 1] = at
    return at if at < end else -1


@hot
def _boolean(buf, at, end, values, hole):
    """Byte behind a JSON boolean; -1 = there is none."""
    values[hole] = at
    for behind in (at + _TRUE.shape[0], at + _FALSE.shape[0]):
        if behind <= end and (_same(buf, at, behind, _TRUE) or _same(buf, at, behind, _FALSE)):
            values[hole + 1] = behind
            return behind
    return -1


@hot
def _read(buf, at, end, shape, values):
    """Byte behind what has this shape at `at`, its holes' values; -1 = it has another."""
    hole = 0
    k = 0
    while k < shape.shape[0]:
        if shape[k] != _HOLE:
            if at >= end or buf[at] != shape[k]:
                return -1
            at += 1
            k += 1
            continue
        if shape[k + 1] == _NUMBER:
            at = _number(buf, at, end, values, hole)
        elif shape[k - 1] == _QUOTE:
            at = _text(buf, at, end, values, hole)
        else:
            at = _boolean(buf, at, end, values, hole)
        if at < 0:
            return -1
        hole += 2
        k += 2
    return at


@hot
def _slot(orders, slots, order_id):
    """Where an order id stands, or the empty place where it belongs."""
    mask = slots.shape[0] - 1
    slot = (((order_id ^ (order_id >> 31)) & SLOT_BITS) * SLOT_FACTOR >> 16) & mask
    while slots[slot] >= 0 and orders[slots[slot], ORDER_ID] != order_id:
        slot = (slot + 1) & mask
    return slot


@hot
def _symbol(buf, values, symbols):
    """Row of the symbol that was read, -1 = it is not there."""
    first = values[_V_SYMBOL]
    size = values[_V_SYMBOL + 1] - first
    for row in range(symbols.shape[0]):
        same = size < symbols.shape[1] and symbols[row, size] == 0
        k = 0
        while same and k < size:
            same = symbols[row, k] == buf[first + k]
            k += 1
        if same:
            return row
    return -1


@hot
def _begin(buf, values, symbols, accounts, orders, slots, rows):
    """The row of a NEW: a new one, or WARM that of an order which is told of again."""
    order_id = values[_V_ID]
    slot = _slot(orders, slots, order_id)
    if slots[slot] >= 0:
        orders[slots[slot], ORDER_STATE] = WARM
        return slots[slot]
    symbol = _symbol(buf, values, symbols)
    account = values[_V_ACCOUNT]
    if symbol < 0 or account < 0 or account >= accounts:
        return NO_ORDER
    slots[slot] = rows
    order = orders[rows]
    order[ORDER_ID] = order_id
    order[ORDER_SYMBOL] = symbol
    order[ORDER_ACCOUNT] = account
    order[ORDER_NAME_FROM] = order[ORDER_NAME_TO] = 0
    order[ORDER_LEAVES] = 0
    order[ORDER_STATE] = WARM
    order[ORDER_FIRST] = order[ORDER_LAST] = -1
    return rows


@hot
def _place(order, values):
    """A row whose NEW has the usual shape."""
    named = values[_V_NAME + 1] > values[_V_NAME]
    if named and values[_V_QUOTE_QTY] == 0 and values[_V_QTY] > 0:
        order[ORDER_STATE] = OPEN
    order[ORDER_NAME_FROM] = values[_V_NAME]
    order[ORDER_NAME_TO] = values[_V_NAME + 1]
    order[ORDER_LEAVES] = values[_V_QTY]


@hot
def _trade(order, values):
    """A fill; returns its quantity. What this does not understand makes the order WARM."""
    qty = values[_V_FILL_QTY]
    odd = order[ORDER_STATE] != OPEN or values[_V_FILL_ID] != order[ORDER_ID]
    if odd or qty <= 0 or qty > order[ORDER_LEAVES]:
        order[ORDER_STATE] = WARM
        return 0
    order[ORDER_LEAVES] -= qty
    if order[ORDER_LEAVES] == 0:
        order[ORDER_STATE] = ENDED
    return qty


@hot
def _behind(buf, at, end):
    """Byte behind the line at `at`; -1 = it has no end."""
    while at < end:
        if buf[at] == _END:
            return at + 1
        at += 1
    return -1


@hot
def _end(order, state_then):
    """An order's end; one that is not open, or not understood, is WARM."""
    order[ORDER_STATE] = state_then if order[ORDER_STATE] == OPEN else WARM


@hot
def _link(lines, line, orders, row):
    """`line` as the last one of an order."""
    order = orders[row]
    if order[ORDER_FIRST] < 0:
        order[ORDER_FIRST] = line
    else:
        lines[order[ORDER_LAST], LINE_NEXT] = line
    order[ORDER_LAST] = line


@hot
def _known(orders, slots, order_id):
    """Row of an order that was told of before; NO_ORDER else."""
    return slots[_slot(orders, slots, order_id)]


@hot(
    entry=(
        BYTES_READ, TEXTS_READ, I64, SLOTS_TYPE, SLOTS_TYPE, WORLD_TYPE, WORLD_TYPE
    )
)  # fmt: skip
def scan(buf, symbols, accounts, lines, orders, slots, values):
    """Fill `lines` and `orders`; the number of orders, or -1 - line for one that begins like none.

    `symbols`: names, zero padded, one byte wider than the longest. `slots` are all NO_ORDER.
    """
    end = buf.shape[0]
    at = 0
    rows = 0
    line = 0
    while at < end:
        letter = int(buf[at + _KIND_AT]) if at + _KIND_AT < end else 0
        behind = -1
        row = NO_ORDER
        fill = 0
        if letter == _LETTER_N:
            behind = _read(buf, at, end, _NEW, values)
            usual = behind >= 0
            if not usual and _read(buf, at, end, _ANY_NEW, values) >= 0:
                behind = _behind(buf, at, end)
            if behind < 0:
                return -1 - line
            row = _begin(buf, values, symbols, accounts, orders, slots, rows)
            if row == rows:
                rows += 1
                if usual:
                    _place(orders[row], values)
        elif letter == _LETTER_C or letter == _LETTER_T:
            behind = _read(buf, at, end, _CANCELED if letter == _LETTER_C else _TRADE, values)
            if behind >= 0:
                row = _known(orders, slots, values[_V_ID])
            if row >= 0 and letter == _LETTER_C:
                _end(orders[row], ENDED)
            elif row >= 0:
                fill = _trade(orders[row], values)
        if behind < 0:
            behind = _behind(buf, at, end)
            if _read(buf, at, end, _LIST, values) >= 0:
                row = LIST_LINE
            elif _read(buf, at, end, _ANY, values) >= 0:
                row = _known(orders, slots, values[_V_ANY_ID])
                if row >= 0:
                    _end(orders[row], WARM)
            else:
                return -1 - line
        if behind < 0:
            return -1 - line
        lines[line, LINE_FROM] = at
        lines[line, LINE_TO] = behind
        lines[line, LINE_ROW] = row
        lines[line, LINE_NEXT] = -1
        lines[line, LINE_FILL] = fill
        if row >= 0:
            _link(lines, line, orders, row)
        at = behind
        line += 1
    return rows
