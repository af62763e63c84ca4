"""Fees that a venue tells as an order's running sum: the fold books what the sum has grown by."""

import pytest

from oms.venues.shared.decimal_text import from_text_up
from shm_layout.enums import ExecKind, OrderState, Side
from shm_layout.records import NO_ID
from tests.oms.agents.test_risk import PX, QTY, Bench

USDT = 1


def bench():
    made = Bench().ready()
    codes = made.risk.arrays.currency_table.rows["code"]
    assert codes[USDT] == b"USDT"
    return made


def fill(made, order, trade_id, qty, **values):
    made.execution(
        ExecKind.FILL, order, qty=qty, px=PX - 100, exec_key_low=trade_id,
        fee_currency_id=USDT, **values,
    )  # fmt: skip
    made.settle()


def paid(made):
    """(of the order, of the position), scale of USDT."""
    order = made.risk.arrays.orders["cum_fee"].max()
    return int(order), int(made.risk.arrays.positions["fee_quote"][0])


def test_each_fill_is_charged_what_the_sum_has_grown_by():
    made = bench()
    order = made.place()
    fill(made, order, 1, QTY // 2, cum_fee=300)
    assert paid(made) == (300, 300)
    fill(made, order, 2, QTY // 2, cum_fee=700)
    assert paid(made) == (700, 700)
    told = [(int(u["fee"]), int(u["cum_fee"])) for u in made.told() if u["last_qty"]]
    assert told == [(300, 300), (400, 700)]


def test_a_sum_behind_the_last_fill_is_a_fee_without_a_fill():
    made = bench()
    order = made.place()
    fill(made, order, 1, QTY // 2, cum_fee=300)
    made.execution(ExecKind.FOUND_OPEN, order, cum_qty=QTY // 2, cum_fee=450, fee_currency_id=USDT)
    made.settle()
    assert paid(made) == (450, 450)
    assert int(made.risk.arrays.positions["fills"][0]) == 1
    assert made.row(order)["state"] == OrderState.OPEN


@pytest.mark.parametrize("late", [300, 450, 0])
def test_an_older_or_equal_sum_takes_nothing_back(late):
    made = bench()
    order = made.place()
    fill(made, order, 1, QTY // 2, cum_fee=450)
    made.execution(ExecKind.FOUND_OPEN, order, cum_qty=QTY // 2, cum_fee=late, fee_currency_id=USDT)
    made.settle()
    assert paid(made) == (450, 450)


def test_a_fill_told_twice_is_charged_once():
    made = bench()
    order = made.place()
    for _ in range(2):
        fill(made, order, 1, QTY // 2, cum_fee=300)
    assert paid(made) == (300, 300)


def test_fees_of_each_fill_are_summed_as_before():
    made = bench()
    order = made.place()
    fill(made, order, 1, QTY // 2, fee=10)
    fill(made, order, 2, QTY // 2, fee=-4)
    assert paid(made) == (6, 6)


def test_a_restart_goes_on_from_the_same_sum():
    made = bench()
    order = made.place()
    fill(made, order, 1, QTY // 2, cum_fee=300)
    made.restart()
    assert paid(made) == (300, 300)
    fill(made, order, 2, QTY // 2, cum_fee=700)
    assert paid(made) == (700, 700)


def test_an_end_brings_the_last_of_the_sum():
    made = bench()
    order = made.place(side=Side.BUY)
    fill(made, order, 1, QTY // 2, cum_fee=300)
    made.execution(ExecKind.CANCELED, order, cum_qty=QTY // 2, cum_fee=301, fee_currency_id=USDT)
    made.settle()
    assert made.row(order)["state"] == OrderState.CANCELED
    assert paid(made) == (301, 301)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3.697095875", 3697096),
        ("3.697095", 3697095),
        ("0", 0),
        ("0.0000001", 1),
        ("7.000", 7000000),
    ],
)
def test_a_sum_of_more_digits_than_the_scale_is_never_told_too_small(text, value):
    assert from_text_up(text, 6) == value


def test_no_fee_is_said_where_none_came():
    made = bench()
    order = made.place()
    made.told()
    made.execution(ExecKind.FOUND_OPEN, order, cum_qty=0, fee_currency_id=NO_ID)
    made.settle()
    assert paid(made) == (0, 0)
    assert not any(int(u["fee"]) for u in made.told())
