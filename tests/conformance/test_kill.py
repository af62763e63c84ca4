"""C13: what a kill says, per list of orders, and by what became of its sender."""

import pytest

from oms.venues.data import Absent, lifetime_ms
from shm_layout.enums import OrderState, RejectReason, Side
from tests.conformance.stand import MS, GuardedStand, S


@pytest.fixture
def guarded(venue, space, way):
    """A desk with an order in that list of the market, which sends by that way."""
    made = GuardedStand(venue, 5, way=way).trading()
    made.opened_in(space)
    assert made.open() == 1
    return made


def test_c13_sender_that_lives_says_its_word_and_the_kill_is_proved(guarded):
    guarded.kill()
    guarded.run(100 * MS)
    (sender,) = guarded.shown()["senders"]
    assert (sender["spoken"], sender["dead"]) == (True, False)
    guarded.until_swept()
    assert guarded.shown()["word"] == "PROVED"
    assert guarded.shown()["may_arrive"] == []
    assert guarded.open() == 0


def test_c13_sender_that_stands_keeps_the_kill_open_until_it_has_ended(guarded):
    """It may have cleared an order before the latch and send it whenever it takes a turn again."""
    guarded.supervised = False
    guarded.harness.stop(guarded.executor_role)
    guarded.kill()
    guarded.run(20 * S)
    assert guarded.open() == 0
    assert guarded.shown()["word"] == "OPEN"
    assert not guarded.watchdog.latch.swept
    assert "not said yet" in guarded.resume(reason="x")["error"]
    guarded.supervised = True
    guarded.until_swept()
    assert guarded.shown()["word"] == "PROVED"


def test_c13_what_a_dead_sender_sent_is_waited_for_until_the_exchange_refuses_it(guarded):
    group = guarded.config.groups[0]
    lifetime = lifetime_ms(guarded.venue.facts.caps, group.recv_window_ms, group.clock_warn_ms)
    guarded.harness.kill(guarded.executor_role)
    guarded.ended("all")
    guarded.kill()
    if lifetime is None:  # nothing ends by time there
        guarded.run(60 * S)
        assert guarded.venue.facts.caps.absent is not Absent.AFTER_LIFETIME
        assert (guarded.open(), guarded.shown()["word"]) == (0, "EMPTY")
        return
    guarded.run(lifetime * MS // 2)
    found = guarded.shown()
    assert found["senders"][0]["dead"]
    assert (guarded.open(), found["word"]) == (0, "EMPTY")
    assert not found["final"], "time goes on to say more"
    guarded.run(lifetime * MS // 2 - 200 * MS)
    assert not guarded.watchdog.latch.swept
    guarded.until_swept(within_ns=5 * S)
    assert guarded.shown()["word"] == "PROVED"


def test_c13_order_in_doubt_keeps_the_kill_from_being_proved(guarded):
    """Its request can still arrive, and would be open behind the proof."""
    guarded.fault("delay", guarded.placing, direction="in", delay_ms=4_000, count=1)
    placed = guarded.place(Side.BUY, -20, 1000)
    guarded.run(MS)
    guarded.kill()
    guarded.run(2 * S)
    assert guarded.shown()["word"] != "PROVED"
    guarded.run(3 * S)  # it has arrived
    assert placed.at_exchange is not None
    guarded.until_swept()
    assert (guarded.open(), guarded.shown()["word"]) == (0, "PROVED")
    guarded.run(S)
    assert placed.state is OrderState.CANCELED


def test_c13_order_that_a_successor_knows_nothing_of_keeps_the_kill_from_being_proved(guarded):
    """Who sent it is dead, and who lives says truly that nothing of its own is under way."""
    caps, group = guarded.venue.facts.caps, guarded.config.groups[0]
    guarded.fault("delay", guarded.placing, direction="in", delay_ms=4_000, count=1)
    placed = guarded.place(Side.BUY, -20, 1000)
    guarded.run(MS)
    guarded.harness.kill(guarded.executor_role)
    guarded.start(guarded.executor_role)
    guarded.until(guarded.reconciled)
    guarded.run(100 * MS)
    guarded.kill()
    guarded.run(2 * S)
    assert guarded.shown()["senders"][0]["spoken"]
    assert guarded.shown()["word"] != "PROVED"
    if lifetime_ms(caps, group.recv_window_ms, group.clock_warn_ms) is None:
        return
    guarded.until_swept()
    assert (guarded.open(), guarded.shown()["word"]) == (0, "PROVED")
    guarded.run(5 * S)
    assert guarded.open() == 0, "nothing came behind the proof"
    guarded.until(lambda: placed.state in (OrderState.CANCELED, OrderState.REJECTED), 60 * S)


def test_c13_nothing_new_leaves_while_the_latch_is_set(guarded):
    guarded.kill()
    before = guarded.sent()
    refused = guarded.place(Side.BUY, -20, 1000)
    guarded.run(S)
    assert refused.refused is RejectReason.KILLED
    assert guarded.sent() == before
    guarded.until_swept()
    assert "error" not in guarded.resume(reason="checked")
    guarded.quote()  # the kill has swept the counterpart's account, too
    guarded.trading()
    guarded.opened(Side.BUY, -20, 1000)
    guarded.judge()
