"""What the network half calls: the agent behind a connection, and the turn after its input."""

from __future__ import annotations

from typing import Any, Protocol

from oms.ports import ConnEvent, HttpMeta


class Sink(Protocol):
    """One agent, as its connections see it; `procs.hosted.HostedAgent` is the real one."""

    role: str

    def on_bytes(self, conn: int, data: bytes, meta: HttpMeta | None = None) -> None:
        """One whole message."""
        ...

    def on_conn(self, conn: int, event: ConnEvent) -> None:
        """A connection opened or ended."""
        ...

    def after_input(self) -> None:
        """Everything that came off the socket by now was handed over: take a turn."""
        ...

    def log(self, level: str, event: str, **fields: Any) -> None:
        """One structured line."""
        ...
