"""The estimate of a venue's clock: median of the quickest answers, jumps, warnings."""

import json
import random

import pytest

from oms.agents.venue_clock import ASK_EVERY_NS, HURRY_NS, VenueClock
from oms.ports import NEVER, HttpMeta
from shm_layout.enums import Exchange
from tests.support import FakePorts, Memory

T0 = 1_700_000_000_000_000_000
MS = 1_000_000
S = 1000 * MS
ROLE = "executor.binance"


class Asked:
    """A clock and the venue that it asks."""

    def __init__(self, offset_ms=0, trip_ms=10, warn_ms=250):
        self.memory = Memory()
        self.ports = FakePorts(self.memory, ROLE)
        self.now_ns = T0
        self.offset_ms, self.trip_ms = offset_ms, trip_ms
        self.allowed = True
        self.clock = VenueClock(
            self.ports, exchange=Exchange.BINANCE, rest_url="http://h", target="/api/v3/time",
            warn_ms=warn_ms, may_ask=lambda now_ns: self.allowed,
        )  # fmt: skip
        self.clock.begin(T0)

    def answer(self, body=None, status=200, late_ms=0):
        """The next question and its answer; the venue looks at its clock half-way."""
        self.now_ns = max(self.now_ns, self.clock.due_ns)
        assert self.clock.ask(self.now_ns) == 1
        half_ns = self.trip_ms * MS // 2
        venue_ms = (self.now_ns + half_ns) // MS + self.offset_ms
        self.now_ns += 2 * half_ns + late_ms * MS
        data = json.dumps({"serverTime": venue_ms}).encode() if body is None else body
        meta = HttpMeta(self.ports.requested[-1]["id"], status=status)
        assert self.clock.answered(data, self.now_ns, meta)

    def row(self):
        return self.memory.table_reader(f"clock.{ROLE}").read(0)

    def events(self):
        return [event for _, event, _ in self.ports.logs]


def test_clock_begins_with_a_burst_and_then_asks_seldom():
    made = Asked()
    gaps = []
    for _ in range(7):
        made.answer()
        gaps.append(made.clock.due_ns - made.now_ns)
    assert gaps == [HURRY_NS] * 4 + [ASK_EVERY_NS] * 3


@pytest.mark.parametrize("offset_ms", [-90_000, -3, 0, 240, 5000])
def test_clock_offset_is_found_and_published(offset_ms):
    made = Asked(offset_ms)
    for _ in range(5):
        made.answer()
    assert abs(made.clock.offset_ns - offset_ms * MS) <= MS
    assert abs(made.clock.venue_ms(made.now_ns) - made.now_ns // MS - offset_ms) <= 1
    row = made.row()
    assert (row["samples"], row["round_trip_ns"]) == (5, 10 * MS)


def test_clock_slow_answers_do_not_move_the_estimate():
    """A third of the answers is late on one way only, so by itself each is far off."""
    made, chance = Asked(20), random.Random(4)
    for _ in range(60):
        made.answer(late_ms=chance.choice((0, 0, 80)))
        assert abs(made.clock.offset_ns - 20 * MS) <= 41 * MS
    assert abs(made.clock.offset_ns - 20 * MS) <= MS


def test_clock_that_jumps_is_asked_again_at_once_and_believed_the_second_time():
    made = Asked()
    for _ in range(9):
        made.answer()
    made.offset_ms = 4000
    made.answer()
    assert abs(made.clock.offset_ns) <= MS, "one answer may be a mistake"
    assert made.clock.due_ns == made.now_ns + HURRY_NS
    made.answer()
    assert abs(made.clock.offset_ns - 4000 * MS) <= MS
    assert (made.row()["steps"], made.row()["samples"]) == (1, 1)
    assert "venue_clock_jumped" in made.events()


def test_clock_far_off_is_warned_of_once_and_told_when_it_is_gone():
    made = Asked(300)
    for _ in range(9):
        made.answer()
    assert made.events().count("clock_offset_large") == 1
    assert made.row()["large"] == 1
    made.offset_ms = 0
    for _ in range(4):
        made.answer()
    assert made.events()[-1] == "clock_offset_small"


@pytest.mark.parametrize(
    ("status", "body"),
    [(0, b"time-out"), (503, b"{}"), (200, b""), (200, b"[]"), (200, b'{"serverTime":"1"}'),
     (200, b'{"serverTime":true}'), (200, b'{"serverTime":-5}'), (200, b'{"serverTime":1e300}')],
)  # fmt: skip
def test_clock_answer_that_cannot_be_used_is_counted_and_asked_again(status, body):
    made = Asked(7)
    made.answer()
    before = made.clock.offset_ns
    made.answer(body, status)
    assert made.clock.offset_ns == before
    assert made.row()["failed"] == 1
    assert made.clock.due_ns != NEVER


def test_clock_without_room_in_the_ledger_waits():
    made = Asked()
    made.allowed = False
    assert made.clock.ask(T0) == 1
    assert not made.ports.requested
    assert made.clock.due_ns == T0 + ASK_EVERY_NS


def test_clock_hurries_when_told_that_a_timestamp_was_refused():
    made = Asked()
    for _ in range(6):
        made.answer()
    made.clock.hurry(made.now_ns)
    assert made.clock.due_ns == made.now_ns + HURRY_NS


def test_clock_passes_answers_of_others_on():
    made = Asked()
    made.clock.ask(T0)
    assert not made.clock.answered(b"{}", T0, HttpMeta(99, status=200))
