"""The synthetic flow looks like the recorded market, and is the same for the same seed."""

from __future__ import annotations

import pytest

from oms.config import SimInstrumentConfig
from oms.exchange.engine.engine import Capacity
from oms.exchange.flow import HOUSE_ACCOUNTS, FlowSettings
from oms.exchange.flow_bands import BANDS
from oms.exchange.live import LiveMarket
from oms.exchange.market import LevelChange, PublicTrade, Ticker, spec_from_config
from tests.oracles.market_stats import SECOND_NS, Tape, depth_within, statistics

BTC = SimInstrumentConfig(
    "BTCUSDT", "BTC", "USDT", "0.01", "0.00001", "0.00001", "9000", "5", "61837.63"
)
START_NS = 1_700_000_000 * SECOND_NS


def make_market(seed: int, events_per_s: int = 200, instruments=(BTC,)) -> LiveMarket:
    return LiveMarket(
        [spec_from_config(config) for config in instruments],
        1,
        {"BTC": "10", "USDT": "1000000"},
        (1000, 1000),
        FlowSettings(seed, events_per_s),
        Capacity(accounts=1 + HOUSE_ACCOUNTS),
    )


def synthetic_tape(seed: int, seconds: int) -> Tape:
    """Run the flow alone for so many simulated seconds."""
    market = make_market(seed)
    tape = Tape()
    now_ns = START_NS
    sample_ns = START_NS + 5 * SECOND_NS
    while now_ns < START_NS + seconds * SECOND_NS:
        market.advance(now_ns, 1)
        for event in market.take_public():
            if isinstance(event, Ticker):
                tape.tickers.append(
                    (now_ns, event.bid_px, event.bid_qty / 1e5, event.ask_px, event.ask_qty / 1e5)
                )
            elif isinstance(event, PublicTrade):
                tape.trades.append((now_ns, -1 if event.buyer_is_maker else 1))
        if now_ns >= sample_ns:
            sample_ns += SECOND_NS
            book = market.book(0, 1000)
            bids = [(float(px), qty / 1e5) for px, qty in book.bids]
            asks = [(float(px), qty / 1e5) for px, qty in book.asks]
            mid = (bids[0][0] + asks[0][0]) / 2
            tape.depths.append(
                (
                    depth_within(bids, mid, 1),
                    depth_within(asks, mid, 1),
                    depth_within(bids, mid, 5),
                    depth_within(asks, mid, 5),
                )
            )
        now_ns = max(now_ns + 1, market.next_timer_ns())
    return tape


@pytest.mark.compiled  # five simulated minutes
@pytest.mark.parametrize("seed", [1])
def test_flow_five_minutes_stay_in_the_recorded_bands(seed):
    found = statistics(synthetic_tape(seed, seconds=300))
    outside = {
        name: (round(found[name], 4), band.low, band.high)
        for name, band in BANDS.items()
        if not band.low <= found[name] <= band.high
    }
    assert not outside


def test_flow_bands_hold_what_was_recorded():
    for name, band in BANDS.items():
        assert band.low <= band.recorded <= band.high, name
        for minute in (band.minute_low, band.minute_high):
            assert minute is None or band.low <= minute <= band.high, name


def run_for(market: LiveMarket, seconds: float) -> list[object]:
    out: list[object] = []
    now_ns = START_NS
    while now_ns < START_NS + seconds * SECOND_NS:
        market.advance(now_ns, 8)
        out += market.take_public()
        now_ns = max(now_ns + 1, market.next_timer_ns())
    return out


def test_flow_same_seed_same_market_other_seed_another():
    first, second, other = (run_for(make_market(seed), 3) for seed in (5, 5, 6))
    assert first == second
    assert first != other


def test_flow_money_is_neither_made_nor_lost_and_book_is_rebuilt_from_changes():
    market = make_market(9)
    before = market.engine.totals()
    levels: list[dict[int, int]] = [{}, {}]
    for event in run_for(market, 4):
        if isinstance(event, LevelChange):
            levels[event.side][event.px] = event.qty
        elif isinstance(event, Ticker):
            best = max((px for px, qty in levels[0].items() if qty), default=0)
            assert event.bid_px == best
            assert levels[0].get(best, 0) == event.bid_qty
    assert market.engine.totals() == before


def test_flow_of_a_cheap_coin_with_coarse_ticks_runs():
    coin = SimInstrumentConfig("AUSDT", "A", "USDT", "0.0001", "1", "1", "9000000", "5", "0.0213")
    assert any(isinstance(e, PublicTrade) for e in run_for(make_market(1, 200, (coin,)), 5))


def test_flow_without_events_is_silent():
    market = make_market(1, events_per_s=0)
    assert market.advance(START_NS, 10) == 0
    assert market.take_public() == []
