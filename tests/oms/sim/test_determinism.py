"""The whole desk, healthy but for lost replies: one seed is one run, and it agrees with its venue.

Also DESIGN.md law 9: risk's inputs, taken off the rings by a tap, and its CYCLE records give the
same journal byte for byte.
"""

import os
import subprocess
import sys

import numpy as np
import pytest

from oms.agents.base import BaseAgent
from oms.agents.risk import RiskAgent
from oms.journal.reader import Recovery, read_journal
from oms.risk import world_hot as w_
from oms.sim.harness import Harness
from shm_layout.enums import FLAG_DRAINING, RecordType
from shm_layout.ring_hot import READ_POS, WRITE_POS
from tests.desks import START_NS
from tests.oms.sim.whole_desk import OURS, STRATEGY, S, WholeDesk

INPUTS = ("top", "executions.binance", "intents.mm")


def played(seed, seconds):
    desk = WholeDesk(seed)
    desk.run(seconds * S)
    desk.finish()
    return desk


def test_whole_desk_agrees_with_its_venue_and_repeats_byte_for_byte(sized):
    seconds = sized(20, 3)
    first = played(3, seconds)
    first.check_all()
    assert first.state(w_.ST_FILLS) > 0
    assert first.state(w_.ST_UNKNOWN_SEEN) > 0, "no reply was lost: nothing is proved"
    again = played(3, seconds)
    assert again.journal_bytes() == first.journal_bytes()
    assert again.harness.lines == first.harness.lines
    other = played(4, seconds)
    other.check_all()
    assert other.digest() != first.digest()


def test_every_role_starts_in_any_order_and_the_desk_trades(sized):
    for seed in range(sized(2, 1)):
        desk = WholeDesk(seed)
        order = np.random.Generator(np.random.PCG64(seed)).permutation(len(OURS))
        for role in OURS:
            desk.harness.kill(role)
        for k in order:
            desk.start(OURS[int(k)])
            desk.run(S // 10)
        desk.run(5 * S)
        assert desk.state(w_.ST_ORDER_COUNT) > 0, f"seed {seed}: nobody trades"
        desk.finish()
        desk.check_all()


# The compiler


SHORT = """
import sys
from tests.oms.sim.whole_desk import WholeDesk, S
desk = WholeDesk(5)
desk.run(int(sys.argv[1]) * S)
desk.finish()
print(desk.digest(), desk.state(4))
"""


def digest_of_process(seconds, compiled):
    env = {**os.environ, "NUMBA_DISABLE_JIT": "0" if compiled else "1", "PYTHONHASHSEED": "random"}
    command = [sys.executable, "-c", SHORT, str(seconds)]
    run = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    return run.stdout.split()


@pytest.mark.compiled
def test_compiled_and_interpreted_kernels_give_the_same_journal():
    compiled = digest_of_process(2, compiled=True)
    interpreted = digest_of_process(2, compiled=False)
    assert int(compiled[1]) > 0, "no orders: nothing is compared"
    assert interpreted == compiled


# Replay


class Tap:
    """Every record of risk's input rings, in order, as it stood in the ring."""

    def __init__(self, harness):
        self._rings = {name: harness.ring(name) for name in INPUTS}
        self._seen = dict.fromkeys(INPUTS, 0)
        self.rows = {name: [] for name in INPUTS}
        harness.before_call = self.look

    def look(self, role):
        for name, ring in self._rings.items():
            end = int(ring.words[WRITE_POS])
            slots = len(ring.slots)
            assert end - self._seen[name] <= slots, "the tap was lapped"
            for pos in range(self._seen[name], end):
                self.rows[name].append(ring.slots[pos & (slots - 1)].copy())
            self._seen[name] = end


class Hand(BaseAgent):
    """Holds a writer's ports."""

    def __init__(self, role):
        self.role = role

    def on_start(self, ports, now_ns):
        self.ports = ports


class Replay:
    """Risk alone, given what the tap saw, in the portions that the CYCLE records say."""

    def __init__(self, desk, tap):
        self.desk = desk
        self.harness = Harness(desk.harness.topology, desk.seed, START_NS)
        writers = ("aggregator", "executor.binance", STRATEGY)
        self.rings = {}
        self.waiting = {name: iter(tap.rows[name]) for name in INPUTS}
        for name, role in zip(INPUTS, writers, strict=True):
            hand = Hand(role)
            self.harness.start(role, hand)
            self.rings[name] = hand.ports.writer(name)
        self.now_ns = 0
        self.agent = None

    def give(self, name, count):
        ring = self.rings[name]
        for _ in range(count):
            row = next(self.waiting[name])
            ring.epoch = int(row["epoch"])
            assert ring.append(row)

    def start(self, record, first_cycle):
        """An incarnation of risk; one before it is dead."""
        if self.agent is not None:
            self.harness.kill("risk")
        self.free_orders(first_cycle)
        self.give("top", int(record["top_pos"]) - self.rings["top"].pos)
        self.agent = RiskAgent(self.desk.config)
        self.harness.network.now_ns = int(record["ts_ns"])
        self.harness.start("risk", self.agent)

    def free_orders(self, record):
        """The executor had read so far when this cycle began."""
        ring = self.harness.ring("orders.binance")
        free = int(record["order_slots_free"][0])
        cursor = self.harness.cursor("orders.binance", "executor.binance")
        cursor[READ_POS] = int(ring.words[WRITE_POS]) - (len(ring.slots) - free)

    def cycle(self, record):
        consumed = record["consumed"].tolist()
        now_ns = int(record["now_ns"])
        if int(record["flags"]) & FLAG_DRAINING and not self.agent.arrays.state[w_.ST_DRAINING]:
            self.agent.on_drain(now_ns)
        self.free_orders(record)
        while consumed[0] > 512:
            self.give("top", 512)
            self.agent.do_work(self.now_ns)
            consumed[0] -= 512
        for k, name in enumerate(INPUTS):
            self.give(name, consumed[k])
        self.agent.do_work(now_ns)
        self.now_ns = now_ns


def replayed(desk, tap):
    replay = Replay(desk, tap)
    fresh = False
    records = desk.records()
    for at, record in enumerate(records):
        kind = int(record["type"])
        if kind == RecordType.START:
            cycles = (r for r in records[at:] if int(r["type"]) == RecordType.CYCLE)
            replay.start(record, next(cycles))
            fresh = True
        elif kind == RecordType.CYCLE:
            if not fresh:
                replay.cycle(record)
            fresh = False
    return replay


def test_replay_of_the_cycles_gives_the_same_journal(sized):
    desk = WholeDesk(6)
    tap = Tap(desk.harness)
    desk.run(sized(15, 2) * S)
    desk.harness.kill("risk")
    desk.run(S // 2)
    desk.start("risk")
    desk.run(sized(5, 1) * S)
    desk.finish()
    tap.look("")
    replay = replayed(desk, tap)
    ours = b"".join(bytes(file) for file in replay.harness.journals["risk"])
    assert ours == desk.journal_bytes()
    listed = [bytes(file) for file in replay.harness.journals["risk"]]
    assert len(list(read_journal(listed, Recovery()))) > 100
