"""Two strategies in one desk, and the plugin of one fails: who goes on, what is cancelled, what is
journaled, and how it begins anew.
"""

import dataclasses
import json

import pytest

from oms.config import StrategyConfig
from oms.strategies.base import BaseStrategy
from oms.strategies.registry import PLUGINS
from shm_layout.enums import OrderType, PluginState, PluginTrouble, RecordType, Side
from tests.oms.sim.whole_desk import S, WholeDesk, whole_config

WHO = {"uid": 1000, "pid": 99}
BAD = "strategy.bad"
SEED = 11


class Resting(BaseStrategy):
    """Rests one bid far off; raises once its cue is given."""

    cue = False
    made = 0

    def __init__(self, params):
        type(self).made += 1
        self.order = None

    def on_top(self, top, now_ns):
        if type(self).cue:
            raise RuntimeError("the cue")
        (instrument,) = self.desk.instruments.values()
        if top.live and self.order is None:
            px = instrument.px_down(top.bid_px * 97 // 100)
            qty = instrument.qty("0.001")
            self.order = self.desk.place(instrument, Side.BUY, qty, px, OrderType.POST_ONLY)


class Desk(WholeDesk):
    """`journals`: of a life of the desk before, in another shared memory."""

    def __init__(self, seed=SEED, journals=None):
        self.before = journals or {}
        PLUGINS["resting"] = Resting
        Resting.cue, Resting.made = False, 0
        config = whole_config(seed, drop_reply_one_in=0)
        bad = StrategyConfig("bad", "resting", ("main",), ("binance.spot:BTC/USDT",))
        strategies = (*config.strategies, bad)
        super().__init__(seed, config=dataclasses.replace(config, strategies=strategies))
        self.run(5 * S)

    def start(self, *roles):
        while self.before:
            name, files = self.before.popitem()
            self.harness.journals[name] = [bytearray(file) for file in files]
        super().start(*roles)

    def fail(self):
        Resting.cue = True
        self.run(2 * S)
        Resting.cue = False

    def row(self):
        return self.harness.table("plugin.bad").rows[0]

    def plugin_state(self):
        return PluginState(int(self.row()["state"]))

    def open_of(self, name):
        index = [s.name for s in self.config.strategies].index(name)
        rows = self.open_orders()
        return len(rows[rows["strategy_id"] == index])

    def journaled(self):
        return [r for r in self.records() if int(r["type"]) == RecordType.PLUGIN_ROW]

    def resume(self, **fields):
        asked = {**WHO, "reason": "mended", "strategy": "bad", **fields}
        return self.harness.control("risk", "strategy_resume", asked)

    def fills(self):
        return len(list(self.log.fills(0, 0)))

    def audit(self):
        lines = [json.loads(line) for name, lines in self.harness.lines.items()
                 if "audit" in name for line in lines if line.startswith("{")]  # fmt: skip
        return [line for line in lines if line["what"].startswith("strategy_")]


@pytest.fixture
def desk():
    yield Desk()
    PLUGINS.pop("resting")


def test_strategy_that_raises_stops_alone_and_the_other_one_and_risk_go_on(desk):
    assert desk.open_of("bad") == 1
    desk.fail()
    before = desk.fills()
    assert desk.plugin_state() is PluginState.FAILED
    assert desk.open_of("bad") == 0, "cancelled at the exchange"
    desk.run(20 * S)
    assert desk.fills() > before, "the other one trades"
    assert Resting.made == 1
    desk.finish()
    desk.check_all()


def test_failure_and_resume_are_journaled_once_each_with_who_and_why(desk):
    desk.fail()
    desk.run(S)
    assert desk.resume() == {"strategy": "bad"}
    desk.run(S)
    failed, resumed = desk.journaled()
    assert (int(failed["state"]), int(failed["trouble"])) == (
        PluginState.FAILED, PluginTrouble.RAISED,
    )  # fmt: skip
    assert b"test_failing_plugin.py" in bytes(failed["reason"])
    assert (int(resumed["state"]), int(resumed["uid"])) == (PluginState.RESUMED, WHO["uid"])
    assert bytes(resumed["reason"]) == b"mended"
    assert [line["what"] for line in desk.audit()] == ["strategy_failed", "strategy_resumed"]
    assert "RuntimeError: the cue" in desk.audit()[0]["reason"]
    assert (desk.plugin_state(), Resting.made) == (PluginState.RUNNING, 2)
    desk.run(2 * S)
    assert desk.open_of("bad") == 1, "the fresh one trades"
    desk.finish()
    desk.check_all()


def test_resume_is_refused_with_what_is_missing(desk):
    assert "has not failed" in desk.resume()["error"]
    desk.fail()
    assert "--reason" in desk.resume(reason=" ")["error"]
    assert "known: mm, bad" in desk.resume(strategy="worse")["error"]
    assert desk.resume(dry_run=True) == {"strategy": "bad"}
    desk.run(S)
    assert desk.plugin_state() is PluginState.FAILED


@pytest.mark.parametrize("roles", [("risk",), (BAD,), ("risk", BAD)])
def test_failed_strategy_stays_failed_over_restarts_until_it_is_resumed(desk, roles):
    desk.fail()
    for role in roles:
        desk.harness.kill(role)
    desk.run(S)
    desk.start(*roles)
    desk.run(5 * S)
    assert desk.plugin_state() is PluginState.FAILED
    assert len(desk.journaled()) == 1
    assert desk.open_of("bad") == 0
    assert desk.resume() == {"strategy": "bad"}
    desk.harness.kill("risk")
    desk.run(S)
    desk.start("risk")
    desk.run(5 * S)
    assert desk.plugin_state() is PluginState.RUNNING
    assert len(desk.journaled()) == 2
    desk.check_fold()


def test_failure_while_risk_is_dead_is_journaled_and_its_orders_cancelled_when_it_is_back(desk):
    desk.harness.kill("risk")
    desk.fail()
    assert desk.plugin_state() is PluginState.FAILED
    desk.start("risk")
    desk.run(5 * S)
    assert len(desk.journaled()) == 1
    assert desk.open_of("bad") == 0


def test_failure_of_another_life_of_the_desk_is_history(desk):
    desk.fail()
    desk.run(S)
    anew = Desk(SEED + 1, dict(desk.harness.journals))
    assert len(anew.journaled()) == 1
    assert (anew.plugin_state(), Resting.made) == (PluginState.RUNNING, 1)
    assert "has not failed" in anew.resume()["error"]
    anew.fail()
    anew.run(S)
    assert len(anew.journaled()) == 2
    assert anew.resume() == {"strategy": "bad"}
    anew.run(S)
    assert anew.plugin_state() is PluginState.RUNNING
    anew.check_fold()
