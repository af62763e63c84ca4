"""Risk's arrays and worlds (cold): allocated once, from the desk's config and its tables.

`RiskArrays.make` takes the tables that others read; `RiskArrays.shadow` the same shapes in memory
of this process alone, for whoever folds the journal beside risk (the journaler, for its snapshots).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from oms.config import OPERATOR, DeskConfig, GroupConfig, LimitsConfig
from oms.journal.format import BLOCK_HEAD_WORDS
from oms.ports import Ports
from oms.risk import kernel_hot as k_
from oms.risk import world_hot as w_
from oms.units import NS_PER_MS, NS_PER_S
from oms.venues.data import AmendWay, lifetime_ms
from oms.venues.registry import order_market
from shm_layout.enums import VENUES_BY_NAME
from shm_layout.limits import (
    CHANNELS_MAX,
    EXEC_KEYS_MAX,
    GROUPS_MAX,
    STRATEGY_ROWS_MAX,
    VENUES_MAX,
)
from shm_layout.records import (
    CYCLE,
    EXECUTION,
    INTENT,
    LATENCY_ROW,
    NO_ID,
    ORDER_COMMAND,
    ORDER_ROW,
    ORDER_UPDATE,
    TOP_OF_BOOK,
)
from shm_layout.ring import HEAD_WORDS, RingReader, RingWriter
from shm_layout.table import TableMemory, TableWriter

STAGED_MAX = 1024
CYCLE_INPUTS_MAX = 32
_KEY_COLUMNS = 4
_SMALL_ORDERS = 8192
_TABLES = (
    "orders", "positions", "fees", "instruments", "currencies", "accounts", "strategies", "limits",
    "venues", "plugins", "marks", "balances", "venue_positions", "fee_rates", "keys",
)  # fmt: skip

Array = np.ndarray[Any, Any]


@dataclass(slots=True)
class RiskArrays:
    """State that kernels and the cold half share; tables are the memory that others read."""

    state: Array
    orders: Array
    positions: Array
    fees: Array
    position_index: Array
    balance_index: Array
    """Row of the balance table by account and currency; NO_ID = none yet."""
    tops: Array
    strategies: Array
    order_limits: Array
    position_limits: Array
    groups: Array
    venue_groups: Array
    venue_replaces: Array
    """By market: 1 = an order can be replaced by a new one in one request."""
    open_rows: Array
    open_index: Array
    keys: Array
    staged: Array
    staged_group: Array
    consumed: Array
    caused: Array
    """Ring id -> position behind the last record that a journaled one names as its cause."""
    new_row: Array
    update: Array
    cycle: Array
    tables: dict[str, TableWriter]
    latency: Array

    @classmethod
    def make(cls, config: DeskConfig, ports: Ports) -> RiskArrays:
        """Empty state of this size; table memory is wiped, because it is folded anew."""
        tables = {name: ports.table_writer(name) for name in _TABLES}
        for table in tables.values():
            table.rows.view(np.int64)[:] = 0
        made = cls._of(config, tables, ports.table_writer("latency.risk").rows)
        made.state[w_.ST_STAMPING] = int(ports.stamping)
        return made

    @classmethod
    def shadow(cls, config: DeskConfig, ports: Ports) -> RiskArrays:
        """Empty state of the same shapes that nobody else sees."""
        tables = {}
        for name in _TABLES:
            table = ports.table_reader(name).table
            tables[name] = TableWriter(table, TableMemory.anonymous(table), 0)
        return cls._of(config, tables, np.zeros(1, LATENCY_ROW))

    @classmethod
    def _of(cls, config: DeskConfig, tables: dict[str, TableWriter], latency: Array) -> RiskArrays:
        orders = tables["orders"].rows
        instruments = len(tables["instruments"].rows)
        inputs = 1 + len(config.groups) + len(config.strategies)
        assert inputs <= CYCLE_INPUTS_MAX, "Cycle.consumed has 32 columns"
        key_count = EXEC_KEYS_MAX if len(orders) > _SMALL_ORDERS else 1 << 14
        made = cls(
            state=np.zeros(w_.STATE_WORDS, np.int64),
            orders=orders,
            positions=tables["positions"].rows,
            fees=tables["fees"].rows,
            position_index=np.full((STRATEGY_ROWS_MAX, instruments), NO_ID, np.int64),
            balance_index=np.full(
                (len(tables["accounts"].rows), len(tables["currencies"].rows)), NO_ID, np.int64
            ),
            tops=np.zeros((instruments, w_.TOP_COLUMNS), np.int64),
            strategies=np.zeros((STRATEGY_ROWS_MAX, w_.SG_COLUMNS), np.int64),
            order_limits=np.zeros((STRATEGY_ROWS_MAX, instruments), np.int64),
            position_limits=np.zeros((STRATEGY_ROWS_MAX, instruments), np.int64),
            groups=np.zeros((GROUPS_MAX, w_.GR_COLUMNS), np.int64),
            venue_groups=np.zeros(VENUES_MAX, np.int64),
            venue_replaces=np.zeros(VENUES_MAX, np.int64),
            open_rows=np.zeros(len(orders), np.int64),
            open_index=np.full(len(orders), NO_ID, np.int64),
            keys=np.zeros((2, key_count, _KEY_COLUMNS), np.int64),
            staged=np.zeros(STAGED_MAX, ORDER_COMMAND),
            staged_group=np.zeros(STAGED_MAX, np.int64),
            consumed=np.zeros(inputs, np.int64),
            caused=np.zeros(CHANNELS_MAX, np.int64),
            new_row=np.zeros(1, ORDER_ROW),
            update=np.zeros(1, ORDER_UPDATE),
            cycle=np.zeros(1, CYCLE),
            tables=tables,
            latency=latency,
        )
        made.groups[:, w_.GR_LIFETIME_NS] = w_.LIFETIME_NEVER
        for group_index, group in enumerate(config.groups):
            for venue in group.venues:
                made.venue_groups[VENUES_BY_NAME[venue]] = group_index
                replaces = order_market(venue).caps.amend is AmendWay.NEW_ID
                made.venue_replaces[VENUES_BY_NAME[venue]] = int(replaces)
            made.groups[group_index, w_.GR_LIFETIME_NS] = _lifetime_ns(group)
        return made

    @property
    def instrument_table(self) -> TableWriter:
        return self.tables["instruments"]

    @property
    def currency_table(self) -> TableWriter:
        return self.tables["currencies"]

    @property
    def account_table(self) -> TableWriter:
        return self.tables["accounts"]

    @property
    def strategy_table(self) -> TableWriter:
        return self.tables["strategies"]

    def configure(
        self,
        config: DeskConfig,
        strategy_rows: Sequence[Sequence[int]],
        account_ids: Mapping[str, int],
    ) -> None:
        """Limits of the config's strategies; `strategy_rows`: of each its rows, one for each of its
        accounts. All others may place nothing.
        """
        self.strategies[:, w_.SG_OWNER] = self.strategies[:, w_.SG_NEXT] = NO_ID
        self.strategies[:, w_.SG_OPERATOR] = 0
        for strategy, rows in zip(config.strategies, strategy_rows, strict=True):
            for name, row, following in zip(
                strategy.accounts, rows, [*rows[1:], NO_ID], strict=True
            ):
                self.strategies[row, w_.SG_ACCOUNT] = account_ids[name]
                self.strategies[row, w_.SG_OWNER] = rows[0]
                self.strategies[row, w_.SG_NEXT] = following
                self.strategies[row, w_.SG_OPERATOR] = int(strategy.name == OPERATOR)
        self.apply_limits(config.limits)

    def apply_limits(self, limits: LimitsConfig) -> None:
        """Limits that are plain numbers, for every strategy; amounts are the registry's."""
        rows = self.strategies
        rows[:, w_.SG_RATE_COST_NS] = NS_PER_S // limits.max_orders_per_s
        rows[:, w_.SG_RATE_BURST_NS] = NS_PER_S
        rows[:, w_.SG_MAX_OPEN] = limits.max_open_orders
        rows[:, w_.SG_COLLAR_BPS] = limits.price_collar_bps
        rows[:, w_.SG_BOOK_AGE_NS] = limits.book_max_age_ms * 1_000_000


def _lifetime_ns(group: GroupConfig) -> int:
    """How long after its last possible sending an order of this group may still arrive: the
    longest of its markets, whatever else the exchange needs to show it included.
    """
    longest = 0
    for venue in group.venues:
        caps = order_market(venue).caps
        lives_ms = lifetime_ms(caps, group.recv_window_ms, group.clock_warn_ms)
        if lives_ms is None:
            return w_.LIFETIME_NEVER
        longest = max(longest, lives_ms)
    return longest * NS_PER_MS


@dataclass(frozen=True, slots=True)
class _Rings:
    """The input that a world is for, and its ends of rings."""

    input_index: int = 0
    owner: int = 0
    top: RingReader | None = None
    executions: RingReader | None = None
    intents: RingReader | None = None
    orders: RingWriter | None = None
    updates: RingWriter | None = None


def _shared(a: RiskArrays, block: Array) -> dict[str, Array]:
    """The fields that every world has in common: all of risk's state."""
    return {
        "state": a.state,
        "latency": a.latency,
        "cycle": a.cycle,
        "cycle_words": a.cycle.view(np.int64),
        "block": block,
        "frames": block[BLOCK_HEAD_WORDS:],
        "orders": a.orders,
        "order_words": a.orders.view(np.int64),
        "new_row": a.new_row,
        "new_row_words": a.new_row.view(np.int64),
        "update": a.update,
        "update_words": a.update.view(np.int64),
        "positions": a.positions,
        "position_words": a.positions.view(np.int64),
        "fees": a.fees,
        "fee_words": a.fees.view(np.int64),
        "balances": a.tables["balances"].rows,
        "balance_words": a.tables["balances"].words,
        "balance_index": a.balance_index,
        "position_index": a.position_index,
        "instruments": a.instrument_table.rows,
        "currencies": a.currency_table.rows,
        "accounts": a.account_table.rows,
        "venues": a.tables["venues"].rows,
        "tops": a.tops,
        "strategies": a.strategies,
        "order_limits": a.order_limits,
        "position_limits": a.position_limits,
        "groups": a.groups,
        "venue_groups": a.venue_groups,
        "venue_replaces": a.venue_replaces,
        "open_rows": a.open_rows,
        "open_index": a.open_index,
        "keys": a.keys,
        "staged": a.staged,
        "staged_group": a.staged_group,
        "consumed": a.consumed,
        "caused": a.caused,
    }


def _world(
    arrays: RiskArrays,
    block: Array,
    task: int,
    rings: _Rings,
    replayed: Array | None = None,
    steps: Sequence[Any] = (),
) -> tuple[Any, Array]:
    """(a world for one task, its `io` words); a ring that is not given is one without records.
    `replayed`: words of a journal file.
    """
    top, executions, intents, orders, updates = (
        rings.top, rings.executions, rings.intents, rings.orders, rings.updates
    )  # fmt: skip
    reader = top or executions or intents
    io = np.zeros(w_.IO_WORDS, np.int64)
    io[w_.IO_INPUT], io[w_.IO_OWNER], io[w_.IO_TASK] = rings.input_index, rings.owner, task
    io[w_.IO_RING] = reader.channel.id if reader else 0
    idle = np.zeros(HEAD_WORDS, np.int64)
    slots = executions.slots if executions else np.zeros(1, EXECUTION)
    told = updates.slots if updates else np.zeros(1, ORDER_UPDATE)
    fields = _shared(arrays, block) | {
        "io": io,
        "replay_words": idle if replayed is None else replayed,
        "intent_ring": intents.words if intents else idle,
        "intent_slots": intents.slots if intents else np.zeros(1, INTENT),
        "execution_ring": executions.words if executions else idle,
        "execution_slots": slots,
        "execution_words": slots.view(np.int64),
        "top_ring": top.words if top else idle,
        "top_slots": top.slots if top else np.zeros(1, TOP_OF_BOOK),
        "cursor": reader.cursor if reader else idle,
        "order_ring": orders.words if orders else idle,
        "order_slots": orders.slots if orders else np.zeros(1, ORDER_COMMAND),
        "order_gate": orders.gate if orders else idle,
        "update_ring": updates.words if updates else idle,
        "update_slots": told,
        "update_slot_words": told.view(np.int64),
    }
    world = w_.WORLD.make_of(steps, fields)
    return world, io


class FoldWorlds:
    """The tasks that bring a journal back, without any ring."""

    def __init__(self, arrays: RiskArrays) -> None:
        self._arrays = arrays
        block = np.zeros(BLOCK_HEAD_WORDS + 1, np.int64)
        self._new = _world(arrays, block, k_.TASK_FOLD_NEW, _Rings())[0]
        self._update = _world(arrays, block, k_.TASK_FOLD_UPDATE, _Rings())[0]

    def new(self) -> None:
        """Fold the ORDER_ROW in `new_row`."""
        k_.step(self._new.handle, 0, 0, 0)

    def update(self) -> None:
        """Fold the ORDER_UPDATE in `update`."""
        k_.step(self._update.handle, 0, 0, 0)

    def blocks(self, words: Array, first: int, end: int) -> Iterator[int]:
        """Fold checked blocks of a file's words; gives the word of each record that the caller has
        to fold itself, in its turn.
        """
        idle = np.zeros(BLOCK_HEAD_WORDS + 1, np.int64)
        world, io = _world(self._arrays, idle, k_.TASK_REPLAY, _Rings(), words)
        io[w_.IO_AT] = io[w_.IO_BLOCK_END] = first
        io[w_.IO_END] = end
        while body := int(k_.step(world.handle, 0, 0, 0)):
            yield body


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
        self._held: dict[int, Any] = {}
        """By the id of its handle: a world must live as long as its kernels are called."""
        self._io: dict[int, Array] = {}

    def build(self, block: Array, strategy_ids: Sequence[int]) -> None:
        """Make the worlds; `block` is the journal block under construction, head and all,
        `strategy_ids` the first row of each of the config's strategies.
        """
        self._arrays.state[w_.ST_UPDATES_POS] = self.updates.pos
        core = _Rings(updates=self.updates)
        groups = [
            _Rings(1 + i, i, executions=reader, orders=writer, updates=self.updates)
            for i, (reader, writer) in enumerate(
                zip(self.execution_readers, self.order_writers, strict=True)
            )
        ]
        first = 1 + len(groups)
        strategies = [
            _Rings(first + i, row, intents=reader, updates=self.updates)
            for i, (row, reader) in enumerate(zip(strategy_ids, self.intent_readers, strict=True))
        ]
        self.tops = self._make(block, k_.TASK_TOPS, _Rings(top=self.top_reader))
        self.refresh = [self._make(block, k_.TASK_REFRESH, g) for g in groups]
        self.executions = [self._make(block, k_.TASK_EXECUTIONS, g) for g in groups]
        self.timers = self._make(block, k_.TASK_TIMERS, core)
        self.intents = [self._make(block, k_.TASK_INTENTS, s) for s in strategies]
        self.finish = self._make(block, k_.TASK_FINISH, core)
        self.commits = [
            *(self._make(block, k_.TASK_COMMIT_GROUP, g) for g in groups),
            *(self._make(block, k_.TASK_COMMIT_INPUT, g) for g in (*groups, *strategies)),
            self._make(block, k_.TASK_COMMIT_UPDATES, core),
        ]
        self.next_query = self._make(block, k_.TASK_NEXT_QUERY, core)
        cycle = (self.tops, *self.refresh, *self.executions, self.timers, *self.intents)
        self.cycle = self._make(block, k_.TASK_CYCLE, core, (*cycle, self.finish))
        self.cycle_io = self._io[k_.TASK_CYCLE].data
        self.visible = self._make(block, k_.TASK_VISIBLE, core, self.commits)
        self._rare = {
            task: self._make(block, task, core)
            for task in (k_.TASK_DOUBT, k_.TASK_RESTAGE, k_.TASK_ANNOUNCE, k_.TASK_CANCEL)
        }

    def rare(self, task: int, row: int, now_ns: int) -> int:
        """A task outside the working cycle, on one row of the order table."""
        self._io[task][w_.IO_ROW] = row
        return int(k_.step(self._rare[task], now_ns, now_ns, 0))

    def _make(self, block: Array, task: int, rings: _Rings, steps: Sequence[Any] = ()) -> Any:
        """`steps`: handles of the worlds that this one carries out in turn."""
        held = [self._held[id(handle)] for handle in steps]
        world, self._io[task] = _world(self._arrays, block, task, rings, None, held)
        self._held[id(world.handle)] = world
        return world.handle
