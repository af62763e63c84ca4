"""Nothing of ours stays in /dev/shm: neither after an orderly end nor after a failure."""

from pathlib import Path

import pytest

from procs.files.locks import start_ticks
from shm_layout.segment import SHM_DIR
from tests.stress.memory import Stand, ring_shape, stand, words_shape


def ours(desk: str) -> list[Path]:
    return list(SHM_DIR.glob(f"mexoms.{desk}*"))


def make(place: Stand) -> None:
    place.make(ring_shape("stress", 64), words_shape("stress.reader"))
    assert len(ours(place.desk)) == 2


def test_stand_leaves_no_segment():
    with stand("left") as place:
        make(place)
    assert not ours(place.desk)


def failing_trial(desks):
    with stand("left") as place:
        desks.append(place.desk)
        make(place)
        raise RuntimeError("as a trial might")


def test_stand_that_fails_leaves_no_segment():
    desks = []
    with pytest.raises(RuntimeError):
        failing_trial(desks)
    assert desks
    assert not ours(desks[0])


def test_no_dead_process_of_the_stress_has_left_segments():
    """A stand's desk is named after its process: nothing may be there of one that is gone."""
    dead = []
    for kind in ("stress", "chain", "hop", "stream", "left"):
        for path in SHM_DIR.glob(f"mexoms.{kind}-*"):
            pid = path.name.split(".")[1].rpartition("-")[2]
            if pid.isdigit() and not start_ticks(int(pid)):
                dead.append(path.name)
    assert not dead, f"left behind, remove them: {dead}"
