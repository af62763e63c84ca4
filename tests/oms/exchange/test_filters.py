"""Filters: judged without a trade as with one; bounds over all symbols; what they are called."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from oms.config import SimInstrumentConfig
from oms.exchange.engine import layout_hot as lay
from oms.exchange.engine.terms import Capacity, ExchangeFilters
from oms.exchange.filters import default_filters
from oms.exchange.live import LiveMarket
from oms.exchange.market import spec_from_config
from oms.exchange.orders import ListRequest, Order, OrderRequest
from shm_layout.jit import JIT_ON
from tests.oms.exchange.test_flow import START_NS

SPEC = SimInstrumentConfig("BTCUSDT", "BTC", "USDT", "0.01", "0.00001", "0.0001", "90", "5", "600")
FILTERS = (
    *range(lay.REASON_PRICE_MIN, lay.REASON_MAX_POSITION + 1),
    *range(lay.REASON_EXCHANGE_ORDERS, lay.REASON_MAX_ASSET + 1),
)
ORDERS = 4000 if JIT_ON else 300


def make_market():
    size = Capacity(orders=1 << 14, levels_per_side=4096, accounts=8)
    balances = {"BTC": "90000000", "USDT": "900000000"}
    return LiveMarket([spec_from_config(SPEC)], 2, balances, (0, 0), None, size)


def request(rng, number):
    kind = int(rng.integers(lay.TYPE_LIMIT, lay.TYPE_TAKE_PROFIT_LIMIT + 1))
    priced = kind in (
        lay.TYPE_LIMIT, lay.TYPE_POST_ONLY, lay.TYPE_STOP_LOSS_LIMIT, lay.TYPE_TAKE_PROFIT_LIMIT,
    )  # fmt: skip
    contingent = kind >= lay.TYPE_STOP_LOSS
    px = int(rng.choice([60000, 59000, 61000, 10, 1200, 11999, 12000, 300_001, 10**9 + 1]))
    qty = int(rng.choice([9, 10, 12, 100, 3000, 9 * 10**6, 9 * 10**6 + 1]))
    iceberg = int(rng.choice([0, 0, 1, 10, qty])) if priced else 0
    trailing = int(rng.choice([0, 9, 10, 2000, 2001])) if contingent else 0
    stop = int(rng.choice([70000, 50000, 0 if trailing else 70000, 10**9 + 1]))
    by_quote = kind == lay.TYPE_MARKET and rng.random() < 0.3
    return OrderRequest(
        0, 0, int(rng.integers(2)), kind, lay.TIF_GTC if priced else lay.TIF_IOC,
        px if priced else 0, 0 if by_quote else qty, 3 * 10**8 if by_quote else 0, f"c{number}",
        stop if contingent else 0, trailing, min(iceberg, qty),
    )  # fmt: skip


def test_filters_judge_as_the_engine_does():
    market = make_market()
    rng = np.random.Generator(np.random.PCG64(5))
    for side, tif in ((lay.SIDE_SELL, lay.TIF_GTC), (lay.SIDE_BUY, lay.TIF_IOC)):
        first = OrderRequest(0, 1, side, lay.TYPE_LIMIT, tif, 60000, 10000, 0, "x")
        assert isinstance(market.submit(first, START_NS), Order)
    seen = Counter()
    for number in range(ORDERS):
        asked = request(rng, number)
        expected = market.check(asked)
        found = market.submit(asked, START_NS)
        judged = found if isinstance(found, int) and found in FILTERS else lay.REASON_NONE
        assert judged == expected, asked
        seen[judged] += 1
        for order in market.log.open_orders(0, None):
            assert market.cancel(order.order_id, "", START_NS)
    assert len(seen) >= 6, seen


def limit(account, number, side=lay.SIDE_BUY, symbol=0, **more):
    terms = {"px": 55000, "qty": 1000} | more
    return OrderRequest(
        symbol, account, side, lay.TYPE_LIMIT, lay.TIF_GTC, terms["px"], terms["qty"], 0,
        f"c{number}", iceberg_qty=terms.get("iceberg_qty", 0),
    )  # fmt: skip


def two_symbols(bounds):
    """A market of two symbols without bounds of their own on what is open."""
    more = SimInstrumentConfig(
        "ETHUSDT", "ETH", "USDT", "0.01", "0.00001", "0.0001", "90", "5", "600"
    )
    specs = [spec_from_config(SPEC), spec_from_config(more)]
    rules = [
        replace(default_filters(spec), orders_max=0, algo_max=0, iceberg_max=0, lists_max=0)
        for spec in specs
    ]
    balances = {"BTC": "90", "ETH": "90", "USDT": "900000000"}
    size = Capacity(orders=64, levels_per_side=32, accounts=8)
    return LiveMarket(specs, 2, balances, (0, 0), None, size, filters=rules, bounds=bounds)


def stop(account, number, symbol):
    return OrderRequest(
        symbol, account, lay.SIDE_SELL, lay.TYPE_STOP_LOSS_LIMIT, lay.TIF_GTC, 50000, 1000, 0,
        f"s{number}", 50000,
    )  # fmt: skip


def pair_of_legs(number, symbol):
    above = OrderRequest(
        symbol, 0, lay.SIDE_SELL, lay.TYPE_POST_ONLY, lay.TIF_GTC, 70000, 1000, 0, f"a{number}"
    )
    return ListRequest(lay.LIST_OCO, f"l{number}", (above, stop(0, f"l{number}", symbol)))


def placed(found):
    return found if isinstance(found, int) else lay.REASON_NONE


def judged_by_number(market, ask):
    """What the orders or lists 0, 1, 2 … are told, symbols in turn, until one is refused."""
    for number in range(9):
        if reason := placed(ask(market, number, number % 2)):
            return number, reason
    raise AssertionError("none was refused")


def test_filters_over_all_symbols_count_orders_of_every_symbol():
    market = two_symbols(ExchangeFilters(orders_max=3))
    found = judged_by_number(market, lambda m, k, s: m.submit(limit(0, k, symbol=s), START_NS))
    assert found == (3, lay.REASON_EXCHANGE_ORDERS)
    assert isinstance(market.submit(limit(1, 9), START_NS), Order), "another account has none"
    assert market.check(limit(0, 10)) == lay.REASON_EXCHANGE_ORDERS
    first = market.log.open_orders(0, None)[0]
    assert market.cancel(first.order_id, "", START_NS)
    assert isinstance(market.submit(limit(0, 11, symbol=1), START_NS), Order)


def test_filters_over_all_symbols_count_algo_orders_alone():
    market = two_symbols(ExchangeFilters(algo_max=2))
    found = judged_by_number(market, lambda m, k, s: m.submit(stop(0, k, s), START_NS))
    assert found == (2, lay.REASON_EXCHANGE_ALGO_ORDERS)
    assert isinstance(market.submit(limit(0, 9), START_NS), Order), "no algo order"


def test_filters_over_all_symbols_count_icebergs_alone():
    market = two_symbols(ExchangeFilters(iceberg_max=1))
    found = judged_by_number(
        market, lambda m, k, s: m.submit(limit(0, k, symbol=s, iceberg_qty=500), START_NS)
    )
    assert found == (1, lay.REASON_EXCHANGE_ICEBERG_ORDERS)
    assert isinstance(market.submit(limit(0, 9), START_NS), Order), "no iceberg"


def test_filters_over_all_symbols_count_lists_once():
    market = two_symbols(ExchangeFilters(lists_max=2))
    found = judged_by_number(market, lambda m, k, s: m.submit_list(pair_of_legs(k, s), START_NS))
    assert found == (2, lay.REASON_EXCHANGE_LISTS)
    for order in market.log.open_orders(0, None):
        market.cancel(order.order_id, "", START_NS)
    assert placed(market.submit_list(pair_of_legs(9, 0), START_NS)) == lay.REASON_NONE


def test_filters_max_asset_bounds_quantity_of_the_base_and_worth_of_the_quote():
    btc, usdt = 0, 1
    market = two_symbols(ExchangeFilters(assets=((btc, 10**6), (usdt, 6 * 10**8))))
    assert market.assets[:2] == ("BTC", "USDT")
    judged = [
        market.check(limit(0, k, px=px, qty=qty, symbol=symbol))
        for k, (symbol, px, qty) in enumerate(
            ((0, 60000, 1000), (0, 50000, 1001), (1, 50000, 1200), (1, 60000, 1001))
        )
    ]
    too_much = lay.REASON_MAX_ASSET
    assert judged == [lay.REASON_NONE, too_much, lay.REASON_NONE, too_much]


def test_filters_do_not_bound_the_house():
    market = two_symbols(ExchangeFilters(orders_max=1, assets=((0, 1),)))
    for number in range(3):
        assert market.check(limit(2, number)) == lay.REASON_NONE
        assert market.check(limit(0, number)) == lay.REASON_MAX_ASSET
