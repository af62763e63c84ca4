"""A feed's states that time brings: STALE, frozen, verified; connections replaced and given up."""

import json

import pytest

from oms.ports import ConnEvent, HttpMeta
from oms.sim.market_chain import CONN, MarketChain
from oms.venues.recorded import RecordedInstrument
from oms.venues.reports import Pause
from shm_layout.channels import Capacity
from shm_layout.enums import BookState, LinkState
from tests.oms.agents.market_messages import diff, snapshot, ticker, trade

T0 = 1_700_000_000_000_000_000
MS = 1_000_000
S = 1_000 * MS
BIDS, ASKS = [(99, 5), (98, 7)], [(101, 4), (102, 6)]
HOUR = 3_600 * S


class Quiet:
    """A chain with one LIVE book, and time."""

    def __init__(self, venue="binance.spot", **times):
        instruments = [RecordedInstrument("BTCUSDT", 2, 3)]
        self.made = MarketChain(venue, instruments, T0, capacity=Capacity.small(), **times)
        self.now_ns = T0 + MS
        assert self.made.snapshot("BTCUSDT", snapshot(100, BIDS, ASKS), self.now_ns)
        self.states = []
        self.run(0)
        self.states = [BookState.LIVE]

    def run(self, seconds):
        """Let time pass, timer by timer; notes each state that the top of book went through."""
        until_ns = self.now_ns + int(seconds * S)
        while (due_ns := self.made.feed.next_timer_ns()) <= until_ns:
            self.now_ns = max(self.now_ns, due_ns)
            self.made.turn(self.now_ns)
            self.note()
        self.now_ns = until_ns
        self.made.turn(until_ns)
        self.note()

    def note(self):
        if not self.states or self.states[-1] is not self.state():
            self.states.append(self.state())

    def state(self):
        return self.made.state(0)

    def say(self, data, conn=0):
        self.made.message(data, self.now_ns, conn)
        self.note()

    def answer(self, last_id, status=200):
        done = self.made.snapshot("BTCUSDT", snapshot(last_id, BIDS, ASKS), self.now_ns, status)
        self.note()
        return done

    def link(self):
        return self.made.memory.tables["links.feed.binance.spot"].rows[0]

    def events(self):
        return [event for _, event, _ in self.made.logs]


# As alive as the connection


def test_quiet_book_on_a_living_connection_stays_live_and_young():
    desk = Quiet(quiet_after_ms=3_600_000)
    desk.run(300)
    assert desk.states == [BookState.LIVE]
    top = desk.made.memory.tables["top"].rows[0]
    assert desk.now_ns - int(top["ts_recv_ns"]) < 2 * S


def test_silent_connection_makes_its_books_stale_then_is_given_up():
    desk = Quiet()
    desk.made.answers_pings = False
    desk.run(3)
    assert desk.states == [BookState.LIVE, BookState.STALE, BookState.GAP]
    assert CONN in desk.made.closed
    assert desk.link()["dead_peers"] == 1


def test_connection_that_speaks_again_in_time_makes_them_live_without_a_snapshot():
    desk = Quiet(stale_after_ms=2000)
    desk.made.answers_pings = False
    desk.run(2.1)
    assert desk.state() is BookState.STALE
    desk.made.feed.on_conn(CONN, ConnEvent.PONG, desk.now_ns)
    desk.made.answers_pings = True
    desk.run(1)
    assert desk.states == [BookState.LIVE, BookState.STALE, BookState.LIVE]
    assert not desk.made.requests


def test_other_symbols_messages_are_signs_of_life():
    desk = Quiet(quiet_after_ms=3_600_000)
    desk.made.answers_pings = False
    for _ in range(20):
        desk.say(diff(1, 2, symbol="ETHUSDT"))
        desk.run(0.8)
    assert desk.states == [BookState.LIVE]


# Held against a snapshot


def test_quiet_for_too_long_is_verified_by_a_snapshot_and_never_leaves_live():
    desk = Quiet(quiet_after_ms=10_000)
    for _ in range(5):
        desk.run(10.5)
        assert desk.answer(100)
    assert desk.states == [BookState.LIVE]
    assert desk.made.feed.quiet.verified == 5
    assert desk.made.counters()["snapshots"] == 1


def test_quiet_is_asked_for_only_once_at_a_time():
    desk = Quiet(quiet_after_ms=10_000)
    before = desk.made._request_count
    desk.run(11.5)
    assert desk.made._request_count - before <= 3, "the snapshot, and the venue's clock"


def test_snapshot_ahead_that_the_stream_catches_up_with_is_proof():
    desk = Quiet(quiet_after_ms=10_000)
    desk.run(10.5)
    assert desk.answer(103)
    desk.say(diff(101, 103, [(99, 1)]))
    desk.run(2)
    assert desk.states == [BookState.LIVE]
    assert desk.made.feed.quiet.frozen == 0


def test_snapshot_ahead_of_a_stream_that_says_nothing_reopens_it_and_resyncs():
    desk = Quiet(quiet_after_ms=10_000)
    desk.run(10.5)
    desk.answer(103)
    desk.run(1.5)
    assert CONN in desk.made.closed
    assert desk.state() is BookState.GAP
    assert "book_frozen" in desk.events()
    desk.run(0.5)
    desk.made.feed.on_conn(desk.made.conn, ConnEvent.OPENED, desk.now_ns)
    desk.run(1)
    assert desk.answer(103)
    assert desk.state() is BookState.LIVE


def test_snapshot_behind_proves_nothing_and_is_asked_again():
    desk = Quiet(quiet_after_ms=10_000)
    desk.run(10.5)
    desk.answer(99)
    assert desk.made.feed.quiet.verified == 0
    desk.run(2.5)
    assert desk.answer(100)
    assert desk.made.feed.quiet.verified == 1


@pytest.mark.parametrize("status", [0, 429, 503])
def test_no_proof_in_time_makes_it_stale_until_there_is_one(status):
    desk = Quiet(quiet_after_ms=10_000)
    desk.run(10.5)
    desk.answer(100, status)
    desk.run(2.5)
    assert desk.state() is BookState.STALE
    assert "book_unproved" in desk.events()
    for _ in range(60):
        if desk.answer(100):
            break
        desk.run(1)
    desk.run(1)
    assert desk.states == [BookState.LIVE, BookState.STALE, BookState.LIVE]


def test_no_proof_and_then_a_diff_is_live():
    desk = Quiet(quiet_after_ms=10_000)
    desk.run(13)
    assert desk.state() is BookState.STALE
    desk.say(diff(101, 102, [(99, 1)]))
    assert desk.state() is BookState.LIVE


def test_gap_while_a_proof_is_awaited_asks_for_a_whole_snapshot():
    desk = Quiet(quiet_after_ms=10_000)
    desk.run(10.5)
    small = desk.made.requests["BTCUSDT"]
    desk.say(diff(150, 160))
    assert desk.state() is BookState.GAP
    desk.run(1)
    assert desk.made.requests["BTCUSDT"] != small
    assert desk.answer(160)
    assert desk.state() is BookState.LIVE


def test_futures_snapshot_ahead_is_used_as_one():
    desk = Quiet("binance.usdm", quiet_after_ms=10_000)
    desk.run(10.5)
    desk.answer(500)
    assert desk.state() is BookState.SYNCING
    desk.run(1)
    assert desk.answer(500)
    assert desk.state() is BookState.LIVE


# Crossed


def test_crossed_book_is_said_and_resynced():
    desk = Quiet()
    desk.say(diff(101, 102, [(103, 9)]))
    assert desk.state() is BookState.CROSSED
    desk.run(1)
    assert desk.answer(102)
    assert desk.states == [BookState.LIVE, BookState.CROSSED, BookState.SYNCING, BookState.LIVE]


# Replaced before it is cut


def replacing():
    """A day is nearly over: (desk, the old connection, the new one)."""
    desk = Quiet(quiet_after_ms=100 * 3_600_000)
    desk.now_ns += 23 * HOUR - S
    desk.made.feed.links.speaking.beat.heard(desk.now_ns)
    desk.run(2)
    assert len(desk.made.urls) == 2
    assert desk.link()["state"] == LinkState.REPLACING
    return desk, CONN, desk.made.conn


def test_stream_at_its_age_is_replaced_and_no_book_leaves_live():
    desk, old, new = replacing()
    desk.made.feed.on_conn(new, ConnEvent.OPENED, desk.now_ns)
    desk.say(diff(101, 101, [(99, 1)]), old)
    desk.say(diff(101, 101, [(99, 1)]), new)
    desk.say(diff(102, 103, [(99, 2)]), new)
    desk.run(1.1)
    assert old in desk.made.closed
    desk.say(diff(104, 104, [(99, 3)]), new)
    assert desk.states == [BookState.LIVE]
    assert desk.made.best(0)[1] == 3000
    assert desk.made.counters()["gaps"] == 0
    assert (desk.link()["replaced"], desk.link()["state"]) == (1, LinkState.OPEN)


def test_stream_replaced_shows_each_trade_once():
    desk, old, new = replacing()
    desk.made.feed.on_conn(new, ConnEvent.OPENED, desk.now_ns)
    before = desk.made.feed.ring.pos
    for conn in (old, new):
        desk.say(trade(7, 100, 1, True), conn)
        desk.say(trade(8, 100, 1, True), conn)
    desk.run(1.1)
    trades = desk.made.memory.rings["md.binance.spot"].slots["type"][before : before + 20]
    assert list(trades).count(3) == 2


def test_stream_that_misses_diffs_between_two_connections_shows_a_gap():
    desk, _, new = replacing()
    desk.made.feed.on_conn(new, ConnEvent.OPENED, desk.now_ns)
    desk.say(diff(105, 106, [(99, 2)]), new)
    desk.run(1.1)
    assert desk.state() is BookState.GAP


def test_stream_lost_while_its_successor_is_there_goes_on_with_that():
    desk, old, new = replacing()
    desk.made.feed.on_conn(new, ConnEvent.OPENED, desk.now_ns)
    desk.say(diff(101, 102, [(99, 2)]), new)
    desk.made.feed.on_conn(old, ConnEvent.CLOSED, desk.now_ns)
    desk.say(diff(103, 103, [(99, 4)]), new)
    assert desk.states == [BookState.LIVE]
    assert desk.made.best(0)[1] == 4000


def test_stream_successor_that_fails_leaves_the_first_at_work():
    desk, _, new = replacing()
    desk.made.feed.on_conn(new, ConnEvent.FAILED, desk.now_ns)
    desk.say(diff(101, 102, [(99, 2)]))
    desk.run(40)
    assert desk.states == [BookState.LIVE]
    assert len(desk.made.urls) == 3


def test_server_shutdown_opens_the_successor_at_once():
    desk = Quiet(quiet_after_ms=3_600_000)
    desk.run(61)
    desk.say(json.dumps({"e": "serverShutdown", "E": 1}).encode())
    desk.run(0.1)
    assert len(desk.made.urls) == 2
    assert CONN not in desk.made.closed


# The venue's limits


def test_refused_snapshot_is_not_asked_again_before_the_venue_allows():
    desk = Quiet()
    desk.say(diff(150, 160))
    desk.run(1)
    request_id = desk.made.requests.pop("BTCUSDT")
    meta = HttpMeta(request_id, status=429, headers={"retry-after": "30"})
    desk.made.feed.on_bytes(0, b"{}", desk.now_ns, meta)
    desk.run(29)
    assert "BTCUSDT" not in desk.made.requests
    desk.run(2)
    assert "BTCUSDT" in desk.made.requests


def test_ticker_of_a_quiet_book_does_not_hide_that_its_diffs_stopped():
    desk = Quiet(quiet_after_ms=10_000)
    for at in range(14):
        desk.say(ticker(101 + at, (99, 1 + at), (101, 1)))
        desk.run(1)
    assert "BTCUSDT" in desk.made.requests


def test_connection_is_closed_while_the_exchange_wants_none():
    chain = Quiet()
    silence = Pause(("egress",), 0, cancels_pass=False, close_sockets=True, for_ms=9_000)
    chain.made.feed.ledger.note_pause(silence, chain.now_ns)
    chain.run(1)
    assert chain.link()["state"] == LinkState.DOWN
    assert next(iter(chain.made.feed.links)).conn == 0
    chain.run(7)
    assert next(iter(chain.made.feed.links)).conn == 0
    chain.run(2)
    assert next(iter(chain.made.feed.links)).conn != 0, "opened again"
