"""The feed agent and its kernels: sync by the venue's rule, gaps, staleness, hostile bytes."""

from __future__ import annotations

import pytest

from oms.ports import ConnEvent
from oms.sim.market_chain import CONN, MarketChain
from oms.venues.recorded import RecordedInstrument
from shm_layout.channels import Capacity
from shm_layout.enums import BookState
from shm_layout.limits import DIFFS_BUFFERED_MAX
from tests.oms.agents.market_messages import diff, snapshot, ticker

T0 = 1_700_000_000_000_000_000
MS = 1_000_000
SECOND = 1_000 * MS
BIDS = [(99, 5), (98, 7)]
ASKS = [(101, 4), (102, 6)]


def chain(venue: str = "binance.spot", **options) -> MarketChain:
    instruments = [RecordedInstrument("BTCUSDT", 2, 3), RecordedInstrument("ETHUSDT", 2, 3)]
    return MarketChain(venue, instruments, T0, capacity=Capacity.small(), **options)


def best(made: MarketChain) -> tuple[int, ...] | None:
    """Best bid and ask in whole units."""
    found = made.best(0)
    return None if found is None else (found[0] // 100, found[1] // 1000, found[2] // 100,
                                       found[3] // 1000)  # fmt: skip


def live(venue: str = "binance.spot", **options) -> MarketChain:
    made = chain(venue, **options)
    assert made.snapshot("BTCUSDT", snapshot(100, BIDS, ASKS), T0 + MS)
    assert made.state(0) is BookState.LIVE
    return made


def test_feed_start_subscribes_and_asks_snapshots() -> None:
    made = chain()
    assert made.urls == [
        (
            "ws://recorded/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@trade/"
            "ethusdt@depth@100ms/ethusdt@bookTicker/ethusdt@trade"
        )
    ]
    assert set(made.requests) == {"BTCUSDT", "ETHUSDT"}


def test_feed_spot_snapshot_after_diffs_uses_the_straddling_one() -> None:
    made = chain()
    made.message(diff(90, 95, [(99, 1)]), T0)
    made.message(diff(96, 103, [(99, 8)]), T0)
    assert best(made) is None
    made.snapshot("BTCUSDT", snapshot(100, BIDS, ASKS), T0 + MS)
    assert best(made) == (99, 8, 101, 4)
    made.message(diff(104, 104, [(100, 2)]), T0 + 2 * MS)
    assert best(made) == (100, 2, 101, 4)
    assert made.counters()["gaps"] == 0


def test_feed_snapshot_before_the_first_diff_is_asked_again() -> None:
    made = chain()
    made.message(diff(110, 115), T0)
    made.snapshot("BTCUSDT", snapshot(100, BIDS, ASKS), T0 + MS)
    assert made.state(0) is not BookState.LIVE
    assert "BTCUSDT" not in made.requests
    made.turn(T0 + SECOND)
    assert "BTCUSDT" in made.requests
    made.snapshot("BTCUSDT", snapshot(112, BIDS, ASKS), T0 + SECOND)
    assert best(made) == (99, 5, 101, 4)


@pytest.mark.parametrize(("first", "last", "state"), [(102, 104, BookState.GAP),
                                                      (101, 104, BookState.LIVE)])  # fmt: skip
def test_feed_spot_first_diff_must_straddle(first: int, last: int, state: BookState) -> None:
    made = live()
    made.message(diff(first, last), T0 + 2 * MS)
    assert made.state(0) is state


def test_feed_spot_gap_resyncs_and_counts() -> None:
    made = live()
    made.message(diff(101, 101, [(100, 1)]), T0 + 2 * MS)
    made.message(diff(103, 104, [(100, 9)]), T0 + 3 * MS)
    assert made.state(0) is BookState.GAP
    made.turn(T0 + SECOND)
    made.message(diff(105, 106, [(99, 1)]), T0 + SECOND)
    made.snapshot("BTCUSDT", snapshot(104, BIDS, ASKS), T0 + SECOND)
    assert best(made) == (99, 1, 101, 4)
    counters = made.counters()
    assert (counters["gaps"], counters["snapshots"], counters["resyncs"]) == (1, 2, 1)


@pytest.mark.parametrize(
    ("first", "last", "prev", "state"),
    [
        (90, 99, 80, BookState.LIVE),
        (95, 100, 80, BookState.LIVE),
        (105, 110, 97, BookState.LIVE),
        (105, 110, 101, BookState.GAP),
    ],
)
def test_feed_futures_first_diff_follows_the_rule(
    first: int, last: int, prev: int, state: BookState
) -> None:
    made = live("binance.usdm")
    made.message(diff(first, last, [(100, 3)], prev=prev), T0 + 2 * MS)
    assert made.state(0) is state
    if state is BookState.LIVE:
        assert best(made) == ((99, 5, 101, 4) if last < 100 else (100, 3, 101, 4))


def test_feed_futures_chain_goes_by_previous_id() -> None:
    made = live("binance.usdm")
    made.message(diff(95, 105, prev=90), T0 + 2 * MS)
    made.message(diff(120, 125, [(100, 3)], prev=105), T0 + 3 * MS)
    assert best(made) == (100, 3, 101, 4)
    made.message(diff(126, 130, prev=126), T0 + 4 * MS)
    assert made.state(0) is BookState.GAP


def test_feed_lost_connection_makes_gap_and_opens_again() -> None:
    made = live()
    made.feed.on_conn(CONN, ConnEvent.CLOSED, T0 + 2 * MS)
    made.turn(T0 + 2 * MS)
    assert made.state(0) is BookState.GAP
    made.turn(T0 + SECOND)
    assert len(made.urls) == 2
    made.feed.on_conn(made.conn, ConnEvent.OPENED, T0 + SECOND)
    made.turn(T0 + 2 * SECOND)
    assert made.snapshot("BTCUSDT", snapshot(500, BIDS, ASKS), T0 + 2 * SECOND)
    assert made.state(0) is BookState.LIVE


def test_feed_unreadable_diff_breaks_its_book_alone() -> None:
    made = live()
    made.snapshot("ETHUSDT", snapshot(100, BIDS, ASKS), T0 + MS)
    made.message(diff(101, 102, [(99, 1)]).replace(b"99.00", b"99.001"), T0 + 2 * MS)
    assert made.state(0) is BookState.GAP
    assert made.state(1) is BookState.LIVE
    assert made.counters()["malformed"] == 1


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b'{"e":"depthUpdate"}', b"null", b"{}" * 9])
def test_feed_hostile_bytes_change_nothing(data: bytes) -> None:
    made = live()
    begun = made.feed.ring.pos
    made.message(data, T0 + 2 * MS)
    assert made.feed.ring.pos == begun
    made.message(diff(101, 102, [(100, 1)]), T0 + 3 * MS)
    assert best(made) == (100, 1, 101, 4)


def test_feed_message_with_escapes_takes_the_cold_path() -> None:
    made = live()
    escaped = diff(101, 102, [(100, 1)]).replace(b'"u"', b'"\\u0075"')
    made.message(escaped, T0 + 2 * MS)
    assert best(made) == (100, 1, 101, 4)


def test_feed_snapshot_request_failed_is_asked_again_later() -> None:
    made = chain()
    made.snapshot("BTCUSDT", b"too many requests", T0 + MS, status=429)
    assert "BTCUSDT" not in made.requests
    made.turn(T0 + 40 * SECOND)
    assert "BTCUSDT" in made.requests


def test_feed_too_many_buffered_diffs_begin_anew() -> None:
    made = chain()
    for at in range(DIFFS_BUFFERED_MAX + 2):
        made.feed.on_bytes(CONN, diff(at + 1, at + 1), T0)
    assert len(made.feed.books[0].buffered) == 2
    last = DIFFS_BUFFERED_MAX + 2
    made.snapshot("BTCUSDT", snapshot(last, BIDS, ASKS), T0 + MS)
    assert made.state(0) is BookState.LIVE


def test_feed_restart_takes_a_new_snapshot() -> None:
    made = live()
    made.requests.clear()
    made.start_feed(T0 + SECOND)
    made.turn(T0 + SECOND)
    assert made.state(0) is BookState.SYNCING
    assert made.snapshot("BTCUSDT", snapshot(900, BIDS, ASKS), T0 + SECOND)
    assert made.state(0) is BookState.LIVE


def test_feed_negative_latency_is_counted_not_dropped() -> None:
    made = live()
    early = diff(101, 101, [(100, 1)]).replace(b'"E": 1000', b'"E": 1700000001000')
    made.message(early, T0 + 2 * MS)
    assert best(made) == (100, 1, 101, 4)
    row = made.memory.tables["feed.binance.spot"].rows
    assert int(row["latency_ns_min"][0]) == 2 * MS - SECOND


def test_feed_ticker_and_trade_before_sync_price_nothing() -> None:
    made = chain()
    made.message(ticker(99, (99, 1), (101, 1)), T0)
    assert best(made) is None
