"""The preloaded parent: makes the desk's memory, forks its processes, restarts what died.

One thread, and every module imported before the first fork: a child costs milliseconds. Nothing is
taken over before death is proved: a child that hangs is killed, its end is seen through its pidfd
and reaped, and only then the next incarnation is granted (RELIABILITY D11). A supervisor that was
itself restarted finds the living by their lock files and adopts them; it never starts a second one
of a role. It alone writes the table `processes`; each process writes its own `process.<name>`.

    python -m procs.supervisor CONFIG        without a keeper, in the foreground
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import sys
import time
from collections.abc import Callable

from oms.agents.latch import COMMAND_FILE, WATCHDOG_FILE, is_latched, read_latch
from oms.config import DeskConfig, ProcessConfig
from oms.errors import ConfigError, ExitCode
from procs import drain, memory
from procs.children import Child, EpochFile, StartFailure
from procs.files.fixed_file import PlacedFile
from procs.files.locks import FileLock, LockHeldError, Owner, living_owner
from procs.files.logs import ProcessLog
from procs.files.paths import DeskPaths
from procs.machine import system
from procs.runtime import MakeAgent, Runtime
from procs.supervisor_name import STARTED_AGAIN, SUPERVISOR
from shm_layout import segment
from shm_layout.channels import Topology
from shm_layout.doorbell import make_bell, open_bell, ring
from shm_layout.enums import ProcessState
from shm_layout.limits import PROCESSES_MAX
from shm_layout.ring_hot import DRAIN_PHASE, DRAINED_PHASE
from shm_layout.table import TableReader, TableWriter

NAME = SUPERVISOR
HUNG_NS = 10_000_000_000
"""No heartbeat for so long of its own time (`procs/pulse.py`): killed and started anew."""
STANDING_NS = 1_000_000_000
"""The same of an executor under a kill latch: what stands may hold an order that it had cleared
before, and nothing is proved without its word or its end (`oms/agents/watchdog/doubt.py`)."""
READY_S = 30.0
"""A process that is not ready after so long of its own time has failed to start."""
CLOSE_S = 5.0
"""From the last phase to SIGKILL."""
FIRST_STARTS_MAX = 3
"""A desk that was never ready is given up when one process has ended so often."""
_POLL_MS = 200
_POLL_BUSY_MS = 5

FATAL_AT_START = (ExitCode.CONFIG, ExitCode.NO_RESOURCE, ExitCode.JOURNAL_DAMAGED)


class Supervisor:
    """One desk's parent process; `run` returns the exit code."""

    def __init__(
        self, config: DeskConfig, make_agent: MakeAgent, say: Callable[[str], None]
    ) -> None:
        self._config = config
        self._make_agent = make_agent
        self._say = _unfailing(say)
        self._paths = DeskPaths.of(config)
        self._children = [Child(p, i) for i, p in enumerate(config.host.processes)]
        assert len(self._children) < PROCESSES_MAX, f"{len(self._children)} processes"
        self._terms = 0
        self._phase = drain.RUNNING
        self._phase_since = 0.0
        self._exit: int = ExitCode.OK
        self._ready = False
        self._inherited: list[int] = []

    def run(self, *, ignore_interrupt: bool = False, inherited: tuple[int, ...] = ()) -> int:
        """Supervise until told to stop; `inherited` descriptors are closed in each child."""
        self._paths.make()
        try:
            lock = FileLock(self._paths.process_lock(NAME))
        except LockHeldError as error:
            self._say(f"a supervisor of this desk runs already: process {error.owner.pid}")
            return ExitCode.ALREADY_RUNNING
        self._log = ProcessLog(self._paths.logs, NAME)
        wake_in, wake_out = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._inherited = [lock.descriptor, wake_in, wake_out, *inherited]
        self._poll = select.poll()
        self._poll.register(wake_in, select.POLLIN)
        self._wake_in = wake_in
        signal.set_wakeup_fd(wake_out, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            ignored = ignore_interrupt and number != signal.SIGTERM
            signal.signal(number, signal.SIG_IGN if ignored else self._on_term)
        system.set_title("supervisor")
        self._make_memory(lock.descriptor)
        self._supervise()
        segment.sweep(self._paths.segments, lock.descriptor)
        self._log.write("info", "", "desk_stopped", exit_code=int(self._exit))
        return self._exit

    def _on_term(self, *_: object) -> None:
        self._terms += 1

    # Memory

    def _make_memory(self, lock: int) -> None:
        """Fresh segments, or those of the living processes that we adopt."""
        topology = memory.desk_topology(self._config)
        living = {
            child: owner
            for child in self._children
            if (owner := living_owner(self._paths.process_lock(child.name))) is not None
        }
        if not living:
            segment.sweep(self._paths.segments, lock)
            small = self._config.capacity == "small"
            segment.check_need(topology.size_bytes(), segment.free_bytes(), small=small)
            generation = time.time_ns()
            for shape in segment.shapes(topology):
                segment.create(self._paths.segments, shape, generation)
        for child in self._children:
            make_bell(self._paths.bell(child.name))
            child.bell = open_bell(self._paths.bell(child.name))
            self._inherited.append(child.bell)
            EpochFile(self._paths.epoch(child.name)).place()
        for name in (WATCHDOG_FILE, COMMAND_FILE):
            PlacedFile(self._paths.fixed(name)).close()
        self._attach_tables(topology)
        text = self._config.text()
        if not living:
            self._write_aside("desk.json", text)
        elif self._paths.effective_config.read_text(encoding="utf-8") != text:
            raise ConfigError(
                f"adopting the running processes of desk {self._config.name}: they were started "
                "with another config; stop them with `oms down`, then start with `oms up`"
            )
        for child, owner in living.items():
            self._adopt(child, owner)
        for child in self._children if living else ():
            row = self._row_reader.read(child.index)
            if row is not None:
                failed = int(row["state"]) == ProcessState.FAILED
                child.remember(int(row["restarts"]), failed=failed)
        before = self._row_reader.read(len(self._children))
        self._ready = (
            bool(living) and before is not None and (int(before["state"]) == ProcessState.READY)
        )

    def _attach_tables(self, topology: Topology) -> None:
        desk = self._paths.segments
        table = topology.tables["processes"]
        mine = segment.attach(desk, segment.table_shape(table), writable=True)
        mine.claim(os.getpid(), Owner.me().start_ticks, 1)
        self._words = mine.words
        self._phase = int(mine.words[DRAIN_PHASE])
        self._phase_since = time.monotonic()
        self._rows = TableWriter(table, mine.table_memory(), 1)
        self._row_reader = TableReader(table, mine.table_memory())
        self._latches = []
        for name in ("latch", "latch.command"):
            shape = segment.table_shape(topology.tables[name])
            made = segment.attach(desk, shape)
            self._latches.append(TableReader(topology.tables[name], made.table_memory()))
        for child in self._children:
            own = topology.tables[f"process.{child.name}"]
            made = segment.attach(desk, segment.table_shape(own))
            child.words = made.words
            child.reader = TableReader(own, made.table_memory())

    def _write_aside(self, name: str, text: str) -> None:
        aside = self._paths.run / f"{name}.new"
        aside.write_text(text, encoding="utf-8")
        aside.chmod(0o600)
        aside.rename(self._paths.run / name)

    def _adopt(self, child: Child, owner: Owner) -> None:
        pidfd = owner.pidfd()
        if pidfd is None:
            return
        child.adopted(owner, pidfd)
        self._poll.register(pidfd, select.POLLIN)
        self._log.write("info", "", "process_adopted", process_name=child.name, pid=owner.pid)

    # The loop

    def _supervise(self) -> None:
        while True:
            self._start_due()
            self._write_rows()
            if self._terms and self._phase == drain.RUNNING:
                self._say("stopping: cancelling orders, then closing")
                self._enter(1)
            if self._phase != drain.RUNNING and self._drain():
                return
            busy = not self._ready or self._phase != drain.RUNNING
            busy = busy or any(child.is_starting() for child in self._children)
            for descriptor, _ in self._poll.poll(_POLL_BUSY_MS if busy else _POLL_MS):
                if descriptor == self._wake_in:
                    with contextlib.suppress(BlockingIOError):
                        os.read(descriptor, 4096)
                else:
                    self._reap(next(c for c in self._children if c.pidfd == descriptor))
            self._check_heartbeats()

    def _start_due(self) -> None:
        """Start what is not there: simulated exchanges first, the rest once they serve."""
        now = time.monotonic()
        sims_ready = all(c.is_ready() for c in self._children if c.has("venue_sim"))
        for child in self._children:
            if child.pidfd >= 0 or now < child.start_not_before or not child.wanted(self._phase):
                continue
            if not self._ready and not sims_ready and not child.has("venue_sim"):
                continue
            found = living_owner(self._paths.process_lock(child.name))
            if found is not None:
                self._adopt(child, found)
            else:
                self._fork_if_possible(child)
        if not self._ready and all(child.is_ready() for child in self._children):
            self._ready = True
            self._log.write("info", "", "desk_ready", processes=len(self._children))

    def _fork_if_possible(self, child: Child) -> None:
        """A full disk or a full process table passes; the desk waits for it, with pauses."""
        try:
            self._fork(child, EpochFile(self._paths.epoch(child.name)).grant(child.epoch))
        except OSError as error:
            child.exit_code = ExitCode.NO_RESOURCE
            child.backoff()
            self._log.write("error", "", "process_not_started", process_name=child.name,
                            found=f"{error.strerror}: {error.filename}")  # fmt: skip
            self._say(f"{child.name} cannot be started ({error.strerror}); tried again")

    def _fork(self, child: Child, epoch: int) -> None:
        assert system.thread_count() == 1, "the supervisor must have one thread when it forks"
        gc.freeze()
        pid = os.fork()
        if pid == 0:
            code = int(ExitCode.FAILED)
            try:
                code = self._in_child(child.process, epoch)
            finally:
                os._exit(code)
        pidfd = os.pidfd_open(pid)
        child.started(pid, pidfd, epoch)
        self._poll.register(pidfd, select.POLLIN)
        self._log.write("info", "", "process_started", process_name=child.name, pid=pid,
                        incarnation=epoch, core=child.process.core)  # fmt: skip

    def _in_child(self, process: ProcessConfig, epoch: int) -> int:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for descriptor in (*self._inherited, *(c.pidfd for c in self._children)):
            if descriptor >= 0:
                os.close(descriptor)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        return Runtime(self._config, process, epoch, self._make_agent).run()

    def _reap(self, child: Child) -> None:
        """Its pidfd says that it has ended: the proof of death, before anything is granted."""
        self._poll.unregister(child.pidfd)
        code = child.reap()
        expected = self._phase == drain.CLOSE or (self._phase and code == ExitCode.OK)
        self._log.write("info" if expected else "error", "", "process_ended",
                        process_name=child.name, pid=child.pid, exit_code=code)  # fmt: skip
        if expected:
            return
        sentence = self._sentence(child)
        if not child.was_ready and not self._ready and code in FATAL_AT_START:
            self._give_up(StartFailure(ExitCode(code), f"{child.name}: {sentence}"))
            return
        if not self._ready and len(child.starts) >= FIRST_STARTS_MAX:
            told = f"{child.name} failed {len(child.starts)} times at its start: {sentence}"
            self._give_up(StartFailure(ExitCode.DEGRADED, told))
            return
        child.backoff()
        self._say(
            f"{child.name} ended ({code}){': ' + sentence if sentence else ''}; {STARTED_AGAIN}"
        )

    def _sentence(self, child: Child) -> str:
        try:
            return self._paths.failure(child.name).read_text(encoding="utf-8")
        except OSError:
            return ""

    def _give_up(self, failure: StartFailure) -> None:
        """The desk cannot start: say why, stop the rest."""
        self._say(failure.sentence)
        with contextlib.suppress(OSError):
            self._write_aside(f"{NAME}.failed", failure.sentence)
        self._exit = failure.code
        self._terms += 2

    def _check_heartbeats(self) -> None:
        now = time.monotonic_ns()
        for child in self._children:
            if child.pidfd < 0 or child.killed:
                continue
            beat = max(child.heartbeat_ns(), child.started_ns)
            own = child.pulse.silent_ns(child.pid, beat, now)
            bound = HUNG_NS if child.was_ready else int(READY_S * 1e9)
            if child.was_ready and child.has("executor") and not child.has("watchdog"):
                bound = STANDING_NS if self._latched() else HUNG_NS
            if own > bound:
                self._log.write("error", "", "process_hangs", process_name=child.name,
                                pid=child.pid, silent_ms=(now - beat) // 1_000_000,
                                own_silence_ms=own // 1_000_000)  # fmt: skip
                child.kill()

    def _latched(self) -> bool:
        return is_latched(*(read_latch(table) for table in self._latches))

    def _write_rows(self) -> None:
        for child in self._children:
            values = child.row()
            if values != child.row_written:
                child.row_written = values
                self._rows.write(child.index, **values)
        state = ProcessState.READY if self._ready else ProcessState.STARTING
        if self._phase != drain.RUNNING:
            state = ProcessState.DRAINING
        now = time.monotonic_ns()
        self._rows.write(
            len(self._children), pid=os.getpid(), state=int(state), heartbeat_ns=now, core=-1,
            name=NAME.encode(), start_ticks=Owner.me().start_ticks, incarnation=1,
        )  # fmt: skip

    # The end

    def _enter(self, phase: int) -> None:
        self._phase = phase
        self._phase_since = time.monotonic()
        self._words[DRAIN_PHASE] = phase
        for child in self._children:
            ring(child.bell)

    def _drain(self) -> bool:
        """One look at the way out; True = every process has ended."""
        living = [child for child in self._children if child.pidfd >= 0]
        since_s = time.monotonic() - self._phase_since
        if self._phase == drain.CLOSE:
            if since_s > CLOSE_S:
                for child in living:
                    self._log.write("error", "", "process_killed", process_name=child.name)
                    child.kill()
            return not living
        if self._terms > 1:
            self._enter(drain.CLOSE)
            return False
        waiting = [
            child
            for child in self._children
            if (child.wanted(self._phase) or child.closing(self._phase))
            and not self._drained(child)
        ]
        late = since_s > drain.bound_s(self._phase)
        if late and waiting:
            names = ",".join(child.name for child in waiting)
            self._log.write("warning", "", "drain_late", phase=self._phase, processes=names)
            self._say(f"drain phase {self._phase}: {names} did not finish in time; going on")
        if late or not waiting:
            self._enter(self._phase + 1)
        return False

    def _drained(self, child: Child) -> bool:
        return child.pidfd >= 0 and int(child.words[DRAINED_PHASE]) >= self._phase


def _unfailing(say: Callable[[str], None]) -> Callable[[str], None]:
    """Words for a person never stop the desk: they may go to a file on a full disk."""

    def tell(text: str) -> None:
        with contextlib.suppress(OSError):
            say(text)

    return tell


def say_plain(text: str) -> None:
    """A line for a person, on stderr."""
    print(text, file=sys.stderr, flush=True)


def main(arguments: list[str]) -> int:
    """`python -m procs.supervisor CONFIG`: the desk in the foreground, without a keeper."""
    from procs.start import supervise_here

    if len(arguments) != 1:
        say_plain("usage: python -m procs.supervisor CONFIG")
        return ExitCode.USAGE
    return supervise_here(arguments[0])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
