"""Commands of the matching engine: new orders and cancels, in price-time priority.

`step(world, now_ns, until_ns, budget)` takes commands and appends events; nothing is lost when
the event buffer is nearly full: it stops before the command and says so. Reserves are taken on
acceptance, used by fills and freed with what is not needed any more.
"""

from __future__ import annotations

from oms.exchange import layout_hot as lay
from oms.exchange.admin_hot import administer
from oms.exchange.book_hot import (
    commands_of,
    counters_of,
    depths_of,
    emit,
    emit_level,
    events_of,
    free_of,
    free_order,
    keys_of,
    level_row,
    levels_of,
    locked_of,
    notional,
    orders_of,
    remove_level,
    search,
    symbols_of,
)
from oms.exchange.fills_hot import (
    plan,
    take,
)
from shm_layout.jit import I64, WORLD_TYPE, hot
from shm_layout.money import ROUND_UP
from shm_layout.money_hot import OK


@hot
def _rest(world, command, order_id, slot, row, leaves, reserved):
    """Put the remainder of a command at the end of its level's queue."""
    counters = counters_of(world)
    commands = commands_of(world)
    orders = orders_of(world)
    levels = levels_of(world)
    counters[lay.C_FREE_ORDER] = orders["next"][slot]
    counters[lay.C_LIVE_ORDERS] += 1
    tail = levels["tail"][row]
    if levels["head"][row] == lay.NONE:
        tail = lay.NONE
    orders["order_id"][slot] = order_id
    orders["px"][slot] = commands["px"][command]
    orders["leaves"][slot] = leaves
    orders["reserved"][slot] = reserved
    orders["next"][slot] = lay.NONE
    orders["prev"][slot] = tail
    orders["level"][slot] = row
    orders["account"][slot] = commands["account"][command]
    orders["symbol"][slot] = commands["symbol"][command]
    orders["side"][slot] = commands["side"][command]
    orders["tag"][slot] = commands["tag"][command]
    if tail == lay.NONE:
        levels["head"][row] = slot
    else:
        orders["next"][tail] = slot
    levels["tail"][row] = slot
    levels["qty"][row] += leaves
    symbol = commands["symbol"][command]
    emit_level(world, symbol, commands["side"][command], levels["px"][row], levels["qty"][row])


@hot
def _refuse(world, command, reason):
    commands = commands_of(world)
    emit(
        world,
        lay.EV_REJECTED,
        commands["symbol"][command],
        commands["side"][command],
        commands["account"][command],
        0,
        commands["px"][command],
        commands["qty"][command],
        0,
        commands["tag"][command],
        lay.NONE,
        reason,
    )


@hot
def _need(world, command, limit_key):
    """(quantity to trade, money to reserve, asset, reason, book ran dry) of a new order."""
    commands = commands_of(world)
    symbols = symbols_of(world)
    symbol = commands["symbol"][command]
    side = commands["side"][command]
    qty = commands["qty"][command]
    quote = commands["quote_qty"][command]
    dry = 0
    money = 0
    if (
        commands["order_type"][command] == lay.TYPE_MARKET
        or commands["tif"][command] == lay.TIF_FOK
    ):
        got, money, status, dry = plan(
            world, symbol, lay.BOOKS * symbol + 1 - side, limit_key, qty, quote
        )
        if status != OK:
            return 0, 0, 0, lay.REASON_OVERFLOW, 0
        if quote > 0:
            qty = got
    if commands["order_type"][command] != lay.TYPE_MARKET:
        money, status = notional(symbols, symbol, commands["px"][command], qty, ROUND_UP)
        if status != OK:
            return 0, 0, 0, lay.REASON_OVERFLOW, 0
    asset = symbols["quote"][symbol]
    if side != lay.SIDE_BUY:
        asset = symbols["base"][symbol]
        money = qty * symbols["base_mul"][symbol]
    return qty, money, asset, lay.REASON_NONE, dry


@hot
def _new(world, command):
    """One new order: check, reserve, match, then rest or expire what is left."""
    commands = commands_of(world)
    counters = counters_of(world)
    symbol = commands["symbol"][command]
    side = commands["side"][command]
    account = commands["account"][command]
    kind = commands["order_type"][command]
    tif = commands["tif"][command]
    px = commands["px"][command]
    tag = commands["tag"][command]
    if kind > lay.TYPE_POST_ONLY or commands["iceberg_qty"][command] != 0:
        return _refuse(world, command, lay.REASON_BAD_SHAPE)
    if max(commands["qty"][command], commands["quote_qty"][command]) <= 0:
        return _refuse(world, command, lay.REASON_BAD_SHAPE)
    if kind != lay.TYPE_MARKET and (px <= 0 or commands["quote_qty"][command] > 0):
        return _refuse(world, command, lay.REASON_BAD_SHAPE)
    key = px if side == lay.SIDE_BUY else -px
    limit_key = lay.PX_ANY_KEY if kind == lay.TYPE_MARKET else -key
    opposite_row = lay.BOOKS * symbol + 1 - side
    best = depths_of(world)[opposite_row] - 1
    takes = best >= 0 and keys_of(world)[opposite_row, best] >= limit_key
    if kind == lay.TYPE_POST_ONLY and takes:
        return _refuse(world, command, lay.REASON_WOULD_TAKE)
    slot = counters[lay.C_FREE_ORDER]
    may_rest = kind != lay.TYPE_MARKET and tif == lay.TIF_GTC
    if may_rest and (slot == lay.NONE or counters[lay.C_FREE_LEVEL] == lay.NONE):
        return _refuse(world, command, lay.REASON_POOL_FULL)
    if may_rest and depths_of(world)[lay.BOOKS * symbol + side] == keys_of(world).shape[1]:
        return _refuse(world, command, lay.REASON_POOL_FULL)
    qty, money, asset, reason, dry = _need(world, command, limit_key)
    if reason != lay.REASON_NONE:
        return _refuse(world, command, reason)
    checks = counters[lay.C_CHECK_FUNDS] != 0
    if checks:
        if free_of(world)[account, asset] < money:
            return _refuse(world, command, lay.REASON_NO_FUNDS)
        free_of(world)[account, asset] -= money
        locked_of(world)[account, asset] += money
    order_id = counters[lay.C_NEXT_ORDER_ID]
    counters[lay.C_NEXT_ORDER_ID] = order_id + 1
    row = emit(
        world, lay.EV_ACCEPTED, symbol, side, account, order_id, px, qty, qty, tag, lay.NONE, 0
    )
    left = qty
    paid = 0
    if takes and not (tif == lay.TIF_FOK and dry != 0):
        left, paid = take(world, symbol, side, account, order_id, tag, limit_key, qty)
    used = paid if side == lay.SIDE_BUY else (qty - left) * symbols_of(world)["base_mul"][symbol]
    held = money - used
    keep = 0
    if left > 0 and may_rest:
        keep = held
        if side == lay.SIDE_BUY:
            keep, _ = notional(symbols_of(world), symbol, px, left, ROUND_UP)
        # Its own makers may have freed slots meanwhile: take the head of the free list now.
        slot = counters[lay.C_FREE_ORDER]
        events_of(world)["slot"][row] = slot
        level = level_row(world, lay.BOOKS * symbol + side, key, px)
        _rest(world, command, order_id, slot, level, left, keep)
    elif left > 0 or (commands["quote_qty"][command] > 0 and (dry != 0 or qty == 0)):
        emit(
            world, lay.EV_EXPIRED, symbol, side, account, order_id, px, qty, left, tag, lay.NONE, 0
        )
    else:
        emit(world, lay.EV_FILLED, symbol, side, account, order_id, px, qty, 0, tag, lay.NONE, 0)
    if checks and held > keep:
        locked_of(world)[account, asset] -= held - keep
        free_of(world)[account, asset] += held - keep
    return None


@hot
def _cancel(world, command):
    commands = commands_of(world)
    orders = orders_of(world)
    levels = levels_of(world)
    slot = commands["slot"][command]
    order_id = commands["order_id"][command]
    known = 0 <= slot < orders.shape[0]
    if not known or order_id <= 0 or orders["order_id"][slot] != order_id:
        emit(
            world,
            lay.EV_CANCEL_REJECTED,
            commands["symbol"][command],
            0,
            commands["account"][command],
            order_id,
            0,
            0,
            0,
            commands["tag"][command],
            lay.NONE,
            lay.REASON_UNKNOWN_ORDER,
        )
        return
    row = orders["level"][slot]
    symbol = orders["symbol"][slot]
    side = orders["side"][slot]
    account = orders["account"][slot]
    leaves = orders["leaves"][slot]
    px = orders["px"][slot]
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
    levels["qty"][row] -= leaves
    total = levels["qty"][row]
    if levels["head"][row] == lay.NONE:
        side_row = lay.BOOKS * symbol + side
        key = px if side == lay.SIDE_BUY else -px
        at = search(keys_of(world), side_row, depths_of(world)[side_row], key)
        remove_level(world, side_row, at)
    if counters_of(world)[lay.C_CHECK_FUNDS] != 0:
        symbols = symbols_of(world)
        asset = symbols["quote"][symbol] if side == lay.SIDE_BUY else symbols["base"][symbol]
        locked_of(world)[account, asset] -= orders["reserved"][slot]
        free_of(world)[account, asset] += orders["reserved"][slot]
    tag = orders["tag"][slot]
    free_order(world, slot)
    emit(world, lay.EV_CANCELED, symbol, side, account, order_id, px, leaves, leaves, tag, slot, 0)
    emit_level(world, symbol, side, px, total)


@hot(entry=(WORLD_TYPE, I64, I64, I64))
def step(world, now_ns, until_ns, budget):
    """Take up to `budget` commands; returns lay.STEP_IDLE, lay.STEP_BUDGET or lay.STEP_EVENTS_FULL.

    Matching knows no time: `now_ns` and `until_ns` are the common signature's (DESIGN.md law 2).
    """
    counters = counters_of(world)
    commands = commands_of(world)
    room = events_of(world).shape[0]
    head = counters[lay.C_COMMAND_HEAD]
    tail = counters[lay.C_COMMAND_TAIL]
    taken = 0
    status = lay.STEP_IDLE
    while head < tail:
        if taken == budget:
            status = lay.STEP_BUDGET
            break
        worst = (
            counters[lay.C_LIVE_ORDERS] + counters[lay.C_LIVE_LEVELS] + lay.EVENTS_PER_COMMAND_MIN
        )
        if counters[lay.C_EVENTS] + worst > room:
            status = lay.STEP_EVENTS_FULL
            break
        at = head % commands.shape[0]
        kind = commands["kind"][at]
        if kind == lay.CMD_CANCEL:
            _cancel(world, at)
        elif kind == lay.CMD_NEW:
            _new(world, at)
        elif kind >= lay.CMD_DEPOSIT:
            administer(world, at)
        else:
            _refuse(world, at, lay.REASON_BAD_SHAPE)
        head += 1
        taken += 1
    counters[lay.C_COMMAND_HEAD] = head
    return status
