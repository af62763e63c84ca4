"""Uses every cold handle once, so that the kernels behind them are compiled before the first fork.

Kernels without an entry signature are compiled when they are first called with arrays of a kind; a
process that did that itself would lose half a second, each process again, with its sockets open.
"""

from __future__ import annotations

import numpy as np

from shm_layout import ring_hot
from shm_layout.channels import Capacity, RingKind, topology
from shm_layout.jit import read_only
from shm_layout.ring import HEAD_WORDS, RingMemory, RingReader, RingWriter
from shm_layout.table import TableMemory, TableReader, TableWriter


def warm_handles() -> None:
    """One record through a lossless and a broadcast ring, one row through a table."""
    desk = topology(["binance.spot"], ["binance"], ["warm"], Capacity.small())
    for kind in RingKind:
        channel = next(c for c in desk.channels.values() if c.kind is kind)
        memory = RingMemory.anonymous(channel)
        cursor = np.zeros(HEAD_WORDS, np.int64)
        gate = read_only(cursor) if kind is RingKind.LOSSLESS else None
        writer = RingWriter(channel, memory, gate, 1)
        reader = RingReader(channel, memory, cursor)
        assert writer.append(np.zeros(1, channel.record)), "an empty ring has room"
        assert len(reader.poll(1)) == 1, "what was appended can be polled"
        reader.release(1)
        reader.skip_to_end()
        if kind is RingKind.BROADCAST:
            ring_hot.broadcast_resume(reader.words, channel.slots)
    table = desk.tables["processes"]
    rows = TableMemory.anonymous(table)
    TableWriter(table, rows, 1).write(0, pid=1)
    assert TableReader(table, rows).read(0) is not None, "what was written can be read"
