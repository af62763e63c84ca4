"""How long from a market frame off the socket to the order that it causes, bytes on the socket?

WebSocket frame, JSON, book sync, book, top of book, a strategy in Python that orders on each change
of the best bid, risk's checks, the journal's write, the executor's last checks, the HMAC, the
WebSocket frame, `send`. Frames are diffs of 40 levels; 201 accounts are loaded. Two maps: `bench2`,
two pinned spinning processes (feed and executor; aggregator, strategy and risk), and `parked`, the
same two asleep on core 0. The counterpart is canned, inside the process of feed and executor
(`tick_desk`). Peer, in the same run: the same work the usual Python way (`order_peer`): orjson,
Decimal and dicts for the book, then its order path.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from procs.files.locks import FileLock
from procs.files.paths import DeskPaths
from shm_layout import segment
from tests.bench import order_peer
from tests.bench.order_desk import ACCOUNTS, PARK_GAP_NS, SENT, SHARED_WORDS, STOP, make_desk
from tests.bench.result import NS_PER_US, BenchResult, latency
from tests.bench.tick_desk import run_edge, run_hot, tick_config, ticks
from tests.stress.memory import fork, reap, shared_words

TICKS, SMOKE_TICKS = 3000, 10
WARM, SMOKE_WARM = 500, 2
SMOKE_ACCOUNTS = 4
"""Reconciling 201 takes both cores for a second."""
WATCHDOG_S = 300.0
SPUN = "bench2: feed and executor on core 0; aggregator, strategy and risk on core 1"
MAPS = {
    "bench2": ("spin", (0, 1), SPUN, "≤ 25 / 80 µs"),
    "parked": ("park", (0, 0), "the same two processes on core 0", "≤ 100 / 400 µs"),
}
PEER = "the usual Python way (orjson, Decimal, dicts, hmac, json, Pipe)"


def once(
    wait: str, cores: tuple[int, int], count: int, warm: int, accounts: int,
    rest_ns: int = PARK_GAP_NS,
) -> tuple[np.ndarray, int]:  # fmt: skip
    """One start of the desk: microseconds of each tick, and the checksum of what was sent.
    `rest_ns`: how long it sleeps between two ticks where it parks.
    """
    shared = shared_words(SHARED_WORDS)
    began, ended = shared_words(count + warm), shared_words(count + warm)
    with tempfile.TemporaryDirectory() as folder:
        config = tick_config(Path(folder), wait, cores, accounts)
        lock = FileLock(Path(folder) / "bench.lock")
        try:
            paths = make_desk(config)
            edge = fork(lambda: run_edge(config, paths, shared, began, ended, rest_ns), cores[0])
            hot = fork(lambda: run_hot(config, paths, shared), cores[1])
            codes = reap([edge, hot], WATCHDOG_S)
        finally:
            segment.sweep(DeskPaths.of(config).segments, lock.descriptor)
            lock.close()
    assert codes == [0, 0], f"the desk ended with {codes}"
    assert int(shared[SENT]) == count + warm, "every tick sent one order"
    return (ended - began)[warm:] / NS_PER_US, int(shared[STOP + 1])


def run(smoke: bool, runs: int) -> list[BenchResult]:
    """A row for each map, in microseconds."""
    size = (SMOKE_TICKS, SMOKE_WARM) if smoke else (TICKS, WARM)
    accounts = SMOKE_ACCOUNTS if smoke else ACCOUNTS
    frames = ticks(sum(size))
    found = []
    for name, (wait, cores, where, aim) in MAPS.items():
        ours = [once(wait, cores, *size, accounts) for _ in range(runs)]
        theirs = [order_peer.once(wait, cores, *size, frames) for _ in range(max(1, runs // 2))]
        found.append(latency(
            f"tick_to_order.{name}", "us", [samples for samples, _ in ours],
            {PEER: min(float(np.median(samples)) for samples, _ in theirs)},
            core_map=where, wait=wait, checksum=min(made for _, made in ours), aim=aim,
            durability="process-crash-safe",
            note="loopback TCP, a canned peer in the process of feed and executor; the desk's "
            "framing on both ways; bare turns, no event loop; the strategy is Python",
        ))  # fmt: skip
    return found
