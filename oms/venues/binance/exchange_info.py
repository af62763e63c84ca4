"""Binance's exchangeInfo -> INSTRUMENT_SPEC records, exactly.

Steps and minimums are decimal text and become integers in 10**-12 without rounding; a symbol whose
step is finer than that is left out, and said. Upper bounds stand in 10**-6 and are cut downward.
Source: rest-api.md "Exchange information", filters.md (PRICE_FILTER, LOT_SIZE, NOTIONAL,
MIN_NOTIONAL). A filter that is absent or zero is disabled there: 0 = no bound.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from oms.venues.shared.decimal_text import from_text, from_text_down
from oms.venues.trade_base import MalformedMessageError, VenueLimits
from shm_layout.enums import RecordType, Venue
from shm_layout.records import INSTRUMENT_SPEC

STEP_SCALE = 12
BOUND_SCALE = 6
_SYMBOL_BYTES_MAX = 32
_CODE_BYTES_MAX = 16
DOCUMENTED = VenueLimits(weight_per_minute=6000, orders_10s=0, orders_day=0, connections_per_5m=300)
"""rest-api.md "LIMITS", web-socket-api.md "WebSocket limits"; orders depend on the account."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What exchangeInfo gave: `specs` as INSTRUMENT_SPEC, `left_out` with reasons by name."""

    specs: np.ndarray[Any, Any]
    left_out: dict[str, str]
    limits: VenueLimits
    """Of its `rateLimits`; what these do not say is as `DOCUMENTED` has it."""


def parse_exchange_info(
    body: bytes, wanted: Collection[str], now_ns: int, self_trade: str = ""
) -> Listing:
    """The instruments in `wanted` (canonical names, `BTC/USDT`), in the order of their names.

    `self_trade`: the desk's mode of self-trade prevention; a symbol that does not take it would
    refuse every order, so it is left out.
    """
    try:
        message = orjson.loads(body)
        symbols = message["symbols"]
        rows: list[np.ndarray[Any, Any]] = []
        left_out: dict[str, str] = {}
        found = {f"{s['baseAsset']}/{s['quoteAsset']}": s for s in symbols}
        limits = _limits(message.get("rateLimits", ()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MalformedMessageError(f"exchangeInfo: {type(error).__name__} {error}") from error
    for name in sorted(wanted):
        if name not in found:
            left_out[name] = "the venue does not list it"
            continue
        try:
            _check_self_trade(found[name], self_trade.upper())
            rows.append(_spec(name, found[name], now_ns))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            left_out[name] = f"its filters cannot be used: {error}"
    specs = np.zeros(len(rows), INSTRUMENT_SPEC)
    for index, row in enumerate(rows):
        specs[index] = row[0]
    if rows:
        specs["final"][-1] = 1
    return Listing(specs, left_out, limits)


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


def _spec(name: str, symbol: Any, now_ns: int) -> np.ndarray[Any, Any]:
    filters = {f["filterType"]: f for f in symbol["filters"]}
    px, qty = filters["PRICE_FILTER"], filters["LOT_SIZE"]
    notional = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL") or {"minNotional": "0"}
    row = np.zeros(1, INSTRUMENT_SPEC)
    row["type"] = RecordType.INSTRUMENT_SPEC
    row["venue"] = Venue.BINANCE_SPOT
    row["trading"] = int(symbol["status"] == "TRADING" and symbol["isSpotTradingAllowed"] is True)
    row["tick_e12"] = from_text(px["tickSize"], STEP_SCALE)
    row["lot_e12"] = from_text(qty["stepSize"], STEP_SCALE)
    row["min_qty_e12"] = from_text(qty["minQty"], STEP_SCALE)
    row["max_qty_e6"] = from_text_down(qty["maxQty"], BOUND_SCALE)
    row["min_notional_e12"] = from_text(notional["minNotional"], STEP_SCALE)
    row["max_px_e6"] = from_text_down(px["maxPrice"], BOUND_SCALE)
    row["ts_recv_ns"] = now_ns
    row["symbol"] = _code(symbol["symbol"], _SYMBOL_BYTES_MAX)
    row["base"] = _code(symbol["baseAsset"], _CODE_BYTES_MAX)
    row["quote"] = _code(symbol["quoteAsset"], _CODE_BYTES_MAX)
    row["name"] = name.encode()
    if int(row["tick_e12"][0]) <= 0 or int(row["lot_e12"][0]) <= 0:
        raise ValueError("tick and lot must be above zero")
    return row


def _code(text: str, bytes_max: int) -> bytes:
    encoded = text.encode()
    if not 0 < len(encoded) <= bytes_max:
        raise ValueError(f"'{text}' takes {len(encoded)} bytes, at most {bytes_max} fit")
    return encoded
