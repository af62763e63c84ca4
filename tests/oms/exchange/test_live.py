"""The desk's accounts and the flow on one engine: money, orders and reserves stay consistent."""

from __future__ import annotations

import numpy as np

from oms.exchange.engine import layout_hot as lay
from oms.exchange.market import format_decimal
from oms.exchange.orders import Fill, Order, OrderRequest, ReportKind
from oms.exchange.remembered import RememberedLog
from oms.instruments import parse_decimal
from shm_layout.enums import OrderState
from tests.oms.exchange.test_flow import SECOND_NS, START_NS, make_market


def drive(market, seed, seconds):
    """Random desk orders at and around the touch while the flow trades; every report."""
    rng = np.random.Generator(np.random.PCG64(seed))
    reports = []
    now_ns = START_NS
    number = 0
    while now_ns < START_NS + seconds * SECOND_NS:
        market.advance(now_ns, 8)
        ticker = market.ticker(0)
        number += 1
        kind, tif = [(1, 1), (1, 2), (1, 3), (3, 1), (2, 2)][int(rng.integers(5))]
        side = int(rng.integers(2))
        px = (ticker.bid_px, ticker.ask_px)[side] + int(rng.integers(-3, 4))
        qty = int(rng.integers(10, 200_000))
        by_quote = kind == lay.TYPE_MARKET and rng.random() < 0.5
        request = OrderRequest(
            0,
            0,
            side,
            kind,
            tif,
            0 if kind == lay.TYPE_MARKET else px,
            0 if by_quote else qty,
            5 * 10**10 if by_quote else 0,
            f"c{number}",
        )
        market.submit(request, now_ns)
        for order in market.log.open_orders(0, None):
            if rng.random() < 0.3:
                assert market.cancel(order.order_id, "x", now_ns)
        reports += market.take_reports()
        market.take_public()
        now_ns = max(now_ns + 1, market.next_timer_ns())
    return reports


def test_live_desk_and_flow_keep_the_sum_and_the_reserves():
    market = make_market(21)
    market.advance(START_NS, 1)
    before = market.engine.totals()
    reports = drive(market, 1, 4)
    assert market.engine.totals() == before
    spec = market.specs[0]
    locked = [0, 0]
    for order in market.log.open_orders(0, None):
        if order.request.side == lay.SIDE_BUY:
            locked[1] += order.request.px * order.leaves * 10 ** (8 - 2 - spec.qty_digits)
        else:
            locked[0] += order.leaves * 10 ** (8 - spec.qty_digits)
    assert [held for _, held in market.balances(0)] == locked
    assert all(free >= 0 for free, _ in market.balances(0))
    for kind in (ReportKind.NEW, ReportKind.TRADE, ReportKind.CANCELED, ReportKind.EXPIRED):
        assert sum(report.kind == kind for report in reports) >= 5, kind


def test_live_every_order_has_one_ack_first_and_at_most_one_end():
    market = make_market(22)
    seen = {}
    for report in drive(market, 2, 3):
        seen.setdefault(report.order.order_id, []).append(report)
    for reports in seen.values():
        kinds = [report.kind for report in reports]
        assert kinds[0] == ReportKind.NEW
        assert ReportKind.NEW not in kinds[1:]
        states = [report.order.state for report in reports]
        assert all(state == OrderState.OPEN for state in states[:-1])
        filled = sum(report.fill.qty for report in reports if report.fill)
        last = reports[-1].order
        assert filled == last.cum_qty <= last.qty
        assert (last.state == OrderState.FILLED) == (last.cum_qty == last.qty > 0)
    ids = [report.execution_id for reports in seen.values() for report in reports]
    assert len(set(ids)) == len(ids)


def test_live_same_seed_same_reports():
    def told():
        return [
            (r.kind, r.order.order_id, r.order.cum_qty, r.time_ns)
            for r in drive(make_market(23), 3, 1)
        ]

    assert told() == told()


def test_live_reasons_of_refusals():
    market = make_market(24)
    market.advance(START_NS, 1)
    ticker = market.ticker(0)
    rich = OrderRequest(0, 0, 0, lay.TYPE_LIMIT, 1, ticker.bid_px, 10**8, 0, "a")
    assert market.submit(rich, START_NS) == lay.REASON_NO_FUNDS
    taking = OrderRequest(0, 0, 0, lay.TYPE_POST_ONLY, 1, ticker.ask_px, 100, 0, "b")
    assert market.submit(taking, START_NS) == lay.REASON_WOULD_TAKE
    assert not market.cancel(10**9, "x", START_NS)
    resting = OrderRequest(0, 0, 0, lay.TYPE_LIMIT, 1, ticker.bid_px, 100, 0, "c")
    order = market.submit(resting, START_NS)
    assert isinstance(order, Order)
    assert market.cancel(order.order_id, "x", START_NS)
    assert not market.cancel(order.order_id, "x", START_NS)


def test_decimals_round_trip_and_refuse_what_is_none():
    for text, digits, value in (("0.1", 2, 10), ("12", 0, 12), ("1.230000", 2, 123), ("0", 3, 0)):
        assert parse_decimal(text, digits) == value
        assert parse_decimal(format_decimal(value, digits), digits) == value
    assert format_decimal(-5, 3) == "-0.00500000"
    assert format_decimal(7, 0, 0) == "7"
    for text in ("", ".5", "5.", "1e3", "-1", "+1", " 1", "1_0", "\u0661", "nan", "1.234"):
        try:
            parse_decimal(text, 2)
        except ValueError:
            continue
        raise AssertionError(f"{text!r} was taken")


def test_remembered_log_tells_the_next_life_how_each_order_ended():
    def request(client_id):
        return OrderRequest(0, 0, 0, 0, 0, 100, 10, 0, client_id)

    def fill(order_id, qty):
        return Fill(7, order_id, 0, 0, 0, 100, qty, qty * 100, 1, 0, True, 3)

    first = RememberedLog(1, ["BTCUSDT"])
    orders = {name: Order(k, request(name), 1, 1, qty=10) for k, name in enumerate("abcd", 1)}
    for order in orders.values():
        first.add(order)
    first.fill(orders["a"], fill(1, 10))
    first.fill(orders["b"], fill(2, 4))
    first.end(orders["b"], OrderState.CANCELED, 4, "x")
    first.fill(orders["c"], fill(3, 4))
    lines = first.take_lines()
    assert first.take_lines() == []

    second = RememberedLog(1, ["ETHUSDT", "BTCUSDT"])
    assert second.recall(b"".join(lines), 9) == 2
    found = [second.by_client(0, 1, name) for name in "abcd"]
    assert [(o.order_id, o.state, o.cum_qty) for o in found] == [
        (1, OrderState.FILLED, 10),
        (2, OrderState.CANCELED, 4),
        (3, OrderState.EXPIRED, 4),
        (4, OrderState.EXPIRED, 0),
    ]
    assert second.take_reports() == []
    third = RememberedLog(1, ["BTCUSDT"])
    assert third.recall(b"".join(lines + second.take_lines()), 9) == 0, (
        "what expired is not open again"
    )
    assert RememberedLog(1, ["ETHUSDT"]).recall(b"".join(lines), 9) == 0, "a symbol that is gone"
