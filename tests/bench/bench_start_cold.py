"""How long from an empty checkout and an empty compile cache to the first fill?

The tracked files, copied into an empty folder, and `make run` there: virtual environment, every
package from pip's own cache, every kernel compiled, the demonstration desk, its first fill. The
smoke size does the same with the environment and the kernels of this checkout. Peer, in the same
run: a fresh interpreter with ccxt, none of its modules compiled to bytecode yet, that has one order
filled at a simulated exchange which runs already; its installation is not in the figure.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from shm_layout.jit import cache_dir
from tests.bench import first_fill
from tests.bench.live_desk import DEMO, ROOT, LiveDesk, load_desk
from tests.bench.result import BenchResult, latency

WATCHDOG_S = 9000.0
FOLDERS = ("oms", "procs", "shm_layout", "configs", "scripts")
FILES = ("Makefile", "pyproject.toml", "requirements.lock", "requirements-dev.lock", "README.md")


def copied(folder: Path) -> Path:
    """A checkout without anything that was made in it."""
    made = folder / "checkout"
    made.mkdir()
    for name in FOLDERS:
        shutil.copytree(ROOT / name, made / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, made / name)
    return made


def once(*, smoke: bool) -> float:
    """Seconds to the first fill."""
    with tempfile.TemporaryDirectory() as folder:
        root = copied(Path(folder))
        desk = LiveDesk(Path(folder), root=root)
        if smoke:
            try:
                desk.start(MEXOMS_CACHE=str(cache_dir().parents[1]))
                return desk.wait_fill()
            finally:
                desk.end()
        return _made(root, desk)


def _made(root: Path, desk: LiveDesk) -> float:
    """`make run`, as a person types it."""
    config = load_desk(root / DEMO, str(desk.folder))
    assert config.name == desk.config.name
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MEXOMS_", "VIRTUAL"))}
    desk.began_s = time.monotonic()
    command = ["make", "run", f"ARGS=--data-dir {desk.folder}"]
    with (root / "run.txt").open("wb") as out:
        running = subprocess.Popen(
            command, cwd=root, env=environment, stdout=out, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
    try:
        while not desk.paths.effective_config.exists():
            assert running.poll() is None, (root / "run.txt").read_text()
            assert time.monotonic() < desk.began_s + WATCHDOG_S, "make run hangs"
            time.sleep(0.05)
        return desk.wait_fill()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGINT)
        running.wait(WATCHDOG_S)
        desk.end()


def run(smoke: bool, runs: int) -> BenchResult:
    """Seconds, each start one figure."""
    made = [once(smoke=smoke) for _ in range(runs)]
    peer = first_fill.seconds(1 if smoke else 3, cold=True, smoke=smoke)
    return latency(
        "start_cold", "s", [np.array([each]) for each in made],
        {"ccxt without bytecode: import, load_markets, one order": statistics.median(peer)},
        core_map="two-core", wait="park", checksum=runs, durability="process-crash-safe",
        aim="≤ 90 s to the first fill, downloads cached", note="checksum: how many starts",
    )  # fmt: skip
