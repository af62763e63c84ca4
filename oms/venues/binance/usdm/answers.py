"""USD-M's answers and pushes: envelopes of sockets and REST -> `Read` and `Reply`. No I/O.

REST answers its result bare and an error as `{code, msg}`; the WebSocket API wraps both with `id`
and `status` and does not say what was asked, so a result is known by its own fields. A batch is a
list whose elements are orders or errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oms.venues.binance.usdm import listing, orders_in, spec
from oms.venues.data import Charge, Proof
from oms.venues.orders import Link
from oms.venues.reports import (
    Ask,
    FeeRate,
    Item,
    Known,
    MalformedMessageError,
    Notice,
    OrderView,
    Pause,
    Position,
    Read,
    Reply,
    Want,
)
from oms.venues.shared import fields
from shm_layout.enums import OrderSpace, PositionSide, RejectReason

_OK = 200
_ACTS = frozenset({Want.PLACE, Want.AMEND, Want.CANCEL, Want.ORDER})
_DONE = frozenset({Want.CANCEL_ALL, Want.SET_ACCOUNT, Want.DEAD_MAN, Want.TEST_ORDER})
_COUNTED = {
    ("REQUEST_WEIGHT", "MINUTE", 1): spec.WEIGHT,
    ("ORDERS", "SECOND", 10): spec.ORDERS_10S,
    ("ORDERS", "MINUTE", 1): spec.ORDERS_MINUTE,
}
_NOTICES = {
    "listenKeyExpired": "stream_ended", "MARGIN_CALL": "status",
    "ACCOUNT_CONFIG_UPDATE": "account_set",
}  # fmt: skip
_IGNORED = frozenset(
    {"TRADE_LITE", "CONDITIONAL_ORDER_TRIGGER_REJECT", "STRATEGY_UPDATE", "GRID_UPDATE"}
)
"""A fill without its fee, of which the whole comes after it; and what other products say."""
_PAUSED = frozenset({429, 418})


# Sockets


def frame(link: Link, data: bytes, known: Known) -> Read:
    """One message of the stream of events or of the WebSocket API."""
    return fields.read(lambda: _frame(link, fields.load(data), known), "frame")


def _frame(link: Link, message: Mapping[str, Any], known: Known) -> Read:
    if "status" in message and "id" in message:
        return Read(reply=_socket_reply(message, link.accounts[0], known))
    if "stream" in message:
        message = message["data"]
    event = fields.text(message["e"])
    at_ns = fields.ns_of_ms(message["E"])
    if event == "ORDER_TRADE_UPDATE":
        report = orders_in.order_update(message, known)
    elif event == "ALGO_UPDATE":
        report = orders_in.algo_update(message, known)
    elif event == "ACCOUNT_UPDATE":
        balances, positions, notices = orders_in.account_update(message, known)
        return Read(
            balances=tuple(("", one) for one in balances),
            positions=tuple(("", one) for one in positions), notices=notices, event_ns=at_ns,
        )  # fmt: skip
    elif event in _NOTICES:
        return Read(notices=(Notice(_NOTICES[event], text=event),), event_ns=at_ns)
    elif event in _IGNORED:
        return Read(notices=(Notice("other", text=event),), event_ns=at_ns)
    else:
        raise MalformedMessageError(f"event {fields.shown(event)}")
    return Read(reports=(("", report),) if report is not None else (), event_ns=at_ns)


def _socket_reply(message: Mapping[str, Any], account: str, known: Known) -> Reply:
    number = message["id"]
    text = str(number) if isinstance(number, (int, str)) else ""
    status = fields.integer(message["status"])
    usage = tuple(_counts(message.get("rateLimits") or [], account))
    request_id = int(text) if text.isdecimal() and len(text) < 19 else -1
    error = message.get("error")
    if error is not None:
        asked = known.ask_of(request_id)
        item = _error(error, status, _only(asked) if asked is not None else 0)
        pause = None
        retry_ms = fields.integer((error.get("data") or {}).get("retryAfter", 0))
        if status in _PAUSED:
            pause = Pause(("egress",), retry_ms, for_ms=0 if retry_ms else 60_000)
        return Reply((item,), usage=usage, request_id=request_id, pause=pause)
    result = message.get("result")
    items, rows, token = _shaped(result, known)
    return Reply(items, rows, usage=usage, request_id=request_id, token=token)


def _shaped(result: Any, known: Known) -> tuple[tuple[Item, ...], tuple[Any, ...], str]:
    """What a result of the WebSocket API is, by its fields."""
    if isinstance(result, list):
        rows = tuple(_row(one, known) for one in fields.objects(result))
        return (Item(),), tuple(one for one in rows if one is not None), ""
    if not isinstance(result, dict):
        raise MalformedMessageError(f"result {fields.shown(result)}")
    row = _row(result, known)
    if isinstance(row, OrderView):
        return (Item(order=row, client_order_id=row.client_order_id),), (row,), ""
    return (_coded(result),), () if row is None else (row,), _token(result)


def _token(result: Mapping[str, Any]) -> str:
    return fields.text(result.get("listenKey") or "")


def _row(one: Mapping[str, Any], known: Known) -> Any:
    if "algoStatus" in one:
        return orders_in.algo(one, known)
    if "orderId" in one and "status" in one:
        return orders_in.order(one, known)
    if "positionAmt" in one:
        return orders_in.position(one, known)
    if "asset" in one and "availableBalance" in one and "balance" in one:
        return orders_in.balance(one)
    return None


def _counts(entries: Any, account: str) -> list[Charge]:
    found = []
    for entry in fields.objects(entries):
        key = (entry["rateLimitType"], entry["interval"], entry["intervalNum"])
        name = _COUNTED.get(key)
        if name is not None and "count" in entry:
            of = ("",) if name == spec.WEIGHT else (account,)
            found.append(Charge(name, of, fields.integer(entry["count"])))
    return found


# REST


def http(ask: Ask, status: int, headers: Mapping[str, str], body: bytes, known: Known) -> Reply:
    """An answer of REST; names of headers in lower case. A body that is no JSON is its own words,
    and the status decides."""
    if status == 0:
        words = body[: fields.TEXT_CHARS_MAX].decode("ascii", "replace")
        return Reply((Item(status=0, text=words, client_order_id=ask.client_order_id),))
    usage = _header_counts(headers, ask.account)
    if status >= 400:
        return Reply((_failed(ask, status, body),), usage=usage, pause=_paused(status, headers))
    message = fields.read(lambda: fields.load(body), "answer")
    reply = fields.read(lambda: _reply(ask, message, known), "answer")
    return Reply(
        reply.items, reply.rows, reply.complete, reply.next_page, usage,
        server_ms=reply.server_ms, token=reply.token,
    )  # fmt: skip


def _failed(ask: Ask, status: int, body: bytes) -> Item:
    only = _only(ask)
    try:
        return _error(fields.load(body), status, only)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        words = body[:200].decode("ascii", "replace")
        return Item(0, words, status=status, client_order_id=only)


def _only(ask: Ask) -> int:
    """Whose the answer is where the request was of one order."""
    return ask.orders[0].client_order_id if len(ask.orders) == 1 else ask.client_order_id


def _error(error: Mapping[str, Any], status: int, client_id: int) -> Item:
    return Item(
        fields.integer(error["code"]), fields.text(error["msg"]), Proof.STATE, status,
        client_order_id=client_id,
    )  # fmt: skip


def _paused(status: int, headers: Mapping[str, str]) -> Pause | None:
    if status not in _PAUSED:
        return None
    seconds = headers.get("retry-after", "")
    span = int(seconds) * 1_000 if seconds.isdecimal() and len(seconds) < 10 else 60_000
    return Pause(("egress",), 0, cancels_pass=status != 418, for_ms=span)


def _header_counts(headers: Mapping[str, str], account: str) -> tuple[Charge, ...]:
    names = (
        ("x-mbx-used-weight-1m", spec.WEIGHT, ""),
        ("x-mbx-order-count-10s", spec.ORDERS_10S, account),
        ("x-mbx-order-count-1m", spec.ORDERS_MINUTE, account),
    )
    return tuple(
        Charge(bucket, (key,), int(headers[name]))
        for name, bucket, key in names
        if headers.get(name, "").isdecimal() and len(headers[name]) < 10
    )


def _reply(ask: Ask, message: Any, known: Known) -> Reply:
    if ask.want in _ACTS:
        return Reply(_items(ask, message, known))
    if ask.want in _DONE:
        return Reply((_coded(message),))
    match ask.want:
        case Want.OPEN_ORDERS | Want.ENDED_ORDERS:
            made = orders_in.algo if ask.space is OrderSpace.ALGO else orders_in.order
            rows = tuple(made(one, known) for one in fields.objects(message))
            full = ask.want is Want.ENDED_ORDERS and len(rows) >= spec.ORDERS_LIMIT
            return Reply((Item(),), rows, complete=not full)
        case Want.FILLS | Want.ORDER_FILLS:
            return _trades(fields.objects(message), known)
        case Want.CASH_FLOWS:
            return _incomes(fields.objects(message), known)
        case Want.BALANCES:
            found = tuple(orders_in.balance(one) for one in fields.objects(message))
            return Reply((Item(),), found, complete=True)
        case Want.POSITIONS:
            held = tuple(orders_in.position(one, known) for one in fields.objects(message))
            return Reply((_hedged(held),), held, complete=True)
        case Want.LISTING:
            return Reply((Item(),), listing.listed(message["symbols"]), complete=True)
        case Want.CLOCK:
            return Reply((Item(),), server_ms=fields.integer(message["serverTime"]))
        case Want.ACCOUNT:
            return Reply((_account_set(message),))
        case Want.FEES:
            return Reply((Item(),), (_fee_rate(message),))
        case Want.SESSION_KEY:
            return Reply((Item(),), token=_token(message))
        case _:
            raise MalformedMessageError(f"nothing reads an answer to {ask.want.name}")


def _items(ask: Ask, message: Any, known: Known) -> tuple[Item, ...]:
    """An order, or a list of orders and errors, in the order of the request."""
    if not isinstance(message, list):
        return (_item(message, known),)
    found = [_item(one, known) for one in fields.objects(message)]
    if ask.orders and len(found) != len(ask.orders):
        raise MalformedMessageError(f"{len(ask.orders)} orders, {len(found)} answers")
    return tuple(
        item if item.client_order_id or not ask.orders
        else Item(item.code, item.text, item.proves, item.status,
                  client_order_id=ask.orders[k].client_order_id)
        for k, item in enumerate(found)
    )  # fmt: skip


def _item(one: Mapping[str, Any], known: Known) -> Item:
    row = _row(one, known)
    if isinstance(row, OrderView):
        return Item(order=row, client_order_id=row.client_order_id)
    return _coded(one)


def _coded(one: Mapping[str, Any]) -> Item:
    """`{code, msg}` of a success (200) or of one order's refusal; no code is a success."""
    code = fields.integer(one.get("code", _OK))
    words = fields.text(one.get("msg") or "")
    return Item(0 if code == _OK else code, words, status=_OK if code == _OK else 400)


def _trades(rows: list[Mapping[str, Any]], known: Known) -> Reply:
    found = [orders_in.trade(one, known) for one in rows]
    page = str(fields.integer(rows[-1]["id"])) if len(rows) >= spec.TRADES_LIMIT else ""
    return Reply((Item(),), tuple(one for one in found if one is not None), not page, page)


def _incomes(rows: list[Mapping[str, Any]], known: Known) -> Reply:
    """A full page goes on at its last time, which is shown again: rows fall together by id."""
    found = [orders_in.income(one, known) for one in rows]
    page = str(fields.integer(rows[-1]["time"])) if len(rows) >= spec.INCOME_LIMIT else ""
    return Reply((Item(),), tuple(one for one in found if one is not None), not page, page)


def _hedged(held: tuple[Position, ...]) -> Item:
    if any(one.side is not PositionSide.BOTH for one in held):
        return Item(text="hedge mode", finding=RejectReason.ACCOUNT_MODE)
    return Item()


def _account_set(message: Mapping[str, Any]) -> Item:
    """accountConfig: positions one-way, one asset a margin, an account that may trade."""
    hedge = fields.boolean(message["dualSidePosition"])
    many = fields.boolean(message["multiAssetsMargin"])
    if hedge or many:
        words = f"dualSidePosition {hedge}, multiAssetsMargin {many}"
        return Item(text=words, finding=RejectReason.ACCOUNT_MODE)
    if message.get("canTrade") is False:
        return Item(text="the account may not trade", finding=RejectReason.KEY_REFUSED)
    return Item()


def _fee_rate(message: Mapping[str, Any]) -> FeeRate:
    return FeeRate(
        fields.decimal(message["makerCommissionRate"]),
        fields.decimal(message["takerCommissionRate"]), fields.text(message["symbol"]),
    )  # fmt: skip
