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
"""

from __future__ import annotations

from oms.book.aggregate_out_hot import (
    A_CROSSED,
    A_DEEP_BID,
    A_FEED,
    A_FILL_POS,
    A_INSIDE,
    A_KNOWN,
    A_SILENT,
    A_STAMP,
    A_TICK_ASK_PX,
    A_TICK_ASK_QTY,
    A_TICK_BID_PX,
    A_TICK_BID_QTY,
    A_TICK_ID,
    A_TS_EVENT,
    A_TS_RECV,
    A_UPDATE_ID,
    A_VENUE,
    A_VERSION,
    A_WANT,
    F_ID,
    F_PX,
    F_QTY,
    F_SIDE,
    FILLS_MAX,
    GAP,
    LEVELS,
    LIVE,
    STATE,
    SYNCING,
    T_FILLED,
    T_LAPS,
    T_LOST,
    T_RECORDS,
    T_RESYNC,
    T_VENUE,
    TICKER,
    TRADE,
    WANT_FIRST_SNAPSHOT,
    WANT_NEW_SNAPSHOT,
    WANT_NOTHING,
    WORDS_PER_RECORD,
    agg_state,
    as_levels,
    as_state,
    as_ticker,
    ask_resync,
    book_count,
    book_index,
    book_keys,
    book_qty,
    copy_trade,
    cursor,
    fills,
    flush_books,
    mark_dirty,
    md_flat,
    md_words,
    offer_top,
    scratch,
    state_of,
    totals,
)
from oms.book.book_hot import (
    apply_level,
    clear_book,
    holds_level,
    is_crossed,
    worst_px,
)
from shm_layout.enums import (
    FLAG_FIRST,
    FLAG_LAST,
    FLAG_SNAPSHOT,
    Side,
)
from shm_layout.jit import (
    I64,
    WORLD_TYPE,
    hot,
)
from shm_layout.records import (
    NO_ID,
    UNDEF,
)
from shm_layout.ring_hot import (
    READ_POS,
    broadcast_intact,
    broadcast_resume,
    release,
    written,
)

_BUY = int(Side.BUY)


@hot
def _note_fill(world, i, side, update_id, px, qty):
    """Keep a ticker's level that lies beyond the snapshot and is not in the book."""
    mine = agg_state(world)
    deepest = mine[i, A_DEEP_BID + side]
    if px == UNDEF or deepest == UNDEF:
        return
    if (px >= deepest) if side == 0 else (px <= deepest):
        return
    if holds_level(book_keys(world), book_index(world), i, side, px):
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
                book_keys(world), book_qty(world), book_index(world), book_count(world), i,
                kept[i, k, F_SIDE], kept[i, k, F_PX], kept[i, k, F_QTY],
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
        mine[i, A_DEEP_BID + side] = worst_px(book_index(world), i, side)


@hot
def _take_levels(world, i, cause_pos):
    found = as_levels(world)
    mine = agg_state(world)
    flags = int(found["flags"][0])
    if flags & FLAG_SNAPSHOT and flags & FLAG_FIRST:
        clear_book(book_index(world), book_count(world), i)
        mine[i, A_WANT] = WANT_NOTHING
        mine[i, A_CROSSED] = 0
        _drop_fills(world, i)
    if mine[i, A_WANT] != WANT_NOTHING:
        return
    if flags & FLAG_FIRST and mine[i, A_FILL_POS] > 0:
        _use_fills(world, i, found["update_id"][0])
    side = 0 if found["side"][0] == _BUY else 1
    keys = book_keys(world)
    qtys = book_qty(world)
    index = book_index(world)
    counts = book_count(world)
    for k in range(int(found["count"][0])):
        apply_level(
            keys, qtys, index, counts, i, side, found["px"][0, k], found["qty"][0, k]
        )  # fmt: skip
    mine[i, A_INSIDE] = 1
    if not flags & FLAG_LAST:
        return
    if flags & FLAG_SNAPSHOT:
        _note_depth(world, i)
    mine[i, A_INSIDE] = 0
    mark_dirty(world, i)
    mine[i, A_VERSION] += 1
    mine[i, A_UPDATE_ID] = found["update_id"][0]
    mine[i, A_TS_EVENT] = found["ts_event_ns"][0]
    mine[i, A_TS_RECV] = found["ts_recv_ns"][0]
    mine[i, A_STAMP] = found["stamp_cycles"][0]
    if is_crossed(book_keys(world), book_index(world), i) and mine[i, A_CROSSED] == 0:
        mine[i, A_CROSSED] = 1
        ask_resync(world, i)
    offer_top(world, i, cause_pos)


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
    if state_of(mine, i) != LIVE:
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
    offer_top(world, i, cause_pos)


@hot
def _take_state(world, i, cause_pos):
    found = as_state(world)
    mine = agg_state(world)
    state = int(found["state"][0])
    if state == LIVE and mine[i, A_FEED] == LIVE:
        # A quiet book is still true as of then: nothing but its age changes.
        mine[i, A_TS_RECV] = max(mine[i, A_TS_RECV], found["ts_recv_ns"][0])
        mine[i, A_STAMP] = 0
        mark_dirty(world, i)
        offer_top(world, i, cause_pos)
        return
    mine[i, A_FEED] = state
    mine[i, A_VERSION] += 1
    mark_dirty(world, i)
    mine[i, A_TICK_ID] = 0
    if state == LIVE:
        mine[i, A_TS_RECV] = max(mine[i, A_TS_RECV], found["ts_recv_ns"][0])
    if state == GAP or state == SYNCING:
        if mine[i, A_WANT] == WANT_NOTHING:
            mine[i, A_WANT] = WANT_FIRST_SNAPSHOT
    offer_top(world, i, cause_pos)


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
    if kind == LEVELS:
        _take_levels(world, i, cause_pos)
    elif kind == TICKER:
        _take_ticker(world, i, cause_pos)
    elif kind == TRADE:
        copy_trade(world, cause_pos)
    elif kind == STATE:
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
            mark_dirty(world, i)
            clear_book(book_index(world), book_count(world), i)
            ask_resync(world, i)
            offer_top(world, i, cause_pos)


@hot(entry=(WORLD_TYPE, I64, I64))
def hush(world, silent, cause_pos):
    """This venue's feed says nothing any more (1), or speaks again (0): what was LIVE is STALE
    meanwhile. A feed that lives is never silent: it says so of quiet books, and of lost ones."""
    mine = agg_state(world)
    for i in range(mine.shape[0]):
        if mine[i, A_KNOWN] and mine[i, A_VENUE] == totals(world)[T_VENUE]:
            mine[i, A_SILENT] = silent
            mine[i, A_VERSION] += 1
            mine[i, A_TICK_ID] = 0
            mark_dirty(world, i)
            offer_top(world, i, cause_pos)
    flush_books(world)


@hot(entry=(WORLD_TYPE, I64, I64, I64))
def step(world, now_ns, until_ns, budget):
    """Take up to `budget` records of this venue's ring, none received after `until_ns`; returns
    how many positions of the ring were used up, those lost to a lap included."""
    words = md_words(world)
    flat = md_flat(world)
    copy = scratch(world)
    slots = flat.shape[0] // WORDS_PER_RECORD
    begun = cursor(world)[READ_POS]
    pos = begun
    end = min(written(words), pos + budget)
    while pos < end:
        base = (pos & (slots - 1)) * WORDS_PER_RECORD
        for k in range(WORDS_PER_RECORD):
            copy[k] = flat[base + k]
        if not broadcast_intact(words, pos, slots):
            resumed = broadcast_resume(words, slots)
            assert resumed > pos, "the head of a market-data ring is damaged"
            totals(world)[T_LOST] += resumed - pos
            totals(world)[T_LAPS] += 1
            totals(world)[T_RESYNC] = 1
            lose(world, resumed)
            pos = resumed
            break
        is_state = as_levels(world)["type"][0] == STATE
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
        flush_books(world)
    return pos - begun
