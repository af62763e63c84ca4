"""Hosts a group of agents in one process: the loop, waiting, timers, signals and the way out.

A *turn* calls every agent's `do_work` until a whole pass did nothing, within a budget so that
sockets are never starved, and rings the bells of processes that sleep on what was written. Then
the process parks: it announces its sleep, looks once more, and waits for its bell, its sockets or
its next timer. A core map that says `spin` replaces the wait by the next turn. Where strategies are
hosted, a timer's signal ends a plugin's callback that does not come back (`hang.py`).

With network roles the loop is asyncio's; without, a plain poll. An agent that raises ends the
process (our bug, or a disk that refuses): the supervisor proves its death and starts the next.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import select
import signal
import time
import traceback
from collections.abc import Callable
from typing import Any

from oms.agents.base import Agent
from oms.config import DeskConfig, ProcessConfig
from oms.errors import ExitCode, MexomsError
from oms.ports import NEVER, ConnEvent, HttpMeta
from procs import drain
from procs.clock import Clock
from procs.control import ControlServer
from procs.files.journal_file import FULL_DISK
from procs.files.locks import FileLock, LockHeldError
from procs.files.logs import ProcessLog
from procs.files.paths import DeskPaths
from procs.hang import HangWatch
from procs.machine import system
from procs.memory import DeskMemory
from procs.net.network import Network
from procs.net.warm import Warmth
from procs.ports import LivePorts
from shm_layout.doorbell import ring
from shm_layout.enums import ProcessState, Wait
from shm_layout.ring_hot import DRAIN_PHASE, DRAINED_PHASE, HEARTBEAT
from shm_layout.segment import SegmentError

MakeAgent = Callable[[DeskConfig, str], Agent]

NETWORK_ROLES = ("feed", "executor", "venue_sim", "watchdog", "gateway")
PASSES_MAX = 32
"""Passes of one turn before sockets and timers get their chance."""
TURN_NS_MAX = 100_000_000
"""A turn that has taken so long ends behind its pass, so that heartbeat and sockets get theirs."""
INPUT_PASSES_MAX = 16
"""`do_work` calls after one message, before the next message is handed over."""
SPIN_LOOKS = 20_000
"""What a process that spins looks at its rings between two turns: some 50 us."""
SPIN_LOOKS_WITH_SOCKETS = 2_000
"""The same where sockets are looked at between turns, too."""
HEARTBEAT_NS = 250_000_000
TIMER_GAP_NS = 100_000
"""A timer that stays due is served again after this, so that it cannot eat the core."""


class HostedAgent:
    """One agent in its process: what the network calls, guarded."""

    def __init__(self, agent: Agent, role: str, ports: LivePorts, host: Runtime) -> None:
        self.agent = agent
        self.role = role
        self.ports = ports
        self.closed = False
        self._host = host

    def on_bytes(self, conn: int, data: bytes, meta: HttpMeta | None = None) -> None:
        """One whole message, then the agent's work on it."""
        if self.closed or self._host.error is not None:
            return
        try:
            self.agent.on_bytes(conn, data, self._host.clock.now_ns(), meta)
            self._work_now()
        except Exception as error:  # noqa: BLE001 - asyncio would swallow it; the host ends on it
            self._host.fail(error)

    def on_conn(self, conn: int, event: ConnEvent) -> None:
        """A connection opened or ended."""
        if self.closed or self._host.error is not None:
            return
        try:
            self.agent.on_conn(conn, event, self._host.clock.now_ns())
            self._work_now()
        except Exception as error:  # noqa: BLE001 - as above
            self._host.fail(error)

    def _work_now(self) -> None:
        host = self._host
        for _ in range(INPUT_PASSES_MAX):
            done = self.agent.do_work(host.clock.now_ns())
            if not done:
                return
            host.work += done

    def after_input(self) -> None:
        """All input of this moment was handed over."""
        self._host.after_input()

    def log(self, level: str, event: str, **fields: Any) -> None:
        """One structured line."""
        self.ports.log(level, event, **fields)


class Runtime:
    """One process of the desk. Made in the forked child; `run` returns its exit code."""

    def __init__(
        self, config: DeskConfig, process: ProcessConfig, epoch: int, make_agent: MakeAgent
    ) -> None:
        self.config = config
        self.process = process
        self.clock = Clock()
        self.error: BaseException | None = None
        self._paths = DeskPaths.of(config)
        self._epoch = epoch
        self._make_agent = make_agent
        self._spin = process.wait == "spin"
        self._give_way = system.GiveWay()
        self.work = 0
        """What the agents have done in all."""
        self._loops = 0
        self._beat_ns = 0
        self._terms = 0
        self._own_phase = drain.RUNNING
        self._own_phase_since_ns = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._network: Network | None = None
        self._warmth: Warmth | None = None
        self._armed: asyncio.TimerHandle | None = None
        self._armed_ns = NEVER
        self._queued = self._in_turn = self._ended = False
        self._control: ControlServer | None = None

    # Start and end

    def run(self) -> int:
        """Host the agents until they are drained and closed, or until one fails."""
        name = self.process.name
        self._paths.failure(name).unlink(missing_ok=True)
        try:
            self._lock = FileLock(self._paths.process_lock(name), self._epoch)
        except LockHeldError:
            return ExitCode.ALREADY_RUNNING
        self._log = ProcessLog(self._paths.logs, name)
        try:
            self._begin()
            if self._loop is not None:
                self._run_loop(self._loop)
            else:
                self._run_plain()
            if self.error is not None:
                raise self.error
        except Exception as error:  # noqa: BLE001 - whatever it is ends here, as a sentence
            return self._failed(error)
        if self._control is not None:
            self._control.close(self._paths.control(name))
        self._row(ProcessState.STOPPED)
        self._log.write("info", "", "process_stopped")
        return ExitCode.OK

    def _failed(self, error: BaseException) -> int:
        """One sentence for the person, the traceback for the log, a code for the supervisor."""
        text = str(error) or type(error).__name__
        known = isinstance(error, (MexomsError, SegmentError))
        where = "" if known else "".join(traceback.format_exception(error))[-3000:]
        self._log.write("error", "", "process_failed", error=text, traceback=where)
        sentence = text if known else f"{type(error).__name__}: {text} (see {self._log.path})"
        with contextlib.suppress(OSError):
            self._paths.failure(self.process.name).write_text(sentence, encoding="utf-8")
        with contextlib.suppress(AttributeError):
            self._row(ProcessState.FAILED)
        if isinstance(error, MexomsError):
            return error.exit_code
        if isinstance(error, OSError) and error.errno in FULL_DISK:
            return ExitCode.NO_RESOURCE
        return ExitCode.NO_RESOURCE if isinstance(error, SegmentError) else ExitCode.FAILED

    def _begin(self) -> None:
        system.set_title(self.process.name)
        system.no_core_dump()
        trouble = system.pin(self.process.core)
        if trouble:
            self._log.write("warning", "", "not_pinned", found=trouble)
        self._core = -1 if trouble else self.process.core
        self._memory = DeskMemory(self.config, self._paths, self.process.name, self._epoch)
        assert self._memory.sleeper is not None
        self._sleeper = self._memory.sleeper
        self._sleeper.wake_up()
        self._memory.own_words[DRAINED_PHASE] = 0
        own = f"process.{self.process.name}"
        self._row_writer = self._memory.table_writer(own, own)
        self._row(ProcessState.STARTING)
        if any(role.partition(".")[0] in NETWORK_ROLES for role in self.process.roles):
            self._loop = asyncio.new_event_loop()
            self._loop.set_exception_handler(self._on_loop_trouble)
            self._network = Network(self._loop)
            self._warmth = Warmth() if self._spin else None
        self.hosted: list[HostedAgent] = []
        for role in self.process.roles:
            ports = LivePorts(
                role, self.config, self._paths, self._memory, self._log, self._network
            )
            made = HostedAgent(self._make_agent(self.config, role), role, ports, self)
            ports.sink = made
            self.hosted.append(made)
        if any(role.startswith("strategy.") for role in self.process.roles):
            HangWatch().arm()
        self._drain = drain.Drain(self.hosted)
        if any(one.agent.control_verbs for one in self.hosted):
            path = self._paths.control(self.process.name)
            try:
                self._control = ControlServer(path, self._on_command)
            except OSError as error:
                self._log.write("error", "", "no_control_socket", found=f"{path}: {error.strerror}")

    def _start_agents(self) -> None:
        gc.disable()
        for one in self.hosted:
            one.agent.on_start(one.ports, self.clock.now_ns())
        # What agents begin with stays as long as they do: it is not searched for garbage, neither
        # while it is made (a fifth of the time in which an exchange recalls its orders) nor later.
        gc.freeze()
        gc.enable()
        self._row(ProcessState.READY)
        self._log.write("info", "", "process_ready", roles=",".join(self.process.roles),
                        core=self._core, epoch=self._epoch,
                        durability=self.config.durability)  # fmt: skip

    def fail(self, error: BaseException) -> None:
        """Remember the first failure and leave the loop."""
        if self.error is None:
            self.error = error
        if self._loop is not None:
            self._loop.stop()

    def _on_command(self, verb: str, fields: dict[str, Any]) -> dict[str, Any]:
        """A person's command goes to the agent that takes its verb; the turn follows."""
        for one in self.hosted:
            if verb in one.agent.control_verbs:
                if one.closed or self.error is not None:
                    return {"error": f"{one.role} is ending"}
                return one.agent.on_control(verb, fields, self.clock.now_ns())
        known = [verb for one in self.hosted for verb in one.agent.control_verbs]
        return {"error": f"unknown verb {verb[:40]!r}; {self.process.name} takes {known}"}

    # One turn

    def _turn(self) -> bool:
        """Work until idle or out of budget; True = idle."""
        hosted, clock, sleeper = self.hosted, self.clock, self._sleeper
        ring_due = self._memory.ringer.ring_due
        idle = False
        until_ns = time.monotonic_ns() + TURN_NS_MAX
        for _ in range(PASSES_MAX):
            sleeper.take_growth()
            done = 0
            for one in hosted:
                if not one.closed:
                    done += one.agent.do_work(clock.now_ns())
            ring_due()
            if done and not self._spin:
                # Who shares this core goes on with it now, and not when we have found no more.
                self._give_way()
            self.work += done
            if done == 0:
                idle = True
                break
            if time.monotonic_ns() > until_ns:
                break
        self._loops += 1
        phase = int(self._memory.phase_words[DRAIN_PHASE])
        if phase or self._own_phase:
            self._follow(phase)
        return idle

    def _follow(self, phase: int) -> None:
        """Drain as the supervisor says, or by ourselves after a SIGTERM of our own."""
        before = self._drain.phase
        drained = self._drain.step(max(phase, self._own_phase), self.clock.now_ns)
        self._memory.ringer.ring_due()
        self._memory.own_words[DRAINED_PHASE] = drained
        if self._drain.phase != before:
            self._row(ProcessState.DRAINING)
        if self._own_phase:
            now = time.monotonic_ns()
            late = now - self._own_phase_since_ns > drain.bound_s(self._own_phase) * 1e9
            if (drained >= self._own_phase or late) and self._own_phase < drain.CLOSE:
                self._own_phase += 1
                self._own_phase_since_ns = now

    def _on_term(self) -> None:
        """SIGTERM: drain, then close. A second one: close now."""
        self._terms += 1
        self._own_phase = max(self._own_phase, 1) if self._terms == 1 else drain.CLOSE
        self._own_phase_since_ns = time.monotonic_ns()
        ring(self._sleeper.bell)

    def _next_ns(self) -> int:
        """UTC of the earliest timer; never so near that a stuck one eats the core."""
        due = min((o.agent.next_timer_ns() for o in self.hosted if not o.closed), default=NEVER)
        return max(due, self.clock.now_ns() + TIMER_GAP_NS)

    def _housekeep(self) -> None:
        """Four times a second: heartbeat, counters, clock, connections that hang."""
        now = time.monotonic_ns()
        if now - self._beat_ns < HEARTBEAT_NS:
            return
        self._beat_ns = now
        self.clock.retune_now()
        self._row(None)
        for one in self.hosted:
            one.ports.reserve_disk()
        if self._network is not None:
            self._network.tick()
        elif self._control is not None:
            self._control.serve()

    def _row(self, state: ProcessState | None) -> None:
        beat = time.monotonic_ns()
        self._memory.own_words[HEARTBEAT] = beat
        values = {} if state is None else {"state": int(state)}
        self._row_writer.write(
            0, pid=os.getpid(), heartbeat_ns=beat, loops=self._loops, work=self.work,
            errors=self._log.errors, incarnation=self._epoch, core=self._core,
            wait=int(Wait.SPIN if self._spin else Wait.PARK), name=self.process.name.encode(),
            agents=",".join(self.process.roles).encode()[:64], **values,
        )  # fmt: skip

    # Without sockets

    def _run_plain(self) -> None:
        signal.signal(signal.SIGTERM, lambda *_: self._on_term())
        poll = select.poll()
        poll.register(self._sleeper.bell, select.POLLIN)
        if self._control is not None:
            poll.register(self._control.fileno(), select.POLLIN)
        self._start_agents()
        while not self._drain.finished():
            idle = self._turn()
            self._housekeep()
            if idle and self._spin:
                self._sleeper.spin(SPIN_LOOKS)
            elif idle and not self._drain.finished():
                wait_ns = min(self._next_ns() - self.clock.now_ns(), HEARTBEAT_NS)
                if self._own_phase or self._drain.phase:
                    wait_ns = min(wait_ns, HEARTBEAT_NS // 25)
                self._wait(poll, max(wait_ns, 0))

    def _wait(self, poll: select.poll, timeout_ns: int) -> None:
        """Sleep until the bell rings or the time is over."""
        found: list[tuple[int, int]] = []
        if self._sleeper.fall_asleep():
            found = poll.poll(-(-timeout_ns // 1_000_000))
        for descriptor, _ in found:
            if descriptor == self._sleeper.bell:
                self._sleeper.rung = True
            elif self._control is not None:
                self._control.serve()

    # With sockets

    def _run_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        loop.add_signal_handler(signal.SIGTERM, self._on_term)
        loop.add_reader(self._sleeper.bell, self._on_bell)
        loop.call_soon(self._begin_in_loop)
        try:
            loop.run_forever()
            assert self._network is not None
            loop.run_until_complete(self._network.shut())
        finally:
            if self._warmth is not None:
                self._warmth.close()
            loop.close()

    def _begin_in_loop(self) -> None:
        try:
            self._start_agents()
        except Exception as error:  # noqa: BLE001 - asyncio would swallow it; the host ends on it
            self.fail(error)
            return
        if self._control is not None:
            assert self._loop is not None
            self._loop.add_reader(self._control.fileno(), self._on_control_bytes)
        self._beat_in_loop()
        self._turn_in_loop()

    def _on_control_bytes(self) -> None:
        assert self._control is not None
        try:
            self._control.serve()
        except Exception as error:  # noqa: BLE001 - asyncio would swallow it; the host ends on it
            self.fail(error)
            return
        self._turn_in_loop()

    def _beat_in_loop(self) -> None:
        assert self._loop is not None
        self._housekeep()
        draining = self._own_phase or self._drain.phase
        if draining or self._memory.phase_words[DRAIN_PHASE]:
            self.after_input()
        gap_ns = HEARTBEAT_NS // 25 if draining else HEARTBEAT_NS
        self._loop.call_later(gap_ns / 1e9, self._beat_in_loop)

    def _on_bell(self) -> None:
        self._sleeper.rung = True
        self._turn_in_loop()

    def after_input(self) -> None:
        """What the network calls when it has handed over all it had."""
        if not self._in_turn and self.error is None and self._beat_ns:
            self._turn_in_loop()

    def _turn_queued(self) -> None:
        self._queued = False
        self._turn_in_loop()

    def _turn_in_loop(self) -> None:
        assert self._loop is not None
        if self.error is not None:
            return
        self._in_turn = True
        assert self._network is not None
        self._network.gate.hold()
        try:
            idle = self._turn()
            self._sleeper.hush()
        except Exception as error:  # noqa: BLE001 - asyncio would swallow it; the host ends on it
            self.fail(error)
            return
        finally:
            self._in_turn = False
            self._network.gate.release()
        if self._ended:
            return
        if self._drain.finished():
            self._ended = True
            self._loop.stop()
        elif self._spin or not idle or not self._sleeper.fall_asleep():
            if self._warmth is not None and idle:
                self._warmth.idle(self.work)
                self._sleeper.spin(SPIN_LOOKS_WITH_SOCKETS)
            if not self._queued:
                self._queued = True
                self._loop.call_soon(self._turn_queued)
        else:
            self._arm()

    def _arm(self) -> None:
        """Keep one timer for the earliest wish of all agents."""
        assert self._loop is not None
        due_ns = self._next_ns()
        if self._armed is not None and self._armed_ns == due_ns:
            return
        if self._armed is not None:
            self._armed.cancel()
            self._armed = None
        self._armed_ns = due_ns
        if due_ns != NEVER:
            after_s = max(due_ns - self.clock.now_ns(), 0) / 1e9
            self._armed = self._loop.call_later(after_s, self._on_timer)

    def _on_timer(self) -> None:
        self._armed, self._armed_ns = None, NEVER
        self._turn_in_loop()

    def _on_loop_trouble(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What a library did not catch: logged; it ends a connection, never the process."""
        del loop
        error = context.get("exception")
        self._log.write("error", "", "loop_trouble", found=str(context.get("message"))[:200],
                        error=f"{type(error).__name__}: {error}"[:400])  # fmt: skip
