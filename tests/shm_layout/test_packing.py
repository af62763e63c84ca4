"""Records by `struct` say what numpy says of the same bytes; rings take records either way."""

import numpy as np
import pytest

from shm_layout.channels import Channel, RingKind, WhenFull
from shm_layout.packing import packing
from shm_layout.records import INTENT, MD_TRADE, ORDER_COMMAND, ORDER_UPDATE, TOP_OF_BOOK
from shm_layout.ring import HEAD_WORDS, RingMemory, RingReader, RingWriter

DTYPES = (INTENT, MD_TRADE, ORDER_COMMAND, ORDER_UPDATE, TOP_OF_BOOK)
SLOTS = 8


@pytest.mark.parametrize("dtype", DTYPES)
def test_packing_reads_what_numpy_reads(dtype):
    data = np.random.default_rng(7).integers(0, 256, dtype.itemsize, np.uint8).tobytes()
    made, names = packing(dtype)
    row = np.frombuffer(data, dtype)[0]
    for name, value in zip(names, made.unpack(data), strict=True):
        assert row[name].item() == (value.rstrip(b"\0") if isinstance(value, bytes) else value)


@pytest.mark.parametrize("dtype", DTYPES)
def test_packing_writes_what_it_read_and_zeros_elsewhere(dtype):
    data = bytes(range(1, 256)) * 2
    made, names = packing(dtype, {"seq", "type"})
    assert names == ("seq", "type")
    written = np.frombuffer(made.pack(*made.unpack(data[: made.size])), np.uint8)
    assert written[:10].tolist() == list(range(1, 11))
    assert not written[10:].any()


def ends(kind):
    lossless = kind is RingKind.LOSSLESS
    full = WhenFull.REFUSE if lossless else WhenFull.OVERWRITE
    channel = Channel("r", 1, kind, INTENT, SLOTS, "w", "r" if lossless else "", ("r",), full)
    memory, cursor = RingMemory.anonymous(channel), np.zeros(HEAD_WORDS, np.int64)
    writer = RingWriter(channel, memory, cursor if lossless else None, 5)
    return writer, RingReader(channel, memory, cursor)


@pytest.mark.parametrize("kind", list(RingKind))
def test_record_is_appended_as_it_is_behind_its_head(kind):
    row = np.zeros(1, INTENT)
    row["type"], row["flags"], row["px"], row["asked_by"] = 7, 3, 11, -1
    row["epoch"] = 99
    writer, reader = ends(kind)
    for n in range(3 * SLOTS):
        row["intent_id"] = n
        assert writer.append(row[0] if n % 2 else row)
        (found,) = reader.poll(SLOTS)
        assert (found["seq"], found["type"], found["flags"], found["epoch"]) == (n + 1, 7, 3, 5)
        assert (found["intent_id"], found["px"], found["asked_by"]) == (n, 11, -1)
        assert reader.poll_bytes(SLOTS) == found.tobytes()
        reader.release(1)
    assert reader.poll_bytes(SLOTS) == b""


def test_full_lossless_ring_takes_nothing():
    writer, reader = ends(RingKind.LOSSLESS)
    row = np.zeros(1, INTENT)
    assert all(writer.append(row[0]) for _ in range(SLOTS))
    before = writer.slots.tobytes()
    assert not writer.append(row[0])
    assert (writer.pos, writer.slots.tobytes()) == (SLOTS, before)
    reader.release(1)
    assert writer.append(row[0])


def test_record_of_another_size_is_our_bug():
    writer, _ = ends(RingKind.LOSSLESS)
    with pytest.raises(AssertionError, match="no slot"):
        writer.append(np.zeros(1, MD_TRADE)[0])
