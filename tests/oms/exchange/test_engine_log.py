"""Log and snapshot rebuild the same state; a torn log is a whole prefix; shards change nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from oms.errors import JournalError
from oms.exchange.engine import layout_hot as lay
from oms.exchange.engine.engine import Capacity, Engine
from oms.exchange.engine.sequencer import Sequencer
from oms.exchange.engine.wal import CommandLog, load, replay, snapshot
from shm_layout.jit import JIT_ON
from tests.oms.exchange.fuzzing import (
    ACCOUNTS,
    ASSETS,
    BOUNDS,
    COIN,
    START_NS,
    SYMBOLS,
    Pair,
    operations,
)

SIZE = Capacity(orders=512, levels_per_side=256, accounts=ACCOUNTS, commands=16, lists=64)
COUNT = 2_000 if JIT_ON else 300
CUTS = 60 if JIT_ON else 8


class Files:
    """A Journal port in memory."""

    def __init__(self):
        self.files = []

    def append(self, block):
        self.files[-1] += block

    def roll(self, header):
        self.files.append(bytearray(header))

    def existing(self):
        return [bytes(data) for data in self.files]


def fresh():
    return Engine(SYMBOLS, SIZE, tell_orders=True, fee_asset=COIN, bounds=BOUNDS)


def logged(seed, count, *, at_half=None):
    """(engine, its files, hashes by log sequence) after random operations; `at_half` is called
    half-way with the engine and the log."""
    pair = Pair(seed, log=(files := Files()))
    hashes = {pair.log.last_seq: pair.engine.state_hash()}
    for number, op in enumerate(operations(seed, count)):
        pair.carry_out(op)
        hashes[pair.log.last_seq] = pair.engine.state_hash()
        if at_half and number == count // 2:
            at_half(pair.engine, pair.log)
    return pair.engine, files, hashes


def test_log_rebuilds_the_same_state():
    engine, files, _ = logged(5, COUNT)
    again = fresh()
    found = replay(again, files.existing())
    assert found.cut_bytes == 0
    assert again.state_hash() == engine.state_hash()
    assert again.totals() == engine.totals()


def test_log_cut_at_random_bytes_rebuilds_the_state_of_a_whole_prefix():
    _, files, hashes = logged(6, COUNT // 4)
    whole = b"".join(files.existing())
    rng = np.random.Generator(np.random.PCG64(1))
    for cut in (0, 1, 7, *rng.integers(8, len(whole), CUTS)):
        again = fresh()
        if cut == 0:
            continue
        found = replay(again, [whole[: int(cut)]])
        assert found.last_seq <= max(hashes)
        known = max((seq for seq in hashes if seq <= found.last_seq), default=0)
        assert known == found.last_seq or known == 0, "a block is a command or none"
        if known:
            assert again.state_hash() == hashes[known]


def test_log_goes_on_where_it_was_cut():
    engine, files, _ = logged(7, 100)
    again = fresh()
    found = replay(again, files.existing())
    again.log = CommandLog(files, found)
    for each in (engine, again):
        each.log = again.log if each is again else None
        each.push_new(0, 0, 0, lay.TYPE_LIMIT, lay.TIF_GTC, 90_000, 100, 0, 1)
        each.run(START_NS * 2)
    third = fresh()
    replay(third, files.existing())
    assert third.state_hash() == again.state_hash() == engine.state_hash()


def test_snapshot_and_the_log_behind_it_rebuild_the_same_state():
    kept = []
    engine, files, _ = logged(
        8, COUNT, at_half=lambda e, log: kept.append((snapshot(e, log.last_seq), log.last_seq))
    )
    data, at_seq = kept[0]
    again = fresh()
    assert load(again, data) == at_seq
    replay(again, files.existing(), at_seq)
    assert again.state_hash() == engine.state_hash()


def test_snapshot_damaged_or_of_another_engine_is_refused():
    engine, _, _ = logged(9, 50)
    data = snapshot(engine, 1)
    for at in (0, 20, len(data) // 2, len(data) - 1):
        spoiled = bytearray(data)
        spoiled[at] ^= 4
        with pytest.raises(JournalError):
            load(fresh(), bytes(spoiled))
    with pytest.raises(JournalError, match="other symbols"):
        load(Engine(SYMBOLS, replace(SIZE, orders=256)), data)


def told(shards, seed, count):
    """Events of random commands through a sequencer, and the balances they end in."""
    made = Sequencer(SYMBOLS, SIZE, shards, tell_orders=True, fee_asset=COIN, bounds=BOUNDS)
    for account in range(ACCOUNTS):
        for asset in range(ASSETS):
            made.purse.deposit(account, asset, 10**12)
        made.purse.set_fees(account, 100 * account, 200)
        made.purse.set_group(account, account // 2)
    known, out, now_ns = [0], [], START_NS
    for op in operations(seed, count):
        now_ns += op.later_ns
        made.at(now_ns)
        order_id, symbol = known[op.pick % len(known)], op.pick % len(SYMBOLS)
        if op.kind == "new":
            events = made.new(op.terms[0])
        elif op.kind == "list":
            events = made.order_list(op.mode, op.terms, 1)
        elif op.kind == "replace":
            events = made.replace(order_id, op.terms[0], op.mode)
        elif op.kind == "amend":
            events = made.amend(symbol, 0, order_id, op.qty % 5000)
        else:
            events = made.cancel(symbol, 0, order_id, op.restriction)
        known = [*known[-30:], *(e[4] for e in events if e[0] == lay.EV_ACCEPTED)]
        out += events
    return out, made.purse.free.tolist(), made.purse.locked.tolist()


def test_sequencer_gives_the_same_events_with_one_engine_and_with_three():
    one, three = told(1, 11, COUNT), told(3, 11, COUNT)
    assert one[0] == three[0]
    assert one[1:] == three[1:]
    assert len({event[1] for event in one[0]}) == len(SYMBOLS)
    assert sum(event[0] == lay.EV_TRADE for event in one[0]) > COUNT // 20
