"""Bybit's order side, incoming: bytes of sockets and REST -> canonical words. No I/O.

Sources: docs/v5 order/open-order, order/execution, position/position, account/wallet-balance,
account/transaction-log, websocket/private/{order,execution,position,wallet}, ws/trade. Linear
quantities are base units. Everything raises MalformedMessageError for what has not the documented
shape; states and sides that no page names are malformed, other unknown fields are ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from oms.venues.bybit.errors import REJECT_WORDS
from oms.venues.bybit.spec import CATEGORIES, MARKETS_BY_CATEGORY
from oms.venues.reports import (
    Balance,
    Fill,
    Instrument,
    Known,
    MalformedMessageError,
    OrderView,
    Position,
    Report,
)
from oms.venues.shared import fields
from shm_layout.enums import (
    ExecKind,
    InstrumentKind,
    Liquidity,
    OrderSpace,
    PositionSide,
    RejectReason,
    Side,
)
from shm_layout.records import UNDEF

SIDES = {"Buy": Side.BUY, "Sell": Side.SELL}
_STATES: dict[str, ExecKind] = {
    "New": ExecKind.FOUND_OPEN,
    "PartiallyFilled": ExecKind.FOUND_OPEN,
    "Untriggered": ExecKind.FOUND_OPEN,
    "Triggered": ExecKind.TRIGGERED,
    "Rejected": ExecKind.REJECT,
    "Filled": ExecKind.CANCELED,
    "Cancelled": ExecKind.CANCELED,
    "PartiallyFilledCanceled": ExecKind.CANCELED,
    "Deactivated": ExecKind.CANCELED,
}
"""`orderStatus` (enum); an end becomes FOUND_FILLED by its amounts alone."""
_PLAIN_STOPS = frozenset({"", "UNKNOWN"})
_SPOT_STOPS = frozenset({"tpslOrder", "OcoOrder", "BidirectionalTpslOrder"})
"""`stopOrderType` (enum) of spot orders whose assets are locked at once."""
_FILL_TYPES = {
    "Trade": ExecKind.FILL,
    "AdlTrade": ExecKind.ADL,
    "BustTrade": ExecKind.LIQUIDATION,
    "Funding": ExecKind.FUNDING,
}
"""`execType` (enum) of what a record can say; the others change a position by other ways."""
OTHER_EXEC_TYPES = frozenset(
    {
        "Delivery", "Settle", "BlockTrade", "MovePosition", "FutureSpread", "CorporateAction",
        "UNKNOWN",
    }
)  # fmt: skip
_MADE_BY_EXCHANGE = {
    "CreateByLiq": ExecKind.LIQUIDATION,
    "CreateByTakeOver_PassThrough": ExecKind.LIQUIDATION,
    "CreateByAdl_PassThrough": ExecKind.ADL,
}
"""`createType` (enum) of an order that nobody of ours placed."""
_LOG_KINDS = {
    "TRANSFER_IN": ExecKind.TRANSFER,
    "TRANSFER_OUT": ExecKind.TRANSFER,
    "SETTLEMENT": ExecKind.FUNDING,
}
_POSITION_SIDES = {0: PositionSide.BOTH, 1: PositionSide.LONG, 2: PositionSide.SHORT}


def market_of(row: Mapping[str, Any], otherwise: str) -> str:
    """The market of a row: its own category where it names one. "" = a category that is none of
    ours (inverse, option)."""
    category = row.get("category")
    if category is None or category == "":
        return otherwise
    return MARKETS_BY_CATEGORY.get(fields.text(category), "")


def order(row: Mapping[str, Any], market: str, known: Known) -> OrderView:
    """A row of order/realtime, order/history or the `order` topic."""
    return fields.read(lambda: _order(row, market, known), "order")


def _order(row: Mapping[str, Any], market: str, known: Known) -> OrderView:
    symbol = fields.text(row["symbol"])
    instrument = known.instrument(market, symbol)
    venue_id, client_text = fields.text(row["orderId"]), fields.text(row.get("orderLinkId") or "")
    client_id = fields.our_id(known.system_id, client_text)
    side, word = SIDES[row["side"]], fields.text(row["orderStatus"])
    if word not in _STATES:
        raise MalformedMessageError(f"order status {fields.shown(word)}")
    stop = fields.text(row.get("stopOrderType") or "")
    amount = _by_amount(row, market)
    px = qty = executed_quote = UNDEF
    executed, lot = 0, 1
    if instrument is not None:
        px = _price(row.get("price"), instrument)
        executed = fields.amount(row.get("cumExecQty") or "0", instrument.qty_scale)
        value = row.get("cumExecValue")
        if value not in {None, ""}:
            executed_quote = fields.amount_down(value, instrument.quote_scale)
        qty = UNDEF if amount else fields.amount(row["qty"], instrument.qty_scale)
        lot = instrument.lot
    kind = _kind(word, qty, executed, lot)
    reason = REJECT_WORDS.get(row.get("rejectReason") or "", RejectReason.VENUE_REJECT)
    if kind is not ExecKind.REJECT and reason is RejectReason.VENUE_REJECT:
        reason = RejectReason.UNSET
    return OrderView(
        client_id or known.client_order_id(market, venue_id), client_text, venue_id, instrument,
        symbol, kind, side, px, qty, executed, executed_quote,
        ts_event_ns=fields.ns_of_ms(row.get("updatedTime")), by_amount=amount,
        space=_space(word, stop), second_id=venue_id if kind is ExecKind.TRIGGERED else "",
        reason=reason, word=_word(word, row),
    )  # fmt: skip


def _space(word: str, stop: str) -> OrderSpace:
    """A conditional order keeps its id when it triggers, and stands in the book from then on."""
    if word == "Untriggered" or (word == "Deactivated" and stop not in _PLAIN_STOPS):
        return OrderSpace.ALGO if stop in _SPOT_STOPS else OrderSpace.CONDITIONAL
    return OrderSpace.BOOK


def _word(word: str, row: Mapping[str, Any]) -> str:
    why = row.get("rejectReason") or ""
    return word if why in {"", "EC_NoError", "UNKNOWN"} else f"{word} {fields.text(why)}"


def _price(value: Any, instrument: Instrument) -> int:
    """A limit price; market orders show "", "0", or a bound."""
    found = fields.given_amount(value, instrument.px_scale)
    return UNDEF if found == 0 else found


def _by_amount(row: Mapping[str, Any], market: str) -> bool:
    """Spot market orders: quantity in quote where said so, and of a buy where nothing is said
    (order/create-order: "marketUnit")."""
    if CATEGORIES.get(market) != "spot" or row.get("orderType") != "Market":
        return False
    unit = row.get("marketUnit") or ""
    return bool(unit == "quoteCoin" or (unit == "" and row["side"] == "Buy"))


def _kind(word: str, qty: int, executed: int, lot: int) -> ExecKind:
    kind = _STATES[word]
    if kind in {ExecKind.FOUND_OPEN, ExecKind.TRIGGERED}:
        return kind
    if qty == UNDEF and word == "Filled":
        return ExecKind.FOUND_FILLED
    if kind is ExecKind.REJECT and executed > 0:
        kind = ExecKind.CANCELED
    return fields.end_kind(qty, executed, lot, kind)


def order_report(view: OrderView) -> Report | None:
    """What a push of the `order` topic says; None for an order that nothing is known of, but when
    it opens. Its quantity is as of now: an amend shows by it alone."""
    kind = ExecKind.ACK if view.kind is ExecKind.FOUND_OPEN else view.kind
    if view.client_order_id == 0:
        if kind is not ExecKind.ACK:
            return None
        kind = ExecKind.EXTERNAL_OPEN
    return Report(
        kind, view.client_order_id, view.instrument, view.side, reason=view.reason, px=view.px,
        qty=view.qty if kind is ExecKind.EXTERNAL_OPEN and view.qty != UNDEF else 0,
        cum_qty=view.executed_qty, cum_quote_qty=view.executed_quote,
        ts_event_ns=view.ts_event_ns, venue_order_id=view.venue_order_id, text=view.word,
        total_qty=view.qty, second_id=view.second_id, space=view.space,
    )  # fmt: skip


def execution(row: Mapping[str, Any], market: str, known: Known) -> Fill | None:
    """A row of execution/list or the `execution` topic; None where a record cannot say it (an
    instrument that is not traded here, or one of OTHER_EXEC_TYPES)."""
    return fields.read(lambda: _execution(row, market, known), "execution")


def _execution(row: Mapping[str, Any], market: str, known: Known) -> Fill | None:
    instrument = known.instrument(market, fields.text(row["symbol"]))
    exec_type = fields.text(row.get("execType") or "Trade")
    if exec_type in OTHER_EXEC_TYPES or instrument is None:
        return None
    if exec_type not in _FILL_TYPES:
        raise MalformedMessageError(f"execution type {fields.shown(exec_type)}")
    kind = _FILL_TYPES[exec_type]
    if kind is ExecKind.FILL:
        kind = _MADE_BY_EXCHANGE.get(row.get("createType") or "", kind)
    venue_id = fields.text(row["orderId"])
    client_id = fields.our_id(known.system_id, row.get("orderLinkId"))
    currency, fee = _fee(row, instrument)
    report = Report(
        kind, client_id or known.client_order_id(market, venue_id), instrument, SIDES[row["side"]],
        px=fields.amount(row["execPrice"], instrument.px_scale),
        qty=fields.amount(row["execQty"], instrument.qty_scale), fee_text=fee,
        fee_currency=currency, ts_event_ns=fields.ns_of_ms(row["execTime"]),
        venue_order_id=venue_id, trade_text=fields.text(row["execId"]),
    )  # fmt: skip
    if report.qty <= 0 or report.px <= 0 or not report.trade_text:
        raise MalformedMessageError(f"an execution of {row['execQty']} at {row['execPrice']}")
    value = row.get("execValue")
    report.quote_qty = (
        report.px * report.qty // instrument.notional_divisor
        if value is None or value == ""
        else fields.amount_down(value, instrument.quote_scale)
    )
    if kind is not ExecKind.FUNDING:
        maker = fields.boolean(row["isMaker"])
        report.liquidity = Liquidity.MAKER if maker else Liquidity.TAKER
    return Fill(venue_id, report, report.trade_text)


def _fee(row: Mapping[str, Any], instrument: Instrument) -> tuple[str, str]:
    """(currency, amount paid or "" where none is said), regional taxes in that currency added."""
    currency = fields.text(row.get("feeCurrency") or "")
    if not currency:
        got_base = instrument.kind is InstrumentKind.SPOT and row["side"] == "Buy"
        currency = instrument.base if got_base else instrument.quote
    fee = row.get("execFee")
    if fee is None or fee == "":
        return currency, ""
    extra = row.get("extraFees") or []
    taxes = [one["fee"] for one in fields.objects(extra) if one.get("feeCoin") == currency]
    return currency, fields.summed(fee, *taxes)


def cash_flow(row: Mapping[str, Any], known: Known) -> Report | None:
    """A row of account/transaction-log; None for trades, which their executions tell, and for what
    moves no money of ours by itself. `change` is what came to the account."""
    return fields.read(lambda: _cash_flow(row, known), "transaction")


def _cash_flow(row: Mapping[str, Any], known: Known) -> Report | None:
    kind = _LOG_KINDS.get(fields.text(row["type"]))
    if kind is None:
        return None
    amount = row.get("funding") if kind is ExecKind.FUNDING else row["change"]
    market = market_of(row, "")
    return Report(
        kind, instrument=known.instrument(market, row.get("symbol") or "") if market else None,
        fee_text=fields.negated(amount or row["change"]), fee_currency=fields.text(row["currency"]),
        ts_event_ns=fields.ns_of_ms(row["transactionTime"]),
        trade_text=fields.text(row.get("tradeId") or row["id"]),
    )  # fmt: skip


def balances(accounts: Any) -> tuple[Balance, ...]:
    """Currencies out of account/wallet-balance or the `wallet` topic. What a unified account may
    use stands in dollars for the whole of it; a currency's own `free` is wallet less locked."""

    def made() -> tuple[Balance, ...]:
        return tuple(
            _balance(coin)
            for one in fields.objects(accounts)
            for coin in fields.objects(one["coin"])
        )

    return fields.read(made, "wallet")


def _balance(coin: Mapping[str, Any]) -> Balance:
    wallet = fields.decimal(coin.get("walletBalance") or "0")
    locked = fields.decimal(coin.get("locked") or "0")
    free = fields.summed(wallet, fields.negated(locked))
    total = coin.get("equity")
    return Balance(
        fields.text(coin["coin"]), free, locked, wallet, fields.decimal(total) if total else ""
    )


def position(row: Mapping[str, Any], market: str, known: Known) -> Position:
    """A row of position/list or the `position` topic; flat ones have quantity 0."""
    return fields.read(lambda: _position(row, market, known), "position")


def _position(row: Mapping[str, Any], market: str, known: Known) -> Position:
    symbol, side = fields.text(row["symbol"]), fields.text(row.get("side") or "")
    size = fields.decimal(row.get("size") or "0")
    if side not in {"", "None", *SIDES}:
        raise MalformedMessageError(f"position side {fields.shown(side)}")

    def shown(name: str) -> str:
        value = row.get(name)
        return "" if value is None or value == "" else fields.decimal(value)

    return Position(
        symbol, _POSITION_SIDES[fields.integer(row["positionIdx"])],
        fields.negated(size) if side == "Sell" else size,
        shown("entryPrice") or shown("avgPrice"), shown("markPrice"), shown("liqPrice"),
        shown("unrealisedPnl"), shown("leverage"), str(row.get("tradeMode", "")),
        known.instrument(market, symbol),
    )  # fmt: skip


def rows_of(
    result: Any, market: str, read_row: Callable[[Mapping[str, Any], str], Any]
) -> tuple[Any, ...]:
    """Each row of a list's result that is of a market of ours and says something."""
    found = []
    for row in fields.objects(result["list"]):
        of = market_of(row, market)
        made = read_row(row, of) if of else None
        if made is not None:
            found.append(made)
    return tuple(found)
