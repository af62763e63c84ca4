"""USD-M's order side, outgoing: canonical asks -> what is said where, unsigned. No I/O.

Sources: usds-margined-futures/trade, account, market-data (rest-api and websocket-api pages).
Orders behind triggers go to the algo endpoints (-4120 elsewhere, since 2025-12-09). Nothing is left
to a default of the exchange: position side, reduce-only, self-trade mode, the form of the answer
are always said. Whole numbers are integers on the socket, decimals and booleans are texts.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from oms import ids
from oms.venues.binance.usdm import spec
from oms.venues.data import Charge
from oms.venues.reports import Ask, Instrument, Want
from oms.venues.shared import shapes
from oms.venues.shared.decimal_text import to_text
from oms.venues.shared.order_command import Command
from oms.venues.shared.requests import Params, Request, pairs, venue_id
from shm_layout.enums import (
    Direction,
    OrderSpace,
    OrderType,
    PriceKind,
    SelfTrade,
    Side,
    TimeInForce,
)

NS_PER_MS = 1_000_000
_SECOND_MS = 1_000
INCOME_KINDS = ("FUNDING_FEE", "TRANSFER")
_STP = {
    SelfTrade.CANCEL_MAKER: "EXPIRE_MAKER", SelfTrade.CANCEL_TAKER: "EXPIRE_TAKER",
    SelfTrade.CANCEL_BOTH: "EXPIRE_BOTH",
}  # fmt: skip
_WORKING = {
    PriceKind.UNSET: "CONTRACT_PRICE", PriceKind.LAST: "CONTRACT_PRICE",
    PriceKind.MARK: "MARK_PRICE",
}  # fmt: skip
_ALGO_TYPES = {
    (OrderType.STOP, True): "STOP", (OrderType.STOP, False): "STOP_MARKET",
    (OrderType.TAKE_PROFIT, True): "TAKE_PROFIT",
    (OrderType.TAKE_PROFIT, False): "TAKE_PROFIT_MARKET",
}  # fmt: skip


class Requests:
    """Makes the requests of one desk."""

    def __init__(self, system_id: int, self_trade: SelfTrade) -> None:
        self.system_id = system_id
        self._self_trade = self_trade

    def of(self, ask: Ask, now_ms: int) -> Request | None:
        """The request; None = this exchange knows no such, or the order's shape is not its."""
        match ask.want:
            case Want.PLACE:
                return self._place(ask, now_ms)
            case Want.TEST_ORDER:
                made = self._place(ask, now_ms)
                single = made is not None and made.path == "/fapi/v1/order"
                return (
                    _made(ask, "POST", "/fapi/v1/order/test", made.params)
                    if made and single
                    else None
                )
            case Want.AMEND:
                return self._amend(ask)
            case Want.CANCEL:
                return self._cancel(ask)
            case Want.CANCEL_ALL:
                algo = ask.space is OrderSpace.ALGO
                path = "/fapi/v1/algoOpenOrders" if algo else "/fapi/v1/allOpenOrders"
                return _made(ask, "DELETE", path, {"symbol": _symbol(ask)})
            case Want.ORDER:
                return self._order(ask)
            case _:
                return _of_lists(ask) or _of_account(ask)

    def client_text(self, order_id: int) -> str:
        """`newClientOrderId` or `clientAlgoId` of an order of ours."""
        return ids.to_text(self.system_id, order_id)

    def _place(self, ask: Ask, now_ms: int) -> Request | None:
        if len(ask.orders) == 1 and ask.orders[0].order_type in shapes.CONDITIONAL_TYPES:
            ((command, instrument),) = pairs(ask)
            body = self._algo_body(command, instrument)
            if body is None:
                return None
            return _made(ask, "POST", "/fapi/v1/algoOrder", body, "algoOrder.place", orders=1)
        bodies = []
        for command, instrument in pairs(ask):
            body = self._order_body(command, instrument, now_ms)
            if body is None:
                return None
            bodies.append(body)
        if len(bodies) == 1:
            return _made(ask, "POST", "/fapi/v1/order", bodies[0], "order.place", 0, 1)
        return _batch(ask, "POST", bodies)

    def _common(self, command: Command, instrument: Instrument) -> Params | None:
        mode = SelfTrade(command.self_trade or self._self_trade)
        if not shapes.fits(spec.CAPS, command, position=True) or mode not in _STP:
            return None
        return {
            "symbol": instrument.symbol, "side": Side(command.side).name, "positionSide": "BOTH",
            "selfTradePreventionMode": _STP[mode], "newOrderRespType": "RESULT",
        }  # fmt: skip

    def _order_body(self, command: Command, instrument: Instrument, now_ms: int) -> Params | None:
        body = self._common(command, instrument)
        kind = OrderType(command.order_type)
        if body is None or shapes.closes(command) or kind in shapes.CONDITIONAL_TYPES:
            return None
        body |= {
            "type": "MARKET" if kind is OrderType.MARKET else "LIMIT",
            "quantity": to_text(command.qty, instrument.qty_scale),
            "reduceOnly": _truth(shapes.reduces(command)),
            "newClientOrderId": self.client_text(command.client_order_id),
        }
        if kind is OrderType.MARKET:
            return body
        post_only = kind is OrderType.POST_ONLY
        body["timeInForce"] = "GTX" if post_only else TimeInForce(command.time_in_force).name
        if kind is OrderType.BEST:
            body["priceMatch"] = "OPPONENT"
        else:
            body["price"] = to_text(command.px, instrument.px_scale)
        if body["timeInForce"] == "GTD":
            until_ms = command.expire_ns // NS_PER_MS // _SECOND_MS * _SECOND_MS
            if until_ms <= now_ms + spec.GTD_LEAST_MS:
                return None
            body["goodTillDate"] = until_ms
        return body

    def _algo_body(self, command: Command, instrument: Instrument) -> Params | None:
        """STOP buys at or above its trigger and sells at or below it; TAKE_PROFIT the reverse."""
        body = self._common(command, instrument)
        kind, looks_at = OrderType(command.order_type), PriceKind(command.trigger_kind)
        rises = (kind is OrderType.STOP) == (command.side == Side.BUY)
        crossed = Direction.RISE if rises else Direction.FALL
        priced = shapes.said(command.px)
        if body is None or looks_at not in _WORKING or shapes.direction(command) is not crossed:
            return None
        body |= {
            "algoType": "CONDITIONAL", "type": _ALGO_TYPES[kind, priced],
            "triggerPrice": to_text(command.trigger_px, instrument.px_scale),
            "workingType": _WORKING[looks_at], "priceProtect": _truth(False),
            "clientAlgoId": self.client_text(command.client_order_id),
        }  # fmt: skip
        if shapes.closes(command):
            return None if priced else body | {"closePosition": _truth(True)}
        body |= {
            "quantity": to_text(command.qty, instrument.qty_scale),
            "reduceOnly": _truth(shapes.reduces(command)),
        }
        if priced:
            body |= {"price": to_text(command.px, instrument.px_scale), "timeInForce": "GTC"}
        return body

    def _amend(self, ask: Ask) -> Request | None:
        """Side, quantity (the total) and price are all needed; limit orders alone."""
        bodies: list[Params] = []
        for command, instrument in pairs(ask):
            whole = shapes.said(command.qty) and shapes.said(command.px)
            if not whole or command.side not in {Side.BUY, Side.SELL}:
                return None
            bodies.append(
                {
                    "symbol": instrument.symbol, "side": Side(command.side).name,
                    "quantity": to_text(command.qty, instrument.qty_scale),
                    "price": to_text(command.px, instrument.px_scale), **self._which(command),
                }
            )  # fmt: skip
        if ask.space is OrderSpace.ALGO:
            return None
        if len(bodies) == 1:
            return _made(ask, "PUT", "/fapi/v1/order", bodies[0], "order.modify", orders=1)
        return _batch(ask, "PUT", bodies)

    def _which(self, command: Command) -> Params:
        if command.target_client_order_id:
            return {"origClientOrderId": self.client_text(command.target_client_order_id)}
        return {"orderId": int(venue_id(command))}

    def _named(self, ask: Ask) -> Params:
        algo = ask.space is OrderSpace.ALGO
        if ask.client_order_id:
            name = "clientAlgoId" if algo else "origClientOrderId"
            return {name: self.client_text(ask.client_order_id)}
        return {"algoId" if algo else "orderId": int(ask.venue_order_id)}

    def _cancel(self, ask: Ask) -> Request | None:
        if ask.space is OrderSpace.ALGO:
            if ask.orders or ask.shown:
                return None
            path = "/fapi/v1/algoOrder"
            return _made(ask, "DELETE", path, self._named(ask), "algoOrder.cancel")
        if ask.shown:
            numbers = [int(view.venue_order_id) for view in ask.shown]
            return _cancel_batch(ask, [v.symbol for v in ask.shown], {"orderIdList": numbers})
        if len(ask.orders) > 1:
            found = pairs(ask)
            texts = [self.client_text(c.target_client_order_id) for c, _ in found]
            return _cancel_batch(
                ask, [i.symbol for _, i in found], {"origClientOrderIdList": texts}
            )
        which = self._which(ask.orders[0]) if ask.orders else self._named(ask)
        params = {"symbol": _symbol(ask), **which}
        return _made(ask, "DELETE", "/fapi/v1/order", params, "order.cancel")

    def _order(self, ask: Ask) -> Request:
        if ask.space is OrderSpace.ALGO:
            return _made(ask, "GET", "/fapi/v1/algoOrder", self._named(ask))
        params = {"symbol": _symbol(ask), **self._named(ask)}
        return _made(ask, "GET", "/fapi/v1/order", params, "order.status")


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _symbol(ask: Ask) -> str:
    if ask.instrument is not None:
        return ask.instrument.symbol
    return ask.instruments[0].symbol if ask.instruments else str(ask.values["symbol"])


def _made(
    ask: Ask, method: str, path: str, params: Params, op: str = "", weight: int = 1,
    orders: int = 0, *, signed: bool = True,
) -> Request:  # fmt: skip
    charges = [Charge(spec.WEIGHT, ("",), weight)] if weight else []
    if orders:
        charges += [
            Charge(spec.ORDERS_10S, (ask.account,), 1 if orders == 1 else spec.PLACE_BATCH_MAX),
            Charge(spec.ORDERS_MINUTE, (ask.account,), orders),
        ]
    return Request(method, path, params, tuple(charges), op, signed)


def _batch(ask: Ask, method: str, bodies: Sequence[Params]) -> Request | None:
    if not 0 < len(bodies) <= spec.PLACE_BATCH_MAX:
        return None
    listed = {"batchOrders": orjson.dumps(bodies).decode()}
    return _made(ask, method, "/fapi/v1/batchOrders", listed, "", 5, len(bodies))


def _cancel_batch(ask: Ask, symbols: Sequence[str], names: Params) -> Request | None:
    if len(set(symbols)) != 1 or len(symbols) > spec.CANCEL_BATCH_MAX:
        return None
    params = {name: orjson.dumps(value).decode() for name, value in names.items()}
    return _made(ask, "DELETE", "/fapi/v1/batchOrders", {"symbol": symbols[0], **params})


def _times(ask: Ask) -> Params:
    params: Params = {}
    if ask.since_ms:
        params["startTime"] = ask.since_ms
    if ask.until_ms:
        params["endTime"] = ask.until_ms
    return params


def _of_lists(ask: Ask) -> Request | None:
    scope: Params = {"symbol": ask.instrument.symbol} if ask.instrument is not None else {}
    match ask.want:
        case Want.OPEN_ORDERS:
            algo = ask.space is OrderSpace.ALGO
            path = "/fapi/v1/openAlgoOrders" if algo else "/fapi/v1/openOrders"
            return _made(ask, "GET", path, scope, weight=1 if scope else spec.WEIGHT_OPEN_ALL)
        case Want.ENDED_ORDERS:
            path = "allAlgoOrders" if ask.space is OrderSpace.ALGO else "allOrders"
            params = {**scope, **_times(ask), "limit": spec.ORDERS_LIMIT}
            return _made(ask, "GET", f"/fapi/v1/{path}", params, weight=5)
        case Want.FILLS | Want.ORDER_FILLS:
            if not scope or (ask.want is Want.ORDER_FILLS and not ask.venue_order_id):
                return None
            if ask.want is Want.ORDER_FILLS:
                scope["orderId"] = int(ask.venue_order_id)
            behind = ask.page or ask.after_id
            span = {"fromId": int(behind) + 1} if behind else _times(ask)
            params = {**scope, **span, "limit": spec.TRADES_LIMIT}
            return _made(ask, "GET", "/fapi/v1/userTrades", params, weight=5)
        case Want.CASH_FLOWS:
            span = _times(ask) | ({"startTime": int(ask.page)} if ask.page else {})
            kind = {"incomeType": str(ask.values["kind"])}
            params = {**kind, **span, "limit": spec.INCOME_LIMIT}
            return _made(ask, "GET", "/fapi/v1/income", params, weight=30)
        case _:
            return None


def _of_account(ask: Ask) -> Request | None:
    match ask.want:
        case Want.BALANCES:
            return _made(ask, "GET", "/fapi/v3/balance", {}, "v2/account.balance", 5)
        case Want.POSITIONS:
            scope: Params = {"symbol": ask.instrument.symbol} if ask.instrument is not None else {}
            return _made(ask, "GET", "/fapi/v3/positionRisk", scope, "v2/account.position", 5)
        case Want.LISTING:
            return _made(ask, "GET", "/fapi/v1/exchangeInfo", {}, signed=False)
        case Want.CLOCK:
            return _made(ask, "GET", "/fapi/v1/time", {}, signed=False)
        case Want.ACCOUNT:
            return _made(ask, "GET", "/fapi/v1/accountConfig", {}, weight=5)
        case Want.FEES:
            return _made(ask, "GET", "/fapi/v1/commissionRate", {"symbol": _symbol(ask)}, "", 20)
        case Want.SESSION_KEY:
            again = bool(ask.values.get("extend"))
            return _made(ask, "PUT" if again else "POST", "/fapi/v1/listenKey", {}, signed=False)
        case Want.DEAD_MAN:
            params = {"symbol": _symbol(ask), "countdownTime": int(ask.values["seconds"]) * 1_000}
            return _made(ask, "POST", "/fapi/v1/countdownCancelAll", params, weight=10)
        case Want.SET_ACCOUNT:
            return _setting(ask)
        case _:
            return None


def _setting(ask: Ask) -> Request | None:
    """`values["what"]`: "one_way", "single_asset", "leverage" or "margin" of an instrument."""
    match ask.values.get("what"):
        case "one_way":
            params: Params = {"dualSidePosition": _truth(False)}
            return _made(ask, "POST", "/fapi/v1/positionSide/dual", params)
        case "single_asset":
            params = {"multiAssetsMargin": _truth(False)}
            return _made(ask, "POST", "/fapi/v1/multiAssetsMargin", params)
        case "leverage":
            params = {"symbol": _symbol(ask), "leverage": int(ask.values["leverage"])}
            return _made(ask, "POST", "/fapi/v1/leverage", params)
        case "margin":
            params = {"symbol": _symbol(ask), "marginType": str(ask.values["margin"])}
            return _made(ask, "POST", "/fapi/v1/marginType", params)
        case _:
            return None
