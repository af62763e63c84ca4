"""Coinone's order side, incoming: bytes -> replies, reports, balances. No I/O, no state.

Numbers are texts, times seconds or milliseconds by page, names of a frame long or short. A `cancel`
event says what was cancelled and never what had traded, so it also asks for a look at the order.
Every answer of REST comes under HTTP 200; its `result` decides. Sources: place-order, cancel-order,
order-detail, active-orders, completed-orders, private-websocket-1 with its channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oms.venues.coinone import errors, listing, spec
from oms.venues.coinone.rows import balance, detail, fill, seconds_or_ms, view_of_cancel
from oms.venues.data import Charge, Proof
from oms.venues.reports import Ask, FeeRate, Fill, Item, Known, Notice, OrderView, Read, Reply, Want
from oms.venues.shared import fields
from oms.venues.trade_base import HTTP_TOO_MANY, Instrument, MalformedMessageError, Report
from shm_layout.enums import FLAG_LAST, ExecKind, Liquidity, OrderSpace, RejectReason, Side

_SIDES = {"BID": Side.BUY, "ASK": Side.SELL}
_OPEN = {
    "wait": OrderSpace.BOOK, "watch": OrderSpace.CONDITIONAL,
    "not_triggered": OrderSpace.CONDITIONAL,
}  # fmt: skip
_STATES = frozenset({*_OPEN, "trade", "trade_done", "cancel", "cancel_post_only"})
_HEADS = {"r": "response_type", "c": "channel", "d": "data"}
_LONG = {
    "MYORDER": {
        "qc": "quote_currency", "tc": "target_currency", "oi": "order_id", "t": "type",
        "st": "status", "s": "side", "op": "order_price", "oq": "order_qty", "oa": "order_amount",
        "ti": "trade_id", "im": "is_maker", "ep": "executed_price", "eq": "executed_qty",
        "ef": "executed_fee", "rq": "remain_qty", "ra": "remain_amount", "ui": "user_order_id",
        "pq": "prevented_qty", "et": "executed_timestamp", "ot": "order_timestamp",
        "ts": "timestamp",
    },
    "MYASSET": {"as": "assets", "t": "type", "ts": "timestamp"},
}  # fmt: skip
"""Short names of the two private channels."""
_LONG_ASSET = {"c": "currency", "a": "available", "l": "limit"}
_HTTP_SERVER_ERROR = 500
_LIMITS = {bucket.name: bucket.limit for bucket in spec.BUCKETS}


def read(data: bytes, known: Known) -> Read:
    """One frame of the private connection."""
    return fields.read(lambda: _frame(fields.load(data), known), "frame")


def _renamed(found: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in found.items()}


def _frame(message: Any, known: Known) -> Read:
    head = _renamed(message, _HEADS) if "r" in message else message
    kind = fields.text(head["response_type"])
    if kind == "DATA":
        return _data(fields.text(head["channel"]), head["data"], known)
    if kind == "CONNECTED":
        session = fields.text(head["data"]["session_id"])
        return Read(notices=(Notice("logged_on", value=session),))
    if kind == "SUBSCRIBED":
        return Read(notices=(Notice("subscribed", text=fields.text(head["channel"])),))
    if kind == "PONG":
        return Read(notices=(Notice("pong"),))
    if kind == "ERROR":
        code, text = fields.integer(head["error_code"]), fields.text(head["message"])
        return Read(notices=(Notice("refused", code=code, text=text),))
    return Read(notices=(Notice("other", text=kind),))


def _data(channel: str, data: Any, known: Known) -> Read:
    if channel not in _LONG:
        return Read(notices=(Notice("other", text=channel),))
    event = _renamed(data, _LONG[channel])
    if channel == "MYORDER":
        return _my_order(event, known)
    rows = [_renamed(row, _LONG_ASSET) for row in fields.objects(event["assets"])]
    stamp = seconds_or_ms(event["timestamp"])
    return Read(balances=tuple(("", balance(row)) for row in rows), event_ns=stamp)


def _my_order(event: Mapping[str, Any], known: Known) -> Read:
    state = fields.text(event["status"])
    if state not in _STATES:
        raise MalformedMessageError(f"order state {fields.shown(state)}")
    quote, target = fields.text(event["quote_currency"]), fields.text(event["target_currency"])
    venue_id, side = fields.text(event["order_id"]), _SIDES[fields.text(event["side"])]
    stamp = seconds_or_ms(event["timestamp"])
    instrument = known.instrument(spec.NAME, spec.symbol_of(quote, target))
    client_id = fields.our_id(known.system_id, event.get("user_order_id"))
    client_id = client_id or known.client_order_id(spec.NAME, venue_id)
    if instrument is None or (not client_id and state not in _OPEN):
        return Read(event_ns=stamp)
    report = Report(
        ExecKind.ACK, client_id, instrument, side, ts_event_ns=stamp, venue_order_id=venue_id
    )
    if state in _OPEN:
        return _opened(report, event, instrument, _OPEN[state])
    reports, look = [report], fields.given_decimal(event.get("prevented_qty")).strip("0.") != ""
    if state in {"trade", "trade_done"}:
        reports, unsure = _traded(report, event, instrument, quote.upper())
        look = look or unsure
    else:
        report.kind = ExecKind.CANCELED
        report.reason = RejectReason.SELF_TRADE if look else RejectReason.UNSET
        report.text = f"{state} {fields.given_decimal(event.get('executed_qty'))}".rstrip()
        if state == "cancel_post_only":
            report.reason = RejectReason.WOULD_TAKE
        look = look or state == "cancel"
    notices = (Notice("look", text=state, value=venue_id),) if look else ()
    return Read(
        reports=tuple(("", one) for one in reports), notices=notices, event_ns=stamp
    )  # fmt: skip


def _opened(
    report: Report, event: Mapping[str, Any], instrument: Instrument, space: OrderSpace
) -> Read:
    report.space = space
    if not report.client_order_id:
        report.kind = ExecKind.EXTERNAL_OPEN
        report.px = fields.given_amount(event.get("order_price"), instrument.px_scale)
        report.qty = max(fields.given_amount(event.get("order_qty"), instrument.qty_scale), 0)
    return Read(reports=(("", report),), event_ns=report.ts_event_ns)


def _traded(
    report: Report, event: Mapping[str, Any], instrument: Instrument, quote: str
) -> tuple[list[Report], bool]:
    """(a fill, and the end where the word is `trade_done`; whether the order has to be looked at).
    One trade may come under both words: the fill is known by its id, the end stands by itself."""
    by_amount = fields.text(event["type"]) == "MARKET" and report.side is Side.BUY
    remain = fields.given_amount(event.get("remain_qty"), instrument.qty_scale)
    nothing_left = not by_amount and 0 <= remain < max(instrument.lot, 1)
    done = event["status"] == "trade_done"
    unsure = done and not by_amount and remain >= max(instrument.lot, 1)
    reports = []
    if event.get("trade_id") is not None or not done:
        report.kind, report.fee_currency = ExecKind.FILL, quote
        report.px = fields.positive(event["executed_price"], instrument.px_scale)
        report.qty = fields.positive(event["executed_qty"], instrument.qty_scale)
        report.quote_qty = report.px * report.qty // instrument.notional_divisor
        report.fee_text = fields.decimal(event["executed_fee"])
        report.liquidity = Liquidity.MAKER if _truth(event["is_maker"]) else Liquidity.TAKER
        report.trade_text = fields.text(event["trade_id"])
        report.ts_event_ns = seconds_or_ms(event["executed_timestamp"]) or report.ts_event_ns
        report.flags = FLAG_LAST if (nothing_left or done) and not unsure else 0
        if not report.trade_text:
            raise MalformedMessageError("a trade without its id")
        reports.append(report)
    if done and not unsure:
        reports.append(
            Report(
                ExecKind.FOUND_FILLED, report.client_order_id, instrument, report.side,
                ts_event_ns=report.ts_event_ns, venue_order_id=report.venue_order_id,
                text="trade_done",
            )
        )  # fmt: skip
    return reports, unsure


def _truth(value: Any) -> bool:
    """A boolean in the samples, a text in the field's table."""
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    return fields.boolean(value)


def read_http(
    ask: Ask, status: int, headers: Mapping[str, str], body: bytes, known: Known
) -> Reply:
    """One answer of REST: whatever is no JSON proves nothing, a `result` of "error" has a code."""
    usage = usage_of(ask, headers)
    if status == 0:
        return Reply((Item(errors.NO_JSON, _shown(body), status=0),))
    if status == HTTP_TOO_MANY:
        return Reply((Item(errors.TOO_MANY, _shown(body), status=status),), usage=usage)
    try:
        found = fields.load(body)
    except (ValueError, RecursionError):
        return Reply((Item(errors.NO_JSON, _shown(body), status=status),), usage=usage)
    if status >= _HTTP_SERVER_ERROR:
        return Reply((Item(errors.SERVER_ERROR, _shown(body), status=status),), usage=usage)
    made = fields.read(lambda: _reply(ask, status, found, known), "answer")
    items = made.items or (Item(status=status),)
    server_ms = fields.read(lambda: fields.integer(found.get("server_time", 0)), "server_time")
    return Reply(items, made.rows, made.complete, made.next_page, usage, server_ms=server_ms)


def _reply(ask: Ask, status: int, body: Any, known: Known) -> Reply:
    code = fields.integer(body["error_code"])
    if body["result"] == "error" and code:
        text = fields.text(body.get("error_msg") or "")
        return Reply((Item(code, text, status=status),))
    if body["result"] != "success" or code:
        raise MalformedMessageError(f"result {fields.shown(body['result'])}, code {code}")
    want = ask.want
    if want is Want.PLACE:
        return Reply((_placed(ask, status, body, known),))
    if want is Want.CANCEL:
        return Reply((_canceled(ask, status, body, known),))
    if want is Want.CANCEL_ALL:
        done = fields.integer(body["canceled_count"]), fields.integer(body["total_order_count"])
        return Reply((Item(text=f"{done[0]} of {done[1]}"),), complete=done[0] == done[1])
    if want is Want.ORDER:
        view = detail(body["order"], known)
        item = Item(0, "", Proof.STATE, status, None, view, view.client_order_id)
        return Reply((item,), (view,), complete=True)
    if want is Want.OPEN_ORDERS:
        rows = body["active_orders"] if "active_orders" in body else body["open_orders"]
        views = tuple(detail(row, known) for row in fields.objects(rows))
        return Reply(rows=views, complete=len(views) <= spec.OPEN_LIST_MAX)
    if want in {Want.FILLS, Want.ORDER_FILLS}:
        return _fills(ask, body, known)
    return _lists(ask, body)


def _lists(ask: Ask, body: Mapping[str, Any]) -> Reply:
    if ask.want is Want.BALANCES:
        return Reply(rows=tuple(map(balance, fields.objects(body["balances"]))), complete=True)
    if ask.want is Want.FEES:
        rates = tuple(_rate(row) for row in fields.objects(body["fee_rates"]))
        return Reply(rows=rates, complete=True)
    if ask.want is Want.LISTING:
        return Reply(rows=listing.rows(ask, body), complete=True)
    if ask.want is Want.CLOCK:
        return Reply()
    raise MalformedMessageError(f"an answer to {ask.want.name}, which is never asked")


def _rate(row: Mapping[str, Any]) -> FeeRate:
    quote, target = fields.text(row["quote_currency"]), fields.text(row["target_currency"])
    symbol = spec.symbol_of(quote, target)
    return FeeRate(fields.decimal(row["maker"]), fields.decimal(row["taker"]), symbol)


def _placed(ask: Ask, status: int, body: Mapping[str, Any], known: Known) -> Item:
    """The order's id, and nothing else."""
    venue_id = fields.text(body["order_id"])
    order = ask.orders[0] if ask.orders else None
    ours = order.client_order_id if order else known.client_order_id(spec.NAME, venue_id)
    side = Side(order.side) if order else Side.UNSET
    report = Report(ExecKind.ACK, ours, ask.instrument, side, venue_order_id=venue_id)
    return Item(0, "", spec.CAPS.place_proves, status, report, None, ours)


def _canceled(ask: Ask, status: int, body: Mapping[str, Any], known: Known) -> Item:
    """The order as it ended: amounts, never a word."""
    named = ask.instrument.symbol if ask.instrument else ""
    symbol = named or next((view.symbol for view in ask.shown), "")
    view = view_of_cancel(body, symbol, ask.client_order_id, known)
    report = Report(
        view.kind, view.client_order_id, view.instrument, view.side, cum_qty=view.executed_qty,
        ts_event_ns=view.ts_event_ns, venue_order_id=view.venue_order_id,
    )  # fmt: skip
    return Item(0, "", spec.CAPS.cancel_proves, status, report, view, view.client_order_id)


def _fills(ask: Ask, body: Mapping[str, Any], known: Known) -> Reply:
    """A page, newest first; it goes on behind its last trade. Rows of pairs that are not traded are
    left out, and of other orders where one is asked for."""
    rows = fields.objects(body["completed_orders"])
    found = [fill(row, known) for row in rows]
    wanted = ask.venue_order_id if ask.want is Want.ORDER_FILLS else ""
    made: list[Fill | OrderView] = [
        one for one in found if one is not None and wanted in {"", one.venue_order_id}
    ]
    full = len(rows) >= spec.FILLS_PAGE
    page = fields.text(rows[-1]["trade_id"]) if full else ""
    return Reply(rows=tuple(made), complete=not full, next_page=page)


def usage_of(ask: Ask, headers: Mapping[str, str]) -> tuple[Charge, ...]:
    """`…-Ratelimit-Remaining` as what is used; the headers vanish once nothing is left."""
    made = []
    for header, bucket in spec.USAGE_HEADERS.items():
        left = headers.get(header, "")
        if left.isascii() and left.isdecimal():
            key = ("",) if bucket == "public" else (ask.account,)
            made.append(Charge(bucket, key, max(0, _LIMITS[bucket] - int(left))))
    return tuple(made)


def _shown(body: bytes) -> str:
    return body[:120].decode("utf-8", "replace")
