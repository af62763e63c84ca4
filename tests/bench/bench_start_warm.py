"""How long from the command to the first fill, on a checkout that has run before?

`oms up` of the demonstration desk in an empty data folder, kernels compiled: interpreter, imports,
fork of every process, simulated exchange, books, reconciliation, quotes, and the first fill in the
desk's own tables. Peer, in the same run: a fresh interpreter with ccxt that has one order filled at
the same simulated exchange, which runs already (`first_fill`).
"""

from __future__ import annotations

import statistics
import time

import numpy as np

from tests.bench import first_fill
from tests.bench.live_desk import live_desk
from tests.bench.result import BenchResult, latency


def once() -> tuple[float, float, int]:
    """(seconds to ready, to the first fill, how many processes)."""
    with live_desk() as desk:
        desk.start()
        ready_s = time.monotonic() - desk.began_s
        return ready_s, desk.wait_fill(), len(desk.pids())


def run(smoke: bool, runs: int) -> BenchResult:
    """Seconds, each start one figure."""
    made = [once() for _ in range(runs)]
    peer = first_fill.seconds(1 if smoke else 3, cold=False, smoke=smoke)
    ready = statistics.median(ready_s for ready_s, _, _ in made)
    return latency(
        "start_warm", "s", [np.array([fill_s]) for _, fill_s, _ in made],
        {"ccxt: import, load_markets, one market order": statistics.median(peer)},
        core_map="two-core", wait="park", checksum=made[0][2], durability="process-crash-safe",
        aim="≤ 3 s to the first fill",
        note=f"every process ready after {ready:.2f} s; checksum: how many processes",
        figures={"ready_s": ready},
    )  # fmt: skip
