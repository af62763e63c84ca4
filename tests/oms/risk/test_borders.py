"""Every check of risk with a violation of exactly its kind, and with the value at its border."""

import dataclasses
from types import SimpleNamespace

import pytest

from oms.risk import world_hot as w_
from shm_layout.enums import Action, BookState, OrderType, RejectReason, Side
from shm_layout.records import UNDEF
from tests.desks import btc_spec, desk_config, say, top
from tests.oms.agents.test_risk import PX, QTY, SECOND, Bench

TICK, LOT = 100, 100


def price(text):
    """A price at the instrument's scale of 4 digits."""
    return round(float(text) * 10**4)


def amount(text):
    """A quantity at the instrument's scale of 7 digits."""
    return round(float(text) * 10**7)


def outcome(bench, **fields):
    """Why the intent was refused; None = it became an order."""
    bench.told()
    bench.intent(**fields)
    bench.settle()
    told = bench.told()
    answers = told[told["action"] == Action.NEW]
    assert len(answers) == 1
    reason = RejectReason(int(answers["reason"][0]))
    sent = len(bench.commands())
    assert (reason is RejectReason.UNSET) == (sent == 1), reason
    return None if sent else reason


def bench_of(spec=None, **limits):
    config = desk_config()
    config = dataclasses.replace(config, limits=dataclasses.replace(config.limits, **limits))
    bench = Bench(config=config).ready()
    if spec:
        changed = btc_spec()
        say(changed, **spec)
        bench.executions.append(changed[0])
        bench.settle()
    return bench


@pytest.mark.parametrize(
    ("spec", "passes", "fails", "reason"),
    [
        ({}, {"px": PX - TICK}, {"px": PX - TICK + 1}, RejectReason.OFF_TICK),
        ({}, {"qty": QTY}, {"qty": QTY + LOT - 1}, RejectReason.OFF_LOT),
        (
            {"min_qty": "0.001"}, {"qty": amount("0.001")}, {"qty": amount("0.00099")},
            RejectReason.QTY_BELOW_MIN,
        ),
        (
            {"max_qty": "0.1"}, {"qty": amount("0.1")}, {"qty": amount("0.10001")},
            RejectReason.QTY_ABOVE_MAX,
        ),
        (
            {}, {"px": price("62500"), "qty": amount("0.00008")},
            {"px": price("62499.99"), "qty": amount("0.00008")},
            RejectReason.NOTIONAL_BELOW_MIN,
        ),
        (
            {}, {"px": price("62500"), "qty": amount("0.16")},
            {"px": price("62500.01"), "qty": amount("0.16")},
            RejectReason.NOTIONAL_ABOVE_MAX,
        ),
        ({}, {"px": price("63000")}, {"px": price("63000.01")}, RejectReason.PRICE_COLLAR),
        (
            {}, {"px": price("57000"), "side": Side.SELL},
            {"px": price("56999.99"), "side": Side.SELL}, RejectReason.PRICE_COLLAR,
        ),
    ],
    ids=lambda value: value.name if isinstance(value, RejectReason) else "",
)  # fmt: skip
def test_rule_of_price_and_size(spec, passes, fails, reason):
    bench = bench_of(spec)
    assert outcome(bench, **fails) is reason
    assert outcome(bench, **passes) is None


@pytest.mark.parametrize("mid2", [2 * PX, 2 * PX + 1, 2 * PX + 7, 2 * PX + 19])
@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_collar_never_refuses_a_market_order(mid2, side):
    """Its worst price is the collar, whatever the rounding."""
    bench = bench_of()
    bid_px = mid2 // 2 - 100
    bench.tops.append(top(bid_px, mid2 - bid_px, bench.harness.now_ns, 2)[0])
    bench.settle()
    fields = {"order_type": OrderType.MARKET, "px": UNDEF, "side": side}
    assert outcome(bench, **fields) is None
    assert outcome(bench, **fields, qty=UNDEF, quote_qty=10**11) is None


def test_position_limit():
    bench = bench_of()
    bench.tops.append(top(price("62499.99"), price("62500.01"), bench.harness.now_ns, 2)[0])
    bench.settle()
    half = {"px": price("62500"), "qty": amount("0.16")}
    assert outcome(bench, **half) is None
    over = {"px": price("62000"), "qty": amount("0.16001")}
    assert outcome(bench, **over) is RejectReason.POSITION_LIMIT
    assert outcome(bench, **half) is None, "20,000 at mid are the limit"
    assert outcome(bench, px=price("62500"), qty=amount("0.0001")) is RejectReason.POSITION_LIMIT
    assert outcome(bench, px=price("62500"), qty=QTY, side=Side.SELL) is None


def test_open_orders_limit():
    bench = bench_of()
    for _ in range(8):
        assert outcome(bench, qty=amount("0.001")) is None
    assert outcome(bench, qty=amount("0.001")) is RejectReason.OPEN_ORDERS_LIMIT


def test_message_rate():
    bench = bench_of(max_open_orders=200, max_orders_per_s=50)
    for _ in range(50):
        assert outcome(bench, qty=amount("0.0001")) is None
    assert outcome(bench, qty=amount("0.0001")) is RejectReason.MESSAGE_RATE
    bench.harness.run_until(bench.harness.now_ns + SECOND // 50 - 1)
    assert outcome(bench, qty=amount("0.0001")) is RejectReason.MESSAGE_RATE
    bench.harness.run_until(bench.harness.now_ns + 1)
    assert outcome(bench, qty=amount("0.0001")) is None


@pytest.mark.parametrize(("older_ns", "reason"), [(0, None), (1, RejectReason.BOOK_STALE)])
def test_age_of_the_book(older_ns, reason):
    bench = bench_of(book_max_age_ms=1000)
    ts_ns = bench.harness.now_ns - SECOND - older_ns
    bench.tops.append(top(PX - 100, PX + 100, ts_ns, 2)[0])
    bench.settle()
    assert outcome(bench) is reason


@pytest.mark.parametrize("state", list(BookState))
def test_state_of_the_book(state):
    bench = bench_of()
    record = top(PX - 100, PX + 100, bench.harness.now_ns, 2)
    record["state"] = state
    bench.tops.append(record[0])
    bench.settle()
    expected = None if state is BookState.LIVE else RejectReason.BOOK_NOT_LIVE
    assert outcome(bench) is expected


@pytest.mark.parametrize("side", ["bid_px", "ask_px"])
def test_book_without_a_side_prices_nothing(side):
    bench = bench_of()
    record = top(PX - 100, PX + 100, bench.harness.now_ns, 2)
    record[side] = UNDEF
    bench.tops.append(record[0])
    bench.settle()
    assert outcome(bench) is RejectReason.BOOK_NOT_LIVE


def test_drain_refuses_every_new_order():
    bench = bench_of()
    bench.risk.arrays.state[w_.ST_DRAINING] = 1
    assert outcome(bench) is RejectReason.DRAINING
    bench.risk.arrays.state[w_.ST_DRAINING] = 0
    assert outcome(bench) is None


def test_latch_refuses_every_new_order():
    bench = bench_of()
    for latched, reason in ((1, RejectReason.KILLED), (0, None)):
        bench.risk.arrays.state[w_.ST_LATCH] = latched
        bench.risk._latch = SimpleNamespace(latched=lambda latched=latched: latched)
        assert outcome(bench) is reason


@pytest.mark.parametrize(("left_ns", "reason"), [(1, None), (0, RejectReason.EXPIRED_INTENT)])
def test_validity_of_an_intent(left_ns, reason):
    bench = bench_of()
    assert outcome(bench, valid_until_ns=bench.harness.now_ns + left_ns) is reason
