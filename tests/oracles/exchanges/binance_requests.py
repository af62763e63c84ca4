"""Binance spot's requests, theirs and ours: what each means in canonical words, field by field.

New orders go by the WebSocket API alone: their params are compared with those of a REST request.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from oms.config import GroupConfig
from oms.ports import Key
from oms.venues.binance.orders import BinanceOrders
from oms.venues.data import Way
from oms.venues.reports import Ask, HttpCall, Want
from oms.venues.shared.order_command import Command
from shm_layout.enums import OrderType, Side, TimeInForce
from tests.oracles.base import Outcome
from tests.oracles.divergences import Divergences
from tests.oracles.exchanges import matching as m
from tests.oracles.exchanges.kinds import Json, Quirks

MARKET = "binance.spot"
QUIRKS = Quirks("binance")
DESK = m.AnyDesk()
LISTS = "stop, trailing, iceberg and pegged orders, order lists"
REPLACED = "cancel-replace, and amending in place"
SOR = "smart order routing"
SAPI = "margin, conversion, transfers, wallets, sub-accounts and other calls of sapi"
REPORTS = "account reports that no order needs"
SESSION = "session status and log-off, ping and time by the WebSocket API"
LISTEN_KEY = "listenKey"
FILTERS = "parts of exchangeInfo that no check needs, and placeholders in it"
TESTED = "test orders"

UNASKED: Sequence[tuple[str, str]] = (
    ("/sapi/*", SAPI), ("/wapi/*", SAPI),
    ("/api/v?/userDataStream*", LISTEN_KEY),
    ("/api/v?/order/cancelReplace", REPLACED), ("/api/v?/order/amend*", REPLACED),
    ("/api/v?/order/test", TESTED), ("/api/v?/sor/*", SOR),
    ("/api/v?/order/oco", LISTS), ("/api/v?/*rderList*", LISTS), ("/api/v?/myAllocations", SOR),
    ("/api/v?/myPreventedMatches", REPORTS), ("/api/v?/account/commission", REPORTS),
    ("/api/v?/rateLimit/order", REPORTS), ("/api/v?/order/amendments", REPORTS),
    ("/api/v?/myFilters", REPORTS), ("/api/v?/allOrders", REPORTS),
)  # fmt: skip
"""Paths and why they are not asked."""
WANTS = {
    ("POST", "/api/v3/order"): Want.PLACE, ("DELETE", "/api/v3/order"): Want.CANCEL,
    ("DELETE", "/api/v3/openOrders"): Want.CANCEL_ALL, ("GET", "/api/v3/order"): Want.ORDER,
    ("GET", "/api/v3/openOrders"): Want.OPEN_ORDERS, ("GET", "/api/v3/account"): Want.BALANCES,
    ("GET", "/api/v3/myTrades"): Want.FILLS, ("GET", "/api/v3/exchangeInfo"): Want.LISTING,
    ("GET", "/api/v3/time"): Want.CLOCK,
}  # fmt: skip
METHODS = {
    "order.place": ("POST", "/api/v3/order"), "order.cancel": ("DELETE", "/api/v3/order"),
    "openOrders.cancelAll": ("DELETE", "/api/v3/openOrders"),
    "order.status": ("GET", "/api/v3/order"), "openOrders.status": ("GET", "/api/v3/openOrders"),
    "account.status": ("GET", "/api/v3/account"), "myTrades": ("GET", "/api/v3/myTrades"),
}  # fmt: skip
_UNSENT = (
    ("session.*", SESSION), ("ping", SESSION), ("time", SESSION), ("sor.*", SOR),
    ("order.cancelReplace", REPLACED), ("order.amend*", REPLACED), ("order.test", TESTED),
    ("*rderList*", LISTS), ("myAllocations", SOR), ("my*", REPORTS), ("all*", REPORTS),
    ("order*.amendments", REPORTS), ("account.*", REPORTS), ("userDataStream.*", LISTEN_KEY),
)  # fmt: skip
_OF_SYMBOL = frozenset(
    {Want.PLACE, Want.CANCEL, Want.CANCEL_ALL, Want.ORDER, Want.ORDER_FILLS, Want.FILLS}
)
_NOT_COMPARED = frozenset({"signature", "apiKey"})
_OTHER_FIELDS = frozenset(
    {"stopPrice", "trailingDelta", "icebergQty", "pegPriceType", "strategyId"}
)  # fmt: skip


@cache
def side(self_trade: str = "expire_maker") -> BinanceOrders:
    mode = cast(Any, self_trade)
    group = GroupConfig("binance", "binance", (MARKET,), "", "", (), self_trade_prevention=mode)
    made = BinanceOrders(group)
    made.add(m.ACCOUNT, Key(m.ACCOUNT, "k", b"s"), m.SYSTEM_ID)
    return made


def meaning(method: str, path: str, params: Mapping[str, Any]) -> m.Meaning:
    """A request in canonical words, or why it has none."""
    reason = m.reason_of(path, UNASKED)
    if reason:
        return reason
    want = WANTS.get((method, path))
    if want is None:
        return m.MARKET_DATA
    symbol = params.get("symbol")
    ask = Ask(want, m.ACCOUNT, MARKET, DESK.instrument(MARKET, symbol) if symbol else None)
    if ask.instrument is None and want in _OF_SYMBOL:
        return m.NO_SHAPE
    match want:
        case Want.PLACE:
            found = _order(params)
            return found if isinstance(found, str) else replace(ask, orders=(found,))
        case Want.CANCEL | Want.ORDER:
            number = str(params.get("orderId", ""))
            if "origClientOrderId" in params or not number:
                return replace(ask, client_order_id=m.ORDER_ID)
            return replace(ask, venue_order_id=number) if number.isdecimal() else m.NO_SHAPE
        case Want.FILLS if "orderId" in params:
            return replace(ask, want=Want.ORDER_FILLS, venue_order_id=str(params["orderId"]))
        case Want.FILLS if "fromId" in params:
            return replace(ask, after_id=str(int(params["fromId"]) - 1))
        case Want.FILLS:
            return replace(ask, since_ms=int(params.get("startTime") or 0))
        case _:
            return ask


def _order(row: Mapping[str, Any]) -> Command | str:
    if row["type"] not in {"LIMIT", "LIMIT_MAKER", "MARKET"} or _OTHER_FIELDS & row.keys():
        return LISTS
    kinds = {"LIMIT_MAKER": OrderType.POST_ONLY, "MARKET": OrderType.MARKET}
    return m.command(
        side=Side[row["side"]], order_type=kinds.get(row["type"], OrderType.LIMIT),
        time_in_force=TimeInForce[row.get("timeInForce", "GTC")], px=m.units(row.get("price")),
        qty=m.units(row.get("quantity")), quote_qty=m.units(row.get("quoteOrderQty")),
    )  # fmt: skip


def params_of(target: str, body: str | bytes | None) -> dict[str, Any]:
    """Of a request as sent."""
    text = body or urlsplit(target).query
    return dict(parse_qsl(text.decode() if isinstance(text, bytes) else text))


def judge_request(
    where: str, method: str, path: str, params: Mapping[str, Any], rules: Divergences,
    outcome: Outcome,
) -> None:  # fmt: skip
    """Their request against ours for what it means."""
    found = meaning(method, path, params)
    if isinstance(found, str):
        QUIRKS.unsupported(outcome, found)
        return
    if found.want is Want.PLACE:
        _compare_frame(where, found, "order.place", params, rules, outcome)
        return
    made = side().ask(found, Way.REST, m.STAMP)
    if made is None:
        QUIRKS.unsupported(outcome, m.UNSAID)
        return
    call = made.body
    assert isinstance(call, HttpCall)
    mine = (call.method, urlsplit(call.target).path)
    if mine != (method, path):
        outcome.differ(f"{where}: {mine} here, {method} {path} there")
        return
    _compare(where, found, params_of(call.target, call.body), params, rules, outcome)


def judge_sent(where: str, raw: str, rules: Divergences, outcome: Outcome) -> None:
    """A frame that a client sends."""
    message = json.loads(raw)
    said, params = message["method"], message.get("params") or {}
    if said in {"session.logon", "userDataStream.subscribe", "userDataStream.subscribe.signature"}:
        _compare_opening(where, said, params, outcome)
    elif said not in METHODS:
        QUIRKS.unsupported(outcome, m.reason_of(said, _UNSENT) or m.MARKET_DATA)
    else:
        found = meaning(*METHODS[said], params)
        if isinstance(found, str):
            QUIRKS.unsupported(outcome, found)
        else:
            _compare_frame(where, found, said, params, rules, outcome)


def _frame(ask: Ask, self_trade: str = "expire_maker", *, logged_on: bool = False) -> Any:
    made = side(self_trade).ask(ask, Way.SOCKET, replace(m.STAMP, logged_on=logged_on))
    assert made is not None
    assert isinstance(made.body, bytes)
    return json.loads(made.body)


def _compare_opening(where: str, said: str, params: Json, outcome: Outcome) -> None:
    """How a connection begins: by the names of its params."""
    want = Want.LOGON if said == "session.logon" else Want.SUBSCRIBE
    frame = _frame(Ask(want, m.ACCOUNT), logged_on=said == "userDataStream.subscribe")
    theirs = {*params, "recvWindow"} if want is Want.LOGON else set(params)
    ours = (frame["method"], set(frame.get("params", ())))
    outcome.compare(where, ours, (said, theirs))


def _compare_frame(
    where: str, found: Ask, said: str, params: Json, rules: Divergences, outcome: Outcome
) -> None:
    mode = str(params.get("selfTradePreventionMode", "EXPIRE_MAKER")).lower()
    frame = _frame(found, mode)
    if frame["method"] != said:
        outcome.differ(f"{where}: {frame['method']} here, {said} there")
        return
    _compare(where, found, frame["params"], params, rules, outcome)


def _compare(
    where: str, found: Ask, ours: Json, theirs: Json, rules: Divergences, outcome: Outcome
) -> None:
    """But for keys and signatures, which have functions and vectors of their own."""
    kept = [
        {name: one for name, one in params.items() if name not in _NOT_COMPARED}
        for params in (ours, theirs)
    ]
    m.compare_payload(rules, where, m.call_of(found), *kept, outcome)
