"""What could still become an order: what senders say, and what risk's table doubts.

Two sources, both read only. A sender's word (`sender.<group>`) or its death says from when on no
new order leaves it. Risk's table names each order that left or may leave and of which nothing is
proved: risk writes it before the executor sees the command, so it is complete, and outlives risk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from oms import ids
from oms.instruments import decimal_text
from oms.ports import NEVER
from shm_layout.enums import FLAG_RISK_STARTED, VENUES_BY_NAME, OrderState, Side, Venue
from shm_layout.records import UNDEF
from shm_layout.table import TableReader

_NAMES_BY_VENUE = {venue: name for name, venue in VENUES_BY_NAME.items()}


class Tables(Protocol):
    """Where tables are read; Ports is one."""

    def table_reader(self, table: str) -> TableReader: ...


@dataclass(frozen=True, slots=True)
class Said:
    """Nothing new leaves the sender any more, by its word or because it has ended."""

    quiet_ns: int
    """What left before this incarnation, or before its end, left before this."""
    under_way: int = 0
    newest_ns: int = 0
    """When the newest of those under way was signed."""
    dead: bool = False


class Sender:
    """One group's executor, as far as a kill has to believe it. `holds(row)`: was this word said
    under the latch that is set now?
    """

    def __init__(
        self, tables: Tables, group: str, process: str, holds: Callable[[Any], bool]
    ) -> None:
        self.name = f"executor.{group}"
        self._word = tables.table_reader(f"sender.{group}")
        self._processes = tables.table_reader("processes")
        self._process = process.encode()
        self._holds = holds
        self._ended_ns = 0

    def said(self, now_ns: int) -> Said | None:
        """Its word, or that it has ended; None = it may still send."""
        row = self._word.read(0)
        if row is not None and self._holds(row):
            self._ended_ns = 0
            return Said(int(row["begun_ns"]), int(row["under_way"]), int(row["newest_ns"]))
        if not self._has_ended():
            self._ended_ns = 0
            return None
        self._ended_ns = self._ended_ns or now_ns
        return Said(self._ended_ns, dead=True)

    def _has_ended(self) -> bool:
        """The supervisor has seen its end (`procs/supervisor.py` writes it once it is reaped). Who
        is started later finds the latch set before it sends.
        """
        rows = self._processes.rows
        for index in np.flatnonzero(rows["name"] == self._process):
            row = self._processes.read(int(index))
            return row is not None and int(row["pid"]) == 0
        return False


@dataclass(frozen=True, slots=True)
class Doubt:
    """An order that could still arrive: in risk's table, not acknowledged, not excluded."""

    client_order_id: int
    client_text: str
    account: str
    market: str
    symbol: str
    instrument: str
    side: str
    qty: str
    ts_ns: int
    """Our clock when it was given to the executor, or decided."""
    valid_until_ns: int

    def shown(self, now_ns: int, clear_ns: int) -> dict[str, Any]:
        """For a person."""
        return {
            "client_order_id": self.client_text, "account": self.account, "market": self.market,
            "instrument": self.instrument, "side": self.side, "qty": self.qty,
            "age_ms": max(now_ns - self.ts_ns, 0) // 1_000_000,
            "clear_in_ms": None if clear_ns == NEVER else max(clear_ns - now_ns, 0) // 1_000_000,
        }  # fmt: skip


class Doubts:
    """Risk's `orders` table as a kill reads it."""

    def __init__(self, tables: Tables) -> None:
        self._orders = tables.table_reader("orders")
        self._accounts = tables.table_reader("accounts")
        self._instruments = tables.table_reader("instruments")
        self._currencies = tables.table_reader("currencies")
        self._limits = tables.table_reader("limits")

    def complete(self) -> bool:
        """Has risk read its journal in this memory? Before, an order may be missing."""
        return bool(int(self._limits.rows["flags"][0]) & FLAG_RISK_STARTED)

    def of_group(self, group_index: int) -> Sequence[Doubt]:
        """Every order of a group that could still arrive, oldest first.

        PENDING_NEW and UNKNOWN; and PENDING_CANCEL of which the exchange has said nothing: a cancel
        may be asked for before the order was acknowledged.
        """
        rows = self._orders.rows
        state = np.array(rows["state"])
        wanted = (state == OrderState.PENDING_NEW) | (state == OrderState.UNKNOWN)
        wanted |= (state == OrderState.PENDING_CANCEL) & (rows["venue_order_id"] == b"")
        wanted &= (rows["client_order_id"] > 0) & (rows["group"] == group_index)
        found = []
        for index in np.flatnonzero(wanted):
            # Risk may stand in the middle of a row: then it is read as it is.
            row = self._orders.read(int(index))
            found.append(self._doubt(rows[int(index)].copy() if row is None else row))
        return sorted(found, key=lambda doubt: doubt.client_order_id)

    def _doubt(self, row: Any) -> Doubt:
        account: Any = self._accounts.read(int(row["account_id"]))
        instrument: Any = self._instruments.read(int(row["instrument_id"]))
        symbol = name = qty = ""
        if instrument is not None:
            symbol, name = instrument["symbol"].decode(), instrument["name"].decode()
            qty = self._qty(row, instrument)
        number = int(row["client_order_id"])
        system_id = 0 if account is None else int(account["system_id"])
        return Doubt(
            number, ids.to_text(system_id, number),
            "" if account is None else account["name"].decode(),
            _NAMES_BY_VENUE.get(Venue(int(row["venue"])), ""), symbol, name,
            Side(int(row["side"])).name, qty,
            int(row["ts_sent_ns"]) or int(row["ts_decide_ns"]), int(row["valid_until_ns"]),
        )  # fmt: skip

    def _qty(self, row: Any, instrument: Any) -> str:
        """Base quantity; where it was given by amount, that with its currency."""
        if int(row["qty"]) != UNDEF:
            return decimal_text(int(row["qty"]), int(instrument["qty_scale"]))
        quote: Any = self._currencies.read(int(instrument["quote_currency_id"]))
        if quote is None or int(row["quote_qty"]) == UNDEF:
            return ""
        amount = decimal_text(int(row["quote_qty"]), int(quote["scale"]))
        return f"{amount} {quote['code'].decode()}"
