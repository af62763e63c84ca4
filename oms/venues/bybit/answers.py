"""Bybit's answers and pushes: envelopes of sockets and REST -> `Read` and `Reply`. No I/O.

REST and the order socket answer `retCode`, `retMsg`; a batch has one result and one
`retExtInfo.list` entry an order, in the order of the request, and `retCode` 0 although each of them
may have failed (order/batch-place). The private socket answers operations by `success`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oms.venues.bybit import errors, listing, orders_in
from oms.venues.data import Charge, Proof
from oms.venues.orders import Link
from oms.venues.reports import (
    Ask,
    FeeRate,
    Item,
    KeyState,
    Known,
    MalformedMessageError,
    Notice,
    Pause,
    Read,
    Reply,
    Report,
    Want,
)
from oms.venues.shared import fields
from shm_layout.enums import ExecKind, RejectReason

HTTP_OK = 200
_ACK_OPS = {
    "order.create": Want.PLACE, "order.create-batch": Want.PLACE,
    "order.amend": Want.AMEND, "order.amend-batch": Want.AMEND,
    "order.cancel": Want.CANCEL, "order.cancel-batch": Want.CANCEL,
}  # fmt: skip
_PRIVATE_TOPICS = frozenset({"order", "execution", "position", "wallet", "dcp"})
_UNIFIED = frozenset({5, 6})
"""account/info `unifiedMarginStatus` of UTA 2.0; older ones know other rules."""
_MODES = frozenset({"ISOLATED_MARGIN", "REGULAR_MARGIN"})
_RATE_LIMITED = frozenset({10006, 10018, 170005, 170222})


# Sockets


def frame(link: Link, data: bytes, known: Known) -> Read:
    """One message of the private or the order socket."""
    return fields.read(lambda: _frame(link, fields.load(data), known), "frame")


def _frame(link: Link, message: Mapping[str, Any], known: Known) -> Read:
    if "topic" in message:
        return _push(message, known)
    operation = fields.text(message["op"])
    account = link.accounts[0]
    if operation in _ACK_OPS:
        return Read(reply=_socket_reply(message, _ACK_OPS[operation], account, known))
    code = message.get("retCode", 0 if message.get("success", operation == "pong") else 1)
    words = fields.text(message.get("retMsg", message.get("ret_msg", "")))
    number = message.get("reqId") or message.get("req_id") or ""
    notice = Notice("refused", account, words, fields.integer(code), fields.text(number))
    done = notice.code == 0
    if operation in {"ping", "pong"}:
        return Read(notices=(Notice("pong", account),))
    if operation not in {"auth", "subscribe", "unsubscribe"}:
        if done:
            raise MalformedMessageError(f"operation {fields.shown(operation)}")
        return Read(notices=(notice,))
    if done:
        kind = "logged_on" if operation == "auth" else "subscribed"
        notice = Notice(kind, account, value=fields.text(number))
    return Read(notices=(notice,))


def _push(message: Mapping[str, Any], known: Known) -> Read:
    topic = fields.text(message["topic"])
    name, _, _category = topic.partition(".")
    if name not in _PRIVATE_TOPICS:
        return Read(notices=(Notice("other", text=topic[: fields.TEXT_CHARS_MAX]),))
    if name == "dcp":
        return Read(notices=(Notice("status", text=topic),))
    at_ns = fields.ns_of_ms(message.get("creationTime"))
    rows = fields.objects(message["data"])
    if name == "wallet":
        found = orders_in.balances(rows)
        return Read(balances=tuple(("", one) for one in found), event_ns=at_ns)
    reports: list[tuple[str, Report]] = []
    positions, notices = [], []
    for row in rows:
        market = orders_in.market_of(row, "")
        if not market:
            continue
        if name == "position":
            positions.append(("", orders_in.position(row, market, known)))
        elif name == "order":
            report = orders_in.order_report(orders_in.order(row, market, known))
            if report is not None and report.instrument is not None:
                reports.append(("", report))
        else:
            fill = orders_in.execution(row, market, known)
            if fill is not None:
                reports.append(("", fill.report))
            elif row.get("execType") in orders_in.OTHER_EXEC_TYPES:
                notices.append(Notice("position_moved", text=str(row["execType"])))
    return Read(
        reports=tuple(reports), positions=tuple(positions), notices=tuple(notices), event_ns=at_ns
    )


def _socket_reply(message: Mapping[str, Any], want: Want, account: str, known: Known) -> Reply:
    header = {str(k).lower(): str(v) for k, v in (message.get("header") or {}).items()}
    code = fields.integer(message["retCode"])
    number = fields.text(message.get("reqId") or "")
    request_id = int(number) if number.isdecimal() and len(number) < 19 else -1
    ask = known.ask_of(request_id) or Ask(want, account)
    words = fields.text(message.get("retMsg") or "")
    result = message.get("data") or {}
    return Reply(
        items=_items(ask, code, words, result, message.get("retExtInfo"), HTTP_OK, known),
        request_id=request_id, pause=_pause(code, ask, header, ""),
        server_ms=_number(header.get("timenow")),
    )  # fmt: skip


# REST


def http(
    ask: Ask, status: int, headers: Mapping[str, str], body: bytes, known: Known, bucket: str
) -> Reply:
    """An answer of REST; `bucket` is what the request was charged to. Header names in lower case.
    A body that is no JSON has its status for a code (HTTP 403 "access too frequent" is text)."""
    if status == 0:
        words = body[: fields.TEXT_CHARS_MAX].decode("ascii", "replace")
        return Reply((Item(status=0, text=words, client_order_id=ask.client_order_id),))
    try:
        message = fields.load(body)
        code = fields.integer(message["retCode"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        if status == HTTP_OK:
            raise MalformedMessageError(f"answer: {type(error).__name__}") from error
        words = body[: fields.TEXT_CHARS_MAX].decode("ascii", "replace")
        item = Item(status, words, status=status, client_order_id=ask.client_order_id)
        return Reply((item,))
    return fields.read(lambda: _reply(ask, status, code, message, headers, known, bucket), "answer")


def _reply(
    ask: Ask, status: int, code: int, message: Mapping[str, Any], headers: Mapping[str, str],
    known: Known, bucket: str,
) -> Reply:  # fmt: skip
    server_ms = fields.integer(message.get("time") or 0)
    usage = _usage(headers, bucket, ask)
    words = fields.text(message.get("retMsg") or "")
    result = message.get("result") or {}
    if code or ask.want in {Want.PLACE, Want.AMEND, Want.CANCEL, Want.CANCEL_ALL}:
        items = _items(ask, code, words, result, message.get("retExtInfo"), status, known)
        pause = _pause(code, ask, headers, bucket)
        return Reply(items, usage=usage, pause=pause, server_ms=server_ms)
    page = fields.text(result.get("nextPageCursor") or "")
    rows = _rows(ask, result, known)
    items = _findings(ask, result, rows)
    if ask.want in {Want.SET_ACCOUNT, Want.DEAD_MAN, Want.CLOCK, Want.TEST_ORDER}:
        items = (Item(text=words),)
    if ask.want is Want.ORDER:
        items = _of_one_order(ask, rows)
    if ask.want is Want.CLOCK:
        server_ms = fields.integer(result["timeNano"]) // fields.NS_PER_MS
    lists = ask.want not in {Want.ORDER, Want.SET_ACCOUNT, Want.DEAD_MAN, Want.CLOCK}
    return Reply(
        items, rows, complete=lists and not page, next_page=page if lists else "", usage=usage,
        server_ms=server_ms,
    )  # fmt: skip


def _items(
    ask: Ask, code: int, words: str, result: Any, extra: Any, status: int, known: Known
) -> tuple[Item, ...]:
    rows = result.get("list") if isinstance(result, Mapping) else None
    if code or rows is None:
        return (_item(ask, code, words, result, status, known),)
    verdicts = (extra or {}).get("list") or [{"code": 0, "msg": ""}] * len(rows)
    if len(verdicts) != len(rows):
        raise MalformedMessageError(f"{len(rows)} orders, {len(verdicts)} verdicts")
    return tuple(
        _item(ask, fields.integer(said["code"]), fields.text(said["msg"]), row, status, known)
        for row, said in zip(fields.objects(rows), fields.objects(verdicts), strict=True)
    )


def _item(ask: Ask, code: int, words: str, row: Any, status: int, known: Known) -> Item:
    venue_id = fields.text(row.get("orderId") or "")
    client_id = fields.our_id(known.system_id, row.get("orderLinkId"))
    only = ask.orders[0].client_order_id if len(ask.orders) == 1 else ask.client_order_id
    client_id = client_id or (only if ask.want is not Want.CANCEL_ALL else 0)
    report = None
    if not code and venue_id and ask.want is Want.PLACE:
        report = Report(ExecKind.RECEIVED, client_id, venue_order_id=venue_id)
    return Item(code, words, Proof.RECEIVED, status, report, client_order_id=client_id)


def _of_one_order(ask: Ask, rows: tuple[Any, ...]) -> tuple[Item, ...]:
    """The order; in the last place where it may stand, that it is in none."""
    if rows:
        return (Item(order=rows[0], client_order_id=rows[0].client_order_id),)
    if ask.page != "history":
        return ()
    return (Item(errors.CODE_NOT_LISTED, client_order_id=ask.client_order_id),)


def _rows(ask: Ask, result: Mapping[str, Any], known: Known) -> tuple[Any, ...]:
    market = ask.market
    match ask.want:
        case Want.ORDER | Want.OPEN_ORDERS | Want.ENDED_ORDERS:
            market = orders_in.market_of(result, market)
            return orders_in.rows_of(
                result, market, lambda row, of: orders_in.order(row, of, known)
            )
        case Want.FILLS | Want.ORDER_FILLS:
            market = orders_in.market_of(result, market)
            return orders_in.rows_of(
                result, market, lambda row, of: orders_in.execution(row, of, known)
            )
        case Want.BALANCES:
            return orders_in.balances(result["list"])
        case Want.POSITIONS:
            market = orders_in.market_of(result, market)
            return orders_in.rows_of(
                result, market, lambda row, of: orders_in.position(row, of, known)
            )
        case Want.CASH_FLOWS:
            found = [orders_in.cash_flow(row, known) for row in fields.objects(result["list"])]
            return tuple(one for one in found if one is not None)
        case Want.LISTING:
            of = orders_in.market_of(result, market)
            return listing.listed(of, fields.objects(result["list"])) if of else ()
        case Want.FEES:
            return tuple(_fee_rate(row) for row in fields.objects(result["list"]))
        case Want.KEY:
            return (_key_state(result),)
        case _:
            return ()


def _fee_rate(row: Mapping[str, Any]) -> FeeRate:
    maker, taker = fields.decimal(row["makerFeeRate"]), fields.decimal(row["takerFeeRate"])
    return FeeRate(maker, taker, fields.text(row.get("symbol") or ""))


def _key_state(result: Mapping[str, Any]) -> KeyState:
    """user/apikey-info: a key without addresses ends after `deadlineDay` days; `expiredAt`."""
    granted = result["permissions"]
    trades = any(granted.get(name) for name in ("ContractTrade", "Derivatives", "Spot"))
    addresses = result.get("ips") or ["*"]
    return KeyState(
        may_trade=bool(trades) and not result.get("readOnly"),
        until_ms=fields.ms_of_iso(result.get("expiredAt")), bound="*" not in addresses,
        text=fields.text(result.get("note") or ""),
    )  # fmt: skip


def _findings(ask: Ask, result: Mapping[str, Any], rows: tuple[Any, ...]) -> tuple[Item, ...]:
    """An account that is set otherwise than the desk trades it (NINE-MARKETS.md 3): hedged
    positions, portfolio margin, an account of the older kind, a key that may not trade."""
    if ask.want is Want.ACCOUNT:
        status, mode = result["unifiedMarginStatus"], result["marginMode"]
        if status not in _UNIFIED or mode not in _MODES:
            words = f"unifiedMarginStatus {status}, marginMode {mode}"
            return (Item(text=words, finding=RejectReason.ACCOUNT_MODE),)
    if ask.want is Want.POSITIONS and any(
        row.get("positionIdx") != 0 for row in fields.objects(result["list"])
    ):
        return (Item(text="hedge mode", finding=RejectReason.ACCOUNT_MODE),)
    if ask.want is Want.KEY and not rows[0].may_trade:
        return (Item(text="the key may not trade", finding=RejectReason.KEY_REFUSED),)
    return (Item(),)


def _usage(headers: Mapping[str, str], bucket: str, ask: Ask) -> tuple[Charge, ...]:
    """X-Bapi-Limit and X-Bapi-Limit-Status (what is left): the endpoint's own second."""
    limit, left = _number(headers.get("x-bapi-limit")), headers.get("x-bapi-limit-status")
    if not limit or left is None or not bucket:
        return ()
    return (Charge(bucket, (ask.account,), max(limit - _number(left), 0)),)


def _pause(code: int, ask: Ask, headers: Mapping[str, str], bucket: str) -> Pause | None:
    if code not in _RATE_LIMITED:
        return None
    until_ms = _number(headers.get("x-bapi-limit-reset-timestamp"))
    key = (bucket, ask.account) if bucket else ("account", ask.account)
    return Pause(key, until_ms, for_ms=0 if until_ms else 1_000)


def _number(value: str | None) -> int:
    return int(value) if value is not None and value.isdecimal() and len(value) < 20 else 0
