"""Rows of Coinone's answers: orders, fills, balances. Every word that begins with CANCELED may hide
fills, so an end is told by amounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oms.venues.coinone import spec
from oms.venues.reports import Balance, Fill, Known, OrderView
from oms.venues.shared import fields
from oms.venues.shared.decimal_text import POW10
from oms.venues.trade_base import Instrument, MalformedMessageError, Report
from shm_layout.enums import ExecKind, Liquidity, OrderSpace, Side
from shm_layout.records import UNDEF

SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
_TYPES = frozenset({"LIMIT", "MARKET", "STOP_LIMIT"})
_OPEN = {
    "LIVE": OrderSpace.BOOK, "PARTIALLY_FILLED": OrderSpace.BOOK, "TRIGGERED": OrderSpace.BOOK,
    "NOT_TRIGGERED": OrderSpace.CONDITIONAL,
}  # fmt: skip
_ENDS = {
    "FILLED": ExecKind.FOUND_FILLED,
    "PARTIALLY_CANCELED": ExecKind.CANCELED,
    "CANCELED": ExecKind.CANCELED,
    "NOT_TRIGGERED_CANCELED": ExecKind.CANCELED,
    "NOT_TRIGGERED_PARTIALLY_CANCELED": ExecKind.CANCELED,
    "CANCELED_NO_ORDER": ExecKind.EXPIRED,
    "CANCELED_LIMIT_PRICE_EXCEED": ExecKind.EXPIRED,
    "CANCELED_UNDER_PRODUCT_UNIT": ExecKind.EXPIRED,
}
"""order-detail "status"; the last three end market orders."""
_NOTHING_TO_BUY = "CANCELED_UNDER_PRODUCT_UNIT"
"""What is left of a market buy is below the smallest quantity: its normal end."""


def seconds_or_ms(value: Any) -> int:
    """A time in nanoseconds: seconds below 10**11, else milliseconds; 0 for null."""
    if value is None:
        return 0
    given = fields.integer(value)
    return fields.ns_of_ms(given * 1_000 if abs(given) < spec.SECONDS_BELOW else given)


def balance(row: Mapping[str, Any]) -> Balance:
    """One currency; `limit` is what is locked."""
    currency = fields.text(row["currency"]).upper()
    return Balance(currency, fields.decimal(row["available"]), fields.decimal(row["limit"]))


def detail(row: Mapping[str, Any], known: Known) -> OrderView:
    """An order of order/detail, or of a list of open ones, whose rows have no status."""
    quote = fields.text(row["quote_currency"])
    symbol = spec.symbol_of(quote, fields.text(row["target_currency"]))
    venue_id, kind = fields.text(row["order_id"]), fields.text(row["type"])
    if kind not in _TYPES:
        raise MalformedMessageError(f"order type {fields.shown(kind)}")
    side, word = SIDES[fields.text(row["side"])], row.get("status")
    client_text = fields.text(row.get("user_order_id") or "")
    instrument = known.instrument(spec.NAME, symbol)
    by_amount = kind == "MARKET" and side is Side.BUY
    px, qty, executed, spent = _amounts(row, instrument, kind)
    waits = kind == "STOP_LIMIT" and row.get("is_triggered") is not True
    space = OrderSpace.CONDITIONAL if waits else OrderSpace.BOOK
    state = ExecKind.FOUND_OPEN
    if word is not None:
        lot = instrument.lot if instrument else 1
        state, space = _state(word, row, (qty, executed, spent, lot), instrument, space)
    return OrderView(
        client_order_id=fields.our_id(known.system_id, client_text)
        or known.client_order_id(spec.NAME, venue_id),
        client_text=client_text, venue_order_id=venue_id, instrument=instrument, symbol=symbol,
        kind=state, side=side, px=px, qty=UNDEF if by_amount else qty, executed_qty=executed,
        executed_quote=spent, cum_fee_text=fields.given_decimal(row.get("fee")),
        fee_currency=quote.upper(),
        ts_event_ns=seconds_or_ms(row.get("updated_at") or row.get("ordered_at")),
        by_amount=by_amount, space=space, word=word or "",
    )  # fmt: skip


def _amounts(
    row: Mapping[str, Any], instrument: Instrument | None, kind: str
) -> tuple[int, int, int, int]:
    """(price, quantity, executed, spent); what does not apply to the type is null."""
    if instrument is None:
        return UNDEF, UNDEF, 0, UNDEF
    px = UNDEF if kind == "MARKET" else fields.given_amount(row.get("price"), instrument.px_scale)
    qty = fields.given_amount(row.get("original_qty"), instrument.qty_scale)
    executed = fields.given_amount(row.get("executed_qty"), instrument.qty_scale)
    if executed != UNDEF and executed < 0:
        raise MalformedMessageError("executed below zero")
    spent = row.get("traded_amount")
    quote_scale = instrument.quote_scale
    return (
        px, qty, 0 if executed == UNDEF else executed,
        UNDEF if spent is None else fields.amount_down(spent, quote_scale),
    )  # fmt: skip


def _state(
    word: Any, row: Mapping[str, Any], amounts: tuple[int, int, int, int],
    instrument: Instrument | None, space: OrderSpace,
) -> tuple[ExecKind, OrderSpace]:  # fmt: skip
    if word in _OPEN:
        return ExecKind.FOUND_OPEN, _OPEN[word]
    if word not in _ENDS:
        raise MalformedMessageError(f"order status {fields.shown(word)}")
    qty, executed, spent, lot = amounts
    otherwise = _ENDS[word]
    if word == _NOTHING_TO_BUY and executed > 0:
        return ExecKind.FOUND_FILLED, space
    total = row.get("original_amount")
    if row["type"] == "MARKET" and total is not None and instrument is not None:
        scale = instrument.quote_scale
        bound = fields.amount_down(total, scale) - POW10[max(0, scale - spec.AMOUNT_DIGITS)]
        return fields.end_kind_by_amount(bound, spent, executed, lot, otherwise), space
    if word == "FILLED" and qty != UNDEF:
        otherwise = ExecKind.CANCELED
    return fields.end_kind(qty, executed, lot, otherwise), space


def view_of_cancel(
    body: Mapping[str, Any], symbol: str, client_order_id: int, known: Known
) -> OrderView:
    """The answer to a cancel, which is final; it names no pair and none of our ids."""
    venue_id = fields.text(body["order_id"])
    instrument = known.instrument(spec.NAME, symbol)
    qty = executed = remain = UNDEF
    px, lot = UNDEF, 1
    if instrument is not None:
        scale, lot = instrument.qty_scale, max(instrument.lot, 1)
        px = fields.given_amount(body.get("price"), instrument.px_scale)
        qty = fields.not_negative(body["original_qty"], scale)
        executed = fields.not_negative(body["traded_qty"], scale)
        remain = fields.given_amount(body.get("remain_qty"), scale)
    kind = fields.end_kind(qty, executed, lot, ExecKind.CANCELED)
    if remain >= lot:
        kind = ExecKind.FOUND_OPEN
    return OrderView(
        client_order_id or known.client_order_id(spec.NAME, venue_id), "", venue_id, instrument,
        symbol, kind, SIDES[fields.text(body["side"])], px, qty, max(executed, 0),
        cum_fee_text=fields.given_decimal(body.get("fee")), fee_currency=spec.QUOTE,
        ts_event_ns=seconds_or_ms(body.get("canceled_at")),
    )  # fmt: skip


def fill(row: Mapping[str, Any], known: Known) -> Fill | None:
    """A row of completed_orders; None for a pair that is not traded here."""
    quote, target = fields.text(row["quote_currency"]), fields.text(row["target_currency"])
    instrument = known.instrument(spec.NAME, spec.symbol_of(quote, target))
    venue_id, trade = fields.text(row["order_id"]), fields.text(row["trade_id"])
    if instrument is None:
        return None
    px = fields.positive(row["price"], instrument.px_scale)
    qty = fields.positive(row["qty"], instrument.qty_scale)
    report = Report(
        ExecKind.FILL,
        known.client_order_id(spec.NAME, venue_id),
        instrument,
        Side.SELL if fields.boolean(row["is_ask"]) else Side.BUY,
        Liquidity.MAKER if fields.boolean(row["is_maker"]) else Liquidity.TAKER,
        px=px,
        qty=qty,
        quote_qty=px * qty // instrument.notional_divisor,
        fee_text=fields.decimal(row["fee"]),
        fee_currency=fields.text(row["fee_currency"]).upper(),
        ts_event_ns=seconds_or_ms(row["timestamp"]),
        venue_order_id=venue_id,
        trade_text=trade,
    )
    return Fill(venue_id, report, trade)
