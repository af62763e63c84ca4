"""USD-M's order side, incoming: orders, trades, events -> canonical words. No I/O.

Sources: usds-margined-futures/user-data-streams (ORDER_TRADE_UPDATE, ACCOUNT_UPDATE, ALGO_UPDATE),
trade and account pages. Quantities are base units; everything raises MalformedMessageError for what
has not the documented shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oms.venues.binance.usdm.spec import NAME
from oms.venues.reports import (
    Balance,
    Fill,
    Instrument,
    Known,
    MalformedMessageError,
    Notice,
    OrderView,
    Position,
    Report,
)
from oms.venues.shared import fields
from shm_layout.enums import (
    ExecKind,
    Liquidity,
    OrderSpace,
    PositionSide,
    RejectReason,
    Side,
)
from shm_layout.records import UNDEF

SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
_STATES = {
    "NEW": ExecKind.FOUND_OPEN,
    "PARTIALLY_FILLED": ExecKind.FOUND_OPEN,
    "FILLED": ExecKind.CANCELED,
    "CANCELED": ExecKind.CANCELED,
    "REJECTED": ExecKind.REJECT,
    "EXPIRED": ExecKind.EXPIRED,
    "EXPIRED_IN_MATCH": ExecKind.EXPIRED,
    "NEW_INSURANCE": ExecKind.FOUND_OPEN,
    "NEW_ADL": ExecKind.FOUND_OPEN,
}
"""`status` of an order (common-definition); an end becomes FOUND_FILLED by its amounts alone."""
_ALGO_STATES = {
    "NEW": ExecKind.FOUND_OPEN,
    "TRIGGERING": ExecKind.FOUND_OPEN,
    "TRIGGERED": ExecKind.TRIGGERED,
    "FINISHED": ExecKind.TRIGGERED,
    "CANCELED": ExecKind.CANCELED,
    "REJECTED": ExecKind.REJECT,
    "EXPIRED": ExecKind.EXPIRED,
}
_EXPIRED_REASONS = {
    "1": RejectReason.SELF_TRADE, "3": RejectReason.SELF_TRADE, "4": RejectReason.REDUCE_ONLY,
    "5": RejectReason.MARKET_STATUS, "7": RejectReason.MARKET_STATUS,
    "9": RejectReason.PRICE_BAND,
}  # fmt: skip
"""`er` of an ORDER_TRADE_UPDATE; 2, 6, 8 are the order's own terms."""
_MADE_BY_EXCHANGE = (
    ("adl_autoclose", ExecKind.ADL),
    ("autoclose-", ExecKind.LIQUIDATION),
)
"""What client ids of the exchange's own orders begin with (user-data-streams)."""
_POSITION_SIDES = {
    "BOTH": PositionSide.BOTH, "LONG": PositionSide.LONG, "SHORT": PositionSide.SHORT,
}  # fmt: skip
_INCOME_KINDS = {"FUNDING_FEE": ExecKind.FUNDING, "TRANSFER": ExecKind.TRANSFER}


def _end(word: str, qty: int, executed: int, lot: int) -> ExecKind:
    kind = _STATES[word]
    if kind is ExecKind.FOUND_OPEN:
        return kind
    if kind is ExecKind.REJECT and executed > 0:
        kind = ExecKind.CANCELED
    if qty == UNDEF:
        return ExecKind.FOUND_FILLED if word == "FILLED" else kind
    return fields.end_kind(qty, executed, lot, kind)


def order(row: Mapping[str, Any], known: Known) -> OrderView:
    """An order of the trade pages, REST or WebSocket. Since 2026-07 answers to places, amends and
    cancels have no `avgPrice` and no `cumQuote`."""
    return fields.read(lambda: _order(row, known), "order")


def _order(row: Mapping[str, Any], known: Known) -> OrderView:
    symbol, word = fields.text(row["symbol"]), fields.text(row["status"])
    if word not in _STATES:
        raise MalformedMessageError(f"order status {fields.shown(word)}")
    instrument = known.instrument(NAME, symbol)
    number = str(fields.integer(row["orderId"]))
    client_text = fields.text(row["clientOrderId"])
    px = qty = quote = UNDEF
    executed, lot = 0, 1
    if instrument is not None:
        px = _price(row["price"], instrument)
        qty = fields.amount(row["origQty"], instrument.qty_scale)
        executed, lot = fields.amount(row["executedQty"], instrument.qty_scale), instrument.lot
        if row.get("closePosition") is True and not qty:
            qty = UNDEF
        if row.get("cumQuote") is not None:
            quote = fields.amount_down(row["cumQuote"], instrument.quote_scale)
    return OrderView(
        fields.our_id(known.system_id, client_text) or known.client_order_id(NAME, number),
        client_text, number, instrument, symbol, _end(word, qty, executed, lot),
        SIDES[row["side"]], px, qty, executed, quote,
        ts_event_ns=fields.ns_of_ms(row.get("updateTime") or row.get("time")), word=word,
        reason=RejectReason.SELF_TRADE if word == "EXPIRED_IN_MATCH" else RejectReason.UNSET,
    )  # fmt: skip


def _price(value: Any, instrument: Instrument) -> int:
    found = fields.given_amount(value, instrument.px_scale)
    return found if found > 0 else UNDEF


def algo(row: Mapping[str, Any], known: Known) -> OrderView:
    """An order of the algo pages; `second_id` is the order that it became."""
    return fields.read(lambda: _algo(row, known), "algo order")


def _algo(row: Mapping[str, Any], known: Known) -> OrderView:
    return _algo_view(
        row, ("algoId", "clientAlgoId", "algoStatus", "symbol", "side", "price", "quantity",
              "actualOrderId", "updateTime"), known,
    )  # fmt: skip


def _algo_view(row: Mapping[str, Any], names: tuple[str, ...], known: Known) -> OrderView:
    number, text, status, of, side, price, quantity, child, at = names
    symbol, word = fields.text(row[of]), fields.text(row[status])
    if word not in _ALGO_STATES:
        raise MalformedMessageError(f"status of an algo order {fields.shown(word)}")
    instrument = known.instrument(NAME, symbol)
    algo_id, client_text = str(fields.integer(row[number])), fields.text(row[text])
    px = qty = UNDEF
    if instrument is not None:
        px = _price(row.get(price), instrument)
        qty = fields.given_amount(row.get(quantity), instrument.qty_scale)
        qty = qty if qty > 0 else UNDEF
    became = row.get(child)
    return OrderView(
        fields.our_id(known.system_id, client_text) or known.client_order_id(NAME, algo_id),
        client_text, algo_id, instrument, symbol, _ALGO_STATES[word], SIDES[row[side]], px, qty,
        ts_event_ns=fields.ns_of_ms(row.get(at)), space=OrderSpace.ALGO,
        second_id="" if became in {None, ""} else str(fields.integer(became)), word=word,
    )  # fmt: skip


def _opened(view: OrderView) -> Report | None:
    """A view as a push: an order that is not ours is told when it opens."""
    if view.instrument is None:
        return None
    kind = ExecKind.ACK if view.kind is ExecKind.FOUND_OPEN else view.kind
    if view.client_order_id == 0:
        if kind is not ExecKind.ACK:
            return None
        kind = ExecKind.EXTERNAL_OPEN
    return Report(
        kind, view.client_order_id, view.instrument, view.side, reason=view.reason, px=view.px,
        qty=view.qty if kind is ExecKind.EXTERNAL_OPEN and view.qty != UNDEF else 0,
        cum_qty=view.executed_qty, ts_event_ns=view.ts_event_ns,
        venue_order_id=view.venue_order_id, text=view.word, total_qty=view.qty,
        second_id=view.second_id, space=view.space,
    )  # fmt: skip


def algo_update(event: Mapping[str, Any], known: Known) -> Report | None:
    """ALGO_UPDATE."""

    def made() -> Report | None:
        row = event["o"]
        names = ("aid", "caid", "X", "s", "S", "p", "q", "ai", "")
        report = _opened(_algo_view(row, names, known))
        if report is not None:
            report.ts_event_ns = fields.ns_of_ms(event["T"])
            if report.kind is ExecKind.REJECT:
                report.reason = RejectReason.VENUE_REJECT
                report.text = fields.text(row.get("rm") or report.text)
        return report

    return fields.read(made, "ALGO_UPDATE")


def order_update(event: Mapping[str, Any], known: Known) -> Report | None:
    """ORDER_TRADE_UPDATE; None for an instrument that is not traded here."""
    return fields.read(lambda: _order_update(event["o"], known), "ORDER_TRADE_UPDATE")


def _order_update(row: Mapping[str, Any], known: Known) -> Report | None:
    what, word = fields.text(row["x"]), fields.text(row["X"])
    client_text, symbol = fields.text(row["c"]), fields.text(row["s"])
    if word not in _STATES:
        raise MalformedMessageError(f"order status {fields.shown(word)}")
    instrument = known.instrument(NAME, symbol)
    if instrument is None:
        return None
    number = str(fields.integer(row["i"]))
    client_id = fields.our_id(known.system_id, client_text) or known.client_order_id(NAME, number)
    qty = fields.amount(row["q"], instrument.qty_scale)
    executed = fields.amount(row["z"], instrument.qty_scale)
    report = Report(
        ExecKind.ACK, client_id, instrument, SIDES[row["S"]], px=_price(row["p"], instrument),
        cum_qty=executed, ts_event_ns=fields.ns_of_ms(row["T"]), venue_order_id=number, text=word,
        total_qty=qty,
    )  # fmt: skip
    if what == "CALCULATED" and not fields.amount(row["l"], instrument.qty_scale):
        return None
    if what in {"TRADE", "CALCULATED"}:
        return _filled(report, row, client_text, instrument)
    if what == "AMENDMENT":
        report.kind = ExecKind.AMENDED
    elif what in {"CANCELED", "EXPIRED"}:
        report.kind = _end(word, qty, executed, instrument.lot)
        report.reason = _EXPIRED_REASONS.get(str(row.get("er", "")), RejectReason.UNSET)
        if word == "EXPIRED_IN_MATCH":
            report.reason = RejectReason.SELF_TRADE
    elif what != "NEW":
        raise MalformedMessageError(f"execution type {fields.shown(what)}")
    if not client_id:
        if report.kind is not ExecKind.ACK:
            return None
        report.kind, report.qty = ExecKind.EXTERNAL_OPEN, qty
    return report


def _filled(
    report: Report, row: Mapping[str, Any], client_text: str, instrument: Instrument
) -> Report:
    report.kind = ExecKind.FILL
    for begin, kind in _MADE_BY_EXCHANGE:
        if client_text.startswith(begin):
            report.kind = kind
    report.px = fields.amount(row["L"], instrument.px_scale)
    report.qty = fields.amount(row["l"], instrument.qty_scale)
    report.trade_id = fields.integer(row["t"])
    if report.px <= 0 or report.qty <= 0 or report.trade_id < 0:
        raise MalformedMessageError(f"a trade {row['t']} of {row['l']} at {row['L']}")
    report.quote_qty = report.px * report.qty // instrument.notional_divisor
    report.liquidity = Liquidity.MAKER if fields.boolean(row["m"]) else Liquidity.TAKER
    fee, currency = row.get("n"), row.get("N")
    if fee is not None and currency is not None:
        report.fee_text, report.fee_currency = fields.decimal(fee), fields.text(currency)
    report.text = ""
    return report


def trade(row: Mapping[str, Any], known: Known) -> Fill | None:
    """A row of userTrades; None for an instrument that is not traded here."""
    return fields.read(lambda: _trade(row, known), "trade")


def _trade(row: Mapping[str, Any], known: Known) -> Fill | None:
    instrument = known.instrument(NAME, fields.text(row["symbol"]))
    if instrument is None:
        return None
    number = str(fields.integer(row["orderId"]))
    report = Report(
        ExecKind.FILL, known.client_order_id(NAME, number), instrument, SIDES[row["side"]],
        Liquidity.MAKER if fields.boolean(row["maker"]) else Liquidity.TAKER,
        px=fields.amount(row["price"], instrument.px_scale),
        qty=fields.amount(row["qty"], instrument.qty_scale),
        quote_qty=fields.amount_down(row["quoteQty"], instrument.quote_scale),
        fee_text=fields.decimal(row["commission"]),
        fee_currency=fields.text(row["commissionAsset"]),
        trade_id=fields.integer(row["id"]), ts_event_ns=fields.ns_of_ms(row["time"]),
        venue_order_id=number,
    )  # fmt: skip
    if report.qty <= 0 or report.px <= 0:
        raise MalformedMessageError(f"a trade of {row['qty']} at {row['price']}")
    return Fill(number, report, str(report.trade_id))


def account_update(
    event: Mapping[str, Any], known: Known
) -> tuple[tuple[Balance, ...], tuple[Position, ...], tuple[Notice, ...]]:
    """ACCOUNT_UPDATE: what changed, as it is now. A funding payment has no id here: the notice asks
    for the account's income, which tells each by one."""

    def made() -> tuple[tuple[Balance, ...], tuple[Position, ...], tuple[Notice, ...]]:
        account = event["a"]
        reason = fields.text(account["m"])
        balances = tuple(
            Balance(fields.text(one["a"]), "", "", fields.decimal(one["wb"]))
            for one in fields.objects(account.get("B") or [])
        )
        positions = tuple(
            Position(
                fields.text(one["s"]), _POSITION_SIDES[one["ps"]], fields.decimal(one["pa"]),
                fields.decimal(one["ep"]), "", "", fields.decimal(one["up"]), "",
                fields.text(one.get("mt") or ""), known.instrument(NAME, fields.text(one["s"])),
            )
            for one in fields.objects(account.get("P") or [])
        )  # fmt: skip
        funded = reason == "FUNDING_FEE"
        notices = (Notice("funding", text=reason),) if funded else ()
        return balances, positions, notices

    return fields.read(made, "ACCOUNT_UPDATE")


def balance(row: Mapping[str, Any]) -> Balance:
    """A row of v3/balance or v2/account.balance. `availableBalance` counts cross profit; nothing
    says what is locked."""

    def made() -> Balance:
        return Balance(
            fields.text(row["asset"]), fields.decimal(row["availableBalance"]), "",
            fields.decimal(row["balance"]),
        )  # fmt: skip

    return fields.read(made, "balance")


def position(row: Mapping[str, Any], known: Known) -> Position:
    """A row of positionRisk or v2/account.position: base units, short is negative."""

    def made() -> Position:
        symbol = fields.text(row["symbol"])
        isolated = fields.decimal(row.get("isolatedWallet") or "0").strip("0.")
        mode = row.get("marginType") or ("isolated" if isolated else "cross")
        lever = row.get("leverage")
        return Position(
            symbol, _POSITION_SIDES[row["positionSide"]], fields.decimal(row["positionAmt"]),
            fields.decimal(row["entryPrice"]), fields.decimal(row["markPrice"]),
            fields.decimal(row["liquidationPrice"]), fields.decimal(row["unRealizedProfit"]),
            "" if lever is None else fields.decimal(lever), fields.text(mode),
            known.instrument(NAME, symbol),
        )  # fmt: skip

    return fields.read(made, "position")


def income(row: Mapping[str, Any], known: Known) -> Report | None:
    """A row of income: funding and transfers; None for what fills tell. `income` is what came."""

    def made() -> Report | None:
        kind = _INCOME_KINDS.get(fields.text(row["incomeType"]))
        if kind is None:
            return None
        return Report(
            kind, instrument=known.instrument(NAME, row.get("symbol") or ""),
            fee_text=fields.negated(row["income"]), fee_currency=fields.text(row["asset"]),
            ts_event_ns=fields.ns_of_ms(row["time"]), trade_text=str(fields.integer(row["tranId"])),
        )  # fmt: skip

    return fields.read(made, "income")
