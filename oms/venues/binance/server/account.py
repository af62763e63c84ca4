"""Account endpoints of the simulated Binance spot: orders, lists, trades, balances, rates, filters.

Sources: rest-api.md and web-socket-api.md "Account requests", each endpoint's parameters, supported
combinations and weight.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from oms.exchange.engine import layout_hot as lay
from oms.exchange.market import format_decimal
from oms.exchange.orders import Fill, OrderList
from oms.venues.binance.server import errors as err
from oms.venues.binance.server.calls import SIGNED_NAMES, Call, Desk, find_order
from oms.venues.binance.server.market.symbol_shapes import relevant_filters
from oms.venues.binance.server.orders.calls import discount
from oms.venues.binance.server.orders.lists import list_orders
from oms.venues.binance.server.params import Params
from oms.venues.binance.server.shapes import ZERO, money, ms
from oms.venues.binance.server.time_unit import stamp
from oms.venues.serving.params import INT64_MAX
from oms.venues.serving.routing import Endpoint

LIMIT_DEFAULT = 500
LIMIT_MAX = 1000
DAY_MS = 86_400_000
UID_BASE = 354_937_000


def _one_symbol(one: int, all_of_them: int) -> Callable[[Params], int]:
    return lambda params: one if params.has("symbol") else all_of_them


def _my_trades_weight(params: Params) -> int:
    return 5 if params.has("orderId") else 20


def _prevented_weight(params: Params) -> int:
    return 2 if params.has("preventedMatchId") else 20


def _rate(value_e6: int) -> str:
    return format_decimal(value_e6, 6)


def account_info(desk: Desk, call: Call) -> Any:
    """Balances and commission rates."""
    account, market = call.account, desk.market
    omit_zero = call.params.boolean("omitZeroBalances", False)
    updated_ns = 0
    for symbol in range(len(market.specs)):
        youngest = market.log.youngest(account, symbol)
        updated_ns = max(updated_ns, youngest.updated_ns if youngest else 0)
    rates = market.commission(account, 0)
    rows = zip(market.assets, market.balances(account), strict=True)
    out = {
        "makerCommission": rates.maker_e6 // 100,
        "takerCommission": rates.taker_e6 // 100,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": _rate(rates.maker_e6),
            "taker": _rate(rates.taker_e6),
            "buyer": ZERO,
            "seller": ZERO,
        },
        "canTrade": True,
        "canWithdraw": True,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": stamp(updated_ns),
        "accountType": "SPOT",
        "balances": [
            {"asset": asset, "free": money(free), "locked": money(locked)}
            for asset, (free, locked) in rows
            if free or locked or not omit_zero
        ],
        "permissions": ["SPOT"],
        "uid": UID_BASE + account,
    }
    group = market.trade_group(account)
    if group != lay.NO_GROUP:
        out["tradeGroupId"] = group
    return out


def commission(desk: Desk, call: Call) -> Any:
    """Commission rates of the account on one symbol."""
    symbol = desk.symbol(call.params)
    rates = desk.market.commission(call.account, symbol)
    none = {"maker": ZERO, "taker": ZERO, "buyer": ZERO, "seller": ZERO}
    return {
        "symbol": desk.market.specs[symbol].symbol,
        "standardCommission": none
        | {"maker": _rate(rates.maker_e6), "taker": _rate(rates.taker_e6)},
        "specialCommission": none,
        "taxCommission": none,
        "discount": discount(desk, call.account, symbol),
    }


def order_counts(desk: Desk, call: Call) -> Any:
    """The account's order counts and their limits."""
    return desk.limits.order_counts(call.account, call.now_ns)


def order_status(desk: Desk, call: Call) -> Any:
    """One order."""
    symbol = desk.symbol(call.params)
    found = find_order(desk, call, symbol, err.NO_SUCH_ORDER, err.WRONG_CLIENT_ID)
    return desk.orders.order(found)


def open_orders(desk: Desk, call: Call) -> Any:
    """Open orders of one symbol, or of all."""
    symbol = desk.symbol(call.params) if call.params.has("symbol") else None
    found = desk.market.log.open_orders(call.account, symbol)
    return [desk.orders.order(order) for order in found]


def _between(params: Params) -> tuple[int, int]:
    """(start, end) in ms; at most a day apart when both are given."""
    start = params.time_ms("startTime", 0)
    end = params.time_ms("endTime", INT64_MAX)
    if params.has("startTime") and params.has("endTime"):
        if end < start:
            raise err.ApiError(*err.BAD_COMBINATION)
        if end - start > DAY_MS:
            raise err.ApiError(*err.LOOKUP_TOO_LONG)
    return start, end


def _only(params: Params, *combinations: frozenset[str]) -> None:
    """Refuse a mixture of the named parameters that the documents do not list."""
    known = frozenset().union(*combinations)
    if frozenset(params.given) & known not in combinations:
        raise err.ApiError(*err.BAD_COMBINATION)


def all_orders(desk: Desk, call: Call) -> Any:
    """From `orderId` on, else within the times, oldest first; else the youngest."""
    params = call.params
    symbol = desk.symbol(params)
    limit = params.limited("limit", LIMIT_DEFAULT, LIMIT_MAX)
    start, end = _between(params)
    first = params.integer("orderId", 0)
    found = desk.market.log.history(call.account, symbol)
    if not params.given.keys().isdisjoint(("orderId", "startTime", "endTime")):
        found = [o for o in found if o.order_id >= first and start <= ms(o.created_ns) <= end]
    forward = params.has("orderId") or params.has("startTime")
    chosen = found[:limit] if forward else found[-limit:]
    return [desk.orders.order(order) for order in chosen]


_TRADE_COMBINATIONS = tuple(
    frozenset(names)
    for names in (
        (),
        ("orderId",),
        ("startTime",),
        ("endTime",),
        ("fromId",),
        ("startTime", "endTime"),
        ("orderId", "fromId"),
    )
)


def my_trades(desk: Desk, call: Call) -> Any:
    """From `fromId` on, of one order, or within the times, oldest first; else the youngest."""
    params = call.params
    symbol = desk.symbol(params)
    limit = params.limited("limit", LIMIT_DEFAULT, LIMIT_MAX)
    _only(params, *_TRADE_COMBINATIONS)
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
    return [desk.orders.my_trade(fill) for fill in chosen]


_PREVENTED_COMBINATIONS = (
    frozenset({"preventedMatchId"}),
    frozenset({"orderId"}),
    frozenset({"orderId", "fromPreventedMatchId"}),
)


def my_prevented_matches(desk: Desk, call: Call) -> Any:
    """One prevented match, or those of one order."""
    params = call.params
    symbol = desk.symbol(params)
    limit = params.limited("limit", LIMIT_DEFAULT, LIMIT_MAX)
    _only(params, *_PREVENTED_COMBINATIONS)
    match_id = params.integer("preventedMatchId", -1)
    order_id = params.integer("orderId", -1)
    first = params.integer("fromPreventedMatchId", 0)
    found = [
        match
        for match in desk.market.log.prevented(call.account, symbol)
        if match.match_id == match_id
        or (order_id in (match.taker_order_id, match.maker_order_id) and match.match_id >= first)
    ]
    return [desk.orders.prevented_match(match) for match in found[:limit]]


def my_allocations(desk: Desk, call: Call) -> Any:
    """Allocations come from smart order routing, which no symbol here has."""
    desk.symbol(call.params)
    _between(call.params)
    call.params.limited("limit", LIMIT_DEFAULT, LIMIT_MAX)
    return []


def order_amendments(desk: Desk, call: Call) -> Any:
    """The amendments of one order, oldest first."""
    params = call.params
    symbol = desk.symbol(params)
    order_id = params.integer("orderId")
    first = params.integer("fromExecutionId", 0)
    limit = params.limited("limit", LIMIT_DEFAULT, LIMIT_MAX)
    found = [
        amendment
        for amendment in desk.market.log.amendments(call.account, symbol)
        if amendment.order_id == order_id and amendment.execution_id >= first
    ]
    return [desk.orders.amendment(amendment) for amendment in found[:limit]]


# Order lists


def _shown(desk: Desk, found: OrderList) -> dict[str, Any]:
    return desk.orders.order_list(found, list_orders(desk, found))


def list_status(desk: Desk, call: Call) -> Any:
    """One order list, by its id or its client id."""
    params, log = call.params, desk.market.log
    found: OrderList | None = None
    if params.has("orderListId"):
        found = log.list_by_id(call.account, params.integer("orderListId"))
    elif params.has("origClientOrderId"):
        found = log.list_by_client(call.account, params.client_id("origClientOrderId"))
    else:
        raise err.one_of("origClientOrderId", "orderListId")
    if found is None:
        raise err.ApiError(*err.NO_SUCH_LIST)
    return _shown(desk, found)


def all_lists(desk: Desk, call: Call) -> Any:
    """From `fromId` on, or within the times, oldest first; else the youngest."""
    params = call.params
    limit = params.limited("limit", LIMIT_DEFAULT, LIMIT_MAX)
    if params.has("fromId") and (params.has("startTime") or params.has("endTime")):
        raise err.ApiError(*err.BAD_COMBINATION)
    start, end = _between(params)
    first = params.integer("fromId", 0)
    found = [
        known
        for known in desk.market.log.lists(call.account)
        if known.list_id >= first and start <= ms(known.created_ns) <= end
    ]
    forward = params.has("fromId") or params.has("startTime")
    return [_shown(desk, known) for known in (found[:limit] if forward else found[-limit:])]


def open_lists(desk: Desk, call: Call) -> Any:
    """Lists with an open order."""
    return [_shown(desk, known) for known in desk.market.log.lists(call.account) if known.open]


def my_filters(desk: Desk, call: Call) -> Any:
    """The filters that bind the account on one symbol."""
    symbol = desk.symbol(call.params)
    return relevant_filters(desk.market, symbol)


_SYMBOL = frozenset({"symbol"})
_FIND = _SYMBOL | {"orderId", "origClientOrderId"}
_TIMES = frozenset({"startTime", "endTime", "limit"})


def _signed(handler: Any, weight: Any, *names: str | frozenset[str]) -> Endpoint:
    known = SIGNED_NAMES
    for name in names:
        known |= {name} if isinstance(name, str) else name
    return Endpoint(handler, weight, known, signed=True)


ACCOUNT: dict[str, Endpoint] = {
    "account.status": _signed(account_info, 20, "omitZeroBalances"),
    "account.commission": _signed(commission, 20, _SYMBOL),
    "account.rateLimits.orders": _signed(order_counts, 40),
    "order.status": _signed(order_status, 4, _FIND),
    "order.amendments": _signed(
        order_amendments, 4, _SYMBOL, "orderId", "fromExecutionId", "limit"
    ),
    "openOrders.status": _signed(open_orders, _one_symbol(6, 80), _SYMBOL),
    "allOrders": _signed(all_orders, 20, _SYMBOL, "orderId", _TIMES),
    "orderList.status": _signed(list_status, 4, "orderListId", "origClientOrderId"),
    "openOrderLists.status": _signed(open_lists, 6),
    "allOrderLists": _signed(all_lists, 20, "fromId", _TIMES),
    "myTrades": _signed(my_trades, _my_trades_weight, _SYMBOL, "orderId", "fromId", _TIMES),
    "myPreventedMatches": _signed(
        my_prevented_matches, _prevented_weight, _SYMBOL, "preventedMatchId", "orderId",
        "fromPreventedMatchId", "limit",
    ),
    "myAllocations": _signed(
        my_allocations, 20, _SYMBOL, "orderId", "fromAllocationId", _TIMES
    ),
    "myFilters": _signed(my_filters, 40, _SYMBOL),
}  # fmt: skip
"""By the WebSocket API's method names."""
