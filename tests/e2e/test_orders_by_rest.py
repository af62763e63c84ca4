"""The demonstration desk, its orders by REST: real processes, real sockets, plain and by TLS."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from oms.errors import ExitCode
from procs.config.files import load_desk, running_config
from procs.files.locks import living_owner
from shm_layout import segment
from tests.bench.tls import make_certificate
from tests.e2e.test_demo_desk import WATCHDOG_S, Desk, check_journal
from tests.procs.desks import DEMO, ROOT, until

pytestmark = pytest.mark.compiled

EXECUTOR = "executor.binance"
CONNECTIONS = 3
ESTABLISHED = "01"


class RestDesk(Desk):
    """`secure`: certificate and key that all its connections speak TLS with, or None."""

    def __init__(self, folder, secure):
        configs = folder / "configs"
        shutil.copytree(DEMO.parent, configs)
        exchange = configs / "exchanges" / "binance.toml"
        text = exchange.read_text()
        keys = f'order_way = "rest"\norder_connections = {CONNECTIONS}\n'
        exchange.write_text(text.replace("orders_per_10s", keys + "orders_per_10s", 1))
        self.file = configs / DEMO.name
        super().__init__(folder / "desk")
        self.config = load_desk(self.file, str(self.folder))
        self.secure = secure

    def start(self, *words):
        if words[0] in ("up", "run"):
            words = (words[0], str(self.file), *words[1:])
        module = ["procs.cli.main"]
        if self.secure:
            module = ["tests.e2e.secure_oms", *map(str, self.secure)]
        return subprocess.Popen(
            [sys.executable, "-m", *module, *words, "--data-dir", str(self.folder)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def executor(self):
        return living_owner(self.paths.process_lock(EXECUTOR))

    def lose_executor(self):
        """It is killed, and its successor trades."""
        dead, filled = self.executor(), len(self.lines("executions"))
        dead.signal(signal.SIGKILL)
        dead.wait(WATCHDOG_S)
        until("its successor", lambda: self.executor() not in (None, dead))
        until("more fills", lambda: len(self.lines("executions")) > filled + 5)

    def to_rest(self):
        """Connections of the executor to the exchange's REST that are established."""
        owner = self.executor()
        port = int(running_config(self.paths).groups[0].rest_url.rpartition(":")[2])
        own = set()
        for link in Path(f"/proc/{owner.pid}/fd").iterdir():
            try:
                own.add(str(link.readlink()))
            except OSError:
                continue
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return sum(
            words[2].endswith(f":{port:04X}") and words[3] == ESTABLISHED
            and f"socket:[{words[9]}]" in own
            for words in lines
        )  # fmt: skip


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def desk(tmp_path, request):
    made = RestDesk(tmp_path, make_certificate(tmp_path) if request.param else None)
    yield made
    made.kill_all()
    for name in segment.existing(made.paths.segments):
        (segment.SHM_DIR / name[1:]).unlink(missing_ok=True)


def test_desk_trades_by_rest_survives_its_executors_and_a_kill_is_proved(desk):
    code, out, err = desk.oms("up")
    assert code == ExitCode.OK, out + err
    until("fills", lambda: len(desk.lines("executions")) > 5)
    until("connections", lambda: desk.to_rest() >= CONNECTIONS)
    for _ in range(3):
        desk.lose_executor()
    code, out, err = desk.oms("kill", "--reason", "test")
    assert code == ExitCode.OK, out + err
    assert "PROVED" in out + err
    code, out, err = desk.oms("down")
    assert code == ExitCode.OK, out + err
    last = {line["client_order_id"]: line["state"] for line in desk.lines("orders")}
    assert set(last.values()) <= {"FILLED", "CANCELED", "REJECTED", "EXPIRED"}, last
    check_journal(desk)
