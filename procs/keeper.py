"""The keeper: holds the desk's lock, and starts the supervisor again when it dies.

The foreground process of a desk, and a subreaper: processes whose supervisor died become its
children, so their ends are reaped and the next supervisor adopts them. It does nothing else, so
that there is little that could end it. SIGTERM, SIGINT and SIGHUP are passed on as SIGTERM.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable

from oms.errors import ExitCode, MexomsError
from procs.children import WORKED_S
from procs.config.files import running_config
from procs.files.locks import Owner, living_owner, start_ticks
from procs.files.paths import DeskPaths
from procs.here import say
from procs.machine import system
from procs.orphans import stop_orphans
from procs.supervisor import NAME

_STOP = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
_WATCHED = _STOP | {signal.SIGCHLD}
_LOOK_S = 0.5
_AGAIN_S = (0.0, 0.2, 1.0, 5.0)
_SETTLED_S = 60.0
_FAILURES_MAX = 8
"""Deaths in a row, each within a minute of its start; then the keeper gives up, says so, and ends
the processes in order: no orphans."""


def keep(paths: DeskPaths, supervise: Callable[[], int]) -> int:
    """Run until the supervisor ends for good; returns its exit code.

    `supervise` runs in a forked child. A supervisor that lives already (its keeper was killed) is
    adopted, not doubled.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    system.become_subreaper()
    system.set_title("keeper")
    failures, began, stopping = 0, 0.0, False
    while True:
        supervisor = living_owner(paths.process_lock(NAME))
        if supervisor is None:
            # One that had worked for a while was ended from outside: nobody waits for the next.
            if time.monotonic() - began < WORKED_S:
                time.sleep(_AGAIN_S[min(failures, len(_AGAIN_S) - 1)])
            supervisor, began = _start(supervise), time.monotonic()
            if stopping:
                supervisor.signal(signal.SIGTERM)
        code = None
        while supervisor.lives():
            found = signal.sigtimedwait(_WATCHED, _LOOK_S)
            if found is not None and found.si_signo in _STOP:
                stopping = True
                supervisor.signal(signal.SIGTERM)
            code = _reap(supervisor.pid, code)
        code = _reap(supervisor.pid, code)
        if code is None and stopping:
            return ExitCode.OK  # an adopted one, whose code nobody gets
        if code is not None and code >= 0 and code != ExitCode.FAILED:
            return code
        failures = 1 if time.monotonic() - began > _SETTLED_S else failures + 1
        if failures > _FAILURES_MAX:
            _give_up(paths)
            return ExitCode.FAILED


def _give_up(paths: DeskPaths) -> None:
    """No supervisor stays alive: nothing may go on trading that nobody starts again."""
    with contextlib.suppress(OSError, MexomsError):
        say(f"the supervisor ended {_FAILURES_MAX + 1} times in a row: the desk is stopped; see "
            f"{paths.logs}")  # fmt: skip
    with contextlib.suppress(OSError, MexomsError):
        stop_orphans(running_config(paths), paths, kill=True)


def _start(supervise: Callable[[], int]) -> Owner:
    pid = os.fork()
    if pid == 0:
        code = int(ExitCode.FAILED)
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
            code = supervise()
        finally:
            os._exit(code)
    return Owner(pid, start_ticks(pid))


def _reap(wanted: int, code: int | None) -> int | None:
    """Reap every ended child; returns the exit code of `wanted` once it was among them."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if pid == 0:
            return code
        if pid == wanted:
            code = os.waitstatus_to_exitcode(status)
