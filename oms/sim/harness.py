"""The second host: any agents in one thread, under a virtual clock and a seeded scheduler.

The same agents as on the live host, cold driver: bytes in, bytes out, faults where asked. One
seed gives one run, byte for byte: the order in which ready agents are called, the latencies and
the random bytes come from it, and time is virtual. Used for the fault simulator, fast tests and
`oms replay`. Agents can be killed and started again at any event; rings, cursors, tables and
journals outlive them as they do in /dev/shm and on disk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from oms.agents.base import Agent
from oms.chance import Chance
from oms.ports import NEVER, ConnEvent, HttpMeta, Key
from oms.sim.network import VirtualNetwork
from shm_layout.channels import Topology
from shm_layout.limits import FIXED_FILE_BYTES, JOURNAL_FILE_BYTES_MAX
from shm_layout.ring import HEAD_WORDS, RingMemory, RingReader, RingWriter
from shm_layout.ring_hot import WRITE_POS
from shm_layout.table import TableMemory, TableReader, TableWriter

TURNS_PER_INSTANT_MAX = 100_000
"""An agent that still has work after so many turns at one virtual instant is in a loop."""


class MemoryJournal:
    """Journal port over lists of bytes."""

    def __init__(self, files: list[bytearray], name: str = "memory") -> None:
        self.files = files
        self.name = name

    def place(self, file_index: int) -> str:
        return f"{self.name} journal file {file_index + 1}"

    def append(self, block: bytes) -> None:
        if not self.files:
            self.files.append(bytearray())
        self.files[-1] += block
        assert len(self.files[-1]) <= 2 * JOURNAL_FILE_BYTES_MAX

    def existing(self, first: int = 0) -> Iterator[bytes]:
        return iter([bytes(file) for file in self.files[first:]])

    def read(self, file_index: int, offset: int, bytes_max: int) -> bytes:
        if file_index >= len(self.files):
            return b""
        return bytes(self.files[file_index][offset : offset + bytes_max])

    def truncate(self, file_index: int, size_bytes: int) -> None:
        del self.files[file_index][size_bytes:]

    def roll(self, header: bytes) -> None:
        self.files.append(bytearray(header))

    def begun(self) -> int:
        return len(self.files)

    def drop_before(self, file_index: int) -> None:
        for file in self.files[:file_index]:
            file.clear()

    def low(self) -> bool:
        return False


class MemoryFixedFile:
    """FixedFile port over bytes; `trouble` is what every write answers."""

    def __init__(self) -> None:
        self.data = bytearray(FIXED_FILE_BYTES)
        self.trouble = ""

    def read(self) -> bytes:
        return bytes(self.data)

    def write(self, offset: int, data: bytes) -> str:
        assert 0 <= offset <= FIXED_FILE_BYTES - len(data), f"{offset} + {len(data)}"
        if not self.trouble:
            self.data[offset : offset + len(data)] = data
        return self.trouble


class HarnessPorts:
    """Ports of one agent incarnation."""

    def __init__(self, harness: Harness, role: str, epoch: int) -> None:
        self.role = role
        self.epoch = epoch
        self.stamping = False
        self.generation = harness.seed + 1
        self._harness = harness
        seed = hashlib.sha256(f"{harness.seed}/{role}/{epoch}".encode()).digest()
        self._chance = np.random.Generator(np.random.PCG64(int.from_bytes(seed[:8], "little")))

    def writer(self, channel: str) -> RingWriter:
        spec = self._harness.topology.channels[channel]
        assert spec.writer == self.role, f"{self.role} may not write {channel}"
        gate = self._harness.cursor(channel, spec.gate) if spec.gate else None
        self._harness.outputs[self.role].append(channel)
        return RingWriter(spec, self._harness.ring(channel), gate, self.epoch)

    def reader(self, channel: str) -> RingReader:
        spec = self._harness.topology.channels[channel]
        assert self.role in spec.readers, f"{self.role} is no reader of {channel}"
        cursor = self._harness.cursor(channel, self.role)
        return RingReader(spec, self._harness.ring(channel), cursor)

    def table_writer(self, table: str) -> TableWriter:
        spec = self._harness.topology.tables[table]
        assert spec.writer == self.role, f"{self.role} may not write {table}"
        return TableWriter(spec, self._harness.table(table), self.epoch)

    def table_reader(self, table: str) -> TableReader:
        return TableReader(self._harness.topology.tables[table], self._harness.table(table))

    def open_ws(self, url: str, headers: Mapping[str, str] | None = None) -> int:
        del headers
        return self._harness.network.open_ws(self.role, url)

    def send(self, conn: int, data: bytes) -> None:
        self._harness.network.send(conn, bytes(data))

    def ping(self, conn: int, payload: bytes) -> None:
        self._harness.network.ping(conn)

    def request(
        self, base_url: str, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> int:
        return self._harness.network.request(self.role, base_url, method, target, headers, body)

    def open_http(self, base_url: str) -> int:
        return self._harness.network.open_http(self.role, base_url)

    def request_on(
        self, conn: int, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> int:
        return self._harness.network.request_on(conn, method, target, headers, body)

    def listen(self, host: str, port: int, kind: str) -> int:
        self._harness.network.listen(self.role, host, port, kind)
        return port

    def respond(
        self, conn: int, request_id: int, status: int, headers: Mapping[str, str], body: bytes
    ) -> None:
        del conn
        self._harness.network.respond(request_id, status, headers, body)

    def close(self, conn: int) -> None:
        self._harness.network.close(conn)

    def mute(self, conn: int) -> None:
        self._harness.network.mute(conn)

    def conn_info(self, conn: int) -> Mapping[str, str]:
        return self._harness.network.conn_info(conn)

    def journal(self, name: str) -> MemoryJournal:
        return MemoryJournal(self._harness.journals.setdefault(name, []), name)

    def fixed_file(self, name: str) -> MemoryFixedFile:
        return self._harness.fixed_files.setdefault(name, MemoryFixedFile())

    def append_line(self, path: str, line: str) -> None:
        self._harness.lines.setdefault(path, []).append(line)

    def whole_file(self, path: str) -> bytes:
        return self._harness.whole_files.get(path, b"")

    def put_whole_file(self, path: str, data: bytes) -> None:
        self._harness.whole_files[path] = data

    def key(self, name: str) -> Key:
        made = hashlib.sha256(f"{self._harness.seed}/key/{name}".encode()).hexdigest()
        return Key(name, "k" + made[:31], made[32:].encode())

    def random_bytes(self, count: int) -> bytes:
        return self._chance.bytes(count)

    def log(self, level: str, event: str, **fields: Any) -> None:
        self._harness.logs.append((self._harness.now_ns, self.role, level, event, fields))


class Harness:
    """A desk, or any part of one, in this thread."""

    def __init__(
        self,
        topology: Topology,
        seed: int,
        start_ns: int,
        latency_ns: int = 200_000,
        jitter_ns: int = 50_000,
        ports: Callable[[Harness, str, int], HarnessPorts] = HarnessPorts,
    ) -> None:
        self.topology = topology
        self.seed = seed
        self.network = VirtualNetwork(self, seed, latency_ns, jitter_ns)
        self.network.now_ns = start_ns
        self.journals: dict[str, list[bytearray]] = {}
        self.fixed_files: dict[str, MemoryFixedFile] = {}
        self.lines: dict[str, list[str]] = {}
        self.whole_files: dict[str, bytes] = {}
        self.logs: list[tuple[int, str, str, str, dict[str, Any]]] = []
        self.outputs: dict[str, list[str]] = {}
        self.agents: dict[str, Agent] = {}
        self._ports = ports
        self.before_call: Callable[[str], None] | None = None
        """Called with the role before each call into an agent; a fault test kills there."""
        self._order = Chance(seed + 1).uniform
        self._rings: dict[str, RingMemory] = {}
        self._tables: dict[str, TableMemory] = {}
        self._cursors: dict[tuple[str, str], np.ndarray[Any, Any]] = {}
        self._epochs: dict[str, int] = {}
        self._seen: dict[str, int] = {}
        self._ready: dict[str, None] = {}
        self._timers: dict[str, int] = {}
        self._stopped: dict[str, list[Callable[[Agent], Any]]] = {}
        """Roles that stand still -> what has reached them meanwhile."""

    @property
    def now_ns(self) -> int:
        return self.network.now_ns

    # Memory that outlives agents

    def ring(self, channel: str) -> RingMemory:
        if channel not in self._rings:
            self._rings[channel] = RingMemory.anonymous(self.topology.channels[channel])
        return self._rings[channel]

    def table(self, name: str) -> TableMemory:
        if name not in self._tables:
            self._tables[name] = TableMemory.anonymous(self.topology.tables[name])
        return self._tables[name]

    def cursor(self, channel: str, role: str) -> np.ndarray[Any, Any]:
        return self._cursors.setdefault((channel, role), np.zeros(HEAD_WORDS, np.int64))

    # Agents

    def start(self, role: str, agent: Agent) -> None:
        """Start an agent, or a dead one's successor (its incarnation grows by one)."""
        assert role not in self.agents, f"{role} is running"
        self._epochs[role] = self._epochs.get(role, 0) + 1
        self.outputs[role] = []
        self.agents[role] = agent
        agent.on_start(self._ports(self, role, self._epochs[role]), self.now_ns)
        self._after(role)

    def kill(self, role: str) -> None:
        """The agent is gone between two of its instructions that the harness can see."""
        del self.agents[role]
        self._ready.pop(role, None)
        self._timers.pop(role, None)
        self._stopped.pop(role, None)
        self.network.forget(role)

    def stop(self, role: str) -> None:
        """The process stands still (SIGSTOP): its sockets stay open and their bytes wait."""
        self._stopped.setdefault(role, [])

    def resume(self, role: str) -> None:
        """It goes on, and finds what has come meanwhile; nothing where it was killed."""
        for action in self._stopped.pop(role, ()):
            self._call(role, action)
        if role in self.agents:
            self._ready[role] = None

    def control(self, role: str, verb: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Ask an agent as its control socket does; {} where it does not answer."""
        found: dict[str, Any] = {}
        self._call(role, lambda agent: found.update(agent.on_control(verb, fields, self.now_ns)))
        return found

    def drain(self, role: str) -> None:
        self._call(role, lambda agent: agent.on_drain(self.now_ns))

    def act(self, role: str, action: Callable[[Agent], Any]) -> None:
        """Do something to an agent as its host does: who reads what comes of it is woken."""
        self._call(role, action)

    def _call(self, role: str, action: Callable[[Agent], Any]) -> None:
        agent = self.agents.get(role)
        if agent is None:
            return
        if role in self._stopped:
            self._stopped[role].append(action)
            return
        if self.before_call is not None:
            self.before_call(role)
            if self.agents.get(role) is not agent:
                return
        action(agent)
        self._after(role)

    def _after(self, role: str) -> None:
        """Wake the readers of every ring that this agent's call made longer."""
        agent = self.agents.get(role)
        if agent is None:
            return
        self._ready[role] = None
        self._wake_readers(role)
        self._timers[role] = agent.next_timer_ns()

    def _wake_readers(self, role: str) -> None:
        for channel in self.outputs[role]:
            pos = int(self._rings[channel].words[WRITE_POS])
            if self._seen.get(channel, 0) != pos:
                self._seen[channel] = pos
                for reader in self.topology.channels[channel].readers:
                    if reader in self.agents:
                        self._ready[reader] = None

    def deliver_bytes(self, role: str, conn: int, data: bytes, meta: HttpMeta | None) -> None:
        self._call(role, lambda agent: agent.on_bytes(conn, data, self.now_ns, meta))

    def deliver_event(self, role: str, conn: int, event: ConnEvent) -> None:
        self._call(role, lambda agent: agent.on_conn(conn, event, self.now_ns))

    # The clock

    def settle(self) -> None:
        """Let every ready agent work, in seeded order, until none has anything to do."""
        turns = 0
        now_ns = self.network.now_ns
        waiting, stopped = self._ready, self._stopped
        while ready := [role for role in waiting if role not in stopped] if stopped else [*waiting]:
            turns += 1
            assert turns < TURNS_PER_INSTANT_MAX, f"no end of work at one instant: {waiting}"
            role = ready[int(self._order() * len(ready)) if len(ready) > 1 else 0]
            del waiting[role]
            agent = self.agents.get(role)
            if agent is None:
                continue
            if self.before_call is not None:
                self.before_call(role)
                if self.agents.get(role) is not agent:
                    continue
            if agent.do_work(now_ns):
                waiting[role] = None
            self._wake_readers(role)
            self._timers[role] = agent.next_timer_ns()

    def step(self, until_ns: int) -> bool:
        """Go to the next event or timer not after `until_ns`; False = there is none.

        One delivery at a time: what it sets off has settled before the next is made.
        """
        self.settle()
        timers, stopped = self._timers, self._stopped
        if stopped:
            due = min((t for r, t in timers.items() if r not in stopped), default=NEVER)
        else:
            due = min(timers.values(), default=NEVER)
        arriving = self.network.next_ns()
        if arriving is not None:
            due = min(due, arriving)
        if due > until_ns:
            self.network.now_ns = max(self.now_ns, until_ns)
            return False
        self.network.now_ns = max(self.now_ns, due)
        self.network.run_one()
        now_ns = self.network.now_ns
        for role, timer_ns in timers.items():
            if timer_ns <= now_ns:
                self._ready[role] = None
        self.settle()
        if min(timers.values(), default=NEVER) <= now_ns:
            for role, timer_ns in timers.items():
                moves = timer_ns > now_ns or role in stopped
                assert moves, f"{role}: its timer {timer_ns} does not move on"
        return True

    def run_until(self, until_ns: int) -> None:
        while self.step(until_ns):
            pass

    def run_while(self, condition: Callable[[], bool], until_ns: int) -> bool:
        """Run as long as `condition()`; True = it became false in time."""
        while condition():
            if not self.step(until_ns):
                return not condition()
        return True
