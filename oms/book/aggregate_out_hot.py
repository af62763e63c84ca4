"""What the aggregator writes: its world, ring `top`, tables `top` and `books` (`@hot` only).

`aggregate_hot.py` takes the records; its text says what the fields of `agg_state` mean to a book.

TOP_OF_BOOK goes out when price, quantity or state changed, and again, unchanged, with the next
record that comes REFRESH_NS or more after the last one: who prices by age must see that the book
is alive. `books` rows are written at the end of a step, once per changed book.
"""

from __future__ import annotations

import numpy as np

from oms.book.book_hot import (
    best_level,
    best_px,
    best_qty,
    level_word,
    px_at,
    worse_level,
)
from shm_layout.enums import (
    BookState,
    Hop,
    RecordType,
)
from shm_layout.jit import (
    WorldSpec,
    hot,
)
from shm_layout.latency_hot import note_latency
from shm_layout.limits import (
    BOOK_TABLE_LEVELS,
)
from shm_layout.records import (
    BOOK_ROW,
    LATENCY_ROW,
    MD_LEVELS,
    MD_STATE,
    MD_TICKER,
    MD_TRADE,
    TOP_OF_BOOK,
    UNDEF,
)
from shm_layout.ring_hot import (
    claim,
    publish,
)
from shm_layout.table_hot import (
    row_begin,
    row_end,
)

AGG = WorldSpec("aggregator")
md_words = AGG.field("md_words", np.int64, readonly=True)
md_flat = AGG.field("md_flat", np.int64, readonly=True)
cursor = AGG.field("cursor", np.int64)
scratch = AGG.field("scratch", np.int64)
as_levels = AGG.field("as_levels", MD_LEVELS)
as_ticker = AGG.field("as_ticker", MD_TICKER)
as_trade = AGG.field("as_trade", MD_TRADE)
as_state = AGG.field("as_state", MD_STATE)
top_words = AGG.field("top_words", np.int64)
top_slots = AGG.field("top_slots", TOP_OF_BOOK)
trade_slots = AGG.field("trade_slots", MD_TRADE)
top_rows = AGG.field("top_rows", TOP_OF_BOOK)
top_row_words = AGG.field("top_row_words", np.int64)
book_rows = AGG.field("book_rows", BOOK_ROW)
book_row_words = AGG.field("book_row_words", np.int64)
book_keys = AGG.field("book_keys", np.int64, ndim=3)
book_qty = AGG.field("book_qty", np.int64, ndim=3)
book_index = AGG.field("book_index", np.int64, ndim=3)
book_count = AGG.field("book_count", np.int64, ndim=2)
agg_state = AGG.field("agg_state", np.int64, ndim=2)
fills = AGG.field("fills", np.int64, ndim=3)
dirty = AGG.field("dirty", np.int64)
totals = AGG.field("totals", np.int64)
latency = AGG.field("latency", LATENCY_ROW)

A_KNOWN = 0  # 1 = this instrument has been heard of
A_VENUE = 1
A_FEED = 2  # BookState as the feed says
A_WANT = 3  # WANT_*: what the book waits for
A_CROSSED = 4
A_UPDATE_ID = 5  # venue's id of the book's last whole event
A_VERSION = 6
A_TS_EVENT = 7
A_TS_RECV = 8
A_STAMP = 9
A_TICK_ID = 10  # the last ticker that was ahead of the book; 0 = none
A_TICK_BID_PX = 11
A_TICK_BID_QTY = 12
A_TICK_ASK_PX = 13
A_TICK_ASK_QTY = 14
A_SENT_STATE = 15  # as last published, from here on
A_SENT_BID_PX = 16
A_SENT_BID_QTY = 17
A_SENT_ASK_PX = 18
A_SENT_ASK_QTY = 19
A_SENT_NS = 20
A_DIRTY = 21  # 1 = the `books` row is behind: it is in `dirty`
A_INSIDE = 22  # 1 = between the first and the last record of an event
A_RESYNC = 23  # 1 = the cold parent shall ask the feed for a snapshot
A_DEEP_BID = 24  # worst prices of the snapshot; UNDEF = that side was empty
A_DEEP_ASK = 25
A_FILL_POS = 26  # next place in `fills`, never wrapped; 0 = nothing is kept
A_SILENT = 27  # 1 = nothing came from its feed for too long
A_WORDS = 32

FILLS_MAX = 64
F_ID = 0  # update id of the ticker; 0 = free
F_SIDE = 1
F_PX = 2
F_QTY = 3
F_WORDS = 4

WANT_NOTHING = 0
WANT_FIRST_SNAPSHOT = 1
WANT_NEW_SNAPSHOT = 2

T_LOST = 0  # records lost to laps, all told
T_LAPS = 1
T_RESYNC = 2  # 1 = some A_RESYNC is set, or something was lost: the cold parent is to look
T_EPOCH = 3
T_VENUE = 4
T_RECORDS = 5
T_FILLED = 6  # levels that a ticker gave to a book
T_DIRTY = 7  # how many books are in `dirty`
T_WORDS = 8

REFRESH_NS = 100_000_000

WORDS_PER_RECORD = MD_LEVELS.itemsize // 8
_TOP_ROW_WORDS = TOP_OF_BOOK.itemsize // 8
_BOOK_ROW_WORDS = BOOK_ROW.itemsize // 8
LEVELS = int(RecordType.MD_LEVELS)
TICKER = int(RecordType.MD_TICKER)
TRADE = int(RecordType.MD_TRADE)
STATE = int(RecordType.MD_STATE)
_TOP = int(RecordType.TOP_OF_BOOK)
_BOOK = int(RecordType.BOOK_ROW)
SYNCING = int(BookState.SYNCING)
LIVE = int(BookState.LIVE)
GAP = int(BookState.GAP)
_CROSSED = int(BookState.CROSSED)
_STALE = int(BookState.STALE)

assert MD_LEVELS.itemsize == MD_TICKER.itemsize == MD_TRADE.itemsize == MD_STATE.itemsize
assert TOP_OF_BOOK.itemsize == MD_TRADE.itemsize
TICK_TO_BOOK = int(Hop.TICK_TO_BOOK)


@hot
def state_of(mine, i):
    """What may be said of the book now."""
    if mine[i, A_WANT] == WANT_NEW_SNAPSHOT:
        return GAP
    if mine[i, A_WANT] == WANT_FIRST_SNAPSHOT:
        return GAP if mine[i, A_FEED] == GAP else SYNCING
    if mine[i, A_CROSSED]:
        return _CROSSED
    if mine[i, A_SILENT] and mine[i, A_FEED] == LIVE:
        return _STALE
    return mine[i, A_FEED] if mine[i, A_FEED] > 0 else SYNCING


@hot
def _fill_top(rows, at, mine, i, epoch, cause_pos):
    """All fields of a TOP_OF_BOOK but `seq`."""
    rows["type"][at] = _TOP
    rows["flags"][at] = 0
    rows["epoch"][at] = epoch
    rows["instrument_id"][at] = i
    rows["state"][at] = mine[i, A_SENT_STATE]
    rows["reserved0"][at] = 0
    rows["venue"][at] = mine[i, A_VENUE]
    rows["version"][at] = mine[i, A_VERSION]
    rows["ts_event_ns"][at] = mine[i, A_TS_EVENT]
    rows["ts_recv_ns"][at] = mine[i, A_TS_RECV]
    rows["stamp_cycles"][at] = mine[i, A_STAMP]
    rows["bid_px"][at] = mine[i, A_SENT_BID_PX]
    rows["bid_qty"][at] = mine[i, A_SENT_BID_QTY]
    rows["ask_px"][at] = mine[i, A_SENT_ASK_PX]
    rows["ask_qty"][at] = mine[i, A_SENT_ASK_QTY]
    rows["cause_pos"][at] = cause_pos
    rows["update_id"][at] = max(mine[i, A_UPDATE_ID], mine[i, A_TICK_ID])
    for k in range(3):
        rows["reserved"][at, k] = 0


@hot
def offer_top(world, i, cause_pos):
    """Publish the top of book `i` if it changed, or if its last word is old."""
    mine = agg_state(world)
    state = state_of(mine, i)
    if mine[i, A_TICK_ID] > mine[i, A_UPDATE_ID]:
        bid_px = mine[i, A_TICK_BID_PX]
        bid_qty = mine[i, A_TICK_BID_QTY]
        ask_px = mine[i, A_TICK_ASK_PX]
        ask_qty = mine[i, A_TICK_ASK_QTY]
    else:
        mine[i, A_TICK_ID] = 0
        bid_px = best_px(book_keys(world), book_index(world), i, 0)
        bid_qty = best_qty(book_qty(world), book_index(world), i, 0)
        ask_px = best_px(book_keys(world), book_index(world), i, 1)
        ask_qty = best_qty(book_qty(world), book_index(world), i, 1)
    same = (
        state == mine[i, A_SENT_STATE]
        and bid_px == mine[i, A_SENT_BID_PX]
        and bid_qty == mine[i, A_SENT_BID_QTY]
        and ask_px == mine[i, A_SENT_ASK_PX]
        and ask_qty == mine[i, A_SENT_ASK_QTY]
    )
    if same and mine[i, A_TS_RECV] - mine[i, A_SENT_NS] < REFRESH_NS:
        return
    mine[i, A_SENT_STATE] = state
    mine[i, A_SENT_BID_PX] = bid_px
    mine[i, A_SENT_BID_QTY] = bid_qty
    mine[i, A_SENT_ASK_PX] = ask_px
    mine[i, A_SENT_ASK_QTY] = ask_qty
    mine[i, A_SENT_NS] = mine[i, A_TS_RECV]
    epoch = totals(world)[T_EPOCH]
    at = i * _TOP_ROW_WORDS
    row_begin(top_row_words(world), at)
    _fill_top(top_rows(world), i, mine, i, epoch, cause_pos)
    row_end(top_row_words(world), at)
    words = top_words(world)
    slots = top_slots(world)
    pos = claim(words, 1)
    slot = pos & (slots.shape[0] - 1)
    slots["seq"][slot] = pos + 1
    _fill_top(slots, slot, mine, i, epoch, cause_pos)
    publish(words, pos + 1)
    note_latency(latency(world), TICK_TO_BOOK, mine[i, A_STAMP])


@hot
def copy_trade(world, cause_pos):
    """The trade in the scratch, into the top ring."""
    found = as_trade(world)
    words = top_words(world)
    slots = trade_slots(world)
    pos = claim(words, 1)
    at = pos & (slots.shape[0] - 1)
    slots["seq"][at] = pos + 1
    slots["type"][at] = TRADE
    slots["flags"][at] = found["flags"][0]
    slots["epoch"][at] = totals(world)[T_EPOCH]
    slots["instrument_id"][at] = found["instrument_id"][0]
    slots["aggressor"][at] = found["aggressor"][0]
    slots["reserved0"][at] = 0
    slots["venue"][at] = found["venue"][0]
    slots["trade_id"][at] = found["trade_id"][0]
    slots["ts_event_ns"][at] = found["ts_event_ns"][0]
    slots["ts_recv_ns"][at] = found["ts_recv_ns"][0]
    slots["stamp_cycles"][at] = found["stamp_cycles"][0]
    slots["px"][at] = found["px"][0]
    slots["qty"][at] = found["qty"][0]
    slots["cause_pos"][at] = cause_pos
    for k in range(6):
        slots["reserved"][at, k] = 0
    publish(words, pos + 1)


@hot
def mark_dirty(world, i):
    """The `books` row of this book is behind."""
    if agg_state(world)[i, A_DIRTY] == 0:
        agg_state(world)[i, A_DIRTY] = 1
        dirty(world)[totals(world)[T_DIRTY]] = i
        totals(world)[T_DIRTY] += 1


@hot
def ask_resync(world, i):
    """The cold parent shall ask the feed for a snapshot of this book."""
    agg_state(world)[i, A_RESYNC] = 1
    totals(world)[T_RESYNC] = 1


@hot
def _write_book_row(world, i):
    mine = agg_state(world)
    rows = book_rows(world)
    words = book_row_words(world)
    at = i * _BOOK_ROW_WORDS
    row_begin(words, at)
    rows["type"][i] = _BOOK
    rows["flags"][i] = 0
    rows["epoch"][i] = totals(world)[T_EPOCH]
    rows["instrument_id"][i] = i
    rows["state"][i] = state_of(mine, i)
    rows["venue"][i] = mine[i, A_VENUE]
    rows["version"][i] = mine[i, A_VERSION]
    rows["ts_recv_ns"][i] = mine[i, A_TS_RECV]
    bids = book_count(world)[i, 0]
    asks = book_count(world)[i, 1]
    rows["bid_count"][i] = min(bids, BOOK_TABLE_LEVELS)
    rows["ask_count"][i] = min(asks, BOOK_TABLE_LEVELS)
    for k in range(BOOK_TABLE_LEVELS):
        if k >= bids:
            rows["bid_px"][i, k] = UNDEF
            rows["bid_qty"][i, k] = 0
        if k >= asks:
            rows["ask_px"][i, k] = UNDEF
            rows["ask_qty"][i, k] = 0
    for side in range(2):
        index = book_index(world)
        place, level = best_level(index, i, side)
        found = min(book_count(world)[i, side], BOOK_TABLE_LEVELS)
        for k in range(found):
            word = level_word(index, i, side, place, level)
            px = px_at(book_keys(world), i, side, word)
            if side == 0:
                rows["bid_px"][i, k] = px
                rows["bid_qty"][i, k] = book_qty(world)[i, side, word]
            else:
                rows["ask_px"][i, k] = px
                rows["ask_qty"][i, k] = book_qty(world)[i, side, word]
            if k + 1 < found:
                place, level = worse_level(index, i, side, place, level)
    row_end(words, at)


@hot
def flush_books(world):
    """Write the rows of changed books; one that is inside an event waits for its end."""
    mine = agg_state(world)
    listed = dirty(world)
    kept = 0
    for k in range(totals(world)[T_DIRTY]):
        i = listed[k]
        if mine[i, A_INSIDE]:
            listed[kept] = i
            kept += 1
        else:
            mine[i, A_DIRTY] = 0
            _write_book_row(world, i)
    totals(world)[T_DIRTY] = kept
