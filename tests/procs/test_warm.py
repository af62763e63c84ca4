"""The connection on which a spinning process keeps its way to the network warm."""

import contextlib
import socket

import pytest

from procs.net.warm import FRAME_BYTES, IDLE_PASSES, Warmth


@pytest.fixture
def warmth():
    made = Warmth()
    yield made
    made.close()


def test_sends_behind_work_and_then_now_and_again(warmth):
    sent = []
    for work in (0, *[3] * (IDLE_PASSES + 1), 4, 4):
        warmth.idle(work)
        sent.append(warmth.sent)
    assert sent[:2] == [1, 2], "once behind each work"
    assert sent[IDLE_PASSES] == 2, "an idle process hardly ever sends"
    assert sent[IDLE_PASSES + 1] == 3
    assert sent[-2:] == [4, 4]


def test_what_is_sent_is_taken_and_nothing_piles_up(warmth):
    for work in range(1000):
        warmth.idle(work)
    assert warmth.sent == 1000
    with pytest.raises(BlockingIOError):
        warmth._far.recv(FRAME_BYTES)


def test_full_connection_does_not_stop_the_process(warmth):
    with contextlib.suppress(BlockingIOError):
        while warmth._near.send(bytes(1 << 20)):
            pass
    warmth.idle(1)
    assert warmth.sent == 1


def test_stranger_who_connects_first_is_sent_nothing(monkeypatch):
    honest = socket.create_connection
    strangers = []

    def late(address):
        strangers.append(honest(address))
        return honest(address)

    monkeypatch.setattr(socket, "create_connection", late)
    warmth = Warmth()
    warmth.idle(1)
    assert warmth.sent == 0
    warmth.close()
    strangers[0].close()


def test_connection_that_was_cut_does_not_end_the_process(warmth):
    warmth._far.close()
    for work in range(3):
        warmth.idle(work)
    assert warmth.sent == 3
