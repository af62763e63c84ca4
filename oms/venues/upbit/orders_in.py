"""Upbit's order side, incoming: bytes -> replies, reports, balances. No I/O, no state.

`myOrder` prints numbers that went through a double; where one is too large to have kept its last
digit, the event asks for a look at the order by REST, whose numbers are texts. Anything that has
not the documented shape is a MalformedMessageError. Sources: websocket-myorder, websocket-myasset,
get-order, list-open-orders, list-closed-orders, cancel-orders-by-ids, cancel-and-new-order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oms.venues.data import Charge, Proof
from oms.venues.reports import Ask, Item, Known, Notice, OrderView, Read, Reply, Want
from oms.venues.shared import fields
from oms.venues.shared.bid_ask import order_lists
from oms.venues.shared.bid_ask import rows as bid_ask
from oms.venues.shared.bid_ask.rows import AT_ONCE, OPEN_WORDS, Amounts, quote_of
from oms.venues.trade_base import Instrument, MalformedMessageError, Report
from oms.venues.upbit import errors, listing, spec
from shm_layout.enums import ExecKind, Liquidity, RejectReason, Side
from shm_layout.records import UNDEF

_SIDES = {"BID": Side.BUY, "ASK": Side.SELL}
_STATES = frozenset({"wait", "watch", "trade", "done", "cancel", "prevented"})
_LIMITS = {bucket.name: bucket.limit for bucket in spec.BUCKETS}
_HTTP_ERROR = 400
NO_SUCCESSOR = "the old order ended first, so no new one was made"


def read(data: bytes, known: Known) -> Read:
    """One frame of the private connection."""
    return fields.read(lambda: _frame(fields.load(data), known), "frame")


def _frame(message: Any, known: Known) -> Read:
    if "error" in message:
        error = message["error"]
        text = f"{fields.text(error['name'])} {error.get('message') or ''}".rstrip()
        return Read(notices=(Notice("refused", text=text),))
    if "status" in message and "type" not in message:
        return Read(notices=(Notice("pong", value=fields.text(message["status"])),))
    if message.get("method") == "LIST_SUBSCRIPTIONS":
        types = sorted(fields.text(one["type"]) for one in fields.objects(message["result"]))
        return Read(notices=(Notice("subscribed", text=" ".join(types)),))
    kind = fields.text(message["type"])
    if kind == "myOrder":
        return _my_order(message, known)
    if kind == "myAsset":
        rows = fields.objects(message["assets"])
        stamp = fields.ns_of_ms(message["asset_timestamp"])
        return Read(balances=tuple(("", bid_ask.balance(row)) for row in rows), event_ns=stamp)
    if kind == "announcement":
        text = f"{fields.text(message['category'])}: {fields.text(message['title'])}"
        return Read(notices=(Notice("status", text=text),))
    return Read(notices=(Notice("other", text=kind),))


def _my_order(event: Mapping[str, Any], known: Known) -> Read:
    symbol, state = fields.text(event["code"]), fields.text(event["state"])
    quote = quote_of(symbol)
    if state not in _STATES:
        raise MalformedMessageError(f"order state {fields.shown(state)}")
    venue_id = fields.text(event["uuid"])
    side = _SIDES[fields.text(event["ask_bid"])]
    if fields.text(event["order_type"]) not in bid_ask.TYPES:
        raise MalformedMessageError(f"order type {fields.shown(event['order_type'])}")
    stamp = fields.ns_of_ms(event["timestamp"])
    instrument = known.instrument(spec.NAME, symbol)
    client_id = fields.our_id(known.system_id, event.get("identifier"))
    client_id = client_id or known.client_order_id(spec.NAME, venue_id)
    if instrument is None:
        return Read(event_ns=stamp)
    report = Report(
        ExecKind.ACK, client_id, instrument, side, ts_event_ns=stamp, venue_order_id=venue_id
    )
    exact = _running(report, event, instrument, quote)
    if not client_id:
        return _foreign(report, event, instrument)
    if state == "trade":
        exact = _trade(report, event, instrument)
    elif state == "prevented":
        report.kind, report.reason = ExecKind.REDUCED, RejectReason.SELF_TRADE
        exact = exact and _reduced(report, event, instrument)
    elif state not in OPEN_WORDS:
        _end(report, event, instrument)
    else:
        report.space = OPEN_WORDS[state]
    if not exact:
        look = Notice("look", text=f"{state}: beyond a double", value=venue_id)
        return Read(notices=(look,), event_ns=stamp)
    return Read(reports=(("", report),), event_ns=stamp)


def _running(report: Report, event: Mapping[str, Any], instrument: Instrument, quote: str) -> bool:
    """Sums of the order so far; whether its quantity is exact."""
    report.cum_qty = fields.exact_double(event["executed_volume"], instrument.qty_scale)
    if event.get("executed_funds") is not None:
        report.cum_quote_qty = fields.amount_down(event["executed_funds"], instrument.quote_scale)
    report.cum_fee_text, report.fee_currency = fields.decimal(event["paid_fee"]), quote
    return report.cum_qty != UNDEF


def _foreign(report: Report, event: Mapping[str, Any], instrument: Instrument) -> Read:
    """An order that is not ours is reported when it opens, and not after."""
    stamp = report.ts_event_ns
    if event["state"] not in OPEN_WORDS:
        return Read(event_ns=stamp)
    report.kind, report.space = ExecKind.EXTERNAL_OPEN, OPEN_WORDS[event["state"]]
    report.px = fields.given_amount(event.get("price"), instrument.px_scale)
    volume = fields.given_amount(event.get("volume"), instrument.qty_scale)
    report.qty = 0 if volume == UNDEF else volume
    return Read(reports=(("", report),), event_ns=stamp)


def _trade(report: Report, event: Mapping[str, Any], instrument: Instrument) -> bool:
    """`price` and `volume` are the fill's in this state alone."""
    report.kind = ExecKind.FILL
    report.px = fields.positive(event["price"], instrument.px_scale)
    report.qty = fields.positive(event["volume"], instrument.qty_scale)
    report.quote_qty = report.px * report.qty // instrument.notional_divisor
    report.fee_text = fields.decimal(event["trade_fee"])
    maker = fields.boolean(event["is_maker"])
    report.liquidity = Liquidity.MAKER if maker else Liquidity.TAKER
    report.trade_text = fields.text(event["trade_uuid"])
    report.ts_event_ns = fields.ns_of_ms(event["trade_timestamp"])
    if not report.trade_text:
        raise MalformedMessageError("a trade without its id")
    return report.qty < fields.DOUBLE_UNITS_MAX


def _reduced(report: Report, event: Mapping[str, Any], instrument: Instrument) -> bool:
    """What it is from now on: what traded and what remains. An order by amount says no quantity."""
    if event.get("remaining_volume") is None:
        return True
    remaining = fields.exact_double(event["remaining_volume"], instrument.qty_scale)
    if remaining != UNDEF:
        report.total_qty = report.cum_qty + remaining
    return remaining != UNDEF


def _end(report: Report, event: Mapping[str, Any], instrument: Instrument) -> None:
    """`done` and `cancel`, told by amounts; a market buy whose last won bought nothing says
    `cancel`."""
    kind, word = event["order_type"], event["state"]
    buys = event["ask_bid"] == "BID"
    amounts = Amounts(
        by_amount=kind == "price" or (kind == "best" and buys),
        executed=max(report.cum_qty, 0),
        spent=report.cum_quote_qty,
        lot=instrument.lot,
        prevented=bool(fields.given_decimal(event.get("prevented_volume")).strip("0.")),
    )
    if amounts.by_amount:
        amounts.total = fields.given_amount(event.get("price"), instrument.quote_scale)
    else:
        amounts.qty = fields.given_amount(event.get("volume"), instrument.qty_scale)
    report.kind = bid_ask.end_or_open(event, amounts, spec.DIALECT)
    report.reason = bid_ask.why_ended(event, amounts, spec.DIALECT, report.kind)
    at_once = event.get("time_in_force") in AT_ONCE
    report.text = f"{word} {event['time_in_force']}" if at_once else word


def read_http(
    ask: Ask, status: int, headers: Mapping[str, str], body: bytes, known: Known, access_key: str
) -> Reply:
    """One answer of REST."""
    server_ms, usage = fields.ms_of_date(headers), usage_of(ask, headers)
    if status == 0 or status >= _HTTP_ERROR:
        item = errors.NAMES.item(status, body)
        return Reply((item,), server_ms=server_ms, usage=usage)
    made = fields.read(lambda: _reply(ask, status, fields.load(body), known, access_key), "answer")
    return Reply(
        made.items or (Item(status=status),), made.rows, made.complete, made.next_page, usage,
        server_ms=server_ms,
    )  # fmt: skip


def _reply(ask: Ask, status: int, body: Any, known: Known, access_key: str) -> Reply:
    want = ask.want
    if want in {Want.PLACE, Want.FENCE, Want.TEST_ORDER}:
        view = bid_ask.order_view(body, spec.DIALECT, known)
        report = None if want is Want.TEST_ORDER else bid_ask.ack(view, ExecKind.ACK)
        proof = spec.CAPS.place_proves
        return Reply((Item(0, "", proof, status, report, view, view.client_order_id),), (view,))
    if want is Want.REPLACE:
        return Reply(_replaced(ask, status, body, known))
    if want is Want.CANCEL and "success" not in body:
        view = bid_ask.order_view(body, spec.DIALECT, known)
        item = Item(0, "", spec.CAPS.cancel_proves, status, None, view, view.client_order_id)
        return Reply((item,), (view,))
    if want in {Want.CANCEL, Want.CANCEL_ALL}:
        return Reply(_canceled(status, body, known))
    if want in {Want.ORDER, Want.ORDER_FILLS}:
        view = bid_ask.order_view(body, spec.DIALECT, known)
        item = Item(0, "", Proof.STATE, status, None, view, view.client_order_id)
        return Reply((item,), (view, *bid_ask.fills(body, view)), complete=True)
    if want in {Want.OPEN_ORDERS, Want.ENDED_ORDERS}:
        views = [bid_ask.order_view(row, spec.DIALECT, known) for row in fields.objects(body)]
        return _open(ask, views) if want is Want.OPEN_ORDERS else _ended(ask, views)
    if want is Want.BALANCES:
        return Reply(rows=tuple(map(bid_ask.balance, fields.objects(body))), complete=True)
    if want is Want.FEES:
        return Reply(rows=bid_ask.chance(body), complete=True)
    if want is Want.KEY:
        found = bid_ask.key_state(body, access_key)
        finding = RejectReason.UNSET if found else RejectReason.KEY_REFUSED
        return Reply((Item(status=status, finding=finding),), found, complete=True)
    if want is Want.LISTING:
        return Reply(rows=listing.rows(ask, body), complete=True)
    if want is Want.CLOCK:
        return Reply()
    raise MalformedMessageError(f"an answer to {want.name}, which is never asked")


def _replaced(ask: Ask, status: int, body: Any, known: Known) -> tuple[Item, ...]:
    """The new order, then the old one as it stood. Without a new id the old one filled first."""
    old = bid_ask.order_view(body, spec.DIALECT, known)
    cancel = Item(0, "", spec.CAPS.cancel_proves, status, None, old, old.client_order_id)
    ours = ask.orders[0].client_order_id if ask.orders else 0
    if body.get("new_order_uuid") is None:
        item = Item(errors.NO_SUCCESSOR, NO_SUCCESSOR, status=status, client_order_id=ours)
        return item, cancel
    report = Report(
        ExecKind.RECEIVED, ours, old.instrument, old.side, ts_event_ns=old.ts_event_ns,
        venue_order_id=fields.text(body["new_order_uuid"]),
    )  # fmt: skip
    return Item(0, "", Proof.RECEIVED, status, report, None, ours), cancel


def _canceled(status: int, body: Any, known: Known) -> tuple[Item, ...]:
    """`success` was accepted, not done; `failed` gives no reason."""
    parts = ((0, "", "success"), (errors.FAILED, "in the list `failed`", "failed"))
    return tuple(
        Item(code, text, spec.CAPS.cancel_proves, status, client_order_id=_whose(row, known))
        for code, text, name in parts
        for row in fields.objects(body[name]["orders"])
    )


def _whose(row: Mapping[str, Any], known: Known) -> int:
    found = fields.our_id(known.system_id, row.get("identifier"))
    return found or known.client_order_id(spec.NAME, fields.text(row["uuid"]))


def _open(ask: Ask, views: list[OrderView]) -> Reply:
    """Pages are counted, so a list that moves while it is read may hide a row: only one that fits
    a page is complete."""
    page = int(ask.page or "1")
    full = len(views) >= spec.OPEN_PAGE
    return Reply(
        rows=tuple(views), complete=page == 1 and not full, next_page=str(page + 1) if full else ""
    )


def _ended(ask: Ask, views: list[OrderView]) -> Reply:
    """By the time they were made, newest first, seven days and 1,000 at most: the next window ends
    where this one began, or at its oldest row, which is shown twice. Whether an edge belongs to a
    window is not documented, so windows overlap. Without `since_ms` one window is all."""
    since, until = order_lists.window(ask, spec.ENDED_WINDOW_MS)
    if len(views) >= spec.ENDED_MAX:
        oldest = min(view.ts_event_ns for view in views) // fields.NS_PER_MS
        since = min(oldest, until - 1)
    if not 0 < ask.since_ms < since:
        return Reply(rows=tuple(views), complete=len(views) < spec.ENDED_MAX)
    return Reply(rows=tuple(views), next_page=str(order_lists.next_until(since, until)))


def usage_of(ask: Ask, headers: Mapping[str, str]) -> tuple[Charge, ...]:
    """`Remaining-Req: group=order; min=…; sec=11` as what is used of the present second; `min` is
    dead. A group that is not listed, or another form, says nothing."""
    parts = dict(
        part.strip().partition("=")[::2] for part in headers.get("remaining-req", "").split(";")
    )
    group, left = parts.get("group", ""), parts.get("sec", "")
    if group not in _LIMITS or not (left.isascii() and left.isdecimal()):
        return ()
    by_address = group in {"market", "orderbook"}
    return (
        Charge(group, ("" if by_address else ask.account,), max(0, _LIMITS[group] - int(left))),
    )
