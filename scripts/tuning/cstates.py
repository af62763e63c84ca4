"""Idle states of the hot CPUs: none that takes long to leave."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.tuning.common import Host, Knob, Value, Wanted, cpu_text, main

ABOUT = """\
C-states are how deeply an idle core sleeps; leaving a deep one takes 30 to 200 microseconds, just
when a price comes in. This switches off, on the CPUs of the hot path alone, every idle state that
takes more than 10 microseconds to leave. Gives: a parked process wakes up tens of microseconds
earlier. A process that spins never sleeps and gains nothing. Costs: power, heat, and turbo of the
other cores.
"""

EXIT_US_MAX = 10


def wanted(host: Host) -> Wanted:
    """Deep idle states off, on hot CPUs."""
    every = host.glob("sys/devices/system/cpu/cpu[0-9]*/cpuidle/state[0-9]*/disable")
    if not every:
        return Wanted(
            lacks="this machine shows no idle states (no cpuidle): a virtual machine's host "
            "decides how deeply a core sleeps"
        )
    hot = host.hot()
    made = Wanted()
    for path in every:
        cpu = int(path.split("/")[4].removeprefix("cpu"))
        exit_us = int(host.read(path.replace("/disable", "/latency")) or 0)
        if cpu in hot and exit_us > EXIT_US_MAX:
            made.settings.append(Value(path, "1"))
    if not made.settings:
        made.lacks = (
            f"no idle state of the hot CPUs ({cpu_text(hot)}) takes more than {EXIT_US_MAX} us to "
            "leave"
        )
    return made


KNOB = Knob("cstates", ABOUT.strip(), wanted, __file__)

if __name__ == "__main__":
    sys.exit(main([KNOB]))
