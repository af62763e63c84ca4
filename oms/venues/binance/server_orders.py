"""Order endpoints of the simulated Binance spot: place, test, cancel, cancel all.

Checks stand in the venue's order: shape of the parameters, their combination, filters, order
count, then the matching engine with funds and post-only. Sources: rest-api.md "New order",
"Cancel order"; filters.md; errors.md.
"""

from __future__ import annotations

from typing import Any

from oms.exchange import layout_hot as lay
from oms.exchange.market import MONEY_DIGITS, Order, OrderRequest
from oms.venues.binance import server_errors as err
from oms.venues.binance.server_calls import (
    SIGNED_NAMES,
    Call,
    Desk,
    Endpoint,
    LostReplyError,
    find_order,
)
from oms.venues.binance.server_params import DECIMALS_MAX, Params
from oms.venues.binance.server_shapes import NOTIONAL_MAX_UNITS, PRICE_MAX_UNITS, STP_MODE
from shm_layout.enums import OrderState

_SIDES = {"BUY": lay.SIDE_BUY, "SELL": lay.SIDE_SELL}
_TIMES = {"GTC": lay.TIF_GTC, "IOC": lay.TIF_IOC, "FOK": lay.TIF_FOK}
_TYPES = {
    "LIMIT": lay.TYPE_LIMIT,
    "MARKET": lay.TYPE_MARKET,
    "LIMIT_MAKER": lay.TYPE_POST_ONLY,
}
_NOT_OFFERED = {
    "STOP_LOSS": "Stop loss orders are not supported for this symbol.",
    "STOP_LOSS_LIMIT": "Stop loss limit orders are not supported for this symbol.",
    "TAKE_PROFIT": "Take profit orders are not supported for this symbol.",
    "TAKE_PROFIT_LIMIT": "Take profit limit orders are not supported for this symbol.",
}
_RESPONSES = ("ACK", "RESULT", "FULL")
_RESTRICTIONS = {"ONLY_NEW": False, "ONLY_PARTIALLY_FILLED": True}
_REFUSALS: dict[int, err.Refused] = {
    lay.REASON_NO_FUNDS: err.INSUFFICIENT_BALANCE,
    lay.REASON_WOULD_TAKE: err.WOULD_TAKE,
    lay.REASON_OVERFLOW: err.INVALID_QUANTITY,
    lay.REASON_POOL_FULL: err.SERVER_BUSY,
    lay.REASON_BAD_SHAPE: err.INVALID_QUANTITY,
}

_PLACE_NAMES = SIGNED_NAMES | {
    "symbol",
    "side",
    "type",
    "timeInForce",
    "quantity",
    "quoteOrderQty",
    "price",
    "newClientOrderId",
    "newOrderRespType",
    "selfTradePreventionMode",
    "stopPrice",
    "trailingDelta",
    "icebergQty",
}


def _refuse_extras(params: Params, kind: str) -> None:
    if kind in _NOT_OFFERED:
        raise err.ApiError(-1013, _NOT_OFFERED[kind])
    for name in ("stopPrice", "trailingDelta"):
        if params.has(name):
            raise err.not_required(name)
    if params.has("icebergQty"):
        raise err.ApiError(-1013, "Iceberg orders are not supported for this symbol.")
    if params.given.get("selfTradePreventionMode", STP_MODE) != STP_MODE:
        raise err.ApiError(
            -1013, "This symbol does not allow the specified self-trade prevention mode."
        )


def _amounts(params: Params, kind: int) -> tuple[int, int, int, int]:
    """(time in force, price, quantity, quote quantity), the last three with 8 decimals."""
    if kind == lay.TYPE_MARKET:
        for name in ("timeInForce", "price"):
            if params.has(name):
                raise err.not_required(name)
        if params.has("quantity") == params.has("quoteOrderQty"):
            if params.has("quantity"):
                raise err.not_required("quoteOrderQty")
            raise err.one_of("quantity", "quoteOrderQty")
        if params.has("quantity"):
            return lay.TIF_IOC, 0, params.decimal("quantity"), 0
        return lay.TIF_IOC, 0, 0, params.decimal("quoteOrderQty")
    if params.has("quoteOrderQty"):
        raise err.not_required("quoteOrderQty")
    tif = lay.TIF_GTC
    if kind == lay.TYPE_LIMIT:
        text = params.text("timeInForce")
        if text not in _TIMES:
            raise err.ApiError(*err.BAD_TIME_IN_FORCE)
        tif = _TIMES[text]
    elif params.has("timeInForce"):
        raise err.not_required("timeInForce")
    return tif, params.decimal("price"), params.decimal("quantity"), 0


def _filtered(desk: Desk, symbol: int, px8: int, qty8: int, quote8: int) -> tuple[int, int]:
    """Price and quantity at the symbol's digits, after its filters."""
    spec = desk.market.specs[symbol]
    px_unit = 10 ** (DECIMALS_MAX - spec.px_digits)
    qty_unit = 10 ** (DECIMALS_MAX - spec.qty_digits)
    if px8:
        too_high = px8 > PRICE_MAX_UNITS * 10**DECIMALS_MAX
        if too_high or px8 % (spec.tick * px_unit):
            raise err.filter_failure("PRICE_FILTER")
    if qty8:
        low, high = spec.min_qty * qty_unit, spec.max_qty * qty_unit
        if not low <= qty8 <= high or qty8 % (spec.lot * qty_unit):
            raise err.filter_failure("LOT_SIZE")
    notional = quote8
    if not quote8:
        reference = px8
        if not reference:
            ticker = desk.market.ticker(symbol)
            reference = (ticker.bid_px or ticker.ask_px or spec.mid) * px_unit
        notional = reference * qty8 // 10**DECIMALS_MAX
    too_large = notional > NOTIONAL_MAX_UNITS * 10**MONEY_DIGITS
    if notional < spec.min_notional or (px8 and too_large):
        raise err.filter_failure("NOTIONAL")
    return px8 // px_unit, qty8 // qty_unit


def read_order(desk: Desk, call: Call) -> tuple[OrderRequest, str]:
    """The order that a request asks for, and the wanted response type."""
    params = call.params
    symbol = desk.symbol(params)
    side_text, type_text = params.text("side"), params.text("type")
    if side_text not in _SIDES:
        raise err.ApiError(*err.BAD_SIDE)
    if type_text not in _TYPES and type_text not in _NOT_OFFERED:
        raise err.ApiError(*err.BAD_TYPE)
    _refuse_extras(params, type_text)
    kind = _TYPES[type_text]
    default = "ACK" if kind == lay.TYPE_POST_ONLY else "FULL"
    response_type = params.given.get("newOrderRespType", default)
    if response_type not in _RESPONSES:
        raise err.ApiError(-1130, "Data sent for parameter 'newOrderRespType' is not valid.")
    client_id = ""
    if params.has("newClientOrderId"):
        client_id = params.client_id("newClientOrderId")
    tif, px8, qty8, quote8 = _amounts(params, kind)
    if not qty8 and not quote8:
        raise err.ApiError(*err.INVALID_QUANTITY)
    if kind != lay.TYPE_MARKET and not px8:
        raise err.ApiError(*err.INVALID_PRICE)
    px, qty = _filtered(desk, symbol, px8, qty8, quote8)
    request = OrderRequest(
        symbol, call.account, _SIDES[side_text], kind, tif, px, qty, quote8,
        client_id or desk.new_id(),
    )  # fmt: skip
    return request, response_type


def place(desk: Desk, call: Call) -> Any:
    """A new order."""
    request, response_type = read_order(desk, call)
    log = desk.market.log
    namesake = log.by_client(request.account, request.symbol, request.client_id)
    desk.limits.charge_order(call.account, call.now_ns)
    if namesake is not None and namesake.state == OrderState.OPEN:
        raise err.ApiError(*err.DUPLICATE_ORDER)
    placed = desk.market.submit(request, call.now_ns)
    if not isinstance(placed, Order):
        raise err.ApiError(*_REFUSALS[placed])
    if desk.lose_reply():
        desk.muted.add(placed.order_id)
        raise LostReplyError
    fills = []
    for fill in reversed(log.fills(request.account, request.symbol)):
        if fill.order_id != placed.order_id:
            break
        fills.append(fill)
    return desk.shapes.placed(placed, response_type, fills[::-1])


def check_order(desk: Desk, call: Call) -> Any:
    """Checks the parameters, and sends nothing to the engine."""
    read_order(desk, call)
    return {}


def cancel(desk: Desk, call: Call) -> Any:
    """Cancel one order."""
    params = call.params
    symbol = desk.symbol(params)
    cancel_id = params.client_id("newClientOrderId") if params.has("newClientOrderId") else ""
    order = find_order(desk, call, symbol, err.UNKNOWN_ORDER)
    if params.has("cancelRestrictions"):
        restriction = params.text("cancelRestrictions")
        if restriction not in _RESTRICTIONS:
            raise err.ApiError(
                -1145,
                "`cancelRestrictions` has to be either `ONLY_NEW` or `ONLY_PARTIALLY_FILLED`.",
            )
        if _RESTRICTIONS[restriction] != bool(order.cum_qty):
            raise err.ApiError(-2011, "Order was not canceled due to cancel restrictions.")
    cancel_id = cancel_id or desk.new_id()
    if not desk.market.cancel(order.order_id, cancel_id, call.now_ns):
        raise err.ApiError(*err.UNKNOWN_ORDER)
    return desk.shapes.canceled(order, cancel_id, call.now_ns)


def cancel_all(desk: Desk, call: Call) -> Any:
    """Cancel every open order of a symbol."""
    symbol = desk.symbol(call.params)
    found = desk.market.log.open_orders(call.account, symbol)
    if not found:
        raise err.ApiError(*err.UNKNOWN_ORDER)
    out = []
    for order in found:
        cancel_id = desk.new_id()
        if desk.market.cancel(order.order_id, cancel_id, call.now_ns):
            out.append(desk.shapes.canceled(order, cancel_id, call.now_ns))
    return out


_CANCEL_NAMES = SIGNED_NAMES | {
    "symbol",
    "orderId",
    "origClientOrderId",
    "newClientOrderId",
    "cancelRestrictions",
}

ORDERS: dict[str, Endpoint] = {
    "order.place": Endpoint(place, 1, _PLACE_NAMES, signed=True, counts_orders=True),
    "order.test": Endpoint(check_order, 1, _PLACE_NAMES, signed=True),
    "order.cancel": Endpoint(cancel, 1, _CANCEL_NAMES, signed=True, counts_orders=True),
    "openOrders.cancelAll": Endpoint(
        cancel_all, 1, SIGNED_NAMES | {"symbol"}, signed=True, counts_orders=True
    ),
}
"""By the WebSocket API's method names."""
