"""Reasons of the market -> the venue's errors.

Sources: errors.md "Messages for -1010, -2010, -2011 and -2038", "Filter failures".
"""

from __future__ import annotations

from oms.exchange.engine import layout_hot as lay
from oms.venues.binance.server import errors as err

_FILTERS: dict[int, str] = {
    lay.REASON_PRICE_MIN: "PRICE_FILTER",
    lay.REASON_PRICE_MAX: "PRICE_FILTER",
    lay.REASON_PRICE_TICK: "PRICE_FILTER",
    lay.REASON_PERCENT_PRICE: "PERCENT_PRICE_BY_SIDE",
    lay.REASON_LOT_MIN: "LOT_SIZE",
    lay.REASON_LOT_MAX: "LOT_SIZE",
    lay.REASON_LOT_STEP: "LOT_SIZE",
    lay.REASON_MARKET_LOT_MIN: "MARKET_LOT_SIZE",
    lay.REASON_MARKET_LOT_MAX: "MARKET_LOT_SIZE",
    lay.REASON_MARKET_LOT_STEP: "MARKET_LOT_SIZE",
    lay.REASON_NOTIONAL_MIN: "NOTIONAL",
    lay.REASON_NOTIONAL_MAX: "NOTIONAL",
    lay.REASON_ICEBERG_PARTS: "ICEBERG_PARTS",
    lay.REASON_MAX_ORDERS: "MAX_NUM_ORDERS",
    lay.REASON_MAX_ALGO_ORDERS: "MAX_NUM_ALGO_ORDERS",
    lay.REASON_MAX_ICEBERG_ORDERS: "MAX_NUM_ICEBERG_ORDERS",
    lay.REASON_MAX_LISTS: "MAX_NUM_ORDER_LISTS",
    lay.REASON_MAX_AMENDS: "MAX_NUM_ORDER_AMENDS",
    lay.REASON_TRAILING_DELTA: "TRAILING_DELTA",
    lay.REASON_MAX_POSITION: "MAX_POSITION",
    lay.REASON_EXCHANGE_ORDERS: "EXCHANGE_MAX_NUM_ORDERS",
    lay.REASON_EXCHANGE_ALGO_ORDERS: "EXCHANGE_MAX_NUM_ALGO_ORDERS",
    lay.REASON_EXCHANGE_ICEBERG_ORDERS: "EXCHANGE_MAX_NUM_ICEBERG_ORDERS",
    lay.REASON_EXCHANGE_LISTS: "EXCHANGE_MAX_NUM_ORDER_LISTS",
    lay.REASON_MAX_ASSET: "MAX_ASSET",
}
_REFUSALS: dict[int, err.Refused] = {
    lay.REASON_NO_FUNDS: err.INSUFFICIENT_BALANCE,
    lay.REASON_WOULD_TAKE: err.WOULD_TAKE,
    lay.REASON_UNKNOWN_ORDER: err.UNKNOWN_ORDER,
    lay.REASON_OVERFLOW: err.INVALID_QUANTITY,
    lay.REASON_POOL_FULL: err.SERVER_BUSY,
    lay.REASON_BAD_SHAPE: err.INVALID_QUANTITY,
    lay.REASON_WOULD_TRIGGER: err.WOULD_TRIGGER,
    lay.REASON_MARKET_CLOSED: err.MARKET_CLOSED,
    lay.REASON_CANCEL_ONLY: err.MARKET_CLOSED,
    lay.REASON_LIST_PRICES: err.LIST_PRICES,
    lay.REASON_RESTRICTED: err.CANCEL_RESTRICTED,
}


def refusal(reason: int) -> err.ApiError:
    """The error of a new order or list that the market refused."""
    if reason in _FILTERS:
        return err.filter_failure(_FILTERS[reason])
    return err.ApiError(*_REFUSALS[reason])
