"""Endpoints of the simulated Binance spot, shared by REST and the WebSocket API.

Each endpoint is one row of data (parameters, weight, whether signed) and one handler
`(desk, call) -> JSON value`, which raises ApiError to refuse. Account queries are here, market
data in `server_market.py` and `server_tickers.py`, orders in `server_orders.py`. Sources:
rest-api.md and web-socket-api.md, "Weight" and "Parameters" of each endpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from oms.exchange.market import Fill, Market, Order
from oms.exchange.tape import Tape
from oms.venues.binance import server_errors as err
from oms.venues.binance.server_limits import Limits
from oms.venues.binance.server_market_shapes import MarketShapes
from oms.venues.binance.server_params import SYMBOL_RANGE, Params
from oms.venues.binance.server_shapes import Shapes, ms

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
    tapes: list[Tape] = field(init=False)
    """Public trades of each row."""
    market_shapes: MarketShapes = field(init=False)

    def __post_init__(self) -> None:
        self.tapes = [Tape() for _ in self.market.specs]
        self.market_shapes = MarketShapes(self.shapes, tuple(self.market.specs))

    def status(self, row: int) -> str:
        """The trading status of a symbol."""
        del row
        return "TRADING"

    def symbol(self, params: Params, name: str = "symbol") -> int:
        row = self.rows.get(params.legal(name, SYMBOL_RANGE))
        if row is None:
            raise err.ApiError(*err.BAD_SYMBOL)
        return row


@dataclass(frozen=True, slots=True)
class Call:
    """One request, authenticated where the endpoint asks for it."""

    params: Params
    account: int
    now_ns: int


class LostReplyError(Exception):
    """Fault: the request was carried out, and its reply is lost."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    handler: Callable[[Desk, Call], Any]
    weight: int | Callable[[Params], int]
    names: frozenset[str] = frozenset()
    signed: bool = False
    counts_orders: bool = False
    """Its replies carry the account's order counts."""


def weight_of(endpoint: Endpoint, params: Params) -> int:
    """Request weight of a call; 1 where its parameters are too bad to tell."""
    if isinstance(endpoint.weight, int):
        return endpoint.weight
    try:
        return endpoint.weight(params)
    except err.ApiError:
        return 1


def _one_symbol(one: int, all_of_them: int) -> Callable[[Params], int]:
    return lambda params: one if params.has("symbol") else all_of_them


def _my_trades_weight(params: Params) -> int:
    return 5 if params.has("orderId") else 20


# Accounts


def account_info(desk: Desk, call: Call) -> Any:
    """Balances and commission rates."""
    account = call.account
    updated_ns = 0
    for symbol in range(len(desk.market.specs)):
        history = desk.market.log.history(account, symbol)
        updated_ns = max(updated_ns, history[-1].updated_ns if history else 0)
    return desk.shapes.account(
        desk.market.balances(account),
        desk.market.fees_e6(account),
        UID_BASE + account,
        updated_ns,
        call.params.boolean("omitZeroBalances", False),
    )


def order_counts(desk: Desk, call: Call) -> Any:
    """The account's order counts and their limits."""
    return desk.limits.order_counts(call.account, call.now_ns)


def find_order(desk: Desk, call: Call, symbol: int, unknown: tuple[int, str]) -> Order:
    """The order that `orderId` or `origClientOrderId` names; both must agree where both are."""
    params = call.params
    if not params.has("orderId") and not params.has("origClientOrderId"):
        raise err.one_of("origClientOrderId", "orderId")
    order: Order | None = None
    if params.has("orderId"):
        order = desk.market.log.by_id(call.account, params.integer("orderId"))
        wanted = params.given.get("origClientOrderId")
        if order is not None and wanted is not None and wanted != order.request.client_id:
            order = None
    else:
        client_id = params.client_id("origClientOrderId")
        order = desk.market.log.by_client(call.account, symbol, client_id)
    if order is None or order.request.symbol != symbol:
        raise err.ApiError(*unknown)
    return order


def order_status(desk: Desk, call: Call) -> Any:
    """One order."""
    symbol = desk.symbol(call.params)
    return desk.shapes.order(find_order(desk, call, symbol, err.NO_SUCH_ORDER))


def open_orders(desk: Desk, call: Call) -> Any:
    """Open orders of one symbol, or of all."""
    symbol = desk.symbol(call.params) if call.params.has("symbol") else None
    found = desk.market.log.open_orders(call.account, symbol)
    return [desk.shapes.order(order) for order in found]


def _between(params: Params) -> tuple[int, int]:
    """(start, end) in ms; at most a day apart when both are given."""
    start = params.integer("startTime", 0)
    end = params.integer("endTime", 1 << 62)
    if params.has("startTime") and params.has("endTime"):
        if end < start:
            raise err.ApiError(*err.BAD_COMBINATION)
        if end - start > DAY_MS:
            raise err.ApiError(*err.LOOKUP_TOO_LONG)
    return start, end


def all_orders(desk: Desk, call: Call) -> Any:
    """From `orderId` on, else within the times, oldest first; else the youngest."""
    params = call.params
    symbol = desk.symbol(params)
    limit = params.limited("limit", TRADES_DEFAULT, TRADES_MAX)
    start, end = _between(params)
    first = params.integer("orderId", 0)
    found: Sequence[Order] = [
        order
        for order in desk.market.log.history(call.account, symbol)
        if order.order_id >= first and start <= ms(order.created_ns) <= end
    ]
    forward = params.has("orderId") or params.has("startTime")
    chosen = found[:limit] if forward else found[-limit:]
    return [desk.shapes.order(order) for order in chosen]


def my_trades(desk: Desk, call: Call) -> Any:
    """From `fromId` on, of one order, or within the times, oldest first; else the youngest."""
    params = call.params
    symbol = desk.symbol(params)
    limit = params.limited("limit", TRADES_DEFAULT, TRADES_MAX)
    if params.has("fromId") and (params.has("startTime") or params.has("endTime")):
        raise err.ApiError(*err.BAD_COMBINATION)
    start, end = _between(params)
    first = params.integer("fromId", 0)
    order_id = params.integer("orderId", 0)
    found: Sequence[Fill] = [
        fill
        for fill in desk.market.log.fills(call.account, symbol)
        if fill.trade_id >= first
        and start <= ms(fill.time_ns) <= end
        and (not params.has("orderId") or fill.order_id == order_id)
    ]
    forward = params.has("fromId") or params.has("startTime")
    chosen = found[:limit] if forward else found[-limit:]
    return [desk.shapes.my_trade(fill) for fill in chosen]


_SYMBOL = frozenset({"symbol"})
_FIND = _SYMBOL | {"orderId", "origClientOrderId"}
_HISTORY = _SYMBOL | {"orderId", "startTime", "endTime", "limit"}

QUERIES: dict[str, Endpoint] = {
    "account.status": Endpoint(account_info, 20, SIGNED_NAMES | {"omitZeroBalances"}, signed=True),
    "account.rateLimits.orders": Endpoint(order_counts, 40, SIGNED_NAMES, signed=True),
    "order.status": Endpoint(order_status, 4, SIGNED_NAMES | _FIND, signed=True),
    "openOrders.status": Endpoint(
        open_orders, _one_symbol(6, 80), SIGNED_NAMES | _SYMBOL, signed=True
    ),
    "allOrders": Endpoint(all_orders, 20, SIGNED_NAMES | _HISTORY, signed=True),
    "myTrades": Endpoint(
        my_trades, _my_trades_weight, SIGNED_NAMES | _HISTORY | {"fromId"}, signed=True
    ),
}
"""By the WebSocket API's method names."""
