"""Capacities come from array shapes (DESIGN.md law 2): a desk of tiny rings laps and pushes back
all the time, refuses by name, and stays right.
"""

import pytest

from oms.agents.executor import agent as executor
from oms.agents.executor import out as executor_out
from oms.risk import world_hot as w_
from shm_layout.channels import Capacity
from shm_layout.enums import Action, OrderState, RecordType, RejectReason
from shm_layout.ring_hot import READ_POS, WRITE_POS
from tests.oms.sim.whole_desk import EXECUTOR, MS, STRATEGY, S, WholeDesk, whole_config

TINY = Capacity(
    md_slots=256, top_slots=16, intent_slots=1, order_slots=8, execution_slots=8, update_slots=8,
    instruments=2, accounts=2, currencies=4, orders=64, positions=8,
)  # fmt: skip
SOME = ("mm", "second", "third", "fourth")


def tiny(seed, **changes):
    return WholeDesk(seed, TINY, whole_config(seed, names=SOME, **changes))


def stopped(desk, role, ns):
    """Let the desk run while one role stands still."""
    desk.harness.stop(role)
    desk.run(ns)
    desk.harness.resume(role)
    desk.run(500 * MS)


def reasons(desk):
    return {
        RejectReason(int(r["reason"]))
        for r in desk.records()
        if int(r["type"]) == RecordType.ORDER_UPDATE and int(r["state"]) == OrderState.REJECTED
    }


def logged(desk, event):
    return [fields for _, _, _, name, fields in desk.harness.logs if name == event]


def test_desk_of_tiny_rings_stays_right(sized):
    for seed in range(1):
        desk = tiny(seed)
        desk.run(sized(10, 3) * S)
        desk.check_running()
        desk.finish()
        desk.check_all()
        assert desk.state(w_.ST_ORDER_COUNT) > len(desk.risk.arrays.orders), "no row used twice"


@pytest.mark.compiled  # the same kernels
def test_executor_that_stands_still_is_pushed_back_on_and_cancels_keep_their_share():
    desk = tiny(3)
    desk.run(45 * MS)
    ring = desk.harness.ring("orders.binance")
    cursor = desk.harness.cursor("orders.binance", EXECUTOR)
    desk.harness.stop(EXECUTOR)
    for _ in range(40):
        desk.run(50 * MS)
        waiting = ring.slots["action"][
            [p & 7 for p in range(int(cursor[READ_POS]), int(ring.words[WRITE_POS]))]
        ].tolist()
        assert waiting.count(Action.NEW) <= 7, "the last eighth is not for new orders"
    assert RejectReason.VENUE_BACKPRESSURE in reasons(desk)
    desk.harness.resume(EXECUTOR)
    desk.run(5 * S)
    desk.check_running()
    desk.finish()
    desk.check_all()


@pytest.mark.compiled  # a minute of virtual time
def test_executor_that_is_dead_leaves_risk_quiet():
    """A query that is due and finds no room waits for a timer; it does not spin."""
    desk = tiny(3)
    desk.run(2 * S)
    desk.harness.kill(EXECUTOR)
    turns = 0

    def count(role):
        nonlocal turns
        turns += role == "risk"

    desk.harness.before_call = count
    for name in SOME:
        desk.harness.kill(f"strategy.{name}")
    desk.harness.kill("aggregator")
    for row in desk.open_orders()["client_order_id"].tolist():
        desk.risk.doubt(row & (len(desk.risk.arrays.orders) - 1))
    desk.harness._ready["risk"] = None
    desk.run(60 * S)
    ring = desk.harness.ring("orders.binance")
    cursor = desk.harness.cursor("orders.binance", EXECUTOR)
    assert int(ring.words[WRITE_POS]) - int(cursor[READ_POS]) == len(ring.slots), "not full"
    assert turns < 60 * 100 + 100


@pytest.mark.compiled  # the same kernels, and minutes of virtual time
@pytest.mark.parametrize(
    ("role", "event"), [(STRATEGY, "updates_lapped"), ("aggregator", "md_lapped")]
)
def test_reader_that_stands_still_is_lapped_told_and_right_again(role, event):
    desk = tiny(4, flow_events_per_s=400)
    desk.run(2 * S)
    for _ in range(3):
        stopped(desk, role, 3 * S)
        desk.check_running()
    assert logged(desk, event)
    assert all(fields["lost"] > 0 for fields in logged(desk, event))
    desk.finish()
    desk.check_all()


@pytest.mark.compiled  # the same
def test_risk_that_stands_still_finds_full_rings_and_loses_nothing(monkeypatch):
    """Executions: the executor stops reading its sockets and reconciles afterwards."""
    monkeypatch.setattr(executor_out, "EXECUTION_BACKLOG_MAX", 6)
    monkeypatch.setattr(executor, "EXECUTION_BACKLOG_MAX", 6)
    desk = tiny(7)
    desk.run(2 * S)
    for _ in range(4):
        stopped(desk, "risk", 3 * S)
        desk.run(3 * S)
        desk.check_running()
    lost = [fields["reason"] for fields in logged(desk, "private_link_lost")]
    assert "executions are not read" in lost
    assert desk.state(w_.ST_TOPS_LOST) > 0
    assert logged(desk, "intents_full")
    desk.finish()
    desk.check_all()
