"""Who lives: lock files that the kernel releases on any death, and processes by identity.

A lock is an flock; its file says who holds it (pid, start time, boot). The lock is the proof, the
text only tells whom to speak to. A pid is used only together with its start time, and signals go
through a pidfd, so that a pid that the system gave out again is never hit (RELIABILITY D12).
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
from dataclasses import asdict, dataclass
from pathlib import Path

from procs.files.paths import DeskPaths
from procs.supervisor_name import SUPERVISOR

_START_TIME_FIELD = 19
"""Of /proc/<pid>/stat, counted from behind the parenthesised name (field 22 of proc(5))."""


def start_ticks(pid: int) -> int:
    """Start time of a process in clock ticks since boot; 0 = there is none, or it is a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    fields = text.rpartition(")")[2].split()
    return 0 if fields[0] in "ZX" else int(fields[_START_TIME_FIELD])


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds, or last held, a lock."""

    pid: int
    start_ticks: int
    epoch: int = 0

    @classmethod
    def me(cls, epoch: int = 0) -> Owner:
        """This process."""
        return cls(os.getpid(), start_ticks(os.getpid()), epoch)

    def lives(self) -> bool:
        """Is it the process that it was?"""
        return self.pid > 0 and start_ticks(self.pid) == self.start_ticks

    def pidfd(self) -> int | None:
        """A descriptor for exactly this process; None = it is gone. The caller closes it."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except OSError:
            return None
        if self.lives():
            return descriptor
        os.close(descriptor)
        return None

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal to exactly this process; False = it is gone."""
        descriptor = self.pidfd()
        if descriptor is None:
            return False
        try:
            signal.pidfd_send_signal(descriptor, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(descriptor)
        return True

    def wait(self, timeout_s: float) -> bool:
        """Wait for its end; True = it is gone."""
        descriptor = self.pidfd()
        if descriptor is None:
            return True
        try:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            return bool(poll.poll(int(timeout_s * 1000)))
        finally:
            os.close(descriptor)


class LockHeldError(Exception):
    """Somebody else holds it; `owner` is what the file says."""

    def __init__(self, path: Path, owner: Owner) -> None:
        super().__init__(f"{path} is held by process {owner.pid}")
        self.path = path
        self.owner = owner


class FileLock:
    """An exclusive lock for the life of this process (or until `close`)."""

    def __init__(self, path: Path, epoch: int = 0) -> None:
        """Take it, or raise LockHeldError."""
        self.path = path
        self.descriptor = os.open(
            path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self.descriptor)
            raise LockHeldError(path, read_owner(path)) from error
        self.sign(epoch)

    def sign(self, epoch: int = 0) -> None:
        """Write this process into the file; a child that inherited the lock signs again."""
        text = json.dumps(asdict(Owner.me(epoch))).encode()
        os.pwrite(self.descriptor, text, 0)
        os.ftruncate(self.descriptor, len(text))

    def close(self) -> None:
        """Let go; the lock ends when every descriptor that was inherited is closed, too."""
        os.close(self.descriptor)


def read_owner(path: Path) -> Owner:
    """What a lock file says; pid 0 where it says nothing."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Owner(int(found["pid"]), int(found["start_ticks"]), int(found["epoch"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Owner(0, 0)


def living_owner(path: Path) -> Owner | None:
    """The process that signed the lock and still lives; None = nobody.

    Looks at the process and not at the lock: trying the lock, be it for an instant, could make
    the start of its rightful holder fail.
    """
    owner = read_owner(path)
    return owner if owner.lives() else None


def processes_live(paths: DeskPaths) -> bool:
    """Lives any process of the desk, whatever core map named it? Its supervisor does not count."""
    names = [name for name in paths.locked() if name != SUPERVISOR]
    return any(living_owner(paths.process_lock(name)) is not None for name in names)
