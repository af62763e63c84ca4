"""USD-M's order side against outside material: replies, frames, errors; requests stand beside.

Replies and pushes are read by our side and compared with their own texts. In a push of an order the
client's id is replaced by one of ours: of others' orders a record tells less.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from oms.venues.binance.usdm import errors
from oms.venues.binance.usdm.spec import NAME
from oms.venues.data import Role
from oms.venues.orders import Link
from oms.venues.reports import Ask, MalformedMessageError, Read, Reply, Want
from shm_layout.enums import OrderSpace
from tests.oracles.base import Outcome
from tests.oracles.exchanges import binance_market as market
from tests.oracles.exchanges import matching as m
from tests.oracles.exchanges.kinds import Json
from tests.oracles.exchanges.usdm_requests import (
    COINM,
    DESK,
    OLDER,
    QUIRKS,
    SESSION,
    SETTINGS,
    UNASKED,
    WANTS,
    judge_request,
    judge_sent,
    params_of,
    side,
    signed_again,
)

__all__ = ["judge_request", "judge_sent", "params_of", "signed_again"]
_REPLIES = {
    **WANTS,
    ("GET", "/fapi/v2/balance"): Want.BALANCES,
    ("GET", "/fapi/v2/positionRisk"): Want.POSITIONS,
    ("GET", "/fapi/v1/openOrder"): Want.ORDER,
}
"""What is asked, and older calls whose answers read the same."""
_OPEN = frozenset({"NEW", "PARTIALLY_FILLED", "NEW_INSURANCE", "NEW_ADL"})
_OPEN_ALGO = frozenset({"NEW", "TRIGGERING"})
_ACTS = frozenset({Want.PLACE, Want.AMEND, Want.CANCEL, Want.ORDER})
_DONE = frozenset({Want.CANCEL_ALL, Want.SET_ACCOUNT, Want.DEAD_MAN, Want.TEST_ORDER})
_FILLED = frozenset({"TRADE", "CALCULATED"})
_INCOME = {"FUNDING_FEE": "FUNDING", "TRANSFER": "TRANSFER"}
_LINK = Link(Role.EVENTS, (m.ACCOUNT,), True, "", 0)


# Replies


def judge_reply(
    where: str, method: str, path: str, status: int, raw: str, outcome: Outcome
) -> None:
    """A reply of REST, read by our side, against its own texts."""
    message = json.loads(raw)
    if path.endswith("/depth") and market.is_snapshot(message) and path.startswith("/fapi/"):
        market.judge(where, raw, message, outcome)
        return
    want = _REPLIES.get((method, path))
    if want is None:
        QUIRKS.unsupported(outcome, m.reason_of(path, UNASKED) or SETTINGS)
        return
    ask = Ask(want, m.ACCOUNT, NAME)
    if "lgo" in path.rpartition("/")[2]:
        ask = replace(ask, space=OrderSpace.ALGO)
    try:
        reply = side().read_http(ask, status, {}, raw.encode(), DESK)
    except MalformedMessageError as error:
        outcome.differ(f"{where}: {error}")
        return
    _judge_read(where, ask, message, reply, outcome)


def _judge_read(where: str, ask: Ask, message: Any, reply: Reply, outcome: Outcome) -> None:
    if ask.want in _ACTS | _DONE:
        outcome.compare(where, _items_of(reply), _items(message))
    elif ask.want is Want.CLOCK:
        outcome.compare(where, reply.server_ms, message["serverTime"])
    elif ask.want is Want.SESSION_KEY:
        outcome.compare(where, reply.token, message.get("listenKey", ""))
    elif ask.want is Want.ACCOUNT:
        plain = not message["dualSidePosition"] and not message["multiAssetsMargin"]
        outcome.compare(where, reply.items[0].finding == 0, plain)
    else:
        m.compare_rows(where, lambda: reply.rows, _expected(ask, message), outcome)


def _items_of(reply: Reply) -> list[Any]:
    return [item.code if item.order is None else m.plain(item.order) for item in reply.items]


def _items(message: Any) -> list[Any]:
    return [_item(one) for one in (message if isinstance(message, list) else [message])]


def _item(one: Json) -> Any:
    if "algoStatus" in one:
        return expected_algo(one)
    if "status" in one and "orderId" in one:
        return expected_order(one)
    code = int(one.get("code", 200))
    return 0 if code == 200 else code


def _expected(ask: Ask, message: Any) -> list[tuple[Any, ...]]:
    match ask.want:
        case Want.OPEN_ORDERS | Want.ENDED_ORDERS:
            algo = ask.space is OrderSpace.ALGO
            return [expected_algo(one) if algo else expected_order(one) for one in message]
        case Want.FILLS:
            return [_expected_trade(one) for one in message]
        case Want.BALANCES:
            return [_expected_balance(one) for one in message]
        case Want.POSITIONS:
            return [_expected_position(one) for one in message]
        case Want.CASH_FLOWS:
            return [
                (_INCOME[one["incomeType"]], one["symbol"], -m.Decimal(one["income"]).normalize(),
                 one["asset"])
                for one in message
                if one["incomeType"] in _INCOME
            ]  # fmt: skip
        case Want.LISTING:
            return [_expected_instrument(one) for one in message["symbols"]]
        case _:
            names = ("makerCommissionRate", "takerCommissionRate")
            return [("fee", *(m.number(message[name]) for name in names), message["symbol"])]


def expected_order(row: Json) -> tuple[Any, ...]:
    qty = m.units(row["origQty"])
    return (
        "order", str(row["orderId"]), row["symbol"], row["side"], m.price(row["price"]),
        m.UNDEF if row.get("closePosition") and not qty else qty, m.units(row["executedQty"]),
        row["status"] in _OPEN, True,
    )  # fmt: skip


def expected_algo(row: Json) -> tuple[Any, ...]:
    return (
        "order", str(row["algoId"]), row["symbol"], row["side"], m.price(row.get("price")),
        m.price(row.get("quantity")), 0, row["algoStatus"] in _OPEN_ALGO, False,
    )  # fmt: skip


def _expected_trade(row: Json) -> tuple[Any, ...]:
    return (
        "FILL", row["symbol"], row["side"], m.units(row["price"]), m.units(row["qty"]),
        m.number(row["commission"]), row["commissionAsset"], str(row["id"]),
    )  # fmt: skip


def _expected_balance(row: Json) -> tuple[Any, ...]:
    return ("balance", row["asset"], m.number(row["balance"]))


def _expected_position(row: Json) -> tuple[Any, ...]:
    return ("position", row["symbol"], m.number(row["positionAmt"]), m.number(row["entryPrice"]))


def _expected_instrument(row: Json) -> tuple[Any, ...]:
    filters = {one["filterType"]: one for one in row["filters"]}
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
        QUIRKS.unsupported(outcome, m.NO_SHAPE)
        return
    if "status" in message and "id" in message:
        _judge_answer(where, message, raw, outcome)
        return
    inner = message.get("data") if "stream" in message else message
    if isinstance(inner, dict) and market.is_read(inner):
        market.judge(where, raw, inner, outcome)
    elif not isinstance(inner, dict) or "e" not in inner:
        known = "result" in message or "stream" in message
        QUIRKS.unsupported(outcome, m.MARKET_DATA if known else m.NO_SHAPE)
    else:
        _judge_event(where, inner, raw, outcome)


def _judge_event(where: str, event: Json, raw: str, outcome: Outcome) -> None:
    match event["e"]:
        case "ORDER_TRADE_UPDATE":
            made = event["o"]["c"].startswith(("autoclose-", "adl_autoclose"))
            text = raw if made else re.sub(r'("c"\s*:\s*)"[^"]*"', rf'\1"{m.OUR_TEXT}"', raw)
            expected = [_expected_report(event["o"])]
            m.compare_rows(where, lambda: _rows(text), [one for one in expected if one], outcome)
        case "ALGO_UPDATE":
            text = re.sub(r'("caid"\s*:\s*)"[^"]*"', rf'\1"{m.OUR_TEXT}"', raw)
            m.compare_rows(where, lambda: _rows(text), [_expected_algo_report(event["o"])], outcome)
        case "ACCOUNT_UPDATE":
            account = event["a"]
            balances = [("balance", b["a"], m.number(b["wb"])) for b in account.get("B", ())]
            positions = [
                ("position", p["s"], m.number(p["pa"]), m.number(p["ep"]))
                for p in account.get("P", ())
            ]
            m.compare_rows(where, lambda: _rows(raw), [*balances, *positions], outcome)
        case "MARGIN_CALL" | "ACCOUNT_CONFIG_UPDATE" | "listenKeyExpired" as kind:
            named = {"MARGIN_CALL": "status", "listenKeyExpired": "stream_ended"}
            found = [one.kind for one in _read(raw).notices]
            outcome.compare(where, found, [named.get(kind, "account_set")])
        case "TRADE_LITE" | "CONDITIONAL_ORDER_TRIGGER_REJECT":
            outcome.compare(where, _rows(raw), [])
        case "STRATEGY_UPDATE" | "GRID_UPDATE":
            QUIRKS.unsupported(outcome, "grid and strategy events")
        case _:
            QUIRKS.unsupported(outcome, m.MARKET_DATA)


def _read(raw: str) -> Read:
    return side().read(_LINK, raw.encode(), DESK)


def _rows(raw: str) -> list[Any]:
    read = _read(raw)
    return [one for _, one in (*read.reports, *read.balances, *read.positions)]


def _expected_report(row: Json) -> tuple[Any, ...] | None:
    if row["x"] not in _FILLED:
        return (
            "state", str(row["i"]), row["s"], row["S"], m.price(row["p"]), m.units(row["z"]),
            row["x"] == "NEW",
        )  # fmt: skip
    if row["x"] == "CALCULATED" and not m.units(row["l"]):
        return None
    begins = {"autoclose-": "LIQUIDATION", "adl_autoclose": "ADL"}
    kind = next((kind for head, kind in begins.items() if row["c"].startswith(head)), "FILL")
    return (
        kind, row["s"], row["S"], m.units(row["L"]), m.units(row["l"]), m.number(row.get("n")),
        row.get("N") or "", str(row["t"]),
    )  # fmt: skip


def _expected_algo_report(row: Json) -> tuple[Any, ...]:
    return (
        "state", str(row["aid"]), row["s"], row["S"], m.price(row.get("p")), 0,
        row["X"] in _OPEN_ALGO,
    )  # fmt: skip


def _judge_answer(where: str, message: Json, raw: str, outcome: Outcome) -> None:
    """An answer of the WebSocket API; it does not say to what."""
    result = message.get("result")
    rows = result if isinstance(result, list) else [result]
    if market.is_snapshot(result):
        # The market side takes snapshots by REST, and these are the same fields.
        market.judge(where, json.dumps(result), result, outcome)
        return
    reason = "" if "error" in message else _unread(rows[0] if rows else None)
    if reason:
        QUIRKS.unsupported(outcome, reason)
        return
    reply = _read(raw).reply
    assert reply is not None
    if "error" in message:
        outcome.compare(where, [item.code for item in reply.items], [message["error"]["code"]])
    elif isinstance(result, dict) and "listenKey" in result:
        outcome.compare(where, reply.token, result["listenKey"])
    else:
        expected = [one for one in map(_expected_row, rows) if one is not None]
        m.compare_rows(where, lambda: reply.rows, expected, outcome)


def _unread(row: Any) -> str:
    """Why a result is not read; "" = it is."""
    if not isinstance(row, dict):
        return m.MARKET_DATA
    if "pair" in row or "withdrawAvailable" in row:
        return COINM
    if "authorizedSince" in row:
        return SESSION
    if "totalInitialMargin" in row or "feeTier" in row:
        return SETTINGS if "feeTier" not in row else OLDER
    return m.MARKET_DATA if "price" in row and "side" not in row else ""


def _expected_row(row: Json) -> tuple[Any, ...] | None:
    if "algoStatus" in row:
        return expected_algo(row)
    if "orderId" in row and "status" in row:
        return expected_order(row)
    if "positionAmt" in row:
        return _expected_position(row)
    return _expected_balance(row) if "availableBalance" in row else None


# Errors


def judge_code(row: Json, outcome: Outcome) -> None:
    """A row of error_codes.json."""
    code = int(row["code"])
    listed = code in errors.RULINGS
    texts: Sequence[str] = row.get("texts") or [row.get("text") or ""]
    m.judge_code(f"usdm {code}", code, texts, errors.judge, listed, outcome)


judge = errors.judge


def listed_code(row: Json) -> int | None:
    """The number of a library's error word, where it is listed here."""
    match = str(row["match"])
    plain = match.removeprefix("-").isdecimal() and row["table"] in {"exact", "linear/exact"}
    return int(match) if plain and int(match) in errors.RULINGS else None
