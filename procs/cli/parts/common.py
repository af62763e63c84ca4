"""What several verbs share: the config argument, finding the running desk, printing JSON."""

from __future__ import annotations

import argparse
import json
import sys
from decimal import Decimal
from typing import Any

from oms.config import DeskConfig
from oms.errors import ExitCode, MexomsError
from procs.config.files import DEFAULT_CONFIG, find_config, load_desk, running_config
from procs.files.locks import Owner, living_owner
from procs.files.paths import DeskPaths
from procs.here import NAMED, stand_at
from procs.supervisor_name import SUPERVISOR


class NotRunningError(MexomsError):
    """A verb that needs a running desk found none."""

    exit_code = ExitCode.NOT_RUNNING
    action = "start it with `oms up`"


def add_config(parser: argparse.ArgumentParser) -> None:
    """`[CONFIG] [--data-dir DIR]`; `--config CONFIG`, as verbs with words of their own have it,
    means the same (`main.take_config`).
    """
    parser.add_argument(
        "config", nargs="?", help=f"the desk's TOML file (default: {DEFAULT_CONFIG})"
    )
    parser.add_argument("--config", dest=NAMED, metavar="CONFIG", help=argparse.SUPPRESS)
    parser.add_argument("--data-dir", help="use this directory instead of the config's data_dir")


def add_host(parser: argparse.ArgumentParser) -> None:
    """`--host NAME`."""
    parser.add_argument(
        "--host", metavar="NAME", help="use this core map of configs/hosts; auto = made for this "
        "machine"
    )  # fmt: skip


def chosen_desk(arguments: argparse.Namespace) -> tuple[DeskConfig, DeskPaths]:
    """The desk as its files describe it."""
    stand_at(arguments.config, arguments.data_dir)
    named = getattr(arguments, "host", None)
    config = load_desk(find_config(arguments.config), arguments.data_dir, named)
    return config, DeskPaths.of(config)


def owners(config: DeskConfig, paths: DeskPaths) -> dict[str, Owner]:
    """Everything of the desk that lives: keeper, supervisor, processes by name; also those of
    another core map than the config's."""
    found = {"keeper": living_owner(paths.desk_lock)}
    mapped = [process.name for process in config.host.processes]
    for name in dict.fromkeys((SUPERVISOR, *mapped, *paths.locked())):
        found[name] = living_owner(paths.process_lock(name))
    return {name: owner for name, owner in found.items() if owner is not None}


def running_desk(arguments: argparse.Namespace) -> tuple[DeskConfig, DeskPaths]:
    """The desk as it was started; raises NotRunningError."""
    config, paths = chosen_desk(arguments)
    if not owners(config, paths):
        raise NotRunningError(
            f"desk '{config.name}' ({paths.data_dir}) does not run; start it with `oms up`"
        )
    if not paths.effective_config.exists():
        raise NotRunningError(f"desk '{config.name}' is just starting; ask again in a moment")
    return running_config(paths), paths


def print_json(value: Any) -> None:
    """One object, numbers as exact text where they are decimals."""

    def plain(item: Any) -> Any:
        if isinstance(item, Decimal):
            return f"{item:f}"
        raise TypeError(type(item).__name__)

    json.dump(value, sys.stdout, default=plain, indent=2)
    sys.stdout.write("\n")
