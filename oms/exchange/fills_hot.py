"""Fills of the matching engine: what an order could take, what it takes, and who pays whom.

Balances move here: amounts and fees on each fill; the sum over accounts and fees of an asset
never changes. Money is rounded down to the receiver and up in reserves.
"""

from __future__ import annotations

from oms.exchange import layout_hot as lay
from oms.exchange.book_hot import (
    accounts_of,
    counters_of,
    depths_of,
    emit,
    emit_level,
    events_of,
    fees_of,
    free_of,
    free_order,
    keys_of,
    levels_of,
    locked_of,
    notional,
    orders_of,
    remove_level,
    rows_of,
    symbols_of,
)
from shm_layout.jit import hot
from shm_layout.money import ROUND_UP
from shm_layout.money_hot import OK, ROUND_DOWN, mul_div


@hot
def plan(world, symbol, opposite_row, limit_key, qty, quote):
    """What could be taken now: (quantity, money rounded up, status, book ran dry 0/1).

    By quantity when `quote` is 0, else as much as `quote` pays for, in whole lots per level.
    """
    symbols = symbols_of(world)
    keys = keys_of(world)
    rows = rows_of(world)
    levels = levels_of(world)
    lot = symbols["lot"][symbol]
    got = 0
    paid = 0
    spent = 0
    at = depths_of(world)[opposite_row] - 1
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
        up, status = notional(symbols, symbol, px, take, ROUND_UP)
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
    symbols = symbols_of(world)
    events = events_of(world)
    quote, _ = notional(symbols, symbol, px, qty, ROUND_DOWN)
    events["quote"][row] = quote
    events["fee"][row] = 0
    events["maker_fee"][row] = 0
    if counters_of(world)[lay.C_CHECK_FUNDS] == 0:
        return quote
    accounts = accounts_of(world)
    free = free_of(world)
    locked = locked_of(world)
    fees = fees_of(world)
    base_asset = symbols["base"][symbol]
    quote_asset = symbols["quote"][symbol]
    base = qty * symbols["base_mul"][symbol]
    buyer = taker
    seller = maker
    taker_gets = base
    maker_gets = quote
    taker_asset = base_asset
    maker_asset = quote_asset
    if side != lay.SIDE_BUY:
        buyer = maker
        seller = taker
        taker_gets = quote
        maker_gets = base
        taker_asset = quote_asset
        maker_asset = base_asset
    fee, _ = mul_div(taker_gets, accounts["taker_fee_e6"][taker], lay.FEE_UNIT, ROUND_DOWN)
    maker_fee, _ = mul_div(maker_gets, accounts["maker_fee_e6"][maker], lay.FEE_UNIT, ROUND_DOWN)
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
    if counters_of(world)[lay.C_CHECK_FUNDS] == 0:
        return
    orders = orders_of(world)
    symbols = symbols_of(world)
    symbol = orders["symbol"][slot]
    if orders["side"][slot] != lay.SIDE_BUY:
        orders["reserved"][slot] -= base
        return
    left = orders["reserved"][slot] - quote
    need, _ = notional(symbols, symbol, orders["px"][slot], orders["leaves"][slot], ROUND_UP)
    over = left - need
    if over > 0:
        account = orders["account"][slot]
        asset = symbols["quote"][symbol]
        locked_of(world)[account, asset] -= over
        free_of(world)[account, asset] += over
        left = need
    orders["reserved"][slot] = left


@hot
def take(world, symbol, side, account, order_id, tag, limit_key, qty):
    """Match against the other side; returns (quantity left, money paid)."""
    counters = counters_of(world)
    symbols = symbols_of(world)
    keys = keys_of(world)
    rows = rows_of(world)
    depths = depths_of(world)
    levels = levels_of(world)
    orders = orders_of(world)
    events = events_of(world)
    opposite = 1 - side
    side_row = lay.BOOKS * symbol + opposite
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
        while left > 0 and slot != lay.NONE:
            fill = min(left, orders["leaves"][slot])
            left -= fill
            rest = orders["leaves"][slot] - fill
            orders["leaves"][slot] = rest
            levels["qty"][row] -= fill
            trade_id = symbols["trade_id"][symbol] + 1
            symbols["trade_id"][symbol] = trade_id
            maker = orders["account"][slot]
            event = emit(
                world,
                lay.EV_TRADE,
                symbol,
                side,
                account,
                order_id,
                px,
                fill,
                left,
                tag,
                lay.NONE,
                0,
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
                free_order(world, slot)
                slot = following
        levels["head"][row] = slot
        total = levels["qty"][row]
        if slot == lay.NONE:
            remove_level(world, side_row, at)
        else:
            orders["prev"][slot] = lay.NONE
        emit_level(world, symbol, opposite, px, total)
    assert counters[lay.C_EVENTS] <= events.shape[0]
    return left, paid
