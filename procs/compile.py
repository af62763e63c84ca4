"""Compiles the kernels on all cores before anything else starts.

Children forked from the process that has imported everything take entry points from one pipe,
compile them into the shared cache and say so on another; the parent then loads all of them from
the cache. Where all is cached already nothing is forked.
"""

from __future__ import annotations

import hashlib
import os
import select
import sys
import traceback
from collections.abc import Callable

from shm_layout import jit

_TICK_S = 0.2
"""Progress is told at least so often, so that a person sees the seconds go by."""
ENTRIES_MAX = 250
"""An entry's index is one byte on the pipes."""


def compile_kernels(progress: Callable[[int, int, str], None] | None = None) -> int:
    """Compile or load every entry point that has been imported; returns how many."""
    count = jit.entry_count()
    if count == 0:
        return 0
    workers = min(len(os.sched_getaffinity(0)), count)
    whole = jit.cache_dir() / f"whole-{_names_digest()}"
    if whole.exists():
        return jit.warm()
    if workers > 1:
        _compile_in_children(workers, progress)
    jit.warm(progress if workers <= 1 else None)
    whole.touch()
    return count


def _names_digest() -> str:
    """Which entry points these are: a desk of other agents has others to compile."""
    names = sorted(jit.entry_name(index) for index in range(jit.entry_count()))
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]


def _compile_in_children(workers: int, progress: Callable[[int, int, str], None] | None) -> None:
    assert jit.entry_count() <= ENTRIES_MAX
    todo_out, todo_in = os.pipe()
    done_out, done_in = os.pipe()
    os.write(todo_in, bytes(jit.entries_by_weight()))
    os.close(todo_in)
    children = []
    for _ in range(workers):
        child = os.fork()
        if child == 0:
            _work(todo_out, done_in)
        children.append(child)
    os.close(todo_out)
    os.close(done_in)
    finished, name = 0, ""
    while True:
        if select.select([done_out], [], [], _TICK_S)[0]:
            told = os.read(done_out, 1)
            if not told:
                break
            finished += 1
            name = jit.entry_name(told[0])
        if progress is not None:
            progress(finished, jit.entry_count(), name)
    os.close(done_out)
    for child in children:
        os.waitpid(child, 0)


def _work(todo: int, done: int) -> None:
    """A child: compile until the pipe is empty. What fails here fails again, visibly, in the
    parent."""
    try:
        while index := os.read(todo, 1):
            jit.compile_entry(index[0])
            os.write(done, index)
    except BaseException:  # noqa: BLE001 - the child must end here, whatever it was
        traceback.print_exc(file=sys.stderr)
        os._exit(1)
    os._exit(0)


def main() -> int:
    """`python -m procs.compile`: fill the cache for the demonstration desk, ahead of whoever would
    otherwise wait for it in the middle of something."""
    from procs.config_files import find_config, load_desk
    from procs.start import preload

    path = find_config(None)
    preload(load_desk(path), path.resolve().parent)
    return 0


if __name__ == "__main__":
    sys.exit(main())
