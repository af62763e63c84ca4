"""Frames of one WebSocket connection, bytes in and bytes out: no socket, no clock.

The handshake, control frames, fragments, closes and errors are those of `websockets` (its sans-I/O
protocol objects). Messages in one frame, which is all that a desk's hot paths carry, are found
by a kernel in the buffer that the socket was read into (`frames_hot`), and framed here. It is
stricter than `websockets` in two points of RFC 6455: a text must be UTF-8 (8.1: close 1007) and a
length must be written in its shortest form (5.2: close 1002).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable

import numpy as np
from websockets.client import ClientProtocol
from websockets.exceptions import ProtocolError
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.uri import WebSocketURI

from procs.net.frames_hot import (
    BEGIN,
    BINARY,
    COUNT,
    FULL,
    HAND_OVER,
    HEAD_WORDS,
    MASKED,
    NEEDED,
    NOT_SHORTEST,
    ODD,
    ONE,
    ROW_WORDS,
    SIZE_MAX,
    WORDS,
    scan,
)
from shm_layout.limits import WS_MESSAGE_BYTES_MAX

try:
    from websockets.speedups import apply_mask
except ImportError:  # a platform without its C part
    from websockets.utils import apply_mask

RECEIVE_BYTES = 1 << 16
"""Taken off the socket at once, and what a connection holds between two long messages."""
KEYS_BYTES = 1 << 12
"""Drawn at once: a draw is a system call, and every frame of a client needs four bytes."""

_TEXT = 0x81
_MASKED = 0x80
_head_16 = struct.Struct("!BBH").pack
_head_64 = struct.Struct("!BBQ").pack

Event = bytes | Frame | Request | Response
"""A whole message, a control frame, or the other side's handshake."""


class Framing:
    """One end. The owner writes what `protocol.data_to_send` gives after every call."""

    __slots__ = (
        "_array", "_by_library", "_end", "_is_client", "_key_at", "_keys", "_parts",
        "_parts_are_text", "_random", "_small", "_view", "_word_array", "_words", "protocol",
    )  # fmt: skip

    def __init__(
        self,
        protocol: ClientProtocol | ServerProtocol,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """`random`: so many bytes that nobody can foresee (RFC 6455, 10.3), for masks."""
        self.protocol = protocol
        self._is_client = isinstance(protocol, ClientProtocol)
        self._random = random
        self._keys, self._key_at = b"", 0
        self._word_array = np.zeros(WORDS, np.int64)
        self._words = self._word_array.data
        self._words[MASKED] = not self._is_client
        self._words[SIZE_MAX] = WS_MESSAGE_BYTES_MAX
        self._small = np.empty(RECEIVE_BYTES, np.uint8)
        self._array, self._view = self._small, self._small.data
        self._end = 0
        self._by_library = True
        self._parts: list[bytes] = []
        self._parts_are_text = False

    # Received

    def buffer(self) -> memoryview:
        """Where the next bytes off the socket belong; never empty."""
        return self._view[self._end :]

    def received(self, count: int) -> list[Event]:
        """Take `count` bytes that were put into `buffer()`; what they complete, in order.

        Raises what `websockets` raises on bytes after the end, which break a connection.
        """
        begin = self._end
        if self._by_library:
            return self._given(bytes(self._view[begin : begin + count]))
        end = begin + count
        status = scan(self._word_array, self._array, 0, end)
        if status >= ONE:
            data = self._view[status - ONE : end].tobytes()
            if data.isascii() and self._array is self._small:
                self._end = 0
                return [data]
        self._end = end
        return self._told(status)

    def received_eof(self) -> None:
        """Nothing more will come; what is unfinished was cut off."""
        if self._end and not self._by_library:
            self.protocol.receive_data(bytes(self._view[: self._end]))
        self._by_library = True
        self.protocol.receive_eof()

    def _given(self, data: bytes) -> list[Event]:
        """Handshake and farewell. A handshake is given line by line: what follows its last one is
        frames already, of which the library must not have begun any.
        """
        protocol, events, at = self.protocol, list[Event](), 0
        while at < len(data):
            by_line = protocol.state is State.CONNECTING and protocol.handshake_exc is None
            behind = (data.find(b"\n", at) + 1 if by_line else 0) or len(data)
            protocol.receive_data(data[at:behind])
            at = behind
            for event in protocol.events_received():
                events.append(event)
                if isinstance(event, Request) and isinstance(protocol, ServerProtocol):
                    protocol.send_response(protocol.accept(event))
            if by_line and protocol.state is State.OPEN:
                self._by_library = False
                self._end = len(data) - at
                self._view[: self._end] = data[at:]
                return events + self._told(scan(self._word_array, self._array, 0, self._end))
        return events

    def _told(self, status: int) -> list[Event]:
        """What `scan` found, and whatever it would find if it were asked again."""
        words, view, events = self._words, self._view, list[Event]()
        end, self._end = self._end, 0
        while True:
            rows = iter(words[HEAD_WORDS : HEAD_WORDS + ROW_WORDS * words[COUNT]].tolist())
            for kind, first, behind in zip(rows, rows, rows, strict=True):
                data = bytes(view[first:behind])
                if kind == ODD:
                    self._pass_on(data, events)
                elif kind == BINARY or data.isascii() or self._is_utf_8(data):
                    events.append(data)
                if self._by_library:
                    return events
            if status != FULL:
                break
            status = scan(self._word_array, self._array, words[BEGIN], end)
        if status == HAND_OVER:
            self._by_library = True
            self._pass_on(bytes(view[words[BEGIN] : end]), events)
        elif status == NOT_SHORTEST:
            self._fail(CloseCode.PROTOCOL_ERROR, ProtocolError("length not in its shortest form"))
        else:
            self._keep(words[BEGIN], end, words[NEEDED])
        return events

    def _keep(self, begin: int, end: int, needed: int) -> None:
        """What is unfinished moves to the start of a buffer that will hold all of it."""
        self._end = size = end - begin
        old, new = self._view, self._small
        if needed > RECEIVE_BYTES:
            new = self._array if needed <= len(self._array) else np.empty(needed, np.uint8)
        if new is not self._array:
            self._array, self._view = new, new.data
        if size and (begin or self._view is not old):
            self._view[:size] = old[begin : begin + size]

    def _pass_on(self, data: bytes, events: list[Event]) -> None:
        """Bytes that the library decides on."""
        protocol = self.protocol
        protocol.receive_data(data)
        for frame in protocol.events_received():
            assert isinstance(frame, Frame)
            if frame.opcode >= Opcode.CLOSE:
                events.append(frame)
                continue
            if frame.opcode is not Opcode.CONT:
                self._parts_are_text = frame.opcode is Opcode.TEXT
            self._parts.append(bytes(frame.data))
            if frame.fin:
                whole = b"".join(self._parts)
                self._parts.clear()
                if not self._parts_are_text or self._is_utf_8(whole):
                    events.append(whole)
        if protocol.parser_exc is not None or protocol.close_rcvd is not None:
            self._by_library = True

    def _is_utf_8(self, data: bytes) -> bool:
        """Otherwise the connection fails."""
        try:
            data.decode()
        except UnicodeDecodeError as error:
            self._fail(CloseCode.INVALID_DATA, error)
            return False
        return True

    def _fail(self, code: CloseCode, error: UnicodeDecodeError | ProtocolError) -> None:
        """As the library fails a connection; what is left of the input is dropped."""
        reason = str(error)
        if isinstance(error, UnicodeDecodeError):
            reason = f"{error.reason} at position {error.start}"
        self.protocol.fail(code, reason)
        self.protocol.parser_exc = error
        self._by_library = True

    # To send

    def text(self, data: bytes) -> bytes:
        """One text message as a frame. The connection must be open."""
        size = len(data)
        mask_bit = _MASKED if self._is_client else 0
        if size < 126:
            head = bytes((_TEXT, mask_bit | size))
        elif size < 1 << 16:
            head = _head_16(_TEXT, mask_bit | 126, size)
        else:
            head = _head_64(_TEXT, mask_bit | 127, size)
        if not mask_bit:
            return head + data
        at = self._key_at
        if at == len(self._keys):
            self._keys, at = self._random(KEYS_BYTES), 0
        self._key_at = at + 4
        key = self._keys[at : at + 4]
        return head + key + apply_mask(data, key)


def client_protocol(uri: WebSocketURI) -> ClientProtocol:
    """A client's side, without compression."""
    return ClientProtocol(uri, max_size=WS_MESSAGE_BYTES_MAX)


def server_protocol() -> ServerProtocol:
    """A server's side, without compression."""
    return ServerProtocol(max_size=WS_MESSAGE_BYTES_MAX)
