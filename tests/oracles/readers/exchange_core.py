"""Oracle reader of folder `exchange-core`: scenarios of steps, each judged against our engine.

Every step is read by its text, whatever the file; a step that sets something up agrees when it
could be carried out. A step with an unknown text is unread, and so is what follows in its scenario.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.oracles.base import Outcome
from tests.oracles.exchange_core import CURRENCIES, SIDES, SPECS, TIMES, Desk, Placed

FOLDER = "exchange-core"
Table = list[list[str]]
_CLIENT = r"[Aa] client (\w+)"
_ORDER = (
    r"(?:an|a) (BID|ASK) order (\d+) at (\d+)@(\d+) "
    r"\(type: (\w+), symbol: (\w+)(?:, reservePrice: (\d+))?\)"
)
_MATCHED = (
    r"The order (\d+) is (partially|fully) matched\. LastPx: (\d+), LastQty: (\d+)"
    r"(?:, bidderHoldPrice: (\d+))?"
)


class UnreadError(Exception):
    """A step that this runner does not know; its text is the reason."""


def _say(found: object, expected: object) -> str:
    return "" if found == expected else f"found {found}, expected {expected}"


def _users(desk: Desk, table: Table) -> str:
    for client, currency, amount in table[1:]:
        desk.add(client, currency, int(amount))
    return ""


def _new_client(desk: Desk, table: Table, client: str) -> str:
    desk.account(client)
    for currency, amount in table:
        desk.add(client, currency, int(amount))
    return ""


def _added(desk: Desk, _: Table, amount: str, currency: str, client: str) -> str:
    desk.add(client, currency, int(amount))
    return ""


def _place(desk: Desk, _: Table, *words: str) -> str:
    client, side, number, px, size, tif, symbol, reserve, *refusal = words
    if symbol not in SPECS or tif not in TIMES:
        raise UnreadError(f"symbol {symbol} or type {tif} of an order")
    order = Placed(client, symbol, SIDES[side], int(px), int(size), int(reserve or 0))
    return _say(desk.place(int(number), order, TIMES[tif]), (refusal or ["SUCCESS"])[0])


def _move(desk: Desk, _: Table, client: str, px: str, number: str, code: str = "SUCCESS") -> str:
    return _say(desk.move(client, int(number), int(px)), code)


def _cancel(desk: Desk, _: Table, client: str, size: str, number: str) -> str:
    return _say(desk.cancel(client, int(number)), ("SUCCESS", int(size)))


def _matched(
    desk: Desk, _: Table, number: str, how: str, px: str, qty: str, hold_px: str | None
) -> str:
    expected = (int(number), int(px), int(qty), how == "fully")
    found = [trade[:4] for trade in desk.trades]
    if found != [expected]:
        return _say(found, [expected])
    return _say(desk.trades[0][4], int(hold_px)) if hold_px else ""


def _no_trades(desk: Desk, _: Table) -> str:
    return _say(desk.trades, [])


def _book(desk: Desk, table: Table, symbol: str) -> str:
    if symbol not in SPECS:
        raise UnreadError(f"symbol {symbol} of a book")
    rows = [row for row in table if row[1] != "price"]
    expected = {int(px): (int(bid or 0), int(ask or 0)) for bid, px, ask in rows}
    return _say(desk.book(symbol), expected)


def _orders(desk: Desk, table: Table, client: str) -> str:
    names = table[0]
    mine = desk.open_orders(client)
    for row in (dict(zip(names, line, strict=True)) for line in table[1:]):
        order = mine.get(int(row["id"]))
        if order is None:
            return f"order {row['id']} is not open"
        side = next(name for name, value in SIDES.items() if value == order.side)
        has = {"price": order.px, "size": order.size, "filled": order.filled}
        has |= {"reservePrice": order.reserve_px, "id": int(row["id"])}
        wrong = [n for n, v in row.items() if (v != side if n == "side" else int(v) != has[n])]
        if wrong:
            return f"order {row['id']}: {wrong} differ"
    return ""


def _no_orders(desk: Desk, _: Table, client: str) -> str:
    return _say(sorted(desk.open_orders(client)), [])


def _balance(desk: Desk, table: Table, client: str) -> str:
    unknown = [currency for currency, _ in table if currency not in CURRENCIES]
    if unknown:
        raise UnreadError(f"currency {unknown[0]}")
    found = {currency: desk.balance(client, currency) for currency, _ in table}
    return _say(found, {currency: int(amount) for currency, amount in table})


def _suspend(desk: Desk, _: Table, client: str, code: str = "SUCCESS") -> str:
    return _say(desk.suspend(client), code)


def _query(desk: Desk, _: Table, client: str, code: str) -> str:
    gone = client in desk.away or client not in desk.clients
    return _say("USER_NOT_FOUND" if gone else "OK", code)


def _status(desk: Desk, _: Table, client: str, status: str) -> str:
    return _say("SUSPENDED" if client in desk.away else "ACTIVE", status)


STEPS: tuple[tuple[str, Callable[..., str]], ...] = (
    (r"Users and their balances:", _users),
    (r"New client (\w+) has a balance:", _new_client),
    (r"(-?\d+) (\w+) is added to the balance of a client (\w+)", _added),
    (rf"{_CLIENT} places {_ORDER}", _place),
    (rf"{_CLIENT} could not place {_ORDER} due to (\w+)", _place),
    (rf"{_CLIENT} moves a price to (\d+) of the order (\d+)", _move),
    (rf"{_CLIENT} could not move a price to (\d+) of the order (\d+) due to (\w+)", _move),
    (rf"{_CLIENT} cancels the remaining size (\d+) of the order (\d+)", _cancel),
    (_MATCHED, _matched),
    (r"No trade events", _no_trades),
    (r"An? (\w+) order book is:", _book),
    (rf"{_CLIENT} orders:", _orders),
    (rf"{_CLIENT} does not have active orders", _no_orders),
    (r"[Aa] balance of a client (\w+):", _balance),
    (r"Suspend (\w+) who has balances will return \"(\w+)\"", _suspend),
    (r"Suspend (\w+) who has no balances", _suspend),
    (r"Query (\w+) will return \"(\w+)\"", _query),
    (r"Status of (\w+) is \"(\w+)\"", _status),
)


def judge(desk: Desk, text: str, table: Table) -> str:
    """Carry out or check one step: "" = as it says."""
    for pattern, act in STEPS:
        match = re.fullmatch(pattern, text.strip())
        if match:
            return act(desk, table, *match.groups())
    raise UnreadError(f"the step '{text}'")


def expand(scenario: dict[str, Any]) -> Iterator[list[tuple[str, Table]]]:
    """The steps of each example (of the one, where there are none), background first."""
    steps = [*scenario.get("background", []), *scenario["steps"]]
    examples: list[dict[str, str]] = []
    for block in scenario.get("examples") or []:
        names, *rows = block["table"]
        examples += [dict(zip(names, row, strict=True)) for row in rows]
    for values in examples or [{}]:
        made = []
        for step in steps:
            text, table = step["text"], step.get("table") or []
            for name, value in values.items():
                text = text.replace(f"<{name}>", value)
                table = [[cell.replace(f"<{name}>", value) for cell in row] for row in table]
            made.append((text, table))
        yield made


class ExchangeCoreReader:
    """Each step of each scenario."""

    folder = FOLDER
    patterns = ("*.json",)

    def read(self, files: Sequence[Path]) -> Outcome:
        outcome = Outcome()
        for path in files:
            for scenario in json.loads(path.read_text(encoding="utf-8")):
                for steps in expand(scenario):
                    _run(f"{path.name} '{scenario.get('name', '')}'", steps, outcome)
        return outcome


def _run(where: str, steps: Sequence[tuple[str, Table]], outcome: Outcome) -> None:
    desk = Desk()
    outcome.items += len(steps)
    for number, (text, table) in enumerate(steps):
        try:
            trouble = judge(desk, text, table)
        except UnreadError as reason:
            outcome.skip(f"{where}: {reason}, and what follows it", len(steps) - number)
            return
        if trouble:
            outcome.differ(f"{where}, '{text}': {trouble}")
        else:
            outcome.agreed += 1
