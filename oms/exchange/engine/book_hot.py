"""Books of the matching engine: its world, price levels, order slots and events.

Each symbol has five arrays of levels sorted by *key*, best last: bids (key = px), asks (key =
-px) and the trigger book (`lay.BOOK_*`). So one code serves all of them, prices have no range
limit, and what happens near the best price moves few elements. (The alternative, a ladder indexed
by tick, is faster within its window and needs a second structure outside of it.) An order knows
its level's row, so a cancel unlinks without a search unless the level empties. Orders of a level
are an intrusive list, oldest first; free orders and free levels are lists in the same arrays.
"""

from __future__ import annotations

from oms.exchange.engine import layout_hot as lay
from shm_layout.jit import WorldSpec, hot
from shm_layout.money_hot import mul_div

WORLD = WorldSpec("matching")
counters_of = WORLD.field("counters", "i8")
symbols_of = WORLD.field("symbols", lay.SYMBOL)
accounts_of = WORLD.field("accounts", lay.ACCOUNT)
orders_of = WORLD.field("orders", lay.ORDER)
levels_of = WORLD.field("levels", lay.LEVEL)
keys_of = WORLD.field("keys", "i8", ndim=2)
rows_of = WORLD.field("rows", "i4", ndim=2)
depths_of = WORLD.field("depths", "i8")
free_of = WORLD.field("free", "i8", ndim=2)
locked_of = WORLD.field("locked", "i8", ndim=2)
fees_of = WORLD.field("fees", "i8")
lists_of = WORLD.field("lists", lay.LIST)
open_counts_of = WORLD.field("open_counts", "i8", ndim=3)
open_totals_of = WORLD.field("open_totals", "i8", ndim=2)
exchange_max_of = WORLD.field("exchange_max", "i8")
asset_max_of = WORLD.field("asset_max", "i8")
tier_fees_of = WORLD.field("tier_fees", "i8", ndim=3)
coin_px_of = WORLD.field("coin_px", "i8", ndim=2)
sums_of = WORLD.field("sums", "i8", ndim=3)
commands_of = WORLD.field("commands", lay.COMMAND)
events_of = WORLD.field("events", lay.EVENT)

_LINEAR_PROBES = 8


@hot(inline=True)
def search(keys, side_row, count, key):
    """Lowest position whose key is >= `key`; begins at the best price."""
    low = 0
    at = count - 1
    stop = count - _LINEAR_PROBES
    while at >= 0 and at >= stop:
        if keys[side_row, at] < key:
            return at + 1
        at -= 1
    high = at + 1
    while low < high:
        mid = (low + high) >> 1
        if keys[side_row, mid] < key:
            low = mid + 1
        else:
            high = mid
    return low


@hot(inline=True)
def write_event(
    events, row, kind, symbol, side, account, order_id, px, qty, leaves, update_id, tag, slot,
    reason,
):  # fmt: skip
    """Every field of one event, those of a trade without meaning."""
    events["kind"][row] = kind
    events["side"][row] = side
    events["symbol"][row] = symbol
    events["account"][row] = account
    events["reason"][row] = reason
    events["order_id"][row] = order_id
    events["px"][row] = px
    events["qty"][row] = qty
    events["leaves"][row] = leaves
    events["quote"][row] = 0
    events["fee"][row] = 0
    events["maker_order_id"][row] = 0
    events["maker_leaves"][row] = 0
    events["maker_fee"][row] = 0
    events["trade_id"][row] = 0
    events["update_id"][row] = update_id
    events["tag"][row] = tag
    events["slot"][row] = slot
    events["maker_slot"][row] = lay.NONE
    events["maker_account"][row] = lay.NONE
    events["fee_asset"][row] = lay.NONE
    events["maker_fee_asset"][row] = lay.NONE


@hot(inline=True)
def emit(world, kind, symbol, side, account, order_id, px, qty, leaves, tag, slot, reason):
    """Append one event; returns its row."""
    counters = counters_of(world)
    row = counters[lay.C_EVENTS]
    counters[lay.C_EVENTS] = row + 1
    write_event(
        events_of(world), row, kind, symbol, side, account, order_id, px, qty, leaves, 0, tag, slot,
        reason,
    )  # fmt: skip
    return row


@hot
def order_event(world, kind, slot, reason):
    """One event about the order in `slot` as it is; returns its row."""
    orders = orders_of(world)
    return emit(
        world, kind, orders["symbol"][slot], orders["side"][slot], orders["account"][slot],
        orders["order_id"][slot], orders["px"][slot], orders["qty"][slot], orders["leaves"][slot],
        orders["tag"][slot], slot, reason,
    )  # fmt: skip


@hot
def emit_level(world, symbol, side, px, qty):
    """A level's new total, under the book's next update id."""
    symbols = symbols_of(world)
    update_id = symbols["update_id"][symbol] + 1
    symbols["update_id"][symbol] = update_id
    row = emit(world, lay.EV_LEVEL, symbol, side, lay.NONE, 0, px, 0, qty, 0, lay.NONE, 0)
    events_of(world)["update_id"][row] = update_id


@hot
def emit_shown(world, kind, slot, requeued):
    """EV_L3_*: what the book shows of the order in `slot`."""
    orders = orders_of(world)
    if counters_of(world)[lay.C_L3] != 0:
        emit(
            world, kind, orders["symbol"][slot], orders["side"][slot], lay.NONE,
            orders["order_id"][slot], orders["px"][slot], orders["shown"][slot], requeued, 0,
            lay.NONE, 0,
        )  # fmt: skip


@hot
def remove_level(world, side_row, at):
    """Take the level at position `at` out of its side, and free its row."""
    keys = keys_of(world)
    rows = rows_of(world)
    depths = depths_of(world)
    counters = counters_of(world)
    levels = levels_of(world)
    row = rows[side_row, at]
    last = depths[side_row] - 1
    for k in range(at, last):
        keys[side_row, k] = keys[side_row, k + 1]
        rows[side_row, k] = rows[side_row, k + 1]
    # What is free is zero: equal books are equal bytes whatever came before.
    keys[side_row, last] = 0
    rows[side_row, last] = 0
    depths[side_row] = last
    levels["tail"][row] = counters[lay.C_FREE_LEVEL]
    counters[lay.C_FREE_LEVEL] = row
    counters[lay.C_LIVE_LEVELS] -= 1


@hot
def take_slot(world):
    """A free order slot; the caller has seen that there is one."""
    counters = counters_of(world)
    slot = counters[lay.C_FREE_ORDER]
    counters[lay.C_FREE_ORDER] = orders_of(world)["next"][slot]
    counters[lay.C_LIVE_ORDERS] += 1
    return slot


@hot
def free_order(world, slot):
    """Give a slot back; the caller has unlinked it."""
    counters = counters_of(world)
    orders = orders_of(world)
    if orders["iceberg_qty"][slot] > 0:
        counters[lay.C_LIVE_PARTS] -= iceberg_parts(
            orders["qty"][slot], orders["iceberg_qty"][slot]
        )
    free_slot(counters, orders, slot)


@hot(inline=True)
def free_slot(counters, orders, slot):
    """Put a slot that held no iceberg on the list of the free."""
    orders["order_id"][slot] = 0
    orders["next"][slot] = counters[lay.C_FREE_ORDER]
    counters[lay.C_FREE_ORDER] = slot
    counters[lay.C_LIVE_ORDERS] -= 1


@hot
def iceberg_parts(qty, visible):
    """How often an iceberg shows itself at most."""
    return (qty + visible - 1) // visible


@hot
def level_row(world, side_row, key, px):
    """Row of the level with this key, made if need be; lay.NONE when there is no room."""
    counters = counters_of(world)
    keys = keys_of(world)
    rows = rows_of(world)
    depths = depths_of(world)
    levels = levels_of(world)
    count = depths[side_row]
    at = search(keys, side_row, count, key)
    if at < count and keys[side_row, at] == key:
        return rows[side_row, at]
    row = counters[lay.C_FREE_LEVEL]
    if row == lay.NONE or count == keys.shape[1]:
        return lay.NONE
    counters[lay.C_FREE_LEVEL] = levels["tail"][row]
    counters[lay.C_LIVE_LEVELS] += 1
    for k in range(count, at, -1):
        keys[side_row, k] = keys[side_row, k - 1]
        rows[side_row, k] = rows[side_row, k - 1]
    keys[side_row, at] = key
    rows[side_row, at] = row
    depths[side_row] = count + 1
    levels["px"][row] = px
    levels["qty"][row] = 0
    levels["hidden"][row] = 0
    levels["head"][row] = lay.NONE
    levels["tail"][row] = lay.NONE
    return row


@hot
def link(world, slot, side_row, key, px):
    """Put an order at the end of its level's queue; False when there is no room for the level."""
    orders = orders_of(world)
    levels = levels_of(world)
    row = level_row(world, side_row, key, px)
    if row == lay.NONE:
        return False
    tail = levels["tail"][row]
    orders["level"][slot] = row
    orders["book"][slot] = side_row
    orders["next"][slot] = lay.NONE
    orders["prev"][slot] = tail
    if tail == lay.NONE:
        levels["head"][row] = slot
    else:
        orders["next"][tail] = slot
    levels["tail"][row] = slot
    levels["qty"][row] += orders["shown"][slot]
    levels["hidden"][row] += orders["leaves"][slot] - orders["shown"][slot]
    return True


@hot
def unlink_from_queue(world, slot, row):
    """Take an order out of its level's queue; the level's totals are the caller's."""
    orders = orders_of(world)
    levels = levels_of(world)
    older = orders["prev"][slot]
    younger = orders["next"][slot]
    if older == lay.NONE:
        levels["head"][row] = younger
    else:
        orders["next"][older] = younger
    if younger == lay.NONE:
        levels["tail"][row] = older
    else:
        orders["prev"][younger] = older


@hot
def unlink(world, slot):
    """Take an order off its book, and the level with it when it was the last; the level's new
    visible total."""
    orders = orders_of(world)
    levels = levels_of(world)
    row = orders["level"][slot]
    unlink_from_queue(world, slot, row)
    total = levels["qty"][row] - orders["shown"][slot]
    levels["qty"][row] = total
    levels["hidden"][row] -= orders["leaves"][slot] - orders["shown"][slot]
    if levels["head"][row] == lay.NONE:
        side_row = orders["book"][slot]
        keys = keys_of(world)
        depths = depths_of(world)
        key = key_of(side_row % lay.BOOKS, levels["px"][row])
        remove_level(world, side_row, search(keys, side_row, depths[side_row], key))
    orders["level"][slot] = lay.NONE
    return total


@hot(inline=True)
def key_of(book, px):
    """Sort key of a price in one of a symbol's books: the best is the largest."""
    return px if book == lay.SIDE_BUY or book == lay.BOOK_DOWN else -px


@hot
def notional(symbols, symbol, px, qty, rounding):
    """Money of `qty` at `px`, scale of the quote asset; (value, OK or OVERFLOW)."""
    scaled = qty * symbols["notional_mul"][symbol]
    return mul_div(px, scaled, symbols["notional_div"][symbol], rounding)
