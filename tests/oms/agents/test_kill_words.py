"""What a kill says depends on its sender: one that lives, stands still, or has ended."""

import dataclasses

import pytest

from tests.oms.agents.test_watchdog import GuardedDesk
from tests.oms.sim.whole_desk import EXECUTOR, MS, S, whole_config

pytestmark = pytest.mark.compiled

LIFETIME_NS = 6_250 * MS
"""Of a request: recv_window_ms, what a time stamp may lie ahead, what clocks may differ."""


@pytest.fixture(params=["socket", "rest"])
def desk(request):
    """By each way of new orders."""
    plain = whole_config(5)
    group = dataclasses.replace(plain.groups[0], order_way=request.param)
    made = GuardedDesk(5, dataclasses.replace(plain, groups=(group,)))
    made.run(3 * S)
    made.until_open()
    return made


def test_sender_that_lives_says_its_word_and_the_kill_is_proved(desk):
    desk.kill()
    desk.run(100 * MS)
    (sender,) = desk.shown()["senders"]
    assert (sender["spoken"], sender["dead"]) == (True, False)
    desk.until_swept()
    assert desk.shown()["word"] == "PROVED"
    assert desk.shown()["may_arrive"] == []


def test_sender_that_stands_keeps_the_kill_open_until_it_has_ended(desk):
    """It may have cleared an order before the latch and send it whenever it takes a turn again."""
    desk.supervised = False
    desk.harness.stop(EXECUTOR)
    desk.kill()
    desk.run(60 * S)
    assert desk.open() == 0
    assert desk.shown()["word"] == "OPEN"
    assert not desk.watchdog.latch.swept
    assert "not said yet" in desk.resume(reason="x")["error"]
    desk.supervised = True
    desk.until_swept()
    assert desk.shown()["word"] == "PROVED"


def test_what_a_dead_sender_sent_is_waited_for_until_the_exchange_refuses_it(desk):
    desk.harness.kill(EXECUTOR)
    desk.ended("all")
    desk.kill()
    desk.run(LIFETIME_NS // 2)
    found = desk.shown()
    assert found["senders"][0]["dead"]
    assert (desk.open(), found["word"]) == (0, "EMPTY")
    assert not found["final"], "time goes on to say more"
    desk.run(LIFETIME_NS // 2 - 200 * MS)
    assert not desk.watchdog.latch.swept
    desk.until_swept(within_ns=5 * S)
    assert desk.shown()["word"] == "PROVED"
