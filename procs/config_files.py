"""From TOML files to a `DeskConfig`: a desk's file names its parts, this puts them together.

Layout of a desk's folder (`configs/`): the desk's own file, and `exchanges/`, `hosts/`, `risk/`,
`accounts/` beside it. Each file is read whole; a missing one, broken TOML, an unknown key or a
missing value is one sentence that says where and what to do. Ports of simulated exchanges that are
0 are chosen here, once, and every address that follows from them is filled in.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
import socket
import tomllib
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oms.config import KINDS, DeskConfig, desk_from_mapping, refuse_secrets
from oms.config_checks import check_desk
from oms.errors import ConfigError, ResourceError
from procs.locks import living_owner
from procs.paths import DeskPaths

DEFAULT_CONFIG = "configs/desk.demo.toml"
NETWORKS = ("sim", "testnet", "mainnet")

_DESK_KEYS = (
    "name", "data_dir", "durability", "capacity", "host", "risk", "accounts", "exchanges",
    "strategies",
)  # fmt: skip
_LINK_KEYS = ("ping_after_ms", "pong_within_ms", "clock_warn_ms", "shares")
_MARKET_KEYS = ("stale_after_ms", "quiet_after_ms", "snapshot_levels", *_LINK_KEYS)
_GROUP_KEYS = (
    "recv_window_ms", "answer_timeout_ms", "orders_per_10s", "link_max_age_ms", *_LINK_KEYS,
)  # fmt: skip
_EXCHANGE_KEYS = ("exchange", *dict.fromkeys(_GROUP_KEYS + _MARKET_KEYS), "networks", "sim")
_NETWORK_KEYS = ("rest_url", "stream_url", "ws_api_url")
_URL_NETWORKS = NETWORKS[1:]
_PORT_FIRST = 20_000
_PORT_COUNT = 10_000
"""Below the ephemeral range (32768), from which the desk's own connections take theirs."""
_PORT_TRIES = 200
_PORT_MAX = 65_535


def project_root() -> Path:
    """Where the sources and their configs lie."""
    return Path(__file__).resolve().parent.parent


def find_config(named: str | None) -> Path:
    """The desk's file: as named, else the demonstration desk here or beside the sources."""
    if named is not None:
        return Path(named)
    here = Path(DEFAULT_CONFIG)
    return here if here.exists() else project_root() / DEFAULT_CONFIG


def read_toml(path: Path) -> dict[str, Any]:
    """One file, or one sentence."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        near = [p.name for p in sorted(path.parent.glob("*.toml"))] if path.parent.is_dir() else []
        known = f"there are {', '.join(near)}" if near else f"{path.parent} has no .toml file"
        raise ConfigError(f"{path}: not found; {known}: name one of these or create it") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML ({error}); correct that line") from error
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); name a TOML file that this user may read"
        ) from error
    refuse_secrets(found, str(path))
    return found


def _check_keys(given: Mapping[str, Any], known: tuple[str, ...], where: object) -> None:
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.0)[0]
            raise ConfigError(
                f"{where}: unknown key '{key}'; the nearest known key is '{near}' "
                f"(known: {', '.join(known)})"
            )


def _need(given: Mapping[str, Any], key: str, kind: type, where: object) -> Any:
    if key not in given:
        raise ConfigError(f"{where}: '{key}' is missing; it has no default, so set it")
    if not isinstance(given[key], kind) or (kind is int and isinstance(given[key], bool)):
        raise ConfigError(f"{where}: {key} is {given[key]!r}, required is {KINDS[kind]}")
    return given[key]


def load_desk(path: Path, data_dir: str | None = None) -> DeskConfig:
    """The desk described by the file at `path`; `data_dir` overrides the file's."""
    given = read_toml(path)
    _check_keys(given, _DESK_KEYS, path)
    folder = path.resolve().parent
    root = folder.parent if folder.name == "configs" else folder
    where = data_dir or _need(given, "data_dir", str, path)
    base = Path.cwd() if data_dir else root
    made: dict[str, Any] = {
        "name": _need(given, "name", str, path),
        "data_dir": str((base / where).resolve()),
        "durability": _need(given, "durability", str, path),
        "capacity": given.get("capacity", "full"),
        "host": read_toml(folder / "hosts" / f"{_need(given, 'host', str, path)}.toml"),
        "limits": read_toml(folder / "risk" / f"{_need(given, 'risk', str, path)}.toml"),
        "strategies": _need(given, "strategies", list, path),
        "venues": [],
        "groups": [],
        "sims": [],
    }
    accounts = _accounts(folder, _need(given, "accounts", list, path))
    for named in _need(given, "exchanges", list, path):
        _add_exchange(made, folder, named, accounts, path)
    if made["capacity"] not in ("full", "small"):
        raise ConfigError(
            f'{path}: capacity is {made["capacity"]!r}, required is "full" or "small"'
        )
    for venue in made["venues"]:
        if venue["network"] != "sim":
            raise ConfigError(
                f"{path}: network '{venue['network']}' is not supported yet: there is no watchdog "
                'and no switch for going live; required is network = "sim"'
            )
    try:
        desk = desk_from_mapping(made, str(path))
        check_desk(desk, str(path))
    except ConfigError as error:
        raise ConfigError(_in_its_file(str(error), path, given)) from error
    return desk


def _in_its_file(sentence: str, path: Path, given: Mapping[str, Any]) -> str:
    """A sentence about the whole desk, naming the file in which that part of it stands."""
    folder = path.resolve().parent
    places = {
        "limits": folder / "risk" / f"{given['risk']}.toml",
        "host": folder / "hosts" / f"{given['host']}.toml",
    }
    for index, named in enumerate(given["exchanges"]):
        exchange = folder / "exchanges" / f"{named['name']}.toml"
        places[f"groups[{index}].accounts"] = folder / "accounts"
        places[f"groups[{index}]"] = exchange
        for market in named.get("markets", ()):
            del market
            places[f"venues[{sum(part.startswith('venues') for part in places)}]"] = exchange
        places[f"sims[{index}]"] = exchange
    for part, place in places.items():
        sentence = sentence.replace(f"{path}.{part}.", f"{place}: ")
        sentence = sentence.replace(f"{path}.{part}", f"{place}")
    return sentence


def _accounts(folder: Path, names: list[Any]) -> dict[str, list[Any]]:
    """Group -> its accounts."""
    found: dict[str, list[Any]] = {}
    for name in names:
        path = folder / "accounts" / f"{name}.toml"
        given = read_toml(path)
        _check_keys(given, ("group", "accounts"), path)
        group = _need(given, "group", str, path)
        found.setdefault(group, []).extend(_need(given, "accounts", list, path))
    return found


def _add_exchange(
    made: dict[str, Any],
    folder: Path,
    named: Mapping[str, Any],
    accounts: Mapping[str, list[Any]],
    desk_path: Path,
) -> None:
    _check_keys(named, ("name", "network", "markets"), f"{desk_path}: exchanges")
    name = _need(named, "name", str, f"{desk_path}: exchanges")
    network = _need(named, "network", str, f"{desk_path}: exchanges")
    path = folder / "exchanges" / f"{name}.toml"
    given = read_toml(path)
    _check_keys(given, _EXCHANGE_KEYS, path)
    if network not in NETWORKS:
        raise ConfigError(
            f"{desk_path}: exchange {name}: network {network!r}, required is one of "
            f"{', '.join(NETWORKS)}"
        )
    exchange = _need(given, "exchange", str, path)
    if network == "sim":
        sim = {"exchange": exchange, **_need(given, "sim", dict, path)}
        made["sims"].append(sim)
        urls = sim_urls(sim.get("host"), sim.get("rest_port"), sim.get("ws_port"))
    else:
        urls = _need(_need(given, "networks", dict, path), network, dict, f"{path}: networks")
        _check_keys(urls, _NETWORK_KEYS, f"{path}: networks.{network}")
    markets = _need(named, "markets", list, f"{desk_path}: exchange {name}")
    optional = {k: given[k] for k in _MARKET_KEYS if k in given}
    for market in markets:
        made["venues"].append(
            {
                **market,
                **optional,
                "network": network,
                "stream_url": urls["stream_url"],
                "rest_url": urls["rest_url"],
            }
        )
    made["groups"].append(
        {
            "name": name,
            "exchange": exchange,
            "venues": [market.get("name") for market in markets],
            "ws_api_url": urls["ws_api_url"],
            "rest_url": urls["rest_url"],
            "accounts": accounts.get(name, []),
            **{key: given[key] for key in _GROUP_KEYS if key in given},
        }
    )
    if not accounts.get(name):
        raise ConfigError(
            f"{desk_path}: exchange {name} has no account; list a file of configs/accounts whose "
            f"group is '{name}' under accounts"
        )


def sim_urls(host: object, rest_port: object, ws_port: object) -> dict[str, str]:
    """Addresses of a simulated exchange."""
    return {
        "rest_url": f"http://{host}:{rest_port}",
        "stream_url": f"ws://{host}:{ws_port}",
        "ws_api_url": f"ws://{host}:{ws_port}/ws-api/v3",
    }


# Ports


def effective(config: DeskConfig, paths: DeskPaths) -> DeskConfig:
    """What the desk is started with: free ports chosen; or, where its processes live and are to be
    adopted, what they were started with.
    """
    if any(living_owner(paths.process_lock(p.name)) for p in config.host.processes):
        return running_config(paths)
    return choose_ports(config)


def running_config(paths: DeskPaths) -> DeskConfig:
    """The effective config that the desk's supervisor wrote."""
    path = paths.effective_config
    try:
        return desk_from_mapping(json.loads(path.read_text(encoding="utf-8")), str(path))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path}: the running desk's config cannot be read ({error}); stop its processes with "
            "`oms down`, then start again"
        ) from error


def choose_ports(config: DeskConfig) -> DeskConfig:
    """Free ports where a simulated exchange says 0, and the addresses that follow from them."""
    taken: set[int] = set()
    sims, urls = [], {}
    for sim in config.sims:
        for name in ("rest_port", "ws_port", "control_port"):
            port = getattr(sim, name)
            if not (-1 if name == "control_port" else 0) <= port <= _PORT_MAX:
                raise ConfigError(
                    f"configs/exchanges/{sim.exchange}.toml: [sim] {name} is {port}, required is "
                    f"1 to {_PORT_MAX}, or 0 for a free one"
                )
            if port > 0:
                _refuse_occupied(sim.exchange, name, sim.host, port)
        rest = sim.rest_port or _free_port(sim.host, config.data_dir, taken)
        ws = sim.ws_port or _free_port(sim.host, config.data_dir, taken)
        control = sim.control_port or _free_port(sim.host, config.data_dir, taken)
        sims.append(dataclasses.replace(sim, rest_port=rest, ws_port=ws, control_port=control))
        urls[sim.exchange] = sim_urls(sim.host, rest, ws)
    groups = [
        dataclasses.replace(
            group,
            ws_api_url=urls[group.exchange]["ws_api_url"],
            rest_url=urls[group.exchange]["rest_url"],
        )
        if group.exchange in urls
        else group
        for group in config.groups
    ]
    venues = []
    for venue in config.venues:
        exchange = config.groups[config.group_of_venue(venue.name)].exchange
        if venue.network == "sim" and exchange in urls:
            found = urls[exchange]
            venues.append(
                dataclasses.replace(
                    venue, stream_url=found["stream_url"], rest_url=found["rest_url"]
                )
            )
        else:
            venues.append(venue)
    return dataclasses.replace(config, sims=tuple(sims), groups=tuple(groups), venues=tuple(venues))


def _bindable(host: str, port: int) -> OSError | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error
    return None


def _free_port(host: str, seed: str, taken: set[int]) -> int:
    start = zlib.crc32(f"{seed}{os.getpid()}".encode()) % _PORT_COUNT
    for k in range(_PORT_TRIES):
        port = _PORT_FIRST + (start + k) % _PORT_COUNT
        if port not in taken and _bindable(host, port) is None:
            taken.add(port)
            return port
    raise ResourceError(
        f"no free port on {host} between {_PORT_FIRST} and {_PORT_FIRST + _PORT_COUNT}; set "
        "rest_port and ws_port of the [sim] in configs/exchanges"
    )


def _refuse_occupied(exchange: str, setting: str, host: str, port: int) -> None:
    error = _bindable(host, port)
    if error is not None:
        raise ResourceError(
            f"venue_sim.{exchange}: {setting} {port} on {host} cannot be had ({error.strerror}); "
            f"set another {setting} in [sim] of configs/exchanges/{exchange}.toml, or 0 for a free "
            "one"
        )
