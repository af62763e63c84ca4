"""`oms latency`: where the time of a tick and of an order goes, stage by stage, as a waterfall."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from typing import Any

from oms.errors import ExitCode
from oms.units import NS_PER_US
from procs.cli.parts.common import add_config, print_json, running_desk
from procs.cli.parts.page import bar, count, show
from shm_layout.enums import Hop

_LABEL_COLUMNS = 31
_BAR_COLUMNS = 23


@dataclass(frozen=True, slots=True)
class Part:
    """A stage of a way as it is counted: a hop, or the difference of two."""

    name: str
    hop: Hop
    less: Hop = Hop.UNSET


TICK = (
    Part("message to top of book", Hop.TICK_TO_BOOK),
    Part("strategy decides, risk reads", Hop.TICK_TO_INTENT, less=Hop.TICK_TO_BOOK),
    Part("checks, journal, sign, send", Hop.INTENT_TO_SEND),
)
ORDER = (
    Part("checks, journal, sign, send", Hop.INTENT_TO_SEND),
    Part("answer heard, risk folds it", Hop.EXECUTION_TO_RISK),
)
WAYS: tuple[tuple[str, tuple[Part, ...], Hop], ...] = (
    ("a tick: message off the socket to signed bytes on it", TICK, Hop.TICK_TO_SEND),
    ("an order: the desk's part, the exchange's left out", ORDER, Hop.UNSET),
)
"""Each way, its stages in their order, and the hop that counts the whole of it, if there is one."""

EXAMPLES = """\
examples:
  oms latency            p50 and p99 of each stage and of the whole, since the desk began
  oms latency --json     the same for a program, in ns, with the histograms' other percentiles

A bar begins where the one above it ended and is as long as the stage's median; dots go on to its
p99. Figures with ~ are not counted themselves: a difference of two stages that both begin at the
socket, or a sum. The percentiles of stages do not add up to those of the whole, and a stage is
counted over its own events (ticks without an order pass the first alone). Every figure belongs to
the core map that the first line names.
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """One row: times in ns."""

    stage: str
    counted: bool
    """By a histogram of its own; else computed of others."""
    count: int
    begins_ns: int
    p50_ns: int
    p99_ns: int


@dataclass(frozen=True, slots=True)
class Way:
    """A tick's or an order's way to one executor."""

    way: str
    to: str
    """The executor; "" = nothing was counted."""
    stages: tuple[Stage, ...]
    total: Stage | None
    """In sum; None where a stage is missing."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a page")


def run(arguments: argparse.Namespace) -> int:
    """Print; 0 also while nothing was counted."""
    config, paths = running_desk(arguments)
    from procs.cli.parts.look import Look

    rows = Look(config, paths).latency()
    ways = waterfall(rows)
    if arguments.json:
        print_json(
            {
                "map": config.host.name,
                "durability": config.durability,
                "ways": [asdict(way) for way in ways],
                "hops": rows,
            }
        )
    else:
        head = f"map {config.host.name}, {config.durability}, in µs since the desk began"
        show([head, *page(ways)])
    return ExitCode.OK


def waterfall(rows: list[dict[str, Any]]) -> list[Way]:
    """Every way to every executor, with the stages that were counted."""
    sent = (Hop.INTENT_TO_SEND.name.lower(), Hop.TICK_TO_SEND.name.lower())
    executors = sorted({row["owner"] for row in rows if row["hop"] in sent})
    return [_way(rows, to, *way) for way in WAYS for to in executors or [""]]


def _way(
    rows: list[dict[str, Any]], to: str, name: str, parts: tuple[Part, ...], whole: Hop
) -> Way:
    def counted(hop: Hop) -> dict[str, Any] | None:
        match = [
            row
            for row in rows
            if row["hop"] == hop.name.lower()
            and (row["owner"] == to or not row["owner"].startswith("executor."))
        ]
        return match[0] if match else None

    stages: list[Stage] = []
    ends_ns = 0
    for part in parts:
        found, less = counted(part.hop), counted(part.less)
        if found is None or (part.less and less is None):
            continue
        p50_ns, p99_ns = (
            max(found[key] - (less[key] if less else 0), 0) for key in ("p50_ns", "p99_ns")
        )
        stages.append(
            Stage(part.name, less is None, found["count"], ends_ns, p50_ns, max(p50_ns, p99_ns))
        )
        ends_ns += p50_ns
    total = None
    found = counted(whole) if whole else None
    if found is not None:
        total = Stage("in sum", True, found["count"], 0, found["p50_ns"], found["p99_ns"])
    elif len(stages) == len(parts):
        p99_ns = sum(stage.p99_ns for stage in stages)
        fewest = min(stage.count for stage in stages)
        total = Stage("in sum", False, fewest, 0, ends_ns, p99_ns)
    return Way(name, to, tuple(stages), total)


def page(ways: list[Way]) -> list[str]:
    """The ways as text bars, each at a scale of its own, up to the end of its longest row."""
    lines = []
    for way in ways:
        rows = [*way.stages, *([way.total] if way.total else [])]
        lines.append("")
        to = way.to.removeprefix("executor.")
        title = way.way + (f" ({to})" if len(ways) > len(WAYS) else "")
        if not rows:
            lines.append(f"{title}: nothing was counted yet")
            continue
        lines.append(f"{title:{_LABEL_COLUMNS + _BAR_COLUMNS}} {'p50':>8} {'p99':>8} {'n':>6}")
        whole = max(row.begins_ns + row.p99_ns for row in rows)
        lines += [_line(row, whole) for row in rows]
    return lines


def _line(row: Stage, whole_ns: int) -> str:
    ends_ns = row.begins_ns + row.p50_ns
    drawn = bar(row.begins_ns, ends_ns, whole_ns, _BAR_COLUMNS)
    latest = min(round((row.begins_ns + row.p99_ns) * _BAR_COLUMNS / whole_ns), _BAR_COLUMNS)
    drawn = drawn.ljust(latest, "·")
    near = "" if row.counted else "~"
    return (
        f"{'  ' + row.stage:{_LABEL_COLUMNS}}{drawn:{_BAR_COLUMNS}} {near + _us(row.p50_ns):>8} "
        f"{near + _us(row.p99_ns):>8} {count(row.count):>6}"
    )


def _us(ns: int) -> str:
    """Microseconds with three digits that say something."""
    value = ns / NS_PER_US
    return f"{value:.1f}" if value < 1000 else f"{value:.0f}"
