"""The synthetic market under faults for an hour: nothing grows that should not.

Faults of the exchange come and go by seed (delays, lost replies, cut connections, gaps, 5xx after
the order was carried out), and once a minute a process is killed. Twice a minute it is noted what
the desk takes: memory (proportional, all processes), descriptors, shared memory, files, log lines.
After the first quarter memory may grow by a fifth and 16 MiB, descriptors by 16, shared memory by
nothing; logs stay below what one process may write; journals grow with orders alone.
"""

from __future__ import annotations

import random
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from procs.files.logs import LOG_FILE_BYTES_MAX, LOG_FILES_MAX
from shm_layout import segment
from tests.chaos.desk import KEEPER, SUPERVISOR, ChaosDesk
from tests.chaos.kill import Outcome, judged

STEP_S = 5.0
NOTE_EVERY = 6
KILL_EVERY = 12
MEMORY_SHARE, MEMORY_BYTES = 5, 16 << 20
DESCRIPTORS_MORE = 16
JOURNAL_BYTES_PER_ORDER = 16_384
FAULTS = (
    ("delay", "--delay-ms", "40", "--jitter-ms", "200"),
    ("lose", "--link", "ws_api", "--one-in", "20"),
    ("gap", "--link", "stream", "--one-in", "50"),
    ("disconnect", "--one-in", "300"),
    ("accepted_5xx", "--link", "rest", "--one-in", "4"),
    # What the exchange says comes twice. A request does not: no network makes two of one frame.
    ("duplicate", "--direction", "out", "--one-in", "30"),
)


@dataclass(frozen=True)
class Sample:
    """What the desk takes at one moment."""

    memory_by: dict[str, int]
    """Proportional bytes of each process."""
    descriptors: int
    shm: int
    disk: int
    journal: int
    logs: int
    busy_ticks: int

    @property
    def memory(self) -> int:
        return sum(self.memory_by.values())


def _pss_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def _bytes_below(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def sample(desk: ChaosDesk) -> Sample:
    """Of every process that lives now."""
    memory_by: dict[str, int] = {}
    descriptors = ticks = 0
    for name in (KEEPER, SUPERVISOR, *desk.processes):
        owner = desk.owner(name)
        if owner is None:
            continue
        pid = owner.pid
        try:
            memory_by[name] = _pss_bytes(pid)
            descriptors += len(list(Path(f"/proc/{pid}/fd").iterdir()))
            words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        ticks += int(words[11]) + int(words[12])
    names = segment.existing(desk.paths.segments)
    shm = sum((segment.SHM_DIR / name[1:]).stat().st_size for name in names)
    return Sample(
        memory_by, descriptors, shm, _bytes_below(desk.data), _bytes_below(desk.paths.journal),
        _bytes_below(desk.paths.logs), ticks,
    )  # fmt: skip


def noted(desk: ChaosDesk, seconds: float, say) -> Sample:
    """A sample, told as well."""
    made = sample(desk)
    say(f"  {int(seconds):>5} s  memory {made.memory >> 20} MiB  descriptors {made.descriptors}  "
        f"disk {made.disk >> 10} KiB  logs {made.logs >> 10} KiB")  # fmt: skip
    sizes = made.memory_by.items()
    say("         KiB: " + ", ".join(f"{name} {size >> 10}" for name, size in sizes))
    return made


def bounds(desk: ChaosDesk, first: Sample, last: Sample, orders: int) -> list[str]:
    """What grew and should not have."""
    log_bytes_max = LOG_FILE_BYTES_MAX * LOG_FILES_MAX * (len(desk.processes) + 2)
    journal = last.journal - first.journal
    grown = ", ".join(
        f"{name} {first.memory_by.get(name, 0) >> 10} -> {size >> 10} KiB"
        for name, size in last.memory_by.items()
    )
    facts = {
        f"memory {first.memory} -> {last.memory} ({grown})": (
            last.memory > first.memory + first.memory // MEMORY_SHARE + MEMORY_BYTES
        ),
        f"descriptors {first.descriptors} -> {last.descriptors}": (
            last.descriptors > first.descriptors + DESCRIPTORS_MORE
        ),
        f"shared memory {first.shm} -> {last.shm}": last.shm != first.shm,
        f"logs {last.logs}": last.logs > log_bytes_max,
        f"journals grew by {journal} for {orders} orders": (
            journal > max(orders, 1) * JOURNAL_BYTES_PER_ORDER + (8 << 20)
        ),
    }
    return [f"grew: {what}" for what, broken in facts.items() if broken]


def run_soak(desk: ChaosDesk, seed: int, minutes: int, say) -> Outcome:
    """The trial `soak`."""
    chance = random.Random(seed)
    desk.up()
    samples = []
    faults = kills = step = 0
    began = time.monotonic()
    while time.monotonic() - began < minutes * 60:
        time.sleep(STEP_S)
        step += 1
        fault = chance.choice(FAULTS)
        code, said = desk.sim("fault", "add", *fault, "--for", f"{chance.randint(1, 4)}s")
        faults += code == 0
        assert code == 0 or "does not run" in said or "answer" in said, said
        # Before a kill: what does not live takes nothing.
        if step % NOTE_EVERY == 0:
            samples.append(noted(desk, time.monotonic() - began, say))
        if step % KILL_EVERY == 0:
            name = chance.choice([*desk.processes, SUPERVISOR])
            owner = desk.owner(name)
            if owner is not None:
                owner.signal(signal.SIGKILL)
                kills += 1
    desk.until("every process", lambda: all(desk.owner(name) for name in desk.processes))
    samples = samples or [noted(desk, time.monotonic() - began, say)]
    desk.sim("fault", "clear")
    desk.settle()
    verdict = desk.judge()
    trouble = verdict.trouble()
    trouble += bounds(desk, samples[len(samples) // 4], samples[-1], verdict.orders)
    return Outcome(faults + kills, trouble, [], f"{kills} kills; {judged(verdict)}")
