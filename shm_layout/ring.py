"""Ring handles (cold): the ends of a ring as agents hold them.

A `RingWriter` or `RingReader` is made by the host from a channel and its memory (a segment in
/dev/shm, or plain arrays in the harness). Kernels take `.words`, `.slots` and `.cursor` into
their world; cold agents use `append` and `poll`. A reader's memory is read-only.

Restart: a successor of the writer starts at `write_pos` and never lowers `claim_pos`; a
successor of the reader starts at its cursor, or where its own output says (DESIGN.md law 5).
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Any

import numpy as np

from shm_layout import ring_hot
from shm_layout.channels import Channel, RingKind
from shm_layout.jit import read_only
from shm_layout.limits import SEGMENT_HEAD_BYTES, WORD_BYTES
from shm_layout.records import INTENT, SPEC_OF_TYPE

HEAD_WORDS = SEGMENT_HEAD_BYTES // WORD_BYTES
_seq_at = Struct("<q").unpack_from
assert INTENT.fields is not None
assert INTENT.fields["seq"][1] == ring_hot.SEQ_WORD * WORD_BYTES
assert INTENT.fields["epoch"][1] * 8 == ring_hot.EPOCH_WORD * 64 + ring_hot.EPOCH_SHIFT


@dataclass(frozen=True, slots=True)
class RingMemory:
    """A ring's bytes: the head page as words, and the slots."""

    words: np.ndarray[Any, Any]
    slots: np.ndarray[Any, Any]

    @classmethod
    def anonymous(cls, channel: Channel) -> RingMemory:
        """Memory of this process alone: for the harness and for tests."""
        return cls(np.zeros(HEAD_WORDS, np.int64), np.zeros(channel.slots, channel.record))


class RingWriter:
    """The one writing end."""

    def __init__(
        self,
        channel: Channel,
        memory: RingMemory,
        gate_cursor: np.ndarray[Any, Any] | None,
        epoch: int,
    ) -> None:
        lossless = channel.kind is RingKind.LOSSLESS
        assert lossless == (gate_cursor is not None), f"{channel.name}: gating reader's cursor"
        self.channel = channel
        self.words = memory.words
        self.slots = memory.slots
        # Another process's memory: read-only here as it is mapped there.
        self.gate = read_only(
            np.zeros(HEAD_WORDS, np.int64) if gate_cursor is None else gate_cursor
        )
        self.epoch = epoch
        self._lossless = int(lossless)
        self._slot_words = memory.slots.view(np.int64).reshape(len(memory.slots), -1)

    @property
    def pos(self) -> int:
        return int(self.words[ring_hot.WRITE_POS])

    def free(self) -> int:
        """Slots that may be filled now; a broadcast ring always has all of them."""
        if self.channel.kind is RingKind.BROADCAST:
            return self.channel.slots
        return int(ring_hot.lossless_free(self.words, self.gate, self.channel.slots))

    def append(self, row: np.ndarray[Any, Any]) -> bool:
        """Publish one record (a 0-d or 1-element array of any record type of this slot size).

        False: a lossless ring is full; nothing was written.
        """
        words = np.frombuffer(row, np.int64)
        done = ring_hot.append_row(
            self.words, self.gate, self._slot_words, words, self.epoch, self._lossless
        )
        assert done >= 0, f"{self.channel.name}: {len(words)} words are no slot"
        return bool(done)


class RingReader:
    """One reading end with a cursor of its own."""

    def __init__(self, channel: Channel, memory: RingMemory, cursor: np.ndarray[Any, Any]) -> None:
        self.channel = channel
        self.words = read_only(memory.words)
        self.slots = read_only(memory.slots)
        self.cursor = cursor
        self.lost = 0
        self._none = self.slots[:0].copy()
        self._bytes = self.slots.view(np.uint8).reshape(-1).data
        self._cursor_words = cursor.data
        self._count, self._size = channel.slots, channel.record.itemsize
        self._lossless = channel.kind is RingKind.LOSSLESS

    @property
    def pos(self) -> int:
        found: int = self._cursor_words[ring_hot.READ_POS]
        return found

    def pending(self) -> int:
        """Records published and not yet taken."""
        return int(ring_hot.written(self.words)) - self.pos

    def skip_to_end(self) -> None:
        """Begin at what is written next: for a reader that wants no history."""
        ring_hot.release(self.cursor, int(ring_hot.written(self.words)))

    def poll(self, count_max: int) -> np.ndarray[Any, Any]:
        """Copies of the next records, oldest first, as an array of the slot's dtype.

        The cursor stays: `release(n)` moves it, before or after the effect as the agent's law
        says. On a broadcast ring a lapped reader jumps ahead first and adds to `lost`.
        """
        data = self.poll_bytes(count_max)
        return np.frombuffer(bytearray(data), self.channel.record) if data else self._none

    def poll_bytes(self, count_max: int) -> bytes:
        """The same as the bytes of whole slots, for who unpacks them (`packing`)."""
        pos: int = self._cursor_words[ring_hot.READ_POS]
        end = ring_hot.written(self.words)
        if end == pos:
            return b""
        end = min(end, pos + count_max)
        slots, size = self._count, self._size
        while end > pos:
            first, last = pos & (slots - 1), (end - 1) & (slots - 1)
            if first <= last:
                data = bytes(self._bytes[first * size : (last + 1) * size])
            else:
                data = bytes(self._bytes[first * size :]) + bytes(self._bytes[: (last + 1) * size])
            if self._lossless or ring_hot.broadcast_intact(self.words, pos, slots):
                first_seq, last_seq = _seq_at(data)[0], _seq_at(data, len(data) - size)[0]
                sound = first_seq == pos + 1 and last_seq == end
                assert sound, f"{self.channel.name}: its head or a slot is damaged at {pos}"
                return data
            resumed = int(ring_hot.broadcast_resume(self.words, slots))
            assert resumed > pos, f"{self.channel.name}: its head is damaged at {pos}"
            self.lost += resumed - pos
            pos = resumed
            ring_hot.release(self.cursor, pos)
            end = min(ring_hot.written(self.words), pos + count_max)
        return b""

    def release(self, count: int) -> None:
        """Move the cursor on by `count` records."""
        ring_hot.release(self.cursor, self.pos + count)


def as_record(row: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A row of a mixed ring, viewed as the record type that its head names (0-d array)."""
    dtype = SPEC_OF_TYPE[int(row["type"])].dtype
    return np.frombuffer(row.tobytes(), dtype)[0]
