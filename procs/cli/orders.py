"""`oms orders`: every order that is open or unknown, read from risk's table."""

from __future__ import annotations

import argparse
import time
from typing import Any

from oms.config_build import nearest
from oms.errors import ConfigError, ExitCode
from procs.cli.parts.common import add_config, print_json, running_desk
from procs.cli.parts.page import age, cell, show, table

_NAMED_MAX = 20

EXAMPLES = """\
examples:
  oms orders                     what is open or unknown, the unknown first
  oms orders --unknown           only orders of which the exchange has not yet said what they are
  oms orders --strategy mm       of one strategy; --account main: of one account
  oms orders --json | jq .       for a program, with ids, times and states in full

UNKNOWN: sent, and no answer came. It counts in full against every limit, is asked about after 1,
2, 4 … 32 s, and ends on the exchange's word alone.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    add_config(parser)
    parser.add_argument("--unknown", action="store_true", help="only those that are UNKNOWN")
    parser.add_argument("--strategy", metavar="NAME", help="only those of one strategy")
    parser.add_argument("--account", metavar="NAME", help="only those of one account")
    parser.add_argument("--json", action="store_true", help="one JSON list instead of a page")


def run(arguments: argparse.Namespace) -> int:
    """Print; 0 also where there is none."""
    config, paths = running_desk(arguments)
    accounts = config.account_names()
    _known("--strategy", arguments.strategy, [strategy.name for strategy in config.strategies])
    _known("--account", arguments.account, list(accounts))
    from procs.cli.parts.look import Look

    rows = Look(config, paths).orders()
    rows = chosen(rows, arguments.unknown, arguments.strategy, arguments.account)
    if arguments.json:
        print_json(rows)
        return ExitCode.OK
    strategies = {row["strategy"] for row in rows}
    many = len(strategies) > 1 or len(config.venues) > 1
    show(page(rows, many=many, accounts=len(accounts) > 1))
    return ExitCode.OK


def _known(option: str, given: str | None, names: list[str]) -> None:
    """ConfigError where the desk has no such name."""
    if given is None or given in names:
        return
    known = ", ".join(names[:_NAMED_MAX]) + (" …" if len(names) > _NAMED_MAX else "")
    raise ConfigError(
        f"{option} {given}: this desk has none of that name; the nearest is "
        f"'{nearest(given, names)}' (known: {known})"
    )


def chosen(
    rows: list[dict[str, Any]], unknown: bool, strategy: str | None, account: str | None = None
) -> list[dict[str, Any]]:
    """Those that were asked for, the unknown first, then by instrument, side and price."""
    kept = [
        row
        for row in rows
        if (not unknown or row["state"] == "UNKNOWN")
        and strategy in (None, row["strategy"])
        and account in (None, row["account"])
    ]
    return sorted(
        kept,
        key=lambda row: (
            row["state"] != "UNKNOWN",
            row["instrument"],
            row["side"],
            row["px"] is not None,
            row["px"] or 0,
        ),
    )


def page(rows: list[dict[str, Any]], *, many: bool, accounts: bool = False) -> list[str]:
    """A table of them; `many`: strategies and markets are named in full; `accounts`: these, too."""
    if not rows:
        return ["no open orders"]
    now = time.time_ns()
    headers = ["id", "instrument", "side", "price", "quantity", "filled", "state", "age"]
    made = [
        [
            row["id"],
            row["instrument"] if many else row["instrument"].partition(":")[2],
            row["side"],
            row["px"],
            row["qty"] if row["qty"] is not None else f"for {cell(row['quote_qty'])}",
            row["cum_qty"],
            row["state"],
            age(now - row["ts_decide_ns"]),
        ]
        for row in rows
    ]
    if many:
        headers.insert(7, "strategy")
        for line, row in zip(made, rows, strict=True):
            line.insert(7, row["strategy"])
    if accounts:
        headers.append("account")
        for line, row in zip(made, rows, strict=True):
            line.append(row["account"])
    return table(headers, made, left=(0, 1, 2, 6))
