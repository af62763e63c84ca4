"""Interrupts: away from the hot CPUs."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from procs.machine.cores import parse_list
from scripts.tuning.common import Host, Knob, Value, Wanted, cpu_text, main

ABOUT = """\
An interrupt stops whatever runs on its CPU for 2 to 20 microseconds, and the network card's work
follows on the same CPU. This takes the CPUs of the hot path out of every interrupt's list that
has another CPU to go to, and out of the list for new ones. Gives: no hole in the middle of an
order's way; p99 and p99.9 fall. Costs: the remaining CPUs do all of that work, so a card at full
load wants more than one of them. Not on for long where irqbalance runs: it moves them back.
"""

_WORD_BITS = 32


def mask_text(cpus: tuple[int, ...]) -> str:
    """As smp_affinity shows it: groups of 32 bits."""
    mask = sum(1 << cpu for cpu in cpus)
    words = []
    while mask or not words:
        words.append(mask & (1 << _WORD_BITS) - 1)
        mask >>= _WORD_BITS
    return ",".join([f"{words[-1]:x}", *(f"{word:08x}" for word in reversed(words[:-1]))])


def _default(host: Host, hot: tuple[int, ...], others: tuple[int, ...]) -> list[Value]:
    path = "proc/irq/default_smp_affinity"
    text = host.read(path)
    if text is None:
        return []
    mask = int(text.replace(",", ""), 16)
    free = tuple(cpu for cpu in others if mask >> cpu & 1)
    touched = any(mask >> cpu & 1 for cpu in hot)
    return [Value(path, mask_text(free or others) if touched else text)]


def wanted(host: Host) -> Wanted:
    """Each interrupt on CPUs that are not hot."""
    paths = host.glob("proc/irq/[0-9]*/smp_affinity_list")
    if not paths:
        return Wanted(lacks="this machine shows no interrupts (no /proc/irq): its host keeps them")
    hot, others = host.hot(), host.others()
    if not hot or not others:
        return Wanted(lacks="this machine has no second CPU for interrupts to go to")
    made = Wanted(settings=list(_default(host, hot, others)))
    for path in paths:
        text = host.read(path) or ""
        try:
            now = parse_list(text)
        except ValueError:
            continue
        free = tuple(cpu for cpu in now if cpu not in hot)
        made.settings.append(Value(path, cpu_text(free or others) if set(now) & set(hot) else text))
    names = [(host.read(path) or "") for path in host.glob("proc/[0-9]*/comm")]
    if "irqbalance" in names:
        made.notes.append(
            (
                "irqbalance runs and moves interrupts back",
                f"stop it, or set IRQBALANCE_BANNED_CPULIST={cpu_text(hot)} in its settings",
            )
        )
    return made


KNOB = Knob("irq_affinity", ABOUT.strip(), wanted, __file__)

if __name__ == "__main__":
    sys.exit(main([KNOB]))
