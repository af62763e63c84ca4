"""The rows of `oms doctor` that come from `scripts/tuning`: what of this machine could be set.

The scripts run for themselves, as root does with any Python, so they are asked here as a program.
What is not set costs time and loses nothing: their rows warn, and never fail.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from procs.cli.doctor_checks import OK, WARN, Row
from procs.config_files import project_root

PREFIX = "tuning."
_WATCHDOG_S = 60


def tuning_rows(root: str = "/") -> Iterator[Row]:
    """A row for each finding; what the machine lacks is well, and said so."""
    scripts = project_root() / "scripts" / "tuning"
    if not scripts.is_dir():
        yield Row(f"{PREFIX}all", OK, "not looked at: scripts/tuning comes with the sources")
        return
    try:
        yield from _asked(scripts, root)
    except (OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
        yield Row(
            f"{PREFIX}all",
            WARN,
            f"not looked at: {type(error).__name__}",
            "run it by hand and read what it says: python3 scripts/tuning check",
        )


def _asked(scripts: Path, root: str) -> Iterator[Row]:
    command = [sys.executable, str(scripts), "check", "--json", "--root", root]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_WATCHDOG_S, check=False)
    for found in json.loads(done.stdout):
        verdict = WARN if found["verdict"] == WARN else OK
        yield Row(f"{PREFIX}{found['knob']}", verdict, found["found"], found["fix"])
