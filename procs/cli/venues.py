"""`oms venues`: what the desk knows of each market that it is connected to; `--matrix`: what each
market can do."""

from __future__ import annotations

import argparse

from oms.config_build import nearest
from oms.errors import ConfigError, ExitCode
from procs.cli.parts.common import add_config, print_json, running_desk
from procs.cli.parts.page import show

EXAMPLES = """\
examples:
  oms venues               each market: state, clock, connections, budgets, keys
  oms venues --venue NAME  one of them, as the config and the page name it
  oms venues --json        the same for a program, budgets by process
  oms venues --matrix      which conformance case holds on which market, and what
                           each lacks; it needs no desk; --json for a program

A clock's offset is wrong by its bound at most: half of the shortest round trip.
A budget is what the exchange lets a key do in a window: "said" is its own count,
"refused" what we did not send because it did not fit. Keys: the age of their
files here; when one ends, the exchange would have to say.
Exit code 0: every market is live; 7: see their states.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    add_config(parser)
    parser.add_argument("--venue", metavar="NAME", default="", help="this market alone")
    parser.add_argument(
        "--matrix", action="store_true", help="the conformance cases against every market"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a page")


def run(arguments: argparse.Namespace) -> int:
    """Print; 0 = every market is live, 7 = one is not, 5 = not running."""
    if arguments.matrix:
        return _matrix(as_json=arguments.json)
    config, paths = running_desk(arguments)
    names = [venue.name for venue in config.venues]
    if arguments.venue and arguments.venue not in names:
        raise ConfigError(
            f"venue '{arguments.venue}' is not on this desk; the nearest is "
            f"'{nearest(arguments.venue, names)}'"
        )
    from procs.cli.parts.look import Look
    from procs.cli.parts.venues_page import found_of, is_well, page

    found = found_of(Look(config, paths), arguments.venue)
    if arguments.json:
        print_json(found)
    else:
        show(page(found))
    return ExitCode.OK if is_well(found) else ExitCode.DEGRADED


def _matrix(*, as_json: bool) -> int:
    from procs.cli.parts import venues_matrix

    if as_json:
        print_json(venues_matrix.as_json())
    else:
        show(venues_matrix.lines())
    return ExitCode.OK
