"""What a reader of outside material is: a folder, patterns, and a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

DIFFERENCES_KEPT = 20
NOT_SUPPORTED = "not_supported"
"""Name of the note that maps a reason to how many items it holds for."""


@dataclass(slots=True)
class Outcome:
    """What came of one folder. `items` are the things found (lines, vectors, messages); `agreed`
    and `disagreed` count comparisons; `unread` maps a reason to how many items it kept out, `later`
    says of how many items of whom nothing here reads anything yet."""

    items: int = 0
    agreed: int = 0
    disagreed: int = 0
    unread: dict[str, int] = field(default_factory=dict)
    later: dict[str, int] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)
    notes: dict[str, object] = field(default_factory=dict)

    def skip(self, reason: str, count: int = 1) -> None:
        """Count items that could not be read."""
        self.unread[reason] = self.unread.get(reason, 0) + count

    def leave(self, whose: str, count: int = 1) -> None:
        """Count items that nothing reads yet."""
        self.later[whose] = self.later.get(whose, 0) + count

    def unsupported(self, reason: str, count: int = 1) -> None:
        """Count items that were read and that the product knows nothing to do with: `reason` stands
        in that exchange's QUIRKS.md."""
        counts = self.notes.setdefault(NOT_SUPPORTED, {})
        assert isinstance(counts, dict)
        counts[reason] = counts.get(reason, 0) + count

    def unsupported_items(self) -> int:
        """How many items those are."""
        counts = self.notes.get(NOT_SUPPORTED, {})
        assert isinstance(counts, dict)
        return sum(counts.values())

    def compare(self, where: str, ours: object, theirs: object) -> None:
        """Count one comparison."""
        if ours == theirs:
            self.agreed += 1
        else:
            self.differ(f"{where}: {str(ours)[:120]!r} here, {str(theirs)[:120]!r} there")

    def add(self, other: Outcome) -> None:
        """Take what another reader of the same folder found."""
        self.items += other.items
        self.agreed += other.agreed
        self.disagreed += other.disagreed
        self.differences = (self.differences + other.differences)[:DIFFERENCES_KEPT]
        for reason, count in other.unread.items():
            self.skip(reason, count)
        for whose, count in other.later.items():
            self.leave(whose, count)
        for name, note in other.notes.items():
            if name == NOT_SUPPORTED and isinstance(note, Mapping):
                for reason, count in note.items():
                    self.unsupported(reason, count)
            else:
                self.notes[name] = note

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
