"""The filters checked without a trade against the engine's own judgement of the same orders."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from oms.config import SimInstrumentConfig
from oms.exchange import layout_hot as lay
from oms.exchange.filters import ALGO_ORDERS_MAX, ORDERS_MAX, OpenCounts, too_many
from oms.exchange.live import LiveMarket
from oms.exchange.market import spec_from_config
from oms.exchange.orders import Order, OrderRequest
from oms.exchange.terms import Capacity
from shm_layout.jit import JIT_ON
from tests.oms.exchange.test_flow import START_NS

SPEC = SimInstrumentConfig("BTCUSDT", "BTC", "USDT", "0.01", "0.00001", "0.0001", "90", "5", "600")
FILTERS = range(lay.REASON_PRICE_MIN, lay.REASON_MAX_POSITION + 1)
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


@pytest.mark.parametrize(
    ("counts", "kind", "iceberg", "lists", "reason"),
    [
        (OpenCounts(ORDERS_MAX - 1), lay.TYPE_LIMIT, 0, 0, lay.REASON_NONE),
        (OpenCounts(ORDERS_MAX), lay.TYPE_LIMIT, 0, 0, lay.REASON_MAX_ORDERS),
        (OpenCounts(9, ALGO_ORDERS_MAX), lay.TYPE_LIMIT, 0, 0, lay.REASON_NONE),
        (OpenCounts(9, ALGO_ORDERS_MAX), lay.TYPE_STOP_LOSS, 0, 0, lay.REASON_MAX_ALGO_ORDERS),
        (OpenCounts(9, 0, 100), lay.TYPE_LIMIT, 1, 0, lay.REASON_MAX_ICEBERG_ORDERS),
        (OpenCounts(9, 0, 0, 20), lay.TYPE_LIMIT, 0, 1, lay.REASON_MAX_LISTS),
    ],
)
def test_filters_of_what_is_open(counts, kind, iceberg, lists, reason):
    asked = OrderRequest(0, 0, 0, kind, 1, 60000, 100, 0, "c", iceberg_qty=iceberg)
    assert too_many(counts, (asked,), lists) == reason
