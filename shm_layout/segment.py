"""Segments: make, attach, verify and sweep one file of /dev/shm.

Owns: the names (`/mexoms.<desk>.<kind>.<name>`), the head page, and every refusal to use memory
that is not ours. The supervisor makes all segments of a desk before it forks; writers and readers
attach by name. Sizes are reserved by `posix_fallocate`: `ftruncate` succeeds on a full /dev/shm
and the first store then kills the process by SIGBUS. Made through posix_ipc and never through
multiprocessing.shared_memory, whose tracker deletes live segments (RELIABILITY F21, F22).

Head page: SEGMENT_HEAD in bytes 0..511, the int64 words of `ring_hot` from byte 512 (each on a
cache line of its own), and from byte 1536 the record types as zlib-compressed JSON, so that a tool
reads a segment by the layout it was made with. `magic` is stored last. A reader maps read-only.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import mmap
import os
import stat
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import posix_ipc

from shm_layout.channels import Channel, Table, Topology
from shm_layout.limits import (
    PAGE_BYTES,
    SEGMENT_BYTES_MAX,
    SEGMENT_HEAD_BYTES,
    SEGMENT_NAME_CHARS_MAX,
)
from shm_layout.records import (
    LAYOUT_VERSION,
    SEGMENT_ENUMS_MAX,
    SEGMENT_HEAD,
    SEGMENT_TYPES_MAX,
    RecordSpec,
    spec_of,
)
from shm_layout.ring import RingMemory
from shm_layout.table import TableMemory

SEGMENT_MAGIC = int.from_bytes(b"mExOms1\0", "little")
DESCRIPTOR_AT = 1536
DESCRIPTOR_BYTES_MAX = SEGMENT_HEAD_BYTES - DESCRIPTOR_AT
SHM_DIR = Path("/dev/shm")  # noqa: S108 - the kernel's place, not a temporary file of ours
KINDS = ("ring", "table", "cursor")

_PREFIX = "mexoms"


class SegmentError(Exception):
    """A segment that cannot be made or used; one sentence: found, required, what to do."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a segment must be: its kind and name, its record types and how many of them."""

    kind: str
    name: str
    writer: str
    slots: int
    specs: tuple[RecordSpec, ...]

    @property
    def record_size_bytes(self) -> int:
        return self.specs[0].size_bytes if self.specs else 0

    @property
    def size_bytes(self) -> int:
        return SEGMENT_HEAD_BYTES + self.slots * self.record_size_bytes


def ring_shape(channel: Channel) -> Shape:
    """The segment of a ring."""
    specs = tuple(spec_of(dtype) for dtype in (channel.record, *channel.also))
    return Shape("ring", channel.name, channel.writer, channel.slots, specs)


def table_shape(table: Table) -> Shape:
    """The segment of a table."""
    return Shape("table", table.name, table.writer, table.rows, (spec_of(table.record),))


def cursor_shape(ring: str, reader: str) -> Shape:
    """The segment of one reader's cursor of one ring; that reader alone writes it."""
    return Shape("cursor", f"{ring}.{reader}", reader, 0, ())


def shapes(topology: Topology) -> list[Shape]:
    """Every segment of a desk."""
    made = [ring_shape(channel) for channel in topology.channels.values()]
    made += [table_shape(table) for table in topology.tables.values()]
    for channel in topology.channels.values():
        made += [cursor_shape(channel.name, reader) for reader in channel.readers]
    return made


def segment_name(desk: str, kind: str, name: str) -> str:
    """`/mexoms.<desk>.<kind>.<name>`."""
    made = f"/{_PREFIX}.{desk}.{kind}.{name}"
    assert kind in KINDS, kind
    assert "." not in desk, f"desk {desk}: a dot would let one desk sweep another"
    assert len(made) <= SEGMENT_NAME_CHARS_MAX, f"segment name {made} is too long"
    assert "/" not in made[1:], f"segment name {made} has a slash in it"
    return made


def boot_id() -> int:
    """63-bit hash of this boot of the machine."""
    text = Path("/proc/sys/kernel/random/boot_id").read_bytes()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "little") >> 1


class Segment:
    """One mapped segment: `head` (SEGMENT_HEAD), `words` (head page as int64), `rows`."""

    def __init__(self, shape: Shape, name: str, mapped: mmap.mmap) -> None:
        self.shape = shape
        self.name = name
        self.mapped = mapped
        self.head = np.frombuffer(mapped, SEGMENT_HEAD, 1)
        self.words = np.frombuffer(mapped, np.int64, SEGMENT_HEAD_BYTES // 8)
        self.rows: np.ndarray[Any, Any] | None = None
        if shape.specs:
            dtype = shape.specs[0].dtype
            self.rows = np.frombuffer(mapped, dtype, shape.slots, SEGMENT_HEAD_BYTES)

    def ring_memory(self) -> RingMemory:
        """As the rings' handles take it."""
        assert self.rows is not None, f"{self.name} has no slots"
        return RingMemory(self.words, self.rows)

    def table_memory(self) -> TableMemory:
        """As the tables' handles take it."""
        assert self.rows is not None, f"{self.name} has no rows"
        return TableMemory(self.words, self.rows)

    def claim(self, pid: int, start_ticks: int, epoch: int) -> None:
        """Say who writes from now on; only a writer that was granted the segment calls it."""
        self.head["writer_pid"] = pid
        self.head["writer_start_ticks"] = start_ticks
        self.head["writer_epoch"] = epoch


def create(desk: str, shape: Shape, generation: int = 1) -> Segment:
    """Make a segment, reserve its memory, fill its head; `magic` last. It must not exist yet.

    `generation` is the same for all segments of a desk that are made together, and another each
    time: positions in rings are comparable within one only.
    """
    name = segment_name(desk, shape.kind, shape.name)
    size_bytes = shape.size_bytes
    assert size_bytes <= SEGMENT_BYTES_MAX, f"{name}: {size_bytes} bytes"
    try:
        made = posix_ipc.SharedMemory(name, posix_ipc.O_CREX, mode=0o600)
    except posix_ipc.ExistentialError as error:
        raise SegmentError(
            f"making segment {name}: it exists already, and it must not; a desk of this name "
            f"runs, or was killed and not swept: see `oms status`, then start with `oms up`"
        ) from error
    except OSError as error:
        raise SegmentError(f"making segment {name}: {error.strerror}") from error
    try:
        os.posix_fallocate(made.fd, 0, size_bytes)
        mapped = mmap.mmap(made.fd, size_bytes)
    except OSError as error:
        posix_ipc.unlink_shared_memory(name)
        raise SegmentError(
            f"making segment {name}: {size_bytes} bytes are needed and /dev/shm has "
            f"{free_bytes()} free ({error.strerror}); free some, or enlarge it "
            "(mount -o remount,size=1G /dev/shm)"
        ) from error
    finally:
        os.close(made.fd)
    segment = Segment(shape, name, mapped)
    _fill_head(segment, generation)
    return segment


def _fill_head(segment: Segment, generation: int) -> None:
    shape, head = segment.shape, segment.head
    assert len(shape.specs) <= SEGMENT_TYPES_MAX
    head["layout_version"] = LAYOUT_VERSION
    head["kind"] = shape.kind.encode()
    head["size_bytes"] = shape.size_bytes
    head["slots"] = shape.slots
    head["record_size_bytes"] = shape.record_size_bytes
    head["type_count"] = len(shape.specs)
    for index, spec in enumerate(shape.specs):
        assert spec.size_bytes == shape.record_size_bytes, f"{shape.name}: {spec.name}'s size"
        counts = [len(names) for names in spec.enums().values()]
        assert len(counts) <= SEGMENT_ENUMS_MAX, f"{spec.name}: {len(counts)} enums"
        head["types"][0, index] = spec.type
        head["type_hashes"][0, index] = spec.type_hash()
        at = index * SEGMENT_ENUMS_MAX
        head["enum_counts"][0, at : at + len(counts)] = counts
    head["boot_id"] = boot_id()
    head["maker_pid"] = os.getpid()
    head["generation"] = generation
    head["writer"] = shape.writer.encode()
    head["name"] = shape.name.encode()
    described = json.dumps([s.descriptor() for s in shape.specs], separators=(",", ":")).encode()
    packed = zlib.compress(described, 9)
    assert len(packed) <= DESCRIPTOR_BYTES_MAX, f"{shape.name}: descriptor of {len(packed)} bytes"
    segment.mapped[DESCRIPTOR_AT : DESCRIPTOR_AT + len(packed)] = packed
    head["descriptor_bytes"] = len(packed)
    head["magic"] = SEGMENT_MAGIC


def attach(desk: str, shape: Shape, *, writable: bool = False) -> Segment:
    """Map an existing segment after verifying all of its head; raises SegmentError."""
    name = segment_name(desk, shape.kind, shape.name)
    flags = os.O_RDWR if writable else os.O_RDONLY
    descriptor = _open_verified(name, flags)
    try:
        found_bytes = os.fstat(descriptor).st_size
        if found_bytes < SEGMENT_HEAD_BYTES:
            raise SegmentError(
                f"segment {name}: found {found_bytes} bytes, required is at least a head page of "
                f"{PAGE_BYTES}; it was cut or never finished: run `oms down`, then `oms up`"
            )
        with mmap.mmap(descriptor, SEGMENT_HEAD_BYTES, prot=mmap.PROT_READ) as page:
            head = np.frombuffer(page[: SEGMENT_HEAD.itemsize], SEGMENT_HEAD)[0]
        _verify_head(name, shape, head, found_bytes)
        prot = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
        mapped = mmap.mmap(descriptor, shape.size_bytes, prot=prot)
    finally:
        os.close(descriptor)
    return Segment(shape, name, mapped)


def _open_verified(name: str, flags: int) -> int:
    """Open a segment's file: no symlink, ours, and closed to everybody else."""
    try:
        descriptor = os.open(SHM_DIR / name[1:], flags | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise SegmentError(
            f"segment {name}: not found, required is one made by the desk's supervisor; start the "
            "desk with `oms up`"
        ) from error
    except OSError as error:
        link = SHM_DIR.joinpath(name[1:]).is_symlink()
        what = "a symbolic link" if link else f"an error ({error.strerror})"
        raise SegmentError(
            f"segment {name}: found {what}, required is a plain file of ours; somebody else "
            f"put it there: look at it, remove it, start again"
        ) from error
    found = os.fstat(descriptor)
    trouble = ""
    if not stat.S_ISREG(found.st_mode):
        trouble = "found no plain file, required is one"
    elif found.st_uid != os.geteuid():
        trouble = f"found owner uid {found.st_uid}, required is {os.geteuid()}"
    elif found.st_mode & 0o077:
        trouble = f"found mode {stat.S_IMODE(found.st_mode):04o}, required is 0600"
    if trouble:
        os.close(descriptor)
        raise SegmentError(
            f"segment {name}: {trouble}; others could have changed it: stop the desk, remove "
            "the file from /dev/shm and start again"
        )
    return descriptor


def _verify_head(name: str, shape: Shape, head: Any, found_bytes: int) -> None:
    def refuse(what: str, found: object, required: object) -> SegmentError:
        return SegmentError(
            f"segment {name}: found {what} {found}, required is {required}; it was made by "
            "another build or config: run `oms down`, then `oms up`"
        )

    if int(head["magic"]) != SEGMENT_MAGIC:
        raise refuse("magic", f"{int(head['magic']):#x}", f"{SEGMENT_MAGIC:#x}")
    expected = (
        ("layout version", int(head["layout_version"]), LAYOUT_VERSION),
        ("boot id", int(head["boot_id"]), boot_id()),
        ("kind", head["kind"].decode("ascii", "replace"), shape.kind),
        ("name", head["name"].decode("ascii", "replace"), shape.name),
        ("writer", head["writer"].decode("ascii", "replace"), shape.writer),
        ("slots", int(head["slots"]), shape.slots),
        ("record size", int(head["record_size_bytes"]), shape.record_size_bytes),
        ("size in its head", int(head["size_bytes"]), shape.size_bytes),
        ("file size", found_bytes, shape.size_bytes),
        ("record types", int(head["type_count"]), len(shape.specs)),
    )
    for what, found, required in expected:
        if found != required:
            raise refuse(what, found, required)
    for index, spec in enumerate(shape.specs):
        at = index * SEGMENT_ENUMS_MAX
        counts = [int(n) for n in head["enum_counts"][at : at + SEGMENT_ENUMS_MAX]]
        known = spec.type_hash(dict(zip(spec.enums(), counts, strict=False)))
        found = int(head["type_hashes"][index])
        if found != known:
            raise refuse(f"type hash of {spec.name}", f"{found:#x}", f"{known:#x}")


def descriptor_of(segment: Segment) -> list[dict[str, Any]]:
    """The record types as their maker described them, for tools."""
    size = int(segment.head["descriptor_bytes"][0])
    packed = segment.mapped[DESCRIPTOR_AT : DESCRIPTOR_AT + max(size, 0)]
    try:
        found: list[dict[str, Any]] = json.loads(zlib.decompress(packed))
    except (zlib.error, ValueError) as error:
        raise SegmentError(
            f"segment {segment.name}: found a descriptor of {size} bytes that cannot be read, "
            "required is what its maker wrote; its head is damaged: stop the desk, start again"
        ) from error
    return found


def free_bytes(place: Path = SHM_DIR) -> int:
    """What /dev/shm has left."""
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize


def roomy(needed_bytes: int) -> str:
    """A size of /dev/shm that gives so much with room to spare, as mount and docker take it: the
    next power of two of MiB.
    """
    wanted = 64
    while wanted << 20 < 2 * needed_bytes:
        wanted *= 2
    return f"{wanted}m"


def check_need(needed_bytes: int, free: int, *, small: bool = False) -> None:
    """Refuse to start a desk that shared memory cannot hold; before anything is made. `small`: its
    capacity is the smaller one already.
    """
    if needed_bytes <= free:
        return
    size = roomy(needed_bytes)
    found = (
        f"shared memory: the desk needs {needed_bytes / 2**20:.1f} MiB in /dev/shm and "
        f"{free / 2**20:.1f} MiB are free; enlarge it (mount -o remount,size={size} /dev/shm; in a "
        f"container --shm-size={size})"
    )
    raise SegmentError(found if small else f'{found} or set capacity = "small" in the desk\'s file')


def existing(desk: str) -> list[str]:
    """Names of every segment of a desk that is there now."""
    return sorted(f"/{path.name}" for path in SHM_DIR.glob(f"{_PREFIX}.{desk}.*"))


def sweep(desk: str, owner_lock: int) -> list[str]:
    """Remove what a dead desk left; `owner_lock` is the descriptor of the desk's lock file.

    The lock is the proof of death: it is taken here (which changes nothing for its holder), and
    a lock that somebody else holds is an error.
    """
    try:
        fcntl.flock(owner_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise SegmentError(
            f"sweeping segments of desk {desk}: its owner lock is held by another process, "
            "required is that nobody holds it; run `oms down` first"
        ) from error
    removed = existing(desk)
    for name in removed:
        with contextlib.suppress(posix_ipc.ExistentialError):
            posix_ipc.unlink_shared_memory(name)
    return removed
