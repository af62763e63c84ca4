"""How an order works: it is placed, waits for its trigger, runs against the book, rests or ends.

`run` is the only way into the book, for new orders, triggered ones and placed legs alike. After
each run the trades that it made are shown to the trigger book, in their order: stops at or below
the price first (lowest first), then those at or above (highest first), then trailing orders, each
oldest first among equals. What is triggered runs when what runs now is done, first come first
served; an order is triggered once, so a cascade ends.
"""

from __future__ import annotations

from oms.exchange.engine import layout_hot as lay
from oms.exchange.engine.book_hot import (
    counters_of,
    depths_of,
    emit_level,
    emit_shown,
    events_of,
    free_of,
    free_order,
    key_of,
    keys_of,
    levels_of,
    link,
    lists_of,
    locked_of,
    order_event,
    orders_of,
    rows_of,
    symbols_of,
    unlink,
)
from oms.exchange.engine.ends_hot import (
    close_pair,
    count_open,
    end_leg,
    enqueue,
    finish_list,
    is_algo,
    is_market,
    keep_reserve,
    need_of,
    touch_leg,
    uncount,
)
from oms.exchange.engine.fills_hot import plan, take
from shm_layout.jit import hot
from shm_layout.money_hot import OK


@hot(inline=True)
def triggers_up(kind, side):
    """Is its stop price reached from below?"""
    stops = kind == lay.TYPE_STOP_LOSS or kind == lay.TYPE_STOP_LOSS_LIMIT
    return stops == (side == lay.SIDE_BUY)


@hot(inline=True)
def would_trigger(world, symbol, kind, side, stop_px):
    """Has the last price passed the stop price already?"""
    last = symbols_of(world)["last_px"][symbol]
    if not is_algo(kind) or stop_px == 0 or last == 0:
        return False
    return last >= stop_px if triggers_up(kind, side) else last <= stop_px


@hot(inline=True)
def would_take(world, symbol, side, px):
    """Does the other side's best price meet `px`?"""
    opposite_row = lay.BOOKS * symbol + 1 - side
    best = depths_of(world)[opposite_row] - 1
    return best >= 0 and keys_of(world)[opposite_row, best] >= -key_of(side, px)


@hot
def arm(world, slot):
    """Put a contingent order into the trigger book; False when there is no room."""
    orders = orders_of(world)
    symbols = symbols_of(world)
    symbol = orders["symbol"][slot]
    stop_px = orders["stop_px"][slot]
    book = lay.BOOK_TRAIL
    px = 0
    if orders["trailing_bips"][slot] == 0:
        up = triggers_up(orders["type"][slot], orders["side"][slot])
        book = lay.BOOK_UP if up else lay.BOOK_DOWN
        px = stop_px
    elif stop_px == 0:
        orders["flags"][slot] |= lay.F_TRACKING
        orders["trail_px"][slot] = symbols["last_px"][symbol]
    orders["shown"][slot] = orders["leaves"][slot]
    if not link(world, slot, lay.BOOKS * symbol + book, key_of(book, px), px):
        return False
    orders["flags"][slot] |= lay.F_CONTINGENT
    symbols["contingent"][symbol] += 1
    count_open(world, slot)
    return True


@hot
def _trigger(world, slot, px):
    """The condition of a contingent order was met by a trade at `px`."""
    orders = orders_of(world)
    unlink(world, slot)
    symbols_of(world)["contingent"][orders["symbol"][slot]] -= 1
    orders["flags"][slot] &= ~lay.F_CONTINGENT
    row = order_event(world, lay.EV_TRIGGERED, slot, 0)
    events_of(world)["px"][row] = px
    if orders["list"][slot] != lay.NONE:
        touch_leg(world, slot)
    enqueue(world, slot)


@hot
def _trails(world, slot, px):
    """Follow a trade at `px`; True when the order is triggered by it."""
    orders = orders_of(world)
    side = orders["side"][slot]
    if orders["flags"][slot] & lay.F_TRACKING == 0:
        stop_px = orders["stop_px"][slot]
        up = triggers_up(orders["type"][slot], side)
        if px < stop_px if up else px > stop_px:
            return False
        orders["flags"][slot] |= lay.F_TRACKING
        orders["trail_px"][slot] = px
        return False
    extreme = orders["trail_px"][slot]
    bips = orders["trailing_bips"][slot]
    if side == lay.SIDE_BUY:
        if extreme == 0 or px < extreme:
            orders["trail_px"][slot] = px
            return False
        return px * lay.BIPS_UNIT >= extreme * (lay.BIPS_UNIT + bips)
    if px > extreme:
        orders["trail_px"][slot] = px
        return False
    return px * lay.BIPS_UNIT <= extreme * (lay.BIPS_UNIT - bips)


@hot
def _show_price(world, symbol, px):
    """Let the trigger book see one price."""
    keys = keys_of(world)
    rows = rows_of(world)
    depths = depths_of(world)
    levels = levels_of(world)
    orders = orders_of(world)
    for book in range(lay.BOOK_UP, lay.BOOK_TRAIL):
        side_row = lay.BOOKS * symbol + book
        key = key_of(book, px)
        while depths[side_row] > 0 and keys[side_row, depths[side_row] - 1] >= key:
            _trigger(world, levels["head"][rows[side_row, depths[side_row] - 1]], px)
    side_row = lay.BOOKS * symbol + lay.BOOK_TRAIL
    if depths[side_row] == 0:
        return
    slot = levels["head"][rows[side_row, 0]]
    while slot != lay.NONE:
        if _trails(world, slot, px):
            # Its pair's other leg, which may stand next in this queue, has ended: begin again. To
            # see a price twice changes nothing.
            _trigger(world, slot, px)
            slot = lay.NONE
            if depths[side_row] > 0:
                slot = levels["head"][rows[side_row, 0]]
        else:
            slot = orders["next"][slot]


@hot
def show_trades(world, symbol, first_event):
    """Let the trigger book see the trades told since event `first_event`."""
    if symbols_of(world)["contingent"][symbol] == 0:
        return
    events = events_of(world)
    seen = 0
    for row in range(first_event, counters_of(world)[lay.C_EVENTS]):
        if events["kind"][row] == lay.EV_TRADE and events["px"][row] != seen:
            seen = events["px"][row]
            _show_price(world, symbol, seen)


@hot
def fund_market_buy(world, slot):
    """A market buy that waited: its reserve anew, by today's book. False = funds are short."""
    orders = orders_of(world)
    symbols = symbols_of(world)
    symbol = orders["symbol"][slot]
    account = orders["account"][slot]
    keep_reserve(world, slot, 0)
    opposite_row = lay.BOOKS * symbol + lay.SIDE_SELL
    _, money, status, _, _ = plan(
        world, symbol, opposite_row, lay.PX_ANY_KEY, orders["leaves"][slot], 0, account,
        orders["stp"][slot],
    )  # fmt: skip
    asset = symbols["quote"][symbol]
    if status != OK or free_of(world)[account, asset] < money:
        return False
    free_of(world)[account, asset] -= money
    locked_of(world)[account, asset] += money
    orders["reserved"][slot] = money
    return True


@hot
def _rest(world, slot):
    """Put what is open of an order on its book; False when there is no room."""
    orders = orders_of(world)
    symbol = orders["symbol"][slot]
    side = orders["side"][slot]
    px = orders["px"][slot]
    leaves = orders["leaves"][slot]
    visible = orders["iceberg_qty"][slot]
    orders["shown"][slot] = leaves if visible == 0 else min(visible, leaves)
    if not link(world, slot, lay.BOOKS * symbol + side, key_of(side, px), px):
        return False
    if counters_of(world)[lay.C_CHECK_FUNDS] != 0:
        need = need_of(world, slot)
        # A leg of a pair has no reserve of its own: the list holds it.
        if orders["reserved"][slot] > need:
            keep_reserve(world, slot, need)
        count_open(world, slot)
    emit_shown(world, lay.EV_L3_ADD, slot, 0)
    emit_level(world, symbol, side, px, levels_of(world)["qty"][orders["level"][slot]])
    return True


@hot
def _end(world, slot, kind, reason, filled):
    """An order that ran is over."""
    if counters_of(world)[lay.C_CHECK_FUNDS] != 0:
        keep_reserve(world, slot, 0)
    order_event(world, kind, slot, reason)
    if orders_of(world)["list"][slot] != lay.NONE:
        end_leg(world, slot, filled)
    free_order(world, slot)


@hot
def run(world, slot, spent, now_ns):
    """Let an order trade with the book, then rest or end; 1 = it rests.

    `spent` 1: an order by quote amount that cannot get all it asked for, so it expires at its end.
    """
    orders = orders_of(world)
    symbols = symbols_of(world)
    counters = counters_of(world)
    uncount(world, slot)
    symbol = orders["symbol"][slot]
    side = orders["side"][slot]
    account = orders["account"][slot]
    kind = orders["type"][slot]
    tif = orders["tif"][slot]
    stp = orders["stp"][slot]
    leaves = orders["leaves"][slot]
    market = is_market(kind)
    limit_key = lay.PX_ANY_KEY if market else -key_of(side, orders["px"][slot])
    first_event = counters[lay.C_EVENTS]
    whole = True
    if tif == lay.TIF_FOK and not market and kind != lay.TYPE_POST_ONLY:
        row = lay.BOOKS * symbol + 1 - side
        _, _, _, dry, meets = plan(world, symbol, row, limit_key, leaves, 0, account, stp)
        whole = dry == 0 and meets == 0
    stopped = 0
    left = leaves
    if whole:
        left, paid, moved, prevented, stopped = take(
            world, symbol, side, account, orders["order_id"][slot], orders["tag"][slot],
            limit_key, leaves, stp, now_ns,
        )  # fmt: skip
        orders["leaves"][slot] = left
        orders["prevented"][slot] += prevented
        if counters[lay.C_CHECK_FUNDS] != 0:
            used = paid if side == lay.SIDE_BUY else moved * symbols["base_mul"][symbol]
            orders["reserved"][slot] -= used
    rests = 0
    stays = not market and (tif == lay.TIF_GTC or kind == lay.TYPE_POST_ONLY)
    if left == 0 and stopped != 0:
        _end(world, slot, lay.EV_EXPIRED, lay.REASON_STP, False)
    elif left == 0 and spent == 0:
        _end(world, slot, lay.EV_FILLED, lay.REASON_NONE, True)
    elif left == 0 or not stays:
        _end(world, slot, lay.EV_EXPIRED, lay.REASON_NONE, False)
    elif _rest(world, slot):
        rests = 1
    else:
        _end(world, slot, lay.EV_EXPIRED, lay.REASON_POOL_FULL, False)
    show_trades(world, symbol, first_event)
    return rests


@hot
def _placed_reason(world, slot):
    """Why a pending leg cannot be placed now."""
    orders = orders_of(world)
    symbol = orders["symbol"][slot]
    side = orders["side"][slot]
    kind = orders["type"][slot]
    if would_trigger(world, symbol, kind, side, orders["stop_px"][slot]):
        return lay.REASON_WOULD_TRIGGER
    if kind == lay.TYPE_POST_ONLY and would_take(world, symbol, side, orders["px"][slot]):
        return lay.REASON_WOULD_TAKE
    return lay.REASON_NONE


@hot
def _start(world, slot, now_ns):
    """An order whose turn in the queue has come, or a pending leg that was placed."""
    orders = orders_of(world)
    checks = counters_of(world)[lay.C_CHECK_FUNDS] != 0
    buys = orders["side"][slot] == lay.SIDE_BUY
    if is_market(orders["type"][slot]) and buys and checks and not fund_market_buy(world, slot):
        uncount(world, slot)
        _end(world, slot, lay.EV_EXPIRED, lay.REASON_NO_FUNDS, False)
    else:
        run(world, slot, 0, now_ns)


@hot
def _place_leg(world, slot, now_ns):
    """A pending leg, allowed to be placed: into the trigger book, or it runs."""
    orders = orders_of(world)
    contingent = is_algo(orders["type"][slot])
    wait = lay.WAIT_TRIGGER if contingent else lay.WAIT_NOTHING
    orders["flags"][slot] &= ~lay.F_PENDING
    order_event(world, lay.EV_PLACED, slot, wait)
    if not contingent:
        _start(world, slot, now_ns)
        return
    uncount(world, slot)
    if not arm(world, slot):
        _end(world, slot, lay.EV_EXPIRED, lay.REASON_POOL_FULL, False)


@hot
def _place_pending(world, slot, now_ns):
    """The working order of a list is filled: place its pending leg, or both, or neither."""
    orders = orders_of(world)
    lists = lists_of(world)
    row = orders["list"][slot]
    list_id = lists["list_id"][row]
    second = lists["second"][row]
    reason = _placed_reason(world, slot)
    if reason == lay.REASON_NONE and second != lay.NONE:
        reason = _placed_reason(world, second)
    if reason != lay.REASON_NONE:
        close_pair(world, row, lay.EV_EXPIRED, reason)
        finish_list(world, row)
        return
    _place_leg(world, slot, now_ns)
    if second != lay.NONE and lists["list_id"][row] == list_id and lists["second"][row] == second:
        _place_leg(world, second, now_ns)


@hot
def drain(world, now_ns):
    """Run what was triggered or placed, and what that triggers, until nothing is left."""
    counters = counters_of(world)
    orders = orders_of(world)
    while counters[lay.C_QUEUE_HEAD] != lay.NONE:
        slot = counters[lay.C_QUEUE_HEAD]
        following = orders["next"][slot]
        counters[lay.C_QUEUE_HEAD] = following
        if following == lay.NONE:
            counters[lay.C_QUEUE_TAIL] = lay.NONE
        if orders["flags"][slot] & lay.F_PENDING:
            _place_pending(world, slot, now_ns)
        else:
            _start(world, slot, now_ns)
