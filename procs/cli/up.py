"""`oms up`: start a desk, in the background unless asked otherwise."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time

from oms.errors import ExitCode, MexomsError
from procs.cli.common import add_config, chosen_desk
from procs.config_files import effective, find_config
from procs.paths import DeskPaths
from procs.start import desk_lock, keep_apart, keep_here, preload
from procs.supervisor_name import SUPERVISOR

READY_S = 60.0
_LOOK_S = 0.02


class StartFailedError(MexomsError):
    """The desk ended before it was ready."""

    def __init__(self, text: str, code: ExitCode) -> None:
        super().__init__(text)
        self.exit_code = code


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    add_config(parser)
    parser.add_argument(
        "--foreground", action="store_true", help="stay here until Ctrl-C or `oms down`"
    )


def run(arguments: argparse.Namespace) -> int:
    """Start; returns when every process is ready."""
    config, paths = chosen_desk(arguments)
    with desk_lock(paths) as lock:
        config = effective(config, paths)
        make_agent = preload(config, find_config(arguments.config).resolve().parent)
        if arguments.foreground:
            return keep_here(config, make_agent, lock)
        keeper = keep_apart(config, make_agent, lock, with_parent=False)
    from procs.cli.look import Look

    wait_ready(keeper, paths)
    look = Look(config, paths)
    print(
        f"desk '{config.name}' runs: {len(look.processes())} processes, keeper {keeper}, "
        f"{config.durability}, files in {paths.data_dir}"
    )
    print("look at it with `oms status`, follow it with `oms tail executions -f`, stop it with "
          "`oms down`")  # fmt: skip
    return ExitCode.OK


def wait_ready(keeper: int, paths: DeskPaths) -> None:
    """Wait until the supervisor says READY; raises StartFailedError with its sentence."""
    from procs.cli.look import Look
    from procs.config_files import running_config
    from shm_layout.segment import SegmentError

    deadline = time.monotonic() + READY_S
    look, said = None, time.monotonic()
    while time.monotonic() < deadline:
        done, status = os.waitpid(keeper, os.WNOHANG)
        if done:
            raise _failed(paths, os.waitstatus_to_exitcode(status))
        if look is None:
            try:
                look = Look(running_config(paths), paths)
            except (SegmentError, MexomsError):
                look = None
        elif look.ready():
            return
        if time.monotonic() - said > 1:
            said = time.monotonic()
            print("starting the processes …", file=sys.stderr)
        time.sleep(_LOOK_S)
    os.kill(keeper, signal.SIGTERM)
    raise StartFailedError(
        f"the desk was not ready after {READY_S:.0f} s and is stopped again; see {paths.logs}",
        ExitCode.FAILED,
    )


def _failed(paths: DeskPaths, code: int) -> StartFailedError:
    try:
        sentence = paths.failure(SUPERVISOR).read_text(encoding="utf-8")
    except OSError:
        sentence = f"the desk ended at its start; see {paths.logs}"
    known = code if code in set(ExitCode) and code != ExitCode.OK else ExitCode.FAILED
    return StartFailedError(sentence, ExitCode(known))
