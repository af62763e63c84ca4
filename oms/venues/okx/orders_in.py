"""OKX's order side, incoming: rows of channels and lists -> canonical words. No I/O.

Sources: www.okx.com/docs-v5, order-book-trading-trade ("Order channel", "Get order details", "Get
transaction details"), algo-trading, trading-account. Sizes of swaps are contracts and become base
units exactly. Fees are negative where they are paid; ours are positive where they are paid.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oms.venues.okx.spec import MARKETS_BY_TYPE
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
from oms.venues.shared.contracts import to_base
from shm_layout.enums import (
    ExecKind,
    Liquidity,
    OrderSpace,
    PositionSide,
    RejectReason,
    Side,
)
from shm_layout.records import UNDEF

SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_STATES = {
    "live": ExecKind.FOUND_OPEN,
    "partially_filled": ExecKind.FOUND_OPEN,
    "filled": ExecKind.CANCELED,
    "canceled": ExecKind.CANCELED,
    "mmp_canceled": ExecKind.CANCELED,
}
"""`state` of an order; an end becomes FOUND_FILLED by its amounts alone."""
_ALGO_STATES = {
    "live": ExecKind.FOUND_OPEN,
    "pause": ExecKind.FOUND_OPEN,
    "partially_effective": ExecKind.FOUND_OPEN,
    "effective": ExecKind.TRIGGERED,
    "canceled": ExecKind.CANCELED,
    "order_failed": ExecKind.REJECT,
    "partially_failed": ExecKind.REJECT,
}
_FILL_KINDS = {
    "adl": ExecKind.ADL,
    "full_liquidation": ExecKind.LIQUIDATION,
    "partial_liquidation": ExecKind.LIQUIDATION,
}
"""`category` of an order that the exchange made."""
_CANCEL_REASONS = {
    "20": RejectReason.KILLED,
    "21": RejectReason.REDUCE_ONLY, "22": RejectReason.REDUCE_ONLY,
    "23": RejectReason.REDUCE_ONLY,
    "2": RejectReason.INSUFFICIENT_FUNDS, "3": RejectReason.INSUFFICIENT_FUNDS,
    "9": RejectReason.INSUFFICIENT_FUNDS, "15": RejectReason.PRICE_BAND,
    "27": RejectReason.PRICE_BAND, "31": RejectReason.WOULD_TAKE, "32": RejectReason.SELF_TRADE,
    "44": RejectReason.POSITION_LIMIT,
}  # fmt: skip
"""`cancelSource`: why, where it was neither we nor the order's own time in force."""
_REDUCED_BY_SYSTEM = "4"
"""`amendSource`: a reduce-only order was made smaller."""
_POSITION_SIDES = {
    "net": PositionSide.BOTH, "long": PositionSide.LONG, "short": PositionSide.SHORT,
}  # fmt: skip
_BILL_KINDS = {"1": ExecKind.TRANSFER, "8": ExecKind.FUNDING}


def market_of(row: Mapping[str, Any]) -> str:
    """ "" = an instrument type that is none of ours (margin, futures, options)."""
    return MARKETS_BY_TYPE.get(fields.text(row["instType"]), "")


def size(value: Any, instrument: Instrument) -> int:
    """A quantity in base units; 0 for an empty one."""
    if value is None or value == "":
        return 0
    if instrument.contract_size:
        return to_base(fields.decimal(value), instrument.contract_size)
    return fields.amount(value, instrument.qty_scale)


def _price(value: Any, instrument: Instrument) -> int:
    """A limit price; market orders show "", "0" or "-1"."""
    found = fields.given_amount(value, instrument.px_scale)
    return found if found > 0 else UNDEF


def order(row: Mapping[str, Any], market: str, known: Known) -> OrderView:
    """A row of trade/order, its lists, or the `orders` channel."""
    return fields.read(lambda: _order(row, market, known), "order")


def _order(row: Mapping[str, Any], market: str, known: Known) -> OrderView:
    symbol = fields.text(row["instId"])
    instrument = known.instrument(market, symbol)
    venue_id, client_text = fields.text(row["ordId"]), fields.text(row.get("clOrdId") or "")
    word = fields.text(row["state"])
    if word not in _STATES:
        raise MalformedMessageError(f"order state {fields.shown(word)}")
    amount = _by_amount(row, market)
    px = qty = quote = UNDEF
    executed, lot = 0, 1
    if instrument is not None:
        px, executed, lot = _price(row.get("px"), instrument), 0, instrument.lot
        executed = size(row.get("accFillSz"), instrument)
        qty = UNDEF if amount else size(row["sz"], instrument)
        average = row.get("avgPx")
        if executed and average not in {None, "", "0"}:
            quote = _worth(fields.decimal(average), executed, instrument)
    kind = _STATES[word]
    if kind is ExecKind.CANCELED:
        kind = fields.end_kind(qty, executed, lot, kind)
        if amount and word == "filled":
            kind = ExecKind.FOUND_FILLED
    source = fields.text(row.get("cancelSource") or "")
    fee = row.get("fee")
    return OrderView(
        fields.our_id(known.system_id, client_text) or known.client_order_id(market, venue_id),
        client_text, venue_id, instrument, symbol, kind, SIDES[row["side"]], px, qty, executed,
        quote, fields.negated(fee), fields.text(row.get("feeCcy") or ""),
        fields.ns_of_ms(row.get("uTime")), amount, OrderSpace.BOOK,
        fields.text(row.get("algoId") or ""), _CANCEL_REASONS.get(source, RejectReason.UNSET),
        f"{word} {source}".rstrip(),
    )  # fmt: skip


def _worth(average: str, executed: int, instrument: Instrument) -> int:
    """Amount by the average price, cut: a help, its digits are not the fills'."""
    px = fields.amount_down(average, instrument.px_scale)
    return px * executed // instrument.notional_divisor


def _by_amount(row: Mapping[str, Any], market: str) -> bool:
    """Spot market orders: quantity in quote where said so, and of a buy where nothing is said
    ("Place order": tgtCcy)."""
    if market != "okx.spot" or row.get("ordType") != "market":
        return False
    unit = row.get("tgtCcy") or ""
    return bool(unit == "quote_ccy" or (unit == "" and row["side"] == "buy"))


def order_reports(row: Mapping[str, Any], market: str, known: Known) -> tuple[Report, ...]:
    """What a push of the `orders` channel says: a fill where it carries one, then the state. An
    order that is not ours is told when it opens; its fills are told."""
    view = order(row, market, known)
    if view.instrument is None:
        return ()
    fill = fields.read(lambda: _pushed_fill(row, view), "fill")
    state = fields.read(lambda: _state_report(row, view), "order")
    return tuple(one for one in (fill, state) if one is not None)


def _pushed_fill(row: Mapping[str, Any], view: OrderView) -> Report | None:
    assert view.instrument is not None
    qty = size(row.get("fillSz"), view.instrument)
    if not qty or not row.get("tradeId"):
        return None
    fee = row.get("fillFee") if row.get("fillFee") is not None else ""
    currency = row.get("fillFeeCcy") or row.get("feeCcy") or ""
    return _fill(row, view.instrument, view.client_order_id, qty, fee, currency, "fillTime")


def _fill(
    row: Mapping[str, Any], instrument: Instrument, client_id: int, qty: int, fee: Any,
    currency: Any, time_name: str,
) -> Report:  # fmt: skip
    px = fields.amount(row["fillPx"], instrument.px_scale)
    if qty <= 0 or px <= 0:
        raise MalformedMessageError(f"a fill of {row['fillSz']} at {row['fillPx']}")
    trade = fields.text(row["tradeId"])
    numeric = trade.isdecimal() and len(trade) < 19
    maker = fields.text(row.get("execType") or "")
    if maker not in {"", "M", "T"}:
        raise MalformedMessageError(f"execType {fields.shown(maker)}")
    return Report(
        _FILL_KINDS.get(row.get("category") or "", ExecKind.FILL), client_id, instrument,
        SIDES[row["side"]],
        {"M": Liquidity.MAKER, "T": Liquidity.TAKER}.get(maker, Liquidity.UNSET), px=px, qty=qty,
        quote_qty=px * qty // instrument.notional_divisor, fee_text=fields.negated(fee),
        fee_currency=fields.text(currency), trade_id=int(trade) if numeric else 0,
        trade_text="" if numeric else trade, ts_event_ns=fields.ns_of_ms(row[time_name]),
        venue_order_id=fields.text(row["ordId"]),
    )  # fmt: skip


def _state_report(row: Mapping[str, Any], view: OrderView) -> Report | None:
    kind = ExecKind.ACK if view.kind is ExecKind.FOUND_OPEN else view.kind
    text = view.word
    if kind is ExecKind.ACK:
        amended = fields.text(row.get("amendResult") or "")
        if row.get("amendSource") == _REDUCED_BY_SYSTEM:
            kind = ExecKind.REDUCED
        elif amended == "-1":
            kind, text = ExecKind.AMEND_REJECT, fields.text(row.get("msg") or "")
        elif amended in {"0", "2"}:
            kind = ExecKind.AMENDED
    if view.client_order_id == 0:
        if kind is not ExecKind.ACK:
            return None
        kind = ExecKind.EXTERNAL_OPEN
    code = row.get("code") or "0"
    return Report(
        kind, view.client_order_id, view.instrument, view.side, reason=view.reason,
        venue_code=fields.integer(code), px=view.px,
        qty=view.qty if kind is ExecKind.EXTERNAL_OPEN and view.qty != UNDEF else 0,
        cum_qty=view.executed_qty, fee_currency=view.fee_currency, ts_event_ns=view.ts_event_ns,
        venue_order_id=view.venue_order_id, text=text, cum_fee_text=view.cum_fee_text,
        cum_quote_qty=view.executed_quote, total_qty=view.qty, space=view.space,
    )  # fmt: skip


def fill(row: Mapping[str, Any], market: str, known: Known) -> Fill | None:
    """A row of trade/fills or fills-history; None for an instrument that is not traded here."""
    return fields.read(lambda: _history_fill(row, market, known), "fill")


def _history_fill(row: Mapping[str, Any], market: str, known: Known) -> Fill | None:
    instrument = known.instrument(market, fields.text(row["instId"]))
    if instrument is None:
        return None
    venue_id = fields.text(row["ordId"])
    client_id = fields.our_id(known.system_id, row.get("clOrdId"))
    qty = size(row["fillSz"], instrument)
    made = _fill(
        row, instrument, client_id or known.client_order_id(market, venue_id), qty, row["fee"],
        row["feeCcy"], "fillTime" if row.get("fillTime") else "ts",
    )  # fmt: skip
    return Fill(venue_id, made, fields.text(row["tradeId"]))


def algo(row: Mapping[str, Any], market: str, known: Known) -> OrderView:
    """A row of order-algo, orders-algo-pending or the `orders-algo` channel; `second_id` is the
    order that it became."""
    return fields.read(lambda: _algo(row, market, known), "algo order")


def _algo(row: Mapping[str, Any], market: str, known: Known) -> OrderView:
    symbol = fields.text(row["instId"])
    instrument = known.instrument(market, symbol)
    algo_id, client_text = fields.text(row["algoId"]), fields.text(row.get("algoClOrdId") or "")
    word = fields.text(row["state"])
    if word not in _ALGO_STATES:
        raise MalformedMessageError(f"state of an algo order {fields.shown(word)}")
    px = qty = UNDEF
    if instrument is not None:
        names = ("ordPx", "slOrdPx", "tpOrdPx")
        shown = [row[name] for name in names if row.get(name) not in {None, "", "0"}]
        px = _price(shown[0], instrument) if shown else UNDEF
        by_quote = market == "okx.spot" and row.get("tgtCcy") == "quote_ccy"
        whole = by_quote or row.get("sz") in {None, ""}
        qty = UNDEF if whole else size(row["sz"], instrument)
    return OrderView(
        fields.our_id(known.system_id, client_text) or known.client_order_id(market, algo_id),
        client_text, algo_id, instrument, symbol, _ALGO_STATES[word], SIDES[row["side"]], px, qty,
        ts_event_ns=fields.ns_of_ms(row.get("uTime") or row.get("cTime")), space=OrderSpace.ALGO,
        second_id=fields.text(row.get("ordId") or ""), word=word,
    )  # fmt: skip


def algo_report(view: OrderView) -> Report | None:
    """What a push of the `orders-algo` channel says."""
    if view.instrument is None:
        return None
    kind = ExecKind.ACK if view.kind is ExecKind.FOUND_OPEN else view.kind
    if view.client_order_id == 0:
        if kind is not ExecKind.ACK:
            return None
        kind = ExecKind.EXTERNAL_OPEN
    failed = kind is ExecKind.REJECT
    return Report(
        kind, view.client_order_id, view.instrument, view.side,
        reason=RejectReason.VENUE_REJECT if failed else RejectReason.UNSET, px=view.px,
        qty=view.qty if kind is ExecKind.EXTERNAL_OPEN and view.qty != UNDEF else 0,
        ts_event_ns=view.ts_event_ns, venue_order_id=view.venue_order_id, text=view.word,
        total_qty=view.qty, second_id=view.second_id, space=OrderSpace.ALGO,
    )  # fmt: skip


def balances(accounts: Any) -> tuple[Balance, ...]:
    """Currencies out of account/balance or the `account` channel."""

    def made() -> tuple[Balance, ...]:
        return tuple(
            Balance(
                fields.text(coin["ccy"]), _shown(coin, "availBal"), _shown(coin, "frozenBal"),
                _shown(coin, "cashBal"), _shown(coin, "eq"),
            )
            for one in fields.objects(accounts)
            for coin in fields.objects(one["details"])
        )  # fmt: skip

    return fields.read(made, "balance")


def _shown(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return "" if value is None or value == "" else fields.decimal(value)


def position(row: Mapping[str, Any], market: str, known: Known) -> Position:
    """A row of account/positions or the `positions` channel: contracts, signed in net mode."""
    return fields.read(lambda: _position(row, market, known), "position")


def _position(row: Mapping[str, Any], market: str, known: Known) -> Position:
    symbol, side = fields.text(row["instId"]), _POSITION_SIDES[row["posSide"]]
    held = fields.decimal(row["pos"] or "0")
    return Position(
        symbol, side, fields.negated(held) if side is PositionSide.SHORT else held,
        _shown(row, "avgPx"), _shown(row, "markPx"), _shown(row, "liqPx"), _shown(row, "upl"),
        _shown(row, "lever"), fields.text(row.get("mgnMode") or ""),
        known.instrument(market, symbol),
    )  # fmt: skip


def bill(row: Mapping[str, Any], known: Known) -> Report | None:
    """A row of account/bills: funding and transfers; None for what fills tell."""
    return fields.read(lambda: _bill(row, known), "bill")


def _bill(row: Mapping[str, Any], known: Known) -> Report | None:
    kind = _BILL_KINDS.get(fields.text(row["type"]))
    if kind is None:
        return None
    market = MARKETS_BY_TYPE.get(row.get("instType") or "", "")
    return Report(
        kind, instrument=known.instrument(market, row.get("instId") or "") if market else None,
        fee_text=fields.negated(row["balChg"]), fee_currency=fields.text(row["ccy"]),
        ts_event_ns=fields.ns_of_ms(row["ts"]), trade_text=fields.text(row["billId"]),
    )  # fmt: skip
