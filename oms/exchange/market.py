"""What stands behind a simulated exchange's protocol: the interface, and its words.

A protocol server (`oms/venues/<exchange>/server*.py`) talks to a `Market` alone. Two markets
implement it: `live.LiveMarket` (the matching engine with synthetic liquidity) and
`recorded.RecordedMarket` (a recorded book that our orders never change). Both keep the orders of
their accounts in an `OrderLog`.

Units everywhere: prices at the symbol's px_digits, quantities at its qty_digits, money with
MONEY_DIGITS decimals; times in nanoseconds since 1970, UTC. Sides are SIDE_BUY and SIDE_SELL of
`layout_hot`.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from oms.config import SimInstrumentConfig
from oms.errors import ConfigError
from shm_layout.enums import ExecKind, OrderState
from shm_layout.limits import CURRENCY_SCALE_DIGITS

MONEY_DIGITS = CURRENCY_SCALE_DIGITS
ORDERS_KEPT_MAX = 200_000
"""Closed orders of all accounts that can still be queried; the oldest go first."""
FILLS_KEPT_MAX = 200_000
"""Fills per account and symbol."""
TRADES_KEPT_MAX = 1000
"""Public trades per symbol: the most that the venue's `trades` gives."""

_DECIMAL = re.compile(r"[0-9]+(\.[0-9]+)?")


def parse_decimal(text: str, digits: int) -> int:
    """`text` as an integer with `digits` decimals; ValueError when it is no plain decimal, or
    has more decimals (other than zeros) than `digits`."""
    if not _DECIMAL.fullmatch(text):
        raise ValueError(f"{text!r} is not a plain decimal number")
    whole, _, part = text.partition(".")
    part = part.rstrip("0")
    if len(part) > digits:
        raise ValueError(f"{text!r} has more than {digits} decimals")
    return int(whole + part.ljust(digits, "0"))


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
class OrderRequest:
    """A new order, already checked for shape and filters by the protocol server."""

    symbol: int
    account: int
    side: int
    kind: int
    """TYPE_* of `layout_hot`."""
    tif: int
    px: int
    qty: int
    quote_qty: int
    client_id: str


@dataclass(slots=True)
class Order:
    """One order of an account; `state` is OPEN, FILLED, CANCELED or EXPIRED."""

    order_id: int
    request: OrderRequest
    created_ns: int
    updated_ns: int
    state: OrderState = OrderState.OPEN
    cum_qty: int = 0
    cum_quote: int = 0
    worked: bool = False
    """It has rested on the book."""
    slot: int = -1
    """LiveMarket: its place in the engine's pool while it rests."""
    muted: bool = False
    """Fault: its ACK report was swallowed."""
    qty: int = 0
    """Base quantity; of an order by quote amount what that bought."""

    @property
    def leaves(self) -> int:
        return self.qty - self.cum_qty


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution of one order."""

    trade_id: int
    order_id: int
    symbol: int
    account: int
    side: int
    px: int
    qty: int
    quote: int
    fee: int
    fee_asset: int
    maker: bool
    time_ns: int


@dataclass(frozen=True, slots=True)
class Report:
    """What an account is told of its order: ACK, FILL, CANCELED or EXPIRED."""

    kind: ExecKind
    order: Order
    """A copy, as the order was at that moment."""
    fill: Fill | None
    execution_id: int
    time_ns: int
    cancel_id: str = ""
    """CANCELED: client id of the cancel request."""


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

    def submit(self, request: OrderRequest, now_ns: int) -> Order | int:
        """Place an order: the order as it stands after matching, or a REASON_* of `layout_hot`."""
        ...

    def cancel(self, order_id: int, cancel_id: str, now_ns: int) -> bool:
        """Cancel an open order; False when it is not open."""
        ...

    def balances(self, account: int) -> list[tuple[int, int]]:
        """(free, locked) per asset row."""
        ...

    def fees_e6(self, account: int) -> tuple[int, int]:
        """(maker, taker) in millionths of the amount."""
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

    def take_reports(self) -> list[Report]: ...

    def advance(self, now_ns: int, budget: int) -> int:
        """Let up to `budget` of the background's events happen that are due; returns how many."""
        ...

    def next_timer_ns(self) -> int: ...


class OrderLog:
    """Orders and fills of the exchange's accounts, and the reports that they are due."""

    def __init__(self, accounts: int, symbols: int) -> None:
        self._by_id: dict[int, Order] = {}
        self._by_client: dict[tuple[int, int, str], Order] = {}
        self._open: list[dict[int, Order]] = [{} for _ in range(accounts)]
        self._closed: deque[Order] = deque()
        self._history: list[list[deque[Order]]] = [
            [deque(maxlen=ORDERS_KEPT_MAX) for _ in range(symbols)] for _ in range(accounts)
        ]
        self._fills: list[list[deque[Fill]]] = [
            [deque(maxlen=FILLS_KEPT_MAX) for _ in range(symbols)] for _ in range(accounts)
        ]
        self._reports: list[Report] = []
        self._execution_id = 0

    def add(self, order: Order) -> None:
        """A new order, accepted."""
        request = order.request
        self._by_id[order.order_id] = order
        self._by_client[request.account, request.symbol, request.client_id] = order
        self._open[request.account][order.order_id] = order
        self._history[request.account][request.symbol].append(order)
        self._report(ExecKind.ACK, order, None, order.created_ns)

    def fill(self, order: Order, fill: Fill) -> None:
        order.cum_qty += fill.qty
        order.cum_quote += fill.quote
        order.updated_ns = fill.time_ns
        assert order.cum_qty <= order.qty, f"order {order.order_id} is filled beyond its quantity"
        request = order.request
        self._fills[request.account][request.symbol].append(fill)
        if order.leaves == 0:
            self._close(order, OrderState.FILLED)
        self._report(ExecKind.FILL, order, fill, fill.time_ns)

    def end(self, order: Order, state: OrderState, now_ns: int, cancel_id: str = "") -> None:
        """CANCELED or EXPIRED."""
        order.updated_ns = now_ns
        self._close(order, state)
        kind = ExecKind.CANCELED if state == OrderState.CANCELED else ExecKind.EXPIRED
        self._report(kind, order, None, now_ns, cancel_id)

    def _close(self, order: Order, state: OrderState) -> None:
        order.state = state
        del self._open[order.request.account][order.order_id]
        self._closed.append(order)
        if len(self._closed) > ORDERS_KEPT_MAX:
            self._forget(self._closed.popleft())

    def _forget(self, order: Order) -> None:
        request = order.request
        del self._by_id[order.order_id]
        key = (request.account, request.symbol, request.client_id)
        if self._by_client.get(key) is order:
            del self._by_client[key]
        self._history[request.account][request.symbol].remove(order)

    def _report(
        self, kind: ExecKind, order: Order, fill: Fill | None, now_ns: int, cancel_id: str = ""
    ) -> None:
        self._execution_id += 1
        self._reports.append(
            Report(kind, replace(order), fill, self._execution_id, now_ns, cancel_id)
        )

    def take_reports(self) -> list[Report]:
        taken, self._reports = self._reports, []
        return taken

    def by_id(self, account: int, order_id: int) -> Order | None:
        order = self._by_id.get(order_id)
        return order if order is not None and order.request.account == account else None

    def any_by_id(self, order_id: int) -> Order | None:
        """An order of whichever account: the market's own look-up."""
        return self._by_id.get(order_id)

    def by_client(self, account: int, symbol: int, client_id: str) -> Order | None:
        """The youngest order with this client id."""
        return self._by_client.get((account, symbol, client_id))

    def open_orders(self, account: int, symbol: int | None) -> list[Order]:
        """By order id; of one symbol, or of all (None)."""
        found = self._open[account].values()
        return [o for o in found if symbol is None or o.request.symbol == symbol]

    def history(self, account: int, symbol: int) -> Sequence[Order]:
        """All orders still known, oldest first."""
        return self._history[account][symbol]

    def fills(self, account: int, symbol: int) -> Sequence[Fill]:
        """All fills still known, oldest first."""
        return self._fills[account][symbol]
