"""Symbol filters of a simulated exchange: a symbol's defaults, and their check without a trade.

The engine judges every order that it takes by the same filters (`filters_hot.py`); `failed` is the
same judgement for a request that must not reach the book: a test order, or a market without an
engine. `tests/oms/exchange/test_filters.py` holds one against the other. Source: filters.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from oms.exchange import layout_hot as lay
from oms.exchange.market import MONEY_DIGITS, SymbolSpec
from oms.exchange.orders import OrderRequest
from oms.exchange.terms import Filters

PRICE_MAX_UNITS = 10_000_000
"""PRICE_FILTER maxPrice, in whole quote units."""
NOTIONAL_MAX_UNITS = 90_000_000
"""NOTIONAL maxNotional, in whole quote units."""
PERCENT_UP_E6 = 5_000_000
PERCENT_DOWN_E6 = 200_000
ORDERS_MAX = 200
ALGO_ORDERS_MAX = 5
ICEBERG_ORDERS_MAX = 100
LISTS_MAX = 20
AMENDS_MAX = 10
ICEBERG_PARTS_MAX = 100
TRAILING_MIN_BIPS = 10
TRAILING_MAX_BIPS = 2000

CONTINGENT = (
    lay.TYPE_STOP_LOSS,
    lay.TYPE_STOP_LOSS_LIMIT,
    lay.TYPE_TAKE_PROFIT,
    lay.TYPE_TAKE_PROFIT_LIMIT,
)
_ABOVE = {
    (lay.TYPE_STOP_LOSS, lay.SIDE_BUY),
    (lay.TYPE_STOP_LOSS_LIMIT, lay.SIDE_BUY),
    (lay.TYPE_TAKE_PROFIT, lay.SIDE_SELL),
    (lay.TYPE_TAKE_PROFIT_LIMIT, lay.SIDE_SELL),
}
"""Triggered above the market: TRAILING_DELTA's bounds for `above` hold."""


@dataclass(frozen=True, slots=True)
class OpenCounts:
    """Open orders of an account on a symbol."""

    orders: int = 0
    algo: int = 0
    iceberg: int = 0
    lists: int = 0


def default_filters(spec: SymbolSpec) -> Filters:
    """The filters of a symbol whose config names tick, lot, minimum and maximum alone."""
    return Filters(
        tick=spec.tick,
        px_min=spec.tick,
        px_max=PRICE_MAX_UNITS * 10**spec.px_digits,
        step=spec.lot,
        qty_min=spec.min_qty,
        qty_max=spec.max_qty,
        market_step=spec.lot,
        market_qty_min=spec.min_qty,
        market_qty_max=spec.max_qty,
        notional_min=spec.min_notional,
        notional_max=NOTIONAL_MAX_UNITS * 10**MONEY_DIGITS,
        market_minimum_on=True,
        market_maximum_on=False,
        bid_up_e6=PERCENT_UP_E6,
        bid_down_e6=PERCENT_DOWN_E6,
        ask_up_e6=PERCENT_UP_E6,
        ask_down_e6=PERCENT_DOWN_E6,
        amends_max=AMENDS_MAX,
        iceberg_parts=ICEBERG_PARTS_MAX,
        above_min=TRAILING_MIN_BIPS,
        above_max=TRAILING_MAX_BIPS,
        below_min=TRAILING_MIN_BIPS,
        below_max=TRAILING_MAX_BIPS,
    )


def _price(filters: Filters, px: int) -> int:
    if not px:
        return lay.REASON_NONE
    if filters.px_min and px < filters.px_min:
        return lay.REASON_PRICE_MIN
    if filters.px_max and px > filters.px_max:
        return lay.REASON_PRICE_MAX
    if filters.tick and px % filters.tick:
        return lay.REASON_PRICE_TICK
    return lay.REASON_NONE


def _percent(filters: Filters, request: OrderRequest, average_px: int) -> int:
    """PERCENT_PRICE_BY_SIDE; nothing binds before the first trade."""
    buys = request.side == lay.SIDE_BUY
    up = filters.bid_up_e6 if buys else filters.ask_up_e6
    down = filters.bid_down_e6 if buys else filters.ask_down_e6
    if not request.px or not average_px:
        return lay.REASON_NONE
    scaled = request.px * lay.FEE_UNIT
    if (up and scaled > average_px * up) or (down and scaled < average_px * down):
        return lay.REASON_PERCENT_PRICE
    return lay.REASON_NONE


def _lot(filters: Filters, qty: int) -> int:
    if not qty:
        return lay.REASON_NONE
    if filters.qty_min and qty < filters.qty_min:
        return lay.REASON_LOT_MIN
    if filters.qty_max and qty > filters.qty_max:
        return lay.REASON_LOT_MAX
    if filters.step and qty % filters.step:
        return lay.REASON_LOT_STEP
    return lay.REASON_NONE


def _market_lot(filters: Filters, qty: int) -> int:
    if filters.market_qty_min and qty < filters.market_qty_min:
        return lay.REASON_MARKET_LOT_MIN
    if filters.market_qty_max and qty > filters.market_qty_max:
        return lay.REASON_MARKET_LOT_MAX
    if filters.market_step and qty % filters.market_step:
        return lay.REASON_MARKET_LOT_STEP
    return lay.REASON_NONE


def _notional(filters: Filters, spec: SymbolSpec, request: OrderRequest, average_px: int) -> int:
    """Money rounded down against the minimum, up against the maximum."""
    market = not request.px
    low = filters.notional_min if not market or filters.market_minimum_on else 0
    high = filters.notional_max if not market or filters.market_maximum_on else 0
    least = most = request.quote_qty
    if not request.quote_qty:
        px = request.px or average_px
        if not px:
            return lay.REASON_NONE
        unit = 10 ** (spec.px_digits + spec.qty_digits)
        money = px * request.qty * 10**MONEY_DIGITS
        least, most = money // unit, -(-money // unit)
    if low and least < low:
        return lay.REASON_NOTIONAL_MIN
    if high and most > high:
        return lay.REASON_NOTIONAL_MAX
    return lay.REASON_NONE


def _trailing(filters: Filters, request: OrderRequest) -> int:
    bips = request.trailing_bips
    if not bips:
        return lay.REASON_NONE
    above = (request.kind, request.side) in _ABOVE
    low = filters.above_min if above else filters.below_min
    high = filters.above_max if above else filters.below_max
    if (low and bips < low) or (high and bips > high):
        return lay.REASON_TRAILING_DELTA
    return lay.REASON_NONE


def _iceberg(filters: Filters, request: OrderRequest) -> int:
    if not request.iceberg_qty:
        return lay.REASON_NONE
    if reason := _lot(filters, request.iceberg_qty):
        return reason
    parts = -(-request.qty // request.iceberg_qty)
    if filters.iceberg_parts and parts > filters.iceberg_parts:
        return lay.REASON_ICEBERG_PARTS
    return lay.REASON_NONE


def failed(filters: Filters, spec: SymbolSpec, request: OrderRequest, average_px: int) -> int:
    """REASON_* of the first filter that a new order fails, in the engine's order; REASON_NONE."""
    market = not request.px
    return (
        _price(filters, request.px)
        or _percent(filters, request, average_px)
        or _price(filters, request.stop_px)
        or _lot(filters, request.qty)
        or (_market_lot(filters, request.qty) if market and request.qty else lay.REASON_NONE)
        or _iceberg(filters, request)
        or _trailing(filters, request)
        or _notional(filters, spec, request, average_px)
    )


def too_many(counts: OpenCounts, requests: tuple[OrderRequest, ...], lists: int) -> int:
    """REASON_MAX_* when these orders and `lists` order lists are too many beside the open."""
    algo = sum(r.kind in CONTINGENT for r in requests)
    iceberg = sum(r.iceberg_qty > 0 for r in requests)
    if counts.orders + len(requests) > ORDERS_MAX:
        return lay.REASON_MAX_ORDERS
    if algo and counts.algo + algo > ALGO_ORDERS_MAX:
        return lay.REASON_MAX_ALGO_ORDERS
    if iceberg and counts.iceberg + iceberg > ICEBERG_ORDERS_MAX:
        return lay.REASON_MAX_ICEBERG_ORDERS
    if lists and counts.lists + lists > LISTS_MAX:
        return lay.REASON_MAX_LISTS
    return lay.REASON_NONE
