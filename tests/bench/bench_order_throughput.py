"""How many orders a second go through checks, order table and journal on one core?

`batched`: 64 intents wait for each working cycle of risk: one journal block, one write. `single`:
one intent a cycle, and how long that takes. Timed is `RiskAgent.do_work`: prices, executions,
timers, checks, fold, framing, the journal's `write()`, commands and updates made visible, and the
block's hash, which risk leaves to the beginning of its next turn. 201 accounts loaded; orders are
closed outside of the timed span. Peer, in the same run: the same rules
on dicts and Decimal with a line of JSON per order, one `write` a batch.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import numpy as np
import orjson

from oms.risk import world_hot as risk_words
from tests.bench import order_peer
from tests.bench.result import NS_PER_US, BenchResult, latency, throughput
from tests.bench.risk_stand import risk_stand

BATCH = 64
ORDERS, SMOKE_ORDERS = 64_000, 640
SINGLES, SMOKE_SINGLES = 10_000, 100
WARM_BATCHES = 10
CRASH_SAFE = "process-crash-safe"


def ours(orders: int, batch: int) -> tuple[np.ndarray, int]:
    """Nanoseconds of each working cycle of `batch` orders, and the journal's last sequence."""
    cycles = orders // batch
    took = np.zeros(cycles, np.int64)
    with risk_stand() as stand:
        for k in range(-WARM_BATCHES, cycles):
            stand.price()
            stand.ask(batch)
            now_ns = stand.clock.now_ns()
            began = time.perf_counter_ns()
            stand.risk.do_work(now_ns)
            stand.risk.hash_block()
            ended = time.perf_counter_ns()
            if k >= 0:
                took[k] = ended - began
            assert stand.close() == batch, "an order was refused"
        counted = int(stand.state[risk_words.ST_ORDER_COUNT])
        assert counted == orders + WARM_BATCHES * batch, "every order was made, once"
    return took, counted


def theirs(orders: int, batch: int) -> np.ndarray:
    """The same, the usual Python way."""
    peer = order_peer.Checks()
    intent = {
        "symbol": "BTCUSDT", "side": "BUY", "price": "59999.99", "quantity": "0.001",
        "account": "acc0", "valid_until": 1 << 62,
    }  # fmt: skip
    took = np.zeros(orders // batch, np.int64)
    with tempfile.TemporaryDirectory() as folder:
        log = os.open(Path(folder) / "orders.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for k in range(len(took)):
            began = time.perf_counter_ns()
            made, lines = [], []
            for one in range(batch):
                order = peer.accept({**intent, "account": f"acc{one // 4}"}, k * 10**9)
                made.append(order)
                lines.append(orjson.dumps(order))
            os.write(log, b"\n".join(lines) + b"\n")
            took[k] = time.perf_counter_ns() - began
            for order in made:
                peer.close(order)
        os.close(log)
    return took


def run(smoke: bool, runs: int) -> list[BenchResult]:
    """Orders a second in batches; microseconds one at a time."""
    orders, singles = (SMOKE_ORDERS, SMOKE_SINGLES) if smoke else (ORDERS, SINGLES)
    batched = [ours(orders, BATCH) for _ in range(runs)]
    single = [ours(singles, 1) for _ in range(runs)]
    peer_batched = [theirs(orders // 4, BATCH) for _ in range(runs)]
    peer_single = [theirs(singles, 1) for _ in range(runs)]
    where = {"core_map": "1 core", "wait": "busy", "durability": CRASH_SAFE}
    way = "the same rules on dicts and Decimal, lines of JSON"
    return [
        throughput(
            "order_throughput.batched", "orders/s",
            [orders / int(took.sum()) * 1e9 for took, _ in batched],
            {way: float(np.median([took.size * BATCH / took.sum() * 1e9
                                   for took in peer_batched]))},
            checksum=batched[0][1], aim="≥ 1 M", **where,
            note=f"{orders:,} orders a run, {BATCH} a working cycle and journal block",
        ),
        latency(
            "order_throughput.single", "us", [took / NS_PER_US for took, _ in single],
            {way: float(np.median([np.median(took) for took in peer_single])) / NS_PER_US},
            checksum=single[0][1], aim="≤ 5 µs", **where,
            note=f"{singles:,} orders a run, a whole working cycle each",
        ),
    ]  # fmt: skip
