"""The demonstration desk as a person starts it, for benches of the whole: `oms up`, real processes,
real sockets, its files in a folder of the bench.

`quiet=True` changes one thing: the simulated exchange has no background flow, so nothing happens.
Figures come from outside: /proc, and the desk's tables read as `oms status` reads them.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from procs.cli.parts.common import owners
from procs.cli.parts.look import Look
from procs.config.files import load_desk, project_root, running_config
from procs.files.paths import DeskPaths
from shm_layout import segment
from shm_layout.segment import SegmentError

ROOT = project_root()
CONFIGS = "configs"
DEMO = Path(CONFIGS) / "desk.demo.toml"
WATCHDOG_S = 300.0
LOOK_S = 0.001


def until(what: str, look: Callable[[], object], watchdog_s: float = WATCHDOG_S) -> None:
    """Look every millisecond until it holds; only a hang ends it otherwise."""
    ends = time.monotonic() + watchdog_s
    while not look():
        assert time.monotonic() < ends, f"never seen: {what}"
        time.sleep(LOOK_S)


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a process has used. Its scheduler's nanoseconds: what sleeps and wakes
    between two ticks is not seen in `stat`."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(path.read_text().split()[0]) for path in threads) / 1e9


def proportional_mb(pid: int) -> float:
    """Memory of a process, shared pages divided among those that share them."""
    found = re.search(
        r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE
    )
    assert found is not None, f"no Pss of {pid}"
    return int(found[1]) / 1024


class LiveDesk:
    """One desk in one folder; `root` is the checkout that it is started from."""

    def __init__(self, folder: Path, *, quiet: bool = False, root: Path = ROOT) -> None:
        self.folder, self.root = folder / "desk", root
        self.path = root / DEMO
        if quiet:
            shutil.copytree(root / CONFIGS, folder / CONFIGS)
            file = folder / CONFIGS / "exchanges" / "binance.toml"
            text, count = re.subn(r"(?m)^flow_events_per_s = \d+", "flow_events_per_s = 0",
                                  file.read_text())  # fmt: skip
            assert count == 1, f"{file}: found no flow_events_per_s to set to 0"
            file.write_text(text)
            self.path = folder / DEMO
        self.config = load_desk(self.path, str(self.folder))
        self.paths = DeskPaths.of(self.config)
        self.began_s = 0.0

    def start(self, **environment: str) -> None:
        """`oms up`; returns when it says that the desk runs."""
        command = [sys.executable, "-m", "procs.cli.main", "up", str(self.path)]
        self.began_s = time.monotonic()
        done = subprocess.run(
            [*command, "--data-dir", str(self.folder)], cwd=self.root, check=False, text=True,
            capture_output=True, env={**os.environ, "PYTHONPATH": str(self.root), **environment},
            timeout=WATCHDOG_S,
        )  # fmt: skip
        assert done.returncode == 0, f"oms up ended with {done.returncode}: {done.stderr}"

    def look(self) -> Look:
        """What the desk's tables say."""
        return Look(running_config(self.paths), self.paths)

    def wait_fill(self) -> float:
        """Seconds from the start to the first fill; for a desk that trades."""
        seen: list[Look] = []

        def filled() -> bool:
            with contextlib.suppress(SegmentError, OSError):
                if not seen:
                    seen.append(self.look())
                return any(int(row["fills"]) for row in seen[0].positions())
            return False

        until("a fill", filled)
        return time.monotonic() - self.began_s

    def pids(self) -> dict[str, int]:
        """Everything of the desk that lives, by name."""
        return {name: owner.pid for name, owner in owners(self.config, self.paths).items()}

    def end(self) -> None:
        """SIGKILL to whatever is left, the keeper first, and its segments."""
        living = owners(self.config, self.paths)
        for name in sorted(living, key=lambda name: ("keeper", "supervisor").count(name) == 0):
            living[name].signal(signal.SIGKILL)
            living[name].wait(WATCHDOG_S)
        for name in segment.existing(self.paths.segments):
            (segment.SHM_DIR / name[1:]).unlink(missing_ok=True)


@contextlib.contextmanager
def live_desk(*, quiet: bool = False, root: Path = ROOT) -> Iterator[LiveDesk]:
    """A desk that is not started yet; nothing of it is left behind."""
    with tempfile.TemporaryDirectory() as folder:
        desk = LiveDesk(Path(folder), quiet=quiet, root=root)
        try:
            yield desk
        finally:
            desk.end()


_kept = contextlib.ExitStack()


@functools.cache
def kept_desk(*, quiet: bool) -> LiveDesk:
    """A desk that benches of one call may share until `close_kept`: at full size the program ends
    it behind each bench, at smoke size all take the lively one, because a start costs seconds of
    CPU.
    """
    desk = _kept.enter_context(live_desk(quiet=quiet))
    desk.start()
    return desk


def close_kept() -> None:
    """End what benches share; the program calls it when all are done."""
    kept_desk.cache_clear()
    _kept.close()


@contextlib.contextmanager
def children(code: str, count: int) -> Iterator[list[int]]:
    """So many fresh interpreters that run `code`, which prints a line when it is ready."""
    made = [
        subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for _ in range(count)
    ]  # fmt: skip
    try:
        for child in made:
            assert child.stdout is not None
            assert child.stdout.readline(), f"a fresh interpreter ended: {code}"
        yield [child.pid for child in made]
    finally:
        for child in made:
            child.kill()
            child.communicate()
