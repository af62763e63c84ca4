"""Coinone's list: pairs with their units and states in one call, the ladder of ticks of each pair
in a call of its own, because ladders differ between pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from oms.venues.coinone import spec
from oms.venues.reports import Ask, HttpCall, Listed, Reply
from oms.venues.shared import fields

_SYMBOL = "symbol"


def call(ask: Ask) -> HttpCall:
    """The pairs, or the ladder of the one that `values` names."""
    symbol = str(ask.values.get(_SYMBOL, ""))
    if not symbol:
        return HttpCall("GET", f"/public/v2/markets/{spec.QUOTE}")
    pair = spec.pair_of(symbol)
    return HttpCall("GET", f"/public/v2/range_units/{'/'.join(pair.values())}")


def follow(ask: Ask, reply: Reply) -> list[Ask]:
    """The ladder of each pair that is traded."""
    if ask.values.get(_SYMBOL):
        return []
    rows = [row for row in reply.rows if isinstance(row, Listed) and not row.left_out]
    return [replace(ask, values={_SYMBOL: row.symbol}) for row in rows]


def rows(ask: Ask, body: Mapping[str, Any]) -> tuple[Listed, ...]:
    """Of one answer: pairs without a ladder, or one ladder."""
    symbol = str(ask.values.get(_SYMBOL, ""))
    if symbol:
        return (_ladder(symbol, fields.objects(body["range_price_units"])),)
    return tuple(_pair(row) for row in fields.objects(body["markets"]))


def _pair(row: Mapping[str, Any]) -> Listed:
    quote, target = fields.text(row["quote_currency"]), fields.text(row["target_currency"])
    symbol = spec.symbol_of(quote, target)
    state = fields.integer(row["trade_status"])
    status = spec.STATUSES.get(state, "HALT")
    if fields.integer(row["maintenance_status"]):
        status = "HALT"
    left_out = "" if quote.upper() == spec.QUOTE else f"quoted in {quote}"
    if state not in spec.STATUSES:
        left_out = left_out or f"its trade_status {state} is not known"
    return Listed(
        symbol, symbol, target.upper(), quote.upper(), "SPOT", status,
        fields.decimal(row["price_unit"]), fields.decimal(row["qty_unit"]),
        min_qty=fields.decimal(row["min_qty"]), max_qty=fields.decimal(row["max_qty"]),
        min_notional=fields.decimal(row["min_order_amount"]),
        max_notional=fields.decimal(row["max_order_amount"]),
        min_px=fields.decimal(row["min_price"]), max_px=fields.decimal(row["max_price"]),
        left_out=left_out,
    )  # fmt: skip


def _ladder(symbol: str, units: Sequence[Mapping[str, Any]]) -> Listed:
    ladder = tuple(
        (fields.decimal(unit["range_min"]), fields.decimal(unit["price_unit"])) for unit in units
    )
    pair = spec.pair_of(symbol)
    target, quote = pair["target_currency"], pair["quote_currency"]
    return Listed(symbol, symbol, target, quote, "SPOT", "", "", "", ladder=ladder)


def listed(replies: Sequence[Reply]) -> list[Listed]:
    """Pairs with their ladders; a traded pair whose ladder was not told is left out."""
    found = [row for reply in replies for row in reply.rows if isinstance(row, Listed)]
    ladders = {row.symbol: row.ladder for row in found if row.ladder}
    made = []
    for row in found:
        if row.ladder or not row.status:
            continue
        ladder = ladders.get(row.symbol, ())
        unknown = "" if ladder or row.left_out else "its ladder of ticks is not known"
        made.append(replace(row, ladder=ladder, left_out=row.left_out or unknown))
    return made
