"""The FixedFile port: a page that is written at the desk's start and overwritten in place.

Its blocks are there before they are needed, so that the kill latch is remembered when the disk is
full (RELIABILITY F20, D20).
"""

from __future__ import annotations

import os
from pathlib import Path

from shm_layout.limits import FIXED_FILE_BYTES


class PlacedFile:
    """One such file; see `oms.ports.FixedFile`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self.descriptor = os.open(path, flags, 0o600)
        self._place()

    def _place(self) -> None:
        """Give it its blocks, once; an unwritten one might need space to become a written one."""
        missing = FIXED_FILE_BYTES - os.fstat(self.descriptor).st_size
        if missing > 0:
            self._put(FIXED_FILE_BYTES - missing, bytes(missing))

    def read(self) -> bytes:
        """All of it; zeros where nothing was written yet."""
        return os.pread(self.descriptor, FIXED_FILE_BYTES, 0).ljust(FIXED_FILE_BYTES, b"\0")

    def write(self, offset: int, data: bytes) -> str:
        """Overwrite in place and sync; returns "" or the system's words."""
        assert 0 <= offset <= FIXED_FILE_BYTES - len(data), f"{offset} + {len(data)}"
        return self._put(offset, data)

    def _put(self, offset: int, data: bytes) -> str:
        try:
            done = os.pwrite(self.descriptor, data, offset)
            os.fdatasync(self.descriptor)
        except OSError as error:
            return f"{self._path}: {error.strerror}"
        return "" if done == len(data) else f"{self._path}: {done} of {len(data)} bytes written"

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.descriptor)
