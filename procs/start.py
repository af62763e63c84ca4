"""Starting a desk: preload once, take the lock, fork keeper and supervisor.

Whoever starts a desk imports everything and compiles the kernels first, with progress for the
person who waits, and forks afterwards: keeper, supervisor and every process share those pages, and
a restart of any of them costs milliseconds.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from oms.config import DeskConfig
from oms.errors import ExitCode, MexomsError
from procs import lang
from procs.config.files import load_desk
from procs.config.ports import effective
from procs.files.locks import FileLock, LockHeldError, processes_live
from procs.files.paths import DeskPaths
from procs.here import say, speak_as
from procs.machine import system

if TYPE_CHECKING:
    from procs.runtime import MakeAgent

_LINE_S = 1.0
_MOVE_S = 0.1
_BAR_CHARS = 30


class AlreadyRunningError(MexomsError):
    """A second start of a desk."""

    exit_code = ExitCode.ALREADY_RUNNING
    action = "use the running desk, or stop it with `oms down`"


class Progress:
    """Kernels compiled so far: a bar that moves on a terminal, elsewhere a line when it went on."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._began = time.monotonic()
        self._said, self._last = self._began, -1
        self._shown = False

    def __call__(self, finished: int, count: int, name: str) -> None:
        """`finished` of `count` kernels are there; `name` is the last one, or the next."""
        now = time.monotonic()
        if now - self._said < (_MOVE_S if self._terminal else _LINE_S):
            return
        if not self._shown:
            self._shown = True
            say(
                f"compiling {count} kernels, once for this version of the sources; the next start "
                "takes seconds"
            )
        text = f"{finished}/{count}  {now - self._began:.0f} s"
        if self._terminal:
            full = finished * _BAR_CHARS // max(count, 1)
            bar = "#" * full + "." * (_BAR_CHARS - full)
            print(f"\r\x1b[Kcompiling [{bar}] {text}", end="", file=sys.stderr, flush=True)
        elif finished != self._last:
            print(f"compiled {text}  {name}", file=sys.stderr, flush=True)
        self._said, self._last = now, finished

    def done(self) -> None:
        """Put what it took in the bar's place."""
        if self._shown:
            start = "\r\x1b[K" if self._terminal else ""
            took = time.monotonic() - self._began
            print(f"{start}compiled in {took:.0f} s", file=sys.stderr, flush=True)


def preload(config: DeskConfig, beside: Path, progress: Progress | None = None) -> MakeAgent:
    """Import all that a desk's processes run and compile its kernels; returns `make_agent`.

    Each agent is made once and dropped: making it imports what it needs, and a config that it
    refuses is refused before anything is forked. Plugins of the user are looked for `beside` the
    desk's file, too.
    """
    from oms.agents.factory import make_agent
    from oms.journal.format import described_by_type, records_text
    from procs.plugins import load_plugins

    load_plugins(config, beside)
    # Made once here, not in each process that begins with a journal.
    records_text(), described_by_type()

    for role in config.roles():
        make_agent(config, role)
    warm_host(progress)
    return make_agent


def warm_host(progress: Progress | None = None) -> None:
    """Import the host's own modules and compile every kernel imported by now."""
    from procs import supervisor
    from procs.compile import compile_kernels

    assert supervisor.NAME
    shown = progress or Progress()
    compile_kernels(shown)
    shown.done()


def check_machine(config: DeskConfig, paths: DeskPaths) -> None:
    """What the desk needs of this machine, computed before anything is compiled or made.

    Raises SegmentError where /dev/shm is too small for it (what a killed desk of this name left
    there is swept, and so counts as free); a low limit of locked memory is a warning.
    """
    from procs.machine.facts import (
        may_lock_all,
        memlock_is_low,
        memlock_limit,
        memlock_warning,
        need_bytes,
    )
    from shm_layout import segment

    need = need_bytes(config)
    if not processes_live(paths):
        left = segment.existing(paths.segments)
        left_bytes = sum((segment.SHM_DIR / name[1:]).stat().st_size for name in left)
        segment.check_need(
            need, segment.free_bytes() + left_bytes, small=config.capacity == "small"
        )
    if memlock_is_low(need, memlock_limit(), may_lock_all=may_lock_all()):
        say(f"warning: {memlock_warning(need, memlock_limit())}")


@contextlib.contextmanager
def desk_lock(paths: DeskPaths) -> Iterator[FileLock]:
    """The lock that says: this desk is run by me. A second start is told whom to look for."""
    paths.data_dir.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(paths.desk_lock)
    except LockHeldError as error:
        raise AlreadyRunningError(
            f"desk '{paths.desk}' runs already: process {error.owner.pid} holds {error.path}; look "
            "at it with `oms status`, stop it with `oms down`"
        ) from error
    try:
        yield lock
    finally:
        lock.close()


def _supervise(
    config: DeskConfig,
    make_agent: MakeAgent,
    say: Callable[[str], None],
    *,
    kept: bool,
    inherited: tuple[int, ...] = (),
) -> int:
    """Run a supervisor here; trouble becomes a sentence and a code."""
    from procs.supervisor import NAME, Supervisor
    from shm_layout.segment import SegmentError

    try:
        return Supervisor(config, make_agent, say).run(ignore_interrupt=kept, inherited=inherited)
    except (MexomsError, SegmentError) as error:
        say(str(error))
        DeskPaths.of(config).failure(NAME).write_text(str(error), encoding="utf-8")
        return error.exit_code if isinstance(error, MexomsError) else ExitCode.NO_RESOURCE


def supervise_here(config_path: str) -> int:
    """A supervisor in this process, without a keeper."""
    try:
        speak_as(config_path)
        config = load_desk(Path(config_path))
        paths = DeskPaths.of(config)
        with desk_lock(paths) as lock:
            config = effective(config, paths)
            check_machine(config, paths)
            make_agent = preload(config, Path(config_path).resolve().parent)
            return _supervise(config, make_agent, say, kept=False, inherited=(lock.descriptor,))
    except MexomsError as error:
        say(str(error))
        return error.exit_code


def keep_here(config: DeskConfig, make_agent: MakeAgent, lock: FileLock) -> int:
    """A keeper in this process."""
    from procs.keeper import keep

    lock.sign()

    def supervise() -> int:
        lock.close()
        return _supervise(config, make_agent, say, kept=True)

    return keep(DeskPaths.of(config), supervise)


def keep_apart(
    config: DeskConfig, make_agent: MakeAgent, lock: FileLock, *, with_parent: bool
) -> int:
    """Fork a keeper with a session of its own; returns its pid. Its words go to logs/keeper.out.

    `with_parent`: when this process dies without saying goodbye, the desk is stopped in order.
    """
    paths = DeskPaths.of(config)
    paths.make()
    from procs.supervisor import NAME

    paths.failure(NAME).unlink(missing_ok=True)
    pid = os.fork()
    if pid:
        return pid
    code = int(ExitCode.FAILED)
    try:
        os.setsid()
        if with_parent:
            system.die_with_parent(signal.SIGTERM)
        out = os.open(paths.logs / "keeper.out", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for target, source in ((0, nothing), (1, out), (2, out)):
            os.dup2(source, target)
        lang.speak(lang.ENGLISH)  # a file; who shows it to a person translates then
        code = keep_here(config, make_agent, lock)
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(code)
