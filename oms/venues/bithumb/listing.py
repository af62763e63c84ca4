"""Bithumb's list of pairs: names and warnings in one call, tickers in others.

`market/all` has neither tick nor state, and the price unit stands in a signed call alone, so the
present tick is the documents' at the ticker's price. Only pairs in KRW are traded.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from oms.venues.bithumb import spec
from oms.venues.reports import Ask, HttpCall, Listed
from oms.venues.shared import fields
from oms.venues.shared.bid_ask import requests as requests_
from oms.venues.shared.bid_ask.named_listing import codes_of
from oms.venues.shared.bid_ask.rows import LOT, quote_of


def call(ask: Ask) -> HttpCall:
    """The pairs, or the tickers of those that `values` names."""
    codes = codes_of(ask)
    if codes:
        return requests_.unsigned("/v1/ticker", (("markets", codes),))
    return requests_.unsigned("/v1/market/all", (("isDetails", "true"),))


def bucket_of(ask: Ask) -> str:
    """Which category of public calls counts it."""
    return "public-ticker" if codes_of(ask) else "public-other"


def rows(ask: Ask, body: Any) -> tuple[Listed, ...]:
    """Of one answer: pairs without ticks, or ticks without a status."""
    reader = _tick if codes_of(ask) else _pair
    return tuple(reader(row) for row in fields.objects(body))


def _pair(row: Mapping[str, Any]) -> Listed:
    symbol = fields.text(row["market"])
    quote = quote_of(symbol)
    warning = fields.text(row.get("market_warning", "NONE"))
    traded = quote == spec.QUOTE
    left_out = "" if traded else f"quoted in {quote}: the market is KRW's alone"
    if warning not in spec.STATUSES:
        left_out = left_out or f"its market_warning {fields.shown(warning)} is not known"
    return Listed(
        symbol, symbol, symbol.partition("-")[2], quote, "SPOT",
        spec.STATUSES.get(warning, "HALT"), "", LOT,
        ladder=spec.LADDER if traded else (),
        min_notional=spec.MIN_TOTAL if traded else "",
        max_notional=spec.MAX_TOTAL if traded else "",
        left_out=left_out,
    )  # fmt: skip


def _tick(row: Mapping[str, Any]) -> Listed:
    symbol = fields.text(row["market"])
    tick = tick_at(Decimal(fields.decimal(row["trade_price"])))
    base = symbol.partition("-")[2]
    return Listed(symbol, symbol, base, quote_of(symbol), "SPOT", "", tick, LOT)


def tick_at(price: Decimal) -> str:
    """The documents' tick at a price in KRW."""
    return [tick for start, tick in spec.LADDER if Decimal(start) <= price][-1]
