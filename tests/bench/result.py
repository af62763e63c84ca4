"""What a bench hands over, and how a person and a program read it.

A bench module `bench_<name>.py` has a docstring whose first line is the question it answers, and
`run(smoke, runs)` (any of `smoke`, `runs`, `data` by name), which returns a `BenchResult`, a list
of them, or a plain dict of figures, from which `from_figures` makes one. Figures are medians over
the runs; nothing here judges them, and no test does.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

PERCENTILES = (50.0, 99.0, 99.9, 100.0)


@dataclass(frozen=True, slots=True)
class BenchResult:
    """One row. `spread` is the smallest and largest of the headline figure (p50 or rate)."""

    name: str
    unit: str
    runs: int
    spread: tuple[float, float]
    core_map: str
    wait: str
    checksum: int
    peer: str
    peer_figure: float
    ratio: float
    """How many times ahead of the peer, whatever the direction of the unit."""
    p50: float | None = None
    p99: float | None = None
    p999: float | None = None
    max: float | None = None
    rate: float | None = None
    durability: str = ""
    aim: str = ""
    note: str = ""
    peers: Mapping[str, float] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For --json; what does not apply is left out."""
        kept = {"checksum", "runs"}
        return {k: v for k, v in asdict(self).items() if k in kept or v not in (None, "", {})}


def percentiles(samples: np.ndarray) -> tuple[float, ...]:
    """p50, p99, p99.9 and the largest."""
    return tuple(float(v) for v in np.percentile(samples, PERCENTILES))


def latency(
    name: str, unit: str, runs: Sequence[np.ndarray], peers: Mapping[str, float], **rest: Any
) -> BenchResult:
    """A row of latencies: each percentile is the median over the runs. `peers`: p50 by name."""
    rows = np.array([percentiles(run) for run in runs])
    p50, p99, p999, highest = (float(v) for v in np.median(rows, axis=0))
    peer = min(peers, key=lambda name: peers[name])
    return BenchResult(
        name, unit, len(runs), (float(rows[:, 0].min()), float(rows[:, 0].max())),
        peer=peer, peer_figure=peers[peer], ratio=peers[peer] / p50, peers=dict(peers),
        p50=p50, p99=p99, p999=p999, max=highest, **rest,
    )  # fmt: skip


def throughput(
    name: str, unit: str, runs: Sequence[float], peers: Mapping[str, float], **rest: Any
) -> BenchResult:
    """A row of a rate: the median over the runs. `peers`: rate by name."""
    peer = max(peers, key=lambda name: peers[name])
    rate = statistics.median(runs)
    return BenchResult(
        name, unit, len(runs), (min(runs), max(runs)), peer=peer, peer_figure=peers[peer],
        ratio=rate / peers[peer], peers=dict(peers), rate=rate, **rest,
    )  # fmt: skip


def from_figures(name: str, figures: Mapping[str, Any]) -> BenchResult:
    """A row from a plain dict with `<unit>_per_s` (`…_min`, `…_max`), `runs`, `checksum`, `peers`.

    A bench that returns its figures this way names its rate first among the keys that end so.
    """
    key = next(k for k in figures if k.endswith("_per_s") and not k.startswith("target_"))
    spread = (float(figures.get(f"{key}_min", figures[key])),
              float(figures.get(f"{key}_max", figures[key])))  # fmt: skip
    peers = {k: float(v) for k, v in figures["peers"].items()}
    made = throughput(
        name, key.removesuffix("_per_s") + "/s", [float(figures[key])], peers,
        core_map=str(figures.get("core_map", "1 core")), wait="busy",
        checksum=int(figures["checksum"]), note=str(figures.get("source", "")),
        aim=f"≥ {figures[f'target_{key}']:,}" if f"target_{key}" in figures else "",
        figures=dict(figures),
    )  # fmt: skip
    return BenchResult(**{**_fields(made), "runs": int(figures["runs"]), "spread": spread})


def _fields(made: BenchResult) -> dict[str, Any]:
    return {name: getattr(made, name) for name in made.__slots__}


def number(value: float) -> str:
    """Three significant digits with a unit of thousands, as a person reads it."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if letter == 'k' else size):.3g} {letter}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def rows(made: BenchResult) -> list[str]:
    """The lines of one result for a person."""
    if made.rate is None:
        shown = (made.p50, made.p99, made.p999, made.max)
        assert None not in shown, f"{made.name}: four percentiles"
        figures = "  ".join(
            f"{label} {number(value)}"
            for label, value in zip(("p50", "p99", "p99.9", "max"), shown, strict=True)
            if value is not None
        )
    else:
        figures = number(made.rate)
    low, high = made.spread
    lines = [
        f"{made.name}",
        f"  ours    {figures} {made.unit}   {made.runs} runs, {number(low)} to {number(high)}"
        + (f"   aim {made.aim}" if made.aim else ""),
        f"  peer    {made.peer}: {number(made.peer_figure)} {made.unit}   "
        f"we are {made.ratio:.3g} times ahead" + ("" if made.ratio >= 1 else " (that is: behind)"),
    ]
    others = [f"{k} {number(v)}" for k, v in made.peers.items() if k != made.peer]
    if others:
        lines.append(f"  others  {', '.join(others)}")
    where = [f"map {made.core_map}", f"wait {made.wait}"]
    if made.durability:
        where.append(f"durability {made.durability}")
    lines.append(f"  where   {', '.join(where)}, checksum {made.checksum:016x}")
    if made.note:
        lines.append(f"  note    {made.note}")
    return lines
