"""Makes blocks: one per working cycle, chained by SHA-256, given to the Journal port.

The caller's kernel fills `frames` (see `frames_hot`); `commit` puts the head before them and
appends the block. It returns only when the port does: then the records are as durable as the mode
in force says, and their effects may leave (DESIGN.md law 8).
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from oms.journal import format as fmt
from oms.journal.frames_hot import SEQ, seal_block
from oms.journal.reader import Recovery
from oms.ports import Journal
from shm_layout.limits import JOURNAL_BLOCK_BYTES_MAX, JOURNAL_FILE_BYTES_MAX
from shm_layout.records import word_of

_HASH_AT = word_of(fmt.BLOCK_HEAD, "prev_sha256") * 8
_HASH_BYTES = hashlib.sha256().digest_size


class BlockWriter:
    """One journal's writing end. `frames` is for the kernel; the head lies just before it, in
    `block`."""

    def __init__(
        self,
        port: Journal,
        epoch: int,
        found: Recovery,
        file_records_max: int = 0,
    ) -> None:
        """Go on behind what a reader `found`; `Recovery()`: begin. A file of another layout is
        not written on: its header would describe our records wrongly.

        `file_records_max`: the next file begins with the block that would pass it (0: by size
        alone).
        """
        self._port = port
        self._epoch = epoch
        fmt.records_text()  # here, and not when a file is full
        self._last_sha256 = found.last_sha256
        self._file_index = found.files
        self._file_size_bytes = found.file_size_bytes
        self._file_records = found.file_records
        self._file_records_max = file_records_max
        block = np.zeros(JOURNAL_BLOCK_BYTES_MAX // 8, np.int64)
        self.block = block
        self._bytes = block.data.cast("B")
        self._bytes[_HASH_AT : _HASH_AT + _HASH_BYTES] = self._last_sha256
        self.unhashed = b""
        self.frames = block[fmt.BLOCK_HEAD_WORDS :]
        self.last_seq = found.last_seq
        if found.files == 0 or (found.file_size_bytes > 0 and not found.file_is_ours):
            self._roll()
        elif found.file_size_bytes == 0:
            # A file was begun, and its maker died before the header was whole.
            header = fmt.file_header(found.files, found.last_sha256)
            port.append(header)
            self._file_size_bytes = len(header)

    def _roll(self) -> None:
        self.chain()
        self._file_index += 1
        header = fmt.file_header(self._file_index, self._last_sha256)
        self._port.roll(header)
        self._file_size_bytes = len(header)
        self._file_records = 0

    def commit(self, state: np.ndarray[Any, Any], base: int, published_seq: int) -> int:
        """Write what the kernel framed since the last call; returns the block's size in bytes.

        `state[base..]` are the three words of `frames_hot`; used and count are set back to 0.
        """
        if self.unhashed:
            self.chain()
        size_bytes: int = seal_block(
            self.block, state, base, self.last_seq, self._epoch, published_seq
        )
        if size_bytes != 0:
            self.put(size_bytes, int(state[base + SEQ]))
        return size_bytes

    def put(self, size_bytes: int, last_seq: int) -> None:
        """Write the block that a kernel sealed after `chain`; its last record is `last_seq`."""
        assert size_bytes > 0, "journal sequence and frames disagree"
        assert not self.unhashed, "a block's head holds the hash of the block before"
        count = last_seq - self.last_seq
        records = self._file_records
        if self._file_size_bytes + size_bytes > JOURNAL_FILE_BYTES_MAX or (
            0 < self._file_records_max < records + count and records > 0
        ):
            self._roll()
        data = self._bytes[:size_bytes].tobytes()
        self._port.append(data)
        self.unhashed = data
        self._file_size_bytes += size_bytes
        self._file_records += count
        self.last_seq = last_seq

    def chain(self) -> None:
        """Hash the block that was written last, for the head of the next one. Whoever is in a hurry
        after `commit` calls it when its effects have left (`unhashed` says whether there is
        anything to do); else the next `commit` does.
        """
        if self.unhashed:
            self._last_sha256 = hashlib.sha256(self.unhashed).digest()
            self._bytes[_HASH_AT : _HASH_AT + _HASH_BYTES] = self._last_sha256
            self.unhashed = b""
