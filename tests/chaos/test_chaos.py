"""The share of `make chaos` in `make test`: every role of a running desk is killed once.

The other trials' small sizes stand with what they try: journals in tests/oms/journal, segments in
tests/shm_layout, rings in tests/stress, stopped processes and keepers in tests/procs/test_desk.py.
"""

import pytest

from tests.chaos import kill
from tests.chaos.desk import ChaosDesk, compare
from tests.chaos.heads import RINGS, TABLES, run_heads

pytestmark = pytest.mark.compiled


def test_desk_survives_the_death_of_each_of_its_processes(tmp_path):
    desk = ChaosDesk(tmp_path)
    said = []
    try:
        found = kill.run_kills(desk, 1, 1, said.append)
    finally:
        desk.clean()
    assert found.trouble == []
    assert found.count == len(desk.processes) + 2


def test_readers_outlive_heads_that_are_damaged_under_them_or_say_why_they_stop():
    """Every ring and table that is tried, one reader each."""
    readers = len(RINGS) + len(TABLES)
    count, trouble, _ = run_heads(5, readers, 2_000)
    assert trouble == []
    assert count == readers * 2_000


def order(order_id, name, status="FILLED", filled="1"):
    return {"clientOrderId": name, "status": status, "executedQty": filled, "origQty": "1",
            "symbol": "BTCUSDT", "orderId": order_id}  # fmt: skip


def test_order_that_no_journal_names_is_an_orphan_and_one_that_is_there_twice_is_doubled():
    verdict = compare([order(1, "x"), order(2, "x")], [], 1, [])
    assert verdict.orphans == ["x", "x"]
    assert verdict.doubled == ["x"]


def test_trade_that_the_journal_lacks_is_lost():
    verdict = compare([], [("BTCUSDT", {"id": 7})], 1, [])
    assert verdict.lost == ["trade (-1, 7)"]
    assert any("nothing was tried" in said for said in verdict.trouble())


def test_recoveries_have_a_row_for_each_role():
    found = kill.Recoveries()
    for k in range(1, 101):
        found.add("risk", k * 1_000_000, 11 * k * 1_000_000, k / 100)
    lines = found.lines()
    assert lines[1].split() == ["risk", "100", "51", "100", "561", "1100"]
    assert lines[-1].split()[:4] == ["10", "took", "more", "than"]
    assert "in 10 of those" in lines[-1]
