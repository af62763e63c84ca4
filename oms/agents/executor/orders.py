"""Risk's `orders` table as an executor reads it: who is live, who waits, whose order is this."""

from __future__ import annotations

from typing import Any

import numpy as np

from oms.agents.executor.links import Account
from oms.venues.trade_base import Instrument
from shm_layout.enums import OrderState
from shm_layout.table import TableReader

LIVE_STATES = (
    OrderState.PENDING_NEW, OrderState.OPEN, OrderState.PENDING_CANCEL, OrderState.UNKNOWN,
)  # fmt: skip


CERTAIN_STATES = (OrderState.OPEN, OrderState.PENDING_CANCEL)
"""The venue has acknowledged it, and nothing is in doubt."""


class OrderTable:
    """Risk's `orders` table, read only."""

    def __init__(self, table: TableReader) -> None:
        self._table = table

    def live(self, account_id: int) -> dict[int, Any]:
        """Open and unknown orders of an account, and ended ones whose fills are missing."""
        rows = self._table.rows
        state = np.array(rows["state"])
        wanted = np.isin(state, LIVE_STATES) | (rows["venue_cum_qty"] > rows["cum_qty"])
        wanted &= (rows["client_order_id"] > 0) & (rows["account_id"] == account_id)
        found = {}
        for index in np.flatnonzero(wanted):
            row = self._table.read(int(index))
            if row is not None and int(row["client_order_id"]) > 0:
                found[int(row["client_order_id"])] = row
        return found

    def ordered(self, account_id: int) -> set[int]:
        """Instruments in which risk knows an order of the account, in whatever state."""
        rows = self._table.rows
        of_account = (rows["client_order_id"] > 0) & (rows["account_id"] == account_id)
        return {int(one) for one in np.unique(rows["instrument_id"][of_account])}

    def owner(self, account: Account, instrument: Instrument, venue_order_id: str) -> int | None:
        """Our id of an order that the venue names by its own; None = not in the table."""
        rows = self._table.rows
        wanted = rows["venue_order_id"] == venue_order_id.encode()
        wanted &= rows["instrument_id"] == instrument.instrument_id
        wanted &= (rows["account_id"] == account.account_id) & (rows["client_order_id"] > 0)
        hits = np.flatnonzero(wanted)
        return int(rows["client_order_id"][int(hits[-1])]) if len(hits) else None

    def waiting(self, states: tuple[OrderState, ...]) -> list[tuple[int, int]]:
        """(our id, row) of every order in one of these states, in order of row."""
        found = []
        for index in np.flatnonzero(np.isin(np.array(self._table.rows["state"]), states)):
            row = self._table.read(int(index))
            if row is not None and int(row["state"]) in states and row["client_order_id"] > 0:
                found.append((int(row["client_order_id"]), int(index)))
        return found

    def where(self, index: int) -> tuple[int, int]:
        """(account, instrument) of a row."""
        rows = self._table.rows
        return int(rows["account_id"][index]), int(rows["instrument_id"][index])
