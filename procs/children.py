"""What the supervisor knows of each child."""

from __future__ import annotations

import errno
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oms.config import ProcessConfig
from oms.errors import ExitCode
from procs import drain
from procs.files.locks import Owner, start_ticks
from procs.pulse import Pulse
from shm_layout.enums import ProcessState, Wait
from shm_layout.ring_hot import HEARTBEAT
from shm_layout.table import TableReader

BACKOFF_S = 0.1
BACKOFF_S_MAX = 5.0
WORKED_S = 5.0
"""A process that ended so long after its start did not fail at it."""
WANT_S_MAX = 30.0
_EPOCH_CHARS = 24
SETTLED_S = 60.0
"""A process that ran for so long has got over what ended it."""
STARTS_WINDOW_S = 60.0
STARTS_MAX = 5
"""More starts than this in the window: the process counts as failed (DEGRADED)."""


@dataclass(frozen=True, slots=True)
class StartFailure:
    """Why the desk cannot start."""

    code: ExitCode
    sentence: str


class EpochFile:
    """The last incarnation granted to a process: overwritten in place, so that a full disk does
    not keep a process from being started again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def place(self) -> None:
        """Make it, with its block, before it is needed."""
        if not self._path.exists():
            self._write(0)

    def grant(self, at_least: int) -> int:
        """The next incarnation, on disk before the process exists; OSError."""
        try:
            before = int(self._path.read_text(encoding="ascii"))
        except (OSError, ValueError):
            before = 0
        epoch = max(before, at_least) + 1
        self._write(epoch)
        return epoch

    def _write(self, epoch: int) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self._path, flags, 0o600)
        try:
            text = str(epoch).ljust(_EPOCH_CHARS).encode()
            if os.pwrite(descriptor, text, 0) != len(text):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
        finally:
            os.close(descriptor)


class Child:
    """One process of the host map: its incarnations, its pidfd, its row."""

    def __init__(self, process: ProcessConfig, index: int) -> None:
        self.process = process
        self.name = process.name
        self.index = index
        self.pid = 0
        self.pidfd = -1
        self.bell = -1
        self.epoch = 0
        self.start_ticks = 0
        self.started_ns = 0
        self.start_not_before = 0.0
        self.was_ready = False
        self.killed = False
        self.exit_code = 0
        self.starts: list[float] = []
        self.start_count = 0
        self.want_count = 0
        """Ends in a row for want of disk or memory."""
        self.row_written: dict[str, Any] = {}
        self.pulse = Pulse()
        self.words: Any = None
        self.reader: TableReader | None = None
        self._ours = True

    def has(self, kind: str) -> bool:
        """Does it host a role of that kind?"""
        return any(role.partition(".")[0] == kind for role in self.process.roles)

    def wanted(self, phase: int) -> bool:
        """Is it still needed in this drain phase?"""
        if phase == drain.RUNNING:
            return True
        last = max(drain.phase_of(role) for role in self.process.roles)
        return phase < drain.CLOSE and last >= phase

    def closing(self, phase: int) -> bool:
        """Has it an agent that drains or is closed up to this phase? What follows waits for it."""
        last = max(drain.phase_of(role) for role in self.process.roles)
        return self.pidfd >= 0 and phase < drain.CLOSE and last + 2 >= phase

    def started(self, pid: int, pidfd: int, epoch: int) -> None:
        """Forked by us."""
        self._set(pid, pidfd, epoch, start_ticks(pid))
        self._ours = True
        self.starts = [t for t in self.starts if time.monotonic() - t < STARTS_WINDOW_S]
        self.starts.append(time.monotonic())
        self.start_count += 1

    def adopted(self, owner: Owner, pidfd: int) -> None:
        """Found alive, started by a supervisor before us."""
        self._set(owner.pid, pidfd, owner.epoch, owner.start_ticks)
        self._ours = False
        self.start_count = max(self.start_count, 1)

    def remember(self, restarts: int, *, failed: bool) -> None:
        """What the supervisor before us wrote: a process that it called failed has still to show
        for a whole window that it stays alive.
        """
        self.start_count = restarts + 1
        if failed:
            self.starts = [time.monotonic()] * (STARTS_MAX + 1)

    def _set(self, pid: int, pidfd: int, epoch: int, ticks: int) -> None:
        self.pid, self.pidfd, self.epoch, self.start_ticks = pid, pidfd, epoch, ticks
        self.started_ns = time.monotonic_ns()
        self.was_ready = self.killed = False
        self.pulse = Pulse()

    def reap(self) -> int:
        """After its pidfd fell due: its exit code (-signal). An adopted one is the keeper's to
        reap; its code is not known, and its pidfd is proof enough that it is dead.
        """
        self.exit_code = ExitCode.FAILED
        if self._ours:
            _, status = os.waitpid(self.pid, 0)
            self.exit_code = os.waitstatus_to_exitcode(status)
        self.is_ready()
        if time.monotonic_ns() - self.started_ns > SETTLED_S * 1e9:
            self.want_count = 0
        os.close(self.pidfd)
        self.pidfd = -1
        return self.exit_code

    def backoff(self) -> None:
        """The first restart at once, and that of a process which had worked for a while: it was
        not its start that killed it. Else 0.1 s doubling up to 5 s within the window. What ended
        for want of disk or memory waits 1 s, doubling up to 30 s: only a person can help there.
        """
        recent = len(self.starts) - 1
        worked = self.was_ready and time.monotonic_ns() - self.started_ns > WORKED_S * 1e9
        wait_s = 0.0 if recent < 1 or worked else min(BACKOFF_S * 2**recent, BACKOFF_S_MAX)
        if self.exit_code == ExitCode.NO_RESOURCE:
            wait_s = min(1 << min(self.want_count, 8), WANT_S_MAX)
            self.want_count += 1
        self.start_not_before = time.monotonic() + wait_s

    def degraded(self) -> bool:
        """Started too often of late, or kept from starting by a full disk."""
        now = time.monotonic()
        if self.want_count and not self.is_ready():
            return True
        return sum(now - t < STARTS_WINDOW_S for t in self.starts) > STARTS_MAX

    def is_ready(self) -> bool:
        """Has this incarnation said that its agents have started?"""
        if self.pidfd < 0 or self.reader is None:
            return False
        row = self.reader.read(0)
        if row is None or int(row["incarnation"]) != self.epoch:
            return False
        self.was_ready = self.was_ready or int(row["state"]) == ProcessState.READY
        return self.was_ready

    def is_starting(self) -> bool:
        """Forked, and not yet known to be ready: soon there is something to write down."""
        return self.pidfd >= 0 and not self.was_ready

    def heartbeat_ns(self) -> int:
        """Its last turn, monotonic."""
        return int(self.words[HEARTBEAT])

    def kill(self) -> None:
        """SIGKILL, once; its pidfd tells when it has worked."""
        if not self.killed:
            self.killed = True
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def row(self) -> dict[str, Any]:
        """Its row in the table `processes`."""
        if self.degraded():
            state = ProcessState.FAILED
        elif self.pidfd < 0:
            state = ProcessState.STOPPED
        else:
            state = ProcessState.READY if self.is_ready() else ProcessState.STARTING
        return {
            "pid": self.pid if self.pidfd >= 0 else 0,
            "state": int(state),
            "wait": int(Wait.SPIN if self.process.wait == "spin" else Wait.PARK),
            "core": self.process.core,
            "start_ticks": self.start_ticks,
            "restarts": max(self.start_count - 1, 0),
            "exit_code": self.exit_code,
            "incarnation": self.epoch,
            "name": self.name.encode()[:40],
            "agents": ",".join(self.process.roles).encode()[:64],
        }
