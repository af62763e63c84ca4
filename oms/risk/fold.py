"""Risk's state as a fold of its journal, record by record (DESIGN.md law 9).

Two hold it: risk when it starts, and the journaler, whose fold beside risk is what snapshots are
made of. Both take the same records through the same kernels, so that both have the same state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from oms.ids import COUNT_MAX
from oms.journal.reader import Recovery
from oms.risk import world_hot as w_
from oms.risk.registry import Registry
from oms.risk.said import Said
from oms.risk.state import FoldWorlds, RiskArrays
from shm_layout.enums import RecordType
from shm_layout.records import SPEC_OF_TYPE

Array = np.ndarray[Any, Any]


@dataclass(slots=True)
class Known:
    """What the journal says beside the arrays."""

    system_id: int = 0
    risk_epoch: int = 0
    """Of the last START."""
    generation: int = 0
    """Shared memory of the last START; `RiskArrays.caused` holds within it alone."""


class Fold:
    """Takes every record of a journal in order; `recovery` counts them as the reader does."""

    def __init__(self, arrays: RiskArrays, registry: Registry, said: Said) -> None:
        self.arrays = arrays
        self.registry = registry
        self.said = said
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
        elif self.said.takes(kind):
            self.said.put(record)
        else:
            self.registry.restore(record)

    def take_blocks(self, words: Array, first: int, end: int) -> None:
        """Fold whole checked blocks, words `first` to `end` of a file of our layouts: the same as
        `take` for each of their records, and some twenty times as fast.
        """
        for body in self._worlds.blocks(words, first, end):
            spec = SPEC_OF_TYPE[int(words[body + 1]) & 0xFFFF]
            self.take(words[body : body + spec.size_bytes // 8].view(spec.dtype)[0])

    def _caused(self, record: Array) -> None:
        pos, ring, caused = int(record["cause_pos"]), int(record["cause_ring"]), self.arrays.caused
        if pos >= 0 and 0 <= ring < len(caused):
            caused[ring] = max(int(caused[ring]), pos + 1)

    def _start(self, record: Array) -> None:
        known = self.known
        known.system_id = int(record["system_id"])
        known.risk_epoch = int(record["risk_epoch"])
        self.registry.limit_book.fold_start(int(record["limits_hash"]), int(record["ts_ns"]))
        if int(record["generation"]) != known.generation:
            known.generation = int(record["generation"])
            self.arrays.caused[:] = 0

    def _unmatched(self, record: Array) -> None:
        """An execution is journaled as it came where it fits no order, or no state of one."""
        arrays, order_id = self.arrays, int(record["client_order_id"])
        row = (order_id & COUNT_MAX) & (len(arrays.orders) - 1)
        arrays.state[w_.ST_UNMATCHED] += 1
        if order_id > 0 and int(arrays.orders["client_order_id"][row]) == order_id:
            arrays.state[w_.ST_ILLEGAL] += 1
