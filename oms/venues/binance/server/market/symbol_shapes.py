"""exchangeInfo: symbols, what may be done on them, and their filters, as the market judges orders.

Sources: rest-api.md "Exchange information"; filters.md; enums.md "Symbol status".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from oms.exchange.engine import layout_hot as lay
from oms.exchange.engine.terms import Filters
from oms.exchange.market import MONEY_DIGITS, Features, Market, SymbolSpec, format_decimal
from oms.venues.binance.server.limits import LimitRules
from oms.venues.binance.server.orders.words import MODE_TEXTS
from oms.venues.binance.server.shapes import money
from oms.venues.binance.server.time_unit import stamp

STATUSES = {
    lay.STATE_TRADING: "TRADING",
    lay.STATE_HALT: "HALT",
    lay.STATE_BREAK: "BREAK",
    lay.STATE_CANCEL_ONLY: "CANCEL_ONLY",
}
_PLAIN_TYPES = ("LIMIT", "LIMIT_MAKER", "MARKET")
_CONTINGENT_TYPES = ("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
_RATIO_PLACES = 4


def exchange_info(
    market: Market, rows: Sequence[int], rules: LimitRules, now_ns: int, *, show_sets: bool
) -> dict[str, Any]:
    """The reply to exchangeInfo for the symbols in `rows`."""
    return {
        "timezone": "UTC",
        "serverTime": stamp(now_ns),
        "rateLimits": rules.described(),
        "exchangeFilters": exchange_filters(market),
        "symbols": [symbol_info(market, row, show_sets=show_sets) for row in rows],
    }


def symbol_info(market: Market, row: int, *, show_sets: bool) -> dict[str, Any]:
    """One symbol."""
    spec, features = market.specs[row], market.features
    return {
        "symbol": spec.symbol,
        "status": STATUSES[market.state(row)],
        "baseAsset": spec.base,
        "baseAssetPrecision": MONEY_DIGITS,
        "quoteAsset": spec.quote,
        "quotePrecision": MONEY_DIGITS,
        "quoteAssetPrecision": MONEY_DIGITS,
        "baseCommissionPrecision": MONEY_DIGITS,
        "quoteCommissionPrecision": MONEY_DIGITS,
        "orderTypes": [*_PLAIN_TYPES, *(_CONTINGENT_TYPES if features.contingent else ())],
        "icebergAllowed": features.iceberg,
        "ocoAllowed": features.oco,
        "otoAllowed": features.oto,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": features.trailing,
        "cancelReplaceAllowed": True,
        "amendAllowed": features.amend,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": symbol_filters(spec, market.filters[row], features),
        "permissions": [],
        "permissionSets": [["SPOT"]] if show_sets else [],
        "defaultSelfTradePreventionMode": MODE_TEXTS[features.stp_modes[0]],
        "allowedSelfTradePreventionModes": [MODE_TEXTS[mode] for mode in features.stp_modes],
    }


def _ratio(value_e6: int) -> str:
    return format_decimal(value_e6 // 10 ** (6 - _RATIO_PLACES), _RATIO_PLACES, _RATIO_PLACES)


def symbol_filters(spec: SymbolSpec, filters: Filters, features: Features) -> list[dict[str, Any]]:
    """The symbol's filters: what the market checks, and nothing else."""

    def px(value: int) -> str:
        return format_decimal(value, spec.px_digits)

    def qty(value: int) -> str:
        return format_decimal(value, spec.qty_digits)

    out: list[dict[str, Any]] = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": px(filters.px_min),
            "maxPrice": px(filters.px_max),
            "tickSize": px(filters.tick),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": qty(filters.qty_min),
            "maxQty": qty(filters.qty_max),
            "stepSize": qty(filters.step),
        },
    ]
    if features.iceberg:
        out.append({"filterType": "ICEBERG_PARTS", "limit": filters.iceberg_parts})
    out.append(
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": qty(filters.market_qty_min),
            "maxQty": qty(filters.market_qty_max),
            "stepSize": qty(filters.market_step),
        }
    )
    if features.trailing:
        out.append(
            {
                "filterType": "TRAILING_DELTA",
                "minTrailingAboveDelta": filters.above_min,
                "maxTrailingAboveDelta": filters.above_max,
                "minTrailingBelowDelta": filters.below_min,
                "maxTrailingBelowDelta": filters.below_max,
            }
        )
    minutes = filters.average_s // 60
    out += [
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": _ratio(filters.bid_up_e6),
            "bidMultiplierDown": _ratio(filters.bid_down_e6),
            "askMultiplierUp": _ratio(filters.ask_up_e6),
            "askMultiplierDown": _ratio(filters.ask_down_e6),
            "avgPriceMins": minutes,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": money(filters.notional_min),
            "applyMinToMarket": filters.market_minimum_on,
            "maxNotional": money(filters.notional_max),
            "applyMaxToMarket": filters.market_maximum_on,
            "avgPriceMins": minutes,
        },
    ]
    return out + account_filters(filters, features)


def account_filters(filters: Filters, features: Features) -> list[dict[str, Any]]:
    """Those that bound what one account has open on a symbol."""
    out: list[dict[str, Any]] = [
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": filters.orders_max}
    ]
    if features.oco or features.oto:
        out.append({"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": filters.lists_max})
    if features.contingent:
        out.append({"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": filters.algo_max})
    if features.iceberg:
        out.append(
            {
                "filterType": "MAX_NUM_ICEBERG_ORDERS",
                "maxNumIcebergOrders": filters.iceberg_max,
            }
        )
    if features.amend:
        out.append({"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": filters.amends_max})
    return out


def exchange_filters(market: Market) -> list[dict[str, Any]]:
    """Those that bound what one account has open on the exchange."""
    bounds, features = market.bounds, market.features
    contingent, iceberg, lists = features.contingent, features.iceberg, features.oco or features.oto
    found = (
        (True, "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders", bounds.orders_max),
        (contingent, "EXCHANGE_MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders", bounds.algo_max),
        (iceberg, "EXCHANGE_MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders", bounds.iceberg_max),
        (lists, "EXCHANGE_MAX_NUM_ORDER_LISTS", "maxNumOrderLists", bounds.lists_max),
    )
    return [{"filterType": name, field: most} for on, name, field, most in found if on and most]


def relevant_filters(market: Market, row: int) -> dict[str, Any]:
    """The reply to myFilters."""
    spec = market.specs[row]
    return {
        "exchangeFilters": exchange_filters(market),
        "symbolFilters": account_filters(market.filters[row], market.features),
        "assetFilters": [
            {"filterType": "MAX_ASSET", "asset": market.assets[asset], "limit": money(most)}
            for asset, most in market.bounds.assets
            if market.assets[asset] in (spec.base, spec.quote)
        ],
    }
