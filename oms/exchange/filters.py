"""What a simulated exchange bounds when its config does not say, and a symbol and an order in the
engine's terms.

The rules themselves are the engine's (`filters_hot.py`): it judges what it takes, and by `judge`
what must not reach a book (a test order, or an order of a market without an engine). Source:
filters.md; the bounds over all symbols are the numbers of its examples.
"""

from __future__ import annotations

from oms.exchange.engine.terms import EngineSymbol, ExchangeFilters, Filters, Terms
from oms.exchange.market import MONEY_DIGITS, SymbolSpec
from oms.exchange.orders import OrderRequest

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
EXCHANGE_BOUNDS = ExchangeFilters(orders_max=1000, algo_max=200, iceberg_max=10_000, lists_max=20)


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
        orders_max=ORDERS_MAX,
        algo_max=ALGO_ORDERS_MAX,
        iceberg_max=ICEBERG_ORDERS_MAX,
        lists_max=LISTS_MAX,
        amends_max=AMENDS_MAX,
        iceberg_parts=ICEBERG_PARTS_MAX,
        above_min=TRAILING_MIN_BIPS,
        above_max=TRAILING_MAX_BIPS,
        below_min=TRAILING_MIN_BIPS,
        below_max=TRAILING_MAX_BIPS,
    )


def engine_symbol(spec: SymbolSpec, assets: tuple[str, ...], filters: Filters) -> EngineSymbol:
    """A symbol in the engine's terms."""
    return EngineSymbol(
        assets.index(spec.base),
        assets.index(spec.quote),
        spec.px_digits,
        spec.qty_digits,
        MONEY_DIGITS,
        MONEY_DIGITS,
        spec.lot,
        filters,
        average=True,
    )


def terms_of(request: OrderRequest) -> Terms:
    """A request in the engine's terms."""
    (
        symbol, account, side, kind, tif, px, qty, quote_qty, _, stop_px, trailing_bips,
        iceberg_qty, stp, _, _,
    ) = request  # fmt: skip
    return Terms(
        symbol, account, side, kind, tif, px, qty, quote_qty, 0, stop_px, trailing_bips,
        iceberg_qty, stp,
    )  # fmt: skip
