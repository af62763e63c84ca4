"""The engine against a list-based book of our own: every event, book and balance the same."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from oms.exchange.engine import layout_hot as lay
from oms.exchange.engine.engine import Capacity, Engine, EngineSymbol
from shm_layout.jit import JIT_ON
from tests.oms.exchange.fuzzing import Pair, fails, operations, play, random_terms, shrink
from tests.oms.exchange.reference_commands import Reference

SYMBOLS = (
    EngineSymbol(0, 1, px_digits=2, qty_digits=5, base_digits=8, quote_digits=8, lot=1),
    EngineSymbol(2, 1, px_digits=6, qty_digits=4, base_digits=8, quote_digits=8, lot=10),
)
OPERATIONS = 50_000 if JIT_ON else 3_000


SEEDS = 20
PARTS = 5 if JIT_ON else 1
EACH = 10_000 if JIT_ON else 150
KINDS_MIN_PERCENT = 1
COUNTED = (
    "cancel", "amend", "replace mode 0", "replace mode 1", "list 1", "list 2", "list 3",
    "quote_qty", "iceberg_qty", "trailing_bips", "stop_px", "tif 1", "tif 2", "tif 3",
    *(f"type {kind}" for kind in range(1, 8)), *(f"stp {mode}" for mode in range(6)),
)  # fmt: skip
SAID = ("trade", "triggered", "placed", "amended", "not_attempted", "filled", "list",
        *(f"prevented {mode}" for mode in range(1, 6)),
        *(f"rejected reason {reason}" for reason in range(lay.REASON_EXCHANGE_ORDERS,
                                                          lay.REASON_MAX_ASSET + 1)))  # fmt: skip


@pytest.mark.parametrize("part", range(PARTS))
def test_engine_random_operations_agree_with_the_reference_book(part):
    """200,000 operations of every kind: every event, book, balance and sum. In parts, each with
    every kind, so that the workers share them."""
    done, said = Counter(), Counter()
    total = 0
    for seed in range(1 + part, 1 + SEEDS, PARTS):
        ops = list(operations(seed, EACH))
        one, two = play(seed, ops)
        done, said = done + one, said + two
        total += len(ops)
    print(f"{total:,} operations:", *(f"{k} {v}," for k, v in sorted(done.items())))
    print("events:", *(f"{k} {v}," for k, v in sorted(said.items())))
    rare = [kind for kind in COUNTED if done[kind] * 100 < KINDS_MIN_PERCENT * total]
    assert not rare, "kinds below one percent of the operations"
    assert not [kind for kind in SAID if not said[kind]]


def test_fuzz_finds_and_shrinks_a_planted_fault(monkeypatch):
    """A reference that forgets fees disagrees, and the failing sequence gets short."""
    monkeypatch.setattr(Reference, "charge", lambda *a: (0, a[4]))
    ops = list(operations(3, 400))
    assert fails(3, ops)
    short = shrink(3, ops)
    assert fails(3, short)
    assert len(short) <= 4


def random_order(rng, mids):
    """A limit, market or post-only order near the mid of one of two symbols."""
    terms = random_terms(rng, int(rng.integers(2)), mids[0], 0, int(rng.integers(1, 4)))
    px = terms.px * (20 if terms.symbol else 1)
    return (terms.symbol, terms.account, terms.side, terms.kind, terms.tif, px, terms.qty,
            terms.quote_qty)  # fmt: skip


def test_engine_level_events_rebuild_the_book():
    rng = np.random.Generator(np.random.PCG64(3))
    engine = Pair(3).engine
    book = [[{}, {}], [{}, {}]]
    last = [0, 0]
    for operation in range(OPERATIONS // 10):
        engine.push_new(*random_order(rng, [100_000, 2_000_000]), tag=operation)
        for event in engine.run():
            if event[0] == lay.EV_LEVEL:
                symbol, side, px, total, update_id = (
                    event[1],
                    event[2],
                    event[5],
                    event[7],
                    event[14],
                )
                assert update_id == last[symbol] + 1
                last[symbol] = update_id
                if total:
                    book[symbol][side][px] = total
                else:
                    del book[symbol][side][px]
    for symbol in range(2):
        for side in range(2):
            rebuilt = sorted(book[symbol][side].items(), reverse=side == 0)
            assert engine.side(symbol, side, 10**6) == rebuilt


def test_engine_full_pool_refuses_and_keeps_what_is_there():
    engine = Engine(SYMBOLS, Capacity(orders=4, levels_per_side=2, accounts=2, commands=4))
    engine.deposit(0, 1, 10**15)
    reasons = []
    for k in range(4):
        engine.push_new(0, 0, 0, lay.TYPE_LIMIT, lay.TIF_GTC, 1000 + k, 10, 0, k)
        reasons += [event[19] for event in engine.run() if event[0] == lay.EV_REJECTED]
    assert reasons == [lay.REASON_POOL_FULL, lay.REASON_POOL_FULL]
    assert len(engine.side(0, 0, 10)) == 2


def test_engine_bad_shapes_are_refused():
    engine = Engine(SYMBOLS, Capacity(orders=16, levels_per_side=8, accounts=2, commands=4))
    engine.deposit(0, 1, 10**15)
    for px, qty, quote in ((0, 5, 0), (-5, 5, 0), (5, 0, 0), (5, -1, 0), (5, 0, 100)):
        engine.push_new(0, 0, 0, lay.TYPE_LIMIT, lay.TIF_GTC, px, qty, quote, 1)
        (event,) = engine.run()
        assert (event[0], event[19]) == (lay.EV_REJECTED, lay.REASON_BAD_SHAPE)
