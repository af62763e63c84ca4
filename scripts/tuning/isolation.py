"""isolcpus, nohz_full and rcu_nocbs: the scheduler keeps off the hot CPUs."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from procs.machine.cores import DEDICATED_CORES_MIN
from scripts.tuning.common import Host, Knob, TextFile, Wanted, cpu_text, main

ABOUT = """\
Three words of the kernel's command line for the CPUs of the hot path: `isolcpus` (the scheduler
puts nothing there that does not ask for it), `nohz_full` (no tick while one process runs there)
and `rcu_nocbs` (the kernel's own deferred work is done elsewhere). Gives: a spinning process is
never pushed aside; it is what turns a p99.9 of milliseconds into one of microseconds. Costs:
these CPUs are lost to everything else, the desk's own builds and tests among them, so it is for
machines of eight cores and more; it takes a reboot. `oms` finds isolated CPUs by itself.
"""

PLACE = "etc/default/grub.d"
WORDS = ("isolcpus", "nohz_full", "rcu_nocbs")


def wanted(host: Host) -> Wanted:
    """A file of our own that the boot loader's settings are put together with."""
    cores = len(host.cores().within(host.usable() + host.cores().isolated))
    if cores < DEDICATED_CORES_MIN and host.cpus is None:
        return Wanted(
            lacks=f"{cores} core(s): it would take from everything "
            f"else what the desk does not need; it pays from {DEDICATED_CORES_MIN} cores on"
        )
    cpus = cpu_text(host.hot())
    line = " ".join(f"{word}={cpus}" for word in WORDS)
    running = (host.read("proc/cmdline") or "").split()
    in_force = all(f"{word}={cpus}" in running for word in WORDS)
    if not (host.root / PLACE).is_dir():
        if in_force:
            return Wanted(
                lacks=f"the kernel was started with {line}, by other settings than GRUB's"
            )
        return Wanted(
            lacks=f"there is no folder /{PLACE} here, so this cannot be set for you",
            notes=[
                (
                    "the kernel was started without it",
                    f"add to its command line, by the boot loader's own means: {line}",
                )
            ],
        )
    text = (
        f"# Written by mExOms, scripts/tuning/isolation.py; `revert` removes it.\n"
        f'GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT {line}"\n'
    )
    return Wanted(
        settings=[TextFile(f"{PLACE}/99-mexoms-isolation.cfg", text)],
        after="run update-grub (or grub-mkconfig -o /boot/grub/grub.cfg), then reboot",
        pending="" if in_force else f"written down, but the kernel was started without {line}",
    )


KNOB = Knob("isolation", ABOUT.strip(), wanted, __file__)

if __name__ == "__main__":
    sys.exit(main([KNOB]))
