"""A parked process gives its core away between passes, but not to a stranger again and again."""

import pytest

from procs.machine.system import YIELD_LONG_NS, YIELD_PAUSES, GiveWay

pytestmark = pytest.mark.compiled


class Core:
    """A clock that moves by what each yield takes."""

    def __init__(self):
        self.now_ns = 5
        self.takes_ns = 0
        self.given = 0

    def give(self):
        self.given += 1
        self.now_ns += self.takes_ns


def test_core_is_given_away_while_it_comes_back_soon():
    core = Core()
    give_way = GiveWay(core.give, lambda: core.now_ns)
    core.takes_ns = YIELD_LONG_NS
    for _ in range(5):
        give_way()
    assert core.given == 5


def test_second_long_yield_running_is_the_last_for_a_time_in_proportion():
    core = Core()
    give_way = GiveWay(core.give, lambda: core.now_ns)
    core.takes_ns = YIELD_LONG_NS + 1
    give_way()
    give_way()
    core.now_ns += YIELD_PAUSES * core.takes_ns - 1
    give_way()
    assert core.given == 2
    core.now_ns += 1
    give_way()
    assert core.given == 3
    give_way()
    assert core.given == 3


def test_one_long_yield_between_short_ones_changes_nothing():
    core = Core()
    give_way = GiveWay(core.give, lambda: core.now_ns)
    for takes_ns in (0, YIELD_LONG_NS + 1, 0, YIELD_LONG_NS + 1, 0):
        core.takes_ns = takes_ns
        give_way()
    assert core.given == 5
