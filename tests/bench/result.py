"""What a bench hands over, and how a person and a program read it.

A bench module `bench_<name>.py` has a docstring whose first line is the question it answers, and
`run(smoke, runs)` (any of `smoke`, `runs`, `data`, `minutes` by name), which returns a
`BenchResult` or a list of them. Figures are medians over the runs; nothing here judges them, and no
test does.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

PERCENTILES = (50.0, 99.0, 99.9, 100.0)
LABELS = ("p50", "p99", "p999", "max")
NOT_JOURNALED = "not journaled"
NS_PER_US = 1e3


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
    """Of what was carried or decided, the same in every run of the same input."""
    peer: str
    peer_figure: float
    ratio: float
    """How many times ahead of the peer, whatever the direction of the unit."""
    p50: float | None = None
    p99: float | None = None
    p999: float | None = None
    max: float | None = None
    rate: float | None = None
    durability: str = NOT_JOURNALED
    each: tuple[float, ...] = ()
    """The headline figure of each run, in their order: what a comparison goes by."""
    aim: str = ""
    note: str = ""
    peers: Mapping[str, float] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def headline(self) -> float:
        """The rate, else p50."""
        found = self.p50 if self.rate is None else self.rate
        assert found is not None, f"{self.name}: a rate or percentiles"
        return found

    def as_dict(self) -> dict[str, Any]:
        """For --json and the history; what does not apply is left out."""
        kept = {"checksum", "runs", "durability"}
        made = {k: v for k, v in asdict(self).items() if k in kept or v not in (None, "", {}, ())}
        made["map"] = made.pop("core_map")
        found = {label: made.pop(label, None) for label in LABELS}
        if self.rate is None:
            made["percentiles"] = found
        return made


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
        p50=p50, p99=p99, p999=p999, max=highest, each=tuple(float(v) for v in rows[:, 0]), **rest,
    )  # fmt: skip


def throughput(
    name: str, unit: str, runs: Sequence[float], peers: Mapping[str, float], **rest: Any
) -> BenchResult:
    """A row of a rate: the median over the runs. `peers`: rate by name."""
    peer = max(peers, key=lambda name: peers[name])
    rate = statistics.median(runs)
    return BenchResult(
        name, unit, len(runs), (min(runs), max(runs)), peer=peer, peer_figure=peers[peer],
        ratio=rate / peers[peer], peers=dict(peers), rate=rate, each=tuple(runs), **rest,
    )  # fmt: skip


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
    where = [f"map {made.core_map}", f"wait {made.wait}", f"durability {made.durability}"]
    lines.append(f"  where   {', '.join(where)}, checksum {made.checksum:016x}")
    if made.note:
        lines.append(f"  note    {made.note}")
    return lines
