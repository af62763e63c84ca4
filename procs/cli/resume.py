"""`oms resume`: lift the kill latch and free reduce-only markets, with a reason."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import Any

from oms.errors import ExitCode
from procs.cli.parts.common import add_config, print_json, running_desk
from procs.control_client import ControlLink
from procs.here import tell
from procs.memory import process_of

_NS_PER_S = 1_000_000_000

EXAMPLES = """\
examples:
  oms resume --reason "feed repaired, checked with the exchange"
  oms resume --dry-run --reason test       would it be lifted?
  oms resume --force --reason "…"          although the exchange has not said that nothing is open,
                                           or an account is not reconciled

It lifts the kill latch where that is set, and frees every market that is reduce-only because a
process died again and again: until one of its processes is started once more. Who did it, when and
why is journaled, by the watchdog and by risk. exit code 0: done; 11: refused, with the reason; 5:
the process that has to do it does not run.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    add_config(parser)
    parser.add_argument("--reason", default="", help="why; required, and journaled")
    parser.add_argument("--force", action="store_true", help="lift the latch unproved")
    parser.add_argument("--dry-run", action="store_true", help="say what would happen")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Resume; 0 = orders may leave again."""
    config, paths = running_desk(arguments)
    from procs.cli.parts.look import Look
    from procs.cli.parts.look_markets import reduce_only

    look = Look(config, paths)
    modes, latched = reduce_only(look), look.latch()["latched"]
    asked = {"reason": arguments.reason, "dry_run": arguments.dry_run}
    host = process_of(config)
    found: dict[str, Any] = {"latch": None, "venues": []}
    if latched or not modes:
        with ControlLink(paths.control(host["watchdog"])) as link:
            answer = link.demand("resume", force=arguments.force, **asked)
        found["latch"] = answer["latch"]
    if modes:
        with ControlLink(paths.control(host["risk"])) as link:
            found["venues"] = link.demand("venues_resume", **asked)["venues"]
    if arguments.json:
        print_json({**(found["latch"] or {}), "venues": found["venues"]})
    elif arguments.dry_run:
        _print_dry(found)
    else:
        if found["latch"] is not None:
            tell("the latch is lifted; strategies trade again as soon as they decide to")
        for venue in found["venues"]:
            tell(f"{venue} takes every order again, until one of its processes starts once more")
    return ExitCode.OK


def _print_dry(found: dict[str, Any]) -> None:
    if found["latch"] is not None:
        latch = found["latch"]
        since = datetime.fromtimestamp(latch["ts_ns"] / _NS_PER_S, UTC)
        print(f"latched since {since:%Y-%m-%d %H:%M:%S} UTC ({latch['reason'] or 'no reason given'}"
              "); it would be lifted")  # fmt: skip
    for venue in found["venues"]:
        print(f"{venue} is reduce-only; it would be freed")
