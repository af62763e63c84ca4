"""A feed's records into its md ring: those of one event become visible at once (`@hot` only)."""

from __future__ import annotations

from oms.units import NS_PER_MS
from oms.venues.shared.decode_status_hot import (
    ASKS,
    BIDS,
    KIND_SNAPSHOT,
    MSG_ASK_PX,
    MSG_ASK_QTY,
    MSG_ASKS,
    MSG_BID_PX,
    MSG_BID_QTY,
    MSG_BIDS,
    MSG_BUYER_IS_MAKER,
    MSG_EVENT_MS,
    MSG_INSTRUMENT,
    MSG_KIND,
    MSG_LAST_ID,
    MSG_PX,
    MSG_QTY,
    MSG_TRADE_ID,
    MSG_TRADE_MS,
    OK,
    TOO_LARGE,
)
from oms.venues.shared.feed_world_hot import (
    P_EPOCH,
    P_STAMPING,
    P_VENUE,
    S_BOOK,
    S_GENERATION,
    S_LAST_ID,
    level_px,
    level_qty,
    level_slots,
    message,
    params,
    ring_words,
    state_slots,
    sync_state,
    ticker_slots,
    trade_slots,
)
from shm_layout.atomics import cycles
from shm_layout.enums import FLAG_FIRST, FLAG_LAST, FLAG_SNAPSHOT, RecordType, Side
from shm_layout.jit import hot
from shm_layout.limits import LEVELS_PER_RECORD
from shm_layout.records import UNDEF
from shm_layout.ring_hot import claim, publish

_LEVELS = int(RecordType.MD_LEVELS)
_TICKER = int(RecordType.MD_TICKER)
_TRADE = int(RecordType.MD_TRADE)
_STATE = int(RecordType.MD_STATE)
_BUY = int(Side.BUY)
_SELL = int(Side.SELL)


@hot
def _stamp(world):
    return cycles() if params(world)[P_STAMPING] else 0


@hot
def put_state(world, instrument, now_ns):
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
def put_levels(world, now_ns):
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
def put_ticker(world, now_ns):
    """Publish the best prices in the scratch."""
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
def put_trade(world, now_ns):
    """Publish the trade in the scratch."""
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
