"""Risk, executor, journaler and the simulated exchange under faults, then healed (I1 to I4).

A scripted trader sends orders; the executor and risk are killed at any event, links are cut or go
silent, and the exchange drops replies. At the end the exchange's own books are held against risk's
journal: every order at the venue is journaled once (I1, I2), the fills are the same set (I3), and
nothing is unknown or open (I4).
"""

import json
import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from oms import ids
from oms.agents.base import BaseAgent
from oms.agents.executor import start
from oms.agents.executor.agent import ExecutorAgent
from oms.agents.journaler.agent import JournalerAgent
from oms.agents.risk import RiskAgent
from oms.agents.venue_sim.agent import VenueSimAgent
from oms.config import SimConfig, SimInstrumentConfig
from oms.risk import world_hot as w_
from oms.sim.harness import Harness, HarnessPorts
from shm_layout.enums import Action, OrderState, OrderType, RecordType, Side, TimeInForce
from shm_layout.records import INTENT, ORDER_UPDATE, UNDEF
from tests.desks import START_NS, desk_config, desk_topology, top
from tests.oms.venues.rest_alone import RestAlone

EXECUTOR = "executor.binance"
MS = 1_000_000
S = 1_000_000_000
MID = 60_000 * 10**4
TICK = 100
FAULTS = ("cut", "kill", "kill at any event", "kill risk", "silence", "none")


class Trader(BaseAgent):
    """Strategy and prices in one pair of hands."""

    def __init__(self, role: str) -> None:
        self.role = role

    def on_start(self, ports, now_ns):
        self.ports = ports


class Market:
    """One run of one seed."""

    def __init__(self, seed: int, ports=HarnessPorts, sim=None, exchange=None, **group) -> None:
        self.chance = random.Random(seed)
        btc = SimInstrumentConfig(
            "BTCUSDT", "BTC", "USDT", "0.01", "0.00001", "0.00001", "9000", "5", "60000"
        )
        values = {"drop_reply_one_in": 6} | (sim or {})
        made = SimConfig(
            "binance", "127.0.0.1", 8080, 9443, seed, (btc,), {"BTC": "100", "USDT": "10000000"},
            **values,
        )  # fmt: skip
        plain = desk_config(sims=(made,))
        self.config = replace(plain, groups=(replace(plain.groups[0], **group),))
        self.harness = Harness(desk_topology(self.config), seed, START_NS, ports=ports)
        self.harness.before_call = self._before
        self.calls = 0
        self.kill_at = 0
        self.fired: Counter[str] = Counter()
        served = exchange(self.config) if exchange else VenueSimAgent(self.config, "binance")
        self.harness.start("venue_sim.binance", served)
        self.start_risk()
        self.start_executor()
        self.harness.start("journaler", JournalerAgent(self.config))
        self.trader, self.prices = Trader("strategy.mm"), Trader("aggregator")
        for agent in (self.trader, self.prices):
            self.harness.start(agent.role, agent)
        self.intents = self.trader.ports.writer("intents.mm")
        self.updates = self.trader.ports.reader("updates")
        self.tops = self.prices.ports.writer("top")
        self.open: list[int] = []
        self.intent_count = 0

    def start_risk(self) -> None:
        self.harness.start("risk", RiskAgent(self.config))

    def start_executor(self) -> None:
        self.harness.start(EXECUTOR, ExecutorAgent(self.config, "binance"))

    def _before(self, role: str) -> None:
        self.calls += 1
        if role == EXECUTOR and 0 < self.kill_at <= self.calls:
            self.kill_at = 0
            self.fired["killed at an event"] += 1
            self.harness.kill(EXECUTOR)

    def run(self, ns: int) -> None:
        """Let time pass; the trader trades every 20 ms."""
        until = self.harness.now_ns + ns
        while self.harness.now_ns < until:
            self.trade()
            self.harness.run_until(min(self.harness.now_ns + 20 * MS, until))

    def trade(self) -> None:
        self.tops.append(top(MID - TICK, MID + TICK, self.harness.now_ns)[0])
        for row in self.updates.poll(1000):
            self.updates.release(1)
            self._note(np.frombuffer(row.tobytes(), ORDER_UPDATE)[0])
        if self.open and self.chance.random() < 0.5:
            self._intend(action=Action.CANCEL, target_client_order_id=self.chance.choice(self.open))
        else:
            side = self.chance.choice((Side.BUY, Side.SELL))
            away = self.chance.randint(-2000, 300) * TICK
            px = MID + away if side == Side.SELL else MID - away
            tif = self.chance.choice((TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC))
            qty = self.chance.randint(10, 300) * 1000
            self._intend(side=side, px=px, qty=qty, time_in_force=tif)
        self.harness._ready["risk"] = None

    def _note(self, update) -> None:
        client_order_id, state = int(update["client_order_id"]), int(update["state"])
        if state == OrderState.OPEN and client_order_id not in self.open:
            self.open.append(client_order_id)
        elif state != OrderState.OPEN and client_order_id in self.open:
            self.open.remove(client_order_id)

    def _intend(self, **fields) -> None:
        self.intent_count += 1
        row = np.zeros(1, INTENT)
        base = {
            "type": RecordType.INTENT, "intent_id": self.intent_count, "action": Action.NEW,
            "order_type": OrderType.LIMIT, "quote_qty": UNDEF, "mid_px": 2 * MID,
            "valid_until_ns": self.harness.now_ns + S,
        }  # fmt: skip
        for name, value in (base | fields).items():
            row[name] = value
        self.intents.append(row[0])

    def fault(self) -> None:
        """One fault, some time with it, and its end."""
        what = self.chance.choice(FAULTS)
        self.fired[what] += 1
        network = self.harness.network
        if what == "cut":
            network.cut(EXECUTOR)
        elif what == "kill":
            self.harness.kill(EXECUTOR)
        elif what == "kill at any event":
            self.kill_at = self.calls + self.chance.randint(1, 400)
        elif what == "silence":
            network.silenced.add(EXECUTOR)
        elif what == "kill risk":
            self.harness.kill("risk")
            self.harness.run_until(self.harness.now_ns + self.chance.randint(1, 30) * MS)
            self.start_risk()
        self.run(self.chance.randint(1, 900) * MS)
        network.silenced.discard(EXECUTOR)
        self.kill_at = 0
        if EXECUTOR not in self.harness.agents:
            self.start_executor()
        self.run(self.chance.randint(1, 900) * MS)

    def heal(self) -> bool:
        """No more faults: drain; True = nothing of ours is left open."""
        self.harness.run_until(self.harness.now_ns + 5 * S)
        self.harness.drain("risk")
        risk = self.harness.agents["risk"]
        ended = self.harness.run_while(lambda: not risk.drained(), self.harness.now_ns + 90 * S)
        self.harness.run_until(self.harness.now_ns + S)
        return ended

    def check(self, seed: int) -> int:
        """The exchange's books against risk's journal; returns how many fills there were."""
        risk = self.harness.agents["risk"]
        log = self.harness.agents["venue_sim.binance"].market.log
        at_venue = [order.request.client_id for order in log.history(0, 0)]
        system_id = int(risk.arrays.account_table.rows["system_id"][0])
        rows = risk.arrays.orders
        journaled = set(rows["client_order_id"].tolist())
        assert max(Counter(at_venue).values()) == 1, f"seed {seed}: an order was sent twice"
        assert {ids.from_text(system_id, text) for text in at_venue} <= journaled, f"seed {seed}"
        lines = [
            json.loads(line)
            for path, found in self.harness.lines.items() if path.endswith("executions.jsonl")
            for line in found
        ]  # fmt: skip
        ours = sorted(line["trade_id"] for line in lines)
        assert ours == sorted(fill.trade_id for fill in log.fills(0, 0)), f"seed {seed}: fills"
        assert not log.open_orders(0, None), f"seed {seed}: an order is open at the venue"
        assert risk.arrays.state[w_.ST_UNKNOWN_COUNT] == 0, f"seed {seed}: something is unknown"
        assert risk.arrays.state[w_.ST_ILLEGAL] == 0, f"seed {seed}: an illegal event"
        return len(ours)


@pytest.fixture(scope="module")
def seeds(smoke):
    return range(2, 4) if smoke else range(6)


@pytest.mark.parametrize("way", ["socket", "rest", "rest alone"])
def test_orders_and_fills_equal_the_venues_after_any_faults(seeds, way, monkeypatch):
    """`rest alone`: sockets carry events, all requests go by REST."""
    if way == "rest alone":
        monkeypatch.setattr(start, "order_side", RestAlone)
    fired: Counter[str] = Counter()
    fills = unknown = 0
    for seed in seeds:
        market = Market(seed, order_way=way.partition(" ")[0])
        market.run(S)
        for _ in range(5):
            market.fault()
        assert market.heal(), f"seed {seed}: something is left open"
        fills += market.check(seed)
        unknown += int(market.harness.agents["risk"].arrays.state[w_.ST_UNKNOWN_SEEN])
        fired += market.fired
    assert fills > 0
    assert unknown > 0, "a run in which no order was unknown proves nothing"
    assert len(fired) > 3, fired
