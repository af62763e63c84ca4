"""The fast path of plain commands tells and leaves what the long way does."""

from __future__ import annotations

from collections import deque

import numpy as np

from oms.exchange.engine import layout_hot as lay
from oms.exchange.engine.engine import Capacity, Engine
from shm_layout.jit import JIT_ON
from tests.oms.exchange.fuzzing import ACCOUNTS, MIDS, SYMBOLS, random_list, random_terms

SEASONS = 12
EACH = 5_000 if JIT_ON else 300
SIZE = Capacity(orders=96, levels_per_side=10, accounts=ACCOUNTS, commands=16, lists=8)
OPEN_FIELDS = ("order_id", "px", "leaves", "shown", "account", "symbol", "side", "tag", "qty")
PLAIN_SHARES = (1.0, 0.93)
"""Of a season's orders: what else there is stands in the way as long as it lives."""


def pair():
    """(an engine that may go the fast path, one that is told that a list stands)."""
    made = [Engine(SYMBOLS, SIZE, check_funds=False) for _ in range(2)]
    made[1].counters[lay.C_LIVE_LISTS] = 1
    return made


def random_commands(rng, known, number, share):
    """What both engines are told next: a function of an engine."""
    symbol = int(rng.integers(len(SYMBOLS)))
    kind = int(rng.choice((1, 1, 1, 1, 2, 3))) if rng.random() < share else 0
    terms = random_terms(rng, symbol, MIDS[symbol], number, kind)
    if rng.random() < share:
        tif = int(rng.choice((1, 1, 1, 2, 3)))
        terms = terms._replace(tif=tif, stp=int(rng.random() < 0.1), iceberg_qty=0)
    slot, order_id, of = known[int(rng.integers(len(known)))] if known else (3, 10**9, 0)
    of = of if rng.random() < 0.95 else symbol
    draw = rng.random()
    if draw < 0.4:
        restriction = int(rng.choice((0, 0, 0, 0, 4, 8)))
        return lambda e: e.push_cancel(of, 0, slot, order_id, number, restriction=restriction)
    if draw < 0.42:
        qty = int(rng.integers(1, 30_000))
        return lambda e: e.push_amend(of, 0, slot, order_id, qty, number)
    if draw < 0.43:
        return lambda e: e.push_replace(slot, order_id, terms)
    if draw < 0.435 and share < 1:
        mode, legs = random_list(rng, symbol, MIDS[symbol], number)
        return lambda e: e.push_list(mode, legs, number)
    return lambda e: e.push_order(terms)


def test_engine_short_way_agrees_with_the_long_way():
    kinds = set()
    went = 0
    for season in range(SEASONS):
        engines = pair()
        told, differed = tell_both(engines, season, PLAIN_SHARES[season % 2])
        kinds |= told
        went += differed
    assert {(lay.EV_TRADE, 0), (lay.EV_FILLED, 0), (lay.EV_CANCELED, 0)} <= kinds
    assert (lay.EV_CANCEL_REJECTED, lay.REASON_UNKNOWN_ORDER) in kinds
    assert (lay.EV_REJECTED, lay.REASON_POOL_FULL) in kinds or not JIT_ON, "too few commands"
    assert went >= SEASONS // 4, "the fast path was hardly ever gone"


def tell_both(engines, seed, share):
    """A season of commands; (kinds of events, with their reasons, whether the fast path was seen).

    A taker that is filled at once is not written into its slot on the fast path."""
    rng = np.random.Generator(np.random.PCG64([seed, 4]))
    known = deque(maxlen=90)
    kinds = set()
    differed = False
    for number in range(EACH):
        push = random_commands(rng, known, number, share)
        told = []
        for engine in engines:
            if number % 1000 in (150, 160):
                state = lay.STATE_TRADING if number % 1000 == 160 else lay.STATE_CANCEL_ONLY
                engine.set_state(0, state)
            push(engine)
            told.append(engine.run(10**18 + number))
        assert told[0] == told[1], f"season {seed}, command {number}"
        kinds |= {(event[0], event[19]) for event in told[0]}
        known += [(e[16], e[4], e[1]) for e in told[0] if e[0] == lay.EV_ACCEPTED and e[16] >= 0]
        if number % 20 == 0:
            compare(*engines)
            differed = differed or engines[0].orders.tobytes() != engines[1].orders.tobytes()
    compare(*engines)
    return kinds, differed


def compare(short, long):
    """Books, open orders and counters."""
    for name in ("symbols", "keys", "rows", "depths"):
        assert np.array_equal(getattr(short, name), getattr(long, name)), name
    is_open = long.orders["order_id"] != 0
    for name in OPEN_FIELDS:
        assert np.array_equal(short.orders[name][is_open], long.orders[name][is_open]), name
    assert not short.orders["order_id"][~is_open].any()
    counters = long.counters.copy()
    counters[lay.C_LIVE_LISTS] -= 1
    assert short.counters.tolist() == counters.tolist()
