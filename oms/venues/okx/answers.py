"""OKX's answers and pushes: envelopes of sockets and REST -> `Read` and `Reply`. No I/O.

Every answer has `code`, `msg`, `data`; one to orders has an `sCode` an order, which decides where
it is there. Sockets say what they are about by `event`, `op` or `arg.channel`; a pong is text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from oms.venues.data import Proof
from oms.venues.okx import listing, orders_in, spec
from oms.venues.orders import Link
from oms.venues.reports import (
    Ask,
    FeeRate,
    Item,
    KeyState,
    Known,
    MalformedMessageError,
    Notice,
    Read,
    Reply,
    Report,
    Want,
)
from oms.venues.shared import fields
from shm_layout.enums import ExecKind, OrderSpace, RejectReason

HTTP_OK = 200
PONG = b"pong"
_ACK_OPS = {
    "order": Want.PLACE, "batch-orders": Want.PLACE, "amend-order": Want.AMEND,
    "batch-amend-orders": Want.AMEND, "cancel-order": Want.CANCEL,
    "batch-cancel-orders": Want.CANCEL,
}  # fmt: skip
_ACTS = frozenset({Want.PLACE, Want.AMEND, Want.CANCEL})
_LEVEL = "2"
"""`acctLv`: futures mode."""
_PAGE_IDS = {
    Want.OPEN_ORDERS: "ordId", Want.ENDED_ORDERS: "ordId", Want.FILLS: "billId",
    Want.ORDER_FILLS: "billId", Want.CASH_FLOWS: "billId",
}  # fmt: skip


# Sockets


def frame(link: Link, data: bytes, known: Known) -> Read:
    """One message of the private or the business socket."""
    if data == PONG:
        return Read(notices=(Notice("pong", link.accounts[0]),))
    return fields.read(lambda: _frame(link, fields.load(data), known), "frame")


def _frame(link: Link, message: Mapping[str, Any], known: Known) -> Read:
    if "arg" in message and "data" in message:
        return _push(message, known)
    account = link.accounts[0]
    if "op" in message:
        operation = fields.text(message["op"])
        if operation not in _ACK_OPS:
            raise MalformedMessageError(f"operation {fields.shown(operation)}")
        return Read(reply=_socket_reply(message, _ACK_OPS[operation], account, known))
    event = fields.text(message["event"])
    code = fields.integer(message.get("code") or 0)
    words = fields.text(message.get("msg") or "")
    number = fields.text(message.get("id") or "")
    kinds = {
        "login": "logged_on", "subscribe": "subscribed", "unsubscribe": "subscribed",
        "error": "refused", "notice": "shutdown", "channel-conn-count": "status",
        "channel-conn-count-error": "refused",
    }  # fmt: skip
    if event not in kinds:
        raise MalformedMessageError(f"event {fields.shown(event)}")
    kind = "refused" if event == "login" and code else kinds[event]
    if "channel" in message:
        words = f"{fields.text(message['channel'])} {message['connCount']}"
    return Read(notices=(Notice(kind, account, words, code, number),))


def _push(message: Mapping[str, Any], known: Known) -> Read:
    channel = fields.text(message["arg"]["channel"])
    rows = message["data"]
    if channel == "account":
        return Read(balances=tuple(("", one) for one in orders_in.balances(rows)))
    if channel == "positions":
        found = [
            orders_in.position(row, market, known) for row, market in _mine(fields.objects(rows))
        ]
        return Read(positions=tuple(("", one) for one in found))
    reports: list[Report] = []
    if channel == "orders":
        for row, market in _mine(fields.objects(rows)):
            reports += orders_in.order_reports(row, market, known)
    elif channel == "orders-algo":
        for row, market in _mine(fields.objects(rows)):
            report = orders_in.algo_report(orders_in.algo(row, market, known))
            reports += [report] if report is not None else []
    else:
        return Read(notices=(Notice("other", text=channel[: fields.TEXT_CHARS_MAX]),))
    return Read(reports=tuple(("", one) for one in reports))


def _mine(rows: list[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], str]]:
    found = [(row, orders_in.market_of(row)) for row in rows]
    return [(row, market) for row, market in found if market]


def _socket_reply(message: Mapping[str, Any], want: Want, account: str, known: Known) -> Reply:
    number = fields.text(message.get("id") or "")
    code, words = fields.integer(message["code"]), fields.text(message.get("msg") or "")
    request_id = int(number) if number.isdecimal() and len(number) < 19 else -1
    ask = known.ask_of(request_id) or Ask(want, account)
    items = _items(ask, code, words, message.get("data"), HTTP_OK, known)
    server_us = fields.integer(message.get("outTime") or 0)
    return Reply(items, request_id=request_id, server_ms=server_us // 1_000)


# REST


def http(ask: Ask, status: int, body: bytes, known: Known) -> Reply:
    """An answer of REST. A body that is no JSON has its status for a code."""
    if status == 0:
        words = body[: fields.TEXT_CHARS_MAX].decode("ascii", "replace")
        return Reply((Item(status=0, text=words, client_order_id=ask.client_order_id),))
    try:
        message = fields.load(body)
        code = fields.integer(message["code"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        if status == HTTP_OK:
            raise MalformedMessageError(f"answer: {type(error).__name__}") from error
        words = body[: fields.TEXT_CHARS_MAX].decode("ascii", "replace")
        return Reply((Item(status, words, status=status, client_order_id=ask.client_order_id),))
    return fields.read(lambda: _reply(ask, status, code, message, known), "answer")


def _reply(ask: Ask, status: int, code: int, message: Mapping[str, Any], known: Known) -> Reply:
    words, data = fields.text(message.get("msg") or ""), message.get("data") or []
    server_ms = fields.integer(message.get("outTime") or 0) // 1_000
    if code or ask.want in _ACTS:
        return Reply(_items(ask, code, words, data, status, known), server_ms=server_ms)
    if ask.want is Want.CLOCK:
        return Reply((Item(),), server_ms=fields.integer(data[0]["ts"]))
    rows = _rows(ask, fields.objects(data), known)
    items = _findings(ask, data, rows)
    if ask.want is Want.ORDER:
        items = tuple(Item(order=row, client_order_id=row.client_order_id) for row in rows)
    page = _next_page(ask, data)
    return Reply(items, rows, complete=not page, next_page=page, server_ms=server_ms)


def _next_page(ask: Ask, data: list[Mapping[str, Any]]) -> str:
    """Lists go on behind the id of their last row; a page that is not full is the last one."""
    name = _PAGE_IDS.get(ask.want)
    if name is None or len(data) < spec.PAGE:
        return ""
    if ask.space is OrderSpace.ALGO and name == "ordId":
        name = "algoId"
    return fields.text(data[-1][name])


def _items(
    ask: Ask, code: int, words: str, data: Any, status: int, known: Known
) -> tuple[Item, ...]:
    rows = fields.objects(data or [])
    if not rows or "sCode" not in rows[0]:
        only = _only(ask)
        return (Item(code, words, Proof.RECEIVED, status, client_order_id=only),)
    return tuple(_item(ask, row, status, known) for row in rows)


def _only(ask: Ask) -> int:
    return ask.orders[0].client_order_id if len(ask.orders) == 1 else ask.client_order_id


def _item(ask: Ask, row: Mapping[str, Any], status: int, known: Known) -> Item:
    code = fields.integer(row["sCode"])
    algo = "algoId" in row
    venue_id = fields.text(row.get("algoId" if algo else "ordId") or "")
    text = row.get("algoClOrdId" if algo else "clOrdId")
    client_id = fields.our_id(known.system_id, text) or _only(ask)
    report = None
    if not code and venue_id and ask.want is Want.PLACE:
        space = OrderSpace.ALGO if algo else OrderSpace.BOOK
        report = Report(ExecKind.RECEIVED, client_id, venue_order_id=venue_id, space=space)
    sub, said = fields.text(row.get("subCode") or ""), fields.text(row.get("sMsg") or "")
    return Item(
        code, f"{sub} {said}".strip(), Proof.RECEIVED, HTTP_OK if not code else status, report,
        client_order_id=client_id,
    )  # fmt: skip


def _rows(ask: Ask, data: list[Mapping[str, Any]], known: Known) -> tuple[Any, ...]:
    readers: dict[Want, Callable[..., Any]] = {
        Want.ORDER: orders_in.order, Want.OPEN_ORDERS: orders_in.order,
        Want.ENDED_ORDERS: orders_in.order, Want.FILLS: orders_in.fill,
        Want.ORDER_FILLS: orders_in.fill, Want.POSITIONS: orders_in.position,
    }  # fmt: skip
    made = readers.get(ask.want)
    if made is not None:
        if ask.space is OrderSpace.ALGO and made is orders_in.order:
            made = orders_in.algo
        found = [made(row, market, known) for row, market in _mine(data)]
        return tuple(one for one in found if one is not None)
    match ask.want:
        case Want.BALANCES:
            return orders_in.balances(data)
        case Want.CASH_FLOWS:
            flows = [orders_in.bill(row, known) for row in data]
            return tuple(one for one in flows if one is not None)
        case Want.LISTING:
            return listing.listed(ask.market, data)
        case Want.FEES:
            return tuple(rate for row in data for rate in _fee_rates(row))
        case Want.KEY:
            return (_key_state(data[0]),)
        case _:
            return ()


def _fee_rates(row: Mapping[str, Any]) -> list[FeeRate]:
    """trade-fee: costs are negative; by group of instruments, or for all of them where it shows no
    groups."""
    groups = fields.objects(row.get("feeGroup") or [])
    if not groups:
        return [FeeRate(fields.negated(row["maker"]), fields.negated(row["taker"]))]
    return [
        FeeRate(
            fields.negated(one["maker"]), fields.negated(one["taker"]),
            group=fields.text(one["groupId"]),
        )
        for one in groups
    ]  # fmt: skip


def _key_state(row: Mapping[str, Any]) -> KeyState:
    """account/config: of the calling key. One without addresses is deleted after 14 idle days; when
    it was made is not said."""
    may = fields.text(row["perm"]).split(",")
    bound = bool(fields.text(row.get("ip") or ""))
    return KeyState("trade" in may, bound=bound, text=fields.text(row.get("label") or ""))


def _findings(ask: Ask, data: Any, rows: tuple[Any, ...]) -> tuple[Item, ...]:
    """An account that is set otherwise than the desk trades it: another level than futures mode,
    long/short positions, a key that may not trade."""
    if ask.want is Want.ACCOUNT:
        level, mode = data[0]["acctLv"], data[0]["posMode"]
        if level != _LEVEL or mode != "net_mode":
            words = f"acctLv {level}, posMode {mode}"
            return (Item(text=words, finding=RejectReason.ACCOUNT_MODE),)
    if ask.want is Want.KEY and not rows[0].may_trade:
        return (Item(text="the key may not trade", finding=RejectReason.KEY_REFUSED),)
    if ask.want is Want.POSITIONS and any(row.get("posSide") != "net" for row in data):
        return (Item(text="long/short mode", finding=RejectReason.ACCOUNT_MODE),)
    return (Item(),)
