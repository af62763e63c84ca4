"""The engine against a list-based book of our own: every event, book and balance the same."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import pytest

from oms.exchange import layout_hot as lay
from oms.exchange.engine import Capacity, Engine, EngineSymbol
from shm_layout.jit import JIT_ON
from shm_layout.money import ROUND_DOWN, ROUND_UP, mul_div

SYMBOLS = (
    EngineSymbol(0, 1, px_digits=2, qty_digits=5, base_digits=8, quote_digits=8, lot=1),
    EngineSymbol(2, 1, px_digits=6, qty_digits=4, base_digits=8, quote_digits=8, lot=10),
)
ACCOUNTS = 6
OPERATIONS = 50_000 if JIT_ON else 3_000


@dataclass
class Resting:
    order_id: int
    account: int
    px: int
    leaves: int
    symbol: int
    side: int


class BruteBook:
    """Lists, sorting and plain Python integers: slow and plainly right."""

    def __init__(self, fees):
        self.resting = []
        self.free = {}
        self.fees = {}
        self.fee_rates = fees
        self.next_id = 1
        self.trade_id = [0, 0]

    def money(self, symbol, px, qty, up=False):
        spec = SYMBOLS[symbol]
        shift = spec.quote_digits - spec.px_digits - spec.qty_digits
        value, _ = mul_div(
            px, qty * 10 ** max(shift, 0), 10 ** max(-shift, 0), ROUND_UP if up else ROUND_DOWN
        )
        return value

    def base(self, symbol, qty):
        return qty * 10 ** (SYMBOLS[symbol].base_digits - SYMBOLS[symbol].qty_digits)

    def locked(self, account, asset):
        total = 0
        for order in self.resting:
            spec = SYMBOLS[order.symbol]
            if order.account != account:
                continue
            if order.side == 0 and spec.quote == asset:
                total += self.money(order.symbol, order.px, order.leaves, up=True)
            if order.side == 1 and spec.base == asset:
                total += self.base(order.symbol, order.leaves)
        return total

    def makers(self, symbol, side, limit):
        found = [o for o in self.resting if o.symbol == symbol and o.side == 1 - side]
        if limit is not None:
            found = [o for o in found if (o.px <= limit if side == 0 else o.px >= limit)]
        return sorted(found, key=lambda o: (o.px if side == 0 else -o.px, o.order_id))

    def plan(self, symbol, makers, qty, quote):
        """Level by level, as `_plan` documents."""
        got = paid = 0
        levels = {}
        for order in makers:
            levels[order.px] = levels.get(order.px, 0) + order.leaves
        for px, total in levels.items():
            take, partial = total, False
            if quote:
                spec = SYMBOLS[symbol]
                shift = spec.quote_digits - spec.px_digits - spec.qty_digits
                afford = (quote - paid) * 10 ** max(-shift, 0) // (px * 10 ** max(shift, 0))
                if afford < take:
                    take, partial = afford - afford % spec.lot, True
            elif qty - got < take:
                take, partial = qty - got, True
            got += take
            paid += self.money(symbol, px, take, up=True)
            if partial or (not quote and got == qty):
                return got, paid, False
        return got, paid, True

    def new(self, symbol, account, side, kind, tif, px, qty, quote):
        spec = SYMBOLS[symbol]
        market = kind == lay.TYPE_MARKET
        makers = self.makers(symbol, side, None if market else px)
        if kind == lay.TYPE_POST_ONLY and makers:
            return [("rejected", lay.REASON_WOULD_TAKE)]
        dry = False
        need = 0
        if market or tif == lay.TIF_FOK:
            got, need, dry = self.plan(symbol, makers, qty, quote)
            qty = got if quote else qty
        if not market:
            need = self.money(symbol, px, qty, up=True)
        asset = spec.quote if side == 0 else spec.base
        if side == 1:
            need = self.base(symbol, qty)
        if self.free.get((account, asset), 0) < need:
            return [("rejected", lay.REASON_NO_FUNDS)]
        order_id = self.next_id
        self.next_id += 1
        out = [("accepted", order_id, qty)]
        # Balances: the taker's reserve is implied; pay from free, keep what rests below.
        left = qty
        if not (tif == lay.TIF_FOK and dry):
            for maker in makers:
                if not left:
                    break
                left -= self.fill(symbol, side, account, order_id, maker, left, out)
        rests = left and not market and tif == lay.TIF_GTC
        if rests:
            self.resting.append(Resting(order_id, account, px, left, symbol, side))
            cost = self.money(symbol, px, left, True) if side == 0 else self.base(symbol, left)
            self.free[account, asset] -= cost
        elif left or (quote and (dry or qty == 0)):
            out.append(("expired", order_id, left))
        else:
            out.append(("filled", order_id))
        return out

    def fill(self, symbol, side, taker, taker_id, maker, left, out):
        spec = SYMBOLS[symbol]
        qty = min(left, maker.leaves)
        quote, base = self.money(symbol, maker.px, qty), self.base(symbol, qty)
        before = self.money(symbol, maker.px, maker.leaves, True)
        maker.leaves -= qty
        after = self.money(symbol, maker.px, maker.leaves, True)
        if not maker.leaves:
            self.resting.remove(maker)
        self.trade_id[symbol] += 1
        taker_gets, maker_gets = (base, quote) if side == 0 else (quote, base)
        taker_fee = taker_gets * self.fee_rates[taker][1] // lay.FEE_UNIT
        maker_fee = maker_gets * self.fee_rates[maker.account][0] // lay.FEE_UNIT
        gets, gives = (spec.base, spec.quote) if side == 0 else (spec.quote, spec.base)
        self.add(taker, gets, taker_gets - taker_fee)
        self.add(taker, gives, -maker_gets)
        self.add(maker.account, gives, maker_gets - maker_fee)
        if side == 1:
            self.add(maker.account, spec.quote, before - after - quote)
        self.fees[gets] = self.fees.get(gets, 0) + taker_fee
        self.fees[gives] = self.fees.get(gives, 0) + maker_fee
        out.append(
            ("trade", self.trade_id[symbol], taker_id, maker.order_id, maker.px, qty, quote,
             taker_fee, maker_fee)
        )  # fmt: skip
        return qty

    def add(self, account, asset, amount):
        self.free[account, asset] = self.free.get((account, asset), 0) + amount

    def cancel(self, order_id):
        for order in self.resting:
            if order.order_id == order_id:
                self.resting.remove(order)
                spec = SYMBOLS[order.symbol]
                if order.side == 0:
                    back = self.money(order.symbol, order.px, order.leaves, True)
                    self.add(order.account, spec.quote, back)
                else:
                    self.add(order.account, spec.base, self.base(order.symbol, order.leaves))
                return [("canceled", order_id, order.leaves)]
        return [("cancel_rejected", order_id)]

    def side(self, symbol, side):
        levels = {}
        for order in self.resting:
            if order.symbol == symbol and order.side == side:
                levels[order.px] = levels.get(order.px, 0) + order.leaves
        return sorted(levels.items(), reverse=side == 0)


def told(events):
    """The engine's events in the reference's words."""
    names = lay.EVENT.names
    out = []
    for event in events:
        e = dict(zip(names, event, strict=True))
        if e["kind"] == lay.EV_ACCEPTED:
            out.append(("accepted", e["order_id"], e["qty"]))
        elif e["kind"] == lay.EV_TRADE:
            out.append(
                ("trade", e["trade_id"], e["order_id"], e["maker_order_id"], e["px"], e["qty"],
                 e["quote"], e["fee"], e["maker_fee"])
            )  # fmt: skip
        elif e["kind"] == lay.EV_REJECTED:
            out.append(("rejected", e["reason"]))
        elif e["kind"] == lay.EV_EXPIRED:
            out.append(("expired", e["order_id"], e["leaves"]))
        elif e["kind"] == lay.EV_FILLED:
            out.append(("filled", e["order_id"]))
        elif e["kind"] == lay.EV_CANCELED:
            out.append(("canceled", e["order_id"], e["leaves"]))
        elif e["kind"] == lay.EV_CANCEL_REJECTED:
            out.append(("cancel_rejected", e["order_id"]))
    return out


def make_pair(seed):
    rng = np.random.Generator(np.random.PCG64(seed))
    engine = Engine(SYMBOLS, Capacity(orders=4096, levels_per_side=512, accounts=8, commands=16))
    rates = {a: (int(rng.integers(0, 1500)), int(rng.integers(0, 1500))) for a in range(ACCOUNTS)}
    brute = BruteBook(rates)
    for account, (maker, taker) in rates.items():
        engine.set_fees(account, maker, taker)
        for asset in range(3):
            amount = int(rng.integers(1, 40)) * 10**11
            engine.deposit(account, asset, amount)
            brute.free[account, asset] = amount
    return rng, engine, brute


def random_order(rng, mids):
    symbol = int(rng.integers(2))
    side = int(rng.integers(2))
    kind = int(rng.choice([lay.TYPE_LIMIT, lay.TYPE_MARKET, lay.TYPE_POST_ONLY], p=[0.7, 0.1, 0.2]))
    tif = lay.TIF_GTC
    if kind == lay.TYPE_LIMIT:
        tif = int(rng.choice([lay.TIF_GTC, lay.TIF_IOC, lay.TIF_FOK], p=[0.7, 0.2, 0.1]))
    px = 0
    spread = [40, 4000][symbol]
    qty = int(rng.integers(1, 3000)) * SYMBOLS[symbol].lot
    quote = 0
    if kind == lay.TYPE_MARKET:
        tif = lay.TIF_IOC
        if rng.random() < 0.5:
            quote, qty = int(rng.integers(1, 10**9)), 0
    else:
        away = int(rng.normal(4, 12)) * spread // 40
        if rng.random() < 0.01:
            away = int(rng.integers(1, mids[symbol] // 2))
        px = mids[symbol] - away if side == 0 else mids[symbol] + away
    return symbol, int(rng.integers(ACCOUNTS)), side, kind, tif, px, qty, quote


@pytest.mark.parametrize("seed", [1, 2])
def test_engine_random_operations_agree_with_brute_force_book(seed):
    rng, engine, brute = make_pair(seed)
    before = engine.totals()
    slots = {}
    mids = [100_000, 2_000_000]
    kinds = {}
    count = OPERATIONS // 2
    for operation in range(count):
        if slots and (rng.random() < 0.35 or len(brute.resting) > 150):
            order_id = int(rng.choice(list(slots))) if rng.random() < 0.98 else 10**9
            symbol, slot = slots.get(order_id, (0, 5))
            engine.push_cancel(symbol, 0, slot, order_id, 7)
            expected = brute.cancel(order_id)
        else:
            order = random_order(rng, mids)
            engine.push_new(*order, tag=operation)
            expected = brute.new(*order)
        events = engine.run()
        found = told(events)
        assert found == expected, f"operation {operation}"
        kinds[found[-1][0]] = kinds.get(found[-1][0], 0) + 1
        for event in events:
            if event[0] == lay.EV_ACCEPTED and event[16] >= 0:
                slots[event[4]] = (event[1], event[16])
        if len(slots) > 2 * len(brute.resting) + 20:
            live = {o.order_id for o in brute.resting}
            slots = {k: v for k, v in slots.items() if k in live or rng.random() < 0.1}
        if operation % 97 == 0:
            compare_state(engine, brute)
    compare_state(engine, brute)
    assert engine.totals() == before
    for kind in ("rejected", "canceled", "expired", "filled", "accepted"):
        assert kinds[kind] >= count // 100, kinds


def compare_state(engine, brute):
    for symbol in range(2):
        for side in range(2):
            assert engine.side(symbol, side, 10**6) == brute.side(symbol, side)
        bid, _, ask, _ = engine.best(symbol)
        assert not bid or not ask or bid < ask, "a book is never crossed"
    for account in range(ACCOUNTS):
        for asset in range(3):
            assert engine.free[account, asset] == brute.free.get((account, asset), 0)
            assert engine.locked[account, asset] == brute.locked(account, asset)
    for asset in range(3):
        assert engine.fees[asset] == brute.fees.get(asset, 0)
    assert engine.counters[lay.C_LIVE_ORDERS] == len(brute.resting)


def test_engine_level_events_rebuild_the_book():
    rng, engine, _ = make_pair(3)
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


def test_engine_smoke_bench_prints_operations_and_checksum():
    from tests.oms.exchange.bench_matching import run_bench

    operations = int(os.environ.get("MEXOMS_BENCH_OPS", "20000" if JIT_ON else "500"))
    figures = run_bench(operations)
    print(figures)
    assert figures["checksum"] == run_bench(operations)["checksum"]
