"""Reads journals: every block checked, records given by the layout that wrote them.

Rules (RELIABILITY D6): damage at the tail, with nothing readable behind it, is cut off and
reported once; damage before a readable block is damage before an acknowledged record and refuses.
A record type whose layout differs from ours is converted field by field, or refused by type.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from oms.errors import JournalError
from oms.journal import format as fmt
from oms.journal.frames_hot import BAD_CRC, BAD_SEQ, BAD_SIZE, check_blocks, check_frames
from shm_layout.records import SPEC_OF_TYPE, RecordSpec
from shm_layout.words.crc_hot import crc32c_words

_TROUBLE = {
    BAD_SIZE: "a record's size is wrong",
    BAD_CRC: "a record's checksum differs",
    BAD_SEQ: "a record's sequence is wrong",
}


assert fmt.BLOCK_HEAD.fields is not None
_PREV_AT = fmt.BLOCK_HEAD.fields["prev_sha256"][1]
_LOW32 = (1 << 32) - 1
_BLOCKS_AT_ONCE = 4096

TakeBlocks = Callable[[np.ndarray[Any, Any], int, int], None]


@dataclass(slots=True)
class Recovery:
    """What was found; where a writer goes on."""

    files: int = 0
    blocks: int = 0
    records: int = 0
    last_seq: int = 0
    last_sha256: bytes = fmt.NO_HASH
    published_seq: int = 0
    file_size_bytes: int = 0
    """Valid bytes of the last file; 0 = not even its header is whole."""
    file_records: int = 0
    """Whole records of the last file."""
    file_is_ours: bool = True
    """The last file describes records as this build lays them out: it may be written on."""
    cut_bytes: int = 0
    """Damaged bytes behind them."""
    cut_reason: str = ""


class FileReader:
    """One file, read as it grows: `feed` bytes, take complete blocks' records.

    Used for recovery (whole files) and by whoever tails the journal.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.recovery = Recovery()
        self.offset = 0
        """Bytes of this file that were checked and consumed."""
        self.misplaced = False
        """The next block is whole, and another one should stand there: no torn write does that."""
        self.plain = False
        """Its records lie as ours do, so that they need no conversion."""
        self._converters: dict[int, Any] = {}
        self._unchecked: dict[int, dict[str, Any]] = {}
        """Types of which no record was met: their lists of enums hinder nobody yet."""
        self.header: dict[str, Any] | None = None

    def begin(self, data: bytes, previous: Recovery) -> None:
        """Check the header at the start of `data` and that the file follows the one before."""
        header = self.begin_raw(data, previous)
        self._converters = {
            int(described["type"]): _converter(described, self.name)
            for described in header["records"]
        }
        self._unchecked = {int(described["type"]): described for described in header["records"]}
        self.plain = all(_is_ours(described) for described in header["records"])

    def begin_raw(self, data: bytes, previous: Recovery) -> dict[str, Any]:
        """The same for whoever reads records by the header's own layouts; returns the header."""
        self.header, self.offset = fmt.parse_file_header(data, self.name)
        chained = bytes.fromhex(self.header["prev_sha256"])
        if chained != previous.last_sha256:
            raise JournalError(
                f"{self.name}: does not follow the file before it (the hash of the last block "
                "differs): a file is missing, was put back or was changed"
            )
        self.recovery = previous
        previous.files += 1
        previous.file_records = 0
        previous.file_is_ours = self.header["records"] == fmt.described_records()
        return self.header

    def block(self, data: bytes) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]] | None:
        """The next block's words and record starts, or None with `recovery.cut_reason` set."""
        state = self.recovery
        found = _check_head(data, self.offset)
        if isinstance(found, str):
            state.cut_reason = found
            return None
        state.cut_reason = self._misplaced(data)
        if state.cut_reason:
            self.misplaced = True
            return None
        size_bytes, count, first_seq = found
        words = np.frombuffer(data, np.int64, size_bytes // 8, self.offset)
        starts = np.zeros(count, np.int64)
        checked = int(
            check_frames(words, fmt.BLOCK_HEAD_WORDS, len(words), count, first_seq, starts)
        )
        if checked < 0:
            state.cut_reason = _TROUBLE[checked]
            return None
        head = words[: fmt.BLOCK_HEAD_WORDS].view(fmt.BLOCK_HEAD)[0]
        state.blocks += 1
        state.records += count
        state.file_records += count
        state.last_seq += count
        state.published_seq = int(head["published_seq"])
        whole = data[self.offset : self.offset + size_bytes]
        state.last_sha256 = hashlib.sha256(whole).digest()
        self.offset += size_bytes
        return words, starts

    def pass_blocks(self, data: bytes, whole: TakeBlocks) -> None:
        """Check whole blocks from `offset` on, many at a time, and give them away in one piece. It
        stops before whatever is not as it should be: `block` says what that is.
        """
        state = self.recovery
        words = np.frombuffer(data, np.int64, len(data) // 8)
        ends = np.zeros(_BLOCKS_AT_ONCE, np.int64)
        while True:
            first = self.offset // 8
            found = int(check_blocks(words, first, state.last_seq + 1, ends))
            count = self._chained(data, ends[:found].tolist())
            if count == 0:
                return
            last = int(ends[count - 2]) if count > 1 else first
            head = words[last : last + fmt.BLOCK_HEAD_WORDS].view(fmt.BLOCK_HEAD)[0]
            last_seq = int(head["first_seq"]) + int(head["count"]) - 1
            state.blocks += count
            state.records += last_seq - state.last_seq
            state.file_records += last_seq - state.last_seq
            state.last_seq = last_seq
            state.published_seq = int(head["published_seq"])
            whole(words, first, self.offset // 8)

    def _chained(self, data: bytes, ends: list[int]) -> int:
        """How many of these blocks follow each other by their hashes; passes them."""
        at, last = self.offset, self.recovery.last_sha256
        view = memoryview(data)
        count = 0
        for end in ends:
            if view[at + _PREV_AT : at + _PREV_AT + len(last)] != last:
                break
            last = hashlib.sha256(view[at : end * 8]).digest()
            at = end * 8
            count += 1
        self.offset, self.recovery.last_sha256 = at, last
        return count

    def _misplaced(self, data: bytes) -> str:
        """Why the block at `offset`, whose head is intact, does not belong there; "" = it does."""
        words = np.frombuffer(data, np.int64, fmt.BLOCK_HEAD_WORDS, self.offset)
        head = words.view(fmt.BLOCK_HEAD)[0]
        if int(head["first_seq"]) != self.recovery.last_seq + 1:
            return "a block's first sequence does not follow"
        if head["prev_sha256"].tobytes() != self.recovery.last_sha256:
            return "a block does not follow the one before it (hash chain)"
        return ""

    def records(self, data: bytes) -> Iterator[np.ndarray[Any, Any]]:
        """Records (0-d, our layouts) of every complete block from `offset` on."""
        while self.offset < len(data):
            block = self.block(data)
            if block is None:
                return
            words, starts = block
            for start in starts:
                yield self._record(words, int(start))

    def records_at_once(self, data: bytes) -> list[np.ndarray[Any, Any]]:
        """`records`, where `recovery` may be ahead of the record that is looked at: many blocks are
        checked in one piece.
        """
        found: list[np.ndarray[Any, Any]] = []

        def walk(words: np.ndarray[Any, Any], at: int, end: int) -> None:
            block_end = at
            while at < end:
                if at == block_end:
                    block_end = at + (int(words[at + 1]) & _LOW32) // 8
                    at += fmt.BLOCK_HEAD_WORDS
                found.append(self._record(words, at + 1))
                at += 1 + (int(words[at]) & _LOW32) // 8

        if self.plain:
            self.pass_blocks(data, walk)
        return found + list(self.records(data))

    def _record(self, words: np.ndarray[Any, Any], start: int) -> np.ndarray[Any, Any]:
        type_id = int(words[start + 1]) & 0xFFFF
        convert = self._converters.get(type_id)
        if convert is None:
            raise JournalError(f"{self.name}: holds a record of the unknown type {type_id}")
        if type_id in self._unchecked:
            _check_enums(self._unchecked.pop(type_id), SPEC_OF_TYPE[type_id], self.name)
        return convert(words, start)


def _check_head(data: bytes, at: int) -> tuple[int, int, int] | str:
    if len(data) - at < fmt.BLOCK_HEAD.itemsize:
        return "the last block's head is cut"
    words = np.frombuffer(data, np.int64, fmt.BLOCK_HEAD_WORDS, at)
    head = words.view(fmt.BLOCK_HEAD)[0]
    last = fmt.BLOCK_HEAD_WORDS - 1
    if int(head["magic"]) != fmt.BLOCK_MAGIC or int(head["crc"]) != int(
        crc32c_words(words, 0, last)
    ):
        return "a block's head is damaged"
    size_bytes, count = int(head["size_bytes"]), int(head["count"])
    if size_bytes % 8 or size_bytes <= fmt.BLOCK_HEAD.itemsize or count == 0:
        return "a block's length is wrong"
    if len(data) - at < size_bytes:
        return "the last block is cut"
    return size_bytes, count, int(head["first_seq"])


def _converter(described: dict[str, Any], where: str) -> Any:
    """How to read a record type as that file wrote it."""
    spec = SPEC_OF_TYPE.get(int(described["type"]))
    if spec is not None and _is_ours(described):
        dtype = spec.dtype

        def direct(words: np.ndarray[Any, Any], start: int) -> np.ndarray[Any, Any]:
            # A view of the words takes three times as long.
            record: np.ndarray[Any, Any] = np.frombuffer(words, dtype, 1, start * 8)[0]
            return record

        return direct
    if spec is None:
        raise JournalError(
            f"{where}: holds the record type {described['name']} ({described['type']}), "
            "which this build does not know: use the build that wrote it"
        )
    old = np.dtype(
        {
            "names": [row[0] for row in described["fields"]],
            "formats": [_format(row[1]) for row in described["fields"]],
            "offsets": [row[2] for row in described["fields"]],
            "itemsize": described["size_bytes"],
        }
    )
    # Spare bytes are zeros, and what took their place is zero in an older record.
    shared = [
        name
        for name in old.names or ()
        if name in (spec.dtype.names or ()) and not name.startswith("reserved")
    ]
    for name in shared:
        if not _fits(old[name], spec.dtype[name]):
            raise JournalError(
                f"{where}: {described['name']}.{name} was {old[name]}, is {spec.dtype[name]}: "
                "this build cannot convert it; use the build that wrote the journal, or, for a "
                "simulated desk, move its data directory away"
            )

    narrower = {name for name in shared if old[name].itemsize > spec.dtype[name].itemsize}

    def convert(words: np.ndarray[Any, Any], start: int) -> np.ndarray[Any, Any]:
        raw = words[start : start + old.itemsize // 8].view(old)[0]
        made = np.zeros(1, spec.dtype)
        for name in shared:
            if old[name].shape:
                made[name][0, : old[name].shape[0]] = raw[name]
            else:
                made[name] = raw[name]
                if name in narrower and made[name][0] != raw[name]:
                    raise JournalError(
                        f"{where}: {described['name']}.{name} is {raw[name]}, and this build holds "
                        f"{spec.dtype[name]} there: use the build that wrote the journal"
                    )
        return made[0]

    return convert


def _fits(old: np.dtype[Any], new: np.dtype[Any]) -> bool:
    """Whether values of the old field may stand in the new one: the same, a text, a whole number
    (each is looked at where the new field is narrower), or a longer list of the same (what is
    behind the old one's end is zero)."""
    if old.shape and new.shape:
        return old.base == new.base and old.shape[0] <= new.shape[0]
    whole = old.kind in "iu" and new.kind in "iu"
    return old == new or whole or (old.kind == "S" and new.kind == "S")


def _is_ours(described: dict[str, Any]) -> bool:
    """Does this build lay that record out in the same way?"""
    ours = fmt.described_by_type().get(int(described["type"]))
    return ours is not None and bool(ours["fields"] == described["fields"])


def _check_enums(described: dict[str, Any], spec: RecordSpec, where: str) -> None:
    """Lists of enums only grow: ours must begin with the writer's."""
    ours = fmt.described_by_type()[int(spec.type)]["enums"]
    for name, names in described["enums"].items():
        if name in ours and ours[name][: len(names)] != names:
            raise JournalError(
                f"{where}: {described['name']} was written with {name} {names}, which is not how "
                f"this build's list begins ({ours[name]}): use the build that wrote the journal"
            )


def _format(text: str) -> Any:
    """The numpy format from a descriptor's text: "i8", "S40", or a count and a base ("4i8")."""
    digits = len(text) - len(text.lstrip("0123456789"))
    return (text[digits:], (int(text[:digits]),)) if digits else text


def _readable_behind(data: bytes, at: int) -> bool:
    """Is there an intact block head anywhere behind `at`?"""
    magic = fmt.BLOCK_MAGIC.to_bytes(8, "little")
    found = data.find(magic, at + 1)
    while found >= 0:
        if len(data) - found >= fmt.BLOCK_HEAD.itemsize:
            words = np.frombuffer(
                data[found : found + fmt.BLOCK_HEAD.itemsize], np.int64, fmt.BLOCK_HEAD_WORDS
            )
            last = fmt.BLOCK_HEAD_WORDS - 1
            if int(words[last]) == int(crc32c_words(words, 0, last)):
                return True
        found = data.find(magic, found + 1)
    return False


def is_cut_tail(reader: FileReader, data: bytes) -> bool:
    """Is what the reader could not read the unfinished end of a last file, with nothing readable
    behind it?
    """
    return not reader.misplaced and not _readable_behind(data, reader.offset)


def _by_number(file_index: int) -> str:
    return f"journal file {file_index + 1}"


def read_journal(
    files: Iterable[bytes],
    recovery: Recovery,
    place: Callable[[int], str] = _by_number,
    whole: TakeBlocks | None = None,
) -> Iterator[np.ndarray[Any, Any]]:
    """Every record of a journal's files in order; `recovery` tells what was found, and where the
    first of `files` stands when it is not the journal's first (`recovery.files` were read before).
    At most two files are held at a time. `place` gives what a person finds a file by, from 0.
    `whole`, where it is given, takes runs of checked blocks of our own layouts in place of their
    records: (the file's words, first word, word behind the last). Records that are given one by
    one come behind all of those that went before them in the journal.

    A damaged tail of the last file ends the iteration with `cut_bytes` and `cut_reason` set;
    damage with readable blocks or files behind it raises JournalError.
    """
    for data, is_last in with_last(files):
        where = place(recovery.files)
        recovery.cut_reason = ""
        reader = FileReader(where)
        if is_last and fmt.header_is_cut(data) and not _readable_behind(data, -1):
            recovery.files += 1
            recovery.file_size_bytes = recovery.file_records = 0
            recovery.cut_bytes = len(data)
            recovery.cut_reason = "the last file's header is cut"
            return
        reader.begin(data, recovery)
        if whole is not None and reader.plain:
            reader.pass_blocks(data, whole)
        yield from reader.records(data)
        recovery.file_size_bytes = reader.offset
        recovery.cut_bytes = len(data) - reader.offset
        if recovery.cut_bytes and not (is_last and is_cut_tail(reader, data)):
            raise JournalError(
                f"{where}: {recovery.cut_reason} at byte {reader.offset}, and there are intact "
                "blocks from there on: acknowledged records lie behind the damage; restore the "
                "file from a copy and check it with `oms journal verify`; nothing trades on it "
                "before"
            )


def with_last(files: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """(file, whether it is the last one), looking one ahead."""
    waiting: bytes | None = None
    for data in files:
        if waiting is not None:
            yield waiting, False
        waiting = data
    if waiting is not None:
        yield waiting, True
