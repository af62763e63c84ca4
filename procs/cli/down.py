"""`oms down`: cancel what is open, drain, close; wait until everything has ended."""

from __future__ import annotations

import argparse
import signal
import time
from typing import Any

from oms.config import DeskConfig
from oms.errors import ExitCode
from procs.cli.parts.common import NotRunningError, add_config, chosen_desk, owners, print_json
from procs.config.files import running_config
from procs.files.paths import DeskPaths
from procs.here import say, tell
from procs.orphans import stop_orphans
from procs.supervisor_name import SUPERVISOR

WAIT_S = 60.0
_LOOK_S = 0.05

EXAMPLES = """\
examples:
  oms down          stops the strategies, cancels every open order, closes the processes
  oms down --now    does not wait for the cancels; the next start asks about what was left
  oms down --dry-run    what lives and would be stopped, and how many orders are open
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    add_config(parser)
    parser.add_argument("--now", action="store_true", help="close at once; do not wait for orders")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be stopped")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Stop; 0 = everything has ended."""
    config, paths = chosen_desk(arguments)
    living = owners(config, paths)
    if not living:
        raise NotRunningError(f"desk '{config.name}' ({paths.data_dir}) does not run")
    found = {
        "desk": config.name,
        "data_dir": str(paths.data_dir),
        "processes": {name: owner.pid for name, owner in living.items()},
    }
    if arguments.dry_run:
        return _dry_run(config, paths, found, as_json=arguments.json)
    if stop(config, paths, now=arguments.now):
        if arguments.json:
            print_json({**found, "stopped": True})
        else:
            tell(f"desk '{config.name}' is stopped; its files are in {paths.data_dir}")
        return ExitCode.OK
    left = ", ".join(f"{name} ({o.pid})" for name, o in owners(config, paths).items())
    say(f"oms: after {WAIT_S:.0f} s there still run: {left}; see {paths.logs}")
    return ExitCode.FAILED


def _dry_run(config: DeskConfig, paths: DeskPaths, found: dict[str, Any], *, as_json: bool) -> int:
    """What a stop would end; nothing is touched."""
    from procs.cli.parts.look import Look

    orders = len(Look(running_config(paths), paths).orders())
    if as_json:
        print_json({**found, "open_orders": orders, "stopped": False})
        return ExitCode.OK
    names = ", ".join(f"{name} ({pid})" for name, pid in found["processes"].items())
    tell(
        f"desk '{config.name}' would be stopped: {orders} open orders cancelled, then these end: "
        f"{names}"
    )
    return ExitCode.OK


def stop(config: DeskConfig, paths: DeskPaths, *, now: bool = False) -> bool:
    """Ask for an orderly end and wait for it; True = nothing of the desk lives."""
    living = owners(config, paths)
    head = living.get("keeper") or living.get(SUPERVISOR)
    if head is not None:
        head.signal(signal.SIGTERM)
        if now:
            head.signal(signal.SIGTERM)
    else:
        stop_orphans(running_config(paths) if paths.effective_config.exists() else config, paths)
    deadline = said = time.monotonic()
    deadline += WAIT_S
    while owners(config, paths):
        if time.monotonic() > deadline:
            return False
        if time.monotonic() - said > 1:
            said = time.monotonic()
            say("stopping: orders are cancelled, processes close …")
        time.sleep(_LOOK_S)
    return True
