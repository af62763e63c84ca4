"""What does the whole matching engine do a second when its log is framed first?

Commands packed and framed, with CRCs, in hashed blocks, before the kernel sees them; no disk.
Liquibook's workload with cancels (`matching_stand`), one symbol, one core.
"""

from __future__ import annotations

import numpy as np

from tests.bench.matching_stand import PEERS, run_once
from tests.bench.result import BenchResult, throughput

OPERATIONS, SMOKE_OPERATIONS = 2_000_000, 20_000


def run(smoke: bool, runs: int) -> BenchResult:
    """Operations a second; single operations' latency in the figures, ns."""
    made = [
        run_once(SMOKE_OPERATIONS if smoke else OPERATIONS, full=True, log=True)
        for _ in range(runs)
    ]
    p50, p99, p999, longest = np.median([each.latency_ns for each in made], axis=0)
    return throughput(
        "matching_journaled", "operations/s", [each.per_s for each in made], PEERS,
        core_map="1 core", wait="busy", checksum=made[0].checksum, aim="≥ 3 M",
        note=f"one at a time: p50 {p50:.0f} ns, p99 {p99:.0f} ns, with Python's clock and call",
        figures={
            "best_per_s": max(each.per_s for each in made), "events": made[0].events,
            "p50_ns": p50, "p99_ns": p99, "p999_ns": p999, "max_ns": longest,
        },
    )  # fmt: skip
