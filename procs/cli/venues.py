"""`oms venues`: what is known of each market."""

from __future__ import annotations

import argparse

from oms.errors import ExitCode
from procs.cli.parts.common import print_json
from procs.cli.parts.page import show
from procs.cli.parts.venues_matrix import as_json, lines

EXAMPLES = """\
examples:
  oms venues --matrix          which conformance case holds on which market, and what each lacks
  oms venues --matrix --json   the same for a program
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument(
        "--matrix", action="store_true", required=True,
        help="the conformance cases against every market",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a page")


def run(arguments: argparse.Namespace) -> int:
    """Print; it needs no desk."""
    if arguments.json:
        print_json(as_json())
    else:
        show(lines())
    return ExitCode.OK
