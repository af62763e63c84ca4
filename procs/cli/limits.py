"""`oms limits`: the limits in force and how much of them is used; `oms limits set` changes one."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any

from oms.config import DeskConfig, LimitsConfig
from oms.errors import ExitCode
from procs.cli.parts.common import print_json, running_desk
from procs.config.files import DEFAULT_CONFIG
from procs.control_client import ControlLink
from procs.files.paths import DeskPaths
from procs.here import here
from procs.memory import process_of

NAMES = tuple(field.name for field in dataclasses.fields(LimitsConfig))

EXAMPLES = """\
examples:
  oms limits                                                     what is in force, and its use
  oms limits --json
  oms limits set max_open_orders 10 --reason "calm down"         at once, for every strategy
  oms limits set max_order_notional 5000 --reason "news" --dry-run

A change is journaled before it counts, and holds over restarts for as long as the file in
configs/risk stays as it is: a changed file wins over every change made before, and that is
journaled, too. exit code 0: done; 11: refused, with the reason; 5: the desk does not run.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    _shared(parser)
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    changes = actions.add_parser(
        "set", help="change one limit of the running desk", epilog=here(EXAMPLES),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    changes.add_argument("name", help=", ".join(NAMES))
    changes.add_argument("value", help="a whole number, or an amount: 5000, '30000000 KRW'")
    changes.add_argument("--reason", default="", help="why; required, and journaled")
    changes.add_argument("--dry-run", action="store_true", help="check it; nothing is changed")
    _shared(changes)


def _shared(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", help=f"the desk's TOML file (default: {DEFAULT_CONFIG})")
    parser.add_argument("--data-dir", help="use this directory instead of the config's data_dir")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Show, or change one."""
    config, paths = running_desk(arguments)
    if arguments.action == "set":
        return _set(config, paths, arguments)
    found = _found(config, paths)
    if arguments.json:
        print_json(found)
        return ExitCode.OK
    print(f"amounts without a currency are in {config.currency}, the desk's\n")
    print(f"{'limit':30} {'in force':>14} {'in the config':>14}")
    for row in found["limits"]:
        mark = "  changed" if row["value"] != row["config"] else ""
        print(f"{row['name']:30} {row['value']:>14} {row['config']:>14}{mark}")
    print(f"\n{'strategy':16} {'open orders':>12}")
    for use in found["open_orders"]:
        print(f"{use['strategy']:16} {use['open']:>12}")
    print(f"\n{'strategy':16} {'instrument':26} {'worst case':>16} {'of the limit':>12}")
    for use in found["positions"]:
        percent = "no mark" if use["percent"] is None else f"{use['percent']:.1f}%"
        print(f"{use['strategy']:16} {use['instrument']:26} {use['worst_notional']:>16.2f} "
              f"{percent:>12}")  # fmt: skip
    return ExitCode.OK


def _set(config: DeskConfig, paths: DeskPaths, arguments: argparse.Namespace) -> int:
    name = arguments.name
    with ControlLink(paths.control(process_of(config)["risk"])) as link:
        found = link.demand(
            "limits_set", name=name, value=arguments.value, reason=arguments.reason,
            dry_run=arguments.dry_run,
        )  # fmt: skip
    before, after = found["before"][name], found["limits"][name]
    if arguments.json:
        print_json({"name": name, "before": before, "value": after, "dry_run": arguments.dry_run})
    else:
        words = "would be" if arguments.dry_run else "is"
        print(f"{name} {words} {after} (before: {before})")
    return ExitCode.OK


def _found(config: DeskConfig, paths: DeskPaths) -> dict[str, Any]:
    from procs.cli.parts.look import Look

    look = Look(config, paths)
    row = look.memory.table_reader("limits").read(0)
    limits: dict[str, str] = {}
    for name in NAMES:
        configured = getattr(config.limits, name)
        value = configured if row is None else row[name]
        limits[name] = value.decode() if isinstance(value, bytes) else str(value)
    opened = [order["strategy"] for order in look.orders()]
    return {
        "limits": [
            {"name": name, "value": limits[name], "config": str(getattr(config.limits, name))}
            for name in NAMES
        ],
        "open_orders": [
            {"strategy": s.name, "open": opened.count(s.name)} for s in config.strategies
        ],
        "positions": [
            {
                **use,
                "percent": 100 * use["worst_notional"] / use["limit"] if use["limit"] else None,
            }
            for use in look.exposures()
        ],
    }
