"""The demonstration desk as a person starts it: the command, real processes, real sockets."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest

from oms.errors import ExitCode
from procs.cli.main import main
from procs.config.files import load_desk
from procs.files.locks import living_owner
from procs.files.paths import DeskPaths
from shm_layout import segment
from tests.procs.desks import DEMO, ROOT, until

pytestmark = pytest.mark.compiled

WATCHDOG_S = 300
"""A first start compiles for a minute and more where others use the cores, too."""


class Desk:
    """The demonstration desk with its files in a folder of the test."""

    def __init__(self, folder):
        self.folder = folder
        self.config = load_desk(DEMO, str(folder))
        self.paths = DeskPaths.of(self.config)

    def start(self, *words):
        return subprocess.Popen(
            [sys.executable, "-m", "procs.cli.main", *words, "--data-dir", str(self.folder)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def oms(self, *words):
        """(exit code, standard output, standard error)."""
        process = self.start(*words)
        try:
            out, err = process.communicate(timeout=WATCHDOG_S)
        except subprocess.TimeoutExpired:
            self.kill_all()
            process.kill()
            raise
        return process.returncode, out, err

    def living(self):
        """Everything of the desk that lives, keeper first."""
        names = ("supervisor", *(p.name for p in self.config.host.processes))
        locks = [self.paths.desk_lock, *(self.paths.process_lock(name) for name in names)]
        return [owner for lock in locks if (owner := living_owner(lock)) is not None]

    def kill_all(self, spared=None):
        for owner in self.living():
            if owner != spared:
                owner.signal(signal.SIGKILL)
                owner.wait(WATCHDOG_S)

    def lines(self, name):
        return [
            json.loads(line)
            for path in sorted(self.folder.glob(f"days/*/{name}.jsonl"))
            for line in path.read_text().splitlines()
        ]


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path / "desk")
    yield made
    made.kill_all()
    for name in segment.existing(made.paths.segments):
        (segment.SHM_DIR / name[1:]).unlink(missing_ok=True)


def number(pattern, text):
    found = re.search(pattern, text)
    assert found, f"{pattern} in {text}"
    return int(found[1])


def check_summary(code, out, err):
    """What every orderly run must say."""
    assert code == ExitCode.OK, out + err
    assert number(r"orders left open: (\d+)", out) == 0
    seen = number(r"lost: (\d+) orders were UNKNOWN", out)
    assert number(r"UNKNOWN, (\d+) resolved by query", out) == seen, out


def check_journal(desk):
    code, out, err = desk.oms("journal", "verify", "--json")
    assert code == ExitCode.OK, out + err
    verdicts = json.loads(out)
    assert {verdict["state"] for verdict in verdicts.values()} == {"whole"}, verdicts
    assert verdicts["journaler"]["written_out_seq"] == verdicts["risk"]["last_seq"]


def check_copy(desk):
    """What the desk journaled goes out as JSON lines and comes back byte for byte."""
    lines, copy = desk.folder / "risk.jsonl", desk.folder / "copy"
    files = sorted(desk.paths.journal.glob("risk-*.mxj"))
    out = ["--output", str(lines), "--files", *map(str, files)]
    assert main(["journal", "export", *out]) == ExitCode.OK
    assert main(["journal", "import", str(lines), "--to", str(copy)]) == ExitCode.OK
    assert [(copy / path.name).read_bytes() for path in files] == [p.read_bytes() for p in files]


def test_run_trades_resolves_what_was_unknown_and_leaves_no_order(desk):
    code, out, err = desk.oms("run", "--for", "10s")
    check_summary(code, out, err)
    assert number(r"  fills (\d+),", out) == len(desk.lines("executions")) > 0
    assert len([line for line in out.splitlines() if "processes 6/6" in line]) > 5
    check_journal(desk)
    check_copy(desk)
    for name in ("orders", "positions", "pnl", "balances", "audit"):
        assert desk.lines(name), name
    assert segment.existing(desk.paths.segments) == []
    assert desk.living() == []


@pytest.mark.parametrize("exchange_survives", [True, False])
def test_killed_desk_recovers_at_the_next_start(desk, exchange_survives):
    """What rested at the exchange is found there, or is found expired; no order stays unknown."""
    code, out, err = desk.oms("up")
    assert code == ExitCode.OK, out + err
    until("orders", lambda: len(desk.lines("orders")) > 10)
    exchange = living_owner(desk.paths.process_lock("venue_sim.binance"))
    desk.kill_all(exchange if exchange_survives else None)
    code, out, err = desk.oms("run", "--for", "8s")
    check_summary(code, out, err)
    check_journal(desk)
    last = {line["client_order_id"]: line["state"] for line in desk.lines("orders")}
    assert set(last.values()) <= {"FILLED", "CANCELED", "REJECTED", "EXPIRED"}, last


def test_closed_terminal_ends_the_desk_in_order(desk):
    process = desk.start("run", "--plain")
    until("a process", lambda: len(desk.living()) > 6)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=WATCHDOG_S)
    assert process.returncode == ExitCode.OK
    assert desk.living() == []
    check_journal(desk)


def test_damaged_journal_is_refused_with_one_sentence(desk):
    code, out, err = desk.oms("run", "--for", "3s")
    check_summary(code, out, err)
    path = desk.paths.journal / "risk-000001.mxj"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    code, out, err = desk.oms("up")
    assert code == ExitCode.JOURNAL_DAMAGED, out + err
    assert "restore the file from a copy" in err
    assert "Traceback" not in err
    assert desk.oms("journal", "verify")[0] == ExitCode.JOURNAL_DAMAGED
    assert desk.living() == []
