"""The journaler: what risk journaled becomes lines that people and their tools read.

Follows risk's journal, folds registry rows, positions and money flows, and writes per UTC day
`days/YYYY-MM-DD/`: `orders`, `executions`, `positions`, `pnl`, `balances` and `audit`, each as
.jsonl and .csv. Nothing waits for it, and it decides nothing: the files can be made again from
the journal, line by line the same.

It has a journal of its own with one entry per batch, the sequence of the last record written out;
a successor folds everything before that silently. A kill between lines and entry repeats at most
one batch; every line carries its journal sequence `seq`, so a repeated line is recognised.

It also makes the snapshots from which risk, and its own successor, start: it folds risk's state
beside risk, through the same kernels, and writes it down at each border between two files of the
journal. So risk's cycle never waits for a snapshot (DESIGN.md 2), and a snapshot is a fold of what
the journal says, never a copy of memory. Its own lines' state is kept in the same file.

The watchdog's journal is followed beside it: changes of the kill latch stand in `audit`, too.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterable
from typing import Any

from oms.agents.base import BaseAgent
from oms.agents.journaler.lines import Lines
from oms.config import DeskConfig
from oms.errors import JournalError
from oms.journal.tail import JournalTail
from oms.ports import NEVER, Journal, Ports
from oms.risk.fold import Fold
from oms.risk.recovery import resume_from_snapshot
from oms.risk.registry import Registry
from oms.risk.said import Said
from oms.risk.snapshot import PATH, capture
from oms.risk.state import RiskArrays
from shm_layout.enums import RecordType
from shm_layout.limits import TEXT_CHARS_MAX

POLL_NS = 100_000_000
RECORDS_PER_CALL_MAX = 500
"""A journaler that is far behind must still show signs of life between two calls."""
PLACES = "journaler"
"""Our own journal; `journaler.watchdog` is our place in the watchdog's."""
WATCHDOG = "watchdog"
PLACE_BYTES = 16
PLACES_MAX = 1 << 16
"""Entries of one file of our own journal; then the next file begins."""


class JournalerAgent(BaseAgent):
    """See the module's text."""

    role = "journaler"

    def __init__(self, config: DeskConfig) -> None:
        self._config = config
        self._lines = Lines(config)
        self._now_ns = 0
        self._stopped = False
        self._watch_stopped = False
        self._waiting: deque[Any] = deque()
        """Records that were read and have no lines yet."""

    @property
    def written_seq(self) -> int:
        """Journal sequence up to which lines were written."""
        return self._place.seq

    def on_start(self, ports: Ports, now_ns: int) -> None:
        """Find our place; what comes before it is folded without lines, from a snapshot on where
        one stands before our place.
        """
        self._ports = ports
        self._now_ns = now_ns
        self._place = Place(ports.journal(PLACES))
        self._watch_place = Place(ports.journal(f"{PLACES}.{WATCHDOG}"))
        self._watch_tail = JournalTail(ports.journal(WATCHDOG))
        self._snapshot_table = ports.table_writer("snapshot")
        arrays = RiskArrays.shadow(self._config, ports)
        self._fold = Fold(arrays, Registry(self._config, ports, arrays), Said(arrays, ports))
        if snapshot := resume_from_snapshot(ports, self._fold, self._place.seq):
            system_id = self._fold.known.system_id
            self._lines.resume(snapshot.extra, arrays.tables, system_id)
            self._tell_snapshot(snapshot.last_seq, snapshot.files)
        self._tail = JournalTail(ports.journal("risk"), self._fold.recovery)

    def do_work(self, now_ns: int) -> int:
        """Read on; write lines; note the place."""
        self._now_ns = now_ns
        return self._follow_risk() + self._follow_watchdog()

    def _follow_watchdog(self) -> int:
        """Its few records, as they are."""
        if self._watch_stopped:
            return 0
        try:
            records = self._watch_tail.poll()
        except JournalError as error:
            self._watch_stopped = True
            self._unreadable(error)
            return 0
        first_seq = self._watch_tail.last_seq - len(records) + 1
        for seq, record in enumerate(records, first_seq):
            for path, line in self._lines.of_another(WATCHDOG, seq, record):
                if seq > self._watch_place.seq:
                    self._ports.append_line(path, line)
        self._watch_place.note(self._watch_tail.last_seq)
        return len(records)

    def _unreadable(self, error: JournalError) -> None:
        self._ports.log("error", "journal_unreadable", reason=str(error)[:TEXT_CHARS_MAX])

    def _follow_risk(self) -> int:
        if self._stopped:
            return 0
        if not self._waiting:
            file_index = self._tail.file_index
            try:
                self._waiting.extend(self._tail.poll())
            except JournalError as error:
                self._stopped = True
                self._unreadable(error)
                return 0
            if self._tail.file_index != file_index:
                self._snapshot()
                return 1
        count = min(len(self._waiting), RECORDS_PER_CALL_MAX)
        first_seq = self._tail.last_seq - len(self._waiting) + 1
        for seq in range(first_seq, first_seq + count):
            self._take(seq, self._waiting.popleft())
        if count:
            self._place.note(first_seq + count - 1)
        return count

    def _snapshot(self) -> None:
        """Every record before the next file is folded: the place for a snapshot."""
        data = capture(self._fold, self._lines.state())
        self._ports.put_whole_file(PATH, data)
        self._tell_snapshot(self._tail.last_seq, self._tail.file_index)
        self._ports.log(
            "info", "snapshot_made", journal_seq=self._tail.last_seq, size_bytes=len(data),
            behind_file=self._tail.file_index,
        )  # fmt: skip

    def _tell_snapshot(self, last_seq: int, files: int) -> None:
        """Risk takes new orders only as long as this is not far behind."""
        self._snapshot_table.write(
            0, type=RecordType.SNAPSHOT_ROW, last_seq=last_seq, files=files, ts_ns=self._now_ns
        )

    def _take(self, seq: int, record: Any) -> None:
        self._fold.take(record)
        if seq <= self._place.seq:
            self._lines.pass_over(seq, record)
            return
        for path, line in self._lines.of(seq, record):
            self._ports.append_line(path, line)

    def next_timer_ns(self) -> int:
        """It is woken by time: it has no ring, so that it can hold nobody up."""
        return NEVER if self._stopped else self._now_ns + POLL_NS


class Place:
    """How far another's journal was written out: a journal of our own, one entry per batch."""

    def __init__(self, port: Journal) -> None:
        self._port = port
        self.seq, self._entries = last_place(port.existing())

    def note(self, seq: int) -> None:
        """Everything up to this sequence is in the files."""
        if seq <= self.seq:
            return
        self.seq = seq
        entry = place_bytes(seq)
        self._entries += 1
        if self._entries > PLACES_MAX:
            self._entries = 1
            self._port.roll(entry)
        else:
            self._port.append(entry)


def place_bytes(seq: int) -> bytes:
    """One entry of our own journal: a sequence and its checksum."""
    raw = seq.to_bytes(8, "little")
    return raw + zlib.crc32(raw).to_bytes(8, "little")


def last_place(files: Iterable[bytes]) -> tuple[int, int]:
    """(last sequence written out, entries in the last file); 0 = begin from the start. An entry
    that was cut by a kill does not count: its batch is written again.
    """
    seq = places = 0
    for data in files:
        places = len(data) // PLACE_BYTES
        for at in range(0, places * PLACE_BYTES, PLACE_BYTES):
            found = int.from_bytes(data[at : at + 8], "little")
            if data[at : at + PLACE_BYTES] == place_bytes(found):
                seq = max(seq, found)
    return seq, places
