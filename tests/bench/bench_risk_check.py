"""How long does one pre-trade check take inside the kernel, all rules, every one of them passed?

`check_intent` as the working cycle calls it: latch, drain, disk, shape, registry, account, tick,
lot, venue's minimum and maximum, book state and age, collar, notional, position by the worst case,
open orders, rate, room towards the venue; 201 accounts loaded. Side, price and size are drawn by
seed. Timed by the cycle counter, its two reads included. Peer, in the same run: the same rules on
dicts and Decimal (`order_peer.Checks`), timed by Python's clock.
"""

from __future__ import annotations

import time

import numpy as np

from oms.risk import world_hot as risk_words
from tests.bench import order_peer, risk_bench_hot
from tests.bench.bench_ring_hop import CALIBRATE_S, cycles_per_ns
from tests.bench.result import BenchResult, latency
from tests.bench.risk_stand import risk_stand

INTENTS = 256
CHECKS, SMOKE_CHECKS = 200_000, 2000
PEER_CHECKS, SMOKE_PEER_CHECKS = 20_000, 100


def run_once(checks: int) -> tuple[np.ndarray, int]:
    """Cycles of each check, and what risk's state came to."""
    took = np.zeros(checks, np.int64)
    with risk_stand() as stand:
        stand.ask(INTENTS)
        world = stand.risk.worlds.intents[0]
        first = int(stand.memory.reader("risk", "intents.mm").pos)
        now_ns = stand.clock.now_ns()
        for at in range(0, checks, INTENTS):
            count = min(INTENTS, checks - at)
            reasons = risk_bench_hot.time_checks(world, first, count, now_ns, took[at:])
            assert reasons == 0, "an intent was refused"
        fresh = stand.risk.arrays.new_row
        checksum = int(fresh["reserved_notional"][0]) + int(stand.state[risk_words.ST_OPEN_COUNT])
    return took, checksum


def peer_once(checks: int) -> float:
    """Nanoseconds, the median."""
    peer = order_peer.Checks()
    took = np.zeros(checks, np.int64)
    intent = {
        "symbol": "BTCUSDT", "side": "BUY", "price": "59999.99", "quantity": "0.01",
        "account": "acc0", "valid_until": 1 << 62,
    }  # fmt: skip
    for k in range(checks):
        began = time.perf_counter_ns()
        order = peer.accept(intent, k * 10**9)
        took[k] = time.perf_counter_ns() - began
        peer.close(order)
    return float(np.median(took))


def run(smoke: bool, runs: int) -> BenchResult:
    """Percentiles in nanoseconds."""
    rate = cycles_per_ns(CALIBRATE_S / 20 if smoke else CALIBRATE_S)
    made = [run_once(SMOKE_CHECKS if smoke else CHECKS) for _ in range(runs)]
    peers = [peer_once(SMOKE_PEER_CHECKS if smoke else PEER_CHECKS) for _ in range(runs)]
    checksums = {checksum for _, checksum in made}
    assert len(checksums) == 1, "two runs decided differently"
    return latency(
        "risk_check", "ns", [cycles / rate for cycles, _ in made],
        {"the same rules on dicts and Decimal": float(np.median(peers))},
        core_map="1 core", wait="busy", checksum=checksums.pop(), aim="≤ 500 / 1000 ns",
        note=f"{CHECKS:,} checks a run of {INTENTS} intents in turn; a counter's read takes some "
        "10 ns of each",
    )  # fmt: skip
