"""The cores of a machine as sysfs tells them: threads, cores, memory nodes, isolation.

Standard library only: the scripts of `scripts/tuning/` read it as root, with any Python. `root` is
"/" except in tests, which make up machines. CPUs are numbered as the kernel numbers them.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

CPUS = "sys/devices/system/cpu"
NODES = "sys/devices/system/node"
NETS = "sys/class/net"
ROOT = Path("/")
DEDICATED_CORES_MIN = 8
"""From so many cores on, processes of the hot path have cores of their own (DESIGN.md 6)."""
OS_CORES = 2
"""Cores that such a machine leaves to the operating system and its interrupts."""
ISOLATED_CORES_MIN = 3
"""So many isolated cores make a machine one whose hot processes have their own: book, decisions,
one exchange."""


def parse_list(text: str) -> tuple[int, ...]:
    """`0-2,5` as (0, 1, 2, 5); ValueError."""
    found: set[int] = set()
    for part in text.replace("\n", "").split(","):
        if part.strip():
            first, _, last = part.strip().partition("-")
            found.update(range(int(first), int(last or first) + 1))
    return tuple(sorted(found))


def as_list(cpus: tuple[int, ...]) -> str:
    """(0, 1, 2, 5) as `0-2,5`."""
    parts: list[list[int]] = []
    for cpu in sorted(cpus):
        if parts and cpu == parts[-1][-1] + 1:
            parts[-1].append(cpu)
        else:
            parts.append([cpu])
    return ",".join(f"{p[0]}-{p[-1]}" if len(p) > 1 else str(p[0]) for p in parts)


def _read_list(path: Path) -> tuple[int, ...]:
    try:
        return parse_list(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return ()


@dataclass(frozen=True, slots=True)
class Cpu:
    """One hardware thread."""

    number: int
    siblings: tuple[int, ...]
    """Threads of its core, itself among them."""
    node: int
    """Memory node; 0 where the kernel knows of none."""


@dataclass(frozen=True, slots=True)
class Cores:
    """What one machine has."""

    cpus: tuple[Cpu, ...]
    isolated: tuple[int, ...]
    """Kept free of other work by `isolcpus`."""
    network_node: int
    """Memory node of its network card; -1 = not known."""

    def nodes(self) -> tuple[int, ...]:
        """Memory nodes that have cores."""
        return tuple(sorted({cpu.node for cpu in self.cpus}))

    def within(self, usable: tuple[int, ...]) -> tuple[tuple[Cpu, ...], ...]:
        """Cores that we may use, in the order of their first thread; of each the threads that we
        may use."""
        cores: dict[tuple[int, ...], list[Cpu]] = {}
        for cpu in self.cpus:
            if cpu.number in usable:
                cores.setdefault(cpu.siblings, []).append(cpu)
        return tuple(tuple(threads) for threads in cores.values())


def read_cores(root: Path = ROOT) -> Cores:
    """The machine below `root`; one without a readable topology has cores of one thread."""
    online = _read_list(root / CPUS / "online") or tuple(range(os.cpu_count() or 1))
    node_of = {}
    for place in sorted((root / NODES).glob("node[0-9]*")):
        for cpu in _read_list(place / "cpulist"):
            node_of[cpu] = int(place.name.removeprefix("node"))
    cpus = []
    for number in online:
        siblings = _read_list(root / CPUS / f"cpu{number}" / "topology" / "thread_siblings_list")
        cpus.append(Cpu(number, siblings or (number,), node_of.get(number, 0)))
    return Cores(tuple(cpus), _read_list(root / CPUS / "isolated"), _network_node(root))


def _network_node(root: Path) -> int:
    for card in network_cards(root):
        try:
            node = int((root / NETS / card / "device" / "numa_node").read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue
        if node >= 0:
            return node
    return -1


def network_cards(root: Path = ROOT) -> tuple[str, ...]:
    """Network interfaces with a device behind them that are up: no loopback, no bridges."""
    found = []
    for place in sorted((root / NETS).glob("*")):
        try:
            up = (place / "operstate").read_text(encoding="ascii").strip() == "up"
        except OSError:
            continue
        if up and (place / "device").exists():
            found.append(place.name)
    return tuple(found)


def usable_cpus() -> tuple[int, ...]:
    """CPUs that this process may be pinned to: those of its mask, and isolated ones.

    `isolcpus` takes CPUs out of every mask, for the scheduler; who asks for one by its number gets
    it where the cpuset permits. So each isolated one is tried, and the mask put back.
    """
    mine = os.sched_getaffinity(0)
    more = set()
    for cpu in _read_list(ROOT / CPUS / "isolated"):
        if cpu not in mine:
            try:
                os.sched_setaffinity(0, {cpu})
            except OSError:
                continue
            more.add(cpu)
    if more:
        os.sched_setaffinity(0, mine)
    return tuple(sorted(mine | more))


Core = tuple[Cpu, ...]
"""Threads of one core that we may use."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Who gets which cores. A core stands in one part, or in two where there are too few."""

    dedicated: bool
    """Are there enough cores for hot processes to have their own?"""
    system: tuple[Core, ...]
    """For the operating system and its interrupts."""
    hot: tuple[Core, ...]
    """For what an order passes; on one memory node, where there are several."""
    service: tuple[Core, ...]
    """For files, the watchdog and simulated exchanges."""
    spare: tuple[Core, ...] = ()
    """On other memory nodes: for what the hot node has no room for."""


def parts_of(cores: Cores, usable: tuple[int, ...]) -> Parts:
    """The cores of this machine by what they are for (the rules of docs/tuning.md "Core maps")."""
    found = cores.within(usable)
    apart = tuple(core for core in found if any(t.number in cores.isolated for t in core))
    if len(apart) >= ISOLATED_CORES_MIN and len(found) > len(apart):
        rest = tuple(core for core in found if core not in apart)
        return _on_one_node(cores, rest[:OS_CORES], apart, rest[-1:])
    if len(found) >= DEDICATED_CORES_MIN:
        return _on_one_node(cores, found[:OS_CORES], found[OS_CORES:-1], found[-1:])
    if len(found) > OS_CORES:
        return Parts(False, found[:1], found[1:2], found[2:])
    return Parts(False, found[-1:], found[:1], found[-1:])


def _on_one_node(
    cores: Cores, system: tuple[Core, ...], hot: tuple[Core, ...], service: tuple[Core, ...]
) -> Parts:
    """The network card's node, where it has room for half of a small desk; else the one with the
    most cores."""
    by_node = {node: [core for core in hot if core[0].node == node] for node in cores.nodes()}
    best = max(by_node, key=lambda node: len(by_node[node]))
    if len(by_node.get(cores.network_node, ())) >= ISOLATED_CORES_MIN:
        best = cores.network_node
    near = tuple(by_node[best])
    return Parts(True, system, near, service, tuple(core for core in hot if core not in near))


def hot_cpus(cores: Cores, usable: tuple[int, ...]) -> tuple[int, ...]:
    """CPUs that the hot path takes on this machine, and nobody else should; both threads of a core,
    because whoever works on one works on the core. None where there is a single core."""
    if cores.isolated:
        return cores.isolated
    parts = parts_of(cores, usable)
    if parts.hot == parts.system:
        return ()
    return tuple(sorted(cpu.number for core in parts.hot for cpu in core))


def is_cpu_list(text: str) -> bool:
    """May a person have meant a list of CPUs?"""
    return re.fullmatch(r"\d+(-\d+)?(,\d+(-\d+)?)*", text) is not None
