"""Journals that are cut, changed and starved, at full size (RELIABILITY I8, rows 9 to 12).

The small sizes of the same are tests/oms/journal/test_damage.py, whose journals and judge these
trials use. Disk trials write real files: a limit of file size at every remaining byte (a child
each), and `strace` that makes the n-th write or fdatasync fail, or say that it wrote less. What was
acknowledged must be read back, and what is read must be a prefix of what was written.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from oms.errors import MexomsError
from oms.journal.frames_hot import append_frame
from oms.journal.reader import Recovery, read_journal
from oms.journal.writer import BlockWriter
from procs.files.journal_file import JournalFile
from shm_layout.enums import RecordType
from shm_layout.records import CYCLE
from tests.chaos.kill import Outcome
from tests.oms.journal.test_damage import Written, blocks_of, prefix_or_refused
from tests.procs.desks import ROOT

NAME = "risk"
BLOCKS = 40
ROOM_MAX = 4096
WORKING = 7
"""Exit code of a writer that wrote everything; 3 = it stopped with one of our errors."""
STOPPED = 3


@dataclass(frozen=True)
class JournalSize:
    """How many of each; steps of 1 are every one."""

    records_blocks: int
    flip_blocks: int
    """Of the journal whose bits are flipped: each of them has it read as a whole."""
    cut_step: int
    bit_step: int
    random_flips: int
    room_step: int
    calls: int


FULL = JournalSize(500, 110, 1, 1, 100_000, 1, 40)
SMOKE = JournalSize(60, 60, 97, 2_003, 300, 331, 2)
TAIL_BYTES = 64 * 1024


def cuts(journal: Written, step: int) -> tuple[int, list[str]]:
    """Cut at every byte: the longest prefix of whole blocks, and nothing raised."""
    trouble = []
    places = range(0, len(journal.last), step)
    for size in places:
        found = prefix_or_refused([journal.last[:size]], journal)
        whole = max((end for end in journal.ends if end <= size), default=0)
        if found is None or (size >= journal.ends[0] and found.file_size_bytes != whole):
            trouble.append(f"cut at {size}")
    return len(places), trouble


def flips(journal: Written, step: int, count: int) -> tuple[int, list[str]]:
    """Every bit of the last 64 KiB; then several bits at random, anywhere behind the header.
    `prefix_or_refused` asserts that no record is read that was not written."""
    trouble = []
    begin = max(len(journal.last) - TAIL_BYTES, journal.ends[0])
    last_block = journal.ends[-2]
    bits = range(begin * 8, len(journal.last) * 8, step)
    damaged = bytearray(journal.last)
    for bit in bits:
        damaged[bit // 8] ^= 1 << bit % 8
        found = prefix_or_refused([bytes(damaged)], journal)
        damaged[bit // 8] ^= 1 << bit % 8
        if (found is None) != (bit < last_block * 8):
            trouble.append(f"bit {bit}")
    chance = random.Random(5)
    for _ in range(count):
        many = bytearray(journal.last)
        for _ in range(chance.randint(1, 6)):
            many[chance.randrange(journal.ends[0], len(many))] ^= 1 << chance.randrange(8)
        prefix_or_refused([bytes(many)], journal)
    return len(bits) + count, trouble


def blocks(journal: Written) -> tuple[int, list[str]]:
    """Each block zeroed, and each pair of neighbours swapped: refused before the last block."""
    trouble = []
    pieces = blocks_of(journal)
    header = journal.last[: journal.ends[0]]
    for at, piece in enumerate(pieces):
        zeroed = [*pieces[:at], bytes(len(piece)), *pieces[at + 1 :]]
        found = prefix_or_refused([header + b"".join(zeroed)], journal)
        if (found is None) != (at < len(pieces) - 1):
            trouble.append(f"block {at} zeroed")
        if at and piece != pieces[at - 1]:
            swapped = [*pieces[: at - 1], piece, pieces[at - 1], *pieces[at + 1 :]]
            if prefix_or_refused([header + b"".join(swapped)], journal) is not None:
                trouble.append(f"blocks {at - 1} and {at} swapped")
    return 2 * len(pieces) - 1, trouble


def write_blocks(folder: Path, durability: str, acknowledged: int) -> int:
    """Write blocks of one record each; a byte to `acknowledged` for each that returned."""
    try:
        port = JournalFile(folder, NAME, durability)
        writer = BlockWriter(port, 1, Recovery())
        state = np.zeros(3, np.int64)
        for k in range(BLOCKS):
            words = np.full(CYCLE.itemsize // 8, k + 1, np.int64)
            words.view(CYCLE)["type"] = RecordType.CYCLE
            append_frame(writer.frames, state, 0, words, 0, len(words))
            writer.commit(state, 0, writer.last_seq)
            os.write(acknowledged, b".")
    except MexomsError as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
        return STOPPED
    return WORKING


def read_back(folder: Path, acknowledged: int) -> str:
    """What speaks against the files; "" = everything that was acknowledged is there."""
    files = [path.read_bytes() for path in sorted(folder.glob(f"{NAME}-*.mxj"))]
    records = list(read_journal(files, Recovery()))
    told = [int(record["now_ns"]) for record in records]
    if told != list(range(1, len(told) + 1)):
        return f"read {told[:3]} …"
    return "" if len(told) >= acknowledged else f"{acknowledged} acknowledged, {len(told)} read"


def rooms(folder: Path, step: int) -> tuple[int, list[str]]:
    """A file that may grow by so many bytes more, 0 to 4,096: the write stops with our sentence,
    and what was acknowledged is read back."""
    whole = folder / "whole"
    whole.mkdir()
    with Path(os.devnull).open("wb") as nowhere:
        assert write_blocks(whole, "process-crash-safe", nowhere.fileno()) == WORKING
    size = next(whole.glob("*.mxj")).stat().st_size
    trouble = []
    sizes = range(0, ROOM_MAX + 1, step)
    for room in sizes:
        place = folder / f"room{room}"
        place.mkdir()
        code, acknowledged = limited(place, size - ROOM_MAX + room)
        wanted = WORKING if room == ROOM_MAX else STOPPED
        said = read_back(place, acknowledged)
        if code != wanted or said:
            trouble.append(f"room for {room} bytes: exit {code}, {said or 'nothing lost'}")
        shutil.rmtree(place)
    return len(sizes), trouble


def limited(place: Path, size_bytes: int) -> tuple[int, int]:
    """(exit code, blocks acknowledged) of a child whose files may be so large."""
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, size_bytes))
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            code = write_blocks(place, "process-crash-safe", into)
        finally:
            os._exit(code)
    os.close(into)
    with os.fdopen(out, "rb") as told:
        acknowledged = len(told.read())
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), acknowledged


INJECTIONS = (
    ("write", "error=EIO"), ("write", "error=ENOSPC"), ("write", "retval=100"),
    ("fdatasync", "error=EIO"),
)  # fmt: skip


def injected(folder: Path, calls: int) -> tuple[int, list[str]]:
    """strace makes the n-th write or fdatasync of the journal fail: the writer stops at once, with
    our sentence, and never tries that call again."""
    if shutil.which("strace") is None:
        return 0, ["NOT RUN: strace is not installed, so no call was made to fail"]
    trouble = []
    for call, how in INJECTIONS:
        for number in range(1, calls + 1):
            place = folder / f"{call}-{how.replace('=', '-')}-{number}"
            place.mkdir()
            path = place / f"{NAME}-000001.mxj"
            log = place / "strace.log"
            done = subprocess.run(
                ["strace", "-f", "-qq", "-o", str(log), "-P", str(path), "-e", f"trace={call}",
                 "-e", f"inject={call}:{how}:when={number}",
                 sys.executable, "-m", "tests.chaos.journal", str(place)],
                cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True,
                timeout=300, check=False,
            )  # fmt: skip
            again = len(log.read_text().splitlines()) - number
            said = read_back(place, len(done.stdout))
            if done.returncode != STOPPED or said or again or b"process stops" not in done.stderr:
                trouble.append(f"{call} {number} {how}: exit {done.returncode}, {again} calls "
                               f"after it, {said or 'nothing lost'}")  # fmt: skip
            shutil.rmtree(place)
    return len(INJECTIONS) * calls, trouble


def run_journal(folder: Path, seed: int, size: JournalSize, say) -> Outcome:
    """The trial `journal`."""
    journal = Written(blocks=size.records_blocks, seed=seed)
    say(f"  {len(journal.records)} records, {len(journal.last)} bytes")
    flipped = Written(blocks=size.flip_blocks, seed=seed)
    tail = len(flipped.last) - flipped.ends[0]
    assert tail >= TAIL_BYTES or size.bit_step > 1, f"a tail of {tail} bytes"
    count, trouble, parts = 0, [], []
    for name, tried in (
        ("cuts", lambda: cuts(journal, size.cut_step)),
        ("flips", lambda: flips(flipped, size.bit_step, size.random_flips)),
        ("blocks", lambda: blocks(journal)),
        ("full disk", lambda: rooms(folder, size.room_step)),
        ("injected", lambda: injected(folder, size.calls)),
    ):
        found = tried()
        say(f"  {name}: {found[0]} tried, {len(found[1])} wrong")
        count += found[0]
        parts.append(f"{found[0]} {name}")
        trouble += found[1][:5]
    return Outcome(count, trouble, [], ", ".join(parts))


if __name__ == "__main__":
    sys.exit(write_blocks(Path(sys.argv[1]), "power-safe", 1))
