"""How long an order takes from an intent that can be read in the ring to its signed bytes on the
socket: risk's checks, the journal's write, the hop, the executor's last checks, the HMAC, `send`.

Two maps: `bench2`, two pinned spinning processes (executor; aggregator, strategy and risk), and
`parked`, the same two asleep on core 0 as in the default map of two cores. 201 accounts are
loaded and reconciled. `logon`: Ed25519 keys, the session logged on once, orders without a
signature; a session carries one account and a process opens 64 connections, so 64 accounts are
loaded there. `tls`: the socket is a TLS 1.3 connection. See `order_desk` for what stands in for the
world. The peer is the same path done the usual Python way in the same run (`order_peer`): dicts,
Decimal, JSON, a pipe; over plain TCP, signed by HMAC.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from oms.ports import KeyKind
from procs.files.locks import FileLock
from procs.files.paths import DeskPaths
from shm_layout import segment
from shm_layout.limits import LINKS_SHARED_FROM
from tests.bench import order_peer
from tests.bench.order_desk import (
    ACCOUNTS,
    PARK_GAP_NS,
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
PEER = "the usual Python way (orjson, Decimal, dicts, hmac, json, Pipe)"
MAPS: dict[str, tuple[str, tuple[int, int], str, str]] = {
    "bench2": ("spin", (0, 1), "bench2: executor on core 0, risk on core 1", "≤ 10 / 40 µs"),
    "parked": ("park", (0, 0), "both processes on core 0", "≤ 40 / 150 µs"),
}


@dataclass(frozen=True, slots=True)
class Way:
    """How an order reaches the venue."""

    suffix: str
    kind: KeyKind
    tls: bool
    accounts: int

    @property
    def said(self) -> str:
        """For the note."""
        keys = "Ed25519 logon" if self.kind == "ed25519" else "HMAC per order"
        return f"{keys}, {'TLS 1.3' if self.tls else 'plain TCP'}, {self.accounts} accounts"


WAYS = (
    Way("", "hmac", False, ACCOUNTS),
    Way(".tls", "hmac", True, ACCOUNTS),
    Way(".logon", "ed25519", False, LINKS_SHARED_FROM),
    Way(".logon_tls", "ed25519", True, LINKS_SHARED_FROM),
)
SMOKE_WAYS = (WAYS[0], WAYS[-1])
"""Between them they use both of each."""


def once(wait: str, cores: tuple[int, int], orders: int, warm: int, way: Way = WAYS[0],
         profiles: tuple[Any, Any] = (None, None), rest_ns: int = PARK_GAP_NS,
         ) -> tuple[np.ndarray, int]:  # fmt: skip
    """One start of the desk: microseconds of each order, and the checksum of what was sent.
    `rest_ns`: how long it sleeps between two orders where it parks.
    """
    shared = shared_words(SHARED_WORDS)
    began, ended = shared_words(orders + warm), shared_words(orders + warm)
    with tempfile.TemporaryDirectory() as folder:
        config = bench_config(Path(folder), wait, cores, way.accounts)
        lock = FileLock(Path(folder) / "bench.lock")
        try:
            paths = make_desk(config, way.kind)

            def hot() -> int:
                return run_hot(config, paths, shared, began, orders, warm, profiles[1], rest_ns)

            def executor() -> int:
                return run_executor(config, paths, shared, ended, profiles[0], way.tls)

            codes = reap([fork(hot, cores[1]), fork(executor, cores[0])], WATCHDOG_S)
        finally:
            segment.sweep(DeskPaths.of(config).segments, lock.descriptor)
            lock.close()
    assert codes == [0, 0], f"the desk ended with {codes}"
    assert int(shared[SENT]) == orders + warm, "every order reached the socket, once"
    logons = way.accounts if way.kind == "ed25519" else 0
    assert int(shared[STOP + 2]) == logons, "each session is logged on, once"
    return (ended - began)[warm:] / 1e3, int(shared[STOP + 1])


def run(smoke: bool, runs: int) -> list[BenchResult]:
    """A row for each map and way, in microseconds."""
    size = (SMOKE_ORDERS, SMOKE_WARM) if smoke else (ORDERS, WARM)
    found = []
    for number, (name, (wait, cores, where, aim)) in enumerate(MAPS.items()):
        theirs = [order_peer.once(wait, cores, *size) for _ in range(max(1, runs // 2))]
        peer = min(float(np.median(samples)) for samples, _ in theirs)
        for way in [SMOKE_WAYS[number]] if smoke else WAYS:
            ours = [once(wait, cores, *size, way) for _ in range(runs)]
            found.append(latency(
                f"order_path.{name}{way.suffix}", "us", [samples for samples, _ in ours],
                {PEER: peer}, core_map=where, wait=wait, checksum=min(made for _, made in ours),
                aim=aim, durability="process-crash-safe",
                note=f"{way.said}; loopback, a canned peer in the executor's process, drained "
                "between orders; bare turns, no event loop, no WebSocket frame",
            ))  # fmt: skip
    return found
