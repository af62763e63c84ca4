"""md ring -> books, tables `top` and `books`, ring `top` (`@hot` only).

One world per venue: its md ring and cursor, and the arrays and outputs that all venues of the
aggregator share. `step` takes records in ring order; the clock decides nothing, so that the same
rings give the same outputs. Per instrument `agg_state` holds A_*.

What a book may be called: LIVE only if a whole snapshot was seen since the last loss, it is not
crossed, and the feed says LIVE. A crossed book stays CROSSED until a new snapshot, which is asked
for (A_RESYNC, the cold parent writes it into table `resync`). Top of book is the book's own best,
or the venue's ticker where its update id is beyond the book's.

A snapshot reaches only so deep. Levels beyond its worst prices (A_DEEP_*) exist at the venue, but
not here, until a diff names them; when the market walks there, the book's best would be wrong.
The ticker closes that hole: a best price beyond the snapshot that we do not hold is kept in
`fills` and put into the book before the diff that reaches the ticker's update id. If the level
changed within that diff, the diff names it and overrules; if not, its quantity is the ticker's.

TOP_OF_BOOK goes out when price, quantity or state changed, and again, unchanged, with the next
record that comes REFRESH_NS or more after the last one: who prices by age must see that the book
is alive. `books` rows are written at the end of a step, once per changed book.
"""

from __future__ import annotations

import numpy as np

from oms.book.book_hot import (
    apply_level,
    best_px,
    best_qty,
    clear_book,
    find_level,
    is_crossed,
)
from shm_layout.enums import FLAG_FIRST, FLAG_LAST, FLAG_SNAPSHOT, BookState, RecordType, Side
from shm_layout.jit import I64, WORLD_TYPE, WorldSpec, hot
from shm_layout.limits import BOOK_TABLE_LEVELS
from shm_layout.records import (
    BOOK_ROW,
    MD_LEVELS,
    MD_STATE,
    MD_TICKER,
    MD_TRADE,
    NO_ID,
    TOP_OF_BOOK,
    UNDEF,
)
from shm_layout.ring_hot import (
    READ_POS,
    WRITE_POS,
    broadcast_claim,
    broadcast_intact,
    broadcast_resume,
    publish,
    release,
    written,
)
from shm_layout.table_hot import row_begin, row_end

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
book_px = AGG.field("book_px", np.int64, ndim=3)
book_qty = AGG.field("book_qty", np.int64, ndim=3)
book_count = AGG.field("book_count", np.int64, ndim=2)
agg_state = AGG.field("agg_state", np.int64, ndim=2)
fills = AGG.field("fills", np.int64, ndim=3)
dirty = AGG.field("dirty", np.int64)
totals = AGG.field("totals", np.int64)

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
T_RESYNC = 2  # 1 = some A_RESYNC is set
T_EPOCH = 3
T_VENUE = 4
T_RECORDS = 5
T_FILLED = 6  # levels that a ticker gave to a book
T_DIRTY = 7  # how many books are in `dirty`
T_WORDS = 8

REFRESH_NS = 100_000_000

_WORDS_PER_RECORD = MD_LEVELS.itemsize // 8
_TOP_ROW_WORDS = TOP_OF_BOOK.itemsize // 8
_BOOK_ROW_WORDS = BOOK_ROW.itemsize // 8
_LEVELS = int(RecordType.MD_LEVELS)
_TICKER = int(RecordType.MD_TICKER)
_TRADE = int(RecordType.MD_TRADE)
_STATE = int(RecordType.MD_STATE)
_TOP = int(RecordType.TOP_OF_BOOK)
_BOOK = int(RecordType.BOOK_ROW)
_SYNCING = int(BookState.SYNCING)
_LIVE = int(BookState.LIVE)
_GAP = int(BookState.GAP)
_CROSSED = int(BookState.CROSSED)
_BUY = int(Side.BUY)

assert MD_LEVELS.itemsize == MD_TICKER.itemsize == MD_TRADE.itemsize == MD_STATE.itemsize
assert TOP_OF_BOOK.itemsize == MD_TRADE.itemsize


@hot
def _state_of(mine, i):
    """What may be said of the book now."""
    if mine[i, A_WANT] == WANT_NEW_SNAPSHOT:
        return _GAP
    if mine[i, A_WANT] == WANT_FIRST_SNAPSHOT:
        return _GAP if mine[i, A_FEED] == _GAP else _SYNCING
    if mine[i, A_CROSSED]:
        return _CROSSED
    return mine[i, A_FEED] if mine[i, A_FEED] > 0 else _SYNCING


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
def _offer_top(world, i, cause_pos):
    """Publish the top of book `i` if it changed, or if its last word is old."""
    mine = agg_state(world)
    state = _state_of(mine, i)
    if mine[i, A_TICK_ID] > mine[i, A_UPDATE_ID]:
        bid_px = mine[i, A_TICK_BID_PX]
        bid_qty = mine[i, A_TICK_BID_QTY]
        ask_px = mine[i, A_TICK_ASK_PX]
        ask_qty = mine[i, A_TICK_ASK_QTY]
    else:
        mine[i, A_TICK_ID] = 0
        bid_px = best_px(book_px(world), book_count(world), i, 0)
        bid_qty = best_qty(book_qty(world), book_count(world), i, 0)
        ask_px = best_px(book_px(world), book_count(world), i, 1)
        ask_qty = best_qty(book_qty(world), book_count(world), i, 1)
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
    pos = words[WRITE_POS]
    broadcast_claim(words, pos + 1)
    slot = pos & (slots.shape[0] - 1)
    slots["seq"][slot] = pos + 1
    _fill_top(slots, slot, mine, i, epoch, cause_pos)
    publish(words, pos + 1)


@hot
def _copy_trade(world, cause_pos):
    """The trade in the scratch, into the top ring."""
    found = as_trade(world)
    words = top_words(world)
    slots = trade_slots(world)
    pos = words[WRITE_POS]
    broadcast_claim(words, pos + 1)
    at = pos & (slots.shape[0] - 1)
    slots["seq"][at] = pos + 1
    slots["type"][at] = _TRADE
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
def _mark_dirty(world, i):
    if agg_state(world)[i, A_DIRTY] == 0:
        agg_state(world)[i, A_DIRTY] = 1
        dirty(world)[totals(world)[T_DIRTY]] = i
        totals(world)[T_DIRTY] += 1


@hot
def _ask_resync(world, i):
    agg_state(world)[i, A_RESYNC] = 1
    totals(world)[T_RESYNC] = 1


@hot
def _note_fill(world, i, side, update_id, px, qty):
    """Keep a ticker's level that lies beyond the snapshot and is not in the book."""
    mine = agg_state(world)
    deepest = mine[i, A_DEEP_BID + side]
    if px == UNDEF or deepest == UNDEF:
        return
    if (px >= deepest) if side == 0 else (px <= deepest):
        return
    count = book_count(world)[i, side]
    k = find_level(book_px(world), i, side, count, px)
    if k >= 0 and book_px(world)[i, side, k] == px:
        return
    kept = fills(world)
    at = mine[i, A_FILL_POS] % FILLS_MAX
    for k in range(FILLS_MAX):
        if kept[i, k, F_ID] > 0 and kept[i, k, F_SIDE] == side and kept[i, k, F_PX] == px:
            at = k
    if kept[i, at, F_ID] == 0 or kept[i, at, F_PX] != px:
        mine[i, A_FILL_POS] += 1
    kept[i, at, F_ID] = update_id
    kept[i, at, F_SIDE] = side
    kept[i, at, F_PX] = px
    kept[i, at, F_QTY] = qty


@hot
def _use_fills(world, i, update_id):
    """Before a diff up to `update_id`: the levels that tickers up to there have shown."""
    kept = fills(world)
    ahead = 0
    for k in range(FILLS_MAX):
        ahead += 1 if kept[i, k, F_ID] > update_id else 0
        if 0 < kept[i, k, F_ID] <= update_id:
            apply_level(
                book_px(world), book_qty(world), book_count(world), i, kept[i, k, F_SIDE],
                kept[i, k, F_PX], kept[i, k, F_QTY],
            )  # fmt: skip
            kept[i, k, F_ID] = 0
            totals(world)[T_FILLED] += 1
    if ahead == 0:
        agg_state(world)[i, A_FILL_POS] = 0


@hot
def _drop_fills(world, i):
    for k in range(FILLS_MAX):
        fills(world)[i, k, F_ID] = 0
    agg_state(world)[i, A_FILL_POS] = 0


@hot
def _note_depth(world, i):
    """After a whole snapshot: how deep it reached."""
    mine = agg_state(world)
    for side in range(2):
        some = book_count(world)[i, side] > 0
        mine[i, A_DEEP_BID + side] = book_px(world)[i, side, 0] if some else UNDEF


@hot
def _take_levels(world, i, cause_pos):
    found = as_levels(world)
    mine = agg_state(world)
    flags = int(found["flags"][0])
    if flags & FLAG_SNAPSHOT and flags & FLAG_FIRST:
        clear_book(book_count(world), i)
        mine[i, A_WANT] = WANT_NOTHING
        mine[i, A_CROSSED] = 0
        _drop_fills(world, i)
    if mine[i, A_WANT] != WANT_NOTHING:
        return
    if flags & FLAG_FIRST and mine[i, A_FILL_POS] > 0:
        _use_fills(world, i, found["update_id"][0])
    side = 0 if found["side"][0] == _BUY else 1
    for k in range(int(found["count"][0])):
        apply_level(
            book_px(world), book_qty(world), book_count(world), i, side,
            found["px"][0, k], found["qty"][0, k],
        )  # fmt: skip
    mine[i, A_INSIDE] = 1
    if not flags & FLAG_LAST:
        return
    if flags & FLAG_SNAPSHOT:
        _note_depth(world, i)
    mine[i, A_INSIDE] = 0
    _mark_dirty(world, i)
    mine[i, A_VERSION] += 1
    mine[i, A_UPDATE_ID] = found["update_id"][0]
    mine[i, A_TS_EVENT] = found["ts_event_ns"][0]
    mine[i, A_TS_RECV] = found["ts_recv_ns"][0]
    mine[i, A_STAMP] = found["stamp_cycles"][0]
    if is_crossed(book_px(world), book_count(world), i) and mine[i, A_CROSSED] == 0:
        mine[i, A_CROSSED] = 1
        _ask_resync(world, i)
    _offer_top(world, i, cause_pos)


@hot
def _take_ticker(world, i, cause_pos):
    found = as_ticker(world)
    mine = agg_state(world)
    if found["update_id"][0] <= max(mine[i, A_UPDATE_ID], mine[i, A_TICK_ID]):
        return
    bid_px = found["bid_px"][0]
    ask_px = found["ask_px"][0]
    if bid_px != UNDEF and ask_px != UNDEF and bid_px >= ask_px:
        return  # a crossed ticker says nothing; the depth stream will
    if mine[i, A_WANT] == WANT_NOTHING:
        for side in range(2):
            px = bid_px if side == 0 else ask_px
            qty = found["bid_qty"][0] if side == 0 else found["ask_qty"][0]
            _note_fill(world, i, side, found["update_id"][0], px, qty)
    if _state_of(mine, i) != _LIVE:
        return
    mine[i, A_TICK_ID] = found["update_id"][0]
    mine[i, A_TICK_BID_PX] = bid_px
    mine[i, A_TICK_BID_QTY] = found["bid_qty"][0]
    mine[i, A_TICK_ASK_PX] = ask_px
    mine[i, A_TICK_ASK_QTY] = found["ask_qty"][0]
    mine[i, A_VERSION] += 1
    mine[i, A_TS_EVENT] = found["ts_event_ns"][0]
    mine[i, A_TS_RECV] = found["ts_recv_ns"][0]
    mine[i, A_STAMP] = found["stamp_cycles"][0]
    _offer_top(world, i, cause_pos)


@hot
def _take_state(world, i, cause_pos):
    found = as_state(world)
    mine = agg_state(world)
    state = int(found["state"][0])
    mine[i, A_FEED] = state
    mine[i, A_VERSION] += 1
    _mark_dirty(world, i)
    mine[i, A_TICK_ID] = 0
    if state == _GAP or state == _SYNCING:
        if mine[i, A_WANT] == WANT_NOTHING:
            mine[i, A_WANT] = WANT_FIRST_SNAPSHOT
    _offer_top(world, i, cause_pos)


@hot
def _take_record(world, cause_pos):
    """The record in the scratch, of whatever type."""
    mine = agg_state(world)
    i = 0 + as_levels(world)["instrument_id"][0]  # int64, as all rows are
    if i == NO_ID or i < 0 or i >= mine.shape[0]:
        return
    if mine[i, A_KNOWN] == 0:
        mine[i, A_KNOWN] = 1
        mine[i, A_VENUE] = totals(world)[T_VENUE]
        mine[i, A_WANT] = max(mine[i, A_WANT], WANT_FIRST_SNAPSHOT)
    kind = int(as_levels(world)["type"][0])
    if kind == _LEVELS:
        _take_levels(world, i, cause_pos)
    elif kind == _TICKER:
        _take_ticker(world, i, cause_pos)
    elif kind == _TRADE:
        _copy_trade(world, cause_pos)
    elif kind == _STATE:
        _take_state(world, i, cause_pos)


@hot(entry=(WORLD_TYPE, I64))
def lose(world, cause_pos):
    """Something of this venue's stream was lost: no book of it is LIVE before a new snapshot."""
    mine = agg_state(world)
    for i in range(mine.shape[0]):
        if mine[i, A_KNOWN] and mine[i, A_VENUE] == totals(world)[T_VENUE]:
            mine[i, A_WANT] = WANT_NEW_SNAPSHOT
            mine[i, A_VERSION] += 1
            mine[i, A_TICK_ID] = 0
            mine[i, A_INSIDE] = 0
            _mark_dirty(world, i)
            clear_book(book_count(world), i)
            _ask_resync(world, i)
            _offer_top(world, i, cause_pos)


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
    rows["state"][i] = _state_of(mine, i)
    rows["venue"][i] = mine[i, A_VENUE]
    rows["version"][i] = mine[i, A_VERSION]
    rows["ts_recv_ns"][i] = mine[i, A_TS_RECV]
    bids = book_count(world)[i, 0]
    asks = book_count(world)[i, 1]
    rows["bid_count"][i] = min(bids, BOOK_TABLE_LEVELS)
    rows["ask_count"][i] = min(asks, BOOK_TABLE_LEVELS)
    for k in range(BOOK_TABLE_LEVELS):
        has_bid = k < bids
        has_ask = k < asks
        rows["bid_px"][i, k] = book_px(world)[i, 0, bids - 1 - k] if has_bid else UNDEF
        rows["bid_qty"][i, k] = book_qty(world)[i, 0, bids - 1 - k] if has_bid else 0
        rows["ask_px"][i, k] = book_px(world)[i, 1, asks - 1 - k] if has_ask else UNDEF
        rows["ask_qty"][i, k] = book_qty(world)[i, 1, asks - 1 - k] if has_ask else 0
    row_end(words, at)


@hot
def _flush_books(world):
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


@hot(entry=(WORLD_TYPE, I64, I64, I64))
def step(world, now_ns, until_ns, budget):
    """Take up to `budget` records of this venue's ring, none received after `until_ns`; returns
    how many positions of the ring were used up, those lost to a lap included."""
    words = md_words(world)
    flat = md_flat(world)
    copy = scratch(world)
    slots = flat.shape[0] // _WORDS_PER_RECORD
    begun = cursor(world)[READ_POS]
    pos = begun
    end = min(written(words), pos + budget)
    while pos < end:
        base = (pos & (slots - 1)) * _WORDS_PER_RECORD
        for k in range(_WORDS_PER_RECORD):
            copy[k] = flat[base + k]
        if not broadcast_intact(words, pos, slots):
            resumed = broadcast_resume(words, slots)
            totals(world)[T_LOST] += resumed - pos
            totals(world)[T_LAPS] += 1
            lose(world, resumed)
            pos = resumed
            break
        is_state = as_levels(world)["type"][0] == _STATE
        recv_ns = (
            as_state(world)["ts_recv_ns"][0] if is_state else as_levels(world)["ts_recv_ns"][0]
        )
        if recv_ns > until_ns:
            break
        _take_record(world, pos)
        pos += 1
    if pos != begun:
        totals(world)[T_RECORDS] += pos - begun
        release(cursor(world), pos)
        _flush_books(world)
    return pos - begun
