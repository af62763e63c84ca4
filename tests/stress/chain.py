"""A -> B -> C under `kill -9`: as the next stage sees it, none lost and none repeated.

A writes, B derives (DESIGN.md law 5: each output carries `cause_pos`, and a successor resumes from
its own last output), C judges, here in the parent. A and B are killed again and again, half of the
time at a named store (the stage stands still there and is shot), half of the time after a seeded
delay. A successor is forked only when `waitpid` has returned its predecessor. In the lossless chain
B drops some records, so its last output is behind its cursor; in the broadcast chain B is lapped
and reports in its next output how many it lost. Stages here spin; `parked.py` has those that sleep.
"""

from __future__ import annotations

import gc
import os
import time
from collections import Counter
from dataclasses import asdict, dataclass, field

import numpy as np

from shm_layout import ring_hot
from shm_layout.jit import JIT_ON
from shm_layout.ring import HEAD_WORDS
from tests.stress import stress_hot as hot
from tests.stress.memory import (
    Stand,
    fork,
    kill,
    ring_shape,
    shared_words,
    stand,
    words_shape,
)

IN_SLOTS, OUT_SLOTS = 1 << 9, 1 << 8
IN_RING, OUT_RING = ring_shape("in", IN_SLOTS), ring_shape("out", OUT_SLOTS)
IN_CURSOR, OUT_CURSOR = words_shape("in.relay"), words_shape("out.judge")
STAGES = ("source", "relay")
FAIL_WITHIN = 300
DELAY_NS_MAX = 3_000_000
TURNS = 4096
ALIVE_NS = 0
"""Word of a stage's mark: when its incarnation began to work."""
KILL_WATCHDOG_S = 60.0
"""A stage dies within a few milliseconds of its birth; this is far beyond a hundred times that."""


@dataclass(frozen=True, slots=True)
class Fate:
    """How one incarnation ends: at a named store, or at a time."""

    fail_pos: int
    fail_point: int
    delay_ns: int


NO_FATE = Fate(0, hot.NO_FAILPOINT, 1 << 62)


@dataclass(slots=True)
class Stage:
    """One stage's living incarnation."""

    name: str
    mark: np.ndarray
    pid: int = 0
    epoch: int = 0
    fate: Fate = NO_FATE

    def say_alive(self) -> None:
        """In the child: the delay counts from here."""
        self.mark[ALIVE_NS] = time.monotonic_ns()

    def is_due(self) -> bool:
        """Does it stand at its failpoint, or is its time over?"""
        alive_ns = int(self.mark[ALIVE_NS])
        if ring_hot.written(self.mark):
            return True
        return alive_ns > 0 and time.monotonic_ns() - alive_ns >= self.fate.delay_ns


@dataclass(frozen=True, slots=True)
class ChainResult:
    """What C saw; `points` counts the kills by stage and failpoint."""

    kind: str
    start: int
    kills: int
    records: int
    received: int
    lost: int
    laps: int
    checksum: int
    seconds: float
    points: dict[str, int] = field(default_factory=dict)
    trouble: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """For --json."""
        return asdict(self)


class Chain:
    """One trial."""

    def __init__(self, place: Stand, kind: str, seed: int, start: int) -> None:
        self.place = place
        self.lossless = int(kind == "lossless")
        self.start = start
        self.chance = np.random.Generator(np.random.PCG64(seed))
        self.seen = shared_words()
        self.judged = np.zeros(hot.RESULT_WORDS, np.int64)
        self.judged[hot.NEXT] = start
        place.make(IN_RING, OUT_RING, IN_CURSOR, OUT_CURSOR)
        place.start_at(IN_RING, IN_CURSOR, start)
        place.start_at(OUT_RING, OUT_CURSOR, start)
        # Mapped before the first fork and inherited: what a stage writes, and what it only reads.
        self.in_written = place.attach(IN_RING, writable=True)
        self.out_written = place.attach(OUT_RING, writable=True)
        self.in_released = place.attach(IN_CURSOR, writable=True).words
        self.judge_cursor = place.attach(OUT_CURSOR, writable=True).words
        self.in_ring = place.attach(IN_RING)
        self.out = place.attach(OUT_RING)
        self.in_words = self.in_ring.words
        self.in_cursor = place.attach(IN_CURSOR).words
        self.judge_seen = place.attach(OUT_CURSOR).words
        self.stages = {name: Stage(name, shared_words(HEAD_WORDS)) for name in STAGES}
        self.points: Counter[str] = Counter()

    # The children

    def source(self, stage: Stage, turns: int = 0) -> int:
        """A: from `write_pos` on, without end."""
        ring = self.in_written
        args = (
            ring.words, self.in_cursor, ring.rows, self.lossless, stage.epoch, stage.mark,
            stage.fate.fail_pos, stage.fate.fail_point,
        )  # fmt: skip
        stage.say_alive()
        hot.source(*args, turns)
        while not turns:
            hot.source(*args, TURNS)
            os.sched_yield()
        return 0

    def resume_pos(self, cursor: np.ndarray) -> int:
        """Where B goes on: behind the cause of its own last output. What a lossless cursor has
        released beyond that was dropped, and its slots may be gone.
        """
        out_pos = int(self.out.words[ring_hot.WRITE_POS])
        pos = self.start
        if out_pos > self.start:
            rows = self.out.rows
            assert rows is not None
            pos = int(rows["cause_pos"][(out_pos - 1) & (OUT_SLOTS - 1)]) + 1
        return max(pos, int(cursor[ring_hot.READ_POS])) if self.lossless else pos

    def relay(self, stage: Stage, turns: int = 0) -> int:
        """B: resumes, then relays without end."""
        ring, out, cursor = self.in_ring, self.out_written, self.in_released
        pos, lost = self.resume_pos(cursor), 0
        ends = (ring.words, ring.rows, cursor, out.words, self.judge_seen, out.rows)
        rest = (
            self.lossless, stage.epoch, stage.mark, stage.fate.fail_pos, stage.fate.fail_point,
        )  # fmt: skip
        stage.say_alive()
        hot.relay(*ends, pos, lost, *rest, 0, self.seen)
        while not turns:
            pos, lost = hot.relay(*ends, pos, lost, *rest, TURNS, self.seen)
            os.sched_yield()
        return 0

    # The parent

    def judge(self) -> None:
        """C takes what is there."""
        rows = self.out.rows
        hot.judge(self.out.words, rows, self.judge_cursor, self.lossless, self.judged)

    def prime(self) -> None:
        """Compile before the first fork."""
        for stage in self.stages.values():
            getattr(self, stage.name)(stage, 1)
        self.judge()

    def fate(self, stage: Stage) -> Fate:
        """The next seeded end of a stage."""
        words = self.in_words if stage.name == "source" else self.in_cursor
        at = ring_hot.WRITE_POS if stage.name == "source" else ring_hot.READ_POS
        pos = int(words[at]) + int(self.chance.integers(FAIL_WITHIN))
        point = int(self.chance.integers(2 * hot.FAILPOINTS))
        if point < hot.FAILPOINTS:
            return Fate(pos, point, NO_FATE.delay_ns)
        return Fate(0, hot.NO_FAILPOINT, int(self.chance.integers(DELAY_NS_MAX)))

    def bear(self, stage: Stage, fate: Fate) -> None:
        """The next incarnation; its predecessor's death has been proved."""
        assert stage.pid == 0
        ring_hot.publish(stage.mark, 0)
        stage.mark[ALIVE_NS] = 0
        stage.epoch += 1
        stage.fate = fate
        stage.pid = fork(lambda: getattr(self, stage.name)(stage))

    def end(self, stage: Stage) -> None:
        """`kill -9`, and the proof."""
        kill(stage.pid)
        stage.pid = 0

    def until(self, holds, what: str) -> str:
        """Judge until something holds; returns "" or what hangs."""
        give_up = time.monotonic() + KILL_WATCHDOG_S
        while not holds():
            self.judge()
            os.sched_yield()
            if time.monotonic() > give_up:
                return f"stuck: {what}"
        return ""

    def run(self, kills: int) -> str:
        """Kill so many times, then let the chain run dry; returns what hung, or ""."""
        stages = list(self.stages.values())
        for stage in stages:
            self.bear(stage, self.fate(stage))
        for _ in range(kills):
            hung = self.until(lambda: any(s.is_due() for s in stages), "no stage came to its end")
            if hung:
                return hung
            victim = next(s for s in stages if s.is_due())
            self.points[f"{victim.name}.{victim.fate.fail_point}"] += 1
            self.end(victim)
            self.judge()
            self.bear(victim, self.fate(victim))
        for stage in stages:  # the last incarnations live until everything has come through
            self.end(stage)
            self.bear(stage, NO_FATE)
        more = int(self.in_words[ring_hot.WRITE_POS]) + IN_SLOTS
        hung = self.until(lambda: self.in_words[ring_hot.WRITE_POS] >= more, "nothing is written")
        self.end(self.stages["source"])
        self.wake()
        end = int(self.in_words[ring_hot.WRITE_POS])
        hung = hung or self.until(
            lambda: self.in_cursor[ring_hot.READ_POS] == end, "the relay does not come to the end"
        )
        self.end(self.stages["relay"])
        self.judge()
        return hung

    def wake(self) -> None:
        """Stages that spin need nobody to wake them."""

    def trouble(self) -> list[str]:
        """What else speaks against a run of this kind."""
        return []

    def close(self) -> None:
        """Leave no child behind, whatever happened."""
        for stage in self.stages.values():
            if stage.pid:
                self.end(stage)


class CursorChain(Chain):
    """A planted bug: B resumes from its cursor. The stress must catch it."""

    def resume_pos(self, cursor: np.ndarray) -> int:
        return int(cursor[ring_hot.READ_POS])


def judge_trouble(chain: Chain, hung: str) -> tuple[str, ...]:
    """Every promise that was broken."""
    judged = chain.judged
    end = int(chain.in_words[ring_hot.WRITE_POS])
    expected = int(judged[hot.NEXT])
    while chain.lossless and expected < end and not hot.is_kept(expected):
        expected += 1
    facts = {
        hung: bool(hung),
        "C saw a torn record": int(judged[hot.TORN]) > 0,
        "B saw a torn record": int(chain.seen[hot.TORN]) > 0,
        "lost, unreported": int(judged[hot.MISPLACED]) > 0 or (not hung and expected != end),
        "repeated": int(judged[hot.REPEATED]) > 0,
        "an older incarnation wrote after a newer one": int(judged[hot.EPOCH_BACK]) > 0,
        "nothing was tried: B was never lapped": (
            JIT_ON and not chain.lossless and int(chain.seen[hot.LAPS]) == 0
        ),
    }
    return (*(what for what, broken in facts.items() if broken), *chain.trouble())


def run_chain(
    kind: str, kills: int, start: int = 0, seed: int = 1, make: type[Chain] = Chain
) -> ChainResult:
    """Run one chain, and judge it."""
    with stand("chain") as place:
        chain = make(place, kind, seed, start)
        chain.prime()
        gc.freeze()  # what is never touched is never copied by a child
        began = time.monotonic()
        try:
            hung = chain.run(kills)
        finally:
            chain.close()
        return ChainResult(
            kind, start, kills,
            records=int(chain.in_words[ring_hot.WRITE_POS]) - start,
            received=int(chain.judged[hot.RECEIVED]),
            lost=int(chain.judged[hot.LOST]),
            laps=int(chain.seen[hot.LAPS]),
            checksum=int(chain.judged[hot.CHECKSUM]),
            seconds=time.monotonic() - began,
            points=dict(sorted(chain.points.items())),
            trouble=judge_trouble(chain, hung),
        )  # fmt: skip
