"""The checks of `oms doctor`: each gives rows of what was found, and what to do where it is wrong.

They judge facts that are handed to them (`procs.machine.facts.Machine`, the desk, its files), so
that each of them is tried in a test on a machine that is otherwise well.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from oms.config import DeskConfig
from procs.cli.findings.rates import check_rates
from procs.cli.findings.row import FAIL, OK, WARN, Row
from procs.config.ports import bindable
from procs.files.paths import DeskPaths
from procs.machine.facts import UNLIMITED, Machine, memlock_is_low, memlock_warning, mib, need_bytes
from shm_layout.limits import JOURNAL_FILE_BYTES_MAX, SERVER_CONNECTIONS_MAX
from shm_layout.segment import roomy

OLDEST, NEWEST = (3, 11), (3, 13)
DISK_WARN_BYTES = 8 * JOURNAL_FILE_BYTES_MAX
DISK_FAIL_BYTES = JOURNAL_FILE_BYTES_MAX
FILES_BESIDE = 256
"""Segments, files, bells and pipes of one process."""


def check_all(
    config: DeskConfig, paths: DeskPaths, machine: Machine, *, running: bool
) -> list[Row]:
    """Every check; a desk that runs holds its own memory and ports, so these are not missed."""
    return [
        *check_python(machine),
        *check_shm(config, machine, running=running),
        *check_memlock(config, machine),
        *check_cores(config, machine),
        *check_clock(machine),
        *check_folders(paths),
        *check_keys(paths),
        *check_ports(config, running=running),
        *check_rates(config),
        *check_disk(paths),
        *check_files(machine),
    ]


def check_python(machine: Machine) -> Iterator[Row]:
    """The interpreter and its packages."""
    version = ".".join(str(part) for part in machine.python)
    if OLDEST <= machine.python[:2] <= NEWEST:
        yield Row("python", OK, version)
    else:
        yield Row(
            "python",
            FAIL,
            version,
            f"Python {version} is not among those tested (3.{OLDEST[1]} to 3.{NEWEST[1]}): make "
            ".venv anew with `make run PYTHON=/path/to/python3`",
        )
    wrong = machine.packages_wrong
    if not wrong:
        yield Row("packages", OK, "as in requirements.lock")
    else:
        yield Row(
            "packages",
            FAIL if any(" missing " in one for one in wrong) else WARN,
            ", ".join(wrong),
            "not as in requirements.lock: remove .venv; the next `make run` installs them",
        )


def check_shm(config: DeskConfig, machine: Machine, *, running: bool) -> Iterator[Row]:
    """Shared memory against what the desk needs, computed from its rings and tables."""
    need = need_bytes(config)
    found = f"{mib(need)} needed, {mib(machine.shm_free)} of {mib(machine.shm_total)} free"
    if running or need <= machine.shm_free:
        yield Row("shm", OK, found)
        return
    size = roomy(need)
    if config.capacity == "full":
        yield Row(
            "shm",
            FAIL,
            found,
            f"enlarge it: mount -o remount,size={size} /dev/shm; in a container --shm-size={size}; "
            'or set capacity = "small" in the desk\'s file',
        )
    else:
        yield Row(
            "shm",
            FAIL,
            found,
            f"enlarge it: mount -o remount,size={size} /dev/shm; in a container --shm-size={size}",
        )


def check_memlock(config: DeskConfig, machine: Machine) -> Iterator[Row]:
    """May the desk keep its rings from being swapped out?"""
    need = need_bytes(config)
    if not memlock_is_low(need, machine.memlock, may_lock_all=machine.may_lock_all):
        yield Row("memlock", OK, "rings and tables may be locked in memory")
        return
    yield Row(
        "memlock",
        WARN,
        f"limit {mib(machine.memlock)}, rings and tables take {mib(need)}",
        memlock_warning(need, machine.memlock),
    )


def check_cores(config: DeskConfig, machine: Machine) -> Iterator[Row]:
    """The core map against the cores that we may use; nobody spins against a neighbour."""
    processes = config.host.processes
    over = [p.name for p in processes if p.core >= machine.cores]
    found = f"{machine.cores} usable, map {config.host.name} of {len(processes)} processes"
    if over:
        yield Row(
            "cores",
            WARN,
            found,
            f"{', '.join(over)} will run unpinned, because the map names cores that are not there: "
            "choose another map (host in the desk's file), or give this container more cores",
        )
    else:
        yield Row("cores", OK, found)
    for spinner in processes:
        beside = [p.name for p in processes if p.core == spinner.core and p is not spinner]
        if spinner.wait == "spin" and spinner.core >= 0 and beside:
            yield Row(
                "cores",
                FAIL,
                f"{spinner.name} spins on core {spinner.core}",
                f"{', '.join(beside)} on the same core would wait for it: move them, or let it "
                "park (configs/hosts)",
            )


def check_clock(machine: Machine) -> Iterator[Row]:
    """Exchanges refuse requests whose time is off."""
    if machine.clock_synchronised:
        yield Row("clock", OK, "synchronised, as the kernel says")
    else:
        yield Row(
            "clock",
            WARN,
            "the kernel's clock is not synchronised",
            "exchanges refuse signed requests of a clock that is off: "
            "run chrony or systemd-timesyncd; in a container the host must",
        )


def check_folders(paths: DeskPaths) -> Iterator[Row]:
    """The data directory: ours, and nobody else may write into it."""
    place = paths.data_dir
    above = place
    while not above.exists() and above != above.parent:
        above = above.parent
    if not os.access(above, os.W_OK | os.X_OK) or not above.is_dir():
        yield Row(
            "data dir",
            FAIL,
            f"{place} cannot be written",
            f"{above} must be a folder that this user may write, or name another with --data-dir",
        )
        return
    if place.exists() and place.stat().st_mode & stat.S_IWOTH:
        yield Row("data dir", FAIL, f"{place} may be written by everybody", f"chmod o-w {place}")
        return
    yield Row("data dir", OK, str(place))


def check_keys(paths: DeskPaths) -> Iterator[Row]:
    """Keys are for their owner's eyes."""
    if not paths.keys.exists():
        yield Row("keys", OK, "none yet; a simulated exchange's are made at its first start")
        return
    if _open_to_others(paths.keys):
        yield Row("keys", FAIL, f"{paths.keys} is open to others", f"chmod 700 {paths.keys}")
        return
    bad = [path for path in sorted(paths.keys.iterdir()) if _open_to_others(path)]
    for path in bad:
        mode = stat.S_IMODE(path.stat().st_mode)
        yield Row(
            "keys",
            FAIL,
            f"{path} has mode {mode:04o}, required is 0600",
            f"others may have read it: remove {path}; a simulated exchange's key is made anew at "
            "its next start",
        )
    if not bad:
        count = sum(1 for _ in paths.keys.iterdir())
        yield Row("keys", OK, f"{count} files, for this user alone")


def _open_to_others(path: Path) -> bool:
    found = path.stat()
    return bool(found.st_mode & 0o077) or found.st_uid != os.geteuid()


def check_ports(config: DeskConfig, *, running: bool) -> Iterator[Row]:
    """Ports that the files fix."""
    fixed = [
        (sim, name, getattr(sim, name))
        for sim in config.sims
        for name in ("rest_port", "ws_port", "control_port")
        if getattr(sim, name) > 0
    ]
    bad = 0
    for sim, name, port in fixed:
        error = None if running else bindable(sim.host, port)
        if error is not None:
            bad += 1
            yield Row(
                "ports",
                FAIL,
                f"{name} {port} on {sim.host}: {error.strerror}",
                f"set another {name} in [sim] of configs/exchanges/{sim.exchange}.toml, or 0 for a "
                "free one",
            )
    if not bad:
        text = ", ".join(str(port) for _, _, port in fixed) or "chosen free at each start"
        yield Row("ports", OK, text)


def check_disk(paths: DeskPaths) -> Iterator[Row]:
    """Room for the journal: what is not journaled is not sent."""
    place = paths.data_dir
    while not place.exists():
        place = place.parent
    found = os.statvfs(place)
    yield disk_row(str(place), found.f_bavail * found.f_frsize)


def disk_row(place: str, free: int) -> Row:
    """How much room there must be."""
    text = f"{mib(free)} free at {place}"
    if free >= DISK_WARN_BYTES:
        return Row("disk", OK, text)
    return Row(
        "disk",
        FAIL if free < DISK_FAIL_BYTES else WARN,
        text,
        f"a journal file takes up to {mib(JOURNAL_FILE_BYTES_MAX)}, and a desk that cannot journal "
        "sends nothing: free some, or move the data directory (data_dir, --data-dir)",
    )


def check_files(machine: Machine) -> Iterator[Row]:
    """File descriptors of one process."""
    need = SERVER_CONNECTIONS_MAX + FILES_BESIDE
    found = f"{machine.files_max} file descriptors, {need} needed at most"
    if machine.files_max == UNLIMITED or machine.files_max >= need:
        yield Row("files", OK, found)
    else:
        yield Row(
            "files",
            WARN,
            found,
            f"a simulated exchange with {SERVER_CONNECTIONS_MAX} clients would run out: "
            f"`ulimit -n {need}` before the start",
        )
