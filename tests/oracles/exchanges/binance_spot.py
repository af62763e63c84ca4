"""Binance spot's order side against outside material: replies, frames, errors, market data.

An answer is read as what its fields say it is, by REST and by the WebSocket API alike, which does
not say what was asked. In an event of an order the client's id is replaced by one of ours: of
others' orders a record tells less.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

from oms.venues.binance import errors
from oms.venues.binance.exchange_info import parse_exchange_info
from oms.venues.binance.orders import ORDERS_10S, ORDERS_DAY, WEIGHT
from oms.venues.binance.trade_parse import parse_http
from oms.venues.data import Role
from oms.venues.orders import Link
from oms.venues.reports import Ask, Balance, FeeRate, Item, Judgement, Reply, Verdict, Want
from tests.oracles.base import Outcome
from tests.oracles.exchanges import binance_market as market
from tests.oracles.exchanges import matching as m
from tests.oracles.exchanges.binance_requests import (
    DESK,
    FILTERS,
    LISTEN_KEY,
    LISTS,
    MARKET,
    QUIRKS,
    REPLACED,
    REPORTS,
    SESSION,
    SOR,
    TESTED,
    UNASKED,
    judge_request,
    judge_sent,
    params_of,
    side,
)
from tests.oracles.exchanges.kinds import Json
from tests.oracles.exchanges.usdm_requests import signed_again

__all__ = ["judge_request", "judge_sent", "params_of", "signed_again"]
FORM = "answers of type ACK: RESULT is always asked for"
LAST_CODE = -3000
"""Codes of sapi, futures and options are below."""
MONEY = "deposits, withdrawals, debts: events of other business"
_OPEN = frozenset({"NEW", "PARTIALLY_FILLED", "PENDING_NEW", "PENDING_CANCEL"})
_ENDED = frozenset({"CANCELED", "EXPIRED", "EXPIRED_IN_MATCH", "REJECTED"})
_LINK = Link(Role.BOTH, (m.ACCOUNT,), True, "", 0)
_SHAPES: tuple[tuple[frozenset[str], Want | str], ...] = (
    (frozenset({"cancelResult"}), REPLACED),
    (frozenset({"amendedOrder"}), REPLACED),
    (frozenset({"newClientOrderId", "executionId"}), REPORTS),
    (frozenset({"contingencyType"}), LISTS),
    (frozenset({"pegPriceType"}), LISTS),
    (frozenset({"allocationId"}), SOR),
    (frozenset({"usedSor"}), SOR),
    (frozenset({"preventedMatchId", "takerOrderId"}), REPORTS),
    (frozenset({"orderId", "status"}), Want.ORDER),
    (frozenset({"orderId", "transactTime"}), FORM),
    (frozenset({"orderId", "isBuyer", "commission"}), Want.FILLS),
    (frozenset({"balances", "makerCommission"}), Want.BALANCES),
    (frozenset({"makerCommission"}), REPORTS),
    (frozenset({"standardCommission"}), REPORTS),
    (frozenset({"standardCommissionForOrder"}), TESTED),
    (frozenset({"symbolFilters"}), REPORTS),
    (frozenset({"rateLimitType", "count"}), REPORTS),
    (frozenset({"rateLimitType"}), FILTERS),
    (frozenset({"authorizedSince"}), SESSION),
    (frozenset({"subscriptionId"}), Want.SUBSCRIBE),
    (frozenset({"listenKey"}), LISTEN_KEY),
    (frozenset({"serverTime", "symbols"}), Want.LISTING),
    (frozenset({"serverTime"}), Want.CLOCK),
    (frozenset({"filterType"}), FILTERS),
)
"""Fields of an answer or of its rows -> what it is, or why it is not read."""


def shape_of(message: Any) -> Want | str:
    """What an answer is."""
    row = message[0] if isinstance(message, list) and message else message
    if not isinstance(row, dict):
        return m.MARKET_DATA if isinstance(row, list) or message == [] else m.NO_SHAPE
    found = next((kind for names, kind in _SHAPES if names <= row.keys()), m.MARKET_DATA)
    if found is Want.ORDER and isinstance(message, list):
        # Order lists stand among the orders that a cancel of all of them answers.
        lists = any("orderReports" in one for one in message)
        return Want.CANCEL_ALL if lists else Want.OPEN_ORDERS
    return found if row else m.NO_SHAPE


# Replies


def judge_reply(
    where: str, method: str, path: str, status: int, raw: str, outcome: Outcome
) -> None:
    """A reply of REST, read by our side, against its own texts; `path` "" = not known."""
    reason = m.reason_of(path, UNASKED)
    if reason and not path.endswith("/allOrders"):
        QUIRKS.unsupported(outcome, reason)
        return
    message = json.loads(raw)
    if market.is_snapshot(message):
        market.judge(where, raw, message, outcome)
        return
    if isinstance(message, dict) and {"code", "msg"} <= message.keys():
        failed = max(status, 400)
        reply = side().read_http(Ask(Want.PLACE, m.ACCOUNT, MARKET), failed, {}, raw.encode(), DESK)
        outcome.compare(where, [item.code for item in reply.items], [message["code"]])
        return
    kind = shape_of(message)
    if isinstance(message, dict) and message.get("filterType") in _FILTERS_READ:
        _judge_filter(where, message, outcome)
        return
    if isinstance(kind, str):
        QUIRKS.unsupported(outcome, kind)
        return
    if kind is Want.CLOCK:
        found = parse_http(0, status, raw.encode()).result
        outcome.compare(where, found["serverTime"], message["serverTime"])
        return
    if kind is Want.LISTING:
        _judge_listing(where, message, raw, outcome)
        return
    reply = side().read_http(Ask(kind, m.ACCOUNT, MARKET), status, {}, raw.encode(), DESK)
    _judge_read(where, kind, message, reply, outcome)


def _judge_read(where: str, kind: Want, message: Any, reply: Reply, outcome: Outcome) -> None:
    if reply.unreadable:
        outcome.differ(f"{where}: {reply.unreadable}")
    elif kind is Want.SUBSCRIBE:
        outcome.compare(where, reply.items[0].value, str(message["subscriptionId"]))
    elif kind is Want.ORDER:
        order = reply.items[0].order
        assert order is not None
        outcome.compare(where, m.plain(order), expected_order(message))
    elif kind is Want.BALANCES:
        expected = [(b["asset"], b["free"], b["locked"]) for b in message["balances"]]
        held = [row for row in reply.rows if isinstance(row, Balance)]
        outcome.compare(where, [(b.currency, b.free, b.locked) for b in held], expected)
        if "commissionRates" in message:
            rates = [Decimal(row.taker) for row in reply.rows if isinstance(row, FeeRate)]
            said = {name: Decimal(text) for name, text in message["commissionRates"].items()}
            both = {said["taker"] + said["buyer"], said["taker"] + said["seller"]}
            outcome.compare(f"{where} rates", set(rates), both)
    elif kind is Want.FILLS:
        m.compare_rows(where, lambda: reply.rows, [_expected_fill(r) for r in message], outcome)
    else:
        rows = [row for row in message if "orderReports" not in row]
        m.compare_rows(where, lambda: reply.rows, [expected_order(row) for row in rows], outcome)


def expected_order(row: Json) -> tuple[Any, ...]:
    return (
        "order", str(row["orderId"]), row["symbol"], row["side"], m.units(row["price"]),
        m.units(row["origQty"]), m.units(row["executedQty"]), row["status"] in _OPEN, True,
    )  # fmt: skip


def _expected_fill(row: Json) -> tuple[Any, ...]:
    return (
        "FILL", row["symbol"], "BUY" if row["isBuyer"] else "SELL", m.units(row["price"]),
        m.units(row["qty"]), m.number(row["commission"]), row["commissionAsset"], str(row["id"]),
    )  # fmt: skip


def _judge_listing(where: str, message: Json, raw: str, outcome: Outcome) -> None:
    if {} in message["rateLimits"]:
        QUIRKS.unsupported(outcome, FILTERS)
        return
    found, _ = parse_exchange_info(raw.encode())
    ours = [m.plain(one) for one in found if not one.left_out]
    expected = [made for row in message["symbols"] if (made := _expected_instrument(row))]
    outcome.compare(where, ours, expected)


_FILTERS_READ = {
    "PRICE_FILTER": {"tickSize": "tick", "minPrice": "min_px", "maxPrice": "max_px"},
    "LOT_SIZE": {"stepSize": "lot", "minQty": "min_qty", "maxQty": "max_qty"},
    "MARKET_LOT_SIZE": {"stepSize": "market_lot", "maxQty": "market_max_qty"},
    "NOTIONAL": {"minNotional": "min_notional", "maxNotional": "max_notional"},
    "MIN_NOTIONAL": {"minNotional": "min_notional"},
}
"""Of each filter its fields and what they are in a `Listed`."""
_PLAIN_FILTERS = (
    {"filterType": "PRICE_FILTER", "tickSize": "1", "minPrice": "1", "maxPrice": "9"},
    {"filterType": "LOT_SIZE", "stepSize": "1", "minQty": "1", "maxQty": "9"},
)


def _judge_filter(where: str, one: Json, outcome: Outcome) -> None:
    """A filter by itself, among those that a symbol cannot be without."""
    others = [other for other in _PLAIN_FILTERS if other["filterType"] != one["filterType"]]
    symbol = {
        "symbol": "AB", "baseAsset": "A", "quoteAsset": "B", "status": "TRADING",
        "isSpotTradingAllowed": True, "filters": [*others, one],
    }  # fmt: skip
    (found,), _ = parse_exchange_info(json.dumps({"symbols": [symbol]}).encode())
    names = _FILTERS_READ[one["filterType"]]
    ours = {name: m.number(getattr(found, field)) for name, field in names.items()}
    outcome.compare(where, ours, {name: m.number(one[name]) for name in names})


def _expected_instrument(row: Json) -> tuple[Any, ...] | None:
    filters = {one["filterType"]: one for one in row["filters"]}
    if not {"PRICE_FILTER", "LOT_SIZE"} <= filters.keys():
        return None
    lots = filters["LOT_SIZE"]
    return (
        "listed", row["symbol"], m.number(filters["PRICE_FILTER"]["tickSize"]),
        m.number(lots["stepSize"]), m.number(lots["minQty"]),
    )  # fmt: skip


# Frames


def judge_push(where: str, raw: str, outcome: Outcome) -> None:
    """A push or an answer of a socket."""
    message = json.loads(raw)
    if not isinstance(message, dict):
        QUIRKS.unsupported(outcome, m.MARKET_DATA)
        return
    if "status" in message and "id" in message:
        _judge_answer(where, message, raw, outcome)
        return
    event = message.get("event") or message.get("data") or message
    if not isinstance(event, dict):
        QUIRKS.unsupported(outcome, m.MARKET_DATA)
    elif market.is_read(event):
        market.judge(where, raw, event, outcome)
    elif "e" in event:
        _judge_event(where, event, outcome)
    else:
        known = "stream" in message or set(message) == {"result", "id"}
        QUIRKS.unsupported(outcome, m.MARKET_DATA if known else m.NO_SHAPE)


def _judge_event(where: str, event: Json, outcome: Outcome) -> None:
    """As the WebSocket API wraps it; a listenKey's stream wrapped it otherwise."""
    text = json.dumps({"subscriptionId": 0, "event": event})
    match event["e"]:
        case "executionReport" if event["x"] == "TRADE" and not m.units(event["l"]):
            QUIRKS.unsupported(outcome, m.NO_SHAPE)
        case "executionReport":
            name = "C" if event["x"] == "CANCELED" and event.get("C") else "c"
            ours = re.sub(rf'("{name}": )"[^"]*"', rf'\1"{m.OUR_TEXT}"', text)
            expected = _expected_report(event)
            m.compare_rows(
                where, lambda: [one for _, one in side().read(_LINK, ours.encode(), DESK).reports],
                [] if expected is None else [expected], outcome,
            )  # fmt: skip
        case "outboundAccountPosition":
            read = side().read(_LINK, text.encode(), DESK)
            found = [(one.currency, one.free, one.locked) for _, one in read.balances]
            outcome.compare(where, found, [(b["a"], b["f"], b["l"]) for b in event["B"]])
        case "eventStreamTerminated" | "serverShutdown" as kind:
            kinds = {"serverShutdown": "shutdown", "eventStreamTerminated": "stream_ended"}
            found_kinds = [one.kind for one in side().read(_LINK, text.encode(), DESK).notices]
            outcome.compare(where, found_kinds, [kinds[kind]])
        case "listStatus":
            QUIRKS.unsupported(outcome, LISTS)
        case "balanceUpdate" | "externalLockUpdate" | "USER_LIABILITY_CHANGE":
            QUIRKS.unsupported(outcome, MONEY)
        case _:
            QUIRKS.unsupported(outcome, m.MARKET_DATA)


def _expected_report(event: Json) -> tuple[Any, ...] | None:
    if event["x"] == "TRADE":
        return (
            "FILL", event["s"], event["S"], m.units(event["L"]), m.units(event["l"]),
            m.number(event["n"]), event["N"] or "", str(event["t"]),
        )  # fmt: skip
    if event["x"] != "NEW" and event["X"] not in _ENDED:
        return None
    return (
        "state", str(event["i"]), event["s"], event["S"], m.UNDEF, m.units(event["z"]),
        event["x"] == "NEW",
    )  # fmt: skip


def _judge_answer(where: str, message: Json, raw: str, outcome: Outcome) -> None:
    """An answer of the WebSocket API."""
    result = message.get("result")
    if "error" not in message and market.is_snapshot(result):
        market.judge(where, json.dumps(result), result, outcome)
        return
    kind = Want.PLACE if "error" in message else shape_of(result)
    if isinstance(kind, str) or kind is Want.LISTING or kind is Want.CLOCK:
        reasons = {Want.CLOCK: SESSION, Want.LISTING: FILTERS}
        QUIRKS.unsupported(outcome, kind if isinstance(kind, str) else reasons[kind])
        return
    asked = replace(DESK, asked=Ask(kind, m.ACCOUNT, MARKET))
    reply = side().read(_LINK, raw.encode(), asked).reply
    assert reply is not None
    counts = {(one.bucket, one.count) for one in reply.usage}
    if counts != _counts(message):
        outcome.differ(f"{where}: counts {counts} here, {_counts(message)} there")
    elif "error" in message:
        outcome.compare(where, [item.code for item in reply.items], [message["error"]["code"]])
    else:
        _judge_read(where, kind, result, reply, outcome)


_COUNTED = {
    ("REQUEST_WEIGHT", "MINUTE", 1): WEIGHT, ("ORDERS", "SECOND", 10): ORDERS_10S,
    ("ORDERS", "DAY", 1): ORDERS_DAY,
}  # fmt: skip


def _counts(message: Json) -> set[tuple[str, int]]:
    rows = message.get("rateLimits") or []
    keys = [((r["rateLimitType"], r["interval"], r["intervalNum"]), r["count"]) for r in rows]
    return {(_COUNTED[key], count) for key, count in keys if key in _COUNTED}


# Errors


def judge(ask: Ask, item: Item) -> Judgement:
    """As the side judges."""
    return side().judge(ask, item)


def judge_code(row: Json, outcome: Outcome) -> None:
    """A row of error_codes.json: never a success, and never a refusal where the words leave it
    open; 5XX and no answer leave every code open."""
    code, text = int(row["code"]), str(row["text"])
    where = f"binance {code}"
    found = errors.judge(400, code, text)
    unsure = any(one in text.lower() for one in m.UNSURE)
    if found.verdict is Verdict.DONE or (unsure and found.verdict is not Verdict.UNKNOWN):
        outcome.differ(f"{where}: {found.verdict.name} of {text[:60]}")
        return
    outcome.compare(where, errors.judge(503, code, text).verdict, Verdict.UNKNOWN)


def listed_code(row: Json) -> int | None:
    """The number of a library's error word, where it is of spot."""
    match = str(row["match"])
    plain = match.removeprefix("-").isdecimal() and row["table"] in {"exact", "spot/exact"}
    return int(match) if plain and int(match) > LAST_CODE else None
