"""The watchdog's own journal: one LATCH_ROW per change of its latch.

The truth of the latch is the fixed file, because that can be written when the disk is full. What
could not be journaled is kept, and tried again from the start (a damaged tail is cut off first)
once a second has passed. A journal that cannot be read hinders no kill: it is said, and the file
counts.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from oms.agents.latch import Latch
from oms.errors import JournalError
from oms.journal.frames_hot import append_frame
from oms.journal.reader import Recovery, read_journal
from oms.journal.writer import BlockWriter
from oms.ports import NEVER, Ports
from shm_layout.enums import RecordType
from shm_layout.records import LATCH_ROW

JOURNAL = "watchdog"
AGAIN_NS = 1_000_000_000
KEPT_MAX = 256
"""Changes that wait for a disk; beyond it the oldest is given up."""
_WORDS = LATCH_ROW.itemsize // 8
_STATE_WORDS = 3
_SEQ = 2


class WatchdogJournal:
    """See the module's text."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._port = ports.journal(JOURNAL)
        self._writer: BlockWriter | None = None
        self._state = np.zeros(_STATE_WORDS, np.int64)
        self._kept: deque[Latch] = deque(maxlen=KEPT_MAX)
        self.due_ns = NEVER
        """When to try again."""

    def open(self) -> Latch:
        """The last latch that was journaled; one that was never set where there is none."""
        last = Latch()
        try:
            found = Recovery()
            for record in read_journal(self._port.existing(), found, self._port.place):
                last = Latch.of_row(record)
            if found.cut_bytes:
                self._port.truncate(found.files - 1, found.file_size_bytes)
            self._state[:] = 0
            self._state[_SEQ] = found.last_seq
            self._writer = BlockWriter(self._port, self._ports.epoch, found)
        except JournalError as error:
            self._failed(error)
        return last

    def put(self, latch: Latch, now_ns: int) -> None:
        """Journal a change, now or when the disk takes it."""
        self._kept.append(latch)
        self.work(now_ns)

    def work(self, now_ns: int) -> int:
        """Write what is kept; returns how many were written."""
        if self._kept and self._writer is None:
            self.open()
        done = 0
        while self._kept and self._writer is not None:
            try:
                self._write(self._writer, self._kept[0])
            except JournalError as error:
                self._failed(error)
                break
            self._kept.popleft()
            done += 1
        self.due_ns = now_ns + AGAIN_NS if self._kept else NEVER
        return done

    def _write(self, writer: BlockWriter, latch: Latch) -> None:
        row: Any = np.zeros(1, LATCH_ROW)
        row["type"] = RecordType.LATCH_ROW
        row["epoch"] = self._ports.epoch
        for name, value in latch.row().items():
            row[name] = value
        seq = int(append_frame(writer.frames, self._state, 0, row.view(np.int64), 0, _WORDS))
        assert seq > 0, "one record fits a block"
        writer.commit(self._state, 0, 0)

    def _failed(self, error: JournalError) -> None:
        self._writer = None
        self._ports.log("error", "journal_failed", found=str(error), kept=len(self._kept))
