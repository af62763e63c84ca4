"""The Ports of one agent on the live host: shared memory, sockets, files, keys."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from oms.config import DeskConfig
from oms.ports import FixedFile, Journal, Key
from procs.files.fixed_file import PlacedFile
from procs.files.journal_file import HumanFiles, JournalFile
from procs.files.keys import GeneratedKeys
from procs.files.logs import ProcessLog
from procs.files.paths import DeskPaths
from procs.memory import DeskMemory
from procs.net.network import Network
from procs.net.sink import Sink
from shm_layout.ring import RingReader, RingWriter
from shm_layout.table import TableReader, TableWriter


class LivePorts:
    """See `oms.ports.Ports`; each method says there what it does."""

    stamping = True

    def __init__(
        self,
        role: str,
        config: DeskConfig,
        paths: DeskPaths,
        memory: DeskMemory,
        log: ProcessLog,
        network: Network | None,
    ) -> None:
        self.role = role
        self.epoch = memory.epoch
        self.generation = memory.generation
        self.sink: Sink | None = None
        self._memory = memory
        self._log = log
        self._network = network
        self._paths = paths
        self._durability = config.durability
        self._keys = GeneratedKeys(paths.keys)
        self._files = HumanFiles(paths.data_dir)
        self._journals: dict[str, JournalFile] = {}
        self._fixed: dict[str, PlacedFile] = {}

    def writer(self, channel: str) -> RingWriter:
        """The ring's one writing end."""
        return self._memory.writer(self.role, channel)

    def reader(self, channel: str) -> RingReader:
        """A reading end with this role's cursor."""
        return self._memory.reader(self.role, channel)

    def table_writer(self, table: str) -> TableWriter:
        """The table's one writing end."""
        return self._memory.table_writer(self.role, table)

    def table_reader(self, table: str) -> TableReader:
        """A reading end."""
        return self._memory.table_reader(table)

    def _net(self) -> tuple[Network, Sink]:
        assert self._network is not None, (
            f"{self.role} has no network on this host; see NETWORK_ROLES in procs/runtime.py"
        )
        assert self.sink is not None, "the host sets it before on_start"
        return self._network, self.sink

    def open_ws(self, url: str, headers: Mapping[str, str] | None = None) -> int:
        """Begin to open a WebSocket."""
        network, sink = self._net()
        return network.open_ws(sink, url, headers)

    def send(self, conn: int, data: bytes) -> None:
        """One text message."""
        assert self._network is not None
        self._network.send(conn, data)

    def ping(self, conn: int, payload: bytes) -> None:
        """One ping frame to a client."""
        self._net()[0].ping(conn, payload)

    def request(
        self, base_url: str, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> int:
        """One HTTP request."""
        network, sink = self._net()
        return network.request(sink, base_url, method, target, headers, body)

    def open_http(self, base_url: str) -> int:
        """Begin to open an HTTP connection for orders."""
        network, sink = self._net()
        return network.open_http(sink, base_url)

    def request_on(
        self, conn: int, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> int:
        """One HTTP request on such a connection."""
        return self._net()[0].request_on(conn, method, target, headers, body)

    def listen(self, host: str, port: int, kind: str) -> int:
        """Serve."""
        network, sink = self._net()
        return network.listen(sink, host, port, kind)

    def respond(
        self, conn: int, request_id: int, status: int, headers: Mapping[str, str], body: bytes
    ) -> None:
        """Answer an HTTP request."""
        del conn
        self._net()[0].respond(request_id, status, headers, body)

    def close(self, conn: int) -> None:
        """Close a connection or a listener."""
        self._net()[0].close(conn)

    def mute(self, conn: int) -> None:
        """Hear and say nothing on a WebSocket any more."""
        self._net()[0].mute(conn)

    def conn_info(self, conn: int) -> Mapping[str, str]:
        """What is known of a connection."""
        return self._net()[0].conn_info(conn)

    def journal(self, name: str) -> Journal:
        """A journal by name."""
        if name not in self._journals:
            self._journals[name] = JournalFile(self._paths.journal, name, self._durability)
        return self._journals[name]

    def fixed_file(self, name: str) -> FixedFile:
        """A file that is overwritten in place."""
        if name not in self._fixed:
            self._fixed[name] = PlacedFile(self._paths.fixed(name))
        return self._fixed[name]

    def reserve_disk(self) -> None:
        """A few times a second: journals set the disk apart that they will need."""
        for journal in self._journals.values():
            journal.reserve()

    def append_line(self, path: str, line: str) -> None:
        """One line of a human file."""
        self._files.append_line(path, line)

    def whole_file(self, path: str) -> bytes:
        """A whole file, or b""."""
        return self._files.whole(path)

    def put_whole_file(self, path: str, data: bytes) -> None:
        """A whole file, written aside and renamed."""
        self._files.put_whole(path, data)

    def key(self, name: str) -> Key:
        """A key of a simulated venue."""
        return self._keys.key(name)

    def random_bytes(self, count: int) -> bytes:
        """The system's randomness."""
        return os.urandom(count)

    def log(self, level: str, event: str, **fields: Any) -> None:
        """One structured line in the process's log."""
        self._log.write(level, self.role, event, **fields)
