"""Strategies are known by name and account: their place in the config may change."""

import dataclasses

import numpy as np
import pytest

from oms.agents.risk import RiskAgent
from oms.config import StrategyConfig
from oms.errors import ConfigError
from oms.journal.reader import Recovery, read_journal
from oms.risk import world_hot as w_
from oms.risk.registry import Registry
from oms.sim.harness import Harness
from shm_layout.enums import (
    Action,
    ExecKind,
    OrderState,
    OrderType,
    RecordType,
    RejectReason,
    Side,
    TimeInForce,
)
from shm_layout.records import INTENT, UNDEF
from shm_layout.ring_hot import WRITE_POS
from tests.desks import desk_config, desk_topology
from tests.oms.agents.test_risk import PX, QTY, Bench, Scripted


def strategy(name, account="main"):
    return StrategyConfig(name, "market_maker", (account,), ("binance.spot:BTC/USDT",))


def config_of(*strategies):
    return desk_config(strategies=strategies)


def names(risk):
    """Row -> (name, account row, in the config now)."""
    rows = risk.arrays.strategy_table.rows
    return {
        int(row["strategy_id"]): (
            row["name"].decode(), int(row["account_id"]), bool(row["in_config"])
        )
        for row in rows[rows["seq"] != 0]
    }  # fmt: skip


def started_with(config, journal):
    """Risk of that config over a copy of a journal, in fresh shared memory."""
    harness = Harness(desk_topology(config), 2, 1_700_000_100_000_000_000)
    harness.journals["risk"] = [bytearray(file) for file in journal]
    risk = RiskAgent(config)
    harness.start("risk", risk)
    return risk, harness


@pytest.fixture
def journal():
    """Of a desk with `mm` and `arb`, where `mm` has bought and has an order open."""
    bench = Bench(config=config_of(strategy("mm"), strategy("arb"))).ready()
    first = bench.place()
    bench.fill(first, 1, QTY)
    bench.settle()
    bench.place()
    assert names(bench.risk) == {0: ("mm", 0, True), 1: ("arb", 0, True)}
    return bench.harness.journals["risk"]


def why_refused(harness, name, strategy_id):
    """What risk says of an intent on the ring of `name` that bears this row."""
    role = f"strategy.{name}"
    if role not in harness.agents:
        harness.start(role, Scripted(role))
    ports = harness.agents[role].ports
    intent = np.zeros(1, INTENT)
    values = {
        "type": RecordType.INTENT, "action": Action.NEW, "strategy_id": strategy_id,
        "side": Side.BUY, "order_type": OrderType.LIMIT, "time_in_force": TimeInForce.GTC,
        "px": PX, "qty": QTY, "quote_qty": UNDEF,
    }  # fmt: skip
    for field, value in values.items():
        intent[field] = value
    ports.writer(f"intents.{name}").append(intent[0])
    harness._ready["risk"] = None
    harness.settle()
    updates = harness.ring("updates")
    last = int(updates.words[WRITE_POS]) - 1
    return RejectReason(int(updates.slots["reason"][last & (len(updates.slots) - 1)]))


def position(risk, row):
    positions = risk.arrays.positions
    return int(positions["qty"][positions["strategy_id"] == row].sum())


def test_reordered_strategies_keep_their_orders_and_positions(journal):
    config = config_of(strategy("arb"), strategy("new"), strategy("mm"))
    risk, harness = started_with(config, journal)
    assert names(risk) == {0: ("mm", 0, True), 1: ("arb", 0, True), 2: ("new", 0, True)}
    for name, row in (("arb", 1), ("new", 2), ("mm", 0)):
        assert why_refused(harness, name, row) is RejectReason.NOT_RECONCILED, name
        assert why_refused(harness, name, row + 1) is RejectReason.BAD_SHAPE, "another's name"
    assert (position(risk, 0), position(risk, 1)) == (QTY, 0)
    assert risk.arrays.strategies[:3, w_.SG_OPEN_COUNT].tolist() == [1, 0, 0]


def test_removed_strategy_keeps_its_row_and_positions_and_its_order_is_still_watched(journal):
    risk, harness = started_with(config_of(strategy("arb")), journal)
    assert names(risk) == {0: ("mm", 0, False), 1: ("arb", 0, True)}
    assert position(risk, 0) == QTY
    orders = risk.arrays.orders
    open_orders = orders[orders["state"] == OrderState.UNKNOWN]
    assert open_orders["strategy_id"].tolist() == [0], "in doubt: queried, counted"
    assert [entry[3] for entry in harness.logs].count("strategy_left_config") == 1
    again, _ = started_with(config_of(strategy("mm"), strategy("arb")), harness.journals["risk"])
    assert names(again) == {0: ("mm", 0, True), 1: ("arb", 0, True)}, "it came back as itself"


def test_strategy_on_another_account_is_another_one(journal):
    risk, _ = started_with(config_of(strategy("mm", "sub1"), strategy("arb")), journal)
    assert names(risk) == {0: ("mm", 0, False), 1: ("arb", 0, True), 2: ("mm", 1, True)}


def test_rows_are_journaled_once(journal):
    config = config_of(strategy("mm"), strategy("arb"))
    _, harness = started_with(config, journal)
    files = [bytes(file) for file in harness.journals["risk"]]
    kinds = [int(record["type"]) for record in read_journal(files, Recovery())]
    assert kinds.count(RecordType.STRATEGY_ROW) == 2
    assert kinds.count(RecordType.START) == 2


def test_journal_without_names_gives_the_rows_by_place(journal, monkeypatch):
    """As a build wrote it that knew strategies by their place."""
    monkeypatch.setattr(Registry, "strategies", lambda self, now_ns: ([[0], [1]], []))
    old = Bench(config=config_of(strategy("mm"), strategy("arb"))).ready()
    order = old.place()
    old.execution(ExecKind.CANCELED, order, cum_qty=0)
    old.settle()
    monkeypatch.undo()
    risk, _ = started_with(config_of(strategy("mm"), strategy("arb")), old.harness.journals["risk"])
    assert names(risk) == {0: ("mm", 0, True), 1: ("arb", 0, True)}
    later, _ = started_with(config_of(strategy("mm")), old.harness.journals["risk"])
    assert names(later) == {0: ("mm", 0, True)}


def test_more_names_than_fit_are_refused_in_one_sentence(journal):
    risk, harness = started_with(config_of(strategy("mm"), strategy("arb")), journal)
    registry = risk.registry
    registry._strategies |= {(f"old{k}", 0): k for k in range(2, 512)}
    registry._config = dataclasses.replace(risk.config, strategies=(strategy("one.more"),))
    with pytest.raises(ConfigError, match="at most 512 fit"):
        registry.strategies(harness.now_ns)
