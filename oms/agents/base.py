"""The one shape of every stage.

An agent is pure: no clock, no socket, no file, no randomness of its own (DESIGN.md laws 1, 2).
Two hosts run it: `procs/runtime.py` with real sockets, processes and cores, and
`oms/sim/harness.py` in one thread under a virtual clock. A host gives it `Ports` (`oms/ports.py`)
and then calls, always from one thread:

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

from collections.abc import Mapping
from typing import Any, Protocol

from oms.ports import NEVER, ConnEvent, HttpMeta, Ports


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
