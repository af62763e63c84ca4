"""Limits changed by a person: journaled before they count, over restarts, against the config."""

import dataclasses

import pytest

from oms.agents.executor.checks import LastChecks
from oms.agents.limits_view import LimitsView
from oms.agents.risk import RiskAgent
from oms.risk import world_hot as w_
from oms.sim.harness import HarnessPorts, MemoryJournal
from oms.venues.trade_base import Instrument
from shm_layout.enums import FLAG_DISK_LOW, OperatorVerb, RecordType, RejectReason
from tests.oms.sim.whole_desk import S, WholeDesk, whole_config

WHO = {"uid": 1000, "pid": 99}


class Desk(WholeDesk):
    def set(self, name, value, **fields):
        asked = {**WHO, "name": name, "value": value, "reason": "test", **fields}
        return self.harness.control("risk", "limits_set", asked)

    def restart_risk(self, **limits):
        """Another risk, whose config may say something else."""
        self.harness.kill("risk")
        if limits:
            changed = dataclasses.replace(self.config.limits, **limits)
            self.config = dataclasses.replace(self.config, limits=changed)
        self.harness.start("risk", RiskAgent(self.config))

    def operator_records(self):
        return [r for r in self.records() if int(r["type"]) == RecordType.OPERATOR]


def trading_desk():
    made = Desk(3, config=whole_config(3, drop_reply_one_in=0))
    made.run(3 * S)
    return made


@pytest.fixture
def desk():
    return trading_desk()


@pytest.fixture(scope="module")
def unchanged():
    """One desk for all that must not change it."""
    return trading_desk()


def test_change_is_journaled_and_counts_at_once(desk):
    assert int(desk.risk.arrays.order_limits[0, 0]) == 10_000 * 10**8
    answer = desk.set("max_order_notional", "50")
    assert answer["limits"]["max_order_notional"] == "50"
    assert int(desk.risk.arrays.order_limits[0, 0]) == 50 * 10**8
    record = desk.operator_records()[0]
    assert int(record["verb"]) == OperatorVerb.LIMITS_SET
    assert (int(record["uid"]), int(record["pid"])) == (1000, 99)
    assert bytes(record["before"]) == b"10000"
    desk.set("max_open_orders", "3")
    assert int(desk.risk.arrays.strategies[0, w_.SG_MAX_OPEN]) == 3
    desk.run(2 * S)
    desk.check_fold()


def test_change_holds_over_a_restart_with_the_same_config(desk):
    desk.set("max_order_notional", "50")
    desk.set("price_collar_bps", "77")
    desk.restart_risk()
    assert desk.risk.limits.now.max_order_notional == "50"
    assert int(desk.risk.arrays.strategies[0, w_.SG_COLLAR_BPS]) == 77
    assert int(desk.risk.arrays.order_limits[0, 0]) == 50 * 10**8
    desk.restart_risk()
    assert desk.risk.limits.now.price_collar_bps == 77


def test_changed_config_wins_over_every_change_before(desk):
    desk.set("max_order_notional", "50")
    desk.restart_risk(max_open_orders=5)
    assert desk.risk.limits.now == desk.config.limits
    assert int(desk.operator_records()[-1]["verb"]) == OperatorVerb.LIMITS_DROPPED
    desk.restart_risk(max_open_orders=8)
    assert desk.risk.limits.now == desk.config.limits, "a change that was dropped stays dropped"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("max_opne_orders", "3", "known: max_order_notional"),
        ("max_open_orders", "0", "above 0"),
        ("max_open_orders", "2.5", "whole number"),
        ("max_open_orders", "-1", "whole number"),
        ("max_open_orders", "9" * 40, "number"),
        ("max_order_notional", "lots", "required is an amount"),
        ("max_order_notional", "-5", "required is an amount"),
    ],
)
def test_nonsense_is_refused_and_changes_nothing(unchanged, name, value, said):
    assert said in unchanged.set(name, value)["error"]
    assert unchanged.risk.limits.now == unchanged.config.limits
    assert not unchanged.operator_records()


def test_change_wants_a_reason(unchanged):
    assert "reason" in unchanged.set("max_open_orders", "3", reason=" ")["error"]


def test_dry_run_changes_nothing(unchanged):
    assert unchanged.set("max_open_orders", "3", dry_run=True)["limits"]["max_open_orders"] == 3
    assert unchanged.risk.limits.now == unchanged.config.limits
    assert not unchanged.operator_records()


def test_executors_last_check_follows(desk):
    view = LimitsView(HarnessPorts(desk.harness, "tool", 1))
    checks = LastChecks(view)
    rows = desk.risk.arrays.instrument_table.rows
    btc = Instrument.from_row(rows[0], 8)
    checks.look()
    assert checks.max_order(btc) == 10_000 * 10**8
    desk.set("max_order_notional", "50")
    assert checks.max_order(btc) == 10_000 * 10**8
    checks.look()
    assert checks.max_order(btc) == 50 * 10**8
    assert not view.news()


@pytest.mark.compiled  # the same kernels, at length
def test_orders_are_refused_and_cancels_go_on_while_the_disk_is_low(desk, monkeypatch):
    assert desk.harness.run_while(lambda: not desk.quotes(), desk.harness.now_ns + 30 * S)
    monkeypatch.setattr(MemoryJournal, "low", lambda self: True)
    desk.run(20 * S)
    refused = [r for r in desk.records() if int(r["type"]) == RecordType.ORDER_UPDATE
               and int(r["reason"]) == RejectReason.DISK_LOW]  # fmt: skip
    assert refused
    flags = [int(r["flags"]) for r in desk.records() if int(r["type"]) == RecordType.CYCLE]
    assert any(f & FLAG_DISK_LOW for f in flags)
    monkeypatch.undo()
    orders = len(desk.log.history(0, 0))
    desk.run(5 * S)
    assert len(desk.log.history(0, 0)) > orders, "it goes on when there is space"
    desk.finish()
    desk.check_all()
