"""The chain of `chain.py` with stages that sleep on their doorbells, as a parked core map has them.

Here a death may also fall between a record and the ring of the bell, or upon a sleeper: its word
still says SLEEPING, and its bell may hold a byte. A successor does what a process of the desk does
at its start: it is awake, and takes every ring that it writes for one that has grown. Sleep has no
time limit of its own, so a wake-up that is lost hangs the chain, and is found.
"""

from __future__ import annotations

import os
import time

import numpy as np

from shm_layout import ring_hot
from shm_layout.doorbell import Listener, Ringer, Sleeper, make_bell, open_bell, ring
from shm_layout.ring_hot import READ_POS, WRITE_POS
from tests.stress import stress_hot as hot
from tests.stress.chain import KILL_WATCHDOG_S, OUT_SLOTS, STAGES, Chain, Stage
from tests.stress.memory import Stand, park, shared_words, words_shape

BURST = 256
PAUSE_S = 0.0002
"""Of a source that nobody holds up, so that its reader comes to sleep."""
ASLEEP_NS = int(KILL_WATCHDOG_S * 2e9)
NEXT_WORD = READ_POS - WRITE_POS
"""A cursor's words from here on look like a ring's: bells and sleepers watch both alike."""


class ParkedChain(Chain):
    """One trial."""

    def __init__(self, place: Stand, kind: str, seed: int, start: int) -> None:
        super().__init__(place, kind, seed, start)
        shapes = {name: words_shape(f"process.{name}") for name in STAGES}
        place.make(*shapes.values())
        for name in STAGES:
            make_bell(place.bell(name))
        self.own = {name: place.attach(shape, writable=True).words
                    for name, shape in shapes.items()}  # fmt: skip
        self.others = {name: place.attach(shape).words for name, shape in shapes.items()}
        self.slept = {name: shared_words() for name in STAGES}
        self.judged_ringer = self.ringer(self.judge_cursor[NEXT_WORD:], "relay")

    def sleeper(self, name: str) -> Sleeper:
        """A new incarnation's: awake, whatever its predecessor's word says."""
        made = Sleeper(open_bell(self.place.bell(name)), self.own[name])
        made.wake_up()
        return made

    def ringer(self, words: np.ndarray, listener: str) -> Ringer:
        """Wakes one stage when these words move."""
        made = Ringer()
        made.add(words, [Listener(listener, self.place.bell(listener), self.others[listener])])
        return made

    def sleep(self, stage: Stage, sleeper: Sleeper) -> None:
        """Until somebody rings."""
        self.slept[stage.name][hot.PARKS] += 1
        park(sleeper, ASLEEP_NS)

    def source(self, stage: Stage, turns: int = 0) -> int:
        """A: in bursts; sleeps while a lossless ring is full."""
        words, slots = self.in_written.words, self.in_written.rows
        assert slots is not None
        args = (
            words, self.in_cursor, slots, self.lossless, stage.epoch, stage.mark,
            stage.fate.fail_pos, stage.fate.fail_point,
        )  # fmt: skip
        sleeper = self.sleeper(stage.name)
        ringer = self.ringer(words, "relay")
        sleeper.watch(self.in_cursor[NEXT_WORD:])
        stage.say_alive()
        hot.source(*args, 0)
        while not turns:
            sleeper.take_growth()
            hot.source(*args, BURST)
            ringer.ring_due()
            if not self.lossless:
                time.sleep(PAUSE_S)
            elif ring_hot.lossless_free(words, self.in_cursor, len(slots)) == 0:
                self.sleep(stage, sleeper)
        return 0

    def relay(self, stage: Stage, turns: int = 0) -> int:
        """B: sleeps when there is nothing to take, or no room for it."""
        words, cursor = self.in_ring.words, self.in_released
        pos, lost = self.resume_pos(cursor), 0
        out = self.out.words
        ends = (words, self.in_ring.rows, cursor, self.out_written.words, self.judge_seen,
                self.out_written.rows)  # fmt: skip
        rest = (
            self.lossless, stage.epoch, stage.mark, stage.fate.fail_pos, stage.fate.fail_point,
        )  # fmt: skip
        sleeper = self.sleeper(stage.name)
        ringer = self.ringer(cursor[NEXT_WORD:], "source")
        sleeper.watch(words)
        sleeper.watch(self.judge_seen[NEXT_WORD:])
        stage.say_alive()
        hot.relay(*ends, pos, lost, *rest, 0, self.seen)
        while not turns:
            sleeper.take_growth()
            pos, lost = hot.relay(*ends, pos, lost, *rest, BURST, self.seen)
            ringer.ring_due()
            full = ring_hot.lossless_free(out, self.judge_seen, OUT_SLOTS) == 0
            if full or ring_hot.written(words) == pos:
                self.sleep(stage, sleeper)
        return 0

    def judge(self) -> None:
        """C takes what is there, and wakes a relay that waits for room."""
        super().judge()
        self.judged_ringer.ring_due()

    def wake(self) -> None:
        """As a supervisor at the end: whoever sleeps looks once more."""
        for name in STAGES:
            descriptor = open_bell(self.place.bell(name))
            ring(descriptor)
            os.close(descriptor)

    def trouble(self) -> list[str]:
        """A run in which nobody slept tried nothing of this."""
        asleep = {name: int(self.slept[name][hot.PARKS]) for name in STAGES}
        wanted = STAGES if self.lossless else ("relay",)
        return [f"nothing was tried: {name} never slept" for name in wanted if not asleep[name]]
