"""Binance's exchangeInfo -> INSTRUMENT_SPEC records, exactly.

Every number keeps all of its digits. A symbol that cannot be traded is left out, and said.
Source: rest-api.md "Exchange information", filters.md (PRICE_FILTER, LOT_SIZE, MARKET_LOT_SIZE,
NOTIONAL, MIN_NOTIONAL). A filter that is absent or zero is disabled there: no bound.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from oms.venues.binance.spec import BUCKETS, STATUSES
from oms.venues.data import Bucket
from oms.venues.reports import Listed
from oms.venues.shared.fields import decimal, text
from oms.venues.trade_base import MalformedMessageError

_LIMIT_TYPES = {
    ("REQUEST_WEIGHT", "MINUTE"): "weight", ("ORDERS", "SECOND"): "orders_10s",
    ("ORDERS", "DAY"): "orders_day", ("CONNECTIONS", "MINUTE"): "connections",
}  # fmt: skip
_INTERVAL_MS = {"SECOND": 1_000, "MINUTE": 60_000, "DAY": 86_400_000}


def parse_exchange_info(
    body: bytes, self_trade: str = ""
) -> tuple[list[Listed], tuple[Bucket, ...]]:
    """Every instrument of the list, and the buckets whose limits it says. One that cannot be
    traded says why in `left_out`.

    `self_trade`: the desk's mode of self-trade prevention; a symbol that does not take it would
    refuse every order.
    """
    try:
        message = orjson.loads(body)
        symbols = message["symbols"]
        limits = _limits(message.get("rateLimits", ()))
        return [_listed(symbol, self_trade.upper()) for symbol in symbols], limits
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MalformedMessageError(f"exchangeInfo: {type(error).__name__} {error}") from error


def _limits(entries: Any) -> tuple[Bucket, ...]:
    """Each limit brought to the window that we count in; the narrowest of several."""
    known = {bucket.name: bucket for bucket in BUCKETS}
    found: dict[str, Bucket] = {}
    for entry in entries:
        interval, number = entry["interval"], int(entry["intervalNum"])
        name = _LIMIT_TYPES.get((entry["rateLimitType"], interval))
        if name is None or number <= 0:
            continue
        bucket = known[name]
        limit = int(entry["limit"]) * bucket.window_ms // (number * _INTERVAL_MS[interval])
        if limit > 0 and (name not in found or limit < found[name].limit):
            found[name] = replace(bucket, limit=limit)
    return tuple(found.values())


def _check_self_trade(symbol: Any, mode: str) -> None:
    """Source: self_trade_prevention_faq.md; a list that is not given allows what it pleases."""
    allowed = symbol.get("allowedSelfTradePreventionModes")
    if mode and allowed is not None and mode not in allowed:
        raise ValueError(
            f"self_trade_prevention = '{mode.lower()}' is not allowed for it; set one of "
            f"{', '.join(str(one).lower() for one in allowed)}"
        )


def _listed(symbol: Any, self_trade: str) -> Listed:
    base, quote = text(symbol["baseAsset"]), text(symbol["quoteAsset"])
    names = (f"{base}/{quote}", text(symbol["symbol"]), base, quote)
    try:
        _check_self_trade(symbol, self_trade)
        return _with_filters(names, symbol)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"its filters cannot be used: {error}"
        return Listed(*names, kind="SPOT", status="HALT", tick="", lot="", left_out=why)


def _with_filters(names: tuple[str, str, str, str], symbol: Any) -> Listed:
    filters = {f["filterType"]: f for f in symbol["filters"]}
    px, qty = filters["PRICE_FILTER"], filters["LOT_SIZE"]
    notional = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL") or {"minNotional": "0"}
    market = filters.get("MARKET_LOT_SIZE") or {}
    status = STATUSES.get(symbol["status"], "HALT")
    most = notional.get("maxNotional", "")
    return Listed(
        *names,
        kind="SPOT",
        status=status if symbol["isSpotTradingAllowed"] is True else "HALT",
        tick=decimal(px["tickSize"]),
        lot=decimal(qty["stepSize"]),
        min_qty=decimal(qty["minQty"]),
        max_qty=decimal(qty["maxQty"]),
        market_lot=decimal(market.get("stepSize", "0")),
        market_max_qty=decimal(market.get("maxQty", "0")),
        min_notional=decimal(notional["minNotional"]),
        max_notional="" if most == "" else decimal(most),
        market_max_notional=(
            decimal(most) if most != "" and notional.get("applyMaxToMarket") is True else ""
        ),
        min_px=decimal(px["minPrice"]),
        max_px=decimal(px["maxPrice"]),
    )  # fmt: skip
