"""How often and how deep a feed asks for snapshots: out of its share, shallow rather than late."""

import dataclasses
import itertools

import pytest

from oms.agents.feed.pace import CALM_NS_MAX, SHALLOW_LEVELS, WAIT_NS_MAX, WAIT_NS_MIN, BookPace
from oms.ports import NEVER, ConnEvent, HttpMeta
from oms.sim.market_chain import CONN, MarketChain
from oms.venues.recorded import RecordedInstrument
from shm_layout.channels import Capacity
from shm_layout.enums import BookState, RateShare
from tests.oms.agents.market_messages import diff, snapshot
from tests.support import rate_row

MS = 1_000_000
S = 1_000 * MS
T0 = 1_700_000_040 * S  # a whole minute
MINUTE = 60 * S
SHARE = 1200
WEIGHTS = {100: 5, 500: 25, 1000: 50, 5000: 250}
BIDS, ASKS = [(99, 5), (98, 7)], [(101, 4), (102, 6)]


class Feed:
    """A feed of so many books, whose requests for snapshots are noted with their levels."""

    def __init__(self, books, **times):
        self.symbols = [f"COIN{k}USDT" for k in range(books)]
        self.asked = []
        self.now_ns = T0
        noted = self

        class Chain(MarketChain):
            def on_request(self, target):
                if "limit=" in target:
                    symbol = target.partition("symbol=")[2].partition("&")[0]
                    noted.asked.append((symbol, int(target.rpartition("=")[2])))
                return super().on_request(target)

        instruments = [RecordedInstrument(symbol, 2, 3) for symbol in self.symbols]
        size = dataclasses.replace(Capacity.small(), instruments=64)
        times = {"quiet_after_ms": 3_600_000, **times}  # nothing is asked to verify a book
        self.made = Chain("binance.spot", instruments, T0, capacity=size, **times)
        self.last_id = 100

    def run(self, seconds):
        until_ns = self.now_ns + int(seconds * S)
        while (due_ns := self.made.feed.next_timer_ns()) <= until_ns:
            self.now_ns = max(self.now_ns, due_ns)
            self.made.turn(self.now_ns)
        self.now_ns = until_ns
        self.made.turn(until_ns)

    def answer(self, status=200):
        """Answer what was asked for; gives the levels of each."""
        asked, self.asked = self.asked, []
        for symbol, _ in asked:
            self.made.snapshot(symbol, snapshot(self.last_id, BIDS, ASKS), self.now_ns, status)
        return [levels for _, levels in asked]

    def reconnect(self):
        self.made.feed.on_conn(self.made.conn, ConnEvent.CLOSED, self.now_ns)
        self.run(0.11)
        self.made.feed.on_conn(self.made.conn, ConnEvent.OPENED, self.now_ns)

    def live(self):
        return sum(self.made.state(k) is BookState.LIVE for k in range(len(self.symbols)))

    def used(self):
        self.run(0.3)
        row = rate_row(self.made.memory.tables["rates.feed.binance.spot"].rows, "weight")
        assert int(row["part"][RateShare.SNAPSHOTS]) == SHARE
        return int(row["spent"][RateShare.SNAPSHOTS])

    def events(self):
        return [event for _, event, _ in self.made.logs]


def test_two_books_that_break_for_a_minute_are_shallow_and_not_dead():
    """Every two seconds; the share pays for 24 snapshots of 1,000 levels."""
    feed = Feed(2)
    assert feed.answer() == [1000, 1000]
    depths = []
    for _ in range(29):
        feed.run(2 - 0.11)
        feed.reconnect()
        levels = feed.answer()
        assert len(levels) == 2, f"asked for at once, {len(depths)}"
        depths += levels
        assert feed.live() == 2
    deepest = [max(pair) for pair in zip(depths[::2], depths[1::2], strict=True)]
    assert deepest == sorted(deepest, reverse=True)
    assert set(depths) == {1000, 500, 100}
    assert "snapshot_waits" not in feed.events()
    assert "book_shallow" in feed.events()
    assert sum(WEIGHTS[n] for n in [1000, 1000, *depths]) <= feed.used() <= SHARE


def test_shallow_books_get_their_depth_in_the_next_minute_one_at_a_time():
    feed = Feed(2)
    feed.answer()
    while feed.asked or SHALLOW_LEVELS not in feed.answer():
        feed.run(1)
        feed.reconnect()
        feed.last_id += 1
        last = [levels for _, levels in feed.asked]
        feed.answer()
        if SHALLOW_LEVELS in last:
            break
    assert feed.live() == 2
    feed.run((T0 + MINUTE - feed.now_ns) / S - 0.01)
    assert feed.asked == [], "not in the minute that was too short of weight"
    found = []
    for _ in range(40):
        feed.run(0.05)
        assert len(feed.asked) <= 1
        if feed.asked:
            assert feed.live() == 1
            found += feed.answer()
            assert feed.live() == 2
    assert found == [1000, 1000]
    feed.run(180)
    assert 1000 not in feed.answer(), "they have their depth"


@pytest.mark.parametrize("books", [30, 60])
def test_many_books_are_all_live_at_once(books):
    feed = Feed(books)
    depths = feed.answer()
    assert len(depths) == books
    assert feed.live() == books
    assert sum(WEIGHTS[n] for n in depths) <= SHARE
    for _ in range(20 * 60 * 4):
        feed.run(0.25)
        depths += feed.answer()
        if depths.count(1000) == books:
            break
    assert depths.count(1000) == books, "and have their depth in the end"
    assert feed.live() == books


def test_books_without_any_answer_keep_to_the_share_and_wait_for_the_next_minute():
    feed = Feed(60, snapshot_levels=5000)
    waited = 0
    while "snapshot_waits" not in feed.events():
        feed.answer(503)
        feed.run(0.1)
        waited += 1
        assert waited < 590, "a minute"
    assert feed.used() <= SHARE
    assert feed.live() == 0
    feed.answer()
    feed.run((T0 + MINUTE - feed.now_ns) / S - 0.01)
    assert feed.used() <= SHARE
    assert feed.live() < 60
    for _ in range(40):
        feed.run(1)
        feed.answer()
    assert feed.live() == 60


def test_answer_of_before_a_lost_connection_is_not_waited_for():
    """A venue that is away may answer in ten seconds or never; the next connection asks anew."""
    feed = Feed(1)
    old = feed.made.requests["COIN0USDT"]
    feed.run(1)
    feed.reconnect()
    assert feed.made.requests["COIN0USDT"] != old
    feed.made.feed.on_bytes(0, snapshot(50, BIDS, ASKS), feed.now_ns, HttpMeta(old, status=200))
    assert feed.live() == 0
    feed.answer()
    assert feed.live() == 1


def test_book_that_breaks_after_each_snapshot_is_asked_for_with_growing_distance():
    feed = Feed(1, snapshot_levels=100)
    times = []
    for _ in range(4000):
        if feed.asked:
            times.append(feed.now_ns)
            feed.answer()
            feed.last_id += 10
            feed.made.message(diff(feed.last_id, feed.last_id, symbol="COIN0USDT"), feed.now_ns)
        feed.run(0.05)
    gaps = [(b - a) / S for a, b in itertools.pairwise(times)]
    assert gaps[0] <= 0.2
    assert all(b > a * 1.5 for a, b in itertools.pairwise(gaps[:8]))
    assert gaps[-1] == pytest.approx(WAIT_NS_MAX / S, abs=0.2)


@pytest.mark.parametrize("apart_s", [1.2, 3, 20, 90])
def test_book_that_held_for_a_while_is_asked_for_at_once(apart_s):
    pace, now_ns = BookPace(), T0
    for _ in range(50):
        assert pace.begin(now_ns) == now_ns
        pace.asked_ns = now_ns
        now_ns += int(apart_s * S) + 1
    assert pace.wait_ns == WAIT_NS_MIN


@pytest.mark.parametrize("apart_s", [0.01, 0.15, 0.4])
def test_book_that_breaks_often_waits_and_begins_anew_when_it_held(apart_s):
    pace, now_ns = BookPace(), T0
    for _ in range(12):
        asked_ns = pace.begin(now_ns)
        assert asked_ns - now_ns <= WAIT_NS_MAX
        pace.asked_ns = asked_ns
        now_ns = asked_ns + int(apart_s * S)
    assert pace.wait_ns > 8 * WAIT_NS_MIN
    assert pace.begin(now_ns + CALM_NS_MAX) == now_ns + CALM_NS_MAX
    assert (pace.wait_ns, pace.deepen_ns) == (WAIT_NS_MIN, NEVER)


def test_deep_book_is_left_alone():
    feed = Feed(1)
    feed.answer()
    feed.run(300)
    assert feed.asked == []
    assert CONN not in feed.made.closed
