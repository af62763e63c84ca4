"""Endpoints of the simulated Binance spot, shared by REST and the WebSocket API.

Each endpoint is one row of data (parameters, weight, whether signed) and one handler
`(desk, call) -> JSON value`, which raises ApiError to refuse. Market data is here, orders are in
`server_orders.py` and `server_lists.py`, account queries in `server_account.py`. Sources:
rest-api.md and web-socket-api.md, "Weight" and "Parameters" of each endpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from oms.exchange.market import Market
from oms.exchange.orders import Order
from oms.venues.binance import server_errors as err
from oms.venues.binance import server_symbol_shapes as info
from oms.venues.binance.server_limits import Limits
from oms.venues.binance.server_order_shapes import OrderShapes
from oms.venues.binance.server_params import SYMBOL_RANGE, Params
from oms.venues.binance.server_shapes import Shapes, ms

SIGNED_NAMES = frozenset({"timestamp", "recvWindow", "signature", "apiKey"})
DEPTH_DEFAULT = 100
DEPTH_MAX = 5000
TRADES_DEFAULT = 500
TRADES_MAX = 1000


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
    orders: OrderShapes = field(init=False)
    muted: set[int] = field(default_factory=set)
    """Orders whose reply was lost and whose NEW event is still to be swallowed."""

    def __post_init__(self) -> None:
        self.orders = OrderShapes(self.market.specs, self.market.assets)

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


def _depth_weight(params: Params) -> int:
    limit = params.limited("limit", DEPTH_DEFAULT, DEPTH_MAX)
    for most, weight in ((100, 5), (500, 25), (1000, 50)):
        if limit <= most:
            return weight
    return 250


def _one_symbol(one: int, all_of_them: int) -> Callable[[Params], int]:
    return lambda params: one if params.has("symbol") else all_of_them


# Market data


def ping(desk: Desk, call: Call) -> Any:
    """GET ping."""
    del desk, call
    return {}


def server_time(desk: Desk, call: Call) -> Any:
    """GET time."""
    del desk
    return {"serverTime": ms(call.now_ns)}


def exchange_info(desk: Desk, call: Call) -> Any:
    """Symbols, filters and limits."""
    params = call.params
    if params.has("symbol") and params.has("symbols"):
        raise err.ApiError(*err.BAD_COMBINATION)
    rows = list(range(len(desk.market.specs)))
    if params.has("symbol"):
        rows = [desk.symbol(params)]
    elif params.has("symbols"):
        rows = _rows_of(desk, params.text_list("symbols"))
    show_sets = params.boolean("showPermissionSets", True)
    return info.exchange_info(
        desk.market, rows, desk.limits.rules, call.now_ns, show_sets=show_sets
    )


def _rows_of(desk: Desk, names: list[str]) -> list[int]:
    if len(set(names)) != len(names):
        raise err.ApiError(*err.DUPLICATE_SYMBOLS)
    if not names or any(name not in desk.rows for name in names):
        raise err.ApiError(*err.BAD_SYMBOL)
    return [desk.rows[name] for name in names]


def depth(desk: Desk, call: Call) -> Any:
    """A snapshot of the book."""
    symbol = desk.symbol(call.params)
    limit = call.params.limited("limit", DEPTH_DEFAULT, DEPTH_MAX)
    book = desk.market.book(symbol, limit)
    if book is None:
        raise err.NotYetError
    return desk.shapes.depth(symbol, book)


def trades(desk: Desk, call: Call) -> Any:
    """Recent public trades, oldest first."""
    symbol = desk.symbol(call.params)
    limit = call.params.limited("limit", TRADES_DEFAULT, TRADES_MAX)
    recent = list(desk.market.trades(symbol))[-limit:]
    return [desk.shapes.public_trade(trade) for trade in recent]


def book_ticker(desk: Desk, call: Call) -> Any:
    """Best prices of one symbol, or of several."""
    params = call.params
    if params.has("symbol") and params.has("symbols"):
        raise err.ApiError(*err.BAD_COMBINATION)
    if params.has("symbol"):
        return desk.shapes.book_ticker(desk.market.ticker(desk.symbol(params)))
    rows = list(range(len(desk.market.specs)))
    if params.has("symbols"):
        rows = _rows_of(desk, params.text_list("symbols"))
    return [desk.shapes.book_ticker(desk.market.ticker(row)) for row in rows]


# Orders


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


_SYMBOL = frozenset({"symbol"})
_LIST = _SYMBOL | {"symbols"}

QUERIES: dict[str, Endpoint] = {
    "ping": Endpoint(ping, 1),
    "time": Endpoint(server_time, 1),
    "exchangeInfo": Endpoint(exchange_info, 20, _LIST | {"showPermissionSets"}),
    "depth": Endpoint(depth, _depth_weight, _SYMBOL | {"limit"}),
    "trades.recent": Endpoint(trades, 25, _SYMBOL | {"limit"}),
    "ticker.book": Endpoint(book_ticker, _one_symbol(2, 4), _LIST),
}
"""By the WebSocket API's method names."""
