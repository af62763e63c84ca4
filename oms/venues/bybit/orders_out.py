"""Bybit's order side, outgoing: canonical asks -> what is said where, unsigned. No I/O.

Sources: docs/v5 order/{create-order,amend-order,cancel-order,cancel-all,batch-*,open-order,
order-list,execution}, position/*, account/*, market/{instrument,time}, user/apikey-info. Nothing is
left to a default of the exchange: an order always says its time in force, its unit, its position
index, whether it only reduces, and what is to happen where it meets one of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from oms import ids
from oms.venues.bybit import spec
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

_SIDES = {Side.BUY: "Buy", Side.SELL: "Sell"}
_TIMES = {TimeInForce.GTC: "GTC", TimeInForce.IOC: "IOC", TimeInForce.FOK: "FOK"}
_SMP = {
    SelfTrade.NONE: "None", SelfTrade.CANCEL_MAKER: "CancelMaker",
    SelfTrade.CANCEL_TAKER: "CancelTaker", SelfTrade.CANCEL_BOTH: "CancelBoth",
}  # fmt: skip
_TRIGGER_BY = {
    PriceKind.UNSET: "LastPrice", PriceKind.LAST: "LastPrice", PriceKind.MARK: "MarkPrice",
    PriceKind.INDEX: "IndexPrice",
}  # fmt: skip
_DIRECTIONS = {Direction.RISE: 1, Direction.FALL: 2}
_PRODUCTS = {"bybit.spot": "SPOT", "bybit.linear": "DERIVATIVES"}


class Requests:
    """Makes the requests of one desk."""

    def __init__(self, system_id: int, self_trade: SelfTrade) -> None:
        self.system_id = system_id
        self._self_trade = self_trade
        self._makers: Mapping[Want, Callable[[Ask, str], Request | None]] = {
            Want.PLACE: self._place,
            Want.AMEND: self._amend,
            Want.CANCEL: self._cancel,
            Want.CANCEL_ALL: self._cancel_all,
            Want.ORDER: self._order,
            Want.OPEN_ORDERS: self._open_orders,
            Want.ENDED_ORDERS: self._ended_orders,
            Want.ORDER_FILLS: self._fills,
            Want.FILLS: self._fills,
            Want.TEST_ORDER: self._test_order,
        }

    def of(self, ask: Ask) -> Request | None:
        """The request; None = this exchange knows no such, or the order's shape is not its."""
        category = spec.CATEGORIES.get(ask.market, "")
        if ask.want in self._makers:
            return self._makers[ask.want](ask, category)
        return _of_account(ask, category)

    def client_text(self, order_id: int) -> str:
        """`orderLinkId` of an order of ours."""
        return ids.to_text(self.system_id, order_id)

    def _place(self, ask: Ask, category: str) -> Request | None:
        bodies = []
        for command, instrument in pairs(ask):
            body = self._order_body(command, instrument, category)
            if body is None:
                return None
            bodies.append(body)
        return _one_or_batch(ask, category, "create", "place", bodies)

    def _order_body(self, command: Command, instrument: Instrument, category: str) -> Params | None:
        linear = category == "linear"
        caps = spec.MARKETS[spec.MARKETS_BY_CATEGORY[category]].caps
        if not shapes.fits(caps, command, position=linear):
            return None
        kind = OrderType(command.order_type)
        priced = shapes.said(command.px)
        body: Params = {
            "symbol": instrument.symbol, "side": _SIDES[Side(command.side)],
            "orderType": "Limit" if priced else "Market",
            "qty": "0" if shapes.closes(command) else self._quantity(command, instrument),
            "timeInForce": "IOC" if not priced else _TIMES.get(
                TimeInForce(command.time_in_force), "GTC"
            ),
            "orderLinkId": self.client_text(command.client_order_id),
            "smpType": _SMP[SelfTrade(command.self_trade or self._self_trade)],
        }  # fmt: skip
        if kind is OrderType.POST_ONLY:
            body["timeInForce"] = "PostOnly"
        if priced:
            body["price"] = to_text(command.px, instrument.px_scale)
        if linear:
            body |= {"positionIdx": 0, "reduceOnly": shapes.reduces(command)}
            if shapes.closes(command):
                body["closeOnTrigger"] = True
        else:
            body |= {"isLeverage": 0, "orderFilter": "Order"}
            if not priced:
                body["marketUnit"] = "quoteCoin" if shapes.by_amount(command) else "baseCoin"
        if kind in shapes.CONDITIONAL_TYPES:
            body |= {
                "triggerPrice": to_text(command.trigger_px, instrument.px_scale),
                "triggerDirection": _DIRECTIONS[shapes.direction(command)],
                "triggerBy": _TRIGGER_BY[PriceKind(command.trigger_kind)],
            }
        return body

    @staticmethod
    def _quantity(command: Command, instrument: Instrument) -> str:
        if shapes.by_amount(command):
            return to_text(command.quote_qty, instrument.quote_scale)
        return to_text(command.qty, instrument.qty_scale)

    def _amend(self, ask: Ask, category: str) -> Request | None:
        """What is not said stays as it is; `qty` is the total."""
        bodies = []
        for command, instrument in pairs(ask):
            body: Params = {"symbol": instrument.symbol, **self._which(command)}
            if shapes.said(command.qty):
                body["qty"] = to_text(command.qty, instrument.qty_scale)
            if shapes.said(command.px):
                body["price"] = to_text(command.px, instrument.px_scale)
            if shapes.said(command.trigger_px):
                body["triggerPrice"] = to_text(command.trigger_px, instrument.px_scale)
            if not {"qty", "price", "triggerPrice"} & set(body):
                return None
            bodies.append(body)
        return _one_or_batch(ask, category, "amend", "amend", bodies)

    def _which(self, command: Command) -> Params:
        """By the exchange's id where it is known: it wins where both are given."""
        if command.target_client_order_id:
            return {"orderLinkId": self.client_text(command.target_client_order_id)}
        return {"orderId": venue_id(command)}

    def _cancel(self, ask: Ask, category: str) -> Request | None:
        spot_filter = {"orderFilter": spec.FILTERS[ask.space]} if category == "spot" else {}
        bodies: list[Params] = [
            {"symbol": view.symbol, "orderId": view.venue_order_id} for view in ask.shown
        ]
        bodies += [
            {"symbol": instrument.symbol, **self._which(command)}
            for command, instrument in pairs(ask)
        ]
        if not bodies:
            assert ask.instrument is not None, "a cancel names its instrument"
            bodies = [{"symbol": ask.instrument.symbol, **self._named(ask)}]
        if len(bodies) == 1:
            bodies[0] |= spot_filter
        elif category == "spot" and ask.space is not OrderSpace.BOOK:
            return None  # order/batch-cancel has no orderFilter
        return _one_or_batch(ask, category, "cancel", "cancel", bodies)

    def _named(self, ask: Ask) -> Params:
        if ask.client_order_id:
            return {"orderLinkId": self.client_text(ask.client_order_id)}
        return {"orderId": ask.venue_order_id}

    @staticmethod
    def _cancel_all(ask: Ask, category: str) -> Request:
        body: Params = {"category": category, **_scope(ask, category)}
        if ask.space is not OrderSpace.UNSET:
            body["orderFilter"] = spec.FILTERS[ask.space]
        return _post(ask, "/v5/order/cancel-all", body, f"{category}.cancel_all")

    def _order(self, ask: Ask, category: str) -> Request:
        """One order: open ones, then the newest closed ones, then the history (`ask.page`)."""
        assert ask.instrument is not None, "a question for an order names its instrument"
        params: Params = {"category": category, "symbol": ask.instrument.symbol, **self._named(ask)}
        if ask.page == "history":
            return _query(ask, "/v5/order/history", params)
        return _query(ask, "/v5/order/realtime", params | {"openOnly": int(ask.page == "closed")})

    @staticmethod
    def _open_orders(ask: Ask, category: str) -> Request:
        params: Params = {"category": category, **_scope(ask, category), "openOnly": 0}
        if ask.space in spec.FILTERS and ask.values.get("all") != 1:
            params["orderFilter"] = spec.FILTERS[ask.space]
        return _query(ask, "/v5/order/realtime", _paged(params, ask, spec.PAGE_ORDERS))

    @staticmethod
    def _ended_orders(ask: Ask, category: str) -> Request:
        params: Params = {"category": category, **_scope(ask, category), **_times(ask)}
        return _query(ask, "/v5/order/history", _paged(params, ask, spec.PAGE_ORDERS))

    def _fills(self, ask: Ask, category: str) -> Request:
        params: Params = {"category": category}
        if ask.instrument is not None:
            params["symbol"] = ask.instrument.symbol
        if ask.want is Want.ORDER_FILLS:
            params |= self._named(ask)
        params |= _times(ask)
        return _query(ask, "/v5/execution/list", _paged(params, ask, spec.PAGE_FILLS))

    def _test_order(self, ask: Ask, category: str) -> Request | None:
        made = self._place(ask, category)
        if made is None or made.op != "order.create":
            return None
        return _post(ask, "/v5/order/pre-check", made.params, f"{category}.place")


_BUCKETS = {
    Want.PLACE: "place", Want.AMEND: "amend", Want.CANCEL: "cancel", Want.CANCEL_ALL: "cancel_all",
}  # fmt: skip


def bucket_of(ask: Ask) -> str:
    """What an answer's limit headers count; "" = no order's."""
    name = _BUCKETS.get(ask.want)
    category = spec.CATEGORIES.get(ask.market)
    if name is None or category is None:
        return ""
    batch = "_batch" if len(ask.orders) + len(ask.shown) > 1 else ""
    return f"{category}.{name}{batch}"


def _one_or_batch(
    ask: Ask, category: str, verb: str, bucket: str, bodies: list[Params]
) -> Request | None:
    caps = spec.MARKETS[spec.MARKETS_BY_CATEGORY[category]].caps
    if not 0 < len(bodies) <= caps.batch_max:
        return None
    if len(bodies) == 1:
        body = {"category": category, **bodies[0]}
        return _post(ask, f"/v5/order/{verb}", body, f"{category}.{bucket}", op=f"order.{verb}")
    body = {"category": category, "request": bodies}
    cost = Charge(f"{category}.{bucket}_batch", (ask.account,), len(bodies))
    op = f"order.{verb}-batch"
    return Request("POST", f"/v5/order/{verb}-batch", body, (cost,), op)


def _post(ask: Ask, path: str, body: Params, bucket: str, op: str = "") -> Request:
    return Request("POST", path, body, (Charge(bucket, (ask.account,)),), op)


def _setting_of(ask: Ask, path: str, body: Params) -> Request:
    return Request("POST", path, body, (Charge("setting", (ask.account, path)),))


def _query(ask: Ask, path: str, params: Params, bucket: str = "query") -> Request:
    key = {
        "query": (ask.account, ask.market, path), "setting": (ask.account, path),
        "log": (ask.account,),
    }[bucket]  # fmt: skip
    return Request("GET", path, params, (Charge(bucket, key),))


def _public(path: str, params: Params) -> Request:
    return Request("GET", path, params, signed=False)


def _scope(ask: Ask, category: str) -> Params:
    """linear lists and cancels need a symbol or a settlement coin."""
    if ask.instrument is not None:
        return {"symbol": ask.instrument.symbol}
    return {"settleCoin": str(ask.values["coin"])} if category == "linear" else {}


def _times(ask: Ask) -> Params:
    params: Params = {}
    if ask.since_ms:
        params["startTime"] = ask.since_ms
    if ask.until_ms:
        params["endTime"] = ask.until_ms
    return params


def _paged(params: Params, ask: Ask, limit: int) -> Params:
    return params | {"limit": limit} | ({"cursor": ask.page} if ask.page else {})


def _of_account(ask: Ask, category: str) -> Request | None:
    match ask.want:
        case Want.BALANCES:
            return _query(ask, "/v5/account/wallet-balance", {"accountType": "UNIFIED"})
        case Want.POSITIONS:
            params: Params = {"category": "linear", **_scope(ask, "linear")}
            return _query(ask, "/v5/position/list", _paged(params, ask, spec.PAGE_POSITIONS))
        case Want.CASH_FLOWS:
            params = {"accountType": "UNIFIED", **_times(ask)}
            path = "/v5/account/transaction-log"
            return _query(ask, path, _paged(params, ask, spec.PAGE_ORDERS), "log")
        case Want.LISTING:
            params = _paged({"category": category}, ask, spec.PAGE_LISTING)
            return _public("/v5/market/instruments-info", params)
        case Want.CLOCK:
            return _public("/v5/market/time", {})
        case Want.KEY:
            return _query(ask, "/v5/user/query-api", {}, "setting")
        case Want.ACCOUNT:
            return _query(ask, "/v5/account/info", {})
        case Want.FEES:
            return _query(ask, "/v5/account/fee-rate", {"category": category}, "setting")
        case Want.SET_ACCOUNT:
            return _setting(ask, category)
        case Want.DEAD_MAN:
            body = {"product": _PRODUCTS[ask.market], "timeWindow": int(ask.values["seconds"])}
            return _setting_of(ask, "/v5/order/disconnected-cancel-all", body)
        case _:
            return None


def _setting(ask: Ask, category: str) -> Request | None:
    """`values["what"]`: "price_band" (refuse in place of re-pricing), "one_way", "leverage"."""
    what = ask.values.get("what")
    if what == "price_band":
        body: Params = {"category": category, "modifyEnable": False}
        return _setting_of(ask, "/v5/account/set-limit-px-action", body)
    if what == "one_way" and category == "linear":
        body = {"category": category, **_mode_scope(ask), "mode": 0}
        return _setting_of(ask, "/v5/position/switch-mode", body)
    if what == "leverage" and category == "linear" and ask.instrument is not None:
        times = str(ask.values["leverage"])
        body = {"category": category, "symbol": ask.instrument.symbol, "buyLeverage": times,
                "sellLeverage": times}  # fmt: skip
        return _setting_of(ask, "/v5/position/set-leverage", body)
    return None


def _mode_scope(ask: Ask) -> Params:
    if ask.instrument is not None:
        return {"symbol": ask.instrument.symbol}
    return {"coin": str(ask.values["coin"])}
