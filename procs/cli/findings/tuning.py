"""The rows of `oms doctor` that come from `scripts/tuning`, and threads that share a core.

The scripts run for themselves, as root does with any Python, so they are asked here as a program.
What is not set costs time and loses nothing: their rows warn, and never fail.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from oms.config import DeskConfig, ProcessConfig
from procs.cli.findings.row import FAIL, OK, WARN, Row
from procs.config.files import project_root
from procs.machine.cores import Cores, as_list

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


def check_siblings(config: DeskConfig, cores: Cores, usable: tuple[int, ...]) -> Iterator[Row]:
    """Two processes that spin on the two threads of one core: each takes half of the other."""
    siblings = {cpu.number: cpu.siblings for cpu in cores.cpus}
    spinning: dict[tuple[int, ...], list[ProcessConfig]] = {}
    for process in config.host.processes:
        if process.wait == "spin" and 0 <= process.core < len(usable):
            spinning.setdefault(siblings[usable[process.core]], []).append(process)
    for core, found in spinning.items():
        if len({process.core for process in found}) > 1:
            yield Row(
                "cores",
                FAIL,
                f"{' and '.join(process.name for process in found)} spin on CPU {as_list(core)}",
                "these are threads of one core, and each takes half of the other's speed: move "
                "one, let one park, or have a map made with `oms up --host auto`",
            )


def _asked(scripts: Path, root: str) -> Iterator[Row]:
    command = [sys.executable, str(scripts), "check", "--json", "--root", root]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_WATCHDOG_S, check=False)
    for found in json.loads(done.stdout):
        verdict = WARN if found["verdict"] == WARN else OK
        yield Row(f"{PREFIX}{found['knob']}", verdict, found["found"], found["fix"])
