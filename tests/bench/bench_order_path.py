"""How long an order takes from an intent that can be read in the ring to its signed bytes on the
socket: risk's checks, the journal's write, the hop, the executor's last checks, the HMAC, `send`.

Two maps: `bench2`, two pinned spinning processes (executor; aggregator, strategy and risk), and
`parked`, the same two asleep on core 0 as in the default map of two cores. 201 accounts are
loaded and reconciled. See `order_desk` for what stands in for the world. The peer is the same path
done the usual Python way in the same run (`order_peer`): dicts, Decimal, JSON, a pipe.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from procs.locks import FileLock
from shm_layout import segment
from tests.bench import order_peer
from tests.bench.order_desk import (
    SENT,
    SHARED_WORDS,
    STOP,
    bench_config,
    make_desk,
    run_executor,
    run_hot,
)
from tests.bench.result import BenchResult, latency
from tests.stress.memory import fork, reap, shared_words

ORDERS, SMOKE_ORDERS = 3000, 20
WARM, SMOKE_WARM = 500, 5
WATCHDOG_S = 300.0
MAPS: dict[str, tuple[str, tuple[int, int], str, str]] = {
    "bench2": ("spin", (0, 1), "bench2: executor on core 0, risk on core 1", "≤ 10 / 40 µs"),
    "parked": ("park", (0, 0), "both processes on core 0", "≤ 40 / 150 µs"),
}


def once(wait: str, cores: tuple[int, int], orders: int, warm: int,
         profiles: tuple[Any, Any] = (None, None)) -> tuple[np.ndarray, int]:  # fmt: skip
    """One start of the desk: microseconds of each order, and the checksum of what was sent."""
    shared = shared_words(SHARED_WORDS)
    began, ended = shared_words(orders + warm), shared_words(orders + warm)
    with tempfile.TemporaryDirectory() as folder:
        config = bench_config(Path(folder), wait, cores)
        lock = FileLock(Path(folder) / "bench.lock")
        try:
            paths = make_desk(config)

            def hot() -> int:
                return run_hot(config, paths, shared, began, orders, warm, profiles[1])

            def executor() -> int:
                return run_executor(config, paths, shared, ended, profiles[0])

            codes = reap([fork(hot, cores[1]), fork(executor, cores[0])], WATCHDOG_S)
        finally:
            segment.sweep(f"bench-{_digest(config)}", lock.descriptor)
            lock.close()
    assert codes == [0, 0], f"the desk ended with {codes}"
    assert int(shared[SENT]) == orders + warm, "every order reached the socket, once"
    return (ended - began)[warm:] / 1e3, int(shared[STOP + 1])


def _digest(config: Any) -> str:
    from procs.paths import DeskPaths

    return DeskPaths.of(config).segments.rpartition("-")[2]


def _rows(smoke: bool, runs: int, measure: Callable[..., tuple[np.ndarray, int]]):
    orders, warm = (SMOKE_ORDERS, SMOKE_WARM) if smoke else (ORDERS, WARM)
    made = {}
    for name, (wait, cores, _, _) in MAPS.items():
        made[name] = [measure(wait, cores, orders, warm) for _ in range(runs)]
    return made


def run(smoke: bool, runs: int) -> list[BenchResult]:
    """A row for each map, in microseconds."""
    ours = _rows(smoke, runs, once)
    theirs = _rows(smoke, max(1, runs // 2), order_peer.once)
    found = []
    for name, (wait, _, where, aim) in MAPS.items():
        peers = [float(np.median(samples)) for samples, _ in theirs[name]]
        checksums = {checksum for _, checksum in ours[name]}
        found.append(latency(
            f"order_path.{name}", "us", [samples for samples, _ in ours[name]],
            {"the usual Python way (orjson, Decimal, dicts, hmac, json, Pipe)": min(peers)},
            core_map=where, wait=wait, checksum=min(checksums), aim=aim,
            durability="process-crash-safe",
            note="socket: TCP on loopback, drained between orders; bare turns, no event loop",
        ))  # fmt: skip
    return found
