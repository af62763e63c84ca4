"""The frequency governor of every CPU: performance."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.tuning.common import Host, Knob, Value, Wanted, main

ABOUT = """\
The frequency governor decides how fast a core runs while it has work. `powersave`, `ondemand` and
`schedutil` raise the frequency some milliseconds after the work came; `performance` keeps it up.
Gives: the first order after a quiet second is as fast as the hundredth; jitter of a factor of two
goes. Costs: power and heat, and on a laptop the battery; on a hot machine the turbo of the busy
cores may fall, because the idle ones are warm, too.
"""


def wanted(host: Host) -> Wanted:
    """`performance` for the governor and, where the driver has one, for its preference."""
    found = host.glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor")
    if not found:
        return Wanted(
            lacks="this machine lets nobody choose a governor (no cpufreq): a virtual machine's "
            "host decides, or the firmware does"
        )
    made = Wanted()
    for path in found:
        offered = host.read(path.replace("scaling_governor", "scaling_available_governors"))
        if offered is not None and "performance" not in offered.split():
            made.notes.append(
                (
                    f"/{path} offers {offered}, not performance",
                    "load the driver's performance governor (cpufreq_performance)",
                )
            )
        else:
            made.settings.append(Value(path, "performance"))
    for path in host.glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq/energy_performance_preference"):
        made.settings.append(Value(path, "performance"))
    return made


KNOB = Knob("governor", ABOUT.strip(), wanted, __file__)

if __name__ == "__main__":
    sys.exit(main([KNOB]))
