"""What a simulated exchange's server hands to its host: messages, replies, pings, closes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Send(NamedTuple):
    """One WebSocket message."""

    conn: int
    data: bytes


class Respond(NamedTuple):
    """One HTTP reply."""

    conn: int
    request_id: int
    status: int
    headers: Mapping[str, str]
    body: bytes


class Ping(NamedTuple):
    """One ping frame; its pong is told by `on_pong`."""

    conn: int
    data: bytes


class Close(NamedTuple):
    conn: int


Out = Send | Respond | Ping | Close


class HttpReply(NamedTuple):
    """An HTTP reply before it is known whose it is."""

    status: int
    headers: Mapping[str, str]
    body: bytes
