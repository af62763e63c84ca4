"""Order endpoints of the simulated Binance spot: place, test, cancel, replace, amend.

Checks stand in the venue's order: shape of the parameters, their combination, order count, then the
market with its filters, funds and triggers. Sources: rest-api.md "New order", "Cancel order",
"Cancel an Existing Order and Send a New Order", "Order Amend Keep Priority"; filters.md; errors.md.
"""

from __future__ import annotations

from typing import Any

from oms.exchange.engine import layout_hot as lay
from oms.exchange.market import MONEY_DIGITS, format_decimal
from oms.exchange.orders import Fill, Order, OrderRequest, PreventedMatch
from oms.venues.binance.server import errors as err
from oms.venues.binance.server.calls import SIGNED_NAMES, Call, Desk, find_order
from oms.venues.binance.server.orders import params as reading
from oms.venues.binance.server.params import CLIENT_ID_RANGE, Params
from oms.venues.binance.server.refusals import refusal
from oms.venues.serving.refusal import LostReplyError
from oms.venues.serving.routing import Endpoint

_FULL_BY_DEFAULT = (lay.TYPE_LIMIT, lay.TYPE_MARKET)
_RESTRICTIONS = {
    "ONLY_NEW": lay.RESTRICT_ONLY_NEW,
    "ONLY_PARTIALLY_FILLED": lay.RESTRICT_ONLY_PARTLY_FILLED,
}
_MODES = {"STOP_ON_FAILURE": True, "ALLOW_FAILURE": False}
_RATE_MODES = {"DO_NOTHING": False, "CANCEL_ONLY": True}

_OWN_NAMES = reading.SINGLE.all() | {"symbol", "newOrderRespType", "selfTradePreventionMode"}
PLACE_NAMES = SIGNED_NAMES | _OWN_NAMES


def read_order(desk: Desk, call: Call) -> tuple[OrderRequest, str]:
    """The order that a request asks for, and the wanted response type."""
    params = call.params
    symbol = desk.symbol(params)
    kind = reading.kind_of(params, "type")
    default = "FULL" if kind in _FULL_BY_DEFAULT else "ACK"
    response_type = reading.response_type(params, default)
    return reading.read_leg(desk, call, symbol, reading.SINGLE, kind), response_type


def refuse_namesake(desk: Desk, request: OrderRequest) -> None:
    """A client order id is unique among the open orders of the account and symbol."""
    namesake = desk.market.log.by_client(request.account, request.symbol, request.client_id)
    if namesake is not None and namesake.is_open:
        raise err.ApiError(*err.DUPLICATE_ORDER)


def placed_reply(desk: Desk, order: Order, response_type: str) -> dict[str, Any]:
    """The reply to a new order, with the fills and prevented matches that it caused at once."""
    log, request = desk.market.log, order.request
    if response_type != "FULL":
        return desk.orders.placed(order, response_type, (), (), lay.NO_GROUP)
    fills: list[Fill] = []
    for fill in reversed(log.fills(request.account, request.symbol)):
        if fill.order_id != order.order_id:
            break
        fills.append(fill)
    prevented: list[PreventedMatch] = []
    for match in reversed(log.prevented(request.account, request.symbol)):
        if match.taker_order_id != order.order_id:
            break
        prevented.append(match)
    group = desk.market.trade_group(request.account)
    return desk.orders.placed(order, response_type, fills[::-1], prevented[::-1], group)


def place(desk: Desk, call: Call) -> Any:
    """A new order."""
    request, response_type = read_order(desk, call)
    return placed_reply(desk, place_read(desk, request, call.now_ns), response_type)


def place_read(desk: Desk, request: OrderRequest, now_ns: int) -> Order:
    """A new order that was read; ApiError, or LostReplyError where nobody is to be told."""
    desk.limits.charge_order(request.account, now_ns)
    refuse_namesake(desk, request)
    placed = desk.market.submit(request, now_ns)
    if not isinstance(placed, Order):
        raise refusal(placed)
    if desk.lose_reply():
        if desk.market.log.is_heard(request.account):
            desk.muted.add(placed.order_id)
        raise LostReplyError
    return placed


def _rate(value_e6: int) -> str:
    return format_decimal(value_e6, 6)


def discount(desk: Desk, account: int, symbol: int) -> dict[str, Any]:
    """The fee coin's part of a commission reply."""
    rates = desk.market.commission(account, symbol)
    offered = rates.discount_asset != lay.NONE
    return {
        "enabledForAccount": rates.pays_discounted,
        "enabledForSymbol": offered,
        "discountAsset": desk.market.assets[rates.discount_asset] if offered else "BNB",
        "discount": _rate(rates.discount_e6 if offered else 0),
    }


def check_order(desk: Desk, call: Call) -> Any:
    """Checks parameters and filters, and sends nothing to the engine."""
    request, _ = read_order(desk, call)
    wants_rates = call.params.boolean("computeCommissionRates", False)
    if reason := desk.market.check(request):
        raise refusal(reason)
    if not wants_rates:
        return {}
    rates = desk.market.commission(request.account, request.symbol)
    none = {"maker": _rate(0), "taker": _rate(0)}
    return {
        "standardCommissionForOrder": {
            "maker": _rate(rates.maker_e6),
            "taker": _rate(rates.taker_e6),
        },
        "specialCommissionForOrder": none,
        "taxCommissionForOrder": none,
        "discount": discount(desk, request.account, request.symbol),
    }


def _test_weight(params: Params) -> int:
    return 20 if params.boolean("computeCommissionRates", False) else 1


# Cancel


def _restriction(params: Params) -> int:
    if not params.has("cancelRestrictions"):
        return lay.RESTRICT_NONE
    text = params.text("cancelRestrictions")
    if text not in _RESTRICTIONS:
        raise err.ApiError(*err.BAD_RESTRICTION)
    return _RESTRICTIONS[text]


def _check_restriction(order: Order, restriction: int) -> None:
    if restriction != lay.RESTRICT_NONE:
        wants_fill = restriction == lay.RESTRICT_ONLY_PARTLY_FILLED
        if wants_fill != bool(order.cum_qty):
            raise err.ApiError(*err.CANCEL_RESTRICTED)


def canceled_reply(desk: Desk, order: Order, cancel_id: str) -> dict[str, Any]:
    """The reply to a cancel: of a list's order, the whole list's."""
    log = desk.market.log
    found = log.list_by_id(order.request.account, order.list_id) if order.list_id >= 0 else None
    if found is None:
        return desk.orders.canceled(order, cancel_id)
    orders = [o for number in found.order_ids if (o := log.any_by_id(number)) is not None]
    reply = desk.orders.order_list(found, orders)
    reply["orderReports"] = [desk.orders.canceled(o, cancel_id) for o in orders]
    return reply


def cancel(desk: Desk, call: Call) -> Any:
    """Cancel one order; of an order in a list, the list."""
    params = call.params
    symbol = desk.symbol(params)
    cancel_id = params.client_id("newClientOrderId") if params.has("newClientOrderId") else ""
    restriction = _restriction(params)
    order = find_order(desk, call, symbol, err.UNKNOWN_ORDER)
    if not order.is_open:
        raise err.ApiError(*err.UNKNOWN_ORDER)
    _check_restriction(order, restriction)
    cancel_id = cancel_id or desk.new_id()
    if not desk.market.cancel(order.order_id, cancel_id, call.now_ns):
        raise not_canceled(desk, symbol)
    return canceled_reply(desk, order, cancel_id)


def not_canceled(desk: Desk, symbol: int) -> err.ApiError:
    """Why an open order could not be canceled: a market that is halted takes no cancels either."""
    if desk.market.state(symbol) in (lay.STATE_HALT, lay.STATE_BREAK):
        return err.ApiError(*err.MARKET_CLOSED)
    return err.ApiError(*err.UNKNOWN_ORDER)


def cancel_all(desk: Desk, call: Call) -> Any:
    """Cancel every open order of a symbol, lists among them."""
    symbol = desk.symbol(call.params)
    found = desk.market.log.open_orders(call.account, symbol)
    if not found:
        raise err.ApiError(*err.UNKNOWN_ORDER)
    cancel_id = desk.new_id()
    out = [
        canceled_reply(desk, order, cancel_id)
        for order in found
        if order.is_open and desk.market.cancel(order.order_id, cancel_id, call.now_ns)
    ]
    if not out:
        raise not_canceled(desk, symbol)
    return out


# Cancel and replace


def _to_replace(desk: Desk, call: Call, symbol: int) -> Order | None:
    """The order that a cancel-replace names; None where it names none that is open."""
    params = call.params
    if not params.has("cancelOrderId") and not params.has("cancelOrigClientOrderId"):
        raise err.one_of("cancelOrigClientOrderId", "cancelOrderId")
    log = desk.market.log
    wanted = ""
    if params.has("cancelOrigClientOrderId"):
        wanted = params.legal("cancelOrigClientOrderId", CLIENT_ID_RANGE)
    if params.has("cancelOrderId"):
        order = log.by_id(call.account, params.integer("cancelOrderId"))
        if order is not None and wanted and wanted != order.client_id:
            order = None
    else:
        order = log.by_client(call.account, symbol, wanted)
    if order is None or order.request.symbol != symbol or not order.is_open:
        return None
    return order


def _half(body: dict[str, Any], *, failed: bool) -> tuple[str, dict[str, Any]]:
    return ("FAILURE" if failed else "SUCCESS"), body


def _canceled_half(desk: Desk, canceled: Order | int, cancel_id: str) -> tuple[str, Any]:
    if isinstance(canceled, Order):
        return _half(desk.orders.canceled(canceled, cancel_id), failed=False)
    error = refusal(canceled)
    return _half(error.body(), failed=True)


def _choice(params: Params, name: str, known: dict[str, bool], default: str) -> bool:
    text = params.given.get(name, default) if default else params.text(name)
    if text not in known:
        raise err.invalid(name)
    return known[text]


def _over_limit(desk: Desk, call: Call, order: Order | None, cancel_id: str) -> err.ApiError | None:
    """Count the new order. Over the limit: None to go on, an error that says what was done."""
    try:
        desk.limits.charge_order(call.account, call.now_ns)
    except err.ApiError as error:
        if not _choice(call.params, "orderRateLimitExceededMode", _RATE_MODES, "DO_NOTHING"):
            raise
        canceled: Order | int = lay.REASON_UNKNOWN_ORDER
        if order is not None:
            _check_restriction(order, _restriction(call.params))
            desk.market.cancel(order.order_id, cancel_id, call.now_ns)
            canceled = order
        return _replace_error(_canceled_half(desk, canceled, cancel_id), ("FAILURE", error.body()))
    return None


def _replace_error(canceled: tuple[str, Any], placed: tuple[str, Any]) -> err.ApiError:
    partly = "SUCCESS" in (canceled[0], placed[0])
    code, text = err.REPLACE_PARTLY if partly else err.REPLACE_FAILED
    data = {
        "cancelResult": canceled[0],
        "newOrderResult": placed[0],
        "cancelResponse": canceled[1],
        "newOrderResponse": placed[1],
    }
    return err.ApiError(code, text, err.CONFLICT if partly else err.BAD_REQUEST, data=data)


def cancel_replace(desk: Desk, call: Call) -> Any:
    """Cancel one order and place another; not transactional."""
    params = call.params
    stop_on_failure = _choice(params, "cancelReplaceMode", _MODES, "")
    _choice(params, "orderRateLimitExceededMode", _RATE_MODES, "DO_NOTHING")
    request, response_type = read_order(desk, call)
    restriction = _restriction(params)
    cancel_id = ""
    if params.has("cancelNewClientOrderId"):
        cancel_id = params.client_id("cancelNewClientOrderId")
    cancel_id = cancel_id or desk.new_id()
    order = _to_replace(desk, call, request.symbol)
    if reason := desk.market.check(request):
        raise refusal(reason)
    if error := _over_limit(desk, call, order, cancel_id):
        raise error
    if order is None or order.client_id != request.client_id:
        refuse_namesake(desk, request)
    done = desk.market.replace(
        order.order_id if order else 0, cancel_id, restriction, request, call.now_ns,
        stop_on_failure=stop_on_failure,
    )  # fmt: skip
    canceled = _canceled_half(desk, done.canceled, cancel_id)
    if done.placed is None:
        raise _replace_error(canceled, ("NOT_ATTEMPTED", None))
    if not isinstance(done.placed, Order):
        error = refusal(done.placed)
        if canceled[0] == "SUCCESS":
            desk.market.log.reject(
                Order(-1, request, call.now_ns, call.now_ns, qty=request.qty), done.placed,
                call.now_ns,
            )  # fmt: skip
        raise _replace_error(canceled, ("FAILURE", error.body()))
    placed = placed_reply(desk, done.placed, response_type)
    if canceled[0] == "FAILURE":
        raise _replace_error(canceled, ("SUCCESS", placed))
    return {
        "cancelResult": canceled[0],
        "newOrderResult": "SUCCESS",
        "cancelResponse": canceled[1],
        "newOrderResponse": placed,
    }


# Amend


def amend(desk: Desk, call: Call) -> Any:
    """Reduce an order's quantity; it keeps its place in the queue."""
    params = call.params
    symbol = desk.symbol(params)
    if not desk.market.features.amend:
        raise err.ApiError(*err.NO_AMEND)
    new_id = params.client_id("newClientOrderId") if params.has("newClientOrderId") else ""
    spec = desk.market.specs[symbol]
    qty = reading.at_digits(params.decimal("newQty"), spec.qty_digits, "LOT_SIZE")
    if qty == 0:
        raise err.ApiError(*err.INVALID_QUANTITY)
    order = find_order(desk, call, symbol, err.AMEND_UNKNOWN, err.WRONG_CLIENT_ID)
    if not order.is_open:
        raise err.ApiError(*err.AMEND_UNKNOWN)
    if qty == order.qty:
        raise err.ApiError(*err.AMEND_NO_CHANGE)
    if qty > order.qty:
        raise err.ApiError(*err.AMEND_INCREASE)
    namesake = desk.market.log.by_client(call.account, symbol, new_id)
    if new_id and namesake is not None and namesake.is_open and namesake is not order:
        raise err.ApiError(*err.DUPLICATE_ORDER)
    done = desk.market.amend(order.order_id, qty, new_id or desk.new_id(), call.now_ns)
    if isinstance(done, int):
        if done in (lay.REASON_AMEND_QTY, lay.REASON_UNKNOWN_ORDER):
            raise err.ApiError(*err.AMEND_UNKNOWN)
        raise refusal(done)
    log = desk.market.log
    found = log.list_by_id(call.account, order.list_id) if order.list_id >= 0 else None
    listed = None
    if found is not None:
        orders = [o for number in found.order_ids if (o := log.any_by_id(number)) is not None]
        listed = desk.orders.amended_list(found, orders)
    return desk.orders.amended(done, order, listed)


# Smart order routing


def no_sor(desk: Desk, call: Call) -> Any:
    """No symbol here is routed (exchangeInfo lists no `sors`)."""
    read_order(desk, call)
    raise err.ApiError(*err.NO_SOR)


assert MONEY_DIGITS >= 6, "a rate in millionths is printed as it is"

_CANCEL_NAMES = SIGNED_NAMES | {
    "symbol",
    "orderId",
    "origClientOrderId",
    "newClientOrderId",
    "cancelRestrictions",
}
_REPLACE_NAMES = PLACE_NAMES | {
    "cancelReplaceMode",
    "cancelOrderId",
    "cancelOrigClientOrderId",
    "cancelNewClientOrderId",
    "cancelRestrictions",
    "orderRateLimitExceededMode",
}
_AMEND_NAMES = SIGNED_NAMES | {
    "symbol",
    "orderId",
    "origClientOrderId",
    "newClientOrderId",
    "newQty",
}
_TEST_NAMES = PLACE_NAMES | {"computeCommissionRates"}

ORDERS: dict[str, Endpoint] = {
    "order.place": Endpoint(place, 1, PLACE_NAMES, signed=True, counts_orders=True),
    "order.test": Endpoint(check_order, _test_weight, _TEST_NAMES, signed=True),
    "order.cancel": Endpoint(cancel, 1, _CANCEL_NAMES, signed=True),
    "order.cancelReplace": Endpoint(
        cancel_replace, 1, _REPLACE_NAMES, signed=True, counts_orders=True
    ),
    "order.amend.keepPriority": Endpoint(amend, 4, _AMEND_NAMES, signed=True),
    "openOrders.cancelAll": Endpoint(cancel_all, 1, SIGNED_NAMES | {"symbol"}, signed=True),
    "sor.order.place": Endpoint(no_sor, 1, PLACE_NAMES, signed=True),
    "sor.order.test": Endpoint(no_sor, _test_weight, _TEST_NAMES, signed=True),
}
"""By the WebSocket API's method names."""
