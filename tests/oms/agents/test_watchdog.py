"""The watchdog on the harness: a whole desk is killed, under every fault, and stays killed.

The exchange's own list is the judge. `python -m tests.oms.agents.test_watchdog FIRST COUNT` runs
any seeds, and prints each failure with its seed.
"""

import dataclasses
import random
import sys

import pytest

from oms.config import AccountConfig
from oms.exchange.engine import layout_hot as lay
from oms.exchange.faults import FaultSpec
from oms.exchange.orders import Order, OrderRequest
from oms.sim.harness import Harness
from shm_layout.channels import Capacity, topology
from shm_layout.enums import OrderState, RecordType, RejectReason
from tests.desks import START_NS
from tests.oms.sim.whole_desk import (
    EXECUTOR,
    MS,
    STRATEGY,
    VENUE,
    WATCHDOG,
    WHO,
    Guarded,
    S,
    WholeDesk,
    whole_config,
)
from tests.support import rate_row

pytestmark = pytest.mark.compiled


class GuardedDesk(Guarded, WholeDesk):
    """A whole desk with its watchdog."""

    def __init__(self, seed, config=None):
        super().__init__(seed, config=config)
        self.start(WATCHDOG)

    def accepted(self):
        return len(self.log.history(0, 0))

    def until_open(self):
        assert self.harness.run_while(lambda: not self.open(), self.harness.now_ns + 30 * S)

    def fault(self, kind, **values):
        self.harness.agents[VENUE].add_fault(FaultSpec(kind, **values), self.harness.now_ns)

    def refusals(self, reason):
        return [
            record for record in self.records()
            if int(record["type"]) == RecordType.ORDER_UPDATE and int(record["reason"]) == reason
        ]  # fmt: skip


@pytest.fixture
def desk():
    made = GuardedDesk(5)
    made.run(3 * S)
    made.until_open()
    return made


def test_kill_cancels_at_the_exchange_and_refuses_what_comes_after(desk):
    assert desk.kill()["latch"]["latched"]
    desk.until_swept()
    assert desk.open() == 0
    accepted = desk.accepted()
    desk.run(20 * S)
    assert desk.accepted() == accepted, "an order after the kill"
    assert desk.refusals(RejectReason.KILLED)
    assert not desk.open_orders().size, "the desk has heard of every cancel"


ACCOUNTS = 120
WEIGHT_PER_MINUTE = 6000


def rest(market, account, symbol, now_ns):
    """An order to buy far below the market."""
    spec = market.specs[symbol]
    px, qty = spec.mid // 2, spec.lot * 1000
    asked = OrderRequest(
        symbol, account, lay.SIDE_BUY, lay.TYPE_LIMIT, 1, px, qty, 0, f"r{account}"
    )
    assert isinstance(market.submit(asked, now_ns), Order)


def wide_desk(seed=9):
    """An exchange with an order on each of 120 accounts, one of them in a market that the desk's
    config does not name, and a watchdog.
    """
    accounts = tuple(AccountConfig(f"sub{k}", f"binance.sub{k}") for k in range(ACCOUNTS))
    made = whole_config(seed, drop_reply_one_in=0, flow_events_per_s=1)
    group = dataclasses.replace(made.groups[0], accounts=accounts)
    eth = dataclasses.replace(made.sims[0].instruments[0], symbol="ETHUSDT", base="ETH", mid="3000")
    sim = dataclasses.replace(
        made.sims[0], instruments=(*made.sims[0].instruments, eth),
        balances={**made.sims[0].balances, "ETH": "100"},
    )  # fmt: skip
    config = dataclasses.replace(made, groups=(group,), sims=(sim,), dead_man_ms=0)
    config = dataclasses.replace(config, strategies=())
    desk = object.__new__(GuardedDesk)
    desk.seed, desk.config, desk.ours = seed, config, ()
    desk.harness = Harness(topology(["binance.spot"], ["binance"], []), seed, START_NS)
    desk.ended("all")
    desk.start(VENUE, WATCHDOG)
    market = desk.harness.agents[VENUE].market
    for account in range(ACCOUNTS):
        rest(market, account, symbol=int(account == 77), now_ns=desk.harness.now_ns)
    assert sum(len(desk.log.open_orders(k, None)) for k in range(ACCOUNTS)) == ACCOUNTS
    return desk


def test_hundred_accounts_are_proved_empty_within_a_minutes_weight_and_without_a_429():
    desk = wide_desk()
    began = desk.harness.now_ns
    plan = desk.kill()["sweep"]
    assert plan["weight"] == ACCOUNTS * (1 + 20)
    assert plan["weight"] < WEIGHT_PER_MINUTE
    desk.until_swept(within_ns=plan["within_s"] * S)
    assert not any(desk.log.open_orders(k, None) for k in range(ACCOUNTS))
    found = desk.shown()
    assert found["cancelled"] == ACCOUNTS
    assert desk.harness.now_ns - began < 30 * S, "in virtual time"
    desk.run(1 * S)
    row = rate_row(desk.harness.table("rates.watchdog.binance").rows, "weight")
    assert plan["weight"] <= int(row["used"]) <= plan["weight"] + 80 + 60
    assert int(row["reported"]) > 0, "the exchange's own count"
    assert not any(event == "venue_asks_pause" for *_, event, _ in desk.harness.logs)


def test_minute_that_is_used_up_is_waited_out_and_the_cancels_go_first():
    desk = wide_desk()
    desk.harness.agents[VENUE].server.limits.charge_weight(WATCHDOG, 5_000, desk.harness.now_ns)
    desk.kill()
    desk.run(2 * S)
    left = sum(len(desk.log.open_orders(k, None)) for k in range(ACCOUNTS))
    assert left == 1, "but for the one in a market that nobody named"
    assert not desk.watchdog.sweep.done
    desk.until_swept(within_ns=90 * S)
    assert not any(desk.log.open_orders(k, None) for k in range(ACCOUNTS))
    assert not any(event == "venue_asks_pause" for *_, event, _ in desk.harness.logs)


def test_dry_run_of_many_accounts_keeps_to_the_kills_share():
    desk = wide_desk()
    desk.kill(dry_run=True)
    desk.run(5 * S)
    row = rate_row(desk.harness.table("rates.watchdog.binance").rows, "weight")
    assert 0 < int(row["used"]) <= WEIGHT_PER_MINUTE * 20 // 100
    assert not desk.watchdog._looked.done


def test_kill_needs_neither_risk_nor_executor(desk):
    desk.harness.stop("risk")
    desk.harness.stop(EXECUTOR)
    desk.kill()
    desk.until_swept()
    assert desk.open() == 0
    accepted = desk.accepted()
    for role in ("risk", EXECUTOR):
        desk.harness.resume(role)
    desk.run(20 * S)
    assert desk.accepted() == accepted
    assert desk.open() == 0


def test_kill_waits_out_429_for_as_long_as_the_exchange_says(desk):
    desk.fault("http_429", for_ms=8_000, retry_after_s=9)
    desk.kill()
    desk.run(8 * S)
    assert desk.shown()["accounts"][0]["trouble"].startswith("429")
    asked = desk.harness.agents[VENUE].wire.requests
    desk.until_swept()
    assert desk.harness.agents[VENUE].wire.requests - asked < 60, "it was patient"
    assert desk.open() == 0


def test_clock_that_is_off_does_not_keep_orders_alive(desk):
    desk.fault("clock_step", shift_ms=-3_600_000)
    desk.kill()
    desk.until_swept()
    assert desk.open() == 0


def test_latch_outlives_the_watchdog_and_an_unfinished_sweep_begins_again(desk):
    desk.kill()
    desk.harness.kill(WATCHDOG)
    desk.start(WATCHDOG)
    assert desk.watchdog.latch.latched
    assert desk.watchdog.latch.reason == "test"
    desk.until_swept()
    assert desk.open() == 0
    desk.harness.kill(WATCHDOG)
    desk.start(WATCHDOG)
    assert desk.watchdog.sweep is None, "what is proved is not proved again"


def test_start_syncs_no_file_that_says_the_same_unless_latched(desk):
    """A sync takes seconds on a busy disk, and the watchdog guards nothing meanwhile."""
    written = []
    for name, file in desk.harness.fixed_files.items():
        put = file.write
        file.write = lambda at, data, put=put, name=name: written.append(name) or put(at, data)
    desk.harness.kill(WATCHDOG)
    desk.start(WATCHDOG)
    assert written == []
    desk.kill()
    assert written
    written.clear()
    desk.harness.kill(WATCHDOG)
    desk.start(WATCHDOG)
    assert written, "a predecessor may have been killed before its sync"


@pytest.mark.parametrize("lost", ["journal", "file"])
def test_latch_is_remembered_by_its_file_or_by_its_journal(desk, lost):
    desk.kill()
    desk.harness.kill(WATCHDOG)
    if lost == "journal":
        desk.harness.journals[WATCHDOG].clear()
    else:
        desk.harness.fixed_files.clear()
    desk.start(WATCHDOG)
    assert desk.watchdog.latch.latched


def test_resume_wants_a_reason_and_a_proof(desk):
    assert "not latched" in desk.resume(reason="x")["error"]
    desk.kill()
    assert "reason" in desk.resume(reason=" ")["error"]
    assert "not said yet" in desk.resume(reason="x")["error"]
    desk.until_swept()
    assert "error" not in desk.resume(reason="x", dry_run=True)
    assert desk.watchdog.latch.latched
    accepted = desk.accepted()
    assert not desk.resume(reason="checked")["latch"]["latched"]
    desk.run(10 * S)
    assert desk.accepted() > accepted, "it trades again"
    desk.finish()
    desk.check_all()


def test_resume_waits_for_reconciliation_unless_forced(desk):
    desk.kill()
    desk.until_swept()
    desk.harness.kill("risk")
    desk.harness.table("accounts").rows["reconciled"][0] = 0
    assert "not reconciled" in desk.resume(reason="x")["error"]
    assert "error" not in desk.resume(reason="x", force=True)


def test_dry_run_lists_and_changes_nothing(desk):
    opened = desk.open()
    desk.kill(dry_run=True)
    desk.run(200 * MS)
    found = desk.harness.control(WATCHDOG, "kill_status", {**WHO, "dry_run": True})
    assert not found["latch"]["latched"]
    assert found["sweep"]["done"]
    assert len(found["sweep"]["left"]) == opened > 0
    assert {"symbol", "side", "qty", "px", "venue_order_id"} <= set(found["sweep"]["left"][0])


def test_latch_of_the_command_is_taken_over_and_swept(desk):
    from oms.agents.latch import COMMAND_FILE, Latch, set_latch
    from oms.sim.harness import HarnessPorts
    from shm_layout.channels import COMMAND

    desk.harness.stop(WATCHDOG)
    desk.harness.outputs[COMMAND] = []
    ports = HarnessPorts(desk.harness, COMMAND, 1)
    made = Latch(latched=True, count=1, reason="by hand")
    set_latch(made, ports.table_writer("latch.command"), ports.fixed_file(COMMAND_FILE))
    accepted = desk.accepted()
    desk.run(2 * S)
    assert desk.accepted() - accepted <= 2, "what was on its way, and no more"
    desk.harness.resume(WATCHDOG)
    desk.until_swept()
    assert desk.open() == 0
    assert desk.watchdog.latch.reason == "by hand"
    assert "error" not in desk.resume(reason="x")
    assert not desk.harness.agents["risk"]._latch.latched()


def test_journal_that_fails_hinders_no_kill_and_is_written_later(desk):
    from oms.errors import JournalError
    from oms.sim.harness import MemoryJournal

    def refuse(self, block):
        raise JournalError("no space left")

    append, MemoryJournal.append = MemoryJournal.append, refuse
    try:
        desk.kill()
    finally:
        MemoryJournal.append = append
    assert desk.watchdog.latch.latched
    desk.until_swept()
    assert len(b"".join(bytes(f) for f in desk.harness.journals[WATCHDOG])) > 2 * 256
    assert desk.open() == 0


class BeatingDesk(GuardedDesk):
    """One whose processes show their heartbeats, as on the live host."""

    def __init__(self, seed):
        config = dataclasses.replace(whole_config(seed), dead_man_ms=5000)
        self.seed, self.config = seed, config
        desk = topology(
            ["binance.spot"], ["binance"], ["mm"], Capacity.small(),
            [p.name for p in config.host.processes],
        )  # fmt: skip
        self.harness = Harness(desk, seed, START_NS)
        self.ours = ("feed.binance.spot", "aggregator", STRATEGY, "risk", EXECUTOR, "journaler")
        self.beats = True
        self.start(VENUE, *self.ours, WATCHDOG)

    def run(self, ns):
        until = self.harness.now_ns + ns
        row = self.harness.table("process.all").rows
        while self.harness.now_ns < until:
            if self.beats:
                row["seq"][0] = 2
                row["heartbeat_ns"][0] = self.harness.now_ns
            self.harness.run_until(min(self.harness.now_ns + 250 * MS, until))


def test_standstill_with_open_orders_is_swept_once_and_not_latched():
    desk = BeatingDesk(7)
    desk.run(3 * S)
    desk.until_open()
    for role in ("risk", EXECUTOR, STRATEGY):
        desk.harness.stop(role)
    desk.beats = False
    desk.run(4 * S)
    assert desk.watchdog.sweep is None
    desk.run(15 * S)
    assert desk.open() == 0
    assert desk.watchdog.sweep.done
    assert not desk.watchdog.latch.latched
    first = desk.watchdog.sweep
    desk.run(20 * S)
    assert desk.watchdog.sweep is first, "once per standstill"
    for role in ("risk", EXECUTOR, STRATEGY):
        desk.harness.resume(role)
    desk.beats = True
    desk.run(20 * S)
    desk.finish()
    desk.check_all()


FAULTS = (
    {"kind": "http_429", "for_ms": 4_000, "retry_after_s": 2},
    {"kind": "http_418", "for_ms": 4_000, "retry_after_s": 5},
    {"kind": "http_5xx", "probability_e6": 400_000},
    {"kind": "accepted_5xx", "probability_e6": 400_000, "link": "rest"},
    {"kind": "lose", "link": "rest", "probability_e6": 300_000},
    {"kind": "delay", "link": "rest", "delay_ms": 700, "jitter_ms": 900},
    {"kind": "duplicate", "link": "rest", "probability_e6": 300_000},
    {"kind": "maintenance", "for_ms": 6_000},
    {"kind": "drop_reply"},
)  # fmt: skip


def run_seed(seed):
    """A kill while things fail; returns what happened, for the counting of faults."""
    chance = random.Random(seed)
    desk = GuardedDesk(seed)
    desk.run(2 * S + chance.randrange(3 * S))
    happened = []
    for fault in chance.sample(FAULTS, chance.randrange(3)):
        desk.fault(**fault)
        happened.append(fault["kind"])
    for role in chance.sample(["risk", EXECUTOR, STRATEGY, "aggregator"], chance.randrange(4)):
        desk.harness.stop(role)
        happened.append(f"stop {role}")
    opened = desk.open()
    desk.run(chance.randrange(200 * MS))
    desk.kill()
    if chance.random() < 0.4:
        desk.run(chance.randrange(6 * S))
        desk.harness.kill(WATCHDOG)
        desk.run(chance.randrange(1 * S))
        desk.start(WATCHDOG)
        happened.append("kill watchdog")
    if chance.random() < 0.3:
        desk.run(chance.randrange(2 * S))
        for role in ("risk", EXECUTOR, STRATEGY, "aggregator"):
            desk.harness.resume(role)
        happened.append("resumed in between")
    desk.run(10 * S)
    desk.harness.agents[VENUE].clear_faults(0)
    desk.until_swept()
    assert desk.open() == 0, f"seed {seed}: open at the exchange after the proof, {happened}"
    accepted = desk.accepted()
    for role in ("risk", EXECUTOR, STRATEGY, "aggregator"):
        desk.harness.resume(role)
    desk.run(15 * S)
    assert desk.open() == 0, f"seed {seed}: an order has come back, {happened}"
    assert desk.accepted() == accepted, f"seed {seed}: accepted after the proof, {happened}"
    states = desk.open_orders()["state"]
    assert OrderState.OPEN not in states, f"seed {seed}: risk believes one open, {happened}"
    return happened, opened


def test_nothing_is_left_under_any_fault(sized):
    seen, orders = set(), 0
    for seed in range(sized(10, 4)):
        happened, opened = run_seed(seed)
        seen.update(happened)
        orders += opened
    assert orders, "no order was open in any of them"
    assert len(seen) >= sized(6, 3), f"few faults fired: {seen}"


if __name__ == "__main__":
    first, count = int(sys.argv[1]), int(sys.argv[2])
    failed = 0
    for number in range(first, first + count):
        try:
            run_seed(number)
        except AssertionError as error:
            failed += 1
            print(error, flush=True)
    print(f"{count} seeds, {failed} failed")
    sys.exit(1 if failed else 0)
