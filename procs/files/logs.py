"""Logs: one structured JSON line per event, one file per process, rotated by size.

The file is `<data_dir>/logs/<process>.jsonl`; it is reopened under the same name after rotation,
so `tail -F` works; all files of all processes stay below LOG_FOLDER_BYTES_MAX. JSON escapes
whatever could forge a line or move a terminal's cursor. Fields whose names speak of secrets are
blanked. More lines than the bound in a second are counted and told in one line, so that a fault in
a loop cannot fill the disk.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from oms.units import NS_PER_S
from shm_layout.limits import LOG_FOLDER_BYTES_MAX, LOG_LINE_CHARS_MAX, PROCESSES_MAX

LOG_FILE_BYTES_MAX = 3 << 20
LOG_FILES_MAX = 5
assert LOG_FILE_BYTES_MAX * LOG_FILES_MAX * PROCESSES_MAX <= LOG_FOLDER_BYTES_MAX
LINES_PER_S_MAX = 1000

LEVELS = ("debug", "info", "warning", "error")
_SECRET_WORDS = ("secret", "password", "passphrase", "private", "api_key", "signature", "token")


def utc_text(utc_ns: int) -> str:
    """2026-01-31T12:00:00.123456Z."""
    seconds, rest = divmod(utc_ns, NS_PER_S)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}Z"


def clean(fields: dict[str, Any]) -> dict[str, Any]:
    """Fields without secrets, and only of kinds that JSON knows."""
    made: dict[str, Any] = {}
    for name, value in fields.items():
        if any(word in name.lower() for word in _SECRET_WORDS):
            made[name] = "***"
        elif value is None or isinstance(value, (bool, int, float, str)):
            made[name] = value
        elif hasattr(value, "item"):
            made[name] = value.item()
        else:
            made[name] = str(value)
    return made


class ProcessLog:
    """The log of one process."""

    def __init__(self, folder: Path, process: str, level: str = "info") -> None:
        self.path = folder / f"{process}.jsonl"
        self.process = process
        self.errors = 0
        self._lowest = LEVELS.index(level)
        self._open()
        self._second = 0
        self._lines = 0

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(self.path, flags, 0o600)
        self._size_bytes = os.fstat(self._descriptor).st_size

    def write(self, level: str, role: str, event: str, **fields: Any) -> None:
        """One line; losing a log line never stops a process."""
        if level == "error":
            self.errors += 1
        if LEVELS.index(level) < self._lowest or not self._admit():
            return
        self._put(level, role, event, fields)

    def _put(self, level: str, role: str, event: str, fields: dict[str, Any]) -> None:
        head = {"ts": utc_text(time.time_ns()), "level": level, "process": self.process}
        text = json.dumps({**head, "role": role, "event": event, **clean(fields)})
        if len(text) > LOG_LINE_CHARS_MAX:
            short = {"cut_chars": len(text), "text": text[: LOG_LINE_CHARS_MAX // 2]}
            text = json.dumps({**head, "role": role, "event": event, **short})
        line = text.encode() + b"\n"
        with contextlib.suppress(OSError):
            if self._size_bytes + len(line) > LOG_FILE_BYTES_MAX:
                self._rotate()
            self._size_bytes += os.write(self._descriptor, line)

    def _admit(self) -> bool:
        second = time.monotonic_ns() // NS_PER_S
        if second != self._second:
            left_out = self._lines - LINES_PER_S_MAX
            self._second, self._lines = second, 0
            if left_out > 0:
                self._put("warning", "", "lines_left_out", {"count": left_out})
        self._lines += 1
        return self._lines <= LINES_PER_S_MAX

    def _rotate(self) -> None:
        for number in range(LOG_FILES_MAX - 1, 0, -1):
            older = self.path.with_suffix(f".{number}.jsonl")
            newer = self.path.with_suffix(f".{number - 1}.jsonl") if number > 1 else self.path
            with contextlib.suppress(FileNotFoundError):
                newer.rename(older)
        before = self._descriptor
        self._open()
        os.close(before)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._descriptor)
