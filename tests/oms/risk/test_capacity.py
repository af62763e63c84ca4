"""What a desk has no room for is left out by name; the rest trades on."""

import numpy as np

from shm_layout.channels import Capacity, topology
from shm_layout.enums import VENUE_NAMES, RecordType
from shm_layout.records import BALANCE, NO_ID
from tests.oms.agents.test_risk import Bench
from tests.oms.risk.test_marks import spec_of


def bench():
    made = Bench().ready()
    made.harness.logs.clear()
    return made


def said(made):
    return [
        (entry[-1]["table"], entry[-1]["name"])
        for entry in made.harness.logs
        if entry[3] == "no_room"
    ]


def test_instruments_beyond_the_table_are_named_and_left_out():
    made = bench()
    room = len(made.risk.arrays.instrument_table.rows)
    for k in range(room + 2):
        assert made.executions.append(spec_of(f"C{k % 20}", "USDT" if k < 20 else f"Q{k // 20}", 1))
        made.settle()
    rows = made.risk.arrays.instrument_table.rows
    assert np.count_nonzero(rows["seq"]) == room
    assert [table for table, _ in said(made)].count("instruments") == 3
    made.place()


def test_currencies_beyond_the_table_are_named_once():
    made = bench()
    room = len(made.risk.arrays.currency_table.rows)
    record = np.zeros(1, BALANCE)
    record["type"], record["currency_id"] = RecordType.BALANCE, NO_ID
    for _ in range(2):
        for k in range(room):
            record["currency"], record["free"] = f"X{k}".encode(), 5
            assert made.executions.append(record[0])
            made.settle()
    named = said(made)
    assert len(named) == len(set(named)) == 2
    assert np.count_nonzero(made.risk.arrays.currency_table.rows["seq"]) == room
    made.place()


def test_a_full_desk_of_nine_markets_fits_a_quarter_of_a_gibibyte():
    desk = topology(
        [name for name in VENUE_NAMES.values() if name],
        ["binance", "bybit", "okx", "upbit", "bithumb", "coinone"],
        ["operator", *(f"s{k}" for k in range(8))],
    )
    assert desk.tables["instruments"].rows == Capacity().instruments == 2048
    assert desk.size_bytes() < 1 << 28
