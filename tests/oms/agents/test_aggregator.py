"""The aggregator: top of book, tables, laps, restarts, crossed books."""

from __future__ import annotations

from typing import Any

from oms.book import aggregate_out_hot
from oms.sim.market_chain import MarketChain
from oms.venues.recorded import RecordedInstrument
from shm_layout.channels import Capacity
from shm_layout.enums import BookState, RecordType
from shm_layout.records import MD_TRADE
from tests.oms.agents.market_messages import diff, snapshot, ticker, trade
from tests.oms.agents.test_feed import ASKS, BIDS, MS, SECOND, T0, best, live


def top_records(made: MarketChain) -> list[Any]:
    ring = made.memory.rings["top"]
    written = int(made.aggregator.out.pos)
    return [ring.slots[at] for at in range(written)]


def test_aggregator_change_of_top_goes_out_with_its_cause() -> None:
    made = live()
    made.message(diff(101, 101, [(100, 2)]), T0 + 2 * MS)
    last = top_records(made)[-1]
    assert RecordType(int(last["type"])) is RecordType.TOP_OF_BOOK
    assert (int(last["bid_px"]), int(last["ask_px"])) == (10000, 10100)
    assert BookState(int(last["state"])) is BookState.LIVE
    assert int(last["cause_pos"]) == made.feed.ring.pos - 1
    assert int(last["ts_recv_ns"]) == T0 + 2 * MS
    row = made.memory.tables["top"].rows
    assert int(row["bid_px"][0]) == 10000
    assert int(row["version"][0]) == int(last["version"])


def test_aggregator_deep_change_goes_out_only_to_refresh() -> None:
    made = live()
    made.message(diff(101, 101, [(90, 2)]), T0 + 2 * MS)
    count = len(top_records(made))
    made.message(diff(102, 102, [(91, 2)]), T0 + 3 * MS)
    assert len(top_records(made)) == count
    made.message(diff(103, 103, [(92, 2)]), T0 + 2 * MS + aggregate_out_hot.REFRESH_NS)
    assert len(top_records(made)) == count + 1


def test_aggregator_books_table_gives_levels_best_first() -> None:
    made = live()
    made.message(diff(101, 101, [(100, 2)]), T0 + 2 * MS)
    row = made.memory.tables["books"].rows[0]
    assert [int(px) for px in row["bid_px"][:3]] == [10000, 9900, 9800]
    assert (int(row["bid_count"]), int(row["ask_count"])) == (3, 2)
    assert [int(qty) for qty in row["ask_qty"][:2]] == [4000, 6000]


def test_aggregator_ticker_ahead_of_the_book_gives_the_top() -> None:
    made = live()
    made.message(ticker(105, (100, 9), (101, 4)), T0 + 2 * MS)
    assert int(made.memory.tables["top"].rows["bid_px"][0]) == 10000
    assert best(made) == (99, 5, 101, 4)
    made.message(diff(101, 103), T0 + 3 * MS)
    assert int(made.memory.tables["top"].rows["bid_px"][0]) == 10000
    made.message(diff(104, 106), T0 + 4 * MS)
    assert int(made.memory.tables["top"].rows["bid_px"][0]) == 9900


def test_aggregator_level_beyond_the_snapshot_comes_from_the_ticker() -> None:
    made = live()
    made.message(ticker(103, (95, 9), (101, 4)), T0 + 2 * MS)
    made.message(diff(101, 104, [(99, 0), (98, 0), (90, 1)]), T0 + 3 * MS)
    assert best(made) == (95, 9, 101, 4)
    assert made.aggregator.filled_levels() == 1
    made.message(ticker(106, (94, 3), (101, 4)), T0 + 4 * MS)
    made.message(diff(105, 107, [(95, 0), (94, 0)]), T0 + 5 * MS)
    assert best(made) == (90, 1, 101, 4)


def test_aggregator_trade_is_copied_with_its_cause() -> None:
    made = live()
    made.message(trade(7, 101, 2, buyer_is_maker=True), T0 + 2 * MS)
    copied = top_records(made)[-1:]
    row = made.memory.rings["top"].slots.view(MD_TRADE)[len(top_records(made)) - 1]
    assert len(copied) == 1
    assert (int(row["trade_id"]), int(row["px"]), int(row["qty"])) == (7, 10100, 2000)
    assert int(row["cause_pos"]) == made.feed.ring.pos - 1


def test_aggregator_crossed_book_is_not_live_until_a_snapshot() -> None:
    made = live()
    made.message(diff(101, 101, [(101, 1)]), T0 + 2 * MS)
    assert made.state(0) is BookState.CROSSED
    made.message(diff(102, 102, [(101, 0)]), T0 + 3 * MS)
    assert made.state(0) is BookState.CROSSED
    made.turn(T0 + 40 * SECOND)
    assert made.snapshot("BTCUSDT", snapshot(200, BIDS, ASKS), T0 + 40 * SECOND)
    assert made.state(0) is BookState.LIVE


def test_aggregator_lapped_tells_the_count_and_gets_a_snapshot() -> None:
    instruments = [RecordedInstrument("BTCUSDT", 2, 3)]
    made = MarketChain("binance.spot", instruments, T0, capacity=Capacity.small())
    made.snapshot("BTCUSDT", snapshot(100, BIDS, ASKS), T0 + MS)
    begun = made.aggregator.inlets[0].reader.pos
    for at in range(made.feed.ring.channel.slots + 100):
        made.feed.on_bytes(1, diff(101 + at, 101 + at, [(99, at + 1)]), T0 + 2 * MS)
    written = made.feed.ring.pos
    slots = made.feed.ring.channel.slots
    made.turn(T0 + 3 * MS)
    lost = written - slots + slots // 4 - begun
    assert [f["lost"] for _, event, f in made.logs if event == "md_lapped"] == [lost]
    assert made.state(0) is BookState.GAP
    made.turn(T0 + 40 * SECOND)
    assert made.snapshot("BTCUSDT", snapshot(written + 200, BIDS, ASKS), T0 + 40 * SECOND)
    assert made.state(0) is BookState.LIVE


def test_aggregator_restart_asks_snapshots_and_keeps_versions() -> None:
    made = live()
    version = int(made.memory.tables["top"].rows["version"][0])
    made.requests.clear()
    made.start_aggregator(T0 + SECOND)
    assert made.state(0) is BookState.GAP
    made.message(diff(101, 101, [(100, 1)]), T0 + SECOND)
    assert made.state(0) is BookState.GAP
    made.turn(T0 + 40 * SECOND)
    assert made.snapshot("BTCUSDT", snapshot(300, BIDS, ASKS), T0 + 40 * SECOND)
    assert made.state(0) is BookState.LIVE
    assert int(made.memory.tables["top"].rows["version"][0]) > version


def test_aggregator_same_messages_give_the_same_rings() -> None:
    def run() -> bytes:
        made = live()
        for at in range(50):
            made.message(diff(101 + at, 101 + at, [(99, at + 1)]), T0 + (2 + at) * MS)
            made.message(ticker(101 + at, (99, at + 1), (101, 4)), T0 + (2 + at) * MS)
        return made.memory.rings["top"].slots.tobytes()

    assert run() == run()


def test_aggregator_books_of_a_feed_that_says_nothing_are_stale_until_it_speaks() -> None:
    """It was killed, or stands still: it cannot say so itself."""
    made = live()
    made.message(diff(101, 101, [(100, 2)]), T0 + 2 * MS)
    agent, rows = made.aggregator, made.memory.tables["top"].rows
    due = agent.next_timer_ns()
    assert due == T0 + 2 * MS + 2 * SECOND
    agent.do_work(due - 1)
    assert BookState(int(rows["state"][0])) is BookState.LIVE
    agent.do_work(due)
    assert BookState(int(rows["state"][0])) is BookState.STALE
    assert BookState(int(top_records(made)[-1]["state"])) is BookState.STALE
    assert BookState(int(made.memory.tables["books"].rows["state"][0])) is BookState.STALE
    made.message(diff(102, 102, [(100, 3)]), due + MS)
    assert BookState(int(rows["state"][0])) is BookState.LIVE
    assert best(made)[:2] == (100, 3)
