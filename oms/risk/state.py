"""Risk's arrays and worlds (cold): allocated once, from the desk's config and its tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from oms.agents.base import Ports
from oms.config import OPERATOR, DeskConfig, LimitsConfig
from oms.risk import kernel_hot as k_
from oms.risk import world_hot as w_
from shm_layout.enums import VENUES_BY_NAME
from shm_layout.limits import (
    EXEC_KEYS_MAX,
    GROUPS_MAX,
    STRATEGIES_MAX,
    VENUES_MAX,
)
from shm_layout.records import (
    CYCLE,
    EXECUTION,
    INTENT,
    NO_ID,
    ORDER_COMMAND,
    ORDER_ROW,
    ORDER_UPDATE,
    TOP_OF_BOOK,
)
from shm_layout.ring import HEAD_WORDS, RingReader, RingWriter
from shm_layout.table import TableWriter

STAGED_MAX = 1024
CYCLE_INPUTS_MAX = 32
_NS_PER_S = 1_000_000_000
_KEY_COLUMNS = 4
_SMALL_ORDERS = 8192

Array = np.ndarray[Any, Any]


@dataclass(slots=True)
class RiskArrays:
    """State that kernels and the cold half share; tables are the memory that others read."""

    state: Array
    orders: Array
    positions: Array
    position_index: Array
    tops: Array
    strategies: Array
    order_limits: Array
    position_limits: Array
    groups: Array
    venue_groups: Array
    open_rows: Array
    open_index: Array
    keys: Array
    staged: Array
    staged_group: Array
    consumed: Array
    new_row: Array
    update: Array
    cycle: Array
    order_table: TableWriter
    position_table: TableWriter
    instrument_table: TableWriter
    currency_table: TableWriter
    account_table: TableWriter
    latency: Array

    @classmethod
    def make(cls, config: DeskConfig, ports: Ports) -> RiskArrays:
        """Empty state of this size; table memory is wiped, because it is folded anew."""
        tables = {
            name: ports.table_writer(name)
            for name in ("orders", "positions", "instruments", "currencies", "accounts")
        }
        for table in tables.values():
            table.rows.view(np.int64)[:] = 0
        orders = tables["orders"].rows
        instruments = len(tables["instruments"].rows)
        inputs = 1 + len(config.groups) + len(config.strategies)
        assert inputs <= CYCLE_INPUTS_MAX, "Cycle.consumed has 32 columns"
        key_count = EXEC_KEYS_MAX if len(orders) > _SMALL_ORDERS else 1 << 14
        made = cls(
            state=np.zeros(w_.STATE_WORDS, np.int64),
            orders=orders,
            positions=tables["positions"].rows,
            position_index=np.full((STRATEGIES_MAX, instruments), NO_ID, np.int64),
            tops=np.zeros((instruments, w_.TOP_COLUMNS), np.int64),
            strategies=np.zeros((STRATEGIES_MAX, w_.SG_COLUMNS), np.int64),
            order_limits=np.zeros((STRATEGIES_MAX, instruments), np.int64),
            position_limits=np.zeros((STRATEGIES_MAX, instruments), np.int64),
            groups=np.zeros((GROUPS_MAX, w_.GR_COLUMNS), np.int64),
            venue_groups=np.zeros(VENUES_MAX, np.int64),
            open_rows=np.zeros(len(orders), np.int64),
            open_index=np.full(len(orders), NO_ID, np.int64),
            keys=np.zeros((2, key_count, _KEY_COLUMNS), np.int64),
            staged=np.zeros(STAGED_MAX, ORDER_COMMAND),
            staged_group=np.zeros(STAGED_MAX, np.int64),
            consumed=np.zeros(inputs, np.int64),
            new_row=np.zeros(1, ORDER_ROW),
            update=np.zeros(1, ORDER_UPDATE),
            cycle=np.zeros(1, CYCLE),
            order_table=tables["orders"],
            position_table=tables["positions"],
            instrument_table=tables["instruments"],
            currency_table=tables["currencies"],
            account_table=tables["accounts"],
            latency=ports.table_writer("latency.risk").rows,
        )
        made._configure(config)
        made.state[w_.ST_STAMPING] = int(ports.stamping)
        return made

    def _configure(self, config: DeskConfig) -> None:
        for index, strategy in enumerate(config.strategies):
            row = self.strategies[index]
            row[w_.SG_ACCOUNT] = config.account_names().index(strategy.account)
            row[w_.SG_ENABLED] = 1
            row[w_.SG_OPERATOR] = int(strategy.name == OPERATOR)
        self.apply_limits(config.limits)
        for group_index, group in enumerate(config.groups):
            for venue in group.venues:
                self.venue_groups[VENUES_BY_NAME[venue]] = group_index

    def apply_limits(self, limits: LimitsConfig) -> None:
        """Limits that are plain numbers, for every strategy; amounts are the registry's."""
        rows = self.strategies
        rows[:, w_.SG_RATE_COST_NS] = _NS_PER_S // limits.max_orders_per_s
        rows[:, w_.SG_RATE_BURST_NS] = _NS_PER_S
        rows[:, w_.SG_MAX_OPEN] = limits.max_open_orders
        rows[:, w_.SG_COLLAR_BPS] = limits.price_collar_bps
        rows[:, w_.SG_BOOK_AGE_NS] = limits.book_max_age_ms * 1_000_000


@dataclass(frozen=True, slots=True)
class _Rings:
    """The input that a world is for, and its ends of rings."""

    input_index: int = 0
    owner: int = 0
    top: RingReader | None = None
    executions: RingReader | None = None
    intents: RingReader | None = None
    orders: RingWriter | None = None


class Worlds:
    """One world per task and input, sharing all state; `kernel_hot.step` is called with them.

    Inputs are numbered as in Start and Cycle: the top ring, then the groups' executions, then the
    strategies' intents, in the config's order.
    """

    def __init__(self, config: DeskConfig, ports: Ports, arrays: RiskArrays) -> None:
        self._arrays = arrays
        self.top_reader = ports.reader("top")
        self.execution_readers = [ports.reader(f"executions.{g.name}") for g in config.groups]
        self.order_writers = [ports.writer(f"orders.{g.name}") for g in config.groups]
        self.intent_readers = [ports.reader(f"intents.{s.name}") for s in config.strategies]
        self.updates = ports.writer("updates")
        self._held: list[Any] = []
        self._io: dict[int, Array] = {}

    def build(self, frames: Array) -> None:
        """Make the worlds; `frames` is the journal block under construction."""
        self._arrays.state[w_.ST_UPDATES_POS] = self.updates.pos
        core = _Rings()
        groups = [
            _Rings(1 + i, i, executions=reader, orders=writer)
            for i, (reader, writer) in enumerate(
                zip(self.execution_readers, self.order_writers, strict=True)
            )
        ]
        first = 1 + len(groups)
        strategies = [
            _Rings(first + i, i, intents=reader) for i, reader in enumerate(self.intent_readers)
        ]
        self.tops = self._world(frames, k_.TASK_TOPS, _Rings(top=self.top_reader))
        self.refresh = [self._world(frames, k_.TASK_REFRESH, g) for g in groups]
        self.executions = [self._world(frames, k_.TASK_EXECUTIONS, g) for g in groups]
        self.timers = self._world(frames, k_.TASK_TIMERS, core)
        self.intents = [self._world(frames, k_.TASK_INTENTS, s) for s in strategies]
        self.finish = self._world(frames, k_.TASK_FINISH, core)
        self.commits = [
            *(self._world(frames, k_.TASK_COMMIT_GROUP, g) for g in groups),
            *(self._world(frames, k_.TASK_COMMIT_INPUT, g) for g in (*groups, *strategies)),
            self._world(frames, k_.TASK_COMMIT_UPDATES, core),
        ]
        self.next_query = self._world(frames, k_.TASK_NEXT_QUERY, core)
        self._rare = {
            task: self._world(frames, task, core)
            for task in (
                k_.TASK_DOUBT,
                k_.TASK_RESTAGE,
                k_.TASK_FOLD_NEW,
                k_.TASK_FOLD_UPDATE,
                k_.TASK_ANNOUNCE,
            )
        }

    def rare(self, task: int, row: int, now_ns: int) -> int:
        """A task outside the working cycle, on one row of the order table."""
        self._io[task][w_.IO_ROW] = row
        return int(k_.step(self._rare[task], now_ns, now_ns, 0))

    def _shared(self, frames: Array) -> dict[str, Array]:
        """The fields that every world has in common: all of risk's state."""
        a = self._arrays
        return {
            "state": a.state,
            "latency": a.latency,
            "cycle": a.cycle,
            "cycle_words": a.cycle.view(np.int64),
            "frames": frames,
            "orders": a.orders,
            "order_words": a.orders.view(np.int64),
            "new_row": a.new_row,
            "new_row_words": a.new_row.view(np.int64),
            "update": a.update,
            "update_words": a.update.view(np.int64),
            "positions": a.positions,
            "position_words": a.positions.view(np.int64),
            "position_index": a.position_index,
            "instruments": a.instrument_table.rows,
            "accounts": a.account_table.rows,
            "tops": a.tops,
            "strategies": a.strategies,
            "order_limits": a.order_limits,
            "position_limits": a.position_limits,
            "groups": a.groups,
            "venue_groups": a.venue_groups,
            "open_rows": a.open_rows,
            "open_index": a.open_index,
            "keys": a.keys,
            "staged": a.staged,
            "staged_group": a.staged_group,
            "consumed": a.consumed,
        }

    def _world(
        self,
        frames: Array,
        task: int,
        rings: _Rings,
    ) -> Any:
        top, executions, intents, orders = (
            rings.top, rings.executions, rings.intents, rings.orders
        )  # fmt: skip
        reader = top or executions or intents
        io = np.zeros(w_.IO_WORDS, np.int64)
        io[w_.IO_INPUT], io[w_.IO_OWNER], io[w_.IO_TASK] = rings.input_index, rings.owner, task
        io[w_.IO_RING] = reader.channel.id if reader else 0
        self._io[task] = io
        idle = np.zeros(HEAD_WORDS, np.int64)
        slots = executions.slots if executions else np.zeros(1, EXECUTION)
        world = w_.WORLD.make(
            **self._shared(frames),
            io=io,
            intent_ring=intents.words if intents else idle,
            intent_slots=intents.slots if intents else np.zeros(1, INTENT),
            execution_ring=executions.words if executions else idle,
            execution_slots=slots,
            execution_words=slots.view(np.int64),
            top_ring=top.words if top else idle,
            top_slots=top.slots if top else np.zeros(1, TOP_OF_BOOK),
            cursor=reader.cursor if reader else idle,
            order_ring=orders.words if orders else idle,
            order_slots=orders.slots if orders else np.zeros(1, ORDER_COMMAND),
            order_gate=orders.gate if orders else idle,
            update_ring=self.updates.words,
            update_slots=self.updates.slots,
            update_slot_words=self.updates.slots.view(np.int64),
        )
        self._held.append(world)
        return world.handle
