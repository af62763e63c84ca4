"""docs/performance.md: its figures and plots, written from the history and from nothing else.

`oms bench --write-docs` copies the newest line of each bench into docs/performance/figures.json and
makes the table and the plots of that file; a test makes them again and compares, so the page cannot
say what the file does not. What was tried and why stands around the table, written by hand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oms.errors import ConfigError
from procs.config.files import project_root
from tests.bench.history import History
from tests.bench.plot import bars_of, plot
from tests.bench.result import number

DOCS = project_root() / "docs"
PAGE = DOCS / "performance.md"
FIGURES = DOCS / "performance" / "figures.json"
BEGIN, END = "<!-- figures: written by `oms bench --write-docs` -->", "<!-- end of figures -->"
COLUMNS = (
    "key", "ours: p50 / p99, or rate", "spread of the headline, runs", "aim",
    "best peer of the same run", "times ahead", "map; wait; durability", "checksum", "run",
)  # fmt: skip
NONE = "No full run is recorded here yet: `make bench`, then `oms bench --write-docs`."
PLOTS = (
    ("latency.svg", "Latency, p50 to p99", False, "microseconds"),
    ("rates.svg", "Rates", True, "per second"),
)


def collect(history: History) -> dict[str, Any]:
    """What figures.json holds: the newest line of each bench; raises ConfigError if there is none.

    A bench that is not in the newest run keeps its older line, with that run's number and date.
    """
    newest = history.newest()
    if not newest:
        raise ConfigError(
            f"bench --write-docs: {history.path} holds no full run; run `oms bench` first, on a "
            "machine that does nothing else"
        )
    return {
        "benches": {
            bench: {
                "run": line.run, "at": line.at, "commit": line.commit, "machine": line.machine,
                "results": line.results,
            }
            for bench, line in sorted(newest.items())
        }
    }  # fmt: skip


def _figure(result: Mapping[str, Any]) -> str:
    if "rate" in result:
        return f"{number(result['rate'])} {result['unit']}"
    found = result["percentiles"]
    return f"{number(found['p50'])} / {number(found['p99'])} {result['unit']}"


def _row(key: str, result: Mapping[str, Any], run: int) -> str:
    low, high = result["spread"]
    where = f"{result['map']}; {result['wait']}"
    if result["durability"] != "not journaled":
        where += f"; {result['durability']}"
    cells = (
        f"`{key}`", _figure(result), f"{number(low)} to {number(high)}, {result['runs']}",
        result.get("aim", ""), f"{number(result['peer_figure'])}, {result['peer']}",
        f"{result['ratio']:.3g}", where, f"{result['checksum']:016x}", str(run),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def table(figures: Mapping[str, Any]) -> list[str]:
    """The lines between the marks."""
    benches = figures["benches"]
    machines = sorted({line["machine"] for line in benches.values()})
    lines = [f"Machine: {'; '.join(machines)}.", ""]
    lines += [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    for line in benches.values():
        lines += [_row(key, result, line["run"]) for key, result in line["results"].items()]
    lines += ["", "Notes of the benches:", ""]
    for line in benches.values():
        for key, result in line["results"].items():
            if result.get("note"):
                lines.append(f"- `{key}`: {result['note']}")
    runs = {line["run"]: (line["at"], line["commit"]) for line in benches.values()}
    told = [f"run {run}: {at}, commit {made}" for run, (at, made) in sorted(runs.items())]
    return [*lines, "", "; ".join(told) + "."]


def plots(figures: Mapping[str, Any]) -> dict[str, str]:
    """File name -> text; a plot without a bar is left out."""
    results = {
        key: value for line in figures["benches"].values() for key, value in line["results"].items()
    }
    made = {}
    for name, title, rates, axis in PLOTS:
        if bars := bars_of(results, rates=rates):
            made[name] = plot(title, bars, axis)
    return made


def block(figures: Mapping[str, Any] | None) -> str:
    """Everything between the marks, them included."""
    inside = [NONE]
    if figures is not None:
        inside = table(figures)
        for name in plots(figures):
            inside += ["", f"![{name.removesuffix('.svg')}](performance/{name})"]
    return "\n".join([BEGIN, "", *inside, "", END])


def with_block(text: str, made: str) -> str:
    """The page with another block; raises ConfigError where a mark is missing."""
    before, found, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise ConfigError(
            f"{PAGE}: found no '{BEGIN}' … '{END}'; required is one pair, between which the "
            "figures are written: put it where the table belongs"
        )
    return before + made + after


def read_figures() -> dict[str, Any] | None:
    """What is recorded, or None."""
    found: dict[str, Any] | None = None
    if FIGURES.exists():
        found = json.loads(FIGURES.read_text())
    return found


def write(history: History, page: Path = PAGE) -> list[str]:
    """Write figures, plots and page; returns what was written."""
    figures = collect(history)
    folder = page.parent / FIGURES.parent.name
    folder.mkdir(exist_ok=True)
    made = {folder / FIGURES.name: json.dumps(figures, indent=1, sort_keys=True) + "\n"}
    # Read back, so that the page is made of what the file says.
    figures = json.loads(made[folder / FIGURES.name])
    made |= {folder / name: text for name, text in plots(figures).items()}
    made[page] = with_block(page.read_text(), block(figures))
    for path, text in made.items():
        path.write_text(text)
    return [f"wrote {path}" for path in made]
