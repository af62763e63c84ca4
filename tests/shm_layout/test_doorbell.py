"""Parking and ringing: nobody sleeps through what was written for him."""

import os
import select

import numpy as np
import pytest

from shm_layout import doorbell, ring_hot
from shm_layout.doorbell import Listener, Ringer, Sleeper, make_bell, open_bell
from shm_layout.ring import HEAD_WORDS
from shm_layout.segment import SegmentError
from tests.forked import forked, shared_words

POS, STOP, GOT = 0, 8, 16


def rung(bell):
    poll = select.poll()
    poll.register(bell, select.POLLIN)
    return bool(poll.poll(0))


@pytest.fixture
def pair(tmp_path):
    """A sleeper, and a ringer whose ring it watches."""
    path = tmp_path / "bell"
    make_bell(path)
    bell, ring, own = (
        open_bell(path),
        np.zeros(HEAD_WORDS, np.int64),
        np.zeros(HEAD_WORDS, np.int64),
    )
    sleeper, ringer = Sleeper(bell, own), Ringer()
    sleeper.watch(ring)
    ringer.add(ring, [Listener("reader", path, own)])
    ringer.ring_due()
    sleeper.take_growth()
    yield sleeper, ringer, ring
    ringer.close()
    os.close(bell)


def test_bell_rings_only_for_a_sleeper(pair):
    sleeper, ringer, ring = pair
    ring[ring_hot.WRITE_POS] = 1
    ringer.ring_due()
    assert not rung(sleeper.bell)
    sleeper.take_growth()
    assert sleeper.fall_asleep()
    ring[ring_hot.WRITE_POS] = 2
    ringer.ring_due()
    assert rung(sleeper.bell)


def test_sleeper_sees_what_came_before_its_announcement(pair):
    sleeper, _, ring = pair
    ring[ring_hot.WRITE_POS] = 1
    assert not sleeper.fall_asleep()
    sleeper.wake_up()
    assert sleeper.take_growth() == 1
    assert sleeper.take_growth() == 0
    assert sleeper.fall_asleep()


def test_spin_ends_with_the_first_growth_or_with_its_looks(pair):
    sleeper, _, ring = pair
    assert not sleeper.spin(100)
    ring[ring_hot.WRITE_POS] = 1
    assert sleeper.spin(100)
    sleeper.take_growth()
    assert not sleeper.spin(100)


def test_bell_is_silent_where_nothing_has_grown(pair):
    sleeper, ringer, _ = pair
    assert sleeper.fall_asleep()
    ringer.ring_due()
    assert not rung(sleeper.bell)


def test_ringer_wakes_one_process_once_for_two_rings(pair, tmp_path):
    sleeper, ringer, ring = pair
    second, own = np.zeros(HEAD_WORDS, np.int64), sleeper._words
    ringer.add(second, [Listener("reader", tmp_path / "bell", own)])
    ringer.ring_due()
    doorbell.quiet(sleeper.bell)
    assert sleeper.fall_asleep()
    ring[ring_hot.WRITE_POS] = second[ring_hot.WRITE_POS] = 5
    ringer.ring_due()
    assert os.read(sleeper.bell, 100) == b"\1"


def test_bell_is_emptied_when_its_owner_falls_asleep_again(pair):
    sleeper, ringer, ring = pair
    ringer.ring_due()
    sleeper.take_growth()
    assert sleeper.fall_asleep()
    ring[ring_hot.WRITE_POS] = 1
    ringer.ring_due()
    sleeper.rung = True
    assert sleeper.take_growth() == 1
    assert rung(sleeper.bell)
    assert sleeper.fall_asleep()
    assert not rung(sleeper.bell)


def test_who_has_looked_for_growth_is_awake_and_not_rung(pair):
    sleeper, ringer, ring = pair
    ringer.ring_due()
    assert sleeper.fall_asleep()
    sleeper.take_growth()
    ring[ring_hot.WRITE_POS] = 1
    ringer.ring_due()
    assert not rung(sleeper.bell)


def test_full_bell_does_not_block_its_ringer(pair):
    sleeper, _, _ = pair
    for _ in range(1 << 17):
        doorbell.ring(sleeper.bell)
    doorbell.quiet(sleeper.bell)
    assert not rung(sleeper.bell)


def test_bell_that_is_no_fifo_is_refused(tmp_path):
    (tmp_path / "bell").write_text("x")
    with pytest.raises(SegmentError, match="FIFO of ours"):
        make_bell(tmp_path / "bell")


def test_no_wakeup_is_lost_between_two_processes(tmp_path, sized):
    """The writer publishes one record and waits until it was taken, so a lost wake-up is a stop;
    the watchdog of the suite would tell."""
    rounds = sized(20_000, 200)
    path = tmp_path / "bell"
    make_bell(path)
    ring, own, back = shared_words(), shared_words(), shared_words()

    def reader():
        sleeper = Sleeper(open_bell(path), own)
        sleeper.watch(ring)
        poll = select.poll()
        poll.register(sleeper.bell, select.POLLIN)
        while int(back[GOT]) < rounds:
            sleeper.take_growth()
            back[GOT] = ring_hot.written(ring)
            if int(back[GOT]) == rounds:
                break
            if sleeper.fall_asleep():
                poll.poll()
                sleeper.rung = True

    with forked(reader) as child:
        ringer = Ringer()
        ringer.add(ring, [Listener("reader", path, own)])
        for n in range(1, rounds + 1):
            ring_hot.publish(ring, n)
            ringer.ring_due()
            while int(back[GOT]) < n:
                os.sched_yield()
        assert child.wait() == 0
        ringer.close()
