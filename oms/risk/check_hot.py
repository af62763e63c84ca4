"""Pre-trade checks of one intent (`@hot` only): returns a RejectReason, 0 = passed.

The order is that of cost and of blame: latch and shape, registry, price and size by the venue's
rules, the book, then the desk's limits. Worst case is counted: open and unknown orders as filled
(RELIABILITY D4). What decided (mid, book version) is left in `new_row` for the journal.
"""

from __future__ import annotations

import numpy as np

from oms.instruments_hot import tick_at
from oms.risk import world_hot as w_
from oms.risk.fold_hot import BUY, may_trade_qty, position_of
from shm_layout.enums import (
    BookState,
    OrderType,
    PositionSide,
    RejectReason,
    Side,
    TimeInForce,
)
from shm_layout.jit import hot
from shm_layout.limits import CANCEL_RESERVE_DIVISOR
from shm_layout.money import OK, ROUND_DOWN, ROUND_UP
from shm_layout.money_hot import mul_div
from shm_layout.records import NO_ID, UNDEF

PASSED = 0
BAD_SHAPE = int(RejectReason.BAD_SHAPE)
UNKNOWN_INSTRUMENT = int(RejectReason.UNKNOWN_INSTRUMENT)
UNKNOWN_ACCOUNT = int(RejectReason.UNKNOWN_ACCOUNT)
OFF_TICK = int(RejectReason.OFF_TICK)
OFF_LOT = int(RejectReason.OFF_LOT)
QTY_BELOW_MIN = int(RejectReason.QTY_BELOW_MIN)
QTY_ABOVE_MAX = int(RejectReason.QTY_ABOVE_MAX)
NOTIONAL_BELOW_MIN = int(RejectReason.NOTIONAL_BELOW_MIN)
NOTIONAL_ABOVE_MAX = int(RejectReason.NOTIONAL_ABOVE_MAX)
PRICE_COLLAR = int(RejectReason.PRICE_COLLAR)
POSITION_LIMIT = int(RejectReason.POSITION_LIMIT)
OPEN_ORDERS_LIMIT = int(RejectReason.OPEN_ORDERS_LIMIT)
MESSAGE_RATE = int(RejectReason.MESSAGE_RATE)
BOOK_NOT_LIVE = int(RejectReason.BOOK_NOT_LIVE)
BOOK_STALE = int(RejectReason.BOOK_STALE)
DRAINING = int(RejectReason.DRAINING)
DISK_LOW = int(RejectReason.DISK_LOW)
SNAPSHOT_BEHIND = int(RejectReason.SNAPSHOT_BEHIND)
REDUCE_ONLY = int(RejectReason.REDUCE_ONLY)
KILLED = int(RejectReason.KILLED)
NOT_RECONCILED = int(RejectReason.NOT_RECONCILED)
VENUE_BACKPRESSURE = int(RejectReason.VENUE_BACKPRESSURE)
OVERFLOW = int(RejectReason.OVERFLOW)
ORDER_TABLE_FULL = int(RejectReason.ORDER_TABLE_FULL)
EXPIRED_INTENT = int(RejectReason.EXPIRED_INTENT)
UNSUPPORTED_TICK = int(RejectReason.UNSUPPORTED_TICK)
UNSUPPORTED_ORDER = int(RejectReason.UNSUPPORTED_ORDER)
UNKNOWN_CURRENCY_RATE = int(RejectReason.UNKNOWN_CURRENCY_RATE)
PRICE_BAND = int(RejectReason.PRICE_BAND)

SELL = int(Side.SELL)
LIMIT = int(OrderType.LIMIT)
MARKET = int(OrderType.MARKET)
POST_ONLY = int(OrderType.POST_ONLY)
GTC = int(TimeInForce.GTC)
GTD = int(TimeInForce.GTD)
TAKE_PROFIT = int(OrderType.TAKE_PROFIT)
POSITION_BOTH = int(PositionSide.BOTH)
LIVE = int(BookState.LIVE)

BPS = 10_000


@hot
def _amounts_fit(intents, k, order_type):
    """A price unless MARKET; a quantity, or for MARKET a quote amount in its place."""
    if order_type == MARKET:
        if intents["px"][k] != UNDEF:
            return False
        if intents["qty"][k] == UNDEF:
            return intents["quote_qty"][k] > 0
    elif intents["px"][k] <= 0:
        return False
    return intents["qty"][k] > 0 and intents["quote_qty"][k] == UNDEF


@hot
def _says_more(intents, k):
    """A word of the order that no market of the desk takes yet: a trigger, a trail, a part that is
    shown, a position of its own."""
    return (
        intents["trigger_px"][k] != 0
        or intents["trail_e6"][k] != 0
        or intents["display_qty"][k] != 0
        or intents["order_flags"][k] != 0
        or intents["self_trade"][k] != 0
        or intents["position_side"][k] > POSITION_BOTH
    )


@hot
def check_shape(w, intents, k, strategy_id, now_ns):
    """Latch, identity and shape; nothing here needs a book."""
    state = w_.state(w)
    if state[w_.ST_LATCH] != 0:
        return KILLED
    if state[w_.ST_DRAINING] != 0:
        return DRAINING
    if state[w_.ST_DISK_LOW] != 0:
        return DISK_LOW
    if state[w_.ST_BEHIND] != 0:
        return SNAPSHOT_BEHIND
    side = intents["side"][k]
    order_type = intents["order_type"][k]
    if intents["strategy_id"][k] != strategy_id or (side != BUY and side != SELL):
        return BAD_SHAPE
    if order_type < LIMIT or order_type > TAKE_PROFIT:
        return BAD_SHAPE
    if intents["time_in_force"][k] < GTC or intents["time_in_force"][k] > GTD:
        return BAD_SHAPE
    if order_type > POST_ONLY or intents["time_in_force"][k] == GTD or _says_more(intents, k):
        return UNSUPPORTED_ORDER
    if not _amounts_fit(intents, k, order_type):
        return BAD_SHAPE
    instrument_id = intents["instrument_id"][k]
    instruments = w_.instruments(w)
    if instrument_id < 0 or instrument_id >= instruments.shape[0]:
        return UNKNOWN_INSTRUMENT
    if instruments["seq"][instrument_id] == 0 or instruments["trading"][instrument_id] == 0:
        return UNKNOWN_INSTRUMENT
    account_id = intents["account_id"][k]
    if account_id != w_.strategies(w)[strategy_id, w_.SG_ACCOUNT]:
        return UNKNOWN_ACCOUNT
    accounts = w_.accounts(w)
    group = w_.venue_groups(w)[instruments["venue"][instrument_id]]
    if accounts["enabled"][account_id] == 0 or accounts["group"][account_id] != group:
        return UNKNOWN_ACCOUNT
    if accounts["reconciled"][account_id] == 0:
        refused = accounts["refused"][account_id]
        return refused if refused != 0 else NOT_RECONCILED
    if intents["valid_until_ns"][k] <= now_ns:
        return EXPIRED_INTENT
    return PASSED


@hot
def check_size(w, intents, k):
    """Tick, lot and the venue's minimum and maximum quantity; those of an order by quote amount
    need a price (`_check_amount`).
    """
    instruments = w_.instruments(w)
    i = intents["instrument_id"][k]
    lot = instruments["lot"][i]
    qty = intents["qty"][k]
    if instruments["tick"][i] <= 0 or lot <= 0:
        return UNSUPPORTED_TICK
    if qty == UNDEF:
        return PASSED
    most = instruments["max_qty"][i]
    if intents["order_type"][k] == MARKET:
        lot = instruments["market_lot"][i]
        most = min(most, instruments["market_max_qty"][i])
    else:
        px = intents["px"][k]
        if px < instruments["min_px"][i] or px > instruments["max_px"][i]:
            return PRICE_BAND
        if px % tick_at(instruments, i, px) != 0:
            return OFF_TICK
    if qty % lot != 0:
        return OFF_LOT
    if qty < instruments["min_qty"][i]:
        return QTY_BELOW_MIN
    if qty > most:
        return QTY_ABOVE_MAX
    return PASSED


@hot
def worst_px(intents, k, mid2, collar_bps):
    """Price at which the order may cost most: its limit, or the collar for a market order."""
    if intents["order_type"][k] != MARKET:
        return intents["px"][k]
    reach = BPS + collar_bps if intents["side"][k] == BUY else BPS
    value, status = mul_div(mid2, reach, 2 * BPS, ROUND_UP)
    return value if status == OK else UNDEF


@hot
def _check_amount(w, amount, i, mid2, collar_bps):
    """An order by quote amount has no base quantity before its fills. What it may trade at most,
    at the collar's low end, is what limits count (`exposed_qty`) and what the venue's largest
    quantity is held against; what it may trade at least, at the high end and in whole lots,
    must reach the smallest.
    """
    instruments = w_.instruments(w)
    divisor = instruments["notional_divisor"][i]
    low, low_status = mul_div(mid2, BPS - collar_bps, 2 * BPS, ROUND_DOWN)
    high, high_status = mul_div(mid2, BPS + collar_bps, 2 * BPS, ROUND_UP)
    if low_status != OK or high_status != OK or low <= 0:
        return OVERFLOW
    most, status = mul_div(amount, divisor, low, ROUND_UP)
    if status != OK:
        return OVERFLOW
    least, status = mul_div(amount, divisor, high, ROUND_DOWN)
    if status != OK:
        return OVERFLOW
    if least - least % instruments["lot"][i] < instruments["min_qty"][i]:
        return QTY_BELOW_MIN
    if most > instruments["max_qty"][i]:
        return QTY_ABOVE_MAX
    w_.new_row(w)["exposed_qty"][0] = most
    return PASSED


@hot
def check_price(w, intents, k, strategy_id, now_ns):
    """Book state and age, collar, notional; leaves mid, version and notional in `new_row`."""
    tops = w_.tops(w)
    strategies = w_.strategies(w)
    i = intents["instrument_id"][k]
    if tops[i, w_.TOP_STATE] != LIVE:
        return BOOK_NOT_LIVE
    if now_ns - tops[i, w_.TOP_TS] > strategies[strategy_id, w_.SG_BOOK_AGE_NS]:
        return BOOK_STALE
    mid2 = tops[i, w_.TOP_MID2]
    collar = strategies[strategy_id, w_.SG_COLLAR_BPS]
    px = worst_px(intents, k, mid2, collar)
    if px == UNDEF:
        return OVERFLOW
    away = 2 * px - mid2
    if away < 0:
        away = -away
    far, status = mul_div(mid2, collar, BPS, ROUND_UP)
    if status != OK:
        return OVERFLOW
    # A market order's worst price is the collar itself, rounded away from the mid.
    if away > far and intents["order_type"][k] != MARKET:
        return PRICE_COLLAR
    fresh = w_.new_row(w)
    fresh["risk_mid_px"][0] = mid2
    fresh["risk_book_version"][0] = tops[i, w_.TOP_VERSION]
    fresh["exposed_qty"][0] = intents["qty"][k]
    if intents["qty"][k] == UNDEF:
        notional = intents["quote_qty"][k]
        reason = _check_amount(w, notional, i, mid2, collar)
        if reason != PASSED:
            return reason
    else:
        divisor = w_.instruments(w)["notional_divisor"][i]
        notional, status = mul_div(px, intents["qty"][k], divisor, ROUND_UP)
        if status != OK:
            return OVERFLOW
    if notional < w_.instruments(w)["min_notional"][i]:
        return NOTIONAL_BELOW_MIN
    most = w_.instruments(w)["max_notional"][i]
    if intents["order_type"][k] == MARKET:
        most = w_.instruments(w)["market_max_notional"][i]
    limit = w_.order_limits(w)[strategy_id, i]
    if limit == UNDEF:
        return UNKNOWN_CURRENCY_RATE
    if notional > most or notional > limit:
        return NOTIONAL_ABOVE_MAX
    fresh["reserved_notional"][0] = notional
    return PASSED


@hot
def _reduces(w, i, account_id, side, qty):
    """Does an order bring the account's position nearer to nothing, with every open order of its
    side filled? All strategies' positions count together: that is what the venue sees.
    """
    positions = w_.positions(w)
    worst = qty
    for row in range(w_.state(w)[w_.ST_POSITIONS_USED]):
        if positions["instrument_id"][row] == i and positions["account_id"][row] == account_id:
            if side == BUY:
                worst += positions["qty"][row] + positions["open_buy_qty"][row]
            else:
                worst += positions["open_sell_qty"][row] - positions["qty"][row]
    return worst <= 0


@hot
def _worst_position(w, owner, i, side):
    """Of the strategy, on all its accounts together: its position towards `side` with every open
    order of that side filled, qty_scale."""
    strategies = w_.strategies(w)
    index = w_.position_index(w)
    positions = w_.positions(w)
    worst = np.int64(0)
    row = owner
    while row != NO_ID:
        at = index[row, i]
        if at >= 0 and side == BUY:
            worst += positions["qty"][at] + positions["open_buy_qty"][at]
        elif at >= 0:
            worst += positions["open_sell_qty"][at] - positions["qty"][at]
        row = strategies[row, w_.SG_NEXT]
    return worst


@hot
def _open_orders(w, owner):
    """Of the strategy, on all its accounts together."""
    strategies = w_.strategies(w)
    count = np.int64(0)
    row = owner
    while row != NO_ID:
        count += strategies[row, w_.SG_OPEN_COUNT]
        row = strategies[row, w_.SG_NEXT]
    return count


@hot
def check_limits(w, intents, k, strategy_id, now_ns):
    """A reduce-only venue; the desk's limits: position by the worst case, open orders, rate; room
    towards the venue.
    """
    state = w_.state(w)
    strategies = w_.strategies(w)
    instruments = w_.instruments(w)
    i = intents["instrument_id"][k]
    qty = w_.new_row(w)["exposed_qty"][0]
    if w_.venues(w)["reduce_only"][instruments["venue"][i]] != 0 and not _reduces(
        w, i, intents["account_id"][k], intents["side"][k], qty
    ):
        return REDUCE_ONLY
    if position_of(w, strategy_id, i, intents["account_id"][k]) < 0:
        return ORDER_TABLE_FULL
    owner = strategies[strategy_id, w_.SG_OWNER]
    worst = _worst_position(w, owner, i, intents["side"][k]) + qty
    replaced = state[w_.ST_REPLACED] - 1
    if replaced >= 0:
        worst -= min(qty, may_trade_qty(w, replaced))
    if worst > 0:
        mid2 = w_.tops(w)[i, w_.TOP_MID2]
        amount, status = mul_div(mid2, worst, 2 * instruments["notional_divisor"][i], ROUND_UP)
        if status != OK:
            return OVERFLOW
        if amount > w_.position_limits(w)[strategy_id, i]:
            return POSITION_LIMIT
    standing = _open_orders(w, owner) - (1 if replaced >= 0 else 0)
    if standing >= strategies[owner, w_.SG_MAX_OPEN]:
        return OPEN_ORDERS_LIMIT
    tat = max(strategies[owner, w_.SG_RATE_TAT_NS], now_ns)
    cost = strategies[owner, w_.SG_RATE_COST_NS]
    if tat + cost - now_ns > strategies[owner, w_.SG_RATE_BURST_NS]:
        return MESSAGE_RATE
    orders = w_.orders(w)
    next_row = (state[w_.ST_ORDER_COUNT] + 1) & (orders.shape[0] - 1)
    if w_.open_index(w)[next_row] >= 0:
        return ORDER_TABLE_FULL
    group = w_.venue_groups(w)[instruments["venue"][i]]
    groups = w_.groups(w)
    if groups[group, w_.GR_FREE] <= groups[group, w_.GR_SLOTS] // CANCEL_RESERVE_DIVISOR:
        return VENUE_BACKPRESSURE
    return PASSED


@hot
def check_intent(w, intents, k, strategy_id, now_ns):
    """All checks of a NEW intent, in order; the first that fails names the reason."""
    reason = check_shape(w, intents, k, strategy_id, now_ns)
    if reason == PASSED:
        reason = check_size(w, intents, k)
    if reason == PASSED:
        reason = check_price(w, intents, k, strategy_id, now_ns)
    if reason == PASSED:
        reason = check_limits(w, intents, k, strategy_id, now_ns)
    return reason
