"""What the matching engine is told: symbols with their filters, capacities, an order's terms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from oms.exchange.engine import layout_hot as lay

ORDERS_DEFAULT = 1 << 14
LEVELS_PER_SIDE_DEFAULT = 1 << 12
COMMANDS_DEFAULT = 1 << 10
ACCOUNTS_DEFAULT = 512
LISTS_DEFAULT = 1 << 12
ASSETS_MAX = 64


@dataclass(frozen=True, slots=True)
class Filters:
    """Binance spot's symbol filters as integers: prices at px_digits, quantities at qty_digits,
    notionals as money of the quote asset; 0 = that rule is off."""

    tick: int = 0
    px_min: int = 0
    px_max: int = 0
    step: int = 0
    qty_min: int = 0
    qty_max: int = 0
    market_step: int = 0
    market_qty_min: int = 0
    market_qty_max: int = 0
    notional_min: int = 0
    notional_max: int = 0
    market_minimum_on: bool = False
    """NOTIONAL: the minimum binds market orders, too, at the average price."""
    market_maximum_on: bool = False
    average_s: int = lay.AVERAGE_SECONDS
    """Window of the average price; 0 = the last price is taken."""
    bid_up_e6: int = 0
    """PERCENT_PRICE_BY_SIDE: multiples of the average price, millionths."""
    bid_down_e6: int = 0
    ask_up_e6: int = 0
    ask_down_e6: int = 0
    orders_max: int = 0
    """Per account and symbol, as the four that follow."""
    algo_max: int = 0
    iceberg_max: int = 0
    lists_max: int = 0
    amends_max: int = 0
    """Per order."""
    iceberg_parts: int = 0
    above_min: int = 0
    """TRAILING_DELTA, in basis points."""
    above_max: int = 0
    below_min: int = 0
    below_max: int = 0
    position_max: int = 0
    """MAX_POSITION of the base asset, qty_digits."""

    @property
    def on(self) -> bool:
        """Some rule is on (the average's window alone is none)."""
        return self != Filters(average_s=self.average_s)


@dataclass(frozen=True, slots=True)
class ExchangeFilters:
    """Binance spot's exchange and asset filters: bounds over all symbols; 0 = that rule is off."""

    orders_max: int = 0
    """Open orders of an account, as the three that follow."""
    algo_max: int = 0
    iceberg_max: int = 0
    lists_max: int = 0
    assets: tuple[tuple[int, int], ...] = ()
    """MAX_ASSET: (asset row, the most of it in one order, scale of the asset)."""

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """In the order of the columns of `open_totals`."""
        return self.orders_max, self.algo_max, self.iceberg_max, self.lists_max

    @property
    def on(self) -> bool:
        return self != ExchangeFilters()


@dataclass(frozen=True, slots=True)
class EngineSymbol:
    """What the engine needs of a symbol; digits are decimal places of the integers."""

    base: int
    """Asset row."""
    quote: int
    px_digits: int
    qty_digits: int
    base_digits: int
    quote_digits: int
    lot: int
    """Smallest step of a quantity, qty_digits."""
    filters: Filters = Filters()
    average: bool = False
    """Keep the average price even where no filter needs it."""

    @property
    def averages(self) -> bool:
        """The average price is kept."""
        rules = self.filters
        bands = rules.bid_up_e6 or rules.bid_down_e6 or rules.ask_up_e6 or rules.ask_down_e6
        by_market = rules.market_minimum_on or rules.market_maximum_on
        return self.average or bool((bands or by_market) and rules.average_s)

    def fill(self, row: np.ndarray) -> None:
        """Write a row (0-d) of `layout_hot.SYMBOL`."""
        assert self.lot > 0
        assert 0 <= self.base < ASSETS_MAX
        assert 0 <= self.quote < ASSETS_MAX
        assert self.base != self.quote
        assert self.base_digits >= self.qty_digits, "a lot must be whole money of the base"
        assert 0 <= self.filters.average_s <= lay.AVERAGE_SECONDS
        shift = self.quote_digits - self.px_digits - self.qty_digits
        row["base"] = self.base
        row["quote"] = self.quote
        row["lot"] = self.lot
        row["notional_mul"] = 10 ** max(shift, 0)
        row["notional_div"] = 10 ** max(-shift, 0)
        row["base_mul"] = 10 ** (self.base_digits - self.qty_digits)
        row["qty_limit"] = (1 << 62) // max(int(row["base_mul"]), int(row["notional_mul"]))
        row["filtered"] = self.filters.on
        rules = self.filters
        for name in Filters.__dataclass_fields__:
            row[name] = int(getattr(rules, name))
        row["average_on"] = self.averages


@dataclass(frozen=True, slots=True)
class Capacity:
    orders: int = ORDERS_DEFAULT
    levels_per_side: int = LEVELS_PER_SIDE_DEFAULT
    accounts: int = ACCOUNTS_DEFAULT
    commands: int = COMMANDS_DEFAULT
    lists: int = LISTS_DEFAULT


class Terms(NamedTuple):
    """A new order; units as in `layout_hot.COMMAND`."""

    symbol: int
    account: int
    side: int
    kind: int
    """TYPE_* of `layout_hot`."""
    tif: int
    px: int
    qty: int
    quote_qty: int = 0
    tag: int = 0
    stop_px: int = 0
    """Trigger price; of a trailing order the price at which it begins to track (0 = at once)."""
    trailing_bips: int = 0
    iceberg_qty: int = 0
    stp: int = lay.STP_NONE
