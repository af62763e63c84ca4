"""`oms logs`: what the desk's processes log, merged by time, followed over rotation."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from oms.config_build import nearest
from oms.errors import ConfigError, ExitCode
from procs.cli.parts.common import chosen_desk
from procs.cli.tail import Followed
from procs.files.logs import LEVELS
from procs.files.paths import DeskPaths

_LINES = 20
_LOOK_S = 0.2
_HEAD = ("ts", "level", "process", "role", "event")

EXAMPLES = """\
examples:
  oms logs                        the last 20 lines of every process, by time
  oms logs engine -f              one process, until Ctrl-C
  oms logs --level warning -f     only what wants attention
  oms logs --json -n 5            the lines as they stand in the files

One event a line under logs/ of the data directory; `tail -F` works on the files, too.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("process", nargs="?", help="one process, or one role (default: all)")
    parser.add_argument("--config", dest="config", help="the desk's TOML file")
    parser.add_argument("--data-dir", help="use this directory instead of the config's data_dir")
    parser.add_argument("-f", "--follow", action="store_true", help="go on until Ctrl-C")
    parser.add_argument("-n", "--lines", type=int, default=_LINES, help="lines to begin with")
    parser.add_argument("--level", choices=LEVELS, default="debug", help="this level and above")
    parser.add_argument("--json", action="store_true", help="the lines as they are in the files")


class Logs(Followed):
    """The log files of one process, or of all."""

    def __init__(
        self, paths: DeskPaths, process: str | None, role: str, level: str, plain: bool
    ) -> None:
        """`role`: only its lines, in whatever process it has run; "" = all."""
        super().__init__(paths, "log")
        self._process = process
        self._role = role
        self._lowest = LEVELS.index(level)
        self._plain = plain

    def files(self) -> list[Path]:
        """Those that are there now."""
        return [p for p in super().files() if self._role or self._process in (None, p.stem)]

    def wanted(self, line: bytes) -> bool:
        """Is it of a level that was asked for?"""
        found = _parsed(line)
        if self._role and found.get("role") != self._role:
            return False
        level = found.get("level")
        return level not in LEVELS or LEVELS.index(level) >= self._lowest

    def shown(self, path: Path, line: str) -> str:
        """For a person: time, level, process, event, fields."""
        found = _parsed(line)
        if self._plain or not found:
            return line
        rest = " ".join(f"{k}={v}" for k, v in found.items() if k not in _HEAD)
        who = found.get("role") or found.get("process", path.stem)
        return (
            f"{str(found.get('ts', ''))[11:23]} {str(found.get('level', ''))[:7]:7} {who} "
            f"{found.get('event', '')} {rest}".rstrip()
        )


def _parsed(line: bytes | str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def run(arguments: argparse.Namespace) -> int:
    """Print lines; with -f until Ctrl-C."""
    config, paths = chosen_desk(arguments)
    process = arguments.process
    has_file = process in {path.stem for path in Followed(paths, "log").files()}
    role = process if process in config.roles() and not has_file else ""
    followed = Logs(paths, process, role, arguments.level, arguments.json)
    if not followed.look() and not arguments.follow:
        raise _no_file(paths, process)
    followed.print_last(arguments.lines, together=True)
    try:
        while arguments.follow:
            time.sleep(_LOOK_S)
            followed.look()
            followed.print_new()
    except KeyboardInterrupt:
        return ExitCode.OK
    return ExitCode.OK


def _no_file(paths: DeskPaths, process: str | None) -> ConfigError:
    known = sorted(path.stem for path in Followed(paths, "log").files())
    if process is None or not known:
        return ConfigError(f"no log in {paths.logs} yet; start the desk with `oms up`")
    return ConfigError(
        f"no process '{process}' has a log in {paths.logs}; the nearest is "
        f"'{nearest(process, known)}' (known: {', '.join(known)})"
    )
