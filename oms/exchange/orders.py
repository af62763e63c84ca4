"""The words for orders, order lists and what an account is told of them.

Shared by the markets (`live.py`, `recorded.py`), the order log and the protocol server. Units:
prices at the symbol's px_digits, quantities at its qty_digits, money with MONEY_DIGITS decimals;
times in nanoseconds since 1970, UTC. Names of kinds, modes and reasons are those of `layout_hot`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from oms.exchange.engine import layout_hot as lay
from shm_layout.enums import OrderState

MARKET_KINDS = (lay.TYPE_MARKET, lay.TYPE_STOP_LOSS, lay.TYPE_TAKE_PROFIT)
"""They trade at any price once they run."""
_OPEN_STATES = (OrderState.OPEN, OrderState.PENDING_NEW)


class ReportKind(IntEnum):
    """What an account is told of one of its orders."""

    NEW = 1
    """Accepted; said again when a contingent or pending order goes to the book."""
    TRADE = 2
    CANCELED = 3
    REPLACED = 4
    """Amended in its place."""
    REJECTED = 5
    EXPIRED = 6
    TRADE_PREVENTION = 7


class Expiry(IntEnum):
    """Why an order expired; the words are those of user-data-stream.md "Order Expiry Reason"."""

    NONE = 0
    """It did not, or self-trade prevention ended it, which its state says."""
    REJECTED = 1
    """Not taken to the book when it was triggered or placed."""
    EXCHANGE_CANCELED = 2
    OCO_TRIGGER = 3
    OTO_PHASE_ONE_EXPIRED = 4
    UNFILLED_IOC_QUANTITY_EXPIRED = 5
    UNFILLED_FOK_ORDER_EXPIRED = 6
    INSUFFICIENT_LIQUIDITY = 7


class OrderRequest(NamedTuple):
    """A new order, already checked for its shape by the protocol server."""

    symbol: int
    account: int
    side: int
    kind: int
    """TYPE_* of `layout_hot`."""
    tif: int
    px: int
    qty: int
    """0 when given by quote amount, or when the working order of its list decides (OPO)."""
    quote_qty: int
    client_id: str
    stop_px: int = 0
    """0 = none."""
    trailing_bips: int = 0
    """0 = no trailing order."""
    iceberg_qty: int = 0
    """0 = no iceberg."""
    stp: int = lay.STP_NONE
    strategy_id: int | None = None
    strategy_type: int | None = None


@dataclass(slots=True)
class Order:
    """One order of an account; `state` is PENDING_NEW, OPEN, FILLED, CANCELED or EXPIRED."""

    order_id: int
    request: OrderRequest
    created_ns: int
    updated_ns: int
    state: OrderState = OrderState.OPEN
    """PENDING_NEW: it waits for the working order of its list."""
    cum_qty: int = 0
    cum_quote: int = 0
    qty: int = 0
    """Base quantity as amended; of an order by quote amount what that bought."""
    client_id: str = ""
    """As amended; begins as the request's."""
    working_ns: int = -1
    """When it met the book; -1 while it is contingent or pending."""
    trailing_ns: int = -1
    """When a trailing order began to follow the price."""
    list_id: int = -1
    in_match: bool = False
    """It expired by self-trade prevention."""
    expiry: Expiry = Expiry.NONE
    prevented_qty: int = 0
    prevented_id: int = -1
    """The last prevented match that it was part of."""
    amends: int = 0

    @property
    def leaves(self) -> int:
        return self.qty - self.cum_qty - self.prevented_qty

    def take(self, fill: Fill) -> None:
        """One execution more."""
        self.cum_qty += fill.qty
        self.cum_quote += fill.quote
        self.updated_ns = fill.time_ns
        assert self.leaves >= 0, f"order {self.order_id} is filled beyond its quantity"

    def copy(self) -> Order:
        """The order as it is now; several are made of each, and `dataclasses.replace` takes four
        times as long."""
        return Order(
            self.order_id, self.request, self.created_ns, self.updated_ns, self.state,
            self.cum_qty, self.cum_quote, self.qty, self.client_id, self.working_ns,
            self.trailing_ns, self.list_id, self.in_match, self.expiry, self.prevented_qty,
            self.prevented_id, self.amends,
        )  # fmt: skip

    @property
    def is_open(self) -> bool:
        return self.state in _OPEN_STATES


def expiry_of(order: Order, reason: int) -> Expiry:
    """Why an open order expires now, by the engine's REASON_* for it."""
    request = order.request
    if reason == lay.REASON_LIST:
        waits = order.state == OrderState.PENDING_NEW
        return Expiry.OTO_PHASE_ONE_EXPIRED if waits else Expiry.OCO_TRIGGER
    if reason != lay.REASON_NONE:
        return Expiry.REJECTED
    if request.kind in MARKET_KINDS:
        return Expiry.INSUFFICIENT_LIQUIDITY
    if request.tif == lay.TIF_FOK:
        return Expiry.UNFILLED_FOK_ORDER_EXPIRED
    return Expiry.UNFILLED_IOC_QUANTITY_EXPIRED


class Fill(NamedTuple):
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
    list_id: int = -1


class PreventedMatch(NamedTuple):
    """A trade between two orders of one owner that did not happen."""

    match_id: int
    """Counts up by symbol."""
    symbol: int
    taker_order_id: int
    maker_order_id: int
    taker_account: int
    maker_account: int
    mode: int
    """STP_* that decided."""
    px: int
    qty: int
    """What would have traded."""
    taker_qty: int
    """What it took from the taker; 0 = nothing."""
    maker_qty: int
    trade_group: int
    """-1 = the accounts belong to no group."""
    time_ns: int


class Amendment(NamedTuple):
    """One reduction of an order's quantity that kept its place."""

    order_id: int
    symbol: int
    execution_id: int
    old_client_id: str
    new_client_id: str
    old_qty: int
    new_qty: int
    time_ns: int


@dataclass(frozen=True, slots=True)
class ListRequest:
    """A new order list. Legs: OCO above, below; OTO working, pending; OTOCO working, above, below.

    `opo`: the pending legs have no quantity; what the working leg receives pays for them.
    """

    kind: int
    """LIST_* of `layout_hot`."""
    client_id: str
    legs: tuple[OrderRequest, ...]
    opo: bool = False


@dataclass(slots=True)
class OrderList:
    """An order list of an account."""

    list_id: int
    account: int
    symbol: int
    kind: int
    client_id: str
    order_ids: tuple[int, ...]
    """In the order of the request's legs."""
    created_ns: int
    updated_ns: int
    open: bool = True
    opo: bool = False


class Report(NamedTuple):
    """What an account is told of its order."""

    kind: ReportKind
    order: Order
    """A copy, as the order was at that moment."""
    fill: Fill | None
    execution_id: int
    time_ns: int
    cancel_id: str = ""
    """CANCELED: client id of the cancel request; REPLACED: the client id before."""
    prevented: PreventedMatch | None = None
    """TRADE_PREVENTION."""
    reason: int = lay.REASON_NONE
    """REJECTED: REASON_*."""


class ListReport(NamedTuple):
    """What an account is told of its order list; `client_ids` are those of the orders now."""

    account: int
    list: OrderList
    """A copy."""
    client_ids: tuple[str, ...]
    status: str
    """EXEC_STARTED, UPDATED or ALL_DONE."""
    time_ns: int


class BalanceReport(NamedTuple):
    """Money that came from outside, or left."""

    account: int
    asset: int
    delta: int
    time_ns: int


UserReport = Report | ListReport | BalanceReport


@dataclass(frozen=True, slots=True)
class Commission:
    """Commission rates of an account on a symbol, in millionths of the received amount."""

    maker_e6: int
    taker_e6: int
    discount_asset: int
    """Asset row; NONE where no fee coin is configured."""
    discount_e6: int
    """What is taken off the rates when the fee coin pays, in millionths of them."""
    pays_discounted: bool
    """The account has chosen to pay in the fee coin."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """What became of a cancel-replace: each half is its order, a REASON_*, or None."""

    canceled: Order | int
    placed: Order | int | None
    """None: not attempted."""
