"""The order of the end, whatever the grouping."""

from itertools import pairwise

import pytest

from oms.agents.base import BaseAgent
from procs import drain
from procs.drain import CLOSE, PHASES, Drain, phase_of

ROLES = ("strategy.mm", "risk", "executor.binance", "feed.binance.spot", "aggregator",
         "journaler", "venue_sim.binance")  # fmt: skip


class Hosted(BaseAgent):
    def __init__(self, role, told):
        self.role, self.told = role, told
        self.agent, self.closed, self.left = self, False, 0

    def do_work(self, now_ns):
        return 0

    def on_drain(self, now_ns):
        self.told.append(("drain", self.role))

    def on_close(self, now_ns):
        self.told.append(("close", self.role))

    def drained(self):
        return self.left == 0


def hosted():
    told = []
    return [Hosted(role, told) for role in ROLES], told


def test_stage_outlives_the_drain_of_the_next_one():
    agents, told = hosted()
    made = Drain(agents)
    for phase in range(1, CLOSE + 1):
        made.step(phase, lambda: 0)
    assert made.finished()
    for earlier, later in pairwise(sorted(ROLES, key=phase_of)):
        if phase_of(later) == phase_of(earlier) + 1:
            assert told.index(("drain", later)) < told.index(("close", earlier))
        assert told.index(("drain", earlier)) < told.index(("drain", later))
        assert told.index(("close", earlier)) < told.index(("close", later))
    assert len(told) == 2 * len(ROLES), "each told once"


@pytest.mark.parametrize("role", ROLES)
def test_phase_is_not_drained_while_one_agent_has_something_open(role):
    agents, _ = hosted()
    made = Drain(agents)
    one = next(a for a in agents if a.role == role)
    one.left = 1
    own = phase_of(role)
    for phase in range(1, own + 1):
        assert made.step(phase, lambda: 0) == min(phase, own - 1)
    one.left = 0
    assert made.step(own, lambda: 0) == own


def test_close_at_once_closes_what_never_drained():
    agents, told = hosted()
    for one in agents:
        one.left = 1
    made = Drain(agents)
    made.step(CLOSE, lambda: 0)
    assert made.finished()
    assert sum(what == "close" for what, _ in told) == len(ROLES)


def test_every_phase_has_a_bound():
    assert all(drain.bound_s(phase) > 0 for phase in PHASES.values())
    assert drain.bound_s(phase_of("risk")) > drain.bound_s(phase_of("feed.x"))
