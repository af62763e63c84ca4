"""Shared memory that is damaged under its users, or not to be had (RELIABILITY row 17).

What a segment may look like when it is attached is tests/shm_layout/test_segment.py, which runs
here whole; beside it, at full size: random bytes written into the head of a segment while it is
attached again and again, in children, so that a signal is seen; into heads that readers read
(`heads.py`); and a desk whose /dev/shm has no
room, which must refuse with a sentence and leave nothing.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from oms.errors import ExitCode
from shm_layout import segment
from shm_layout.channels import Capacity, topology
from shm_layout.limits import SEGMENT_HEAD_BYTES
from shm_layout.segment import SegmentError, attach, create
from tests.chaos.desk import ENVIRONMENT, ChaosDesk
from tests.chaos.heads import run_heads
from tests.chaos.kill import Outcome
from tests.procs.desks import ROOT

PER_CHILD = 500
SIZES_KIB = (0, 64, 512, 1024, 2048)


def fuzz_child(desk: str, shape: segment.Shape, seed: int) -> int:
    """Damage and attach; 0 = every damage was refused with a sentence, or did no harm."""
    chance = np.random.Generator(np.random.PCG64(seed))
    made = attach(desk, shape, writable=True)
    whole = bytes(made.mapped[:SEGMENT_HEAD_BYTES])
    for _ in range(PER_CHILD):
        for _ in range(int(chance.integers(1, 5))):
            at = int(chance.integers(0, SEGMENT_HEAD_BYTES))
            made.mapped[at] = int(chance.integers(0, 256))
        with contextlib.suppress(SegmentError):
            seen = attach(desk, shape)
            segment.descriptor_of(seen)
            if seen.rows is not None:
                int(seen.rows[-1]["seq"])
        made.mapped[:SEGMENT_HEAD_BYTES] = whole
    return 0


def fuzzed(seed: int, children: int) -> tuple[int, list[str]]:
    """So many children, each with a seed of its own."""
    desk = f"chaos-{os.getpid()}"
    made = topology(["binance.spot"], ["binance"], ["mm"], Capacity.small(), ["one"])
    shapes = [s for s in segment.shapes(made) if s.name in ("intents.mm", "orders", "top")]
    trouble = []
    try:
        for shape in shapes:
            create(desk, shape)
        for number in range(children):
            shape = shapes[number % len(shapes)]
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    code = fuzz_child(desk, shape, seed * 1_000_003 + number)
                finally:
                    os._exit(code)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            if code:
                trouble.append(f"{shape.kind} {shape.name}, child {number}: exit {code}")
    finally:
        for name in segment.existing(desk):
            (segment.SHM_DIR / name[1:]).unlink(missing_ok=True)
    return children * PER_CHILD, trouble


def under_readers(seed: int, readers: int, say) -> tuple[int, list[str]]:
    """`heads`, and how many of its readers stopped."""
    count, trouble, stopped = run_heads(seed, readers)
    say(f"  {stopped} of {readers} readers stopped, because what they read was broken")
    return count, trouble


def no_room(folder: Path) -> tuple[int, list[str]]:
    """`oms up` in a mount namespace whose /dev/shm is small: refused, and nothing left behind."""
    desk = ChaosDesk(folder)
    trouble = []
    for kib in SIZES_KIB:
        shell = (
            f"mount -t tmpfs -o size={max(kib, 4)}k none /dev/shm && "
            f'"$@"; code=$?; ls -A /dev/shm; exit $code'
        )
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", shell, "sh", sys.executable, "-m", "procs.cli.main",
             "up", str(desk.file), "--data-dir", str(desk.data)],
            cwd=ROOT, env=ENVIRONMENT,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        if "unshare" in done.stderr or "mount:" in done.stderr:
            return 0, [f"NOT RUN: no /dev/shm of its own ({done.stderr.strip()[:80]})"]
        left = [line for line in done.stdout.splitlines() if line.startswith("mexoms.")]
        if done.returncode != ExitCode.NO_RESOURCE or left or "/dev/shm" not in done.stderr:
            trouble.append(f"{kib} KiB: exit {done.returncode}, left {left[:2]}")
    return len(SIZES_KIB), trouble


def attached() -> tuple[int, list[str]]:
    """Foreign, wrong layout, symlinked, world-writable, cut, left over: the tests of segments."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/shm_layout/test_segment.py"],
        cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr[-200:]
    count = int(last.split()[0]) if last[:1].isdigit() else 0
    return count, [] if done.returncode == 0 else [last]


def run_segments(folder: Path, seed: int, children: int, say) -> Outcome:
    """The trial `segments`."""
    count, trouble, parts = 0, [], []
    for name, found in (
        ("live head damages", fuzzed(seed, children)),
        ("damages under readers", under_readers(seed, children, say)),
        ("full /dev/shm", no_room(folder)),
        ("segments not ours", attached()),
    ):
        say(f"  {name}: {found[0]} tried, {len(found[1])} wrong")
        count += found[0]
        parts.append(f"{found[0]} {name}")
        trouble += found[1][:5]
    return Outcome(count, trouble, [], ", ".join(parts))


def run_rings(kills: int, say) -> Outcome:
    """The trial `rings`: the kills of tests/stress, in a process of their own."""
    names = [
        "kill-lossless", "kill-broadcast", "kill-parked", "kill-parked-broadcast", "kill-2^32",
        "kill-2^63", "planted-cursor",
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "tests.stress", *names, "--kills", str(kills)],
        cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    lines = done.stdout.strip().splitlines()
    for line in lines:
        say(f"  {line}")
    trouble = [] if done.returncode == 0 else [done.stderr[-300:] or "see the lines above"]
    return Outcome(kills * len(names), trouble, [], f"{kills} kills in each of {len(names)} chains")
