"""What a reader of outside material is: a folder, patterns, and a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

DIFFERENCES_KEPT = 20


@dataclass(slots=True)
class Outcome:
    """What came of one folder. `items` are the things found (lines, vectors, messages); `agreed`
    and `disagreed` count comparisons; `unread` maps a reason to how many items it kept out."""

    items: int = 0
    agreed: int = 0
    disagreed: int = 0
    unread: dict[str, int] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)
    notes: dict[str, object] = field(default_factory=dict)

    def skip(self, reason: str, count: int = 1) -> None:
        """Count items that could not be read."""
        self.unread[reason] = self.unread.get(reason, 0) + count

    def differ(self, text: str) -> None:
        """Count a disagreement and keep its words."""
        self.disagreed += 1
        if len(self.differences) < DIFFERENCES_KEPT:
            self.differences.append(text)


class Reader(Protocol):
    """One kind of material. Files are matched by name pattern, never by symbol."""

    folder: str
    patterns: tuple[str, ...]

    def read(self, files: Sequence[Path]) -> Outcome:
        """Compare all of these files, which all match `patterns`, in order of name."""
        ...
