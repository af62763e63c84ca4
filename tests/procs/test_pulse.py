"""Silence of a process: its own, or that of a core it could not get."""

import os
import signal

import pytest

from oms.config import ProcessConfig
from procs import pulse
from procs.children import STARTS_MAX, Child
from procs.pulse import LOOK_GAP_NS, SUSPECT_NS, Pulse
from tests.procs.desks import until

S = 1_000_000_000
STEP_NS = 200_000_000
BEAT_NS = 50 * S


class Kernel:
    """What it says of a process that waits a share of its time."""

    def __init__(self, monkeypatch, share):
        self.waited_ns = 7 * S
        self.share = share
        monkeypatch.setattr(pulse, "waited_ns", lambda pid: int(self.waited_ns))

    def silent_s(self, made, seconds, step_ns=STEP_NS):
        """Own silence after so many seconds without a heartbeat."""
        silent_ns, now_ns = 0, BEAT_NS
        while now_ns < BEAT_NS + seconds * S:
            now_ns += step_ns
            self.waited_ns += step_ns * self.share
            silent_ns = made.silent_ns(1, BEAT_NS, now_ns)
        return silent_ns / S


@pytest.mark.parametrize(
    ("share", "least", "most"), [(0, 9.9, 10.1), (0.5, 5, 6), (0.95, 0.5, 2), (1, 0, 1)]
)
def test_time_in_the_run_queue_is_not_silence(monkeypatch, share, least, most):
    assert least <= Kernel(monkeypatch, share).silent_s(Pulse(), 10) <= most


def test_silence_that_its_supervisor_did_not_watch_counts_for_one_look(monkeypatch):
    kernel = Kernel(monkeypatch, 0)
    made = Pulse()
    assert kernel.silent_s(made, 3) == 3
    assert made.silent_ns(1, BEAT_NS, BEAT_NS + 60 * S) == 3 * S + LOOK_GAP_NS


def test_wait_that_is_told_late_is_taken_off_all_the_same(monkeypatch):
    kernel = Kernel(monkeypatch, 0)
    made = Pulse()
    kernel.silent_s(made, 9)
    kernel.waited_ns += 8 * S
    assert made.silent_ns(1, BEAT_NS, BEAT_NS + 9 * S + STEP_NS) < 2 * S


def test_heartbeat_ends_a_silence(monkeypatch):
    kernel = Kernel(monkeypatch, 0)
    made = Pulse()
    kernel.silent_s(made, 9)
    assert made.silent_ns(1, BEAT_NS + 9 * S, BEAT_NS + 9 * S + STEP_NS) == STEP_NS
    assert made.silent_ns(1, BEAT_NS + 9 * S, BEAT_NS + 11 * S) == SUSPECT_NS


def test_kernel_tells_what_a_process_waits_for_its_core():
    core = min(os.sched_getaffinity(0))
    pids = []
    for _ in range(2):
        pid = os.fork()
        if pid == 0:
            os.sched_setaffinity(0, {core})
            while os.getppid() != 1:
                pass
            os._exit(0)
        pids.append(pid)
    try:
        until("a wait", lambda: all(pulse.waited_ns(pid) > 5_000_000 for pid in pids))
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    assert pulse.waited_ns(pids[0]) == 0, "nobody is there"


def test_process_that_was_failed_stays_so_for_the_next_supervisor():
    child = Child(ProcessConfig("engine", ("risk",), 0), 0)
    child.remember(6, failed=False)
    assert not child.degraded()
    child.remember(6, failed=True)
    assert child.degraded()
    assert child.row()["restarts"] == 6
    assert len(child.starts) == STARTS_MAX + 1
