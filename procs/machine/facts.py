"""What this machine has to offer a desk: facts, read once; `findings/checks.py` judges them."""

from __future__ import annotations

import ctypes
import importlib.metadata
import os
import re
import resource
import sys
from dataclasses import dataclass
from pathlib import Path

from oms.config import DeskConfig
from procs.config.files import project_root
from procs.machine.cores import usable_cpus
from procs.memory import desk_topology
from shm_layout import segment
from shm_layout.limits import PAGE_BYTES
from shm_layout.segment import SHM_DIR

_TIMEX_BYTES = 208
"""`struct timex` of adjtimex(2) on 64-bit Linux."""
_TIME_ERROR = 5
"""adjtimex's answer while the clock is not synchronised."""
_LOCKED = re.compile(r"^([A-Za-z0-9_.-]+)==(\S+)", re.MULTILINE)
UNLIMITED = resource.RLIM_INFINITY
_CAP_IPC_LOCK = 14
_MIB = 1 << 20


def mib(size_bytes: int) -> str:
    """12.5 MiB."""
    return f"{size_bytes / _MIB:.1f} MiB"


def need_bytes(config: DeskConfig) -> int:
    """Shared memory that the desk's rings, tables and cursors take: whole pages of each."""
    shapes = segment.shapes(desk_topology(config))
    return sum(-(-shape.size_bytes // PAGE_BYTES) * PAGE_BYTES for shape in shapes)


def memlock_is_low(need: int, limit: int, *, may_lock_all: bool) -> bool:
    """May less be locked in memory than the desk shares?"""
    return not may_lock_all and limit != UNLIMITED and limit < need


def memlock_warning(need: int, limit: int) -> str:
    """What a low limit costs, and what lifts it."""
    return (
        f"memlock: {mib(need)} of rings may be swapped out, because {mib(limit)} may be locked; "
        "under memory pressure a tick then takes milliseconds: `ulimit -l unlimited`, or memlock "
        "in /etc/security/limits.conf (LimitMEMLOCK= of a service, --ulimit memlock=-1 of a "
        "container)"
    )


@dataclass(frozen=True, slots=True)
class Machine:
    """Facts; sizes in bytes."""

    python: tuple[int, int, int]
    packages_wrong: tuple[str, ...]
    """`name found (wanted)` of each package that is not as requirements.lock has it."""
    shm_free: int
    shm_total: int
    memlock: int
    """RLIMIT_MEMLOCK, UNLIMITED where nothing limits it."""
    may_lock_all: bool
    """CAP_IPC_LOCK: no limit counts."""
    swap_total: int
    cores: int
    """That this process may use."""
    files_max: int
    """RLIMIT_NOFILE."""
    clock_synchronised: bool


def packages_wrong() -> tuple[str, ...]:
    """What differs from requirements.lock; nothing where the file is not there (an installation
    without the sources)."""
    lock = project_root() / "requirements.lock"
    if not lock.exists():
        return ()
    found = []
    for name, wanted in _LOCKED.findall(lock.read_text(encoding="utf-8")):
        try:
            there = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            there = "missing"
        if there != wanted:
            found.append(f"{name} {there} ({wanted})")
    return tuple(found)


def memlock_limit() -> int:
    """Bytes that a process may lock in memory."""
    return resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]


def has_capability(number: int) -> bool:
    """Is a capability in force for this process?"""
    found = re.search(
        r"^CapEff:\s*([0-9a-f]+)", Path("/proc/self/status").read_text("ascii"), re.MULTILINE
    )
    return found is not None and bool(int(found[1], 16) >> number & 1)


def may_lock_all() -> bool:
    """May this process lock memory without a limit?"""
    return has_capability(_CAP_IPC_LOCK)


def _swap_total() -> int:
    text = Path("/proc/meminfo").read_text("ascii")
    found = re.search(r"^SwapTotal:\s*(\d+) kB", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _clock_synchronised() -> bool:
    """adjtimex(2) without changing anything."""
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)
    return int(ctypes.CDLL(None).adjtimex(timex)) != _TIME_ERROR


def machine() -> Machine:
    """This one, now."""
    shm = os.statvfs(SHM_DIR)
    return Machine(
        python=sys.version_info[:3],
        packages_wrong=packages_wrong(),
        shm_free=shm.f_bavail * shm.f_frsize,
        shm_total=shm.f_blocks * shm.f_frsize,
        memlock=memlock_limit(),
        may_lock_all=may_lock_all(),
        swap_total=_swap_total(),
        cores=len(usable_cpus()),
        files_max=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        clock_synchronised=_clock_synchronised(),
    )
