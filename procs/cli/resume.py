"""`oms resume`: lift the kill latch, free reduce-only markets, or begin a failed strategy anew."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import Any

from oms.errors import ConfigError, ExitCode
from oms.units import NS_PER_S
from procs.cli.parts.common import print_json, running_desk
from procs.config.files import DEFAULT_CONFIG
from procs.control_client import ControlLink
from procs.here import tell
from procs.memory import process_of

STRATEGY = "strategy"

EXAMPLES = """\
examples:
  oms resume --reason "feed repaired, checked with the exchange"
  oms resume --dry-run --reason test       would it be lifted?
  oms resume --force --reason "…"          although the exchange has not said that nothing is open,
                                           or an account is not reconciled
  oms resume strategy mm --reason "…"      strategy mm has failed: begin it anew

It lifts the kill latch where that is set, and frees every market that is reduce-only because a
process died again and again: until one of its processes is started once more. With "strategy NAME"
it does neither: it gives a strategy whose plugin failed (`oms status` says why) a fresh plugin, of
the code that the desk was started with. Who did it, when and why is journaled, by the watchdog and
by risk. exit code 0: done; 11: refused, with the reason; 5:
the process that has to do it does not run.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument(
        "words", nargs="*", metavar="[strategy NAME] [CONFIG]",
        help="a failed strategy, instead of latch and markets; the desk's TOML file",
    )  # fmt: skip
    parser.add_argument("--config", help=f"the desk's TOML file (default: {DEFAULT_CONFIG})")
    parser.add_argument("--data-dir", help="use this directory instead of the config's data_dir")
    parser.add_argument("--reason", default="", help="why; required, and journaled")
    parser.add_argument("--force", action="store_true", help="lift the latch unproved")
    parser.add_argument("--dry-run", action="store_true", help="say what would happen")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def _strategy_named(arguments: argparse.Namespace) -> str:
    """The strategy that is meant, "" = latch and markets; what else was named is the config."""
    name, rest = "", arguments.words
    if rest[:1] == [STRATEGY]:
        if len(rest) == 1:
            raise ConfigError("resume strategy: found no name, required is one: see `oms status`")
        name, rest = rest[1], rest[2:]
    if len(rest) > 1:
        raise ConfigError(
            f"resume: found '{rest[0]}', required is `resume strategy NAME`, or one config file"
        )
    if rest:
        arguments.config = rest[0]
    return name


def run(arguments: argparse.Namespace) -> int:
    """Resume; 0 = orders may leave again."""
    name = _strategy_named(arguments)
    config, paths = running_desk(arguments)
    if name:
        with ControlLink(paths.control(process_of(config)["risk"])) as link:
            answer = link.demand(
                "strategy_resume", strategy=name, reason=arguments.reason,
                dry_run=arguments.dry_run,
            )  # fmt: skip
        if arguments.json:
            print_json({"strategy": answer["strategy"]})
        elif arguments.dry_run:
            print(f"strategy {name} has failed; it would begin anew")
        else:
            tell(f"strategy {name} begins anew, with a fresh plugin; see `oms status`")
        return ExitCode.OK
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
        since = datetime.fromtimestamp(latch["ts_ns"] / NS_PER_S, UTC)
        print(f"latched since {since:%Y-%m-%d %H:%M:%S} UTC ({latch['reason'] or 'no reason given'}"
              "); it would be lifted")  # fmt: skip
    for venue in found["venues"]:
        print(f"{venue} is reduce-only; it would be freed")
