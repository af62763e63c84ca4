"""Fills of the matching engine: what an order could take, what it takes, and who pays whom.

Balances move here: amounts and fees on each fill; the sum over accounts and fees of an asset
never changes. Money is rounded down to the receiver and up in reserves. Self-trade prevention
(Binance's modes, by account or trade group) stands before each fill.
"""

from __future__ import annotations

from oms.exchange.engine import layout_hot as lay
from oms.exchange.engine.book_hot import (
    accounts_of,
    coin_px_of,
    counters_of,
    depths_of,
    emit,
    emit_level,
    emit_shown,
    events_of,
    fees_of,
    free_of,
    free_order,
    keys_of,
    levels_of,
    locked_of,
    notional,
    order_event,
    orders_of,
    remove_level,
    rows_of,
    sums_of,
    symbols_of,
    tier_fees_of,
    unlink_from_queue,
)
from oms.exchange.engine.ends_hot import (
    drop_open_qty,
    end_leg,
    keep_reserve,
    need_of,
    touch_leg,
    uncount,
)
from oms.units import NS_PER_S
from shm_layout.jit import hot
from shm_layout.money import ROUND_UP
from shm_layout.money_hot import OK, ROUND_DOWN, millionths, mul_div

_E12 = 1_000_000_000_000


@hot(inline=True)
def is_self(world, account, other):
    """Would a trade of the two be a self-trade?"""
    accounts = accounts_of(world)
    group = accounts["group"][account]
    return account == other or (group != lay.NO_GROUP and group == accounts["group"][other])


@hot
def _level_available(world, row, account, stp):
    """(quantity of a level that an order of `account` could take, whether it meets its own).

    Its own orders are passed over when the mode removes them (EXPIRE_MAKER)."""
    orders = orders_of(world)
    levels = levels_of(world)
    if stp == lay.STP_NONE:
        return levels["qty"][row] + levels["hidden"][row], False
    got = 0
    own = False
    slot = levels["head"][row]
    while slot != lay.NONE:
        mine = is_self(world, account, orders["account"][slot])
        own = own or mine
        if not (mine and stp == lay.STP_EXPIRE_MAKER):
            got += orders["leaves"][slot]
        slot = orders["next"][slot]
    return got, own and stp != lay.STP_EXPIRE_MAKER


@hot
def plan(world, symbol, opposite_row, limit_key, qty, quote, account, stp):
    """What could be taken now: (quantity, money rounded up, status, book ran dry 0/1, meets an
    order of its own that stays or shrinks 0/1).

    By quantity when `quote` is 0, else as much as `quote` pays for, in whole lots per level.
    """
    symbols = symbols_of(world)
    keys = keys_of(world)
    rows = rows_of(world)
    levels = levels_of(world)
    lot = symbols["lot"][symbol]
    got = 0
    paid = 0
    meets = 0
    at = depths_of(world)[opposite_row] - 1
    while at >= 0 and keys[opposite_row, at] >= limit_key:
        row = rows[opposite_row, at]
        px = levels["px"][row]
        take, own = _level_available(world, row, account, stp)
        if own:
            meets = 1
        partial = False
        if quote > 0:
            unit = px * symbols["notional_mul"][symbol]
            afford, status = mul_div(
                quote - paid, symbols["notional_div"][symbol], unit, ROUND_DOWN
            )
            if status == OK and afford < take:
                take = afford - afford % lot
                partial = True
        elif qty - got < take:
            take = qty - got
            partial = True
        up, status = notional(symbols, symbol, px, take, ROUND_UP)
        if status != OK:
            return 0, 0, status, 0, 0
        got += take
        paid += up
        if partial or (quote == 0 and got == qty):
            return got, paid, OK, 0, meets
        at -= 1
    return got, paid, OK, 1, meets


@hot(inline=True)
def _charge(world, account, symbol, asset, got, column):
    """Take the fee of `got` money of `asset` just received; (amount, asset row).

    In the fee coin at its reduced rate when the account says so, a price is known and it has
    enough; else from what it got."""
    accounts = accounts_of(world)
    counters = counters_of(world)
    free = free_of(world)
    tier = accounts["tier"][account]
    if tier >= 0:
        rate = tier_fees_of(world)[tier, symbol, column]
    elif column == 0:
        rate = accounts["maker_fee_e6"][account]
    else:
        rate = accounts["taker_fee_e6"][account]
    if rate == 0:
        return 0, asset
    coin = counters[lay.C_FEE_ASSET]
    if coin != lay.NONE and accounts["fee_coin"][account] != 0:
        fee, status = mul_div(got, rate * counters[lay.C_FEE_COIN_E6], _E12, ROUND_DOWN)
        priced = asset == coin
        if not priced and coin_px_of(world)[asset, 1] > 0:
            px = coin_px_of(world)
            fee, status = mul_div(fee, px[asset, 0], px[asset, 1], ROUND_DOWN)
            priced = status == OK
        if priced and free[account, coin] >= fee:
            free[account, coin] -= fee
            fees_of(world)[coin] += fee
            return fee, coin
    fee, _ = millionths(got, rate, ROUND_DOWN)
    free[account, asset] -= fee
    fees_of(world)[asset] += fee
    return fee, asset


@hot(inline=True)
def _maker_used(world, slot, quote, base):
    """A maker's reserve paid for a fill; what it does not need any more is unlocked."""
    orders = orders_of(world)
    orders["reserved"][slot] -= quote if orders["side"][slot] == lay.SIDE_BUY else base
    keep_reserve(world, slot, need_of(world, slot))


@hot(inline=True)
def _settle(world, symbol, side, taker, slot, px, qty, row):
    """Move amounts and fees of one fill, and write them into the trade event at `row`.

    Returns the money paid. Each side's fee is in the asset that it gets, or in the fee coin."""
    symbols = symbols_of(world)
    events = events_of(world)
    quote, _ = notional(symbols, symbol, px, qty, ROUND_DOWN)
    events["quote"][row] = quote
    if counters_of(world)[lay.C_CHECK_FUNDS] == 0:
        return quote
    maker = orders_of(world)["account"][slot]
    base = qty * symbols["base_mul"][symbol]
    base_asset = symbols["base"][symbol]
    quote_asset = symbols["quote"][symbol]
    _swap(world, symbol, side, taker, maker, base, quote)
    _maker_used(world, slot, quote, base)
    if side == lay.SIDE_BUY:
        taker_got, taker_asset, maker_got, maker_asset = base, base_asset, quote, quote_asset
    else:
        taker_got, taker_asset, maker_got, maker_asset = quote, quote_asset, base, base_asset
    fee, asset = _charge(world, taker, symbol, taker_asset, taker_got, 1)
    events["fee"][row] = fee
    events["fee_asset"][row] = asset
    fee, asset = _charge(world, maker, symbol, maker_asset, maker_got, 0)
    events["maker_fee"][row] = fee
    events["maker_fee_asset"][row] = asset
    return quote


@hot(inline=True)
def _swap(world, symbol, side, taker, maker, base, quote):
    """Base from the seller's locked money to the buyer, quote the other way."""
    symbols = symbols_of(world)
    locked = locked_of(world)
    free = free_of(world)
    base_asset = symbols["base"][symbol]
    quote_asset = symbols["quote"][symbol]
    buyer = taker if side == lay.SIDE_BUY else maker
    seller = maker if side == lay.SIDE_BUY else taker
    locked[buyer, quote_asset] -= quote
    free[buyer, base_asset] += base
    locked[seller, base_asset] -= base
    free[seller, quote_asset] += quote


@hot
def _remember(world, symbol, now_ns, quote, qty):
    """Put a trade into the window of the average price."""
    sums = sums_of(world)
    advance_average(world, symbol, now_ns)
    second = now_ns // NS_PER_S
    at = second % lay.AVERAGE_SECONDS
    sums[symbol, at, 0] = second
    sums[symbol, at, 1] += quote
    sums[symbol, at, 2] += qty
    symbols_of(world)["average_px"][symbol] = 0
    symbols_of(world)["sum_quote"][symbol] += quote
    symbols_of(world)["sum_qty"][symbol] += qty


@hot
def advance_average(world, symbol, now_ns):
    """Let seconds older than the window leave the running sums."""
    symbols = symbols_of(world)
    sums = sums_of(world)
    now = now_ns // NS_PER_S
    newest = symbols["sum_second"][symbol]
    if now <= newest:
        return
    symbols["sum_second"][symbol] = now
    symbols["average_px"][symbol] = 0
    if now - newest > lay.AVERAGE_SECONDS:
        sums[symbol, :, :] = 0
        symbols["sum_quote"][symbol] = 0
        symbols["sum_qty"][symbol] = 0
        return
    window = symbols["average_s"][symbol]
    if window == 0:
        window = lay.AVERAGE_SECONDS
    for second in range(newest + 1, now + 1):
        left = second - window
        at = left % lay.AVERAGE_SECONDS
        if left >= 0 and sums[symbol, at, 0] == left:
            symbols["sum_quote"][symbol] -= sums[symbol, at, 1]
            symbols["sum_qty"][symbol] -= sums[symbol, at, 2]
        at = second % lay.AVERAGE_SECONDS
        sums[symbol, at, 0] = second
        sums[symbol, at, 1] = 0
        sums[symbol, at, 2] = 0


@hot(inline=True)
def _shrink_maker(world, slot, row, qty, now_shown):
    """`qty` less is open of a resting order, and `now_shown` of it is visible: its row, its level
    and the counts."""
    orders = orders_of(world)
    levels = levels_of(world)
    shown = orders["shown"][slot]
    leaves = orders["leaves"][slot] - qty
    drop_open_qty(world, slot, qty)
    hidden_before = orders["leaves"][slot] - shown
    orders["leaves"][slot] = leaves
    orders["shown"][slot] = now_shown
    levels["qty"][row] -= shown - now_shown
    levels["hidden"][row] -= hidden_before - (leaves - now_shown)


@hot
def _prevent(world, symbol, side, taker, order_id, tag, stp, slot, left, px):
    """A self-trade that must not happen: (taker's quantity left, money moved, base quantity
    moved). A maker that ends is unlinked and freed here."""
    orders = orders_of(world)
    symbols = symbols_of(world)
    events = events_of(world)
    row = orders["level"][slot]
    maker = orders["account"][slot]
    mode = stp
    if stp == lay.STP_TRANSFER and (orders["stp"][slot] != stp or maker == taker):
        mode = lay.STP_DECREMENT
    taker_less, maker_less, quote = left, orders["leaves"][slot], 0
    if mode == lay.STP_EXPIRE_TAKER:
        maker_less = 0
    elif mode == lay.STP_EXPIRE_MAKER:
        taker_less = 0
    elif mode != lay.STP_EXPIRE_BOTH:
        taker_less = maker_less = min(taker_less, maker_less)
    if maker_less > 0 and orders["list"][slot] != lay.NONE:
        touch_leg(world, slot)
    if mode == lay.STP_TRANSFER and counters_of(world)[lay.C_CHECK_FUNDS] != 0:
        quote, _ = notional(symbols, symbol, px, taker_less, ROUND_DOWN)
        base = taker_less * symbols["base_mul"][symbol]
        _swap(world, symbol, side, taker, maker, base, quote)
        orders["reserved"][slot] -= base if side == lay.SIDE_BUY else quote
    prevented_id = symbols["prevented_id"][symbol] + 1
    symbols["prevented_id"][symbol] = prevented_id
    left -= taker_less
    event = emit(
        world, lay.EV_PREVENTED, symbol, side, taker, order_id, px, taker_less, left, tag,
        lay.NONE, mode,
    )  # fmt: skip
    events["trade_id"][event] = prevented_id
    events["fee"][event] = maker_less
    events["quote"][event] = quote
    events["maker_order_id"][event] = orders["order_id"][slot]
    events["maker_leaves"][event] = orders["leaves"][slot] - maker_less
    events["maker_slot"][event] = slot
    events["maker_account"][event] = maker
    if maker_less > 0:
        orders["prevented"][slot] += maker_less
        leaves = orders["leaves"][slot] - maker_less
        _shrink_maker(world, slot, row, maker_less, min(orders["shown"][slot], leaves))
        if counters_of(world)[lay.C_CHECK_FUNDS] != 0:
            keep_reserve(world, slot, need_of(world, slot))
        if orders["leaves"][slot] == 0:
            order_event(world, lay.EV_EXPIRED, slot, lay.REASON_STP)
        _after_maker(world, slot, row, False)
    moved = taker_less if mode == lay.STP_TRANSFER else 0
    return left, quote, moved


@hot
def _after_maker(world, slot, row, filled):
    """A maker was met: it ends when nothing is open of it, or shows its next part."""
    orders = orders_of(world)
    levels = levels_of(world)
    if orders["leaves"][slot] == 0:
        emit_shown(world, lay.EV_L3_REMOVE, slot, 0)
        unlink_from_queue(world, slot, row)
        orders["level"][slot] = lay.NONE
        uncount(world, slot)
        if orders["list"][slot] != lay.NONE:
            end_leg(world, slot, filled)
        free_order(world, slot)
    elif orders["shown"][slot] == 0:
        part = min(orders["iceberg_qty"][slot], orders["leaves"][slot])
        orders["shown"][slot] = part
        levels["qty"][row] += part
        levels["hidden"][row] -= part
        unlink_from_queue(world, slot, row)
        tail = levels["tail"][row]
        orders["next"][slot] = lay.NONE
        orders["prev"][slot] = tail
        if tail == lay.NONE:
            levels["head"][row] = slot
        else:
            orders["next"][tail] = slot
        levels["tail"][row] = slot
        emit_shown(world, lay.EV_L3_CHANGE, slot, 1)
    else:
        emit_shown(world, lay.EV_L3_CHANGE, slot, 0)


@hot(inline=True)
def _fill(world, symbol, side, account, order_id, tag, slot, fill, left, px, now_ns):
    """One trade with the maker in `slot`; returns the money paid."""
    symbols = symbols_of(world)
    orders = orders_of(world)
    events = events_of(world)
    row = orders["level"][slot]
    if orders["list"][slot] != lay.NONE:
        touch_leg(world, slot)
    maker = orders["account"][slot]
    _shrink_maker(world, slot, row, fill, orders["shown"][slot] - fill)
    trade_id = symbols["trade_id"][symbol] + 1
    symbols["trade_id"][symbol] = trade_id
    symbols["last_px"][symbol] = px
    event = emit(
        world, lay.EV_TRADE, symbol, side, account, order_id, px, fill, left, tag, lay.NONE, 0
    )
    events["trade_id"][event] = trade_id
    events["maker_order_id"][event] = orders["order_id"][slot]
    events["maker_leaves"][event] = orders["leaves"][slot]
    events["maker_slot"][event] = slot
    events["maker_account"][event] = maker
    quote = _settle(world, symbol, side, account, slot, px, fill, event)
    if symbols["average_on"][symbol] != 0:
        _remember(world, symbol, now_ns, quote, fill)
    _after_maker(world, slot, row, True)
    return quote


@hot(inline=True)
def take(world, symbol, side, account, order_id, tag, limit_key, qty, stp, now_ns):
    """Match against the other side; (quantity left, money paid, base quantity that moved,
    quantity of its own that was prevented, whether it was a prevention that ended it 0/1)."""
    keys = keys_of(world)
    rows = rows_of(world)
    depths = depths_of(world)
    levels = levels_of(world)
    orders = orders_of(world)
    opposite = 1 - side
    side_row = lay.BOOKS * symbol + opposite
    left = qty
    paid = 0
    moved = 0
    prevented = 0
    stopped = 0
    while left > 0:
        at = depths[side_row] - 1
        if at < 0 or keys[side_row, at] < limit_key:
            break
        row = rows[side_row, at]
        px = levels["px"][row]
        before = levels["qty"][row]
        slot = levels["head"][row]
        while left > 0 and slot != lay.NONE:
            if stp != lay.STP_NONE and is_self(world, account, orders["account"][slot]):
                was = left
                left, quote, base = _prevent(
                    world, symbol, side, account, order_id, tag, stp, slot, left, px
                )
                prevented += was - left
                stopped = int(left == 0)
                paid += quote
                moved += base
            else:
                fill = min(left, orders["shown"][slot])
                left -= fill
                moved += fill
                paid += _fill(
                    world, symbol, side, account, order_id, tag, slot, fill, left, px, now_ns
                )
            slot = levels["head"][row]
        total = levels["qty"][row]
        if slot == lay.NONE:
            remove_level(world, side_row, at)
        if total != before:
            emit_level(world, symbol, opposite, px, total)
    assert counters_of(world)[lay.C_EVENTS] <= events_of(world).shape[0]
    return left, paid, moved, prevented, stopped
