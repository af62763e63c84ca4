"""Bithumb's order side, incoming: bytes -> replies, reports, balances. No I/O, no state.

v2 answers to orders and cancels show an id and no state; `myOrder` says what became of them, in
numbers that went through a double. A fill has no fee of its own: the order has a running one. Where
a number is too large to have kept its last digit, the event asks for a look at the order by REST.
Sources: my-order v2, myAsset, order-request, batch, order-get, pending, history.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oms.venues.bithumb import errors, listing, spec
from oms.venues.data import Proof
from oms.venues.reports import Ask, Item, Known, Notice, Read, Reply, Want
from oms.venues.shared import fields
from oms.venues.shared.bid_ask import order_lists
from oms.venues.shared.bid_ask import rows as bid_ask
from oms.venues.shared.bid_ask.rows import OPEN_WORDS, Amounts, quote_of
from oms.venues.trade_base import Instrument, MalformedMessageError, Report
from shm_layout.enums import ExecKind, Liquidity, RejectReason, Side
from shm_layout.records import UNDEF

WINDOW = "window "
"""`next_page` of a list that goes on in an earlier window, which ends at the number behind it."""
_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_STATES = frozenset({"wait", "watch", "trade", "done", "cancel"})
_HTTP_ERROR = 400


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
    kind = fields.text(message["type"])
    if kind == "myOrder":
        return _my_order(message, known)
    if kind == "myAsset":
        rows = fields.objects(message["assets"])
        stamp = fields.ns_of_ms(message["asset_timestamp"])
        return Read(balances=tuple(("", bid_ask.balance(row)) for row in rows), event_ns=stamp)
    return Read(notices=(Notice("other", text=kind),))


def _my_order(event: Mapping[str, Any], known: Known) -> Read:
    symbol, state = fields.text(event["code"]), fields.text(event["state"])
    quote = quote_of(symbol)
    if state not in _STATES:
        raise MalformedMessageError(f"order state {fields.shown(state)}")
    if fields.text(event["order_type"]) not in bid_ask.TYPES:
        raise MalformedMessageError(f"order type {fields.shown(event['order_type'])}")
    venue_id, side = fields.text(event["order_id"]), _SIDES[fields.text(event["side"])]
    stamp = fields.ns_of_ms(event["timestamp"])
    instrument = known.instrument(spec.NAME, symbol)
    client_id = fields.our_id(known.system_id, event.get("client_order_id"))
    client_id = client_id or known.client_order_id(spec.NAME, venue_id)
    if instrument is None:
        return Read(event_ns=stamp)
    report = Report(
        ExecKind.ACK, client_id, instrument, side, ts_event_ns=stamp, venue_order_id=venue_id
    )
    if not client_id:
        return _foreign(report, event, instrument)
    exact = _running(report, event, instrument, quote)
    reports = [report]
    if state in OPEN_WORDS:
        report.space = OPEN_WORDS[state]
    elif state == "trade":
        exact = _trade(report, event, instrument) and exact
    else:
        _end(report, event, instrument)
    if not exact:
        look = Notice("look", text=f"{state}: beyond a double", value=venue_id)
        return Read(notices=(look,), event_ns=stamp)
    if state not in bid_ask.END_WORDS:
        reports += _reduced(report, event, instrument)
    return Read(reports=tuple(("", one) for one in reports), event_ns=stamp)


def _running(report: Report, event: Mapping[str, Any], instrument: Instrument, quote: str) -> bool:
    """Sums of the order so far, where they are said; whether its quantity is exact."""
    report.fee_currency = quote
    report.cum_fee_text = fields.given_decimal(event.get("paid_fee"))
    if event.get("executed_amount") is not None:
        report.cum_quote_qty = fields.amount_down(event["executed_amount"], instrument.quote_scale)
    if event.get("executed_quantity") is None:
        return True
    report.cum_qty = fields.exact_double(event["executed_quantity"], instrument.qty_scale)
    return report.cum_qty != UNDEF


def _foreign(report: Report, event: Mapping[str, Any], instrument: Instrument) -> Read:
    """An order that is not ours is reported when it opens, and not after."""
    stamp = report.ts_event_ns
    if event["state"] not in OPEN_WORDS:
        return Read(event_ns=stamp)
    report.kind, report.space = ExecKind.EXTERNAL_OPEN, OPEN_WORDS[event["state"]]
    if event["order_type"] == "limit":
        report.px = fields.amount(event["order_price"], instrument.px_scale)
    report.qty = fields.not_negative(event["order_quantity"], instrument.qty_scale)
    return Read(reports=(("", report),), event_ns=stamp)


def _trade(report: Report, event: Mapping[str, Any], instrument: Instrument) -> bool:
    """The fill; only a post_only order says whether it made or took. Whether it is exact."""
    report.kind = ExecKind.FILL
    report.px = fields.positive(event["trade_price"], instrument.px_scale)
    report.qty = fields.positive(event["trade_quantity"], instrument.qty_scale)
    report.quote_qty = report.px * report.qty // instrument.notional_divisor
    report.trade_text = fields.text(event["trade_id"])
    report.ts_event_ns = fields.ns_of_ms(event["trade_timestamp"])
    if event.get("time_in_force") == bid_ask.POST_ONLY:
        report.liquidity = Liquidity.MAKER
    if not report.trade_text:
        raise MalformedMessageError("a trade without its id")
    return report.qty < fields.DOUBLE_UNITS_MAX


def _reduced(report: Report, event: Mapping[str, Any], instrument: Instrument) -> list[Report]:
    """Self-trade prevention has no word of its own while the order lives: what traded and what
    remains is then less than what was ordered."""
    if event.get("remaining_quantity") is None or report.cum_qty == UNDEF:
        return []
    scale = instrument.qty_scale
    ordered = fields.exact_double(event["order_quantity"], scale)
    remaining = fields.exact_double(event["remaining_quantity"], scale)
    if UNDEF in {ordered, remaining} or report.cum_qty + remaining >= ordered:
        return []
    return [
        Report(
            ExecKind.REDUCED, report.client_order_id, instrument, report.side,
            reason=RejectReason.SELF_TRADE, cum_qty=report.cum_qty,
            ts_event_ns=report.ts_event_ns, venue_order_id=report.venue_order_id,
            total_qty=report.cum_qty + remaining,
        )
    ]  # fmt: skip


def _end(report: Report, event: Mapping[str, Any], instrument: Instrument) -> None:
    """`done` and `cancel`, told by amounts; `done` also ends an ioc whose rest was cancelled."""
    kind, word = event["order_type"], event["state"]
    amounts = Amounts(
        by_amount=kind == "price" or (kind == "best" and report.side is Side.BUY),
        executed=max(report.cum_qty, 0),
        spent=report.cum_quote_qty,
        lot=instrument.lot,
    )
    if amounts.by_amount:
        amounts.total = fields.amount_down(event["order_amount"], instrument.quote_scale)
    else:
        amounts.qty = fields.not_negative(event["order_quantity"], instrument.qty_scale)
    report.kind = bid_ask.end_or_open(event, amounts, spec.DIALECT)
    report.reason = bid_ask.why_ended(event, amounts, spec.DIALECT, report.kind)
    why = event.get("cancel_type")
    report.text = f"{word} {fields.text(why)}" if why else word


def read_http(
    ask: Ask, status: int, headers: Mapping[str, str], body: bytes, known: Known, access_key: str
) -> Reply:
    """One answer of REST. Public errors come under HTTP 200, so the body is looked at first."""
    server_ms = fields.ms_of_date(headers)
    if status == 0 or status >= _HTTP_ERROR:
        return Reply((errors.NAMES.item(status, body),), server_ms=server_ms)
    found = fields.read(lambda: fields.load(body), "answer")
    if isinstance(found, dict) and "error" in found:
        return Reply((errors.NAMES.item(status, body),), server_ms=server_ms)
    made = fields.read(lambda: _reply(ask, status, found, known, access_key), "answer")
    items = made.items or (Item(status=status),)
    return Reply(items, made.rows, made.complete, made.next_page, server_ms=server_ms)


def _reply(ask: Ask, status: int, body: Any, known: Known, access_key: str) -> Reply:
    want = ask.want
    if want is Want.PLACE and "batch_orders_response" in body:
        return Reply(_placed(ask, status, body["batch_orders_response"], known))
    if want is Want.PLACE:
        return Reply((_accepted(ask, status, body, known, 0),))
    if want is Want.CANCEL and "success" in body:
        return Reply(_canceled(status, body, known))
    if want is Want.CANCEL:
        return Reply((_item(status, body, known),))
    if want in {Want.ORDER, Want.ORDER_FILLS}:
        view = bid_ask.order_view(body, spec.DIALECT, known)
        item = Item(0, "", Proof.STATE, status, None, view, view.client_order_id)
        return Reply((item,), (view, *bid_ask.fills(body, view)), complete=True)
    if want in {Want.OPEN_ORDERS, Want.ENDED_ORDERS}:
        return _listed(ask, body, known)
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


def _accepted(ask: Ask, status: int, row: Mapping[str, Any], known: Known, at: int) -> Item:
    """An order that was received: its id, and nothing of its state."""
    view = bid_ask.order_view(row, spec.DIALECT, known)
    report = bid_ask.ack(view, view.kind)
    if not report.client_order_id and at < len(ask.orders):
        report.client_order_id = ask.orders[at].client_order_id
    proof = Proof.STATE if view.kind is not ExecKind.RECEIVED else spec.CAPS.place_proves
    return Item(0, "", proof, status, report, view, report.client_order_id)


def _placed(ask: Ask, status: int, rows: Any, known: Known) -> tuple[Item, ...]:
    """A batch, in its order: accepted, or refused by name; it is not atomic."""
    items = []
    for at, row in enumerate(fields.objects(rows)):
        if "name" not in row:
            items.append(_accepted(ask, status, row, known, at))
            continue
        ours = ask.orders[at].client_order_id if at < len(ask.orders) else 0
        items.append(_refused(status, row, row, known, ours))
    return tuple(items)


def _refused(
    status: int, row: Mapping[str, Any], error: Mapping[str, Any], known: Known, ours: int = 0
) -> Item:
    name = fields.text(error["name"])
    text = f"{name} {error.get('message') or ''}".rstrip()
    ours = ours or _whose(row, known)
    return Item(errors.NAMES.code(name), text, status=status, client_order_id=ours)


def _canceled(status: int, body: Any, known: Known) -> tuple[Item, ...]:
    """`success` was accepted, not done; `fail` says why."""
    done = [_item(status, row, known) for row in fields.objects(body["success"])]
    failed = [
        _refused(status, row, row["error"], known) for row in fields.objects(body.get("fail") or [])
    ]
    return (*done, *failed)


def _item(status: int, row: Mapping[str, Any], known: Known) -> Item:
    """A cancel that was accepted."""
    fields.text(row["order_id"])
    return Item(0, "", spec.CAPS.cancel_proves, status, client_order_id=_whose(row, known))


def _whose(row: Mapping[str, Any], known: Known) -> int:
    found = fields.our_id(known.system_id, row.get("client_order_id"))
    venue_id = row.get("order_id")
    return found or (known.client_order_id(spec.NAME, fields.text(venue_id)) if venue_id else 0)


def _listed(ask: Ask, body: Any, known: Known) -> Reply:
    """`{data, has_next, next_key}`, or the bare list of the older call. A key goes on behind the
    last row, so the last page ends a complete list; ended orders are complete once the window
    reaches back far enough."""
    bare = isinstance(body, list)
    data = fields.objects(body if bare else body["data"])
    views = tuple(bid_ask.order_view(row, spec.DIALECT, known) for row in data)
    if not bare and fields.boolean(body["has_next"]):
        return Reply(rows=views, next_page=fields.text(body["next_key"]))
    if ask.want is Want.OPEN_ORDERS:
        return Reply(rows=views, complete=not bare or len(views) < spec.OPEN_PAGE)
    since, until = order_lists.window(ask, spec.ENDED_WINDOW_MS)
    if not 0 < ask.since_ms < since:
        return Reply(rows=views, complete=not bare)
    return Reply(rows=views, next_page=f"{WINDOW}{order_lists.next_until(since, until)}")
