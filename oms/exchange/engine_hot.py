"""Matching kernels: price-time priority over intrusive FIFO lists and sorted level arrays.

Each side of each symbol holds its price levels in an array sorted by *key*, best last, where
key = px for bids and -px for asks; so one code serves both sides, prices have no range limit,
and what happens near the best price moves few elements. (The alternative, a ladder indexed by
tick, is faster within its window and needs a second structure outside of it.) An order knows its
level's row, so a cancel unlinks without a search unless the level empties.

`step(world, now_ns, until_ns, budget)` takes commands and appends events; nothing is lost when
the event buffer is nearly full: it stops before the command and says so. Balances move here:
reserves on acceptance, amounts and fees on each fill; the sum over accounts and fees of an asset
never changes.
"""

from __future__ import annotations

from oms.exchange.layout_hot import (
    ACCOUNT,
    C_CHECK_FUNDS,
    C_COMMAND_HEAD,
    C_COMMAND_TAIL,
    C_EVENTS,
    C_FREE_LEVEL,
    C_FREE_ORDER,
    C_LIVE_LEVELS,
    C_LIVE_ORDERS,
    C_NEXT_ORDER_ID,
    CMD_CANCEL,
    COMMAND,
    EV_ACCEPTED,
    EV_CANCEL_REJECTED,
    EV_CANCELED,
    EV_EXPIRED,
    EV_FILLED,
    EV_LEVEL,
    EV_REJECTED,
    EV_TRADE,
    EVENT,
    EVENTS_PER_COMMAND_MIN,
    FEE_UNIT,
    LEVEL,
    NONE,
    ORDER,
    PX_ANY_KEY,
    REASON_BAD_SHAPE,
    REASON_NO_FUNDS,
    REASON_NONE,
    REASON_OVERFLOW,
    REASON_POOL_FULL,
    REASON_UNKNOWN_ORDER,
    REASON_WOULD_TAKE,
    SIDE_BUY,
    STEP_BUDGET,
    STEP_EVENTS_FULL,
    STEP_IDLE,
    SYMBOL,
    TIF_FOK,
    TIF_GTC,
    TYPE_MARKET,
    TYPE_POST_ONLY,
)
from shm_layout.jit import I64, WORLD_TYPE, WorldSpec, hot
from shm_layout.money_hot import OK, ROUND_DOWN, ROUND_UP, mul_div

WORLD = WorldSpec("matching")
_counters = WORLD.field("counters", "i8")
_symbols = WORLD.field("symbols", SYMBOL)
_accounts = WORLD.field("accounts", ACCOUNT)
_orders = WORLD.field("orders", ORDER)
_levels = WORLD.field("levels", LEVEL)
_keys = WORLD.field("keys", "i8", ndim=2)
_rows = WORLD.field("rows", "i4", ndim=2)
_depths = WORLD.field("depths", "i8")
_free = WORLD.field("free", "i8", ndim=2)
_locked = WORLD.field("locked", "i8", ndim=2)
_fees = WORLD.field("fees", "i8")
_commands = WORLD.field("commands", COMMAND)
_events = WORLD.field("events", EVENT)

_LINEAR_PROBES = 8


@hot
def _search(keys, side_row, count, key):
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


@hot
def _emit(world, kind, symbol, side, account, order_id, px, qty, leaves, tag, slot, reason):
    """Append one event without the fields of a trade; returns its row."""
    counters = _counters(world)
    events = _events(world)
    row = counters[C_EVENTS]
    counters[C_EVENTS] = row + 1
    events["kind"][row] = kind
    events["symbol"][row] = symbol
    events["side"][row] = side
    events["account"][row] = account
    events["order_id"][row] = order_id
    events["px"][row] = px
    events["qty"][row] = qty
    events["leaves"][row] = leaves
    events["tag"][row] = tag
    events["slot"][row] = slot
    events["reason"][row] = reason
    return row


@hot
def _emit_level(world, symbol, side, px, qty):
    """A level's new total, under the book's next update id."""
    symbols = _symbols(world)
    update_id = symbols["update_id"][symbol] + 1
    symbols["update_id"][symbol] = update_id
    row = _emit(world, EV_LEVEL, symbol, side, NONE, 0, px, 0, qty, 0, NONE, REASON_NONE)
    _events(world)["update_id"][row] = update_id


@hot
def _remove_level(world, side_row, at):
    """Take the level at position `at` out of its side, and free its row."""
    keys = _keys(world)
    rows = _rows(world)
    depths = _depths(world)
    counters = _counters(world)
    levels = _levels(world)
    row = rows[side_row, at]
    last = depths[side_row] - 1
    for k in range(at, last):
        keys[side_row, k] = keys[side_row, k + 1]
        rows[side_row, k] = rows[side_row, k + 1]
    depths[side_row] = last
    levels["tail"][row] = counters[C_FREE_LEVEL]
    counters[C_FREE_LEVEL] = row
    counters[C_LIVE_LEVELS] -= 1


@hot
def _free_order(world, slot):
    counters = _counters(world)
    orders = _orders(world)
    orders["order_id"][slot] = 0
    orders["next"][slot] = counters[C_FREE_ORDER]
    counters[C_FREE_ORDER] = slot
    counters[C_LIVE_ORDERS] -= 1


@hot
def _level_of(world, side_row, key, px):
    """Row of the level with this key, made if need be; NONE when there is no room."""
    counters = _counters(world)
    keys = _keys(world)
    rows = _rows(world)
    depths = _depths(world)
    levels = _levels(world)
    count = depths[side_row]
    at = _search(keys, side_row, count, key)
    if at < count and keys[side_row, at] == key:
        return rows[side_row, at]
    row = counters[C_FREE_LEVEL]
    if row == NONE or count == keys.shape[1]:
        return NONE
    counters[C_FREE_LEVEL] = levels["tail"][row]
    counters[C_LIVE_LEVELS] += 1
    for k in range(count, at, -1):
        keys[side_row, k] = keys[side_row, k - 1]
        rows[side_row, k] = rows[side_row, k - 1]
    keys[side_row, at] = key
    rows[side_row, at] = row
    depths[side_row] = count + 1
    levels["px"][row] = px
    levels["qty"][row] = 0
    levels["head"][row] = NONE
    levels["tail"][row] = NONE
    return row


@hot
def _notional(symbols, symbol, px, qty, rounding):
    """Money of `qty` at `px`, scale of the quote asset; (value, OK or OVERFLOW)."""
    scaled = qty * symbols["notional_mul"][symbol]
    return mul_div(px, scaled, symbols["notional_div"][symbol], rounding)


@hot
def _plan(world, symbol, opposite_row, limit_key, qty, quote):
    """What could be taken now: (quantity, money rounded up, status, book ran dry 0/1).

    By quantity when `quote` is 0, else as much as `quote` pays for, in whole lots per level.
    """
    symbols = _symbols(world)
    keys = _keys(world)
    rows = _rows(world)
    levels = _levels(world)
    lot = symbols["lot"][symbol]
    got = 0
    paid = 0
    spent = 0
    at = _depths(world)[opposite_row] - 1
    while at >= 0 and keys[opposite_row, at] >= limit_key:
        row = rows[opposite_row, at]
        px = levels["px"][row]
        take = levels["qty"][row]
        partial = False
        if quote > 0:
            unit = px * symbols["notional_mul"][symbol]
            afford, status = mul_div(
                quote - spent, symbols["notional_div"][symbol], unit, ROUND_DOWN
            )
            if status == OK and afford < take:
                take = afford - afford % lot
                partial = True
        elif qty - got < take:
            take = qty - got
            partial = True
        up, status = _notional(symbols, symbol, px, take, ROUND_UP)
        if status != OK:
            return 0, 0, status, 0
        got += take
        paid += up
        spent += up
        if partial or (quote == 0 and got == qty):
            return got, paid, OK, 0
        at -= 1
    return got, paid, OK, 1


@hot
def _settle(world, symbol, side, taker, maker, px, qty, row):
    """Move amounts and fees of one fill, and write them into the trade event at `row`.

    Returns the money paid. The buyer's fee is in the base asset, the seller's in the quote.
    """
    symbols = _symbols(world)
    events = _events(world)
    quote, _ = _notional(symbols, symbol, px, qty, ROUND_DOWN)
    events["quote"][row] = quote
    events["fee"][row] = 0
    events["maker_fee"][row] = 0
    if _counters(world)[C_CHECK_FUNDS] == 0:
        return quote
    accounts = _accounts(world)
    free = _free(world)
    locked = _locked(world)
    fees = _fees(world)
    base_asset = symbols["base"][symbol]
    quote_asset = symbols["quote"][symbol]
    base = qty * symbols["base_mul"][symbol]
    buyer = taker
    seller = maker
    taker_gets = base
    maker_gets = quote
    taker_asset = base_asset
    maker_asset = quote_asset
    if side != SIDE_BUY:
        buyer = maker
        seller = taker
        taker_gets = quote
        maker_gets = base
        taker_asset = quote_asset
        maker_asset = base_asset
    fee, _ = mul_div(taker_gets, accounts["taker_fee_e6"][taker], FEE_UNIT, ROUND_DOWN)
    maker_fee, _ = mul_div(maker_gets, accounts["maker_fee_e6"][maker], FEE_UNIT, ROUND_DOWN)
    locked[buyer, quote_asset] -= quote
    locked[seller, base_asset] -= base
    free[taker, taker_asset] += taker_gets - fee
    free[maker, maker_asset] += maker_gets - maker_fee
    fees[taker_asset] += fee
    fees[maker_asset] += maker_fee
    events["fee"][row] = fee
    events["maker_fee"][row] = maker_fee
    return quote


@hot
def _maker_reserve(world, slot, quote, base):
    """After a fill of a resting order: keep what its rest needs, free what is over."""
    if _counters(world)[C_CHECK_FUNDS] == 0:
        return
    orders = _orders(world)
    symbols = _symbols(world)
    symbol = orders["symbol"][slot]
    if orders["side"][slot] != SIDE_BUY:
        orders["reserved"][slot] -= base
        return
    left = orders["reserved"][slot] - quote
    need, _ = _notional(symbols, symbol, orders["px"][slot], orders["leaves"][slot], ROUND_UP)
    over = left - need
    if over > 0:
        account = orders["account"][slot]
        asset = symbols["quote"][symbol]
        _locked(world)[account, asset] -= over
        _free(world)[account, asset] += over
        left = need
    orders["reserved"][slot] = left


@hot
def _take(world, symbol, side, account, order_id, tag, limit_key, qty):
    """Match against the other side; returns (quantity left, money paid)."""
    counters = _counters(world)
    symbols = _symbols(world)
    keys = _keys(world)
    rows = _rows(world)
    depths = _depths(world)
    levels = _levels(world)
    orders = _orders(world)
    events = _events(world)
    opposite = 1 - side
    side_row = 2 * symbol + opposite
    base_mul = symbols["base_mul"][symbol]
    left = qty
    paid = 0
    while left > 0:
        at = depths[side_row] - 1
        if at < 0 or keys[side_row, at] < limit_key:
            break
        row = rows[side_row, at]
        px = levels["px"][row]
        slot = levels["head"][row]
        while left > 0 and slot != NONE:
            fill = min(left, orders["leaves"][slot])
            left -= fill
            rest = orders["leaves"][slot] - fill
            orders["leaves"][slot] = rest
            levels["qty"][row] -= fill
            trade_id = symbols["trade_id"][symbol] + 1
            symbols["trade_id"][symbol] = trade_id
            maker = orders["account"][slot]
            event = _emit(
                world, EV_TRADE, symbol, side, account, order_id, px, fill, left, tag, NONE, 0
            )
            events["trade_id"][event] = trade_id
            events["maker_order_id"][event] = orders["order_id"][slot]
            events["maker_leaves"][event] = rest
            events["maker_slot"][event] = slot
            events["maker_account"][event] = maker
            quote = _settle(world, symbol, side, account, maker, px, fill, event)
            paid += quote
            _maker_reserve(world, slot, quote, fill * base_mul)
            if rest == 0:
                following = orders["next"][slot]
                _free_order(world, slot)
                slot = following
        levels["head"][row] = slot
        total = levels["qty"][row]
        if slot == NONE:
            _remove_level(world, side_row, at)
        else:
            orders["prev"][slot] = NONE
        _emit_level(world, symbol, opposite, px, total)
    assert counters[C_EVENTS] <= events.shape[0]
    return left, paid


@hot
def _rest(world, command, order_id, slot, row, leaves, reserved):
    """Put the remainder of a command at the end of its level's queue."""
    counters = _counters(world)
    commands = _commands(world)
    orders = _orders(world)
    levels = _levels(world)
    counters[C_FREE_ORDER] = orders["next"][slot]
    counters[C_LIVE_ORDERS] += 1
    tail = levels["tail"][row]
    if levels["head"][row] == NONE:
        tail = NONE
    orders["order_id"][slot] = order_id
    orders["px"][slot] = commands["px"][command]
    orders["leaves"][slot] = leaves
    orders["reserved"][slot] = reserved
    orders["next"][slot] = NONE
    orders["prev"][slot] = tail
    orders["level"][slot] = row
    orders["account"][slot] = commands["account"][command]
    orders["symbol"][slot] = commands["symbol"][command]
    orders["side"][slot] = commands["side"][command]
    orders["tag"][slot] = commands["tag"][command]
    if tail == NONE:
        levels["head"][row] = slot
    else:
        orders["next"][tail] = slot
    levels["tail"][row] = slot
    levels["qty"][row] += leaves
    symbol = commands["symbol"][command]
    _emit_level(world, symbol, commands["side"][command], levels["px"][row], levels["qty"][row])


@hot
def _refuse(world, command, reason):
    commands = _commands(world)
    _emit(
        world,
        EV_REJECTED,
        commands["symbol"][command],
        commands["side"][command],
        commands["account"][command],
        0,
        commands["px"][command],
        commands["qty"][command],
        0,
        commands["tag"][command],
        NONE,
        reason,
    )


@hot
def _need(world, command, limit_key):
    """(quantity to trade, money to reserve, asset, reason, book ran dry) of a new order."""
    commands = _commands(world)
    symbols = _symbols(world)
    symbol = commands["symbol"][command]
    side = commands["side"][command]
    qty = commands["qty"][command]
    quote = commands["quote_qty"][command]
    dry = 0
    money = 0
    if commands["type"][command] == TYPE_MARKET or commands["tif"][command] == TIF_FOK:
        got, money, status, dry = _plan(world, symbol, 2 * symbol + 1 - side, limit_key, qty, quote)
        if status != OK:
            return 0, 0, 0, REASON_OVERFLOW, 0
        if quote > 0:
            qty = got
    if commands["type"][command] != TYPE_MARKET:
        money, status = _notional(symbols, symbol, commands["px"][command], qty, ROUND_UP)
        if status != OK:
            return 0, 0, 0, REASON_OVERFLOW, 0
    asset = symbols["quote"][symbol]
    if side != SIDE_BUY:
        asset = symbols["base"][symbol]
        money = qty * symbols["base_mul"][symbol]
    return qty, money, asset, REASON_NONE, dry


@hot
def _new(world, command):
    """One new order: check, reserve, match, then rest or expire what is left."""
    commands = _commands(world)
    counters = _counters(world)
    symbol = commands["symbol"][command]
    side = commands["side"][command]
    account = commands["account"][command]
    kind = commands["type"][command]
    tif = commands["tif"][command]
    px = commands["px"][command]
    tag = commands["tag"][command]
    if commands["qty"][command] <= 0 and commands["quote_qty"][command] <= 0:
        return _refuse(world, command, REASON_BAD_SHAPE)
    if kind != TYPE_MARKET and (px <= 0 or commands["quote_qty"][command] > 0):
        return _refuse(world, command, REASON_BAD_SHAPE)
    key = px if side == SIDE_BUY else -px
    limit_key = PX_ANY_KEY if kind == TYPE_MARKET else -key
    opposite_row = 2 * symbol + 1 - side
    best = _depths(world)[opposite_row] - 1
    takes = best >= 0 and _keys(world)[opposite_row, best] >= limit_key
    if kind == TYPE_POST_ONLY and takes:
        return _refuse(world, command, REASON_WOULD_TAKE)
    slot = counters[C_FREE_ORDER]
    may_rest = kind != TYPE_MARKET and tif == TIF_GTC
    if may_rest and (slot == NONE or counters[C_FREE_LEVEL] == NONE):
        return _refuse(world, command, REASON_POOL_FULL)
    if may_rest and _depths(world)[2 * symbol + side] == _keys(world).shape[1]:
        return _refuse(world, command, REASON_POOL_FULL)
    qty, money, asset, reason, dry = _need(world, command, limit_key)
    if reason != REASON_NONE:
        return _refuse(world, command, reason)
    checks = counters[C_CHECK_FUNDS] != 0
    if checks:
        if _free(world)[account, asset] < money:
            return _refuse(world, command, REASON_NO_FUNDS)
        _free(world)[account, asset] -= money
        _locked(world)[account, asset] += money
    order_id = counters[C_NEXT_ORDER_ID]
    counters[C_NEXT_ORDER_ID] = order_id + 1
    row = _emit(
        world, EV_ACCEPTED, symbol, side, account, order_id, px, qty, qty, tag, NONE, REASON_NONE
    )
    left = qty
    paid = 0
    if takes and not (tif == TIF_FOK and dry != 0):
        left, paid = _take(world, symbol, side, account, order_id, tag, limit_key, qty)
    used = paid if side == SIDE_BUY else (qty - left) * _symbols(world)["base_mul"][symbol]
    held = money - used
    keep = 0
    if left > 0 and may_rest:
        keep = held
        if side == SIDE_BUY:
            keep, _ = _notional(_symbols(world), symbol, px, left, ROUND_UP)
        # Its own makers may have freed slots meanwhile: take the head of the free list now.
        slot = counters[C_FREE_ORDER]
        _events(world)["slot"][row] = slot
        level = _level_of(world, 2 * symbol + side, key, px)
        _rest(world, command, order_id, slot, level, left, keep)
    elif left > 0 or (commands["quote_qty"][command] > 0 and (dry != 0 or qty == 0)):
        _emit(world, EV_EXPIRED, symbol, side, account, order_id, px, qty, left, tag, NONE, 0)
    else:
        _emit(world, EV_FILLED, symbol, side, account, order_id, px, qty, 0, tag, NONE, 0)
    if checks and held > keep:
        _locked(world)[account, asset] -= held - keep
        _free(world)[account, asset] += held - keep
    return None


@hot
def _cancel(world, command):
    commands = _commands(world)
    orders = _orders(world)
    levels = _levels(world)
    slot = commands["slot"][command]
    order_id = commands["order_id"][command]
    known = 0 <= slot < orders.shape[0]
    if not known or order_id <= 0 or orders["order_id"][slot] != order_id:
        _emit(
            world,
            EV_CANCEL_REJECTED,
            commands["symbol"][command],
            0,
            commands["account"][command],
            order_id,
            0,
            0,
            0,
            commands["tag"][command],
            NONE,
            REASON_UNKNOWN_ORDER,
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
    if older == NONE:
        levels["head"][row] = younger
    else:
        orders["next"][older] = younger
    if younger == NONE:
        levels["tail"][row] = older
    else:
        orders["prev"][younger] = older
    levels["qty"][row] -= leaves
    total = levels["qty"][row]
    if levels["head"][row] == NONE:
        side_row = 2 * symbol + side
        key = px if side == SIDE_BUY else -px
        at = _search(_keys(world), side_row, _depths(world)[side_row], key)
        _remove_level(world, side_row, at)
    if _counters(world)[C_CHECK_FUNDS] != 0:
        symbols = _symbols(world)
        asset = symbols["quote"][symbol] if side == SIDE_BUY else symbols["base"][symbol]
        _locked(world)[account, asset] -= orders["reserved"][slot]
        _free(world)[account, asset] += orders["reserved"][slot]
    tag = orders["tag"][slot]
    _free_order(world, slot)
    _emit(world, EV_CANCELED, symbol, side, account, order_id, px, leaves, leaves, tag, slot, 0)
    _emit_level(world, symbol, side, px, total)


@hot(entry=(WORLD_TYPE, I64, I64, I64))
def step(world, now_ns, until_ns, budget):
    """Take up to `budget` commands; returns STEP_IDLE, STEP_BUDGET or STEP_EVENTS_FULL.

    Matching knows no time: `now_ns` and `until_ns` are the common signature's (DESIGN.md law 2).
    """
    counters = _counters(world)
    commands = _commands(world)
    room = _events(world).shape[0]
    head = counters[C_COMMAND_HEAD]
    tail = counters[C_COMMAND_TAIL]
    taken = 0
    status = STEP_IDLE
    while head < tail:
        if taken == budget:
            status = STEP_BUDGET
            break
        worst = counters[C_LIVE_ORDERS] + counters[C_LIVE_LEVELS] + EVENTS_PER_COMMAND_MIN
        if counters[C_EVENTS] + worst > room:
            status = STEP_EVENTS_FULL
            break
        at = head % commands.shape[0]
        if commands["kind"][at] == CMD_CANCEL:
            _cancel(world, at)
        else:
            _new(world, at)
        head += 1
        taken += 1
    counters[C_COMMAND_HEAD] = head
    return status
