"""A journal as JSON lines and back, to the same bytes; and where two journals part.

Every line is one JSON object. A file begins with `{"file": n, "header": {...}}`, a block with
`{"block": {...}}`, and each record follows with `type` first and its fields by name. Records are
read and written by the descriptors that stand in their own file's header, so that a journal of any
build goes through. Enums are names, an undefined amount (INT64_MIN) is null, text is what stands
before the padding; lengths, sequences, checksums and the hash chain are made anew by `import_lines`
and are the same, or the line is refused.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from oms.errors import JournalError
from oms.journal import format as fmt
from oms.journal.reader import FileReader, Recovery, is_cut_tail, with_last
from shm_layout.records import UNDEF
from shm_layout.words.crc_hot import crc32c_words

_TYPE_MASK = 0xFFFF


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    names: tuple[str, ...]
    """Of its enum, in order of value; () = none."""
    is_text: bool
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Layout:
    """One record type as a file's header describes it."""

    name: str
    type: int
    dtype: np.dtype[Any]
    fields: tuple[_Field, ...]

    @classmethod
    def of(cls, described: dict[str, Any]) -> Layout:
        """From a descriptor (`RecordSpec.descriptor`)."""
        rows = described["fields"]
        dtype = np.dtype(
            {
                "names": [row[0] for row in rows],
                "formats": [_format(row[1]) for row in rows],
                "offsets": [row[2] for row in rows],
                "itemsize": described["size_bytes"],
            }
        )
        fields = tuple(
            _Field(
                row[0],
                tuple(described["enums"][row[3]]) if len(row) > 3 else (),
                dtype[row[0]].kind == "S",
                dtype[row[0]].itemsize,
            )
            for row in rows
        )
        return cls(described["name"], int(described["type"]), dtype, fields)

    def shown(self, record: np.ndarray[Any, Any]) -> dict[str, Any]:
        """Fields of one record (0-d), with its type's name first."""
        made: dict[str, Any] = {"type": self.name}
        for one in self.fields:
            if one.name != "type":
                made[one.name] = _shown(one, record[one.name])
        return made

    def packed(self, given: dict[str, Any], where: str) -> np.ndarray[Any, Any]:
        """The record that `shown` gave; JournalError where a field is missing or no such value."""
        record = np.zeros(1, self.dtype)
        wanted = {one.name for one in self.fields}
        if wanted != set(given):
            odd = sorted(wanted.symmetric_difference(given))
            raise JournalError(f"{where}: {self.name} and the line differ in the fields {odd}")
        for one in self.fields:
            value = self.type if one.name == "type" else given[one.name]
            try:
                record[one.name] = _packed(one, value)
            except (TypeError, ValueError, OverflowError) as error:
                raise JournalError(
                    f"{where}: {self.name}.{one.name}: found {value!r}; {error}"
                ) from error
        return record


def _format(text: str) -> Any:
    digits = len(text) - len(text.lstrip("0123456789"))
    return (text[digits:], (int(text[:digits]),)) if digits else text


def _shown(field: _Field, value: Any) -> Any:
    if field.is_text:
        return bytes(value).decode("latin-1")
    if getattr(value, "ndim", 0):
        return value.tolist()
    number = int(value)
    if field.names and 0 <= number < len(field.names):
        return field.names[number]
    return None if number == UNDEF else number


def _packed(field: _Field, value: Any) -> Any:
    if field.is_text:
        text = str(value).encode("latin-1")
        if len(text) > field.size_bytes:
            raise ValueError(f"at most {field.size_bytes} bytes fit")
        return text
    if isinstance(value, str):
        return field.names.index(value)
    return UNDEF if value is None else value


class Records:
    """Reads a journal's files by their own layouts: heads, blocks and records in order."""

    def __init__(self, files: Iterable[bytes], name: str) -> None:
        self._files = files
        self._name = name
        self.recovery = Recovery()
        self.layouts: dict[int, Layout] = {}
        self.header: dict[str, Any] = {}

    def __iter__(self) -> Iterator[tuple[str, Any, Any]]:
        """("file", header bytes, header), ("block", its head, None), ("record", layout, record);
        JournalError where more than the tail is damaged.
        """
        for data, is_last in with_last(self._files):
            if is_last and fmt.header_is_cut(data):
                self.recovery.cut_bytes = len(data)
                self.recovery.cut_reason = "the last file's header is cut"
                return
            reader = FileReader(f"{self._name} file {self.recovery.files + 1}")
            self.header = reader.begin_raw(data, self.recovery)
            self.layouts = {int(d["type"]): Layout.of(d) for d in self.header["records"]}
            yield "file", data[: reader.offset], self.header
            yield from self._blocks(reader, data)
            self.recovery.cut_bytes = len(data) - reader.offset
            if self.recovery.cut_bytes and not (is_last and is_cut_tail(reader, data)):
                raise JournalError(
                    f"{reader.name}: {self.recovery.cut_reason} at byte {reader.offset}, and "
                    "intact blocks follow: run `oms journal verify`"
                )

    def _blocks(self, reader: FileReader, data: bytes) -> Iterator[tuple[str, Any, Any]]:
        while reader.offset < len(data):
            block = reader.block(data)
            if block is None:
                return
            words, starts = block
            yield "block", words[: fmt.BLOCK_HEAD_WORDS].view(fmt.BLOCK_HEAD)[0], None
            for start in starts.tolist():
                layout = self.layouts.get(int(words[start + 1]) & _TYPE_MASK)
                if layout is None:
                    raise JournalError(
                        f"{reader.name}: a record of type {int(words[start + 1]) & _TYPE_MASK}, "
                        "which its header does not describe"
                    )
                count = layout.dtype.itemsize // 8
                yield "record", layout, words[start : start + count].view(layout.dtype)[0]


def export_lines(records: Records) -> Iterator[str]:
    """One line for each file, block and record."""
    number = 0
    for kind, first, second in records:
        if kind == "file":
            number += 1
            if _header_bytes(second) != first:
                raise JournalError(f"file {number}: its header is not in the form that is known")
            made: dict[str, Any] = {"file": number, "header": second}
        elif kind == "block":
            made = {
                "block": {
                    "first_seq": int(first["first_seq"]),
                    "count": int(first["count"]),
                    "epoch": int(first["epoch"]),
                    "published_seq": int(first["published_seq"]),
                    "reserved": [int(first["reserved0"]), *first["reserved"].tolist()],
                }
            }
        else:
            made = first.shown(second)
        yield json.dumps(made, separators=(",", ":"), ensure_ascii=True)


def _header_bytes(header: dict[str, Any]) -> bytes:
    """A file's first bytes from its header."""
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-(fmt.FILE_FIXED_BYTES + len(text)) % fmt.FILE_ALIGN_BYTES)
    sizes = np.array([len(text), zlib.crc32(text)], "<u4").tobytes()
    return fmt.FILE_MAGIC + sizes + text


class Importer:
    """Takes lines of `export_lines`, gives each file's bytes piece by piece."""

    def __init__(self) -> None:
        self._layouts: dict[str, Layout] = {}
        self._sha256 = fmt.NO_HASH
        self._seq = 0
        self._block: dict[str, Any] | None = None
        self._frames: list[bytes] = []
        self._files = 0

    def pieces(self, lines: Iterable[str]) -> Iterator[tuple[int, bytes]]:
        """(number of the file, its next bytes)."""
        for number, line in enumerate(lines, 1):
            where = f"line {number}"
            given = _object(line, where)
            if "header" in given or "block" in given:
                yield from self._close(where)
            if "header" in given:
                yield self._begin(given, where)
            elif "block" in given:
                self._block = given["block"]
            elif self._block is None:
                raise JournalError(f"{where}: a record outside a block; is the file's begin lost?")
            else:
                self._frames.append(self._frame(given, where))
        yield from self._close("the end")

    def _begin(self, given: dict[str, Any], where: str) -> tuple[int, bytes]:
        header = given["header"]
        self._files += 1
        if int(given["file"]) != self._files:
            raise JournalError(f"{where}: found file {given['file']}, required is {self._files}")
        if header["prev_sha256"] != self._sha256.hex():
            raise JournalError(f"{where}: the file does not follow the one before it (hash chain)")
        self._layouts = {d["name"]: Layout.of(d) for d in header["records"]}
        return self._files, _header_bytes(header)

    def _frame(self, given: dict[str, Any], where: str) -> bytes:
        layout = self._layouts.get(str(given.get("type")))
        if layout is None:
            raise JournalError(f"{where}: its header describes no type {given.get('type')!r}")
        self._seq += 1
        if given.get("seq") != self._seq:
            raise JournalError(f"{where}: found seq {given.get('seq')}, required is {self._seq}")
        words = layout.packed(given, where).view(np.int64)
        crc = int(crc32c_words(words, 0, len(words)))
        head = (crc << 32) | words.nbytes
        return head.to_bytes(fmt.FRAME_HEAD_BYTES, "little") + words.tobytes()

    def _close(self, where: str) -> Iterator[tuple[int, bytes]]:
        block, frames = self._block, b"".join(self._frames)
        if block is None:
            return
        if block["count"] != len(self._frames) or not frames:
            raise JournalError(
                f"{where}: a block of {block['count']} records ends after {len(self._frames)}"
            )
        if block["first_seq"] != self._seq - len(self._frames) + 1:
            raise JournalError(f"{where}: the block's first_seq {block['first_seq']} does not fit")
        head = np.zeros(1, fmt.BLOCK_HEAD)
        head["magic"] = fmt.BLOCK_MAGIC
        head["size_bytes"] = fmt.BLOCK_HEAD.itemsize + len(frames)
        for name in ("count", "first_seq", "epoch", "published_seq"):
            head[name] = block[name]
        head["reserved0"], head["reserved"] = block["reserved"][0], block["reserved"][1:]
        head["prev_sha256"] = np.frombuffer(self._sha256, np.uint8)
        words = head.view(np.int64)
        head["crc"] = int(crc32c_words(words, 0, fmt.BLOCK_HEAD_WORDS - 1))
        whole = head.tobytes() + frames
        self._sha256 = hashlib.sha256(whole).digest()
        self._block, self._frames = None, []
        yield self._files, whole


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        given = json.loads(line)
    except ValueError as error:
        raise JournalError(f"{where}: no JSON ({error}); give what export wrote") from error
    if not isinstance(given, dict):
        raise JournalError(f"{where}: found {type(given).__name__}, required is an object")
    return given


def first_difference(ours: Records, theirs: Records) -> dict[str, Any] | None:
    """Where two journals part, record by record; None = the same records in the same order. How
    they stand in blocks and files is not looked at.
    """
    pairs = itertools.zip_longest(_only_records(ours), _only_records(theirs))
    for seq, (one, other) in enumerate(pairs, 1):
        if one is None or other is None:
            ended = "first" if one is None else "second"
            left = other if one is None else one
            return {"seq": seq, "what": f"the {ended} journal ends here", "other": left}
        if one != other:
            names = [name for name in {**one, **other} if one.get(name) != other.get(name)]
            return {
                "seq": seq,
                "what": f"{one['type']} and {other['type']}"
                if one["type"] != other["type"]
                else one["type"],
                "fields": {name: [one.get(name), other.get(name)] for name in names},
            }
    return None


def _only_records(records: Records) -> Iterator[dict[str, Any]]:
    for kind, layout, record in records:
        if kind == "record":
            yield layout.shown(record)
