"""What exchanges say of accounts, as tables: balances, positions, fee rates, keys.

An executor sends such a record as it was said; risk journals it and keeps the newest of each key in
the table of its kind, so that strategies and pages read one truth. A key without room is named once
in the log and stands in no table; the journal has it all the same. Balances come with every fill,
so their rows are found by `RiskArrays.balance_index`, which a recovery's kernel uses, too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from oms.ports import Ports
from oms.risk import world_hot as w_
from oms.risk.state import RiskArrays
from shm_layout.enums import RecordType
from shm_layout.records import NO_ID, UNDEF
from shm_layout.table import TableWriter

Array = np.ndarray[Any, Any]
Key = tuple[Any, ...]

_WITHOUT_NEWS = frozenset({"flags", "ts_event_ns", "ts_recv_ns", "final", "reserved"})
"""Fields that say nothing new by themselves."""


@dataclass(slots=True)
class _Kind:
    """One kind of record: its table and what tells two rows apart."""

    table: TableWriter
    key: tuple[str, ...]
    rows: dict[Key, int] = field(default_factory=dict)

    def row_of(self, key: Key) -> int:
        """The key's row, made when it is first needed; NO_ID where there is no room."""
        if key not in self.rows and len(self.rows) < len(self.table.rows):
            self.rows[key] = len(self.rows)
        return self.rows.get(key, NO_ID)


class Said:
    """See the module's text."""

    def __init__(self, arrays: RiskArrays, ports: Ports) -> None:
        self._ports = ports
        self._index, self._state = arrays.balance_index, arrays.state
        tables = arrays.tables
        self._balances = _Kind(tables["balances"], ("account_id", "currency_id"))
        self._kinds = {
            int(RecordType.BALANCE): self._balances,
            int(RecordType.POSITION_SAID): _Kind(
                tables["venue_positions"], ("account_id", "instrument_id", "side")
            ),
            int(RecordType.FEE_RATE): _Kind(
                tables["fee_rates"], ("account_id", "venue", "instrument_id", "fee_group", "side")
            ),
            int(RecordType.KEY_STATE): _Kind(tables["keys"], ("account_id",)),
        }
        self._full: set[str] = set()

    def takes(self, record_type: int) -> bool:
        """Whether records of this type are said of accounts."""
        return record_type in self._kinds

    def put(self, record: Array) -> bool:
        """Keep a record (0-d); whether it says something new."""
        kind = self._kinds[int(record["type"])]
        if kind is self._balances and int(record["free"]) == UNDEF:
            return False  # it asks for the row of its currency, and says no amount
        key = tuple(record[name].item() for name in kind.key)
        at = self._balance_row(*key) if kind is self._balances else kind.row_of(key)
        if at == NO_ID:
            self._say_full(kind, key)
            return True
        old = kind.table.rows[at]
        names = [name for name in record.dtype.names or () if name not in ("seq", "epoch")]
        told = [name for name in names if name not in _WITHOUT_NEWS]
        is_new = not int(old["seq"]) or any(old[name] != record[name] for name in told)
        kind.table.write(at, **{name: record[name] for name in names})
        return is_new

    def _balance_row(self, account_id: int, currency_id: int) -> int:
        """As `fold_hot.balance_row`."""
        accounts, currencies = self._index.shape
        if not (0 <= account_id < accounts and 0 <= currency_id < currencies):
            return NO_ID
        used = int(self._state[w_.ST_BALANCES_USED])
        if self._index[account_id, currency_id] == NO_ID and used < len(self._balances.table.rows):
            self._index[account_id, currency_id] = used
            self._state[w_.ST_BALANCES_USED] = used + 1
        return int(self._index[account_id, currency_id])

    def reindex(self) -> None:
        """The rows came out of a snapshot."""
        for kind in self._kinds.values():
            for at in np.flatnonzero(kind.table.rows["seq"]).tolist():
                key = tuple(kind.table.rows[name][at].item() for name in kind.key)
                if kind is self._balances:
                    self._index[key] = at
                else:
                    kind.rows[key] = at

    def _say_full(self, kind: _Kind, key: Key) -> None:
        name = kind.table.table.name
        if name not in self._full:
            named = dict(zip(kind.key, key, strict=True))
            named = {k: v.decode() if isinstance(v, bytes) else v for k, v in named.items()}
            self._ports.log(
                "error", "table_full", table=name, rows=len(kind.table.rows), first_left_out=named
            )
        self._full.add(name)
