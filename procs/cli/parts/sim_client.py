"""Asks a running simulated exchange on its control port: one of a desk, or one by itself."""

from __future__ import annotations

import argparse
import http.client
import json
from pathlib import Path
from typing import Any

from oms.errors import ConfigError, MexomsError
from procs.cli.parts.common import NotRunningError
from procs.config.files import project_root, read_toml, running_config
from procs.files.keys import GeneratedKeys
from procs.files.locks import living_owner
from procs.files.paths import DeskPaths
from procs.here import stand_at

DEFAULT_SIM = "configs/sim.demo.toml"
LOCK = "sim"
TIMEOUT_S = 10.0
_OK = 200


class RefusedError(MexomsError):
    """The exchange said no; its sentence."""


def find_sim_config(named: str | None) -> Path:
    """The exchange's file: as named, else the demonstration one here or beside the sources."""
    if named is not None:
        return Path(named)
    here = Path(DEFAULT_SIM)
    return here if here.exists() else project_root() / DEFAULT_SIM


def add_target(parser: argparse.ArgumentParser) -> None:
    """`[--config FILE] [--data-dir DIR]`: which exchange is asked."""
    parser.add_argument(
        "--config", help=f"the exchange's TOML file, or a desk's (default: {DEFAULT_SIM})"
    )
    parser.add_argument("--data-dir", help="where it keeps its files, if not as the file says")


def sim_paths(path: Path, data_dir: str | None) -> DeskPaths:
    """The places of an exchange or a desk; no more of its file is looked at."""
    given = read_toml(path)
    for key in ("name", "data_dir"):
        if not isinstance(given.get(key), str):
            raise ConfigError(
                f"{path}: '{key}' is missing or no text; it has no default, so set it"
            )
    folder = path.resolve().parent
    root = folder.parent if folder.name == "configs" else folder
    base = Path.cwd() if data_dir else root
    return DeskPaths(given["name"], (base / (data_dir or given["data_dir"])).resolve())


class SimControl:
    """The control port of a running exchange."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        path = find_sim_config(arguments.config)
        stand_at(None, None)
        paths = sim_paths(path, arguments.data_dir)
        self.state = _state(paths, path)
        if self.state["control_port"] <= 0:
            raise NotRunningError(
                f"{paths.data_dir}: the exchange runs without a control port; set control_port = 0 "
                "in its [sim] and start it again"
            )
        key = f"sim.{self.state['exchange']}.control"
        self._token = GeneratedKeys(paths.keys).key(key).secret.decode()

    def ask(self, method: str, target: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One question; RefusedError with the exchange's own sentence, NotRunningError."""
        link = http.client.HTTPConnection(
            self.state["host"], self.state["control_port"], timeout=TIMEOUT_S
        )
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            link.request(method, target, json.dumps(body) if body is not None else None, headers)
            reply = link.getresponse()
            found: dict[str, Any] = json.loads(reply.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NotRunningError(
                f"the exchange does not answer on port {self.state['control_port']} ({error}); "
                "look whether it still runs, or start it with `oms sim up`"
            ) from error
        finally:
            link.close()
        if reply.status != _OK:
            raise RefusedError(f"the exchange refused: {found.get('error', reply.status)}")
        return found


def _state(paths: DeskPaths, path: Path) -> dict[str, Any]:
    """Addresses of the exchange that runs there; NotRunningError."""
    own = paths.run / "sim.json"
    if living_owner(paths.process_lock(LOCK)) is not None and own.exists():
        found: dict[str, Any] = json.loads(own.read_text(encoding="utf-8"))
        return found
    if living_owner(paths.desk_lock) is not None and paths.effective_config.exists():
        for sim in running_config(paths).sims:
            return {
                "pid": 0, "exchange": sim.exchange, "host": sim.host, "rest_port": sim.rest_port,
                "ws_port": sim.ws_port, "control_port": sim.control_port,
            }  # fmt: skip
        raise ConfigError(f"{path}: this desk has no simulated exchange")
    raise NotRunningError(
        f"no simulated exchange runs in {paths.data_dir}; start one with `oms sim up`, or name a "
        "running desk's file with --config"
    )
