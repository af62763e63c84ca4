"""OKX's requests, theirs and ours: what each means in canonical words, and field by field."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from oms.ports import Key
from oms.venues.data import Way
from oms.venues.okx import sign
from oms.venues.okx.orders import OkxOrders
from oms.venues.okx.spec import MARKETS_BY_TYPE
from oms.venues.reports import Ask, HttpCall, Want
from oms.venues.shared.hmac_sha256 import HmacSha256
from oms.venues.shared.order_command import Command
from shm_layout.enums import (
    ORDER_CLOSE,
    ORDER_REDUCE_ONLY,
    OrderSpace,
    OrderType,
    PriceKind,
    SelfTrade,
    Side,
    TimeInForce,
)
from tests.oracles.base import Outcome
from tests.oracles.divergences import Divergences
from tests.oracles.exchanges import matching as m
from tests.oracles.exchanges.kinds import Json, Quirks

QUIRKS = Quirks("okx")
DESK = m.AnyDesk(contract_size=m.CONTRACT)
OTHER_TYPES = "margin, futures, options and inverse instruments"
OTHER_MODE = "the account's other levels and long/short mode"
OTHER_ALGOS = "trigger, trailing, chase, iceberg, TWAP and two-way orders"
SETTINGS = "account settings and reports that no order needs"
BORROWING = "borrowing, loans, savings, staking, collateral"
ASSETS = "assets, funding account and conversion"
OTHER_WORDS = "price by rpi, optimal_limit_ioc, slippage, attached stops"
SPREADS = "spread trading, RFQ and block trades"

UNASKED: Sequence[tuple[str, str]] = (
    ("/api/v5/public/instruments", ""), ("/api/v5/account/instruments", ""),
    ("/api/v5/public/time", ""),
    ("/api/v5/public/block*", SPREADS),
    ("/api/v5/public/*", m.MARKET_DATA),
    ("/api/v5/market/block*", SPREADS),
    ("/api/v5/market/*", m.MARKET_DATA),
    ("/api/v5/rubik/*", "event contracts, announcements, calendar, statistics"),
    ("/api/v5/support/*", "event contracts, announcements, calendar, statistics"),
    ("/api/v5/event*", "event contracts, announcements, calendar, statistics"),
    ("/api/v5/trade/close-position", "closing a position by close-position"),
    ("/api/v5/trade/easy-convert*", ASSETS),
    ("/api/v5/trade/one-click-repay*", BORROWING),
    ("/api/v5/trade/amend-algos", "amending orders behind triggers"),
    ("/api/v5/trade/cancel-advance-algos", OTHER_ALGOS),
    ("/api/v5/trade/orders-algo-history", OTHER_ALGOS),
    ("/api/v5/trade/mass-cancel", OTHER_TYPES),
    ("/api/v5/trade/account-rate-limit", SETTINGS),
    ("/api/v5/trade/fills-archive*", SETTINGS),
    ("/api/v5/trade/orders-history-archive", ""),
    ("/api/v5/account/balance", ""), ("/api/v5/account/positions", ""),
    ("/api/v5/account/bills", ""), ("/api/v5/account/config", ""),
    ("/api/v5/account/trade-fee", ""), ("/api/v5/account/set-leverage", ""),
    ("/api/v5/account/set-position-mode", ""),
    ("/api/v5/account/move-positions*", SPREADS),
    ("/api/v5/account/subaccount/*", "sub-accounts and key management"),
    ("/api/v5/account/*borrow*", BORROWING), ("/api/v5/account/*repay*", BORROWING),
    ("/api/v5/account/*loan*", BORROWING), ("/api/v5/account/*collateral*", BORROWING),
    ("/api/v5/account/*interest*", BORROWING),
    ("/api/v5/account/*", SETTINGS),
    ("/api/v5/asset/subaccount/*", "sub-accounts and key management"),
    ("/api/v5/asset/*", ASSETS), ("/api/v5/fiat/*", ASSETS),
    ("/api/v5/users/*", "sub-accounts and key management"),
    ("/api/v5/finance/*", BORROWING),
    ("/api/v5/tradingBot/*", "grid, recurring, copy trading, signal bots"),
    ("/api/v5/copytrading/*", "grid, recurring, copy trading, signal bots"),
    ("/api/v5/sprd/*", SPREADS), ("/api/v5/rfq/*", SPREADS),
    ("/api/v5/system/*", "status and connection administration"),
)  # fmt: skip
"""Paths and why they are not asked; "" = they are."""
WANTS = {
    "/api/v5/trade/order": Want.PLACE, "/api/v5/trade/batch-orders": Want.PLACE,
    "/api/v5/trade/order-algo": Want.PLACE, "/api/v5/trade/amend-order": Want.AMEND,
    "/api/v5/trade/amend-batch-orders": Want.AMEND, "/api/v5/trade/cancel-order": Want.CANCEL,
    "/api/v5/trade/cancel-batch-orders": Want.CANCEL, "/api/v5/trade/cancel-algos": Want.CANCEL,
    "/api/v5/trade/orders-pending": Want.OPEN_ORDERS,
    "/api/v5/trade/orders-algo-pending": Want.OPEN_ORDERS,
    "/api/v5/trade/orders-history": Want.ENDED_ORDERS,
    "/api/v5/trade/orders-history-archive": Want.ENDED_ORDERS,
    "/api/v5/trade/fills": Want.FILLS, "/api/v5/trade/fills-history": Want.FILLS,
    "/api/v5/trade/cancel-all-after": Want.DEAD_MAN,
    "/api/v5/trade/order-precheck": Want.TEST_ORDER,
    "/api/v5/account/balance": Want.BALANCES, "/api/v5/account/positions": Want.POSITIONS,
    "/api/v5/account/bills": Want.CASH_FLOWS, "/api/v5/account/config": Want.ACCOUNT,
    "/api/v5/account/trade-fee": Want.FEES, "/api/v5/public/instruments": Want.LISTING,
    "/api/v5/account/instruments": Want.LISTING, "/api/v5/public/time": Want.CLOCK,
    "/api/v5/account/set-leverage": Want.SET_ACCOUNT,
    "/api/v5/account/set-position-mode": Want.SET_ACCOUNT,
}  # fmt: skip
ALIASES = {
    "/api/v5/trade/orders-history-archive": "/api/v5/trade/orders-history",
    "/api/v5/account/instruments": "/api/v5/public/instruments",
    "/api/v5/trade/fills-history": "/api/v5/trade/fills",
    "/api/v5/account/bills-archive": "/api/v5/account/bills",
}  # fmt: skip
"""The same words under another path, which reaches further back or is of one user."""


def side() -> OkxOrders:
    return OkxOrders({m.ACCOUNT: Key(m.ACCOUNT, "k", b"s", passphrase="p")}, m.SYSTEM_ID)


def market_of(params: Mapping[str, Any]) -> str:
    """ "" = of a type that is none of ours."""
    if "instType" in params:
        return MARKETS_BY_TYPE.get(params["instType"], "")
    symbol = str(params.get("instId", ""))
    if symbol.endswith("-SWAP"):
        return "okx.swap" if "-USD-" not in symbol else ""
    return "okx.spot" if symbol.count("-") <= 1 else ""


def meaning(method: str, path: str, params: Any) -> m.Meaning:
    """A request in canonical words, or why it has none."""
    reason = m.reason_of(path, UNASKED)
    if reason:
        return reason
    if path not in WANTS:
        return SETTINGS
    want = WANTS[path]
    rows = params if isinstance(params, list) else [params]
    if method == "GET" and want is Want.PLACE:
        want = Want.ORDER
    market = market_of(rows[0])
    if not market:
        return OTHER_TYPES
    symbol = rows[0].get("instId")
    instrument = DESK.instrument(market, symbol) if symbol else None
    page = str(rows[0].get("after", ""))
    ask = Ask(want, m.ACCOUNT, market, instrument, page=page)
    if "algo" in path:
        ask = replace(ask, space=OrderSpace.ALGO)
    return _meant(ask, path, params, rows)


def _meant(ask: Ask, path: str, params: Any, rows: Sequence[Mapping[str, Any]]) -> m.Meaning:
    want, market = ask.want, ask.market
    match want:
        case Want.PLACE | Want.TEST_ORDER:
            return _placed(want, market, rows, algo="algo" in path)
        case Want.AMEND:
            return _several(ask, rows, [_amended(one) for one in rows])
        case Want.CANCEL if isinstance(params, list) and len(rows) > 1:
            return _several(ask, rows, [_amended(one) for one in rows])
        case Want.CANCEL | Want.ORDER if ask.instrument is None:
            return m.NO_SHAPE
        case Want.CANCEL | Want.ORDER:
            return replace(ask, **_named(rows[0]))
        case Want.OPEN_ORDERS if "algo" in path:
            return replace(ask, values={"kind": params["ordType"]})
        case Want.FILLS if "ordId" in params:
            return replace(ask, want=Want.ORDER_FILLS, venue_order_id=params["ordId"])
        case Want.FILLS | Want.ENDED_ORDERS:
            return replace(ask, **_times(params))
        case Want.CASH_FLOWS:
            return replace(ask, values={"kind": params.get("type", "8")}, **_times(params))
        case Want.DEAD_MAN:
            return replace(ask, values={"seconds": params["timeOut"]})
        case Want.SET_ACCOUNT:
            return _set(ask, params)
        case _:
            return ask


def _times(params: Mapping[str, Any]) -> dict[str, Any]:
    return {"since_ms": int(params.get("begin") or 0), "until_ms": int(params.get("end") or 0)}


def _set(ask: Ask, params: Mapping[str, Any]) -> m.Meaning:
    if params.get("posMode") == "long_short_mode" or params.get("mgnMode", "cross") != "cross":
        return OTHER_MODE
    what = "one_way" if "posMode" in params else "leverage"
    return replace(ask, values={"what": what, "leverage": str(params.get("lever", ""))})


def _named(params: Mapping[str, Any]) -> dict[str, Any]:
    number = params.get("ordId") or params.get("algoId")
    return {"venue_order_id": number} if number else {"client_order_id": m.ORDER_ID}


def _several(ask: Ask, rows: Sequence[Mapping[str, Any]], orders: Sequence[Command]) -> m.Meaning:
    instruments = tuple(DESK.instrument(ask.market, one["instId"]) for one in rows)
    return replace(ask, orders=tuple(orders), instruments=instruments)


def _placed(want: Want, market: str, rows: Sequence[Mapping[str, Any]], *, algo: bool) -> m.Meaning:
    orders = []
    for row in rows:
        found = _algo(row, market) if algo else _order(row, market)
        if isinstance(found, str):
            return found
        orders.append(found)
    return _several(Ask(want, m.ACCOUNT, market), rows, orders)


def _size(value: Any, market: str) -> int:
    return m.contracts(value) if market == "okx.swap" else m.units(value)


def _order(row: Mapping[str, Any], market: str) -> Command | str:
    mode = {"okx.spot": "cash", "okx.swap": "cross"}[market]
    if row["tdMode"] != mode or row.get("posSide", "net") not in {"net", ""}:
        return OTHER_MODE if market == "okx.swap" else OTHER_TYPES
    if "attachAlgoOrds" in row or row["ordType"] in {"optimal_limit_ioc", "rpi", "elp"}:
        return OTHER_WORDS
    kinds = {"market": OrderType.MARKET, "post_only": OrderType.POST_ONLY}
    kind = kinds.get(row["ordType"], OrderType.LIMIT)
    times = {"ioc": TimeInForce.IOC, "fok": TimeInForce.FOK}
    buys = row["side"] == "buy"
    unit = row.get("tgtCcy") or ("quote_ccy" if buys else "base_ccy")
    amount = market == "okx.spot" and kind is OrderType.MARKET and unit == "quote_ccy"
    return m.command(
        side=Side.BUY if buys else Side.SELL, order_type=kind,
        time_in_force=times.get(row["ordType"], TimeInForce.GTC), px=m.units(row.get("px")),
        qty=m.UNDEF if amount else _size(row["sz"], market),
        quote_qty=m.units(row["sz"]) if amount else m.UNDEF,
        order_flags=ORDER_REDUCE_ONLY if row.get("reduceOnly") in {True, "true"} else 0,
        self_trade={
            "cancel_maker": SelfTrade.CANCEL_MAKER, "cancel_taker": SelfTrade.CANCEL_TAKER,
            "cancel_both": SelfTrade.CANCEL_BOTH,
        }.get(row.get("stpMode", ""), 0),
    )  # fmt: skip


def _algo(row: Mapping[str, Any], market: str) -> Command | str:
    """One-way stops alone; the library's margin mode of a spot stop is its own."""
    stop = "sl" if row.get("slTriggerPx") else "tp"
    two_way = row.get("slTriggerPx") and row.get("tpTriggerPx")
    if row["ordType"] != "conditional" or two_way:
        return OTHER_ALGOS
    if row.get("posSide", "net") not in {"net", ""} or row["tdMode"] == "isolated":
        return OTHER_MODE
    kinds = {"mark": PriceKind.MARK, "index": PriceKind.INDEX}
    px = row.get(f"{stop}OrdPx")
    closes = row.get("closeFraction") == "1"
    flags = ORDER_CLOSE if closes else 0
    if not closes and row.get("reduceOnly") in {True, "true"}:
        flags = ORDER_REDUCE_ONLY
    return m.command(
        side=Side.BUY if row["side"] == "buy" else Side.SELL,
        order_type=OrderType.STOP if stop == "sl" else OrderType.TAKE_PROFIT,
        time_in_force=TimeInForce.GTC, px=m.UNDEF if px == "-1" else m.units(px),
        qty=m.UNDEF if closes else _size(row["sz"], market), order_flags=flags,
        trigger_px=m.units(row[f"{stop}TriggerPx"]),
        trigger_kind=kinds.get(row.get(f"{stop}TriggerPxType", ""), PriceKind.LAST),
    )  # fmt: skip


def _amended(row: Mapping[str, Any]) -> Command:
    named = _named(row)
    market = market_of(row)
    return m.command(
        target_client_order_id=named.get("client_order_id", 0),
        venue_order_id=named.get("venue_order_id", "").encode(),
        qty=_size(row.get("newSz"), market), px=m.units(row.get("newPx")),
    )  # fmt: skip


def params_of(target: str, body: str | bytes | None) -> Any:
    """Of a request as sent."""
    return json.loads(body) if body else dict(parse_qsl(urlsplit(target).query))


def judge_request(
    where: str, method: str, path: str, params: Any, rules: Divergences, outcome: Outcome
) -> None:
    """Their request against ours for what it means."""
    found = meaning(method, path, params)
    if isinstance(found, str):
        QUIRKS.unsupported(outcome, found)
        return
    made = side().ask(found, Way.REST, m.STAMP)
    if made is None:
        QUIRKS.unsupported(outcome, m.UNSAID)
        return
    call = made.body
    assert isinstance(call, HttpCall)
    ours, target = params_of(call.target, call.body), urlsplit(call.target).path
    if isinstance(params, list) and not isinstance(ours, list):
        # A batch of one is a single order: the batch's budget is another one.
        target, ours = path, [ours]
    mine = (call.method, ALIASES.get(target, target))
    if mine != (method, ALIASES.get(path, path)):
        outcome.differ(f"{where}: {mine} here, {method} {path} there")
        return
    m.compare_payload(rules, where, m.call_of(found), ours, params, outcome)


def signed_again(head: Json, request: Json) -> tuple[str, str] | None:
    """(their signature made again by our function, theirs); None = it is not signed."""
    headers = request["headers"] or {}
    if "OK-ACCESS-SIGN" not in headers:
        return None
    address = urlsplit(request["url"])
    path = f"{address.path}?{address.query}" if address.query else address.path
    again = sign.rest_signature(
        HmacSha256(head["secret"].encode()), headers["OK-ACCESS-TIMESTAMP"],
        request["http_method"], path, request["body"] or "",
    )  # fmt: skip
    return again, headers["OK-ACCESS-SIGN"]
