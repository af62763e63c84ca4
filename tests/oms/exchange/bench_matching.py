"""How many limit and cancel operations a second does the matching kernel take?

Prints operations per second and a checksum over the final state; the full figure beside its peer
belongs to issue 3. Run: python -m tests.oms.exchange.bench_matching
"""

from __future__ import annotations

import time
import zlib

import numpy as np

from oms.exchange import engine_hot as kernel
from oms.exchange import layout_hot as lay
from oms.exchange.engine import Capacity, Engine, EngineSymbol

BATCH = 4096


def run_bench(operations: int, *, check_funds: bool = True) -> dict[str, object]:
    """Limit orders around 1880..1893 ticks as in Liquibook's workload; every third a cancel."""
    symbol = EngineSymbol(0, 1, px_digits=2, qty_digits=5, base_digits=8, quote_digits=8, lot=1)
    size = Capacity(orders=1 << 17, levels_per_side=256, accounts=4, commands=BATCH)
    engine = Engine((symbol,), size, check_funds=check_funds)
    for asset in range(2):
        engine.deposit(0, asset, 10**18)
    rng = np.random.Generator(np.random.PCG64(1))
    commands = engine.commands
    commands[:] = 0
    seconds = 0.0
    done = 0
    while done < operations:
        count = min(BATCH, operations - done)
        side = rng.integers(0, 2, BATCH)
        commands["side"] = side
        commands["px"] = np.where(side == 0, 1880, 1884) + rng.integers(0, 10, BATCH)
        commands["qty"] = (rng.integers(0, 10, BATCH) + 1) * 100
        cancel = rng.random(BATCH) < 1 / 3
        slot = rng.integers(0, max(1, int(engine.counters[lay.C_LIVE_ORDERS])), BATCH)
        commands["kind"] = np.where(cancel, lay.CMD_CANCEL, lay.CMD_NEW)
        commands["slot"] = slot
        commands["order_id"] = engine.orders["order_id"][slot]
        commands["order_type"] = lay.TYPE_LIMIT
        commands["tif"] = lay.TIF_GTC
        engine.counters[lay.C_COMMAND_HEAD] = 0
        engine.counters[lay.C_COMMAND_TAIL] = count
        status = lay.STEP_BUDGET
        begun = time.perf_counter()
        while status != lay.STEP_IDLE:
            engine.counters[lay.C_EVENTS] = 0
            status = kernel.step(engine.world.handle, 0, 0, 1 << 40)
        seconds += time.perf_counter() - begun
        done += count
    state = engine.orders.tobytes() + engine.counters[: lay.C_COMMAND_HEAD].tobytes()
    return {
        "operations": done,
        "operations_per_s": round(done / seconds),
        "trades": int(engine.symbols["trade_id"][0]),
        "live": int(engine.counters[lay.C_LIVE_ORDERS]),
        "checksum": zlib.crc32(state),
    }


if __name__ == "__main__":
    run_bench(BATCH)
    print("with funds   ", run_bench(2_000_000))
    print("without funds", run_bench(2_000_000, check_funds=False))
