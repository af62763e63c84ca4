"""The fast path of a new order through its sender, in compiled code (`@hot` only): `take_new`.

Looks at the next command of the ring and at everything that may speak against sending it, takes
it where nothing does, and leaves every other to the long way (`orders.py`), which knows what to
say. What is asked of an order is what `LastChecks` asks; what is asked of the world stands in
`grants`, made while there was time, and in `guards`, words of other processes that must still be
what they were.
"""

from __future__ import annotations

import numpy as np

from oms.units import NS_PER_MS
from oms.venues.shared.order_text_hot import (
    VALUE_CLIENT_ID,
    VALUE_FRAME_END,
    VALUE_PX,
    VALUE_QTY,
    VALUE_REQUEST,
    VALUE_TIME_MS,
    write_order,
)
from shm_layout.atomics import load_at
from shm_layout.enums import Action, OrderType, Side, TimeInForce
from shm_layout.jit import I64, WORLD_TYPE, WorldSpec, hot
from shm_layout.limits import WORD_BYTES
from shm_layout.money import ROUND_UP
from shm_layout.money_hot import OK, mul_div
from shm_layout.records import ORDER_COMMAND
from shm_layout.ring_hot import release, written

EMPTY, TAKEN, OTHER, WRITTEN = range(4)
"""What `take_new` returns; WRITTEN and above: the lowest FORM_BITS say by the form WRITTEN + n,
those above them where the frame ends.
"""
FORM_BITS = 8
FORM_MASK = (1 << FORM_BITS) - 1

# Words of `state`.
S_GENERATION = 0
"""A grant of another one is void."""
S_ROOM = 1
"""The address has request weight left for an order."""
S_NEWEST_ID = 2
S_NEWEST_EPOCH = 3
S_SHAPE = 4
"""Of the order that was taken: which template writes it."""
S_VENUE_OFFSET_NS = 5
"""The venue's clock minus ours."""
STATE_WORDS = 8

FORMS_MAX = 32
"""Templates that the kernel fills itself; one for each shape of orders that were sent lately."""
assert WRITTEN + FORMS_MAX <= FORM_MASK

# Columns of `sizes`, a row per instrument.
SIZE_NOTIONAL_MAX = 0
"""Scale of the quote currency; 0 = an instrument that is not the group's."""
SIZE_DIVISOR = 1
SIZE_KNOWN = 2
"""Bit `type << 3 | time in force` for each pair that its market takes."""
SIZE_COLUMNS = 3

# Rows of `guards`: (address of a word, rule, value).
RULE_SAME = 0
RULE_PASSED = 1
"""The word is a time, and is over."""
GUARD_COLUMNS = 3

NO_SHAPE = -1
SHAPE_INSTRUMENT_BITS = 20
_SIDE_SHIFT, _TYPE_SHIFT, _SHAPE_BITS = 6, 3, 8
_NEW = int(Action.NEW)
_LIMIT, _POST_ONLY = int(OrderType.LIMIT), int(OrderType.POST_ONLY)
_GTC, _TIF_MAX = int(TimeInForce.GTC), int(max(TimeInForce))
_SIDES = (int(Side.BUY), int(Side.SELL))
_BUY, _SELL = _SIDES
assert ORDER_COMMAND.itemsize % WORD_BYTES == 0
COMMAND_WORDS = ORDER_COMMAND.itemsize // WORD_BYTES

FAST_PATH = WorldSpec("fast_path")
words = FAST_PATH.field("words", np.int64, readonly=True)
cursor = FAST_PATH.field("cursor", np.int64)
slots = FAST_PATH.field("slots", ORDER_COMMAND, readonly=True)
slot_words = FAST_PATH.field("slot_words", np.int64, ndim=2, readonly=True)
place = FAST_PATH.field("place", np.int64)
state = FAST_PATH.field("state", np.int64)
grants = FAST_PATH.field("grants", np.int64)
sizes = FAST_PATH.field("sizes", np.int64, ndim=2)
guards = FAST_PATH.field("guards", np.int64, ndim=2)
values = FAST_PATH.field("values", np.int64)
taken = FAST_PATH.field("taken", np.int64)
shapes = FAST_PATH.field("shapes", np.int64)
templates = FAST_PATH.field("templates", np.int64, ndim=2)
literals = FAST_PATH.field("literals", np.uint8, ndim=2)
macs = FAST_PATH.field("macs", np.int64, ndim=2)
out = FAST_PATH.field("out", np.uint8)


@hot
def shape_of(account_id, instrument_id, side, order_type, time_in_force):
    """One number for what a template depends on."""
    market = (account_id << SHAPE_INSTRUMENT_BITS) | instrument_id
    return (
        (market << _SHAPE_BITS) | (side << _SIDE_SHIFT) | (order_type << _TYPE_SHIFT)
    ) | time_in_force


@hot
def _granted(w, account_id, instrument_id):
    """The account may send now, and nothing that others say has changed."""
    st, of = state(w), grants(w)
    if account_id < 0 or account_id >= of.shape[0] or of[account_id] != st[S_GENERATION]:
        return False
    if instrument_id < 0 or instrument_id >= sizes(w).shape[0] or st[S_ROOM] == 0:
        return False
    return True


@hot
def _guarded(w, now_ns):
    rows = guards(w)
    for k in range(rows.shape[0]):
        found = load_at(rows[k, 0])  # PAIR table.seq
        if rows[k, 1] == RULE_PASSED:
            if now_ns < found:
                return False
        elif found != rows[k, 2]:
            return False
    return True


@hot
def _sound(w, at, now_ns):
    """What `LastChecks.refuse` and `taken_before` ask of a limit order; False for any other."""
    st, slot = state(w), slots(w)
    if slot["client_order_id"][at] <= st[S_NEWEST_ID]:
        return False
    if slot["journal_seq"][at] <= 0 or slot["risk_epoch"][at] < st[S_NEWEST_EPOCH]:
        return False
    if now_ns > slot["valid_until_ns"][at]:
        return False
    side, kind, tif = slot["side"][at], slot["order_type"][at], slot["time_in_force"][at]
    if side != _BUY and side != _SELL:
        return False
    if tif < _GTC or tif > _TIF_MAX:
        return False
    if kind != _LIMIT and (kind != _POST_ONLY or tif != _GTC):
        return False
    px, qty = slot["px"][at], slot["qty"][at]
    if px <= 0 or qty <= 0:
        return False
    of = slot["instrument_id"][at]
    if (sizes(w)[of, SIZE_KNOWN] >> (int(kind) << _TYPE_SHIFT | int(tif))) & 1 == 0:
        return False
    most = sizes(w)[of, SIZE_NOTIONAL_MAX]
    if most <= 0 or slot["notional"][at] > most:
        return False
    amount, status = mul_div(px, qty, sizes(w)[of, SIZE_DIVISOR], ROUND_UP)
    return status == OK and amount <= most


@hot
def _write(w, request_id, now_ns):
    """Write what was taken, if there is a form for it; TAKEN where there is none."""
    known, shape = shapes(w), state(w)[S_SHAPE]
    for form in range(known.shape[0]):
        if known[form] == shape:
            told = values(w)
            told[VALUE_REQUEST] = request_id
            told[VALUE_TIME_MS] = (now_ns + state(w)[S_VENUE_OFFSET_NS]) // NS_PER_MS
            write_order(templates(w)[form], literals(w)[form], told, macs(w)[form], out(w))
            return told[VALUE_FRAME_END] << FORM_BITS | (WRITTEN + form)
    return TAKEN


@hot(entry=(WORLD_TYPE, I64, I64))
def take_new(w, now_ns, request_id):
    """EMPTY; or OTHER: the long way takes the next command. Else it is a new order that may go,
    released already (DESIGN.md law 5), its words in `taken`: WRITTEN and above, its frame is made,
    with this `request_id`; TAKEN, there is no form for it, and its numbers stand in `values`.
    """
    where, slot = place(w), slots(w)
    pos = where[0]
    if pos >= written(words(w)):
        return EMPTY
    at = pos & (slot.shape[0] - 1)
    if slot["action"][at] != _NEW or slot["seq"][at] != pos + 1:
        return OTHER
    account_id = int(slot["account_id"][at])
    instrument_id = int(slot["instrument_id"][at])
    if not _granted(w, account_id, instrument_id):
        return OTHER
    if not _guarded(w, now_ns) or not _sound(w, at, now_ns):
        return OTHER
    copied, source = taken(w), slot_words(w)
    for k in range(COMMAND_WORDS):
        copied[k] = source[at, k]
    st, told = state(w), values(w)
    st[S_NEWEST_ID] = slot["client_order_id"][at]
    st[S_NEWEST_EPOCH] = slot["risk_epoch"][at]
    st[S_SHAPE] = shape_of(
        account_id, instrument_id, int(slot["side"][at]), int(slot["order_type"][at]),
        int(slot["time_in_force"][at]),
    )  # fmt: skip
    told[VALUE_CLIENT_ID] = slot["client_order_id"][at]
    told[VALUE_PX] = slot["px"][at]
    told[VALUE_QTY] = slot["qty"][at]
    where[0] = pos + 1
    release(cursor(w), pos + 1)
    return _write(w, request_id, now_ns)
