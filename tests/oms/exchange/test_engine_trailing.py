"""Trailing stops against the scenarios of Binance's own page about them (`trailing-stop-faq`).

Prices stand at one decimal; each scenario lists the trades that make the page's price path, and the
last of them is the one that triggers.
"""

from __future__ import annotations

import pytest

from oms.exchange.engine import layout_hot as lay
from oms.exchange.engine.engine import Capacity, Engine, EngineSymbol

BUY, SELL = lay.SIDE_BUY, lay.SIDE_SELL
STOP, GAIN = lay.TYPE_STOP_LOSS_LIMIT, lay.TYPE_TAKE_PROFIT_LIMIT
SCENARIOS = {
    "A": (STOP, BUY, 44_000, 500, 45_000, (38_000, 37_000, 40_000, 44_000, 45_000, 46_000, 43_000,
                                           42_000, 44_099, 44_100)),
    "B": (STOP, SELL, 39_000, 1000, 38_000, (41_500, 40_000, 39_000, 37_000, 39_500, 41_000,
                                             36_901, 36_900)),
    "C": (GAIN, BUY, 38_000, 850, 38_500, (42_000, 40_000, 38_000, 37_000, 39_000, 38_000, 40_144,
                                           40_145)),
    "D": (GAIN, SELL, 42_000, 750, 41_000, (41_500, 39_000, 42_000, 45_000, 44_000, 46_500,
                                            43_012.6, 43_012.5)),
    "E": (STOP, SELL, 0, 700, 39_000, (42_000, 39_500, 45_500, 42_316, 42_315)),
}  # fmt: skip


def made():
    symbol = EngineSymbol(0, 1, px_digits=1, qty_digits=2, base_digits=8, quote_digits=8, lot=1)
    size = Capacity(orders=64, levels_per_side=32, accounts=3, commands=8)
    engine = Engine((symbol,), size)
    for account in range(3):
        engine.deposit(account, 0, 10**15)
        engine.deposit(account, 1, 10**16)
    return engine


def trade(engine, px):
    """Two strangers trade at `px`; the events."""
    for account, side in ((0, SELL), (1, BUY)):
        engine.push_new(0, account, side, lay.TYPE_LIMIT, lay.TIF_GTC, round(px * 10), 1, 0, 0)
    return engine.run()


@pytest.mark.parametrize("name", SCENARIOS)
def test_trailing_stop_follows_the_exchanges_own_scenario(name):
    kind, side, stop, bips, limit, path = SCENARIOS[name]
    engine = made()
    trade(engine, 40_000)
    engine.push_new(
        0, 2, side, kind, lay.TIF_GTC, limit * 10, 5, 0, 7, stop_px=stop * 10, trailing_bips=bips
    )
    (accepted,) = engine.run()
    assert accepted[0] == lay.EV_ACCEPTED
    for px in path[:-1]:
        assert lay.EV_TRIGGERED not in {event[0] for event in trade(engine, px)}, px
    events = trade(engine, path[-1])
    triggered = [event for event in events if event[0] == lay.EV_TRIGGERED]
    assert [(event[4], event[5]) for event in triggered] == [(accepted[4], round(path[-1] * 10))]
    assert engine.side(0, side, 5) == [(limit * 10, 5)]


def test_trailing_stop_that_would_begin_at_once_is_refused():
    engine = made()
    trade(engine, 40_000)
    engine.push_new(0, 2, BUY, STOP, 1, 450_000, 5, 0, 7, stop_px=390_000, trailing_bips=100)
    (event,) = engine.run()
    assert (event[0], event[19]) == (lay.EV_REJECTED, lay.REASON_WOULD_TRIGGER)
