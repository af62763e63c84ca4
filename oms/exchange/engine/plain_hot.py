"""The fast path: limit orders and cancels where nothing else is in force, in one go.

Without balances and L3 events, on a market that trades, without filters, average price, icebergs,
lists and contingent orders, a limit order and a cancel are what Liquibook's book knows, and are
done here with the arrays held, instead of step by step. Events and books are those of the long
way (a test tells both the same commands); what is not plain is left to it before anything happens.
"""

from __future__ import annotations

from oms.exchange.engine import layout_hot as lay
from oms.exchange.engine.book_hot import (
    commands_of,
    counters_of,
    depths_of,
    events_of,
    free_slot,
    key_of,
    keys_of,
    level_row,
    levels_of,
    notional,
    orders_of,
    remove_level,
    rows_of,
    symbols_of,
    unlink_from_queue,
    write_event,
)
from shm_layout.jit import hot
from shm_layout.money_hot import ROUND_DOWN


@hot(inline=True)
def is_plain_engine(counters):
    """May any command go the fast path?"""
    return (
        counters[lay.C_CHECK_FUNDS] == 0
        and counters[lay.C_L3] == 0
        and counters[lay.C_LIVE_PARTS] == 0
        and counters[lay.C_LIVE_LISTS] == 0
    )


@hot
def plain_cancel(world, at):
    """The cancel in row `at`; False = it is not plain, and nothing was done."""
    commands = commands_of(world)
    counters = counters_of(world)
    symbols = symbols_of(world)
    orders = orders_of(world)
    levels = levels_of(world)
    events = events_of(world)
    symbol = commands["symbol"][at]
    slot = commands["slot"][at]
    order_id = commands["order_id"][at]
    if symbols["state"][symbol] != lay.STATE_TRADING or commands["mode"][at] != lay.RESTRICT_NONE:
        return False
    event = counters[lay.C_EVENTS]
    there = 0 <= slot < orders.shape[0] and order_id > 0
    if not there or orders["order_id"][slot] != order_id or orders["symbol"][slot] != symbol:
        write_event(
            events, event, lay.EV_CANCEL_REJECTED, symbol, 0, commands["account"][at], order_id,
            0, 0, 0, 0, commands["tag"][at], lay.NONE, lay.REASON_UNKNOWN_ORDER,
        )  # fmt: skip
        counters[lay.C_EVENTS] = event + 1
        return True
    row = orders["level"][slot]
    if row == lay.NONE or orders["flags"][slot] != 0:
        return False
    side = orders["side"][slot]
    px = orders["px"][slot]
    leaves = orders["leaves"][slot]
    unlink_from_queue(world, slot, row)
    total = levels["qty"][row] - leaves
    levels["qty"][row] = total
    if levels["head"][row] == lay.NONE:
        side_row = orders["book"][slot]
        keys = keys_of(world)
        key = key_of(side, px)
        place = depths_of(world)[side_row] - 1
        while keys[side_row, place] != key:
            place -= 1
        remove_level(world, side_row, place)
    orders["level"][slot] = lay.NONE
    write_event(
        events, event, lay.EV_CANCELED, symbol, side, orders["account"][slot], order_id, px,
        orders["qty"][slot], leaves, 0, orders["tag"][slot], slot, lay.REASON_NONE,
    )  # fmt: skip
    update_id = symbols["update_id"][symbol] + 1
    symbols["update_id"][symbol] = update_id
    write_event(
        events, event + 1, lay.EV_LEVEL, symbol, side, lay.NONE, 0, px, 0, total, update_id, 0,
        lay.NONE, 0,
    )  # fmt: skip
    counters[lay.C_EVENTS] = event + 2
    free_slot(counters, orders, slot)
    return True


@hot(inline=True)
def _is_plain_order(world, at, symbol, side):
    """Is the new order in row `at` a limit order, right in itself, of a plain market with room?"""
    commands = commands_of(world)
    symbols = symbols_of(world)
    counters = counters_of(world)
    px = commands["px"][at]
    qty = commands["qty"][at]
    if commands["order_type"][at] != lay.TYPE_LIMIT or commands["tif"][at] != lay.TIF_GTC:
        return False
    if symbols["state"][symbol] != lay.STATE_TRADING or symbols["filtered"][symbol] != 0:
        return False
    if symbols["average_on"][symbol] != 0 or symbols["contingent"][symbol] != 0:
        return False
    if px <= 0 or px > lay.PX_LIMIT or qty <= 0 or qty > symbols["qty_limit"][symbol]:
        return False
    if side < 0 or side > 1 or commands["stp"][at] != lay.STP_NONE:
        return False
    if commands["quote_qty"][at] | commands["stop_px"][at] | commands["iceberg_qty"][at] != 0:
        return False
    if counters[lay.C_FREE_ORDER] == lay.NONE or counters[lay.C_FREE_LEVEL] == lay.NONE:
        return False
    full = depths_of(world)[lay.BOOKS * symbol + side] == keys_of(world).shape[1]
    return commands["trailing_bips"][at] == 0 and not full


@hot
def plain_order(world, at):
    """The new order in row `at`; False = it is not plain, and nothing was done."""
    commands = commands_of(world)
    symbol = commands["symbol"][at]
    side = commands["side"][at]
    if not _is_plain_order(world, at, symbol, side):
        return False
    counters = counters_of(world)
    events = events_of(world)
    symbols = symbols_of(world)
    account = commands["account"][at]
    px = commands["px"][at]
    qty = commands["qty"][at]
    tag = commands["tag"][at]
    order_id = counters[lay.C_NEXT_ORDER_ID]
    counters[lay.C_NEXT_ORDER_ID] = order_id + 1
    accepted = counters[lay.C_EVENTS]
    counters[lay.C_EVENTS] = accepted + 1
    write_event(
        events, accepted, lay.EV_ACCEPTED, symbol, side, account, order_id, px, qty, qty, 0, tag,
        lay.NONE, lay.WAIT_NOTHING,
    )  # fmt: skip
    orders = orders_of(world)
    slot = counters[lay.C_FREE_ORDER]
    counters[lay.C_FREE_ORDER] = orders["next"][slot]
    counters[lay.C_LIVE_ORDERS] += 1
    left = _take(world, symbol, side, account, order_id, tag, px, qty)
    event = counters[lay.C_EVENTS]
    counters[lay.C_EVENTS] = event + 1
    if left == 0:
        write_event(
            events, event, lay.EV_FILLED, symbol, side, account, order_id, px, qty, 0, 0, tag, slot,
            lay.REASON_NONE,
        )  # fmt: skip
        free_slot(counters, orders, slot)
        return True
    events["slot"][accepted] = slot
    total = _rest(world, at, slot, order_id, left)
    update_id = symbols["update_id"][symbol] + 1
    symbols["update_id"][symbol] = update_id
    write_event(
        events, event, lay.EV_LEVEL, symbol, side, lay.NONE, 0, px, 0, total, update_id, 0,
        lay.NONE, 0,
    )  # fmt: skip
    return True


@hot(inline=True)
def _take(world, symbol, side, account, order_id, tag, limit_px, qty):
    """Match against the other side; the quantity left."""
    counters = counters_of(world)
    symbols = symbols_of(world)
    orders = orders_of(world)
    levels = levels_of(world)
    events = events_of(world)
    keys = keys_of(world)
    depths = depths_of(world)
    side_row = lay.BOOKS * symbol + 1 - side
    limit_key = -key_of(side, limit_px)
    left = qty
    while left > 0:
        place = depths[side_row] - 1
        if place < 0 or keys[side_row, place] < limit_key:
            break
        row = rows_of(world)[side_row, place]
        px = levels["px"][row]
        total = levels["qty"][row]
        slot = levels["head"][row]
        event = counters[lay.C_EVENTS]
        trade_id = symbols["trade_id"][symbol]
        while left > 0 and slot != lay.NONE:
            leaves = orders["leaves"][slot]
            fill = min(left, leaves)
            left -= fill
            leaves -= fill
            total -= fill
            trade_id += 1
            write_event(
                events, event, lay.EV_TRADE, symbol, side, account, order_id, px, fill, left, 0,
                tag, lay.NONE, 0,
            )  # fmt: skip
            events["trade_id"][event] = trade_id
            events["maker_order_id"][event] = orders["order_id"][slot]
            events["maker_leaves"][event] = leaves
            events["maker_slot"][event] = slot
            events["maker_account"][event] = orders["account"][slot]
            quote, _ = notional(symbols, symbol, px, fill, ROUND_DOWN)
            events["quote"][event] = quote
            event += 1
            orders["leaves"][slot] = leaves
            orders["shown"][slot] = leaves
            if leaves == 0:
                younger = orders["next"][slot]
                orders["level"][slot] = lay.NONE
                free_slot(counters, orders, slot)
                slot = younger
        symbols["trade_id"][symbol] = trade_id
        symbols["last_px"][symbol] = px
        levels["qty"][row] = total
        levels["head"][row] = slot
        if slot == lay.NONE:
            remove_level(world, side_row, place)
        else:
            orders["prev"][slot] = lay.NONE
        update_id = symbols["update_id"][symbol] + 1
        symbols["update_id"][symbol] = update_id
        write_event(
            events, event, lay.EV_LEVEL, symbol, 1 - side, lay.NONE, 0, px, 0, total, update_id, 0,
            lay.NONE, 0,
        )  # fmt: skip
        counters[lay.C_EVENTS] = event + 1
    return left


@hot(inline=True)
def _rest(world, at, slot, order_id, left):
    """Write the order and put it at the end of its level; the level's total."""
    commands = commands_of(world)
    orders = orders_of(world)
    levels = levels_of(world)
    symbol = commands["symbol"][at]
    side = commands["side"][at]
    px = commands["px"][at]
    side_row = lay.BOOKS * symbol + side
    row = level_row(world, side_row, key_of(side, px), px)
    tail = levels["tail"][row]
    orders["order_id"][slot] = order_id
    orders["px"][slot] = px
    orders["leaves"][slot] = left
    orders["shown"][slot] = left
    orders["reserved"][slot] = 0
    orders["next"][slot] = lay.NONE
    orders["prev"][slot] = tail
    orders["level"][slot] = row
    orders["account"][slot] = commands["account"][at]
    orders["symbol"][slot] = symbol
    orders["side"][slot] = side
    orders["stp"][slot] = lay.STP_NONE
    orders["tag"][slot] = commands["tag"][at]
    orders["qty"][slot] = commands["qty"][at]
    orders["prevented"][slot] = 0
    orders["stop_px"][slot] = 0
    orders["trail_px"][slot] = 0
    orders["iceberg_qty"][slot] = 0
    orders["list"][slot] = lay.NONE
    orders["book"][slot] = side_row
    orders["trailing_bips"][slot] = 0
    orders["flags"][slot] = 0
    orders["amends"][slot] = 0
    orders["type"][slot] = lay.TYPE_LIMIT
    orders["tif"][slot] = lay.TIF_GTC
    if tail == lay.NONE:
        levels["head"][row] = slot
    else:
        orders["next"][tail] = slot
    levels["tail"][row] = slot
    levels["qty"][row] += left
    return levels["qty"][row]
