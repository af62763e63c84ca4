"""Order list endpoints of the simulated Binance spot: OCO, OTO, OTOCO, and the cancel of a list.

Legs are read by `orders/params.py` under their prefixes. Which types stand above and below, and
in which relation, is refused here (-1158 … -1199); whether the prices stand on both sides of the
last trade is the market's to say. Sources: rest-api.md "Order lists"; errors.md; faqs/opo.md. No
symbol here allows lists that pay for themselves (exchangeInfo: `opoAllowed` false).
"""

from __future__ import annotations

from typing import Any

from oms.exchange.engine import layout_hot as lay
from oms.exchange.orders import ListRequest, Order, OrderList, OrderRequest
from oms.venues.binance.server import errors as err
from oms.venues.binance.server.calls import SIGNED_NAMES, Call, Desk
from oms.venues.binance.server.orders import params as reading
from oms.venues.binance.server.orders.calls import (
    canceled_reply,
    not_canceled,
    placed_reply,
    refuse_namesake,
)
from oms.venues.binance.server.orders.params import Names, prefixed
from oms.venues.binance.server.orders.words import SIDES
from oms.venues.binance.server.params import Params
from oms.venues.binance.server.refusals import refusal
from oms.venues.binance.server.time_unit import stamp
from oms.venues.serving.refusal import LostReplyError
from oms.venues.serving.routing import Endpoint

_STOPS = (lay.TYPE_STOP_LOSS, lay.TYPE_STOP_LOSS_LIMIT)
_PROFITS = (lay.TYPE_TAKE_PROFIT, lay.TYPE_TAKE_PROFIT_LIMIT)
_OCO_TYPES = (lay.TYPE_POST_ONLY, *_STOPS, *_PROFITS)
_WORKING_TYPES = (lay.TYPE_LIMIT, lay.TYPE_POST_ONLY)

_ABOVE = prefixed("above", side="side", qty="quantity")
_BELOW = prefixed("below", side="side", qty="quantity")
_WORKING = prefixed("working", contingent=False)
_PENDING = prefixed("pending")
_PENDING_ABOVE = prefixed("pendingAbove", side="pendingSide", qty="pendingQuantity")
_PENDING_BELOW = prefixed("pendingBelow", side="pendingSide", qty="pendingQuantity")
_OLD_LIMIT = Names(
    "", "side", "quantity", "", "price", "", "", "", "limitIcebergQty", "limitClientOrderId",
    "limitStrategyId", "limitStrategyType", (),
)  # fmt: skip
_OLD_STOP = Names(
    "", "side", "quantity", "", "stopLimitPrice", "stopLimitTimeInForce", "stopPrice",
    "trailingDelta", "stopIcebergQty", "stopClientOrderId", "stopStrategyId", "stopStrategyType",
    (),
)  # fmt: skip
"""Of the deprecated OCO: one leg is LIMIT_MAKER, the other a stop loss, with a limit or without."""


def _begin(desk: Desk, call: Call, *, oco: bool, oto: bool) -> tuple[int, str, str]:
    """(symbol, list client id, response type) of a new list."""
    params = call.params
    symbol = desk.symbol(params)
    if oto and not desk.market.features.oto:
        raise err.ApiError(*err.NO_OTO)
    if oco and not desk.market.features.oco:
        raise err.ApiError(*err.NO_OCO)
    response_type = reading.response_type(params, "FULL")
    client_id = ""
    if params.has("listClientOrderId"):
        client_id = params.client_id("listClientOrderId")
    return symbol, client_id or desk.new_id(), response_type


def _pair_types(params: Params, above: str, below: str, side: int) -> tuple[int, int]:
    """The types of the two legs of an OCO, where they may stand together."""
    high, low = reading.kind_of(params, above), reading.kind_of(params, below)
    if high not in _OCO_TYPES or low not in _OCO_TYPES:
        raise err.ApiError(*err.OCO_TYPE)
    kinds = (high, low)
    buys = side == lay.SIDE_BUY
    if kinds == (lay.TYPE_POST_ONLY, lay.TYPE_POST_ONLY):
        raise err.ApiError(*err.BOTH_LIMIT)
    if kinds[0 if buys else 1] == lay.TYPE_POST_ONLY:
        raise err.ApiError(*(err.BUY_LIMIT_BELOW if buys else err.SELL_LIMIT_ABOVE))
    if kinds[1 if buys else 0] in _STOPS:
        raise err.ApiError(*(err.BUY_STOP_ABOVE if buys else err.SELL_STOP_BELOW))
    if kinds[0 if buys else 1] in _PROFITS:
        raise err.ApiError(*(err.BUY_PROFIT_BELOW if buys else err.SELL_PROFIT_ABOVE))
    return high, low


def _check_iceberg(params: Params, names: Names) -> None:
    """-1160: an iceberg leg is good till canceled."""
    if params.has(names.iceberg) and params.given.get(names.tif, "GTC") != "GTC":
        raise err.ApiError(
            -1160, f"Parameter '{names.iceberg}' is not supported if `{names.tif}` is not GTC."
        )


def _pair(desk: Desk, call: Call, symbol: int, above: Names, below: Names) -> list[OrderRequest]:
    """The two legs of an OCO, or of the pair that an OTOCO places."""
    side_text = call.params.text(above.side)
    if side_text not in SIDES:
        raise err.ApiError(*err.BAD_SIDE)
    side = SIDES[side_text]
    kinds = _pair_types(call.params, above.kind, below.kind, side)
    legs = []
    for names, kind in zip((above, below), kinds, strict=True):
        _check_iceberg(call.params, names)
        legs.append(reading.read_leg(desk, call, symbol, names, kind))
    return legs


def _working(desk: Desk, call: Call, symbol: int) -> OrderRequest:
    kind = reading.kind_of(call.params, "workingType")
    if kind not in _WORKING_TYPES:
        raise err.invalid("workingType")
    _check_iceberg(call.params, _WORKING)
    return reading.read_leg(desk, call, symbol, _WORKING, kind)


def _place(
    desk: Desk, call: Call, request: ListRequest, response_type: str, *, counts: int
) -> dict[str, Any]:
    """Send a list to the market; the reply."""
    desk.limits.charge_order(call.account, call.now_ns, counts)
    log = desk.market.log
    namesake = log.list_by_client(call.account, request.client_id)
    if namesake is not None and namesake.open:
        raise err.ApiError(*err.DUPLICATE_ORDER)
    if len({leg.client_id for leg in request.legs}) < len(request.legs):
        raise err.ApiError(*err.DUPLICATE_ORDER)
    for leg in request.legs:
        refuse_namesake(desk, leg)
    placed = desk.market.submit_list(request, call.now_ns)
    if not isinstance(placed, OrderList):
        raise refusal(placed)
    orders = list_orders(desk, placed)
    if desk.lose_reply():
        desk.muted |= {order.order_id for order in orders}
        raise LostReplyError
    reply = desk.orders.order_list(placed, orders)
    # What it was when it was placed, though a leg may have ended it at once.
    reply |= {"listStatusType": "EXEC_STARTED", "listOrderStatus": "EXECUTING"}
    reply["transactionTime"] = stamp(call.now_ns)
    reply["orderReports"] = [placed_reply(desk, order, response_type) for order in orders]
    return reply


def list_orders(desk: Desk, found: OrderList) -> list[Order]:
    """The orders of a list that are still known."""
    log = desk.market.log
    return [o for number in found.order_ids if (o := log.any_by_id(number)) is not None]


def place_oco(desk: Desk, call: Call) -> Any:
    """Two orders of which one cancels the other."""
    symbol, client_id, response_type = _begin(desk, call, oco=True, oto=False)
    legs = _pair(desk, call, symbol, _ABOVE, _BELOW)
    request = ListRequest(lay.LIST_OCO, client_id, tuple(legs))
    return _place(desk, call, request, response_type, counts=2)


def place_old_oco(desk: Desk, call: Call) -> Any:
    """The deprecated OCO: a LIMIT_MAKER leg and a stop-loss leg."""
    params = call.params
    symbol, client_id, response_type = _begin(desk, call, oco=True, oto=False)
    stop_kind = lay.TYPE_STOP_LOSS
    if params.has("stopLimitPrice"):
        stop_kind = lay.TYPE_STOP_LOSS_LIMIT
        if not params.has("stopLimitTimeInForce"):
            raise err.mandatory("stopLimitTimeInForce")
    if params.has("stopIcebergQty") and params.given.get("stopLimitTimeInForce") != "GTC":
        raise err.ApiError(*err.UNSUPPORTED_COMBINATION)
    limit = reading.read_leg(desk, call, symbol, _OLD_LIMIT, lay.TYPE_POST_ONLY)
    stop = reading.read_leg(desk, call, symbol, _OLD_STOP, stop_kind)
    # Stop leg first, as the venue lists them; the engine takes (above, below).
    legs = (stop, limit) if limit.side == lay.SIDE_BUY else (limit, stop)
    request = ListRequest(lay.LIST_OCO, client_id, legs)
    reply = _place(desk, call, request, response_type, counts=1)
    if legs[0] is limit:
        reply["orders"].reverse()
        reply["orderReports"].reverse()
    return reply


def place_oto(desk: Desk, call: Call) -> Any:
    """A working order, and one that is placed when it is filled."""
    symbol, client_id, response_type = _begin(desk, call, oco=False, oto=True)
    working = _working(desk, call, symbol)
    kind = reading.kind_of(call.params, "pendingType")
    _check_iceberg(call.params, _PENDING)
    pending = reading.read_leg(desk, call, symbol, _PENDING, kind)
    request = ListRequest(lay.LIST_OTO, client_id, (working, pending))
    return _place(desk, call, request, response_type, counts=2)


def place_otoco(desk: Desk, call: Call) -> Any:
    """A working order, and an OCO that is placed when it is filled."""
    symbol, client_id, response_type = _begin(desk, call, oco=True, oto=True)
    working = _working(desk, call, symbol)
    pair = _pair(desk, call, symbol, _PENDING_ABOVE, _PENDING_BELOW)
    request = ListRequest(lay.LIST_OTOCO, client_id, (working, *pair))
    return _place(desk, call, request, response_type, counts=3)


def no_opo(desk: Desk, call: Call) -> Any:
    """No symbol here offers lists whose working order pays for the pending ones."""
    desk.symbol(call.params)
    raise err.ApiError(*err.NO_OPO)


def cancel_list(desk: Desk, call: Call) -> Any:
    """Cancel every order of a list."""
    params = call.params
    symbol = desk.symbol(params)
    cancel_id = params.client_id("newClientOrderId") if params.has("newClientOrderId") else ""
    log = desk.market.log
    found: OrderList | None = None
    if params.has("orderListId"):
        found = log.list_by_id(call.account, params.integer("orderListId"))
        wanted = params.given.get("listClientOrderId")
        if found is not None and wanted is not None and wanted != found.client_id:
            found = None
    elif params.has("listClientOrderId"):
        found = log.list_by_client(call.account, params.client_id("listClientOrderId"))
    else:
        raise err.one_of("orderListId", "listClientOrderId")
    orders = [] if found is None else [o for o in list_orders(desk, found) if o.is_open]
    if found is None or found.symbol != symbol or not orders:
        raise err.ApiError(*err.UNKNOWN_ORDER)
    cancel_id = cancel_id or desk.new_id()
    if not desk.market.cancel(orders[0].order_id, cancel_id, call.now_ns):
        raise not_canceled(desk, symbol)
    return canceled_reply(desk, orders[0], cancel_id)


_COMMON = SIGNED_NAMES | {
    "symbol",
    "listClientOrderId",
    "newOrderRespType",
    "selfTradePreventionMode",
}
_OCO_NAMES = _COMMON | _ABOVE.all() | _BELOW.all()
_OLD_NAMES = _COMMON | _OLD_LIMIT.all() | _OLD_STOP.all()
_OTO_NAMES = _COMMON | _WORKING.all() | _PENDING.all()
_OTOCO_NAMES = _COMMON | _WORKING.all() | _PENDING_ABOVE.all() | _PENDING_BELOW.all()
_CANCEL_NAMES = SIGNED_NAMES | {"symbol", "orderListId", "listClientOrderId", "newClientOrderId"}


def _new(handler: Any, names: frozenset[str]) -> Endpoint:
    return Endpoint(handler, 1, names, signed=True, counts_orders=True)


LISTS: dict[str, Endpoint] = {
    "orderList.place": _new(place_old_oco, _OLD_NAMES),
    "orderList.place.oco": _new(place_oco, _OCO_NAMES),
    "orderList.place.oto": _new(place_oto, _OTO_NAMES),
    "orderList.place.otoco": _new(place_otoco, _OTOCO_NAMES),
    "orderList.place.opo": _new(no_opo, _OTO_NAMES - {"pendingQuantity"}),
    "orderList.place.opoco": _new(no_opo, _OTOCO_NAMES - {"pendingQuantity"}),
    "orderList.cancel": Endpoint(cancel_list, 1, _CANCEL_NAMES, signed=True),
}
"""By the WebSocket API's method names."""
