"""How long after `kill -9` of a process of the desk until it sends an order again?

The desk of the chaos trials (`tests/chaos/desk.py`): the demonstration desk with a strategy beside
its market maker that always has an order on its way, so that what is timed is the desk and not when
somebody next wishes to quote. A process is killed; timed is until risk passes an order, which the
exchange then answers: the death seen, the process forked anew, its state folded from the journal,
reconciled, a price. The supervisor's own row ends when its successor, forked by the keeper, works.
Kills are 13 s apart for each process, because a desk that restarts one more than 5 times in 60 s
calls it DEGRADED. Peer, in the same run: a fresh interpreter that imports what the process runs,
and no more.
"""

from __future__ import annotations

import signal
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from procs.supervisor_name import SUPERVISOR
from tests.bench.bench_memory import IMPORT, READY
from tests.bench.live_desk import children
from tests.bench.result import BenchResult, latency
from tests.chaos.desk import ChaosDesk

ROLES = ("engine", "executor.binance", "feed.binance.spot", SUPERVISOR)
SMOKE_ROLES = ("executor.binance",)
TURN_S = 13.0
NS_PER_MS = 1e6


def killed(desk: ChaosDesk, process: str) -> float:
    """Milliseconds from the kill."""
    owner = desk.owner(process)
    assert owner is not None, f"{process} does not live"
    began_ns = time.time_ns()
    owner.signal(signal.SIGKILL)
    ready_ns, sent_ns = desk.recoveries({process: (owner, began_ns)})[process]
    return (ready_ns if process == SUPERVISOR else sent_ns) / NS_PER_MS


def fresh_ms(code: str, count: int) -> float:
    """A fresh interpreter until it has imported everything."""
    took = []
    for _ in range(count):
        began = time.monotonic_ns()
        with children(code, 1):
            took.append((time.monotonic_ns() - began) / NS_PER_MS)
    return statistics.median(took)


def run(smoke: bool, runs: int) -> list[BenchResult]:
    """Milliseconds, a row for each process; each kill is one figure."""
    roles = SMOKE_ROLES if smoke else ROLES
    took: dict[str, list[float]] = {role: [] for role in roles}
    with tempfile.TemporaryDirectory() as folder:
        desk = ChaosDesk(Path(folder))
        try:
            desk.up()
            for _ in range(runs):
                for role in roles:
                    took[role].append(killed(desk, role))
                    if not smoke:
                        time.sleep(TURN_S / len(roles))
        finally:
            desk.clean()
    peer = fresh_ms(READY, 1) if smoke else fresh_ms(IMPORT, 3)
    return [
        latency(
            f"recovery.{role.partition('.')[0]}", "ms", [np.array([value]) for value in values],
            {"a fresh interpreter's imports alone": peer}, core_map=desk.config.host.name,
            wait="park", checksum=len(values), durability="process-crash-safe",
            aim="≤ 2,000 ms" if role == SUPERVISOR else "p50 ≤ 300 ms, p99 ≤ 1,000 ms",
            note=f"worst of {len(values)} kills {max(values):,.0f} ms; a strategy that sends an "
            "order every 60 ms at most, one at a time of each instrument; checksum: kills",
            figures={"worst_ms": max(values)},
        )
        for role, values in took.items()
    ]  # fmt: skip
