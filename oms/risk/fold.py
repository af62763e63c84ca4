"""Risk's state as a fold of its journal, record by record (DESIGN.md law 9).

Two hold it: risk when it starts, and the journaler, whose fold beside risk is what snapshots are
made of. Both take the same records through the same kernels, so that both have the same state.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from oms.journal.reader import Recovery
from oms.risk import world_hot as w_
from oms.risk.fold_hot import COUNT_MASK
from oms.risk.registry import Registry
from oms.risk.state import FoldWorlds, RiskArrays
from shm_layout.enums import RecordType

Array = np.ndarray[Any, Any]


@dataclass(slots=True)
class Known:
    """What the journal says beside the arrays."""

    system_id: int = 0
    risk_epoch: int = 0
    """Of the last START."""
    generation: int = 0
    """Shared memory of the last START."""
    next_pos: dict[int, int] = field(default_factory=dict)
    """Ring id -> position behind the last record that a journaled one names as its cause; of that
    shared memory alone."""


class Fold:
    """Takes every record of a journal in order; `recovery` counts them as the reader does."""

    def __init__(self, arrays: RiskArrays, registry: Registry) -> None:
        self.arrays = arrays
        self.registry = registry
        self.known = Known()
        self.recovery = Recovery()
        self._worlds = FoldWorlds(arrays)

    def take(self, record: Array) -> None:
        """Fold one record (0-d, our layout)."""
        kind = int(record["type"])
        if kind == RecordType.ORDER_UPDATE:
            self.arrays.update[0] = record
            self._worlds.update()
            self._caused(record)
        elif kind == RecordType.ORDER_ROW:
            self.arrays.new_row[0] = record
            self._worlds.new()
            self._caused(record)
        elif kind == RecordType.CYCLE:
            self.arrays.cycle["cycle"] = record["cycle"]
        elif kind == RecordType.START:
            self._start(record)
        elif kind == RecordType.EXECUTION:
            self._unmatched(record)
        else:
            self.registry.restore(record)

    def _caused(self, record: Array) -> None:
        pos = int(record["cause_pos"])
        if pos >= 0:
            ring = int(record["cause_ring"])
            next_pos = self.known.next_pos
            next_pos[ring] = max(next_pos.get(ring, 0), pos + 1)

    def _start(self, record: Array) -> None:
        known = self.known
        known.system_id = int(record["system_id"])
        known.risk_epoch = int(record["risk_epoch"])
        self.registry.limit_book.fold_start(int(record["limits_hash"]), int(record["ts_ns"]))
        if int(record["generation"]) != known.generation:
            known.generation = int(record["generation"])
            known.next_pos.clear()

    def _unmatched(self, record: Array) -> None:
        """An execution is journaled as it came where it fits no order, or no state of one."""
        arrays, order_id = self.arrays, int(record["client_order_id"])
        row = (order_id & int(COUNT_MASK)) & (len(arrays.orders) - 1)
        arrays.state[w_.ST_UNMATCHED] += 1
        if order_id > 0 and int(arrays.orders["client_order_id"][row]) == order_id:
            arrays.state[w_.ST_ILLEGAL] += 1
