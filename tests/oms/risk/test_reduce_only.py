"""A process that dies in a loop makes the venues that it serves reduce-only: what passes, what is
cancelled, what is journaled, and how it ends.
"""

import dataclasses

import pytest

from oms.config import HostConfig, ProcessConfig, StrategyConfig
from oms.journal.reader import Recovery, read_journal
from oms.risk.venue_modes import LOOK_NS, venues_of_role
from shm_layout.enums import (
    Action,
    OrderState,
    ProcessState,
    RecordType,
    RejectReason,
    Side,
    Venue,
)
from tests.desks import desk_config, top
from tests.oms.agents.test_risk import PX, QTY, Bench, Scripted
from tests.oms.sim.whole_desk import fold_state, folded_anew

SPOT = int(Venue.BINANCE_SPOT)
WHO = {"uid": 1000, "pid": 99}
FEED, ENGINE, JOURNALER = range(3)
HOST = HostConfig(
    "test",
    (
        ProcessConfig("feed", ("feed.binance.spot",), 0),
        ProcessConfig("engine", ("risk", "executor.binance", "aggregator", "strategy.mm"), 0),
        ProcessConfig("journaler", ("journaler",), 0),
    ),
)


class Desk(Bench):
    """Risk with a supervisor's table that the test writes."""

    def __init__(self):
        super().__init__(config=desk_config(host=HOST))
        supervisor = Scripted("supervisor")
        self.harness.start("supervisor", supervisor)
        self.processes = supervisor.ports.table_writer("processes")
        for index in (FEED, ENGINE, JOURNALER):
            self.says(index, ProcessState.READY)
        self.ready()

    def says(self, index, state, restarts=0):
        """What the supervisor makes of a process; risk has looked afterwards."""
        self.processes.write(index, state=int(state), restarts=restarts)
        self.look()

    def look(self):
        self.harness.run_until(self.harness.now_ns + LOOK_NS)
        self.tops.append(top(PX - 100, PX + 100, self.harness.now_ns)[0])
        self.settle()

    def fails(self, restarts=6):
        self.says(FEED, ProcessState.FAILED, restarts)

    def venue(self):
        return self.risk.arrays.tables["venues"].rows[SPOT]

    def venue_records(self):
        files = [bytes(file) for file in self.harness.journals["risk"]]
        records = read_journal(files, Recovery())
        return [r for r in records if int(r["type"]) == RecordType.VENUE_ROW]

    def refusal(self, **fields):
        """Why a new order was refused; UNSET = it was sent."""
        self.told()
        self.intent(**fields)
        self.settle()
        return RejectReason(int(self.told()[-1]["reason"]))

    def position(self, side=Side.BUY, qty=3 * QTY):
        """A position of `qty`, filled as a maker."""
        order = self.place(side=side, qty=qty, px=PX)
        self.fill(order, self.intent_count, qty, PX)
        self.settle()
        assert self.row(order)["state"] == OrderState.FILLED

    def resume(self, **fields):
        return self.harness.control("risk", "venues_resume", {**WHO, "reason": "test", **fields})


@pytest.fixture
def desk():
    return Desk()


def test_venue_of_a_failed_process_takes_no_order_that_opens_a_position(desk):
    assert desk.refusal() == RejectReason.UNSET
    desk.fails()
    assert int(desk.venue()["reduce_only"]) == 1
    assert desk.refusal(side=Side.BUY) == RejectReason.REDUCE_ONLY
    assert desk.refusal(side=Side.SELL) == RejectReason.REDUCE_ONLY


@pytest.mark.parametrize(("held", "closing"), [(Side.BUY, Side.SELL), (Side.SELL, Side.BUY)])
def test_orders_that_reduce_pass_up_to_the_position_open_ones_counted(desk, held, closing):
    desk.position(held)
    desk.fails()
    assert desk.refusal(side=held, px=PX) == RejectReason.REDUCE_ONLY
    assert desk.refusal(side=closing, px=PX, qty=4 * QTY) == RejectReason.REDUCE_ONLY
    assert desk.refusal(side=closing, px=PX, qty=2 * QTY) == RejectReason.UNSET
    assert desk.refusal(side=closing, px=PX, qty=2 * QTY) == RejectReason.REDUCE_ONLY
    assert desk.refusal(side=closing, px=PX, qty=QTY) == RejectReason.UNSET


def test_what_rested_is_cancelled_and_reducing_orders_of_afterwards_stay(desk):
    desk.position()
    old = desk.place(side=Side.BUY)
    desk.fails()
    asked = desk.commands()
    assert [(int(c["client_order_id"]), int(c["action"])) for c in asked] == [(old, Action.CANCEL)]
    new = desk.place(side=Side.SELL, px=PX, qty=QTY)
    desk.look()
    assert desk.row(new)["state"] == OrderState.OPEN
    assert not len(desk.commands())


def test_change_is_journaled_before_it_counts_and_outlives_risk(desk):
    desk.fails()
    record = desk.venue_records()[-1]
    assert int(record["reduce_only"]) == 1
    assert int(record["since_seq"]) == int(record["seq"])
    assert bytes(record["process"]) == b"feed"
    assert b"started 7 times" in bytes(record["reason"])
    desk.says(FEED, ProcessState.STARTING, 7)
    desk.restart()
    desk.look()
    assert int(desk.venue()["reduce_only"]) == 1
    assert desk.refusal() == RejectReason.REDUCE_ONLY
    assert len(desk.venue_records()) == 1
    assert fold_state(folded_anew(desk)) == fold_state(desk.risk.arrays)


def test_it_ends_when_every_process_of_the_venue_is_ready_again(desk):
    desk.fails()
    desk.says(FEED, ProcessState.STARTING, 6)
    assert desk.refusal() == RejectReason.REDUCE_ONLY
    desk.says(ENGINE, ProcessState.STOPPED)
    desk.says(FEED, ProcessState.READY, 6)
    assert desk.refusal() == RejectReason.REDUCE_ONLY
    desk.says(ENGINE, ProcessState.READY, 1)
    assert desk.refusal() == RejectReason.UNSET
    assert [int(r["reduce_only"]) for r in desk.venue_records()] == [1, 0]


def test_person_ends_it_until_the_process_is_started_again(desk):
    desk.fails()
    assert desk.resume(dry_run=True) == {"venues": ["binance.spot"]}
    assert desk.refusal() == RejectReason.REDUCE_ONLY
    assert desk.resume() == {"venues": ["binance.spot"]}
    desk.look()
    assert desk.refusal() == RejectReason.UNSET
    record = desk.venue_records()[-1]
    assert (int(record["uid"]), bytes(record["reason"])) == (1000, b"test")
    desk.fails(restarts=7)
    assert desk.refusal() == RejectReason.REDUCE_ONLY


def test_resume_wants_a_reason_and_a_venue_that_is_reduce_only(desk):
    assert "nothing to resume" in desk.resume()["error"]
    desk.fails()
    assert "required is one" in desk.resume(reason=" ")["error"]


def test_failed_journaler_leaves_every_venue_free(desk):
    desk.says(JOURNALER, ProcessState.FAILED, 9)
    assert desk.refusal() == RejectReason.UNSET


@pytest.mark.parametrize(
    ("role", "found"),
    [
        ("feed.binance.spot", {SPOT}), ("executor.binance", {SPOT}), ("venue_sim.binance", {SPOT}),
        ("strategy.mm", {SPOT}), ("strategy.none", set()), ("risk", {SPOT}),
        ("aggregator", {SPOT}), ("watchdog", {SPOT}), ("journaler", set()),
    ],
)  # fmt: skip
def test_roles_have_the_venues_that_depend_on_them(role, found):
    config = desk_config()
    none = StrategyConfig("none", "market_maker", ("main",), ())
    config = dataclasses.replace(config, strategies=(*config.strategies, none))
    assert venues_of_role(config, role) == found
