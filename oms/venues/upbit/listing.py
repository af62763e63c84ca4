"""Upbit's list of pairs: names and warnings in one call, present ticks in others.

`market/all` names every pair without a tick, `orderbook/instruments` the tick of the present price
band of the pairs that it is asked for. Quantities have eight decimals, the bounds of the amount are
documented. Only pairs in KRW are traded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oms.venues.reports import Ask, HttpCall, Listed
from oms.venues.shared import fields
from oms.venues.shared.bid_ask import requests as requests_
from oms.venues.shared.bid_ask.named_listing import codes_of
from oms.venues.shared.bid_ask.rows import LOT, quote_of
from oms.venues.upbit import spec


def call(ask: Ask) -> HttpCall:
    """The pairs, or the ticks of those that `values` names."""
    codes = codes_of(ask)
    if codes:
        return requests_.unsigned("/v1/orderbook/instruments", (("markets", codes),))
    return requests_.unsigned("/v1/market/all", (("is_details", "true"),))


def bucket_of(ask: Ask) -> str:
    """Which group of quotation calls counts it."""
    return "orderbook" if codes_of(ask) else "market"


def rows(ask: Ask, body: Any) -> tuple[Listed, ...]:
    """Of one answer: pairs without ticks, or ticks without a status."""
    reader = _tick if codes_of(ask) else _pair
    return tuple(reader(row) for row in fields.objects(body))


def _pair(row: Mapping[str, Any]) -> Listed:
    symbol = fields.text(row["market"])
    quote = quote_of(symbol)
    event = row.get("market_event") or {}
    warned = fields.boolean(event.get("warning", False))
    traded = quote == spec.QUOTE
    return Listed(
        symbol, symbol, symbol.partition("-")[2], quote, "SPOT",
        spec.STATUSES[warned], "", LOT,
        ladder=spec.LADDER if traded else (),
        min_notional=spec.MIN_TOTAL if traded else "",
        max_notional=spec.MAX_TOTAL if traded else "",
        left_out="" if traded else f"quoted in {quote}: the market is KRW's alone",
    )  # fmt: skip


def _tick(row: Mapping[str, Any]) -> Listed:
    symbol = fields.text(row["market"])
    quote = fields.text(row["quote_currency"])
    tick = fields.decimal(row["tick_size"])
    return Listed(symbol, symbol, symbol.partition("-")[2], quote, "SPOT", "", tick, LOT)
