"""Starts toy desks as processes of their own, watches them from outside, and ends them."""

import contextlib
import hashlib
import hmac
import json
import os
import select
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from procs.config.files import load_desk, running_config
from procs.files.keys import GeneratedKeys
from procs.files.locks import living_owner
from procs.files.paths import DeskPaths
from shm_layout import segment

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "configs" / "desk.demo.toml"
WATCHDOG_S = 120
"""A hundred times what any of these waits takes."""


def until(said, look):
    """Look again until it is true; only a hang ends it."""
    deadline = time.monotonic() + WATCHDOG_S
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"never seen: {said}"
        select.select([], [], [], 0.01)


def ask_exchange(paths, what, timeout_s=10, **params):
    """A list of the running demonstration desk's exchange, by the account's own key."""
    key = GeneratedKeys(paths.keys).key("binance.demo.main")
    query = "&".join(f"{name}={value}" for name, value in params.items())
    query += f"&timestamp={time.time_ns() // 1_000_000}"
    signature = hmac.new(key.secret, query.encode(), hashlib.sha256).hexdigest()
    base = running_config(paths).groups[0].rest_url
    request = urllib.request.Request(
        f"{base}/api/v3/{what}?{query}&signature={signature}",
        headers={"X-MBX-APIKEY": key.api_key},
    )
    with urllib.request.urlopen(request, timeout=timeout_s) as answer:
        return json.loads(answer.read())


class ToyDesk:
    def __init__(self, folder, config=DEMO):
        self.folder = Path(folder)
        self.config_path = config
        self.config = load_desk(config, str(folder))
        self.paths = DeskPaths.of(self.config)
        self.keeper = None

    def start(self):
        self.keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.procs.toy_desk", str(self.config_path), str(self.folder)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
            text=True,
        )
        return self

    def owner(self, name):
        path = self.paths.desk_lock if name == "keeper" else self.paths.process_lock(name)
        return living_owner(path)

    def lines(self, name):
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def fills(self):
        return [int(line) for line in self.lines("fills.txt")]

    def wait_fills(self, count):
        """Wait for so many more fills."""
        wanted = len(self.fills()) + count
        until(f"{wanted} fills", lambda: len(self.fills()) >= wanted)

    def log(self, process):
        path = self.paths.logs / f"{process}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()]

    def running(self):
        return running_config(self.paths)

    def end(self):
        """SIGTERM to the keeper; its exit code and what it said."""
        self.keeper.send_signal(signal.SIGTERM)
        said = self.keeper.communicate(timeout=WATCHDOG_S)[1]
        return self.keeper.returncode, said

    def kill_all(self):
        """Whatever the test left: each by its lock, with SIGKILL, and its segments."""
        for name in ("keeper", "supervisor", *(p.name for p in self.config.host.processes)):
            owner = self.owner(name)
            if owner is not None:
                owner.signal(signal.SIGKILL)
                owner.wait(WATCHDOG_S)
        if self.keeper is not None:
            with contextlib.suppress(ProcessLookupError):
                self.keeper.kill()
            self.keeper.communicate()
        for name in segment.existing(self.paths.segments):
            (segment.SHM_DIR / name[1:]).unlink(missing_ok=True)
