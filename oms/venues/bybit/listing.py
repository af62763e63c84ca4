"""Bybit's list of instruments: market/instruments-info -> canonical words.

Source: docs/v5/market/instrument. linear gives PERPETUAL and dated contracts; only perpetual ones
settled in their quote are traded here. Spot has no notional filter but `minOrderAmt`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from oms.venues.bybit.spec import CATEGORIES, STATUSES
from oms.venues.reports import Listed
from oms.venues.shared import fields


def listed(market: str, rows: Sequence[Mapping[str, Any]]) -> tuple[Listed, ...]:
    """The instruments of the pages' rows."""
    of = _spot if CATEGORIES[market] == "spot" else _linear
    return tuple(fields.read(lambda row=row: of(row), "instrument") for row in rows)  # type: ignore[misc]  # a lambda's default


def _base_of(row: Mapping[str, Any], **words: Any) -> Listed:
    status = fields.text(row["status"])
    left_out = words.pop("left_out", "")
    if status not in STATUSES:
        left_out = f"its status {fields.shown(status)} is not known"
    return Listed(
        symbol=fields.text(row["symbol"]), base=fields.text(row["baseCoin"]),
        quote=fields.text(row["quoteCoin"]), status=STATUSES.get(status, "HALT"),
        tick=fields.decimal(row["priceFilter"]["tickSize"]), left_out=left_out, **words,
    )  # fmt: skip


def _spot(row: Mapping[str, Any]) -> Listed:
    lots = row["lotSizeFilter"]
    return _base_of(
        row, name=f"{row['baseCoin']}/{row['quoteCoin']}", kind="SPOT",
        lot=fields.decimal(lots["basePrecision"]), min_qty=_shown(lots, "minOrderQty"),
        max_qty=_shown(lots, "maxLimitOrderQty") or _shown(lots, "maxOrderQty"),
        market_max_qty=_shown(lots, "maxMarketOrderQty"),
        min_notional=_shown(lots, "minOrderAmt"), max_notional=_shown(lots, "maxOrderAmt"),
    )  # fmt: skip


def _linear(row: Mapping[str, Any]) -> Listed:
    lots, prices = row["lotSizeFilter"], row["priceFilter"]
    settle, quote = fields.text(row["settleCoin"]), fields.text(row["quoteCoin"])
    contract = fields.text(row["contractType"])
    left_out = ""
    if contract != "LinearPerpetual":
        left_out = f"contract type {contract}: perpetual linear ones alone are traded"
    elif settle != quote:
        left_out = f"settled in {settle}, quoted in {quote}"
    return _base_of(
        row, name=f"{row['baseCoin']}/{quote}:{settle}", kind="LINEAR", settle=settle,
        lot=fields.decimal(lots["qtyStep"]), min_qty=_shown(lots, "minOrderQty"),
        max_qty=_shown(lots, "maxOrderQty"), market_max_qty=_shown(lots, "maxMktOrderQty"),
        min_notional=_shown(lots, "minNotionalValue"), min_px=_shown(prices, "minPrice"),
        max_px=_shown(prices, "maxPrice"),
        funding_interval_s=60 * fields.integer(row["fundingInterval"]), left_out=left_out,
    )  # fmt: skip


def _shown(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    return "" if value is None or value == "" else fields.decimal(value)
