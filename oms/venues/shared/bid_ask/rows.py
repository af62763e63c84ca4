"""The dialect of exchanges that say `bid` and `ask`: one order row, one set of order words.

Two exchanges write their orders so; what differs between them is a `Dialect`. Amounts are decimal
texts and exact; what a row leaves out is null. An end is told by amounts: `done` may hide a rest
and `cancel` a filled order by amount whose last won bought nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from oms import ids
from oms.venues.data import Capabilities
from oms.venues.reports import Balance, FeeRate, Fill, KeyState, Known, Listed, OrderView
from oms.venues.shared import fields, shapes
from oms.venues.shared.decimal_text import to_text
from oms.venues.shared.order_command import Command
from oms.venues.trade_base import Instrument, MalformedMessageError, Report
from shm_layout.enums import (
    ExecKind,
    OrderSpace,
    OrderType,
    RejectReason,
    SelfTrade,
    Side,
    TimeInForce,
)
from shm_layout.records import UNDEF

SIDES = {"bid": Side.BUY, "ask": Side.SELL}
_SIDE_WORDS = {Side.BUY: "bid", Side.SELL: "ask"}
TYPES = frozenset({"limit", "price", "market", "best"})
_TIMES = {TimeInForce.IOC: "ioc", TimeInForce.FOK: "fok"}
AT_ONCE = frozenset({"ioc", "fok"})
POST_ONLY = "post_only"
LOT = "0.00000001"
"""Quantities are cut at eight decimals."""
OPEN_WORDS = {"wait": OrderSpace.BOOK, "watch": OrderSpace.CONDITIONAL}
END_WORDS = frozenset({"done", "cancel"})


@dataclass(frozen=True, slots=True)
class Dialect:
    """What differs between the exchanges."""

    market: str
    type_name: str
    """Field of an order's type in a new order."""
    client_name: str
    """Field of our id."""
    venue_names: tuple[str, ...]
    """Fields of the exchange's id, by call."""
    self_trade: Mapping[SelfTrade, str]
    """Words of `smp_type`; empty = the exchange has no such field."""
    self_trade_ends: frozenset[str] = frozenset()
    """Words of `cancel_type` that mean self-trade prevention."""
    time_ends: frozenset[str] = frozenset()
    """Words of `cancel_type` that mean the order's own time in force."""


def quote_of(symbol: str) -> str:
    """KRW of KRW-BTC."""
    quote, dash, base = symbol.partition("-")
    if not (quote and dash and base):
        raise MalformedMessageError(f"{fields.shown(symbol)} is no market")
    return quote


def order_params(
    dialect: Dialect, caps: Capabilities, command: Command, instrument: Instrument,
    system_id: int, self_trade: SelfTrade,
) -> dict[str, str] | None:  # fmt: skip
    """The fields of a new order, in the documents' order; None where the exchange cannot say it.
    `self_trade` is the account's, for an order that names none."""
    if not shapes.fits(caps, command):
        return None
    kind, side = OrderType(command.order_type), Side(command.side)
    params = {"market": instrument.symbol, "side": _SIDE_WORDS[side]}
    if kind is OrderType.MARKET:
        params[dialect.type_name] = "price" if shapes.by_amount(command) else "market"
    else:
        params[dialect.type_name] = "best" if kind is OrderType.BEST else "limit"
    if shapes.by_amount(command):
        params["price"] = to_text(command.quote_qty, instrument.quote_scale)
    else:
        params["volume"] = to_text(command.qty, instrument.qty_scale)
        if kind in {OrderType.LIMIT, OrderType.POST_ONLY}:
            params["price"] = to_text(command.px, instrument.px_scale)
    if kind is OrderType.POST_ONLY:
        params["time_in_force"] = POST_ONLY
    elif kind is not OrderType.MARKET and command.time_in_force in _TIMES:
        params["time_in_force"] = _TIMES[TimeInForce(command.time_in_force)]
    if dialect.self_trade and kind is not OrderType.POST_ONLY:
        params["smp_type"] = dialect.self_trade[SelfTrade(command.self_trade) or self_trade]
    params[dialect.client_name] = ids.to_text(system_id, command.client_order_id)
    return params


def order_view(row: Mapping[str, Any], dialect: Dialect, known: Known) -> OrderView:
    """An order row of any call; a row without a state (a v2 answer) is RECEIVED."""
    symbol = fields.text(row["market"])
    quote = quote_of(symbol)
    venue_id = _first(row, dialect.venue_names)
    client_text = fields.text(row.get(dialect.client_name) or "")
    instrument = known.instrument(dialect.market, symbol)
    type_word = _first(row, ("ord_type", "order_type")) if "state" in row else ""
    if type_word and type_word not in TYPES:
        raise MalformedMessageError(f"order type {fields.shown(type_word)}")
    side = SIDES[fields.text(row["side"])]
    amounts = _amounts(row, instrument, type_word, side)
    kind = end_or_open(row, amounts, dialect)
    return OrderView(
        client_order_id=fields.our_id(known.system_id, client_text)
        or known.client_order_id(dialect.market, venue_id),
        client_text=client_text,
        venue_order_id=venue_id,
        instrument=instrument,
        symbol=symbol,
        kind=kind,
        side=side,
        px=amounts.px,
        qty=amounts.qty,
        executed_qty=amounts.executed,
        executed_quote=amounts.spent,
        cum_fee_text=fields.given_decimal(row.get("paid_fee")),
        fee_currency=quote if row.get("paid_fee") is not None else "",
        ts_event_ns=fields.ns_of_iso(row["created_at"]),
        by_amount=amounts.by_amount,
        space=OPEN_WORDS.get(row.get("state", ""), OrderSpace.BOOK),
        reason=why_ended(row, amounts, dialect, kind),
        word=fields.text(row.get("state", "")),
    )


@dataclass(slots=True)
class Amounts:
    """Amounts of an order at its instrument's scales; UNDEF where not said, or not traded here."""

    px: int = UNDEF
    qty: int = UNDEF
    total: int = UNDEF
    """Of an order by amount, what it may spend."""
    executed: int = 0
    spent: int = UNDEF
    prevented: bool = False
    by_amount: bool = False
    lot: int = 1


def _amounts(
    row: Mapping[str, Any], instrument: Instrument | None, type_word: str, side: Side
) -> Amounts:
    made = Amounts(by_amount=type_word == "price" or (type_word == "best" and side is Side.BUY))
    if instrument is None:
        return made
    made.lot = instrument.lot
    if made.by_amount:
        made.total = fields.given_amount(row.get("price"), instrument.quote_scale)
    else:
        made.qty = fields.given_amount(row.get("volume"), instrument.qty_scale)
        if type_word == "limit":
            made.px = fields.given_amount(row.get("price"), instrument.px_scale)
    if row.get("executed_volume") is not None:
        made.executed = fields.not_negative(row["executed_volume"], instrument.qty_scale)
    made.prevented = bool(fields.given_decimal(row.get("prevented_volume")).strip("0."))
    if row.get("executed_funds") is not None:
        made.spent = fields.amount_down(row["executed_funds"], instrument.quote_scale)
    elif row.get("trades"):
        made.spent = sum(
            fields.amount_down(trade["funds"], instrument.quote_scale)
            for trade in fields.objects(row["trades"])
        )
    return made


def end_or_open(row: Mapping[str, Any], amounts: Amounts, dialect: Dialect) -> ExecKind:
    """What the state is as a record; an unknown word is a MalformedMessageError."""
    word = row.get("state")
    if word is None:
        return ExecKind.RECEIVED
    if word in OPEN_WORDS:
        return ExecKind.FOUND_OPEN
    if word not in END_WORDS:
        raise MalformedMessageError(f"order state {fields.shown(word)}")
    at_once = (
        row.get("time_in_force") in AT_ONCE
        or _type_of(row) in {"price", "market", "best"}
        or row.get("cancel_type") in dialect.time_ends
    )
    otherwise = ExecKind.EXPIRED if at_once else ExecKind.CANCELED
    if amounts.by_amount:
        whole = word == "done" and UNDEF in (amounts.total, amounts.spent)
        otherwise = ExecKind.FOUND_FILLED if whole else otherwise
        return fields.end_kind_by_amount(
            amounts.total, amounts.spent, amounts.executed, amounts.lot, otherwise
        )
    if word == "done" and amounts.prevented and amounts.qty != UNDEF:
        return _end_of_reduced(row, amounts, otherwise)
    if amounts.qty == UNDEF:
        return ExecKind.FOUND_FILLED if word == "done" else otherwise
    return fields.end_kind(amounts.qty, amounts.executed, amounts.lot, otherwise)


def _end_of_reduced(row: Mapping[str, Any], amounts: Amounts, otherwise: ExecKind) -> ExecKind:
    """Part of it was prevented: what was left of it after that is what counts."""
    left = fields.given_decimal(row.get("remaining_volume"))
    filled = amounts.executed > 0 and not left.strip("0.")
    return ExecKind.FOUND_FILLED if filled else otherwise


def why_ended(
    row: Mapping[str, Any], amounts: Amounts, dialect: Dialect, kind: ExecKind
) -> RejectReason:
    """Self-trade prevention, or a post_only order that would have taken; else nothing is said."""
    if kind not in {ExecKind.CANCELED, ExecKind.EXPIRED}:
        return RejectReason.UNSET
    if amounts.prevented or row.get("cancel_type") in dialect.self_trade_ends:
        return RejectReason.SELF_TRADE
    if row.get("cancel_type") in dialect.time_ends and row.get("time_in_force") == POST_ONLY:
        return RejectReason.WOULD_TAKE
    return RejectReason.UNSET


def _type_of(row: Mapping[str, Any]) -> Any:
    return row.get("ord_type") or row.get("order_type")


def _first(row: Mapping[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        if row.get(name) is not None:
            return fields.text(row[name])
    raise MalformedMessageError(f"none of {', '.join(names)}")


def ack(view: OrderView, kind: ExecKind) -> Report:
    """What an answer to a new order says of it, as a record."""
    return Report(
        kind, view.client_order_id, view.instrument, view.side,
        ts_event_ns=view.ts_event_ns, venue_order_id=view.venue_order_id,
    )  # fmt: skip


def fills(row: Mapping[str, Any], view: OrderView) -> list[Fill]:
    """`trades` of an order row: no fee and no maker flag stand in them."""
    instrument = view.instrument
    if instrument is None:
        return []
    return [_fill(trade, view, instrument) for trade in fields.objects(row.get("trades") or [])]


def _fill(trade: Mapping[str, Any], view: OrderView, instrument: Instrument) -> Fill:
    trade_text = fields.text(trade["uuid"])
    report = Report(
        ExecKind.FILL,
        view.client_order_id,
        instrument,
        SIDES[fields.text(trade["side"])],
        px=fields.positive(trade["price"], instrument.px_scale),
        qty=fields.positive(trade["volume"], instrument.qty_scale),
        quote_qty=fields.amount_down(trade["funds"], instrument.quote_scale),
        fee_currency=quote_of(view.symbol),
        ts_event_ns=fields.ns_of_iso(trade["created_at"]),
        venue_order_id=view.venue_order_id,
        trade_text=trade_text,
    )
    return Fill(view.venue_order_id, report, trade_text)


def balance(row: Mapping[str, Any]) -> Balance:
    """One currency, of /v1/accounts or of `myAsset`."""
    return Balance(
        fields.text(row["currency"]), fields.decimal(row["balance"]), fields.decimal(row["locked"])
    )


def chance(row: Mapping[str, Any]) -> tuple[FeeRate, FeeRate, Listed]:
    """What the account pays on one market, and what that market takes now."""
    market = row["market"]
    symbol = fields.text(market["id"])
    bid, ask = market["bid"], market["ask"]
    buy = FeeRate(
        fields.decimal(row["maker_bid_fee"]), fields.decimal(row["bid_fee"]), symbol, side=Side.BUY
    )
    sell = FeeRate(
        fields.decimal(row["maker_ask_fee"]), fields.decimal(row["ask_fee"]), symbol, side=Side.SELL
    )
    listed = Listed(
        symbol, symbol, fields.text(ask["currency"]), fields.text(bid["currency"]), "SPOT",
        "TRADING" if market["state"] == "active" else "HALT",
        fields.given_decimal(bid.get("price_unit")), LOT,
        min_notional=fields.decimal(bid["min_total"]),
        max_notional=fields.decimal(market["max_total"]),
    )  # fmt: skip
    return buy, sell, listed


def key_state(rows: Any, access_key: str) -> tuple[KeyState, ...]:
    """The account's own key out of a list of them; () where it is not in the list, so that it may
    not trade. What a listed key may is not said there."""
    return tuple(
        KeyState(True, fields.ms_of_iso(row["expire_at"]), text="what it may is not said")
        for row in fields.objects(rows)
        if fields.text(row["access_key"]) == access_key
    )
