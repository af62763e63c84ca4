"""OKX's order side against outside material: replies, frames, errors; requests stand beside.

Replies and pushes are read by our side and compared with their own texts; a contract is taken for
0.01 of its base.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from oms.venues.data import Role, Way
from oms.venues.okx import errors
from oms.venues.orders import Link
from oms.venues.reports import Ask, MalformedMessageError, Want
from shm_layout.enums import OrderSpace
from tests.oracles.base import Outcome
from tests.oracles.divergences import Divergences
from tests.oracles.exchanges import matching as m
from tests.oracles.exchanges.kinds import Json
from tests.oracles.exchanges.okx_requests import (
    DESK,
    OTHER_ALGOS,
    OTHER_TYPES,
    QUIRKS,
    SETTINGS,
    SPREADS,
    UNASKED,
    WANTS,
    judge_request,
    market_of,
    params_of,
    side,
    signed_again,
)

__all__ = ["judge_request", "params_of", "signed_again"]

STATUS = "status and connection administration"
PLACEHOLDERS = "placeholders for numbers in documents"
OTHER_CHANNELS = "balance_and_position, fills, liquidation-warning, greeks channels"
_LINK = Link(Role.BOTH, (m.ACCOUNT,), True, "ping", 0)
_ALGO_WORDS = frozenset(
    {"live", "pause", "partially_effective", "effective", "canceled", "order_failed",
     "partially_failed"}
)  # fmt: skip
"""The documented words; another makes the message malformed, which asks for the lists."""
_OURS = frozenset({"orders", "orders-algo", "positions", "account"})
_CHANNELS: Sequence[tuple[str, str]] = (
    ("algo-advance", OTHER_ALGOS), ("sprd-*", SPREADS), ("rfqs", SPREADS), ("quotes", SPREADS),
    ("*struc-block-trades", SPREADS), ("*block*", SPREADS),
    ("grid-*", "grid, recurring, copy trading, signal bots"),
    ("algo-recurring-buy", "grid, recurring, copy trading, signal bots"),
    ("copytrading*", "grid, recurring, copy trading, signal bots"),
    ("economic-calendar", "event contracts, announcements, calendar, statistics"),
    ("deposit-info", "assets, funding account and conversion"),
    ("withdrawal-info", "assets, funding account and conversion"),
    ("status", STATUS), ("balance_and_position", OTHER_CHANNELS), ("fills", OTHER_CHANNELS),
    ("liquidation-warning", OTHER_CHANNELS), ("account-greeks", OTHER_CHANNELS),
    ("*", m.MARKET_DATA),
)  # fmt: skip
_ACTS = frozenset({Want.PLACE, Want.AMEND, Want.CANCEL})
_ALGO_OPEN = frozenset({"live", "pause", "partially_effective"})


# Replies


def judge_reply(
    where: str, method: str, path: str, status: int, raw: str, outcome: Outcome
) -> None:
    """A reply of REST, read by our side, against its own texts."""
    path = "/api/v5/account/bills" if path == "/api/v5/account/bills-archive" else path
    reason = m.reason_of(path, UNASKED)
    if reason or path not in WANTS:
        QUIRKS.unsupported(outcome, reason or SETTINGS)
        return
    message = json.loads(raw)
    rows = message.get("data") or []
    want = Want.ORDER if method == "GET" and WANTS[path] is Want.PLACE else WANTS[path]
    typed = [row for row in rows if "instType" in row] if want is not Want.FEES else []
    ours = [row for row in typed if market_of(row)]
    if typed and not ours:
        QUIRKS.unsupported(outcome, OTHER_TYPES)
        return
    market = market_of(ours[0]) if ours else "okx.swap"
    space = OrderSpace.ALGO if "algo" in path else OrderSpace.BOOK
    ask = Ask(want, m.ACCOUNT, market, space=space)
    try:
        reply = side().read_http(ask, status, {}, raw.encode(), DESK)
    except MalformedMessageError as error:
        outcome.differ(f"{where}: {error}")
        return
    if want in _ACTS or message["code"] != "0":
        outcome.compare(where, m.codes(reply), _expected_codes(message, want is Want.PLACE))
    elif want in {Want.DEAD_MAN, Want.SET_ACCOUNT, Want.TEST_ORDER}:
        outcome.compare(where, {item.code for item in reply.items}, {0})
    elif want is Want.CLOCK:
        outcome.compare(where, reply.server_ms, int(rows[0]["ts"]))
    elif want is Want.ACCOUNT:
        plain = rows[0]["acctLv"] == "2" and rows[0]["posMode"] == "net_mode"
        outcome.compare(where, reply.items[0].finding == 0, plain)
        key = side().read_http(Ask(Want.KEY, m.ACCOUNT), 200, {}, raw.encode(), DESK)
        expected = [("key", "trade" in rows[0]["perm"].split(","), bool(rows[0]["ip"]))]
        m.compare_rows(where, lambda: key.rows, expected, outcome)
    else:
        m.compare_rows(where, lambda: reply.rows, _expected(want, space, ours or rows), outcome)


def _expected_codes(message: Json, placed: bool) -> list[tuple[int, str]]:
    rows = message.get("data") or []
    if not rows or "sCode" not in rows[0]:
        return [(int(message["code"]), "")]
    return [
        (int(row["sCode"]), (row.get("algoId") or row["ordId"]) if placed and row["sCode"] == "0"
         else "")
        for row in rows
    ]  # fmt: skip


def _expected(want: Want, space: OrderSpace, rows: Sequence[Json]) -> list[tuple[Any, ...]]:
    match want:
        case Want.ORDER | Want.OPEN_ORDERS | Want.ENDED_ORDERS:
            made = expected_algo if space is OrderSpace.ALGO else expected_order
            return [made(row) for row in rows]
        case Want.FILLS:
            return [expected_fill(row, row["fee"], row["feeCcy"]) for row in rows]
        case Want.BALANCES:
            return [expected_balance(coin) for one in rows for coin in one["details"]]
        case Want.POSITIONS:
            return [expected_position(row) for row in rows]
        case Want.CASH_FLOWS:
            kinds = {"1": "TRANSFER", "8": "FUNDING"}
            return [
                (kinds[r["type"]], r["instId"], m.number(-Decimal(r["balChg"])), r["ccy"])
                for r in rows
                if r["type"] in kinds
            ]
        case Want.LISTING:
            return [
                ("listed", r["instId"], m.number(r["tickSz"]), m.number(r["lotSz"]),
                 m.number(r["minSz"]))
                for r in rows
            ]  # fmt: skip
        case _:
            return [rate for row in rows for rate in _expected_fees(row)]


def _expected_fees(row: Json) -> list[tuple[Any, ...]]:
    groups = row.get("feeGroup") or [row]
    return [
        ("fee", m.number(-Decimal(one["maker"])), m.number(-Decimal(one["taker"])),
         one.get("groupId", ""))
        for one in groups
    ]  # fmt: skip


def _size(row: Json, name: str) -> int:
    return (m.contracts if row["instType"] == "SWAP" else m.units)(row.get(name))


def expected_order(row: Json) -> tuple[Any, ...]:
    unit = row.get("tgtCcy") or ("quote_ccy" if row["side"] == "buy" else "base_ccy")
    amount = row["instType"] == "SPOT" and row["ordType"] == "market" and unit == "quote_ccy"
    return (
        "order", row["ordId"], row["instId"], row["side"].upper(), m.price(row["px"]),
        m.UNDEF if amount else _size(row, "sz"), max(_size(row, "accFillSz"), 0),
        row["state"] in {"live", "partially_filled"}, True,
    )  # fmt: skip


def expected_algo(row: Json) -> tuple[Any, ...]:
    names = ("ordPx", "slOrdPx", "tpOrdPx")
    px = next((row[name] for name in names if row.get(name) not in {None, "", "0"}), "")
    by_quote = row["instType"] == "SPOT" and row.get("tgtCcy") == "quote_ccy"
    return (
        "order", row["algoId"], row["instId"], row["side"].upper(), m.price(px),
        m.UNDEF if by_quote else _size(row, "sz"), 0, row["state"] in _ALGO_OPEN, False,
    )  # fmt: skip


def expected_fill(row: Json, fee: str, coin: str) -> tuple[Any, ...]:
    kinds = {"adl": "ADL", "full_liquidation": "LIQUIDATION", "partial_liquidation": "LIQUIDATION"}
    return (
        kinds.get(row.get("category", ""), "FILL"), row["instId"], row["side"].upper(),
        m.units(row["fillPx"]), _size(row, "fillSz"),
        m.number(-Decimal(fee)) if fee != "" else None, coin, row["tradeId"],
    )  # fmt: skip


def expected_balance(coin: Json) -> tuple[Any, ...]:
    return ("balance", coin["ccy"], m.number(coin["cashBal"]))


def expected_position(row: Json) -> tuple[Any, ...]:
    held = Decimal(row["pos"])
    signed = -held if row["posSide"] == "short" else held
    return ("position", row["instId"], m.number(signed), m.number(row["avgPx"]))


# Frames


def judge_push(where: str, raw: str, outcome: Outcome) -> None:
    """A push or an answer of a socket."""
    if "5XXXX" in raw or "<" in raw:
        QUIRKS.unsupported(outcome, PLACEHOLDERS)
        return
    message = json.loads(raw)
    if not isinstance(message, dict) or not {"arg", "op", "event"} & set(message):
        QUIRKS.unsupported(outcome, m.NO_SHAPE)
    elif "data" in message and "arg" in message:
        _judge_channel(where, message, raw, outcome)
    elif "op" in message:
        _judge_answer(where, message, raw, outcome)
    else:
        read = side().read(_LINK, raw.encode(), DESK)
        kinds = {
            "login": "logged_on", "subscribe": "subscribed", "unsubscribe": "subscribed",
            "notice": "shutdown", "channel-conn-count": "status",
        }  # fmt: skip
        expected = kinds.get(message["event"], "refused")
        outcome.compare(where, [one.kind for one in read.notices], [expected])


def _judge_answer(where: str, message: Json, raw: str, outcome: Outcome) -> None:
    if message["op"] == "mass-cancel":
        QUIRKS.unsupported(outcome, OTHER_TYPES)
        return
    if message["op"].startswith("sprd"):
        QUIRKS.unsupported(outcome, SPREADS)
        return
    try:
        read = side().read(_LINK, raw.encode(), DESK)
    except MalformedMessageError as error:
        outcome.differ(f"{where}: {error}")
        return
    assert read.reply is not None
    placed = message["op"] in {"order", "batch-orders"}
    outcome.compare(where, m.codes(read.reply), _expected_codes(message, placed))


def _judge_channel(where: str, message: Json, raw: str, outcome: Outcome) -> None:
    channel = message["arg"].get("channel") or message["arg"].get("args", "")
    if channel not in _OURS:
        QUIRKS.unsupported(outcome, m.reason_of(channel, _CHANNELS) or m.MARKET_DATA)
        return
    rows = message["data"]
    ours = rows if channel == "account" else [row for row in rows if market_of(row)]
    if rows and not ours:
        QUIRKS.unsupported(outcome, OTHER_TYPES)
        return
    if channel == "orders-algo" and not {row["state"] for row in ours} <= _ALGO_WORDS:
        QUIRKS.unsupported(outcome, m.NO_SHAPE)
        return
    makers = {"orders": _expected_states, "orders-algo": _expected_algo_states}
    if channel == "account":
        expected = [expected_balance(coin) for row in ours for coin in row["details"]]
    elif channel == "positions":
        expected = [expected_position(row) for row in ours]
    else:
        expected = [one for row in ours for one in makers[channel](row)]

    def rows_read() -> list[Any]:
        read = side().read(_LINK, raw.encode(), DESK)
        return [one for _, one in (*read.reports, *read.balances, *read.positions)]

    m.compare_rows(where, rows_read, expected, outcome)


def _expected_states(row: Json) -> list[tuple[Any, ...]]:
    """The push's fill, then its state where nobody's order opens."""
    found = []
    if _size(row, "fillSz") > 0 and row["tradeId"]:
        fee = row.get("fillFee", "")
        found.append(expected_fill(row, fee, row.get("fillFeeCcy") or row["feeCcy"]))
    if row["state"] in {"live", "partially_filled"}:
        found.append(
            ("state", row["ordId"], row["instId"], row["side"].upper(), m.price(row["px"]),
             max(_size(row, "accFillSz"), 0), True)
        )  # fmt: skip
    return found


def _expected_algo_states(row: Json) -> list[tuple[Any, ...]]:
    if row["state"] not in _ALGO_OPEN:
        return []
    _, number, symbol, which, px, *_ = expected_algo(row)
    return [("state", number, symbol, which, px, m.UNDEF, True)]


def judge_sent(where: str, raw: str, rules: Divergences, outcome: Outcome) -> None:
    """A frame that a client sends."""
    message = json.loads(raw)
    args = message.get("args") or [{}]
    if not isinstance(args[0], dict):
        QUIRKS.unsupported(outcome, PLACEHOLDERS)
        return
    channel = args[0].get("channel", "")
    if message["op"] == "login":
        outcome.compare(where, _frame(Ask(Want.LOGON, m.ACCOUNT)), _shape(message))
    elif message["op"] == "subscribe" and channel in _OURS:
        if not all(market_of(one) or one.get("instType") in {None, "ANY"} for one in args):
            QUIRKS.unsupported(outcome, OTHER_TYPES)
            return
        role = Role.EVENTS if channel == "orders-algo" else Role.BOTH
        ask = Ask(Want.SUBSCRIBE, m.ACCOUNT, values={"role": int(role)})
        outcome.compare(where, channel in _frame(ask)[1], True)
    else:
        QUIRKS.unsupported(outcome, m.reason_of(channel, _CHANNELS) or m.MARKET_DATA)


def _frame(ask: Ask) -> tuple[str, tuple[str, ...]]:
    made = side().ask(ask, Way.SOCKET, m.STAMP)
    assert made is not None
    assert isinstance(made.body, bytes)
    return _shape(json.loads(made.body))


def _shape(frame: Json) -> tuple[str, tuple[str, ...]]:
    words = [one.get("channel") for one in frame["args"] if "channel" in one]
    return frame["op"], tuple(words) or tuple(sorted(frame["args"][0]))


# Errors


def judge_code(row: Json, outcome: Outcome) -> None:
    """A row of error_codes.json."""
    code = int(row["code"])
    own = 50_000 <= code < 51_340 or 51_400 <= code < 51_700 or code >= 60_000
    if code == 0:
        outcome.agreed += 1
    elif not own and code not in errors.RULINGS:
        QUIRKS.unsupported(outcome, m.OTHER_CODES)
    else:
        listed = code in errors.RULINGS
        m.judge_code(f"okx {code}", code, [row.get("text", "")], errors.judge, listed, outcome)


judge = errors.judge


def listed_code(row: Json) -> int | None:
    """The number of a library's error word, where it is listed here."""
    match = str(row["match"])
    return int(match) if match.isdecimal() and int(match) in errors.RULINGS else None
