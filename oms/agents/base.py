"""The one shape of every stage, and the ports through which it touches the world.

An agent is pure: no clock, no socket, no file, no randomness of its own (DESIGN.md laws 1, 2).
Two hosts run it: `procs/runtime.py` with real sockets, processes and cores, and
`oms/sim/harness.py` in one thread under a virtual clock. A host gives it `Ports` and then calls,
always from one thread:

    on_start(ports, now_ns)            once; takes its rings and tables, opens what it needs
    do_work(now_ns) -> int             a turn: takes records, returns how much it did (0 = idle)
    on_bytes(conn, data, now_ns, meta) one WebSocket message, or one HTTP message with its `meta`
    on_conn(conn, event, now_ns)       a connection opened, or ended
    on_control(verb, fields, now_ns)   a person's command, for agents that name `control_verbs`
    next_timer_ns() -> int             when it wants do_work even if nothing comes; NEVER = not
    on_drain(now_ns)                   stop beginning new things (an orderly end is coming)
    drained() -> bool                  nothing of ours is left open
    on_close(now_ns)                   last call

A host calls do_work after every on_bytes, on_conn and timer, and whenever a ring that the agent
reads has grown, until it returns 0. `now_ns` is UTC, never goes backwards.
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


class Agent(Protocol):
    """One stage; see the module's text. Inherit from `BaseAgent` for the empty defaults."""

    role: str
    control_verbs: tuple[str, ...]
    """What it takes from its process's control socket; () = nothing."""

    def on_start(self, ports: Ports, now_ns: int) -> None: ...
    def do_work(self, now_ns: int) -> int: ...
    def on_bytes(
        self, conn: int, data: bytes, now_ns: int, meta: HttpMeta | None = None
    ) -> None: ...
    def on_conn(self, conn: int, event: ConnEvent, now_ns: int) -> None: ...
    def next_timer_ns(self) -> int: ...
    def on_control(self, verb: str, fields: Mapping[str, Any], now_ns: int) -> dict[str, Any]:
        """Answer a person's command at once. The host has put `uid` and `pid` of who asks into
        `fields`; everything else in there is hostile. An answer with `error` is a refusal."""
        ...

    def on_drain(self, now_ns: int) -> None: ...
    def drained(self) -> bool: ...
    def on_close(self, now_ns: int) -> None: ...


class BaseAgent:
    """Defaults for what most agents leave empty."""

    role = ""
    control_verbs: tuple[str, ...] = ()

    def on_start(self, ports: Ports, now_ns: int) -> None:
        del ports, now_ns

    def do_work(self, now_ns: int) -> int:
        del now_ns
        return 0

    def on_bytes(self, conn: int, data: bytes, now_ns: int, meta: HttpMeta | None = None) -> None:
        del conn, data, now_ns, meta

    def on_conn(self, conn: int, event: ConnEvent, now_ns: int) -> None:
        del conn, event, now_ns

    def next_timer_ns(self) -> int:
        return NEVER

    def on_control(self, verb: str, fields: Mapping[str, Any], now_ns: int) -> dict[str, Any]:
        del fields, now_ns
        raise AssertionError(f"{self.role} takes no {verb}")

    def on_drain(self, now_ns: int) -> None:
        del now_ns

    def drained(self) -> bool:
        return True

    def on_close(self, now_ns: int) -> None:
        del now_ns
