"""`oms kill` without the watchdog: the same latch and the same sweep, by the command itself.

For the moment in which the watchdog is dead or stands still. The latch is the command's own
(`oms/agents/latch.py`): its table row, which every sender looks at, and its fixed file, which the
next watchdog takes over.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from oms.agents.latch import (
    COMMAND_FILE,
    WATCHDOG_FILE,
    Latch,
    latch_of_file,
    read_latch,
    set_latch,
)
from oms.agents.rates.ledger import Ledger
from oms.agents.watchdog.doubt import Doubts, Said, Sender
from oms.agents.watchdog.sweep import Sweep, kill_buckets, kill_sides
from oms.config import DeskConfig, GroupConfig
from oms.errors import MexomsError
from oms.ports import ConnEvent, HttpMeta, Key
from oms.text import cut_utf8
from procs import compile as kernels
from procs.clock import Clock
from procs.files.fixed_file import PlacedFile
from procs.files.keys import GeneratedKeys
from procs.files.locks import living_owner
from procs.files.paths import DeskPaths
from procs.memory import DeskMemory, process_of
from procs.net.network import Network
from shm_layout.channels import COMMAND, Table
from shm_layout.enums import Exchange, RateShare
from shm_layout.limits import RATE_ROWS_EGRESS
from shm_layout.records import LATCH_ROW, RATE_ROW
from shm_layout.segment import SegmentError
from shm_layout.table import TableMemory, TableWriter

TICK_S = 0.02

Look = Callable[[Sweep], bool]
"""Looks at how far it is; False = give up."""


def latch_here(config: DeskConfig, paths: DeskPaths, reason: str) -> str:
    """Set the command's latch; returns what could not be done, in words, or ""."""
    try:
        file = PlacedFile(paths.fixed(COMMAND_FILE))
    except OSError as error:
        return f"{error.filename}: {error.strerror}; the latch holds in memory only"
    try:
        fcntl.flock(file.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return "another `oms kill` is at work and has set the latch"
    try:
        return _set(config, paths, reason, file)
    finally:
        file.close()


def _set(config: DeskConfig, paths: DeskPaths, reason: str, file: PlacedFile) -> str:
    known = latch_of_file(file.read())
    count = known.count
    if paths.fixed(WATCHDOG_FILE).exists():
        watchdog = PlacedFile(paths.fixed(WATCHDOG_FILE))
        count = max(count, latch_of_file(watchdog.read()).seen_count)
        watchdog.close()
    table, trouble = None, ""
    try:
        kernels.provide()
        memory = DeskMemory(config, paths, "", 0)
        table = memory.table_writer(COMMAND, "latch.command")
        shown = (memory.table_reader("latch"), memory.table_reader("latch.command"))
        count = max(count, read_latch(shown[0]).seen_count, read_latch(shown[1]).count)
    except (SegmentError, MexomsError, OSError) as error:
        trouble = f"no shared memory of a running desk ({type(error).__name__})"
    cut = cut_utf8(reason, LATCH_ROW["reason"].itemsize).decode()
    latch = Latch(
        latched=True, count=count + 1, ts_ns=time.time_ns(), uid=os.geteuid(), pid=os.getpid(),
        reason=cut,
    )  # fmt: skip
    return " ".join(filter(None, (trouble, set_latch(latch, table, file))))


class _Sender(Sender):
    """An executor whose end is seen by its lock: the supervisor may stand still, too."""

    def __init__(
        self, memory: DeskMemory | None, paths: DeskPaths, group: str, process: str
    ) -> None:
        self._lock = paths.process_lock(process)
        self._memory = memory
        self._ended_ns = 0
        self.name = f"executor.{group}"
        if memory is not None:
            command = memory.table_reader("latch.command")
            since = read_latch(command).count
            super().__init__(
                memory, group, process, lambda row: int(row["command_count"]) >= since > 0
            )

    def said(self, now_ns: int) -> Said | None:
        """Its word; where there is no shared memory to say it in, its end alone."""
        if self._memory is not None:
            return super().said(now_ns)
        self._ended_ns = (self._ended_ns or now_ns) if self._has_ended() else 0
        return Said(self._ended_ns, dead=True) if self._ended_ns else None

    def _has_ended(self) -> bool:
        return living_owner(self._lock) is None


class DirectSweep:
    """A sweep in this process: its host, its ports and its connections' sink."""

    role = "kill"

    def __init__(self, config: DeskConfig, paths: DeskPaths) -> None:
        self._loop = asyncio.new_event_loop()
        self._network = Network(self._loop)
        self._keys = GeneratedKeys(paths.keys)
        self._paths = paths
        self._config = config
        self._sides = kill_sides(config)
        self._clock = Clock()
        self.sweep: Sweep

    def run(self, look: Look, *, cancels: bool = True) -> Sweep:
        """Sweep until it is done or `look` gives it up."""
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._run(look, cancels=cancels))
        finally:
            self._loop.close()
        return self.sweep

    async def _run(self, look: Look, *, cancels: bool) -> None:
        now_ns = self._clock.now_ns()
        ledgers = {group.name: self._ledger(group, now_ns) for group in self._config.groups}
        memory = self._memory()
        process = process_of(self._config)
        senders: dict[str, Sender] = {
            group.name: _Sender(memory, self._paths, group.name, process[f"executor.{group.name}"])
            for group in self._config.groups
        }
        self.sweep = Sweep(
            self._config, self, self._sides, ledgers, now_ns, cancels=cancels,
            senders=senders if cancels else None,
            doubts=None if memory is None else Doubts(memory),
        )  # fmt: skip
        while not self.sweep.done and not self.sweep.final and look(self.sweep):
            self.sweep.work(self._clock.now_ns())
            self._network.tick()
            await asyncio.sleep(TICK_S)
        await self._network.shut()

    def _memory(self) -> DeskMemory | None:
        """That of the running desk, to read in; None = there is none."""
        try:
            kernels.provide()
            return DeskMemory(self._config, self._paths, "", 0)
        except (SegmentError, MexomsError, OSError):
            return None

    @property
    def now_ns(self) -> int:
        """The clock that the sweep goes by."""
        return self._clock.now_ns()

    # What the sweep needs

    def _ledger(self, group: GroupConfig, now_ns: int) -> Ledger:
        """A ledger of this process alone: the exchange's count says what the desk has used."""
        table = Table(f"rates.kill.{group.name}", RATE_ROW, RATE_ROWS_EGRESS, self.role)
        writer = TableWriter(table, TableMemory.anonymous(table), 0)
        exchange = Exchange[group.exchange.upper()]
        buckets = kill_buckets(self._sides[group.name], group)
        return Ledger(self, writer, exchange, buckets, {RateShare.KILL: 1}, (), now_ns)

    def request(
        self, base_url: str, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> int:
        """One HTTP request."""
        return self._network.request(self, base_url, method, target, headers, body)

    def key(self, name: str) -> Key:
        """A key of the watchdog's."""
        return self._keys.key(name)

    def random_bytes(self, count: int) -> bytes:
        """Chance, for exchanges that want some with each request."""
        return os.urandom(count)

    # What the network calls

    def on_bytes(self, conn: int, data: bytes, meta: HttpMeta | None = None) -> None:
        """An answer."""
        del conn
        if meta is not None:
            self.sweep.answered(meta, data, self._clock.now_ns())

    def on_conn(self, conn: int, event: ConnEvent) -> None:
        """There are no WebSockets here."""

    def after_input(self) -> None:
        """What an answer leads to is asked at once."""
        if not self.sweep.done:
            self.sweep.work(self._clock.now_ns())

    def log(self, level: str, event: str, **fields: Any) -> None:
        """Troubles of connections stand in the sweep's result."""
