"""Transparent huge pages: only for who asks."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.tuning.common import Host, Knob, Value, Wanted, main

ABOUT = """\
Transparent huge pages let the kernel gather small pages into one of 2 MiB behind a process's
back, and it may stop the process to make room (compaction). Wanted: `madvise` or `never`, for the
pages and for the making of room. Gives: no stall of milliseconds at some page fault. Costs:
programs that rely on `always` (some databases) become slower; the desk maps its memory once at
start, and uses no reserved huge pages (vm.nr_hugepages), which are lost to everybody else.
"""

PLACE = "sys/kernel/mm/transparent_hugepage"


def wanted(host: Host) -> Wanted:
    """No pages behind anybody's back."""
    if host.read(f"{PLACE}/enabled") is None:
        return Wanted(lacks="this kernel has no transparent huge pages; nothing can stall on them")
    made = Wanted([Value(f"{PLACE}/enabled", "madvise", ("never",))])
    if host.read(f"{PLACE}/defrag") is not None:
        made.settings.append(Value(f"{PLACE}/defrag", "madvise", ("never", "defer+madvise")))
    reserved = host.read("proc/sys/vm/nr_hugepages")
    if reserved not in (None, "0"):
        made.notes.append(
            (
                f"{reserved} huge pages are reserved, and the desk maps none",
                "unless another program needs them: sysctl vm.nr_hugepages=0",
            )
        )
    return made


KNOB = Knob("huge_pages", ABOUT.strip(), wanted, __file__)

if __name__ == "__main__":
    sys.exit(main([KNOB]))
