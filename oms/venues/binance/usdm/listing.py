"""USD-M's list of instruments: exchangeInfo -> canonical words.

Source: market-data/rest-api/Exchange-Information: filters count, `pricePrecision` and the like "do
not use". Perpetual contracts settled in their quote are traded here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from oms.venues.binance.usdm.spec import STATUSES
from oms.venues.reports import Listed
from oms.venues.shared import fields


def listed(symbols: Sequence[Mapping[str, Any]]) -> tuple[Listed, ...]:
    """The instruments of one answer."""
    return fields.read(lambda: tuple(_listed(one) for one in symbols), "exchangeInfo")


def _listed(symbol: Mapping[str, Any]) -> Listed:
    filters = {one["filterType"]: one for one in fields.objects(symbol["filters"])}
    px, lot = filters["PRICE_FILTER"], filters["LOT_SIZE"]
    market = filters.get("MARKET_LOT_SIZE", {})
    base, quote = fields.text(symbol["baseAsset"]), fields.text(symbol["quoteAsset"])
    settle, kind = fields.text(symbol["marginAsset"]), fields.text(symbol["contractType"])
    status = fields.text(symbol["status"])
    left_out = ""
    if kind != "PERPETUAL":
        left_out = f"contract type {kind or 'not set'}: perpetual ones alone are traded"
    elif settle != quote:
        left_out = f"settled in {settle}, quoted in {quote}"
    elif status not in STATUSES:
        left_out = f"its status {fields.shown(status)} is not known"
    return Listed(
        f"{base}/{quote}:{settle}", fields.text(symbol["symbol"]), base, quote, "LINEAR",
        STATUSES.get(status, "HALT"), fields.decimal(px["tickSize"]),
        fields.decimal(lot["stepSize"]), settle=settle, min_qty=fields.decimal(lot["minQty"]),
        max_qty=fields.decimal(lot["maxQty"]),
        market_lot=fields.decimal(market.get("stepSize", "0")),
        market_max_qty=fields.decimal(market.get("maxQty", "0")),
        min_notional=fields.decimal(filters.get("MIN_NOTIONAL", {}).get("notional", "0")),
        min_px=fields.decimal(px["minPrice"]), max_px=fields.decimal(px["maxPrice"]),
        left_out=left_out,
    )  # fmt: skip
