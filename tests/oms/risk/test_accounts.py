"""Accounts are known by name: wherever they stand in the config, their rows stay their own."""

from __future__ import annotations

import dataclasses

import pytest

from oms.config import AccountConfig
from shm_layout.enums import ExecKind, OrderState
from tests.desks import desk_config
from tests.oms.agents.test_risk import Bench


def with_accounts(*names):
    config = desk_config()
    (group,) = config.groups
    accounts = tuple(AccountConfig(name, name) for name in names)
    return dataclasses.replace(config, groups=(dataclasses.replace(group, accounts=accounts),))


def rows(bench):
    table = bench.risk.arrays.account_table
    return {
        bytes(row["name"]).decode(): (int(row["account_id"]), int(row["enabled"]))
        for row in table.rows
        if int(row["seq"])
    }


@pytest.fixture
def traded():
    """A desk whose account `main` has an open order; its journal."""
    bench = Bench(config=with_accounts("main", "second")).ready()
    bench.intent()
    bench.settle()
    order = int(bench.commands()["client_order_id"][0])
    bench.execution(ExecKind.ACK, order, venue_order_id=b"7")
    bench.settle()
    return bench, order


def begun_again(traded, *names):
    journals = {"risk": [bytearray(f) for f in traded[0].harness.journals["risk"]]}
    return Bench(seed=2, config=with_accounts(*names), journals=journals)


def test_account_in_front_of_the_others_takes_a_new_row(traded):
    bench = begun_again(traded, "new", "main", "second")
    assert rows(bench) == {"main": (0, 1), "second": (1, 1), "new": (2, 1)}
    order = bench.row(traded[1])
    assert (int(order["account_id"]), int(order["state"])) == (0, OrderState.UNKNOWN)


def test_accounts_in_another_order_keep_their_rows(traded):
    assert rows(begun_again(traded, "second", "main")) == {"main": (0, 1), "second": (1, 1)}


def test_account_that_left_the_config_keeps_its_row_and_trades_no_more(traded):
    bench = begun_again(traded, "main", "third")
    assert rows(bench) == {"main": (0, 1), "second": (1, 0), "third": (2, 1)}


def test_row_of_a_new_account_stands_in_the_journal_from_its_first_start_on(traded):
    bench = begun_again(traded, "new", "main", "second")
    again = begun_again((bench, traded[1]), "second", "new", "main")
    assert rows(again) == rows(bench)
