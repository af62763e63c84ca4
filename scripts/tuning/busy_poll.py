"""Busy polling of sockets."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from procs.machine.cores import DEDICATED_CORES_MIN
from scripts.tuning.common import Host, Knob, Value, Wanted, main

ABOUT = """\
With busy polling a process that waits for a socket asks the network card itself for some time
before it sleeps (net.core.busy_poll and busy_read, here 50 microseconds), instead of waiting for
the interrupt. Gives: 5 to 20 microseconds per message on a real card. Costs: the waiting core is
busy for that long each time, which starves a neighbour on a shared core; so it is for machines
whose hot processes have cores of their own. Only cards with NAPI, no virtual loopback.
"""

US = "50"


def wanted(host: Host) -> Wanted:
    """50 us, where cores are not shared."""
    names = ("proc/sys/net/core/busy_poll", "proc/sys/net/core/busy_read")
    if host.read(names[0]) is None:
        return Wanted(
            lacks="this kernel has no busy polling (net.core.busy_poll); a container's host decides"
        )
    cores = len(host.cores().within(host.usable() + host.cores().isolated))
    if cores < DEDICATED_CORES_MIN and host.cpus is None:
        return Wanted(
            lacks=f"{cores} core(s), shared by parked processes: busy "
            f"polling would take their time; it pays from {DEDICATED_CORES_MIN} cores on"
        )
    return Wanted([Value(name, US) for name in names])


KNOB = Knob("busy_poll", ABOUT.strip(), wanted, __file__)

if __name__ == "__main__":
    sys.exit(main([KNOB]))
