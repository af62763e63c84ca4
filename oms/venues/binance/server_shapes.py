"""Shapes of replies and events, field by field as in binance-spot-api-docs.

Functions of market words (`oms/exchange/market.py`) to what is sent as JSON. Conditional fields
(stop price of stop orders, strategy, prevented matches …) are sent only where the documents say
so. `tests/venues/binance/test_shapes.py` holds each against the documents' examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from oms.exchange import layout_hot as lay
from oms.exchange.market import (
    MONEY_DIGITS,
    Book,
    Fill,
    Order,
    PublicTrade,
    Report,
    SymbolSpec,
    Ticker,
    format_decimal,
)
from oms.venues.binance.server_limits import LimitRules
from oms.venues.binance.server_time import stamp
from shm_layout.enums import ExecKind, OrderState

ZERO = "0.00000000"
STP_MODE = "NONE"
PRICE_MAX_UNITS = 10_000_000
"""PRICE_FILTER maxPrice, in whole quote units."""
NOTIONAL_MAX_UNITS = 90_000_000
"""NOTIONAL maxNotional, in whole quote units."""
SIDES = {lay.SIDE_BUY: "BUY", lay.SIDE_SELL: "SELL"}
TYPES = {
    lay.TYPE_LIMIT: "LIMIT",
    lay.TYPE_MARKET: "MARKET",
    lay.TYPE_POST_ONLY: "LIMIT_MAKER",
}
TIMES_IN_FORCE = {lay.TIF_GTC: "GTC", lay.TIF_IOC: "IOC", lay.TIF_FOK: "FOK"}


def ms(time_ns: int) -> int:
    """Milliseconds of a time."""
    return time_ns // 1_000_000


def money(value: int) -> str:
    """An amount as text with 8 decimals."""
    return format_decimal(value, MONEY_DIGITS)


def status_text(order: Order) -> str:
    """The venue's word for an order's state."""
    if order.state == OrderState.OPEN:
        return "PARTIALLY_FILLED" if order.cum_qty else "NEW"
    return order.state.name


def time_in_force_text(order: Order) -> str:
    """A market order has none; the venue prints GTC."""
    if order.request.kind == lay.TYPE_MARKET:
        return "GTC"
    return TIMES_IN_FORCE[order.request.tif]


class Shapes:
    """The shapes of one exchange: they need its symbols and assets."""

    def __init__(self, specs: Sequence[SymbolSpec], assets: Sequence[str]) -> None:
        self._specs = specs
        self._assets = assets

    def px(self, symbol: int, value: int) -> str:
        return format_decimal(value, self._specs[symbol].px_digits)

    def qty(self, symbol: int, value: int) -> str:
        return format_decimal(value, self._specs[symbol].qty_digits)

    # Orders

    def _numbers(self, order: Order) -> dict[str, Any]:
        request = order.request
        return {
            "price": self.px(request.symbol, request.px),
            "origQty": self.qty(request.symbol, order.qty),
            "executedQty": self.qty(request.symbol, order.cum_qty),
            "origQuoteOrderQty": money(request.quote_qty),
            "cummulativeQuoteQty": money(order.cum_quote),
            "status": status_text(order),
            "timeInForce": time_in_force_text(order),
            "type": TYPES[request.kind],
            "side": SIDES[request.side],
        }

    def placed(self, order: Order, response_type: str, fills: Sequence[Fill]) -> dict[str, Any]:
        """Reply to a new order: ACK, RESULT or FULL."""
        request = order.request
        out: dict[str, Any] = {
            "symbol": self._specs[request.symbol].symbol,
            "orderId": order.order_id,
            "orderListId": -1,
            "clientOrderId": request.client_id,
            "transactTime": stamp(order.created_ns),
        }
        if response_type != "ACK":
            out |= self._numbers(order)
            out["workingTime"] = stamp(order.created_ns)
            out["selfTradePreventionMode"] = STP_MODE
        if response_type == "FULL":
            out["fills"] = [
                {
                    "price": self.px(fill.symbol, fill.px),
                    "qty": self.qty(fill.symbol, fill.qty),
                    "commission": money(fill.fee),
                    "commissionAsset": self._assets[fill.fee_asset],
                    "tradeId": fill.trade_id,
                }
                for fill in fills
            ]
        return out

    def canceled(self, order: Order, cancel_id: str, now_ns: int) -> dict[str, Any]:
        request = order.request
        return {
            "symbol": self._specs[request.symbol].symbol,
            "origClientOrderId": request.client_id,
            "orderId": order.order_id,
            "orderListId": -1,
            "clientOrderId": cancel_id,
            "transactTime": stamp(now_ns),
            **self._numbers(order),
            "selfTradePreventionMode": STP_MODE,
        }

    def order(self, order: Order) -> dict[str, Any]:
        """Reply to a query."""
        request = order.request
        return {
            "symbol": self._specs[request.symbol].symbol,
            "orderId": order.order_id,
            "orderListId": -1,
            "clientOrderId": request.client_id,
            **self._numbers(order),
            "stopPrice": ZERO,
            "icebergQty": ZERO,
            "time": stamp(order.created_ns),
            "updateTime": stamp(order.updated_ns),
            "isWorking": True,
            "workingTime": stamp(order.created_ns),
            "selfTradePreventionMode": STP_MODE,
        }

    def my_trade(self, fill: Fill) -> dict[str, Any]:
        return {
            "symbol": self._specs[fill.symbol].symbol,
            "id": fill.trade_id,
            "orderId": fill.order_id,
            "orderListId": -1,
            "price": self.px(fill.symbol, fill.px),
            "qty": self.qty(fill.symbol, fill.qty),
            "quoteQty": money(fill.quote),
            "commission": money(fill.fee),
            "commissionAsset": self._assets[fill.fee_asset],
            "time": stamp(fill.time_ns),
            "isBuyer": fill.side == lay.SIDE_BUY,
            "isMaker": fill.maker,
            "isBestMatch": True,
        }

    # Accounts

    def account(
        self,
        balances: Sequence[tuple[int, int]],
        fees_e6: tuple[int, int],
        uid: int,
        updated_ns: int,
        omit_zero: bool,
    ) -> dict[str, Any]:
        maker, taker = fees_e6
        rows = zip(self._assets, balances, strict=True)
        return {
            "makerCommission": maker // 100,
            "takerCommission": taker // 100,
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": {
                "maker": format_decimal(maker, 6),
                "taker": format_decimal(taker, 6),
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
            "uid": uid,
        }

    def execution_report(self, report: Report) -> dict[str, Any]:
        order, fill = report.order, report.fill
        request = order.request
        symbol = request.symbol
        kind = {ExecKind.ACK: "NEW", ExecKind.FILL: "TRADE"}.get(report.kind, report.kind.name)
        canceled = report.kind == ExecKind.CANCELED
        on_book = order.state == OrderState.OPEN and request.kind != lay.TYPE_MARKET
        out = {
            "e": "executionReport",
            "E": stamp(report.time_ns),
            "s": self._specs[symbol].symbol,
            "c": report.cancel_id if canceled else request.client_id,
            "S": SIDES[request.side],
            "o": TYPES[request.kind],
            "f": time_in_force_text(order),
            "q": self.qty(symbol, order.qty),
            "p": self.px(symbol, request.px),
            "P": ZERO,
            "F": ZERO,
            "g": -1,
            "C": request.client_id if canceled else "",
            "x": kind,
            "X": status_text(order),
            "r": "NONE",
            "i": order.order_id,
            "l": self.qty(symbol, fill.qty) if fill else ZERO,
            "z": self.qty(symbol, order.cum_qty),
            "L": self.px(symbol, fill.px) if fill else ZERO,
            "n": money(fill.fee) if fill else "0",
            "N": self._assets[fill.fee_asset] if fill else None,
            "T": stamp(report.time_ns),
            "t": fill.trade_id if fill else -1,
            "I": report.execution_id,
            "w": on_book,
            "m": bool(fill and fill.maker),
            "M": bool(fill),
            "O": stamp(order.created_ns),
            "Z": money(order.cum_quote),
            "Y": money(fill.quote) if fill else ZERO,
            "Q": money(request.quote_qty),
        }
        if request.kind != lay.TYPE_MARKET:
            out["W"] = stamp(order.created_ns)
        out["V"] = STP_MODE
        return out

    def account_position(
        self, balances: Sequence[tuple[int, int]], rows: Sequence[int], now_ns: int
    ) -> dict[str, Any]:
        return {
            "e": "outboundAccountPosition",
            "E": stamp(now_ns),
            "u": stamp(now_ns),
            "B": [
                {"a": self._assets[row], "f": money(balances[row][0]), "l": money(balances[row][1])}
                for row in rows
            ],
        }

    # Market data

    def levels(self, symbol: int, levels: Sequence[tuple[int, int]]) -> list[list[str]]:
        px_digits = self._specs[symbol].px_digits
        qty_digits = self._specs[symbol].qty_digits
        return [
            [format_decimal(px, px_digits), format_decimal(qty, qty_digits)] for px, qty in levels
        ]

    def depth(self, symbol: int, book: Book) -> dict[str, Any]:
        return {
            "lastUpdateId": book.update_id,
            "bids": self.levels(symbol, book.bids),
            "asks": self.levels(symbol, book.asks),
        }

    def public_trade(self, trade: PublicTrade) -> dict[str, Any]:
        spec = self._specs[trade.symbol]
        quote = trade.px * trade.qty * 10**MONEY_DIGITS // 10 ** (spec.px_digits + spec.qty_digits)
        return {
            "id": trade.trade_id,
            "price": self.px(trade.symbol, trade.px),
            "qty": self.qty(trade.symbol, trade.qty),
            "quoteQty": money(quote),
            "time": stamp(trade.time_ns),
            "isBuyerMaker": trade.buyer_is_maker,
            "isBestMatch": True,
        }

    def book_ticker(self, ticker: Ticker) -> dict[str, Any]:
        symbol = ticker.symbol
        return {
            "symbol": self._specs[symbol].symbol,
            "bidPrice": self.px(symbol, ticker.bid_px),
            "bidQty": self.qty(symbol, ticker.bid_qty),
            "askPrice": self.px(symbol, ticker.ask_px),
            "askQty": self.qty(symbol, ticker.ask_qty),
        }

    def ticker_event(self, ticker: Ticker) -> dict[str, Any]:
        symbol = ticker.symbol
        return {
            "u": ticker.update_id,
            "s": self._specs[symbol].symbol,
            "b": self.px(symbol, ticker.bid_px),
            "B": self.qty(symbol, ticker.bid_qty),
            "a": self.px(symbol, ticker.ask_px),
            "A": self.qty(symbol, ticker.ask_qty),
        }

    def trade_event(self, trade: PublicTrade) -> dict[str, Any]:
        return {
            "e": "trade",
            "E": stamp(trade.time_ns),
            "s": self._specs[trade.symbol].symbol,
            "t": trade.trade_id,
            "p": self.px(trade.symbol, trade.px),
            "q": self.qty(trade.symbol, trade.qty),
            "T": stamp(trade.time_ns),
            "m": trade.buyer_is_maker,
            "M": True,
        }

    def exchange_info(
        self, symbols: Sequence[int], rules: LimitRules, now_ns: int, show_sets: bool
    ) -> dict[str, Any]:
        return {
            "timezone": "UTC",
            "serverTime": stamp(now_ns),
            "rateLimits": rules.described(),
            "exchangeFilters": [],
            "symbols": [self._symbol(self._specs[row], show_sets) for row in symbols],
        }

    def _symbol(self, spec: SymbolSpec, show_sets: bool) -> dict[str, Any]:
        return {
            "symbol": spec.symbol,
            "status": "TRADING",
            "baseAsset": spec.base,
            "baseAssetPrecision": MONEY_DIGITS,
            "quoteAsset": spec.quote,
            "quotePrecision": MONEY_DIGITS,
            "quoteAssetPrecision": MONEY_DIGITS,
            "baseCommissionPrecision": MONEY_DIGITS,
            "quoteCommissionPrecision": MONEY_DIGITS,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
            "icebergAllowed": False,
            "ocoAllowed": False,
            "otoAllowed": False,
            "opoAllowed": False,
            "quoteOrderQtyMarketAllowed": True,
            "allowTrailingStop": False,
            "cancelReplaceAllowed": False,
            "amendAllowed": False,
            "pegInstructionsAllowed": False,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": self._filters(spec),
            "permissions": [],
            "permissionSets": [["SPOT"]] if show_sets else [],
            "defaultSelfTradePreventionMode": STP_MODE,
            "allowedSelfTradePreventionModes": [STP_MODE],
        }

    def _filters(self, spec: SymbolSpec) -> list[dict[str, Any]]:
        return [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": format_decimal(spec.tick, spec.px_digits),
                "maxPrice": format_decimal(PRICE_MAX_UNITS, 0),
                "tickSize": format_decimal(spec.tick, spec.px_digits),
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": format_decimal(spec.min_qty, spec.qty_digits),
                "maxQty": format_decimal(spec.max_qty, spec.qty_digits),
                "stepSize": format_decimal(spec.lot, spec.qty_digits),
            },
            {
                "filterType": "NOTIONAL",
                "minNotional": money(spec.min_notional),
                "applyMinToMarket": True,
                "maxNotional": format_decimal(NOTIONAL_MAX_UNITS, 0),
                "applyMaxToMarket": False,
                "avgPriceMins": 0,
            },
        ]
