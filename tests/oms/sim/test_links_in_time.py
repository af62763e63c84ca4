"""Connections in time, against the simulated exchange: the 24-hour cut, its warning, a dead peer.

A day is made short: the exchange's own LIFETIME_NS, and the age at which the executor replaces a
connection. Everything else is as it is: the exchange cuts, the executor trades on.
"""

from collections import Counter

import pytest

from oms.exchange.faults import FaultSpec
from oms.sim.harness import HarnessPorts
from oms.venues.binance.server import links as server_links
from shm_layout.enums import ExecKind, RejectReason
from tests.oms.sim.crashing import Crash, CrashedError
from tests.oms.sim.test_orders_under_faults import EXECUTOR, MS, Market, S
from tests.support import rate_row

pytestmark = pytest.mark.compiled  # minutes of market on the same kernels

DAY_NS = 90 * S
AGE_MS = 60_000
VENUE = "venue_sim.binance"


@pytest.fixture(autouse=True)
def short_days(monkeypatch):
    monkeypatch.setattr(server_links, "LIFETIME_NS", DAY_NS)
    monkeypatch.setattr(server_links, "WARNING_NS", 15 * S)


class Watched(Market):
    """A market whose every execution is noted."""

    def __init__(self, seed, ports=HarnessPorts, **group):
        self.said = Counter()
        self.reasons = Counter()
        calm = {"drop_reply_one_in": 0, "flow_events_per_s": 20}
        super().__init__(seed, ports, calm, **group)

    def run(self, ns):
        """Let time pass; the trader trades every 150 ms."""
        until = self.harness.now_ns + ns
        while self.harness.now_ns < until:
            self.trade()
            self.harness.run_until(min(self.harness.now_ns + 150 * MS, until))

    def _note(self, update):
        self.said[ExecKind(int(update["kind"])).name] += 1
        if int(update["reason"]):
            self.reasons[RejectReason(int(update["reason"])).name] += 1
        super()._note(update)

    def link(self, index=0):
        return self.harness.table(f"links.{EXECUTOR}").rows[index]

    def events(self):
        return Counter(event for _, role, _, event, _ in self.harness.logs if role == EXECUTOR)


def test_events_of_the_overlap_come_twice_and_are_used_once():
    market = Watched(4, link_max_age_ms=AGE_MS)
    market.run(130 * S)
    assert market.link()["doubled"] > 0
    assert market.heal()
    market.check(4)


def test_dead_peer_is_replaced_within_three_seconds_and_nothing_is_lost():
    market = Watched(5)
    market.run(5 * S)
    sim = market.harness.agents[VENUE]
    for conn in [c for c, link in sim.wire.links.items() if link.kind == "ws_api"]:
        sim.add_fault(FaultSpec(kind="half_open", conn=conn), market.harness.now_ns)
    market.run(4500 * MS)
    assert market.link()["dead_peers"] == 1
    assert market.said["NO_ANSWER"] > 0
    sent = market.said["ACK"]
    market.run(5 * S)
    assert market.said["ACK"] > sent, "it trades again"
    assert market.heal()
    market.check(5)


def test_executor_stopped_for_long_blames_nobody():
    market = Watched(6)
    market.run(5 * S)
    market.harness.stop(EXECUTOR)
    market.run(20 * S)
    market.harness.resume(EXECUTOR)
    market.run(5 * S)
    assert market.link()["dead_peers"] == 0
    assert market.heal()
    market.check(6)


def test_ledger_counts_what_the_exchange_counts():
    market = Watched(9)
    market.run(30 * S)
    sim = market.harness.agents[VENUE]
    row = rate_row(market.harness.table(f"rates.{EXECUTOR}").rows, "weight")
    counted = sim.server.limits.used_weights(market.harness.now_ns)[EXECUTOR]
    assert abs(int(row["used"]) - counted) <= 4, "nothing but what is under way"
    assert sum(int(n) for n in row["spent"]) == int(row["used"])


@pytest.mark.parametrize("point", range(1, 31))
def test_executor_that_dies_at_any_step_of_a_replacement_sends_nothing_twice(point):
    """The points are its own: each message, ring record and table row while one connection
    relieves another."""
    crash = Crash()
    market = Watched(point, crash.ports, link_max_age_ms=AGE_MS // 4)
    market.run(14 * S)
    crash.arm(EXECUTOR, 3 * point)
    died = False
    for _ in range(40):
        try:
            market.run(200 * MS)
        except CrashedError:
            market.harness.kill(EXECUTOR)
            died = True
            break
    assert died
    market.run(300 * MS)
    market.start_executor()
    market.run(3 * S)
    assert market.heal()
    market.check(point)
