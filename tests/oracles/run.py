"""Run every oracle on the material under a directory: `python -m tests.oracles DIR`.

Per folder: files, items, agreed, disagreed, unread with reason, and `later` for what nothing reads
yet: a whole folder, files of one (`LATER_FILES`), or items of an exchange. Exit code 10 on a
disagreement, on a file that no pattern of a read folder matches, or with over 2 % of a read
folder's items unread; 2 where DIR is missing or empty.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from oms.errors import ExitCode
from tests.oracles.base import Outcome, Reader
from tests.oracles.readers import LATER_FILES, READERS

UNREAD_PERCENT_MAX = 2
ABOUT_PATTERNS = ("README*", "LICENSE*", "COPYING*", "NOTICE*", ".*")
"""Files about the material, not of it."""


@dataclass(slots=True)
class FolderReport:
    folder: str
    read: bool
    files: int
    unmatched: list[str] = field(default_factory=list)
    later: list[str] = field(default_factory=list)
    """Files that are known and that nothing reads yet."""
    outcome: Outcome = field(default_factory=Outcome)

    def trouble(self) -> list[str]:
        """Why this folder fails; empty = it passes, or nothing reads it."""
        if not self.read:
            return []
        found = [f"no pattern matches {name}" for name in self.unmatched]
        if self.outcome.disagreed:
            found.append(f"{self.outcome.disagreed} disagree")
        unread = sum(self.outcome.unread.values())
        if unread * 100 > UNREAD_PERCENT_MAX * self.outcome.items:
            found.append(f"{unread} of {self.outcome.items} items unread")
        made = self.outcome
        aside = sum(made.later.values()) + made.unsupported_items()
        if made.agreed + made.disagreed == 0 and aside < max(made.items, 1):
            found.append("nothing was compared")
        return found


def _matches(path: Path, patterns: Sequence[str]) -> bool:
    return any(fnmatch(path.name, pattern) for pattern in patterns)


def read_folder(
    folder: Path,
    readers: Sequence[Reader],
    later_files: Mapping[str, Sequence[str]] = LATER_FILES,
) -> FolderReport:
    """Every reader that claims the folder, on the files that it matches; `later_files`: patterns by
    folder."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    files = [path for path in files if not _matches(path, ABOUT_PATTERNS)]
    claiming = [reader for reader in readers if reader.folder == folder.name]
    report = FolderReport(folder.name, bool(claiming), len(files))
    taken: set[Path] = set()
    for reader in claiming:
        matched = [path for path in files if _matches(path, reader.patterns)]
        taken.update(matched)
        if not matched:
            continue
        report.outcome.add(reader.read(matched))
    if claiming:
        rest = [path for path in files if path not in taken]
        later = later_files.get(folder.name, ())
        report.later = [str(p.relative_to(folder)) for p in rest if _matches(p, later)]
        report.unmatched = [str(p.relative_to(folder)) for p in rest if not _matches(p, later)]
    return report


def run(data: Path, readers: Sequence[Reader] = READERS) -> list[FolderReport]:
    """Reports of all folders of `data`, in order of name."""
    folders = sorted(path for path in data.iterdir() if path.is_dir())
    return [read_folder(folder, readers) for folder in folders]


def _print(report: FolderReport) -> None:
    if not report.read:
        print(f"{report.folder:24} later     {report.files} files", flush=True)
        return
    made = report.outcome
    unread = sum(made.unread.values())
    verdict = "FAILED" if report.trouble() else "ok"
    print(
        f"{report.folder:24} {verdict:8}  {report.files} files, {made.items} items, "
        f"{made.agreed} agreed, {made.disagreed} disagreed, {unread} unread",
        flush=True,
    )
    for name, note in made.notes.items():
        print(f"{'':26}{name}: {note}")
    for name in report.later:
        print(f"{'':26}later: {name}")
    for whose, count in made.later.items():
        print(f"{'':26}later {count}: {whose}")
    for reason, count in made.unread.items():
        print(f"{'':26}unread {count}: {reason}")
    for text in (*report.trouble(), *made.differences):
        print(f"{'':26}{text}")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make oracles DATA=DIR", description=__doc__)
    parser.add_argument("data", type=Path, help="directory with the folders")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    options = parser.parse_args(argv)
    if not options.data.is_dir() or not any(p.is_dir() for p in options.data.iterdir()):
        print(
            f"oracles: {options.data} is no directory with folders of material in it; "
            "name one with `make oracles DATA=DIR`",
            file=sys.stderr,
        )
        return int(ExitCode.USAGE)
    reports = run(options.data)
    failed = any(report.trouble() for report in reports)
    if options.json:
        rows = [{**asdict(report), "trouble": report.trouble()} for report in reports]
        print(json.dumps({"failed": failed, "folders": rows}))
    else:
        for report in reports:
            _print(report)
    return int(ExitCode.DISAGREES if failed else ExitCode.OK)
