"""Ports of simulated exchanges that are 0 are chosen here, once, before anything is forked; every
address that follows from them is filled in. A port that somebody holds is one sentence."""

from __future__ import annotations

import dataclasses
import os
import socket
import zlib

from oms.config import DeskConfig
from oms.errors import ResourceError
from procs.config.files import running_config, sim_urls
from procs.files.locks import processes_live
from procs.files.paths import DeskPaths

_PORT_FIRST = 20_000
_PORT_COUNT = 10_000
"""Below the ephemeral range (32768), from which the desk's own connections take theirs."""
_PORT_TRIES = 200


def effective(config: DeskConfig, paths: DeskPaths) -> DeskConfig:
    """What the desk is started with: free ports chosen; or, where its processes live and are to be
    adopted, what they were started with.
    """
    if processes_live(paths):
        return running_config(paths)
    return choose_ports(config)


def choose_ports(config: DeskConfig) -> DeskConfig:
    """Free ports where a simulated exchange says 0, and the addresses that follow from them."""
    taken: set[int] = set()
    sims, urls = [], {}
    for sim in config.sims:
        for name in ("rest_port", "ws_port", "control_port"):
            port = getattr(sim, name)
            if port > 0:
                refuse_occupied(sim.exchange, name, sim.host, port)
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


def bindable(host: str, port: int) -> OSError | None:
    """Why a port cannot be had; None = it can."""
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
        if port not in taken and bindable(host, port) is None:
            taken.add(port)
            return port
    raise ResourceError(
        f"no free port on {host} between {_PORT_FIRST} and {_PORT_FIRST + _PORT_COUNT}; set "
        "rest_port and ws_port of the [sim] in configs/exchanges"
    )


def refuse_occupied(exchange: str, setting: str, host: str, port: int) -> None:
    """Raise ResourceError where somebody holds the port."""
    error = bindable(host, port)
    if error is not None:
        raise ResourceError(
            f"venue_sim.{exchange}: {setting} {port} on {host} cannot be had ({error.strerror}); "
            f"set another {setting} in [sim] of configs/exchanges/{exchange}.toml, or 0 for a free "
            "one"
        )
