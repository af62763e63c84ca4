"""Chaos at full size: `python -m tests.chaos [TRIAL ...] [--seed N] [--rounds N] [--smoke]`.

Each trial is a line of the table at the end; exit code 1 if a promise was broken. A seed repeats
the order and the moments of the faults; what else the machine does is its own.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

# Before the first import of ours: trials of journals call kernels that no desk has compiled.
os.environ.setdefault("MEXOMS_JIT", "compiler")

from tests.chaos import journal
from tests.chaos.desk import ChaosDesk
from tests.chaos.kill import Outcome, run_kills, run_stops
from tests.chaos.loop import run_loop
from tests.chaos.segments import run_rings, run_segments
from tests.chaos.soak import run_soak


@dataclass(frozen=True)
class Size:
    """How much of each trial is done."""

    kill_rounds: int
    stop_rounds: int
    loop_rounds: int
    journal: journal.JournalSize
    fuzz_children: int
    ring_kills: int
    minutes: int


FULL = Size(100, 20, 3, journal.FULL, 400, 10_000, 60)
SMOKE = Size(1, 1, 1, journal.SMOKE, 6, 200, 1)

Trial = Callable[[Path, int, Size, Callable[[str], None]], Outcome]


def with_desk(run: Callable[[ChaosDesk, int, int, Callable[[str], None]], Outcome], rounds: str):
    """A trial on a desk of its own, which is ended whatever happens."""

    def trial(folder: Path, seed: int, size: Size, say: Callable[[str], None]) -> Outcome:
        desk = ChaosDesk(folder)
        try:
            return run(desk, seed, getattr(size, rounds), say)
        finally:
            desk.clean()

    return trial


TRIALS: dict[str, tuple[str, Trial]] = {
    "kill": ("kill -9 of every role, one per role and 12 s", with_desk(run_kills, "kill_rounds")),
    "stop": ("SIGSTOP and SIGCONT of every role", with_desk(run_stops, "stop_rounds")),
    "loop": ("a process that dies in a loop; no keeper", with_desk(run_loop, "loop_rounds")),
    "journal": (
        "journals cut, changed, without room, with failing calls",
        lambda folder, seed, size, say: journal.run_journal(folder, seed, size.journal, say),
    ),
    "segments": (
        "shared memory damaged, foreign, full",
        lambda folder, seed, size, say: run_segments(folder, seed, size.fuzz_children, say),
    ),
    "rings": (
        "writers and readers of rings killed",
        lambda folder, seed, size, say: run_rings(size.ring_kills, say),
    ),
    "soak": ("the synthetic market under faults", with_desk(run_soak, "minutes")),
}


def run_one(name: str, seed: int, size: Size, keep: Path | None, say) -> tuple[Outcome, float]:
    """One trial in a folder of its own; what broke is kept for whoever looks for the reason."""
    folder = Path(tempfile.mkdtemp(prefix=f"mexoms-chaos-{name}-"))
    began = time.monotonic()
    try:
        outcome = TRIALS[name][1](folder, seed, size, say)
    except AssertionError as error:
        outcome = Outcome(0, [f"{type(error).__name__}: {error}"[:600]])
    if outcome.trouble and keep is not None:
        beside = shutil.ignore_patterns("*.bell", "*.sock")
        shutil.copytree(folder, keep / name, dirs_exist_ok=True, ignore=beside)
    shutil.rmtree(folder, ignore_errors=True)
    return outcome, time.monotonic() - began


def main(arguments: list[str] | None = None) -> int:
    """Run the named trials, or all; print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="TRIAL", help=f"of {', '.join(TRIALS)}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--rounds", type=int, help="of kill, stop and loop, in place of the full number"
    )
    parser.add_argument("--minutes", type=int, help="of soak, in place of 60")
    parser.add_argument("--smoke", action="store_true", help="the size that runs with the tests")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="files of what broke go there")
    parser.add_argument("--json", action="store_true", help="one object: trial to result")
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.names if name not in TRIALS]
    if unknown:
        parser.error(f"no trial {unknown[0]}; there are {', '.join(TRIALS)}")
    os.environ["MEXOMS_LANG"] = "en"
    size = SMOKE if asked.smoke else FULL
    if asked.rounds:
        size = replace(size, kill_rounds=asked.rounds, stop_rounds=asked.rounds,
                       loop_rounds=asked.rounds)  # fmt: skip
    if asked.minutes:
        size = replace(size, minutes=asked.minutes)
    results: dict[str, dict[str, object]] = {}
    rows = []

    def say(text: str) -> None:
        print(text, file=sys.stderr if asked.json else sys.stdout, flush=True)

    for name in asked.names or TRIALS:
        say(f"{name}: {TRIALS[name][0]} (seed {asked.seed})")
        outcome, seconds = run_one(name, asked.seed, size, asked.keep, say)
        for line in outcome.lines:
            say(line)
        results[name] = asdict(outcome) | {"seed": asked.seed, "seconds": seconds}
        verdict = "; ".join(outcome.trouble) or "ok"
        rows.append(f"{name:<10}{outcome.count:>8}{seconds:>9.1f} s  {outcome.said}\n"
                    f"{'':29}{verdict}")  # fmt: skip
    if asked.json:
        print(json.dumps(results))
    else:
        print("\n".join([f"\n{'trial':<10}{'faults':>8}{'took':>11}", *rows]))
    return 1 if any(result["trouble"] for result in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
