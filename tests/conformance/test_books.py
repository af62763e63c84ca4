"""C01, C02, C03, C20: what the desk knows of a market."""

import random

import pytest

from shm_layout.enums import BookState, OrderState, RejectReason, Side
from tests.conformance.stand import MS, S, Stand

FLOW = 50
"""Events a second of a market that trades by itself."""


def feed_row(stand):
    return stand.harness.table(stand.feed_role).rows[0]


def exchange_book(stand, levels=1000):
    """Both sides as the exchange has them, at the desk's scales."""
    spec, row = stand.spec, stand.instrument
    px_unit = 10 ** (int(row["px_scale"]) - spec.px_digits)
    qty_unit = 10 ** (int(row["qty_scale"]) - spec.qty_digits)
    book = stand.market.book(0, levels)
    return [[(px * px_unit, qty * qty_unit) for px, qty in side] for side in (book.bids, book.asks)]


def desk_book(stand, levels=1000):
    books = stand.harness.agents["aggregator"].books
    return [books.top(0, side, levels) for side in (0, 1)]


def test_c01_feed_subscribes_and_its_books_become_live(venue):
    stand = Stand(venue, flow_events_per_s=FLOW)
    assert stand.book_state() is not BookState.LIVE
    stand.until(lambda: stand.book_state() is BookState.LIVE, 5 * S)
    assert int(feed_row(stand)["connects"]) == 1
    assert stand.harness.table("top").rows["bid_px"][0] > 0
    stand.trading()
    placed = stand.opened(Side.BUY, -1000, 100)
    assert placed.at_exchange.is_open
    stand.judge()


def test_c02_hole_in_the_stream_is_seen_and_the_book_is_synchronised_anew(venue):
    stand = Stand(venue, flow_events_per_s=FLOW).trading()
    gaps, resyncs = (int(feed_row(stand)[name]) for name in ("gaps", "resyncs"))
    stand.fault("gap", venue.book, count=1)
    stand.until(lambda: stand.book_state() is not BookState.LIVE, 5 * S, "the hole was not seen")
    refused = stand.place(Side.BUY, -1000, 100)
    stand.run(MS)
    assert refused.refused is RejectReason.BOOK_NOT_LIVE
    stand.until(lambda: stand.book_state() is BookState.LIVE, 10 * S)
    row = feed_row(stand)
    assert (int(row["gaps"]), int(row["resyncs"])) == (gaps + 1, resyncs + 1)
    stand.opened(Side.BUY, -1000, 100)
    stand.judge()


def test_c03_quiet_market_stays_live_as_long_as_its_connection_lives(venue):
    stand = Stand(venue).trading()
    for _ in range(60):
        stand.run(S)
        assert stand.book_state() is BookState.LIVE
    placed = stand.opened(Side.BUY, -10, 1000)
    assert placed.state is OrderState.OPEN
    stand.judge()


def test_c03_silent_connection_makes_the_book_stale_and_no_order_is_priced_by_it(venue):
    stand = Stand(venue).trading()
    streams = [conn for conn, link in stand.sim.wire.links.items() if link.kind == venue.book.link]
    assert streams
    for conn in streams:
        stand.fault("half_open", conn=conn, for_ms=20_000)
    stand.trade(Side.BUY, -90, 100)  # whose news never comes
    stale_ms = stand.config.venues[0].stale_after_ms
    stand.until(
        lambda: stand.book_state() is not BookState.LIVE, (stale_ms + 1500) * MS, "still LIVE"
    )
    assert stand.book_state() is BookState.STALE, "before the connection is given up"
    refused = stand.place(Side.BUY, -10, 1000)
    stand.run(MS)
    assert refused.refused in (RejectReason.BOOK_NOT_LIVE, RejectReason.BOOK_STALE)
    assert stand.sent() == 0
    stand.until(lambda: stand.book_state() is BookState.LIVE, 30 * S, "it never came back")
    stand.opened(Side.BUY, -10, 1000)
    stand.judge()


@pytest.mark.parametrize("seed", [1, 2])
def test_c20_desks_book_equals_the_exchanges(venue, seed):
    stand = Stand(venue, seed).trading()
    chance, resting, compared = random.Random(seed), [], 0
    for _ in range(20):
        for _ in range(chance.randint(1, 20)):
            if resting and chance.random() < 0.4:
                stand.withdraw(resting.pop(chance.randrange(len(resting))))
            else:
                side = chance.choice((Side.BUY, Side.SELL))
                away = chance.randint(-5, 80)
                px = away if side is Side.SELL else -away
                resting.append(stand.trade(side, px, chance.randint(1, 5000)))
                if not resting[-1].is_open:
                    resting.pop()
            resting = [order for order in resting if order.is_open]
        stand.run(chance.randint(200, 400) * MS)
        assert desk_book(stand) == exchange_book(stand)
        compared += sum(map(len, desk_book(stand)))
    assert compared > 400
    assert len(stand.market.trades(0)) > 0, "nothing was traded, so levels only grew and shrank"
