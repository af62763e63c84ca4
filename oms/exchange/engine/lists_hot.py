"""Order lists: OCO, OTO and OTOCO, accepted whole or refused whole (rules: Binance spot).

A list's command is followed by its legs' commands. Funds for every leg are locked at once, for
the two of a pair the larger need. The pair is one leg that waits for a better price (post-only or
take-profit) and one stop; a sell's stop stands below the other leg, a buy's above.
"""

from __future__ import annotations

from oms.exchange.engine import layout_hot as lay
from oms.exchange.engine.book_hot import (
    commands_of,
    counters_of,
    depths_of,
    events_of,
    free_of,
    keys_of,
    levels_of,
    lists_of,
    locked_of,
    orders_of,
    symbols_of,
)
from oms.exchange.engine.commands_hot import (
    accepted,
    book_reason,
    has_room_for_events,
    need_by_terms,
    parts_of,
    refuse,
    room_reason,
    write_order,
)
from oms.exchange.engine.ends_hot import count_list, count_open, is_algo, list_event
from oms.exchange.engine.filters_hot import count_reason, order_reason
from oms.exchange.engine.orders_hot import arm, run
from shm_layout.jit import hot
from shm_layout.money_hot import OK


@hot
def _row(commands, at, leg):
    """Row of a leg's command; leg 0 is the first."""
    return (at + 1 + leg) % commands.shape[0]


@hot
def _is_stop(kind):
    return kind == lay.TYPE_STOP_LOSS or kind == lay.TYPE_STOP_LOSS_LIMIT


@hot
def _pair_reason(world, first, second):
    """What is wrong with the commands of a pair's legs."""
    commands = commands_of(world)
    if commands["side"][first] != commands["side"][second]:
        return lay.REASON_BAD_SHAPE
    if commands["qty"][first] != commands["qty"][second]:
        return lay.REASON_BAD_SHAPE
    stop = first if _is_stop(commands["order_type"][first]) else second
    gain = second if stop == first else first
    kind = commands["order_type"][gain]
    if not _is_stop(commands["order_type"][stop]):
        return lay.REASON_BAD_SHAPE
    gains = kind == lay.TYPE_POST_ONLY or kind == lay.TYPE_TAKE_PROFIT
    if not gains and kind != lay.TYPE_TAKE_PROFIT_LIMIT:
        return lay.REASON_BAD_SHAPE
    gain_px = commands["px"][gain]
    if kind != lay.TYPE_POST_ONLY:
        gain_px = commands["stop_px"][gain]
    stop_px = commands["stop_px"][stop]
    if gain_px > 0 and stop_px > 0:
        below = stop_px < gain_px
        if stop_px == gain_px or below != (commands["side"][first] == lay.SIDE_SELL):
            return lay.REASON_LIST_PRICES
    return lay.REASON_NONE


@hot
def _legs_reason(world, at, legs):
    """Each leg by itself, and all of them as a list."""
    commands = commands_of(world)
    kind = commands["mode"][at]
    for leg in range(legs):
        row = _row(commands, at, leg)
        if commands["kind"][row] != lay.CMD_NEW:
            return lay.REASON_BAD_SHAPE
        reason = order_reason(world, row, False)
        if reason != lay.REASON_NONE:
            return reason
    first = _row(commands, at, 0)
    if kind == lay.LIST_OCO:
        return _pair_reason(world, first, _row(commands, at, 1))
    works = commands["order_type"][first]
    if works != lay.TYPE_LIMIT and works != lay.TYPE_POST_ONLY:
        return lay.REASON_BAD_SHAPE
    second = _row(commands, at, 1)
    if kind == lay.LIST_OTOCO:
        return _pair_reason(world, second, _row(commands, at, 2))
    if commands["quote_qty"][second] != 0:
        return lay.REASON_BAD_SHAPE
    return lay.REASON_NONE


@hot
def _counts_reason(world, at, legs):
    """MAX_NUM_* and EXCHANGE_MAX_NUM_* with all legs counted."""
    commands = commands_of(world)
    symbol = commands["symbol"][at]
    if symbols_of(world)["filtered"][symbol] == 0:
        return lay.REASON_NONE
    algo = 0
    icebergs = 0
    for leg in range(legs):
        row = _row(commands, at, leg)
        algo += int(is_algo(commands["order_type"][row]))
        icebergs += int(commands["iceberg_qty"][row] > 0)
    return count_reason(world, symbol, commands["account"][at], legs, algo, icebergs, 1)


@hot
def _room(world, at, legs):
    """Room for every leg, and what the book says about those that start now."""
    commands = commands_of(world)
    counters = counters_of(world)
    starts = 2 if commands["mode"][at] == lay.LIST_OCO else 1
    parts = 0
    for leg in range(legs):
        row = _row(commands, at, leg)
        if leg < starts:
            reason = book_reason(world, row)
            if reason != lay.REASON_NONE:
                return reason
        reason = room_reason(world, row)
        if reason != lay.REASON_NONE:
            return reason
        parts += parts_of(commands, row)
    if not has_room_for_events(world, counters[lay.C_LIVE_PARTS] + parts):
        return lay.REASON_POOL_FULL
    full = counters[lay.C_LIVE_ORDERS] + legs > orders_of(world).shape[0]
    full = full or counters[lay.C_LIVE_LEVELS] + legs > levels_of(world).shape[0]
    if full or counters[lay.C_FREE_LIST] == lay.NONE:
        return lay.REASON_POOL_FULL
    for book in range(lay.BOOKS):
        side_row = lay.BOOKS * commands["symbol"][at] + book
        if depths_of(world)[side_row] + legs > keys_of(world).shape[1]:
            return lay.REASON_POOL_FULL
    return lay.REASON_NONE


@hot
def _lock(world, account, asset, money):
    free_of(world)[account, asset] -= money
    locked_of(world)[account, asset] += money


@hot
def _fund(world, at, legs):
    """Lock what the legs need: (reason, need of the working leg, of a single pending leg or of the
    pair)."""
    commands = commands_of(world)
    account = commands["account"][at]
    begins = 0 if commands["mode"][at] == lay.LIST_OCO else 1
    working = 0
    if begins == 1:
        working, asset, status = need_by_terms(world, _row(commands, at, 0))
        if status != OK:
            return lay.REASON_OVERFLOW, 0, 0
    pair = 0
    pair_asset = 0
    for leg in range(begins, legs):
        need, pair_asset, status = need_by_terms(world, _row(commands, at, leg))
        if status != OK:
            return lay.REASON_OVERFLOW, 0, 0
        pair = max(pair, need)
    if counters_of(world)[lay.C_CHECK_FUNDS] == 0:
        return lay.REASON_NONE, 0, 0
    free = free_of(world)
    if begins == 1:
        if free[account, asset] < working:
            return lay.REASON_NO_FUNDS, 0, 0
        _lock(world, account, asset, working)
    if free[account, pair_asset] < pair:
        if begins == 1:
            _lock(world, account, asset, -working)
        return lay.REASON_NO_FUNDS, 0, 0
    _lock(world, account, pair_asset, pair)
    return lay.REASON_NONE, working, pair


@hot
def _take_list(world, at):
    """A list row; its legs are still to be written."""
    commands = commands_of(world)
    counters = counters_of(world)
    lists = lists_of(world)
    row = counters[lay.C_FREE_LIST]
    counters[lay.C_FREE_LIST] = lists["second"][row]
    list_id = counters[lay.C_NEXT_LIST_ID]
    counters[lay.C_NEXT_LIST_ID] = list_id + 1
    counters[lay.C_LIVE_LISTS] += 1
    lists["list_id"][row] = list_id
    lists["reserved"][row] = 0
    lists["kind"][row] = commands["mode"][at]
    lists["account"][row] = commands["account"][at]
    lists["symbol"][row] = commands["symbol"][at]
    lists["working"][row] = lay.NONE
    lists["first"][row] = lay.NONE
    lists["second"][row] = lay.NONE
    lists["tag"][row] = commands["tag"][at]
    count_list(world, commands["account"][at], commands["symbol"][at], 1)
    return row


@hot
def _accept_leg(world, at, leg, row, slot, wait):
    """EV_ACCEPTED of a leg; returns the event's row."""
    commands = commands_of(world)
    events = events_of(world)
    event = accepted(world, _row(commands, at, leg), slot, wait)
    events["maker_order_id"][event] = lists_of(world)["list_id"][row]
    events["maker_slot"][event] = leg
    return event


@hot
def new_list(world, at):
    """One CMD_LIST and its legs; returns how many commands it took."""
    commands = commands_of(world)
    lists = lists_of(world)
    orders = orders_of(world)
    kind = commands["mode"][at]
    legs = 3 if kind == lay.LIST_OTOCO else 2
    reason = lay.REASON_BAD_SHAPE
    if lay.LIST_OCO <= kind <= lay.LIST_OTOCO:
        reason = _legs_reason(world, at, legs)
    if reason == lay.REASON_NONE:
        reason = _counts_reason(world, at, legs)
    if reason == lay.REASON_NONE:
        reason = _room(world, at, legs)
    working = 0
    pair = 0
    if reason == lay.REASON_NONE:
        reason, working, pair = _fund(world, at, legs)
    if reason != lay.REASON_NONE:
        refuse(world, at, reason)
        return 1 + legs
    row = _take_list(world, at)
    begins = 0
    accepted_row = 0
    single = kind == lay.LIST_OTO
    if kind != lay.LIST_OCO:
        begins = 1
        first = _row(commands, at, 0)
        lists["working"][row] = write_order(world, first, commands["qty"][first], working, row)
    for leg in range(begins, legs):
        leg_row = _row(commands, at, leg)
        slot = write_order(world, leg_row, commands["qty"][leg_row], pair if single else 0, row)
        if leg == begins:
            lists["first"][row] = slot
        else:
            lists["second"][row] = slot
    if not single:
        lists["reserved"][row] = pair
    list_event(world, row, lay.LIST_STARTED)
    if begins == 1:
        accepted_row = _accept_leg(world, at, 0, row, lists["working"][row], lay.WAIT_NOTHING)
    for leg in range(begins, legs):
        slot = lists["first"][row] if leg == begins else lists["second"][row]
        wait = lay.WAIT_WORKING if begins == 1 else lay.WAIT_NOTHING
        if begins == 0 and is_algo(orders["type"][slot]):
            wait = lay.WAIT_TRIGGER
        _accept_leg(world, at, leg, row, slot, wait)
    _begin(world, at, row, begins, accepted_row)
    return 1 + legs


@hot
def _begin(world, at, row, begins, accepted_row):
    """Let the legs that start now start."""
    lists = lists_of(world)
    orders = orders_of(world)
    events = events_of(world)
    now_ns = commands_of(world)["time_ns"][at]
    first = lists["first"][row]
    second = lists["second"][row]
    if begins == 0:
        for slot in (first, second):
            if is_algo(orders["type"][slot]):
                arm(world, slot)
            else:
                run(world, slot, 0, now_ns)
        return
    orders["flags"][first] |= lay.F_PENDING
    count_open(world, first)
    if second != lay.NONE:
        orders["flags"][second] |= lay.F_PENDING
        count_open(world, second)
    working = lists["working"][row]
    if run(world, working, 0, now_ns) == 0:
        events["slot"][accepted_row] = lay.NONE
