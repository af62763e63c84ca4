"""How long after `kill -9` of a process of the desk until the next order is at the exchange?

The demonstration desk trades; a process is killed; timed is until an order that was decided after
the kill has been acknowledged: the death seen, the process forked anew, its state folded from the
journal, reconciled, a price, a quote, the exchange's answer. The supervisor's own row ends when its
successor, forked by the keeper, says READY. Kills are 13 s apart for each process, because a desk
that restarts one more than 5 times in 60 s calls it DEGRADED. Peer, in the same run: a fresh
interpreter that imports what the process runs, and no more.
"""

from __future__ import annotations

import statistics
import time

import numpy as np

from procs.locks import living_owner
from procs.supervisor_name import SUPERVISOR
from shm_layout.enums import OrderState
from tests.bench.bench_memory import IMPORT, READY
from tests.bench.live_desk import LiveDesk, children, kept_desk, until
from tests.bench.result import BenchResult, latency

ROLES = ("engine", "executor.binance", "feed.binance.spot", SUPERVISOR)
SMOKE_ROLES = ("executor.binance",)
TURN_S = 13.0
NS_PER_MS = 1e6
HEARD = [int(state) for state in (
    OrderState.OPEN, OrderState.FILLED, OrderState.PENDING_CANCEL, OrderState.CANCELED,
)]  # fmt: skip


def acknowledged_after(orders: np.ndarray, since_ns: int) -> bool:
    """Has an order that was decided since then been at the exchange?"""
    new = orders["ts_decide_ns"] > since_ns
    return bool(np.any(new & np.isin(orders["state"], HEARD) & (orders["venue_order_id"] != b"")))


def killed(desk: LiveDesk, process: str) -> float:
    """Milliseconds from the kill."""
    orders = desk.look().memory.table_reader("orders").rows
    until("an order", lambda: acknowledged_after(orders, 0))
    lock = desk.paths.process_lock(process)
    owner = living_owner(lock)
    assert owner is not None, f"{process} does not live"
    began_ns, since_ns = time.monotonic_ns(), time.time_ns()
    owner.signal(9)
    if process == SUPERVISOR:
        look = desk.look()

        def back() -> bool:
            found = living_owner(lock)
            return found is not None and found != owner and look.supervised() and look.ready()

        until("the supervisor again", back)
    else:
        until(f"an order after {process} died", lambda: acknowledged_after(orders, since_ns))
    return (time.monotonic_ns() - began_ns) / NS_PER_MS


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
    desk = kept_desk(quiet=False)
    for _ in range(runs):
        for role in roles:
            took[role].append(killed(desk, role))
            if not smoke:
                time.sleep(TURN_S / len(roles))
    peer = fresh_ms(READY, 1) if smoke else fresh_ms(IMPORT, 3)
    return [
        latency(
            f"recovery.{role.partition('.')[0]}", "ms", [np.array([value]) for value in values],
            {"a fresh interpreter's imports alone": peer}, core_map=desk.config.host.name,
            wait="park", checksum=len(values), durability="process-crash-safe",
            aim="≤ 2,000 ms" if role == SUPERVISOR else "p50 ≤ 300 ms, p99 ≤ 1,000 ms",
            note=f"worst of {len(values)} kills {max(values):,.0f} ms; a market maker that quotes "
            "at most every 100 ms; checksum: kills",
            figures={"worst_ms": max(values)},
        )
        for role, values in took.items()
    ]  # fmt: skip
