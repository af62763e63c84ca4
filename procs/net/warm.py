"""Keeps a send's way through the system warm in a process that spins.

Between two orders a pinned process runs code of its own, which pushes the system's out of the
core's first caches; the next `send` then takes about twice as long. So when it has found nothing
to do, first behind some work and now and then after that, such a process sends a frame's worth of
bytes to itself, over a loopback connection of its own that nothing else goes through.
"""

from __future__ import annotations

import contextlib
import socket

FRAME_BYTES = 512
"""About an order's."""
IDLE_PASSES = 64
"""Idle passes between two such sends: with `SPIN_LOOKS_WITH_SOCKETS` in each, about a
millisecond, so that an order hardly ever comes while one is under way."""


class Warmth:
    """A loopback connection of our own, and when to send on it."""

    def __init__(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        with listener:
            self._near = socket.create_connection(listener.getsockname())
            self._far = listener.accept()[0]
        for end in (self._near, self._far):
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Whoever else on this machine was quicker to connect is sent nothing.
        self._ours = self._far.getpeername() == self._near.getsockname()
        self._frame = bytes(FRAME_BYTES)
        self._work = -1
        self._left = 0
        self.sent = 0
        """Frames."""

    def idle(self, work: int) -> None:
        """An idle pass, after so much work in all; never blocks."""
        self._left -= 1
        if (work == self._work and self._left > 0) or not self._ours:
            return
        self._work, self._left = work, IDLE_PASSES
        self.sent += 1
        with contextlib.suppress(OSError):  # a full connection, or one that somebody cut
            self._near.send(self._frame)
            self._far.recv(FRAME_BYTES * 2)

    def close(self) -> None:
        """Both ends."""
        self._near.close()
        self._far.close()
