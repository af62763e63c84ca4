"""Upbit's list of pairs: names and warnings in one call, present ticks in others.

`market/all` names every pair without a tick, `orderbook/instruments` the tick of the present price
band of the pairs that it is asked for. Quantities have eight decimals, the bounds of the amount are
documented. Only pairs in KRW are traded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from oms.venues.reports import Ask, HttpCall, Listed, Reply
from oms.venues.shared import fields
from oms.venues.shared import jwt_requests as requests_
from oms.venues.shared.bid_ask import LOT, quote_of
from oms.venues.upbit import spec

_CODES = "codes"


def call(ask: Ask) -> HttpCall:
    """The pairs, or the ticks of those that `values` names."""
    codes = str(ask.values.get(_CODES, ""))
    if codes:
        return requests_.unsigned("/v1/orderbook/instruments", (("markets", codes),))
    return requests_.unsigned("/v1/market/all", (("is_details", "true"),))


def bucket_of(ask: Ask) -> str:
    """Which group of quotation calls counts it."""
    return "orderbook" if ask.values.get(_CODES) else "market"


def follow(ask: Ask, reply: Reply) -> list[Ask]:
    """The ticks of the pairs that were named."""
    if ask.values.get(_CODES):
        return []
    names = [row.symbol for row in reply.rows if isinstance(row, Listed) and not row.left_out]
    size = spec.LISTING_CODES
    return [
        replace(ask, values={_CODES: ",".join(names[at : at + size])})
        for at in range(0, len(names), size)
    ]


def rows(ask: Ask, body: Any) -> tuple[Listed, ...]:
    """Of one answer: pairs without ticks, or ticks without a status."""
    reader = _tick if ask.values.get(_CODES) else _pair
    return tuple(reader(row) for row in fields.objects(body))


def _pair(row: Mapping[str, Any]) -> Listed:
    symbol = fields.text(row["market"])
    quote = quote_of(symbol)
    event = row.get("market_event") or {}
    warned = fields.boolean(event.get("warning", False))
    traded = quote == spec.QUOTE
    return Listed(
        symbol, symbol, symbol.partition("-")[2], quote, "SPOT",
        "WARNING" if warned else "TRADING", "", LOT,
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


def listed(replies: Sequence[Reply]) -> list[Listed]:
    """Pairs with their ticks; a traded pair whose tick was not told is left out."""
    found = [row for reply in replies for row in reply.rows if isinstance(row, Listed)]
    ticks = {row.symbol: row.tick for row in found if row.tick}
    made = []
    for row in found:
        if row.tick:
            continue
        tick = ticks.get(row.symbol, "")
        unknown = "" if tick or row.left_out else "its present tick is not known"
        made.append(replace(row, tick=tick, left_out=row.left_out or unknown))
    return made
