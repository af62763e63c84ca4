"""A writer that dies inside a table row: its successor makes the row whole again."""

from shm_layout.channels import Table
from shm_layout.records import POSITION_ROW
from shm_layout.table import TableMemory, TableReader, TableWriter
from shm_layout.table_hot import row_begin


def test_row_left_open_by_a_dead_writer_is_whole_after_its_successors_write():
    table = Table("positions", POSITION_ROW, 2, "risk")
    memory = TableMemory.anonymous(table)
    first, reader = TableWriter(table, memory, 1), TableReader(table, memory)
    first.write(1, qty=5)
    row_begin(first.words, first.row_words)
    assert reader.read(1) is None, "torn: no reader takes it"
    TableWriter(table, memory, 2).write(1, qty=7)
    row = reader.read(1)
    assert row is not None
    assert int(row["qty"]) == 7
    assert int(row["epoch"]) == 2
    assert int(row["seq"]) % 2 == 0
