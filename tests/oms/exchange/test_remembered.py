"""What an exchange remembers of lists, amendments, prevented matches and contingent orders."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from oms.errors import ConfigError
from oms.exchange.earlier import Earlier
from oms.exchange.engine import layout_hot as lay
from oms.exchange.orders import Expiry, Fill, ListRequest, Order, OrderRequest
from oms.exchange.remembered import RememberedLog
from shm_layout.enums import OrderState
from shm_layout.jit import JIT_ON
from tests.oms.exchange.test_filters import make_market
from tests.oms.exchange.test_flow import START_NS

DAMAGES = 2000 if JIT_ON else 100


def request(side, kind, px, qty, client_id, **more):
    tif = lay.TIF_GTC if px else lay.TIF_IOC
    return OrderRequest(0, 0, side, kind, tif, px, qty, 0, client_id, **more)


def lived():
    """A market after an amendment, a prevented match, a list and a stop; the lines of its log."""
    market = make_market()
    for k, side in enumerate((lay.SIDE_SELL, lay.SIDE_BUY)):
        tif = lay.TIF_IOC if k else lay.TIF_GTC
        market.submit(OrderRequest(0, 1, side, lay.TYPE_LIMIT, tif, 60000, 1000, 0, f"t{k}"), 1)
    amended = market.submit(request(lay.SIDE_BUY, lay.TYPE_LIMIT, 59000, 4000, "a"), START_NS)
    market.amend(amended.order_id, 3000, "b", START_NS)
    taker = request(lay.SIDE_SELL, lay.TYPE_LIMIT, 59000, 1000, "c", stp=lay.STP_DECREMENT)
    market.submit(taker, START_NS)
    market.submit(request(lay.SIDE_BUY, lay.TYPE_MARKET, 0, 4000, "m"), START_NS)
    stop = request(lay.SIDE_SELL, lay.TYPE_STOP_LOSS, 0, 2000, "d", stop_px=58000)
    market.submit(stop, START_NS)
    legs = (
        request(lay.SIDE_BUY, lay.TYPE_LIMIT, 59500, 2000, "e"),
        request(lay.SIDE_SELL, lay.TYPE_LIMIT, 60500, 2000, "f"),
    )
    listed = market.submit_list(ListRequest(lay.LIST_OTO, "list", legs), START_NS)
    return market, listed, market.log.take_lines()


def told(log):
    return [
        (o.order_id, o.client_id, o.state, o.qty, o.cum_qty, o.prevented_qty, o.list_id,
         o.working_ns, o.in_match)
        for o in log.history(0, 0)
    ]  # fmt: skip


def test_remembered_lists_amendments_and_prevented_matches_come_back():
    market, listed, lines = lived()
    second = RememberedLog(2, ["BTCUSDT"])
    before = told(market.log)
    open_before = {o.order_id for o in market.log.open_orders(0, None)}
    assert second.recall(b"".join(lines), START_NS + 5) == len(open_before) == 4
    after = told(second)
    for old, new in zip(before, after, strict=True):
        assert new[:2] == old[:2]
        assert new[3:] == old[3:]
        rested = old[0] in open_before
        assert new[2] == (OrderState.EXPIRED if rested else old[2])
        why = market.log.any_by_id(old[0]).expiry
        why = Expiry.EXCHANGE_CANCELED if rested else why
        assert second.any_by_id(old[0]).expiry == why
    assert second.by_client(0, 0, "m").expiry == Expiry.INSUFFICIENT_LIQUIDITY
    assert second.amendments(0, 0)[0].new_client_id == "b"
    found = second.list_by_client(0, "list")
    assert (found.list_id, found.order_ids) == (listed.list_id, listed.order_ids)
    assert not found.open
    assert second.take_reports() == []


def test_remembered_lines_cut_anywhere_are_still_a_history():
    _, _, lines = lived()
    for count in range(len(lines) + 1):
        log = RememberedLog(2, ["BTCUSDT"])
        log.recall(b"".join(lines[:count]), START_NS)
        assert not log.open_orders(0, None)


def test_order_log_forgets_the_oldest_closed_lists_first(monkeypatch):
    monkeypatch.setattr("oms.exchange.order_log.LISTS_KEPT_MAX", 3)
    market = make_market()
    rng = np.random.Generator(np.random.PCG64(1))
    for number in range(6):
        px = 59000 + int(rng.integers(100))
        legs = (
            request(lay.SIDE_BUY, lay.TYPE_LIMIT, px, 2000, f"w{number}"),
            request(lay.SIDE_SELL, lay.TYPE_LIMIT, 60500, 2000, f"p{number}"),
        )
        made = market.submit_list(ListRequest(lay.LIST_OTO, f"l{number}", legs), START_NS)
        market.cancel(made.order_ids[0], "x", START_NS)
    assert [found.client_id for found in market.log.lists(0)] == ["l3", "l4", "l5"]
    assert market.log.list_by_client(0, "l0") is None


def test_order_log_forgets_the_oldest_closed_orders_first(monkeypatch):
    monkeypatch.setattr("oms.exchange.order_log.ORDERS_KEPT_MAX", 3)
    market = make_market()
    log = market.log
    rests = market.submit(request(lay.SIDE_BUY, lay.TYPE_LIMIT, 50000, 2000, "rests"), START_NS)
    for number in range(7):
        order = request(lay.SIDE_BUY, lay.TYPE_LIMIT, 59000, 2000, f"o{number}")
        market.submit(order._replace(tif=lay.TIF_IOC), START_NS)
    assert [o.client_id for o in log.history(0, 0)] == ["rests", "o4", "o5", "o6"]
    assert log.by_client(0, 0, "o3") is None
    assert log.by_client(0, 0, "o4") is log.by_id(0, log.youngest(0, 0).order_id - 2)
    assert log.open_orders(0, None) == [rests]


@pytest.mark.parametrize(
    "line",
    [
        b'{"kind":"ACK"}',
        b'{"kind":"NEW","order_id":1,"time_ns":2}',
        (
            b'{"kind":"NEW","order_id":1,"time_ns":2,"request":{"symbol":"BTCUSDT","account":0,'
            b'"a":0},"client_id":5}'
        ),
        b'{"kind":"LIST","list":5}',
        b'{"kind":"NEW"}',
        b"{}",
        b"[]",
        b"no json",
    ],
)
def test_remembered_line_of_another_version_is_one_sentence(line) -> None:
    with pytest.raises(ConfigError, match="a line that this version does not read"):
        RememberedLog(1, ["BTCUSDT"]).recall(line + b"\n", START_NS)


def busy(seed, steps=600):
    """(a market with orders of every kind, of two accounts, under few names, its lines)"""
    rng = np.random.Generator(np.random.PCG64(seed))
    market = make_market()
    for at in range(steps):
        name = f"n{rng.integers(80)}" if rng.random() < 0.7 else f"u{at}"
        now_ns = START_NS + at
        opened = [o for account in (0, 1) for o in market.log.open_orders(account, None)]
        what = rng.random()
        if what < 0.4 and opened:
            market.cancel(opened[rng.integers(len(opened))].order_id, f"x{at}", now_ns)
        elif what < 0.45 and opened:
            market.amend(opened[rng.integers(len(opened))].order_id, 1000, name, now_ns)
        elif what < 0.5:
            legs = (
                request(lay.SIDE_BUY, lay.TYPE_LIMIT, 59500, 2000, name),
                request(lay.SIDE_SELL, lay.TYPE_LIMIT, 60500, 2000, f"{name}-"),
            )
            market.submit_list(ListRequest(lay.LIST_OTO, f"l{at}", legs), now_ns)
        else:
            side = lay.SIDE_BUY if rng.random() < 0.5 else lay.SIDE_SELL
            away = int(rng.integers(-10, 40))
            px = 60000 - away if side == lay.SIDE_BUY else 60000 + away
            made = request(side, lay.TYPE_LIMIT, px, 1000 * int(rng.integers(1, 4)), name)
            tif = lay.TIF_IOC if rng.random() < 0.2 else lay.TIF_GTC
            stp = lay.STP_DECREMENT if rng.random() < 0.5 else lay.STP_EXPIRE_MAKER
            account = int(rng.integers(2))
            market.submit(made._replace(account=account, tif=tif, stp=stp), now_ns)
    return market, market.log.take_lines()


def everything(log):
    """All that can be asked of a log; the names first, while its orders are as they came."""
    names = [f"n{k}" for k in range(80)] + [f"u{k}" for k in range(600)]
    return (
        {(a, name): log.by_client(a, 0, name) for a in (0, 1) for name in names},
        [log.youngest(a, 0) for a in (0, 1)],
        [list(log.history(a, 0)) for a in (0, 1)],
        [list(log.fills(a, 0)) for a in (0, 1)],
        [list(log.prevented(a, 0)) for a in (0, 1)],
        [list(log.amendments(a, 0)) for a in (0, 1)],
        [log.lists(a) for a in (0, 1)],
    )


@pytest.mark.parametrize("seed", range(5))
def test_everything_that_can_be_asked_comes_back(seed):
    """Told line by line to a second log, and its lines are those of the first."""
    market, lines = busy(seed)
    log = RememberedLog(2, ["BTCUSDT"])
    rested = {o.order_id for account in (0, 1) for o in market.log.open_orders(account, None)}
    assert log.recall(b"".join(lines), START_NS + 10_000) == len(rested) > 0
    for order_id in rested:
        market.log.expire(
            market.log.any_by_id(order_id), Expiry.EXCHANGE_CANCELED, START_NS + 10_000
        )
    assert everything(log) == everything(market.log)


@pytest.mark.parametrize("seed", range(3))
def test_questions_in_any_order_between_new_orders(seed):
    """One log lived through it all, the other one read it: nobody can tell them apart."""
    market, lines = busy(seed)
    lived_log, log = market.log, RememberedLog(2, ["BTCUSDT"])
    for account in (0, 1):
        for order in lived_log.open_orders(account, None):
            lived_log.expire(order, Expiry.EXCHANGE_CANCELED, START_NS + 10_000)
    log.recall(b"".join(lines), START_NS + 10_000)
    rng = np.random.Generator(np.random.PCG64(seed))
    ids = [o.order_id for account in (0, 1) for o in lived_log.history(account, 0)]
    asked = Counter()
    for at in range(1500):
        what = rng.choice(["id", "name", "new", "history", "fills", "youngest"],
                          p=[0.4, 0.3, 0.27, 0.01, 0.01, 0.01])  # fmt: skip
        account, name = int(rng.integers(2)), f"n{rng.integers(80)}"
        order_id = ids[rng.integers(len(ids))]
        both = (lived_log, log)
        if what == "new":
            ids.append(ids[-1] + 1 if at else max(ids) + 1)
            for one in both:
                made = request(lay.SIDE_BUY, lay.TYPE_LIMIT, 59000, 10, name)
                made = made._replace(account=account)
                order = Order(ids[-1], made, START_NS + at, START_NS + at, qty=10)
                one.add(order)
                fill = Fill(at, ids[-1], 0, account, lay.SIDE_BUY, 59000, 10, 5, 0, 1, False, at)
                one.fill(order, fill)
            continue
        first, second = (
            one.by_id(account, order_id) if what == "id"
            else one.by_client(account, 0, name) if what == "name"
            else list(one.history(account, 0)) if what == "history"
            else list(one.fills(account, 0)) if what == "fills"
            else one.youngest(account, 0)
            for one in both
        )  # fmt: skip
        asked[what, bool(first)] += 1
        assert first == second, (at, what, name, order_id)
    assert len(asked) >= 7, asked
    assert everything(log) == everything(lived_log)


def test_orders_that_ended_stay_lines_until_somebody_asks():
    """What an exchange writes of usual orders has the shapes that its kernel reads."""
    market = make_market()
    for at in range(200):
        side = lay.SIDE_BUY if at % 2 else lay.SIDE_SELL
        px = 59900 if side == lay.SIDE_BUY else 60100
        if at % 10 > 7:
            px = 60000
        made = request(side, lay.TYPE_LIMIT, px, 1000, f"a:{at}/b", stp=lay.STP_EXPIRE_MAKER)
        placed = market.submit(made._replace(account=at // 2 % 2), START_NS + at)
        if px != 60000:
            market.cancel(placed.order_id, f"x{at}", START_NS + at)
    lines = market.log.take_lines()
    rests = market.log.open_orders(0, None) + market.log.open_orders(1, None)
    unusual = {o.order_id for account in (0, 1) for o in market.log.history(account, 0)
               if o.state == OrderState.EXPIRED}  # fmt: skip
    kept = Earlier(b"".join(lines), ["BTCUSDT"], 2)
    told = {line["order_id"] for _, line in kept.told()}
    assert told == {order.order_id for order in rests} | unusual
    assert len(told) < 20
    assert any(len(kept.lines_of(fill.order_id)) == 2 for fill in market.log.fills(0, 0))


def test_damaged_lines_are_one_sentence_or_a_history():
    """Whatever became of a byte: nothing else than ConfigError, at the start and at no question."""
    _, lines = busy(2, steps=150)
    whole = b"".join(lines)
    rng = np.random.Generator(np.random.PCG64(3))
    refused = 0
    for _ in range(DAMAGES):
        damaged = bytearray(whole)
        at = int(rng.integers(len(whole)))
        if rng.random() < 0.5:
            damaged[at] ^= 1 << int(rng.integers(8))
        else:
            del damaged[at : at + int(rng.integers(1, 300))]
        log = RememberedLog(2, ["BTCUSDT"])
        try:
            log.recall(bytes(damaged), START_NS)
        except ConfigError:
            refused += 1
            continue
        everything(log)
    assert 0 < refused < DAMAGES


@pytest.mark.parametrize("symbols", [["ETHUSDT"], ["ETHUSDT", "BTCUSDT"]])
def test_orders_of_symbols_and_accounts_that_are_gone_are_passed_over(symbols):
    _, lines = busy(1)
    log = RememberedLog(1, symbols)
    log.recall(b"".join(lines), START_NS)
    known = [o for symbol in range(len(symbols)) for o in log.history(0, symbol)]
    assert bool(known) == ("BTCUSDT" in symbols)
    assert all(o.request.symbol == len(symbols) - 1 and o.request.account == 0 for o in known)
