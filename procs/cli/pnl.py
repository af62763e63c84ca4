"""`oms pnl`: profit and loss per strategy and instrument, marked at mid, fees included."""

from __future__ import annotations

import argparse
from decimal import Decimal
from typing import Any

from oms.errors import ExitCode
from procs.cli.parts.common import add_config, print_json, running_desk
from procs.cli.parts.page import show, table

EXAMPLES = """\
examples:
  oms pnl            since the journal began, per strategy and instrument, and the sums
  oms pnl --json     for a program, exact decimals as text

P&L = what sales brought - what purchases cost - fees + the position at mid. A fee in a third coin
counts at the mid of the desk's own book of that coin against the quote currency when the fill came
(list BNB/USDT under instruments, and fees in BNB count); where there was none it is named below the
table, by coin. "edge bp" is the mean distance of our price from the mid at the moment of the
decision: above 0 is in our favour.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a page")


def run(arguments: argparse.Namespace) -> int:
    """Print; 0 also where nothing was traded."""
    config, paths = running_desk(arguments)
    from procs.cli.parts.look import Look

    look = Look(config, paths)
    rows = look.positions()
    found = sums(rows)
    whole = converted(found, look.marks(), config.currency)
    if arguments.json:
        print_json({"rows": rows, "sums": found, "desk": whole})
    else:
        show(page(rows) + whole_line(found, whole))
    return ExitCode.OK


def converted(
    found: list[dict[str, Any]], marks: dict[str, Decimal], currency: str
) -> dict[str, Any]:
    """P&L and fees of all currencies in the desk's; `without_mark` names those that no price
    brings there, and which are in neither."""
    known = [one for one in found if one["currency"] in marks]
    return {
        "currency": currency,
        "pnl": sum((one["pnl"] * marks[one["currency"]] for one in known), Decimal(0)),
        "fees": sum((one["fees"] * marks[one["currency"]] for one in known), Decimal(0)),
        "without_mark": [one["currency"] for one in found if one["currency"] not in marks],
    }


def whole_line(found: list[dict[str, Any]], whole: dict[str, Any]) -> list[str]:
    """One line where there is more than the desk's own currency to add up."""
    if all(one["currency"] == whole["currency"] for one in found):
        return []
    line = f"all of it in {whole['currency']}: P&L {whole['pnl']:+.2f}, fees {whole['fees']:.2f}"
    if whole["without_mark"]:
        names = ", ".join(whole["without_mark"])
        line += f"; without {names}, for which the desk has no live book against it"
    return [line]


def sums(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Per currency; `unmarked` rows have no price and are not in the sum of P&L."""
    made: dict[str, dict[str, Any]] = {}
    for row in rows:
        one = made.setdefault(
            row["currency"],
            {
                "currency": row["currency"],
                "pnl": Decimal(0),
                "fee": Decimal(0),
                "fees": Decimal(0),
                "volume": Decimal(0),
                "fills": 0,
                "unmarked": 0,
            },
        )
        one["pnl"] += row["pnl"] or 0
        one["unmarked"] += row["pnl"] is None
        for name in ("fee", "fees", "volume", "fills"):
            one[name] += row[name]
    return list(made.values())


def page(rows: list[dict[str, Any]]) -> list[str]:
    """A table of them with a line of sums per currency."""
    if not rows:
        return ["no P&L: nothing was traded yet"]
    headers = ["strategy", "instrument", "P&L", "", "fees", "volume", "fills", "edge bp"]
    made = [
        [
            row["strategy"],
            row["instrument"],
            "not marked" if row["pnl"] is None else f"{row['pnl']:+.2f}",
            row["currency"],
            f"{row['fees']:.2f}",
            f"{row['volume']:.0f}",
            row["fills"],
            None if row["edge_bp"] is None else f"{row['edge_bp']:+.2f}",
        ]
        for row in rows
    ]
    made += [
        [
            "sum",
            f"({one['unmarked']} not marked)" if one["unmarked"] else "",
            f"{one['pnl']:+.2f}",
            one["currency"],
            f"{one['fees']:.2f}",
            f"{one['volume']:.0f}",
            one["fills"],
            "",
        ]
        for one in sums(rows)
    ]
    lines = table(headers, made, left=(0, 1, 3))
    if paid := coins(rows, "amount"):
        lines.append(f"of the fees, paid in third coins: {paid}")
    if besides := coins(rows, "not_in_pnl"):
        lines.append(f"not in the P&L, because the desk had no live book of the coin: {besides}")
    return lines


def coins(rows: list[dict[str, Any]], name: str) -> str:
    """Sums of `name` over the fees in third coins, by coin; "" where there are none."""
    sums: dict[str, Decimal] = {}
    for row in rows:
        for fee in row["fees_other"]:
            sums[fee["currency"]] = sums.get(fee["currency"], Decimal(0)) + fee[name]
    return ", ".join(f"{amount:f} {code}" for code, amount in sums.items() if amount)
