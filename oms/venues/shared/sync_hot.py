"""A venue's messages -> the venue's md ring: sync by update ids, publish, count (`@hot` only).

A decoder fills `msg` and the level scratch; `take` applies the
venue's chain rule to it and publishes whole events: all records of one event become visible with
one store, or none does. Per instrument `sync` holds where its book stands (S_*):

    IDLE        no stream yet: depth is ignored
    BUFFERING   no book: diffs are handed back to the cold parent (BUFFER) until a snapshot that
                was asked for has come, or dropped until one comes on the stream
    CHAINED     there is a book; each diff must follow the one before

Rules of diffs after a snapshot that was asked for (VENUES.md 4.4, 4.5). FIRST_FOLLOWS_LAST: drop
u <= L, first has U <= L + 1 <= u, then U == last u + 1. NAMES_PREVIOUS: drop u < L, first has
U <= L <= u, then pu == last u. A first diff with pu <= L < U is taken as well: nothing happened
between pu and U, so its quantities are true.

Rules where the book comes on the stream. CONSECUTIVE: each id one more than the last. LINKED: each
names the one before it. FULL_EACH: each message is the whole book; its key (MSG_LAST_ID) orders
them: an older one is dropped, an equal one replaces, or is dropped (P_EQUAL_DROPS). A snapshot of
the stream is used whenever it comes, but for one that a new connection repeats (S_FIRST_PENDING).
"""

from __future__ import annotations

from oms.units import NS_PER_MS
from oms.venues.shared.decode_status_hot import (
    BUFFER,
    DROPPED,
    GAP,
    IGNORED,
    KIND_DEPTH,
    KIND_SNAPSHOT,
    KIND_TICKER,
    MALFORMED,
    MSG_ASKS,
    MSG_BIDS,
    MSG_EVENT_MS,
    MSG_FIRST_ID,
    MSG_INSTRUMENT,
    MSG_KIND,
    MSG_LAST_ID,
    MSG_PREV_ID,
    MSG_TRADE_ID,
    OK,
    SNAPSHOT_OLD,
)
from oms.venues.shared.feed_out_hot import put_levels, put_state, put_ticker, put_trade
from oms.venues.shared.feed_world_hot import (
    P_EPOCH,
    P_EQUAL_DROPS,
    P_RULE,
    P_TRADES_UNORDERED,
    P_VENUE,
    S_BOOK,
    S_FIRST_PENDING,
    S_FROZEN,
    S_GENERATION,
    S_LAST_ID,
    S_LINK,
    S_NEED_ID,
    S_PHASE,
    S_SEEN_NS,
    S_TOLD_NS,
    S_TRADE_ID,
    feed_rows,
    feed_words,
    message,
    params,
    sync_state,
)
from shm_layout.enums import BookRule, BookState, RecordType
from shm_layout.jit import I64, WORLD_TYPE, hot
from shm_layout.records import FEED_ROW, UNDEF
from shm_layout.table_hot import row_begin, row_end

ALIVE_EVERY_NS = 500_000_000
"""A quiet LIVE book is said to be LIVE so often, as of the last sign of life of its connection:
readers tell a quiet book from a dead one by its age."""

IDLE = 0
BUFFERING = 1
CHAINED = 2


_FIRST_FOLLOWS_LAST = int(BookRule.FIRST_FOLLOWS_LAST)
_NAMES_PREVIOUS = int(BookRule.NAMES_PREVIOUS)
_CONSECUTIVE = int(BookRule.CONSECUTIVE)
_LINKED = int(BookRule.LINKED)
_FULL_EACH = int(BookRule.FULL_EACH)
_LIVE = int(BookState.LIVE)
_STALE = int(BookState.STALE)
_GAP = int(BookState.GAP)
_FEED_ROW = int(RecordType.FEED_ROW)
_ROW_WORDS = FEED_ROW.itemsize // 8


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
    put_state(world, instrument, now_ns)


@hot
def _chain(world, msg, instrument):
    """OK = follows the book; DROPPED = older than the snapshot; GAP; MALFORMED."""
    mine = sync_state(world)
    last = mine[instrument, S_LAST_ID]
    first_pending = mine[instrument, S_FIRST_PENDING]
    rule = params(world)[P_RULE]
    if rule == _CONSECUTIVE:
        if first_pending and msg[MSG_LAST_ID] <= last:
            return DROPPED
        return OK if msg[MSG_LAST_ID] == last + 1 else GAP
    if rule == _LINKED:
        return OK if msg[MSG_PREV_ID] == last else GAP
    if rule == _FULL_EACH:
        return MALFORMED  # it has no diffs
    if rule == _FIRST_FOLLOWS_LAST:
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
    if params(world)[P_RULE] == _FIRST_FOLLOWS_LAST:
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
        if params(world)[P_RULE] > _NAMES_PREVIOUS:
            return DROPPED  # its snapshot comes on the stream
        if mine[instrument, S_NEED_ID] < 0:
            mine[instrument, S_NEED_ID] = _needed_id(world, msg)
        return BUFFER
    status = _chain(world, msg, instrument)
    if status == OK:
        status = put_levels(world, now_ns)
    if status == OK:
        mine[instrument, S_LAST_ID] = msg[MSG_LAST_ID]
        mine[instrument, S_FIRST_PENDING] = 0
        mine[instrument, S_SEEN_NS] = now_ns
        mine[instrument, S_TOLD_NS] = now_ns
        mine[instrument, S_FROZEN] = 0
        if mine[instrument, S_BOOK] == _STALE:
            mine[instrument, S_BOOK] = _LIVE
            put_state(world, instrument, now_ns)
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
    status = put_levels(world, now_ns)
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


@hot
def _repeats(world, msg, instrument):
    """Whether a book of the stream says nothing new."""
    mine = sync_state(world)
    last = mine[instrument, S_LAST_ID]
    chained = mine[instrument, S_PHASE] == CHAINED
    if params(world)[P_RULE] == _FULL_EACH:
        equal = chained and msg[MSG_LAST_ID] == last and params(world)[P_EQUAL_DROPS] != 0
        return equal or msg[MSG_LAST_ID] < last
    return chained and mine[instrument, S_FIRST_PENDING] != 0 and msg[MSG_LAST_ID] <= last


@hot
def _take_streamed(world, instrument, now_ns):
    """A whole book that the stream brought."""
    msg = message(world)
    mine = sync_state(world)
    if mine[instrument, S_PHASE] == IDLE:
        return IGNORED
    status = DROPPED if _repeats(world, msg, instrument) else put_levels(world, now_ns)
    if status == OK:
        mine[instrument, S_LAST_ID] = msg[MSG_LAST_ID]
        mine[instrument, S_FIRST_PENDING] = 0
        mine[instrument, S_SEEN_NS] = now_ns
        mine[instrument, S_TOLD_NS] = now_ns
        mine[instrument, S_FROZEN] = 0
        if mine[instrument, S_PHASE] == CHAINED:
            msg[MSG_KIND] = KIND_DEPTH  # counted as what it is: the next message of a book
        else:
            mine[instrument, S_PHASE] = CHAINED
            mine[instrument, S_GENERATION] += 1
        if mine[instrument, S_BOOK] != _LIVE:
            mine[instrument, S_BOOK] = _LIVE
            put_state(world, instrument, now_ns)
    elif status != DROPPED:
        _break(world, instrument, now_ns)
    _count(world, instrument, status, now_ns)
    return status


@hot
def _trade_is_known(world, msg, newest):
    if params(world)[P_TRADES_UNORDERED] != 0:
        return msg[MSG_TRADE_ID] == newest
    return msg[MSG_TRADE_ID] <= newest


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
        if params(world)[P_RULE] > _NAMES_PREVIOUS:
            return _take_streamed(world, instrument, now_ns)
        return _take_snapshot(world, instrument, now_ns)
    mine = sync_state(world)
    if mine[instrument, S_PHASE] == IDLE:
        return IGNORED
    if kind == KIND_TICKER:
        put_ticker(world, now_ns)
    elif _trade_is_known(world, msg, mine[instrument, S_TRADE_ID]):
        return DROPPED  # it came on the connection before this one, too
    else:
        mine[instrument, S_TRADE_ID] = msg[MSG_TRADE_ID]
        put_trade(world, now_ns)
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
    put_state(world, instrument, now_ns)


@hot(entry=(WORLD_TYPE, I64, I64, I64))
def unreadable(world, instrument, status, now_ns):
    """A message for this instrument could not be read, as `status` says: its book is not to be
    trusted any more."""
    if sync_state(world)[instrument, S_PHASE] == CHAINED:
        _break(world, instrument, now_ns)
    _count(world, instrument, status, now_ns)


@hot(entry=(WORLD_TYPE, I64, I64, I64, I64))
def check_alive(world, link, now_ns, heard_ns, stale_after_ns):
    """What a connection's last sign of life, at `heard_ns`, says of its books: after
    `stale_after_ns` without one LIVE books are STALE, and LIVE again with the next (what TCP
    delivers, it delivers whole). A quiet book is LIVE as of that sign. Returns how many changed
    their state."""
    mine = sync_state(world)
    dead = now_ns - heard_ns >= stale_after_ns
    changed = 0
    for instrument in range(mine.shape[0]):
        if mine[instrument, S_PHASE] != CHAINED or mine[instrument, S_LINK] != link:
            continue
        if mine[instrument, S_BOOK] == _LIVE:
            if dead:
                mine[instrument, S_BOOK] = _STALE
                put_state(world, instrument, now_ns)
                changed += 1
            elif heard_ns - mine[instrument, S_TOLD_NS] >= ALIVE_EVERY_NS:
                mine[instrument, S_TOLD_NS] = heard_ns
                put_state(world, instrument, heard_ns)
        elif mine[instrument, S_BOOK] == _STALE and not dead and mine[instrument, S_FROZEN] == 0:
            mine[instrument, S_BOOK] = _LIVE
            mine[instrument, S_TOLD_NS] = heard_ns
            put_state(world, instrument, heard_ns)
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
        put_state(world, instrument, now_ns)
