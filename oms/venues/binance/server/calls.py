"""Endpoints of the simulated Binance spot, shared by REST and the WebSocket API.

Each endpoint is one row of data (`oms/venues/serving/routing.py`) whose handler takes the `Desk`
and a `Call` of here, and raises ApiError to refuse. Market data is in `market/calls.py`
and `market/tickers.py`, orders in `orders/calls.py` and `orders/lists.py`, account queries in
`account.py`. Sources: rest-api.md and web-socket-api.md, "Weight" and "Parameters" of each
endpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from oms.exchange.market import Market
from oms.exchange.orders import Order
from oms.exchange.tape import Tape
from oms.venues.binance.server import errors as err
from oms.venues.binance.server.limits import Limits
from oms.venues.binance.server.market.shapes import MarketShapes
from oms.venues.binance.server.market.symbol_shapes import STATUSES
from oms.venues.binance.server.orders.shapes import OrderShapes
from oms.venues.binance.server.params import SYMBOL_RANGE, Params
from oms.venues.binance.server.shapes import Shapes

SIGNED_NAMES = frozenset({"timestamp", "recvWindow", "signature", "apiKey"})
TRADES_DEFAULT = 500
TRADES_MAX = 1000
DAY_MS = 86_400_000
UID_BASE = 354_937_000


@dataclass(slots=True)
class Desk:
    """What every handler may use."""

    market: Market
    limits: Limits
    shapes: Shapes
    rows: dict[str, int]
    """Symbol text -> row."""
    new_id: Callable[[], str]
    """A fresh client order id, for requests that give none."""
    lose_reply: Callable[[], bool]
    """Fault: is the reply to the order just accepted lost?"""
    muted: set[int] = field(default_factory=set)
    """Orders whose reply was lost and whose NEW event is still to be swallowed."""
    orders: OrderShapes = field(init=False)
    tapes: list[Tape] = field(init=False)
    """Public trades of each row."""
    market_shapes: MarketShapes = field(init=False)

    def __post_init__(self) -> None:
        self.orders = OrderShapes(self.market.specs, self.market.assets)
        self.tapes = [Tape() for _ in self.market.specs]
        self.market_shapes = MarketShapes(self.shapes, tuple(self.market.specs))

    def status(self, row: int) -> str:
        """The trading status of a symbol."""
        return STATUSES[self.market.state(row)]

    def symbol(self, params: Params, name: str = "symbol") -> int:
        row = self.rows.get(params.legal(name, SYMBOL_RANGE))
        if row is None:
            raise err.ApiError(*err.BAD_SYMBOL)
        return row


class Call(NamedTuple):
    """One request, authenticated where the endpoint asks for it."""

    params: Params
    account: int
    now_ns: int


def find_order(
    desk: Desk,
    call: Call,
    symbol: int,
    unknown: tuple[int, str],
    wrong_client: tuple[int, str] | None = None,
) -> Order:
    """The order that `orderId` or `origClientOrderId` names; both must agree where both are:
    `wrong_client` where they don't (else `unknown`)."""
    params = call.params
    if not params.has("orderId") and not params.has("origClientOrderId"):
        raise err.one_of("origClientOrderId", "orderId")
    order: Order | None = None
    if params.has("orderId"):
        order = desk.market.log.by_id(call.account, params.integer("orderId"))
        wanted = params.given.get("origClientOrderId")
        if order is not None and wanted is not None and wanted != order.client_id:
            raise err.ApiError(*(wrong_client or unknown))
    else:
        client_id = params.client_id("origClientOrderId")
        order = desk.market.log.by_client(call.account, symbol, client_id)
    if order is None or order.request.symbol != symbol:
        raise err.ApiError(*unknown)
    return order
