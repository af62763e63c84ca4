"""Segments, bells and children of the ring stress.

The record is the stress's own: 64 bytes, every word derived (see `stress_hot`). It is declared
here and not registered, so that `layout.lock` does not know it. Everything is made in /dev/shm by
`shm_layout.segment`, as a desk's memory is, and swept at the end under the lock that proves that
nobody else uses it.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import select
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from procs.files.locks import FileLock
from procs.machine import system
from shm_layout import segment
from shm_layout.doorbell import Sleeper, make_bell
from shm_layout.enums import RecordType
from shm_layout.records import HEAD, Field, RecordSpec
from shm_layout.ring_hot import CLAIM_POS, READ_POS, WRITE_POS
from shm_layout.segment import Segment, Shape
from tests.stress.stress_hot import RESULT_WORDS

_FIELDS = (
    *HEAD,
    Field("cause_pos", "i8", "position that it was derived from; its own in the first ring"),
    Field("lost", "i8", "positions lost since the record before, as the relay reported them"),
    Field("w0", "i8", "word 0 of its position"),
    Field("w1", "i8", "word 1 of its position"),
    Field("w2", "i8", "word 2 of its cause"),
    Field("w3", "i8", "word 3 of `lost`"),
)
STRESS_RECORD = np.dtype([(field.name, field.format) for field in _FIELDS], align=True)
SPEC = RecordSpec("Stress", RecordType.UNSET, _FIELDS, STRESS_RECORD)
assert STRESS_RECORD.itemsize == 64


def ring_shape(name: str, slots: int) -> Shape:
    """A ring of stress records."""
    return Shape("ring", name, "writer", slots, (SPEC,))


def words_shape(name: str) -> Shape:
    """A head page: a cursor, or the words of a process."""
    return Shape("cursor", name, name, 0, ())


@dataclass(frozen=True, slots=True)
class Stand:
    """What one trial uses: a desk name of its own, and a folder for bells."""

    desk: str
    folder: Path

    def make(self, *made: Shape) -> None:
        """Make segments; the parent does it, before the first fork."""
        for shape in made:
            segment.create(self.desk, shape)

    def attach(self, shape: Shape, *, writable: bool = False) -> Segment:
        """Map one."""
        return segment.attach(self.desk, shape, writable=writable)

    def bell(self, name: str) -> Path:
        """The FIFO of one process."""
        path = self.folder / f"{name}.bell"
        make_bell(path)
        return path

    def start_at(self, ring: Shape, cursor: Shape, pos: int) -> None:
        """Let a ring begin at a position."""
        words = self.attach(ring, writable=True).words
        words[WRITE_POS] = words[CLAIM_POS] = pos
        self.attach(cursor, writable=True).words[READ_POS] = pos


@contextlib.contextmanager
def stand(name: str) -> Iterator[Stand]:
    """A stand for one trial; nothing of it is left behind in /dev/shm."""
    desk = f"{name}-{os.getpid()}"
    with tempfile.TemporaryDirectory() as folder:
        lock = FileLock(Path(folder) / "owner.lock")
        try:
            yield Stand(desk, Path(folder))
        finally:
            segment.sweep(desk, lock.descriptor)
            lock.close()


def poll_of(sleeper: Sleeper) -> select.poll:
    """What `park` waits with."""
    poll = select.poll()
    poll.register(sleeper.bell, select.POLLIN)
    return poll


def park(sleeper: Sleeper, timeout_ns: int, poll: select.poll | None = None) -> None:
    """Sleep until the bell rings or the time is over, as `procs/runtime.py` does it: who calls it
    takes a turn next, which ends the announcement (`take_growth`).
    """
    poll = poll_of(sleeper) if poll is None else poll
    if sleeper.fall_asleep() and poll.poll(-(-max(timeout_ns, 0) // 1_000_000)):
        sleeper.rung = True


def shared_words(count: int = RESULT_WORDS) -> np.ndarray:
    """Anonymous memory that children share: where they count."""
    return np.frombuffer(mmap.mmap(-1, max(count * 8, mmap.PAGESIZE)), np.int64, count)


def fork(work: Callable[[], int], core: int = -1) -> int:
    """Run `work` in a child that dies with us, pinned if a core is named; returns its pid."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        system.die_with_parent(signal.SIGKILL)
        system.pin(core)
        code = work()
    except BaseException:  # noqa: BLE001 - a child must not run its parent's code; it says why
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def reap(pids: list[int], watchdog_s: float) -> list[int]:
    """Wait for children; whoever runs after the watchdog's time is killed. Returns exit codes."""
    end = time.monotonic() + watchdog_s
    codes = []
    for pid in pids:
        descriptor = os.pidfd_open(pid)
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        if not poll.poll(max(end - time.monotonic(), 0) * 1000):
            os.kill(pid, signal.SIGKILL)
        os.close(descriptor)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    return codes


def kill(pid: int) -> None:
    """`kill -9` of a child of ours, and the proof of its death."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
