"""Processes of a desk that nobody supervises any more: ended in order, one after another."""

from __future__ import annotations

import signal

from oms.config import DeskConfig
from procs import drain
from procs.files.locks import Owner, living_owner
from procs.files.paths import DeskPaths

_KILLED_S = 5.0


def living_processes(config: DeskConfig, paths: DeskPaths) -> dict[str, Owner]:
    """Name -> process, of those that live, in the order in which they must end."""

    def first_phase(name: str) -> int:
        roles = next(p.roles for p in config.host.processes if p.name == name)
        return min(drain.phase_of(role) for role in roles)

    found = {p.name: living_owner(paths.process_lock(p.name)) for p in config.host.processes}
    living = {name: owner for name, owner in found.items() if owner is not None}
    return dict(sorted(living.items(), key=lambda item: first_phase(item[0])))


def stop_orphans(config: DeskConfig, paths: DeskPaths, *, kill: bool = False) -> list[str]:
    """Drain them one after another; `kill` ends for good what does not end by itself. Returns the
    names of those that lived.
    """
    living = living_processes(config, paths)
    for owner in living.values():
        owner.signal(signal.SIGTERM)
        ended = owner.wait(sum(drain.BOUNDS_S.values()) + drain.BOUND_S)
        if kill and not ended:
            owner.signal(signal.SIGKILL)
            owner.wait(_KILLED_S)
    return list(living)
