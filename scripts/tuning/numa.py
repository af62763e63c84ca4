"""Memory nodes: pages stay where they were put."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.tuning.common import Host, Knob, Value, Wanted, cpu_text, main

ABOUT = """\
On a machine with several memory nodes a core reaches memory of another node in 1.5 to 2 times the
time. `oms up --host auto` puts the hot path on one node, the network card's where that is known,
and each process makes its own memory there. kernel.numa_balancing takes pages away for a moment
to see who uses them, which costs faults in the middle of work; vm.zone_reclaim_mode throws file
caches away rather than take memory of another node. Wanted: both 0. Gives: no such faults. Costs:
programs that wander between nodes keep far memory.
"""


def wanted(host: Host) -> Wanted:
    """Neither."""
    cores = host.cores()
    if len(cores.nodes()) < 2:
        return Wanted(lacks="one memory node: every core is as near to all memory as any other")
    made = Wanted()
    for path in ("proc/sys/kernel/numa_balancing", "proc/sys/vm/zone_reclaim_mode"):
        if host.read(path) is not None:
            made.settings.append(Value(path, "0"))
    node_of = {cpu.number: cpu.node for cpu in cores.cpus}
    hot_nodes = sorted({node_of[cpu] for cpu in host.hot() if cpu in node_of})
    if len(hot_nodes) > 1 and cores.isolated:
        nodes = cpu_text(tuple(hot_nodes))
        made.notes.append(
            (
                f"the isolated CPUs {cpu_text(cores.isolated)} lie on memory nodes {nodes}",
                "isolate CPUs of one node (isolation.py --cpus), the network card's if it has one",
            )
        )
    return made


KNOB = Knob("numa", ABOUT.strip(), wanted, __file__)

if __name__ == "__main__":
    sys.exit(main([KNOB]))
