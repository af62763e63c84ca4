"""Two ends of a WebSocket in memory, for tests and benches of what is behind the handshake."""

from __future__ import annotations

from typing import Any

from websockets.uri import parse_uri

from procs.net.framing import Event, Framing, client_protocol, server_protocol


def put(framing: Framing, data: bytes) -> list[Event]:
    """These bytes come off its socket."""
    events: list[Event] = []
    while data:
        room = framing.buffer()
        size = min(len(room), len(data))
        room[:size] = data[:size]
        data = data[size:]
        events += framing.received(size)
    return events


def said(framing: Framing) -> bytes:
    """What the library behind it has to say."""
    return b"".join(framing.protocol.data_to_send())


def opened(**options: Any) -> tuple[Framing, Framing]:
    """Client and server behind their handshake."""
    uri = parse_uri("ws://127.0.0.1/stream")
    client, server = Framing(client_protocol(uri), **options), Framing(server_protocol(), **options)
    connect: Any = client.protocol
    connect.send_request(connect.connect())
    put(server, said(client))
    put(client, said(server))
    return client, server
