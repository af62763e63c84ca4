"""Follows a journal that another process is writing: records in order, each once.

The same checks as recovery (`reader.FileReader`): a block that is not whole yet is waited for, a
block that is wrong with more behind it is a JournalError. Holds at most one read's bytes and one
unfinished block.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from oms.errors import JournalError
from oms.journal import format as fmt
from oms.journal.reader import FileReader, Recovery

READ_BYTES_MAX = 2 << 20
"""More than the largest block: a read at a block's start always makes progress."""


class Source(Protocol):
    """Where the bytes come from: a host's Journal port."""

    def read(self, file_index: int, offset: int, bytes_max: int) -> bytes: ...
    def place(self, file_index: int) -> str: ...


class JournalTail:
    """A reader's place in a growing journal."""

    def __init__(self, source: Source, behind: Recovery | None = None) -> None:
        """`behind`: begin with the file that follows it, as a snapshot says; it goes on counting
        in there.
        """
        self._source = source
        self._recovery = behind or Recovery()
        self._file_index = self._recovery.files
        self._offset = 0
        """Bytes of the present file that were checked and consumed."""
        self._reader: FileReader | None = None
        self._left = (0, 0)

    @property
    def last_seq(self) -> int:
        """Sequence of the last record given."""
        return self._recovery.last_seq

    @property
    def file_index(self) -> int:
        """The file that is read, from 0; all before it have been given to their ends."""
        return self._file_index

    def poll(self) -> list[np.ndarray[Any, Any]]:
        """The next records (0-d, our layouts), or none for now."""
        data = self._source.read(self._file_index, self._offset, READ_BYTES_MAX)
        if self._reader is None and not self._begin(data):
            return []
        reader = self._reader
        assert reader is not None
        at_start = self._offset == 0
        reader.offset = reader.offset if at_start else 0
        records = reader.records_at_once(data)
        self._offset += reader.offset
        left_bytes = len(data) - reader.offset
        if not records and self._next_begun():
            # A last block may have come between the two looks: then it is given first.
            if len(self._source.read(self._file_index, self._offset, READ_BYTES_MAX)) > left_bytes:
                return []
            self._close(left_bytes)
        elif not records and left_bytes:
            self._wait(left_bytes)
        return records

    def _wait(self, left_bytes: int) -> None:
        """Bytes that are no block yet: more of them must come."""
        if self._left == (self._offset, left_bytes) and left_bytes >= READ_BYTES_MAX:
            raise JournalError(
                f"{self._source.place(self._file_index)}: {self._recovery.cut_reason} at byte "
                f"{self._offset}, and more follows: run `oms journal verify`"
            )
        self._left = (self._offset, left_bytes)

    def _begin(self, data: bytes) -> bool:
        """Check the header, once all of it is there."""
        if len(data) < fmt.FILE_FIXED_BYTES:
            return False
        length = int(np.frombuffer(data, "<u4", 1, 8)[0])
        if data[:8] == fmt.FILE_MAGIC and len(data) < fmt.FILE_FIXED_BYTES + length:
            return False
        self._reader = FileReader(self._source.place(self._file_index))
        self._reader.begin(data, self._recovery)
        return True

    def _next_begun(self) -> bool:
        return bool(self._source.read(self._file_index + 1, 0, 1))

    def _close(self, left_bytes: int) -> None:
        """The writer has gone on to the next file: nothing may be left in this one."""
        if left_bytes:
            raise JournalError(
                f"{self._source.place(self._file_index)}: {self._recovery.cut_reason} at byte "
                f"{self._offset}, and another file follows: run `oms journal verify`"
            )
        self._file_index, self._offset, self._reader = self._file_index + 1, 0, None
