"""The whole desk under faults: every role killed between turns and inside them, links cut and
silenced, replies lost; then healed, and the venue's books held against the journal's (I1 to I7).

`make test` runs a share; `python -m tests.oms.sim.test_whole_desk_under_faults FIRST COUNT` runs
any seeds, and prints each failure with its seed.
"""

import random
import sys
from collections import Counter

import pytest

from oms.agents.executor.predecessor import PredecessorWork
from oms.agents.strategy.agent import StrategyAgent
from oms.ports import NEVER
from oms.risk import recovery
from oms.risk import world_hot as w_
from tests.desks import START_NS
from tests.oms.sim.crashing import Crash, CrashedError, crash_in_commits
from tests.oms.sim.whole_desk import EXECUTOR, FEED, MS, OURS, STRATEGY, WholeDesk, whole_config

FAULTS = ("kill", "kill at a call", "crash", "crash", "crash", "cut", "silence", "stop",
          "two at once")  # fmt: skip
LINKED = (FEED, EXECUTOR)


class FaultyDesk(WholeDesk):
    """A desk to which things happen."""

    def __init__(self, seed, config=None):
        self.chance = random.Random(seed)
        self.crash = Crash()
        self.fired = Counter()
        self.kill_at = 0
        self.victim = ""
        self.calls = 0
        super().__init__(seed, config=config, ports=self.crash.ports)
        self.harness.before_call = self._before

    def _before(self, role):
        if role != self.victim:
            return
        self.calls += 1
        if self.calls == self.kill_at:
            self.fired[f"kill at a call {role}"] += 1
            self.victim = ""
            self.harness.kill(role)

    def run(self, ns):
        """Let time pass; who crashes is buried, and the others go on."""
        until = self.harness.now_ns + ns
        while True:
            try:
                self.harness.run_until(until)
                return
            except CrashedError as death:
                self.bury(str(death))

    def bury(self, role):
        self.fired[f"{role} {self.crash.died_at}"] += 1
        self.harness.kill(role)

    def resume(self, role):
        try:
            self.harness.resume(role)
        except CrashedError as death:
            self.bury(str(death))

    def revive(self):
        """Start whoever is dead; one who is armed may die again at once, and is started again."""
        for role in self.chance.sample(self.ours, len(self.ours)):
            while role not in self.harness.agents:
                try:
                    self.start(role)
                except CrashedError as death:
                    self.bury(str(death))

    def fault(self):
        self.revive()
        what = self.chance.choice(FAULTS)
        role = self.chance.choice((*OURS, "risk", EXECUTOR, STRATEGY))
        network = self.harness.network
        if what == "kill":
            self.fired[f"kill {role}"] += 1
            self.harness.kill(role)
        elif what == "kill at a call":
            self.victim, self.calls, self.kill_at = role, 0, self.chance.randint(1, 300)
        elif what == "crash":
            self.crash.arm(role, self.chance.randint(1, 25))
        elif what == "cut":
            self.fired["cut"] += 1
            network.cut(self.chance.choice(LINKED))
        elif what == "silence":
            self.fired["silence"] += 1
            network.silenced.add(self.chance.choice(LINKED))
        elif what == "stop":
            self.fired[f"stop {role}"] += 1
            self.harness.stop(role)
        else:
            self.fired["two at once"] += 1
            for other in self.chance.sample(OURS, 2):
                self.harness.kill(other)
        self.run(self.chance.randint(1, 1500) * MS)
        network.silenced.clear()
        if what == "stop":
            self.resume(role)
        self.victim = ""
        if self.chance.random() < 0.5:
            self.crash.disarm()
        self.revive()
        self.run(self.chance.randint(1, 1500) * MS)
        self.check_running()


def live_through(seed, faults=8):
    """One seed from start to the last check; the desk, for its counts."""
    desk = FaultyDesk(seed)
    with crash_in_commits(desk.crash):
        desk.run(2000 * MS)
        for _ in range(faults):
            desk.fault()
        desk.crash.disarm()
        desk.revive()
        before = desk.state(w_.ST_ORDER_COUNT)
        desk.run(15_000 * MS)
        desk.check_running()
        trades = desk.state(w_.ST_ORDER_COUNT) > before
        assert trades or desk.quotes() == {1, 2}, f"seed {seed}: healed, and nobody trades"
        desk.finish()
    desk.check_all()
    return desk


def test_whole_desk_agrees_with_its_venue_after_any_faults(sized):
    desks = [live_through(seed) for seed in range(sized(3, 1))]
    assert sum((desk.fired for desk in desks), Counter())
    assert all(desk.state(w_.ST_FILLS) for desk in desks)
    assert any(desk.state(w_.ST_UNKNOWN_SEEN) for desk in desks), "nothing unknown proves nothing"


SEEDS_BEFORE = 3
"""With the next ones something happens to an order while its agent is dead: bugs are seen."""


def crashed_at(role, point):
    """A desk one of whose agents died at that point of its turns, and then went on."""
    seed = point + SEEDS_BEFORE
    desk = FaultyDesk(seed, whole_config(seed, names=("mm", "second", "third")))
    with crash_in_commits(desk.crash):
        desk.run(45 * MS)
        desk.crash.arm(role, point)
        while not desk.crash.died_at:
            desk.run(20 * MS)
            assert desk.harness.now_ns < START_NS + 60_000 * MS, f"{role} never came to {point}"
        desk.revive()
        desk.run(700 * MS)
        desk.check_running()
        desk.finish()
    desk.check_all()
    return desk


@pytest.mark.compiled  # the same kernels, at every point
@pytest.mark.parametrize(("role", "points"), [("risk", 6), (EXECUTOR, 3), (STRATEGY, 2)])
def test_desk_agrees_with_its_venue_wherever_in_its_turn_an_agent_dies(role, points):
    died = {desk.crash.died_at for desk in crashed_at_each(role, points)}
    assert len(died) > 1, f"it died at one point alone: {died}"


def crashed_at_each(role, points):
    return [crashed_at(role, point) for point in range(1, points + 1)]


def says_nothing(former):
    former.due_ns = NEVER
    return []


PLANTED = [
    (recovery, "_resume", lambda reader, behind: None, "risk"),
    (recovery.Found, "finish", lambda found, agent, now_ns: None, "risk"),
    (StrategyAgent, "_read_tables", lambda agent, now_ns: None, "risk"),
    (PredecessorWork, "settle", says_nothing, EXECUTOR),
]


@pytest.mark.compiled  # the same kernels, at every point
@pytest.mark.parametrize(("place", "name", "bug", "role"), PLANTED, ids=[b[1] for b in PLANTED])
def test_planted_bug_is_caught_within_three_deaths(monkeypatch, place, name, bug, role):
    monkeypatch.setattr(place, name, bug)
    with pytest.raises(AssertionError, match="seed"):
        crashed_at_each(role, 3)


def main(first, count):
    """Many seeds; a line for each that fails, then what fired."""
    fired: Counter[str] = Counter()
    failed = orders = fills = unknown = 0
    for seed in range(first, first + count):
        try:
            desk = live_through(seed)
        except Exception as trouble:  # noqa: BLE001 - each seed's failure is a line, whatever it is
            failed += 1
            print(f"seed {seed}: {type(trouble).__name__}: {str(trouble)[:300]}", flush=True)
            continue
        fired += desk.fired
        orders += desk.state(w_.ST_ORDER_COUNT)
        fills += desk.state(w_.ST_FILLS)
        unknown += desk.state(w_.ST_UNKNOWN_SEEN)
    print(f"{count} seeds, {failed} failed; {orders} orders, {fills} fills, {unknown} unknown")
    for what, times in sorted(fired.items()):
        print(f"{times:6} {what}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
