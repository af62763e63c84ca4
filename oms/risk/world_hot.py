"""The world of risk's kernels: every array that they touch, and the names of its words.

Owner: `oms/agents/risk.py`, which makes the arrays. One world per input (a strategy's intents, a
group's executions): they share all state and differ in the ring that `in_*` names, so that a
kernel is written once. Money and quantities at the scales of their rows; times in ns.
"""

from __future__ import annotations

import numpy as np

from shm_layout.jit import WorldSpec
from shm_layout.records import (
    ACCOUNT_ROW,
    BALANCE,
    CURRENCY_ROW,
    CYCLE,
    EXECUTION,
    FEE_ROW,
    INSTRUMENT_ROW,
    INTENT,
    LATENCY_ROW,
    ORDER_COMMAND,
    ORDER_ROW,
    ORDER_UPDATE,
    POSITION_ROW,
    TOP_OF_BOOK,
    VENUE_ROW,
    word_of,
)

# Words of `state`; the first three are those of `oms/journal/frames_hot.py`.
(
    ST_FRAME_USED,
    ST_FRAME_COUNT,
    ST_JOURNAL_SEQ,
    ST_EPOCH,
    ST_ORDER_COUNT,
    ST_OPEN_COUNT,
    ST_UNKNOWN_COUNT,
    ST_UNKNOWN_SEEN,
    ST_UNKNOWN_RESOLVED,
    ST_DRAINING,
    ST_LATCH,
    ST_STAGED,
    ST_UPDATES_POS,
    ST_DUPLICATES,
    ST_ILLEGAL,
    ST_UNMATCHED,
    ST_OVERFILLS,
    ST_REJECTED_INTENTS,
    ST_FILLS,
    ST_KEY_GENERATION,
    ST_KEYS_USED,
    ST_TOPS_LOST,
    ST_POSITIONS_USED,
    ST_STAMPING,
    ST_FEES_USED,
    ST_FEES_LOST,
    ST_DISK_LOW,
    ST_BEHIND,
    ST_ASKED_BY,
    ST_SEALED_SEQ,
    ST_BALANCES_USED,
    ST_REPLACED,
) = range(32)
"""ST_REPLACED: while a REPLACE is checked, the row of what it is to replace, + 1."""
STATE_WORDS = 32

# Columns of `tops`: what the top ring last said of an instrument.
TOP_MID2, TOP_VERSION, TOP_STATE, TOP_TS, TOP_COLUMNS = range(5)

# Columns of `strategies`.
(
    SG_ACCOUNT,
    SG_OPEN_COUNT,
    SG_RATE_TAT_NS,
    SG_RATE_COST_NS,
    SG_RATE_BURST_NS,
    SG_MAX_OPEN,
    SG_COLLAR_BPS,
    SG_BOOK_AGE_NS,
    SG_OWNER,
    SG_NEXT,
    SG_OPERATOR,
    SG_COLUMNS,
) = range(12)
"""SG_OWNER: the first row of the same strategy, which owns its ring; NO_ID = not in the config.
SG_NEXT: its next row, on another account; NO_ID = the last. Limits hold over all of them."""

# Columns of `groups`.
GR_FREE, GR_SLOTS, GR_LIFETIME_NS, GR_COLUMNS = range(4)
LIFETIME_NEVER = 1 << 62
"""GR_LIFETIME_NS of a group at whose exchange nothing proves absence."""

# Words of `io`: which input and which task (`kernel_hot`) this world is for; a row for some.
# Three: how far a replay has come in its words (`replay_hot`). IO_SEALED: of the world of a whole
# cycle, bytes of the block that it made.
IO_INPUT, IO_OWNER, IO_RING, IO_TASK, IO_ROW, IO_AT, IO_BLOCK_END, IO_END, IO_SEALED, IO_WORDS = (
    range(10)
)

ORDER_ROW_WORDS = ORDER_ROW.itemsize // 8
POSITION_ROW_WORDS = POSITION_ROW.itemsize // 8
FEE_ROW_WORDS = FEE_ROW.itemsize // 8
BALANCE_WORDS = BALANCE.itemsize // 8
BALANCE_ACCOUNT_AT = word_of(BALANCE, "account_id")
"""The row of its account stands in the low half of that word, that of its currency in the high."""
BALANCE_FREE_AT = word_of(BALANCE, "free")
CYCLE_WORDS = CYCLE.itemsize // 8
CYCLE_COUNT_AT = word_of(CYCLE, "cycle")
UPDATE_WORDS = ORDER_UPDATE.itemsize // 8
EXECUTION_WORDS = EXECUTION.itemsize // 8

VENUE_ID_WORDS = 5
TEXT_WORDS = 5
UPDATE_VENUE_ID_AT = word_of(ORDER_UPDATE, "venue_order_id")
UPDATE_TEXT_AT = word_of(ORDER_UPDATE, "text")
ROW_VENUE_ID_AT = word_of(ORDER_ROW, "venue_order_id")
EXECUTION_VENUE_ID_AT = word_of(EXECUTION, "venue_order_id")
EXECUTION_TEXT_AT = word_of(EXECUTION, "text")
EXECUTION_SECOND_ID_AT = word_of(EXECUTION, "second_id")
UPDATE_SECOND_ID_AT = word_of(ORDER_UPDATE, "second_id")
ROW_SECOND_ID_AT = word_of(ORDER_ROW, "second_id")

WORLD = WorldSpec("risk")
state = WORLD.field("state", np.int64)
latency = WORLD.field("latency", LATENCY_ROW)
cycle = WORLD.field("cycle", CYCLE)
cycle_words = WORLD.field("cycle_words", np.int64)
block = WORLD.field("block", np.int64)
frames = WORLD.field("frames", np.int64)
orders = WORLD.field("orders", ORDER_ROW)
order_words = WORLD.field("order_words", np.int64)
new_row = WORLD.field("new_row", ORDER_ROW)
new_row_words = WORLD.field("new_row_words", np.int64)
update = WORLD.field("update", ORDER_UPDATE)
update_words = WORLD.field("update_words", np.int64)
positions = WORLD.field("positions", POSITION_ROW)
position_words = WORLD.field("position_words", np.int64)
fees = WORLD.field("fees", FEE_ROW)
fee_words = WORLD.field("fee_words", np.int64)
balances = WORLD.field("balances", BALANCE)
balance_words = WORLD.field("balance_words", np.int64)
balance_index = WORLD.field("balance_index", np.int64, ndim=2)
position_index = WORLD.field("position_index", np.int64, ndim=2)
instruments = WORLD.field("instruments", INSTRUMENT_ROW)
currencies = WORLD.field("currencies", CURRENCY_ROW)
accounts = WORLD.field("accounts", ACCOUNT_ROW)
venues = WORLD.field("venues", VENUE_ROW)
tops = WORLD.field("tops", np.int64, ndim=2)
strategies = WORLD.field("strategies", np.int64, ndim=2)
order_limits = WORLD.field("order_limits", np.int64, ndim=2)
position_limits = WORLD.field("position_limits", np.int64, ndim=2)
groups = WORLD.field("groups", np.int64, ndim=2)
venue_replaces = WORLD.field("venue_replaces", np.int64)
venue_groups = WORLD.field("venue_groups", np.int64)
open_rows = WORLD.field("open_rows", np.int64)
open_index = WORLD.field("open_index", np.int64)
keys = WORLD.field("keys", np.int64, ndim=3)
staged = WORLD.field("staged", ORDER_COMMAND)
staged_group = WORLD.field("staged_group", np.int64)
consumed = WORLD.field("consumed", np.int64)
caused = WORLD.field("caused", np.int64)
replay_words = WORLD.field("replay_words", np.int64, readonly=True)
io = WORLD.field("io", np.int64)
intent_ring = WORLD.field("intent_ring", np.int64, readonly=True)
intent_slots = WORLD.field("intent_slots", INTENT, readonly=True)
execution_ring = WORLD.field("execution_ring", np.int64, readonly=True)
execution_slots = WORLD.field("execution_slots", EXECUTION, readonly=True)
execution_words = WORLD.field("execution_words", np.int64, readonly=True)
top_ring = WORLD.field("top_ring", np.int64, readonly=True)
top_slots = WORLD.field("top_slots", TOP_OF_BOOK, readonly=True)
cursor = WORLD.field("cursor", np.int64)
order_ring = WORLD.field("order_ring", np.int64)
order_slots = WORLD.field("order_slots", ORDER_COMMAND)
order_gate = WORLD.field("order_gate", np.int64, readonly=True)
update_ring = WORLD.field("update_ring", np.int64)
update_slots = WORLD.field("update_slots", ORDER_UPDATE)
update_slot_words = WORLD.field("update_slot_words", np.int64)
steps = WORLD.worlds("steps")
