"""Real risk with its real journal in this process, and both of its ends by hand, on one core.

For what risk itself takes: shared memory and journal as on a desk, 201 accounts loaded, one of them
reconciled; the bench writes prices and intents, reads commands, and closes every order by the
venue's refusal, outside of what is timed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from oms.agents.risk import RiskAgent
from oms.config import DeskConfig, HostConfig, ProcessConfig
from oms.risk import world_hot as risk_words
from procs.clock import Clock
from procs.files.locks import FileLock
from procs.files.logs import ProcessLog
from procs.files.paths import DeskPaths
from procs.memory import DeskMemory
from procs.ports import LivePorts
from shm_layout import segment
from shm_layout.enums import Action, ExecKind, OrderType, RecordType, Side, TimeInForce
from shm_layout.limits import OPEN_ORDERS_PER_STRATEGY_MAX
from shm_layout.records import EXECUTION, INTENT, NO_ID, UNDEF
from tests.bench.order_desk import PX, QTY, SECOND_NS, bench_config, make_desk
from tests.desks import btc_spec, top

PROCESS = "hot"
TURNS_MAX = 1000


def stand_config(folder: Path) -> DeskConfig:
    """The order path's desk in one process, unpinned; limits that never bind."""
    config = bench_config(folder, "park", (0, 0))
    roles = ("aggregator", "strategy.mm", "risk", "executor.binance")
    limits = dataclasses.replace(
        config.limits, max_order_notional="1000000", max_orders_per_s=10**9,
        max_position_notional="1000000000", max_open_orders=OPEN_ORDERS_PER_STRATEGY_MAX,
    )  # fmt: skip
    host = HostConfig("bench", (ProcessConfig(PROCESS, roles, -1),))
    return dataclasses.replace(config, host=host, limits=limits)


class RiskStand:
    """See the module's text."""

    def __init__(self, config: DeskConfig, paths: DeskPaths, seed: int = 7) -> None:
        self.clock = Clock()
        self.memory = DeskMemory(config, paths, PROCESS, 1)
        self.tops = self.memory.writer("aggregator", "top")
        self.intents = self.memory.writer("strategy.mm", "intents.mm")
        self.executions = self.memory.writer("executor.binance", "executions.binance")
        self.orders = self.memory.reader("executor.binance", "orders.binance")
        self.risk = RiskAgent(config)
        log = ProcessLog(paths.logs, PROCESS)
        self.risk.on_start(LivePorts("risk", config, paths, self.memory, log, None),
                           self.clock.now_ns())  # fmt: skip
        self.count = 0
        self._chance = np.random.Generator(np.random.PCG64(seed))
        self._intent = np.zeros(1, INTENT)
        self._execution = np.zeros(1, EXECUTION)
        self._execution["type"] = RecordType.EXECUTION
        self._execution["cum_qty"], self._execution["fee_currency_id"] = UNDEF, NO_ID
        self.executions.append(btc_spec()[0])
        self._say(ExecKind.RECONCILED, 0)
        self.price()

    def _say(self, kind: ExecKind, client_order_id: int) -> None:
        self._execution["kind"], self._execution["client_order_id"] = kind, client_order_id
        self._execution["cause_pos"] = NO_ID
        assert self.executions.append(self._execution[0])

    def settle(self) -> None:
        """Turns until risk is idle; with what is stamped as now."""
        for _ in range(TURNS_MAX):
            if not self.risk.do_work(self.clock.now_ns()):
                return
        raise AssertionError("risk finds no end")

    def price(self) -> None:
        """A fresh top of book."""
        assert self.tops.append(top(PX - 100, PX + 100, self.clock.now_ns(), self.count + 1)[0])
        self.settle()

    def ask(self, orders: int) -> None:
        """So many intents into the ring: side, price and size drawn by seed, all of them fit."""
        record = self._intent
        record["type"], record["action"] = RecordType.INTENT, Action.NEW
        record["order_type"], record["time_in_force"] = OrderType.LIMIT, TimeInForce.GTC
        record["quote_qty"], record["mid_px"] = UNDEF, 2 * PX
        for _ in range(orders):
            self.count += 1
            record["intent_id"] = self.count
            record["side"] = Side.BUY if self._chance.integers(2) else Side.SELL
            record["px"] = PX + 100 * int(self._chance.integers(-2000, 2000))
            record["qty"] = QTY + 100 * int(self._chance.integers(1000))
            record["valid_until_ns"] = self.clock.now_ns() + 1000 * SECOND_NS
            assert self.intents.append(record[0]), "the intent ring is full"

    def close(self) -> int:
        """Read the commands and refuse every order as the venue would; how many there were."""
        rows = self.orders.poll(1 << 12)
        ids = rows["client_order_id"].tolist()
        self.orders.release(len(ids))
        for client_order_id in ids:
            self._say(ExecKind.REJECT, client_order_id)
        self.settle()
        assert self.open == 0, f"{self.open} orders are open after their refusal"
        return len(ids)

    @property
    def open(self) -> int:
        """Orders that are not over."""
        return int(self.risk.arrays.state[risk_words.ST_OPEN_COUNT])

    @property
    def state(self) -> Any:
        """Risk's words."""
        return self.risk.arrays.state


@contextlib.contextmanager
def risk_stand() -> Iterator[RiskStand]:
    """A stand for one run; nothing of it is left behind."""
    with tempfile.TemporaryDirectory() as folder:
        config = stand_config(Path(folder))
        lock = FileLock(Path(folder) / "bench.lock")
        paths = DeskPaths.of(config)
        stand = None
        try:
            stand = RiskStand(config, make_desk(config))
            yield stand
        finally:
            if stand is not None:
                stand.memory.close()
            segment.sweep(paths.segments, lock.descriptor)
            lock.close()
