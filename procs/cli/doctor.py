"""`oms doctor`: can this machine carry the desk? A row for each thing that matters, and its fix."""

from __future__ import annotations

import argparse
import dataclasses
import textwrap

from oms.errors import ExitCode
from procs.cli.findings.checks import check_all
from procs.cli.findings.row import FAIL, OK, WARN, Row
from procs.cli.findings.tuning import PREFIX, check_siblings, tuning_rows
from procs.cli.parts.common import add_config, add_host, chosen_desk, owners, print_json
from procs.cli.parts.page import WIDTH
from procs.here import here
from procs.machine.cores import read_cores, usable_cpus
from procs.machine.facts import machine

EXAMPLES = """\
examples:
  oms doctor               ok, warn or fail per row, and what to do
  oms doctor --strict      a warning fails, too: for a start script
  oms doctor --json        for a program

Exit code 0: nothing fails (warnings may stand); 9: something does. It changes nothing.
"""
_INDENT = " " * 5
_KNOB_COLUMNS = 15
TUNING = "knobs of this machine (scripts/tuning; docs/tuning.md says what each gives):"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    add_config(parser)
    add_host(parser)
    parser.add_argument("--strict", action="store_true", help="a warning counts as a failure")
    parser.add_argument("--json", action="store_true", help="one JSON list instead of a page")


def run(arguments: argparse.Namespace) -> int:
    """Print; 0 = the desk can run, 9 = something must be set first."""
    config, paths = chosen_desk(arguments)
    rows = check_all(config, paths, machine(), running=bool(owners(config, paths)))
    rows += [*check_siblings(config, read_cores(), usable_cpus()), *tuning_rows()]
    if arguments.json:
        print_json([dataclasses.asdict(row) for row in rows])
    else:
        for line in page(rows):
            print(line)
    bad = {FAIL, WARN} if arguments.strict else {FAIL}
    return ExitCode.NO_RESOURCE if any(row.verdict in bad for row in rows) else ExitCode.OK


def page(rows: list[Row]) -> list[str]:
    """A line each, the fix below what is not well, and a count."""
    lines: list[str] = []
    for row in rows:
        if row.check.startswith(PREFIX):
            lines += tuned(row, first=TUNING not in lines)
        else:
            lines += textwrap.wrap(
                row.found,
                WIDTH,
                initial_indent=f"{row.verdict:4} {row.check:10} ",
                subsequent_indent=_INDENT,
                break_long_words=False,
                break_on_hyphens=False,
            )
        if row.fix:
            lines += textwrap.wrap(
                here(row.fix),
                WIDTH,
                initial_indent=_INDENT,
                subsequent_indent=_INDENT,
                break_long_words=False,
                break_on_hyphens=False,
            )
    counts = [f"{sum(row.verdict == verdict for row in rows)} {verdict}"
              for verdict in (OK, WARN, FAIL)]  # fmt: skip
    return [*lines, ", ".join(counts)]


def tuned(row: Row, *, first: bool) -> list[str]:
    """A knob's row, wrapped below its name: its finding is a sentence."""
    head = f"{row.verdict:4} {row.check.removeprefix(PREFIX):{_KNOB_COLUMNS}}"
    text = textwrap.wrap(
        here(row.found),
        WIDTH,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_on_hyphens=False,
    )
    return [*([TUNING] if first else []), *text]
