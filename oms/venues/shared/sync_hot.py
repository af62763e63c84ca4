"""A venue's messages -> the venue's md ring: sync by update ids, publish, count (`@hot` only).

Owns the world of a feed agent. A decoder fills `msg` and the level scratch; `take` applies the
venue's chain rule to it and publishes whole events: all records of one event become visible with
one store, or none does. Per instrument `sync` holds where its book stands (S_*):

    IDLE        no stream yet: depth is ignored
    BUFFERING   depth is handed back to the cold parent (BUFFER) until a snapshot has come
    CHAINED     a snapshot was used; each diff must follow the one before

Rules (VENUES.md 4.4, 4.5). Spot: drop u <= L, first has U <= L + 1 <= u, then U == last u + 1.
Futures: drop u < L, first has U <= L <= u, then pu == last u. A first futures diff with
pu <= L < U is taken as well: nothing happened between pu and U, so its quantities are true.
"""

from __future__ import annotations

import numpy as np

from oms.units import NS_PER_MS
from oms.venues.shared.decode_status_hot import (
    ASKS,
    BIDS,
    BUFFER,
    DROPPED,
    GAP,
    IGNORED,
    KIND_DEPTH,
    KIND_SNAPSHOT,
    KIND_TICKER,
    MALFORMED,
    MSG_ASK_PX,
    MSG_ASK_QTY,
    MSG_ASKS,
    MSG_BID_PX,
    MSG_BID_QTY,
    MSG_BIDS,
    MSG_BUYER_IS_MAKER,
    MSG_EVENT_MS,
    MSG_FIRST_ID,
    MSG_INSTRUMENT,
    MSG_KIND,
    MSG_LAST_ID,
    MSG_PREV_ID,
    MSG_PX,
    MSG_QTY,
    MSG_TRADE_ID,
    MSG_TRADE_MS,
    OK,
    SNAPSHOT_OLD,
    TOO_LARGE,
)
from shm_layout.atomics import cycles
from shm_layout.enums import (
    FLAG_FIRST,
    FLAG_LAST,
    FLAG_SNAPSHOT,
    BookRule,
    BookState,
    RecordType,
    Side,
)
from shm_layout.jit import I64, WORLD_TYPE, WorldSpec, hot
from shm_layout.limits import LEVELS_PER_RECORD
from shm_layout.records import FEED_ROW, MD_LEVELS, MD_STATE, MD_TICKER, MD_TRADE, UNDEF
from shm_layout.ring_hot import claim, publish
from shm_layout.table_hot import row_begin, row_end

FEED = WorldSpec("feed")
params = FEED.field("params", np.int64)
ring_words = FEED.field("ring_words", np.int64)
level_slots = FEED.field("level_slots", MD_LEVELS)
ticker_slots = FEED.field("ticker_slots", MD_TICKER)
trade_slots = FEED.field("trade_slots", MD_TRADE)
state_slots = FEED.field("state_slots", MD_STATE)
feed_rows = FEED.field("feed_rows", FEED_ROW)
feed_words = FEED.field("feed_words", np.int64)
sync_state = FEED.field("sync_state", np.int64, ndim=2)
symbol_index = FEED.field("symbol_index", np.int64, readonly=True)
symbol_text = FEED.field("symbol_text", np.uint8, ndim=2, readonly=True)
scales = FEED.field("scales", np.int64, ndim=2, readonly=True)
message = FEED.field("message", np.int64)
level_px = FEED.field("level_px", np.int64, ndim=2)
level_qty = FEED.field("level_qty", np.int64, ndim=2)

P_EPOCH = 0
P_VENUE = 1
P_RULE = 2
P_STAMPING = 3
P_WORDS = 8

S_PHASE = 0
S_BOOK = 1  # BookState as last published
S_LAST_ID = 2
S_FIRST_PENDING = 3  # 1 = the next diff is the first after a snapshot
S_NEED_ID = 4  # a snapshot must reach this id: what is published, or buffered; -1 = any does
S_SEEN_NS = 5  # our clock of the last diff that was used
S_GENERATION = 6
S_TOLD_NS = 7  # as of when the ring last said that this book is true
S_FROZEN = 8  # 1 = quiet for too long, and nothing proves that it is still true
S_TRADE_ID = 9  # of the last trade that was published
S_WORDS = 16

ALIVE_EVERY_NS = 500_000_000
"""A quiet LIVE book is said to be LIVE so often, as of the last sign of life of its connection:
readers tell a quiet book from a dead one by its age."""

IDLE = 0
BUFFERING = 1
CHAINED = 2


_RULE_SPOT = int(BookRule.FIRST_FOLLOWS_LAST)
_LIVE = int(BookState.LIVE)
_STALE = int(BookState.STALE)
_GAP = int(BookState.GAP)
_LEVELS = int(RecordType.MD_LEVELS)
_TICKER = int(RecordType.MD_TICKER)
_TRADE = int(RecordType.MD_TRADE)
_STATE = int(RecordType.MD_STATE)
_FEED_ROW = int(RecordType.FEED_ROW)
_BUY = int(Side.BUY)
_SELL = int(Side.SELL)
_ROW_WORDS = FEED_ROW.itemsize // 8


@hot
def _stamp(world):
    return cycles() if params(world)[P_STAMPING] else 0


@hot
def _put_state(world, instrument, now_ns):
    """Publish S_BOOK of this instrument as MD_STATE."""
    slots = state_slots(world)
    words = ring_words(world)
    mine = sync_state(world)
    pos = claim(words, 1)
    at = pos & (slots.shape[0] - 1)
    slots["seq"][at] = pos + 1
    slots["type"][at] = _STATE
    slots["flags"][at] = FLAG_FIRST | FLAG_LAST
    slots["epoch"][at] = params(world)[P_EPOCH]
    slots["instrument_id"][at] = instrument
    slots["state"][at] = mine[instrument, S_BOOK]
    slots["reserved0"][at] = 0
    slots["venue"][at] = params(world)[P_VENUE]
    slots["update_id"][at] = mine[instrument, S_LAST_ID]
    slots["ts_recv_ns"][at] = now_ns
    slots["stamp_cycles"][at] = _stamp(world)
    slots["generation"][at] = mine[instrument, S_GENERATION]
    for k in range(9):
        slots["reserved"][at, k] = 0
    publish(words, pos + 1)


@hot
def _put_levels(world, now_ns):
    """Publish the event in the scratch as MD_LEVELS records, all visible at once."""
    msg = message(world)
    slots = level_slots(world)
    words = ring_words(world)
    pxs = level_px(world)
    qtys = level_qty(world)
    bids = (msg[MSG_BIDS] + LEVELS_PER_RECORD - 1) // LEVELS_PER_RECORD
    asks = (msg[MSG_ASKS] + LEVELS_PER_RECORD - 1) // LEVELS_PER_RECORD
    records = max(bids + asks, 1)
    if records > slots.shape[0]:
        return TOO_LARGE
    pos = claim(words, records)
    mask = slots.shape[0] - 1
    stamp = _stamp(world)
    epoch = params(world)[P_EPOCH]
    venue = params(world)[P_VENUE]
    snapshot_flag = FLAG_SNAPSHOT if msg[MSG_KIND] == KIND_SNAPSHOT else 0
    for r in range(records):
        at = (pos + r) & mask
        side = BIDS if r < bids else ASKS
        base = (r if r < bids else r - bids) * LEVELS_PER_RECORD
        total = msg[MSG_BIDS] if side == BIDS else msg[MSG_ASKS]
        count = min(total - base, LEVELS_PER_RECORD)
        flags = snapshot_flag
        if r == 0:
            flags |= FLAG_FIRST
        if r == records - 1:
            flags |= FLAG_LAST
        slots["seq"][at] = pos + r + 1
        slots["type"][at] = _LEVELS
        slots["flags"][at] = flags
        slots["epoch"][at] = epoch
        slots["instrument_id"][at] = msg[MSG_INSTRUMENT]
        slots["side"][at] = _BUY if side == BIDS else _SELL
        slots["count"][at] = count
        slots["venue"][at] = venue
        slots["update_id"][at] = msg[MSG_LAST_ID]
        slots["ts_event_ns"][at] = msg[MSG_EVENT_MS] * NS_PER_MS
        slots["ts_recv_ns"][at] = now_ns
        slots["stamp_cycles"][at] = stamp
        slots["reserved"][at, 0] = 0
        for k in range(LEVELS_PER_RECORD):
            slots["px"][at, k] = pxs[side, base + k] if k < count else 0
            slots["qty"][at, k] = qtys[side, base + k] if k < count else 0
    publish(words, pos + records)
    return OK


@hot
def _put_ticker(world, now_ns):
    msg = message(world)
    slots = ticker_slots(world)
    words = ring_words(world)
    pos = claim(words, 1)
    at = pos & (slots.shape[0] - 1)
    slots["seq"][at] = pos + 1
    slots["type"][at] = _TICKER
    slots["flags"][at] = FLAG_FIRST | FLAG_LAST
    slots["epoch"][at] = params(world)[P_EPOCH]
    slots["instrument_id"][at] = msg[MSG_INSTRUMENT]
    slots["reserved0"][at] = 0
    slots["venue"][at] = params(world)[P_VENUE]
    slots["update_id"][at] = msg[MSG_LAST_ID]
    slots["ts_event_ns"][at] = msg[MSG_EVENT_MS] * NS_PER_MS
    slots["ts_recv_ns"][at] = now_ns
    slots["stamp_cycles"][at] = _stamp(world)
    slots["bid_px"][at] = msg[MSG_BID_PX] if msg[MSG_BID_PX] > 0 else UNDEF
    slots["bid_qty"][at] = msg[MSG_BID_QTY]
    slots["ask_px"][at] = msg[MSG_ASK_PX] if msg[MSG_ASK_PX] > 0 else UNDEF
    slots["ask_qty"][at] = msg[MSG_ASK_QTY]
    for k in range(5):
        slots["reserved"][at, k] = 0
    publish(words, pos + 1)


@hot
def _put_trade(world, now_ns):
    msg = message(world)
    slots = trade_slots(world)
    words = ring_words(world)
    pos = claim(words, 1)
    at = pos & (slots.shape[0] - 1)
    slots["seq"][at] = pos + 1
    slots["type"][at] = _TRADE
    slots["flags"][at] = FLAG_FIRST | FLAG_LAST
    slots["epoch"][at] = params(world)[P_EPOCH]
    slots["instrument_id"][at] = msg[MSG_INSTRUMENT]
    slots["aggressor"][at] = _SELL if msg[MSG_BUYER_IS_MAKER] else _BUY
    slots["reserved0"][at] = 0
    slots["venue"][at] = params(world)[P_VENUE]
    slots["trade_id"][at] = msg[MSG_TRADE_ID]
    slots["ts_event_ns"][at] = msg[MSG_TRADE_MS] * NS_PER_MS
    slots["ts_recv_ns"][at] = now_ns
    slots["stamp_cycles"][at] = _stamp(world)
    slots["px"][at] = msg[MSG_PX]
    slots["qty"][at] = msg[MSG_QTY]
    slots["cause_pos"][at] = 0
    for k in range(6):
        slots["reserved"][at, k] = 0
    publish(words, pos + 1)


@hot
def _count(world, instrument, status, now_ns):
    """Add the message in the scratch, and what became of it, to table `feed.<venue>`."""
    rows = feed_rows(world)
    words = feed_words(world)
    mine = sync_state(world)
    msg = message(world)
    at = instrument * _ROW_WORDS
    row_begin(words, at)
    rows["type"][instrument] = _FEED_ROW
    rows["epoch"][instrument] = params(world)[P_EPOCH]
    rows["instrument_id"][instrument] = instrument
    rows["state"][instrument] = mine[instrument, S_BOOK]
    rows["rule"][instrument] = params(world)[P_RULE]
    rows["venue"][instrument] = params(world)[P_VENUE]
    rows["last_update_id"][instrument] = mine[instrument, S_LAST_ID]
    rows["messages"][instrument] += 1
    if status == OK:
        rows["level_updates"][instrument] += msg[MSG_BIDS] + msg[MSG_ASKS]
        if msg[MSG_KIND] == KIND_SNAPSHOT:
            if rows["snapshots"][instrument] > 0:
                rows["resyncs"][instrument] += 1
            rows["snapshots"][instrument] += 1
    elif status == GAP:
        rows["gaps"][instrument] += 1
    elif status != DROPPED:
        rows["malformed"][instrument] += 1
    rows["ts_recv_ns"][instrument] = now_ns
    if msg[MSG_EVENT_MS] > 0:
        latency_ns = now_ns - msg[MSG_EVENT_MS] * NS_PER_MS
        least_ns = rows["latency_ns_min"][instrument]
        if least_ns == UNDEF or latency_ns < least_ns:
            rows["latency_ns_min"][instrument] = latency_ns
    row_end(words, at)


@hot
def _break(world, instrument, now_ns):
    """The chain is broken: GAP, and depth is buffered until the next snapshot."""
    mine = sync_state(world)
    mine[instrument, S_PHASE] = BUFFERING
    mine[instrument, S_NEED_ID] = mine[instrument, S_LAST_ID]
    mine[instrument, S_BOOK] = _GAP
    _put_state(world, instrument, now_ns)


@hot
def _chain(world, msg, instrument):
    """OK = follows the book; DROPPED = older than the snapshot; GAP; MALFORMED."""
    mine = sync_state(world)
    last = mine[instrument, S_LAST_ID]
    first_pending = mine[instrument, S_FIRST_PENDING]
    if params(world)[P_RULE] == _RULE_SPOT:
        if first_pending:
            if msg[MSG_LAST_ID] <= last:
                return DROPPED
            return OK if msg[MSG_FIRST_ID] <= last + 1 else GAP
        return OK if msg[MSG_FIRST_ID] == last + 1 else GAP
    if msg[MSG_PREV_ID] < 0 or msg[MSG_PREV_ID] > msg[MSG_LAST_ID]:
        return MALFORMED
    if first_pending:
        if msg[MSG_LAST_ID] < last:
            return DROPPED
        return OK if min(msg[MSG_PREV_ID], msg[MSG_FIRST_ID]) <= last else GAP
    return OK if msg[MSG_PREV_ID] == last else GAP


@hot
def _needed_id(world, msg):
    """Smallest last id of a snapshot that this diff can follow."""
    if params(world)[P_RULE] == _RULE_SPOT:
        return msg[MSG_FIRST_ID] - 1
    return max(min(msg[MSG_PREV_ID], msg[MSG_FIRST_ID]), 0)


@hot
def _take_depth(world, instrument, now_ns):
    msg = message(world)
    mine = sync_state(world)
    phase = mine[instrument, S_PHASE]
    if phase == IDLE:
        return IGNORED
    if phase == BUFFERING:
        if mine[instrument, S_NEED_ID] < 0:
            mine[instrument, S_NEED_ID] = _needed_id(world, msg)
        return BUFFER
    status = _chain(world, msg, instrument)
    if status == OK:
        status = _put_levels(world, now_ns)
    if status == OK:
        mine[instrument, S_LAST_ID] = msg[MSG_LAST_ID]
        mine[instrument, S_FIRST_PENDING] = 0
        mine[instrument, S_SEEN_NS] = now_ns
        mine[instrument, S_TOLD_NS] = now_ns
        mine[instrument, S_FROZEN] = 0
        if mine[instrument, S_BOOK] == _STALE:
            mine[instrument, S_BOOK] = _LIVE
            _put_state(world, instrument, now_ns)
    elif status != DROPPED:
        _break(world, instrument, now_ns)
    _count(world, instrument, status, now_ns)
    return status


@hot
def _take_snapshot(world, instrument, now_ns):
    msg = message(world)
    mine = sync_state(world)
    if mine[instrument, S_PHASE] != BUFFERING:
        return IGNORED
    if mine[instrument, S_NEED_ID] > msg[MSG_LAST_ID]:
        return SNAPSHOT_OLD
    status = _put_levels(world, now_ns)
    if status == OK:
        mine[instrument, S_LAST_ID] = msg[MSG_LAST_ID]
        mine[instrument, S_FIRST_PENDING] = 1
        mine[instrument, S_PHASE] = CHAINED
        mine[instrument, S_SEEN_NS] = now_ns
        mine[instrument, S_TOLD_NS] = now_ns
        mine[instrument, S_FROZEN] = 0
        mine[instrument, S_GENERATION] += 1
        _count(world, instrument, status, now_ns)
    return status


@hot(entry=(WORLD_TYPE, I64))
def take(world, now_ns):
    """Use the decoded message in the scratch; a status. SNAPSHOT_OLD: the snapshot ends before
    the first diff that was buffered begins, so take another."""
    msg = message(world)
    instrument = msg[MSG_INSTRUMENT]
    kind = msg[MSG_KIND]
    if kind == KIND_DEPTH:
        return _take_depth(world, instrument, now_ns)
    if kind == KIND_SNAPSHOT:
        return _take_snapshot(world, instrument, now_ns)
    mine = sync_state(world)
    if mine[instrument, S_PHASE] == IDLE:
        return IGNORED
    if kind == KIND_TICKER:
        _put_ticker(world, now_ns)
    elif msg[MSG_TRADE_ID] <= mine[instrument, S_TRADE_ID]:
        return DROPPED  # it came on the connection before this one, too
    else:
        mine[instrument, S_TRADE_ID] = msg[MSG_TRADE_ID]
        _put_trade(world, now_ns)
    status = kind - kind  # OK, as a number: a constant would compile `_count` once more
    _count(world, instrument, status, now_ns)
    return status


@hot(entry=(WORLD_TYPE, I64, I64, I64))
def set_state(world, instrument, state, now_ns):
    """Publish a state that the cold parent decided. SYNCING and GAP begin a new buffer; LIVE comes
    after the snapshot and the buffered diffs, and only if the chain held."""
    mine = sync_state(world)
    if state == _LIVE:
        if mine[instrument, S_PHASE] != CHAINED or mine[instrument, S_BOOK] == _LIVE:
            return
    else:
        mine[instrument, S_PHASE] = BUFFERING
        mine[instrument, S_NEED_ID] = mine[instrument, S_LAST_ID]
    mine[instrument, S_BOOK] = state
    _put_state(world, instrument, now_ns)


@hot(entry=(WORLD_TYPE, I64, I64, I64))
def unreadable(world, instrument, status, now_ns):
    """A message for this instrument could not be read, as `status` says: its book is not to be
    trusted any more."""
    if sync_state(world)[instrument, S_PHASE] == CHAINED:
        _break(world, instrument, now_ns)
    _count(world, instrument, status, now_ns)


@hot(entry=(WORLD_TYPE, I64, I64, I64))
def check_alive(world, now_ns, heard_ns, stale_after_ns):
    """What the connection's last sign of life, at `heard_ns`, says of its books: after
    `stale_after_ns` without one LIVE books are STALE, and LIVE again with the next (what TCP
    delivers, it delivers whole). A quiet book is LIVE as of that sign. Returns how many changed
    their state."""
    mine = sync_state(world)
    dead = now_ns - heard_ns >= stale_after_ns
    changed = 0
    for instrument in range(mine.shape[0]):
        if mine[instrument, S_PHASE] != CHAINED:
            continue
        if mine[instrument, S_BOOK] == _LIVE:
            if dead:
                mine[instrument, S_BOOK] = _STALE
                _put_state(world, instrument, now_ns)
                changed += 1
            elif heard_ns - mine[instrument, S_TOLD_NS] >= ALIVE_EVERY_NS:
                mine[instrument, S_TOLD_NS] = heard_ns
                _put_state(world, instrument, heard_ns)
        elif mine[instrument, S_BOOK] == _STALE and not dead and mine[instrument, S_FROZEN] == 0:
            mine[instrument, S_BOOK] = _LIVE
            mine[instrument, S_TOLD_NS] = heard_ns
            _put_state(world, instrument, heard_ns)
            changed += 1
    return changed


@hot(entry=(WORLD_TYPE, I64, I64, I64))
def prove(world, instrument, proved, now_ns):
    """A book that was quiet for too long: `proved` 1 = a fresh snapshot says that nothing is
    missing, so it is as alive as its connection (`check_alive`); 0 = nothing says so, and it is
    STALE until something does."""
    mine = sync_state(world)
    if mine[instrument, S_PHASE] != CHAINED:
        return
    mine[instrument, S_FROZEN] = 1 - proved
    if proved == 0 and mine[instrument, S_BOOK] == _LIVE:
        mine[instrument, S_BOOK] = _STALE
        _put_state(world, instrument, now_ns)
