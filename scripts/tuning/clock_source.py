"""Where the kernel reads time: the CPU's own counter."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.tuning.common import Host, Knob, Value, Wanted, main

ABOUT = """\
Every time stamp of the desk is a clock read. From the CPU's counter (tsc; arch_sys_counter on
ARM; kvm-clock in some virtual machines) it takes 20 nanoseconds and no system call; from hpet or
acpi_pm it takes a microsecond and a call into the kernel. Gives: time stamps that cost nothing.
Costs: nothing where the kernel offers the counter; where it does not, it found the counter
unreliable, and forcing it on (tsc=reliable) may make time run backwards between cores.
"""

PLACE = "sys/devices/system/clocksource/clocksource0"
HIDDEN = (
    "the kernel found it unreliable (dmesg | grep -i clocksource), or the virtual machine's host "
    "hides it: ask for an invariant TSC there"
)
GOOD = ("tsc", "arch_sys_counter", "kvm-clock", "hyperv_clocksource_tsc_page")


def wanted(host: Host) -> Wanted:
    """The best of those offered."""
    found = host.read(f"{PLACE}/current_clocksource")
    if found is None:
        return Wanted(
            lacks="this machine does not say where it reads time (no clocksource in sysfs)"
        )
    offered = (host.read(f"{PLACE}/available_clocksource") or "").split()
    best = next((name for name in GOOD if name in offered), None)
    if best is None:
        return Wanted(
            notes=[
                (
                    f"time is read from {found.strip()}; the CPU's counter is not offered",
                    HIDDEN,
                )
            ]
        )
    return Wanted([Value(f"{PLACE}/current_clocksource", best, GOOD)])


KNOB = Knob("clock_source", ABOUT.strip(), wanted, __file__)

if __name__ == "__main__":
    sys.exit(main([KNOB]))
