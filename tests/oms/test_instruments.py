"""Numbers, scales and ladders of ticks: exact, and what does not fit is refused or bounded."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oms.instruments import (
    TooLargeError,
    UnsupportedInstrumentError,
    bound_of,
    near_rungs,
    number_of,
    rungs_of,
    scales_of,
    steps_at,
)
from oms.instruments_hot import tick_at
from oms.venues.reports import Listed
from oms.venues.shared.listing import records_of
from shm_layout.enums import RecordType, Venue
from shm_layout.money import INT64_MAX
from shm_layout.records import INSTRUMENT_ROW

KRW = (
    ("0", "0.00000001"), ("0.00001", "0.0000001"), ("0.0001", "0.000001"), ("0.001", "0.00001"),
    ("0.01", "0.0001"), ("0.1", "0.001"), ("1", "0.01"), ("10", "0.1"), ("100", "1"),
    ("5000", "5"), ("10000", "10"), ("50000", "50"), ("100000", "100"), ("500000", "500"),
    ("1000000", "1000"),
)  # fmt: skip


def listed(**changes):
    values = {
        "name": "BTC/KRW", "symbol": "KRW-BTC", "base": "BTC", "quote": "KRW", "kind": "SPOT",
        "status": "TRADING", "tick": "1000", "lot": "0.00000001", "ladder": KRW,
        "min_notional": "5000", "max_notional": "1000000000",
    }  # fmt: skip
    return Listed(**(values | changes))


def row_of(one, quote_scale=6):
    """A row as risk makes it."""
    *ladder, spec = records_of(one, Venue.UPBIT_SPOT, 1)
    rungs = rungs_of(ladder[0][0] if ladder else None)
    scales = scales_of(spec[0], rungs)
    rows = np.zeros(1, INSTRUMENT_ROW)
    rows["px_scale"], rows["qty_scale"] = scales.px, scales.qty
    for name, value in steps_at(spec[0], scales, quote_scale, rungs).items():
        rows[name][0] = value
    return rows


@given(st.decimals(0, 10**10, allow_nan=False, places=8))
def test_number_keeps_every_digit(value):
    number = number_of(f"{value:f}")
    assert Decimal(number.mantissa).scaleb(-number.digits) == value


@pytest.mark.parametrize("text", ["1e5", "-1", "0x1", "1.", ".5", "nan", " 1"])
def test_number_that_is_no_plain_decimal_is_refused(text):
    with pytest.raises(ValueError, match="plain decimal"):
        number_of(text)


def test_number_with_too_many_digits_is_refused_and_as_a_bound_cut_downward():
    text = "123456789012345678901234.5"
    with pytest.raises(TooLargeError):
        number_of(text)
    bound = bound_of(text)
    assert Decimal(bound.mantissa).scaleb(-bound.digits) == Decimal(123456789012345678000000)
    assert bound.at(0) == INT64_MAX


@pytest.mark.parametrize(
    ("tick", "first", "last"),
    [
        ("1000", "10000", "1000000"),
        ("1", "1", "100000"),
        ("0.00000001", "0", "0.0001"),
        ("0.01", "0.01", "500"),
    ],
)
def test_rungs_are_kept_within_a_hundredth_and_a_hundred_times_the_present_price(tick, first, last):
    kept = near_rungs(KRW, tick)
    assert Decimal(kept[0][0]) <= Decimal(first)
    assert Decimal(kept[-1][0]) <= Decimal(last) * 10
    assert len(kept) < len(KRW)
    assert tick in [step for _, step in kept]


def test_step_that_the_ladder_does_not_know_holds_alone():
    assert near_rungs(KRW, "0.5") == [("0", "0.5")], "the exchange's own word"


def test_ladder_that_does_not_rise_is_refused():
    with pytest.raises(ValueError, match="does not rise"):
        near_rungs((("0", "1"), ("10", "2"), ("10", "5")), "1")


def test_tick_at_steps_at_each_rung():
    rows = row_of(listed(tick="1000"))
    unit = 10 ** int(rows["px_scale"][0])
    for px, step in ((20_000, 10), (99_999, 50), (100_000, 100), (499_999, 100), (500_000, 500),
                     (999_999, 500), (1_000_000, 1000), (160_000_000, 1000)):  # fmt: skip
        assert tick_at(rows, 0, px * unit) == step * unit, px


def test_price_below_the_kept_rungs_is_outside_the_row():
    rows = row_of(listed(tick="1000"))
    unit = 10 ** int(rows["px_scale"][0])
    assert 0 < int(rows["min_px"][0]) <= 10_000 * unit


def test_row_without_a_ladder_has_one_tick():
    rows = row_of(listed(tick="0.5", ladder=()))
    assert int(rows["rungs"][0]) == 0
    assert tick_at(rows, 0, 10**9) == tick_at(rows, 0, 1) == int(rows["tick"][0])


def test_lot_of_eight_decimals_gets_no_head_room_and_coarser_ones_do():
    assert int(row_of(listed())["qty_scale"][0]) == 8
    assert int(row_of(listed(lot="0.001"))["qty_scale"][0]) == 5


def test_largest_amounts_beyond_the_records_bound_nothing_away():
    rows = row_of(listed(max_qty="99999999999999999999", max_px="", lot="0.00000001"))
    assert int(rows["max_qty"][0]) == INT64_MAX
    assert int(rows["max_px"][0]) == INT64_MAX


def test_step_finer_than_any_scale_is_left_out_with_its_reason():
    with pytest.raises(ValueError, match="more than 12 decimals"):
        records_of(listed(tick="0.0000000000001", ladder=()), Venue.UPBIT_SPOT, 1)


def test_scale_of_a_spec_beyond_twelve_decimals_is_unsupported():
    (spec,) = records_of(listed(ladder=()), Venue.UPBIT_SPOT, 1)
    spec["tick_digits"] = 13
    with pytest.raises(UnsupportedInstrumentError, match="13 decimals"):
        scales_of(spec[0])


def test_contracts_become_base_units_exactly():
    rows = row_of(
        listed(
            name="BTC/USDT:USDT", quote="USDT", settle="USDT", kind="LINEAR", ladder=(),
            tick="0.1", lot="0.01", min_qty="0.01", contract_size="0.01",
        ),
        8,
    )  # fmt: skip
    assert int(rows["lot"][0]) == 10 ** (int(rows["qty_scale"][0]) - 4)
    assert int(rows["contract_size"][0]) == 10 ** (int(rows["qty_scale"][0]) - 2)


def test_contract_whose_lot_is_no_plain_decimal_is_refused():
    with pytest.raises(ValueError, match="no plain decimal"):
        records_of(listed(ladder=(), lot="1", contract_size="1/3"), Venue.OKX_SWAP, 1)


def test_ladder_comes_before_its_instrument():
    kinds = [int(r["type"][0]) for r in records_of(listed(), Venue.UPBIT_SPOT, 1)]
    assert kinds == [RecordType.TICK_LADDER, RecordType.INSTRUMENT_SPEC]
