"""What several tests need: a host that a test writes the script of, and outside material."""

import hashlib
import itertools
import os
from pathlib import Path

import numpy as np
import pytest

from oms.ports import Key
from shm_layout.channels import Capacity, Topology, topology
from shm_layout.ring import HEAD_WORDS, RingMemory, RingReader, RingWriter
from shm_layout.table import TableMemory, TableReader, TableWriter


def data_folder(name: str) -> Path:
    """A folder of the outside material (MEXOMS_DATA), or the test is skipped with the reason."""
    base = os.environ.get("MEXOMS_DATA")
    if not base:
        pytest.skip("MEXOMS_DATA is not set: no outside material")
    folder = Path(base) / name
    if not folder.is_dir():
        pytest.skip(f"no folder {name} in MEXOMS_DATA={base}")
    return folder


class Memory:
    """Rings, cursors and tables of a small desk: they outlive an agent, as in /dev/shm."""

    def __init__(
        self,
        venues: tuple[str, ...] = ("binance.spot",),
        groups: tuple[str, ...] = ("binance",),
        strategies: tuple[str, ...] = ("mm",),
        capacity: Capacity | None = None,
    ) -> None:
        size = capacity or Capacity.small()
        self.topology: Topology = topology(venues, groups, strategies, size)
        self._rings = {n: RingMemory.anonymous(c) for n, c in self.topology.channels.items()}
        self._tables = {n: TableMemory.anonymous(t) for n, t in self.topology.tables.items()}
        self._cursors: dict[tuple[str, str], np.ndarray] = {}

    def cursor(self, channel: str, role: str) -> np.ndarray:
        return self._cursors.setdefault((channel, role), np.zeros(HEAD_WORDS, np.int64))

    def writer(self, channel: str, epoch: int = 1) -> RingWriter:
        spec = self.topology.channels[channel]
        gate = self.cursor(channel, spec.gate) if spec.gate else None
        return RingWriter(spec, self._rings[channel], gate, epoch)

    def reader(self, channel: str, role: str) -> RingReader:
        spec = self.topology.channels[channel]
        return RingReader(spec, self._rings[channel], self.cursor(channel, role))

    def table_writer(self, table: str, epoch: int = 1) -> TableWriter:
        return TableWriter(self.topology.tables[table], self._tables[table], epoch)

    def table_reader(self, table: str) -> TableReader:
        return TableReader(self.topology.tables[table], self._tables[table])


class FakePorts:
    """Ports that note what an agent does: `sent`, `requested`, `opened`, `opened_http`, `closed`,
    `pinged`, `lines`.
    """

    def __init__(self, memory: Memory, role: str, epoch: int = 1) -> None:
        self.memory = memory
        self.role = role
        self.epoch = epoch
        self.generation = 1
        self.stamping = False
        self.sent: list[tuple[int, bytes]] = []
        self.requested: list[dict] = []
        self.opened: list[tuple[int, str]] = []
        self.opened_http: list[tuple[int, str]] = []
        self.gone: set[int] = set()
        """HTTP connections that the host knows to have ended."""
        self.closed: list[int] = []
        self.pinged: list[int] = []
        self.lines: dict[str, list[str]] = {}
        self.whole_files: dict[str, bytes] = {}
        self.logs: list[tuple[str, str, dict]] = []
        self._conns = itertools.count(1)
        self._requests = itertools.count(1)

    def writer(self, channel: str) -> RingWriter:
        assert self.memory.topology.channels[channel].writer == self.role
        return self.memory.writer(channel, self.epoch)

    def reader(self, channel: str) -> RingReader:
        assert self.role in self.memory.topology.channels[channel].readers
        return self.memory.reader(channel, self.role)

    def table_writer(self, table: str) -> TableWriter:
        assert self.memory.topology.tables[table].writer == self.role
        return self.memory.table_writer(table, self.epoch)

    def table_reader(self, table: str) -> TableReader:
        return self.memory.table_reader(table)

    def open_ws(self, url: str, headers=None) -> int:
        conn = next(self._conns)
        self.opened.append((conn, url))
        return conn

    def send(self, conn: int, data: bytes) -> None:
        assert conn not in self.closed, "a send on a closed connection"
        self.sent.append((conn, data))

    def ping(self, conn: int, payload: bytes) -> None:
        assert conn not in self.closed, "a ping on a closed connection"
        self.pinged.append(conn)

    def random_bytes(self, count: int) -> bytes:
        return bytes(count)

    def request(self, base_url: str, method: str, target: str, headers, body: bytes) -> int:
        request_id = next(self._requests)
        self.requested.append(
            {"id": request_id, "base": base_url, "method": method, "target": target,
             "headers": dict(headers), "body": body}
        )  # fmt: skip
        return request_id

    def open_http(self, base_url: str) -> int:
        conn = next(self._conns)
        self.opened_http.append((conn, base_url))
        return conn

    def request_on(self, conn: int, method: str, target: str, headers, body: bytes) -> int:
        if conn in self.gone:
            return 0
        assert conn not in self.closed, "a request on a closed connection"
        request_id = next(self._requests)
        self.requested.append(
            {"id": request_id, "conn": conn, "method": method, "target": target,
             "headers": dict(headers), "body": body}
        )  # fmt: skip
        return request_id

    def close(self, conn: int) -> None:
        self.closed.append(conn)

    def key(self, name: str) -> Key:
        digest = hashlib.sha256(name.encode()).hexdigest()
        return Key(name, "k" + digest[:31], digest[32:].encode())

    def append_line(self, path: str, line: str) -> None:
        self.lines.setdefault(path, []).append(line)

    def whole_file(self, path: str) -> bytes:
        return self.whole_files.get(path, b"")

    def put_whole_file(self, path: str, data: bytes) -> None:
        self.whole_files[path] = data

    def log(self, level: str, event: str, **fields) -> None:
        self.logs.append((level, event, fields))


def rate_row(rows, bucket: str, key: str = ""):
    """The one row of a rate table that shows this bucket's key."""
    (row,) = rows[(rows["bucket"] == bucket.encode()) & (rows["key"] == key.encode())]
    return row
