"""The desk's shared memory as one process sees it: its ends of the rings and tables, its bell.

Segments are attached by name when an agent first asks for an end. What a process writes is mapped
writable, everything else read-only; a reader's cursor is a segment of its own. Asking for a writer
that the topology gives to another role is refused. Segments of a process are locked in memory
where its limit permits; where not, they work as well until memory is short (`oms doctor`).
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from oms.config import DeskConfig
from procs.files import locks
from procs.files.paths import DeskPaths
from procs.machine.system import lock_in_memory
from shm_layout import segment
from shm_layout.channels import Capacity, Channel, RingKind, Topology, topology
from shm_layout.doorbell import Listener, Ringer, Sleeper, open_bell
from shm_layout.ring import HEAD_WORDS, RingReader, RingWriter
from shm_layout.table import TableReader, TableWriter


def desk_topology(config: DeskConfig) -> Topology:
    """The rings and tables of a desk on the live host."""
    return topology(
        [venue.name for venue in config.venues],
        [group.name for group in config.groups],
        [strategy.name for strategy in config.strategies],
        Capacity.small() if config.capacity == "small" else Capacity(),
        [process.name for process in config.host.processes],
    )


def process_of(config: DeskConfig) -> dict[str, str]:
    """Role -> the process that hosts it."""
    return {role: p.name for p in config.host.processes for role in p.roles}


class DeskMemory:
    """Segments of one desk, attached by one process. `process` "" = a tool that only looks."""

    def __init__(self, config: DeskConfig, paths: DeskPaths, process: str, epoch: int) -> None:
        self.topology = desk_topology(config)
        self.epoch = epoch
        self._desk = paths.segments
        self._paths = paths
        self._process = process
        self._processes = process_of(config)
        self._held: dict[tuple[str, str, bool], segment.Segment] = {}
        self._me = locks.Owner.me(epoch)
        self.ringer = Ringer()
        self.sleeper: Sleeper | None = None
        if process:
            own = self._attach(self._table_shape(f"process.{process}"), writable=True)
            self.sleeper = Sleeper(open_bell(paths.bell(process)), own.words)
            self.own_words = own.words
        made = self._attach(self._table_shape("processes"))
        self.phase_words = made.words
        self.generation = int(made.head["generation"][0])

    def _attach(self, shape: segment.Shape, *, writable: bool = False) -> segment.Segment:
        at = (shape.kind, shape.name, writable)
        if at not in self._held:
            made = segment.attach(self._desk, shape, writable=writable)
            if writable:
                made.claim(self._me.pid, self._me.start_ticks, self.epoch)
            if self._process:
                lock_in_memory(made.words.ctypes.data, shape.size_bytes)
            self._held[at] = made
        return self._held[at]

    def _table_shape(self, name: str) -> segment.Shape:
        return segment.table_shape(self.topology.tables[name])

    def _channel(self, name: str) -> Channel:
        known = self.topology.channels
        assert name in known, f"no ring {name}; the desk has {', '.join(known)}"
        return known[name]

    def writer(self, role: str, name: str) -> RingWriter:
        """The one writing end; its readers' bells are rung from now on."""
        channel = self._channel(name)
        assert channel.writer == role, f"{name} is written by {channel.writer}, not by {role}"
        made = self._attach(segment.ring_shape(channel), writable=True)
        gate = None
        if channel.kind is RingKind.LOSSLESS:
            gate = self._attach(segment.cursor_shape(name, channel.gate)).words
        self.ringer.add(made.words, self._listeners(channel))
        return RingWriter(channel, made.ring_memory(), gate, self.epoch)

    def _listeners(self, channel: Channel) -> list[Listener]:
        names = {self._processes[role] for role in channel.readers if role in self._processes}
        return [
            Listener(
                name, self._bell(name), self._attach(self._table_shape(f"process.{name}")).words
            )
            for name in sorted(names - {self._process})
        ]

    def _bell(self, process: str) -> Path:
        return self._paths.bell(process)

    def onlooker(self, name: str) -> RingReader:
        """A reading end for tools: never gates, its cursor is private to this process."""
        channel = self._channel(name)
        made = self._attach(segment.ring_shape(channel))
        return RingReader(channel, made.ring_memory(), np.zeros(HEAD_WORDS, np.int64))

    def reader(self, role: str, name: str) -> RingReader:
        """A reading end with the role's own cursor; the process wakes when the ring grows."""
        channel = self._channel(name)
        assert role in channel.readers, f"{name} is read by {channel.readers}, not by {role}"
        made = self._attach(segment.ring_shape(channel))
        cursor = self._attach(segment.cursor_shape(name, role), writable=True)
        assert self.sleeper is not None
        self.sleeper.watch(made.words)
        return RingReader(channel, made.ring_memory(), cursor.words)

    def table_writer(self, role: str, name: str) -> TableWriter:
        """The one writing end of a table."""
        table = self.topology.tables[name]
        assert table.writer == role, f"table {name} is written by {table.writer}, not by {role}"
        made = self._attach(self._table_shape(name), writable=True)
        return TableWriter(table, made.table_memory(), self.epoch)

    def table_reader(self, name: str) -> TableReader:
        """A reading end of a table."""
        made = self._attach(self._table_shape(name))
        return TableReader(self.topology.tables[name], made.table_memory())

    def ring_words(self, name: str) -> segment.Segment:
        """A ring, read-only, for tools."""
        return self._attach(segment.ring_shape(self._channel(name)))

    def cursor_words(self, ring: str, reader: str) -> segment.Segment:
        """A cursor, read-only, for tools."""
        return self._attach(segment.cursor_shape(ring, reader))

    def close(self) -> None:
        """Give the bells back; the mappings go with the process."""
        self.ringer.close()
        if self.sleeper is not None:
            os.close(self.sleeper.bell)
