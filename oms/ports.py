"""What a host gives to an agent: time, connections, shared memory, files, keys, chance, words.

Pure code names these and imports nothing else of its host (DESIGN.md laws 1, 2). Two hosts give
them: `procs/ports.py` with real sockets and files, and `oms/sim/` with virtual ones. `NEVER` is the
time that does not come. How a host calls an agent stands in `oms/agents/base.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Literal, Protocol

from shm_layout.ring import RingReader, RingWriter
from shm_layout.table import TableReader, TableWriter

NEVER = (1 << 63) - 1


class ConnEvent(IntEnum):
    OPENED = 1
    CLOSED = 2
    FAILED = 3
    """Could not be opened; there is no CLOSED after it."""
    PONG = 4
    """The peer answered our `Ports.ping` with its payload."""
    CONTROL = 5
    """The peer sent a ping, or a pong that answers none of ours."""


@dataclass(frozen=True, slots=True)
class HttpMeta:
    """What stands around the body of one HTTP message.

    A request has `method` and `target` (path and query as sent), a response `status`. Header
    names are lower case. `request_id` pairs the two: the host chooses it in `request`, a server
    gives it back in `respond`. A response that never came has status 0 and the reason as body.
    """

    request_id: int
    method: str = ""
    target: str = ""
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)


KeyKind = Literal["hmac", "ed25519", "rsa"]


@dataclass(frozen=True, slots=True)
class Key:
    """An API key from the KeySource; its repr shows no secret."""

    name: str
    api_key: str
    secret: bytes = field(repr=False)
    """Of an hmac key; else the private key in PEM, where the source has it."""
    kind: KeyKind = "hmac"
    public_key: bytes = field(default=b"", repr=False)
    """PEM; empty for an hmac key."""
    passphrase: str = field(default="", repr=False)
    """A third secret beside key and secret, where the exchange has one."""


class Journal(Protocol):
    """An append-only file of blocks. `append` returns once the block is as durable as the mode
    in force says; an error ends the process (RELIABILITY D7)."""

    def append(self, block: bytes) -> None: ...

    def existing(self, first: int = 0) -> Iterator[bytes]:
        """The bytes of each file of this journal, oldest first, as found at start; without the
        `first` ones, which are not opened."""
        ...

    def read(self, file_index: int, offset: int, bytes_max: int) -> bytes:
        """Bytes of one file (0 = the oldest) as it is now, from `offset` on; b"" where there are
        none, or no such file. For those who follow another process's journal; opens nothing for
        writing."""
        ...

    def place(self, file_index: int) -> str:
        """What a person finds that file by: its path."""
        ...

    def truncate(self, file_index: int, size_bytes: int) -> None:
        """Cut a damaged tail off the last file, at start only."""
        ...

    def roll(self, header: bytes) -> None:
        """Begin the next file with these first bytes."""
        ...

    def begun(self) -> int:
        """How many files this journal has had; the index of the last one, and one more."""
        ...

    def drop_before(self, file_index: int) -> None:
        """Delete the files before this one: nobody will read them again."""
        ...

    def low(self) -> bool:
        """The disk gives no more room, and what was set apart for the end is being used: begin
        nothing new, finish what is open."""
        ...


class FixedFile(Protocol):
    """A small file that exists from the desk's start on and is overwritten in place: it takes what
    it is given when the disk is full, too."""

    def read(self) -> bytes: ...

    def write(self, offset: int, data: bytes) -> str:
        """Overwrite; returns "" or, where the system refuses, its words. Never raises."""
        ...


class Ports(Protocol):
    """What a host gives to one agent."""

    role: str
    epoch: int
    """Incarnation of this agent, granted by the supervisor, from 1."""
    generation: int
    """Identity of the shared memory: ring positions are comparable within one only."""
    stamping: bool
    """True: put cycle counters into records and histograms. False on the harness."""

    # Shared memory
    def writer(self, channel: str) -> RingWriter: ...
    def reader(self, channel: str) -> RingReader: ...
    def table_writer(self, table: str) -> TableWriter: ...
    def table_reader(self, table: str) -> TableReader: ...

    # Network: outputs are (conn, bytes)
    def open_ws(self, url: str, headers: Mapping[str, str] | None = None) -> int:
        """Begin to open a WebSocket; returns its conn. OPENED or FAILED follows."""
        ...

    def send(self, conn: int, data: bytes) -> None:
        """Send one text message on a WebSocket."""
        ...

    def ping(self, conn: int, payload: bytes) -> None:
        """Send one ping frame; PONG follows when the peer answers. Hosts ping nobody by
        themselves that an agent keeps alive: see `oms/agents/heartbeat.py`."""
        ...

    def request(
        self, base_url: str, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> int:
        """Send one HTTP request; returns its request_id. The response comes by on_bytes with
        conn 0 and that id in its meta; a time-out or failure comes as status 0."""
        ...

    def open_http(self, base_url: str) -> int:
        """Begin to open an HTTP connection for `request_on`; returns its conn. OPENED or FAILED
        follows, later CLOSED. What was not sent when its process dies never leaves, and it ends
        when the peer's system acknowledges nothing for ORDER_BYTES_UNACKNOWLEDGED_MS."""
        ...

    def request_on(
        self, conn: int, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> int:
        """Send one HTTP request, at most once, on a connection of `open_http` that is open and has
        no question; returns its request_id, or 0: the connection has ended, and nothing left. The
        answer comes as one to `request` does; if the connection ends before, as status 0, and then
        CLOSED. The host sets it no time."""
        ...

    def listen(self, host: str, port: int, kind: str) -> int:
        """Serve "http" or "ws"; returns a listener id. A client's WebSocket arrives as OPENED
        with a fresh conn (see `conn_info`), an HTTP request as on_bytes with its meta."""
        ...

    def respond(
        self, conn: int, request_id: int, status: int, headers: Mapping[str, str], body: bytes
    ) -> None:
        """Answer an HTTP request. Not answering is allowed: the client's time-out fires."""
        ...

    def close(self, conn: int) -> None: ...

    def mute(self, conn: int) -> None:
        """From now on hear and say nothing on a WebSocket, pings among it, yet keep it open: a
        peer whose machine is gone. Only `close` follows."""
        ...

    def conn_info(self, conn: int) -> Mapping[str, str]:
        """`target` (path and query of the handshake), `peer`, `listener`."""
        ...

    # Files, keys, chance, words
    def journal(self, name: str) -> Journal: ...

    def fixed_file(self, name: str) -> FixedFile: ...

    def append_line(self, path: str, line: str) -> None:
        """Append one line to a human file, `path` relative to the desk's data directory."""
        ...

    def whole_file(self, path: str) -> bytes:
        """A file of the desk's data directory as a whole; b"" where there is none."""
        ...

    def put_whole_file(self, path: str, data: bytes) -> None:
        """Put a file in its place at once: readers find the old bytes or the new ones. It is not
        synced: for what can be made again."""
        ...

    def key(self, name: str) -> Key: ...

    def random_bytes(self, count: int) -> bytes:
        """From the host's seeded generator (harness) or the system's (live)."""
        ...

    def log(self, level: str, event: str, **fields: Any) -> None:
        """One structured line. `level` is debug, info, warning or error."""
        ...


def by_whom(fields: Mapping[str, Any]) -> tuple[int, int]:
    """User and process that the host found at the other end of the socket."""
    return int(fields["uid"]), int(fields["pid"])
