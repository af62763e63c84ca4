"""Fees of any coin, each kept in its own, live and after a start."""

import numpy as np

from oms.risk import world_hot as w_
from shm_layout.enums import BookState, ExecKind, Liquidity, RecordType
from shm_layout.records import BALANCE, NO_ID, UNDEF
from tests.desks import btc_spec, top
from tests.oms.agents.test_risk import PX, QTY, Bench


def register(bench, code):
    """Row of a currency, as an executor has it made before the first fee in it."""
    record = np.zeros(1, BALANCE)
    record["type"], record["currency"] = RecordType.BALANCE, code.encode()
    record["currency_id"], record["free"], record["locked"] = NO_ID, UNDEF, UNDEF
    bench.executions.append(record[0])
    bench.settle()
    rows = bench.risk.arrays.currency_table.rows
    return int(rows["currency_id"][rows["code"] == code.encode()][0])


def fill(bench, order_id, trade_id, fee, currency_id):
    bench.execution(
        ExecKind.FILL, order_id, qty=QTY // 10, px=PX - 100, exec_key_low=trade_id,
        liquidity=Liquidity.MAKER, fee=fee, fee_currency_id=currency_id,
    )  # fmt: skip
    bench.settle()


def ledger(bench):
    """Coin -> (amount, fills) of the first position, by following its chain of rows."""
    arrays = bench.risk.arrays
    at, found = int(arrays.positions["fee_row"][0]), {}
    while at:
        row = arrays.fees[at - 1]
        assert int(row["position_row"]) == 0
        found[int(row["currency_id"])] = int(row["amount"]), int(row["fills"])
        at = int(row["next_row"])
    return found


def test_fees_are_kept_coin_by_coin_and_come_back_with_the_journal():
    bench = Bench().ready()
    bnb, okb = register(bench, "BNB"), register(bench, "OKB")
    usdt, btc = register(bench, "USDT"), register(bench, "BTC")
    order_id = bench.place()
    for trade_id, (fee, coin) in enumerate(
        [(100, usdt), (7, bnb), (5, bnb), (3, okb), (9, btc), (-2, bnb), (0, NO_ID)], 1
    ):
        fill(bench, order_id, trade_id, fee, coin)
    position = bench.risk.arrays.positions[0]
    assert (int(position["fee_quote"]), int(position["fee_base"])) == (100, 9)
    assert int(position["fee_other_count"]) == 4
    assert ledger(bench) == {bnb: (10, 3), okb: (3, 1)}, "a rebate lowers its own coin"
    fees = bench.risk.arrays.fees.copy()
    bench.restart()
    again = bench.risk.arrays.fees
    for name in ("position_row", "currency_id", "amount", "fills", "ts_ns", "next_row"):
        assert again[name].tobytes() == fees[name].tobytes(), name
    assert bench.state(w_.ST_FEES_USED) == 2


PAIR = 1
"""Row of BNB/USDT where `list_pair` listed it."""


def list_pair(bench):
    """BNB/USDT beside the desk's own market, as the exchange lists it; returns BNB's row."""
    spec = btc_spec()
    spec["symbol"], spec["base"], spec["name"] = b"BNBUSDT", b"BNB", b"BNB/USDT"
    bench.executions.append(spec[0])
    bench.settle()
    rows = bench.risk.arrays.instrument_table.rows
    assert rows["name"][PAIR] == b"BNB/USDT"
    return int(rows["base_currency_id"][PAIR])


def quote(bench, bid, ask, state=BookState.LIVE, age_ns=0):
    """The desk's book of BNB/USDT."""
    record = top(bid, ask, bench.harness.now_ns - age_ns)
    record["instrument_id"], record["state"] = PAIR, state
    bench.tops.append(record[0])
    bench.settle()


def priced(bench):
    """(fees in quote, all BNB, BNB without a price) of the first position."""
    position = bench.risk.arrays.positions[0]
    row = bench.risk.arrays.fees[int(position["fee_row"]) - 1]
    return int(position["fee_quote"]), int(row["amount"]), int(row["unpriced"])


def test_fee_in_a_third_coin_counts_at_the_mid_of_its_book_and_comes_back_with_the_journal():
    bench = Bench().ready()
    bnb = list_pair(bench)
    order_id = bench.place()
    fill(bench, order_id, 1, 700, bnb)
    assert priced(bench) == (0, 700, 700), "no price of it yet"
    quote(bench, 600_0000, 601_0000)
    fill(bench, order_id, 2, 700, bnb)
    fill(bench, order_id, 3, -1, bnb)
    cents = 420350 - 600  # half even: 600.5 of the last digit are 600
    assert priced(bench) == (cents, 1399, 700)
    updates = [row for row in bench.told() if row["fee_quote"]]
    assert [(int(row["fee_quote"]), int(row["fee_rate"])) for row in updates] == [
        (420350, PAIR + 1), (-600, PAIR + 1),
    ]  # fmt: skip
    bench.restart()
    assert priced(bench) == (cents, 1399, 700)


def test_fee_is_not_priced_by_a_book_that_is_old_or_not_live():
    bench = Bench().ready()
    bnb = list_pair(bench)
    order_id = bench.place()
    quote(bench, 600_0000, 601_0000, BookState.STALE)
    fill(bench, order_id, 1, 700, bnb)
    assert priced(bench) == (0, 700, 700)
    quote(bench, 600_0000, 601_0000, age_ns=10**10)
    fill(bench, order_id, 2, 700, bnb)
    assert priced(bench) == (0, 1400, 1400)


def test_full_table_of_fees_is_counted():
    bench = Bench().ready()
    coins = [register(bench, code) for code in ("BNB", "OKB")]
    bench.risk.arrays.state[w_.ST_FEES_USED] = len(bench.risk.arrays.fees) - 1
    order_id = bench.place()
    for trade_id, coin in enumerate(coins, 1):
        fill(bench, order_id, trade_id, 1, coin)
    assert ledger(bench) == {coins[0]: (1, 1)}
    assert bench.state(w_.ST_FEES_LOST) == 1
