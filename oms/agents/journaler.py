"""The journaler: what risk journaled becomes lines that people and their tools read.

Follows risk's journal, folds registry rows, positions and money flows, and writes per UTC day
`days/YYYY-MM-DD/`: `orders`, `executions` (.jsonl and .csv), `positions`, `pnl`, `balances` and
`audit` (.jsonl). Nothing waits for it, and it decides nothing: the files can be made again from
the journal, line by line the same.

It has a journal of its own with one entry per batch, the sequence of the last record written out;
a successor folds everything before that silently. A kill between lines and entry repeats at most
one batch; every line carries its journal sequence `seq`, so a repeated line is recognised.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

from oms.agents.base import NEVER, BaseAgent, Ports
from oms.agents.journaler_lines import Lines
from oms.config import DeskConfig
from oms.errors import JournalError
from oms.journal.tail import JournalTail
from shm_layout.limits import TEXT_CHARS_MAX

POLL_NS = 100_000_000
PLACE_BYTES = 16
PLACES_MAX = 1 << 16
"""Entries of one file of our own journal; then the next file begins."""


class JournalerAgent(BaseAgent):
    """See the module's text."""

    role = "journaler"

    def __init__(self, config: DeskConfig) -> None:
        self._lines = Lines(config)
        self._now_ns = 0
        self._written_seq = 0
        self._places = 0
        self._stopped = False

    @property
    def written_seq(self) -> int:
        """Journal sequence up to which lines were written."""
        return self._written_seq

    def on_start(self, ports: Ports, now_ns: int) -> None:
        """Find our place; what comes before it is folded without lines."""
        self._ports = ports
        self._now_ns = now_ns
        self._tail = JournalTail(ports.journal("risk"), "risk journal")
        self._place = ports.journal("journaler")
        self._written_seq, self._places = last_place(self._place.existing())

    def do_work(self, now_ns: int) -> int:
        """Read on; write lines; note the place."""
        self._now_ns = now_ns
        if self._stopped:
            return 0
        try:
            records = self._tail.poll()
        except JournalError as error:
            self._stopped = True
            self._ports.log("error", "journal_unreadable", reason=str(error)[:TEXT_CHARS_MAX])
            return 0
        if not records:
            return 0
        first_seq = self._tail.last_seq - len(records) + 1
        for seq, record in enumerate(records, first_seq):
            self._fold(seq, record)
        if self._tail.last_seq > self._written_seq:
            self._note(self._tail.last_seq)
        return len(records)

    def _fold(self, seq: int, record: Any) -> None:
        for path, line in self._lines.of(seq, record):
            if seq > self._written_seq:
                self._ports.append_line(path, line)

    def _note(self, seq: int) -> None:
        self._written_seq = seq
        entry = place_bytes(seq)
        self._places += 1
        if self._places > PLACES_MAX:
            self._places = 1
            self._place.roll(entry)
        else:
            self._place.append(entry)

    def next_timer_ns(self) -> int:
        """It is woken by time: it has no ring, so that it can hold nobody up."""
        return NEVER if self._stopped else self._now_ns + POLL_NS


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
