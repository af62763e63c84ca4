"""`oms tail`: the desk's human files and logs, followed over rotation and midnight."""

from __future__ import annotations

import argparse
import os
import re
import time
from pathlib import Path

from oms.errors import ConfigError, ExitCode
from procs.cli.parts.common import add_config, chosen_desk
from procs.files.paths import DeskPaths

TOPICS = ("orders", "executions", "positions", "pnl", "log", "all")
_LINES = 10
_LOOK_S = 0.2
_TAIL_BYTES = 1 << 16
_TIME = re.compile(rb'\{"ts": ?"([^"]*)"')

EXAMPLES = """\
examples:
  oms tail executions -f       every fill, as it comes
  oms tail orders -n 50        the last 50 changes of orders
  oms tail log -f              what every process logs
  oms tail all                 the end of everything

The files are JSON lines under days/ and logs/ of the data directory; `tail -F` works on them, too.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("topic", choices=TOPICS, help="what to follow")
    add_config(parser)
    parser.add_argument("-f", "--follow", action="store_true", help="go on until Ctrl-C")
    parser.add_argument("-n", "--lines", type=int, default=_LINES, help="lines to begin with")
    parser.add_argument("--json", action="store_true", help="the lines are JSON anyway")


def run(arguments: argparse.Namespace) -> int:
    """Print lines; with -f until Ctrl-C."""
    _, paths = chosen_desk(arguments)
    followed = Followed(paths, arguments.topic)
    if not followed.look() and not arguments.follow:
        raise ConfigError(
            f"no file of '{arguments.topic}' in {paths.data_dir} yet; start the desk with `oms up`"
        )
    followed.print_last(arguments.lines)
    try:
        while arguments.follow:
            time.sleep(_LOOK_S)
            followed.look()
            followed.print_new()
    except KeyboardInterrupt:
        return ExitCode.OK
    return ExitCode.OK


class Followed:
    """Files of one topic, found anew each time, so that a new day's file is followed, too."""

    def __init__(self, paths: DeskPaths, topic: str) -> None:
        self._paths = paths
        self._topic = topic
        self._read: dict[Path, tuple[int, int]] = {}

    def files(self) -> list[Path]:
        """Those that are there now."""
        found: list[Path] = []
        if self._topic in ("log", "all"):
            logs = sorted(self._paths.logs.glob("*.jsonl"))
            found += [p for p in logs if not p.stem.rpartition(".")[2].isdigit()]
        if self._topic != "log":
            names = TOPICS[:-2] if self._topic == "all" else (self._topic,)
            for name in names:
                days = sorted(self._paths.data_dir.rglob(f"{name}*.jsonl"))
                found += days[-1:]
        return found

    def wanted(self, line: bytes) -> bool:
        """Is this line to be shown?"""
        del line
        return True

    def shown(self, path: Path, line: str) -> str:
        """As it is printed."""
        return f"{path.stem} {line}" if len(self._read) > 1 else line

    def look(self) -> list[Path]:
        """Find the files; a file seen for the first time is read from its beginning."""
        found = self.files()
        for path in found:
            self._read.setdefault(path, (path.stat().st_ino, 0))
        return found

    def print_last(self, count: int, *, together: bool = False) -> None:
        """The last lines of each file (`together`: of all of them), in the order of their time."""
        found: list[tuple[bytes, int, Path, bytes]] = []
        for path in tuple(self._read):
            size = path.stat().st_size
            with path.open("rb") as file:
                file.seek(max(size - _TAIL_BYTES, 0))
                whole = file.read(_TAIL_BYTES)
            kept = whole[: whole.rfind(b"\n") + 1]
            lines = [line for line in kept.splitlines() if self.wanted(line)]
            for line in lines[-count:] if count > 0 else []:
                found.append((_time_of(line), len(found), path, line))
            self._read[path] = (path.stat().st_ino, size - len(whole) + len(kept))
        found.sort()
        for _, _, path, line in found[-count:] if together and count > 0 else found:
            self._print(path, [line])

    def print_new(self) -> None:
        """Whole lines that came since; a rotated file begins anew."""
        for path, (inode, at) in tuple(self._read.items()):
            try:
                with path.open("rb") as file:
                    found = os.fstat(file.fileno())
                    start = at if found.st_ino == inode and found.st_size >= at else 0
                    file.seek(start)
                    whole, newline, _ = file.read().rpartition(b"\n")
            except FileNotFoundError:
                continue
            self._print(path, whole.splitlines())
            self._read[path] = (found.st_ino, start + len(whole) + len(newline))

    def _print(self, path: Path, lines: list[bytes]) -> None:
        for line in lines:
            if self.wanted(line):
                text = "".join(c if c.isprintable() else "?" for c in line.decode(errors="replace"))
                print(self.shown(path, text), flush=True)


def _time_of(line: bytes) -> bytes:
    """What sorts a line of ours: the text of its "ts"."""
    found = _TIME.match(line)
    return found[1] if found else b""
