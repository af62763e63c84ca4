"""Every endpoint of the simulated Binance spot, by WebSocket API method and by REST path.

One table for both faces: a row of `ENDPOINTS` is one endpoint (parameters, weight, handler), and
`PATHS` says under which REST path and method it is found as well. A path whose endpoint is not in
the table is not served.
"""

from __future__ import annotations

from oms.venues.binance.server.account import ACCOUNT
from oms.venues.binance.server.market.calls import MARKET
from oms.venues.binance.server.market.tickers import TICKERS
from oms.venues.binance.server.orders.calls import ORDERS
from oms.venues.binance.server.orders.lists import LISTS
from oms.venues.serving.routing import Endpoint, served_paths

ENDPOINTS: dict[str, Endpoint] = {**MARKET, **TICKERS, **ACCOUNT, **ORDERS, **LISTS}

_PREFIX = "/api/v3/"
_PATHS: dict[str, dict[str, str]] = {
    "ping": {"GET": "ping"},
    "time": {"GET": "time"},
    "exchangeInfo": {"GET": "exchangeInfo"},
    "executionRules": {"GET": "executionRules"},
    "depth": {"GET": "depth"},
    "trades": {"GET": "trades.recent"},
    "historicalTrades": {"GET": "trades.historical"},
    "aggTrades": {"GET": "trades.aggregate"},
    "historicalBlockTrades": {"GET": "blockTrades.historical"},
    "klines": {"GET": "klines"},
    "uiKlines": {"GET": "uiKlines"},
    "avgPrice": {"GET": "avgPrice"},
    "ticker/24hr": {"GET": "ticker.24hr"},
    "ticker/tradingDay": {"GET": "ticker.tradingDay"},
    "ticker": {"GET": "ticker"},
    "ticker/price": {"GET": "ticker.price"},
    "ticker/bookTicker": {"GET": "ticker.book"},
    "referencePrice": {"GET": "referencePrice"},
    "referencePrice/calculation": {"GET": "referencePrice.calculation"},
    "order": {"POST": "order.place", "DELETE": "order.cancel", "GET": "order.status"},
    "order/test": {"POST": "order.test"},
    "order/cancelReplace": {"POST": "order.cancelReplace"},
    "order/amend/keepPriority": {"PUT": "order.amend.keepPriority"},
    "order/amendments": {"GET": "order.amendments"},
    "order/oco": {"POST": "orderList.place"},
    "orderList/oco": {"POST": "orderList.place.oco"},
    "orderList/oto": {"POST": "orderList.place.oto"},
    "orderList/otoco": {"POST": "orderList.place.otoco"},
    "orderList/opo": {"POST": "orderList.place.opo"},
    "orderList/opoco": {"POST": "orderList.place.opoco"},
    "orderList": {"GET": "orderList.status", "DELETE": "orderList.cancel"},
    "allOrderList": {"GET": "allOrderLists"},
    "openOrderList": {"GET": "openOrderLists.status"},
    "sor/order": {"POST": "sor.order.place"},
    "sor/order/test": {"POST": "sor.order.test"},
    "openOrders": {"GET": "openOrders.status", "DELETE": "openOrders.cancelAll"},
    "allOrders": {"GET": "allOrders"},
    "myTrades": {"GET": "myTrades"},
    "myPreventedMatches": {"GET": "myPreventedMatches"},
    "myAllocations": {"GET": "myAllocations"},
    "myFilters": {"GET": "myFilters"},
    "account": {"GET": "account.status"},
    "account/commission": {"GET": "account.commission"},
    "rateLimit/order": {"GET": "account.rateLimits.orders"},
}
PATHS = served_paths({_PREFIX + path: methods for path, methods in _PATHS.items()}, ENDPOINTS)
"""Path -> HTTP method -> endpoint's name."""
