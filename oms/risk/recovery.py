"""Recovery: risk's state from its journal, and what the rings still lack.

Starting and recovering are one path. The journal is read, checked and folded, from a snapshot on
where there is one that fits (`snapshot`); then, within one shared memory (`generation`), inputs go
on behind the last record that names them as its cause, and orders that were journaled but not yet
in their ring are published (DESIGN.md law 5). A journal that is shorter than what the rings show as
published is refused with the orders to query.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from oms import ids
from oms.errors import JournalError
from oms.journal.format import parse_file_header
from oms.journal.reader import Recovery, read_journal
from oms.ports import Ports
from oms.risk import kernel_hot as k_
from oms.risk import world_hot as w_
from oms.risk.fold import Fold
from oms.risk.snapshot import PATH, Snapshot, SnapshotUnusableError
from oms.risk.state import RiskArrays, Worlds
from shm_layout.enums import OrderState
from shm_layout.limits import JOURNAL_BEHIND_RECORDS_MAX
from shm_layout.ring import RingReader, RingWriter
from shm_layout.ring_hot import READ_POS, release

Array = np.ndarray[Any, Any]
_NAMED_MAX = 20
_HEADER_BYTES_MAX = 1 << 18
"""More than the header of a journal file: its text is some 20 KB."""


class Doubter(Protocol):
    """What `finish` needs of the risk agent."""

    arrays: RiskArrays
    worlds: Worlds

    def doubt(self, row: int) -> None: ...


@dataclass(slots=True)
class Found:
    """What recovery found."""

    recovery: Recovery
    system_id: int
    risk_epoch: int
    """Of the incarnation that begins now."""
    same_memory: bool
    snapshot_seq: int
    """Sequence up to which a snapshot spared the reading; 0 = the whole journal was read."""
    published: list[int] = field(default_factory=list)
    """Per group: journal sequence of the last command in its ring."""

    @property
    def records_read(self) -> int:
        """Records that were read and folded one by one."""
        return self.recovery.records - self.snapshot_seq

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


def recover(ports: Ports, fold: Fold, worlds: Worlds) -> Found:
    """Fold the journal; cuts a damaged tail off. `fold` is empty."""
    journal = ports.journal("risk")
    snapshot = resume_from_snapshot(ports, fold)
    snapshot_seq = snapshot.last_seq if snapshot is not None else 0
    recovery = fold.recovery
    files = journal.existing(recovery.files)
    for record in read_journal(files, recovery, journal.place, fold.take_blocks):
        fold.take(record)
    if recovery.cut_bytes:
        journal.truncate(recovery.files - 1, recovery.file_size_bytes)
        ports.log(
            "warning", "journal_tail_cut", bytes=recovery.cut_bytes, why=recovery.cut_reason,
            path=journal.place(recovery.files - 1), at_byte=recovery.file_size_bytes,
        )  # fmt: skip
    known = fold.known
    found = Found(
        recovery, known.system_id, known.risk_epoch + 1, known.generation == ports.generation,
        snapshot_seq,
    )  # fmt: skip
    if recovery.records == 0:
        found.system_id = int.from_bytes(ports.random_bytes(8), "little") & ids.SYSTEM_ID_MAX
    if found.records_read > JOURNAL_BEHIND_RECORDS_MAX:
        ports.log(
            "warning", "snapshot_far_behind", records=found.records_read,
            hint="the journaler makes a snapshot with each file of the journal: look at its log",
        )  # fmt: skip
    for writer in worlds.order_writers:
        found.published.append(_last_published(writer))
    _refuse_short(found, worlds.order_writers)
    if found.same_memory:
        for reader in (*worlds.execution_readers, *worlds.intent_readers):
            _resume(reader, int(fold.arrays.caused[reader.channel.id]))
    worlds.top_reader.skip_to_end()
    return found


def resume_from_snapshot(
    ports: Ports, fold: Fold, before_seq: int | None = None
) -> Snapshot | None:
    """Give an empty fold the newest snapshot's state where it fits the journal; returns it. None =
    there is none, or none that may be used (and the reason is logged).

    `before_seq`: the caller wants every record behind this one; a snapshot that has passed it is
    of no use, and no fault.
    """
    data = ports.whole_file(PATH)
    if not data:
        return None
    try:
        snapshot = Snapshot(data)
        if before_seq is not None and snapshot.last_seq > before_seq:
            return None
        snapshot.check(fold.arrays, _hash_before(ports, snapshot.files))
    except (SnapshotUnusableError, JournalError) as trouble:
        ports.log(
            "warning", "snapshot_unusable", path=PATH, why=str(trouble),
            hint="the whole journal is read instead; nothing is lost",
        )  # fmt: skip
        return None
    snapshot.restore(fold)
    return snapshot


def _hash_before(ports: Ports, file_index: int) -> str | None:
    """The chain hash that a file of the journal names as the one before it; None = no such
    file.
    """
    head = ports.journal("risk").read(file_index, 0, _HEADER_BYTES_MAX)
    if not head:
        return None
    described, _ = parse_file_header(head, ports.journal("risk").place(file_index))
    prev: str = described["prev_sha256"]
    return prev


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
