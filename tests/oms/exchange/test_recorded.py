"""The recorded market: cautious fills by name, balances that add up, a book we never change."""

from __future__ import annotations

import numpy as np
import pytest

from oms.exchange.engine import layout_hot as lay
from oms.exchange.market import PublicTrade, Ticker, spec_from_config
from oms.exchange.orders import Order, OrderRequest, ReportKind
from oms.exchange.recorded import RecordedMarket
from shm_layout.enums import OrderState
from tests.oms.venues.binance.server.exchange_client import BALANCES, BTC, ETH

NOW = 1_700_000_000_000_000_000
BUY, SELL = lay.SIDE_BUY, lay.SIDE_SELL
BIDS = [(6000000, 100000), (5999900, 200000), (5999800, 300000)]
ASKS = [(6000100, 100000), (6000200, 200000), (6000300, 300000)]


def make_market():
    specs = [spec_from_config(BTC), spec_from_config(ETH)]
    market = RecordedMarket(specs, 2, BALANCES, (1000, 2000))
    market.on_snapshot(0, 100, BIDS, ASKS)
    return market


def request(side, px=0, qty=0, kind=lay.TYPE_LIMIT, tif=lay.TIF_GTC, quote=0, account=0):
    return OrderRequest(0, account, side, kind, tif, px, qty, quote, "c")


def trade(px, qty, buyer_is_maker):
    return PublicTrade(0, 1, px, qty, NOW, buyer_is_maker)


def kinds(market):
    return [report.kind for report in market.take_reports()]


def test_recorded_taker_walks_levels_and_remembers_what_it_took():
    market = make_market()
    before = market.book(0, 10)
    order = market.submit(request(BUY, 6000200, 150000, tif=lay.TIF_IOC), NOW)
    assert (order.state, order.cum_qty) == (OrderState.FILLED, 150000)
    fills = market.log.fills(0, 0)
    assert [(f.px, f.qty, f.maker) for f in fills] == [
        (6000100, 100000, False),
        (6000200, 50000, False),
    ]
    again = market.submit(request(BUY, 6000100, 10, tif=lay.TIF_IOC), NOW)
    assert (again.state, again.cum_qty) == (OrderState.EXPIRED, 0)
    market.on_levels(0, 101, [], [(6000100, 100000)])
    assert market.submit(request(BUY, 6000100, 10, tif=lay.TIF_IOC), NOW).cum_qty == 0
    market.on_levels(0, 102, [], [(6000100, 90000)])
    assert market.submit(request(BUY, 6000100, 10, tif=lay.TIF_IOC), NOW).cum_qty == 10
    assert market.book(0, 10).bids == before.bids
    assert market.book(0, 10).asks == [(6000100, 90000), *before.asks[1:]]


def test_recorded_taker_gets_nothing_better_than_the_latest_ticker():
    market = make_market()
    market.on_ticker(Ticker(0, 105, 6000100, 5, 6000200, 5))
    order = market.submit(request(BUY, 6000200, 150000, tif=lay.TIF_IOC), NOW)
    assert [(f.px, f.qty) for f in market.log.fills(0, 0)] == [(6000200, 150000)]
    assert order.state == OrderState.FILLED


def test_recorded_market_and_fok_orders():
    market = make_market()
    bought = market.submit(
        request(BUY, kind=lay.TYPE_MARKET, tif=lay.TIF_IOC, quote=9_000_150_000_000), NOW
    )
    assert bought.cum_qty == 149999
    assert bought.cum_quote <= 9_000_150_000_000
    fok = market.submit(request(SELL, 5999800, 600001, tif=lay.TIF_FOK), NOW)
    assert (fok.state, fok.cum_qty) == (OrderState.EXPIRED, 0)
    fok = market.submit(request(SELL, 5999800, 600000, tif=lay.TIF_FOK), NOW)
    assert fok.state == OrderState.FILLED
    empty = market.submit(request(SELL, kind=lay.TYPE_MARKET, tif=lay.TIF_IOC, qty=5), NOW)
    assert (empty.state, empty.cum_qty) == (OrderState.EXPIRED, 0)


def test_recorded_maker_waits_for_the_queue_that_was_ahead():
    market = make_market()
    order = market.submit(request(BUY, 6000000, 50000), NOW)
    market.on_levels(0, 101, [(6000000, 10)], [])
    market.on_trade(trade(6000000, 60000, True), NOW)
    assert order.cum_qty == 0, "a cancel ahead gives no credit"
    market.on_trade(trade(6000000, 60000, False), NOW)
    assert order.cum_qty == 0, "a buyer's trade does not take from bids"
    market.on_trade(trade(6000000, 60000, True), NOW)
    assert order.cum_qty == 20000
    market.on_trade(trade(6000000, 5000, True), NOW)
    assert order.cum_qty == 25000
    assert market.log.fills(0, 0)[-1].maker


def test_recorded_maker_is_filled_when_a_trade_goes_through_its_price():
    market = make_market()
    best = market.submit(request(SELL, 6000300, 50000), NOW)
    worse = market.submit(request(SELL, 6000400, 50000), NOW)
    market.on_trade(trade(6000500, 70000, False), NOW)
    assert (best.cum_qty, worse.cum_qty) == (50000, 20000)
    assert market.log.fills(0, 0)[0].px == 6000300
    assert kinds(market) == [ReportKind.NEW, ReportKind.NEW, ReportKind.TRADE, ReportKind.TRADE]


def test_recorded_maker_is_not_filled_by_a_book_that_moves_through():
    market = make_market()
    order = market.submit(request(BUY, 6000000, 50000), NOW)
    market.on_levels(0, 101, [(6000000, 0)], [(5999950, 70000)])
    assert order.cum_qty == 0


def test_recorded_two_of_ours_at_one_price_share_by_time():
    market = make_market()
    first = market.submit(request(BUY, 5999950, 10000), NOW)
    second = market.submit(request(BUY, 5999950, 10000, account=1), NOW)
    market.on_trade(trade(5999950, 15000, True), NOW)
    assert (first.cum_qty, second.cum_qty) == (10000, 5000)


def test_recorded_refusals_and_cancels():
    market = make_market()
    maker = request(BUY, 6000100, 10, kind=lay.TYPE_POST_ONLY)
    assert market.submit(maker, NOW) == lay.REASON_WOULD_TAKE
    assert market.submit(request(BUY, 5000000, 900_00000), NOW) == lay.REASON_NO_FUNDS
    order = market.submit(request(BUY, 5999900, 100), NOW)
    assert market.balances(0)[1] == (100_000_000_000_000 - 5_999_900_000, 5_999_900_000)
    assert market.cancel(order.order_id, "x", NOW)
    assert not market.cancel(order.order_id, "y", NOW)
    assert market.balances(0)[1] == (100_000_000_000_000, 0)
    assert not market.cancel(999, "x", NOW)


def test_recorded_diffs_before_the_snapshot_are_applied_beyond_it():
    market = RecordedMarket([spec_from_config(BTC)], 1, BALANCES, (0, 0))
    market.on_levels(0, 99, [(6000000, 7)], [])
    market.on_levels(0, 101, [(5999900, 0)], [(6000100, 5)])
    assert market.book(0, 5) is None
    market.on_snapshot(0, 100, BIDS, ASKS)
    book = market.book(0, 2)
    assert book.update_id == 101
    assert book.bids == [(6000000, 100000), (5999800, 300000)]
    assert book.asks == [(6000100, 5), (6000200, 200000)]
    market.on_levels(0, 101, [(1, 1)], [])
    assert market.book(0, 5).update_id == 101
    assert len(market.book(0, 5).bids) == 2


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_recorded_random_trading_keeps_the_sum_and_no_reserve_is_left(seed):
    market = make_market()
    rng = np.random.Generator(np.random.PCG64(seed))
    totals = sum_of(market)
    placed = []
    for k in range(2000):
        draw = rng.random()
        px = 6000000 + int(rng.integers(-400, 500))
        qty = int(rng.integers(1, 60000))
        if draw < 0.4:
            kind = int(rng.choice([lay.TYPE_LIMIT, lay.TYPE_LIMIT, lay.TYPE_POST_ONLY]))
            tif = int(rng.choice([1, 1, 2, 3])) if kind == lay.TYPE_LIMIT else 1
            side, account = int(rng.integers(2)), int(rng.integers(2))
            order = market.submit(request(side, px, qty, kind, tif, account=account), NOW)
            if isinstance(order, Order):
                placed.append(order)
        elif draw < 0.6:
            market.on_trade(trade(px, qty, bool(rng.integers(2))), NOW)
        elif draw < 0.9:
            side = int(rng.integers(2))
            level = [
                (
                    6000000 - int(rng.integers(0, 300))
                    if side == 0
                    else 6000100 + int(rng.integers(0, 300)),
                    qty,
                )
            ]
            market.on_levels(0, 101 + k, level if side == 0 else [], level if side else [])
        elif placed:
            market.cancel(placed[int(rng.integers(len(placed)))].order_id, "x", NOW)
        assert sum_of(market) == totals
    for order in placed:
        market.cancel(order.order_id, "x", NOW)
    for account in range(2):
        assert all(locked == 0 for _, locked in market.balances(account))
        assert all(free >= 0 for free, _ in market.balances(account))
    assert len(market.log.fills(0, 0)) > 20


def sum_of(market):
    rows = range(len(market.assets))
    held = [[free + locked for free, locked in market.balances(a)] for a in range(2)]
    return [held[0][k] + held[1][k] + market.fees[k] + market.outside[k] for k in rows]
