"""The plugin interface: what a strategy is told, and what it may do.

A strategy is a class with the methods of `Strategy`; its agent (`oms/agents/strategy/agent.py`)
feeds it and carries out what it asks. Prices are integers at the instrument's px_scale, quantities
at its qty_scale; times in ns. A strategy has no clock, no socket, no randomness: the same events
give the same intents, live, on the harness and in a backtest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from oms.instruments import parse_decimal
from shm_layout.enums import OrderState, OrderType, RejectReason, Side, TimeInForce


@dataclass(frozen=True, slots=True)
class Instrument:
    """What a strategy needs to know of an instrument; from its row in the registry."""

    id: int
    name: str
    venue: str
    px_scale: int
    qty_scale: int
    tick: int
    lot: int
    min_qty: int
    min_notional: int
    notional_divisor: int
    quote_scale: int

    def amount(self, text: str) -> int:
        """A quote amount from decimal text; ValueError where it has more digits than its scale."""
        return parse_decimal(text, self.quote_scale)

    def qty(self, text: str) -> int:
        """A quantity from decimal text, rounded down to the lot."""
        value = parse_decimal(text, self.qty_scale)
        return value - value % self.lot

    def px_down(self, px: int) -> int:
        return px - px % self.tick

    def px_up(self, px: int) -> int:
        return px + -px % self.tick


class Top(NamedTuple):
    """The best prices now. `live` False: nothing may be priced off this book."""

    instrument_id: int
    live: bool
    bid_px: int
    bid_qty: int
    ask_px: int
    ask_qty: int
    version: int
    ts_event_ns: int
    ts_recv_ns: int
    stamp_cycles: int
    pos: int


@dataclass(frozen=True, slots=True)
class Trade:
    """A public trade."""

    instrument_id: int
    aggressor: Side
    px: int
    qty: int
    ts_event_ns: int


@dataclass(slots=True)
class Order:
    """An order of this strategy, as far as it is known here.

    `client_order_id` is 0 until risk has accepted the intent. Gone from `Desk.orders` once it is
    terminal.
    """

    intent_id: int
    instrument_id: int
    side: Side
    order_type: OrderType
    px: int
    qty: int
    leaves_qty: int
    """Of an order by quote amount `qty` and `leaves_qty` are 0: its fills say what it bought."""
    client_order_id: int = 0
    state: OrderState = OrderState.PENDING_NEW
    cancel_asked: bool = False
    quote_qty: int = 0
    """> 0: ordered by quote amount, scale of the quote currency (`Instrument.quote_scale`)."""
    account_id: int = 0
    """The account that it stands on."""
    time_in_force: TimeInForce = TimeInForce.GTC


@dataclass(frozen=True, slots=True)
class Fill:
    """A fill of one of our orders; `position_qty` is the strategy's position after it."""

    order: Order
    px: int
    qty: int
    position_qty: int
    edge_e4: int


class Desk(Protocol):
    """What a strategy may do."""

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """By `venue:name`, as in the config."""
        ...

    @property
    def orders(self) -> Mapping[int, Order]:
        """Orders that are not terminal, by intent_id."""
        ...

    def place(
        self,
        instrument: Instrument,
        side: Side,
        qty: int,
        px: int | None,
        order_type: OrderType = OrderType.LIMIT,
        time_in_force: TimeInForce = TimeInForce.GTC,
        account: str | None = None,
    ) -> Order | None:
        """Ask for an order; None when there is no room or no price to decide by. `account`: one of
        the strategy's; None = the first that trades on the instrument's market."""
        ...

    def place_amount(
        self, instrument: Instrument, side: Side, quote_qty: int, account: str | None = None
    ) -> Order | None:
        """Ask for a market order worth `quote_qty` (at the instrument's quote_scale): a buy spends
        it, a sell takes it in. None as for `place`."""
        ...

    def replace(self, order: Order, qty: int, px: int) -> Order | None:
        """Ask for a new order in place of one that stands, in one request; None as for `place`, or
        where the order does not stand or is to be cancelled already. `on_order` tells what became
        of each: the new one may be refused although the old one ended, or the other way round."""
        ...

    def cancel(self, order: Order) -> bool:
        """Ask to cancel; False when it cannot be asked now: asked already, or the venue has not
        yet said that it has the order (a cancel could overtake it)."""
        ...

    def position(self, instrument: Instrument) -> int:
        """Net quantity of this strategy's fills, on all its accounts."""
        ...

    def top(self, instrument: Instrument) -> Top | None: ...

    def log(self, level: str, event: str, **fields: Any) -> None: ...


class Strategy(Protocol):
    """A plugin. Inherit from `BaseStrategy` for the empty defaults."""

    def on_start(self, desk: Desk, now_ns: int) -> None: ...
    def on_top(self, top: Top, now_ns: int) -> None: ...
    def on_trades(self, trades: Iterable[Trade], now_ns: int) -> None: ...
    def on_fill(self, fill: Fill, now_ns: int) -> None: ...
    def on_order(self, order: Order, reason: RejectReason, now_ns: int) -> None: ...
    def on_timer(self, now_ns: int) -> None: ...
    def next_timer_ns(self) -> int: ...


class BaseStrategy:
    """Empty defaults; keeps the desk."""

    desk: Desk

    def on_start(self, desk: Desk, now_ns: int) -> None:
        """Called once, when every instrument of the config is known."""
        del now_ns
        self.desk = desk

    def on_top(self, top: Top, now_ns: int) -> None:
        """The newest prices of an instrument; those between two calls are conflated."""
        del top, now_ns

    def on_trades(self, trades: Iterable[Trade], now_ns: int) -> None:
        """Public trades since the last call, oldest first, none left out unless lapped."""
        del trades, now_ns

    def on_fill(self, fill: Fill, now_ns: int) -> None:
        del fill, now_ns

    def on_order(self, order: Order, reason: RejectReason, now_ns: int) -> None:
        """An order changed its state; `reason` where it was refused."""
        del order, reason, now_ns

    def on_timer(self, now_ns: int) -> None:
        del now_ns

    def next_timer_ns(self) -> int:
        return (1 << 63) - 1
