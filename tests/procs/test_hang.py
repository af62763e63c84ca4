"""A plugin that hangs: where the host's timer may end its callback, and a live desk with one."""

import contextlib
import io
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time

import pytest

from oms.agents.strategy.plugin import CALLS, PluginHungError, PluginSeat
from oms.config import StrategyConfig
from oms.errors import ExitCode
from oms.strategies.base import BaseStrategy
from oms.strategies.registry import PLUGINS
from procs import hang
from procs.cli.main import main
from procs.config.files import load_desk
from procs.files.locks import living_owner
from procs.files.paths import DeskPaths
from procs.hang import HangWatch, plugin_call
from shm_layout import segment
from shm_layout.enums import PluginState, PluginTrouble
from tests.procs.desks import DEMO, ROOT, ask_exchange, until
from tests.support import FakePorts, Memory

LIMIT_NS = 50_000_000


class Seen(BaseStrategy):
    """Calls what it is told, so that a test looks at the stack from there."""

    def __init__(self, params):
        self.within = lambda look: look()

    def on_top(self, top, now_ns):
        self.within(top)


def seat_of(plugin):
    PLUGINS["seen"] = plugin
    memory = Memory()
    made = PluginSeat(StrategyConfig("mm", "seen", ("main",), ()), time.time_ns)
    made.begin(FakePorts(memory, "strategy.mm"))
    PLUGINS.pop("seen")
    return made, memory.table_reader("plugin.mm")


def of_the_desk(function):
    """The same function as code of the desk's own."""
    return type(function)(function.__code__, {**function.__globals__, "__name__": "oms.agents.x"},
                          closure=function.__closure__)  # fmt: skip


def looked():
    """What the handler would find, were it called here."""
    frame = sys._getframe(1)
    return frame, plugin_call(frame)


def test_callback_of_a_plugin_may_be_ended_and_the_desks_own_code_may_not():
    seat, _ = seat_of(Seen)
    found = {}

    def look(name):
        found[name] = looked()[1]

    seat.call("on_top", lambda: look("plugin"), 0)
    seat.call("on_top", of_the_desk(lambda: look("desk that it has called")), 0)
    seat.plugin.within = of_the_desk(lambda top: top())
    seat.call("on_top", lambda: look("called back by the desk"), 0)
    look("outside")
    assert {name: (call is not None, may) for name, (call, may) in found.items()} == {
        "plugin": (True, True),
        "desk that it has called": (True, False),
        "called back by the desk": (True, False),
        "outside": (False, False),
    }
    assert found["plugin"][0].f_code in CALLS


def test_handler_raises_only_in_the_call_that_it_has_seen_for_longer_than_the_limit(monkeypatch):
    clock = [0]
    monkeypatch.setattr(hang.time, "monotonic_ns", lambda: clock[0])
    monkeypatch.setattr(hang.Pulse, "silent_ns", lambda self, pid, beat, now: now - beat)
    watch = HangWatch(LIMIT_NS)
    seat, table = seat_of(Seen)

    def tick(ns):
        clock[0] += ns
        watch.look(0, looked()[0])

    tick(LIMIT_NS * 2)
    for _ in range(3):
        seat.call("on_top", lambda: tick(LIMIT_NS * 2), 0)
    assert not seat.failed, "each call was another one"
    seat.call("on_top", lambda: [tick(LIMIT_NS), tick(LIMIT_NS)], 0)
    assert not seat.failed, "at the limit, not over it"
    seat.call("on_top", lambda: [tick(1), tick(LIMIT_NS + 1)], 0)
    assert seat.failed
    assert int(table.rows["trouble"][0]) == PluginTrouble.HUNG
    tick(LIMIT_NS * 2)


def test_overdue_call_that_stands_in_code_of_the_desk_is_looked_at_again_soon(monkeypatch):
    armed = []
    monkeypatch.setattr(hang.signal, "setitimer", lambda *given: armed.append(given))
    monkeypatch.setattr(hang.Pulse, "silent_ns", lambda self, pid, beat, now: LIMIT_NS + 1)
    watch = HangWatch(LIMIT_NS)
    seat, _ = seat_of(Seen)
    in_desk = of_the_desk(lambda: watch.look(0, looked()[0]))
    seat.call("on_top", lambda: [in_desk(), in_desk()], 0)
    assert not seat.failed
    assert armed == [(signal.ITIMER_REAL, hang.AGAIN_S, hang.TICK_S)]
    seat.call("on_top", lambda: [in_desk(), watch.look(0, looked()[0])], 0)
    assert seat.failed


def endless(self, top, now_ns):
    while True:
        pass


def asleep(self, top, now_ns):
    time.sleep(10_000)


def deaf(self, top, now_ns):
    while True:
        try:
            while True:
                pass
        except Exception:  # noqa: BLE001 - what the test is about
            continue


@pytest.mark.parametrize("callback", [endless, asleep, deaf])
def test_callback_that_never_comes_back_is_ended_by_the_timer_and_its_line_is_told(callback):
    seat, table = seat_of(type("Hanging", (Seen,), {"on_top": callback}))
    before = signal.getsignal(signal.SIGALRM)
    try:
        HangWatch(LIMIT_NS).arm()
        seat.call("on_top", None, 0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    reason = bytes(table.rows["reason"][0]).decode()
    assert PluginState(int(table.rows["state"][0])) is PluginState.FAILED
    assert reason.startswith("on_top, test_hang.py:")
    assert "hang: not back after" in reason


def test_error_that_ends_a_hang_passes_a_plugins_own_handlers():
    assert not issubclass(PluginHungError, Exception)


HANGING = '''
"""Rests a bid far off, and hangs once for each file that tells it to."""

import pathlib

from oms.strategies.base import BaseStrategy
from shm_layout.enums import OrderState, OrderType, Side

CUE = pathlib.Path(__file__).with_name("hang.cue")


class Hanging(BaseStrategy):
    def __init__(self, params):
        self.order = None

    def on_top(self, top, now_ns):
        (instrument,) = self.desk.instruments.values()
        if self.order and self.order.intent_id not in self.desk.orders:
            self.order = None  # refused: the account was not reconciled yet
        if top.live and self.order is None:
            px = instrument.px_down(top.bid_px * 993 // 1000)
            qty = instrument.qty("0.001")
            self.order = self.desk.place(instrument, Side.BUY, qty, px, OrderType.POST_ONLY)
        if self.order and self.order.state is OrderState.OPEN and CUE.exists():
            CUE.unlink()
            while True:
                pass
'''


class LiveDesk:
    """The demonstration desk with a second strategy, as its own processes."""

    def __init__(self, folder):
        self.asked_s = 0.0
        self.configs = folder / "configs"
        shutil.copytree(DEMO.parent, self.configs)
        self.path = self.configs / DEMO.name
        (self.configs / "hanging.py").write_text(HANGING)
        self.path.write_text(
            self.path.read_text() + '\n[[strategies]]\nname = "bad"\nplugin = "hanging:Hanging"\n'
            'accounts = ["main"]\ninstruments = ["binance.spot:BTC/USDT"]\n'
        )
        host = self.configs / "hosts" / "two-core.toml"
        host.write_text(host.read_text().replace('"strategy.mm"', '"strategy.mm", "strategy.bad"'))
        self.folder = folder / "data"
        self.config = load_desk(self.path, str(self.folder))
        self.paths = DeskPaths.of(self.config)

    def oms(self, *words):
        """What starts and ends a desk is a command of its own; what asks one is not, for a command
        takes most of its time to begin."""
        words = [*words, "--config", str(self.path), "--data-dir", str(self.folder)]
        if words[0] in ("up", "down"):
            done = subprocess.run(
                [sys.executable, "-m", "procs.cli.main", *words], cwd=ROOT, capture_output=True,
                env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True, check=False,
            )  # fmt: skip
            return done.returncode, done.stdout, done.stderr
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(words)
        return code, out.getvalue(), err.getvalue()

    def status(self):
        found = json.loads(self.oms("status", "--json")[1] or "{}")
        rows = {row["strategy"]: row for row in found.get("strategies", ())}
        return rows.get("bad", {"state": "?"}), found

    def until_state(self, state):
        until(f"bad is {state}", lambda: self.status()[0]["state"] == state)

    def resting(self):
        """Orders of the bad one at the exchange, by their quantity; four times a second at most:
        it counts what it is asked."""
        left_s = self.asked_s + 0.25 - time.monotonic()
        select.select([], [], [], max(left_s, 0))
        self.asked_s = time.monotonic()
        rows = ask_exchange(self.paths, "openOrders", symbol="BTCUSDT")
        return [row for row in rows if float(row["origQty"]) == 0.001]

    def fills(self):
        return sum(
            len(path.read_text().splitlines())
            for path in self.folder.glob("days/*/executions.jsonl")
        )

    def owner(self, name):
        return living_owner(self.paths.process_lock(name))

    def audit(self, what):
        return [
            json.loads(line)
            for path in self.folder.glob("days/*/audit.jsonl")
            for line in path.read_text().splitlines()
            if f'"{what}"' in line
        ]

    def clean(self):
        names = ("supervisor", *(p.name for p in self.config.host.processes))
        for path in (self.paths.desk_lock, *(self.paths.process_lock(name) for name in names)):
            if (owner := living_owner(path)) is not None:
                owner.signal(signal.SIGKILL)
                owner.wait(60)
        for name in segment.existing(self.paths.segments):
            (segment.SHM_DIR / name[1:]).unlink(missing_ok=True)


@pytest.fixture
def live(tmp_path):
    made = LiveDesk(tmp_path)
    yield made
    made.clean()


@pytest.mark.compiled
def test_plugin_in_an_endless_loop_stops_alone_on_a_live_desk_until_it_is_resumed(live):
    code, out, err = live.oms("up")
    assert code == ExitCode.OK, out + err
    until("the bad one's order rests", live.resting)
    engine = live.owner("engine").pid
    cue = live.configs / "hang.cue"
    cue.touch()
    live.until_state("failed")
    row, found = live.status()
    assert row["trouble"] == "hung"
    assert "on_top, hanging.py:" in row["reason"]
    assert any("oms resume strategy bad" in text for text in found["troubles"])
    until("its order is cancelled", lambda: not live.resting())
    before = live.fills()
    until("the other one trades", lambda: live.fills() > before)
    assert live.owner("engine").pid == engine, "no process ended for it"
    until("journaled", lambda: live.audit("strategy_failed"))

    live.owner("engine").signal(signal.SIGKILL)
    until("started again", lambda: (o := live.owner("engine")) is not None and o.pid != engine)
    before = live.fills()
    until("the other one trades again", lambda: live.fills() > before)
    assert live.status()[0]["state"] == "failed"

    assert live.oms("resume", "strategy", "bad")[0] == ExitCode.REFUSED, "without a reason"
    code, out, err = live.oms("resume", "strategy", "bad", "--reason", "mended")
    assert code == ExitCode.OK, out + err
    live.until_state("running")
    until("the fresh one's order rests", live.resting)
    until("journaled", lambda: live.audit("strategy_resumed"))
    code, out, err = live.oms("down")
    assert code == ExitCode.OK, out + err
