"""`oms config`: what a desk is started with, and whence; every mistake in its files; schemas."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from oms.config import DeskConfig
from oms.config_parts import FILES
from oms.errors import ConfigError, ExitCode, MexomsError
from procs.cli.parts.common import add_config, owners, print_json
from procs.cli.parts.page import show
from procs.config.files import (
    DEFAULT_CONFIG,
    Assembled,
    assemble,
    find_config,
    flat,
    parse_toml,
    running_config,
)
from procs.files.paths import DeskPaths
from procs.here import here, stand_at, tell

EXAMPLES = f"""\
examples:
  oms config check                   every mistake in a desk's files, one sentence each
  oms config check my/desk.toml      of another desk (default: {DEFAULT_CONFIG}), or of a sim
  oms config show                    every value the desk is started with, and the file it is from
  oms config show --json             the same for a program
  oms config schema risk             the JSON Schema of a kind of file: {", ".join(FILES)}

A file whose first line is `#:schema schema/desk.json` is completed and checked by editors that know
TOML schemas (configs/schema/). No file holds a key: keys come from the KeySource.
"""
_NAME_COLUMNS = 38
_RUNNING = "the running desk"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, line in (
        ("show", "every value that the desk is started with, and where it is from"),
        ("check", "every mistake in the desk's files"),
    ):
        made = actions.add_parser(name, help=line, description=line)
        add_config(made)
        made.add_argument("--json", action="store_true", help="one JSON object")
    schema = actions.add_parser("schema", help="the JSON Schema of a kind of file")
    schema.add_argument("kind", choices=tuple(FILES))


def run(arguments: argparse.Namespace) -> int:
    """Carry it out; `check`: 0 = no mistake, 3 = some."""
    if arguments.action == "schema":
        from procs.config.schema import schema_text

        sys.stdout.write(schema_text(arguments.kind))
        return ExitCode.OK
    stand_at(arguments.config, arguments.data_dir)
    path = find_config(arguments.config)
    if arguments.action == "check" and (mistakes := _sim_mistakes(path)) is not None:
        return _told(path, mistakes, "", as_json=arguments.json)
    found = assemble(path, arguments.data_dir)
    if arguments.action == "check":
        return _check(path, found, as_json=arguments.json)
    if found.config is None:
        raise ConfigError(f"{found.mistakes[0]}; `oms config check` names every mistake")
    return _show(found, found.config, as_json=arguments.json)


def _check(path: Path, found: Assembled, *, as_json: bool) -> int:
    if found.config is None:
        return _told(path, found.mistakes, "", as_json=as_json)
    digest = f"{found.config.digest():x}"
    return _told(path, agent_mistakes(found.config, path), digest, as_json=as_json)


def _told(path: Path, mistakes: list[str], digest: str, *, as_json: bool) -> int:
    if as_json:
        print_json({"file": str(path), "mistakes": mistakes})
    elif mistakes:
        for number, mistake in enumerate(mistakes, 1):
            print(f"{number}. {here(mistake)}")
    elif digest:
        tell(f"{path}: nothing is wrong; config hash {digest}")
    else:
        tell(f"{path}: nothing is wrong")
    return ExitCode.CONFIG if mistakes else ExitCode.OK


def _sim_mistakes(path: Path) -> list[str] | None:
    """Those of a file of `oms sim`; None = it is a desk's."""
    from procs.sim_host import is_sim_file, read_sim

    try:
        given = parse_toml(path)
    except ConfigError:
        return None
    if not is_sim_file(given):
        return None
    mistakes: list[str] = []
    read_sim(path, given, {}, mistakes)
    return mistakes


def agent_mistakes(config: DeskConfig, path: Path) -> list[str]:
    """What agents and plugins refuse of a config that is whole: each is made once."""
    from oms.agents.factory import make_agent
    from oms.agents.strategy.agent import StrategyAgent
    from procs.plugins import load_plugins

    found = []
    try:
        DeskPaths.of(config)
        load_plugins(config, path.resolve().parent)
    except MexomsError as error:
        found.append(str(error))
    for role in config.roles():
        try:
            agent = make_agent(config, role)
        except MexomsError as error:
            found.append(str(error))
            continue
        if isinstance(agent, StrategyAgent) and (mistake := agent.plugin_mistake()):
            found.append(f"strategies.{agent.name}.plugin: {mistake}")
    return list(dict.fromkeys(found))


def _show(found: Assembled, config: DeskConfig, *, as_json: bool) -> int:
    paths = DeskPaths.of(config)
    running = bool(owners(config, paths)) and paths.effective_config.exists()
    given = dict(flat(config))
    if running:
        config = running_config(paths)
    rows = []
    for name, value in flat(config):
        origin = found.origin(name)
        if running and given.get(name) != value:
            origin = _RUNNING
        rows.append({"name": name, "value": value, "from": origin})
    if as_json:
        print_json({"config_hash": f"{config.digest():x}", "running": running, "values": rows})
        return ExitCode.OK
    lines = [f"config hash {config.digest():x}" + ("  (as it runs)" if running else "")]
    lines += [_line(row) for row in rows]
    show(lines)
    return ExitCode.OK


def _line(row: dict[str, Any]) -> str:
    value = json.dumps(row["value"], ensure_ascii=False)
    return f"{row['name'] + ' = ' + value:{_NAME_COLUMNS}}  # {row['from']}"
