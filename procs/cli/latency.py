"""`oms latency`: where the time of a tick and of an order goes, hop by hop, as a waterfall."""

from __future__ import annotations

import argparse
from typing import Any

from oms.errors import ExitCode
from procs.cli.common import add_config, print_json, running_desk
from procs.cli.page import bar, count, show
from shm_layout.enums import Hop

_LABEL_COLUMNS = 30
_BAR_COLUMNS = 26
_NS_PER_US = 1000

WAYS: tuple[tuple[str, tuple[tuple[Hop, str], ...]], ...] = (
    (
        "a tick, from the message off the socket",
        (
            (Hop.TICK_TO_BOOK, "top of book published"),
            (Hop.TICK_TO_INTENT, "risk reads the intent"),
            (Hop.TICK_TO_SEND, "signed bytes to the socket"),
        ),
    ),
    (
        "an order, from risk reading the intent",
        ((Hop.INTENT_TO_SEND, "signed bytes to the socket"),),
    ),
    (
        "an answer, from the executor hearing it",
        ((Hop.EXECUTION_TO_RISK, "risk has folded it"),),
    ),
)
"""Each way begins at 0; each point on it counts from there (`shm_layout.enums.Hop`)."""

EXAMPLES = """\
examples:
  oms latency            p50 and p99 of each point of the way, since the desk began
  oms latency --json     the histograms' percentiles for a program, in ns

A bar reaches from the median of the point before to the median of its own (from 0 where that one is
not smaller: a point is counted over other events, such as ticks without an order), dots go on to
its p99. Differences of percentiles are not percentiles of differences. Every figure belongs to the
core map that the first line names.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a page")


def run(arguments: argparse.Namespace) -> int:
    """Print; 0 also while nothing was counted."""
    config, paths = running_desk(arguments)
    from procs.cli.look import Look

    rows = Look(config, paths).latency()
    ways = waterfall(rows)
    if arguments.json:
        print_json(
            {
                "map": config.host.name,
                "durability": config.durability,
                "ways": ways,
                "hops": rows,
            }
        )
    else:
        head = f"map {config.host.name}, {config.durability}, in µs since the desk began"
        show([head, *page(ways)])
    return ExitCode.OK


def waterfall(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every way with the points that were counted, each with where it begins (ns)."""
    made = []
    for name, points in WAYS:
        owners = {row["owner"] for row in rows if row["hop"] == points[-1][0].name.lower()}
        for owner in sorted(owners) or [""]:
            found, begins_ns = [], 0
            for hop, what in points:
                last = hop is points[-1][0]
                match = [
                    row
                    for row in rows
                    if row["hop"] == hop.name.lower() and (not last or row["owner"] == owner)
                ]
                if match:
                    found.append({"point": what, "begins_p50_ns": begins_ns, **match[0]})
                    begins_ns = match[0]["p50_ns"]
            made.append({"way": name, "to": owner, "points": found})
    return made


def page(ways: list[dict[str, Any]]) -> list[str]:
    """The ways as text bars, each at a scale of its own, up to its largest p99."""
    lines = []
    for way in ways:
        points = way["points"]
        whole = max((point["p99_ns"] for point in points), default=0)
        lines.append("")
        to = way["to"].removeprefix("executor.")
        title = way["way"] + (f" ({to})" if len(ways) > len(WAYS) else "")
        if not points:
            lines.append(f"{title}: nothing was counted yet")
            continue
        lines.append(f"{title:{_LABEL_COLUMNS + _BAR_COLUMNS}} {'p50':>7} {'p99':>7} {'n':>6}")
        for point in points:
            p50, p99 = point["p50_ns"], point["p99_ns"]
            begins = point["begins_p50_ns"] if point["begins_p50_ns"] < p50 else 0
            drawn = bar(begins, p50, whole, _BAR_COLUMNS)
            drawn = drawn.ljust(min(round(p99 * _BAR_COLUMNS / whole), _BAR_COLUMNS), "·")
            lines.append(
                f"{'  ' + point['point']:{_LABEL_COLUMNS}}{drawn:{_BAR_COLUMNS}} {_us(p50):>7} "
                f"{_us(p99):>7} {count(point['count']):>6}"
            )
    return lines


def _us(ns: int) -> str:
    """Microseconds with three digits that say something."""
    value = ns / _NS_PER_US
    return f"{value:.1f}" if value < 1000 else f"{value:.0f}"
