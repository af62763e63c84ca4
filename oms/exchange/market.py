"""What stands behind a simulated exchange's protocol: the interface, and its words.

A protocol server (`oms/venues/<exchange>/server*.py`) talks to a `Market` alone. Two markets
implement it: `live.LiveMarket` (the matching engine with synthetic liquidity) and
`recorded.RecordedMarket` (a recorded book that our orders never change). Both keep the orders of
their accounts in an `OrderLog` (`order_log.py`).

Units everywhere: prices at the symbol's px_digits, quantities at its qty_digits, money with
MONEY_DIGITS decimals; times in nanoseconds since 1970, UTC. Sides are SIDE_BUY and SIDE_SELL of
`layout_hot`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from oms.config import SimInstrumentConfig
from oms.errors import ConfigError
from oms.exchange.engine.terms import ExchangeFilters, Filters
from oms.exchange.orders import (
    Amendment,
    Commission,
    ListRequest,
    Order,
    OrderList,
    OrderRequest,
    Replaced,
    UserReport,
)
from oms.instruments import parse_decimal
from shm_layout.limits import CURRENCY_SCALE_DIGITS

if TYPE_CHECKING:
    from oms.exchange.order_log import OrderLog

MONEY_DIGITS = CURRENCY_SCALE_DIGITS
TRADES_KEPT_MAX = 1000
"""Public trades per symbol: the most that the venue's `trades` gives."""


def format_decimal(value: int, digits: int, places: int = 8) -> str:
    """An integer with `digits` decimals as text with `places` >= `digits` decimals."""
    scaled = str(abs(value)).rjust(digits + 1, "0")
    whole = scaled[: len(scaled) - digits]
    part = scaled[len(scaled) - digits :].ljust(places, "0")
    return ("-" if value < 0 else "") + (f"{whole}.{part}" if places else whole)


@dataclass(frozen=True, slots=True)
class SymbolSpec:
    """One symbol of the exchange and its filters; see the module's text for units."""

    symbol: str
    base: str
    quote: str
    px_digits: int
    qty_digits: int
    tick: int
    lot: int
    min_qty: int
    max_qty: int
    min_notional: int
    """Money of the quote asset."""
    mid: int
    """Where synthetic trading begins; price."""


def _digits(text: str) -> int:
    return len(text.rstrip("0").partition(".")[2]) if "." in text else 0


def spec_from_config(config: SimInstrumentConfig) -> SymbolSpec:
    """A symbol from the config's decimal texts; ConfigError in one sentence if they don't fit."""
    px_digits = _digits(config.tick)
    qty_digits = _digits(config.lot)
    where = f"sims.instruments {config.symbol}"
    try:
        spec = SymbolSpec(
            config.symbol,
            config.base,
            config.quote,
            px_digits,
            qty_digits,
            parse_decimal(config.tick, px_digits),
            parse_decimal(config.lot, qty_digits),
            parse_decimal(config.min_qty, qty_digits),
            parse_decimal(config.max_qty, qty_digits),
            parse_decimal(config.min_notional, MONEY_DIGITS),
            parse_decimal(config.mid, px_digits),
        )
    except ValueError as error:
        raise ConfigError(
            f"{where}: {error}; required are decimals that fit tick and lot"
        ) from None
    if px_digits > MONEY_DIGITS or qty_digits > MONEY_DIGITS:
        raise ConfigError(f"{where}: found a tick or lot finer than {MONEY_DIGITS} decimals")
    for name in ("tick", "lot", "min_qty", "max_qty", "mid"):
        if getattr(spec, name) <= 0:
            raise ConfigError(f"{where}.{name}: found {getattr(config, name)!r}, required > 0")
    if spec.mid % spec.tick or spec.min_qty % spec.lot or spec.max_qty % spec.lot:
        raise ConfigError(f"{where}: mid must be a whole tick, min_qty and max_qty whole lots")
    return spec


def with_digits(spec: SymbolSpec, px_digits: int, qty_digits: int) -> SymbolSpec:
    """The same symbol at finer digits (a recording may hold quantities finer than the lot)."""
    px_unit = 10 ** (px_digits - spec.px_digits)
    qty_unit = 10 ** (qty_digits - spec.qty_digits)
    assert px_digits >= spec.px_digits
    assert qty_digits >= spec.qty_digits
    return replace(
        spec,
        px_digits=px_digits,
        qty_digits=qty_digits,
        tick=spec.tick * px_unit,
        mid=spec.mid * px_unit,
        lot=spec.lot * qty_unit,
        min_qty=spec.min_qty * qty_unit,
        max_qty=spec.max_qty * qty_unit,
    )


def assets_of(specs: Sequence[SymbolSpec], more: Sequence[str] = ()) -> tuple[str, ...]:
    """Asset codes in order of first use; the position is the asset's row."""
    found: dict[str, None] = {}
    for spec in specs:
        found[spec.base] = None
        found[spec.quote] = None
    for code in more:
        found[code] = None
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Features:
    """What a market offers beside limit, market and post-only orders; exchangeInfo shows it."""

    contingent: bool
    """Stop-loss and take-profit orders."""
    trailing: bool
    iceberg: bool
    oco: bool
    oto: bool
    amend: bool
    stp_modes: tuple[int, ...]
    """STP_* that an order may ask for; the first is the default."""


@dataclass(frozen=True, slots=True)
class PublicTrade:
    symbol: int
    trade_id: int
    px: int
    qty: int
    time_ns: int
    buyer_is_maker: bool
    taker_order_id: int = 0
    """Trades of one taker order at one price make one aggregate trade; 0 = not known."""


@dataclass(frozen=True, slots=True)
class LevelChange:
    """A price level's new total; quantity 0 = gone."""

    symbol: int
    side: int
    px: int
    qty: int
    update_id: int


@dataclass(frozen=True, slots=True)
class Ticker:
    """Best bid and ask after `update_id`; price and quantity 0 = empty side."""

    symbol: int
    update_id: int
    bid_px: int
    bid_qty: int
    ask_px: int
    ask_qty: int


PublicEvent = PublicTrade | LevelChange | Ticker


@dataclass(frozen=True, slots=True)
class Book:
    """The best levels of a book, best first, as (price, quantity)."""

    update_id: int
    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]


class Market(Protocol):
    """A matching back-end; see the module's text. `now_ns` never goes backwards."""

    specs: tuple[SymbolSpec, ...]
    assets: tuple[str, ...]
    log: OrderLog
    features: Features
    filters: tuple[Filters, ...]
    bounds: ExchangeFilters

    def check(self, request: OrderRequest) -> int:
        """REASON_* of the filters that a new order would fail now; REASON_NONE. Changes nothing."""
        ...

    def submit(self, request: OrderRequest, now_ns: int) -> Order | int:
        """Place an order: the order as it stands after matching, or a REASON_* of `layout_hot`."""
        ...

    def replace(
        self,
        order_id: int,
        cancel_id: str,
        restriction: int,
        request: OrderRequest,
        now_ns: int,
        *,
        stop_on_failure: bool,
    ) -> Replaced:
        """Cancel one order (RESTRICT_*), then place another, though the cancel failed unless
        `stop_on_failure`; `order_id` 0 names no order: that cancel fails."""
        ...

    def submit_list(self, request: ListRequest, now_ns: int) -> OrderList | int:
        """Place an order list, all of it or nothing."""
        ...

    def cancel(self, order_id: int, cancel_id: str, now_ns: int) -> bool:
        """Cancel an open order, and the rest of its list; False when it is not open."""
        ...

    def amend(self, order_id: int, qty: int, client_id: str, now_ns: int) -> Amendment | int:
        """Reduce an open order's quantity; it keeps its place. A REASON_* when refused."""
        ...

    def set_state(self, symbol: int, state: int, now_ns: int) -> None:
        """STATE_* of `layout_hot`: trading, halt, cancel only."""
        ...

    def state(self, symbol: int) -> int: ...

    def balances(self, account: int) -> list[tuple[int, int]]:
        """(free, locked) per asset row."""
        ...

    def commission(self, account: int, symbol: int) -> Commission: ...

    def trade_group(self, account: int) -> int:
        """For self-trade prevention between accounts; -1 = none."""
        ...

    def average_price(self, symbol: int, now_ns: int) -> int:
        """Volume-weighted price of the filters' window; the last price where it was quiet."""
        ...

    def book(self, symbol: int, limit: int) -> Book | None:
        """None while the book is not known."""
        ...

    def ticker(self, symbol: int) -> Ticker: ...

    def trades(self, symbol: int) -> Sequence[PublicTrade]:
        """Recent public trades, oldest first."""
        ...

    def take_public(self) -> list[PublicEvent]:
        """Public events since the last call, in order; a Ticker follows the changes it sums up."""
        ...

    def take_reports(self) -> list[UserReport]: ...

    def advance(self, now_ns: int, budget: int) -> int:
        """Let up to `budget` of the background's events happen that are due; returns how many."""
        ...

    def next_timer_ns(self) -> int: ...
