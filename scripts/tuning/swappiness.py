"""Swapping: only when there is no other way."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.tuning.common import Host, Knob, Value, Wanted, main

ABOUT = """\
vm.swappiness says how readily the kernel moves memory of processes to disk to make room for file
caches. A day of journals fills the caches, and a page of the desk that was swapped out costs a
disk's milliseconds when an order needs it. Wanted: at most 10. Gives: the desk's pages stay.
Costs: less room for file caches when memory is short. Where there is no swap, nothing is to be
set.
"""

FINE = 10


def wanted(host: Host) -> Wanted:
    """1, or what is there if it is at most 10."""
    path = "proc/sys/vm/swappiness"
    found = host.read(path)
    swap = next(
        (
            line.split()[1]
            for line in (host.read("proc/meminfo") or "").splitlines()
            if line.startswith("SwapTotal:")
        ),
        None,
    )
    if swap == "0":
        return Wanted(lacks="this machine has no swap, so nothing can be swapped out")
    if found is None:
        return Wanted(lacks="this kernel has no vm.swappiness; a container's host decides")
    return Wanted([Value(path, found if found.isdigit() and int(found) <= FINE else "1")])


KNOB = Knob("swappiness", ABOUT.strip(), wanted, __file__)

if __name__ == "__main__":
    sys.exit(main([KNOB]))
