"""Binance's exchangeInfo -> INSTRUMENT_SPEC records, exactly.

Every number keeps all of its digits. A symbol that cannot be traded is left out, and said.
Source: rest-api.md "Exchange information", filters.md (PRICE_FILTER, LOT_SIZE, MARKET_LOT_SIZE,
NOTIONAL, MIN_NOTIONAL). A filter that is absent or zero is disabled there: no bound.
"""

from __future__ import annotations

from typing import Any

import orjson

from oms.venues.binance.spec import STATUSES
from oms.venues.reports import Listed
from oms.venues.shared.fields import decimal, text
from oms.venues.trade_base import MalformedMessageError, VenueLimits

DOCUMENTED = VenueLimits(weight_per_minute=6000, orders_10s=0, orders_day=0, connections_per_5m=300)
"""rest-api.md "LIMITS", web-socket-api.md "WebSocket limits"; orders depend on the account."""


def parse_exchange_info(body: bytes, self_trade: str = "") -> tuple[list[Listed], VenueLimits]:
    """Every instrument of the list, and its limits; what it does not say of these is as
    `DOCUMENTED` has it. One that cannot be traded says why in `left_out`.

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


def _limits(entries: Any) -> VenueLimits:
    """Each limit brought to the interval that we count by."""
    found = {
        (entry["rateLimitType"], entry["interval"], int(entry["intervalNum"])): int(entry["limit"])
        for entry in entries
    }
    minutes = [
        limit // number
        for (kind, interval, number), limit in found.items()
        if (kind, interval) == ("REQUEST_WEIGHT", "MINUTE") and number > 0
    ]
    seconds = [
        limit * 10 // number
        for (kind, interval, number), limit in found.items()
        if (kind, interval) == ("ORDERS", "SECOND") and number > 0
    ]
    return VenueLimits(
        weight_per_minute=min((m for m in minutes if m > 0), default=DOCUMENTED.weight_per_minute),
        orders_10s=min((s for s in seconds if s > 0), default=0),
        orders_day=max(found.get(("ORDERS", "DAY", 1), 0), 0),
        connections_per_5m=found.get(("CONNECTIONS", "MINUTE", 5), DOCUMENTED.connections_per_5m),
    )


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
