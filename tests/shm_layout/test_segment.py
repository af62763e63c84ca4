"""Segments: what may be attached, and each refusal as one sentence that says what to do."""

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
from enum import IntEnum

import numpy as np
import pytest

from shm_layout import segment
from shm_layout.channels import Capacity, topology
from shm_layout.limits import SEGMENT_HEAD_BYTES
from shm_layout.records import RECORDS
from shm_layout.ring_hot import READ_POS, WRITE_POS
from shm_layout.segment import SegmentError, attach, create

HOLDER = """
import fcntl, sys, signal
file = open(sys.argv[1], 'w')
fcntl.flock(file, fcntl.LOCK_EX)
print('held', flush=True)
signal.pause()
"""


@pytest.fixture
def desk(tmp_path):
    name = f"test-{os.getpid()}"
    yield name
    sweep(name, tmp_path)


@pytest.fixture
def shapes():
    made = topology(["binance.spot"], ["binance"], ["mm"], Capacity.small(), ["one"])
    return {(s.kind, s.name): s for s in segment.shapes(made)}


def sweep(desk, folder):
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        return segment.sweep(desk, lock)
    finally:
        os.close(lock)


def path_of(desk, shape):
    return segment.SHM_DIR / segment.segment_name(desk, shape.kind, shape.name)[1:]


def test_segment_made_and_attached_shows_the_same_bytes(desk, shapes):
    shape = shapes["ring", "top"]
    made = create(desk, shape, 7)
    made.rows["bid_px"][3] = 42
    made.words[WRITE_POS] = 4
    seen = attach(desk, shape)
    assert int(seen.rows["bid_px"][3]) == 42
    assert int(seen.words[WRITE_POS]) == 4
    assert int(seen.head["generation"][0]) == 7
    assert path_of(desk, shape).stat().st_mode & 0o777 == 0o600


def test_segment_of_every_shape_is_as_large_as_the_topology_says(desk, shapes):
    made = topology(["binance.spot"], ["binance"], ["mm"], Capacity.small(), ["one"])
    assert sum(shape.size_bytes for shape in shapes.values()) == made.size_bytes()
    for shape in shapes.values():
        create(desk, shape)
        assert path_of(desk, shape).stat().st_size == shape.size_bytes


def test_reader_mapping_refuses_stores(desk, shapes):
    shape = shapes["table", "orders"]
    create(desk, shape)
    seen = attach(desk, shape)
    with pytest.raises(ValueError, match="read-only"):
        seen.rows["px"][0] = 1
    with pytest.raises(ValueError, match="read-only"):
        seen.words[READ_POS] = 1


def test_descriptor_tells_the_layout_that_the_maker_had(desk, shapes):
    shape = shapes["ring", "executions.binance"]
    create(desk, shape)
    found = segment.descriptor_of(attach(desk, shape))
    assert [d["name"] for d in found] == [
        "Execution", "Balance", "InstrumentSpec", "TickLadder", "PositionSaid", "FeeRate",
        "KeyState",
    ]  # fmt: skip
    assert found[0] == RECORDS["Execution"].descriptor()


def test_create_refuses_what_is_there_already(desk, shapes):
    shape = shapes["ring", "top"]
    create(desk, shape)
    with pytest.raises(SegmentError, match="exists already"):
        create(desk, shape)


def test_attach_refuses_what_is_not_there(desk, shapes):
    with pytest.raises(SegmentError, match=r"not found.*oms up"):
        attach(desk, shapes["ring", "top"])


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("magic", 0, "magic"),
        ("layout_version", 99, "layout version 99"),
        ("slots", 12, "slots 12"),
        ("record_size_bytes", 64, "record size 64"),
        ("size_bytes", 1, "size in its head"),
        ("writer", b"somebody", "writer somebody"),
        ("name", b"other", "name other"),
        ("kind", b"table", "kind table"),
        ("boot_id", 5, "boot id"),
        ("type_count", 0, "record types 0"),
    ],
)
def test_attach_refuses_a_head_that_says_otherwise(desk, shapes, field, value, said):
    shape = shapes["ring", "top"]
    create(desk, shape).head[field] = value
    with pytest.raises(SegmentError, match=said) as refusal:
        attach(desk, shape)
    assert "oms down" in str(refusal.value)


def test_attach_refuses_another_type_hash(desk, shapes):
    shape = shapes["ring", "top"]
    create(desk, shape).head["type_hashes"][0, 1] += 1
    with pytest.raises(SegmentError, match="type hash of MdTrade"):
        attach(desk, shape)


def with_longer_enum(spec):
    """The same record in a build whose enum has one name more."""
    field = next(f for f in spec.fields if f.enum is not None and f.name == "state")
    names = {m.name: m.value for m in field.enum}
    longer = IntEnum(field.enum.__name__, {**names, "ADDED": max(names.values()) + 1})
    fields = tuple(
        dataclasses.replace(f, enum=longer) if f.name == "state" else f for f in spec.fields
    )
    return dataclasses.replace(spec, fields=fields)


def test_longer_enum_reads_a_shorter_one_and_not_the_other_way(desk, shapes):
    shape = shapes["table", "books"]
    longer = dataclasses.replace(shape, specs=(with_longer_enum(shape.specs[0]),))
    create(desk, shape)
    assert attach(desk, longer) is not None
    sweep_one(desk, shape)
    create(desk, longer)
    with pytest.raises(SegmentError, match="type hash of BookRow"):
        attach(desk, shape)


def sweep_one(desk, shape):
    path_of(desk, shape).unlink()


@pytest.mark.parametrize("mode", [0o644, 0o622, 0o666])
def test_attach_refuses_a_mode_that_lets_others_in(desk, shapes, mode):
    shape = shapes["ring", "top"]
    create(desk, shape)
    path_of(desk, shape).chmod(mode)
    with pytest.raises(SegmentError, match=f"mode {mode:04o}, required is 0600"):
        attach(desk, shape)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_attach_refuses_another_owner(desk, shapes):
    shape = shapes["ring", "top"]
    create(desk, shape)
    os.chown(path_of(desk, shape), 12345, -1)
    with pytest.raises(SegmentError, match="owner uid 12345"):
        attach(desk, shape)


def test_attach_refuses_a_symbolic_link(desk, shapes):
    shape = shapes["ring", "top"]
    create(desk, shape)
    path_of(desk, shape).rename(path_of(desk, shape).with_suffix(".moved"))
    path_of(desk, shape).symlink_to(path_of(desk, shape).with_suffix(".moved"))
    with pytest.raises(SegmentError, match="symbolic link"):
        attach(desk, shape)


@pytest.mark.parametrize("size", [0, 100, SEGMENT_HEAD_BYTES, SEGMENT_HEAD_BYTES + 1])
def test_attach_refuses_a_segment_that_was_cut(desk, shapes, size):
    shape = shapes["ring", "top"]
    create(desk, shape)
    os.truncate(path_of(desk, shape), size)
    with pytest.raises(SegmentError, match=r"oms down"):
        attach(desk, shape)


def test_head_fuzz_never_kills_who_attaches(desk, shapes):
    shape = shapes["ring", "intents.mm"]
    made = create(desk, shape)
    whole = bytes(made.mapped[:512])
    chance = np.random.Generator(np.random.PCG64(1))
    for _ in range(500):
        at, byte = int(chance.integers(0, 512)), int(chance.integers(0, 256))
        made.mapped[at] = byte
        with contextlib.suppress(SegmentError):
            segment.descriptor_of(attach(desk, shape))
        made.mapped[:512] = whole


def test_sweep_removes_what_a_dead_desk_left_and_nothing_else(desk, shapes, tmp_path):
    create(desk, shapes["ring", "top"])
    other = f"{desk}x"
    create(other, shapes["ring", "top"])
    assert len(sweep(desk, tmp_path)) == 1
    assert segment.existing(desk) == []
    assert len(sweep(other, tmp_path)) == 1


def test_sweep_refuses_while_somebody_holds_the_lock(desk, shapes, tmp_path):
    create(desk, shapes["ring", "top"])
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            HOLDER,
            str(tmp_path / "lock"),
        ],
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(SegmentError, match="held by another process"):
            sweep(desk, tmp_path)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert len(sweep(desk, tmp_path)) == 1
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def test_need_is_compared_before_anything_is_made():
    segment.check_need(1 << 20, 1 << 20)
    with pytest.raises(SegmentError) as refusal:
        segment.check_need(100 << 20, 64 << 20)
    for words in ("needs 100.0 MiB", "64.0 MiB are free", 'capacity = "small"', "/dev/shm"):
        assert words in str(refusal.value)
    with pytest.raises(SegmentError) as refusal:
        segment.check_need(100 << 20, 64 << 20, small=True)
    assert "size=256m" in str(refusal.value)
    assert "capacity" not in str(refusal.value), "it is set already"


def test_create_on_a_full_place_fails_cleanly_and_leaves_nothing(desk, shapes, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(SegmentError, match=r"No space left.*enlarge it"):
        create(desk, shapes["ring", "top"])
    assert segment.existing(desk) == []
