"""`oms resume`: lift the kill latch, with a reason."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from oms.errors import ExitCode
from procs.cli.common import add_config, print_json, running_desk
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

Who lifted it, when and why is journaled by the watchdog. exit code 0: lifted; 11: refused, with the
reason; 5: the watchdog does not run.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    add_config(parser)
    parser.add_argument("--reason", default="", help="why; required, and journaled")
    parser.add_argument("--force", action="store_true", help="lift it unproved")
    parser.add_argument("--dry-run", action="store_true", help="say what would happen")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Resume; 0 = orders may leave again."""
    config, paths = running_desk(arguments)
    with ControlLink(paths.control(process_of(config)["watchdog"])) as link:
        found = link.demand(
            "resume", reason=arguments.reason, force=arguments.force, dry_run=arguments.dry_run
        )
    latch = found["latch"]
    if arguments.json:
        print_json(latch)
        return ExitCode.OK
    if arguments.dry_run:
        since = datetime.fromtimestamp(latch["ts_ns"] / _NS_PER_S, UTC)
        print(f"latched since {since:%Y-%m-%d %H:%M:%S} UTC ({latch['reason'] or 'no reason given'}"
              "); it would be lifted")  # fmt: skip
    else:
        tell("the latch is lifted; strategies trade again as soon as they decide to")
    return ExitCode.OK
