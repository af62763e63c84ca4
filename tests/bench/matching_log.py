"""A command log whose port keeps nothing: what framing and hashing cost, without a disk."""

from __future__ import annotations

from oms.exchange.engine.wal import CommandLog


class _Nowhere:
    def append(self, block: bytes) -> None:
        self.size_bytes = len(block)

    def roll(self, header: bytes) -> None:
        self.size_bytes = len(header)


class MemoryLog(CommandLog):
    """`CommandLog` into nothing."""

    def __init__(self) -> None:
        super().__init__(_Nowhere())
