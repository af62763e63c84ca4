"""How orders begin and end to count: reserves, open counts, order lists, what runs next.

An order's reserve is money locked for what is still open of it. The two legs of an OCO share one,
the larger need of the two, which stands in their list's row as long as both live. A list's rules
are Binance's: a leg that is filled in part or triggered ends the other one; a working order that
is filled places its pending legs; one that ends without ends them; any cancel cancels the list.
"""

from __future__ import annotations

from oms.exchange.engine import layout_hot as lay
from oms.exchange.engine.book_hot import (
    counters_of,
    emit,
    emit_level,
    emit_shown,
    free_of,
    free_order,
    lists_of,
    locked_of,
    notional,
    open_counts_of,
    open_totals_of,
    order_event,
    orders_of,
    symbols_of,
    unlink,
)
from shm_layout.jit import hot
from shm_layout.money import ROUND_UP


@hot(inline=True)
def is_algo(kind):
    """A contingent kind."""
    return kind >= lay.TYPE_STOP_LOSS


@hot(inline=True)
def is_market(kind):
    """Trades at any price once it runs."""
    return kind == lay.TYPE_MARKET or kind == lay.TYPE_STOP_LOSS or kind == lay.TYPE_TAKE_PROFIT


@hot(inline=True)
def need_of(world, slot):
    """Money that what is open of an order needs at most; scale of the asset that it pays."""
    orders = orders_of(world)
    symbols = symbols_of(world)
    symbol = orders["symbol"][slot]
    leaves = orders["leaves"][slot]
    if orders["side"][slot] != lay.SIDE_BUY:
        return leaves * symbols["base_mul"][symbol]
    need, _ = notional(symbols, symbol, orders["px"][slot], leaves, ROUND_UP)
    return need


@hot(inline=True)
def pays_asset(world, slot):
    """Row of the asset that an order pays with."""
    orders = orders_of(world)
    symbols = symbols_of(world)
    symbol = orders["symbol"][slot]
    buys = orders["side"][slot] == lay.SIDE_BUY
    return symbols["quote"][symbol] if buys else symbols["base"][symbol]


@hot(inline=True)
def unlock(world, account, asset, amount):
    """Give locked money back."""
    locked_of(world)[account, asset] -= amount
    free_of(world)[account, asset] += amount


@hot(inline=True)
def keep_reserve(world, slot, need):
    """Unlock what an order's reserve has beyond `need`."""
    orders = orders_of(world)
    over = orders["reserved"][slot] - need
    if over != 0:
        unlock(world, orders["account"][slot], pays_asset(world, slot), over)
        orders["reserved"][slot] = need


@hot(inline=True)
def _count(world, slot, account, symbol, more):
    """The open orders on its symbol, and on all symbols, are so many more."""
    orders = orders_of(world)
    counts = open_counts_of(world)
    totals = open_totals_of(world)
    counts[account, symbol, lay.N_ORDERS] += more
    totals[account, lay.N_ORDERS] += more
    if is_algo(orders["type"][slot]):
        counts[account, symbol, lay.N_ALGO] += more
        totals[account, lay.N_ALGO] += more
    if orders["iceberg_qty"][slot] > 0:
        counts[account, symbol, lay.N_ICEBERG] += more
        totals[account, lay.N_ICEBERG] += more


@hot
def count_list(world, account, symbol, more):
    """The open order lists are so many more."""
    if counters_of(world)[lay.C_CHECK_FUNDS] != 0:
        open_counts_of(world)[account, symbol, lay.N_LISTS] += more
        open_totals_of(world)[account, lay.N_LISTS] += more


@hot
def count_open(world, slot):
    """From now on it counts as open."""
    if counters_of(world)[lay.C_CHECK_FUNDS] == 0:
        return
    orders = orders_of(world)
    counts = open_counts_of(world)
    account = orders["account"][slot]
    symbol = orders["symbol"][slot]
    orders["flags"][slot] |= lay.F_COUNTED
    _count(world, slot, account, symbol, 1)
    if orders["side"][slot] == lay.SIDE_BUY:
        counts[account, symbol, lay.N_BUY_QTY] += orders["leaves"][slot]


@hot
def uncount(world, slot):
    """It does not count any more: it ended, or it is about to run."""
    orders = orders_of(world)
    if orders["flags"][slot] & lay.F_COUNTED == 0:
        return
    counts = open_counts_of(world)
    account = orders["account"][slot]
    symbol = orders["symbol"][slot]
    orders["flags"][slot] &= ~lay.F_COUNTED
    _count(world, slot, account, symbol, -1)
    if orders["side"][slot] == lay.SIDE_BUY:
        counts[account, symbol, lay.N_BUY_QTY] -= orders["leaves"][slot]


@hot(inline=True)
def drop_open_qty(world, slot, qty):
    """`qty` of an open order is open no more."""
    orders = orders_of(world)
    if orders["flags"][slot] & lay.F_COUNTED and orders["side"][slot] == lay.SIDE_BUY:
        counts = open_counts_of(world)
        counts[orders["account"][slot], orders["symbol"][slot], lay.N_BUY_QTY] -= qty


@hot
def close_order(world, slot, kind, reason):
    """End an order wherever it is: off its book, reserve back, one event, slot free.

    The list that it belongs to is the caller's.
    """
    orders = orders_of(world)
    counters = counters_of(world)
    if counters[lay.C_CHECK_FUNDS] != 0:
        uncount(world, slot)
        keep_reserve(world, slot, 0)
    symbol = orders["symbol"][slot]
    side = orders["side"][slot]
    px = orders["px"][slot]
    on_book = orders["level"][slot] != lay.NONE
    contingent = orders["flags"][slot] & lay.F_CONTINGENT
    total = 0
    if on_book:
        total = unlink(world, slot)
    if contingent:
        symbols_of(world)["contingent"][symbol] -= 1
    order_event(world, kind, slot, reason)
    if on_book and not contingent:
        emit_shown(world, lay.EV_L3_REMOVE, slot, 0)
        emit_level(world, symbol, side, px, total)
    free_order(world, slot)


@hot
def enqueue(world, slot):
    """Let an order run after what runs now; it is on no book."""
    counters = counters_of(world)
    orders = orders_of(world)
    tail = counters[lay.C_QUEUE_TAIL]
    orders["next"][slot] = lay.NONE
    if tail == lay.NONE:
        counters[lay.C_QUEUE_HEAD] = slot
    else:
        orders["next"][tail] = slot
    counters[lay.C_QUEUE_TAIL] = slot


@hot
def list_event(world, row, status):
    """EV_LIST with the number of legs that stand."""
    lists = lists_of(world)
    legs = 0
    legs += lists["working"][row] != lay.NONE
    legs += lists["first"][row] != lay.NONE
    legs += lists["second"][row] != lay.NONE
    emit(
        world, lay.EV_LIST, lists["symbol"][row], 0, lists["account"][row], lists["list_id"][row],
        0, lists["kind"][row], legs, lists["tag"][row], row, status,
    )  # fmt: skip


@hot
def finish_list(world, row):
    """Tell that a list is done, and free its row, when no leg is left."""
    lists = lists_of(world)
    counters = counters_of(world)
    if (
        lists["working"][row] != lay.NONE
        or lists["first"][row] != lay.NONE
        or lists["second"][row] != lay.NONE
    ):
        return
    list_event(world, row, lay.LIST_DONE)
    count_list(world, lists["account"][row], lists["symbol"][row], -1)
    lists["list_id"][row] = 0
    lists["second"][row] = counters[lay.C_FREE_LIST]
    counters[lay.C_FREE_LIST] = row
    counters[lay.C_LIVE_LISTS] -= 1


@hot
def split_pair(world, row, heir):
    """The pair's shared reserve goes to the leg `heir`, what it does not need is unlocked."""
    lists = lists_of(world)
    orders = orders_of(world)
    if counters_of(world)[lay.C_CHECK_FUNDS] != 0:
        orders["reserved"][heir] += lists["reserved"][row]
        lists["reserved"][row] = 0
        keep_reserve(world, heir, need_of(world, heir))


@hot
def touch_leg(world, slot):
    """A leg is about to be filled, prevented or triggered: the other leg of its pair ends."""
    orders = orders_of(world)
    lists = lists_of(world)
    row = orders["list"][slot]
    first = lists["first"][row]
    second = lists["second"][row]
    if first == lay.NONE or second == lay.NONE or slot == lists["working"][row]:
        return
    split_pair(world, row, slot)
    if slot == first:
        lists["second"][row] = lay.NONE
        close_order(world, second, lay.EV_EXPIRED, lay.REASON_LIST)
    else:
        lists["first"][row] = lay.NONE
        close_order(world, first, lay.EV_EXPIRED, lay.REASON_LIST)


@hot
def close_pair(world, row, kind, reason):
    """End the legs `first` and `second`, those that there are."""
    lists = lists_of(world)
    first = lists["first"][row]
    second = lists["second"][row]
    if first != lay.NONE and second != lay.NONE:
        split_pair(world, row, first)
    lists["first"][row] = lay.NONE
    lists["second"][row] = lay.NONE
    if first != lay.NONE:
        close_order(world, first, kind, reason)
    if second != lay.NONE:
        close_order(world, second, kind, reason)


@hot
def end_leg(world, slot, filled):
    """A leg has ended; its order row is still there. What its list does about it."""
    orders = orders_of(world)
    lists = lists_of(world)
    row = orders["list"][slot]
    if slot == lists["working"][row]:
        lists["working"][row] = lay.NONE
        if filled:
            list_event(world, row, lay.LIST_UPDATED)
            enqueue(world, lists["first"][row])
            return
        close_pair(world, row, lay.EV_EXPIRED, lay.REASON_LIST)
    else:
        other = lists["first"][row] if slot == lists["second"][row] else lists["second"][row]
        if other != lay.NONE:
            split_pair(world, row, other)
            close_order(world, other, lay.EV_EXPIRED, lay.REASON_LIST)
        lists["first"][row] = lay.NONE
        lists["second"][row] = lay.NONE
    finish_list(world, row)


@hot
def cancel_list(world, row):
    """Every leg that there is, in order."""
    lists = lists_of(world)
    working = lists["working"][row]
    if working != lay.NONE:
        lists["working"][row] = lay.NONE
        close_order(world, working, lay.EV_CANCELED, lay.REASON_NONE)
    close_pair(world, row, lay.EV_CANCELED, lay.REASON_NONE)
    finish_list(world, row)
