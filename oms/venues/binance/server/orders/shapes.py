"""Shapes of order replies: placement, cancel, amend, query, lists, trades, prevented matches.

Field by field as in rest-api.md; a conditional field (stop price of contingent orders, trailing,
iceberg, strategy, prevented matches, expiry) is there only where the documents say so ("Conditional
fields in Order Responses"). `test_doc_requests.py` holds each against the documents' examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from oms.exchange.engine import layout_hot as lay
from oms.exchange.market import SymbolSpec, format_decimal
from oms.exchange.orders import (
    MARKET_KINDS,
    Amendment,
    Expiry,
    Fill,
    Order,
    OrderList,
    PreventedMatch,
)
from oms.venues.binance.server.orders.words import (
    CONTINGENCIES,
    CONTINGENT,
    MODE_TEXTS,
    MODES,
    SIDE_TEXTS,
    TIME_TEXTS,
    TYPE_TEXTS,
)
from oms.venues.binance.server.shapes import money
from oms.venues.binance.server.time_unit import stamp
from shm_layout.enums import OrderState

_TAKES_TAKER = frozenset(MODES.values()) - {lay.STP_EXPIRE_MAKER}
_TAKES_MAKER = frozenset(MODES.values()) - {lay.STP_EXPIRE_TAKER}


def status_text(order: Order) -> str:
    """The venue's word for an order's state."""
    if order.state == OrderState.OPEN:
        return "PARTIALLY_FILLED" if order.cum_qty else "NEW"
    return "EXPIRED_IN_MATCH" if order.in_match else order.state.name


def time_in_force_text(order: Order) -> str:
    """A market order has none; the venue prints GTC."""
    if order.request.kind in MARKET_KINDS:
        return "GTC"
    return TIME_TEXTS[order.request.tif]


def stamp_or_none(time_ns: int) -> int:
    """A time in the unit in force; -1 for what has not happened."""
    return stamp(time_ns) if time_ns >= 0 else -1


class OrderShapes:
    """The shapes of one exchange: they need its symbols and assets."""

    def __init__(self, specs: Sequence[SymbolSpec], assets: Sequence[str]) -> None:
        self._specs = specs
        self._assets = assets

    def symbol(self, row: int) -> str:
        return self._specs[row].symbol

    def asset(self, row: int) -> str:
        return self._assets[row]

    def px(self, symbol: int, value: int) -> str:
        return format_decimal(value, self._specs[symbol].px_digits)

    def qty(self, symbol: int, value: int) -> str:
        return format_decimal(value, self._specs[symbol].qty_digits)

    # One order

    def _numbers(self, order: Order) -> dict[str, Any]:
        request = order.request
        symbol = request.symbol
        return {
            "price": self.px(symbol, request.px),
            "origQty": self.qty(symbol, order.qty),
            "executedQty": self.qty(symbol, order.cum_qty),
            "origQuoteOrderQty": money(request.quote_qty),
            "cummulativeQuoteQty": money(order.cum_quote),
            "status": status_text(order),
            "timeInForce": time_in_force_text(order),
            "type": TYPE_TEXTS[request.kind],
            "side": SIDE_TEXTS[request.side],
        }

    def _conditional(self, order: Order) -> dict[str, Any]:
        request = order.request
        out: dict[str, Any] = {}
        if request.kind in CONTINGENT:
            out["stopPrice"] = self.px(request.symbol, request.stop_px)
        if request.trailing_bips:
            out["trailingDelta"] = request.trailing_bips
            out["trailingTime"] = stamp_or_none(order.trailing_ns)
        if request.iceberg_qty:
            out["icebergQty"] = self.qty(request.symbol, request.iceberg_qty)
        if request.strategy_id is not None:
            out["strategyId"] = request.strategy_id
        if request.strategy_type is not None:
            out["strategyType"] = request.strategy_type
        if order.prevented_id >= 0:
            out["preventedMatchId"] = order.prevented_id
            out["preventedQuantity"] = self.qty(request.symbol, order.prevented_qty)
        if order.expiry != Expiry.NONE:
            out["expiryReason"] = order.expiry.name
        return out

    def placed(
        self,
        order: Order,
        response_type: str,
        fills: Sequence[Fill],
        prevented: Sequence[PreventedMatch],
        trade_group: int,
    ) -> dict[str, Any]:
        """Reply to a new order: ACK, RESULT or FULL."""
        out: dict[str, Any] = {
            "symbol": self.symbol(order.request.symbol),
            "orderId": order.order_id,
            "orderListId": order.list_id,
            "clientOrderId": order.client_id,
            "transactTime": stamp(order.created_ns),
        }
        if response_type == "ACK":
            return out
        out |= self._numbers(order) | self._conditional(order)
        out["workingTime"] = stamp_or_none(order.working_ns)
        out["selfTradePreventionMode"] = MODE_TEXTS[order.request.stp]
        if response_type == "FULL":
            out["fills"] = [self._fill(fill) for fill in fills]
            if prevented:
                out["preventedMatches"] = [self._prevented_brief(match) for match in prevented]
                if trade_group != lay.NO_GROUP:
                    out["tradeGroupId"] = trade_group
        return out

    def _fill(self, fill: Fill) -> dict[str, Any]:
        return {
            "price": self.px(fill.symbol, fill.px),
            "qty": self.qty(fill.symbol, fill.qty),
            "commission": money(fill.fee),
            "commissionAsset": self.asset(fill.fee_asset),
            "tradeId": fill.trade_id,
        }

    def _prevented_brief(self, match: PreventedMatch) -> dict[str, Any]:
        return {
            "preventedMatchId": match.match_id,
            "makerSymbol": self.symbol(match.symbol),
            "makerOrderId": match.maker_order_id,
            "price": self.px(match.symbol, match.px),
        } | self._prevented_quantities(match)

    def _prevented_quantities(self, match: PreventedMatch) -> dict[str, Any]:
        out = {}
        if match.mode in _TAKES_TAKER:
            out["takerPreventedQuantity"] = self.qty(match.symbol, match.taker_qty)
        if match.mode in _TAKES_MAKER:
            out["makerPreventedQuantity"] = self.qty(match.symbol, match.maker_qty)
        return out

    def canceled(self, order: Order, cancel_id: str) -> dict[str, Any]:
        """Reply to the cancel of one order."""
        return {
            "symbol": self.symbol(order.request.symbol),
            "origClientOrderId": order.client_id,
            "orderId": order.order_id,
            "orderListId": order.list_id,
            "clientOrderId": cancel_id,
            "transactTime": stamp(order.updated_ns),
            **self._numbers(order),
            **self._conditional(order),
            "selfTradePreventionMode": MODE_TEXTS[order.request.stp],
        }

    def order(self, order: Order) -> dict[str, Any]:
        """Reply to a query."""
        request = order.request
        out = {
            "symbol": self.symbol(request.symbol),
            "orderId": order.order_id,
            "orderListId": order.list_id,
            "clientOrderId": order.client_id,
            **self._numbers(order),
            "stopPrice": self.px(request.symbol, request.stop_px),
            "icebergQty": self.qty(request.symbol, request.iceberg_qty),
            "time": stamp(order.created_ns),
            "updateTime": stamp(order.updated_ns),
            "isWorking": order.working_ns >= 0,
            "workingTime": stamp_or_none(order.working_ns),
            "selfTradePreventionMode": MODE_TEXTS[request.stp],
        }
        return out | self._conditional(order)

    def amended(
        self, amendment: Amendment, order: Order, list_status: dict[str, Any] | None
    ) -> dict[str, Any]:
        """Reply to an amend; the quantity fields have their own names there."""
        symbol = order.request.symbol
        numbers = self._numbers(order)
        shown = {
            "symbol": self.symbol(symbol),
            "orderId": order.order_id,
            "orderListId": order.list_id,
            "origClientOrderId": amendment.old_client_id,
            "clientOrderId": order.client_id,
            "price": numbers["price"],
            "qty": numbers["origQty"],
            "executedQty": numbers["executedQty"],
            "preventedQty": self.qty(symbol, order.prevented_qty),
            "quoteOrderQty": numbers["origQuoteOrderQty"],
            "cumulativeQuoteQty": numbers["cummulativeQuoteQty"],
            "status": numbers["status"],
            "timeInForce": numbers["timeInForce"],
            "type": numbers["type"],
            "side": numbers["side"],
            **self._conditional(order),
        }
        if order.working_ns >= 0:
            shown["workingTime"] = stamp(order.working_ns)
        shown["selfTradePreventionMode"] = MODE_TEXTS[order.request.stp]
        out: dict[str, Any] = {
            "transactTime": stamp(amendment.time_ns),
            "executionId": amendment.execution_id,
            "amendedOrder": shown,
        }
        if list_status is not None:
            out["listStatus"] = list_status
        return out

    # Lists

    def order_list(self, found: OrderList, orders: Sequence[Order]) -> dict[str, Any]:
        """Reply to a query of an order list."""
        return {
            "orderListId": found.list_id,
            "contingencyType": CONTINGENCIES[found.kind],
            "listStatusType": "EXEC_STARTED" if found.open else "ALL_DONE",
            "listOrderStatus": "EXECUTING" if found.open else "ALL_DONE",
            "listClientOrderId": found.client_id,
            "transactionTime": stamp(found.updated_ns),
            "symbol": self.symbol(found.symbol),
            "orders": [
                {
                    "symbol": self.symbol(found.symbol),
                    "orderId": order.order_id,
                    "clientOrderId": order.client_id,
                }
                for order in orders
            ],
        }

    def amended_list(self, found: OrderList, orders: Sequence[Order]) -> dict[str, Any]:
        """The list of an amended order: without the type of status, and without a time."""
        shown = self.order_list(found, orders)
        del shown["listStatusType"], shown["transactionTime"]
        return shown

    # History

    def my_trade(self, fill: Fill) -> dict[str, Any]:
        return {
            "symbol": self.symbol(fill.symbol),
            "id": fill.trade_id,
            "orderId": fill.order_id,
            "orderListId": fill.list_id,
            "price": self.px(fill.symbol, fill.px),
            "qty": self.qty(fill.symbol, fill.qty),
            "quoteQty": money(fill.quote),
            "commission": money(fill.fee),
            "commissionAsset": self.asset(fill.fee_asset),
            "time": stamp(fill.time_ns),
            "isBuyer": fill.side == lay.SIDE_BUY,
            "isMaker": fill.maker,
            "isBestMatch": True,
        }

    def prevented_match(self, match: PreventedMatch) -> dict[str, Any]:
        return {
            "symbol": self.symbol(match.symbol),
            "preventedMatchId": match.match_id,
            "takerOrderId": match.taker_order_id,
            "makerSymbol": self.symbol(match.symbol),
            "makerOrderId": match.maker_order_id,
            "tradeGroupId": match.trade_group,
            "selfTradePreventionMode": MODE_TEXTS[match.mode],
            "price": self.px(match.symbol, match.px),
            **self._prevented_quantities(match),
            "transactTime": stamp(match.time_ns),
        }

    def amendment(self, found: Amendment) -> dict[str, Any]:
        return {
            "symbol": self.symbol(found.symbol),
            "orderId": found.order_id,
            "executionId": found.execution_id,
            "origClientOrderId": found.old_client_id,
            "newClientOrderId": found.new_client_id,
            "origQty": self.qty(found.symbol, found.old_qty),
            "newQty": self.qty(found.symbol, found.new_qty),
            "time": stamp(found.time_ns),
        }
