"""How much CPU does a desk take whose markets are silent?

The demonstration desk on its map `two-core`, parked, all of its processes with keeper, supervisor
and the simulated exchange, which has no background flow. CPU time of /proc, in percent of one core.
Peer, in the same run: as many asyncio processes that look for work every millisecond, as bots that
poll do.
"""

from __future__ import annotations

import time

import numpy as np

from tests.bench.live_desk import children, cpu_s, kept_desk
from tests.bench.result import BenchResult, latency

SECONDS, SMOKE_SECONDS = 10.0, 0.5
SETTLE_S = 2.0
POLL = """
import asyncio
async def main():
    print("ready", flush=True)
    while True:
        await asyncio.sleep(0.001)
asyncio.run(main())
"""


def percent(pids: list[int], seconds: float) -> float:
    """CPU of all of them, percent of one core, over this time."""
    began, before = time.monotonic(), sum(cpu_s(pid) for pid in pids)
    time.sleep(seconds)
    return 100 * (sum(cpu_s(pid) for pid in pids) - before) / (time.monotonic() - began)


def run(smoke: bool, runs: int) -> BenchResult:
    """Percent of one core, each run one figure."""
    seconds = SMOKE_SECONDS if smoke else SECONDS
    desk = kept_desk(quiet=not smoke)
    pids = list(desk.pids().values())
    if not smoke:
        time.sleep(SETTLE_S)
    made = [percent(pids, seconds) for _ in range(runs)]
    with children(POLL, 1 if smoke else len(pids)) as polling:
        peer = percent(polling, seconds)
    return latency(
        "idle_cpu", "% of a core", [np.array([value]) for value in made],
        {"asyncio processes that poll every millisecond": peer},
        core_map=desk.config.host.name, wait="park", checksum=len(pids),
        durability=desk.config.durability, aim="near 0",
        note=f"{len(pids)} processes, {seconds:g} s a run; checksum: how many processes",
    )  # fmt: skip
