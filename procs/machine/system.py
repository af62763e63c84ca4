"""What we ask of the operating system beyond files: cores, names, subreaping, parents' deaths."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path

from procs.machine.cores import as_list, usable_cpus

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36
_NAME_CHARS_MAX = 15
_FALLOC_FL_KEEP_SIZE = 1

YIELD_LONG_NS = 1_000_000
"""A process of ours that shares the core has done its pass by then; a stranger takes its slice."""
YIELD_PAUSES = 20
"""How many times its length a long yield is the last: at most 5 % of the time is lost."""

_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: object) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), f"prctl {option}")


def set_title(name: str) -> None:
    """Name this process in `ps -e` and `top`: the first 15 characters."""
    _prctl(_PR_SET_NAME, ctypes.c_char_p(name.encode()[:_NAME_CHARS_MAX]))


def become_subreaper() -> None:
    """Children of our children that lose their parent become ours."""
    _prctl(_PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(1))


def die_with_parent(number: signal.Signals) -> None:
    """Have the kernel send us `number` when our parent dies."""
    _prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(number))


def no_core_dump() -> None:
    """Secrets of a process do not go to disk when it dies."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def lock_in_memory(address: int, size_bytes: int) -> bool:
    """Keep these pages from being swapped out; False = not permitted, or beyond RLIMIT_MEMLOCK."""
    return _libc.mlock(ctypes.c_void_p(address), ctypes.c_size_t(size_bytes)) == 0


def pin(core: int) -> str:
    """Pin this process to the `core`-th of the cores that it may use; "" or why it could not.

    Cores count within those that we may have (`procs/machine/cores.py`), so that a map also fits a
    container's share of them, and reaches CPUs that `isolcpus` keeps free.
    """
    if core < 0:
        return ""
    allowed = usable_cpus()
    if core >= len(allowed):
        found = as_list(allowed)
        return f"core {core} of the map is not there: {len(allowed)} may be used ({found})"
    try:
        os.sched_setaffinity(0, {allowed[core]})
    except OSError as error:
        return f"pinning to core {allowed[core]} failed ({error.strerror})"
    return ""


def thread_count() -> int:
    """Threads of this process; a parent must have one when it forks."""
    return len(list(Path("/proc/self/task").iterdir()))


def set_apart(descriptor: int, offset: int, size_bytes: int) -> bool | None:
    """Give a file its blocks beyond its end without making it longer; False = the disk (or a quota,
    or a limit of file size) refuses, None = this file system cannot.
    """
    while _libc.fallocate(
        descriptor, _FALLOC_FL_KEEP_SIZE, ctypes.c_int64(offset), ctypes.c_int64(size_bytes)
    ):
        trouble = ctypes.get_errno()
        if trouble in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return False
        if trouble != errno.EINTR:
            return None
    return True


class GiveWay:
    """Lets who shares our core go on, as long as the core comes back soon.

    Who yields forfeits the rest of its slice, and recent kernels count it as used. Beside a
    stranger that computes, every pass would wait for the stranger's slice, and a busy process would
    fall behind for seconds. So the second of two long yields running is the last for a while. One
    alone tells nothing: a process of ours has long passes, too, and while we do not give way, what
    we wake waits for our idle turn as well.
    """

    def __init__(
        self,
        give: Callable[[], None] = os.sched_yield,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._give = give
        self._clock_ns = clock_ns
        self._again_ns = 0
        self._was_long = False

    def __call__(self) -> None:
        began_ns = self._clock_ns()
        if began_ns < self._again_ns:
            return
        self._give()
        ended_ns = self._clock_ns()
        took_ns = ended_ns - began_ns
        is_long = took_ns > YIELD_LONG_NS
        if is_long and self._was_long:
            self._again_ns = ended_ns + YIELD_PAUSES * took_ns
        self._was_long = is_long
