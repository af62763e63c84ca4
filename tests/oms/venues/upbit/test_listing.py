"""Upbit's listing: pairs from one call, ticks from others, what is left out."""

from decimal import Decimal

from oms.venues.data import Way
from oms.venues.reports import Ask, Listed, Reply, Want
from oms.venues.upbit import spec
from oms.venues.upbit.orders import UpbitOrders
from tests.oms.venues.order_sides import STAMP, SYSTEM, Known
from tests.oms.venues.upbit.samples import body

SIDE = UpbitOrders({}, SYSTEM)
PAIRS = [
    {"market": "KRW-BTC",
     "market_event": {"warning": False, "caution": {"PRICE_FLUCTUATIONS": True}}},
    {"market": "KRW-XRP", "market_event": {"warning": True}},
    {"market": "BTC-ETH"},
]  # fmt: skip
TICKS = [{"market": "KRW-BTC", "quote_currency": "KRW", "tick_size": "1000"}]


def listed(pairs=PAIRS, ticks=TICKS):
    (first,) = SIDE.listing(spec.NAME)
    named = SIDE.read_http(first, 200, {}, body(pairs), Known())
    (second,) = SIDE.follow(first, named)
    told = SIDE.read_http(second, 200, {}, body(ticks), Known())
    assert SIDE.follow(second, told) == []
    return {row.symbol: row for row in SIDE.listed(spec.NAME, (named, told))}


def test_pair_has_the_documents_ladder_and_its_present_tick():
    row = listed()["KRW-BTC"]
    assert (row.base, row.quote, row.kind, row.status) == ("BTC", "KRW", "SPOT", "TRADING")
    assert (row.tick, row.lot, row.ladder) == ("1000", "0.00000001", spec.LADDER)
    assert (row.min_notional, row.max_notional, row.left_out) == ("5000", "1000000000", "")


def test_pair_under_review_is_marked_and_one_without_a_tick_is_left_out():
    row = listed()["KRW-XRP"]
    assert row.status == "WARNING"
    assert "tick" in row.left_out


def test_pair_of_another_quote_is_left_out_and_its_tick_not_asked_for():
    assert "BTC" in listed()["BTC-ETH"].left_out


def test_ladder_rises_and_its_ticks_too():
    starts = [Decimal(start) for start, _ in spec.LADDER]
    ticks = [Decimal(tick) for _, tick in spec.LADDER]
    assert starts == sorted(set(starts))
    assert ticks == sorted(set(ticks))


def test_ticks_are_asked_for_in_parts_of_a_hundred():
    rows = tuple(
        Listed(f"KRW-A{k}", f"KRW-A{k}", f"A{k}", "KRW", "SPOT", "TRADING", "", "1")
        for k in range(150)
    )
    asks = SIDE.follow(Ask(Want.LISTING, market=spec.NAME), Reply(rows=rows))
    calls = [SIDE.ask(one, Way.REST, STAMP) for one in asks]
    assert [call.body.target.count("KRW-A") for call in calls] == [100, 50]
    assert [call.charges[0].bucket for call in calls] == ["orderbook"] * 2
