"""Compiles the kernels on all cores before anything else starts.

A desk's processes only load machine code (`shm_layout/jit.py`); what the cache lacks is compiled by
a process that imports numba, `python -m procs.compile MODULE…`. That one forks workers, which take
entry points from one pipe and say on another that they are done; it tells its own parent line by
line. Where all is cached nothing is started.

    python -m procs.compile        the kernels of the demonstration desk
"""

from __future__ import annotations

import importlib
import os
import select
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable

from oms.errors import ExitCode, MexomsError
from shm_layout import jit

ENTRIES_MAX = 250
"""An entry's index is one byte on the pipes."""
_TICK_S = 0.2
"""Progress is told at least so often, so that a person sees the seconds go by."""

Tell = Callable[[int, int, str], None]
"""(finished, of how many, the name of the last one)."""


class CompileError(MexomsError):
    """A kernel could not be compiled."""

    exit_code = ExitCode.FAILED
    action = "the lines above say which and why; an incomplete .cache can be removed"


def compile_kernels(tell: Tell | None = None) -> int:
    """Make every entry point that has been imported ready to call; returns how many."""
    missing = jit.missing()
    if missing and jit.COMPILING:
        _compile_here(missing, tell)
    elif missing:
        _compile_apart(missing, tell)
    return jit.warm()


def provide() -> None:
    """Load what has been imported; what the cache lacks is compiled, without a word."""
    if jit.MODE is jit.Mode.LOADED:
        from shm_layout.compiler import native

        native.make_missing = lambda missing: _compile_apart(missing, None)
        jit.warm()


def _compile_apart(missing: list[jit.Entry], tell: Tell | None) -> None:
    """By a process with the compiler, which this one does without."""
    modules = sorted({entry.function.__module__ for entry in missing})
    environment = {**os.environ, "MEXOMS_JIT": jit.Mode.COMPILER.value}
    command = [sys.executable, "-m", "procs.compile", *modules]
    read, write = os.pipe()
    count, finished, name = len(missing), 0, ""
    # Its end of the pipe is its standard output; its errors are ours.
    with subprocess.Popen(
        command, env=environment, stdout=write, stdin=subprocess.DEVNULL
    ) as child:
        os.close(write)
        try:
            told = b""
            while True:
                if select.select([read], [], [], _TICK_S)[0]:
                    got = os.read(read, 4096)
                    if not got:
                        break
                    *lines, told = (told + got).split(b"\n")
                    finished += len(lines)
                    name = lines[-1].decode() if lines else name
                if tell is not None:
                    tell(min(finished, count), count, name)
        except BaseException:
            child.send_signal(signal.SIGTERM)
            raise
        finally:
            os.close(read)
    if child.returncode or jit.missing():
        names = ", ".join(entry.name for entry in jit.missing())
        raise CompileError(f"the compiler ended with {child.returncode}; not compiled: {names}")


def _compile_here(missing: list[jit.Entry], tell: Tell | None) -> None:
    """In forked workers, what looks like the longest first: the last to end would work alone."""
    assert len(missing) <= ENTRIES_MAX
    weights = [entry.weight() for entry in missing]
    order = sorted(range(len(missing)), key=lambda index: -weights[index])
    todo_out, todo_in = os.pipe()
    done_out, done_in = os.pipe()
    os.write(todo_in, bytes(order))
    os.close(todo_in)
    children = []
    for _ in range(min(len(os.sched_getaffinity(0)), len(missing))):
        child = os.fork()
        if child == 0:
            _work(missing, todo_out, done_in)
        children.append(child)
    os.close(todo_out)
    os.close(done_in)
    finished = 0
    while index := os.read(done_out, 1):
        finished += 1
        if tell is not None:
            tell(finished, len(missing), missing[index[0]].name)
    os.close(done_out)
    for child in children:
        os.waitpid(child, 0)


def _work(missing: list[jit.Entry], todo: int, done: int) -> None:
    """A child: compile until the pipe is empty, or until nobody listens."""
    try:
        jit.for_the_cache()
        while index := os.read(todo, 1):
            jit.compile_entry(missing[index[0]])
            os.write(done, index)
    except BrokenPipeError:
        os._exit(1)
    except BaseException:  # noqa: BLE001 - the child must end here, whatever it was
        traceback.print_exc(file=sys.stderr)
        os._exit(1)
    os._exit(0)


def main(modules: list[str]) -> int:
    """Compile what these modules name, a line for each; without any, the demonstration desk's."""
    if not modules:
        from procs.config.files import find_config, load_desk
        from procs.start import preload

        path = find_config(None)
        preload(load_desk(path), path.resolve().parent)
        return ExitCode.OK
    for module in modules:
        importlib.import_module(module)
    missing = [entry for entry in jit.missing() if entry.function.__module__ in modules]
    if missing:
        _compile_here(missing, lambda *told: print(told[-1], flush=True))
    return ExitCode.FAILED if any(entry in missing for entry in jit.missing()) else ExitCode.OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
