"""The desk of tick_to_order: every agent from the socket to the socket, two processes.

`edge` hosts feed and executor, `hot` aggregator, strategy and risk, all of them the desk's own. The
counterpart is canned and inside `edge`: on two cores a live simulator beside a spinning map would
spoil the figure. A frame goes through a TCP connection on loopback and the desk's framing to the
feed; the strategy sends one order for each change of the best bid; the order is framed and given to
another TCP connection, and is refused from a table, so that risk closes it. The turns are those of
`procs/runtime.py` without its event loop.
"""

from __future__ import annotations

import dataclasses
import json
import socket
import time
from pathlib import Path
from typing import Any

import numpy as np

from oms.agents.aggregator import AggregatorAgent
from oms.agents.executor.agent import ExecutorAgent
from oms.agents.feed.agent import FeedAgent
from oms.agents.risk import RiskAgent
from oms.agents.strategy.agent import StrategyAgent
from oms.config import DeskConfig, HostConfig, ProcessConfig
from oms.ports import ConnEvent, HttpMeta
from oms.risk import world_hot as risk_words
from oms.strategies.base import BaseStrategy, Desk, Top
from oms.strategies.registry import PLUGINS
from procs.clock import Clock
from procs.files.logs import ProcessLog
from procs.files.paths import DeskPaths
from procs.memory import DeskMemory
from procs.net.warm import Warmth
from procs.ports import LivePorts
from procs.runtime import SPIN_LOOKS, SPIN_LOOKS_WITH_SOCKETS
from shm_layout.enums import BookState, Side, TimeInForce
from tests.bench.order_desk import (
    ACCOUNTS,
    GAP_NS_MAX,
    GIVE_UP_S,
    NO_LIMITS,
    PARK_GAP_NS,
    SECOND_NS,
    SENT,
    STOP,
    CannedNetwork,
    bench_config,
    wake,
)
from tests.frames import opened
from tests.oms.agents.executor_desk import EXCHANGE_INFO
from tests.oms.agents.market_messages import snapshot
from tests.stress.memory import park, poll_of

EDGE, HOT = "edge", "hot"
PLUGIN = "bench_every_top"
CLOSED = 0
"""Shared word: orders that risk has made and closed."""
LEVELS = 20
MID = 60_000
FIRST_ID = 1000
FIRST_MS = 1_763_683_200_000


class EveryTop(BaseStrategy):
    """One small order for each change of the best bid."""

    def __init__(self, params: Any) -> None:
        del params
        self._seen = (0, 0)

    def on_start(self, desk: Desk, now_ns: int) -> None:
        super().on_start(desk, now_ns)
        self._market = next(iter(desk.instruments.values()))
        self._qty = self._market.qty("0.001")

    def on_top(self, top: Top, now_ns: int) -> None:
        found = (top.bid_px, top.bid_qty)
        if not top.live or found == self._seen:
            return
        first, self._seen = self._seen == (0, 0), found
        if first:
            return  # the snapshot's; the clock starts with the first frame behind it
        self.desk.place(
            self._market, Side.BUY, self._qty, top.bid_px, time_in_force=TimeInForce.IOC
        )


def tick_config(
    folder: Path, wait: str, cores: tuple[int, int], accounts: int = ACCOUNTS
) -> DeskConfig:
    """The order path's desk, cut differently."""
    PLUGINS[PLUGIN] = EveryTop
    config = bench_config(folder, wait, cores, accounts)
    host = HostConfig("bench2", (
        ProcessConfig(EDGE, ("feed.binance.spot", "executor.binance"), cores[0], wait),
        ProcessConfig(HOT, ("aggregator", "strategy.mm", "risk"), cores[1], wait),
    ))  # fmt: skip
    strategies = (dataclasses.replace(config.strategies[0], plugin=PLUGIN),)
    return dataclasses.replace(config, host=host, strategies=strategies)


def ticks(count: int) -> list[bytes]:
    """Diffs of 20 levels a side, each of which changes the quantity at the best bid; in the venue's
    own words: no white space, eight decimals."""
    made = []
    for k in range(count):
        bids = [(MID - 1 - j, 1 + (k + j) % 7) for j in range(LEVELS)]
        asks = [(MID + 1 + j, 1 + (k + j) % 5) for j in range(LEVELS)]
        listed = [
            ",".join(f'["{px}.00000000","{qty}.00000000"]' for px, qty in side)
            for side in (bids, asks)
        ]
        update_id, event_ms = FIRST_ID + 1 + k, FIRST_MS + 100 * k
        made.append(
            f'{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":{event_ms},'
            f'"s":"BTCUSDT","U":{update_id},"u":{update_id},"b":[{listed[0]}],"a":[{listed[1]}]}}}}'
            .encode()
        )  # fmt: skip
    return made


def connected() -> tuple[socket.socket, socket.socket]:
    """Both ends of a TCP connection on loopback."""
    listener = socket.create_server(("127.0.0.1", 0))
    near = socket.create_connection(listener.getsockname())
    far = listener.accept()[0]
    listener.close()
    for end in (near, far):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return near, far


class TickNetwork(CannedNetwork):
    """Of two agents: their sinks are the agents themselves."""

    def __init__(self, shared: np.ndarray, stamps: np.ndarray) -> None:
        super().__init__(shared, stamps)
        self._orders = opened()[0]
        self._client, self._server = opened()
        self._md_near, self._md_far = connected()

    def open_ws(self, sink: Any, url: str, headers: Any = None) -> int:
        conn = self._number()
        self._sinks[conn] = sink
        self.todo.append((sink, conn, ConnEvent.OPENED))
        return conn

    def ping(self, conn: int, payload: bytes) -> None:
        self.todo.append((self._sinks[conn], conn, ConnEvent.PONG))

    def request(self, sink: Any, base: str, method: str, target: str, headers: Any, body: bytes):
        number = self._number()
        self.todo.append((sink, 0, (number, target)))
        return number

    def put(self, data: bytes) -> None:
        """The order as a frame, masked, as a client's must be."""
        self.bytes += self.near.send(self._orders.text(data))

    def later(self, conn: int, data: bytes) -> None:
        self.todo.append((self._sinks[conn], conn, data))

    def serve(self, agent: Any, now_ns: int) -> int:
        """As the parent's, for whoever asked."""
        served = 0
        while self.todo:
            sink, conn, asked = self.todo.popleft()
            served += 1
            if conn == 0:
                number, target = asked
                sink.on_bytes(0, self._page(target, now_ns), now_ns, HttpMeta(number, status=200))
            elif isinstance(asked, ConnEvent):
                sink.on_conn(conn, asked, now_ns)
            else:
                self._drain()
                sink.on_bytes(conn, self._answer(asked), now_ns)
            sink.do_work(now_ns)
        return served

    @staticmethod
    def _page(target: str, now_ns: int) -> bytes:
        if "exchangeInfo" in target:
            return json.dumps(EXCHANGE_INFO | {"rateLimits": NO_LIMITS}).encode()
        if "depth" in target:
            bids = [(MID - 1 - j, 9) for j in range(100)]
            return snapshot(FIRST_ID, bids, [(MID + 1 + j, 9) for j in range(100)])
        assert "time" in target, target
        return json.dumps({"serverTime": now_ns // 1_000_000}).encode()

    def tick(self, text: bytes) -> tuple[int, bytes]:
        """One market frame through the socket; (when it was off the socket, its text)."""
        self._md_far.sendall(self._server.text(text))
        size = self._md_near.recv_into(self._client.buffer())
        began_ns = time.perf_counter_ns()
        while not (events := self._client.received(size)):
            size = self._md_near.recv_into(self._client.buffer())
        (data,) = events
        assert isinstance(data, bytes)
        return began_ns, data


class Edge:
    """The process of feed and executor, and of the canned world."""

    def __init__(
        self, config: DeskConfig, paths: DeskPaths, shared: np.ndarray, stamps: np.ndarray
    ) -> None:
        self.clock = Clock()
        self.memory = DeskMemory(config, paths, EDGE, 1)
        self.spin = config.host.processes[0].wait == "spin"
        self.shared = shared
        self.network = TickNetwork(shared, stamps)
        self.feed, self.executor = (
            FeedAgent(config, "binance.spot"),
            ExecutorAgent(config, "binance"),
        )
        log = ProcessLog(paths.logs, EDGE)
        for agent in (self.feed, self.executor):
            network: Any = self.network
            ports = LivePorts(agent.role, config, paths, self.memory, log, network)
            sink: Any = agent
            ports.sink = sink
            agent.on_start(ports, self.clock.now_ns())
        self.top = self.memory.table_reader("top").rows
        assert self.memory.sleeper is not None
        self.poll = poll_of(self.memory.sleeper)
        self.warmth, self.work = Warmth(), 0

    def turn(self) -> int:
        sleeper = self.memory.sleeper
        assert sleeper is not None
        sleeper.take_growth()
        now_ns = self.clock.now_ns()
        done = self.executor.do_work(now_ns)
        if self.feed.next_timer_ns() <= now_ns:
            done += self.feed.do_work(now_ns)
        wake(self.memory, done, self.spin)
        if self.network.todo:
            done += self.network.serve(None, self.clock.now_ns())
            wake(self.memory, done, self.spin)
        self.work += done
        return done

    def settle(self, holds: Any, what: str, until_ns: int = 0) -> None:
        """Turns until something holds, and until a time of the monotonic clock."""
        give_up = time.monotonic() + GIVE_UP_S
        while not holds() or time.monotonic_ns() < until_ns:
            sleeper = self.memory.sleeper
            assert sleeper is not None
            if self.turn():
                pass
            elif self.spin:
                self.warmth.idle(self.work)
                sleeper.spin(SPIN_LOOKS_WITH_SOCKETS)
            else:
                park(sleeper, max(1_000_000, until_ns - time.monotonic_ns()), self.poll)
            assert time.monotonic() < give_up, (
                f"tick to order: {what}; see {self.memory._paths.logs}"
            )

    def ready(self) -> bool:
        """Reconciled, and a LIVE book."""
        executor = self.executor
        accounts = executor._prepared and all(a.ready for a in executor._accounts.values())
        return accounts and int(self.top["state"][0]) == BookState.LIVE

    def run(self, count: int, stamps: np.ndarray, rest_ns: int) -> None:
        """So many ticks, each after the order of the last one was closed, at seeded moments,
        `rest_ns` behind it.
        """
        chance = np.random.Generator(np.random.PCG64(7))
        self.settle(self.ready, "accounts reconciled, book LIVE", time.monotonic_ns() + SECOND_NS)
        for k, text in enumerate(ticks(count)):
            began_ns, data = self.network.tick(text)
            now_ns = self.clock.now_ns()
            self.feed.on_bytes(self.feed.links.speaking.conn, data, now_ns)
            wake(self.memory, 1, self.spin)
            stamps[k] = began_ns
            gap_ns = int(chance.integers(GAP_NS_MAX)) + (0 if self.spin else rest_ns)
            self.settle(
                lambda: int(self.shared[CLOSED]) == k + 1 == int(self.shared[SENT]),  # noqa: B023 - used before k moves on
                f"order {k + 1} was not sent and closed", time.monotonic_ns() + gap_ns,
            )  # fmt: skip


def run_edge(
    config: DeskConfig, paths: DeskPaths, shared: np.ndarray, began: np.ndarray,
    ended: np.ndarray, rest_ns: int = PARK_GAP_NS,
) -> int:  # fmt: skip
    """The process of feed and executor; ends the other when it has measured."""
    edge = Edge(config, paths, shared, ended)
    try:
        edge.run(len(began), began, rest_ns)
    finally:
        shared[STOP] = 1
    shared[STOP + 1] = edge.network.checksum
    return 0


def run_hot(config: DeskConfig, paths: DeskPaths, shared: np.ndarray) -> int:
    """The process of aggregator, strategy and risk."""
    clock, memory = Clock(), DeskMemory(config, paths, HOT, 1)
    spin = config.host.processes[1].wait == "spin"
    log = ProcessLog(paths.logs, HOT)
    agents = (RiskAgent(config), AggregatorAgent(config), StrategyAgent(config, "mm"))
    for agent in agents:
        agent.on_start(LivePorts(agent.role, config, paths, memory, log, None), clock.now_ns())
    risk, aggregator, strategy = agents
    state, sleeper = risk.arrays.state, memory.sleeper
    assert sleeper is not None
    poll = poll_of(sleeper)
    while not shared[STOP]:
        sleeper.take_growth()
        done = 0
        for agent in (aggregator, strategy, risk):
            done += agent.do_work(clock.now_ns())
        wake(memory, done, spin)
        if not int(state[risk_words.ST_OPEN_COUNT]):
            shared[CLOSED] = int(state[risk_words.ST_ORDER_COUNT])
        if done:
            continue
        if spin:
            sleeper.spin(SPIN_LOOKS)
        else:
            due_ns = min(agent.next_timer_ns() for agent in agents)
            park(sleeper, max(min(due_ns - clock.now_ns(), SECOND_NS // 4), 0), poll)
    return 0
