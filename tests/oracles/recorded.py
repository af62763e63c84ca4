"""Opening recordings, plain or packed."""

from __future__ import annotations

import gzip
from pathlib import Path

from oms.sim.recording import RecordedFile

GZIP_MAGIC = b"\x1f\x8b"


def recorded_file(path: Path) -> RecordedFile:
    """The file's name and text."""
    raw = path.read_bytes()
    return RecordedFile(path.name, gzip.decompress(raw) if raw[:2] == GZIP_MAGIC else raw)
