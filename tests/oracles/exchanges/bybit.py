"""Bybit's order side against outside material: replies, frames, errors; requests stand beside.

Replies and pushes are read by our side and compared with their own texts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from oms.venues.bybit import errors
from oms.venues.bybit.orders import DEAD_MAN_TOPICS, TOPICS
from oms.venues.data import Role, Way
from oms.venues.orders import Link
from oms.venues.reports import Ask, MalformedMessageError, Want
from tests.oracles.base import Outcome
from tests.oracles.divergences import Divergences
from tests.oracles.exchanges import matching as m
from tests.oracles.exchanges.bybit_requests import (
    DESK,
    INVERSE,
    LIBRARY,
    OURS,
    QUIRKS,
    SETTINGS,
    UNASKED,
    WANTS,
    judge_request,
    market_of,
    params_of,
    side,
    signed_again,
)
from tests.oracles.exchanges.kinds import Json

__all__ = ["judge_request", "params_of", "signed_again"]


# Replies


def judge_reply(
    where: str, method: str, path: str, status: int, raw: str, outcome: Outcome
) -> None:
    """A reply of REST, read by our side, against its own texts."""
    reason = m.reason_of(path, UNASKED)
    if reason:
        QUIRKS.unsupported(outcome, reason)
        return
    if path not in WANTS:
        QUIRKS.unsupported(outcome, SETTINGS)
        return
    message = json.loads(raw)
    result = message.get("result") or {}
    category = result.get("category")
    rows = result.get("list") if isinstance(result.get("list"), list) else []
    named = {row.get("category") for row in rows if isinstance(row, dict) and row.get("category")}
    options = any("optionsType" in row for row in rows if isinstance(row, dict))
    if options or (category and category not in OURS) or (named and not named & OURS):
        QUIRKS.unsupported(outcome, INVERSE)
        return
    market = market_of(category or next(iter(named & OURS), None))
    ask = Ask(WANTS[path], m.ACCOUNT, market)
    try:
        reply = side().read_http(ask, status, {}, raw.encode(), DESK)
    except MalformedMessageError as error:
        outcome.differ(f"{where}: {error}")
        return
    if ask.want in {Want.PLACE, Want.AMEND, Want.CANCEL} or message["retCode"]:
        outcome.compare(where, m.codes(reply), _expected_codes(message, ask.want is Want.PLACE))
    elif ask.want in {Want.CANCEL_ALL, Want.SET_ACCOUNT, Want.DEAD_MAN, Want.TEST_ORDER}:
        outcome.compare(where, {item.code for item in reply.items} <= {0}, True)
    elif ask.want is Want.CLOCK:
        outcome.compare(where, reply.server_ms, int(result["timeNano"]) // 10**6)
    elif ask.want is Want.ACCOUNT:
        plain = result["unifiedMarginStatus"] in {5, 6} and "PORTFOLIO" not in result["marginMode"]
        outcome.compare(where, reply.items[0].finding == 0, plain)
    else:
        m.compare_rows(
            where, lambda: reply.rows, _expected(ask.want, result, rows, market), outcome
        )


def _expected_codes(message: Json, placed: bool) -> list[tuple[int, str]]:
    rows = (message.get("result") or message.get("data") or {}).get("list")
    if message["retCode"] or rows is None:
        one = message.get("result") or message.get("data") or {}
        accepted = placed and not message["retCode"]
        return [(message["retCode"], one.get("orderId", "") if accepted else "")]
    said = (message.get("retExtInfo") or {}).get("list") or [{"code": 0}] * len(rows)
    return [
        (verdict["code"], row["orderId"] if placed and not verdict["code"] else "")
        for row, verdict in zip(rows, said, strict=True)
    ]


def _expected(want: Want, result: Json, rows: Sequence[Json], market: str) -> list[tuple[Any, ...]]:
    match want:
        case Want.OPEN_ORDERS | Want.ENDED_ORDERS:
            return [expected_order(row, market) for row in rows]
        case Want.FILLS:
            return [expected_execution(row, market) for row in rows]
        case Want.BALANCES:
            return [expected_balance(coin) for one in rows for coin in one["coin"]]
        case Want.POSITIONS:
            return [expected_position(row) for row in rows]
        case Want.CASH_FLOWS:
            kinds = {"SETTLEMENT": "FUNDING", "TRANSFER_IN": "TRANSFER", "TRANSFER_OUT": "TRANSFER"}
            return [
                (kinds[row["type"]], row["symbol"], m.number("-" + row["change"]) if not
                 row["change"].startswith("-") else m.number(row["change"][1:]), row["currency"])
                for row in rows
                if row["type"] in kinds
            ]  # fmt: skip
        case Want.LISTING:
            return [_expected_instrument(row, market) for row in rows]
        case Want.FEES:
            return [
                (
                    "fee",
                    m.number(r["makerFeeRate"]),
                    m.number(r["takerFeeRate"]),
                    r.get("symbol", ""),
                )
                for r in rows
            ]
        case _:
            trades = any(result["permissions"].get(k) for k in ("ContractTrade", "Spot"))
            return [("key", bool(trades) and result["readOnly"] == 0, "*" not in result["ips"])]


def _expected_instrument(row: Json, market: str) -> tuple[Any, ...]:
    lots = row["lotSizeFilter"]
    lot = lots["basePrecision" if market == "bybit.spot" else "qtyStep"]
    return ("listed", row["symbol"], m.number(row["priceFilter"]["tickSize"]), m.number(lot),
            m.number(lots["minOrderQty"]))  # fmt: skip


def expected_order(row: Json, market: str) -> tuple[Any, ...]:
    spot = market == "bybit.spot"
    unit = row.get("marketUnit") or ("quoteCoin" if row["side"] == "Buy" else "baseCoin")
    amount = spot and row["orderType"] == "Market" and unit == "quoteCoin"
    word = row["orderStatus"]
    waits = word == "Untriggered" or (
        word == "Deactivated" and row.get("stopOrderType") not in {"", None, "UNKNOWN"}
    )
    return (
        "order", row["orderId"], row["symbol"], row["side"].upper(), m.price(row["price"]),
        m.UNDEF if amount else m.units(row["qty"]), max(m.units(row["cumExecQty"]), 0),
        word in {"New", "PartiallyFilled", "Untriggered"}, not waits,
    )  # fmt: skip


def expected_execution(row: Json, market: str) -> tuple[Any, ...]:
    kinds = {"Trade": "FILL", "AdlTrade": "ADL", "BustTrade": "LIQUIDATION", "Funding": "FUNDING"}
    base, quote = m.currencies(row["symbol"])
    got_base = market == "bybit.spot" and row["side"] == "Buy"
    coin = row.get("feeCurrency") or (base if got_base else quote)
    fee = m.Decimal(row["execFee"]) if row.get("execFee") else m.Decimal(0)
    fee += sum(
        (m.Decimal(one["fee"]) for one in row.get("extraFees") or [] if one["feeCoin"] == coin),
        m.Decimal(0),
    )
    if row["execType"] == "Funding":
        return ("FUNDING", row["symbol"], m.number(fee), coin)
    return (
        kinds[row["execType"]], row["symbol"], row["side"].upper(), m.units(row["execPrice"]),
        m.units(row["execQty"]), m.number(fee), coin, row["execId"],
    )  # fmt: skip


def expected_balance(coin: Json) -> tuple[Any, ...]:
    return ("balance", coin["coin"], m.number(coin["walletBalance"]))


def expected_position(row: Json) -> tuple[Any, ...]:
    size = m.Decimal(row["size"] or "0")
    entry = row.get("entryPrice") or row.get("avgPrice")
    signed = -size if row["side"] == "Sell" else size
    return ("position", row["symbol"], m.number(signed), m.number(entry))


# Frames


def judge_push(where: str, raw: str, outcome: Outcome) -> None:
    """A push or an answer of a socket."""
    message = json.loads(raw)
    if not isinstance(message, dict) or not {"topic", "op"} & set(message):
        QUIRKS.unsupported(outcome, LIBRARY if isinstance(message, dict) else m.NO_SHAPE)
        return
    if "topic" in message:
        _judge_topic(where, message, raw, outcome)
        return
    operation = message["op"]
    link = Link(Role.ORDERS, (m.ACCOUNT,), True, "", 0)
    try:
        read = side().read(link, raw.encode(), DESK)
    except MalformedMessageError as error:
        outcome.differ(f"{where}: {error}")
        return
    if read.reply is not None:
        placed = operation.startswith("order.create")
        outcome.compare(where, m.codes(read.reply), _expected_codes(message, placed))
        return
    code = message.get("retCode", 0 if message.get("success", operation == "pong") else 1)
    kinds = {"auth": "logged_on", "ping": "pong", "pong": "pong"}
    kind = "refused" if code else kinds.get(operation, "subscribed")
    outcome.compare(where, [one.kind for one in read.notices], [kind])


def _judge_topic(where: str, message: Json, raw: str, outcome: Outcome) -> None:
    name = message["topic"].partition(".")[0]
    if message["topic"].startswith("execution.fast"):
        QUIRKS.unsupported(outcome, "execution.fast")
        return
    if name == "greeks":
        QUIRKS.unsupported(outcome, "greeks and coin greeks")
        return
    if name not in {*TOPICS, "dcp"}:
        QUIRKS.unsupported(outcome, m.MARKET_DATA)
        return
    if "%s" in raw:
        QUIRKS.unsupported(outcome, m.NO_SHAPE)
        return
    rows = message["data"]
    ours = [row for row in rows if name == "wallet" or row.get("category") in OURS]
    if not ours:
        QUIRKS.unsupported(outcome, INVERSE)
        return
    link = Link(Role.EVENTS, (m.ACCOUNT,), True, "", 0)
    makers = {
        "order": _expected_state, "execution": lambda r: expected_execution(r, _market(r)),
        "position": expected_position,
    }  # fmt: skip
    if name == "wallet":
        expected = [expected_balance(coin) for row in ours for coin in row["coin"]]
    else:
        expected = [made for row in ours if (made := makers[name](row)) is not None]

    def rows_read() -> list[Any]:
        read = side().read(link, raw.encode(), DESK)
        return [one for _, one in (*read.reports, *read.balances, *read.positions)]

    m.compare_rows(where, rows_read, expected, outcome)


def _market(row: Json) -> str:
    return market_of(row["category"])


def _expected_state(row: Json) -> tuple[Any, ...] | None:
    """Nobody's orders here: they are told when they open."""
    opens = row["orderStatus"] in {"New", "PartiallyFilled", "Untriggered"}
    if not opens:
        return None
    return (
        "state", row["orderId"], row["symbol"], row["side"].upper(), m.price(row["price"]),
        max(m.units(row["cumExecQty"]), 0), True,
    )  # fmt: skip


def judge_sent(where: str, raw: str, rules: Divergences, outcome: Outcome) -> None:
    """A frame that a client sends."""
    message = json.loads(raw)
    operation, args = message.get("op", ""), message.get("args", [])
    if operation.startswith("order."):
        verb = operation.removeprefix("order.")
        judge_request(where, "POST", f"/v5/order/{verb}", args[0], rules, outcome)
    elif operation == "auth":
        logon = Ask(Want.LOGON, m.ACCOUNT, values={"role": int(Role.EVENTS)})
        outcome.compare(where, _shape_of_frame(logon), ("auth", len(args)))
    elif operation == "subscribe" and set(args) <= {*TOPICS, *DEAD_MAN_TOPICS}:
        outcome.compare(where, _shape_of_frame(Ask(Want.SUBSCRIBE, m.ACCOUNT))[0], "subscribe")
    elif operation == "subscribe" and args == ["greeks"]:
        QUIRKS.unsupported(outcome, "greeks and coin greeks")
    elif operation == "subscribe" and args == ["system.status"]:
        QUIRKS.unsupported(outcome, "system status and rate-limit administration")
    else:
        QUIRKS.unsupported(outcome, LIBRARY if operation in {"pong", "ping"} else m.MARKET_DATA)


def _shape_of_frame(ask: Ask) -> tuple[str, int]:
    made = side().ask(ask, Way.SOCKET, m.STAMP)
    assert made is not None
    assert isinstance(made.body, bytes)
    frame = json.loads(made.body)
    return frame["op"], len(frame["args"])


# Errors

OWN_SECTIONS = frozenset({"HTTP Code", "WS OE General code", "UTA", "Spot Trade"})


def judge_code(row: Json, outcome: Outcome) -> None:
    """A row of error_codes.json."""
    code = int(row["code"])
    if row["section"] not in OWN_SECTIONS or (row["section"] == "UTA" and code > 170_999):
        QUIRKS.unsupported(outcome, m.OTHER_CODES)
    elif code == 0:
        outcome.agreed += 1
    else:
        listed = code in errors.RULINGS
        m.judge_code(f"bybit {code}", code, [row["text"]], errors.judge, listed, outcome)


judge = errors.judge


def listed_code(row: Json) -> int | None:
    """The number of a library's error word, where it is listed here."""
    match = str(row["match"])
    plain = match.removeprefix("-").isdecimal()
    return int(match) if plain and int(match) in errors.RULINGS else None
