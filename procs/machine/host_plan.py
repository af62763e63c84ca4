"""`host = "auto"`: a core map made for this machine, and why it is as it is.

The rules stand in docs/tuning.md "Core maps"; the files of `configs/hosts/` are what comes of them
for the demonstration desk on three machines, and a test says so. The plan reads no machine:
topology and usable CPUs are given (`procs/machine/cores.py`), so that tests make them up.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from oms.config import OPERATOR, DeskConfig, HostConfig, ProcessConfig, Wait
from procs.machine.cores import Core, Cores, Parts, as_list, parts_of, read_cores, usable_cpus

AUTO = "auto"
APART_CORES_MIN = 16
"""From so many cores on, feeds, executors and strategies are processes of their own."""
_OPERATOR_ROLE = f"strategy.{OPERATOR}"


@dataclass(frozen=True, slots=True)
class Group:
    """A process that has no core yet."""

    name: str
    roles: tuple[str, ...]


@dataclass(slots=True)
class Plan:
    """A core map, and what a person is told of it."""

    host: HostConfig
    reasons: list[str] = field(default_factory=list)
    rows: list[tuple[int, str, str, str]] = field(default_factory=list)
    """CPU, wait, process, roles."""


def plan_host(config: DeskConfig, cores: Cores, usable: tuple[int, ...]) -> Plan:
    """The map for a desk's roles on a machine of these cores; `usable` CPUs are those that a
    process may be pinned to, and a map counts among them."""
    parts = parts_of(cores, usable)
    count = len(cores.within(usable))
    name = f"{AUTO}-{count}-core"
    plan = Plan(HostConfig(name, ()))
    plan.reasons.append(_machine(cores, usable, count))
    if parts.dedicated:
        placed = _dedicated(config, parts, count, plan)
    else:
        placed = _compact(config, parts, plan)
    index = {cpu: k for k, cpu in enumerate(sorted(usable))}
    shared = _shared(placed)
    processes = []
    for group, core, hot in placed:
        wait: Wait = "spin" if parts.dedicated and hot and core not in shared else "park"
        cpu = core[0].number
        processes.append(ProcessConfig(group.name, group.roles, index[cpu], wait))
        plan.rows.append((cpu, wait, group.name, " ".join(group.roles)))
    plan.host = HostConfig(name, tuple(processes))
    _explain_rest(plan, parts, placed)
    return plan


Placed = list[tuple[Group, Core, bool]]
"""Process, its core, is it on the hot path."""


def _machine(cores: Cores, usable: tuple[int, ...], count: int) -> str:
    threads = max(len(core) for core in cores.within(usable))
    nodes = len(cores.nodes())
    return (
        f"this machine lets us use {count} core(s) of up to {threads} thread(s) on {nodes} memory "
        f"node(s): CPU {as_list(usable)}"
    )


def _apart(config: DeskConfig) -> list[Group]:
    """Every hot role a process; orders by hand come through risk's."""
    roles = config.roles()
    strategies = [r for r in roles if r.startswith("strategy.") and r != _OPERATOR_ROLE]
    risk = tuple(r for r in (_OPERATOR_ROLE, "risk") if r in roles)
    links = [r for r in roles if r.partition(".")[0] in ("feed", "executor")]
    return [
        Group("aggregator", ("aggregator",)),
        *(Group(role, (role,)) for role in strategies),
        Group("risk", risk),
        *(Group(role, (role,)) for role in sorted(links, reverse=True)),
    ]


def _grouped(config: DeskConfig) -> list[Group]:
    """Books; decisions; an exchange each."""
    strategies = tuple(r for r in config.roles() if r.startswith("strategy."))
    return [
        Group("aggregator", ("aggregator",)),
        Group("engine", (*strategies, "risk")),
        *(
            Group(group.name, (*(f"feed.{venue}" for venue in group.venues),
                               f"executor.{group.name}"))
            for group in config.groups
        ),
    ]  # fmt: skip


def _services(config: DeskConfig) -> list[Group]:
    sims = [role for role in config.roles() if role.startswith("venue_sim.")]
    return [Group(role, (role,)) for role in ("watchdog", "journaler", *sims)]


def _dedicated(config: DeskConfig, parts: Parts, count: int, plan: Plan) -> Placed:
    groups = _grouped(config)
    if count >= APART_CORES_MIN and len(_apart(config)) <= len(parts.hot):
        groups = _apart(config)
    hot = list(parts.hot)
    if len(groups) > len(hot) and parts.spare:
        more = parts.spare[: len(groups) - len(hot)]
        hot += more
        plan.reasons.append(
            f"the hot path needs more cores than memory node {parts.hot[0][0].node} has: CPU "
            f"{_firsts(more)} of another node help out, and are slower to reach"
        )
    placed: Placed = [(g, hot[min(k, len(hot) - 1)], True) for k, g in enumerate(groups)]
    placed = _spread(placed, hot)
    plan.reasons.append(
        f"{len(hot)} core(s) are for the hot path, so its processes spin on cores of their own"
    )
    names = [g.name for g, core, _ in placed if core in _shared(placed)]
    if names:
        plan.reasons.append(
            f"{', '.join(names)} must share cores, and park: nobody spins against a neighbour"
        )
    return placed + [(g, parts.service[-1], False) for g in _services(config)]


def _spread(placed: Placed, hot: list[Core]) -> Placed:
    """Books and decisions keep their cores; exchanges share what is left, in turn."""
    if len(placed) <= len(hot):
        return placed
    first = min(2, len(hot) - 1)
    rest = hot[first:]
    return [
        (group, hot[k] if k < first else rest[(k - first) % len(rest)], True)
        for k, (group, _, _) in enumerate(placed)
    ]


def _compact(config: DeskConfig, parts: Parts, plan: Plan) -> Placed:
    """What an order passes on one core, the rest on another. In a pass the operator comes before
    the prices do, so that these go by him, and he takes them when others have gone on with them.
    """
    roles = config.roles()
    strategies = [role for role in roles if role.startswith("strategy.")]
    first = [_OPERATOR_ROLE] if _OPERATOR_ROLE in strategies else []
    rest = [role for role in strategies if role not in first]
    hot = [
        *(Group(role, (role,)) for role in roles if role.startswith("feed.")),
        Group("engine", (*first, "aggregator", *rest, "risk")),
        *(Group(role, (role,)) for role in roles if role.startswith("executor.")),
    ]
    if parts.hot == parts.service:
        plan.reasons.append("there is one core: everything shares it, and parks")
    else:
        plan.reasons.append(
            "too few cores to give each process its own: what an order passes shares one core and "
            "parks, so that no other core must be woken up for it; the rest has another"
        )
    return [(g, parts.hot[0], True) for g in hot] + [
        (g, parts.service[0], False) for g in _services(config)
    ]


def _shared(placed: Placed) -> set[Core]:
    """Cores with more than one process."""
    taken = [core for _, core, _ in placed]
    return {core for core in taken if taken.count(core) > 1}


def _firsts(cores: tuple[Core, ...]) -> str:
    return as_list(tuple(core[0].number for core in cores))


def _explain_rest(plan: Plan, parts: Parts, placed: Placed) -> None:
    """What nobody of the desk gets, and why."""
    taken = {core for _, core, _ in placed}
    left = tuple(core for core in parts.system if core not in taken)
    if left:
        plan.reasons.append(
            f"CPU {_all(left)}: left to the operating system and its interrupts (scripts/tuning: "
            "irq_affinity and isolation keep them there)"
        )
    elif parts.system != parts.hot:
        plan.reasons.append(
            "the operating system and its interrupts share the service core: `irq_affinity` of "
            "scripts/tuning moves them there"
        )
    spinning = {process.name for process in plan.host.processes if process.wait == "spin"}
    idle = [t.number for g, core, _ in placed if g.name in spinning for t in core[1:]]
    if idle:
        plan.reasons.append(
            f"CPU {as_list(tuple(idle))}: left idle, the sibling threads of spinning processes, "
            "whom anybody there would take half of their speed"
        )
    free = tuple(c for c in (*parts.hot, *parts.spare) if c not in taken)
    if free:
        plan.reasons.append(f"CPU {_all(free)}: free, for builds, backtests and whatever comes")
    nodes = {core[0].node for _, core, hot in placed if hot}
    if parts.dedicated and len(nodes) == 1 and parts.spare:
        plan.reasons.append(f"the hot path stands on memory node {nodes.pop()} alone")


def _all(cores: tuple[Core, ...]) -> str:
    return as_list(tuple(cpu.number for core in cores for cpu in core))


def plan_here(config: DeskConfig) -> Plan:
    """For the machine that this runs on."""
    return plan_host(config, read_cores(), usable_cpus())


def as_toml(host: HostConfig) -> str:
    """The map as a file of configs/hosts."""
    lines = ["#:schema ../schema/host.json", f'name = "{host.name}"']
    for process in host.processes:
        roles = ", ".join(f'"{role}"' for role in process.roles)
        lines += ["", "[[processes]]", f'name = "{process.name}"', f"roles = [{roles}]",
                  f"core = {process.core}"]  # fmt: skip
        lines += ['wait = "spin"'] if process.wait == "spin" else []
    return "\n".join(lines) + "\n"


def page(plan: Plan) -> list[str]:
    """The plan for a person: why, then who runs where."""
    width = max(len(name) for _, _, name, _ in plan.rows)
    rows = [f"CPU {cpu:<3} {wait}  {name:{width}}  {roles}"
            for cpu, wait, name, roles in sorted(plan.rows)]  # fmt: skip
    return [*plan.reasons, *rows]
