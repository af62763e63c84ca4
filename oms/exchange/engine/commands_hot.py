"""Commands of accounts: new orders, cancels, amends, cancel-replaces.

A command is refused before it changes anything, in this order: market state, shape, filters, what
the book says (a post-only order that would take, a stop that would trigger), room, funds.
"""

from __future__ import annotations

from oms.exchange.engine import layout_hot as lay
from oms.exchange.engine.book_hot import (
    commands_of,
    counters_of,
    depths_of,
    emit,
    emit_level,
    emit_shown,
    events_of,
    free_of,
    iceberg_parts,
    keys_of,
    levels_of,
    lists_of,
    locked_of,
    notional,
    order_event,
    orders_of,
    symbols_of,
    take_slot,
)
from oms.exchange.engine.ends_hot import (
    cancel_list,
    close_order,
    drop_open_qty,
    is_algo,
    is_market,
    keep_reserve,
    need_of,
    unlock,
)
from oms.exchange.engine.fills_hot import plan
from oms.exchange.engine.filters_hot import (
    lot_reason,
    may_stay,
    notional_reason,
    order_reason,
    state_reason,
)
from oms.exchange.engine.orders_hot import arm, run, triggers_up, would_take, would_trigger
from shm_layout.jit import hot
from shm_layout.money import ROUND_UP
from shm_layout.money_hot import OK


@hot
def refuse(world, at, reason):
    """EV_REJECTED for the new order or list in row `at`."""
    commands = commands_of(world)
    emit(
        world, lay.EV_REJECTED, commands["symbol"][at], commands["side"][at],
        commands["account"][at], 0, commands["px"][at], commands["qty"][at], 0,
        commands["tag"][at], lay.NONE, reason,
    )  # fmt: skip


@hot(inline=True)
def basis_px(world, at):
    """The price that an order is reserved at: its own, or its trigger's, or the last one."""
    commands = commands_of(world)
    if not is_market(commands["order_type"][at]):
        return commands["px"][at]
    if commands["order_type"][at] == lay.TYPE_MARKET:
        return 0
    if commands["stop_px"][at] > 0:
        return commands["stop_px"][at]
    return symbols_of(world)["last_px"][commands["symbol"][at]]


@hot(inline=True)
def need_by_terms(world, at):
    """(money that the order in row `at` may need at its own price, asset row, status)."""
    commands = commands_of(world)
    symbols = symbols_of(world)
    symbol = commands["symbol"][at]
    qty = commands["qty"][at]
    if commands["side"][at] != lay.SIDE_BUY:
        return qty * symbols["base_mul"][symbol], symbols["base"][symbol], OK
    money, status = notional(symbols, symbol, basis_px(world, at), qty, ROUND_UP)
    return money, symbols["quote"][symbol], status


@hot(inline=True)
def room_reason(world, at):
    """Is there a slot, a level and room for the events of an iceberg's parts?"""
    commands = commands_of(world)
    counters = counters_of(world)
    symbol = commands["symbol"][at]
    kind = commands["order_type"][at]
    if counters[lay.C_FREE_ORDER] == lay.NONE:
        return lay.REASON_POOL_FULL
    if may_stay(kind, commands["tif"][at]):
        book = commands["side"][at]
        if is_algo(kind):
            book = lay.BOOK_TRAIL
            if commands["trailing_bips"][at] == 0:
                book = lay.BOOK_UP if triggers_up(kind, commands["side"][at]) else lay.BOOK_DOWN
        if counters[lay.C_FREE_LEVEL] == lay.NONE:
            return lay.REASON_POOL_FULL
        if depths_of(world)[lay.BOOKS * symbol + book] == keys_of(world).shape[1]:
            return lay.REASON_POOL_FULL
    if not has_room_for_events(world, counters[lay.C_LIVE_PARTS] + parts_of(commands, at)):
        return lay.REASON_POOL_FULL
    return lay.REASON_NONE


@hot(inline=True)
def parts_of(commands, at):
    """Parts of the new order in row `at`; 0 = it is no iceberg."""
    if commands["iceberg_qty"][at] == 0:
        return 0
    return iceberg_parts(commands["qty"][at], commands["iceberg_qty"][at])


@hot(inline=True)
def has_room_for_events(world, parts):
    """Do the events of `parts` parts fit, and those of the orders that come after?"""
    if parts == 0:
        return True
    # With icebergs about, orders that come later need room, too, or a command would have none.
    needed = events_needed(world, parts) + lay.LEGS_MAX * (lay.EVENTS_PER_ORDER + 1)
    return needed <= events_of(world).shape[0]


@hot(inline=True)
def events_needed(world, parts):
    """Events that one command can cause at most."""
    counters = counters_of(world)
    of_orders = lay.EVENTS_PER_ORDER * counters[lay.C_LIVE_ORDERS] + counters[lay.C_LIVE_LEVELS]
    return of_orders + 3 * parts + lay.EVENTS_PER_COMMAND_MIN


@hot(inline=True)
def book_reason(world, at):
    """What the book says against a new order before it runs."""
    commands = commands_of(world)
    symbol = commands["symbol"][at]
    side = commands["side"][at]
    kind = commands["order_type"][at]
    if kind == lay.TYPE_POST_ONLY and would_take(world, symbol, side, commands["px"][at]):
        return lay.REASON_WOULD_TAKE
    if would_trigger(world, symbol, kind, side, commands["stop_px"][at]):
        return lay.REASON_WOULD_TRIGGER
    return lay.REASON_NONE


@hot(inline=True)
def write_order(world, at, qty, reserved, list_row):
    """A new order row from the command in row `at`; returns its slot."""
    commands = commands_of(world)
    counters = counters_of(world)
    orders = orders_of(world)
    slot = take_slot(world)
    order_id = counters[lay.C_NEXT_ORDER_ID]
    counters[lay.C_NEXT_ORDER_ID] = order_id + 1
    orders["order_id"][slot] = order_id
    orders["px"][slot] = basis_px(world, at)
    orders["leaves"][slot] = qty
    orders["shown"][slot] = qty
    orders["reserved"][slot] = reserved
    orders["level"][slot] = lay.NONE
    orders["account"][slot] = commands["account"][at]
    orders["symbol"][slot] = commands["symbol"][at]
    orders["side"][slot] = commands["side"][at]
    orders["stp"][slot] = commands["stp"][at]
    orders["tag"][slot] = commands["tag"][at]
    orders["qty"][slot] = qty
    orders["prevented"][slot] = 0
    orders["stop_px"][slot] = commands["stop_px"][at]
    orders["trail_px"][slot] = 0
    orders["iceberg_qty"][slot] = commands["iceberg_qty"][at]
    orders["list"][slot] = list_row
    orders["trailing_bips"][slot] = commands["trailing_bips"][at]
    orders["flags"][slot] = 0
    orders["amends"][slot] = 0
    orders["type"][slot] = commands["order_type"][at]
    orders["tif"][slot] = commands["tif"][at]
    counters[lay.C_LIVE_PARTS] += parts_of(commands, at)
    return slot


@hot(inline=True)
def accepted(world, at, slot, wait):
    """EV_ACCEPTED, with the price as it was given; returns its row."""
    row = order_event(world, lay.EV_ACCEPTED, slot, wait)
    events_of(world)["px"][row] = commands_of(world)["px"][at]
    return row


@hot
def _market_plan(world, at):
    """(quantity, money to lock, book is short for its quote amount 0/1, status) of a market
    order."""
    commands = commands_of(world)
    symbol = commands["symbol"][at]
    side = commands["side"][at]
    quote = commands["quote_qty"][at]
    qty = commands["qty"][at]
    got, money, status, dry, _ = plan(
        world, symbol, lay.BOOKS * symbol + 1 - side, lay.PX_ANY_KEY, qty, quote,
        commands["account"][at], commands["stp"][at],
    )  # fmt: skip
    spent = 0
    if quote > 0:
        qty = got
        spent = int(dry != 0 or got == 0)
    if side != lay.SIDE_BUY:
        money = qty * symbols_of(world)["base_mul"][symbol]
    return qty, money, spent, status


@hot
def place(world, at):
    """The new order in row `at`, whose state, shape and filters are right."""
    commands = commands_of(world)
    counters = counters_of(world)
    kind = commands["order_type"][at]
    account = commands["account"][at]
    reason = book_reason(world, at)
    if reason == lay.REASON_NONE:
        reason = room_reason(world, at)
    if reason != lay.REASON_NONE:
        return refuse(world, at, reason)
    qty = commands["qty"][at]
    spent = 0
    money, asset, status = 0, 0, OK
    if counters[lay.C_CHECK_FUNDS] != 0:
        money, asset, status = need_by_terms(world, at)
    if kind == lay.TYPE_MARKET:
        qty, money, spent, status = _market_plan(world, at)
    if status != OK:
        return refuse(world, at, lay.REASON_OVERFLOW)
    if counters[lay.C_CHECK_FUNDS] != 0:
        if free_of(world)[account, asset] < money:
            return refuse(world, at, lay.REASON_NO_FUNDS)
        free_of(world)[account, asset] -= money
        locked_of(world)[account, asset] += money
    else:
        money = 0
    slot = write_order(world, at, qty, money, lay.NONE)
    if is_algo(kind):
        accepted(world, at, slot, lay.WAIT_TRIGGER)
        arm(world, slot)
        return None
    row = accepted(world, at, slot, lay.WAIT_NOTHING)
    events_of(world)["slot"][row] = lay.NONE
    if run(world, slot, spent, commands["time_ns"][at]) != 0:
        events_of(world)["slot"][row] = slot
    return None


@hot(inline=True)
def new_order(world, at):
    """One CMD_NEW."""
    reason = order_reason(world, at, True)
    if reason != lay.REASON_NONE:
        refuse(world, at, reason)
    else:
        place(world, at)


@hot(inline=True)
def _is_there(world, at):
    """Does the command's slot hold the order that it names, of that symbol?"""
    commands = commands_of(world)
    orders = orders_of(world)
    slot = commands["slot"][at]
    order_id = commands["order_id"][at]
    if slot < 0 or slot >= orders.shape[0] or order_id <= 0:
        return False
    same = orders["symbol"][slot] == commands["symbol"][at]
    return same and orders["order_id"][slot] == order_id


@hot
def _reject_change(world, at, kind, reason):
    """EV_CANCEL_REJECTED or EV_AMEND_REJECTED."""
    commands = commands_of(world)
    emit(
        world, kind, commands["symbol"][at], 0, commands["account"][at], commands["order_id"][at],
        0, 0, 0, commands["tag"][at], lay.NONE, reason,
    )  # fmt: skip


@hot
def cancel(world, at):
    """One CMD_CANCEL, or the first half of a replace; returns the reason it failed for."""
    commands = commands_of(world)
    orders = orders_of(world)
    reason = state_reason(world, commands["symbol"][at], True)
    if reason == lay.REASON_NONE and not _is_there(world, at):
        reason = lay.REASON_UNKNOWN_ORDER
    slot = commands["slot"][at]
    if reason == lay.REASON_NONE:
        filled = orders["qty"][slot] - orders["prevented"][slot] - orders["leaves"][slot]
        restriction = commands["mode"][at] & lay.RESTRICT_MASK
        if restriction == lay.RESTRICT_ONLY_NEW and filled != 0:
            reason = lay.REASON_RESTRICTED
        if restriction == lay.RESTRICT_ONLY_PARTLY_FILLED and filled == 0:
            reason = lay.REASON_RESTRICTED
    if reason != lay.REASON_NONE:
        _reject_change(world, at, lay.EV_CANCEL_REJECTED, reason)
    elif orders["list"][slot] != lay.NONE:
        cancel_list(world, orders["list"][slot])
    else:
        close_order(world, slot, lay.EV_CANCELED, lay.REASON_NONE)
    return reason


@hot
def _amend_reason(world, at):
    commands = commands_of(world)
    orders = orders_of(world)
    symbols = symbols_of(world)
    symbol = commands["symbol"][at]
    slot = commands["slot"][at]
    qty = commands["qty"][at]
    reason = state_reason(world, symbol, False)
    if reason != lay.REASON_NONE:
        return reason
    if not _is_there(world, at):
        return lay.REASON_UNKNOWN_ORDER
    gone = orders["qty"][slot] - orders["leaves"][slot]
    if qty >= orders["qty"][slot] or qty <= gone:
        return lay.REASON_AMEND_QTY
    if symbols["filtered"][symbol] != 0:
        most = symbols["amends_max"][symbol]
        if most > 0 and orders["amends"][slot] >= most:
            return lay.REASON_MAX_AMENDS
        reason = lot_reason(symbols, symbol, qty)
        if reason == lay.REASON_NONE and not is_market(orders["type"][slot]):
            reason = notional_reason(symbols, symbol, orders["px"][slot], qty, True, True)
    return reason


@hot
def _shrink(world, slot, qty):
    """An open order's whole quantity is `qty` now; its place stays."""
    orders = orders_of(world)
    levels = levels_of(world)
    counters = counters_of(world)
    less = orders["qty"][slot] - qty
    drop_open_qty(world, slot, less)
    visible = orders["iceberg_qty"][slot]
    if visible > 0:
        before = iceberg_parts(orders["qty"][slot], visible)
        counters[lay.C_LIVE_PARTS] += iceberg_parts(qty, visible) - before
    orders["qty"][slot] = qty
    shown = orders["shown"][slot]
    hidden = orders["leaves"][slot] - shown
    leaves = orders["leaves"][slot] - less
    orders["leaves"][slot] = leaves
    orders["shown"][slot] = min(shown, leaves)
    orders["amends"][slot] += 1
    order_event(world, lay.EV_AMENDED, slot, lay.REASON_NONE)
    row = orders["level"][slot]
    if row == lay.NONE:
        return
    fewer = shown - orders["shown"][slot]
    levels["qty"][row] -= fewer
    levels["hidden"][row] -= hidden - (leaves - orders["shown"][slot])
    if fewer > 0 and orders["flags"][slot] & lay.F_CONTINGENT == 0:
        emit_shown(world, lay.EV_L3_CHANGE, slot, 0)
        emit_level(
            world, orders["symbol"][slot], orders["side"][slot], orders["px"][slot],
            levels["qty"][row],
        )  # fmt: skip


@hot
def _other_of_pair(world, slot):
    """The other leg, when both legs of a pair stand."""
    lists = lists_of(world)
    row = orders_of(world)["list"][slot]
    if row == lay.NONE or slot == lists["working"][row]:
        return lay.NONE
    return lists["first"][row] if slot == lists["second"][row] else lists["second"][row]


@hot
def amend(world, at):
    """One CMD_AMEND: quantity down in place; the legs of a pair together."""
    commands = commands_of(world)
    orders = orders_of(world)
    reason = _amend_reason(world, at)
    if reason != lay.REASON_NONE:
        _reject_change(world, at, lay.EV_AMEND_REJECTED, reason)
        return
    slot = commands["slot"][at]
    qty = commands["qty"][at]
    other = _other_of_pair(world, slot)
    _shrink(world, slot, qty)
    if other != lay.NONE:
        _shrink(world, other, qty)
    if counters_of(world)[lay.C_CHECK_FUNDS] == 0:
        return
    if other == lay.NONE:
        # A pending market buy has none reserved.
        need = need_of(world, slot)
        if orders["reserved"][slot] > need:
            keep_reserve(world, slot, need)
        return
    lists = lists_of(world)
    row = orders["list"][slot]
    need = max(need_of(world, slot), need_of(world, other))
    symbols = symbols_of(world)
    symbol = orders["symbol"][slot]
    buys = orders["side"][slot] == lay.SIDE_BUY
    asset = symbols["quote"][symbol] if buys else symbols["base"][symbol]
    unlock(world, orders["account"][slot], asset, lists["reserved"][row] - need)
    lists["reserved"][row] = need


@hot
def replace(world, at, following):
    """One CMD_REPLACE in row `at`, and its CMD_NEW in row `following`."""
    commands = commands_of(world)
    reason = order_reason(world, following, True)
    if reason != lay.REASON_NONE:
        refuse(world, following, reason)
        return
    stops = commands["mode"][at] & lay.REPLACE_MASK == lay.REPLACE_STOP_ON_FAILURE
    if cancel(world, at) != lay.REASON_NONE and stops:
        emit(
            world, lay.EV_NOT_ATTEMPTED, commands["symbol"][following],
            commands["side"][following], commands["account"][following], 0,
            commands["px"][following], commands["qty"][following], 0,
            commands["tag"][following], lay.NONE, 0,
        )  # fmt: skip
        return
    place(world, following)
