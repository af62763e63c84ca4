"""The kill latch: what is remembered of it, and what every sender looks at before an order.

Two tables of one row: `latch`, written by the watchdog, and `latch.command`, written by `oms kill`
itself where the watchdog does not answer. Each counts its changes. Orders are refused while the
watchdog's row says `latched`, or the command's count is ahead of what the watchdog has taken over
(`seen_count`); so nobody ever clears another's word. The same two stand in fixed files that are
overwritten in place, two slots in turn, each with its checksum: they outlive restarts, and a full
disk does not hinder them.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from oms.ports import FixedFile, Ports
from oms.text import cut_utf8
from shm_layout.enums import KillWord
from shm_layout.limits import FIXED_FILE_BYTES
from shm_layout.records import LATCH_ROW, word_of
from shm_layout.table import TableReader, TableWriter

WATCHDOG_FILE = "latch"
COMMAND_FILE = "latch.command"
_SLOT_BYTES = 1024
_SLOTS = 2
_CRC_CHARS = 8
_REASON_BYTES = LATCH_ROW["reason"].itemsize
_LATCHED = word_of(LATCH_ROW, "latched")
_COUNT = word_of(LATCH_ROW, "count")
_SEEN = word_of(LATCH_ROW, "seen_count")
assert _SLOT_BYTES * _SLOTS <= FIXED_FILE_BYTES


@dataclass(frozen=True, slots=True)
class Latch:
    """One writer's latch, as its row and its file have it."""

    latched: bool = False
    count: int = 0
    seen_count: int = 0
    word: KillWord = KillWord.UNSET
    """How the kill that set it stands, or ended."""
    ts_ns: int = 0
    uid: int = 0
    pid: int = 0
    reason: str = ""

    @property
    def swept(self) -> bool:
        """The exchanges have said since that nothing is open, and nothing can come after."""
        return self.word is KillWord.PROVED

    def slot(self) -> tuple[int, bytes]:
        """Offset in the fixed file, and the bytes: the slot that does not hold the newest."""
        text = json.dumps(asdict(self)).encode()
        padded = text.ljust(_SLOT_BYTES - _CRC_CHARS - 1)
        made = b"%08x" % zlib.crc32(padded) + padded + b"\n"
        assert len(made) == _SLOT_BYTES, f"{len(text)} bytes of latch"
        return self.count % _SLOTS * _SLOT_BYTES, made

    def row(self) -> dict[str, Any]:
        """Values of its LATCH_ROW."""
        values = asdict(self)
        values["latched"], values["word"] = int(self.latched), int(self.word)
        values["reason"] = cut_utf8(self.reason, _REASON_BYTES)
        return values

    @classmethod
    def of_row(cls, row: Any) -> Latch:
        """From a LATCH_ROW."""
        return cls(
            bool(row["latched"]), int(row["count"]), int(row["seen_count"]),
            KillWord(int(row["word"])), int(row["ts_ns"]), int(row["uid"]), int(row["pid"]),
            bytes(row["reason"]).decode("utf-8", "replace"),
        )  # fmt: skip

    def shown(self) -> dict[str, Any]:
        """For a person."""
        return {**asdict(self), "word": self.word.name}


def latch_of_file(data: bytes) -> Latch:
    """The newest whole slot; a latch that was never set where there is none."""
    newest = Latch()
    for k in range(_SLOTS):
        slot = data[k * _SLOT_BYTES : (k + 1) * _SLOT_BYTES]
        text = slot[_CRC_CHARS:-1]
        if slot[:_CRC_CHARS] != b"%08x" % zlib.crc32(text):
            continue
        said = json.loads(text)
        # A file of another version may say less or more.
        found = Latch(**{f.name: said[f.name] for f in fields(Latch) if f.name in said})
        found = replace(found, word=KillWord(found.word))
        newest = max(newest, found, key=lambda latch: latch.count)
    return newest


def read_latch(table: TableReader) -> Latch:
    """What a latch table says; a latch that was never set where nothing was written."""
    row = table.read(0)
    return Latch() if row is None else Latch.of_row(row)


def set_latch(latch: Latch, table: TableWriter | None, file: FixedFile | None) -> str:
    """Memory first, because that is what senders look at; then the file. Returns the system's
    words where the file could not be written.

    The new word before the count that it goes with: a reader between the two sees it set.
    """
    if table is not None:
        if latch.latched:
            table.write(0, latched=1)
        table.write(0, **latch.row())
    return "" if file is None else file.write(*latch.slot())


def is_latched(own: Latch, command: Latch) -> bool:
    """What senders make of the two."""
    return own.latched or command.count > own.seen_count


class LatchView:
    """What a sender looks at, each turn: three words, no copy and no lock."""

    __slots__ = ("_command", "_own", "_tables")

    def __init__(self, ports: Ports) -> None:
        self._tables = (ports.table_reader("latch"), ports.table_reader("latch.command"))
        self._own, self._command = (table.words.data for table in self._tables)

    def latched(self) -> bool:
        """No new order may leave."""
        own = self._own
        return own[_LATCHED] != 0 or self._command[_COUNT] > own[_SEEN]

    def counts(self) -> tuple[int, int]:
        """Which changes of the watchdog's latch, and of the command's, are seen."""
        return int(self._own[_COUNT]), int(self._command[_COUNT])
