"""What a strategy reads and writes per turn, in compiled code (`@hot` only).

Owner: `oms/agents/strategy/agent.py`, and the operator's agent, which is one. `look` takes the
prices that came since the last turn: of each wanted instrument the newest, conflated, as words in
the order of `strategies.base.Top`; and its public trades, all of them, where the plugin wants such.
`settle` makes a price the one that decides from now on, and `write_intent` writes an intent with
what decided it.

Per wanted instrument there is a row of `decided`; behind the last of them stands what is said where
no price is known, and every row begins as that.
"""

from __future__ import annotations

import numpy as np

from shm_layout.enums import Action, BookState, OrderSpace, RecordType
from shm_layout.jit import I64, WORLD_TYPE, WorldSpec, hot
from shm_layout.records import INTENT, MD_TRADE, TOP_OF_BOOK, UNDEF
from shm_layout.ring_hot import (
    READ_POS,
    broadcast_intact,
    broadcast_resume,
    claim_free,
    publish,
    release,
    written,
)

STRATEGY = WorldSpec("strategy")
top_words = STRATEGY.field("top_words", np.int64, readonly=True)
top_slots = STRATEGY.field("top_slots", TOP_OF_BOOK, readonly=True)
trade_slots = STRATEGY.field("trade_slots", MD_TRADE, readonly=True)
top_cursor = STRATEGY.field("top_cursor", np.int64)
update_words = STRATEGY.field("update_words", np.int64, readonly=True)
update_cursor = STRATEGY.field("update_cursor", np.int64, readonly=True)
intent_words = STRATEGY.field("intent_words", np.int64)
intent_gate = STRATEGY.field("intent_gate", np.int64, readonly=True)
intent_slots = STRATEGY.field("intent_slots", INTENT)
row_of = STRATEGY.field("row_of", np.int64, readonly=True)
place_of = STRATEGY.field("place_of", np.int64)
tops = STRATEGY.field("tops", np.int64, ndim=2)
trades = STRATEGY.field("trades", np.int64, ndim=2)
decided = STRATEGY.field("decided", np.int64, ndim=2)
params = STRATEGY.field("params", np.int64)

# A price: the words of `Top`, and its mid.
(
    T_INSTRUMENT, T_LIVE, T_BID_PX, T_BID_QTY, T_ASK_PX, T_ASK_QTY, T_VERSION, T_TS_EVENT,
    T_TS_RECV, T_STAMP, T_POS, T_MID,
) = range(12)  # fmt: skip
T_WORDS = 12

# A trade: the words of `Trade`.
X_INSTRUMENT, X_AGGRESSOR, X_PX, X_QTY, X_TS_EVENT = range(5)
X_WORDS = 5

P_ACCOUNT, P_STRATEGY, P_ASKED_BY, P_TOP_RING, P_EPOCH, P_VALID_FOR_NS = range(6)
P_WANTS_TRADES = 6
P_LIVE_ONLY = 7  # 1 = a new order needs a LIVE price
P_TRADES = 8  # trades in `trades`, of the last look
P_LOST = 9  # records of `top` that were lost before it
P_WORDS = 10

# What `look` returns: so many records << TAKEN_SHIFT, these flags, and how many rows of `tops`.
ROWS_MASK = 0xFFFF
HAS_TRADES = 1 << 16
WAS_LAPPED = 1 << 17
TAKEN_SHIFT = 20
# Or, nothing taken:
UPDATES_FIRST = -1
DAMAGED = -2

# What `write_intent` returns.
FULL, WRITTEN, NOT_LIVE = 0, 1, -1

_TOP = int(RecordType.TOP_OF_BOOK)
_TRADE = int(RecordType.MD_TRADE)
_INTENT = int(RecordType.INTENT)
_BOOK = int(OrderSpace.BOOK)
_LIVE = int(BookState.LIVE)
_NEW = int(Action.NEW)
_REPLACE = int(Action.REPLACE)


@hot
def _take_top(world, at, pos, place):
    """The price in slot `at` of position `pos` into this row of `tops`."""
    slots = top_slots(world)
    row = tops(world)
    bid_px = slots["bid_px"][at]
    ask_px = slots["ask_px"][at]
    live = slots["state"][at] == _LIVE and bid_px != UNDEF and ask_px != UNDEF
    row[place, T_INSTRUMENT] = slots["instrument_id"][at]
    row[place, T_LIVE] = 1 if live else 0
    row[place, T_BID_PX] = bid_px
    row[place, T_BID_QTY] = slots["bid_qty"][at]
    row[place, T_ASK_PX] = ask_px
    row[place, T_ASK_QTY] = slots["ask_qty"][at]
    row[place, T_VERSION] = slots["version"][at]
    row[place, T_TS_EVENT] = slots["ts_event_ns"][at]
    row[place, T_TS_RECV] = slots["ts_recv_ns"][at]
    row[place, T_STAMP] = slots["stamp_cycles"][at]
    row[place, T_POS] = pos
    row[place, T_MID] = bid_px + ask_px if live else UNDEF


@hot
def _take_trade(world, at):
    slots = trade_slots(world)
    row = trades(world)
    k = params(world)[P_TRADES]
    row[k, X_INSTRUMENT] = slots["instrument_id"][at]
    row[k, X_AGGRESSOR] = slots["aggressor"][at]
    row[k, X_PX] = slots["px"][at]
    row[k, X_QTY] = slots["qty"][at]
    row[k, X_TS_EVENT] = slots["ts_event_ns"][at]
    params(world)[P_TRADES] = k + 1


@hot
def _take(world, begin, end):
    """Whatever is wanted of these positions; how many rows of `tops`, -1 = a slot is not that of
    its position. True only if `broadcast_intact` says so afterwards."""
    slots = top_slots(world)
    places = place_of(world)
    rows_of = row_of(world)
    mask = slots.shape[0] - 1
    for k in range(places.shape[0]):
        places[k] = -1
    params(world)[P_TRADES] = 0
    found = 0
    for pos in range(begin, end):
        at = pos & mask
        if slots["seq"][at] != pos + 1:
            return -1
        instrument = slots["instrument_id"][at]
        if instrument < 0 or instrument >= rows_of.shape[0]:
            continue
        row = rows_of[instrument]
        if row < 0:
            continue
        kind = slots["type"][at]
        if kind == _TOP:
            if places[row] < 0:
                places[row] = found
                found += 1
            _take_top(world, at, pos, places[row])
        elif kind == _TRADE and params(world)[P_WANTS_TRADES] != 0:
            _take_trade(world, at)
    return found


@hot
def _settle(world, place):
    row = row_of(world)[tops(world)[place, T_INSTRUMENT]]
    for k in range(T_WORDS):
        decided(world)[row, k] = tops(world)[place, k]


@hot(entry=(WORLD_TYPE, I64))
def settle(world, place):
    """From now on this row of `tops` is the price that its instrument's intents are decided by."""
    _settle(world, place)


@hot(entry=(WORLD_TYPE, I64, I64))
def look(world, budget, updates_first):
    """Take up to `budget` records of ring `top`; 0 = there are none. What it returns stands above:
    the rows of `tops` are in the order in which their instruments came; a single one is settled.

    UPDATES_FIRST: nothing was taken, ring `updates` has something and that is asked for first.
    DAMAGED: nothing was taken, a slot or the head of `top` is not what it must be.
    """
    if updates_first != 0 and written(update_words(world)) != update_cursor(world)[READ_POS]:
        return UPDATES_FIRST
    words = top_words(world)
    slots = top_slots(world).shape[0]
    begin = top_cursor(world)[READ_POS]
    end = written(words)
    if end == begin:
        return 0
    end = min(end, begin + budget)
    lost = 0
    found = 0
    while end > begin:
        found = _take(world, begin, end)
        if broadcast_intact(words, begin, slots):
            break
        resumed = broadcast_resume(words, slots)
        if resumed <= begin:
            return DAMAGED
        lost += resumed - begin
        begin = resumed
        end = min(written(words), begin + budget)
        found = 0
        params(world)[P_TRADES] = 0
    if found < 0:
        return DAMAGED
    release(top_cursor(world), end)
    if found == 1:
        _settle(world, 0)
    params(world)[P_LOST] = lost
    flags = HAS_TRADES if params(world)[P_TRADES] > 0 else 0
    if lost > 0:
        flags |= WAS_LAPPED
    return ((end - begin) << TAKEN_SHIFT) | flags | found


@hot(entry=(WORLD_TYPE, I64, I64, I64, I64, I64, I64, I64, I64, I64, I64, I64))
def write_intent(
    world, intent_id, instrument, action, side, order_type, time_in_force, px, qty, quote_qty,
    target_client_order_id, now_ns,
):  # fmt: skip
    """Publish an INTENT, decided by the last price of this instrument that was settled: WRITTEN.
    FULL and NOT_LIVE: nothing was written."""
    words = intent_words(world)
    slots = intent_slots(world)
    p = params(world)
    known = decided(world)
    row = known.shape[0] - 1
    if 0 <= instrument < row_of(world).shape[0] and row_of(world)[instrument] >= 0:
        row = row_of(world)[instrument]
    if (action == _NEW or action == _REPLACE) and p[P_LIVE_ONLY] != 0 and known[row, T_LIVE] == 0:
        return NOT_LIVE
    pos = claim_free(words, intent_gate(world), slots.shape[0])
    if pos < 0:
        return FULL
    at = pos & (slots.shape[0] - 1)
    slots["seq"][at] = pos + 1
    slots["type"][at] = _INTENT
    slots["flags"][at] = 0
    slots["epoch"][at] = p[P_EPOCH]
    slots["intent_id"][at] = intent_id
    slots["instrument_id"][at] = instrument
    slots["account_id"][at] = p[P_ACCOUNT]
    slots["strategy_id"][at] = p[P_STRATEGY]
    slots["action"][at] = action
    slots["side"][at] = side
    slots["order_type"][at] = order_type
    slots["time_in_force"][at] = time_in_force
    slots["reserved0"][at] = 0
    slots["px"][at] = px
    slots["qty"][at] = qty
    slots["quote_qty"][at] = quote_qty
    slots["target_client_order_id"][at] = target_client_order_id
    slots["mid_px"][at] = known[row, T_MID]
    slots["book_version"][at] = known[row, T_VERSION]
    slots["ts_event_ns"][at] = known[row, T_TS_EVENT]
    slots["ts_recv_ns"][at] = known[row, T_TS_RECV]
    slots["ts_decide_ns"][at] = now_ns
    slots["valid_until_ns"][at] = now_ns + p[P_VALID_FOR_NS]
    slots["stamp_cycles"][at] = known[row, T_STAMP]
    slots["cause_ring"][at] = p[P_TOP_RING]
    slots["reserved1"][at] = 0
    slots["cause_pos"][at] = known[row, T_POS]
    slots["asked_by"][at] = p[P_ASKED_BY]
    slots["parent_id"][at] = 0
    slots["trigger_px"][at] = 0
    slots["activation_px"][at] = 0
    slots["trail_e6"][at] = 0
    slots["expire_ns"][at] = 0
    slots["display_qty"][at] = 0
    slots["space"][at] = _BOOK
    slots["order_flags"][at] = 0
    slots["position_side"][at] = 0
    slots["self_trade"][at] = 0
    slots["trigger_kind"][at] = 0
    slots["trigger_direction"][at] = 0
    slots["reserved2"][at] = 0
    for k in range(6):
        slots["reserved"][at, k] = 0
    publish(words, pos + 1)
    return WRITTEN
