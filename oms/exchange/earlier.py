"""Orders of a simulated exchange's earlier lives, kept as the lines that it wrote of them.

A start has to know which orders are open, and of the others only where their lines are: most are
never asked about. `Earlier` finds out in compiled code (`remembered_hot`), and gives the lines of
one order, or of all, when somebody asks. What it holds is bounded by the files that a start reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from oms.exchange import remembered_hot as hot
from shm_layout.jit import octets

_EXCERPT_CHARS = 60
_CLIENT_ID = "client_id"
Line = dict[str, Any]
_Words = npt.NDArray[np.int64]


class Earlier:
    """See the module's text. `data`: whole lines; ValueError for one that begins like none."""

    def __init__(self, data: bytes, symbols: Sequence[str], accounts: int) -> None:
        count = data.count(b"\n")
        lines = np.zeros((count, hot.LINE_WORDS), np.int64)
        orders = np.zeros((count, hot.ORDER_WORDS), np.int64)
        slots = np.full(1 << (2 * count).bit_length(), hot.NO_ORDER, np.int64)
        values = np.zeros(hot.VALUES_WORDS, np.int64)
        names = _padded(symbols)
        found = hot.scan(octets(data), names, accounts, lines, orders, slots, values)
        if found < 0:
            told = data.splitlines()[-1 - found][:_EXCERPT_CHARS]
            raise ValueError(f"line {-found} begins {told.decode(errors='replace')!r}")
        self._data = data
        self._lines = lines
        self._orders = orders[:found].copy()
        self.reports = np.cumsum(lines[:, hot.LINE_ROW] >= 0)
        """Per line: reports of known orders up to it."""
        self._rows = self._by_pair()
        ended = self._orders[:, hot.ORDER_STATE] == hot.ENDED
        cold = np.flatnonzero(ended)
        ids = self._orders[cold, hot.ORDER_ID]
        self._row = dict(zip(ids.tolist(), cold.tolist(), strict=True))
        """By order id: orders that nobody was told of."""
        self._named: dict[tuple[int, int], dict[bytes, int]] = {}
        """By account and symbol: client id -> row of the youngest such order of that name."""
        for pair, rows in self._rows.items():
            unread = rows[ended[rows]]
            spans = self._orders[unread, hot.ORDER_NAME_FROM : hot.ORDER_NAME_TO + 1].tolist()
            self._named[pair] = {
                data[first:behind]: row
                for (first, behind), row in zip(spans, unread.tolist(), strict=True)
            }

    def _by_pair(self) -> dict[tuple[int, int], _Words]:
        """Rows by (account, symbol), each as the files have them."""
        pairs = self._orders[:, [hot.ORDER_ACCOUNT, hot.ORDER_SYMBOL]]
        order = np.lexsort((pairs[:, 1], pairs[:, 0]))
        changes = np.flatnonzero(np.diff(pairs[order], axis=0).any(axis=1)) + 1
        found = np.split(order, changes) if len(order) else []
        return {(int(pairs[rows[0], 0]), int(pairs[rows[0], 1])): rows for rows in found}

    @property
    def reports_in_all(self) -> int:
        return int(self.reports[-1]) if len(self.reports) else 0

    def _parsed(self, line: int) -> Line:
        first, behind = self._lines[line, hot.LINE_FROM : hot.LINE_TO + 1].tolist()
        told: Line = orjson.loads(self._data[first:behind])
        return told

    def _chain(self, row: int) -> dict[int, Line]:
        """The lines of one order by their numbers."""
        found = {}
        line = int(self._orders[row, hot.ORDER_FIRST])
        while line >= 0:
            found[line] = self._parsed(line)
            line = int(self._lines[line, hot.LINE_NEXT])
        return found

    def told(self) -> list[tuple[int, Line]]:
        """(number, line) of all that a start must be told of, as the files have them: of lists, of
        orders that are open or unusual, and of orders that such an order shares its name with."""
        row = self._lines[:, hot.LINE_ROW]
        known = row >= 0
        told_now = row == hot.LIST_LINE
        told_now[known] = self._orders[row[known], hot.ORDER_STATE] != hot.ENDED
        told = {number: self._parsed(number) for number in np.flatnonzero(told_now).tolist()}
        for name in {line[_CLIENT_ID].encode() for line in told.values() if _CLIENT_ID in line}:
            for named in self._named.values():
                if (found := named.pop(name, None)) is not None:
                    told |= self._chain(found)
                    self._orders[found, hot.ORDER_STATE] = hot.WARM
                    del self._row[int(self._orders[found, hot.ORDER_ID])]
        return sorted(told.items())

    def lines_of(self, order_id: int) -> list[Line]:
        """The lines of an order that was not `told`; none = it is not here."""
        row = self._row.get(order_id)
        return [] if row is None else list(self._chain(row).values())

    def named(self, account: int, symbol: int, client_id: str) -> int | None:
        """Id of the youngest order with this client id, of those that were not `told`."""
        row = self._named.get((account, symbol), {}).get(client_id.encode())
        return None if row is None else int(self._orders[row, hot.ORDER_ID])

    def ids(self, account: int, symbol: int) -> list[int]:
        """Ids of all orders, those that were `told` too, oldest first."""
        rows = self._rows.get((account, symbol), np.empty(0, np.int64))
        found: list[int] = self._orders[rows, hot.ORDER_ID].tolist()
        return found

    def youngest(self) -> dict[tuple[int, int], int]:
        """Id of the last order by account and symbol."""
        return {
            pair: int(self._orders[rows[-1], hot.ORDER_ID]) for pair, rows in self._rows.items()
        }

    def fills(self, account: int, symbol: int) -> list[tuple[int, Line]]:
        """(number, line) of the fills of orders that were not `told`, as the files have them."""
        orders = self._orders
        filled = np.flatnonzero(self._lines[:, hot.LINE_FILL])
        rows = self._lines[filled, hot.LINE_ROW]
        wanted = (orders[rows, hot.ORDER_STATE] == hot.ENDED) & (
            (orders[rows, hot.ORDER_ACCOUNT] == account)
            & (orders[rows, hot.ORDER_SYMBOL] == symbol)
        )
        return [(number, self._parsed(number)) for number in filled[wanted].tolist()]


def _padded(symbols: Sequence[str]) -> npt.NDArray[np.uint8]:
    """Names as a kernel compares them: zero padded, one byte wider than the longest."""
    width = 1 + max(len(symbol.encode()) for symbol in symbols)
    return (
        np.array([symbol.encode() for symbol in symbols], f"S{width}")
        .view(np.uint8)
        .reshape(len(symbols), width)
    )
