"""A simulated exchange by itself: one process, no desk, no shared memory.

`load_sim` reads its file (configs/sim.demo.toml) into the same structs that a desk is made of;
`SimHost` gives the agent `venue_sim.<exchange>` its ports and turns, until a signal or a time ends
it. What runs is written to `<data_dir>/run/sim.json`, for `oms sim status` and its sisters; the
lock `run/sim.lock` says who.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from oms.agents.venue_sim.agent import VenueSimAgent
from oms.config import (
    AccountConfig,
    DeskConfig,
    GroupConfig,
    HostConfig,
    LimitsConfig,
)
from oms.config_build import build
from oms.config_checks import port_mistakes
from oms.config_parts import SimFile
from oms.errors import ConfigError
from oms.ports import NEVER, ConnEvent, HttpMeta, Journal, Key
from oms.units import NS_PER_S
from procs.clock import Clock
from procs.config.files import parse_toml, root_of
from procs.config.ports import choose_ports
from procs.files.journal_file import JournalFile
from procs.files.keys import GeneratedKeys
from procs.files.logs import ProcessLog
from procs.files.paths import DeskPaths
from procs.net.network import Network

PROCESS = "sim"
ACCOUNTS_MAX = 64
TICK_S = 0.25
TURN_PASSES_MAX = 16
_GARBAGE_THRESHOLDS = (50_000, 20, 100)
"""Of `gc`: how many new objects, and collections of the generation before, make one collection."""


def key_name(account: str) -> str:
    """Name of an account's key, and of its file without `.json`."""
    return f"sim.{account}"


def is_sim_file(given: Mapping[str, Any]) -> bool:
    """Is it the file of a simulated exchange by itself, and not a desk's?"""
    return "sim" in given and "exchanges" not in given


def read_sim(
    path: Path, given: dict[str, Any], changes: Mapping[str, Any], mistakes: list[str]
) -> SimFile | None:
    """What the file says, with `changes` in its [sim]; None where there are mistakes, all of which
    are noted."""
    sim = given.get("sim")
    if isinstance(sim, dict):
        given["sim"] = {**sim, **changes}
    made: SimFile | None = build(SimFile, given, str(path), mistakes)
    if made is None:
        return None
    if not 1 <= len(made.accounts) <= ACCOUNTS_MAX:
        mistakes.append(f"{path}: accounts: required are 1 to {ACCOUNTS_MAX} names")
    if len(set(made.accounts)) != len(made.accounts):
        names = ", ".join(made.accounts)
        mistakes.append(f"{path}: accounts: found {names}, required are distinct names")
    mistakes += port_mistakes(made.sim, str(path))
    return None if mistakes else made


def load_sim(path: Path, data_dir: str | None, changes: Mapping[str, Any]) -> DeskConfig:
    """The exchange that the file describes; `changes` replace keys of its [sim]."""
    mistakes: list[str] = []
    made = read_sim(path, parse_toml(path), changes, mistakes)
    if made is None:
        raise ConfigError(mistakes[0])
    group = GroupConfig(
        made.sim.exchange,
        made.sim.exchange,
        (),
        "",
        "",
        tuple(AccountConfig(name, key_name(name)) for name in made.accounts),
        orders_per_10s=made.orders_per_10s,
    )
    base = Path.cwd() if data_dir else root_of(path)
    return choose_ports(
        DeskConfig(
            name=made.name,
            data_dir=str((base / (data_dir or made.data_dir)).resolve()),
            durability="process-crash-safe",
            venues=(),
            groups=(group,),
            strategies=(),
            limits=LimitsConfig("0", "0", 0, 0, 0, 0),
            host=HostConfig(PROCESS, ()),
            sims=(made.sim,),
            capacity="small",
        )
    )


class SimPorts:
    """`oms.ports.Ports` of the one agent here, without shared memory."""

    epoch = generation = 1
    stamping = False

    def __init__(self, host: SimHost, network: Network, role: str) -> None:
        self.role = role
        self._host = host
        self._network = network
        paths = host.paths
        self._keys = GeneratedKeys(paths.keys)
        self._journals = paths.journal

    def listen(self, host: str, port: int, kind: str) -> int:
        """Serve."""
        return self._network.listen(self._host, host, port, kind)

    def send(self, conn: int, data: bytes) -> None:
        """One text message."""
        self._network.send(conn, data)

    def ping(self, conn: int, payload: bytes) -> None:
        """One ping frame."""
        self._network.ping(conn, payload)

    def mute(self, conn: int) -> None:
        """Hear and say nothing any more."""
        self._network.mute(conn)

    def respond(
        self, conn: int, request_id: int, status: int, headers: Mapping[str, str], body: bytes
    ) -> None:
        """Answer an HTTP request."""
        del conn
        self._network.respond(request_id, status, headers, body)

    def close(self, conn: int) -> None:
        """Close a connection or a listener."""
        self._network.close(conn)

    def conn_info(self, conn: int) -> Mapping[str, str]:
        """What is known of a connection."""
        return self._network.conn_info(conn)

    def journal(self, name: str) -> Journal:
        """A journal by name."""
        return JournalFile(self._journals, name, "process-crash-safe")

    def key(self, name: str) -> Key:
        """A generated key."""
        return self._keys.key(name)

    def random_bytes(self, count: int) -> bytes:
        """The system's randomness."""
        return os.urandom(count)

    def log(self, level: str, event: str, **fields: Any) -> None:
        """One structured line."""
        self._host.log(level, event, **fields)


class SimHost:
    """One exchange in one process; it is the agent's `Sink`, too."""

    def __init__(self, config: DeskConfig) -> None:
        self.config = config
        self.paths = DeskPaths.of(config)
        self.role = f"venue_sim.{config.sims[0].exchange}"
        self.error: BaseException | None = None
        self._clock = Clock()
        self._log = ProcessLog(self.paths.logs, PROCESS)
        self._agent = VenueSimAgent(config, config.sims[0].exchange)
        self._loop = asyncio.new_event_loop()
        self._network = Network(self._loop)
        self._armed: asyncio.TimerHandle | None = None
        self._armed_ns = NEVER
        self._again = False

    @property
    def state_path(self) -> Path:
        """What runs, for those who ask it."""
        return state_path(self.paths)

    def run(self, for_s: float | None, on_ready: Callable[[], None]) -> None:
        """Serve until SIGINT, SIGTERM or the time; raises what ended the agent."""
        loop = self._loop
        asyncio.set_event_loop(loop)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, loop.stop)
        # It keeps 200,000 orders: a collection of all generations would stop it for a tenth of a
        # second, and next to nothing here is part of a cycle.
        gc.freeze()
        gc.set_threshold(*_GARBAGE_THRESHOLDS)
        loop.call_soon(self._begin, for_s, on_ready)
        try:
            loop.run_forever()
            self._guarded(lambda: self._agent.on_close(self._clock.now_ns()))
            loop.run_until_complete(self._network.shut())
        finally:
            self.state_path.unlink(missing_ok=True)
            loop.close()
        if self.error is not None:
            raise self.error

    def _begin(self, for_s: float | None, on_ready: Callable[[], None]) -> None:
        ports: Any = SimPorts(self, self._network, self.role)
        self._guarded(lambda: self._agent.on_start(ports, self._clock.now_ns()))
        if self.error is not None:
            return
        self._tick()
        self._turn()
        if for_s is not None:
            self._loop.call_later(for_s, self._loop.stop)
        self._write_state()
        on_ready()

    def _write_state(self) -> None:
        sim = self.config.sims[0]
        state = {
            "pid": os.getpid(), "exchange": sim.exchange, "host": sim.host,
            "rest_port": sim.rest_port, "ws_port": sim.ws_port, "control_port": sim.control_port,
        }  # fmt: skip
        aside = self.state_path.with_suffix(".new")
        aside.write_text(json.dumps(state), encoding="utf-8")
        aside.replace(self.state_path)

    def _guarded(self, call: Callable[[], object]) -> None:
        """asyncio would swallow what the agent raises; the host ends on it."""
        if self.error is not None:
            return
        try:
            call()
        except Exception as error:  # noqa: BLE001 - whatever it is ends here, as a sentence
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        self.error = error
        self._log.write("error", self.role, "failed", error=f"{type(error).__name__}: {error}")
        self._loop.stop()

    # The agent's turns

    def _turn(self) -> None:
        self._again = False
        for _ in range(TURN_PASSES_MAX):
            done = 0
            try:
                done = self._agent.do_work(self._clock.now_ns())
            except Exception as error:  # noqa: BLE001 - as above
                self._failed(error)
                return
            if not done:
                self._arm()
                return
        self._again = True
        self._loop.call_soon(self._turn)

    def _arm(self) -> None:
        due_ns = self._agent.next_timer_ns()
        if due_ns == self._armed_ns and self._armed is not None:
            return
        if self._armed is not None:
            self._armed.cancel()
            self._armed = None
        self._armed_ns = due_ns
        if due_ns != NEVER:
            after_s = max(due_ns - self._clock.now_ns(), 0) / NS_PER_S
            self._armed = self._loop.call_later(after_s, self._rung)

    def _rung(self) -> None:
        self._armed = None
        self._turn()

    def _tick(self) -> None:
        self._clock.retune_now()
        self._network.tick()
        self._loop.call_later(TICK_S, self._tick)

    # What the network calls

    def on_bytes(self, conn: int, data: bytes, meta: HttpMeta | None = None) -> None:
        """One whole message."""
        if self.error is None:
            try:
                self._agent.on_bytes(conn, data, self._clock.now_ns(), meta)
            except Exception as error:  # noqa: BLE001 - as above
                self._failed(error)

    def on_conn(self, conn: int, event: ConnEvent) -> None:
        """A connection opened or ended."""
        self._guarded(lambda: self._agent.on_conn(conn, event, self._clock.now_ns()))

    def after_input(self) -> None:
        """Everything that came was handed over: a turn."""
        if not self._again and self.error is None:
            self._turn()

    def log(self, level: str, event: str, **fields: Any) -> None:
        """One structured line."""
        self._log.write(level, self.role, event, **fields)


def state_path(paths: DeskPaths) -> Path:
    """Where a running exchange says how to reach it."""
    return paths.run / "sim.json"
