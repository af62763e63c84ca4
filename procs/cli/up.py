"""`oms up`: start a desk, in the background unless asked otherwise."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import textwrap
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from oms.config import DeskConfig
from oms.errors import ExitCode, MexomsError
from procs.cli.findings.rates import refuse_unkept
from procs.cli.parts.common import add_config, add_host, chosen_desk, print_json
from procs.cli.parts.heard import Heard
from procs.cli.parts.page import WIDTH
from procs.config.files import find_config
from procs.config.ports import effective
from procs.files.paths import DeskPaths
from procs.here import here, say, tell
from procs.machine.host_plan import AUTO, as_toml, page, plan_here
from procs.start import check_machine, desk_lock, keep_apart, keep_here, preload
from procs.supervisor_name import SUPERVISOR

if TYPE_CHECKING:
    from procs.cli.parts.look import Look

READY_S = 60.0
_LOOK_S = 0.02


class StartFailedError(MexomsError):
    """The desk ended before it was ready."""

    def __init__(self, text: str, code: ExitCode) -> None:
        super().__init__(text)
        self.exit_code = code


EXAMPLES = """\
examples:
  oms up                         returns when every process is ready
  oms up --foreground            stays, for a service manager; SIGTERM ends it in order
  oms up --data-dir /tmp/desk    a second desk with files of its own
  oms up --dry-run               checks config, locks, ports and memory; starts nothing
  oms up --host auto             with a core map made for this machine, and why it is so
  oms up --host auto --dry-run   prints the map, too, as a file of configs/hosts, and why

A desk whose keeper or supervisor died goes on; `oms up` adopts its processes.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    add_config(parser)
    add_host(parser)
    parser.add_argument(
        "--foreground", action="store_true", help="stay here until Ctrl-C or `oms down`"
    )
    parser.add_argument("--dry-run", action="store_true", help="check what can be; start nothing")
    parser.add_argument("--json", action="store_true", help="one JSON object, once it runs")


def run(arguments: argparse.Namespace) -> int:
    """Start; returns when every process is ready."""
    config, paths = chosen_desk(arguments)
    if not arguments.dry_run and not arguments.json:
        explain_map(config)
    if arguments.dry_run:
        return would_start(config, paths, as_json=arguments.json)
    with desk_lock(paths) as lock:
        config = effective(config, paths)
        check_machine(config, paths)
        refuse_unkept(config)
        make_agent = preload(config, find_config(arguments.config).resolve().parent)
        if arguments.foreground:
            return keep_here(config, make_agent, lock)
        keeper = keep_apart(config, make_agent, lock, with_parent=False)
    from procs.cli.parts.look import Look

    wait_ready(keeper, paths)
    look = Look(config, paths)
    if arguments.json:
        shown = _shown(config, paths)
        print_json({**shown, "keeper_pid": keeper, "started": True})
        return ExitCode.OK
    tell(
        f"desk '{config.name}' runs: {len(look.processes())} processes, keeper {keeper}, "
        f"{config.durability}, files in {paths.data_dir}"
    )
    tell(
        "look at it with `oms status`, follow it with `oms tail executions -f`, stop it with "
        "`oms down`"
    )
    return ExitCode.OK


def _shown(config: DeskConfig, paths: DeskPaths) -> dict[str, Any]:
    return {
        "desk": config.name,
        "data_dir": str(paths.data_dir),
        "durability": config.durability,
        "host": config.host.name,
        "processes": [process.name for process in config.host.processes],
    }


def would_start(config: DeskConfig, paths: DeskPaths, *, as_json: bool) -> int:
    """Check what can be before anything is made; where no desk has been, not even its folder."""
    with desk_lock(paths) if paths.desk_lock.exists() else contextlib.nullcontext():
        check_machine(effective(config, paths), paths)
        refuse_unkept(config)
    if as_json:
        print_json({**_shown(config, paths), "started": False})
        return ExitCode.OK
    if is_planned(config):
        show_map(config)
    # On stderr: a map goes into a file.
    say(
        f"desk '{config.name}' would start {len(config.host.processes)} processes with files "
        f"in {paths.data_dir}; nothing was started"
    )
    return ExitCode.OK


def is_planned(config: DeskConfig) -> bool:
    """Was its core map made for this machine?"""
    return config.host.name.startswith(f"{AUTO}-")


def explain_map(config: DeskConfig) -> None:
    """Where a core map was made for this machine: which core each process gets, and why."""
    if is_planned(config):
        for line in page(plan_here(config)):
            print(textwrap.fill(here(line), WIDTH, subsequent_indent="  "))


def show_map(config: DeskConfig) -> None:
    """The core map made for this machine, as a file; what explains it stands in comments."""
    for line in page(plan_here(config)):
        print(textwrap.fill(here(line), WIDTH, initial_indent="# ", subsequent_indent="#   "))
    print(as_toml(config.host), end="")


def wait_ready(
    keeper: int, paths: DeskPaths, on_look: Callable[[Look], None] | None = None
) -> None:
    """Wait until the supervisor says READY, passing on what it says of deaths at the start; raises
    StartFailedError with the sentence of the process that cannot start. `on_look` is called some
    twenty times a second from the moment on at which there is something to be seen.
    """
    from procs.cli.parts.look import Look
    from procs.config.files import running_config
    from shm_layout.segment import SegmentError

    began = said = time.monotonic()
    heard = Heard(paths)
    look = None
    while time.monotonic() - began < READY_S:
        done, status = os.waitpid(keeper, os.WNOHANG)
        if done:
            raise _failed(paths, os.waitstatus_to_exitcode(status))
        if look is None:
            try:
                found = Look(running_config(paths), paths)
                look = found if found.supervised() else None
            except (SegmentError, MexomsError):
                look = None
        if look is not None:
            if on_look is not None:
                on_look(look)
            if look.ready():
                _warn_unpinned(look)
                return
        for line in heard.deaths():
            say(line)
        if time.monotonic() - said > 1:
            said = time.monotonic()
            say(f"starting the processes: {_waiting_for(look)} …")
        time.sleep(_LOOK_S)
    os.kill(keeper, signal.SIGTERM)
    raise StartFailedError(
        f"after {READY_S:.0f} s the desk still waits for {_waiting_for(look)}; it is stopped "
        f"again; see {paths.logs}",
        ExitCode.FAILED,
    )


def _warn_unpinned(look: Look) -> None:
    cores = {process.name: process.core for process in look.config.host.processes}
    free = [row["name"] for row in look.processes() if row["core"] < 0 <= cores[row["name"]]]
    if free:
        say(
            f"warning: {', '.join(free)} run unpinned: this machine gives us no such core as map "
            f"'{look.config.host.name}' names, or lets us pin none (not_pinned in "
            f"{look.paths.logs}); latencies will vary"
        )


def _waiting_for(look: Look | None) -> str:
    if look is None:
        return "shared memory"
    rows = look.processes()
    late = [row["name"] for row in rows if row["state"] != "ready"]
    return f"{', '.join(late) or 'the supervisor'} ({len(rows) - len(late)}/{len(rows)} ready)"


def _failed(paths: DeskPaths, code: int) -> StartFailedError:
    try:
        sentence = paths.failure(SUPERVISOR).read_text(encoding="utf-8")
    except OSError:
        sentence = f"the desk ended at its start; see {paths.logs}"
    known = code if code in set(ExitCode) - {ExitCode.OK, ExitCode.DEGRADED} else ExitCode.FAILED
    return StartFailedError(sentence, ExitCode(known))
