"""Candles and rolling windows from the tape against a plain recomputation from all trades."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from oms.exchange import candles as module
from oms.exchange.candles import Candles, joined
from oms.exchange.intervals import DAY_MS, HOUR_MS, INTERVALS, MINUTE_MS, SECOND_MS
from oms.exchange.market import PublicTrade
from oms.exchange.tape import Tape

START_MS = 1_700_000_123_456
OFFSETS_MS = [0, 8 * HOUR_MS, -12 * HOUR_MS, 5 * HOUR_MS + 45 * MINUTE_MS, -(HOUR_MS + MINUTE_MS)]


def random_trades(seed, count, gap_ms):
    """(time, px, qty, buyer takes, id), times never going backwards."""
    chance = random.Random(seed)
    now_ms, px, out = START_MS, 60_000, []
    for number in range(1, count + 1):
        now_ms += int(chance.expovariate(1 / gap_ms)) if chance.random() < 0.7 else 0
        px = max(1, px + chance.randint(-9, 9))
        out.append((now_ms, px, chance.randint(1, 5000), chance.random() < 0.5, number))
    return out


def fed(trades):
    candles = Candles()
    for trade in trades:
        candles.add(*trade)
    return candles


def naive(trades, start_ms, end_ms):
    """The candle of start <= time < end, its open time apart."""
    inside = [t for t in trades if start_ms <= t[0] < end_ms]
    if not inside:
        return None
    prices = [px for _, px, _, _, _ in inside]
    bought = [(px, qty) for _, px, qty, takes, _ in inside if takes]
    return (
        prices[0], max(prices), min(prices), prices[-1],
        sum(qty for _, _, qty, _, _ in inside), sum(px * qty for _, px, qty, _, _ in inside),
        sum(qty for _, qty in bought), sum(px * qty for px, qty in bought),
        inside[0][4], inside[-1][4], len(inside),
    )  # fmt: skip


def naive_open(interval, time_ms, offset_ms):
    """Where the candle of a time opens, by the calendar alone."""
    local = datetime.fromtimestamp((time_ms + offset_ms) / 1000, UTC)
    unit, count = interval.name[-1], int(interval.name[:-1])
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "M":
        opened = midnight.replace(day=1)
    elif unit in "dw":
        days = int(midnight.timestamp()) // 86_400
        back = local.weekday() if unit == "w" else days % count
        opened = datetime.fromtimestamp((days - back) * 86_400, UTC)
    else:
        size = {"s": 1, "m": 60, "h": 3600}[unit] * count
        since = (local - midnight).seconds
        opened = datetime.fromtimestamp(midnight.timestamp() + since // size * size, UTC)
    return int(opened.timestamp()) * 1000 - offset_ms


@pytest.mark.parametrize("name", INTERVALS)
@pytest.mark.parametrize("offset_ms", OFFSETS_MS)
def test_intervals_open_where_the_calendar_says(name, offset_ms):
    chance = random.Random(7)
    interval = INTERVALS[name]
    for _ in range(200):
        time_ms = chance.randrange(2 * DAY_MS, 4_000_000_000_000)
        opened_ms = interval.opens(time_ms, offset_ms)
        assert opened_ms == naive_open(interval, time_ms, offset_ms)
        next_ms = interval.moved(opened_ms, 1, offset_ms)
        assert opened_ms <= time_ms < next_ms
        assert interval.opens(next_ms, offset_ms) == next_ms
        assert interval.moved(next_ms, -1, offset_ms) == opened_ms


@pytest.mark.parametrize("name", INTERVALS)
@pytest.mark.parametrize(("seed", "gap_ms"), [(1, 150), (2, 20_000), (3, 9_000_000)])
def test_klines_equal_the_recomputation_from_all_trades(name, seed, gap_ms):
    trades = random_trades(seed, 1500, gap_ms)
    candles, interval = fed(trades), INTERVALS[name]
    now_ms = trades[-1][0] + gap_ms
    for offset_ms in OFFSETS_MS[:3]:
        found = candles.klines(interval, now_ms, 1000, offset_ms=offset_ms)
        assert found[-1].open_ms == interval.opens(now_ms, offset_ms)
        before = None
        for k, candle in enumerate(found):
            next_ms = interval.moved(candle.open_ms, 1, offset_ms)
            assert k + 1 == len(found) or found[k + 1].open_ms == next_ms
            expected = naive(trades, candle.open_ms, next_ms)
            if expected is None:
                assert candle.trade_count == 0
                assert before in (None, candle.close)
                assert candle.open == candle.high == candle.low == candle.close
            else:
                assert candle[1:] == expected
            before = candle.close


def test_klines_start_end_and_limit_choose_what_they_say():
    trades = random_trades(4, 2000, 400)
    candles, interval = fed(trades), INTERVALS["1m"]
    now_ms = trades[-1][0]
    every = candles.klines(interval, now_ms, 1000)
    chance = random.Random(5)
    opens = [c.open_ms for c in every]
    for _ in range(200):
        start_ms, end_ms = sorted(chance.choices(range(opens[0] - 90_000, now_ms + 90_000), k=2))
        limit = chance.randint(1, 30)
        inside = [c for c in every if start_ms <= c.open_ms <= end_ms]
        both = candles.klines(interval, now_ms, limit, start_ms=start_ms, end_ms=end_ms)
        assert both == inside[:limit]
        until = [c for c in every if c.open_ms <= end_ms]
        assert candles.klines(interval, now_ms, limit, end_ms=end_ms) == until[-limit:]
        since = [c for c in every if c.open_ms >= start_ms]
        assert candles.klines(interval, now_ms, limit, start_ms=start_ms) == since[:limit]


@pytest.mark.parametrize(("seed", "gap_ms"), [(1, 80), (2, 30_000), (3, 600_000)])
def test_windows_equal_the_recomputation_from_all_trades(seed, gap_ms):
    trades = random_trades(seed, 1500, gap_ms)
    candles, chance = fed(trades), random.Random(seed)
    for _ in range(300):
        start_ms = chance.randrange(START_MS - 5000, trades[-1][0] + 5000)
        start_ms -= start_ms % SECOND_MS
        found = candles.window(start_ms)
        assert (found and found[1:]) == naive(trades, start_ms, 1 << 62)
        earlier = [t[1] for t in trades if t[0] < start_ms]
        assert candles.close_before(start_ms) == (earlier[-1] if earlier else None)


def test_windows_and_klines_stay_right_when_old_candles_are_dropped(monkeypatch):
    monkeypatch.setattr(module, "KEPT", (90, 100, 1000))
    trades = random_trades(8, 4000, 700)
    candles = fed(trades)
    now_ms = trades[-1][0]
    minutes = candles.klines(INTERVALS["3m"], now_ms, 1000)
    assert len(minutes) <= 100
    for candle in minutes:
        expected = naive(trades, candle.open_ms, candle.open_ms + 3 * MINUTE_MS)
        assert expected is None or candle[1:] == expected
    start_ms = now_ms // SECOND_MS * SECOND_MS - 50 * SECOND_MS
    found = candles.window(start_ms)
    assert (found and found[1:]) == naive(trades, start_ms, 1 << 62)


def test_figures_beyond_64_bits_stay_exact():
    candles = Candles()
    huge = 3 * 10**12
    for k in range(5):
        candles.add(START_MS + 1000 * k, huge, huge, True, k)
    found = candles.window(START_MS // SECOND_MS * SECOND_MS)
    assert found is not None
    assert found.quote == 5 * huge * huge
    assert found.taker_buy_quote == found.quote


def test_joined_nothing_is_nothing():
    assert joined([], 0) is None


def taped(trades):
    tape = Tape()
    out = []
    for number, (px, taker, time_ns) in enumerate(trades, 100):
        out.append(tape.add(PublicTrade(0, number, px, 2, time_ns, False, taker)))
    out.append(tape.complete())
    return tape, [agg for agg in out if agg is not None]


def test_aggregates_join_one_taker_at_one_price():
    second = 10**9
    same = [(5, 1, second), (5, 1, second), (6, 1, second), (5, 2, second), (5, 2, 2 * second)]
    tape, aggs = taped(same)
    assert [(a.agg_id, a.px, a.qty, a.first_id, a.last_id) for a in aggs] == [
        (100, 5, 4, 100, 101), (101, 6, 2, 102, 102), (102, 5, 2, 103, 103), (103, 5, 2, 104, 104),
    ]  # fmt: skip
    assert tape.aggs_from(102, 5) == aggs[2:]
    assert [t.trade_id for t in tape.trades_from(103, 1)] == [103]


def test_trades_of_unknown_takers_are_not_joined():
    _, aggs = taped([(5, 0, 1), (5, 0, 1)])
    assert [a.qty for a in aggs] == [2, 2]


def test_average_is_by_volume_of_five_minutes_else_the_last_price():
    tape = Tape()
    assert tape.average(START_MS, 100) == 0
    for k, (px, qty) in enumerate([(10, 1), (20, 2), (40, 1)]):
        tape.add(PublicTrade(0, k + 1, px, qty, (START_MS + k * 60_000) * 10**6, True))
    now_ms = START_MS + 121_000
    assert tape.average(now_ms, 100) == (10 + 40 + 40) * 100 // 4
    assert tape.average(now_ms + 4 * 60_000, 100) == 4000
    assert tape.average(now_ms + DAY_MS, 100) == 4000
