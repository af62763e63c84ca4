"""Bybit's requests, theirs and ours: what each means in canonical words, and field by field."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from oms.ports import Key
from oms.venues.bybit import sign
from oms.venues.bybit.orders import BybitOrders
from oms.venues.bybit.spec import MARKETS_BY_CATEGORY
from oms.venues.data import Way
from oms.venues.reports import Ask, HttpCall, Want
from oms.venues.shared.hmac_sha256 import HmacSha256
from oms.venues.shared.order_command import Command
from shm_layout.enums import (
    ORDER_REDUCE_ONLY,
    Direction,
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

QUIRKS = Quirks("bybit")
DESK = m.AnyDesk()
INVERSE = "inverse and option categories"
SPOT_STOPS = "spot conditional and TP/SL orders"
ATTACHED = "TP/SL attached to an order, trading-stop, trailing stops"
SETTINGS = "account settings and reports that no order needs"
POSITION_SETTINGS = "position settings that no order needs"
LIBRARY = "a pong, a log-on and a subscription as other sockets of the exchange word them"

UNASKED: Sequence[tuple[str, str]] = (
    ("/v5/market/instruments-info", ""),
    ("/v5/market/time", ""),
    ("/v5/market/*", m.MARKET_DATA),
    ("/v5/account/borrow*", "borrowing, margin loans, spot leverage, leveraged tokens"),
    ("/v5/account/*repay*", "borrowing, margin loans, spot leverage, leveraged tokens"),
    ("/v5/account/*collateral*", "borrowing, margin loans, spot leverage, leveraged tokens"),
    ("/v5/account/option*", INVERSE),
    ("/v5/asset/coin-greeks", "greeks and coin greeks"),
    ("/v5/asset/*", "assets: deposits, withdrawals, transfers, conversion"),
    ("/v5/spot-margin*", "borrowing, margin loans, spot leverage, leveraged tokens"),
    ("/v5/spot-lever*", "borrowing, margin loans, spot leverage, leveraged tokens"),
    ("/v5/spot-cross*", "borrowing, margin loans, spot leverage, leveraged tokens"),
    ("/v5/crypto-loan*", "borrowing, margin loans, spot leverage, leveraged tokens"),
    ("/v5/ins-loan*", "borrowing, margin loans, spot leverage, leveraged tokens"),
    ("/v5/lending*", "borrowing, margin loans, spot leverage, leveraged tokens"),
    ("/v5/spread/*", "spread trading, RFQ, block trades, move positions"),
    ("/v5/rfq/*", "spread trading, RFQ, block trades, move positions"),
    ("/v5/position/move*", "spread trading, RFQ, block trades, move positions"),
    ("/v5/position/trading-stop", ATTACHED),
    ("/v5/user/query-api", ""),
    ("/v5/user/*", "sub-accounts and key management"),
    ("/v5/broker/*", "broker, earn, card, announcements, lending"),
    ("/v5/earn/*", "broker, earn, card, announcements, lending"),
    ("/v5/card/*", "broker, earn, card, announcements, lending"),
    ("/v5/announcements/*", "broker, earn, card, announcements, lending"),
    ("/v5/affiliate/*", "broker, earn, card, announcements, lending"),
    ("/v5/fiat/*", "assets: deposits, withdrawals, transfers, conversion"),
    ("/v5/apilimit/*", "system status and rate-limit administration"),
    ("/v5/system/*", "system status and rate-limit administration"),
    ("/v5/order/spot-borrow-check", "borrowing, margin loans, spot leverage, leveraged tokens"),
    ("/v5/position/list", ""), ("/v5/position/set-leverage", ""),
    ("/v5/position/switch-mode", ""),
    ("/v5/position/*", POSITION_SETTINGS),
    ("/v5/pre-upgrade/*", SETTINGS),
    ("/v5/account/wallet-balance", ""), ("/v5/account/transaction-log", ""),
    ("/v5/account/info", ""), ("/v5/account/fee-rate", ""),
    ("/v5/account/set-limit-px-action", ""),
    ("/v5/account/*", SETTINGS),
)  # fmt: skip
"""Paths and why they are not asked; "" = they are."""
WANTS = {
    "/v5/order/create": Want.PLACE, "/v5/order/create-batch": Want.PLACE,
    "/v5/order/amend": Want.AMEND, "/v5/order/amend-batch": Want.AMEND,
    "/v5/order/cancel": Want.CANCEL, "/v5/order/cancel-batch": Want.CANCEL,
    "/v5/order/cancel-all": Want.CANCEL_ALL, "/v5/order/realtime": Want.OPEN_ORDERS,
    "/v5/order/history": Want.ENDED_ORDERS, "/v5/execution/list": Want.FILLS,
    "/v5/account/wallet-balance": Want.BALANCES, "/v5/position/list": Want.POSITIONS,
    "/v5/account/transaction-log": Want.CASH_FLOWS, "/v5/user/query-api": Want.KEY,
    "/v5/account/info": Want.ACCOUNT, "/v5/account/fee-rate": Want.FEES,
    "/v5/market/instruments-info": Want.LISTING, "/v5/market/time": Want.CLOCK,
    "/v5/order/disconnected-cancel-all": Want.DEAD_MAN,
    "/v5/account/set-limit-px-action": Want.SET_ACCOUNT,
    "/v5/position/set-leverage": Want.SET_ACCOUNT, "/v5/position/switch-mode": Want.SET_ACCOUNT,
    "/v5/order/pre-check": Want.TEST_ORDER,
}  # fmt: skip
OURS = frozenset({"spot", "linear"})


def side() -> BybitOrders:
    return BybitOrders({m.ACCOUNT: Key(m.ACCOUNT, "k", b"s")}, m.SYSTEM_ID)


def market_of(category: Any) -> str:
    return MARKETS_BY_CATEGORY.get(category or "linear", "")


def meaning(method: str, path: str, params: Mapping[str, Any]) -> m.Meaning:
    """A request in canonical words, or why it has none."""
    path = path if path.startswith("/") else f"/{path}"
    reason = m.reason_of(path, UNASKED)
    if reason:
        return reason
    if path not in WANTS:
        return SETTINGS
    want, category = WANTS[path], params.get("category")
    if category is not None and category not in OURS:
        return INVERSE
    market, symbol = market_of(category), params.get("symbol")
    instrument = DESK.instrument(market, symbol) if symbol else None
    page = str(params.get("cursor", ""))
    ask = Ask(want, m.ACCOUNT, market, instrument, page=page)
    match want:
        case Want.PLACE:
            return _placed(market, params.get("request") or [params])
        case Want.AMEND:
            changes = [_amended(one) for one in params.get("request") or [params]]
            return _several(want, market, params, changes)
        case Want.CANCEL if "request" not in params:
            return Ask(want, m.ACCOUNT, market, instrument, **_named(params))
        case Want.OPEN_ORDERS if "orderId" in params or "orderLinkId" in params:
            return Ask(Want.ORDER, m.ACCOUNT, market, instrument, **_named(params))
        case Want.OPEN_ORDERS | Want.ENDED_ORDERS | Want.CANCEL_ALL | Want.POSITIONS:
            coin = params.get("settleCoin", "USDT")
            return replace(ask, values={"coin": coin}, **_times(params))
        case Want.FILLS if "orderId" in params or "orderLinkId" in params:
            return replace(ask, want=Want.ORDER_FILLS, **_named(params), **_times(params))
        case Want.FILLS | Want.CASH_FLOWS:
            return replace(ask, **_times(params))
        case Want.SET_ACCOUNT:
            return _set(path, market, instrument, params)
        case _:
            return ask


def _times(params: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "since_ms": int(params.get("startTime") or 0), "until_ms": int(params.get("endTime") or 0),
    }  # fmt: skip


def _set(path: str, market: str, instrument: Any, params: Mapping[str, Any]) -> m.Meaning:
    if path.endswith("switch-mode") and params.get("mode") != 0:
        return "hedge mode"
    what = {"set-limit-px-action": "price_band", "switch-mode": "one_way"}.get(
        path.rpartition("/")[2], "leverage"
    )
    values = {"what": what, "coin": "USDT", "leverage": str(params.get("buyLeverage", ""))}
    return Ask(Want.SET_ACCOUNT, m.ACCOUNT, market, instrument, values=values)


def _named(params: Mapping[str, Any]) -> dict[str, Any]:
    if params.get("orderId"):
        return {"venue_order_id": params["orderId"]}
    return {"client_order_id": m.ORDER_ID}


def _several(
    want: Want, market: str, params: Mapping[str, Any], orders: Sequence[Command]
) -> m.Meaning:
    rows = params.get("request") or [params]
    instruments = tuple(DESK.instrument(market, one["symbol"]) for one in rows)
    return Ask(want, m.ACCOUNT, market, orders=tuple(orders), instruments=instruments)  # type: ignore[arg-type]  # every symbol is traded


def _placed(market: str, rows: Sequence[Mapping[str, Any]]) -> m.Meaning:
    orders = []
    for row in rows:
        found = _order(row, market)
        if isinstance(found, str):
            return found
        orders.append(found)
    return _several(Want.PLACE, market, {"request": rows}, orders)


def _order(row: Mapping[str, Any], market: str) -> Command | str:
    spot = market == "bybit.spot"
    if any(name.startswith(("takeProfit", "stopLoss", "tp", "sl")) for name in row):
        return ATTACHED
    if spot and (row.get("triggerPrice") or row.get("orderFilter", "Order") != "Order"):
        return SPOT_STOPS
    if row.get("positionIdx", 0) != 0:
        return "hedge mode"
    if row.get("isLeverage") == 1:
        return "borrowing, margin loans, spot leverage, leveraged tokens"
    if any(name in row for name in ("bboSideType", "slippageToleranceType", "rpiTakerAccess")):
        return "price by best bid or offer, RPI, slippage tolerance"
    post_only = row.get("timeInForce") == "PostOnly"
    triggered = "triggerPrice" in row
    kind = OrderType.LIMIT if row["orderType"] == "Limit" else OrderType.MARKET
    if post_only:
        kind = OrderType.POST_ONLY
    if triggered:
        kind = OrderType.STOP
    buys = row["side"] == "Buy"
    unit = row.get("marketUnit") or ("quoteCoin" if buys else "baseCoin")
    amount = spot and row["orderType"] == "Market" and unit == "quoteCoin"
    return m.command(
        side=Side.BUY if buys else Side.SELL, order_type=kind,
        time_in_force=TimeInForce.GTC if post_only or triggered
        else TimeInForce[row.get("timeInForce", "GTC")],
        px=m.units(row.get("price")) if row["orderType"] == "Limit" else m.UNDEF,
        qty=m.UNDEF if amount else m.units(row["qty"]),
        quote_qty=m.units(row["qty"]) if amount else m.UNDEF,
        order_flags=ORDER_REDUCE_ONLY if row.get("reduceOnly") else 0,
        trigger_px=m.units(row.get("triggerPrice")),
        trigger_direction=_DIRECTIONS.get(row.get("triggerDirection"), 0),
        trigger_kind={"MarkPrice": PriceKind.MARK, "IndexPrice": PriceKind.INDEX}.get(
            row.get("triggerBy", ""), PriceKind.LAST
        ),
        self_trade={
            "CancelMaker": SelfTrade.CANCEL_MAKER, "CancelTaker": SelfTrade.CANCEL_TAKER,
            "CancelBoth": SelfTrade.CANCEL_BOTH, "None": SelfTrade.NONE,
        }.get(row.get("smpType", ""), 0),
    )  # fmt: skip


_DIRECTIONS = {1: Direction.RISE, 2: Direction.FALL}


def _amended(row: Mapping[str, Any]) -> Command:
    named = _named(row)
    return m.command(
        target_client_order_id=named.get("client_order_id", 0),
        venue_order_id=named.get("venue_order_id", "").encode(), qty=m.units(row.get("qty")),
        px=m.units(row.get("price")), trigger_px=m.units(row.get("triggerPrice")),
    )  # fmt: skip


def params_of(target: str, body: str | bytes | None) -> dict[str, Any]:
    """Of a request as sent."""
    return json.loads(body) if body else dict(parse_qsl(urlsplit(target).query))


def judge_request(
    where: str, method: str, path: str, params: Mapping[str, Any], rules: Divergences,
    outcome: Outcome,
) -> None:  # fmt: skip
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
    ours = params_of(call.target, call.body)
    mine = (call.method, urlsplit(call.target).path)
    if mine != (method, path if path.startswith("/") else f"/{path}"):
        outcome.differ(f"{where}: {mine} here, {method} {path} there")
        return
    m.compare_payload(rules, where, m.call_of(found), ours, params, outcome)


def signed_again(head: Json, request: Json) -> tuple[str, str] | None:
    """(their signature made again by our function, theirs); None = it is not signed."""
    headers = request["headers"] or {}
    if "X-BAPI-SIGN" not in headers:
        return None
    payload = request["body"] or urlsplit(request["url"]).query
    again = sign.rest_signature(
        HmacSha256(head["secret"].encode()), headers["X-BAPI-TIMESTAMP"], head["apiKey"],
        headers["X-BAPI-RECV-WINDOW"], payload,
    )  # fmt: skip
    return again, headers["X-BAPI-SIGN"]
