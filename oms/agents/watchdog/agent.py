"""The watchdog: owner of the kill latch, with keys, connections and a rate share of its own.

It needs nobody: not risk, not the executors, not the journaler, no free disk. `kill` latches first
(memory, fixed file, journal), then sweeps the exchanges (`sweep.py`) until nothing is open and
nothing of ours can become an order, and goes on for as long as that takes. `resume` clears the
latch, with a reason. The latch outlives restarts; a sweep that was not PROVED begins again at the
next start.

Dead-man: while risk or an executor has not turned for `dead_man_ms` and orders of ours are open,
all of them are cancelled, once per standstill; the latch is not set, because a supervisor restarts
what died and the desk reconciles by itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from oms.agents.base import BaseAgent
from oms.agents.latch import (
    COMMAND_FILE,
    WATCHDOG_FILE,
    Latch,
    latch_of_file,
    read_latch,
    set_latch,
)
from oms.agents.rates.ledger import Ledger
from oms.agents.rates.peers import rate_peers
from oms.agents.watchdog.doubt import Doubts, Sender
from oms.agents.watchdog.journal import WatchdogJournal
from oms.agents.watchdog.sweep import Sweep, kill_buckets, kill_sides
from oms.config import DeskConfig
from oms.orders.states import TERMINAL
from oms.ports import NEVER, HttpMeta, Ports, by_whom
from oms.text import cut_utf8
from oms.units import NS_PER_MS
from shm_layout.enums import Exchange, KillWord, OrderState, RateShare
from shm_layout.records import LATCH_ROW
from shm_layout.table import TableReader

LOOK_NS = 500_000_000
SYSTEM_REASON = "oms kill, while the watchdog did not answer"
_REASON_BYTES = LATCH_ROW["reason"].itemsize
_OPEN_STATES = [int(s) for s in OrderState if s and s not in TERMINAL]


@dataclasses.dataclass(slots=True)
class _Beat:
    """The turns of one process, as it shows them."""

    name: str
    table: TableReader
    value: int = -1
    changed_ns: int = 0
    told: bool = False
    """This standstill has led to a sweep."""


class WatchdogAgent(BaseAgent):
    """See the module's text."""

    role = "watchdog"
    control_verbs: tuple[str, ...] = ("kill", "kill_status", "resume")

    def __init__(self, config: DeskConfig) -> None:
        self._config = config
        self.latch = Latch()
        self.sweep: Sweep | None = None
        self._told = False
        """That the sweep is done was made known."""
        self._looked: Sweep | None = None
        """A dry run: it only lists."""
        self._kills = False
        """`sweep` is a kill's, not the dead-man's."""
        self._since_count = 0
        """Count of the latch when it was set last: a sender's word of before is none."""
        self._beats: list[_Beat] = []
        self._now_ns = 0
        self._look_due_ns = 0

    def on_start(self, ports: Ports, now_ns: int) -> None:
        """Remember the latch, show it, and finish what a predecessor began."""
        self._ports = ports
        self._now_ns = now_ns
        self._table = ports.table_writer("latch")
        self._command = ports.table_reader("latch.command")
        self._orders = ports.table_reader("orders")
        self._accounts = ports.table_reader("accounts")
        self._file = ports.fixed_file(WATCHDOG_FILE)
        self._doubts = Doubts(ports)
        self._sides = kill_sides(self._config)
        process = {role: p.name for p in self._config.host.processes for role in p.roles}
        self._senders = {
            group.name: Sender(ports, group.name, process[f"executor.{group.name}"], self._holds)
            for group in self._config.groups
        }
        self._ledgers = {
            group.name: Ledger(
                ports, ports.table_writer(f"rates.watchdog.{group.name}"),
                Exchange[group.exchange.upper()], kill_buckets(self._sides[group.name], group),
                {RateShare.KILL: 1},
                [ports.table_reader(name)
                 for name in rate_peers(self._config, f"watchdog.{group.name}")], now_ns,
            )
            for group in self._config.groups
        }  # fmt: skip
        self._journal = WatchdogJournal(ports)
        journaled = self._journal.open()
        filed = latch_of_file(self._file.read())
        self.latch = max(journaled, filed, key=lambda latch: latch.count)
        # A sync can take seconds on a busy disk: not for what stands there already.
        on_disk = filed == self.latch and not self.latch.latched
        set_latch(self.latch, self._table, None if on_disk else self._file)
        self._since_count = self.latch.count
        if self.latch.count > journaled.count:
            self._journal.put(self.latch, now_ns)
        self._watch_processes(ports, now_ns)
        self._take_over(latch_of_file(ports.fixed_file(COMMAND_FILE).read()), now_ns)
        if self.latch.latched and not self.latch.swept:
            self._begin_kill(now_ns)
        ports.log(
            "warning" if self.latch.latched else "info", "watchdog_started",
            latched=self.latch.latched, reason=self.latch.reason, dead_man=len(self._beats),
        )  # fmt: skip

    def _watch_processes(self, ports: Ports, now_ns: int) -> None:
        if not self._config.dead_man_ms:
            return
        for process in self._config.host.processes:
            kinds = {role.partition(".")[0] for role in process.roles}
            if kinds & {"risk", "executor"} and self.role not in process.roles:
                table = ports.table_reader(f"process.{process.name}")
                self._beats.append(_Beat(process.name, table, changed_ns=now_ns))

    # The latch

    def _set(self, latch: Latch, now_ns: int) -> str:
        """Make it so: memory, file, journal. Returns the system's words about the file."""
        self.latch = latch
        trouble = set_latch(latch, self._table, self._file)
        if trouble:
            self._ports.log("error", "latch_not_on_disk", found=trouble)
        self._journal.put(latch, now_ns)
        return trouble

    def _take_over(self, command: Latch, now_ns: int) -> bool:
        """A latch that `oms kill` set itself becomes ours."""
        if command.count <= self.latch.seen_count:
            return False
        changed = dataclasses.replace(
            command, latched=True, count=self.latch.count + 1, seen_count=command.count,
            word=KillWord.OPEN, reason=command.reason or SYSTEM_REASON,
        )  # fmt: skip
        self._set(changed, now_ns)
        self._ports.log("error", "latched", reason=changed.reason, uid=changed.uid,
                        pid=changed.pid, by="oms kill")  # fmt: skip
        self._begin_kill(now_ns)
        return True

    def _holds(self, row: Any) -> bool:
        """Was a sender's word said under the latch as it was set last?"""
        count = int(row["latch_count"])
        return self.latch.latched and self._since_count <= count <= self.latch.count

    def _begin_kill(self, now_ns: int) -> None:
        self._since_count = self.latch.count
        self._kills = True
        self.sweep, self._told = self._made(now_ns, senders=self._senders), False

    def _made(self, now_ns: int, **how: Any) -> Sweep:
        return Sweep(
            self._config, self._ports, self._sides, self._ledgers, now_ns, doubts=self._doubts,
            **how,
        )  # fmt: skip

    # A turn

    def do_work(self, now_ns: int) -> int:
        """Latch of the command, sweeps, journal, standstills."""
        self._now_ns = now_ns
        done = int(self._take_over(read_latch(self._command), now_ns))
        if self._looked is not None:
            done += self._looked.work(now_ns)
        if self.sweep is not None and not self._told:
            done += self.sweep.work(now_ns)
            done += self._say(self.sweep, now_ns)
        for ledger in self._ledgers.values():
            if now_ns >= ledger.publish_due_ns():
                ledger.publish(now_ns)
        if now_ns >= self._journal.due_ns:
            done += self._journal.work(now_ns)
        if now_ns >= self._look_due_ns:
            self._look_due_ns = now_ns + LOOK_NS
            done += self._look(now_ns)
        return done

    def _say(self, sweep: Sweep, now_ns: int) -> int:
        """Make known what became of the sweep: a kill's word goes into the latch."""
        self._told = sweep.done
        changed = self._kills and self.latch.latched and sweep.word is not self.latch.word
        if changed:
            count = self.latch.count + 1
            self._set(dataclasses.replace(self.latch, count=count, word=sweep.word), now_ns)
        if changed or sweep.done:
            found = sweep.shown(now_ns)
            self._ports.log("warning", "swept", word=sweep.word.name, cancelled=found["cancelled"],
                            may_arrive=len(found["may_arrive"]),
                            took_ms=(now_ns - sweep.began_ns) // NS_PER_MS)  # fmt: skip
        return int(changed or sweep.done)

    def _look(self, now_ns: int) -> int:
        """Has a process that holds orders stood still for too long?"""
        dead = []
        for beat in self._beats:
            row = beat.table.read(0)
            value = -1 if row is None else int(row["heartbeat_ns"])
            if value != beat.value:
                beat.value, beat.changed_ns, beat.told = value, now_ns, False
            elif now_ns - beat.changed_ns > self._config.dead_man_ms * NS_PER_MS:
                dead.append(beat)
        fresh = [beat for beat in dead if not beat.told]
        busy = self.sweep is not None and not self.sweep.done
        if not fresh or busy or not self._open_orders():
            return 0
        for beat in dead:
            beat.told = True
        self._ports.log("error", "dead_man", processes=",".join(beat.name for beat in fresh),
                        silent_ms=self._config.dead_man_ms)  # fmt: skip
        self._kills = False
        self.sweep, self._told = self._made(now_ns), False
        return 1

    def _open_orders(self) -> bool:
        """Does risk's table hold an order that is not over? Read as it stands: nobody may be
        there to close a row.
        """
        rows = self._orders.rows
        return bool(np.isin(rows["state"][rows["client_order_id"] > 0], _OPEN_STATES).any())

    def on_bytes(self, conn: int, data: bytes, now_ns: int, meta: HttpMeta | None = None) -> None:
        """An answer of an exchange."""
        del conn
        self._now_ns = now_ns
        for sweep in (self.sweep, self._looked):
            if meta is not None and sweep is not None and sweep.asks(meta.request_id):
                sweep.answered(meta, data, now_ns)

    def next_timer_ns(self) -> int:
        due = min(
            self._look_due_ns, self._journal.due_ns,
            *(ledger.publish_due_ns() for ledger in self._ledgers.values()),
        )  # fmt: skip
        for sweep in (self.sweep, self._looked):
            if sweep is not None and not sweep.done:
                due = min(due, sweep.next_timer_ns(self._now_ns))
        return due if due != NEVER else self._now_ns + LOOK_NS

    # What a person asks

    def on_control(self, verb: str, fields: Mapping[str, Any], now_ns: int) -> dict[str, Any]:
        """`kill` and `resume` change the latch; `kill_status` says how far the sweep is."""
        self._now_ns = now_ns
        if verb == "kill":
            return self._kill(fields, now_ns)
        if verb == "resume":
            return self._resume(fields, now_ns)
        return self._status(self._looked if fields.get("dry_run") is True else self.sweep)

    def _status(self, sweep: Sweep | None) -> dict[str, Any]:
        shown = None if sweep is None else sweep.shown(self._now_ns)
        return {"latch": self.latch.shown(), "sweep": shown}

    def _kill(self, fields: Mapping[str, Any], now_ns: int) -> dict[str, Any]:
        if fields.get("dry_run") is True:
            self._looked = self._made(now_ns, cancels=False)
            return self._status(self._looked)
        uid, pid = by_whom(fields)
        reason = cut_utf8(str(fields.get("reason") or ""), _REASON_BYTES).decode()
        latch = Latch(
            latched=True, count=self.latch.count + 1, seen_count=self.latch.seen_count,
            word=KillWord.OPEN, ts_ns=now_ns, uid=uid, pid=pid, reason=reason,
        )  # fmt: skip
        trouble = self._set(latch, now_ns)
        self._ports.log("error", "latched", reason=reason, uid=uid, pid=pid, by="oms kill")
        self._begin_kill(now_ns)
        return {**self._status(self.sweep), "not_on_disk": trouble}

    def _resume(self, fields: Mapping[str, Any], now_ns: int) -> dict[str, Any]:
        reason = cut_utf8(str(fields.get("reason") or ""), _REASON_BYTES).decode().strip()
        refused = self._no_resume(reason, forced=fields.get("force") is True)
        if refused:
            return {"error": refused, **self._status(self.sweep)}
        if fields.get("dry_run") is True:
            return self._status(self.sweep)
        uid, pid = by_whom(fields)
        latch = Latch(
            latched=False, count=self.latch.count + 1, seen_count=self.latch.seen_count,
            word=self.latch.word, ts_ns=now_ns, uid=uid, pid=pid, reason=reason,
        )  # fmt: skip
        trouble = self._set(latch, now_ns)
        self.sweep = None
        self._ports.log("warning", "resumed", reason=reason, uid=uid, pid=pid)
        return {**self._status(None), "not_on_disk": trouble}

    def _no_resume(self, reason: str, *, forced: bool) -> str:
        """Why the latch stays, or ""."""
        if not reason:
            return "resume: found no reason, required is one: say why with --reason"
        if not self.latch.latched:
            return "resume: the desk is not latched, so there is nothing to resume"
        if forced:
            return ""
        if not self.latch.swept:
            return self._not_proved()
        late = [bytes(row["name"]).decode("utf-8", "replace")
                for row in self._accounts.written() if not int(row["reconciled"])]  # fmt: skip
        if late:
            return (
                f"resume: account {', '.join(late)} is not reconciled with its exchange; wait for "
                "it (`oms status`), or use --force"
            )
        return ""

    def _not_proved(self) -> str:
        found = [] if self.sweep is None else self.sweep.shown(self._now_ns)["may_arrive"]
        if self.latch.word is KillWord.EMPTY:
            orders = ", ".join(order["client_order_id"] for order in found) or "none that is known"
            return (
                "resume: nothing is open, but requests without an answer could still become orders "
                f"({orders}); look at the exchange's own page, then use --force"
            )
        return (
            "resume: the exchange has not said yet that no order is open; look with `oms kill "
            "--dry-run`, or use --force"
        )
