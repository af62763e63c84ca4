"""Rows of a venue's instruments, as a feed waits for them.

The executor sends the exchange's list to risk, risk makes the rows. One that the exchange does not
list, or not as it can be traded, gets none, and keeps no other instrument waiting.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from oms.ports import NEVER, Ports
from shm_layout.table import TableReader

REGISTER_WAIT_NS = 5_000_000_000
"""Rows of one list come together: what has none so long after the first is not traded."""


class Registered:
    """See the module's text."""

    def __init__(self, ports: Ports, table: TableReader, venue: int, wanted: Sequence[str]) -> None:
        """`wanted`: canonical names."""
        self._ports = ports
        self._table = table
        self._venue = venue
        self._wanted = wanted
        self._first_ns = NEVER
        """When the first row was seen."""

    def rows(self, now_ns: int) -> list[tuple[str, Any]]:
        """(name, row) of each in the order in which they were wanted; none while more may come."""
        found = {
            bytes(row["name"]).decode(): row
            for row in self._table.written()
            if int(row["venue"]) == self._venue
        }
        missing = [name for name in self._wanted if name not in found]
        if found and self._first_ns == NEVER:
            self._first_ns = now_ns
        if not found or (missing and now_ns - self._first_ns < REGISTER_WAIT_NS):
            return []
        if missing:
            self._ports.log("error", "instruments_not_registered", instruments=missing)
        return [(name, found[name]) for name in self._wanted if name in found]
