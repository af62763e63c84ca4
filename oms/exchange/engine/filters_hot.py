"""What a new order must satisfy before the book sees it: its shape, and Binance's filters.

Source of the filters: Binance spot's `filters` page; each broken rule has its own REASON_*. The
average price is that of the window's trades, else the last price, else the rule passes. What an
account has open is bounded by symbol and over all symbols; `unbounded` accounts are not.
"""

from __future__ import annotations

from oms.exchange.engine import layout_hot as lay
from oms.exchange.engine.book_hot import (
    accounts_of,
    asset_max_of,
    commands_of,
    exchange_max_of,
    free_of,
    iceberg_parts,
    locked_of,
    notional,
    open_counts_of,
    open_totals_of,
    symbols_of,
)
from oms.exchange.engine.ends_hot import is_algo, is_market
from oms.exchange.engine.fills_hot import advance_average
from shm_layout.jit import I64, WORLD_TYPE, hot
from shm_layout.money import ROUND_HALF_EVEN, ROUND_UP
from shm_layout.money_hot import OK, ROUND_DOWN, millionths, mul_div


@hot(inline=True)
def shape_reason(world, at):
    """What is wrong with the fields of the new order in row `at`, whatever the market."""
    commands = commands_of(world)
    kind = commands["order_type"][at]
    tif = commands["tif"][at]
    side = commands["side"][at]
    px = commands["px"][at]
    qty = commands["qty"][at]
    quote = commands["quote_qty"][at]
    stop = commands["stop_px"][at]
    trailing = commands["trailing_bips"][at]
    iceberg = commands["iceberg_qty"][at]
    bad = kind < lay.TYPE_LIMIT or kind > lay.TYPE_TAKE_PROFIT_LIMIT
    bad = bad or tif < lay.TIF_GTC or tif > lay.TIF_FOK
    bad = bad or side < 0 or side > 1 or qty < 0 or quote < 0 or stop < 0
    bad = bad or trailing < 0 or trailing >= lay.BIPS_UNIT
    if kind == lay.TYPE_MARKET:
        bad = bad or (qty > 0) == (quote > 0)
    else:
        bad = bad or qty == 0 or quote > 0
    if not is_market(kind):
        bad = bad or px <= 0
    if is_algo(kind):
        bad = bad or (stop == 0 and trailing == 0)
    else:
        bad = bad or stop != 0 or trailing != 0
    if iceberg != 0:
        bad = bad or iceberg < 0 or iceberg > qty or is_market(kind)
        bad = bad or (tif != lay.TIF_GTC and kind != lay.TYPE_POST_ONLY)
    if bad:
        return lay.REASON_BAD_SHAPE
    if max(px, stop) > lay.PX_LIMIT or qty > symbols_of(world)["qty_limit"][commands["symbol"][at]]:
        return lay.REASON_OVERFLOW
    return lay.REASON_NONE


@hot(inline=True)
def may_stay(kind, tif):
    """Can an order of this kind be open when its command is done?"""
    return (
        is_algo(kind)
        or kind == lay.TYPE_POST_ONLY
        or (kind == lay.TYPE_LIMIT and tif == lay.TIF_GTC)
    )


@hot(inline=True)
def reference_px(world, symbol, now_ns):
    """The average price; 0 = nothing has traded."""
    symbols = symbols_of(world)
    if symbols["average_s"][symbol] == 0 or symbols["average_on"][symbol] == 0:
        return symbols["last_px"][symbol]
    advance_average(world, symbol, now_ns)
    px = symbols["average_px"][symbol]
    if px != 0:
        return px
    qty = symbols["sum_qty"][symbol]
    if qty == 0:
        return symbols["last_px"][symbol]
    px, _ = mul_div(
        symbols["sum_quote"][symbol],
        symbols["notional_div"][symbol],
        qty * symbols["notional_mul"][symbol],
        ROUND_HALF_EVEN,
    )
    symbols["average_px"][symbol] = px
    return px


@hot(inline=True)
def _price_reason(symbols, symbol, px):
    if px < symbols["px_min"][symbol]:
        return lay.REASON_PRICE_MIN
    if symbols["px_max"][symbol] > 0 and px > symbols["px_max"][symbol]:
        return lay.REASON_PRICE_MAX
    tick = symbols["tick"][symbol]
    if tick > 1 and px % tick != 0:
        return lay.REASON_PRICE_TICK
    return lay.REASON_NONE


@hot(inline=True)
def lot_reason(symbols, symbol, qty):
    """LOT_SIZE."""
    if qty < symbols["qty_min"][symbol]:
        return lay.REASON_LOT_MIN
    if symbols["qty_max"][symbol] > 0 and qty > symbols["qty_max"][symbol]:
        return lay.REASON_LOT_MAX
    step = symbols["step"][symbol]
    if step > 1 and qty % step != 0:
        return lay.REASON_LOT_STEP
    return lay.REASON_NONE


@hot
def _market_lot_reason(symbols, symbol, qty):
    if qty < symbols["market_qty_min"][symbol]:
        return lay.REASON_MARKET_LOT_MIN
    if symbols["market_qty_max"][symbol] > 0 and qty > symbols["market_qty_max"][symbol]:
        return lay.REASON_MARKET_LOT_MAX
    step = symbols["market_step"][symbol]
    if step > 1 and qty % step != 0:
        return lay.REASON_MARKET_LOT_STEP
    return lay.REASON_NONE


@hot(inline=True)
def notional_reason(symbols, symbol, px, qty, minimum_on, maximum_on):
    """NOTIONAL and MIN_NOTIONAL at this price."""
    least = symbols["notional_min"][symbol]
    most = symbols["notional_max"][symbol]
    if minimum_on and least > 0:
        money, status = notional(symbols, symbol, px, qty, ROUND_DOWN)
        if status == OK and money < least:
            return lay.REASON_NOTIONAL_MIN
    if maximum_on and most > 0:
        money, status = notional(symbols, symbol, px, qty, ROUND_UP)
        if status != OK or money > most:
            return lay.REASON_NOTIONAL_MAX
    return lay.REASON_NONE


@hot(inline=True)
def _percent_reason(symbols, symbol, side, px, average):
    if side == lay.SIDE_BUY:
        up = symbols["bid_up_e6"][symbol]
        down = symbols["bid_down_e6"][symbol]
    else:
        up = symbols["ask_up_e6"][symbol]
        down = symbols["ask_down_e6"][symbol]
    if up > 0:
        most, status = millionths(average, up, ROUND_DOWN)
        if status == OK and px > most:
            return lay.REASON_PERCENT_PRICE
    if down > 0:
        least, status = millionths(average, down, ROUND_UP)
        if status == OK and px < least:
            return lay.REASON_PERCENT_PRICE
    return lay.REASON_NONE


@hot
def _trailing_reason(symbols, symbol, kind, side, bips):
    stops = kind == lay.TYPE_STOP_LOSS or kind == lay.TYPE_STOP_LOSS_LIMIT
    if stops == (side == lay.SIDE_BUY):
        least = symbols["above_min"][symbol]
        most = symbols["above_max"][symbol]
    else:
        least = symbols["below_min"][symbol]
        most = symbols["below_max"][symbol]
    if bips < least or (most > 0 and bips > most):
        return lay.REASON_TRAILING_DELTA
    return lay.REASON_NONE


@hot
def _market_notional_reason(world, at, average):
    commands = commands_of(world)
    symbols = symbols_of(world)
    symbol = commands["symbol"][at]
    minimum_on = symbols["market_minimum_on"][symbol] != 0
    maximum_on = symbols["market_maximum_on"][symbol] != 0
    quote = commands["quote_qty"][at]
    if quote > 0:
        if minimum_on and quote < symbols["notional_min"][symbol]:
            return lay.REASON_NOTIONAL_MIN
        most = symbols["notional_max"][symbol]
        if maximum_on and most > 0 and quote > most:
            return lay.REASON_NOTIONAL_MAX
        return lay.REASON_NONE
    if average == 0:
        return lay.REASON_NONE
    return notional_reason(symbols, symbol, average, commands["qty"][at], minimum_on, maximum_on)


@hot(inline=True)
def _position_reason(world, at):
    """MAX_POSITION: what the account has of the base asset, its open buys and this order."""
    commands = commands_of(world)
    symbols = symbols_of(world)
    symbol = commands["symbol"][at]
    account = commands["account"][at]
    most = symbols["position_max"][symbol]
    if most == 0 or commands["side"][at] != lay.SIDE_BUY:
        return lay.REASON_NONE
    base = symbols["base"][symbol]
    held = free_of(world)[account, base] + locked_of(world)[account, base]
    held = held // symbols["base_mul"][symbol]
    held += open_counts_of(world)[account, symbol, lay.N_BUY_QTY]
    if held + commands["qty"][at] > most:
        return lay.REASON_MAX_POSITION
    return lay.REASON_NONE


@hot
def count_reason(world, symbol, account, more, algo, icebergs, more_lists):
    """MAX_NUM_* and EXCHANGE_MAX_NUM_*: so many open orders and lists more."""
    if accounts_of(world)["unbounded"][account] != 0:
        return lay.REASON_NONE
    symbols = symbols_of(world)
    counts = open_counts_of(world)
    most = symbols["orders_max"][symbol]
    if more > 0 and most > 0 and counts[account, symbol, lay.N_ORDERS] + more > most:
        return lay.REASON_MAX_ORDERS
    most = symbols["algo_max"][symbol]
    if algo > 0 and most > 0 and counts[account, symbol, lay.N_ALGO] + algo > most:
        return lay.REASON_MAX_ALGO_ORDERS
    most = symbols["iceberg_max"][symbol]
    if icebergs > 0 and most > 0 and counts[account, symbol, lay.N_ICEBERG] + icebergs > most:
        return lay.REASON_MAX_ICEBERG_ORDERS
    most = symbols["lists_max"][symbol]
    if more_lists > 0 and most > 0 and counts[account, symbol, lay.N_LISTS] + more_lists > most:
        return lay.REASON_MAX_LISTS
    return _total_reason(world, account, more, algo, icebergs, more_lists)


@hot(inline=True)
def _total_reason(world, account, more, algo, icebergs, more_lists):
    """EXCHANGE_MAX_NUM_*."""
    totals = open_totals_of(world)
    most = exchange_max_of(world)
    bound = most[lay.N_ORDERS]
    if more > 0 and bound > 0 and totals[account, lay.N_ORDERS] + more > bound:
        return lay.REASON_EXCHANGE_ORDERS
    bound = most[lay.N_ALGO]
    if algo > 0 and bound > 0 and totals[account, lay.N_ALGO] + algo > bound:
        return lay.REASON_EXCHANGE_ALGO_ORDERS
    bound = most[lay.N_ICEBERG]
    if icebergs > 0 and bound > 0 and totals[account, lay.N_ICEBERG] + icebergs > bound:
        return lay.REASON_EXCHANGE_ICEBERG_ORDERS
    bound = most[lay.N_LISTS]
    if more_lists > 0 and bound > 0 and totals[account, lay.N_LISTS] + more_lists > bound:
        return lay.REASON_EXCHANGE_LISTS
    return lay.REASON_NONE


@hot(inline=True)
def _asset_reason(world, at, average):
    """MAX_ASSET: the quantity, where the base asset is bounded; the notional value, where the
    quote asset is (rounded up; a market order's at the average price)."""
    commands = commands_of(world)
    symbols = symbols_of(world)
    most = asset_max_of(world)
    symbol = commands["symbol"][at]
    base_most = most[symbols["base"][symbol]]
    quote_most = most[symbols["quote"][symbol]]
    if base_most == 0 and quote_most == 0:
        return lay.REASON_NONE
    if accounts_of(world)["unbounded"][commands["account"][at]] != 0:
        return lay.REASON_NONE
    qty = commands["qty"][at]
    if base_most > 0 and qty * symbols["base_mul"][symbol] > base_most:
        return lay.REASON_MAX_ASSET
    if quote_most == 0:
        return lay.REASON_NONE
    money = commands["quote_qty"][at]
    if money == 0:
        px = average if is_market(commands["order_type"][at]) else commands["px"][at]
        money, status = notional(symbols, symbol, px, qty, ROUND_UP)
        if status != OK:
            return lay.REASON_MAX_ASSET
    return lay.REASON_MAX_ASSET if money > quote_most else lay.REASON_NONE


@hot
def terms_reason(world, at, average):
    """The filters for the order in row `at`, counts of open orders apart; `average`: the average
    price, 0 = nothing has traded."""
    commands = commands_of(world)
    symbols = symbols_of(world)
    symbol = commands["symbol"][at]
    kind = commands["order_type"][at]
    side = commands["side"][at]
    px = commands["px"][at]
    qty = commands["qty"][at]
    market = is_market(kind)
    reason = lay.REASON_NONE
    if not market:
        reason = _price_reason(symbols, symbol, px)
        if reason == lay.REASON_NONE and average > 0:
            reason = _percent_reason(symbols, symbol, side, px, average)
    if reason == lay.REASON_NONE and commands["stop_px"][at] > 0:
        reason = _price_reason(symbols, symbol, commands["stop_px"][at])
    if reason == lay.REASON_NONE and qty > 0:
        reason = lot_reason(symbols, symbol, qty)
    if reason == lay.REASON_NONE and market and qty > 0:
        reason = _market_lot_reason(symbols, symbol, qty)
    iceberg = commands["iceberg_qty"][at]
    if reason == lay.REASON_NONE and iceberg > 0:
        reason = lot_reason(symbols, symbol, iceberg)
        most = symbols["iceberg_parts"][symbol]
        if reason == lay.REASON_NONE and most > 0 and iceberg_parts(qty, iceberg) > most:
            reason = lay.REASON_ICEBERG_PARTS
    if reason == lay.REASON_NONE and commands["trailing_bips"][at] > 0:
        reason = _trailing_reason(symbols, symbol, kind, side, commands["trailing_bips"][at])
    if reason == lay.REASON_NONE:
        if market:
            reason = _market_notional_reason(world, at, average)
        else:
            reason = notional_reason(symbols, symbol, px, qty, True, True)
    if reason == lay.REASON_NONE:
        reason = _position_reason(world, at)
    if reason == lay.REASON_NONE:
        reason = _asset_reason(world, at, average)
    return reason


@hot(inline=True)
def state_reason(world, symbol, only_cancels):
    """Why the market takes no command now; `only_cancels`: the command is a cancel."""
    state = symbols_of(world)["state"][symbol]
    if state == lay.STATE_HALT or state == lay.STATE_BREAK:
        return lay.REASON_MARKET_CLOSED
    if state == lay.STATE_CANCEL_ONLY and not only_cancels:
        return lay.REASON_CANCEL_ONLY
    return lay.REASON_NONE


@hot
def order_reason(world, at, alone):
    """Market state, shape, filters: why the order in row `at` is refused before the book is
    looked at. `alone`: it is no leg of a list, whose counts are judged together."""
    commands = commands_of(world)
    symbol = commands["symbol"][at]
    reason = state_reason(world, symbol, False)
    if reason == lay.REASON_NONE:
        reason = shape_reason(world, at)
    if reason == lay.REASON_NONE and symbols_of(world)["filtered"][symbol] != 0:
        average = reference_px(world, symbol, commands["time_ns"][at])
        reason = terms_reason(world, at, average)
        if reason == lay.REASON_NONE and alone:
            reason = _alone_reason(world, at)
    return reason


@hot(inline=True)
def _alone_reason(world, at):
    """The counts that the order in row `at` would make one larger."""
    commands = commands_of(world)
    kind = commands["order_type"][at]
    if not may_stay(kind, commands["tif"][at]):
        return lay.REASON_NONE
    return count_reason(
        world, commands["symbol"][at], commands["account"][at], 1, int(is_algo(kind)),
        int(commands["iceberg_qty"][at] > 0), 0,
    )  # fmt: skip


@hot(entry=(WORLD_TYPE, I64, I64))
def judge(world, at, average):
    """REASON_* of shape and filters that the new order in row `at` would fail now; changes
    nothing. `average` as in `terms_reason`."""
    reason = shape_reason(world, at)
    if reason == lay.REASON_NONE:
        reason = terms_reason(world, at, average)
    if reason == lay.REASON_NONE:
        reason = _alone_reason(world, at)
    return reason
