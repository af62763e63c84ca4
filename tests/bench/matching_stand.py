"""The matching benches' common stand: Liquibook's workload, told to our engine in batches.

Liquibook's own benchmark (its order-book performance test) adds limit orders to one book, bids and
asks in turn: bids at 1880 to 1889, asks at 1884 to 1893, evenly, quantities of 100 to 1,000 in
hundreds; so more than half of the prices can cross. We add cancels: every third operation cancels
an order picked at random among those given slots. Commands are filled into the engine's queue by
numpy, outside of the timed span; the kernel takes a batch in one call and appends every event
(acceptance, trade, end, level change).
"""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass

import numpy as np

from oms.exchange.engine import engine_hot as kernel
from oms.exchange.engine import layout_hot as lay
from oms.exchange.engine.engine import Capacity, Engine, EngineSymbol, Filters
from tests.bench import matching_peer
from tests.bench.matching_log import MemoryLog
from tests.bench.result import NOT_JOURNALED, BenchResult, percentiles, throughput

OPERATIONS, SMOKE_OPERATIONS = 2_000_000, 20_000
BATCH = 2048
"""Commands of one turn: logged in one block."""
EVENTS_BATCH = 512
"""Commands of one call: their events stay in the second-level cache."""
LATENCIES = 4096
LIQUIBOOK_PER_S = 1_900_000.0
"""Measured by the makers of DESIGN.md section 9 on this kind of machine; not run here."""
PEER_OPERATIONS, SMOKE_PEER_OPERATIONS = 200_000, 2000
ACCOUNTS = 64
FILTERS = Filters(
    tick=1, px_min=1, px_max=1 << 30, step=100, qty_min=100, qty_max=1 << 30, notional_min=1000,
    notional_max=1 << 50, orders_max=1 << 20, algo_max=1 << 20, bid_up_e6=5_000_000,
    bid_down_e6=200_000, ask_up_e6=5_000_000, ask_down_e6=200_000,
)  # fmt: skip


@dataclass(frozen=True)
class Figures:
    """Of one run."""

    per_s: float
    checksum: int
    latency_ns: tuple[float, ...]
    """Percentiles of single operations: p50, p99, p99.9, the largest."""
    events: int


def stand(*, full: bool) -> Engine:
    """An engine of one symbol; `full`: balances, filters, average price, trade groups."""
    symbol = EngineSymbol(0, 1, 2, 5, 8, 8, 1, FILTERS if full else Filters())
    size = Capacity(orders=1 << 15, levels_per_side=256, accounts=ACCOUNTS, commands=BATCH)
    engine = Engine((symbol,), size, check_funds=full)
    if full:
        for account in range(ACCOUNTS):
            engine.deposit(account, 0, 10**16)
            engine.deposit(account, 1, 10**16)
            engine.set_fees(account, 100, 200)
            engine.set_group(account, account // 4)
    return engine


def fill(engine: Engine, rng: np.random.Generator, now_ns: int, *, full: bool) -> None:
    """The next batch into the queue."""
    commands = engine.commands
    number = np.arange(BATCH)
    side = number % 2
    cancel = number % 3 == 2
    new = ~cancel
    taken = min(len(engine.orders), int(engine.counters[lay.C_LIVE_ORDERS]) + 8)
    slot = rng.integers(0, max(1, taken), BATCH)
    # As `Engine.push_order` and `push_cancel` fill them: what a command does not have is 0.
    commands["kind"] = np.where(cancel, lay.CMD_CANCEL, lay.CMD_NEW)
    commands["side"] = side * new
    commands["symbol"] = 0
    commands["px"] = (np.where(side == 0, 1880, 1884) + rng.integers(0, 10, BATCH)) * new
    commands["qty"] = (rng.integers(0, 10, BATCH) + 1) * 100 * new
    commands["slot"] = slot * cancel
    commands["order_id"] = engine.orders["order_id"][slot] * cancel
    commands["order_type"] = lay.TYPE_LIMIT * new
    commands["tif"] = lay.TIF_GTC * new
    commands["time_ns"] = now_ns
    if full:
        commands["account"] = rng.integers(0, ACCOUNTS, BATCH)
        commands["stp"] = number % 5 * new


def _queue(engine: Engine, head: int, tail: int) -> None:
    engine.counters[lay.C_COMMAND_HEAD] = head
    engine.counters[lay.C_COMMAND_TAIL] = tail


def take(engine: Engine) -> int:
    """Run the queue empty; how many events came."""
    events = 0
    status = lay.STEP_BUDGET
    while status != lay.STEP_IDLE:
        engine.counters[lay.C_EVENTS] = 0
        status = kernel.step(engine.world.handle, 0, 0, EVENTS_BATCH)
        events += int(engine.counters[lay.C_EVENTS])
    return events


def run_once(operations: int, *, full: bool, log: bool = False) -> Figures:
    """Operations a second in batches, then the latency of single calls."""
    engine = stand(full=full)
    journal = None
    if log:
        journal = MemoryLog()
    rng = np.random.Generator(np.random.PCG64(1))
    spent_ns = done = events = 0
    while done < operations:
        fill(engine, rng, 10**18 + done * 1000, full=full)
        _queue(engine, 0, BATCH)
        began = time.perf_counter_ns()
        if journal is not None:
            journal.append(engine.commands, 0, BATCH)
        events += take(engine)
        spent_ns += time.perf_counter_ns() - began
        done += BATCH
    state = engine.orders.tobytes() + engine.counters[: lay.C_COMMAND_HEAD].tobytes()
    single = np.zeros(LATENCIES, np.int64)
    for number in range(LATENCIES):
        at = number % BATCH
        if at == 0:
            fill(engine, rng, 10**18 + (done + number) * 1000, full=full)
        _queue(engine, at, at + 1)
        engine.counters[lay.C_EVENTS] = 0
        began = time.perf_counter_ns()
        if journal is not None:
            journal.append(engine.commands, at, 1)
        kernel.step(engine.world.handle, 0, 0, 1)
        single[number] = time.perf_counter_ns() - began
    checksum = zlib.crc32(state)
    return Figures(done / spent_ns * 1e9, checksum, percentiles(single), events)


def row(name: str, smoke: bool, runs: int, *, full: bool, log: bool, aim: str) -> BenchResult:
    """The bench's row: operations a second; single operations' latency in the figures, ns."""
    operations = SMOKE_OPERATIONS if smoke else OPERATIONS
    made = [run_once(operations, full=full, log=log) for _ in range(runs)]
    assert len({each.checksum for each in made}) == 1, "two runs made different books"
    peer_operations = SMOKE_PEER_OPERATIONS if smoke else PEER_OPERATIONS
    peer = max(matching_peer.per_s(peer_operations) for _ in range(1 if smoke else 3))
    p50, p99, p999, longest = np.median([each.latency_ns for each in made], axis=0)
    return throughput(
        name, "operations/s", [each.per_s for each in made], {matching_peer.NAME: peer},
        core_map="1 core", wait="busy", checksum=made[0].checksum, aim=aim,
        durability="framed and hashed, not written" if log else NOT_JOURNALED,
        note=f"one at a time: p50 {p50:.0f} ns, p99 {p99:.0f} ns, with Python's clock and call; "
        f"Liquibook, C++, without balances: {LIQUIBOOK_PER_S / 1e6:.1f} M/s on this kind of "
        "machine, measured before and elsewhere",
        figures={
            "best_per_s": max(each.per_s for each in made), "events": made[0].events,
            "p50_ns": p50, "p99_ns": p99, "p999_ns": p999, "max_ns": longest,
        },
    )  # fmt: skip
