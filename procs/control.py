"""Control sockets: `run/<process>.sock`, where a person's commands reach a process's agents.

A unix socket, 0600 in a folder of 0700, and the kernel must say that the other end is of this user
(or root). One JSON object per line each way: `{"verb": …, …}` in, an object out, `{"error": …}`
where it was refused. Every byte is hostile all the same: lines and clients are bounded, and what
is no such object gets one error line and is cut off.

The server has a poll set of its own with one descriptor, so that an event loop and a plain poll
host it alike. It never blocks.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shm_layout.limits import CONTROL_CLIENTS_MAX, CONTROL_LINE_BYTES_MAX

_READ_BYTES = 1 << 16
_BACKLOG = 16
_CREDENTIALS = struct.Struct("iII")
_IN = select.EPOLLIN
_OUT = select.EPOLLOUT
_ENDED = select.EPOLLHUP | select.EPOLLERR

Handle = Callable[[str, dict[str, Any]], dict[str, Any]]


class LineError(ValueError):
    """Bytes that are no request; the text says what was required."""


@dataclass(slots=True, eq=False)
class _Client:
    """One connection; `taken` counts, so that the one that was silent for longest is known."""

    link: socket.socket
    uid: int
    pid: int
    heard: int
    incoming: bytearray = field(default_factory=bytearray)
    outgoing: bytearray = field(default_factory=bytearray)
    ending: bool = False


def at_folder(folder: int, name: str) -> str:
    """A socket's address by its open folder: addresses have 107 bytes, folders may be deep."""
    return f"/proc/self/fd/{folder}/{name}"


def request_of(line: bytes) -> tuple[str, dict[str, Any]]:
    """Verb and fields of one line; LineError."""
    try:
        found = json.loads(line.decode())
    except (ValueError, RecursionError):
        raise LineError("found no JSON, required is one JSON object a line") from None
    verb = found.pop("verb", None) if isinstance(found, dict) else None
    if not isinstance(verb, str):
        raise LineError('required is a JSON object with a "verb"')
    return verb, found


class ControlServer:
    """The socket of one process; `handle` answers a verb at once."""

    def __init__(self, path: Path, handle: Handle) -> None:
        self._handle = handle
        self._clients: dict[int, _Client] = {}
        self._count = 0
        self._poll = select.epoll()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.setblocking(False)
        folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        before = os.umask(0o177)
        try:
            path.unlink(missing_ok=True)
            self._listener.bind(at_folder(folder, path.name))
        finally:
            os.umask(before)
            os.close(folder)
        self._listener.listen(_BACKLOG)
        self._poll.register(self._listener.fileno(), _IN)

    def fileno(self) -> int:
        """Readable whenever `serve` has something to do."""
        return self._poll.fileno()

    def serve(self) -> int:
        """Take what has come, answer, send; returns how many events there were."""
        events = self._poll.poll(0, CONTROL_CLIENTS_MAX + 1)
        for descriptor, what in events:
            if descriptor == self._listener.fileno():
                self._accept()
                continue
            client = self._clients.get(descriptor)
            if client is not None:
                self._on_client(client, what)
        return len(events)

    def _accept(self) -> None:
        try:
            link, _ = self._listener.accept()
        except OSError:
            return
        link.setblocking(False)
        told = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        pid, uid, _ = _CREDENTIALS.unpack(told)
        if uid not in (os.geteuid(), 0):
            link.close()
            return
        if len(self._clients) >= CONTROL_CLIENTS_MAX:
            self._drop(min(self._clients.values(), key=lambda client: client.heard))
        self._count += 1
        self._clients[link.fileno()] = _Client(link, uid, pid, self._count)
        self._poll.register(link.fileno(), _IN)

    def _drop(self, client: _Client) -> None:
        self._poll.unregister(client.link.fileno())
        del self._clients[client.link.fileno()]
        client.link.close()

    def _on_client(self, client: _Client, what: int) -> None:
        if what & _IN and not client.ending:
            try:
                data = client.link.recv(_READ_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._drop(client)
                return
            self._count += 1
            client.heard = self._count
            client.incoming += data
            self._answer_lines(client)
        elif what & _ENDED:
            self._drop(client)
            return
        self._send(client)

    def _answer_lines(self, client: _Client) -> None:
        while not client.ending:
            line, newline, rest = client.incoming.partition(b"\n")
            if len(line) > CONTROL_LINE_BYTES_MAX:
                self._refuse(
                    client, f"required is a line of at most {CONTROL_LINE_BYTES_MAX} bytes"
                )
            if not newline or client.ending:
                return
            client.incoming = rest
            if line.strip():
                self._answer(client, bytes(line))

    def _answer(self, client: _Client, line: bytes) -> None:
        try:
            verb, fields = request_of(line)
        except LineError as error:
            self._refuse(client, str(error))
            return
        fields["uid"], fields["pid"] = client.uid, client.pid
        answer = self._handle(verb, fields)
        client.outgoing += json.dumps(answer, default=str).encode() + b"\n"
        if len(client.outgoing) > CONTROL_LINE_BYTES_MAX * CONTROL_CLIENTS_MAX:
            client.ending = True  # asks, and never reads

    def _refuse(self, client: _Client, sentence: str) -> None:
        client.outgoing += json.dumps({"error": sentence}).encode() + b"\n"
        client.ending = True
        client.incoming.clear()

    def _send(self, client: _Client) -> None:
        try:
            while client.outgoing:
                del client.outgoing[: client.link.send(client.outgoing)]
        except BlockingIOError:
            self._poll.modify(client.link.fileno(), _OUT if client.ending else _IN | _OUT)
            return
        except OSError:
            self._drop(client)
            return
        if client.ending:
            self._drop(client)
        else:
            self._poll.modify(client.link.fileno(), _IN)

    def close(self, path: Path) -> None:
        """No more commands; the socket's file goes."""
        for client in tuple(self._clients.values()):
            self._drop(client)
        self._listener.close()
        self._poll.close()
        with contextlib.suppress(OSError):
            path.unlink()
