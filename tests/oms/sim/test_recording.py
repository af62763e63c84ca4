"""Recordings: lines, order of files, inference, the bookTicker oracle."""

from __future__ import annotations

import pytest

from oms.errors import ConfigError
from oms.sim.recording import (
    BboOracle,
    RecordedFile,
    Recording,
    Ticker,
    group_by_market,
    survey,
)
from oms.venues.binance.recorded import RECORDED
from shm_layout.enums import BookRule
from tests.oms.agents.market_messages import diff, snapshot, ticker


def lines(start_ns: int, *messages: bytes) -> bytes:
    return b"".join(b"%d %s\n" % (start_ns + at, m) for at, m in enumerate(messages))


def test_recording_files_come_in_time_order() -> None:
    late = RecordedFile("a", lines(50, b'{"c":3}'))
    early = RecordedFile("b", lines(10, b'{"a":1}', b'{"b":2}'))
    made = Recording.of([late, early])
    assert list(made.messages()) == [(10, b'{"a":1}'), (11, b'{"b":2}'), (50, b'{"c":3}')]
    assert made.names == ("b", "a")


def test_recording_bad_line_is_named() -> None:
    made = Recording.of([RecordedFile("x", b"5 {}\nnonsense\n\n7 {}")])
    assert len(made) == 2
    assert [(line.file, line.number) for line in made.bad] == [("x", 2)]


def test_recording_without_messages_is_refused() -> None:
    with pytest.raises(ConfigError, match="none of its lines"):
        Recording.of([RecordedFile("x", b"hello\n")])


def test_survey_finds_market_symbol_and_scales() -> None:
    text = lines(1, diff(1, 2, [(99, 1)]), snapshot(2, [(99, 1)], []), ticker(3, (9, 1), (10, 1)))
    text = text.replace(b"99.00", b"99.25")
    found = survey(Recording.of([RecordedFile("x", text)]), RECORDED)
    instrument = found.instruments["BTCUSDT"]
    assert found.market == "binance.spot"
    assert (instrument.px_scale, instrument.qty_scale) == (2, 0)
    assert found.snapshots == [1]


def test_files_are_grouped_by_what_is_in_them() -> None:
    spot = RecordedFile("any", lines(1, diff(1, 2)))
    usdm = RecordedFile("name", lines(1, diff(1, 2, prev=0)))
    assert group_by_market([spot, usdm], RECORDED) == {
        "binance.spot": [spot],
        "binance.usdm": [usdm],
    }


def test_exchange_info_gives_the_recordings_instruments() -> None:
    body = (
        b'{"symbols":[{"symbol":"BTCUSDT","baseAsset":"BTC","quoteAsset":"USDT","filters":['
        b'{"filterType":"PRICE_FILTER","tickSize":"0.01000000"},{"filterType":"LOT_SIZE",'
        b'"stepSize":"0.00001000","minQty":"0.00001000","maxQty":"9000.00000000"}]}]}'
    )
    (found,) = RECORDED.instruments(body, ["BTCUSDT"])
    assert (found.base, found.quote, found.tick, found.lot) == (
        "BTC", "USDT", "0.01000000", "0.00001000",
    )  # fmt: skip
    with pytest.raises(ConfigError, match="not an exchangeInfo"):
        RECORDED.instruments(b"[]", ["BTCUSDT"])
    with pytest.raises(ConfigError, match="has no symbol ETHUSDT"):
        RECORDED.instruments(body, ["ETHUSDT"])


def test_bbo_oracle_spot_takes_the_last_ticker_not_beyond() -> None:
    oracle = BboOracle(BookRule.FIRST_FOLLOWS_LAST)
    oracle.on_diff(5, (1, 1, 2, 2))
    oracle.on_ticker(Ticker(6, (1, 1, 2, 2)))
    oracle.on_ticker(Ticker(9, (3, 3, 4, 4)))
    oracle.on_diff(8, (1, 1, 2, 2))
    oracle.on_diff(9, (0, 0, 4, 4))
    oracle.finish()
    assert (oracle.compared, oracle.agreed, oracle.disagreed) == (2, 1, 1)
    assert "after diff 9" in oracle.differences[0]


def test_bbo_oracle_futures_takes_equal_ids_alone() -> None:
    oracle = BboOracle(BookRule.NAMES_PREVIOUS)
    oracle.on_ticker(Ticker(6, (1, 1, 2, 2)))
    oracle.on_diff(7, (9, 9, 9, 9))
    oracle.on_ticker(Ticker(8, (1, 1, 2, 2)))
    oracle.on_diff(8, (1, 1, 2, 2))
    oracle.finish()
    assert (oracle.compared, oracle.agreed) == (1, 1)


def test_bbo_oracle_book_that_is_not_live_is_not_compared() -> None:
    oracle = BboOracle(BookRule.FIRST_FOLLOWS_LAST)
    oracle.on_ticker(Ticker(6, (1, 1, 2, 2)))
    oracle.on_diff(7, None)
    oracle.finish()
    assert oracle.compared == 0
