"""The desk of the order path: real risk and real executor, two processes, 201 accounts.

What is not real is said here: intents and prices come from the bench in the place of aggregator and
strategy, in risk's process; and the executor's network is a connected TCP socket on loopback whose
other end is drained between orders, with a venue that answers each question from a table (an
order with a refusal, so that risk closes it). The turns are those of `procs/runtime.py` without
its event loop: look for growth, work, ring, and when idle spin or park.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import time
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np

from oms.agents.executor.agent import ExecutorAgent
from oms.agents.risk import RiskAgent
from oms.config import AccountConfig, DeskConfig, GroupConfig, HostConfig, ProcessConfig
from oms.ports import ConnEvent, HttpMeta, KeyKind
from oms.risk import world_hot as risk_words
from procs import start
from procs.clock import Clock
from procs.files.keys import GeneratedKeys
from procs.files.logs import ProcessLog
from procs.files.paths import DeskPaths
from procs.machine.system import GiveWay
from procs.memory import DeskMemory, desk_topology
from procs.net.warm import Warmth
from procs.ports import LivePorts
from procs.runtime import SPIN_LOOKS_WITH_SOCKETS
from shm_layout import segment
from shm_layout.doorbell import make_bell
from shm_layout.enums import Action, OrderType, RecordType, Side, TimeInForce
from shm_layout.records import INTENT, UNDEF
from tests.bench.tls import wrapped
from tests.desks import desk_config, top
from tests.oms.agents.executor_desk import EXCHANGE_INFO
from tests.stress.memory import park, poll_of

ACCOUNTS = 201
PX, QTY = 60_000 * 10**4, 10**5
SECOND_NS = 1_000_000_000
GIVE_UP_S = 60.0
TOP_EVERY = 16
GAP_NS_MAX = 60_000
PARK_GAP_NS = 400_000
HOT, EXECUTOR = "hot", "executor"

# Words that the two processes share.
READY, SENT, STOP = 0, 8, 16
SHARED_WORDS = 24


def bench_config(
    data_dir: Path, wait: str, cores: tuple[int, int], count: int = ACCOUNTS
) -> DeskConfig:
    """One venue, one strategy, so many accounts; limits that never bind."""
    plain = desk_config()
    group = plain.groups[0]
    names = ["main", *(f"sub{k:03d}" for k in range(1, count))]
    accounts = tuple(AccountConfig(name, f"binance.{name}") for name in names)
    values = {name: getattr(group, name) for name in GroupConfig.__slots__}
    values |= {"accounts": accounts, "orders_per_10s": 10**6}
    limits = {name: getattr(plain.limits, name) for name in plain.limits.__slots__}
    limits |= {"max_orders_per_s": 10**6, "book_max_age_ms": 60_000}
    host = HostConfig("bench", (
        ProcessConfig(EXECUTOR, ("executor.binance",), cores[0], wait),
        ProcessConfig(HOT, ("aggregator", "strategy.mm", "risk"), cores[1], wait),
    ))  # fmt: skip
    return desk_config(
        name="bench", data_dir=str(data_dir), groups=(GroupConfig(**values),),
        limits=type(plain.limits)(**limits), host=host, capacity="full",
    )  # fmt: skip


def make_desk(config: DeskConfig, kind: KeyKind = "hmac") -> DeskPaths:
    """Folders, keys, segments and bells; kernels compiled."""
    paths = DeskPaths.of(config)
    paths.make()
    if kind != "hmac":
        for account in config.groups[0].accounts:
            GeneratedKeys(paths.keys).key(account.key_name, kind)
    for shape in segment.shapes(desk_topology(config)):
        segment.create(paths.segments, shape)
    for process in config.host.processes:
        make_bell(paths.bell(process.name))
    start.warm_host()
    return paths


_GIVE_WAY = GiveWay()


def wake(memory: DeskMemory, done: int, spin: bool) -> None:
    """After a pass in which the agents did so much, as `procs/runtime.py` has it."""
    memory.ringer.ring_due()
    if done and not spin:
        _GIVE_WAY()


NO_LIMITS = [
    {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": 10**9}
    for kind, interval, number in (("REQUEST_WEIGHT", "MINUTE", 1), ("ORDERS", "SECOND", 10))
]


class CannedNetwork:
    """The network of the executor: TCP to a peer that drains, and a venue out of a table."""

    def __init__(
        self, shared: np.ndarray, stamps: np.ndarray, tls_folder: Path | None = None
    ) -> None:
        """`tls_folder`: where to make a certificate; None = plain TCP."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.near = socket.create_connection(listener.getsockname())
        self.near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.far = listener.accept()[0]
        self.far.setblocking(False)
        listener.close()
        if tls_folder is not None:
            self.near, self.far = wrapped(self.near, self.far, tls_folder)
        self.todo: deque[Any] = deque()
        self.bytes = 0
        self.checksum = 0
        self.logons = 0
        self._shared = shared
        self._stamps = stamps
        self._next = 0
        self._sinks: dict[int, Any] = {}

    def _number(self) -> int:
        self._next += 1
        return self._next

    def open_ws(self, sink: Any, url: str, headers: Any = None) -> int:
        conn = self._number()
        self.todo.append((conn, ConnEvent.OPENED))
        return conn

    def ping(self, conn: int, payload: bytes) -> None:
        self.todo.append((conn, ConnEvent.PONG))

    def request(self, sink: Any, base: str, method: str, target: str, headers: Any, body: bytes):
        number = self._number()
        self.todo.append((0, number))
        return number

    def send(self, conn: int, data: bytes) -> None:
        """The clock of an order stops when the socket has taken its bytes."""
        self.put(data)
        stopped_ns = time.perf_counter_ns()
        if b'"order.place"' in data:
            sent = int(self._shared[SENT])
            self._stamps[sent] = stopped_ns
            self._shared[SENT] = sent + 1
            self.checksum = (self.checksum * 31 + len(data)) & ((1 << 62) - 1)
        self.later(conn, data)

    def put(self, data: bytes) -> None:
        """The bytes onto the socket."""
        self.bytes += self.near.send(data)

    def later(self, conn: int, data: bytes) -> None:
        """To be answered by `serve`."""
        self.todo.append((conn, data))

    def close(self, conn: int) -> None:
        raise AssertionError(f"the executor closed connection {conn}")

    def serve(self, agent: ExecutorAgent, now_ns: int) -> int:
        """Drain the socket; answer everything that was asked."""
        served = 0
        while self.todo:
            conn, asked = self.todo.popleft()
            served += 1
            if conn == 0:
                body = json.dumps(EXCHANGE_INFO | {"rateLimits": NO_LIMITS}).encode()
                agent.on_bytes(0, body, now_ns, HttpMeta(asked, status=200))
            elif isinstance(asked, ConnEvent):
                agent.on_conn(conn, asked, now_ns)
            else:
                self._drain()
                agent.on_bytes(conn, self._answer(asked), now_ns)
            agent.do_work(now_ns)
        return served

    def _drain(self) -> None:
        try:
            while len(self.far.recv(1 << 16)) == 1 << 16:
                pass
        except (BlockingIOError, ssl.SSLWantReadError):
            return

    def _answer(self, data: bytes) -> bytes:
        frame = json.loads(data)
        method = frame["method"]
        answer: dict[str, Any] = {"id": frame["id"], "status": 200, "rateLimits": []}
        if method == "order.place":
            answer |= {"status": 400, "error": {"code": -2010, "msg": "Account has insufficient"
                                                " balance for requested action."}}  # fmt: skip
        elif method == "session.logon":
            answer["result"] = {"apiKey": "bench", "authorizedSince": 1, "connectedSince": 1}
            self.logons += 1
        elif method.startswith("userDataStream.subscribe"):
            answer["result"] = {"subscriptionId": int(frame["id"])}
        elif method == "account.status":
            answer["result"] = {"balances": [{"asset": "USDT", "free": "1000.0", "locked": "0"}]}
        else:
            assert method in ("openOrders.status", "myTrades"), method
            answer["result"] = []
        return json.dumps(answer).encode()


def run_executor(
    config: DeskConfig, paths: DeskPaths, shared: np.ndarray, stamps: np.ndarray, profile: Any,
    tls: bool = False,
) -> int:  # fmt: skip
    """The executor's process."""
    spin = config.host.processes[0].wait == "spin"
    clock = Clock()
    memory = DeskMemory(config, paths, EXECUTOR, 1)
    log = ProcessLog(paths.logs, EXECUTOR)
    network = CannedNetwork(shared, stamps, paths.run if tls else None)
    ports = LivePorts("executor.binance", config, paths, memory, log, network)
    ports.sink = network
    agent = ExecutorAgent(config, "binance")
    agent.on_start(ports, clock.now_ns())
    sleeper = memory.sleeper
    assert sleeper is not None
    poll = poll_of(sleeper)
    warmth, work = Warmth(), 0
    while not shared[STOP]:
        sleeper.take_growth()
        done = agent.do_work(clock.now_ns())
        wake(memory, done, spin)
        if network.todo:
            done += network.serve(agent, clock.now_ns())
            wake(memory, done, spin)
        if not shared[READY] and agent._prepared:
            shared[READY] = all(account.ready for account in agent._accounts.values())
            if shared[READY] and profile is not None:
                profile.enable()
        work += done
        if done:
            continue
        if spin:
            warmth.idle(work)
            sleeper.spin(SPIN_LOOKS_WITH_SOCKETS)
        else:
            park(sleeper, min(agent.next_timer_ns() - clock.now_ns(), SECOND_NS // 4), poll)
    if profile is not None:
        profile.disable()
    shared[STOP + 1], shared[STOP + 2] = network.checksum, network.logons
    return 0


class HotSide:
    """Risk's process: prices and intents by the bench, risk by risk."""

    def __init__(self, config: DeskConfig, paths: DeskPaths, shared: np.ndarray) -> None:
        self.clock = Clock()
        self.memory = DeskMemory(config, paths, HOT, 1)
        self.spin = config.host.processes[1].wait == "spin"
        log = ProcessLog(paths.logs, HOT)
        self.shared = shared
        self.tops = self.memory.writer("aggregator", "top")
        self.intents = self.memory.writer("strategy.mm", "intents.mm")
        self.risk = RiskAgent(config)
        ports = LivePorts("risk", config, paths, self.memory, log, None)
        self.risk.on_start(ports, self.clock.now_ns())
        self.intent = np.zeros(1, INTENT)
        self.intent["type"] = RecordType.INTENT
        self.intent["action"], self.intent["side"] = Action.NEW, Side.BUY
        self.intent["order_type"] = OrderType.LIMIT
        self.intent["time_in_force"] = TimeInForce.IOC
        self.intent["px"], self.intent["qty"], self.intent["quote_qty"] = PX - 100, QTY, UNDEF
        self.intent["mid_px"] = 2 * PX
        self.count = 0
        assert self.memory.sleeper is not None
        self.poll = poll_of(self.memory.sleeper)

    def turn(self) -> int:
        """One turn of the host around risk."""
        sleeper = self.memory.sleeper
        assert sleeper is not None
        sleeper.take_growth()
        done = self.risk.do_work(self.clock.now_ns())
        wake(self.memory, done, self.spin)
        return done

    def idle(self, timeout_ns: int) -> None:
        """As the map says, nothing having been done: spin or park."""
        assert self.memory.sleeper is not None
        if self.spin:
            self.memory.sleeper.spin(SPIN_LOOKS_WITH_SOCKETS)
        else:
            park(self.memory.sleeper, timeout_ns, self.poll)

    def wait(self, until_ns: int) -> None:
        """Turns until then; parked in between where the map says so."""
        while (left_ns := until_ns - time.monotonic_ns()) > 0:
            if not self.turn():
                self.idle(left_ns)

    def settle(self, holds: Any, what: str) -> None:
        """Turns until something holds."""
        give_up = time.monotonic() + GIVE_UP_S
        while not holds():
            if not self.turn():
                self.idle(1_000_000)
            assert time.monotonic() < give_up, f"order path: {what}; see {self.memory._paths.logs}"

    def price(self) -> None:
        """A fresh top of book."""
        assert self.tops.append(top(PX - 100, PX + 100, self.clock.now_ns(), self.count + 1)[0])
        self.turn()

    def order(self, stamps: np.ndarray) -> None:
        """One intent; its clock starts when it can be read."""
        self.count += 1
        self.intent["intent_id"] = self.count
        self.intent["valid_until_ns"] = self.clock.now_ns() + SECOND_NS
        row = self.intent[0]
        assert self.intents.append(row)
        stamps[self.count - 1] = time.perf_counter_ns()
        self.turn()

    def closed(self) -> bool:
        """Has the last order been answered?"""
        sent = int(self.shared[SENT]) == self.count
        return sent and int(self.risk.arrays.state[risk_words.ST_OPEN_COUNT]) == 0

    def run(
        self, orders: int, stamps: np.ndarray, chance: np.random.Generator, rest_ns: int
    ) -> None:
        """So many orders, one at a time, at seeded moments, `rest_ns` behind the one before."""
        for k in range(orders):
            if k % TOP_EVERY == 0:
                self.price()
            self.order(stamps)
            self.settle(self.closed, f"order {self.count} was not sent and answered")
            gap_ns = int(chance.integers(GAP_NS_MAX)) + (0 if self.spin else rest_ns)
            self.wait(time.monotonic_ns() + gap_ns)


def run_hot(
    config: DeskConfig, paths: DeskPaths, shared: np.ndarray, stamps: np.ndarray, orders: int,
    warm: int, profile: Any, rest_ns: int = PARK_GAP_NS,
) -> int:  # fmt: skip
    """Risk's process; ends the executor's when it has measured."""
    try:
        side = HotSide(config, paths, shared)
        side.settle(lambda: bool(shared[READY]), "the accounts were not reconciled")
        chance = np.random.Generator(np.random.PCG64(7))
        side.run(warm, stamps, chance, rest_ns)
        if profile is not None:
            profile.enable()
        side.run(orders, stamps, chance, rest_ns)
        if profile is not None:
            profile.disable()
    finally:
        shared[STOP] = 1
        if (bell := paths.bell(EXECUTOR)).exists():
            descriptor = os.open(bell, os.O_RDWR | os.O_NONBLOCK)
            os.write(descriptor, b"\1")
            os.close(descriptor)
    return 0
