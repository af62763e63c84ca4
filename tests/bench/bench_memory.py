"""How much memory does a whole desk take, shared pages counted once?

Proportional set size of every process of the demonstration desk, keeper, supervisor and simulated
exchange included: one exchange, small capacities. Peer, in the same run: as many fresh interpreters
that import what a desk's processes run, and do nothing.
"""

from __future__ import annotations

import numpy as np

from tests.bench.live_desk import DEMO, children, kept_desk, proportional_mb
from tests.bench.result import BenchResult, latency

IMPORT = f"""
from pathlib import Path
from procs.config.files import load_desk
from procs.start import preload
path = Path({str(DEMO)!r})
preload(load_desk(path), path.resolve().parent)
print("ready", flush=True)
input()
"""
READY = 'print("ready", flush=True); input()'
"""At smoke size: an import costs seconds of CPU."""


def run(smoke: bool, runs: int) -> BenchResult:
    """Megabytes, each run one reading."""
    desk = kept_desk(quiet=not smoke)
    pids = desk.pids()
    made = [{name: proportional_mb(pid) for name, pid in pids.items()} for _ in range(runs)]
    count = 1 if smoke else len(pids)
    with children(READY if smoke else IMPORT, count) as fresh:
        peer = sum(proportional_mb(pid) for pid in fresh)
    each = ", ".join(f"{name} {value:.0f}" for name, value in made[0].items())
    return latency(
        "memory", "MB", [np.array([sum(run.values())]) for run in made],
        {f"{count} fresh interpreters with the same imports": peer},
        core_map=desk.config.host.name, wait="park", checksum=len(pids),
        durability=desk.config.durability, aim="≤ 1,000 MB for 9 venues",
        note=f"proportional set size: {each}; checksum: how many processes",
        figures={"by_process_mb": made[0]},
    )  # fmt: skip
