"""What was measured before: JSON lines, one per bench and run, and how two runs are compared.

`<data dir>/history.jsonl`; a line is `{"run", "label", "at", "commit", "machine", "size", "bench",
"results"}`, `results` by key as `--json` prints them. Smoke runs are not kept: their figures mean
nothing.

Noise is not called a change: with five runs each, two sets of the same thing lie wholly apart by
chance in 2 of C(10, 5) = 252 cases. So what overlaps is `within the spread`, and only what lies
apart is faster or slower; with fewer runs it says so. Figures of different machines, maps or sizes
are not compared.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from procs.cli.bench import LAST
from tests.bench.result import number

FILE = "history.jsonl"
CERTAIN_RUNS = 5
SAME = ("unit", "map", "wait", "durability")


@dataclass(frozen=True, slots=True)
class Line:
    """One bench of one run."""

    run: int
    at: str
    commit: str
    machine: str
    bench: str
    size: Mapping[str, Any] = field(default_factory=dict)
    results: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    label: str = ""

    def text(self) -> str:
        """As it stands in the file."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__})


class History:
    """The file of one data directory."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    def lines(self) -> Iterator[Line]:
        """Oldest first; a line that was cut off by a kill is left out."""
        if not self.path.exists():
            return
        for text in self.path.read_text().splitlines():
            try:
                yield Line(**json.loads(text))
            except (json.JSONDecodeError, TypeError):
                continue

    def next_run(self) -> int:
        """A number that no run has."""
        return max((line.run for line in self.lines()), default=0) + 1

    def add(self, line: Line) -> None:
        """Keep one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as out:
            out.write(line.text() + "\n")

    def newest(self) -> dict[str, Line]:
        """Bench -> its newest line."""
        return {line.bench: line for line in self.lines()}

    def find(self, key: str, wanted: str, before: int) -> Line | None:
        """The newest line that has this key, of the run called `wanted`, or of any before ours."""
        found = None
        for line in self.lines():
            named = wanted in {LAST, line.label, str(line.run)}
            if key in line.results and named and line.run < before:
                found = line
        return found


def runs_of(result: Mapping[str, Any]) -> Sequence[float]:
    """The headline figure of each run."""
    return result.get("each") or result["spread"]


def headline(result: Mapping[str, Any]) -> float:
    """The rate, else p50."""
    found: float = result["rate"] if "rate" in result else result["percentiles"]["p50"]
    return found


def verdict(now: Mapping[str, Any], then: Mapping[str, Any], machine: str, was: str) -> str:
    """One phrase: how a result stands to a former one."""
    differ = [name for name in SAME if now.get(name) != then.get(name)]
    if machine != was:
        differ.append("machine")
    if differ:
        return f"not compared: another {', '.join(differ)}"
    here, there = runs_of(now), runs_of(then)
    change = headline(now) / headline(then) - 1 if headline(then) else math.inf
    told = f"{change:+.1%} ({number(headline(then))} to {number(headline(now))} {now['unit']})"
    if max(here) >= min(there) and max(there) >= min(here):
        return f"within the spread, {told}"
    better = (change > 0) == ("rate" in now)
    count = min(now["runs"], then["runs"])
    sure = "" if count >= CERTAIN_RUNS else f", of {count} runs only"
    return f"{'faster' if better else 'slower'}, {told}{sure}"
