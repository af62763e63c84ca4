"""Table handles (cold): the writer's rows and the reader's consistent copies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from shm_layout import table_hot
from shm_layout.channels import Table
from shm_layout.jit import read_only
from shm_layout.limits import WORD_BYTES
from shm_layout.ring import HEAD_WORDS


@dataclass(frozen=True, slots=True)
class TableMemory:
    """A table's bytes: the head page, the rows, and the rows as flat words."""

    head: np.ndarray[Any, Any]
    rows: np.ndarray[Any, Any]

    @classmethod
    def anonymous(cls, table: Table) -> TableMemory:
        """Memory of this process alone: for the harness and for tests."""
        return cls(np.zeros(HEAD_WORDS, np.int64), np.zeros(table.rows, table.record))

    @property
    def words(self) -> np.ndarray[Any, Any]:
        return self.rows.view(np.int64)


class TableWriter:
    """The one writing end. Kernels take `.rows` and `.words`; cold agents use `write`."""

    def __init__(self, table: Table, memory: TableMemory, epoch: int) -> None:
        self.table = table
        self.rows = memory.rows
        self.words = memory.words
        self.row_words = table.record.itemsize // WORD_BYTES
        self.epoch = epoch

    def write(self, row: int, **values: Any) -> None:
        """Change fields of a row; readers see all of them or none."""
        at = row * self.row_words
        table_hot.row_begin(self.words, at)
        for name, value in values.items():
            self.rows[name][row] = value
        self.rows["epoch"][row] = self.epoch
        table_hot.row_end(self.words, at)


class TableReader:
    """One reading end; read-only memory."""

    def __init__(self, table: Table, memory: TableMemory) -> None:
        self.table = table
        self.rows = read_only(memory.rows)
        self.words = read_only(memory.words)
        self.row_words = table.record.itemsize // WORD_BYTES
        self._out = np.zeros(1, table.record)
        self._out_words = self._out.view(np.int64)

    def read(self, row: int) -> np.ndarray[Any, Any] | None:
        """A consistent copy of a row (0-d record), or None where nothing was ever written."""
        at = row * self.row_words
        version = int(table_hot.copy_row(self.words, at, self._out_words, self.row_words))
        if version <= 0:
            return None
        return self._out[0].copy()

    def written(self, among: np.ndarray[Any, Any] | None = None) -> Iterator[np.ndarray[Any, Any]]:
        """Copies of every row that has been written, in order of row; `among`, bool per row, says
        which of them. Of a large table whoever asks looks at a column first: a copy takes some
        microseconds, a look at a row nanoseconds.
        """
        wanted = self.rows["seq"] != 0
        for row in np.flatnonzero(wanted if among is None else wanted & among):
            copied = self.read(int(row))
            if copied is not None:
                yield copied
