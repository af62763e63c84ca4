"""Recovery: risk's state from its journal, and what the rings still lack.

Starting and recovering are one path. The journal is read, checked and folded; then, within one
shared memory (`generation`), inputs go on behind the last record that names them as its cause,
and orders that were journaled but not yet in their ring are published (DESIGN.md law 5). A
journal that is shorter than what the rings show as published is refused with the orders to query.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from oms import ids
from oms.agents.base import Ports
from oms.errors import JournalError
from oms.journal.reader import Recovery, read_journal
from oms.risk import kernel_hot as k_
from oms.risk import world_hot as w_
from oms.risk.fold_hot import COUNT_MASK
from oms.risk.registry import Registry
from oms.risk.state import RiskArrays, Worlds
from shm_layout.enums import OrderState, RecordType
from shm_layout.ring import RingReader, RingWriter
from shm_layout.ring_hot import READ_POS, release

Array = np.ndarray[Any, Any]
_NAMED_MAX = 20


class Doubter(Protocol):
    """What `finish` needs of the risk agent."""

    arrays: RiskArrays
    worlds: Worlds

    def doubt(self, row: int) -> None: ...


@dataclass(slots=True)
class Found:
    """What recovery found."""

    recovery: Recovery = field(default_factory=Recovery)
    system_id: int = 0
    risk_epoch: int = 1
    same_memory: bool = False
    operator: list[Array] = field(default_factory=list)
    """START and OPERATOR records, oldest first, for `LimitBook`."""
    next_pos: dict[int, int] = field(default_factory=dict)
    """Ring id -> position behind the last record that a journaled one names as its cause."""
    published: list[int] = field(default_factory=list)
    """Per group: journal sequence of the last command in its ring."""

    def finish(self, agent: Doubter, now_ns: int) -> None:
        """After START: publish what the rings lack; doubt what cannot be known."""
        arrays, worlds = agent.arrays, agent.worlds
        orders = arrays.orders
        for row in list(arrays.open_rows[: arrays.state[w_.ST_OPEN_COUNT]]):
            state = int(orders["state"][row])
            fresh = int(orders["journal_seq"][row]) > self._published_of(orders, int(row), arrays)
            waits = self.same_memory and state == OrderState.PENDING_NEW and fresh
            if waits and worlds.rare(k_.TASK_RESTAGE, int(row), now_ns):
                continue
            if waits or (
                state != OrderState.UNKNOWN
                and (not self.same_memory or state == OrderState.PENDING_CANCEL)
            ):
                agent.doubt(int(row))

    def _published_of(self, orders: Array, row: int, arrays: RiskArrays) -> int:
        group = int(arrays.venue_groups[int(orders["venue"][row])])
        return self.published[group]


def recover(ports: Ports, arrays: RiskArrays, worlds: Worlds, registry: Registry) -> Found:
    """Fold the journal into `arrays` and `registry`; cuts a damaged tail off."""
    found = Found()
    journal = ports.journal("risk")
    spare = np.zeros(1 << 12, np.int64)
    worlds.build(spare)
    for record in read_journal(journal.existing(), found.recovery, "risk journal"):
        _fold(record, found, arrays, worlds, registry, ports.generation)
    if found.recovery.cut_bytes:
        journal.truncate(found.recovery.files - 1, found.recovery.file_size_bytes)
        ports.log(
            "warning", "journal_tail_cut", bytes=found.recovery.cut_bytes,
            why=found.recovery.cut_reason,
        )  # fmt: skip
    if found.recovery.records == 0:
        found.system_id = int.from_bytes(ports.random_bytes(8), "little") & ids.SYSTEM_ID_MAX
    for writer in worlds.order_writers:
        found.published.append(_last_published(writer))
    _refuse_short(found, worlds.order_writers)
    if found.same_memory:
        for reader in (*worlds.execution_readers, *worlds.intent_readers):
            _resume(reader, found.next_pos.get(reader.channel.id, 0))
    worlds.top_reader.skip_to_end()
    return found


def _fold(
    record: Array,
    found: Found,
    arrays: RiskArrays,
    worlds: Worlds,
    registry: Registry,
    generation: int,
) -> None:
    kind = int(record["type"])
    if kind in (RecordType.ORDER_ROW, RecordType.ORDER_UPDATE):
        is_new = kind == RecordType.ORDER_ROW
        target = arrays.new_row if is_new else arrays.update
        target[0] = record
        worlds.rare(k_.TASK_FOLD_NEW if is_new else k_.TASK_FOLD_UPDATE, 0, 0)
        if found.same_memory and int(record["cause_pos"]) >= 0:
            ring = int(record["cause_ring"])
            behind = int(record["cause_pos"]) + 1
            found.next_pos[ring] = max(found.next_pos.get(ring, 0), behind)
    elif kind == RecordType.START:
        found.system_id = int(record["system_id"])
        found.risk_epoch = int(record["risk_epoch"]) + 1
        found.same_memory = int(record["generation"]) == generation
        found.operator.append(record)
        if not found.same_memory:
            found.next_pos.clear()
    elif kind == RecordType.CYCLE:
        arrays.cycle["cycle"] = record["cycle"]
    elif kind == RecordType.EXECUTION:
        _fold_unmatched(record, arrays)
    elif kind == RecordType.OPERATOR:
        found.operator.append(record)
    else:
        registry.restore(record)


def _fold_unmatched(record: Array, arrays: RiskArrays) -> None:
    """An execution is journaled as it came where it fits no order, or no state of one."""
    orders, order_id = arrays.orders, int(record["client_order_id"])
    row = (order_id & int(COUNT_MASK)) & (len(orders) - 1)
    arrays.state[w_.ST_UNMATCHED] += 1
    if order_id > 0 and int(orders["client_order_id"][row]) == order_id:
        arrays.state[w_.ST_ILLEGAL] += 1


def _last_published(writer: RingWriter) -> int:
    pos = writer.pos
    if pos == 0:
        return 0
    return int(writer.slots["journal_seq"][(pos - 1) & (writer.channel.slots - 1)])


def _refuse_short(found: Found, writers: list[RingWriter]) -> None:
    """RELIABILITY I8, DESIGN.md law 10: a journal shorter than what was published."""
    last = found.recovery.last_seq
    if max(found.published, default=0) <= last:
        return
    lost: list[str] = []
    for writer in writers:
        count = min(writer.pos, writer.channel.slots)
        rows = writer.slots[:count]
        missing = rows[rows["journal_seq"] > last]["client_order_id"].tolist()
        lost += [ids.to_text(found.system_id, order_id) for order_id in missing]
    raise JournalError(
        f"the risk journal ends at sequence {last}, but commands up to "
        f"{max(found.published)} were published: records are lost; query these orders at the "
        f"venue before anything else: {', '.join(sorted(set(lost))[:_NAMED_MAX])}"
    )


def _resume(reader: RingReader, behind: int) -> None:
    if behind > int(reader.cursor[READ_POS]):
        release(reader.cursor, behind)
