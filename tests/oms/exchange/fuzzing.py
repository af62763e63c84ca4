"""Random operations of every kind, told to the engine and to the reference book alike.

`operations(seed, count)` makes them without looking at any book, so a sequence can be cut down:
an operation on an order picks it among those known when it is carried out. `shrink` finds a short
sequence that still fails. `python -m tests.oms.exchange.fuzzing` (`make fuzz`) runs many seeds.
"""

from __future__ import annotations

import argparse
import sys
import time
from bisect import bisect_right
from collections import Counter, deque
from dataclasses import dataclass
from functools import cache

import numpy as np

from oms.exchange.engine import layout_hot as lay
from oms.exchange.engine.engine import (
    Capacity,
    Engine,
    EngineSymbol,
    ExchangeFilters,
    Filters,
    Terms,
)
from oms.exchange.engine.wal import CommandLog
from tests.oms.exchange.reference_commands import Reference
from tests.oms.exchange.words import word

START_NS = 1_700_000_000 * 10**9
ACCOUNTS = 5
ASSETS = 4
COIN = 3
OPEN_MAX = 45
KNOWN_MAX = 40
FULL = 1 << 62
FILTERS = Filters(
    tick=5, px_min=50_000, px_max=150_000, step=10, qty_min=20, qty_max=60_000,
    market_step=20, market_qty_min=40, market_qty_max=40_000, notional_min=30_000_000,
    notional_max=40_000_000_000, market_minimum_on=True, market_maximum_on=True, average_s=300,
    bid_up_e6=1_030_000, bid_down_e6=900_000, ask_up_e6=1_100_000, ask_down_e6=970_000,
    orders_max=8, algo_max=3, iceberg_max=2, lists_max=2, amends_max=3, iceberg_parts=12,
    above_min=5, above_max=300, below_min=10, below_max=400, position_max=6_000_000_000,
)  # fmt: skip
BOUNDS = ExchangeFilters(
    orders_max=12, algo_max=6, iceberg_max=3, lists_max=3,
    assets=((0, 29_000_000), (1, 28_000_000_000)),
)  # fmt: skip
SYMBOLS = (
    EngineSymbol(0, 1, px_digits=2, qty_digits=5, base_digits=8, quote_digits=8, lot=1),
    EngineSymbol(2, 1, px_digits=6, qty_digits=4, base_digits=8, quote_digits=8, lot=10),
    EngineSymbol(0, 1, 2, 5, 8, 8, 10, FILTERS),
)
MIDS = (100_000, 2_000_000, 100_000)
SPREADS = (40, 800, 40)
PLACES = ("new", "cancel", "amend", "replace", "list", "state", "coin")
SHARES = (0.47, 0.14, 0.07, 0.12, 0.16, 0.03, 0.01)
TYPES = (1, 2, 3, 4, 5, 6, 7)
STP_SHARES = (0.12, 0.15, 0.13, 0.15, 0.13, 0.32)
TYPE_SHARES = (0.47, 0.12, 0.13, 0.07, 0.07, 0.07, 0.07)
LIMIT_TIFS = (lay.TIF_GTC, lay.TIF_IOC, lay.TIF_FOK)
LIMIT_TIF_SHARES = (0.7, 0.16, 0.14)


def drawn(rng, values, shares):
    """One of the values by its share: `rng.choice`, which takes ten times as long."""
    return values[bisect_right(_sums(shares), rng.random())]


@cache
def _sums(shares):
    sums = np.cumsum(shares)
    return (sums / sums[-1]).tolist()


@dataclass(frozen=True)
class Operation:
    """One thing that happens; `pick` chooses among known orders."""

    kind: str
    terms: tuple[Terms, ...] = ()
    pick: int = 0
    mode: int = 0
    restriction: int = 0
    qty: int = 0
    later_ns: int = 0


def operations(seed, count):
    """`count` operations of a seed."""
    rng = np.random.Generator(np.random.PCG64(seed))
    mids = list(MIDS)
    for number in range(count):
        symbol = int(rng.integers(len(SYMBOLS)))
        if rng.random() < 0.3:
            mids[symbol] += int(rng.integers(-1, 2)) * SPREADS[symbol] // 4
            mids[symbol] += (MIDS[symbol] - mids[symbol]) // 50
        kind = drawn(rng, PLACES, SHARES)
        later = int(rng.integers(2 * 10**9)) if rng.random() < 0.995 else 400 * 10**9
        pick = int(rng.integers(1 << 30))
        terms, mode, restriction, qty = (), 0, 0, 0
        if kind == "new" or kind == "replace":
            terms = (random_terms(rng, symbol, mids[symbol], number),)
            mode = int(rng.integers(2))
            restriction = (0, 0, 4, 8)[rng.integers(4)]
        elif kind == "list":
            mode, terms = random_list(rng, symbol, mids[symbol], number)
        elif kind == "amend":
            qty = int(rng.integers(1 << 30))
        elif kind == "cancel":
            restriction = (0, 0, 0, 4, 8)[rng.integers(5)]
        yield Operation(kind, terms, pick, mode, restriction, qty, later)


def random_qty(rng, symbol):
    steps = int(rng.integers(1, 3000))
    return steps * (SYMBOLS[symbol].lot if rng.random() < 0.02 else 10)


def near(rng, symbol, px):
    """A price on the tick, seldom off it."""
    return px - px % 5 if rng.random() < 0.98 else px


def random_terms(rng, symbol, mid, number, kind=0, side=-1):
    """Terms of a new order around `mid`."""
    kind = kind or drawn(rng, TYPES, TYPE_SHARES)
    side = int(rng.integers(2)) if side < 0 else side
    spread = SPREADS[symbol]
    away = int(rng.normal(0.5, 12) * spread / 12)
    if rng.random() < 0.01:
        away = int(rng.integers(1, mid // 2))
    px = near(rng, symbol, mid - away if side == 0 else mid + away)
    tif = lay.TIF_GTC
    if kind in (lay.TYPE_LIMIT, lay.TYPE_STOP_LOSS_LIMIT, lay.TYPE_TAKE_PROFIT_LIMIT):
        tif = drawn(rng, LIMIT_TIFS, LIMIT_TIF_SHARES)
    qty, quote, stop, bips, iceberg = random_qty(rng, symbol), 0, 0, 0, 0
    if kind == lay.TYPE_MARKET:
        px = 0
        if rng.random() < 0.5:
            qty, quote = 0, int(rng.integers(1, 3 * 10**10))
    if kind >= lay.TYPE_STOP_LOSS:
        up = (kind in (4, 5)) == (side == 0)
        beyond = int(abs(rng.normal(8, 14)) * spread / 12) - spread // 6
        stop = near(rng, symbol, mid + beyond if up else mid - beyond)
        if rng.random() < 0.35:
            bips = int(rng.integers(1, 60)) if rng.random() < 0.95 else int(rng.integers(500))
            stop = stop if rng.random() < 0.5 else 0
        if kind in (4, 6):
            px = 0
    visible = tif == lay.TIF_GTC and kind not in (2, 4, 6)
    if visible and rng.random() < 0.22:
        iceberg = max(1, qty // int(rng.integers(1, 14)))
        iceberg -= iceberg % 10 if iceberg > 10 and rng.random() < 0.95 else 0
    if rng.random() < 0.004:
        qty = (0, -1, FULL)[rng.integers(3)]
    stp = drawn(rng, range(6), STP_SHARES)
    account = int(rng.integers(ACCOUNTS))
    return Terms(symbol, account, side, kind, tif, px, qty, quote, number, stop, bips, iceberg, stp)


def random_list(rng, symbol, mid, number):
    """(kind, legs) of an order list, right in most cases."""
    kind = int(rng.integers(1, 4))
    account = int(rng.integers(ACCOUNTS))
    legs = []
    if kind != lay.LIST_OCO:
        works = (lay.TYPE_LIMIT, lay.TYPE_LIMIT, lay.TYPE_POST_ONLY)[rng.integers(3)]
        legs.append(random_terms(rng, symbol, mid, number, works))
    if kind == lay.LIST_OTO:
        legs.append(random_terms(rng, symbol, mid, number))
    else:
        side = int(rng.integers(2))
        gain = random_terms(rng, symbol, mid, number, (3, 3, 6, 7)[rng.integers(4)], side)
        stop = random_terms(rng, symbol, mid, number, (4, 5)[rng.integers(2)], side)
        stop = stop._replace(qty=gain.qty, iceberg_qty=0)
        legs += [gain, stop] if rng.random() < 0.5 else [stop, gain]
    if rng.random() < 0.02:
        legs[-1] = random_terms(rng, symbol, mid, number)
    return kind, tuple(t._replace(account=account) for t in legs)


class Pair:
    """An engine and a reference that are told the same."""

    def __init__(self, seed, *, log=None):
        """`log`: a Journal port for the engine's commands."""
        rng = np.random.Generator(np.random.PCG64([seed, 7]))
        size = Capacity(orders=512, levels_per_side=256, accounts=ACCOUNTS, commands=16, lists=64)
        self.engine = Engine(SYMBOLS, size, tell_orders=True, fee_asset=COIN, bounds=BOUNDS)
        if log is not None:
            self.log = self.engine.log = CommandLog(log)
        self.ours = Reference(SYMBOLS, ACCOUNTS, COIN, BOUNDS)
        self.slots = {}
        self.known = deque(maxlen=KNOWN_MAX)
        self.now_ns = START_NS
        self.counts = Counter()
        engine, ours = self.engine, self.ours
        for tier in range(2):
            for symbol in range(len(SYMBOLS)):
                rates = (int(rng.integers(0, 1500)), int(rng.integers(0, 1500)))
                engine.set_tier_fees(tier, symbol, *rates)
                ours.tier_rates[tier, symbol] = rates
        for asset in (1, 2):
            engine.set_coin_px(asset, 7 * asset, 300)
            ours.coin_px[asset] = (7 * asset, 300)
        for account in range(ACCOUNTS):
            rates = (int(rng.integers(0, 1500)), int(rng.integers(0, 1500)))
            engine.set_fees(account, *rates)
            ours.rates[account] = rates
            if account >= 3:
                engine.set_tier(account, account - 3)
                ours.tier[account] = account - 3
            group = account // 2 if account < 4 else lay.NO_GROUP
            engine.set_group(account, group)
            ours.group[account] = group
            engine.set_fee_coin(account, account % 2 == 0)
            ours.coin_on[account] = account % 2 == 0
            for asset in range(ASSETS):
                most = 10**9 if asset == COIN else 90 * 10**11
                amount = int(rng.integers(most // 40, most))
                engine.deposit(account, asset, amount)
                ours.deposit(account, asset, amount)
        self.before = engine.totals()

    def target(self, op):
        """(order id, slot) that an operation names; often one that is over. A replace seldom
        names one of another symbol."""
        known = list(self.known)
        if op.terms and op.pick % 20:
            same = [k for k in known if self.symbol_of(k) == op.terms[0].symbol]
            known = same or known
        if not known:
            return 10**9, 3
        order_id = known[op.pick % len(known)]
        return order_id, self.slots[order_id]

    def carry_out(self, op):
        """Tell both; returns (what the engine said, what the reference says)."""
        engine, ours = self.engine, self.ours
        self.now_ns += op.later_ns
        ours.now_ns = self.now_ns
        if len(ours.orders) > OPEN_MAX and op.kind in ("new", "list"):
            order = ours.orders[op.pick % len(ours.orders)]
            engine.push_cancel(order.terms.symbol, 0, self.slots[order.order_id], order.order_id, 0)
            expected = ours.cancel_only(order.terms.symbol, order.order_id, 0)
        else:
            expected = getattr(self, op.kind)(op)
        events = engine.run(self.now_ns)
        for event in events:
            if event[0] == lay.EV_ACCEPTED and event[16] >= 0:
                self.slots[event[4]] = event[16]
                self.known.append(event[4])
        return [word(event) for event in events], expected

    def new(self, op):
        (terms,) = op.terms
        self.engine.push_order(terms)
        return self.ours.new(terms)

    def list(self, op):
        self.engine.push_list(op.mode, op.terms, op.terms[0].tag)
        return self.ours.new_list(op.mode, list(op.terms), op.terms[0].tag)

    def symbol_of(self, order_id):
        order = self.ours.find(order_id)
        return order.terms.symbol if order else 0

    def cancel(self, op):
        order_id, slot = self.target(op)
        symbol = self.symbol_of(order_id)
        self.engine.push_cancel(symbol, 0, slot, order_id, 0, restriction=op.restriction)
        return self.ours.cancel_only(symbol, order_id, op.restriction)

    def amend(self, op):
        order_id, slot = self.target(op)
        order = self.ours.find(order_id)
        symbol = self.symbol_of(order_id)
        qty = op.qty % (order.qty + order.qty // 8 + 1) if order else 5
        qty -= qty % 10 if qty > 10 and op.qty % 50 else 0
        self.engine.push_amend(symbol, 0, slot, order_id, qty, 0)
        return self.ours.amend(symbol, order_id, qty)

    def replace(self, op):
        order_id, slot = self.target(op)
        order = self.ours.find(order_id)
        (terms,) = op.terms
        if order:
            terms = terms._replace(account=order.terms.account)
        self.engine.push_replace(slot, order_id, terms, mode=op.mode, restriction=op.restriction)
        return self.ours.replace(terms, order_id, op.mode, op.restriction)

    def state(self, op):
        closed = [symbol for symbol, state in enumerate(self.ours.state) if state]
        symbol = closed[0] if closed else op.pick % len(SYMBOLS)
        state = lay.STATE_TRADING if closed else (op.pick >> 8) % 4
        events = [word(event) for event in self.engine.set_state(symbol, state)]
        assert events == [("state", symbol, state)]
        self.ours.state[symbol] = state
        return []

    def coin(self, op):
        account, amount = op.pick % ACCOUNTS, (op.pick >> 8) % 10**7
        self.engine.deposit(account, COIN, amount)
        self.ours.deposit(account, COIN, amount)
        self.before[COIN] += amount
        return []

    def compare_state(self):
        """Books, balances and sums."""
        engine, ours = self.engine, self.ours
        for symbol in range(len(SYMBOLS)):
            for side in range(2):
                assert engine.side(symbol, side, 1000) == ours.side(symbol, side)
            bid, _, ask, _ = engine.best(symbol)
            assert not bid or not ask or bid < ask, "a book is never crossed"
        for account in range(ACCOUNTS):
            for asset in range(ASSETS):
                locked = ours.locked(account, asset)
                where = f"account {account}, asset {asset}"
                assert engine.locked[account, asset] == locked, where
                assert engine.free[account, asset] == ours.total[account][asset] - locked, where
        for asset in range(ASSETS):
            assert engine.fees[asset] == ours.fees[asset]
        assert engine.totals() == self.before, "money came from nowhere"
        assert engine.counters[lay.C_LIVE_ORDERS] == len(ours.orders)


def kinds_of(op):
    """What an operation counts as."""
    yield op.kind if op.kind != "replace" else f"replace mode {op.mode}"
    if op.kind == "list":
        yield f"list {op.mode}"
    for terms in op.terms:
        yield f"type {terms.kind}"
        yield f"stp {terms.stp}"
        yield f"tif {terms.tif}"
        for name in ("quote_qty", "iceberg_qty", "trailing_bips", "stop_px"):
            if getattr(terms, name):
                yield name


STATE_EVERY = 50


def play(seed, ops):
    """Carry out; an AssertionError names the operation. Returns counts of operations and events."""
    pair = Pair(seed)
    done = Counter()
    said = Counter()
    for number, op in enumerate(ops):
        found, expected = pair.carry_out(op)
        assert found == expected, f"operation {number}: {op}\n{found}\nreference:\n{expected}"
        done.update(kinds_of(op))
        said.update(w[0] if w[0] != "prevented" else f"prevented {w[-1]}" for w in found)
        said.update(f"{w[0]} reason {w[2]}" for w in found if w[0] == "rejected")
        if number % STATE_EVERY == 0:
            pair.compare_state()
    pair.compare_state()
    return done, said


def fails(seed, ops):
    try:
        play(seed, ops)
    except (AssertionError, LookupError, ValueError) as error:
        return str(error) or type(error).__name__
    return ""


def shrink(seed, ops):
    """A shorter sequence that fails, too."""
    found = list(ops)
    size = len(found) // 2
    while size:
        at = 0
        while at < len(found):
            rest = found[:at] + found[at + size :]
            if rest and fails(seed, rest):
                found = rest
            else:
                at += size
        size //= 2
    return found


def main(arguments=None):
    """Runs seeds until `--operations` are done; the first failure is shrunk and printed."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=main.__doc__)
    parser.add_argument("--operations", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=1, help="first seed: where to resume")
    parser.add_argument("--each", type=int, default=20_000, help="operations of one seed")
    asked = parser.parse_args(arguments)
    began, total = time.monotonic(), 0
    seed = asked.seed
    while total < asked.operations:
        ops = list(operations(seed, min(asked.each, asked.operations - total)))
        if reason := fails(seed, ops):
            number = next(k for k in range(1, len(ops) + 1) if fails(seed, ops[:k]))
            short = shrink(seed, ops[:number])
            print(f"seed {seed} --each {asked.each} fails: {reason}\nshrunk to {len(short)}:")
            print("\n".join(map(str, short)))
            print(fails(seed, short))
            return 1
        total += len(ops)
        rate = total / (time.monotonic() - began)
        print(f"seed {seed}: {total:,} operations agree, {rate:,.0f}/s", flush=True)
        seed += 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
