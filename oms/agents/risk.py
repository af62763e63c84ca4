"""Risk: the order manager of record, and the sole writer of the journal.

Takes intents and executions, decides by compiled checks, folds, journals, and only then publishes
(DESIGN.md laws 8, 9). State is a fold of the journal: starting is recovering. This file is the
cold half: it makes the arrays, reads the journal back, writes blocks, and handles what is rare
(instruments, balances, reconciliation). Kernels: `oms/risk/*_hot.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from oms.agents.base import BaseAgent
from oms.agents.latch import LatchView
from oms.config import DeskConfig, LimitsConfig
from oms.errors import ConfigError
from oms.journal.frames_hot import append_frame
from oms.journal.writer import BlockWriter
from oms.ports import NEVER, Ports
from oms.risk import emit_hot
from oms.risk import kernel_hot as k_
from oms.risk import world_hot as w_
from oms.risk.executions_hot import NEED_COLD
from oms.risk.fold import Fold
from oms.risk.limits import LimitBook, limits_hash
from oms.risk.plugin_modes import PluginModes
from oms.risk.recovery import recover
from oms.risk.registry import Registry
from oms.risk.said import Said
from oms.risk.state import RiskArrays, Worlds
from oms.risk.venue_modes import ResumeRefusedError, VenueModes
from shm_layout.enums import VENUE_NAMES, Durability, ExecKind, OrderState, RecordType, Venue
from shm_layout.limits import (
    JOURNAL_BEHIND_REFUSE_RECORDS,
    JOURNAL_FILE_RECORDS_MAX,
    WORK_BUDGET,
)
from shm_layout.records import BALANCE, EXECUTION, START
from shm_layout.ring import as_record

DRAIN_TIMER_NS = 100_000_000
NO_ROOM_RETRY_NS = 10_000_000
CAUSE_CONTROL = 2
"""Cycle.cause of a control request."""


class RiskAgent(BaseAgent):
    """See the module's text. `arrays`, `worlds` and `registry` are its state."""

    role = "risk"
    control_verbs: tuple[str, ...] = ("limits_set", "venues_resume", "strategy_resume")

    def __init__(self, config: DeskConfig) -> None:
        self.config = config
        self.arrays: RiskArrays
        self.worlds: Worlds
        self.registry: Registry
        self.limits: LimitBook
        self._ports: Ports
        self._journal: BlockWriter
        self._draining = False
        self._now_ns = 0

    # Starting, which is recovering

    def on_start(self, ports: Ports, now_ns: int) -> None:
        """Recover from the journal, write START, publish what was journaled and not published."""
        self._ports = ports
        self._now_ns = now_ns
        self.arrays = RiskArrays.make(self.config, ports)
        self.worlds = Worlds(self.config, ports, self.arrays)
        self.registry = Registry(self.config, ports, self.arrays)
        self.limits = self.registry.limit_book
        self._latch = LatchView(ports)
        self.modes = VenueModes(self.config, ports, self.arrays)
        self.said = Said(self.arrays, ports)
        found = recover(ports, Fold(self.arrays, self.registry, self.said), self.worlds)
        arrays = self.arrays
        arrays.state[w_.ST_EPOCH] = found.risk_epoch
        arrays.state[w_.ST_JOURNAL_SEQ] = found.recovery.last_seq
        arrays.state[w_.ST_SEALED_SEQ] = found.recovery.last_seq
        self._port = ports.journal("risk")
        self._journal = BlockWriter(
            self._port, found.risk_epoch, found.recovery, JOURNAL_FILE_RECORDS_MAX
        )
        strategy_rows, made_rows = self.registry.strategies(now_ns)
        strategy_ids = [rows[0] for rows in strategy_rows]
        arrays.configure(self.config, strategy_rows, self.registry.account_ids())
        self.worlds.build(self._journal.block, strategy_ids)
        self.plugins = PluginModes(self.config, ports, arrays, strategy_ids)
        self._state = arrays.state.data
        self._watch_snapshots(ports, found.snapshot_seq)
        self._journal_start(now_ns, found.system_id)
        self._begin_limits(now_ns)
        for row in made_rows:
            self.journal_record(row)
        for row in self.registry.begin(found.system_id, found.same_memory, now_ns):
            self.journal_record(row)
        for world in self.worlds.refresh:
            k_.step(world, now_ns, now_ns, 0)
        found.finish(self, now_ns)
        self.worlds.rare(k_.TASK_ANNOUNCE, 0, now_ns)
        self._commit(now_ns)
        self.limits.say_started()
        ports.log(
            "info", "risk_started", epoch=found.risk_epoch, journal_seq=self._journal.last_seq,
            records=found.recovery.records, records_read=found.records_read,
            open_orders=int(arrays.state[w_.ST_OPEN_COUNT]),
            unknown=int(arrays.state[w_.ST_UNKNOWN_COUNT]), durability=self.config.durability,
            cut_bytes=found.recovery.cut_bytes, cut_reason=found.recovery.cut_reason,
        )  # fmt: skip

    def _watch_snapshots(self, ports: Ports, snapshot_seq: int) -> None:
        """Where the desk has a journaler, orders wait for its snapshots, so that no start has to
        read more than JOURNAL_BEHIND_RECORDS_MAX behind one."""
        roles = {role for process in self.config.host.processes for role in process.roles}
        self._snapshots = ports.table_reader("snapshot")
        self._snapshot_seq = snapshot_seq
        self._fresh_until_seq = NEVER
        if "journaler" in roles:
            self._look_at_snapshot()

    def _look_at_snapshot(self) -> None:
        """Is the newest snapshot too far behind for new orders?"""
        told = int(self._snapshots.rows["last_seq"][0])
        self._snapshot_seq = max(self._snapshot_seq, told)
        self._fresh_until_seq = self._snapshot_seq + JOURNAL_BEHIND_REFUSE_RECORDS
        behind = self._journal.last_seq >= self._fresh_until_seq
        state = self.arrays.state
        records = self._journal.last_seq - self._snapshot_seq
        if behind and not state[w_.ST_BEHIND]:
            hint = "no new orders until the journaler has made one: see its log"
            self._ports.log("error", "snapshot_behind", records=records, hint=hint)
        elif state[w_.ST_BEHIND] and not behind:
            self._ports.log("info", "snapshot_caught_up", records=records)
        state[w_.ST_BEHIND] = int(behind)

    def _journal_start(self, now_ns: int, system_id: int) -> None:
        record = np.zeros(1, START)
        record["type"] = RecordType.START
        record["epoch"] = self._ports.epoch
        record["ts_ns"] = now_ns
        record["system_id"] = system_id
        record["risk_epoch"] = self.arrays.state[w_.ST_EPOCH]
        record["config_hash"] = self.config.digest()
        power_safe = self.config.durability == "power-safe"
        record["durability"] = (
            Durability.POWER_SAFE if power_safe else Durability.PROCESS_CRASH_SAFE
        )
        record["input_count"] = len(self.arrays.consumed)
        record["generation"] = self._ports.generation
        record["top_pos"] = self.worlds.top_reader.pos
        record["limits_hash"] = limits_hash(self.config.limits)
        self.journal_record(record)

    def _begin_limits(self, now_ns: int) -> None:
        """What a person changed before, as far as the config has not changed since."""
        dropped = self.limits.begin(now_ns)
        if dropped is not None:
            self.journal_record(dropped)
            self._ports.log("warning", "limits_from_config", dropped=True)
        self._apply(self.limits.now)

    def _apply(self, limits: LimitsConfig) -> None:
        self.arrays.apply_limits(limits)
        self.registry.set_limits(limits)

    def journal_record(self, record: np.ndarray[Any, Any]) -> int:
        """Frame one record (1-element array) for this cycle's block; returns its sequence."""
        words = record.view(np.int64)
        seq = int(
            append_frame(
                self._journal.frames, self.arrays.state, w_.ST_FRAME_USED, words, 0, len(words)
            )
        )
        assert seq > 0, "the journal block is full: rare records must be few"
        return seq

    # A turn

    def do_work(self, now_ns: int) -> int:
        """One working cycle: prices, executions, timers, intents; then journal, then publish."""
        self._now_ns = now_ns
        if self._journal.unhashed:
            self.hash_block()
        worlds, state = self.worlds, self._state
        state[w_.ST_LATCH] = self._latch.latched()
        state[w_.ST_DISK_LOW] = self._port.low()
        if self._journal.last_seq >= self._fresh_until_seq or state[w_.ST_BEHIND]:
            self._look_at_snapshot()
        if now_ns >= self.modes.due_ns:
            self._look_at_processes(now_ns)
        took: int = k_.step(worlds.cycle, now_ns, now_ns, WORK_BUDGET)
        if took == NEED_COLD:
            took = self._work_cold(now_ns)
            self._commit(now_ns)
        elif size_bytes := worlds.cycle_io[w_.IO_SEALED]:
            self._journal.put(size_bytes, state[w_.ST_JOURNAL_SEQ])
            self.make_visible(now_ns)
        return took

    def _work_cold(self, now_ns: int) -> int:
        """The rest of a cycle in which an executions ring holds a rare record."""
        worlds = self.worlds
        took = 0
        for index, world in enumerate(worlds.executions):
            took += self._take_executions(index, world, now_ns)
        took += int(k_.step(worlds.timers, now_ns, now_ns, WORK_BUDGET))
        for world in worlds.intents:
            took += int(k_.step(world, now_ns, now_ns, WORK_BUDGET))
        return took

    def _look_at_processes(self, now_ns: int) -> None:
        """Venues become reduce-only, or free again; what rested at one is cancelled. Plugins that
        have failed are journaled.
        """
        self._look_at_marks(now_ns)
        for record in self.modes.look(now_ns, int(self.arrays.state[w_.ST_JOURNAL_SEQ]) + 1):
            self._make_room()
            self.journal_record(record)
        self._look_at_plugins()
        for row in self.modes.to_cancel(now_ns):
            self.worlds.rare(k_.TASK_CANCEL, row, now_ns)

    def _look_at_marks(self, now_ns: int) -> None:
        """Once a second: what each currency is worth in the desk's."""
        marks = self.registry.marks
        if now_ns < marks.due_ns:
            return
        records = marks.look(now_ns)
        for record in records:
            self._make_room()
            self.journal_record(record)
        if records:
            self.limits.touch()

    def _look_at_plugins(self) -> None:
        for record in self.plugins.look():
            self._make_room()
            self.journal_record(record)

    def _take_executions(self, index: int, world: Any, now_ns: int) -> int:
        took = 0
        while took < WORK_BUDGET:
            count = int(k_.step(world, now_ns, now_ns, WORK_BUDGET))
            if count == NEED_COLD:
                self._take_cold(index)
                took += 1
            elif count == 0:
                break
            else:
                took += count
        return took

    def _commit(self, now_ns: int) -> None:
        """The block of a cycle that is finished, and then what it says."""
        if self._journal.unhashed:
            self.hash_block()
        if size_bytes := k_.step(self.worlds.finish, now_ns, now_ns, 0):
            self._journal.put(size_bytes, self._state[w_.ST_JOURNAL_SEQ])
            self.make_visible(now_ns)

    def hash_block(self) -> None:
        """The hash of the block before, for the head of the next one: a turn begins with it, when
        what the block published has woken whom it had to."""
        self._journal.chain()

    def make_visible(self, now_ns: int) -> None:
        """Behind the journal, in this order: commands, cursors, updates (`worlds.commits`). A
        process may die between two of them; the tests do.
        """
        k_.step(self.worlds.visible, now_ns, now_ns, 0)

    def _make_room(self) -> None:
        """Before a rare record: end the cycle where the block is nearly full."""
        room = len(self._journal.frames) - int(self.arrays.state[w_.ST_FRAME_USED])
        if room < emit_hot.FRAME_ROOM_WORDS:
            self._commit(self._now_ns)

    # What is rare

    def _take_cold(self, index: int) -> None:
        """One record of an executions ring that the kernel left to us."""
        self._make_room()
        reader = self.worlds.execution_readers[index]
        at = 1 + index
        pos = reader.pos + int(self.arrays.consumed[at])
        row = reader.slots[pos & (reader.channel.slots - 1)]
        self.arrays.consumed[at] += 1
        if int(row["type"]) == RecordType.INSTRUMENT_SPEC:
            for record in self.registry.register(as_record(row), self._now_ns):
                self.journal_record(record)
        elif int(row["type"]) == RecordType.TICK_LADDER:
            self.registry.ladder(as_record(row))
        elif int(row["type"]) == RecordType.BALANCE:
            self._take_balance(row)
        elif self.said.takes(int(row["type"])):
            record = np.atleast_1d(as_record(row).copy())
            if self.said.put(record[0]):
                self.journal_record(record)
        elif int(row["type"]) == RecordType.EXECUTION:
            self._take_rare_execution(row, index)
        else:
            self.arrays.state[w_.ST_ILLEGAL] += 1
            self._ports.log("error", "unknown_record", type=int(row["type"]), pos=pos)

    def _take_balance(self, row: np.ndarray[Any, Any]) -> None:
        record = np.frombuffer(row.tobytes(), BALANCE).copy()
        code = bytes(record["currency"][0]).decode("ascii", "replace")
        currency_id, made = self.registry.currency(code)
        for new in made:
            self.journal_record(new)
        record["currency_id"] = currency_id
        self.journal_record(record)
        self.said.put(record[0])

    def _take_rare_execution(self, row: np.ndarray[Any, Any], group: int) -> None:
        kind = int(row["kind"])
        record = np.frombuffer(row.tobytes(), EXECUTION).copy()
        if kind == ExecKind.RECONCILED:
            account_id = int(row["account_id"])
            for changed in self.registry.reconciled(account_id, self._now_ns):
                self.journal_record(changed)
            self.doubt_open_orders(account_id, int(row["ts_event_ns"]))
        elif kind == ExecKind.ACCOUNT_REFUSED:
            for changed in self.registry.refused(
                int(row["account_id"]), int(row["reason"]), self._now_ns
            ):
                self.journal_record(changed)
        else:
            self.arrays.state[w_.ST_UNMATCHED] += 1
            self.journal_record(record)
            self._ports.log(
                "warning", "external_order", group=group, account_id=int(row["account_id"]),
                venue_order_id=bytes(row["venue_order_id"]).decode("ascii", "replace"),
            )  # fmt: skip

    def doubt_open_orders(self, account_id: int, before_ns: int) -> None:
        """After a reconciliation: open orders of ours that the venue did not name are UNKNOWN,
        and asked for by name. `before_ns` is when the venue was asked; newer ones are not meant.
        """
        orders, state = self.arrays.orders, self.arrays.state
        for row in list(self.arrays.open_rows[: state[w_.ST_OPEN_COUNT]]):
            old = int(orders["ts_state_ns"][row]) < before_ns
            certain = int(orders["state"][row]) in (OrderState.OPEN, OrderState.PENDING_CANCEL)
            if int(orders["account_id"][row]) == account_id and old and certain:
                self.doubt(int(row))

    def doubt(self, row: int) -> None:
        """Make one order UNKNOWN: journaled, exposed in full, queried until there is evidence."""
        self._make_room()
        self.worlds.rare(k_.TASK_DOUBT, row, self._now_ns)

    # What a person asks

    def on_control(self, verb: str, fields: Mapping[str, Any], now_ns: int) -> dict[str, Any]:
        """`limits_set`, `venues_resume`, `strategy_resume`: journaled, then in force, at once."""
        self._now_ns = now_ns
        if verb == "venues_resume":
            return self._resume_venues(fields, now_ns)
        if verb == "strategy_resume":
            return self._resume_strategy(fields, now_ns)
        assert verb == "limits_set", verb
        try:
            after, record = self.limits.ask(fields, now_ns)
        except ConfigError as error:
            return {"error": str(error)}
        before = self.limits.now
        if fields.get("dry_run") is not True:
            self._commit_asked([record], now_ns)
            self.limits.put(after, now_ns)
            self._apply(after)
            self._ports.log("warning", "limit_set", name=fields["name"], value=fields["value"],
                            uid=fields["uid"], pid=fields["pid"])  # fmt: skip
        return {"before": dataclasses.asdict(before), "limits": dataclasses.asdict(after)}

    def _resume_venues(self, fields: Mapping[str, Any], now_ns: int) -> dict[str, Any]:
        before = [VENUE_NAMES[Venue(venue)] for venue in self.modes.reduce_only()]
        try:
            self._commit_asked(self.modes.resume(fields, now_ns), now_ns)
        except ResumeRefusedError as refused:
            return {"error": str(refused)}
        return {"venues": before}

    def _resume_strategy(self, fields: Mapping[str, Any], now_ns: int) -> dict[str, Any]:
        self._look_at_plugins()
        name = str(fields.get("strategy") or "")
        try:
            record = self.plugins.resume(fields, now_ns)
        except ResumeRefusedError as refused:
            return {"error": str(refused)}
        if record is not None:
            self._commit_asked([record], now_ns)
            self.plugins.put(record)
            self._ports.log("warning", "strategy_resumed", strategy=name, uid=fields["uid"],
                            pid=fields["pid"], reason=str(fields["reason"])[:200])  # fmt: skip
        return {"strategy": name}

    def _commit_asked(self, records: list[np.ndarray[Any, Any]], now_ns: int) -> None:
        """Journal what a person asked for."""
        self._make_room()
        for record in records:
            self.journal_record(record)
        self.arrays.cycle["cause"] = CAUSE_CONTROL
        self._commit(now_ns)
        self.arrays.cycle["cause"] = 0

    # Timers and the end

    def next_timer_ns(self) -> int:
        due = int(k_.step(self.worlds.next_query, self._now_ns, self._now_ns, 0))
        if due <= self._now_ns:
            # A turn has just been: the query is due, and its orders ring has no room.
            due = self._now_ns + NO_ROOM_RETRY_NS
        if self._draining and not self.drained():
            due = min(due, self._now_ns + DRAIN_TIMER_NS)
        return min(due, max(self.modes.due_ns, self._now_ns + NO_ROOM_RETRY_NS))

    def on_drain(self, now_ns: int) -> None:
        """No new orders; every open one is cancelled at the venue."""
        self._draining = True
        self._now_ns = now_ns
        self.arrays.state[w_.ST_DRAINING] = 1

    def drained(self) -> bool:
        return int(self.arrays.state[w_.ST_OPEN_COUNT]) == 0
