"""USD-M's requests, theirs and ours: what each means in canonical words, and field by field."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from oms.ports import Key
from oms.venues.binance import sign
from oms.venues.binance.usdm.orders import UsdmOrders
from oms.venues.binance.usdm.spec import NAME
from oms.venues.data import Way
from oms.venues.reports import Ask, HttpCall, Want
from oms.venues.shared.order_command import Command
from shm_layout.enums import (
    ORDER_CLOSE,
    ORDER_REDUCE_ONLY,
    Direction,
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

QUIRKS = Quirks("binance/usdm")
DESK = m.AnyDesk()
COINM = "COIN-M futures, options and portfolio margin"
HEDGE = "hedge mode and multi-assets mode"
OTHER_ORDERS = "trailing stops, RPI and other price matches"
SAPI = "margin, conversion, transfers, wallets, sub-accounts and other calls of sapi"
SETTINGS = "account settings and reports that no order needs"
OLDER = "older versions of account and position calls"
SESSION = "session log-on of the futures WebSocket API"

UNASKED: Sequence[tuple[str, str]] = (
    ("/sapi/*", SAPI), ("/wapi/*", SAPI), ("/fapi/v1/convert/*", SAPI),
    ("/dapi/*", COINM), ("/eapi/*", COINM), ("/vapi/*", COINM), ("/papi/*", COINM),
    ("/futures/data/*", m.MARKET_DATA),
    ("/fapi/v1/account", OLDER), ("/fapi/v2/account", OLDER), ("/fapi/v1/balance", OLDER),
    ("/fapi/v2/balance", OLDER), ("/fapi/v1/positionRisk", OLDER),
    ("/fapi/v2/positionRisk", OLDER), ("/fapi/v3/account", SETTINGS),
    *(
        (f"/fapi/v?/{name}", m.MARKET_DATA)
        for name in (
            "ping", "depth", "rpiDepth", "trades", "historicalTrades", "aggTrades", "*lines",
            "premiumIndex", "fundingRate", "fundingInfo", "ticker/*", "openInterest", "indexInfo",
            "assetIndex", "constituents", "insuranceBalance", "symbolAdlRisk", "tradingSchedule",
            "lvtKlines",
        )
    ),
)  # fmt: skip
"""Paths and why they are not asked."""
_SET = {
    "/fapi/v1/leverage": "leverage", "/fapi/v1/marginType": "margin",
    "/fapi/v1/positionSide/dual": "one_way", "/fapi/v1/multiAssetsMargin": "single_asset",
}  # fmt: skip
_ALGO = frozenset(
    {"/fapi/v1/algoOrder", "/fapi/v1/openAlgoOrders", "/fapi/v1/allAlgoOrders",
     "/fapi/v1/algoOpenOrders"}
)  # fmt: skip
WANTS = {
    **{("POST", path): Want.SET_ACCOUNT for path in _SET},
    ("POST", "/fapi/v1/order"): Want.PLACE, ("POST", "/fapi/v1/batchOrders"): Want.PLACE,
    ("POST", "/fapi/v1/algoOrder"): Want.PLACE, ("POST", "/fapi/v1/order/test"): Want.TEST_ORDER,
    ("PUT", "/fapi/v1/order"): Want.AMEND, ("PUT", "/fapi/v1/batchOrders"): Want.AMEND,
    ("DELETE", "/fapi/v1/order"): Want.CANCEL, ("DELETE", "/fapi/v1/batchOrders"): Want.CANCEL,
    ("DELETE", "/fapi/v1/algoOrder"): Want.CANCEL,
    ("DELETE", "/fapi/v1/allOpenOrders"): Want.CANCEL_ALL,
    ("DELETE", "/fapi/v1/algoOpenOrders"): Want.CANCEL_ALL,
    ("GET", "/fapi/v1/order"): Want.ORDER, ("GET", "/fapi/v1/algoOrder"): Want.ORDER,
    ("GET", "/fapi/v1/openOrders"): Want.OPEN_ORDERS,
    ("GET", "/fapi/v1/openAlgoOrders"): Want.OPEN_ORDERS,
    ("GET", "/fapi/v1/allOrders"): Want.ENDED_ORDERS,
    ("GET", "/fapi/v1/allAlgoOrders"): Want.ENDED_ORDERS,
    ("GET", "/fapi/v1/userTrades"): Want.FILLS, ("GET", "/fapi/v1/income"): Want.CASH_FLOWS,
    ("GET", "/fapi/v3/balance"): Want.BALANCES, ("GET", "/fapi/v3/positionRisk"): Want.POSITIONS,
    ("GET", "/fapi/v1/accountConfig"): Want.ACCOUNT,
    ("GET", "/fapi/v1/commissionRate"): Want.FEES,
    ("GET", "/fapi/v1/exchangeInfo"): Want.LISTING, ("GET", "/fapi/v1/time"): Want.CLOCK,
    ("POST", "/fapi/v1/listenKey"): Want.SESSION_KEY,
    ("PUT", "/fapi/v1/listenKey"): Want.SESSION_KEY,
    ("POST", "/fapi/v1/countdownCancelAll"): Want.DEAD_MAN,
}  # fmt: skip
METHODS = {
    "order.place": ("POST", "/fapi/v1/order"), "order.modify": ("PUT", "/fapi/v1/order"),
    "order.cancel": ("DELETE", "/fapi/v1/order"), "order.status": ("GET", "/fapi/v1/order"),
    "algoOrder.place": ("POST", "/fapi/v1/algoOrder"),
    "algoOrder.cancel": ("DELETE", "/fapi/v1/algoOrder"),
    "v2/account.balance": ("GET", "/fapi/v3/balance"),
    "v2/account.position": ("GET", "/fapi/v3/positionRisk"),
}  # fmt: skip
"""What a method of the WebSocket API is in REST."""
_NOT_COMPARED = frozenset({"signature", "apiKey"})
_NAME = "origClientOrderId"
_LISTS = frozenset({"batchOrders", "orderIdList", "origClientOrderIdList"})


def side() -> UsdmOrders:
    return UsdmOrders({m.ACCOUNT: Key(m.ACCOUNT, "k", b"s")}, m.SYSTEM_ID)


def meaning(method: str, path: str, params: Mapping[str, Any]) -> m.Meaning:
    """A request in canonical words, or why it has none."""
    reason = m.reason_of(path, UNASKED)
    if reason:
        return reason
    want = WANTS.get((method, path))
    if want is None:
        return SETTINGS
    symbol = params.get("symbol")
    instrument = DESK.instrument(NAME, symbol) if symbol else None
    space = OrderSpace.ALGO if path in _ALGO else OrderSpace.BOOK
    return _meant(Ask(want, m.ACCOUNT, NAME, instrument, space=space), path, params)


def _meant(ask: Ask, path: str, params: Mapping[str, Any]) -> m.Meaning:
    rows = params.get("batchOrders", [params])
    match ask.want:
        case Want.PLACE | Want.TEST_ORDER:
            algo = ask.space is OrderSpace.ALGO
            return _several(ask, rows, [_algo(one) if algo else _order(one) for one in rows])
        case Want.AMEND:
            return _several(ask, rows, [_amended(one) for one in rows])
        case Want.CANCEL if _LISTS & params.keys():
            names = [{"orderId": one} for one in params.get("orderIdList", ())]
            names += [{"c": one} for one in params.get("origClientOrderIdList", ())]
            rows = [{"symbol": params["symbol"], **one} for one in names]
            return _several(ask, rows, [_amended(one) for one in rows])
        case Want.CANCEL | Want.ORDER:
            named = _named(params)
            return m.NO_SHAPE if named is None else replace(ask, **named)
        case Want.FILLS if "orderId" in params:
            return replace(ask, want=Want.ORDER_FILLS, venue_order_id=str(params["orderId"]))
        case Want.FILLS | Want.ENDED_ORDERS:
            return replace(ask, **_times(params))
        case Want.CASH_FLOWS:
            kind = params.get("incomeType", "FUNDING_FEE")
            return replace(ask, values={"kind": kind}, **_times(params))
        case Want.DEAD_MAN:
            return replace(ask, values={"seconds": int(params["countdownTime"]) // 1000})
        case Want.SET_ACCOUNT:
            return _set(ask, path, params)
        case _:
            return ask


def _times(params: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "since_ms": int(params.get("startTime") or 0), "until_ms": int(params.get("endTime") or 0),
    }  # fmt: skip


def _set(ask: Ask, path: str, params: Mapping[str, Any]) -> m.Meaning:
    if "true" in {params.get("dualSidePosition"), params.get("multiAssetsMargin")}:
        return HEDGE
    values = {
        "what": _SET[path], "leverage": str(params.get("leverage", "")),
        "margin": params.get("marginType", ""),
    }  # fmt: skip
    return replace(ask, values=values)


def _named(params: Mapping[str, Any]) -> dict[str, Any] | None:
    """None: a number that is none."""
    number = params.get("orderId") or params.get("algoId")
    if not number:
        return {"client_order_id": m.ORDER_ID}
    return {"venue_order_id": str(number)} if str(number).isdecimal() else None


def _several(
    ask: Ask, rows: Sequence[Mapping[str, Any]], orders: Sequence[Command | str]
) -> m.Meaning:
    why = next((one for one in orders if isinstance(one, str)), None)
    if why is not None:
        return why
    instruments = tuple(DESK.instrument(NAME, one["symbol"]) for one in rows)
    said = tuple(one for one in orders if not isinstance(one, str))
    return replace(ask, instrument=None, orders=said, instruments=instruments)


def _common(row: Mapping[str, Any]) -> dict[str, Any] | str:
    if row.get("positionSide", "BOTH") != "BOTH":
        return HEDGE
    modes = {
        "EXPIRE_MAKER": SelfTrade.CANCEL_MAKER, "EXPIRE_TAKER": SelfTrade.CANCEL_TAKER,
        "EXPIRE_BOTH": SelfTrade.CANCEL_BOTH,
    }  # fmt: skip
    flags = ORDER_REDUCE_ONLY if row.get("reduceOnly") in {True, "true"} else 0
    if row.get("closePosition") in {True, "true"}:
        flags = ORDER_CLOSE
    return {
        "side": Side[row["side"]], "qty": m.units(row.get("quantity")), "order_flags": flags,
        "px": m.units(row.get("price")),
        "self_trade": modes.get(row.get("selfTradePreventionMode", ""), 0),
    }  # fmt: skip


def _order(row: Mapping[str, Any]) -> Command | str:
    common = _common(row)
    if isinstance(common, str):
        return common
    matched, time = row.get("priceMatch", "NONE"), row.get("timeInForce", "GTC")
    if row["type"] not in {"LIMIT", "MARKET"} or matched not in {"NONE", "OPPONENT"}:
        return OTHER_ORDERS
    if time == "RPI":
        return OTHER_ORDERS
    kind = OrderType.MARKET if row["type"] == "MARKET" else OrderType.LIMIT
    if time == "GTX":
        kind, time = OrderType.POST_ONLY, "GTC"
    return m.command(
        order_type=OrderType.BEST if matched == "OPPONENT" else kind,
        time_in_force=TimeInForce[time],
        expire_ns=int(row.get("goodTillDate") or 0) * 1_000_000, **common,
    )  # fmt: skip


_ALGO_TYPES = {
    "STOP": OrderType.STOP, "STOP_MARKET": OrderType.STOP, "TAKE_PROFIT": OrderType.TAKE_PROFIT,
    "TAKE_PROFIT_MARKET": OrderType.TAKE_PROFIT,
}  # fmt: skip


def _algo(row: Mapping[str, Any]) -> Command | str:
    common = _common(row)
    if isinstance(common, str):
        return common
    other = row.get("priceMatch", "NONE") != "NONE" or row.get("timeInForce", "GTC") != "GTC"
    if row["type"] not in _ALGO_TYPES or other or row.get("priceProtect") in {True, "true", "TRUE"}:
        return OTHER_ORDERS
    kind = _ALGO_TYPES[row["type"]]
    rises = (kind is OrderType.STOP) == (row["side"] == "BUY")
    looks_at = PriceKind.MARK if row.get("workingType") == "MARK_PRICE" else PriceKind.LAST
    return m.command(
        order_type=kind, time_in_force=TimeInForce.GTC, trigger_px=m.units(row["triggerPrice"]),
        trigger_direction=Direction.RISE if rises else Direction.FALL, trigger_kind=looks_at,
        **common,
    )  # fmt: skip


def _amended(row: Mapping[str, Any]) -> Command | str:
    common = _common(row) if "side" in row else {}
    named = _named(row)
    if isinstance(common, str):
        return common
    if named is None:
        return m.NO_SHAPE
    if row.get("priceMatch", "NONE") != "NONE":
        return OTHER_ORDERS
    return m.command(
        target_client_order_id=named.get("client_order_id", 0),
        venue_order_id=named.get("venue_order_id", "").encode(), **common,
    )  # fmt: skip


def params_of(target: str, body: str | bytes | None) -> dict[str, Any]:
    """Of a request as sent; lists are JSON texts in it."""
    text = body or urlsplit(target).query
    found = dict(parse_qsl(text.decode() if isinstance(text, bytes) else text))
    return {name: json.loads(one) if name in _LISTS else one for name, one in found.items()}


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
    if mine != (method, path):
        outcome.differ(f"{where}: {mine} here, {method} {path} there")
        return
    compare(rules, where, found, ours, params, outcome)


def judge_sent(where: str, raw: str, rules: Divergences, outcome: Outcome) -> None:
    """A frame that a client sends."""
    message = json.loads(raw)
    said, params = message["method"], message.get("params") or {}
    if said not in METHODS:
        QUIRKS.unsupported(outcome, _unsent(said))
        return
    found = meaning(*METHODS[said], params)
    if isinstance(found, str):
        QUIRKS.unsupported(outcome, found)
        return
    made = side().ask(found, Way.SOCKET, m.STAMP)
    if made is None:
        QUIRKS.unsupported(outcome, m.UNSAID)
        return
    assert isinstance(made.body, bytes)
    frame = json.loads(made.body)
    if frame["method"] != said:
        outcome.differ(f"{where}: {frame['method']} here, {said} there")
        return
    compare(rules, where, found, frame["params"], params, outcome)


def _unsent(said: str) -> str:
    head = said.partition(".")[0]
    reasons = {"session": SESSION, "userDataStream": SETTINGS, "account": OLDER}
    return SETTINGS if said == "v2/account.status" else reasons.get(head, m.MARKET_DATA)


def compare(
    rules: Divergences, where: str, found: Ask, ours: Json, theirs: Json, outcome: Outcome
) -> None:
    """But for keys and signatures, which have functions and vectors of their own, and for what a
    desk calls an order that it names."""
    if ours.keys() & theirs.keys() & {_NAME}:
        theirs = {**theirs, _NAME: ours[_NAME]}
    kept = [
        {name: one for name, one in params.items() if name not in _NOT_COMPARED}
        for params in (ours, theirs)
    ]
    m.compare_payload(rules, where, m.call_of(found), *kept, outcome)


def signed_again(head: Json, request: Json) -> tuple[str, str] | None:
    """(their signature made again by our function, theirs); None = it is not signed."""
    text = request["body"] or urlsplit(request["url"]).query
    payload, named, theirs = text.rpartition("&signature=")
    if not named:
        return None
    return sign.HmacSigner(head["secret"].encode()).text(payload.encode()), theirs
