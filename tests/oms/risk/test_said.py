"""Tables of what exchanges say of accounts: the newest wins, a full one is named."""

import numpy as np
import pytest

from oms.risk import world_hot as w_
from oms.risk.said import Said
from shm_layout.channels import Table
from shm_layout.enums import RecordType, Side
from shm_layout.records import BALANCE, FEE_RATE, KEY_STATE, NO_ID, POSITION_SAID, UNDEF
from shm_layout.table import TableMemory, TableWriter


class Ports:
    def __init__(self):
        self.logged = []

    def log(self, level, event, **fields):
        self.logged.append((level, event, fields))


class Arrays:
    def __init__(self, rows=4):
        self.tables = {}
        self.state = np.zeros(w_.STATE_WORDS, np.int64)
        self.balance_index = np.full((4, 8), NO_ID, np.int64)
        for name, dtype in (
            ("balances", BALANCE),
            ("venue_positions", POSITION_SAID),
            ("fee_rates", FEE_RATE),
            ("keys", KEY_STATE),
        ):
            table = Table(name, dtype, rows, "risk")
            self.tables[name] = TableWriter(table, TableMemory.anonymous(table), 1)


def record(dtype, record_type, **values):
    made = np.zeros(1, dtype)
    made["type"] = record_type
    for name, value in values.items():
        made[name] = value
    return made[0]


def balance(account_id, currency_id, free, **values):
    return record(
        BALANCE,
        RecordType.BALANCE,
        account_id=account_id,
        currency_id=currency_id,
        free=free,
        **values,
    )


@pytest.fixture
def desk():
    arrays, ports = Arrays(), Ports()
    return arrays, ports, Said(arrays, ports)


def test_newest_of_each_key_stands(desk):
    arrays, _, said = desk
    assert said.put(balance(0, 1, 10))
    assert said.put(balance(0, 2, 20))
    assert said.put(balance(0, 1, 30))
    rows = arrays.tables["balances"].rows
    assert rows["free"][:3].tolist() == [30, 20, 0]
    assert rows["seq"][2] == 0


def test_the_same_word_again_is_no_news(desk):
    arrays, _, said = desk
    assert said.put(balance(0, 1, 10, ts_recv_ns=5))
    assert not said.put(balance(0, 1, 10, ts_recv_ns=9))
    assert arrays.tables["balances"].rows["ts_recv_ns"][0] == 9


def test_what_asks_for_a_row_says_no_amount(desk):
    arrays, _, said = desk
    assert not said.put(balance(0, NO_ID, UNDEF))
    assert not arrays.tables["balances"].rows["seq"].any()


def test_fee_rates_differ_by_side_group_and_instrument(desk):
    arrays, _, said = desk
    for values in (
        {"instrument_id": 3},
        {"instrument_id": 3, "side": Side.BUY},
        {"instrument_id": NO_ID, "fee_group": b"2"},
        {"instrument_id": NO_ID, "fee_group": b"4"},
    ):
        assert said.put(record(FEE_RATE, RecordType.FEE_RATE, taker_e10=7, **values))
    assert arrays.tables["fee_rates"].rows["seq"].all()


def test_a_full_table_is_named_once_and_its_rows_stay_true(desk):
    arrays, ports, said = desk
    for currency_id in range(6):
        assert said.put(balance(0, currency_id, 1))
    assert [event for _, event, _ in ports.logged] == ["table_full"]
    assert ports.logged[0][2]["first_left_out"] == {"account_id": 0, "currency_id": 4}
    assert said.put(balance(0, 3, 2))
    assert arrays.tables["balances"].rows["free"].tolist() == [1, 1, 1, 2]


def test_rows_out_of_a_snapshot_are_found_again():
    arrays, ports = Arrays(), Ports()
    Said(arrays, ports).put(balance(0, 1, 10))
    again = Said(arrays, ports)
    again.reindex()
    assert again.put(balance(0, 1, 11))
    assert arrays.tables["balances"].rows["seq"].nonzero()[0].tolist() == [0]


def test_which_records_are_said_of_accounts(desk):
    _, _, said = desk
    taken = [kind for kind in RecordType if said.takes(kind)]
    assert taken == [
        RecordType.BALANCE,
        RecordType.POSITION_SAID,
        RecordType.FEE_RATE,
        RecordType.KEY_STATE,
    ]
