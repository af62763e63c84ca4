"""`oms positions`: what each strategy holds, and what its open orders could make of it."""

from __future__ import annotations

import argparse
from typing import Any

from oms.errors import ExitCode
from procs.cli.parts.common import add_config, print_json, running_desk
from procs.cli.parts.page import show, table

EXAMPLES = """\
examples:
  oms positions            net quantity per strategy and instrument, and its value at mid
  oms positions --json     for a program, exact decimals as text

"open buy" and "open sell" are the worst case: open and unknown orders counted as filled.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="one JSON list instead of a page")


def run(arguments: argparse.Namespace) -> int:
    """Print; 0 also where there is none."""
    config, paths = running_desk(arguments)
    from procs.cli.parts.look import Look

    rows = Look(config, paths).positions()
    if arguments.json:
        print_json(rows)
    else:
        show(page(rows, accounts=len(config.account_names()) > 1))
    return ExitCode.OK


def page(rows: list[dict[str, Any]], *, accounts: bool = False) -> list[str]:
    """A table of them; `accounts`: named, too."""
    if not rows:
        return ["no positions: nothing was traded yet"]
    headers = ["strategy", "instrument", "position", "value", "", "open buy", "open sell"]
    made = [
        [
            row["strategy"],
            row["instrument"],
            row["qty"],
            None if row["value"] is None else f"{row['value']:.2f}",
            row["currency"],
            row["open_buy_qty"],
            row["open_sell_qty"],
        ]
        for row in rows
    ]
    if accounts:
        headers.append("account")
        for line, row in zip(made, rows, strict=True):
            line.append(row["account"])
    return table(headers, made, left=(0, 1, 4))
