"""`oms kill`, `resume`, `order` and `limits` over real processes; the exchange itself is asked."""

import contextlib
import io
import json
import os
import select
import signal
import subprocess
import time

import pytest

from oms.errors import ExitCode
from procs.cli.main import main
from procs.files.locks import living_owner
from shm_layout import segment
from tests.e2e.test_demo_desk import Desk
from tests.procs.desks import DEMO, ask_exchange, until

pytestmark = pytest.mark.compiled


class KillDesk(Desk):
    """The demonstration desk in the background, and its exchange as the judge."""

    asked_s = 0.0

    def oms(self, *words):
        """What starts, ends or kills a desk is a command of its own; what asks one is not, for a
        command takes most of its time to begin."""
        if words[0] in ("up", "down", "kill"):
            return super().oms(*words)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([*words, "--data-dir", str(self.folder)])
        return code, out.getvalue(), err.getvalue()

    def up(self):
        code, out, err = self.oms("up")
        assert code == ExitCode.OK, out + err
        return self

    def until_open(self, count=1):
        until("open orders", lambda: len(self.at_exchange()) >= count)

    def at_exchange(self):
        """Open orders as the exchange lists them to the account's own key, four times a second at
        most: it counts what it is asked.
        """
        left_s = self.asked_s + 0.25 - time.monotonic()
        select.select([], [], [], max(left_s, 0))
        self.asked_s = time.monotonic()
        return [order for symbol in ("BTCUSDT", "ETHUSDT") for order in self.listed(symbol)]

    def listed(self, symbol):
        return ask_exchange(self.paths, "openOrders", symbol=symbol)

    def owner(self, process):
        return living_owner(self.paths.process_lock(process))

    def stop(self, *processes):
        for name in processes:
            self.owner(name).signal(signal.SIGSTOP)

    def go_on(self, *processes):
        for name in processes:
            self.owner(name).signal(signal.SIGCONT)

    def json(self, *words):
        code, out, err = self.oms(*words, "--json")
        assert out, err
        return code, json.loads(out)

    def fault(self, *words):
        code, out, err = self.oms("sim", "fault", *words, "--config", str(DEMO))
        assert code == ExitCode.OK, out + err

    def latch(self):
        """Is it latched, and why; as `oms status` sees it."""
        _, out, err = self.oms("status", "--json")
        page = json.loads(out) if out else {"latch": {"latched": False, "reason": err}}
        return page["latch"]["latched"], page["latch"]["reason"]

    def clean(self):
        for owner in self.living():
            owner.signal(signal.SIGCONT)
        self.kill_all()
        for name in segment.existing(self.paths.segments):
            (segment.SHM_DIR / name[1:]).unlink(missing_ok=True)


@pytest.fixture
def desk(tmp_path):
    made = KillDesk(tmp_path / "desk")
    yield made
    made.clean()


def check_killed(desk, code, found):
    assert code == ExitCode.OK, found
    assert found["done"]
    assert found["left"] == []
    assert desk.at_exchange() == []


def test_kill_holds_over_a_restart_until_somebody_resumes_with_a_reason(desk):
    desk.up().until_open()
    code, found = desk.json("kill", "--reason", "test of the switch")
    check_killed(desk, code, found)
    assert found["by"] == "watchdog"
    assert found["cancelled"] >= 1
    code, page = desk.json("status")
    assert code == ExitCode.DEGRADED
    assert page["latch"]["latched"]
    assert "test of the switch" in page["latch"]["reason"]
    assert desk.oms("down")[0] == ExitCode.OK
    desk.up()
    until("ready for orders", lambda: desk.oms("order", "cancel", "--all")[0] == ExitCode.OK)
    code, found = desk.json("order", "place", "BTC/USDT", "buy", "0.001", "64000")
    assert (code, found["reason"]) == (ExitCode.REFUSED, "KILLED")
    assert desk.at_exchange() == []
    code, _, err = desk.oms("resume")
    assert code == ExitCode.REFUSED
    assert "--reason" in err
    # Refused until the accounts are reconciled, which it says.
    until("resumed", lambda: desk.oms("resume", "--reason", "all is well")[0] == ExitCode.OK)
    desk.until_open()
    assert desk.oms("down")[0] == ExitCode.OK
    assert desk.oms("journal", "verify")[0] == ExitCode.OK


def test_kill_works_with_risk_and_executor_standing_still(desk):
    desk.up().until_open()
    desk.stop("engine", "executor.binance")
    try:
        check_killed(desk, *desk.json("kill"))
    finally:
        desk.go_on("engine", "executor.binance")
    select_until = time.monotonic() + 3
    while time.monotonic() < select_until:
        assert desk.at_exchange() == [], "an order came back"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_kill_works_without_the_watchdog(desk, number):
    desk.up().until_open()
    supervisor = living_owner(desk.paths.process_lock("supervisor"))
    supervisor.signal(signal.SIGSTOP)  # or it would start another
    desk.owner("watchdog").signal(number)
    code, found = desk.json("kill", "--reason", "alone")
    check_killed(desk, code, found)
    assert found["by"] == "command"
    supervisor.signal(signal.SIGCONT)
    if number == signal.SIGSTOP:
        desk.go_on("watchdog")
    until("the watchdog's own latch", lambda: desk.latch() == (True, "alone"))
    assert desk.at_exchange() == []


def test_kill_is_patient_at_429_and_says_what_is_left_when_it_may_not_wait(desk):
    desk.up().until_open()
    desk.fault("add", "http_429", "--link", "rest", "--for", "10s", "--retry-after-s", "6")
    code, found = desk.json("kill", "--timeout", "1s")
    assert code == ExitCode.ORDERS_LEFT == 3
    assert not found["done"]
    assert found["accounts"][0]["trouble"].startswith("429")
    code, found = desk.json("kill", "--timeout", "90s")
    check_killed(desk, code, found)
    assert found["took_ms"] > 5000


def test_dry_run_lists_what_is_open_and_changes_nothing(desk):
    desk.up().until_open()
    desk.stop("engine", "executor.binance")
    before = {order["clientOrderId"] for order in desk.at_exchange()}
    code, found = desk.json("kill", "--dry-run")
    assert code in (ExitCode.OK, ExitCode.ORDERS_LEFT)
    assert {order["client_order_id"] for order in found["left"]} <= before
    desk.go_on("engine", "executor.binance")
    assert desk.latch() == (False, "")


def mounted(folder, size):
    """A small disk, or the test is not run."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"no disk of its own: {done.stderr.strip()}")


def fill(folder):
    """Take the whole disk; returns the file that holds it."""
    path = folder / "ballast"
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return path


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    mounted(folder, "96m")
    made = KillDesk(folder / "desk")
    yield made
    made.clean()
    subprocess.run(["umount", "-l", str(folder)], check=False)


def test_kill_works_with_the_disk_full(small_disk):
    desk = small_disk.up()
    desk.until_open()
    ballast = fill(desk.folder.parent)
    check_killed(desk, *desk.json("kill", "--reason", "no space"))
    ballast.unlink()
    desk.oms("down")
    desk.up()
    assert desk.latch() == (True, "no space"), "the latch was remembered without space"
    assert desk.at_exchange() == []


def test_full_disk_stops_new_orders_and_the_desk_goes_on_when_there_is_space(small_disk):
    desk = small_disk.up()
    desk.until_open()
    keeper = desk.living()[0]
    ballast = fill(desk.folder.parent)
    until("no new orders", lambda: desk.oms("status")[0] == ExitCode.DEGRADED)
    ballast.unlink()
    until("a healthy desk", lambda: desk.oms("status")[0] == ExitCode.OK)
    desk.until_open()
    assert desk.living()[0] == keeper
    code, out, err = desk.oms("down")
    assert code == ExitCode.OK, out + err
    assert desk.oms("journal", "verify")[0] == ExitCode.OK


def resting(desk):
    """A price at which a buy of BTC rests: 1 % below the best bid."""
    code, page = desk.json("status")
    assert code == ExitCode.OK
    market = next(m for m in page["markets"] if m["instrument"] == "binance.spot:BTC/USDT")
    return str(int(float(market["bid"]) * 0.99))


def test_person_places_amends_and_cancels_by_hand(desk):
    desk.up().until_open()
    px = resting(desk)
    code, found = desk.json("order", "place", "BTC/USDT", "buy", "0.001", px)
    assert (code, found["state"]) == (ExitCode.OK, "OPEN"), found
    listed = {o["clientOrderId"]: o for o in desk.at_exchange()}
    assert float(listed[found["client_order_id"]]["price"]) == float(px)
    lower = str(int(px) - 5)
    code, amended = desk.json("order", "amend", found["client_order_id"], "--px", lower)
    assert (code, amended["state"]) == (ExitCode.OK, "OPEN"), amended
    listed = {o["clientOrderId"]: o for o in desk.at_exchange()}
    assert found["client_order_id"] not in listed
    assert float(listed[amended["client_order_id"]]["price"]) == float(lower)
    code, ended = desk.json("order", "cancel", amended["client_order_id"])
    assert (code, ended["state"]) == (ExitCode.OK, "CANCELED"), ended
    assert amended["client_order_id"] not in {o["clientOrderId"] for o in desk.at_exchange()}
    code, bought = desk.json("order", "place", "BTC/USDT", "buy", "0.001", "--market")
    assert (code, bought["state"]) == (ExitCode.OK, "FILLED"), bought
    assert bought["fills"]
    uid_pid = [line for line in desk.lines("orders") if line.get("strategy") == "operator"]
    assert uid_pid, "in the day's files under its own name"


def test_order_beyond_a_limit_is_refused_with_the_reason(desk):
    desk.up().until_open()
    px = resting(desk)
    code, out, err = desk.oms("order", "place", "BTC/USDT", "buy", "1", px)
    assert code == ExitCode.REFUSED
    assert "NOTIONAL_ABOVE_MAX" in out + err
    code, out, err = desk.oms("order", "place", "BTC/USDT", "buy", "0.0000001", px)
    assert code == ExitCode.REFUSED
    assert "multiple of" in err
    code, out, err = desk.oms("order", "place", "DOGE/USDT", "buy", "1", "1")
    assert code == ExitCode.REFUSED
    assert "BTC/USDT" in err
    desk.json("kill")
    code, found = desk.json("order", "place", "BTC/USDT", "buy", "0.001", px)
    assert (code, found["reason"]) == (ExitCode.REFUSED, "KILLED")


def test_limit_changed_by_hand_counts_at_once_and_after_a_restart(desk):
    desk.up().until_open()
    px = resting(desk)
    code, _, err = desk.oms("limits", "set", "max_order_notional", "50")
    assert code == ExitCode.REFUSED
    assert "reason" in err
    words = ("limits", "set", "max_order_notional", "50", "--reason", "test")
    assert desk.oms(*words, "--dry-run")[0] == ExitCode.OK
    assert desk.oms(*words)[0] == ExitCode.OK
    for _ in range(2):
        _, shown = desk.json("limits")
        values = {row["name"]: row for row in shown["limits"]}
        assert values["max_order_notional"]["value"] == "50"
        assert values["max_order_notional"]["config"] == "20000"
        code, found = desk.json("order", "place", "BTC/USDT", "buy", "0.001", px)
        assert (code, found["reason"]) == (ExitCode.REFUSED, "NOTIONAL_ABOVE_MAX")
        owner = desk.owner("engine")
        owner.signal(signal.SIGKILL)
        until("another engine", lambda was=owner: (o := desk.owner("engine")) and o != was)
        until("its socket", lambda: desk.oms("limits", "set", "max_open_orders", "20", "--reason",
                                             "x", "--dry-run")[0] == ExitCode.OK)  # fmt: skip
        until("a healthy desk", lambda: desk.oms("status")[0] == ExitCode.OK)
    assert os.geteuid() in {
        line["uid"] for line in desk.lines("audit") if line["what"] == "limits_set"
    }
